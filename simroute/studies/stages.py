"""The replications of a study by stages: all at once, or more until its criterion holds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from simroute.experiment.configuration import Configuration
from simroute.metrics import Figures
from simroute.studies.estimate import estimate, kept
from simroute.studies.gathered import Gathered
from simroute.studies.statistics import Interval, deviation
from simroute.studies.until import Until, flawless, missing, settled, total, until

Runs = dict[str, list[Figures]]
Series = dict[str, dict[str, list[float | None]]]
COST = "cost_per_1k_requests_usd"


def stages(configuration: Configuration, gathered: Gathered) -> Iterator[range]:
    """Which replications there have to be next. `configuration.replications` becomes the number reached."""
    if configuration.until is None or configuration.replication is not None:
        yield configuration.numbers
        return
    goal = until(**configuration.until)
    many: int | None = goal.first
    while many is not None:
        configuration.replications = many
        yield range(many)
        runs = {policy: [gathered.figures[policy, replication] for replication in range(many)] for policy in configuration.policies}
        many = following(goal, runs, configuration.scenario.slo.success)


def following(goal: Until, runs: Runs, promise: float) -> int | None:
    """How many replications there have to be, None if these are enough or no more are allowed."""
    many = len(next(iter(runs.values())))
    if goal.metric is not None:
        wanted = min(max(_needed(goal, goal.metric, each) for each in runs.values()), goal.most)
        return wanted if wanted > many == goal.first else None
    if many >= goal.most or settled(*_standing(runs, promise, goal), goal.rule):
        return None
    return next(look for look in goal.looks if look > many)


def _needed(goal: Until, metric: str, runs: list[Figures]) -> int:
    """Stein's number, from the first replications; where nothing varied in them, as many as the exact bounds need."""
    pilot = [run.metrics[metric] for run in runs[: goal.first]]
    known = [value for value in pilot if value is not None]
    pooled = [run.pooled[metric][1] for run in runs[: goal.first] if metric in run.pooled]
    if len(known) > 1 and deviation(known) == 0 and known[0] in (0.0, 1.0) and pooled:
        return max(goal.first, flawless(sum(pooled) // len(pooled), goal.half))
    return total(pilot, goal.half)


def _standing(runs: Runs, promise: float, goal: Until) -> tuple[dict[str, bool | None], dict[str, Any], dict[str, Any]]:
    keeps = {policy: kept(estimate(each, "success_rate", goal.rule), promise) for policy, each in runs.items()}
    series = [{policy: [run.metrics[name] for run in each] for policy, each in runs.items()} for name in ("success_rate", COST)]
    return keeps, series[0], series[1]


def outcome(configuration: Configuration, runs: Runs, intervals: dict[str, dict[str, Interval]]) -> dict[str, Any] | None:
    """For summary.json: whether the criterion holds, with how many replications, and how many it would take; None if there was none."""
    if configuration.until is None or configuration.replication is not None:
        return None
    goal, many = until(**configuration.until), len(next(iter(runs.values())))
    if goal.metric is not None:
        method = f"Stein's two stages, the first of {goal.first}"
        reached = all(_narrow(found[goal.metric], goal.half) for found in intervals.values())
        more = max(_needed(goal, goal.metric, each) for each in runs.values())
    else:
        method = f"at most {len(goal.looks)} looks, whose intervals hold together"
        standing = _standing(runs, configuration.scenario.slo.success, goal)
        reached = settled(*standing, goal.rule)
        more = missing(*standing, configuration.scenario.slo.success, goal.rule) or 0
    would = more if not reached and more > many else None
    hint = f"; it would take about {would:,}" if would else "; how many it would take cannot be told" if not reached else ""
    why = f"Until {goal.criterion}: {'reached' if reached else 'not reached'} with {many:,} replications ({method}){hint}."
    return {**goal.plain(), "replications": many, "reached": reached, "would_take": would, "method": method, "why": why}


def _narrow(found: Interval, half: float) -> bool:
    return found.low is not None and found.high is not None and found.high - found.low <= 2 * half * (1 + 1e-9)
