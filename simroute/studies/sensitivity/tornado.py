"""Which assumption matters: each of a scenario's is halved and doubled alone, in the same weather,
and the verdict asked again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from simroute.config.configuration import Configuration
from simroute.config.documents import Policy
from simroute.config.loading import load
from simroute.errors import InputError
from simroute.statistics.intervals import Interval
from simroute.studies.comparison.promise import success_metric
from simroute.studies.comparison.study import Study
from simroute.studies.sensitivity.best_policy import COST, BestPolicy, best_policy
from simroute.studies.sensitivity.factors import FactorLevels, scenario_factors
from simroute.studies.sensitivity.plan import SensitivityPlan
from simroute.studies.sensitivity.ranges import parse_ranges
from simroute.studies.sensitivity.result import SensitivityResult
from simroute.studies.sensitivity.tornado_lines import tornado_lines


class FactorEffect(NamedTuple):
    """What the two levels of an assumption make of the difference between the best two policies."""

    key: str
    value: float
    sides: tuple[float, float]
    differences: tuple[Interval, Interval]
    best_policies: tuple[BestPolicy, BestPolicy]
    firsts: tuple[float | None, float | None]
    """The figure of the first of them."""

    @property
    def effect(self) -> float:
        """How far the difference moves from one side to the other."""
        low, high = (difference.mean for difference in self.differences)
        return abs((high or 0.0) - (low or 0.0))


@dataclass(repr=False)
class Tornado(SensitivityResult):
    """The outcome of `--tornado`: which assumption moves the difference of the best two policies.

    >>> tornado = sr.sensitivity("demo", ["failover", "cascade"], kind="tornado")
    >>> tornado.lines()
    >>> tornado.frame[["assumption", "effect"]]

    `base`: the comparison as assumed; `pair`: its best policy and the second best; `metric`: the
    figure in which they compete; `effects`: the largest first.
    """

    base: Study
    pair: tuple[str, str]
    metric: str
    effects: list[FactorEffect]

    @property
    def best_policy(self) -> BestPolicy:
        """The best policy as assumed."""
        return best_policy(self.base)

    def flips(self, effect: FactorEffect) -> bool:
        """Whether another policy is certainly the best at one of the levels."""
        return any(
            each.policy != self.best_policy.policy and each.is_certain
            for each in effect.best_policies
        )

    def lines(self) -> list[str]:
        """The finding in sentences."""
        return tornado_lines(self.details())

    @property
    def difference(self) -> Interval:
        """The second of the pair minus the first, as assumed."""
        return self.base.difference(self.metric, *self.pair)

    def details(self) -> dict[str, Any]:
        """Its own part of the summary."""
        bars = [
            {
                "key": effect.key,
                "value": effect.value,
                "effect": effect.effect,
                "flips": self.flips(effect),
                **{
                    side: {
                        "value": effect.sides[index],
                        "difference": effect.differences[index].plain(),
                        "winner": effect.best_policies[index].plain(),
                        "first": effect.firsts[index],
                    }
                    for index, side in enumerate(("low", "high"))
                },
            }
            for effect in self.effects
        ]
        base = {
            "winner": self.best_policy.plain(),
            "pair": list(self.pair),
            "metric": self.metric,
            "difference": self.difference.plain(),
        }
        return {"base": base, "assumptions": bars}

    def columns(self) -> dict[str, list[Any]]:
        """A row for each assumption, that which moves the difference most first."""
        rows = [
            {
                "assumption": effect.key,
                "value": effect.value,
                "low": effect.sides[0],
                "high": effect.sides[1],
                "difference_low": effect.differences[0].mean,
                "difference_high": effect.differences[1].mean,
                "effect": effect.effect,
                "winner_low": effect.best_policies[0].policy or "",
                "winner_high": effect.best_policies[1].policy or "",
                "flips": "yes" if self.flips(effect) else "no",
            }
            for effect in self.effects
        ]
        return {name: [row[name] for row in rows] for name in (rows[0] if rows else {})}


def plan_tornado(
    scenario: str,
    policies: Sequence[Policy],
    overrides: list[str],
    stated: list[str],
    seed: int,
    replications: int,
) -> SensitivityPlan:
    """One assumption at a time. `stated`: KEY=LOW..HIGH instead of half and double. Raises
    InputError with every mistake."""
    base = load("compare", scenario, policies, overrides, seed, replications)
    if len(base.policies) < 2:
        raise InputError(
            "--tornado: asks what moves the difference between two policies; name at least two, "
            "such as policy=failover,cascade"
        )
    assumed = {one.key: one for one in scenario_factors(base.scenario)} | {
        one.key: one for one in _stated(base, scenario, policies, overrides, stated)
    }
    varied = [
        {"key": one.key, "value": one.value, "low": one.low, "high": one.high}
        for one in assumed.values()
    ]
    return SensitivityPlan(
        "tornado",
        base,
        varied,
        [replace(base, scenario=side) for one in assumed.values() for side in one.scenarios],
    )


def conclude_tornado(
    plan: SensitivityPlan, base: Study | None, sides: list[Study | None], interrupted: bool
) -> Tornado:
    """From the studies of a plan's settings. Raises KeyboardInterrupt when that of what is assumed
    is not whole."""
    if base is None:
        raise KeyboardInterrupt
    pair, metric = _best_two(base)
    bars = [
        FactorEffect(
            one["key"],
            one["value"],
            (one["low"], one["high"]),
            (low.difference(metric, *pair), high.difference(metric, *pair)),
            (best_policy(low), best_policy(high)),
            (low.intervals[pair[0]][metric].mean, high.intervals[pair[0]][metric].mean),
        )
        for one, low, high in zip(plan.varied, sides[::2], sides[1::2], strict=True)
        if low is not None and high is not None
    ]
    return Tornado(
        plan,
        interrupted,
        base=base,
        pair=pair,
        metric=metric,
        effects=sorted(bars, key=lambda effect: -effect.effect),
    )


def _best_two(study: Study) -> tuple[tuple[str, str], str]:
    """The winner, whoever would win without it, and the figure in which they compete."""
    best = best_policy(study)
    if best.policy is None:
        raise InputError(
            "--tornado: no request arrives in this scenario, so that there is no difference to "
            "be moved"
        )
    others = {policy: runs for policy, runs in study.runs.items() if policy != best.policy}
    second = best_policy(
        Study(
            replace(
                study.configuration, policies={p: study.configuration.policies[p] for p in others}
            ),
            others,
        )
    )
    both = best.by == second.by == "cost"
    return (best.policy, second.policy or next(iter(others))), COST if both else success_metric(
        study.configuration.scenario
    )


def _stated(
    base: Configuration,
    scenario: str,
    policies: Sequence[Policy],
    overrides: list[str],
    stated: list[str],
) -> Iterator[FactorLevels]:
    """Ranges of the user's own, at their ends."""
    for text in stated:
        (axis,) = parse_ranges([text], base)
        if not axis.key.startswith("scenario."):
            raise InputError(
                f"--vary {text}: with --tornado only assumptions of the scenario are varied, "
                f"scenario.KEY=LOW..HIGH"
            )
        sides = []
        for written in (axis.written[0], axis.written[-1]):
            sides.append(
                load(
                    "compare",
                    scenario,
                    policies,
                    [*overrides, f"{axis.key}={written}"],
                    base.seed,
                    base.replications,
                ).scenario
            )
        value: Any = base.scenario
        for name in axis.key.split(".")[1:]:
            value = (
                value.get(name, value.get(int(name)) if name.isdigit() else None)
                if isinstance(value, dict)
                else getattr(value, name, None)
            )
        number = float(value) if isinstance(value, (int, float)) else float("nan")
        middle = number if number == number else (axis.values[0] + axis.values[-1]) / 2
        yield FactorLevels(axis.key, middle, axis.values[0], axis.values[-1], (sides[0], sides[1]))
