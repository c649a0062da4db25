"""A log as if it were a run: its own outcomes through the same definitions of every figure, so that
a replay can be held against it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from simroute.config.configuration import Configuration
from simroute.experiment.run import build_context, build_world
from simroute.ledger import CACHED, OUTCOMES
from simroute.metrics import Context, EvidenceFold, Figures, Fold
from simroute.models.playback import Playback
from simroute.models.questions import BLOCK
from simroute.traces.playback.columns import NOBODY, PlaybackColumns

OK, FAILED = OUTCOMES.index("ok"), OUTCOMES.index("failed")
COMPARED = {
    "success_rate": "failed",
    "latency_p50_s": "latency_s",
    "latency_p95_s": "latency_s",
    "cost_usd": "cost_usd",
}
"""Figures that are compared -> what the log must say for that."""


def logged_figures(trace: PlaybackColumns) -> list[str]:
    """Which of `COMPARED` this log can say."""
    return [
        name
        for name, column in COMPARED.items()
        if column in trace.known_columns
        or (name == "success_rate" and "status" in trace.known_columns)
    ]


def log_figures(configuration: Configuration) -> Figures:
    """Figures of the log in the window that is replayed, at its own speed; by target, user,
    feature, task, team and day, and over time.

    Users, features, tasks and teams are those that the log names, whatever the scenario's are:
    codes of one table mean nothing in another.
    """
    trace = configuration.trace
    assert trace is not None
    world = build_world(configuration, next(iter(configuration.policies)), 0, [])
    context = build_context(configuration, world)
    own_names = {
        kind: words
        for kind, words in trace.names.items()
        if kind in ("task", "user", "feature") or set(words) != {NOBODY}
    }
    context = replace(
        context,
        names={
            **{kind: words for kind, words in context.names.items() if kind not in trace.names},
            **own_names,
        },
    )
    fold, evidence = Fold(context), EvidenceFold(context)
    load = configuration.scenario.workload
    playback = Playback(load, trace)
    start, stop, time = playback.start, playback.stop, playback.clock
    ends = {
        code: context.names["target"].index(route[-1])
        for code, route in enumerate(world.weather.routes)
        if route
    }
    last = np.array([ends.get(code, -1) for code in range(len(trace.routes))] or [-1])
    for first in range(start, stop, 16 * BLOCK):
        rows = trace.block(first, min(first + 16 * BLOCK, stop), outcomes=True)
        rows["arrival"] = (rows["arrival"] - time.start) / time.scale
        for table, chunk in _chunks(rows, first - start, last, context):
            fold(table, chunk)
            evidence(table, chunk)
    figures = fold.finish([], [0.0] * len(context.providers))
    figures.evidence = evidence.finish(fold, {})
    return figures


def _chunks(
    rows: dict[str, np.ndarray], first: int, last: np.ndarray, context: Context
) -> list[tuple[str, dict[str, np.ndarray]]]:
    size, succeeded = len(rows["arrival"]), rows["failed"] != 1
    latency = np.where(np.isnan(rows["latency_s"]), 0.0, rows["latency_s"])
    cost = np.rint(np.where(np.isnan(rows["cost_usd"]), 0.0, rows["cost_usd"]) * 1e9).astype(
        np.int64
    )
    target = np.where(rows["route"] >= 0, last[np.maximum(rows["route"], 0)], -1)
    number, none = first + np.arange(size), np.zeros(size, bool)
    names: dict[str, np.ndarray] = {
        name: rows[name] for name in ("task", "user", "feature", "team") if name in context.names
    }
    requests = {
        "request_id": number,
        "arrival_s": rows["arrival"],
        "end_s": rows["arrival"] + latency,
        "latency_s": rows["latency_s"],
        "ttft_s": np.full(size, np.nan),
        "outcome": np.where(succeeded, OK, FAILED).astype(np.int8),
        "failover_s": np.full(size, np.nan),
        "cost_nano": cost,
        "wasted_nano": np.zeros(size, np.int64),
        "forbidden": none,
        "cached": np.where(rows["route"] == -2, CACHED["exact"], CACHED["no"]),
        "false_hit": none,
        "attempts": (target >= 0).astype(np.int32),
        "quality": np.full(size, np.nan),
        "target": target,
        **names,
    }
    has_send = target >= 0
    attempts = {
        "request_id": number[has_send],
        "target": target[has_send],
        "start_s": rows["arrival"][has_send],
        "left_s": requests["end_s"][has_send],
        "status": np.where(succeeded, 200, 500)[has_send],
        "probe": none[has_send],
        "abandoned": none[has_send],
        "cost_nano": cost[has_send],
    }
    return (
        [("attempts", attempts), ("requests", requests)]
        if has_send.any()
        else [("requests", requests)]
    )
