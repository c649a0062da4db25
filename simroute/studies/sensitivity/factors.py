"""The numbers of a scenario that one might be wrong about, each halved and doubled."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple

from simroute.models import spec

DOWN, UP = 0.5, 2.0
Set = Callable[[float], spec.Scenario]


class FactorLevels(NamedTuple):
    """One assumption: its name, its value, what it is set to on either side, and both scenarios."""

    key: str
    value: float
    low: float
    high: float
    scenarios: tuple[spec.Scenario, spec.Scenario]


def scenario_factors(scenario: spec.Scenario) -> list[FactorLevels]:
    """Those of a scenario that are numbers one might be wrong about: halved and doubled, shares
    kept below 1, slow-downs at 1 or more."""
    return [*_traffic(scenario), *_outages(scenario), *_deployments(scenario)]


def _assumed(
    key: str, value: float, set_to: Set, low: float = 0.0, high: float = float("inf")
) -> Iterator[FactorLevels]:
    down, up = max(low, value * DOWN), min(high, value * UP)
    if down < up:
        yield FactorLevels(f"scenario.{key}", value, down, up, (set_to(down), set_to(up)))


def _with(made: Any, key: str, value: float) -> Any:
    return replace(made, **{key: value})


def _traffic(scenario: spec.Scenario) -> Iterator[FactorLevels]:
    load = scenario.workload
    name = "rate" if load.trace is None else "rate_scale"
    yield from _assumed(
        f"workload.{name}",
        getattr(load, name),
        lambda value: replace(scenario, workload=_with(load, name, value)),
    )


def _outages(scenario: spec.Scenario) -> Iterator[FactorLevels]:
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


def _deployments(scenario: spec.Scenario) -> Iterator[FactorLevels]:
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
) -> FactorLevels:
    """The whole price list, as a factor."""

    def dearer(factor: float) -> spec.Scenario:
        return put(replace(made, price_factor=made.price_factor * factor))

    return FactorLevels(
        f"scenario.deployments.{name}.price", 1.0, DOWN, UP, (dearer(DOWN), dearer(UP))
    )


def _graded(
    name: str, made: spec.Deployment, put: Callable[[spec.Deployment], spec.Scenario]
) -> Iterator[FactorLevels]:
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
                quality={task: one(success_metric) for task, success_metric in quality.items()}
                if isinstance(quality, dict)
                else one(quality),
            )
        )

    if wrong > 0:
        yield FactorLevels(
            f"scenario.deployments.{name}.quality",
            1 - wrong,
            max(0.0, 1 - wrong * UP),
            1 - wrong * DOWN,
            (graded(UP), graded(DOWN)),
        )
