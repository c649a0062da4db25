"""How good: quality by task, and escalations and cache hits, which trade quality for money."""

from __future__ import annotations

from simroute.report.colors import kind_look
from simroute.report.picture import (
    Json,
    Picture,
    RunDocuments,
    Table,
    bar,
    bars,
    error_bars,
    fill,
    label,
)
from simroute.text import clean
from simroute.units import percent, span

SHORTCUTS = {
    "escalated": "escalations of a cascade",
    "cache_hit_rate": "answers from a cache",
    "cache_false_hit_rate": "of these, to another question",
}


def quality(run: RunDocuments) -> Picture | str:
    """Mean quality of the answers given, by task."""
    by_policy = _quality_by_task(run)
    tasks = list(dict.fromkeys(task for each in by_policy.values() for task in each))
    graded = [
        task for task in tasks if any(_is_known(each.get(task)) for each in by_policy.values())
    ]
    if not graded:
        return "No answer was graded, so there is no quality to show."
    data = [
        _points(run, policy, index, {task: by_policy[policy].get(task) for task in graded})
        for index, policy in enumerate(run.policies)
    ]
    layout = bars(130 + (20 + 16 * len(run.policies)) * len(graded), "right answers")
    ends = [
        100 * interval[end]
        for each in by_policy.values()
        for interval in each.values()
        if interval is not None
        for end in ("low", "mean", "high")
        if interval[end] is not None
    ]
    layout["xaxis"] |= {
        "ticksuffix": " %",
        "rangemode": "normal",
        "range": [max(0.0, min(ends) - 2), min(100.5, max(ends) + 2)],
    }
    layout |= {"scattermode": "group"}
    rows = [
        [clean(task, 40), *(_span(each.get(task)) for each in by_policy.values())]
        for task in graded
    ]
    caption = (
        "Mean true quality of the answers that were given (a false cache hit counts as "
        "wrong), with 95 % intervals. The axis does not start at 0."
    )
    table = Table(["task", *run.policies], rows)
    return Picture("Are the answers right?", caption, data, layout, table)


def _quality_by_task(run: RunDocuments) -> dict[str, dict[str, Json | None]]:
    """policy -> task -> interval of its quality."""
    return {
        policy: {
            task: figures.get("quality_mean")
            for task, figures in run.summary["policies"][policy]["by"].get("task", {}).items()
        }
        for policy in run.policies
    }


def _is_known(interval: Json | None) -> bool:
    return interval is not None and interval["mean"] is not None


def _points(run: RunDocuments, policy: str, index: int, tasks: dict[str, Json | None]) -> Json:
    known = {
        task: interval
        for task, interval in tasks.items()
        if interval is not None and interval["mean"] is not None
    }
    return {
        "type": "scatter",
        "mode": "markers",
        "name": label(policy),
        "y": list(map(label, known)),
        "x": [100 * interval["mean"] for interval in known.values()],
        "error_x": error_bars(list(known.values()), 100),
        "marker": run.style(policy)["marker"] | {"size": 10},
        "offsetgroup": str(index),
        "orientation": "h",
        "hovertemplate": "%{x:.2f} %<extra>%{fullData.name}</extra>",
    }


def _span(interval: Json | None) -> str:
    return "n/a" if interval is None else span(**interval, unit="share")


def shortcuts(run: RunDocuments) -> Picture | str:
    """Escalations, cache hits and false hits, as shares of all requests."""
    shares = {policy: _shares(run, policy) for policy in run.policies}
    if not any(any(row.values()) for row in shares.values()):
        return "No policy escalates or caches, so there are no short cuts to show."
    data = [
        bar(
            text,
            list(map(label, shares)),
            [100 * row[key] for row in shares.values()],
            hovertemplate="%{x:.2f} % %{fullData.name}<extra></extra>",
            marker=fill(kind_look(index).color, kind_look(index).pattern),
        )
        for index, (key, text) in enumerate(SHORTCUTS.items())
    ]
    layout = bars(130 + 50 * len(run.policies), "share of requests")
    layout["xaxis"] |= {"ticksuffix": " %"}
    rows = [
        [clean(policy, 40), *(percent(row[key]) for key in SHORTCUTS)]
        for policy, row in shares.items()
    ]
    caption = (
        "Shares of all requests: asked again of the stronger model, answered from a cache, "
        "and answered from it to another question."
    )
    table = Table(["policy", *SHORTCUTS.values()], rows)
    return Picture("Which short cuts were taken?", caption, data, layout, table)


def _shares(run: RunDocuments, policy: str) -> dict[str, float]:
    requests = run.mean(policy, "requests")
    escalated = run.evidence_of(policy)["events"].get("escalated", 0.0)
    rates = {key: run.mean(policy, key) for key in ("cache_hit_rate", "cache_false_hit_rate")}
    return {"escalated": escalated / requests if requests else 0.0, **rates}
