"""How far a replay can be trusted: its own routing held against the log, and which figures were
observed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from simroute.config.configuration import Configuration
from simroute.config.documents import RECORDED
from simroute.metrics import Evidence, Figures
from simroute.metrics.evidence_fold import BINS, cell_seconds
from simroute.statistics.intervals import interval, paired_difference
from simroute.statistics.multiple import is_significant
from simroute.studies.replay.costs import cost_tables
from simroute.studies.replay.log_figures import COMPARED, log_figures, logged_figures
from simroute.studies.replay.savings import largest_savings

if TYPE_CHECKING:
    from simroute.studies.comparison.comparison import Comparison

MOST_AGAIN = 5
"""Replications of the log's own routing that are played when something lies over the trace, so that
the others cannot be held against it."""
UNKNOWN: dict[str, Any] = {"relative": None}
"""The comparison of a figure that the log does not tell."""
HOUR = 3600.0
FEWEST = 20
"""Requests without which an hour is not compared."""

Again = Callable[[Configuration], tuple[list[Figures], Evidence]]
"""Plays the replications of a configuration's only policy."""


def calibrate(study: Comparison, again: Again) -> dict[str, Any]:
    """`replay` of summary.json: the log's figures, those of its own routing replayed, residuals,
    and which differences are decided in spite of them."""
    configuration = study.configuration
    undisturbed = undisturbed_replay(configuration)
    log = log_figures(undisturbed)
    trace = configuration.trace
    assert trace is not None
    deployments = configuration.scenario.deployments.values()
    is_known = any(deployment.recorded is not None for deployment in deployments)
    known = logged_figures(trace) if is_known else []
    runs, evidence = _recorded_runs(study, undisturbed, again) if known else ([], Evidence())
    compared = {name: _compare(name, log, runs) for name in known}
    differences = [
        _difference(study, policy, name, compared.get(name, UNKNOWN))
        for policy in study.runs
        if known and policy != RECORDED and RECORDED in study.runs
        for name in COMPARED
    ]
    tables = cost_tables(study, log)
    return {
        "format": trace.format,
        "requests": int(log.metrics["requests"] or 0),
        "calibration": compared,
        "hours": _hours(undisturbed, known, log, evidence, len(runs)) if known else [],
        "origin": {policy: _origin(each) for policy, each in study.evidence.items()},
        "differences": differences,
        "sends": {policy: _sends(configuration, each) for policy, each in study.evidence.items()},
        "laid_over": _laid_over(configuration),
        **tables,
        "pays_most": largest_savings(study, tables, differences),
    }


def _recorded_runs(
    study: Comparison, undisturbed: Configuration, again: Again
) -> tuple[list[Figures], Evidence]:
    """Runs of the log's own routing without disturbances: those of the study, or played anew."""
    configuration = study.configuration
    if RECORDED in study.runs and undisturbed.scenario == configuration.scenario:
        return study.runs[RECORDED], study.evidence[RECORDED]
    return again(
        replace(
            undisturbed,
            policies={RECORDED: configuration.policies[RECORDED]},
            replications=min(MOST_AGAIN, configuration.replications),
        )
    )


def undisturbed_replay(configuration: Configuration) -> Configuration:
    """A replay of the trace as it was: once, at its own speed, with nothing laid over it."""
    scenario, load = configuration.scenario, configuration.scenario.workload
    trace = configuration.trace
    assert trace is not None
    last = trace.span if load.trace_to is None else min(load.trace_to, trace.span)
    horizon = scenario.horizon * load.rate_scale if load.trace_loop == 1 else None
    return replace(
        configuration,
        scenario=replace(
            scenario,
            workload=replace(load, rate_scale=1.0, trace_loop=1, trace_jitter=False),
            outages={},
            horizon=horizon or last - load.trace_from,
        ),
    )


def _laid_over(configuration: Configuration) -> list[str]:
    """How the policies' traffic and weather differ from the log's, in words."""
    load = configuration.scenario.workload
    changes = [f"{load.rate_scale:g} times as fast"] if load.rate_scale != 1 else []
    changes += [f"{load.trace_loop} times over"] if load.trace_loop != 1 else []
    changes += ["its sessions drawn anew"] if load.trace_jitter else []
    return changes + [f"outage {name}" for name in configuration.scenario.outages]


def _compare(metric: str, log: Figures, runs: list[Figures]) -> dict[str, Any]:
    """A figure of the log beside that of its own routing, replayed."""
    logged, replayed = log.metrics[metric], interval([run.metrics[metric] for run in runs])
    residual = None if logged is None or replayed.mean is None else replayed.mean - logged
    return {
        "logged": logged,
        "replayed": replayed.plain(),
        "residual": residual,
        "relative": residual / logged if residual is not None and logged else None,
    }


def _difference(
    study: Comparison, policy: str, metric: str, compared: dict[str, Any]
) -> dict[str, Any]:
    """From the log's routing to this policy. It is decided when it is significant and larger than
    the residual.

    Where outages that come at random lie over the trace, bounds of shares count those that were
    met, as in all tables.
    """
    recorded, other = (
        [run.metrics[metric] for run in study.runs[name]] for name in (RECORDED, policy)
    )
    difference = paired_difference(recorded, other, study.confidence, metric)
    mean, relative = interval(recorded).mean, compared["relative"]
    allowed = abs(relative * mean) if relative is not None and mean is not None else None
    decided = (
        is_significant(difference)
        and difference.mean is not None
        and allowed is not None
        and abs(difference.mean) > allowed
    )
    return {
        "policy": policy,
        "metric": metric,
        **difference.plain(),
        "residual": allowed,
        "decided": decided,
        "same": recorded == other,
    }


def _origin(evidence: Evidence) -> dict[str, float | None]:
    """Shares of sends, answers and cost that were resampled from the log's calls of that deployment
    in that hour; the rest is modelled."""
    counts = evidence.counts.get("origin")
    if counts is None:
        return {"sends": 0.0, "answers": 0.0, "cost": 0.0}
    return {
        name: float(row[0] / row.sum()) if row.sum() else None
        for name, row in zip(("sends", "answers", "cost"), counts, strict=True)
    }


def _sends(configuration: Configuration, evidence: Evidence) -> dict[str, float]:
    """deployment -> its share of all calls."""
    counts = evidence.counts.get("sends")
    if counts is None or not counts.any():
        return {}
    shares = counts.sum(axis=0) / counts.sum()
    return {
        name: float(share)
        for name, share in zip(configuration.scenario.deployments, shares, strict=False)
    }


def _hours(
    configuration: Configuration, known: list[str], log: Figures, evidence: Evidence, runs: int
) -> list[dict[str, Any]]:
    """Known figures of the log and of its own routing, replayed in `runs` replications, by hour or
    by the slices that are kept, when these are longer."""
    assert log.evidence is not None
    horizon = configuration.scenario.horizon
    step = max(1, int(np.ceil(HOUR / (horizon / BINS)))) if horizon > HOUR else BINS
    rows = []
    for start in range(0, BINS, step):
        part = slice(start, start + step)
        logged, replayed = _slice(log.evidence.counts, part), _slice(evidence.counts, part)
        if logged["requests"] < FEWEST:
            continue
        replayed["cost_usd"] /= runs
        row = {
            "start_s": start * horizon / BINS,
            "stop_s": min(start + step, BINS) * horizon / BINS,
            "requests": logged["requests"],
        }
        figures = {name: {"logged": logged[name], "replayed": replayed[name]} for name in known}
        rows.append({**row, **figures})
    return rows


def _slice(counts: dict[str, np.ndarray], part: slice) -> dict[str, Any]:
    """Figures of the requests that arrived in this slice of the horizon."""
    arrivals, ok = int(counts["arrivals"][part].sum()), int(counts["ok"][part].sum())
    cells = counts["over_time"][part].sum(axis=0)
    return {
        "requests": arrivals,
        "success_rate": ok / arrivals if arrivals else None,
        "cost_usd": int(counts["cost"][part].sum()) / 1e9,
        "latency_p50_s": _quantile(cells, 0.5),
        "latency_p95_s": _quantile(cells, 0.95),
    }


def _quantile(cells: np.ndarray, share: float) -> float | None:
    """A quantile of successful latencies, s, from their histogram; None without any."""
    total = int(cells.sum())
    if not total:
        return None
    return float(cell_seconds(np.array([np.searchsorted(np.cumsum(cells), share * total)]))[0])


def success_residual(replay: dict[str, Any]) -> float | None:
    """The distance between the success of the log's own routing, replayed, and the log's; None
    where the log does not tell it. `replay`: that of summary.json."""
    residual: float | None = replay["calibration"].get("success_rate", {}).get("residual")
    return None if residual is None else abs(residual)
