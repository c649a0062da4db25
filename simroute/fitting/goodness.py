"""How well a fitted scenario reproduces what it was fitted to: distances, tails, dispersion, and a
sentence where it does not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np

from simroute.fitting.arrivals import SCALES, dispersion
from simroute.fitting.criteria import (
    DISPERSION,
    DISTANCE,
    FACTOR,
    Fault,
    describe_faults,
    factor,
    grade_faults,
    is_another_run,
    ks_by_chance,
    quantile_interval,
    share_is_chance,
)
from simroute.fitting.grades import Grade, trust_sentence, worse
from simroute.fitting.sample import Calls, Sample
from simroute.models import spec
from simroute.models.blocks import Inputs
from simroute.models.weather import Weather
from simroute.statistics.intervals import LEVEL, clopper_pearson
from simroute.text import clean, joined
from simroute.traces.playback.in_memory import Trace
from simroute.units import percent

MAX_CALLS = 200_000
POINTS = 120
"""Points of a curve to be drawn."""
MIN_CALLS = 30
RUNS = 4
"""Replications over which dispersions and shares of the model are averaged."""


class GoodnessRow(NamedTuple):
    """A comparison of log and model. topic, item: what a scenario that fits here can be trusted
    for, "latency" and "latency of gpt-4o". ks: Kolmogorov-Smirnov distance. p95, p99, dispersion,
    share: (log, model); the last of failed calls. said: what does not fit, in a sentence; empty
    where it fits."""

    what: str
    n: int
    ks: float | None
    p95: tuple[float, float] | None
    p99: tuple[float, float] | None
    dispersion: tuple[float, float] | None
    share: tuple[float, float] | None
    said: str
    grade: Grade
    topic: str
    item: str


def describe_trust(rows: list[GoodnessRow]) -> str:
    """What the scenario can be trusted for, in a sentence: a topic where all of its items are as
    good, else its items; an item is as good as its worst row. Failures that the log has not are
    not trusted: they have a bound."""
    topics: dict[str, dict[str, Grade]] = {}
    for row in rows:
        if _never_fails(row):
            continue
        items = topics.setdefault(row.topic, {})
        items[row.item] = worse(items.get(row.item, "good"), row.grade)
    grades: dict[str, Grade] = {}
    for topic, items in topics.items():
        grades |= {topic: next(iter(items.values()))} if len({*items.values()}) == 1 else items
    parts = trust_sentence("This scenario", grades), failure_bound(rows)
    return " ".join(filter(None, parts))


def failure_bound(rows: list[GoodnessRow]) -> str:
    """What is known of failures where none of a deployment's calls failed, in a sentence; empty
    where there is no such deployment."""
    none = [row for row in rows if _never_fails(row)]
    if not none:
        return ""
    bound = max(float(clopper_pearson(0, row.n, 1 - LEVEL)[1]) for row in none)
    calls = joined(f"{clean(row.what.removesuffix(': failures'), 60)} ({row.n:,})" for row in none)
    return (
        f"No failure in the log among calls of {calls}: how often they fail is known to be below "
        f"{percent(bound)} ({100 * LEVEL:.0f} %), how they fail is not."
    )


def _never_fails(row: GoodnessRow) -> bool:
    """Whether a row is of failures and neither the log nor the model has any: a fit to nothing."""
    return row.topic == FAILURES and row.share == (0.0, 0.0)


COST, BURSTS, GAPS = "tokens and cost", "load and bursts", "gaps between requests"
"""Topics, and an item of the second."""
FAILURES = "failures"


class _Pair(NamedTuple):
    """A quantity in the log and in the model, both sorted. topic, item: as in a `GoodnessRow`."""

    what: str
    log: np.ndarray
    model: np.ndarray
    unit: str
    topic: str
    item: str


def compare_with_model(
    sample: Sample, scenario: spec.Scenario, names: list[str], seed: int = 1
) -> tuple[list[GoodnessRow], dict[str, Any]]:
    """(rows, curves of log and model by what they show). names: of the scenario's deployments to
    which the sample's calls belong, in order."""
    columns = [  # a million requests with all columns would take 300 MB
        (block.arrival, block.input_tokens, block.output_tokens)
        for block in Weather(replace(scenario, outages={}), seed, 0).blocks()
    ]
    if not columns:
        return [], {}
    arrival, prompts, answers = map(np.concatenate, zip(*columns, strict=True))
    pairs = [
        _pair(
            "gaps between arrivals", np.diff(sample.arrival), np.diff(arrival), "s", BURSTS, GAPS
        ),
        _pair("input tokens", sample.input_tokens, prompts, "tokens", COST, "input tokens"),
        _pair("output tokens", sample.output_tokens, answers, "tokens", COST, "output tokens"),
    ]
    rows, curves = [_compare(pair) for pair in pairs], {p.what: _curve(p) for p in pairs}
    rows += _compare_dispersion(sample, scenario, arrival, seed)
    curves["requests over time"] = _requests_over_time(sample, arrival)
    for name, calls in zip(names, sample.calls.values(), strict=False):
        for pair in _times(scenario, name, calls, seed):
            rows.append(_compare(pair))
            curves[pair.what] = _curve(pair)
        if len(calls.t) >= MIN_CALLS:
            rows.append(_compare_failures(scenario, name, calls, seed))
        if calls.failed.sum() >= MIN_CALLS:
            curves[f"{name}: errors"] = _errors_over_time(scenario, name, calls, sample.span, seed)
    return rows, curves


def _compare_dispersion(
    sample: Sample, scenario: spec.Scenario, arrival: np.ndarray, seed: int
) -> Iterator[GoodnessRow]:
    """At each scale where both have enough windows: the log, and the mean of some replications, of
    which `arrival` is the first."""
    runs = [arrival, *(Weather(scenario, seed, k).arrivals() for k in range(1, RUNS))]
    n = len(sample.arrival)
    for scale in SCALES:
        log = dispersion(sample.arrival, sample.span, scale)
        values = [dispersion(run, sample.span, scale) for run in runs]
        known = [value for value in values if value is not None]
        if log is None or len(known) < RUNS:
            continue
        model = float(np.mean(known))
        faults = []
        if factor(log, model) > DISPERSION.good:
            lean = "evener" if model < log else "burstier"
            text = f"{lean} than the log's: dispersion {model:.2f} for {log:.2f}"
            is_large = factor(log, model) > DISPERSION.fair
            faults.append(Fault(text, is_large, is_another_run(log, known)))
        said = f"Counts in {scale:g} s are {describe_faults(faults)}." if faults else ""
        head = (f"dispersion at {scale:g} s", n, None, None, None, (log, model), None)
        yield GoodnessRow(*head, said, grade_faults(faults), BURSTS, f"bursts of {scale:g} s")


def _compare_failures(scenario: spec.Scenario, name: str, calls: Calls, seed: int) -> GoodnessRow:
    """The share of calls that fail in the log, and by the model's weather at the same moments."""
    chances = [_failures(scenario, name, calls, seed, k) for k in range(RUNS)]
    failed = chances[0][0]
    runs = [float(chance.mean()) for _, chance in chances]
    hits, n = int(failed.sum()), len(failed)
    log, model = hits / n, float(np.mean(runs))
    faults = []
    if factor(log, model) > FACTOR.good:
        chance = share_is_chance(hits, n, model) or is_another_run(log, runs)
        text = f"{percent(model)} of calls fail for {percent(log)}"
        faults.append(Fault(text, factor(log, model) > FACTOR.fair, chance))
    said = f"{name}: {describe_faults(faults)}." if faults else ""
    head = (f"{name}: failures", n, None, None, None, None, (log, model))
    return GoodnessRow(*head, said, grade_faults(faults), FAILURES, f"failures of {name}")


def _failures(
    scenario: spec.Scenario, name: str, calls: Calls, seed: int, replication: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Of each call whether it failed in the log, and the probability of it at that moment by the
    model. 429s that a limit explains do not count."""
    model = Weather(scenario, seed, replication).deployments[name]
    failed = calls.failed & ~((model.limits is not None) & (calls.status == 429))
    return failed, model.timeline.figures(calls.t, attrgetter("failure_share"))


def _times(scenario: spec.Scenario, name: str, calls: Calls, seed: int) -> Iterator[_Pair]:
    """Times of answered calls in the log, and those that the model draws for calls of the same
    sizes at the same moments."""
    answered = calls.where(
        (calls.status == 200)
        & (calls.latency > 0)
        & (calls.input_tokens > 0)
        & (np.arange(len(calls.t)) < MAX_CALLS)
    )
    n = len(answered.t)
    if n < MIN_CALLS:
        return
    load = spec.Workload(trace="log", max_output_tokens=int(answered.output_tokens.max()) + 1)
    trace = Trace(
        answered.t, answered.input_tokens.astype(np.int64), answered.output_tokens.astype(np.int64)
    )
    played = replace(scenario, workload=load, horizon=float(answered.t[-1]) + 1)
    weather = Weather(played, seed, 0, Inputs(trace))
    model = weather.deployments[name]
    first, whole = [], []
    for block in weather.blocks():
        draws = model.draw_arrays(block, 0)
        slow_down = model.timeline.figures(block.arrival, attrgetter("slow_down"))
        first.append(draws.ttft * slow_down)
        whole.append((draws.ttft + draws.decode) * slow_down)
    streamed, latency = answered.ttft > 0, ("latency", f"latency of {name}")
    if streamed.sum() >= MIN_CALLS:
        drawn = np.concatenate(first)[:n][streamed]
        yield _pair(f"{name}: time to first token", answered.ttft[streamed], drawn, "s", *latency)
    yield _pair(f"{name}: whole time", answered.latency, np.concatenate(whole)[:n], "s", *latency)


def _pair(what: str, log: np.ndarray, model: np.ndarray, unit: str, topic: str, item: str) -> _Pair:
    return _Pair(what, np.sort(log), np.sort(model), unit, topic, item)


def ks_distance(a: np.ndarray, b: np.ndarray) -> float:
    """The Kolmogorov-Smirnov distance between two sorted samples."""
    points = np.concatenate([a, b])
    one, two = (np.searchsorted(values, points, "right") / len(values) for values in (a, b))
    return float(np.abs(one - two).max())


def _compare(pair: _Pair) -> GoodnessRow:
    distance = ks_distance(pair.log, pair.model)
    p95, p99 = zip(
        *(np.quantile(values, (0.95, 0.99)).tolist() for values in (pair.log, pair.model)),
        strict=True,
    )
    faults = [*_distance_faults(pair, distance), *_tail_faults(pair, {"p95": p95, "p99": p99})]
    said = f"{pair.what}: {describe_faults(faults)}." if faults else ""
    grade = grade_faults(faults)
    n = len(pair.log)
    if grade == "good" and ks_by_chance(n, len(pair.model)) > DISTANCE.fair:
        grade, said = "fair", f"{pair.what}: {n:,} are too few to tell how well it fits."
    figures = (len(pair.log), distance, p95, p99, None, None)
    return GoodnessRow(pair.what, *figures, said, grade, pair.topic, pair.item)


def _distance_faults(pair: _Pair, distance: float) -> Iterator[Fault]:
    if distance > DISTANCE.good:
        log, model = float(np.median(pair.log)), float(np.median(pair.model))
        lean = "longer" if model > log else "shorter"
        text = (
            f"the shares below a value are up to {100 * distance:.0f} points apart; the model's "
            f"median is {lean} ({model:.3g} for {log:.3g})"
        )
        by_chance = distance <= ks_by_chance(len(pair.log), len(pair.model))
        yield Fault(text, distance > DISTANCE.fair, by_chance)


def _tail_faults(pair: _Pair, quantiles: dict[str, tuple[float, float]]) -> Iterator[Fault]:
    for name, (log, model) in quantiles.items():
        if log > 0 and factor(log, model) > FACTOR.good:
            share = float(name.removeprefix("p")) / 100
            low, high = quantile_interval(pair.log, share, len(pair.model))
            text = f"{name} is {model / log:.2f} times the log's"
            yield Fault(text, factor(log, model) > FACTOR.fair, low <= model <= high)


# -- curves ----------------------------------------------------------------------------------------


def _curve(pair: _Pair) -> dict[str, Any]:
    """Distribution functions of both, at quantiles of each."""
    shares = np.unique(
        np.concatenate([np.linspace(0, 1, POINTS), 1 - np.geomspace(1e-3, 0.01, 10)])
    )
    return {
        "unit": pair.unit,
        "share": shares.tolist(),
        "log": np.quantile(pair.log, shares).tolist(),
        "model": np.quantile(pair.model, shares).tolist(),
    }


def _errors_over_time(
    scenario: spec.Scenario, name: str, calls: Calls, span: float, seed: int
) -> dict[str, Any]:
    """Share of calls that fail; for the model, the probability of it at the log's own moments."""
    failed, chance = _failures(scenario, name, calls, seed)
    edges = np.linspace(0, max(span, 1e-9), POINTS + 1)
    n = np.maximum(np.histogram(calls.t, edges)[0], 1)
    return {"unit": "share of calls", "t": ((edges[:-1] + edges[1:]) / 2).tolist()} | {
        key: (np.histogram(calls.t, edges, weights=values)[0] / n).tolist()
        for key, values in {"log": failed.astype(float), "model": chance}.items()
    }


def _requests_over_time(sample: Sample, arrival: np.ndarray) -> dict[str, Any]:
    edges = np.linspace(0, max(sample.span, 1e-9), POINTS + 1)
    width = edges[1]
    return {
        "unit": "1/s",
        "t": (edges[:-1] + width / 2).tolist(),
        "log": (np.histogram(sample.arrival, edges)[0] / width).tolist(),
        "model": (np.histogram(arrival, edges)[0] / width).tolist(),
    }
