"""The clairvoyant bound, drawn beside policies that do not know the weather."""

from __future__ import annotations

from typing import Any

from simroute.report.colors import GREY
from simroute.report.picture import Json, Picture, RunDocuments, Table
from simroute.units import percent, span, usd

NAME, COST = "clairvoyant", "cost_per_1k_requests_usd"
TRADES = {
    "success": ("success_rate", "success", "share", 100.0, " %"),
    "latency": ("latency_p95_s", "p95 latency", "s", 1.0, " s"),
    "quality": ("quality_mean", "right answers", "share", 100.0, " %"),
}
"""What money buys -> metric, head, unit, scale and suffix of tick labels."""


def _bound(run: RunDocuments) -> Json | None:
    """The run's bound; None where it has none, or where no request arrived."""
    bound: Json | None = run.summary.get("bound")
    return None if bound is None or bound["metrics"]["success_rate"]["mean"] is None else bound


def comparable(run: RunDocuments) -> Json | None:
    """The bound's `cost`, `success` and `frontier` of both; None where there is none, or where it
    gives up quality that policies have."""
    bound = _bound(run)
    if bound is None or _better_quality(run):
        return None
    success = bound["metrics"].get(run.promised["metric"], bound["metrics"]["success_rate"])
    return {
        "cost": bound["metrics"][COST]["mean"],
        "success": success["mean"],
        "frontier": [(point[COST], point["success_rate"]) for point in bound["frontier"]],
    }


def _better_quality(run: RunDocuments) -> list[str]:
    """Policies whose answers are shown to be better than the bound's."""
    better = []
    for policy in run.policies:
        gap = (run.summary["policies"][policy].get("regret") or {}).get("quality_mean")
        if gap is not None and gap["mean"] is not None:
            least = gap["mean"] if gap["low"] is None else gap["low"]
            better += [policy] if least > 0 else []
    return better


def rows(run: RunDocuments) -> list[list[str]]:
    """The bound's row in the table of policies; none without a bound."""
    bound = _bound(run)
    if bound is None:
        return []
    cost = span(**bound["metrics"]["cost_per_1k_requests_usd"], unit="USD")
    success = span(**bound["metrics"]["success_rate"], unit="share")
    return [[f"({NAME})", cost, success, "bound", ""]]


def caption(run: RunDocuments) -> str:
    """How to read the bound, or what it gives up; empty without one."""
    bound = _bound(run)
    if bound is None:
        return ""
    cost = usd(bound["metrics"][COST]["mean"])
    if better := _better_quality(run):
        quality = bound["metrics"]["quality_mean"]["mean"]
        theirs = [run.mean(policy, "quality_mean") for policy in better]
        most = f" to {percent(max(theirs))}" if len(set(theirs)) > 1 else ""
        return (
            f" A policy that knows the weather and sends each request to the cheapest target that "
            f"will answer in time would pay {cost}, but {percent(quality)} of its answers would "
            f"be right instead of {percent(min(theirs))}{most}: it gives up quality, so it is not "
            f"drawn."
        )
    limits = (
        ""
        if bound["exact"]
        else " It knows no rate limits and no queue for slots, so it may be out of reach."
    )
    return (
        f" The {NAME} policy knows the weather: it sends each request to the cheapest target that "
        f"will answer in time, and pays {cost}; the dotted line is what it attains when it leaves "
        f"the dearest requests unanswered. Where it is far off, an arrow at the edge points to "
        f"it. A policy that keeps answers or waits for better weather may pass it.{limits}"
    )


def gap(run: RunDocuments, policy: str) -> str:
    """A policy's distance from the bound in success and USD, and the share of the first policy's
    distance in success that it makes good."""
    regret = run.summary["policies"][policy].get("regret")
    if regret is None or regret["success_rate"]["mean"] is None:
        return "n/a"
    success, cost = regret["success_rate"], regret["cost_per_1k_requests_usd"]["mean"]
    text = f"{100 * success['mean']:+.2f} points, {'-' if cost < 0 else '+'}{usd(abs(cost))}"
    closed = success["closed"]["mean"]
    if closed is None or policy == run.policies[0]:
        return text
    return f"{text}; {percent(closed)} of what {run.policies[0]} fails by is made good"


def frontier(columns: dict[str, list[Any]], trade: str, name: str) -> Picture:
    """Cost against what it buys, for a notebook. `columns`: mean, low and high of each metric by
    point; `trade`: as in `TRADES`."""
    metric, head, unit, scale, tick = TRADES[trade]
    cost = columns["cost_per_1k_requests_usd"]
    data = [
        {
            "type": "scatter",
            "mode": "lines+markers",
            "x": cost,
            "y": [None if value is None else scale * value for value in columns[metric]],
            "name": name,
            "line": {"color": GREY, "width": 2},
        }
    ]
    layout = {
        "height": 380,
        "xaxis": {"title": {"text": "USD for 1,000 requests"}, "tickprefix": "$"},
        "yaxis": {"title": {"text": head}, "ticksuffix": tick, "automargin": True},
    }
    table_rows = [
        [
            _span(columns, "cost_per_1k_requests_usd", index, "USD"),
            _span(columns, metric, index, unit),
        ]
        for index in range(len(cost))
    ]
    explanation = (
        "What a policy that knows the weather attains, the more an answer, a second or a right "
        "answer is worth to it."
    )
    table = Table(["USD for 1,000 requests", head], table_rows)
    return Picture("What can be had at all?", explanation, data, layout, table)


def _span(columns: dict[str, list[Any]], metric: str, index: int, unit: str) -> str:
    mean, low, high = (columns[metric + end][index] for end in ("", "_low", "_high"))
    return span(mean, low, high, unit)
