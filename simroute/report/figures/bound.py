"""What a policy that knew the weather would come to, drawn beside those that do not."""

from __future__ import annotations

from typing import Any

from simroute.report.picture import Picture, RunDocuments, Table
from simroute.text import percent, span, usd

NAME = "clairvoyant"
GREY = "#9c9ca1"


def traces(run: RunDocuments) -> list[dict[str, Any]]:
    """Its marker, and the frontier that it attains when it leaves the dearest requests; nothing for
    a run that has none."""
    found = run.summary.get("bound")
    if found is None or found["metrics"]["success_rate"]["mean"] is None:
        return []
    points = [(p["cost_per_1k_requests_usd"], p["success_rate"]) for p in found["frontier"]]
    line = {
        "type": "scatter",
        "mode": "lines",
        "x": [x for x, _ in points],
        "y": [100 * y for _, y in points],
        "name": f"{NAME}, frontier",
        "line": {"color": GREY, "width": 1.5, "dash": "dot"},
        "showlegend": False,
        "visible": True,
        "hovertemplate": "$%{x:.2f} for 1,000 requests, %{y:.2f} % succeed: no policy is "
        "above<extra>%{fullData.name}</extra>",
    }
    metrics = found["metrics"]
    marker = {
        "type": "scatter",
        "mode": "markers",
        "x": [metrics["cost_per_1k_requests_usd"]["mean"]],
        "y": [100 * metrics["success_rate"]["mean"]],
        "name": NAME,
        "showlegend": True,
        "cliponaxis": False,
        "marker": {"color": GREY, "symbol": "star-open", "size": 14, "line": {"width": 2}},
        "hovertemplate": "$%{x:.2f} for 1,000 requests, %{y:.2f} % "
        "succeed<extra>%{fullData.name}</extra>",
    }
    return [line, marker]


def rows(run: RunDocuments) -> list[list[str]]:
    """Its row of the table beneath."""
    found = run.summary.get("bound")
    if found is None or found["metrics"]["success_rate"]["mean"] is None:
        return []
    metrics = found["metrics"]
    return [
        [
            f"({NAME})",
            span(**metrics["cost_per_1k_requests_usd"], unit="USD"),
            span(**metrics["success_rate"], unit="share"),
            "bound",
            "",
        ]
    ]


def caption(run: RunDocuments) -> str:
    """How to read it."""
    found = run.summary.get("bound")
    if found is None:
        return ""
    limits = (
        ""
        if found["exact"]
        else " It knows no rate limits and no queue for slots, so it may be out of reach."
    )
    return (
        " The star is a policy that knows the weather: it sends each request to the cheapest "
        "target that will answer in time; the dotted line is what"
        f" it attains when it leaves the dearest requests unanswered. A policy that keeps "
        f"answers or waits for better weather may pass it.{limits}"
    )


def regret(run: RunDocuments, policy: str) -> str:
    """A policy's distance from it, in success and in money, and how much of the first policy's it
    has closed."""
    found = run.summary["policies"][policy].get("regret")
    if found is None or found["success_rate"]["mean"] is None:
        return "n/a"
    success, cost = found["success_rate"], found["cost_per_1k_requests_usd"]
    parts = [
        f"{100 * success['mean']:+.2f} points, "
        f"{'-' if cost['mean'] < 0 else '+'}{usd(abs(cost['mean']))}"
    ]
    share = success["closed"]["mean"]
    if share is not None and policy != run.policies[0]:
        parts.append(f"{percent(share)} of the gap in success closed")
    return "; ".join(parts)


def frontier(columns: dict[str, list[Any]], trade: str, name: str) -> Picture:
    """Cost against what it buys, for a notebook."""
    metric, head, scale, tick = {
        "success": ("success_rate", "success", 100.0, " %"),
        "latency": ("latency_p95_s", "p95 latency", 1.0, " s"),
    }[trade]
    cost = columns["cost_per_1k_requests_usd"]
    shown = [None if value is None else scale * value for value in columns[metric]]
    data = [
        {
            "type": "scatter",
            "mode": "lines+markers",
            "x": cost,
            "y": shown,
            "name": name,
            "line": {"color": GREY, "width": 2},
        }
    ]
    layout = {
        "height": 380,
        "xaxis": {"title": {"text": "USD for 1,000 requests"}, "tickprefix": "$"},
        "yaxis": {"title": {"text": head}, "ticksuffix": tick, "automargin": True},
    }
    rows = [
        [
            _span(columns, "cost_per_1k_requests_usd", place, "USD"),
            _span(columns, metric, place, "share" if trade == "success" else "s"),
        ]
        for place in range(len(cost))
    ]
    caption = (
        "What a policy that knows the weather attains, the more an answer or a second is "
        "worth to it."
    )
    return Picture(
        "What can be had at all?",
        caption,
        {"data": data, "layout": layout},
        Table(["USD for 1,000 requests", head], rows),
    )


def _span(columns: dict[str, list[Any]], metric: str, place: int, unit: str) -> str:
    mean, low, high = (columns[metric + end][place] for end in ("", "_low", "_high"))
    return span(mean, low, high, unit)
