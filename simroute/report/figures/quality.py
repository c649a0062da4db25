"""How good: quality by task, and the short cuts that trade it for money."""

from __future__ import annotations

from typing import Any

from simroute.report.picture import Picture, RunDocuments, Table, bars, filled, label
from simroute.text import clean, percent, span

SHORTCUTS = {
    "escalated": "escalations of a cascade",
    "cache_hit_rate": "answers from a cache",
    "cache_false_hit_rate": "of these, to another question",
}


def quality(run: RunDocuments) -> Picture | str:
    """Mean quality of the answers given, by task."""
    found = {
        policy: run.summary["policies"][policy]["by"].get("task", {}) for policy in run.policies
    }
    tasks = list(dict.fromkeys(task for rows in found.values() for task in rows))
    known = {
        task: {policy: rows.get(task, {}).get("quality_mean") for policy, rows in found.items()}
        for task in tasks
    }
    tasks = [
        task
        for task in tasks
        if any(one is not None and one["mean"] is not None for one in known[task].values())
    ]
    if not tasks:
        return "No answer was graded, so there is no quality to show."
    data = []
    for place, policy in enumerate(run.policies):
        shown = [
            (task, one)
            for task in tasks
            if (one := known[task][policy]) is not None and one["mean"] is not None
        ]
        data.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": label(policy),
                "y": [label(task) for task, _ in shown],
                "x": [100 * one["mean"] for _, one in shown],
                "error_x": _errors([one for _, one in shown]),
                "marker": run.style(policy)["marker"] | {"size": 10},
                "offsetgroup": str(place),
                "orientation": "h",
                "hovertemplate": "%{x:.2f} %<extra>%{fullData.name}</extra>",
            }
        )
    layout = bars(130 + (20 + 16 * len(run.policies)) * len(tasks), "right answers")
    ends = [
        100 * end
        for rows in known.values()
        for one in rows.values()
        if one is not None
        for end in _ends(one)
    ]
    layout["xaxis"] |= {
        "ticksuffix": " %",
        "rangemode": "normal",
        "range": [max(0.0, min(ends) - 2), min(100.5, max(ends) + 2)],
    }
    layout |= {"scattermode": "group"}
    rows = [
        [clean(task, 40), *(_span(known[task][policy]) for policy in run.policies)]
        for task in tasks
    ]
    caption = (
        "Mean true quality of the answers that were given (a false cache hit counts as "
        "wrong), with 95 % intervals. The axis does not start at 0."
    )
    return Picture(
        "Are the answers right?",
        caption,
        {"data": data, "layout": layout},
        Table(["task", *run.policies], rows),
    )


def shortcuts(run: RunDocuments) -> Picture | str:
    """Escalations, cache hits and false hits, as shares of all requests."""
    found = {policy: _shares(run, policy) for policy in run.policies}
    if not any(any(row.values()) for row in found.values()):
        return "No policy escalates or caches, so there are no short cuts to show."
    data = [
        {
            "type": "bar",
            "orientation": "h",
            "name": text,
            "y": [label(policy) for policy in run.policies],
            "x": [100 * found[policy][key] for policy in run.policies],
            "hovertemplate": "%{x:.2f} % %{fullData.name}<extra></extra>",
            "marker": filled(("#5790fc", "#f89c20", "#e42536")[place], place),
        }
        for place, (key, text) in enumerate(SHORTCUTS.items())
    ]
    layout = bars(130 + 50 * len(run.policies), "share of requests")
    layout["xaxis"] |= {"ticksuffix": " %"}
    rows = [
        [clean(policy, 40), *(percent(found[policy][key]) for key in SHORTCUTS)]
        for policy in run.policies
    ]
    caption = (
        "Shares of all requests: asked again of the stronger model, answered from a cache, "
        "and answered from it to another question."
    )
    return Picture(
        "Which short cuts were taken?",
        caption,
        {"data": data, "layout": layout},
        Table(["policy", *SHORTCUTS.values()], rows),
    )


def _shares(run: RunDocuments, policy: str) -> dict[str, float]:
    requests = run.mean(policy, "requests")
    escalated = run.of(policy)["events"].get("escalated", 0.0)
    rates = {key: run.mean(policy, key) for key in ("cache_hit_rate", "cache_false_hit_rate")}
    return {"escalated": escalated / requests if requests else 0.0, **rates}


def _ends(found: dict[str, Any]) -> list[float]:
    return [found[key] for key in ("low", "mean", "high") if found[key] is not None]


def _errors(found: list[dict[str, Any]]) -> dict[str, Any]:
    if any(one["low"] is None for one in found):
        return {"visible": False}
    return {
        "type": "data",
        "symmetric": False,
        "array": [100 * (one["high"] - one["mean"]) for one in found],
        "arrayminus": [100 * (one["mean"] - one["low"]) for one in found],
        "thickness": 1.2,
    }


def _span(found: dict[str, Any] | None) -> str:
    return "n/a" if found is None else span(**found, unit="share")
