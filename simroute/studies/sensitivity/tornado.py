"""Which assumption matters: each of a scenario's is halved and doubled alone, in the same weather,
and the verdict asked again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from simroute.config.configuration import Configuration
from simroute.config.loading import load
from simroute.errors import InputError
from simroute.models import spec
from simroute.statistics.intervals import Interval
from simroute.studies.comparison.promise import NAMES, share
from simroute.studies.comparison.study import Study
from simroute.studies.sensitivity.best_policy import COST, Winner, difference, winner
from simroute.studies.sensitivity.plan import Settings, settings
from simroute.studies.sensitivity.ranges import axes
from simroute.studies.sensitivity.result import Assumptions
from simroute.text import clean, short_key, span

DOWN, UP = 0.5, 2.0
Set = Callable[[float], spec.Scenario]


class Assumed(NamedTuple):
    """One assumption: its name, its value, what it is set to on either side, and both scenarios."""

    key: str
    value: float
    low: float
    high: float
    scenarios: tuple[spec.Scenario, spec.Scenario]


class Bar(NamedTuple):
    """What one assumption does to the difference between the best two: with it low, and high; and
    who wins then."""

    key: str
    value: float
    sides: tuple[float, float]
    differences: tuple[Interval, Interval]
    winners: tuple[Winner, Winner]
    firsts: tuple[float | None, float | None]
    """The figure of the first of them."""

    @property
    def effect(self) -> float:
        """How far the difference moves from one side to the other."""
        low, high = (found.mean for found in self.differences)
        return abs((high or 0.0) - (low or 0.0))


@dataclass
class Tornado(Assumptions):
    """What came out. `base`: as assumed; `pair`: the winner and the runner-up in it, `metric`: what
    tells them apart; `bars`: by effect."""

    base: Study
    pair: tuple[str, str]
    metric: str
    bars: list[Bar]

    @property
    def winner(self) -> Winner:
        return winner(self.base)

    def flips(self, bar: Bar) -> bool:
        """Whether another policy wins on one of the sides, and surely."""
        return any(each.policy != self.winner.policy and each.sure for each in bar.winners)

    def lines(self) -> list[str]:
        """The finding in sentences."""
        first, second = (clean(policy, 40) for policy in self.pair)
        unit = "USD" if self.metric == COST else "share"
        what = "cost for 1,000 requests" if self.metric == COST else NAMES[self.metric]
        lines = [
            f"As assumed, {first} wins; the difference to {second} in {what} is "
            f"{_said(self.difference, unit)}."
        ]
        if self.bars:
            top = self.bars[0]
            sides = ", ".join(_said(found, unit) for found in top.differences)
            lines.append(
                f"{short_key(top.key)} moves it most: {sides} with {top.sides[0]:.3g} and "
                f"{top.sides[1]:.3g} for {top.value:.3g}."
            )
        flips = [short_key(bar.key) for bar in self.bars if self.flips(bar)]
        lines.append(
            f"Another policy wins if these are otherwise: {', '.join(flips)}."
            if flips
            else "No assumption alone changes who wins."
        )
        return lines

    @property
    def difference(self) -> Interval:
        """The second of the pair minus the first, as assumed."""
        return difference(self.base, self.metric, *self.pair)

    def told(self) -> dict[str, Any]:
        """Its own part of the summary."""
        bars = [
            {
                "key": bar.key,
                "value": bar.value,
                "effect": bar.effect,
                "flips": self.flips(bar),
                **{
                    side: {
                        "value": bar.sides[place],
                        "difference": bar.differences[place].plain(),
                        "winner": bar.winners[place].plain(),
                        "first": bar.firsts[place],
                    }
                    for place, side in enumerate(("low", "high"))
                },
            }
            for bar in self.bars
        ]
        base = {
            "winner": self.winner.plain(),
            "pair": list(self.pair),
            "metric": self.metric,
            "difference": self.difference.plain(),
        }
        return {"base": base, "assumptions": bars}

    def columns(self) -> dict[str, list[Any]]:
        """A row for each assumption, that which moves the difference most first."""
        rows = [
            {
                "assumption": bar.key,
                "value": bar.value,
                "low": bar.sides[0],
                "high": bar.sides[1],
                "difference_low": bar.differences[0].mean,
                "difference_high": bar.differences[1].mean,
                "effect": bar.effect,
                "winner_low": bar.winners[0].policy or "",
                "winner_high": bar.winners[1].policy or "",
                "flips": "yes" if self.flips(bar) else "no",
            }
            for bar in self.bars
        ]
        return {name: [row[name] for row in rows] for name in (rows[0] if rows else {})}


def _said(found: Interval, unit: str) -> str:
    return span(**found.plain(), unit=unit).replace(" %", " points")


def planned(
    scenario: str,
    policies: list[str],
    overrides: list[str],
    stated: list[str],
    seed: int,
    replications: int,
) -> Settings:
    """One assumption at a time. `stated`: KEY=LOW..HIGH instead of half and double. Raises
    InputError with every mistake."""
    base = load("compare", scenario, policies, overrides, seed, replications)
    if len(base.policies) < 2:
        raise InputError(
            "--tornado: asks what moves the difference between two policies; name at least two, "
            "such as policy=failover,cascade"
        )
    assumed = {one.key: one for one in assumptions(base.scenario)} | {
        one.key: one for one in _stated(base, scenario, policies, overrides, stated)
    }
    varied = [
        {"key": one.key, "value": one.value, "low": one.low, "high": one.high}
        for one in assumed.values()
    ]
    return settings(
        "tornado",
        base,
        varied,
        [replace(base, scenario=side) for one in assumed.values() for side in one.scenarios],
    )


def concluded(
    plan: Settings, base: Study | None, found: list[Study | None], interrupted: bool
) -> Tornado:
    """From the studies of a plan's settings. Raises KeyboardInterrupt when that of what is assumed
    is not whole."""
    if base is None:
        raise KeyboardInterrupt
    pair, metric = _best_two(base)
    bars = [
        Bar(
            one["key"],
            one["value"],
            (one["low"], one["high"]),
            (difference(low, metric, *pair), difference(high, metric, *pair)),
            (winner(low), winner(high)),
            (low.intervals[pair[0]][metric].mean, high.intervals[pair[0]][metric].mean),
        )
        for one, low, high in zip(plan.varied, found[::2], found[1::2], strict=True)
        if low is not None and high is not None
    ]
    return Tornado(
        plan,
        interrupted,
        base=base,
        pair=pair,
        metric=metric,
        bars=sorted(bars, key=lambda bar: -bar.effect),
    )


def _best_two(study: Study) -> tuple[tuple[str, str], str]:
    """The winner, whoever would win without it, and the figure in which they compete."""
    best = winner(study)
    if best.policy is None:
        raise InputError(
            "--tornado: no request arrives in this scenario, so that there is no difference to "
            "be moved"
        )
    others = {policy: runs for policy, runs in study.runs.items() if policy != best.policy}
    second = winner(
        Study(
            replace(
                study.configuration, policies={p: study.configuration.policies[p] for p in others}
            ),
            others,
        )
    )
    both = best.by == second.by == "cost"
    return (best.policy, second.policy or next(iter(others))), COST if both else share(
        study.configuration.scenario
    )


def _stated(
    base: Configuration, scenario: str, policies: list[str], overrides: list[str], stated: list[str]
) -> Iterator[Assumed]:
    """Ranges of the user's own, at their ends."""
    for text in stated:
        (axis,) = axes([text], base)
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
        yield Assumed(axis.key, middle, axis.values[0], axis.values[-1], (sides[0], sides[1]))


def assumptions(scenario: spec.Scenario) -> list[Assumed]:
    """Those of a scenario that are numbers one might be wrong about: halved and doubled, shares
    kept below 1, slow-downs at 1 or more."""
    return [*_traffic(scenario), *_outages(scenario), *_deployments(scenario)]


def _assumed(
    key: str, value: float, set_to: Set, low: float = 0.0, high: float = float("inf")
) -> Iterator[Assumed]:
    down, up = max(low, value * DOWN), min(high, value * UP)
    if down < up:
        yield Assumed(f"scenario.{key}", value, down, up, (set_to(down), set_to(up)))


def _with(made: Any, key: str, value: float) -> Any:
    return replace(made, **{key: value})


def _traffic(scenario: spec.Scenario) -> Iterator[Assumed]:
    load = scenario.workload
    name = "rate" if load.trace is None else "rate_scale"
    yield from _assumed(
        f"workload.{name}",
        getattr(load, name),
        lambda value: replace(scenario, workload=_with(load, name, value)),
    )


def _outages(scenario: spec.Scenario) -> Iterator[Assumed]:
    for name, outage in scenario.outages.items():
        keys = {
            "error_share": (0.0, 1.0),
            "hang_share": (0.0, 1.0),
            "slow_down": (1.0, float("inf")),
        }
        keys |= (
            {}
            if outage.mean_between is None
            else {"mean_between": (0.0, float("inf")), "repair": (0.0, float("inf"))}
        )
        for key, (low, high) in keys.items():

            def set_to(value: float, name: str = name, key: str = key) -> spec.Scenario:
                return replace(
                    scenario,
                    outages={**scenario.outages, name: _with(scenario.outages[name], key, value)},
                )

            yield from _assumed(f"outages.{name}.{key}", getattr(outage, key), set_to, low, high)


def _deployments(scenario: spec.Scenario) -> Iterator[Assumed]:
    for name, made in scenario.deployments.items():

        def with_made(changed: spec.Deployment, name: str = name) -> spec.Scenario:
            return replace(scenario, deployments={**scenario.deployments, name: changed})

        for key, most in (
            ("base", float("inf")),
            ("sigma", 5.0),
            ("per_output_token", float("inf")),
        ):

            def latency(
                value: float, key: str = key, made: spec.Deployment = made, put: Any = with_made
            ) -> spec.Scenario:
                scenario: spec.Scenario = put(
                    replace(made, latency=_with(made.latency, key, value))
                )
                return scenario

            yield from _assumed(
                f"deployments.{name}.latency.{key}", getattr(made.latency, key), latency, 0.0, most
            )
        yield _priced(name, made, with_made)
        if made.outcomes is None:
            yield from _graded(name, made, with_made)


def _priced(
    name: str, made: spec.Deployment, put: Callable[[spec.Deployment], spec.Scenario]
) -> Assumed:
    """The whole price list, as a factor."""

    def dearer(factor: float) -> spec.Scenario:
        return put(replace(made, price_factor=made.price_factor * factor))

    return Assumed(f"scenario.deployments.{name}.price", 1.0, DOWN, UP, (dearer(DOWN), dearer(UP)))


def _graded(
    name: str, made: spec.Deployment, put: Callable[[spec.Deployment], spec.Scenario]
) -> Iterator[Assumed]:
    """The share of wrong answers, halved and doubled."""
    quality = made.quality
    if quality is None:
        return
    wrong = 1 - (
        sum(quality.values()) / len(quality)
        if isinstance(quality, dict) and quality
        else quality
        if isinstance(quality, float)
        else 1.0
    )

    def graded(factor: float) -> spec.Scenario:
        def one(share: float) -> float:
            return max(0.0, 1 - (1 - share) * factor)

        return put(
            replace(
                made,
                quality={task: one(share) for task, share in quality.items()}
                if isinstance(quality, dict)
                else one(quality),
            )
        )

    if wrong > 0:
        yield Assumed(
            f"scenario.deployments.{name}.quality",
            1 - wrong,
            max(0.0, 1 - wrong * UP),
            1 - wrong * DOWN,
            (graded(UP), graded(DOWN)),
        )
