"""What Unify's strings say."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Literal, NamedTuple

from simroute.core.target import Target

Metric = Literal["quality", "ttft", "itl", "cost", "input-cost", "output-cost"]
SYNONYMS: dict[str, Metric] = {
    **dict.fromkeys(("quality", "q"), "quality"),
    **dict.fromkeys(("time-to-first-token", "ttft", "t"), "ttft"),
    **dict.fromkeys(("inter-token-latency", "itl", "i"), "itl"),
    **dict.fromkeys(("cost", "c"), "cost"),
    **dict.fromkeys(("input-cost", "ic"), "input-cost"),
    **dict.fromkeys(("output-cost", "oc"), "output-cost"),
}
TIMED: tuple[Metric, ...] = ("ttft", "itl")
SIGNS: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}
SPACES = ("models", "skip_models", "providers", "skip_providers", "endpoints", "skip_endpoints")
SPEED = re.compile(r"(?:(highest|lowest)-)?(?:tks-per-sec|output-tks-per-sec|ots)")
"""Tokens a second, of the oldest strings: the highest is the lowest inter-token latency."""
APPENDED = re.compile(r"<\s*([\d.]+(?:e[+-]?\d+)?)\s*([a-z][a-z-]*)")
"""Their thresholds, the metric last: ttft<0.5ic<15itl."""
BOUND = re.compile(r"([a-z-]+)\s*(<=|>=|<|>)\s*(.+)")
WEIGHED = re.compile(r"([a-z-]+)\s*:\s*(.+)")
EXAMPLE = "such as llama-3.1-8b-chat@lowest-ttft|c<1 or router@q:1|c:4.65e-03"


class Bound(NamedTuple):
    """A threshold of a metric."""

    metric: Metric
    sign: str
    number: float


class Rule(NamedTuple):
    """Which endpoints may be asked, and the weights by which the best is found: the sum of weight x
    metric is to be as small as possible. Times are ms, costs USD per million tokens, qualities
    shares. model: empty for any. spaces: names by word (`models`, `skip_providers` …)."""

    model: str
    weights: dict[Metric, float]
    bounds: tuple[Bound, ...] = ()
    spaces: Mapping[str, tuple[str, ...]] = {}

    @property
    def metrics(self) -> set[Metric]:
        """What must be known."""
        return {*self.weights, *(bound.metric for bound in self.bounds)}

    def fits(self, figures: Mapping[Metric, float]) -> bool:
        """Whether no threshold is broken by what is known."""
        for metric, sign, number in self.bounds:
            if metric in figures and not SIGNS[sign](figures[metric], number):
                return False
        return True

    def loss(self, figures: Mapping[Metric, float]) -> float:
        """The less the better; what is not known counts nothing."""
        return sum(weight * figures.get(metric, 0.0) for metric, weight in self.weights.items())

    def admits(self, target: Target) -> bool:
        """Whether an endpoint is of the model and within the search space."""
        own = {
            "models": target.model,
            "providers": target.provider,
            "endpoints": f"{target.model}@{target.provider}",
        }
        if self.model and self.model != target.model:
            return False
        return all(
            (own[space.removeprefix("skip_")] in names) != space.startswith("skip_")
            for space, names in self.spaces.items()
        )


def parse(text: str) -> Rule:
    """MODEL@METRIC|…, MODEL@PROVIDER or router@…: raises ValueError, with what would be right."""
    model, at, rest = text.partition("@")
    first, *parts = (part.strip() for part in _renewed(rest).split("|"))
    if not at or not model.strip() or not first:
        raise ValueError(f"{text!r} is not MODEL@METRIC or MODEL@PROVIDER, {EXAMPLE}")
    weights: dict[Metric, float] = {}
    bounds: list[Bound] = []
    spaces: dict[str, tuple[str, ...]] = {}
    for part in parts if (alone := _extreme(first)) else (first, *parts):
        word = part.partition(":")[0].strip()
        if word in SPACES and word != part:
            names = tuple(
                name.strip() for name in part.partition(":")[2].split(",") if name.strip()
            )
            if not names:
                raise ValueError(f"{part!r} names nobody; name one, or leave it out")
            spaces[word] = spaces.get(word, ()) + names
        elif found := BOUND.fullmatch(part):
            name, sign, number = found.groups()
            bounds.append(Bound(_metric(name), sign, _number(number, part)))
        elif not alone and (found := WEIGHED.fullmatch(part)):
            metric = _metric(found[1])
            if metric in weights:
                raise ValueError(f"{part!r}: {metric} has a weight already; leave one of them out")
            sign_of = -1.0 if metric == "quality" else 1.0
            weights[metric] = sign_of * _number(found[2], part)
        elif part == first and model.strip() != "router":
            spaces["providers"] = (part,)  # a single endpoint
        else:
            raise ValueError(
                f"{part!r} is neither a threshold, a weight nor a search space{_near(part)}"
            )
    named = "" if model.strip() == "router" else model.strip()
    return Rule(named, dict((alone,)) if alone else weights, tuple(bounds), spaces)


def _renewed(text: str) -> str:
    """The oldest form (lowest-itl<0.5ic) in the words of the later ones (lowest-itl|ic<0.5)."""
    mode, *others = text.split("|")
    wish, sign, bounds = mode.strip().partition("<")
    if speed := SPEED.fullmatch(wish.strip()):
        wish = "highest-itl" if speed[1] == "lowest" else "lowest-itl"
    if not APPENDED.match(sign + bounds):
        return "|".join((wish + sign + bounds, *others))
    later = APPENDED.sub(r"|\2<\1", sign + bounds)
    return "|".join((wish + later, *others))


def _extreme(word: str) -> tuple[Metric, float] | None:
    """The metric of which the least is wanted (weight 1), or the most (-1); None for another
    word."""
    wish, name = "", word
    for prefix in ("lowest-", "highest-"):
        if word.startswith(prefix):
            wish, name = prefix, word.removeprefix(prefix)
    if name not in SYNONYMS:
        if wish:
            raise ValueError(f"{word!r}: {name!r} is no metric{_near(name)}")
        return None
    metric = SYNONYMS[name]
    best = "highest-" if metric == "quality" else "lowest-"
    return metric, 1.0 if (wish or best) == "lowest-" else -1.0


def _metric(name: str) -> Metric:
    if name not in SYNONYMS:
        raise ValueError(f"{name!r} is no metric{_near(name)}")
    return SYNONYMS[name]


def _number(text: str, part: str) -> float:
    try:
        number = float(text.replace("_", "?"))  # Python's own 1_0 is none of Unify's
    except ValueError:
        raise ValueError(f"{part!r}: {text.strip()!r} is no number") from None
    if not abs(number) < float("inf"):
        raise ValueError(f"{part!r}: {text.strip()} is not finite")
    return number


def _near(word: str) -> str:
    near = get_close_matches(word.partition(":")[0], [*SYNONYMS, *SPACES], 1)
    return f"; did you mean {near[0]}?" if near else f"; metrics: {', '.join(SYNONYMS)}"
