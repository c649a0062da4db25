"""How far a replay can be trusted: its own routing held against the log, and which figures were
observed."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from simroute.config.configuration import Configuration
from simroute.config.from_trace import RECORDED, TraceSource, load_replay
from simroute.metrics import METRICS, Evidence, Figures
from simroute.metrics.evidence_fold import BINS, cell_seconds
from simroute.statistics.intervals import interval, paired_difference
from simroute.studies.replay.costs import cost_tables
from simroute.studies.replay.log_figures import COMPARED, log_figures, logged_figures
from simroute.text import percent, seconds, span, usd

if TYPE_CHECKING:
    from simroute.studies.comparison.comparison import Comparison

MOST_AGAIN = 5
"""Replications of the log's own routing that are played when something lies over the trace, so that
the others cannot be held against it."""
WORDS = {
    "success_rate": "success",
    "latency_p50_s": "median latency",
    "latency_p95_s": "p95 latency",
    "cost_usd": "cost",
}
UNKNOWN: dict[str, Any] = {"relative": None}
"""How far a figure is off of which the log tells nothing."""
HOUR = 3600.0
MOVED = 0.2
"""A share of all calls that a policy sends elsewhere; from here on it is said beside the
differences."""
FEWEST = 20
"""Requests without which an hour is not compared."""

QUICK = 400_000
"""Requests of all policies and replications together that are played without being asked for
more."""
MOST, LEAST = 20, 3

Again = Callable[[Configuration], tuple[list[Figures], Evidence]]
"""Plays the replications of a configuration's only policy."""


def plan_replay(
    files: Sequence[str],
    scenario: str | None,
    policies: list[str],
    overrides: list[str],
    outages: list[str],
    seed: int = 1,
    replications: int | None = None,
    load: dict[str, Any] | None = None,
) -> Configuration:
    """The log's own routing, and these policies beside it; `replications` None: as many as are
    quick. Else as `traced.load`. Raises InputError."""
    path = os.pathsep.join(str(Path(file).resolve()) for file in files)
    names = [RECORDED, *(name for name in policies if name != RECORDED)]
    made = load_replay(
        TraceSource(path, outages, load or {}), scenario, names, overrides, seed, replications or 1
    )
    each = max(1.0, made.expected_requests * len(names))
    return (
        made
        if replications is not None
        else replace(made, replications=int(min(MOST, max(LEAST, QUICK // each))))
    )


def calibrate(study: Comparison, again: Again) -> dict[str, Any]:
    """`replay` of summary.json: the log's figures, those of its own routing replayed, residuals,
    and what is decided in spite of them."""
    made = study.configuration
    plain = undisturbed_replay(made)
    log = log_figures(plain)
    trace = made.trace
    assert trace is not None
    known = (
        logged_figures(trace)
        if any(d.recorded is not None for d in made.scenario.deployments.values())
        else []
    )
    runs: list[Figures] = []
    evidence = Evidence()
    if not known:
        pass  # nothing to hold them against
    elif RECORDED not in study.runs or plain.scenario != made.scenario:
        runs, evidence = again(
            replace(
                plain,
                policies={RECORDED: made.policies[RECORDED]},
                replications=min(MOST_AGAIN, made.replications),
            )
        )
    else:
        runs, evidence = study.runs[RECORDED], study.evidence[RECORDED]
    others = [policy for policy in study.runs if policy != RECORDED and RECORDED in study.runs]
    compared = {name: _compared(name, log, runs) for name in known}
    return {
        "format": trace.format,
        "requests": int(log.metrics["requests"] or 0),
        "calibration": compared,
        "hours": _hours(plain, known, log, evidence, len(runs)) if known else [],
        "origin": {policy: _origin(found) for policy, found in study.evidence.items()},
        "differences": [
            _difference(study, policy, name, compared.get(name, UNKNOWN))
            for policy in others
            for name in COMPARED
        ]
        if known
        else [],
        "sends": {policy: _sends(made, found) for policy, found in study.evidence.items()},
        "laid_over": _laid(made),
        **cost_tables(study, log),
    }


def undisturbed_replay(made: Configuration) -> Configuration:
    """The trace as it was: once, at its own speed, with nothing laid over it."""
    load = made.scenario.workload
    length = (made.scenario.horizon * load.rate_scale - 0.0) if load.trace_loop == 1 else None
    calm = replace(load, rate_scale=1.0, trace_loop=1, trace_jitter=False)
    trace = made.trace
    assert trace is not None
    last = trace.span if load.trace_to is None else min(load.trace_to, trace.span)
    return replace(
        made,
        scenario=replace(
            made.scenario, workload=calm, outages={}, horizon=length or last - load.trace_from
        ),
    )


def _laid(made: Configuration) -> list[str]:
    """What parts the policies' traffic from that of the log, in words."""
    load = made.scenario.workload
    found = [f"{load.rate_scale:g} times as fast"] if load.rate_scale != 1 else []
    found += [f"{load.trace_loop} times over"] if load.trace_loop != 1 else []
    found += ["its sessions drawn anew"] if load.trace_jitter else []
    return found + [f"outage {name}" for name in made.scenario.outages]


def _compared(name: str, log: Figures, runs: list[Figures]) -> dict[str, Any]:
    was, found = log.metrics[name], interval([run.metrics[name] for run in runs])
    residual = None if was is None or found.mean is None else found.mean - was
    return {
        "logged": was,
        "replayed": found.plain(),
        "residual": residual,
        "relative": residual / was if residual is not None and was else None,
    }


def _difference(
    study: Comparison, policy: str, name: str, compared: dict[str, Any]
) -> dict[str, Any]:
    """From the log's routing to this policy; decided when it is more than chance (of one
    replication nobody knows) and more than the residual.

    Where outages that come at random lie over the trace, bounds of shares count those that were
    met, as in all tables.
    """
    base, other = ([run.metrics[name] for run in study.runs[which]] for which in (RECORDED, policy))
    found = paired_difference(base, other, study.confidence, name)
    mean = interval(base).mean
    allowed = (
        abs(compared["relative"] * mean)
        if compared["relative"] is not None and mean is not None
        else None
    )
    surely = found.low is not None and found.high is not None and not found.low <= 0 <= found.high
    decided = bool(
        surely and found.mean is not None and allowed is not None and abs(found.mean) > allowed
    )
    return {
        "policy": policy,
        "metric": name,
        **found.plain(),
        "residual": allowed,
        "decided": decided,
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


def _sends(made: Configuration, evidence: Evidence) -> dict[str, float]:
    """The share of calls that each deployment got."""
    counts = evidence.counts.get("sends")
    if counts is None or not counts.any():
        return {}
    shares = counts.sum(axis=0) / counts.sum()
    return {
        name: float(share) for name, share in zip(made.scenario.deployments, shares, strict=False)
    }


def _hours(
    made: Configuration, known: list[str], log: Figures, evidence: Evidence, many: int
) -> list[dict[str, Any]]:
    """The same, for each hour (or the finest slices that are kept, when these are longer)."""
    assert log.evidence is not None
    horizon = made.scenario.horizon
    each = max(1, int(np.ceil(HOUR / (horizon / BINS)))) if horizon > HOUR else BINS
    found = []
    for start in range(0, BINS, each):
        part = slice(start, start + each)
        was, now = _slice(log.evidence.counts, part), _slice(evidence.counts, part)
        if was["requests"] >= FEWEST:
            now["cost_usd"], now["requests"] = now["cost_usd"] / many, now["requests"] / many
            row = {
                "start_s": start * horizon / BINS,
                "stop_s": min(start + each, BINS) * horizon / BINS,
                "requests": was["requests"],
            }
            found.append(
                {**row, **{name: {"logged": was[name], "replayed": now[name]} for name in known}}
            )
    return found


def _slice(counts: dict[str, np.ndarray], part: slice) -> dict[str, Any]:
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
    total = int(cells.sum())
    return (
        float(cell_seconds(np.array([np.searchsorted(np.cumsum(cells), share * total)]))[0])
        if total
        else None
    )


def success_residual(found: dict[str, Any]) -> float | None:
    """By how much the log's own routing, replayed, misses the log's share of successes; None where
    the log does not tell it."""
    gap: float | None = found["calibration"].get("success_rate", {}).get("residual")
    return None if gap is None else abs(gap)


def calibration_sentences(found: dict[str, Any]) -> list[str]:
    """In sentences, for above everything else."""
    compared = found["calibration"]
    if not compared:
        return [
            "Calibration: the log tells neither how its requests ended nor what they cost; all "
            "figures are modelled."
        ]
    made = [
        f"Calibration: the log's own routing, replayed, against the log ({found['requests']:,} "
        f"requests):"
    ]
    for name, row in compared.items():
        made.append(
            f"  {WORDS[name]}: {_shown(name, row['replayed']['mean'])}, logged "
            f"{_shown(name, row['logged'])} ({_residual(name, row)})"
        )
    worst = _worst(found["hours"], compared)
    return made + ([f"  by hour: {worst}"] if worst else [])


def replay_sentences(found: dict[str, Any]) -> list[str]:
    """What is decided in spite of the residual, what was observed, and why no saving is known, in
    sentences."""
    made = []
    for policy, shares in found["origin"].items() if found["calibration"] else ():
        if policy != RECORDED and shares["answers"] is not None:
            made.append(
                f"{policy}: {percent(shares['answers'])} of its answers are the log's own (that "
                f"model, that hour), the others modelled"
            )
            made += _moved(policy, found["sends"])
            made += [
                f"  {_told(row)}"
                for row in found["differences"]
                if row["policy"] == policy and row["mean"] is not None
            ]
    if not found["shifts"]:
        made.append(
            f"No shift of work to a cheaper deployment is known: "
            f"{'; '.join(found['shifts_missing'])}."
        )
    return made


def _moved(policy: str, sends: dict[str, dict[str, float]]) -> list[str]:
    """Where a policy sends far more than the log did: its figures are then those of other models,
    whatever fails."""
    was = sends.get(RECORDED, {})
    more = (
        {name: share - was.get(name, 0.0) for name, share in sends[policy].items()} if was else {}
    )
    name = max(more, key=lambda each: more[each], default=None)
    if name is None or more[name] < MOVED:
        return []
    shares = (
        f"{percent(sends[policy][name])} of its calls go to {name}, in the log "
        f"{percent(was.get(name, 0.0))}"
    )
    return [
        f"  {shares}: these differences are of models, too; `recorded: {{}}` as its first layer "
        f"keeps the log's"
    ]


def _told(row: dict[str, Any]) -> str:
    name, unit = row["metric"], METRICS[row["metric"]][0]
    change = ("+" if row["mean"] > 0 else "") + span(
        row["mean"], row["low"], row["high"], unit
    ).replace(" %", " points")
    size = row["residual"]
    allowed = (
        " (the log does not tell it)"
        if size is None
        else f" (residual {f'{100 * size:.3f} points' if unit == 'share' else _shown(name, size)})"
    )
    return (
        f"{row['policy']} - {RECORDED}, {WORDS[name]}: "
        f"{change}{'' if row['decided'] else f', undecided{allowed}'}"
    )


def _shown(name: str, value: float | None) -> str:
    unit = METRICS[name][0]
    return percent(value) if unit == "share" else seconds(value) if unit == "s" else usd(value)


def _residual(name: str, row: dict[str, Any]) -> str:
    if row["residual"] is None:
        return "not known"
    if METRICS[name][0] == "share":
        return f"{row['residual'] * 100:+.3f} points"
    return (
        f"{row['relative'] * 100:+.2f} %"
        if row["relative"] is not None
        else f"{row['residual']:+g}"
    )


def _worst(hours: list[dict[str, Any]], calibration: dict[str, Any]) -> str:
    """The largest residual of each figure over the hours."""
    told_of = []
    for name in calibration:
        gaps = [
            (row[name]["replayed"] - row[name]["logged"], row[name]["logged"])
            for row in hours
            if row[name]["replayed"] is not None and row[name]["logged"] is not None
        ]
        if not gaps:
            continue
        gap, was = max(gaps, key=lambda pair: abs(pair[0]))
        shown = (
            f"{gap * 100:+.2f} points"
            if METRICS[name][0] == "share"
            else f"{gap / was * 100:+.1f} %"
            if was
            else _shown(name, gap)
        )
        told_of.append(f"{WORDS[name]} {shown}")
    return f"at most {', '.join(told_of)} off" if told_of else ""
