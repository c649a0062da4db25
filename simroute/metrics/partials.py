"""Figures of a whole replication from its parts: the counts of folds as arrays that add up, so that
no part is played twice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from simroute.metrics.figures import Figures, Fold
from simroute.metrics.tallies import Context

NUMBERS = {
    "requests": (
        "cost",
        "wasted",
        "forbidden",
        "hits",
        "false_hits",
        "degraded",
        "in_time",
        "sent",
        "answers",
        "again",
    ),
    "attempts": ("sends", "limited", "probes", "ping_cost", "input", "cached"),
}
HISTOGRAMS = ("latency", "ttft", "failover")
CAUSE = "cause_"
"""Before the kind and the cause in the name of a count."""


def partial_state(
    fold: Fold, event_names: list[str], busy_seconds: list[float], causes: Sequence[str]
) -> dict[str, np.ndarray]:
    """Returns all counts of a fold by name."""
    requests, attempts, events = (fold.tables[name] for name in ("requests", "attempts", "events"))
    result = {
        table: np.array([getattr(fold.tables[table], name) for name in names], np.int64)
        for table, names in NUMBERS.items()
    }
    result |= {name: getattr(requests, name).counts for name in HISTOGRAMS}
    result |= {
        "outcomes": requests.outcomes,
        "quality": np.array(requests.quality),
        "minutes": requests.minutes,
        "busy": np.array(busy_seconds),
        "saved": np.array(fold.saved),
    }
    result |= {f"by_{name}": table for name, table in requests.by.items()} | {
        "by_target": attempts.by_target
    }
    result |= {"requests_spent": requests.spent, "attempts_spent": attempts.spent}
    result |= {"graded": requests.graded, "ungraded": requests.ungraded}
    result |= {"in_time_by_task": requests.in_time_by_task}
    result |= {
        "failing": np.array(sorted(attempts.failing), np.int64),
        "noticed": events.first_noticed(event_names),
    }
    result |= {
        f"{CAUSE}{kind}_{word}": table
        for (kind, word), table in fold.causes.to_tables(causes).items()
    }
    return result | {
        f"event_{word}": np.array(count)
        for word, count in zip(event_names, events.counts.tolist(), strict=False)
    }


def merge_partials(context: Context, parts: list[dict[str, np.ndarray]]) -> Figures:
    """Returns the figures of all parts together; `state` holds their sum."""
    fold = Fold(context)
    requests, attempts, events = (fold.tables[name] for name in ("requests", "attempts", "events"))
    total: dict[str, Any] = {}
    for part in parts:
        for name, array in part.items():
            if name not in total:
                total[name] = array.copy()
            elif name == "minutes":
                total[name] = _add_padded(total[name], array)
            elif name == "failing":
                total[name] = np.union1d(total[name], array)
            elif name == "noticed":
                total[name] = np.minimum(total[name], array)
            else:
                total[name] = total[name] + array
    for table, names in NUMBERS.items():
        for name, value in zip(names, total[table].tolist(), strict=True):
            setattr(fold.tables[table], name, value)
    for name in HISTOGRAMS:
        getattr(requests, name).counts = total[name]
    requests.outcomes, requests.quality, requests.minutes = (
        total["outcomes"],
        float(total["quality"]),
        total["minutes"],
    )
    requests.by = {
        name.removeprefix("by_"): table
        for name, table in total.items()
        if name.startswith("by_") and name != "by_target"
    }
    requests.spent, attempts.spent = total["requests_spent"], total["attempts_spent"]
    requests.in_time_by_task = total["in_time_by_task"]
    requests.graded, requests.ungraded, attempts.by_target = (
        total["graded"],
        total["ungraded"],
        total["by_target"],
    )
    attempts.failing, events.noticed = set(total["failing"].tolist()), total["noticed"]
    fold.causes.tables = {
        _kind_and_cause(name): table for name, table in total.items() if name.startswith(CAUSE)
    }
    words = sorted(name.removeprefix("event_") for name in total if name.startswith("event_"))
    events.counts = np.array([int(total[f"event_{word}"]) for word in words], np.int64)
    fold.saved = int(total["saved"])
    figures = fold.finish(words, total["busy"].tolist())
    figures.state = total
    return figures


def _kind_and_cause(name: str) -> tuple[str, str]:
    kind, _, cause = name.removeprefix(CAUSE).partition("_")
    return kind, cause


def _add_padded(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    size = max(one.shape[1], other.shape[1])
    first, second = (np.pad(each, ((0, 0), (0, size - each.shape[1]))) for each in (one, other))
    return np.asarray(first + second)
