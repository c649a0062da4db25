"""Why requests failed, in words: a line for a policy, and what makes a policy miss its promise."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from simroute.metrics.causes import FAILED, LATE, NO_TARGET, REPAIRED
from simroute.models import spec
from simroute.policies.timeout import Timeout
from simroute.studies.comparison.promise import IN_TIME, success_metric
from simroute.text import clean
from simroute.units import duration

By = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""`by` of a policy in summary.json."""
NAMED, LEAST = 3, 0.05
"""Causes that a line names at most, and the share of all that each has; of more than one other, the
sum."""
MOST, FEWEST = 0.5, 0.1
"""A part (task, target) is named that has more than this share, and so much more of it than of all
requests or sends."""
WORDS = {
    "timed out here: total": "timed out here",
    "timed out here: first token": "no first token",
    "timed out here: between chunks": "no further token",
    "timed out here: unstreamed": "no whole answer",
    "refused: forbids": "sent where they are forbidden",
}
LIMITED = {
    "first token": " for the first token",
    "between chunks": " between chunks",
    "unstreamed": " for answers that are not streamed",
}
REFUSALS = {
    "forbids": "it sends {of} to {whom} must not see them",
    **dict.fromkeys(
        ("balance", "classify", "fallback", "fan_out", "quality_bar", "route"),
        "{of} may be seen by none of its targets",
    ),
    **dict.fromkeys(("bandit", "predict"), "no target that it may choose is left for {of}"),
    **{kind: f"its {kind} refuses {{of}}" for kind in ("breaker", "budget", "throttle")},
    "concurrency": "its bound on calls at a time refuses {of}",
    "health": "its health checks leave out the target of {of}",
    "hedge": "its bound on further copies leaves {of} without an answer",
    "limit": "its own rate limit refuses {of}",
    "litellm": "its router has no deployment for {of}",
    "pace": "its own pace refuses {of}",
    "shed": "it sheds {of}",
    "unify": "no endpoint is within its thresholds for {of}",
}
"""What it means for requests that a layer of this kind refused them; of others it is "its … layer
refuses"."""


def failure_line(by: By, layers: Mapping[str, Any]) -> str | None:
    """The shares of a policy's requests that failed, by cause, and of its sends that failed and
    were repaired; None where nothing failed. layers: the policy's."""
    parts = []
    if by[FAILED]:
        parts.append(f"{_brief(_total(by[FAILED]))} failed: {_listed(by, FAILED, layers)}")
    if by[REPAIRED]:
        parts.append(
            f"{'' if parts else 'none failed; '}{_brief(_total(by[REPAIRED]))} of the sends "
            f"failed and were repaired: {_listed(by, REPAIRED, layers)}"
        )
    return "; ".join(parts) or None


def main_cause(
    by: By, layers: Mapping[str, Any], scenario: spec.Scenario, task: str | None = None
) -> str | None:
    """What makes more than half of the misses of the promised success, as the rest of "because …":
    a cause, or lateness of either kind; None where nothing does. An answer that comes late is a
    miss where the promise has a limit of time. task: of that one's promise; None: of all
    requests."""
    own = scenario.slo.of_task(task or "")
    timed = success_metric(scenario) == IN_TIME if task is None else own.latency or own.ttft
    misses = {
        (kind, cause): _share(by, kind, cause, task)
        for kind in ((FAILED, LATE) if timed else (FAILED,))
        for cause in by[kind]
    }
    half = MOST * sum(misses.values())
    kind, cause = max(misses, key=lambda each: misses[each], default=("", ""))
    if cause and misses[kind, cause] > half:
        return _clause(cause, _Where(by, kind, cause, task), layers, scenario)
    late = sum(share for (kind, _), share in misses.items() if kind == LATE)
    whose = "" if task is None else f"{clean(task, 40)} "
    text = f"{_brief(late)} of {whose}requests are answered later than promised"
    return text if late > half else None


def _share(by: By, kind: str, cause: str, task: str | None) -> float:
    """The share of all requests that a cause has, or of those of a task."""
    if task is None:
        return by[kind][cause]["share"]["mean"] or 0.0
    number = by[f"{kind}_by_task"][cause].get(task, {"mean": 0.0})["mean"]
    requests = by["task"].get(task, {"requests": {"mean": 0.0}})["requests"]["mean"]
    return number / requests if requests else 0.0


class _Where:
    """Of which requests a cause is: a share of all of them, or of the task at hand, else of one
    that has most of it."""

    def __init__(self, by: By, kind: str, cause: str, task: str | None) -> None:
        self.target = _only_target(by, kind, cause)
        task = task or _main_part(by, kind, cause, "task")
        self.share, self.work = _share(by, kind, cause, task), f"{task} " if task else ""

    def of(self, what: str = "requests") -> str:
        """Such as "4 % of reasoning requests"."""
        return f"{_brief(self.share)} of {clean(self.work, 40)}{what}"


def _clause(cause: str, where: _Where, layers: Mapping[str, Any], scenario: spec.Scenario) -> str:
    """What happened to how many requests."""
    target = "a provider" if where.target is None else clean(where.target, 40)
    slo, word, limit = scenario.slo, cause.partition(": ")[2], _limits(cause, layers)
    if cause.startswith("timed out here"):
        part = LIMITED.get(word, "")
        return f"its {limit}{' ' if limit else ''}timeout{part} ends {where.of()}"
    if cause.startswith("refused: "):
        phrase = REFUSALS.get(word, "its {word} layer refuses {of}")
        whom = "providers that" if where.target is None else f"{target}, which"
        return phrase.format(of=where.of(), whom=whom, word=clean(word, 40))
    if cause.startswith("provider "):
        return f"{target} answers {where.of()} with status {cause.split()[1]}"
    phrases = {
        "rate limited": f"the rate limit of {target} refuses {where.of()}",
        "rate limited: too large": f"{where.of()} are larger than the rate limit of {target}",
        "overloaded": f"the queue of {target} has no room for {where.of()}",
        "gateway full": f"the gateway's queue has no room for {where.of()}",
        "the caller gave up": f"the callers of {where.of()} give up",
        "quota used up": f"the quota of {target} is used up for {where.of()}",
        "hang": f"{target} never answers {where.of()}",
        "truncated": f"{where.of('answers')} from {target} break off",
        "stalled": f"{where.of('answers')} from {target} stop in the middle",
        "connection refused": f"{target} accepts no connection for {where.of()}",
        "no connection": f"no connection to {target} stands in time for {where.of()}",
        "given up": f"the answers to {where.of()} are not read to their end",
        "connection reset": f"the connection to {target} breaks for {where.of()}",
        "invalid body": f"{target} answers {where.of()} with what nobody can read",
        "context length": f"{where.of()} are too long for {target}",
        "late: complete answer": f"{where.of()} are answered later than promised",
        "late: first token": f"{where.of()} have their first token later than promised",
        "client error": f"{where.of()} are refused for what they ask (client error)",
    }
    if slo.latency is not None and not slo.tasks:
        phrases["late: complete answer"] = (
            f"{where.of()} are answered later than after {duration(slo.latency)}"
        )
    if slo.ttft is not None and not slo.tasks:
        phrases["late: first token"] = (
            f"{where.of()} have their first token later than after {duration(slo.ttft)}"
        )
    return phrases.get(cause, f"{where.of()} end with: {clean(cause, 60)}")


def _total(causes: Mapping[str, Any]) -> float:
    return sum(figures["share"]["mean"] or 0.0 for figures in causes.values())


def _listed(by: By, kind: str, layers: Mapping[str, Any]) -> str:
    """The commonest causes of a kind, with the share of each of several, and where most of it
    was."""
    parts, causes = [], list(by[kind].items())
    least = LEAST * _total(by[kind])
    named = max(1, sum((row["share"]["mean"] or 0.0) >= least for _, row in causes[:NAMED]))
    named += named + 1 == len(causes)  # a single other one has a name as well
    for cause, figures in causes[:named]:
        limit = _limits(cause, layers)
        after = f" {'in' if cause in WORDS and cause != 'timed out here: total' else 'after'} "
        word = f"{WORDS.get(cause, clean(cause, 40))}{f'{after}{limit}' if limit else ''}"
        share = f"{_brief(figures['share']['mean'])} " if len(causes) > 1 else ""
        parts.append(f"{share}{word}{_place(by, kind, cause)}")
    if named < len(causes):
        rest = dict(causes[named:])
        parts.append(f"{_brief(_total(rest))} from {len(rest)} other causes")
    return ", ".join(parts)


def _brief(share: float | None) -> str:
    """A share in per cent: of 10 % and more with one decimal, below with two, of a tenth of a per
    cent with two digits that matter."""
    each = 100 * (share or 0.0)
    if each == 100:
        return "100 %"
    return f"{each:.1f} %" if each >= 10 else f"{each:.2f} %" if each >= 0.1 else f"{each:.2g} %"


def _place(by: By, kind: str, cause: str) -> str:
    """Such as " (87 % of them reasoning)": the target, or the task, that most of it was at. Of
    what we ended ourselves, the task comes first."""
    ours = cause.startswith(("timed out here", "refused", "late"))
    for part in ("task", "target") if ours else ("target", "task"):
        name = _main_part(by, kind, cause, part)
        if name is not None:
            share = _shares(by[f"{kind}_by_{part}"][cause])[name]
            part_of = "nearly all" if share > 0.995 else f"{100 * share:.0f} % of them"
            text = "all" if share == 1 else part_of
            return f" ({text} {clean(name, 40)})"
    return ""


def _main_part(by: By, kind: str, cause: str, part: str) -> str | None:
    """The task or target of more than half of it, if it stands out from the others."""
    unit = {"task": "requests", "target": "attempts"}[part]
    usual = _shares({name: row[unit] for name, row in by.get(part, {}).items() if unit in row})
    for name, share in _shares(by[f"{kind}_by_{part}"][cause]).items():
        if name != NO_TARGET and share > MOST and share > usual.get(name, 0.0) + FEWEST:
            return name
    return None


def _only_target(by: By, kind: str, cause: str) -> str | None:
    """The target of nearly all of it; None where there is none, or nobody was asked."""
    shares = _shares(by[f"{kind}_by_target"][cause])
    most = (name for name, share in shares.items() if share > 1 - FEWEST)
    return next((name for name in most if name != NO_TARGET), None)


def _shares(figures: Mapping[str, Mapping[str, float | None]]) -> dict[str, float]:
    """Each name's part of the sum."""
    means = {name: interval["mean"] or 0.0 for name, interval in figures.items()}
    total = sum(means.values())
    return {name: mean / total for name, mean in means.items()} if total else {}


def _limits(cause: str, layers: Mapping[str, Any]) -> str:
    """The limits of time of a policy's timeouts that may have ended a request: "8 s or 30 s"."""
    key = {
        "timed out here: total": "total",
        "timed out here: first token": "first_token",
        "timed out here: between chunks": "between_chunks",
        "timed out here: unstreamed": "unstreamed",
    }.get(cause)
    timeouts: Iterable[Any] = (each for each in layers.values() if isinstance(each, Timeout))
    values = {getattr(each, key) for each in timeouts} - {None} if key is not None else set()
    return " or ".join(duration(value) for value in sorted(values))
