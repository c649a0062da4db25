"""A log's first part fitted, its rest predicted, and the prediction held against what came."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import starmap
from typing import Any, NamedTuple

import numpy as np

from simroute.fitting.fit import Fit, fit_sample
from simroute.fitting.sample import Sample, read_sample
from simroute.models import spec
from simroute.models.billing import Tariff
from simroute.models.calendar import workload_calendar
from simroute.models.prices import resolve_prices
from simroute.models.prospects import foresee_calls
from simroute.models.random import Streams
from simroute.models.weather import Weather
from simroute.traces.embeddings import separate_embeddings
from simroute.traces.failures import ABANDONED
from simroute.traces.playback.in_memory import reading_notes
from simroute.traces.table import RequestTable

FIGURES = {
    "rate": "requests a second",
    "input_tokens": "input tokens a second",
    "output_tokens": "output tokens a second",
    "cost": "USD an hour",
    "p95": "s, 95 % of answered calls take no longer",
    "success": "share of calls that are answered, of those that are no request's own fault",
}
"""Name -> unit and meaning; the last three only where the log, or the deployments given, tell
them."""
LEVEL = 0.95
HOURS_FROM = 4.0
"""Hours held out from which on windows are hours; shorter parts have ten windows."""
ROUNDING = 5e-4
"""Of a bound: the numbers of a fitted scenario have four digits, so its figures cannot be
nearer."""
FEW = 20
"""Calls in a window below which it has no p95 and no success."""


Figures = dict[str, list[float]]
"""Name -> one value a window, and one for all of them."""


class CallColumns(NamedTuple):
    """Calls: seconds from the split, tokens, USD, seconds to the end, and 1 for those that were
    answered."""

    t: np.ndarray
    asked: np.ndarray
    given: np.ndarray
    cost: np.ndarray
    seconds: np.ndarray
    ok: np.ndarray


class ForecastWindow(NamedTuple):
    """Seconds of the log; for each figure the predicted bounds and what came (None: nothing to hold
    it against)."""

    start: float
    end: float
    intervals: dict[str, tuple[float, float, float | None]]


@dataclass
class Forecast:
    """`overall`: figure -> (low, middle, high, what came); `notes`: what the figures leave out, in
    sentences."""

    fit: Fit
    trained: int
    held_out: int
    split: float
    replications: int
    overall: dict[str, tuple[float, float, float, float | None]]
    windows: list[ForecastWindow]
    notes: list[str]

    @property
    def coverage(self) -> dict[str, tuple[int, int]]:
        """Figure -> (windows whose interval holds what came, windows)."""
        made = {}
        for name in self.overall:
            every = [window.intervals[name] for window in self.windows if name in window.intervals]
            told = [(low, high, came) for low, high, came in every if came is not None]
            if told:
                made[name] = sum(starmap(contains, told)), len(told)
        return made

    def plain(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "trained": self.trained,
            "held_out": self.held_out,
            "split_s": self.split,
            "replications": self.replications,
            "level": LEVEL,
            "overall": {
                name: dict(zip(("low", "median", "high", "actual"), found, strict=True))
                for name, found in self.overall.items()
            },
            "coverage": {
                name: {"held": held, "windows": many}
                for name, (held, many) in self.coverage.items()
            },
            "windows": [
                {"start_s": window.start, "end_s": window.end, **_bounds(window)}
                for window in self.windows
            ],
            "notes": [*self.fit.head, *self.notes],
        }


def contains(low: float, high: float, came: float) -> bool:
    """Whether these bounds hold what came, as far as the digits of a fitted scenario go."""
    return low - ROUNDING * abs(low) <= came <= high + ROUNDING * abs(high)


def _bounds(window: ForecastWindow) -> dict[str, Any]:
    return {
        name: dict(zip(("low", "high", "actual"), found, strict=True))
        for name, found in window.intervals.items()
    }


def forecast(
    table: RequestTable,
    name: str,
    train: float = 0.7,
    replications: int = 100,
    deployments: dict[str, Any] | None = None,
    seed: int = 1,
    progress: Callable[[str], None] | None = None,
) -> Forecast:
    """Fit the first `train` of a log's time, and predict the rest. Raises TraceError."""
    separate_embeddings(table)
    first, last = table.rows("SELECT min(arrival_ns), max(arrival_ns) FROM requests")[0]
    split = first + round((last - first) * train)
    past, rest = read_sample(table, stop_ns=split), read_sample(table, start_ns=split)
    made = fit_sample(past, name, deployments, progress)
    ahead = _ahead(made, past, rest, table.relative)
    edges = _edges(rest.span)
    names = (
        {}
        if deployments is not None
        else dict(zip(past.calls, (one.name for one in made.parts.deployments), strict=False))
    )
    shares = _shares(ahead, past, names)
    came = _came(rest, ahead, names, edges)
    runs = [_played(made, ahead, shares, edges, seed, k) for k in range(replications)]
    notes = _unheld(past, rest) if "success" in came else []
    told = [
        figure
        for figure in FIGURES
        if (figure in came or (deployments is not None and figure in runs[0]))
        and not (notes and figure == "success")
    ]
    each = [
        {f: held for f in told if (held := _interval(runs, came, f, w)) is not None}
        for w in range(len(edges) - 1)
    ]
    windows = [ForecastWindow(edges[w], edges[w + 1], found) for w, found in enumerate(each)]
    overall = {}
    for figure in told:
        series = np.array([run[figure][-1] for run in runs])
        if np.isnan(series).all():
            continue
        low, middle, high = np.nanquantile(series, ((1 - LEVEL) / 2, 0.5, (1 + LEVEL) / 2)).tolist()
        overall[figure] = (low, middle, high, _number(came.get(figure), -1))
    shown = [replaced(window, (split - first) / 1e9) for window in windows]
    return Forecast(
        made,
        len(past.arrival),
        len(rest.arrival),
        (split - first) / 1e9,
        replications,
        overall,
        shown,
        [*notes, *reading_notes(table)],
    )


def _unheld(past: Sample, rest: Sample) -> list[str]:
    """Why success is not forecast, in a sentence; empty where it is."""
    count, many = past.nobodys + rest.nobodys, len(past.arrival) + len(rest.arrival)
    if not count:
        return []
    return [
        f"success is not held against the log: {count:,} of {many:,} requests have a failure of "
        f"which it cannot be told whose it was"
    ]


def replaced(window: ForecastWindow, later: float) -> ForecastWindow:
    """The same window on the log's clock."""
    return window._replace(start=window.start + later, end=window.end + later)


def _ahead(made: Fit, past: Sample, rest: Sample, relative: bool) -> spec.Scenario:
    """The fitted scenario for the time after; outages are history, not forecast: it has none."""
    profile = made.scenario.workload.profile
    starts = (
        (past.starts if relative else rest.starts) + (past.span / 3600 if relative else 0.0)
    ) % 168
    load = replace(made.scenario.workload, profile=replace(profile, starts=starts), invalid={})
    return replace(made.scenario, workload=load, horizon=rest.span, outages={})


def _edges(span: float) -> list[float]:
    hours = span / 3600
    return (
        np.linspace(0, span, 11).tolist()
        if hours < HOURS_FROM
        else [*(np.arange(int(hours)) * 3600.0).tolist(), span]
    )


def _played(
    made: Fit,
    ahead: spec.Scenario,
    shares: dict[str, float],
    edges: list[float],
    seed: int,
    replication: int,
) -> Figures:
    """Figures of one replication, by window and in all (last): one call a request, deployments in
    the log's shares, a rate from its interval."""
    source = Streams(seed, replication).block("forecast", block=0)
    rate = made.parts.arrivals.rate
    spread = (
        0.0
        if rate.low is None or rate.high is None
        else (rate.high - rate.low) / (2 * 1.96 * rate.value)
    )
    load = replace(
        ahead.workload, rate=rate.value * max(0.05, 1 + spread * float(source.standard_normal()))
    )
    sky = Weather(replace(ahead, workload=load), seed, replication)
    edge, names = np.cumsum(list(shares.values()))[:-1], list(shares)
    parts: list[CallColumns] = []
    for block in sky.blocks():
        chosen = np.searchsorted(edge, source.random(block.size), side="right")
        fates = [foresee_calls(sky.deployments[name], block, 0) for name in names]
        seconds, ok, cost = (
            np.choose(chosen, [getattr(each, key) for each in fates])
            for key in ("seconds", "ok", "bill")
        )
        parts.append(
            CallColumns(
                block.arrival, block.input_tokens, block.output_tokens, cost / 1e9, seconds, ok
            )
        )
    return _figures(parts, edges)


def _shares(
    ahead: spec.Scenario, past: Sample, names: dict[tuple[str, str], str]
) -> dict[str, float]:
    """Deployment -> share of calls; the first one has all where the log names none."""
    if not names:
        return {next(iter(ahead.deployments)): 1.0}
    total = sum(len(past.calls[key].t) for key in names)
    return {name: len(past.calls[key].t) / total for key, name in names.items()}


def _figures(parts: list[CallColumns], edges: list[float]) -> Figures:
    """By window, and in all."""
    rows = (
        CallColumns(
            *(np.concatenate([np.zeros(0), *column]) for column in zip(*parts, strict=True))
        )
        if parts
        else CallColumns(*[np.zeros(0)] * 6)
    )
    place = np.clip(np.searchsorted(edges, rows.t, side="right") - 1, 0, len(edges) - 2)
    lengths = np.append(np.diff(edges), edges[-1])
    made: Figures = {}
    sums = {
        "rate": np.ones(len(place)),
        "input_tokens": rows.asked,
        "output_tokens": rows.given,
        "cost": rows.cost * 3600,
    }
    for key, values in sums.items():
        each = np.bincount(place, values, len(edges) - 1)
        made[key] = (np.append(each, each.sum()) / lengths).tolist()
    windows = [place == w for w in range(len(edges) - 1)] + [np.ones(len(place), bool)]
    ok = rows.ok > 0
    timed = ok & np.isfinite(rows.seconds)
    made["p95"] = [
        float(np.quantile(rows.seconds[mine & timed], 0.95))
        if (mine & timed).sum() >= FEW
        else np.nan
        for mine in windows
    ]
    made["success"] = [float(ok[mine].mean()) if mine.sum() >= FEW else np.nan for mine in windows]
    return made


def _came(
    rest: Sample, ahead: spec.Scenario, names: dict[tuple[str, str], str], edges: list[float]
) -> Figures:
    """The same figures of what came. Costs are at the scenario's prices, so that traffic is held
    against traffic."""
    blank = np.zeros(len(rest.arrival))
    made = {"rate": _figures([CallColumns(rest.arrival, *[blank] * 5)], edges)["rate"]}
    none = np.zeros(len(rest.answered))
    priced = next(iter(ahead.deployments.values()))
    cost = _cost(priced, ahead, rest.answered, rest.input_tokens, rest.output_tokens)
    tokens = _figures(
        [CallColumns(rest.answered, rest.input_tokens, rest.output_tokens, cost, none, none)], edges
    )
    made |= {key: tokens[key] for key in ("input_tokens", "output_tokens")}
    if not names:
        return made | ({} if "assumed" in ahead.deployments else {"cost": tokens["cost"]})
    parts = []
    for key, name in names.items():
        if key in rest.calls:
            calls = rest.calls[key].where(rest.calls[key].status != ABANDONED)
            good = calls.status == 200
            paid = np.where(
                good,
                _cost(
                    ahead.deployments[name], ahead, calls.t, calls.input_tokens, calls.output_tokens
                ),
                0.0,
            )
            parts.append(
                CallColumns(
                    calls.t,
                    calls.input_tokens,
                    calls.output_tokens,
                    paid,
                    calls.latency,
                    good.astype(float),
                )
            )
    sent = _figures(parts, edges)
    timed = any(np.isfinite(part.seconds).any() for part in parts)
    return made | {
        key: sent[key] for key in (("cost", "p95", "success") if timed else ("cost", "success"))
    }


def _cost(
    deployment: spec.Deployment,
    ahead: spec.Scenario,
    when: np.ndarray,
    asked: np.ndarray,
    given: np.ndarray,
) -> np.ndarray:
    """USD of each, at its own moment's price."""
    tariff = Tariff(resolve_prices(deployment, ahead.horizon, workload_calendar(ahead.workload)))
    none = np.zeros(len(when), np.int64)
    return np.asarray(
        tariff.bill_many(when, asked.astype(np.int64), given.astype(np.int64), none, none) / 1e9
    )


def _interval(
    runs: list[Figures], came: Figures, figure: str, window: int
) -> tuple[float, float, float | None] | None:
    """Bounds and what came; None where too few calls are expected."""
    series = np.array([run[figure][window] for run in runs])
    if np.isnan(series).mean() > 0.5:
        return None
    low, high = np.nanquantile(series, ((1 - LEVEL) / 2, (1 + LEVEL) / 2)).tolist()
    return low, high, _number(came.get(figure), window)


def _number(series: list[float] | None, place: int) -> float | None:
    return None if series is None or np.isnan(series[place]) else series[place]
