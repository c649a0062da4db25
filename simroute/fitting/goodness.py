"""How well a fitted scenario reproduces what it was fitted to: distances, tails, dispersion, and a
sentence where it does not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np

from simroute.fitting.arrivals import SCALES, dispersion
from simroute.fitting.sample import Calls, Sample
from simroute.models import spec
from simroute.models.weather import Weather
from simroute.models.workload import Inputs
from simroute.traces.playback.in_memory import Trace

MAX_DISTANCE = 0.05
"""A larger Kolmogorov-Smirnov distance is called a bad fit."""
TAIL_FACTOR, DISPERSION_FACTOR = 1.2, 1.5
"""So are quantiles and dispersions that are wrong by more than these factors."""
MAX_CALLS = 200_000
POINTS = 120
"""Points of a curve to be drawn."""
MIN_CALLS = 30


class GoodnessRow(NamedTuple):
    """A comparison of log and model. ks: Kolmogorov-Smirnov distance. p95, p99, dispersion: (log,
    model). said: what does not fit, in a sentence; empty where it fits."""

    what: str
    n: int
    ks: float | None
    p95: tuple[float, float] | None
    p99: tuple[float, float] | None
    dispersion: tuple[float, float] | None
    said: str


class _Pair(NamedTuple):
    """A quantity in the log and in the model."""

    what: str
    log: np.ndarray
    model: np.ndarray
    unit: str


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
        _Pair("gaps between arrivals", np.diff(sample.arrival), np.diff(arrival), "s"),
        _Pair("input tokens", sample.input_tokens, prompts, "tokens"),
        _Pair("output tokens", sample.output_tokens, answers, "tokens"),
    ]
    rows, curves = [_compare(pair) for pair in pairs], {p.what: _curve(p) for p in pairs}
    rows += _compare_dispersion(sample, scenario, arrival, seed)
    curves["requests over time"] = _requests_over_time(sample, arrival)
    for name, calls in zip(names, sample.calls.values(), strict=False):
        for pair in _times(scenario, name, calls, seed):
            rows.append(_compare(pair))
            curves[pair.what] = _curve(pair)
        if calls.failed.sum() >= MIN_CALLS:
            curves[f"{name}: errors"] = _errors_over_time(scenario, name, calls, sample.span, seed)
    return rows, curves


def _compare_dispersion(
    sample: Sample, scenario: spec.Scenario, arrival: np.ndarray, seed: int
) -> Iterator[GoodnessRow]:
    """At each scale where both have enough windows: the log, and the mean of four replications, of
    which `arrival` is the first."""
    runs = [arrival, *(Weather(scenario, seed, k).arrivals() for k in range(1, 4))]
    n = len(sample.arrival)
    for scale in SCALES:
        log = dispersion(sample.arrival, sample.span, scale)
        values = [dispersion(run, sample.span, scale) for run in runs]
        if log is None or None in values:
            continue
        model = float(np.mean(np.array(values, float)))
        text = ""
        if not log / DISPERSION_FACTOR <= model <= log * DISPERSION_FACTOR:
            lean = "evener" if model < log else "burstier"
            text = (
                f"Counts in {scale:g} s are {lean} than the log's: dispersion {model:.2f} for "
                f"{log:.2f}."
            )
        yield GoodnessRow(f"dispersion at {scale:g} s", n, None, None, None, (log, model), text)


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
    streamed = answered.ttft > 0
    if streamed.sum() >= MIN_CALLS:
        drawn = np.concatenate(first)[:n][streamed]
        yield _Pair(f"{name}: time to first token", answered.ttft[streamed], drawn, "s")
    yield _Pair(f"{name}: whole time", answered.latency, np.concatenate(whole)[:n], "s")


def ks_distance(a: np.ndarray, b: np.ndarray) -> float:
    """The Kolmogorov-Smirnov distance between two samples."""
    a, b = np.sort(a), np.sort(b)
    points = np.concatenate([a, b])
    one, two = (np.searchsorted(values, points, "right") / len(values) for values in (a, b))
    return float(np.abs(one - two).max())


def _compare(pair: _Pair) -> GoodnessRow:
    distance = ks_distance(pair.log, pair.model)
    p95, p99 = (
        (float(np.quantile(pair.log, share)), float(np.quantile(pair.model, share)))
        for share in (0.95, 0.99)
    )
    faults = []
    if distance > MAX_DISTANCE:
        log, model = float(np.median(pair.log)), float(np.median(pair.model))
        lean = "longer" if model > log else "shorter"
        faults.append(
            f"the shares below a value are up to {100 * distance:.0f} points apart; the model's "
            f"median is {lean} ({model:.3g} for {log:.3g})"
        )
    for name, (log, model) in (("p95", p95), ("p99", p99)):
        if log > 0 and not 1 / TAIL_FACTOR <= model / log <= TAIL_FACTOR:
            faults.append(f"{name} is {model / log:.2f} times the log's")
    text = f"{pair.what}: {'; '.join(faults)}." if faults else ""
    return GoodnessRow(pair.what, len(pair.log), distance, p95, p99, None, text)


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
    """Share of calls that fail; for the model, the probability of it at the log's own moments.
    429s that a limit explains do not count."""
    model = Weather(scenario, seed, 0).deployments[name]
    edges = np.linspace(0, max(span, 1e-9), POINTS + 1)
    n = np.maximum(np.histogram(calls.t, edges)[0], 1)
    failed = calls.failed & ~((model.limits is not None) & (calls.status == 429))
    chance = model.timeline.figures(calls.t, attrgetter("failure_share"))
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
