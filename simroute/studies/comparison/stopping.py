"""The replications of a study by stages: all at once, or more until its criterion holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from simroute.config.configuration import Configuration
from simroute.execution.collected import CollectedRuns
from simroute.metrics import Figures, is_share
from simroute.models import spec
from simroute.statistics.intervals import PLAIN, Exposure, Interval, Rule, deviation, needed
from simroute.studies.comparison.estimates import estimate
from simroute.studies.comparison.promise import Part, kept, parts, share
from simroute.studies.comparison.random_outages import met, sky
from simroute.studies.comparison.until import (
    Standing,
    Until,
    flawless,
    missing,
    settled,
    total,
    until,
)

Runs = dict[str, list[Figures]]
Series = dict[str, dict[str, list[float | None]]]
COST = "cost_per_1k_requests_usd"


def stages(configuration: Configuration, gathered: CollectedRuns) -> Iterator[range]:
    """Which replications there have to be next. `configuration.replications` becomes the number
    reached."""
    if configuration.until is None or configuration.replication is not None:
        yield configuration.replication_numbers
        return
    goal = until(**configuration.until)
    many: int | None = goal.first
    while many is not None:
        configuration.replications = many
        yield range(many)
        runs = {
            policy: [gathered.figures[policy, replication] for replication in range(many)]
            for policy in configuration.policies
        }
        many = following(
            goal, runs, configuration.scenario, ruled(configuration, runs, range(many))
        )


def ruled(configuration: Configuration, runs: Runs, replications: Iterable[int]) -> Rule:
    """By which all intervals of a study are made: as its criterion says, and with what these
    replications met of faults that come at random.

    Stein's first spread says nothing of outages that were not met in it: a share is then looked at
    as for `decided`.
    """
    found = met(sky(configuration), replications, runs, lambda: configuration.expected_requests)
    if configuration.until is None:
        return replace(PLAIN, met=found)
    goal = until(**configuration.until)
    return replace(goal.looking if _looks(goal, found) else goal.rule, met=found)


def _looks(goal: Until, found: Exposure | None) -> bool:
    """Whether it is asked at each look if the criterion holds."""
    return goal.metric is None or (found is not None and is_share(goal.metric))


def following(goal: Until, runs: Runs, scenario: spec.Scenario, rule: Rule) -> int | None:
    """How many replications there have to be, None if these are enough or no more are allowed."""
    many = len(next(iter(runs.values())))
    if not _looks(goal, rule.met):
        wanted = min(
            max(_needed(goal, goal.metric or "", each) for each in runs.values()), goal.most
        )
        return wanted if wanted > many == goal.first else None
    if many >= goal.most or _reached(goal, runs, scenario, rule):
        return None
    return next(look for look in goal.looks if look > many)


def _reached(goal: Until, runs: Runs, scenario: spec.Scenario, rule: Rule) -> bool:
    if goal.metric is None:
        return settled(_standing(runs, scenario, rule), rule)
    return all(_narrow(estimate(each, goal.metric, rule), goal.half) for each in runs.values())


def _needed(goal: Until, metric: str, runs: list[Figures]) -> int:
    """Stein's number, from the first replications; where nothing varied in them, as many as the
    exact bounds need."""
    pilot = [run.metrics[metric] for run in runs[: goal.first]]
    known = [value for value in pilot if value is not None]
    pooled = [run.pooled[metric][1] for run in runs[: goal.first] if metric in run.pooled]
    if len(known) > 1 and deviation(known) == 0 and known[0] in (0.0, 1.0) and pooled:
        return max(goal.first, flawless(sum(pooled) // len(pooled), goal.half))
    return total(pilot, goal.half)


def _standing(runs: Runs, scenario: spec.Scenario, rule: Rule) -> Standing:
    promised, name = parts(scenario), share(scenario)
    found = {
        policy: {part.metric: estimate(each, part.metric, rule) for part in promised}
        for policy, each in runs.items()
    }
    keeps = {policy: kept(scenario, one) for policy, one in found.items()}
    asked = {
        policy: _asked(promised, found[policy], runs[policy], rule)
        for policy, one in keeps.items()
        if one is None
    }
    series = [
        {policy: [run.metrics[metric] for run in each] for policy, each in runs.items()}
        for metric in (name, COST)
    ]
    return Standing(keeps, series[0], series[1], name, asked)


def _asked(
    promised: list[Part], found: dict[str, Interval], runs: list[Figures], rule: Rule
) -> int | None:
    """How many replications would decide the parts that are open."""
    wanted = []
    for part in promised:
        one = found[part.metric]
        if part.kept(one) is None:
            wanted.append(
                None
                if one.mean is None
                else needed(
                    [run.metrics[part.metric] for run in runs],
                    one.mean - part.bound,
                    rule,
                    part.metric,
                )
            )
    return (
        None if None in wanted or not wanted else max(many for many in wanted if many is not None)
    )


def _wanted(goal: Until, metric: str, runs: Runs, rule: Rule) -> int:
    """How many replications would make a share of outages met as sure as is asked for; 0 if that
    cannot be told."""
    wanted = [
        needed([run.metrics[metric] for run in each], goal.half, rule, metric)
        for each in runs.values()
    ]
    return 0 if None in wanted else max(many for many in wanted if many is not None)


def outcome(
    configuration: Configuration, runs: Runs, intervals: dict[str, dict[str, Interval]], rule: Rule
) -> dict[str, Any] | None:
    """For summary.json: whether the criterion holds, with how many replications, and how many it
    would take; None if there was none."""
    if configuration.until is None or configuration.replication is not None:
        return None
    goal, many = until(**configuration.until), len(next(iter(runs.values())))
    if goal.metric is not None and not _looks(goal, rule.met):
        method = f"Stein's two stages, the first of {goal.first}"
        reached = all(_narrow(found[goal.metric], goal.half) for found in intervals.values())
        more = max(_needed(goal, goal.metric, each) for each in runs.values())
    else:
        method = f"at most {len(goal.looks)} looks, whose intervals hold together"
        reached = _reached(goal, runs, configuration.scenario, rule)
        more = (
            (missing(_standing(runs, configuration.scenario, rule), rule) or 0)
            if goal.metric is None
            else _wanted(goal, goal.metric, runs, rule)
        )
    would = more if not reached and more > many else None
    hint = (
        f"; it would take about {would:,}"
        if would
        else "; how many it would take cannot be told"
        if not reached
        else ""
    )
    why = (
        f"Until {goal.criterion}: {'reached' if reached else 'not reached'} with {many:,} "
        f"replications ({method}){hint}."
    )
    return {
        **goal.plain(),
        "replications": many,
        "reached": reached,
        "would_take": would,
        "method": method,
        "why": why,
    }


def _narrow(found: Interval, half: float) -> bool:
    return (
        found.low is not None
        and found.high is not None
        and found.high - found.low <= 2 * half * (1 + 1e-9)
    )
