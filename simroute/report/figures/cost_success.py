"""Cost against success: each policy as a point, and the bound where it is comparable."""

from __future__ import annotations

from typing import NamedTuple

from simroute.report.colors import GREY
from simroute.report.figures import bound
from simroute.report.picture import (
    Json,
    Picture,
    RunDocuments,
    Table,
    asymmetric_bars,
    error_bars,
    label,
    log_shares,
    note,
)
from simroute.text import clean
from simroute.units import percent, span, usd

COST = "cost_per_1k_requests_usd"
SQUEEZE = 1.5
"""The bound stands at the edge if the room between it and the policies is so many times theirs."""


class Scale(NamedTuple):
    """Ends of the axes: USD, and shares of misses; what misses less is shown as `least`, and is
    none where `has_perfect`."""

    cheapest: float
    dearest: float
    least: float
    most: float
    has_perfect: bool

    def misses(self, success: float) -> float:
        """The per cent at which a share of successes stands."""
        return 100 * min(max(1 - success, self.least), self.most)


def draw(run: RunDocuments) -> Picture | str:
    """Each policy as a point of cost and success, which has a logarithmic scale of misses."""
    metric = run.promised["metric"]
    points: dict[str, Json] = {
        policy: {"x": cost, "y": success}
        for policy in run.policies
        if (cost := run.metric(policy, COST))["mean"] is not None
        and (success := run.metric(policy, metric))["mean"] is not None
    }
    if not points:
        return "No request arrived, so there is neither cost nor success."
    drawn, scale = bound.comparable(run), _scale(run, points)
    efficient = _efficient(points)
    data = [_efficient_line(points, efficient, scale)] if len(efficient) > 1 else []
    data += [_point(run, policy, point, scale) for policy, point in points.items()]
    data += [] if drawn is None else _bound(drawn, scale)
    word = "success" if metric == "success_rate" else "success in time"
    caption = (
        "Up and to the left is better. Whiskers are 95 % intervals. Each line of the scale of "
        "success stands for a tenth of the misses of the one below it. A grey line joins the "
        "efficient policies: none is both cheaper and more successful." + bound.caption(run)
    )
    table = _table(run, points, efficient, word)
    return Picture("What does success cost?", caption, data, _layout(run, scale, word), table)


def _layout(run: RunDocuments, scale: Scale, word: str) -> Json:
    allowed = scale.misses(run.promised["bound"])
    y = log_shares(scale.least, scale.most, lambda share: f"{100 * (1 - share):g} %")
    y["range"].reverse()
    if scale.has_perfect:
        y["tickvals"].append(100 * scale.least)
        y["ticktext"].append("100 %")
    low, high = y["range"]
    place = (log_shares(allowed / 100, allowed / 100, percent)["range"][0] - low) / (high - low)
    ends = {"x0": 0, "x1": 1, "xref": "paper", "y0": allowed, "y1": allowed}
    line = {"dash": "dot", "width": 2, "color": GREY}
    style = {"xanchor": "right", "yanchor": "bottom", "font": {"size": 11}}
    return {
        "height": 380,
        "xaxis": {
            "title": {"text": "USD for 1,000 requests"},
            "tickprefix": "$",
            "range": [scale.cheapest, scale.dearest],
        },
        "yaxis": y | {"title": {"text": word}},
        "shapes": [{"type": "line", "name": "promise", **ends, "line": line}],
        "annotations": [note("promise", 1, place, xref="paper", yref="paper", **style)],
    }


def _scale(run: RunDocuments, points: dict[str, Json]) -> Scale:
    """Room for all policies, and for the bound unless it is so far off that it would squeeze
    them."""
    costs = [
        value
        for point in points.values()
        for end in ("low", "mean", "high")
        if (value := point["x"][end]) is not None
    ]
    low, high = min(costs), max(costs)
    room = max(high - low, 0.2 * high) or 1.0
    drawn = bound.comparable(run)
    if drawn is not None and low - SQUEEZE * room <= drawn["cost"] <= high + SQUEEZE * room:
        low, high = min(low, drawn["cost"]), max(high, drawn["cost"])
        room = max(high - low, room)
    shares = [1 - run.promised["bound"]]
    shares += [
        1 - value
        for point in points.values()
        for end in ("low", "mean", "high")
        if (value := point["y"][end]) is not None
    ]
    shares += [] if drawn is None else [1 - drawn["success"]]
    shown = [share for share in shares if share > 1e-6] or [0.01]
    most = min(1.0, 1.5 * max(shown))
    least = min(min(shown), most / 10) / 3
    return Scale(low - 0.06 * room, high + 0.06 * room, least, most, len(shown) < len(shares))


def _point(run: RunDocuments, policy: str, point: Json, scale: Scale) -> Json:
    misses = {end: None if v is None else scale.misses(v) for end, v in point["y"].items()}
    known = misses["low"] is not None and misses["high"] is not None
    flipped = {"mean": misses["mean"], "low": misses["high"], "high": misses["low"]}
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [point["x"]["mean"]],
        "y": [misses["mean"]],
        "error_x": error_bars([point["x"]], 1),
        "error_y": asymmetric_bars([flipped], 1) | {"thickness": 1.2}
        if known
        else {"visible": False},
        "name": label(policy),
        "showlegend": True,
        "cliponaxis": False,
        "marker": run.style(policy)["marker"] | {"size": 11},
        "hovertemplate": f"$%{{x:.2f}} for 1,000 requests, {percent(point['y']['mean'])} "
        f"succeed<extra>%{{fullData.name}}</extra>",
    }


def _bound(drawn: Json, scale: Scale) -> list[Json]:
    """The bound as a star and its frontier as a line; an arrow at the edge where it is far off."""
    cost, success = drawn["cost"], drawn["success"]
    inside = scale.cheapest <= cost <= scale.dearest
    left = cost < scale.cheapest
    symbol = "star-open" if inside else "triangle-left" if left else "triangle-right"
    mark = {
        "type": "scatter",
        "mode": "markers" if inside else "markers+text",
        "x": [min(max(cost, scale.cheapest), scale.dearest)],
        "y": [scale.misses(success)],
        "text": [f"{bound.NAME}: {usd(cost)}"],
        "textposition": "middle right" if left else "middle left",
        "name": bound.NAME,
        "showlegend": True,
        "cliponaxis": False,
        "marker": {"color": GREY, "symbol": symbol, "size": 14, "line": {"width": 2}},
        "hovertemplate": f"{usd(cost)} for 1,000 requests, {percent(success)} "
        f"succeed<extra>%{{fullData.name}}</extra>",
    }
    frontier = {
        "type": "scatter",
        "mode": "lines",
        "x": [x for x, _ in drawn["frontier"]],
        "y": [scale.misses(y) for _, y in drawn["frontier"]],
        "name": f"{bound.NAME}, frontier",
        "line": {"color": GREY, "width": 1.5, "dash": "dot"},
        "showlegend": False,
        "visible": True,
        "hovertemplate": "$%{x:.2f} for 1,000 requests: no policy is "
        "above<extra>%{fullData.name}</extra>",
    }
    return [frontier, mark] if inside else [mark]


def _table(run: RunDocuments, points: dict[str, Json], efficient: list[str], word: str) -> Table:
    heads = ["policy", "USD for 1,000 requests", word, "efficient"]
    rows = [
        [
            clean(policy, 40),
            span(**point["x"], unit="USD"),
            span(**point["y"], unit="share"),
            "yes" if policy in efficient else "no",
        ]
        for policy, point in points.items()
    ]
    if best := bound.rows(run):
        gaps = [bound.gap(run, policy) for policy in points]
        rows = [[*row, gap] for row, gap in zip(rows, gaps, strict=True)] + best
        heads.append("regret: success, USD for 1,000")
    return Table(heads, rows)


def _efficient(points: dict[str, Json]) -> list[str]:
    """Policies that no other beats in both, by cost."""
    by_cost = sorted(
        points, key=lambda policy: (points[policy]["x"]["mean"], -points[policy]["y"]["mean"])
    )
    efficient: list[str] = []
    for policy in by_cost:
        if not efficient or points[policy]["y"]["mean"] > points[efficient[-1]]["y"]["mean"]:
            efficient.append(policy)
    return efficient


def _efficient_line(points: dict[str, Json], efficient: list[str], scale: Scale) -> Json:
    return {
        "type": "scatter",
        "mode": "lines",
        "x": [points[policy]["x"]["mean"] for policy in efficient],
        "y": [scale.misses(points[policy]["y"]["mean"]) for policy in efficient],
        "hoverinfo": "skip",
        "showlegend": False,
        "line": {"color": GREY, "width": 1.5},
    }
