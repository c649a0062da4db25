"""The replications of a study by stages: all at once, or more until its criterion holds."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from simroute.config.configuration import Configuration
from simroute.errors import InputError, nearest
from simroute.execution.collected import CollectedRuns
from simroute.metrics import METRICS, Figures, is_share
from simroute.models import spec
from simroute.statistics.intervals import (
    NOMINAL,
    Confidence,
    Exposure,
    Interval,
    deviation,
    replications_needed,
)
from simroute.statistics.sequential import (
    FIRST,
    MOST,
    Standing,
    StoppingRule,
    flawless_replications,
    is_decided,
    replications_to_decide,
    stein_replications,
)
from simroute.studies.comparison.estimates import metric_interval
from simroute.studies.comparison.promise import Requirement, is_kept, requirements, success_metric
from simroute.studies.comparison.random_outages import expected_exposures, outage_exposure

Runs = dict[str, list[Figures]]
Series = dict[str, dict[str, list[float | None]]]
COST = "cost_per_1k_requests_usd"
DECIDED = "decided"
PRECISION = re.compile(r"\s*([A-Za-z0-9_]+)\s*(?:±|\+-|\+/-)\s*([0-9.eE+-]+)\s*")


def parse_stopping_rule(criterion: str, first: int = FIRST, most: int = MOST) -> StoppingRule:
    """Of what the command line or `config.yaml` says. Raises InputError."""
    if first < 2 or most < first:
        raise InputError(
            f"--until: from {first} to {most} replications; at least 2 are needed first, and no "
            f"more than --max-replications"
        )
    if criterion.strip() == DECIDED:
        return StoppingRule(DECIDED, first, most)
    match = PRECISION.fullmatch(criterion)
    half = _number(match.group(2)) if match else None
    if match is None or half is None or not 0 < half < math.inf:
        raise InputError(
            f"--until {criterion!r}: expected METRIC±NUMBER, such as success_rate±0.0005 (or "
            f"+-), or decided"
        )
    if match.group(1) not in METRICS:
        raise InputError(
            f"--until {criterion!r}: no metric is called {match.group(1)!r}; "
            f"{nearest(match.group(1), METRICS)}"
        )
    return StoppingRule(f"{match.group(1)}±{match.group(2)}", first, most, match.group(1), half)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def stages(configuration: Configuration, gathered: CollectedRuns) -> Iterator[range]:
    """Which replications there have to be next. `configuration.replications` becomes the number
    reached."""
    if configuration.study.until is None or configuration.study.replication is not None:
        yield configuration.replication_numbers
        return
    goal = parse_stopping_rule(**configuration.study.until)
    many: int | None = goal.first
    while many is not None:
        configuration.replications = many
        yield range(many)
        runs = {
            policy: [gathered.figures[policy, replication] for replication in range(many)]
            for policy in configuration.policies
        }
        many = next_replications(
            goal, runs, configuration.scenario, study_confidence(configuration, runs, range(many))
        )


def study_confidence(
    configuration: Configuration, runs: Runs, replications: Iterable[int]
) -> Confidence:
    """By which all intervals of a study are made: as its criterion says, and with what these
    replications met of faults that come at random.

    Stein's first spread says nothing of outages that were not met in it: a share is then looked at
    as for `decided`.
    """
    found = outage_exposure(
        expected_exposures(configuration),
        replications,
        runs,
        lambda: configuration.expected_requests,
    )
    if configuration.study.until is None:
        return replace(NOMINAL, exposure=found)
    goal = parse_stopping_rule(**configuration.study.until)
    return replace(goal.look_confidence if _looks(goal, found) else goal.confidence, exposure=found)


def _looks(goal: StoppingRule, found: Exposure | None) -> bool:
    """Whether it is asked at each look if the criterion holds."""
    return goal.metric is None or (found is not None and is_share(goal.metric))


def next_replications(
    goal: StoppingRule, runs: Runs, scenario: spec.Scenario, confidence: Confidence
) -> int | None:
    """How many replications there have to be, None if these are enough or no more are allowed."""
    many = len(next(iter(runs.values())))
    if not _looks(goal, confidence.exposure):
        wanted = min(
            max(_needed(goal, goal.metric or "", each) for each in runs.values()), goal.most
        )
        return wanted if wanted > many == goal.first else None
    if many >= goal.most or _reached(goal, runs, scenario, confidence):
        return None
    return next(look for look in goal.looks if look > many)


def _reached(
    goal: StoppingRule, runs: Runs, scenario: spec.Scenario, confidence: Confidence
) -> bool:
    if goal.metric is None:
        return is_decided(_standing(runs, scenario, confidence), confidence)
    return all(
        _narrow(metric_interval(each, goal.metric, confidence), goal.half) for each in runs.values()
    )


def _needed(goal: StoppingRule, metric: str, runs: list[Figures]) -> int:
    """Stein's number, from the first replications; where nothing varied in them, as many as the
    exact bounds need."""
    pilot = [run.metrics[metric] for run in runs[: goal.first]]
    known = [value for value in pilot if value is not None]
    pooled = [run.pooled[metric][1] for run in runs[: goal.first] if metric in run.pooled]
    if len(known) > 1 and deviation(known) == 0 and known[0] in (0.0, 1.0) and pooled:
        return max(goal.first, flawless_replications(sum(pooled) // len(pooled), goal.half))
    return stein_replications(pilot, goal.half)


def _standing(runs: Runs, scenario: spec.Scenario, confidence: Confidence) -> Standing:
    promised, name = requirements(scenario), success_metric(scenario)
    found = {
        policy: {part.metric: metric_interval(each, part.metric, confidence) for part in promised}
        for policy, each in runs.items()
    }
    keeps = {policy: is_kept(scenario, one) for policy, one in found.items()}
    asked = {
        policy: _asked(promised, found[policy], runs[policy], confidence)
        for policy, one in keeps.items()
        if one is None
    }
    series = [
        {policy: [run.metrics[metric] for run in each] for policy, each in runs.items()}
        for metric in (name, COST)
    ]
    return Standing(keeps, series[0], series[1], name, asked)


def _asked(
    promised: list[Requirement],
    found: dict[str, Interval],
    runs: list[Figures],
    confidence: Confidence,
) -> int | None:
    """How many replications would decide the parts that are open."""
    wanted = []
    for part in promised:
        one = found[part.metric]
        if part.is_met(one) is None:
            wanted.append(
                None
                if one.mean is None
                else replications_needed(
                    [run.metrics[part.metric] for run in runs],
                    one.mean - part.bound,
                    confidence,
                    part.metric,
                )
            )
    return (
        None if None in wanted or not wanted else max(many for many in wanted if many is not None)
    )


def _wanted(goal: StoppingRule, metric: str, runs: Runs, confidence: Confidence) -> int:
    """How many replications would make a share of outages met as sure as is asked for; 0 if that
    cannot be told."""
    wanted = [
        replications_needed([run.metrics[metric] for run in each], goal.half, confidence, metric)
        for each in runs.values()
    ]
    return 0 if None in wanted else max(many for many in wanted if many is not None)


def stopping_outcome(
    configuration: Configuration,
    runs: Runs,
    intervals: dict[str, dict[str, Interval]],
    confidence: Confidence,
) -> dict[str, Any] | None:
    """For summary.json: whether the criterion holds, with how many replications, and how many it
    would take; None if there was none."""
    if configuration.study.until is None or configuration.study.replication is not None:
        return None
    goal, many = parse_stopping_rule(**configuration.study.until), len(next(iter(runs.values())))
    if goal.metric is not None and not _looks(goal, confidence.exposure):
        method = f"Stein's two stages, the first of {goal.first}"
        reached = all(_narrow(found[goal.metric], goal.half) for found in intervals.values())
        more = max(_needed(goal, goal.metric, each) for each in runs.values())
    else:
        method = f"at most {len(goal.looks)} looks, whose intervals hold together"
        reached = _reached(goal, runs, configuration.scenario, confidence)
        more = (
            (
                replications_to_decide(
                    _standing(runs, configuration.scenario, confidence), confidence
                )
                or 0
            )
            if goal.metric is None
            else _wanted(goal, goal.metric, runs, confidence)
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
