"""The first part of a log fitted, the rest predicted, and the prediction compared with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from simroute.fitting.fit import Fit, fit_sample
from simroute.fitting.forecast_result import FIGURES, Forecast, ForecastWindow
from simroute.fitting.sample import Sample, read_sample
from simroute.models import spec
from simroute.models.billing import Tariff
from simroute.models.calendar import workload_calendar
from simroute.models.prices import resolve_prices
from simroute.models.prospects import foresee_calls
from simroute.models.random import Streams
from simroute.models.weather import Weather
from simroute.statistics.estimate import Estimate
from simroute.statistics.intervals import LEVEL
from simroute.traces.embeddings import separate_embeddings
from simroute.traces.failures import ABANDONED
from simroute.traces.playback.in_memory import reading_notes
from simroute.traces.table import RequestTable

QUANTILES = ((1 - LEVEL) / 2, 0.5, (1 + LEVEL) / 2)
MIN_HOURS = 4.0
"""Hours held out from which on windows are hours; a shorter time has ten windows."""
MIN_CALLS = 20
"""Calls in a window below which it has no p95 and no success."""

Figures = dict[str, list[float]]
"""Name -> one value a window, and one for all of them."""


class CallColumns(NamedTuple):
    """Calls. t: seconds from the split. cost: USD. seconds: to the end. answered: 1 or 0."""

    t: np.ndarray
    input_tokens: np.ndarray
    output_tokens: np.ndarray
    cost: np.ndarray
    seconds: np.ndarray
    answered: np.ndarray


class ForecastPlan(NamedTuple):
    """train: share of the log's time that is fitted. replications: simulated, of the rest."""

    train: float = 0.7
    replications: int = 100
    seed: int = 1


def forecast(
    table: RequestTable,
    name: str,
    plan: ForecastPlan | None = None,
    deployments: dict[str, Any] | None = None,
    progress: Callable[[str], None] | None = None,
) -> Forecast:
    """Fit the first part of a log, and predict the rest. Raises TraceError.

    name: of the log. deployments: plain data of those that answer instead of the log's.
    """
    plan = plan or ForecastPlan()
    separate_embeddings(table)
    first, last = table.rows("SELECT min(arrival_ns), max(arrival_ns) FROM requests")[0]
    split = first + round((last - first) * plan.train)
    past, rest = read_sample(table, stop_ns=split), read_sample(table, start_ns=split)
    result = fit_sample(past, name, deployments, progress)
    names = (
        {}
        if deployments is not None
        else dict(zip(past.calls, (item.name for item in result.parts.deployments), strict=False))
    )
    scenario = _scenario_ahead(result, past, rest, table.relative)
    ahead = _Ahead(
        scenario,
        result.parts.arrivals.rate,
        _call_shares(scenario, past, names),
        _window_edges(rest.span),
    )
    actual = _actual_figures(rest, ahead, names)
    runs = []
    for replication in range(plan.replications):
        if progress is not None:
            progress(f"run {replication + 1} of {plan.replications}")
        runs.append(_simulate(ahead, plan.seed, replication))
    notes = _note_unassigned(past, rest) if "success" in actual else []
    figures = [
        figure
        for figure in FIGURES
        if (figure in actual or (deployments is not None and figure in runs[0]))
        and not (notes and figure == "success")
    ]
    split_s = (split - first) / 1e9
    return Forecast(
        result,
        len(past.arrival),
        len(rest.arrival),
        split_s,
        plan.replications,
        _overall(runs, actual, figures),
        _windows(runs, actual, figures, ahead.edges, split_s),
        [*notes, *reading_notes(table)],
    )


def _note_unassigned(past: Sample, rest: Sample) -> list[str]:
    """Why success is not forecast, in a sentence; empty where it is."""
    count, total = past.unassigned + rest.unassigned, len(past.arrival) + len(rest.arrival)
    if not count:
        return []
    return [
        f"success is not held against the log: {count:,} of {total:,} requests have a failure of "
        f"which it cannot be told whose it was"
    ]


# -- the prediction --------------------------------------------------------------------------------


class _Ahead(NamedTuple):
    """The time after the split. shares: deployment -> share of calls. edges: of windows, s."""

    scenario: spec.Scenario
    rate: Estimate
    shares: dict[str, float]
    edges: list[float]


def _scenario_ahead(result: Fit, past: Sample, rest: Sample, relative: bool) -> spec.Scenario:
    """The fitted scenario for the time after the split, without outages: these are history."""
    starts = (past.starts + past.span / 3600 if relative else rest.starts) % 168
    workload = result.scenario.workload
    profile = replace(workload.profile, starts=starts)
    workload = replace(workload, profile=profile, invalid={})
    return replace(result.scenario, workload=workload, horizon=rest.span, outages={})


def _call_shares(
    scenario: spec.Scenario, past: Sample, names: dict[tuple[str, str], str]
) -> dict[str, float]:
    """Deployment -> share of calls; the first one has all where the log names none."""
    if not names:
        return {next(iter(scenario.deployments)): 1.0}
    total = sum(len(past.calls[key].t) for key in names)
    return {name: len(past.calls[key].t) / total for key, name in names.items()}


def _window_edges(span: float) -> list[float]:
    hours = span / 3600
    return (
        np.linspace(0, span, 11).tolist()
        if hours < MIN_HOURS
        else [*(np.arange(int(hours)) * 3600.0).tolist(), span]
    )


def _simulate(ahead: _Ahead, seed: int, replication: int) -> Figures:
    """Figures of one replication: one call a request, deployments in the log's shares, a rate drawn
    from its interval."""
    source = Streams(seed, replication).block("forecast", block=0)
    rate = ahead.rate
    error = (
        0.0
        if rate.low is None or rate.high is None
        else (rate.high - rate.low) / (2 * 1.96 * rate.value)
    )
    drawn = rate.value * max(0.05, 1 + error * float(source.standard_normal()))
    workload = replace(ahead.scenario.workload, rate=drawn)
    weather = Weather(replace(ahead.scenario, workload=workload), seed, replication)
    edge, names = np.cumsum(list(ahead.shares.values()))[:-1], list(ahead.shares)
    parts: list[CallColumns] = []
    for block in weather.blocks():
        selected = np.searchsorted(edge, source.random(block.size), side="right")
        prospects = [foresee_calls(weather.deployments[name], block, 0) for name in names]
        seconds, ok, cost = (
            np.choose(selected, [getattr(item, key) for item in prospects])
            for key in ("seconds", "ok", "bill")
        )
        parts.append(
            CallColumns(
                block.arrival, block.input_tokens, block.output_tokens, cost / 1e9, seconds, ok
            )
        )
    return _figures(parts, ahead.edges)


def _figures(parts: list[CallColumns], edges: list[float]) -> Figures:
    """Figures by window, and of all together."""
    calls = (
        CallColumns(
            *(np.concatenate([np.zeros(0), *column]) for column in zip(*parts, strict=True))
        )
        if parts
        else CallColumns(*[np.zeros(0)] * 6)
    )
    index = np.clip(np.searchsorted(edges, calls.t, side="right") - 1, 0, len(edges) - 2)
    lengths = np.append(np.diff(edges), edges[-1])
    sums = {
        "rate": np.ones(len(index)),
        "input_tokens": calls.input_tokens,
        "output_tokens": calls.output_tokens,
        "cost": calls.cost * 3600,
    }
    figures: Figures = {}
    for key, values in sums.items():
        totals = np.bincount(index, values, len(edges) - 1)
        figures[key] = (np.append(totals, totals.sum()) / lengths).tolist()
    windows = [index == w for w in range(len(edges) - 1)] + [np.ones(len(index), bool)]
    answered = calls.answered > 0
    timed = [window & answered & np.isfinite(calls.seconds) for window in windows]
    figures["p95"] = [
        float(np.quantile(calls.seconds[mask], 0.95)) if mask.sum() >= MIN_CALLS else np.nan
        for mask in timed
    ]
    figures["success"] = [
        float(answered[window].mean()) if window.sum() >= MIN_CALLS else np.nan
        for window in windows
    ]
    return figures


def _overall(
    runs: list[Figures], actual: Figures, figures: list[str]
) -> dict[str, tuple[float, float, float, float | None]]:
    overall = {}
    for figure in figures:
        series = np.array([run[figure][-1] for run in runs])
        if not np.isnan(series).all():
            low, middle, high = np.nanquantile(series, QUANTILES).tolist()
            overall[figure] = (low, middle, high, _at(actual.get(figure), -1))
    return overall


def _windows(
    runs: list[Figures], actual: Figures, figures: list[str], edges: list[float], split_s: float
) -> list[ForecastWindow]:
    windows = []
    for w in range(len(edges) - 1):
        intervals = {}
        for figure in figures:
            series = np.array([run[figure][w] for run in runs])
            if np.isnan(series).mean() <= 0.5:  # else too few calls are expected
                low, high = np.nanquantile(series, (QUANTILES[0], QUANTILES[2])).tolist()
                intervals[figure] = (low, high, _at(actual.get(figure), w))
        windows.append(ForecastWindow(edges[w] + split_s, edges[w + 1] + split_s, intervals))
    return windows


def _at(series: list[float] | None, index: int) -> float | None:
    return None if series is None or np.isnan(series[index]) else series[index]


# -- what came -------------------------------------------------------------------------------------


def _actual_figures(rest: Sample, ahead: _Ahead, names: dict[tuple[str, str], str]) -> Figures:
    """The same figures of what came. Costs are at the scenario's prices, so that only traffic is
    compared. names: (provider, model) -> deployment."""
    scenario, edges = ahead.scenario, ahead.edges
    zeros = np.zeros(len(rest.arrival))
    figures = {"rate": _figures([CallColumns(rest.arrival, *[zeros] * 5)], edges)["rate"]}
    zeros = np.zeros(len(rest.answered))
    deployment = next(iter(scenario.deployments.values()))
    tokens = rest.input_tokens, rest.output_tokens
    cost = _cost(deployment, scenario, rest.answered, *tokens)
    answered = _figures([CallColumns(rest.answered, *tokens, cost, zeros, zeros)], edges)
    figures |= {key: answered[key] for key in ("input_tokens", "output_tokens")}
    if not names:
        return figures | ({} if "assumed" in scenario.deployments else {"cost": answered["cost"]})
    parts = []
    for key, name in names.items():
        if key not in rest.calls:
            continue
        calls = rest.calls[key].where(rest.calls[key].status != ABANDONED)
        ok = calls.status == 200
        tokens = calls.input_tokens, calls.output_tokens
        cost = np.where(ok, _cost(scenario.deployments[name], scenario, calls.t, *tokens), 0.0)
        parts.append(CallColumns(calls.t, *tokens, cost, calls.latency, ok.astype(float)))
    sent = _figures(parts, edges)
    timed = any(np.isfinite(part.seconds).any() for part in parts)
    keys = ("cost", "p95", "success") if timed else ("cost", "success")
    return figures | {key: sent[key] for key in keys}


def _cost(
    deployment: spec.Deployment,
    scenario: spec.Scenario,
    t: np.ndarray,
    input_tokens: np.ndarray,
    output_tokens: np.ndarray,
) -> np.ndarray:
    """USD of each call, at the price of its own moment."""
    calendar = workload_calendar(scenario.workload)
    tariff = Tariff(resolve_prices(deployment, scenario.horizon, calendar))
    none = np.zeros(len(t), np.int64)
    counts = input_tokens.astype(np.int64), output_tokens.astype(np.int64)
    return np.asarray(tariff.bill_many(t, *counts, none, none) / 1e9)
