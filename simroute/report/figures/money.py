"""What it costs: money against success, who and what it is spent on, the budget, and what was paid
for nothing."""

from __future__ import annotations

from typing import Any

import numpy as np

from simroute.report.figures import bound
from simroute.report.picture import (
    PETROFF,
    Picture,
    RunDocuments,
    Table,
    bars,
    clock,
    filled,
    label,
    note,
)
from simroute.text import clean, percent, span, usd

MOST = 12
PERIODS = {"day": 86_400.0, "month": 30 * 86_400.0}
CAUSES = {
    "abandoned": "given up: it came too late, or another was faster",
    "failed": "failed, but was billed",
    "discarded": "answered, but not used (a judge said no, or the request failed later)",
}


def cost_success(run: RunDocuments) -> Picture | str:
    """Each policy as a point."""
    names = {"x": "cost_per_1k_requests_usd", "y": "success_rate"}
    points = {
        policy: {key: run.metric(policy, name) for key, name in names.items()}
        for policy in run.policies
    }
    known = {
        policy: point
        for policy, point in points.items()
        if point["x"]["mean"] is not None and point["y"]["mean"] is not None
    }
    if not known:
        return "No request arrived, so there is neither cost nor success."
    data = [_frontier(known)] if len(_efficient(known)) > 1 else []
    for policy, point in known.items():
        data.append(
            {
                "type": "scatter",
                "mode": "markers",
                "x": [point["x"]["mean"]],
                "y": [100 * (point["y"]["mean"] or 0)],
                "error_x": _error(point["x"], 1),
                "error_y": _error(point["y"], 100),
                "name": label(policy),
                "showlegend": True,
                "cliponaxis": False,
                "marker": run.style(policy)["marker"] | {"size": 11},
                "hovertemplate": "$%{x:.2f} for 1,000 requests, %{y:.2f} % "
                "succeed<extra>%{fullData.name}</extra>",
            }
        )
    data += bound.traces(run)
    promise = 100 * run.evidence["slo"]["success"]
    layout = {
        "height": 380,
        "xaxis": {"title": {"text": "USD for 1,000 requests"}, "tickprefix": "$"},
        "yaxis": {"title": {"text": "success"}, "ticksuffix": " %", "automargin": True},
        "shapes": [
            {
                "type": "line",
                "x0": 0,
                "x1": 1,
                "xref": "paper",
                "y0": promise,
                "y1": promise,
                "line": {"dash": "dot", "width": 1, "color": "#9c9ca1"},
            }
        ],
        "annotations": [
            note(
                "promise",
                1,
                promise,
                xref="paper",
                xanchor="right",
                yanchor="bottom",
                font={"size": 11},
            )
        ],
    }
    efficient = _efficient(known)
    rows = [
        [
            clean(policy, 40),
            span(**known[policy]["x"], unit="USD"),
            span(**known[policy]["y"], unit="share"),
            "yes" if policy in efficient else "no",
        ]
        for policy in known
    ]
    if best := bound.rows(run):
        rows = [
            [*row, bound.regret(run, policy)] for row, policy in zip(rows, known, strict=True)
        ] + best
    caption = (
        "Up and to the left is better. Whiskers are 95 % intervals. The line joins the efficient "
        "policies: none is both cheaper and more successful." + bound.caption(run)
    )
    heads = [
        "policy",
        "USD for 1,000 requests",
        "success",
        "efficient",
        *(["regret: success, USD for 1,000"] if best else []),
    ]
    return Picture(
        "What does success cost?", caption, {"data": data, "layout": layout}, Table(heads, rows)
    )


def _efficient(points: dict[str, Any]) -> list[str]:
    """Policies that no other beats in both, by cost."""
    ordered = sorted(
        points, key=lambda policy: (points[policy]["x"]["mean"], -points[policy]["y"]["mean"])
    )
    found: list[str] = []
    for policy in ordered:
        if not found or points[policy]["y"]["mean"] > points[found[-1]]["y"]["mean"]:
            found.append(policy)
    return found


def _frontier(points: dict[str, Any]) -> dict[str, Any]:
    best = _efficient(points)
    return {
        "type": "scatter",
        "mode": "lines",
        "x": [points[policy]["x"]["mean"] for policy in best],
        "hoverinfo": "skip",
        "showlegend": False,
        "y": [100 * points[policy]["y"]["mean"] for policy in best],
        "line": {"color": "#9c9ca1", "width": 1.5},
    }


def _error(found: dict[str, Any], scale: float) -> dict[str, Any]:
    if found["low"] is None or found["high"] is None:
        return {"visible": False}
    more, less = (scale * abs(found[bound] - found["mean"]) for bound in ("high", "low"))
    return {
        "type": "data",
        "symmetric": False,
        "array": [more],
        "arrayminus": [less],
        "thickness": 1.2,
    }


def by_model(run: RunDocuments) -> Picture | str:
    return _spend(run, "model", "Which models is it spent on?")


def by_feature(run: RunDocuments) -> Picture | str:
    return _spend(run, "feature", "Which features spend it?")


def by_user(run: RunDocuments) -> Picture | str:
    return _spend(run, "user", "Which users spend it?")


def _spend(run: RunDocuments, kind: str, title: str) -> Picture | str:
    found = {policy: run.summary["policies"][policy]["by"].get(kind, {}) for policy in run.policies}
    totals: dict[str, float] = {}
    for words in found.values():
        for word, row in words.items():
            totals[word] = totals.get(word, 0.0) + (row["cost_usd"]["mean"] or 0.0)
    if set(totals) <= {"-"} or not any(totals.values()):
        return (
            f"Spend by {kind} is left out: the scenario names no {kind}s."
            if set(totals) <= {"-"}
            else f"Spend by {kind} is left out: none."
        )
    shown = sorted(totals, key=lambda word: -totals[word])
    data = [
        {
            "type": "bar",
            "orientation": "h",
            "name": label(policy),
            "y": [label(word) for word in shown[:MOST]],
            "x": [_cost(found[policy], word)["mean"] or 0.0 for word in shown[:MOST]],
            "marker": filled(run.style(policy)["line"]["color"], place),
            "hovertemplate": "$%{x:,.2f}<extra>%{fullData.name}</extra>",
        }
        for place, policy in enumerate(run.policies)
    ]
    rows = [
        [
            clean(word, 40),
            *(span(**_cost(found[policy], word), unit="USD") for policy in run.policies),
        ]
        for word in shown
    ]
    more = f" The {MOST} largest; the table has all." if len(shown) > MOST else ""
    caption = (
        f"USD billed in one run of {run.summary['horizon_s'] / 3600:.3g} h, failed "
        f"and abandoned calls included.{more}"
    )
    height = 110 + 24 + 14 * len(shown[:MOST]) * (len(run.policies) + 1)
    return Picture(
        title,
        caption,
        {"data": data, "layout": bars(height, "USD", "$")},
        Table([kind, *run.policies], rows),
    )


NOTHING: dict[str, float | None] = {"mean": 0.0, "low": None, "high": None}


def _cost(words: dict[str, Any], word: str) -> dict[str, float | None]:
    found: dict[str, float | None] = words.get(word, {}).get("cost_usd", NOTHING)
    return found


def budget(run: RunDocuments) -> Picture | str:
    """Spend of the running period over time."""
    agreed = run.evidence["budget"]
    if agreed is None:
        return "The scenario names no budget, so there is no budget line."
    unit, name = clock(run.summary["horizon_s"])
    data, rows, rolls = [], [], agreed["period"] == "rolling"
    for policy in run.policies:
        times, spent = _running(run.of(policy), agreed)
        data.append(
            {
                "type": "scatter",
                "mode": "lines",
                "x": [t / unit for t in times],
                "y": spent,
                "name": label(policy),
                "line": run.style(policy)["line"],
                "hovertemplate": "$%{y:,.2f}<extra>%{fullData.name}</extra>",
            }
        )
        most = max(spent, default=0.0)
        rows.append(
            [
                clean(policy, 40),
                usd(most),
                percent(most / agreed["usd"]) if agreed["usd"] else "n/a",
            ]
        )
    spending = "USD spent lately" if rolls else f"USD spent this {agreed['period']}"
    line = {
        "type": "line",
        "x0": 0,
        "x1": 1,
        "xref": "paper",
        "y0": agreed["usd"],
        "y1": agreed["usd"],
        "line": {"color": "#e42536", "dash": "dash"},
    }
    layout = {
        "height": 320,
        "xaxis": {"title": {"text": f"time ({name})"}},
        "yaxis": {
            "title": {"text": spending},
            "tickprefix": "$",
            "rangemode": "tozero",
            "automargin": True,
        },
        "shapes": [line],
        "annotations": [
            note(
                "budget",
                1,
                agreed["usd"],
                xref="paper",
                xanchor="right",
                yanchor="bottom",
                font={"size": 11},
            )
        ],
    }
    long = f"{agreed['window_s'] / 3600:g} h" if rolls else f"a {agreed['period']}"
    since = f"within {long}" if rolls else f"since the {agreed['period']} began"
    caption = (
        f"Billed {since}, mean over replications; the budget is {usd(agreed['usd'])} "
        f"{'in ' if rolls else ''}{long}."
    )
    table = Table(["policy", f"most spent in {long}", "of the budget"], rows)
    return Picture("Does the budget hold?", caption, {"data": data, "layout": layout}, table)


def _running(found: dict[str, Any], agreed: dict[str, Any]) -> tuple[list[float], list[float]]:
    """What has been spent in the period, or in the window, at the end of each slice."""
    times, costs = [0.0, *found["edges_s"][1:]], [0.0, *found["cost_usd"]]
    if agreed["period"] == "rolling":
        before = np.cumsum(costs)
        return times, (
            before - np.interp(np.array(times) - agreed["window_s"], times, before, left=0.0)
        ).tolist()
    long = PERIODS.get(agreed["period"], times[-1])
    # an older page has none: from the start of the run
    turns = agreed.get("turns_s", [long * turn for turn in range(1, int(times[-1] // long) + 1)])
    spent, total, place = [], 0.0, 0
    for end, cost in zip(times, costs, strict=True):
        while place < len(turns) and end > turns[place] + 1e-6:
            place, total = place + 1, 0.0
        total += cost
        spent.append(total)
    return times, spent


def waste(run: RunDocuments) -> Picture | str:
    """What was billed for nothing."""
    found = {policy: run.of(policy)["waste_usd"] for policy in run.policies}
    causes = {why: text for why, text in CAUSES.items() if any(row[why] for row in found.values())}
    if not any(any(row.values()) for row in found.values()):
        return "Nothing was wasted: every billed answer was used."
    data = [
        {
            "type": "bar",
            "orientation": "h",
            "name": why,
            "y": [label(policy) for policy in run.policies],
            "x": [found[policy][why] for policy in run.policies],
            "marker": filled(PETROFF[place], place),
            "hovertemplate": "$%{x:,.2f} %{fullData.name}<extra></extra>",
        }
        for place, why in enumerate(causes)
    ]
    rows = [
        [
            clean(policy, 40),
            *(usd(found[policy][why]) for why in CAUSES),
            _of_cost(run, policy),
        ]
        for policy in run.policies
    ]
    caption = (
        "USD billed for answers that nobody got, mean over replications: "
        + "; ".join(f"{why}: {text}" for why, text in CAUSES.items())
        + "."
    )
    layout = bars(130 + 34 * len(run.policies), "USD", "$") | {"barmode": "stack"}
    heads = ["policy", *CAUSES, "of all cost"]
    return Picture(
        "What was paid for nothing?", caption, {"data": data, "layout": layout}, Table(heads, rows)
    )


def _of_cost(run: RunDocuments, policy: str) -> str:
    cost = run.mean(policy, "cost_usd")
    return percent(run.mean(policy, "wasted_usd") / cost) if cost else "n/a"
