"""How well a fitted scenario gives back what it was fitted to: distances, tails, dispersion, and a
sentence where it does not."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

from simroute.fitting.arrivals import SCALES, dispersion
from simroute.fitting.sample import Calls, Sample
from simroute.models import spec
from simroute.models.weather import Weather

FAR = 0.05
"""A distance of Kolmogorov and Smirnov beyond this is called a bad fit."""
TAIL, UNEVEN = 1.2, 1.5
"""So are quantiles and dispersions that are wrong by more than these factors."""
MOST = 200_000
POINTS = 120
"""Points of a curve to be drawn."""
FEWEST = 30


class GoodnessRow(NamedTuple):
    """`ks`: distance of Kolmogorov and Smirnov; pairs: the log's, the model's. `said`: empty where
    it fits."""

    what: str
    n: int
    ks: float | None
    p95: tuple[float, float] | None
    p99: tuple[float, float] | None
    dispersion: tuple[float, float] | None
    said: str


def compare_with_model(
    seen: Sample, scenario: spec.Scenario, names: list[str], seed: int = 1
) -> tuple[list[GoodnessRow], dict[str, Any]]:
    """(rows, curves of data and model for each). `names`: of the scenario's deployments that the
    log's calls belong to, in order."""
    blocks = list(Weather(replace(scenario, outages={}), seed, 0).blocks())
    if not blocks:
        return [], {}
    when, asked, given = (
        np.concatenate([getattr(block, name) for block in blocks])
        for name in ("arrival", "input_tokens", "output_tokens")
    )
    rows, curves = [], {}
    for what, mine, other, unit in (
        ("gaps between arrivals", np.diff(seen.arrival), np.diff(when), "s"),
        ("input tokens", seen.input_tokens, asked, "tokens"),
        ("output tokens", seen.output_tokens, given, "tokens"),
    ):
        rows.append(_compared(what, mine, other))
        curves[what] = curve(mine, other, unit)
    runs = [
        np.concatenate(
            [np.zeros(0), *(block.arrival for block in Weather(scenario, seed, k).blocks())]
        )
        for k in range(1, 4)
    ]
    for scale in SCALES:
        real, made = (
            dispersion(seen.arrival, seen.span, scale),
            [dispersion(run, seen.span, scale) for run in (when, *runs)],
        )
        if real is not None and None not in made:
            rows.append(
                _spread(scale, real, float(np.mean(np.array(made, float))), len(seen.arrival))
            )
    curves["requests over time"] = _over_time(seen, when, scenario.horizon)
    for name, calls in zip(names, seen.calls.values(), strict=False):
        for what, mine, other in _times(scenario, name, calls, seed):
            rows.append(_compared(f"{name}: {what}", mine, other))
            curves[f"{name}: {what}"] = curve(mine, other, "s")
        if calls.failed.sum() >= FEWEST:
            curves[f"{name}: errors"] = _errors(scenario, name, calls, seen.span, seed)
    return rows, curves


def _times(
    scenario: spec.Scenario, name: str, calls: Calls, seed: int
) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """The log's times of answered calls, and those that the model draws for calls of the same sizes
    at the same moments."""
    good = calls.where(
        (calls.status == 200)
        & (calls.latency > 0)
        & (calls.input_tokens > 0)
        & (np.arange(len(calls.t)) < MOST)
    )
    if len(good.t) < FEWEST:
        return []
    load = spec.Workload(trace="log", max_output_tokens=int(good.output_tokens.max()) + 1)
    known: Any = SimpleNamespace(
        arrival=good.t,
        input_tokens=good.input_tokens.astype(np.int64),
        output_tokens=good.output_tokens.astype(np.int64),
    )
    sky = Weather(
        replace(scenario, workload=load, horizon=float(good.t[-1]) + 1), seed, 0, trace=known
    )
    model = sky.deployments[name]
    first, whole = [], []
    for block in sky.blocks():
        drawn = model.draw_arrays(block, 0)
        slow = np.array([model.conditions(t)[0].slow_down for t in block.arrival.tolist()])
        first.append(drawn.ttft * slow)
        whole.append((drawn.ttft + drawn.decode) * slow)
    found = [("whole time", good.latency, np.concatenate(whole)[: len(good.t)])]
    streamed = good.ttft > 0
    if streamed.sum() >= FEWEST:
        found.insert(
            0,
            (
                "time to first token",
                good.ttft[streamed],
                np.concatenate(first)[: len(good.t)][streamed],
            ),
        )
    return found


def ks_distance(mine: np.ndarray, other: np.ndarray) -> float:
    """Of Kolmogorov and Smirnov between two samples."""
    points = np.union1d(mine, other)
    one, two = (
        np.searchsorted(np.sort(values), points, "right") / len(values) for values in (mine, other)
    )
    return float(np.abs(one - two).max())


def _compared(what: str, mine: np.ndarray, other: np.ndarray) -> GoodnessRow:
    apart = ks_distance(mine, other)
    p95, p99 = (
        (float(np.quantile(mine, share)), float(np.quantile(other, share)))
        for share in (0.95, 0.99)
    )
    said = []
    if apart > FAR:
        middle = float(np.median(mine)), float(np.median(other))
        lean = "longer" if middle[1] > middle[0] else "shorter"
        values = f"{middle[1]:.3g} for {middle[0]:.3g}"
        said.append(
            f"the shares below a value are up to {100 * apart:.0f} points apart; the model's "
            f"median is {lean} ({values})"
        )
    for name, (data, model) in (("p95", p95), ("p99", p99)):
        if data > 0 and not 1 / TAIL <= model / data <= TAIL:
            said.append(f"{name} is {model / data:.2f} times the log's")
    return GoodnessRow(
        what, len(mine), apart, p95, p99, None, f"{what}: {'; '.join(said)}." if said else ""
    )


def _spread(scale: float, mine: float, other: float, n: int) -> GoodnessRow:
    said = ""
    if not mine / UNEVEN <= other <= mine * UNEVEN:
        more = "evener" if other < mine else "burstier"
        said = (
            f"Counts in {scale:g} s are {more} than the log's: dispersion {other:.2f} for "
            f"{mine:.2f}."
        )
    return GoodnessRow(f"dispersion at {scale:g} s", n, None, None, None, (mine, other), said)


def _errors(
    scenario: spec.Scenario, name: str, calls: Calls, span: float, seed: int
) -> dict[str, Any]:
    """Shares of calls that fail over time; of the model, the chance of it at the log's own moments.
    Without 429s that a limit explains."""
    model = Weather(scenario, seed, 0).deployments[name]
    limited = model.limits is not None
    edges = np.linspace(0, max(span, 1e-9), POINTS + 1)
    n = np.maximum(np.histogram(calls.t, edges)[0], 1)
    failed = calls.failed & ~(limited & (calls.status == 429))
    chance = np.array([model.conditions(t)[0].failure_share for t in calls.t.tolist()])
    bins = {"log": failed.astype(float), "model": chance}
    return {"unit": "share of calls", "t": ((edges[:-1] + edges[1:]) / 2).tolist()} | {
        key: (np.histogram(calls.t, edges, weights=values)[0] / n).tolist()
        for key, values in bins.items()
    }


def curve(mine: np.ndarray, other: np.ndarray, unit: str) -> dict[str, Any]:
    """Distribution functions of both, at quantiles of either."""
    shares = np.unique(
        np.concatenate([np.linspace(0, 1, POINTS), 1 - np.geomspace(1e-3, 0.01, 10)])
    )
    return {
        "unit": unit,
        "share": shares.tolist(),
        "log": np.quantile(mine, shares).tolist(),
        "model": np.quantile(other, shares).tolist(),
    }


def _over_time(seen: Sample, when: np.ndarray, horizon: float) -> dict[str, Any]:
    edges = np.linspace(0, max(seen.span, 1e-9), POINTS + 1)
    width = edges[1]
    return {
        "unit": "1/s",
        "t": (edges[:-1] + width / 2).tolist(),
        "log": (np.histogram(seen.arrival, edges)[0] / width).tolist(),
        "model": (np.histogram(when, edges)[0] / width).tolist(),
    }
