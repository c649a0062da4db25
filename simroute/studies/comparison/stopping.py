"""`--until`: the replications of a study, all at once or by stages until a criterion holds."""

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
    largest_needed,
    replications_to_decide,
    stein_replications,
)
from simroute.studies.comparison.estimates import metric_interval
from simroute.studies.comparison.promise import Requirement, is_kept, requirements, success_metric
from simroute.studies.comparison.random_outages import expected_exposures, outage_exposure

Runs = dict[str, list[Figures]]
COST = "cost_per_1k_requests_usd"
DECIDED = "decided"
PRECISION = re.compile(r"\s*([A-Za-z0-9_]+)\s*(?:±|\+-|\+/-)\s*([0-9.eE+-]+)\s*")


def parse_stopping_rule(criterion: str, first: int = FIRST, most: int = MOST) -> StoppingRule:
    """Read a criterion of the command line or of `config.yaml`. Raises InputError."""
    if first < 2 or most < first:
        raise InputError(
            f"--until: begins with {first} replications and ends with {most} at the latest; give "
            f"--replications of at least 2, and --max-replications not below it"
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


def stages(configuration: Configuration, collected: CollectedRuns) -> Iterator[range]:
    """The replications that have to be played next, until there are enough. Sets
    `configuration.replications` to their number."""
    if configuration.study.until is None or configuration.study.replication is not None:
        yield configuration.replication_numbers
        return
    rule = parse_stopping_rule(**configuration.study.until)
    count: int | None = rule.first
    while count is not None:
        configuration.replications = count
        yield range(count)
        runs = {
            policy: [collected.figures[policy, replication] for replication in range(count)]
            for policy in configuration.policies
        }
        confidence = study_confidence(configuration, runs, range(count))
        count = next_replications(rule, runs, configuration.scenario, confidence)


def study_confidence(
    configuration: Configuration, runs: Runs, replications: Iterable[int]
) -> Confidence:
    """The confidence of all intervals of a study: as its stopping rule says, and with what these
    replications met of faults that come at random.

    Stein's first spread says nothing of outages that were not met in it: a share is then looked at
    as for `decided`.
    """
    exposure = outage_exposure(
        expected_exposures(configuration),
        replications,
        runs,
        lambda: configuration.expected_requests,
    )
    if configuration.study.until is None:
        return replace(NOMINAL, exposure=exposure)
    rule = parse_stopping_rule(**configuration.study.until)
    by_looks = _has_looks(rule, exposure)
    return replace(rule.look_confidence if by_looks else rule.confidence, exposure=exposure)


def _has_looks(rule: StoppingRule, exposure: Exposure | None) -> bool:
    """Whether each look asks if the criterion holds; else the pilot tells how many are needed."""
    return rule.metric is None or (exposure is not None and is_share(rule.metric))


def next_replications(
    rule: StoppingRule, runs: Runs, scenario: spec.Scenario, confidence: Confidence
) -> int | None:
    """The number of replications to reach next; None if these are enough or no more are allowed."""
    count = len(next(iter(runs.values())))
    if not _has_looks(rule, confidence.exposure):
        needed = min(_most_by_stein(rule, rule.metric or "", runs), rule.most)
        return needed if needed > count == rule.first else None
    if count >= rule.most or _is_reached(rule, runs, scenario, confidence):
        return None
    return next(look for look in rule.looks if look > count)


def _is_reached(
    rule: StoppingRule, runs: Runs, scenario: spec.Scenario, confidence: Confidence
) -> bool:
    if rule.metric is None:
        return is_decided(_standing(runs, scenario, confidence), confidence)
    return all(
        _is_narrow(metric_interval(figures, rule.metric, confidence), rule.half)
        for figures in runs.values()
    )


def _most_by_stein(rule: StoppingRule, metric: str, runs: Runs) -> int:
    """The replications that the policy with the widest spread needs."""
    return max(_needed_by_stein(rule, metric, figures) for figures in runs.values())


def _needed_by_stein(rule: StoppingRule, metric: str, runs: list[Figures]) -> int:
    """Stein's number, from the first replications; where nothing varied in them, as many as the
    exact bounds need."""
    pilot = [run.metrics[metric] for run in runs[: rule.first]]
    known = [value for value in pilot if value is not None]
    trials = [run.pooled[metric][1] for run in runs[: rule.first] if metric in run.pooled]
    if len(known) > 1 and deviation(known) == 0 and known[0] in (0.0, 1.0) and trials:
        return max(rule.first, flawless_replications(sum(trials) // len(trials), rule.half))
    return stein_replications(pilot, rule.half)


def _standing(runs: Runs, scenario: spec.Scenario, confidence: Confidence) -> Standing:
    promised, metric = requirements(scenario), success_metric(scenario)
    intervals = {
        policy: {
            part.metric: metric_interval(figures, part.metric, confidence) for part in promised
        }
        for policy, figures in runs.items()
    }
    keeps = {policy: is_kept(scenario, each) for policy, each in intervals.items()}
    needed = {
        policy: _needed_by_open_parts(promised, intervals[policy], runs[policy], confidence)
        for policy, kept in keeps.items()
        if kept is None
    }
    success, cost = (
        {policy: [run.metrics[name] for run in figures] for policy, figures in runs.items()}
        for name in (metric, COST)
    )
    return Standing(keeps, success, cost, metric, needed)


def _needed_by_open_parts(
    promised: list[Requirement],
    intervals: dict[str, Interval],
    runs: list[Figures],
    confidence: Confidence,
) -> int | None:
    """Replications that would decide the undecided parts of the promise; None if not known."""
    return largest_needed(
        [
            part.replications_needed(
                [run.metrics[part.metric] for run in runs], intervals[part.metric].mean, confidence
            )
            for part in promised
            if part.is_met(intervals[part.metric]) is None
        ]
    )


def stopping_outcome(
    configuration: Configuration,
    runs: Runs,
    intervals: dict[str, dict[str, Interval]],
    confidence: Confidence,
) -> dict[str, Any] | None:
    """`until` of summary.json: whether the criterion holds, with how many replications, and how
    many it would take; None without a criterion."""
    if configuration.study.until is None or configuration.study.replication is not None:
        return None
    rule, count = parse_stopping_rule(**configuration.study.until), len(next(iter(runs.values())))
    if rule.metric is not None and not _has_looks(rule, confidence.exposure):
        method = f"Stein's two stages, the first of {rule.first}"
        reached = all(_is_narrow(each[rule.metric], rule.half) for each in intervals.values())
        needed = _most_by_stein(rule, rule.metric, runs)
    else:
        method = f"at most {len(rule.looks)} looks, whose intervals hold together"
        reached = _is_reached(rule, runs, configuration.scenario, confidence)
        needed = _needed_by_looks(rule, runs, configuration.scenario, confidence) or 0
    would_take = needed if not reached and needed > count else None
    hint = ""
    if not reached:
        hint = (
            f"; it would take about {would_take:,}"
            if would_take
            else "; how many it would take cannot be told"
        )
    return {
        **rule.plain(),
        "replications": count,
        "reached": reached,
        "would_take": would_take,
        "method": method,
        "why": f"Until {rule.criterion}: {'reached' if reached else 'not reached'} with {count:,} "
        f"replications ({method}){hint}.",
    }


def _needed_by_looks(
    rule: StoppingRule, runs: Runs, scenario: spec.Scenario, confidence: Confidence
) -> int | None:
    """About how many replications would meet the criterion; None if not known."""
    metric = rule.metric
    if metric is None:
        return replications_to_decide(_standing(runs, scenario, confidence), confidence)
    return largest_needed(
        [
            replications_needed(
                [run.metrics[metric] for run in figures], rule.half, confidence, metric
            )
            for figures in runs.values()
        ]
    )


def _is_narrow(interval: Interval, half: float) -> bool:
    return (
        interval.low is not None
        and interval.high is not None
        and interval.high - interval.low <= 2 * half * (1 + 1e-9)
    )
