"""What a year holds, from horizons simulated given that an outage comes: none, each alone, each
pair that overlaps, weighted by how often they do.

Outages come as Poisson processes (`per_year`). With m the mean of a figure that adds up (failures,
minutes, money) over a horizon, a year holds

    T/H · m(none) + Σ rate(i) · (m(i) - m(none)) + Σ rate(i, j) · (m(i, j) - m(i) - m(j) + m(none))

where i and j overlap rate(i) · rate(j) · (duration(i) + duration(j)) / T times a year. Sorted by m,
this is a number of horizons of each kind, which add up to a year. All kinds meet the same weather
in a replication, so that a replication has one yearly figure, and Student's t over replications
combines them. Rare outages are thereby seen in every replication, for which years would have to be
simulated by the hundred.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from itertools import combinations_with_replacement
from typing import Any, NamedTuple

import numpy as np

from simroute.config.configuration import Configuration
from simroute.errors import InputError
from simroute.execution.progress import StudyListener
from simroute.experiment.job import Executor, Job
from simroute.metrics import Figures
from simroute.models import spec
from simroute.models.faults import resolve_time
from simroute.models.random import Streams
from simroute.statistics.intervals import NOMINAL, Confidence, Interval, interval
from simroute.units import duration, span

YEAR = 365 * 86_400.0
POINTS = 5
"""Ways to overlap that a pair is simulated in: systematic from a random start, so that each
replication's is uniform."""


class Stratum(NamedTuple):
    """So many horizons a year have these outages, in one of several ways (replication r meets the
    r-th, cyclically)."""

    outages: tuple[str, ...]
    horizons: float
    ways: list[dict[str, spec.Outage]]


def yearly_figures(
    configuration: Configuration,
    runs: Mapping[str, list[Figures]],
    executor: Executor,
    confidence: Confidence = NOMINAL,
    year: float = YEAR,
    watch: StudyListener | None = None,
) -> dict[str, Any]:
    """For summary.json: each policy's yearly success, availability and cost. `runs`: of the
    scenario as it stands. Raises InputError."""
    watch = watch or StudyListener()
    kinds = strata(configuration.scenario, configuration.seed, year)
    replications = len(next(iter(runs.values())))
    sums = {policy: np.zeros((replications, 5)) for policy in runs}
    jobs = [_jobs(configuration, stratum, runs) for stratum in kinds]
    watch.started(sum(map(len, jobs)), 0)
    for stratum, own in zip(kinds, jobs, strict=True):
        for policy, rows in _play(own, runs, executor, watch).items():
            sums[policy] += stratum.horizons * rows
    return {
        "year_s": year,
        "strata": [
            {"outages": list(stratum.outages), "horizons": stratum.horizons} for stratum in kinds
        ],
        "three_at_once": _share_of_three(configuration.scenario, year),
        "policies": {
            policy: {name: bounds.plain() for name, bounds in _figures(rows, confidence).items()}
            for policy, rows in sums.items()
        },
    }


def strata(scenario: spec.Scenario, seed: int, year: float = YEAR) -> list[Stratum]:
    """None, each outage alone, and each overlapping pair, with the horizons a year that have them.
    Raises InputError."""
    _check_rates(scenario)
    rate = {name: outage.per_year or 0.0 for name, outage in scenario.outages.items()}
    lasts = {name: _span(outage, scenario.horizon)[1] for name, outage in scenario.outages.items()}
    together = {}
    for a, b in combinations_with_replacement(rate, 2):
        together[a, b] = rate[a] * rate[b] * ((lasts[a] + lasts[b]) if a != b else lasts[a]) / year
    alone = {
        name: rate[name] - sum(often * pair.count(name) for pair, often in together.items())
        for name in rate
    }
    fair = year / scenario.horizon - sum(alone.values()) - sum(together.values())
    if min(fair, *alone.values()) < 0:
        raise InputError(
            "--yearly: outages come so often that hardly one is alone; simulate them as random "
            "ones (mean_between, repair) instead"
        )
    kinds = [
        Stratum((), fair, [{}]),
        *(
            Stratum((name,), horizons, [{name: scenario.outages[name]}])
            for name, horizons in alone.items()
        ),
    ]
    return kinds + [
        Stratum(pair, often, list(_overlaps(scenario, seed, *pair)))
        for pair, often in together.items()
        if often > 0
    ]


def _check_rates(scenario: spec.Scenario) -> None:
    unknown = [
        name
        for name, outage in scenario.outages.items()
        if outage.start is None or outage.per_year is None
    ]
    if not scenario.outages or unknown:
        which = f"outages.{unknown[0]}" if unknown else "outages"
        raise InputError(
            f"--yearly: {which}: give start, end and per_year, how often a year such an outage "
            f"comes"
        )


def _span(outage: spec.Outage, horizon: float) -> tuple[float, float]:
    """Start and duration, s."""
    assert outage.start is not None
    assert outage.end is not None
    start = resolve_time(outage.start, horizon)
    return start, resolve_time(outage.end, horizon) - start


def _overlaps(
    scenario: spec.Scenario, seed: int, first: str, second: str
) -> Iterator[dict[str, spec.Outage]]:
    """The second begins at any time from so long before the first that they just meet, to the
    first's end."""
    (start, lasts), (other, also) = (
        _span(scenario.outages[name], scenario.horizon) for name in (first, second)
    )
    begins = min(start, other)
    if begins + lasts + also > scenario.horizon:
        raise InputError(
            f"--yearly: {first} and {second}, one after the other, do not fit into the horizon; "
            f"lengthen it or let them start earlier"
        )
    chance = float(Streams(seed, 0).block("yearly", first, second, block=0).random())
    for point in range(POINTS):
        later = -also + (lasts + also) * (point + chance) / POINTS
        a, b = begins + max(0.0, -later), begins + max(0.0, later)
        yield {
            first: replace(scenario.outages[first], start=a, end=a + lasts),
            second if second != first else f"{second} again": replace(
                scenario.outages[second], start=b, end=b + also
            ),
        }


def _jobs(
    configuration: Configuration, stratum: Stratum, runs: Mapping[str, list[Figures]]
) -> list[Job]:
    """What has to be played of a horizon with these outages; nothing where that is the scenario as
    it stands, whose runs are there."""
    replications = len(next(iter(runs.values())))
    if list(stratum.ways[0].items()) == list(configuration.scenario.outages.items()):
        return []
    variants = [
        replace(
            configuration,
            scenario=replace(configuration.scenario, outages=outages),
            study=replace(configuration.study, until=None, yearly=False),
        )
        for outages in stratum.ways
    ]
    return [
        Job(variant, policy, replication, metrics_only=True)
        for way, variant in enumerate(variants)
        for replication in range(way, replications, len(variants))
        for policy in runs
    ]


def _play(
    jobs: list[Job],
    runs: Mapping[str, list[Figures]],
    executor: Executor,
    watch: StudyListener,
) -> dict[str, np.ndarray]:
    """Policy -> replication -> what adds up; of `runs` where there is nothing to play."""
    if not jobs:
        return {policy: np.array([_sums(run) for run in each]) for policy, each in runs.items()}
    sums = {policy: np.zeros((len(each), 5)) for policy, each in runs.items()}
    with closing(executor.run(jobs, watch.progress)) as results:
        for result in results:
            sums[result.job.policy][result.job.replication] = _sums(result.figures)
            watch.finished(result.job, result.figures)
    return sums


def _sums(run: Figures) -> tuple[float, float, float, float, float]:
    """Failures, requests, bad minutes, minutes, USD."""
    (ok, requests), (good, minutes) = run.pooled["success_rate"], run.pooled["availability"]
    return requests - ok, requests, minutes - good, minutes, run.metrics["cost_usd"] or 0.0


def _figures(rows: np.ndarray, confidence: Confidence) -> dict[str, Interval]:
    failed, requests, bad, minutes, cost = rows.T
    shares = {"success_rate": 1 - failed / requests, "availability": 1 - bad / minutes}
    return {
        **{name: _share(values.tolist(), confidence) for name, values in shares.items()},
        "cost_usd": interval(cost.tolist(), confidence=confidence),
    }


def _share(values: list[float], confidence: Confidence) -> Interval:
    """Bounds are cut at 0 and 1. A share that never varied has none: no failure seen does not prove
    that there is none."""
    bounds = interval([*values], confidence=confidence)
    if bounds.low is None or bounds.high is None or bounds.low == bounds.high:
        return Interval(bounds.mean, None, None)
    return bounds.clamp(0.0, 1.0)


def _share_of_three(scenario: spec.Scenario, year: float) -> float:
    """The share of a year in which three or more are there at once, which is left out: the number
    at once is Poisson (M/G/∞)."""
    load = (
        sum(
            (outage.per_year or 0.0) * _span(outage, scenario.horizon)[1]
            for outage in scenario.outages.values()
        )
        / year
    )
    return max(0.0, 1 - math.exp(-load) * (1 + load + load**2 / 2))


def yearly_sentences(yearly: Mapping[str, Any]) -> list[str]:
    """The year in sentences."""
    often = "; ".join(
        f"{' with '.join(one['outages']) or 'without an outage'} {one['horizons']:,.4g}"
        for one in yearly["strata"]
    )
    length = yearly["year_s"] / sum(one["horizons"] for one in yearly["strata"])
    lines = [f"A year, as so many times {duration(length)} of each kind ({often}):"]
    for policy, figures in yearly["policies"].items():
        success, minutes, cost = (
            Interval(**figures[name]) for name in ("success_rate", "availability", "cost_usd")
        )
        shares = (
            f"{span(*success, unit='share')} of requests and {span(*minutes, unit='share')} "
            f"of minutes succeed"
        )
        lines.append(f"  {policy}: {shares}, for {span(*cost, unit='USD')}")
    return lines
