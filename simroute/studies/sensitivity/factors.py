"""The numbers of a scenario that one might be wrong about, each halved and doubled."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from simroute.models import spec

DOWN, UP = 0.5, 2.0
INF = float("inf")


class FactorLevels(NamedTuple):
    """A number of a scenario as it is assumed, the two levels that it is set to, and the scenarios
    with these levels."""

    key: str
    value: float
    low: float
    high: float
    scenarios: tuple[spec.Scenario, spec.Scenario]


def scenario_factors(scenario: spec.Scenario) -> list[FactorLevels]:
    """The factors of a scenario at half and double: shares stay below 1, slow-downs at 1 or more.
    Factors that cannot move are left out."""
    return [*_traffic(scenario), *_outages(scenario), *_deployments(scenario)]


def _traffic(scenario: spec.Scenario) -> Iterator[FactorLevels]:
    """How many ask, by whatever says so, how long they wait, and how many press again."""
    load = scenario.workload
    if load.trace is not None:
        yield from _levels(scenario, ("workload", "rate_scale"))
    elif load.clients is not None:
        yield from _levels(scenario, ("workload", "client_options", "factor"))
    elif count := load.callers.count:
        low, high, path = max(1, count // 2), 2 * count, ("workload", "callers", "count")
        sides = _with_value(scenario, path, low), _with_value(scenario, path, high)
        yield FactorLevels("scenario.workload.callers.count", count, low, high, sides)
    else:
        yield from _levels(scenario, ("workload", "rate"))
    if load.patience is not None:
        key = "mean" if load.patience.median is None else "median"
        yield from _levels(scenario, ("workload", "patience", key))
    yield from _levels(scenario, ("workload", "again", "share"), most=1.0)


def _outages(scenario: spec.Scenario) -> Iterator[FactorLevels]:
    for name, outage in scenario.outages.items():
        ranges = dict.fromkeys(("error_share", "hang_share", "stall_share"), (0.0, 1.0))
        ranges["slow_down"] = (1.0, INF)
        if outage.mean_between is not None:
            ranges |= {"mean_between": (0.0, INF), "repair": (0.0, INF)}
        for key, (least, most) in ranges.items():
            yield from _levels(scenario, ("outages", name, key), least, most)


def _deployments(scenario: spec.Scenario) -> Iterator[FactorLevels]:
    for name, deployment in scenario.deployments.items():
        for key, most in (("base", INF), ("sigma", 5.0), ("per_output_token", INF)):
            yield from _levels(scenario, ("deployments", name, "latency", key), 0.0, most)
        yield _price_levels(scenario, name)
        if deployment.outcomes is None:
            yield from _quality_levels(scenario, name)


def _levels(
    scenario: spec.Scenario, path: tuple[str, ...], least: float = 0.0, most: float = INF
) -> Iterator[FactorLevels]:
    """The number at this path, halved and doubled within its range."""
    value: Any = scenario
    for key in path:
        value = value[key] if isinstance(value, dict) else getattr(value, key)
    low, high = max(least, value * DOWN), min(most, value * UP)
    if low < high:
        sides = _with_value(scenario, path, low), _with_value(scenario, path, high)
        yield FactorLevels(f"scenario.{'.'.join(path)}", value, low, high, sides)


def _price_levels(scenario: spec.Scenario, name: str) -> FactorLevels:
    """The whole price list of a deployment, as a factor."""
    path, factor = ("deployments", name, "price_factor"), scenario.deployments[name].price_factor
    sides = _with_value(scenario, path, factor * DOWN), _with_value(scenario, path, factor * UP)
    return FactorLevels(f"scenario.deployments.{name}.price", 1.0, DOWN, UP, sides)


def _quality_levels(scenario: spec.Scenario, name: str) -> Iterator[FactorLevels]:
    """A deployment's quality with the share of wrong answers doubled, and halved."""
    quality = scenario.deployments[name].quality
    if quality is None or quality == {}:
        return
    mean = sum(quality.values()) / len(quality) if isinstance(quality, dict) else quality
    wrong = 1 - mean

    def with_errors(factor: float) -> spec.Scenario:
        def scaled(share: float) -> float:
            return max(0.0, 1 - (1 - share) * factor)

        values = (
            {task: scaled(share) for task, share in quality.items()}
            if isinstance(quality, dict)
            else scaled(quality)
        )
        changed: spec.Scenario = _with_value(scenario, ("deployments", name, "quality"), values)
        return changed

    if wrong > 0:
        low, high = max(0.0, 1 - wrong * UP), 1 - wrong * DOWN
        sides = with_errors(UP), with_errors(DOWN)
        key = f"scenario.deployments.{name}.quality"
        yield FactorLevels(key, 1 - wrong, low, high, sides)


def _with_value(part: Any, path: Sequence[str], value: Any) -> Any:
    """A copy of a dataclass or mapping with another value at this path."""
    if not path:
        return value
    key, *rest = path
    if isinstance(part, dict):
        return {**part, key: _with_value(part[key], rest, value)}
    return replace(part, **{key: _with_value(getattr(part, key), rest, value)})
