"""Cost against quality: each policy, a router that mixes deployments at random, and one who knows
which answers are right."""

from __future__ import annotations

from typing import NamedTuple

from simroute.report.colors import GREY
from simroute.report.picture import (
    BUTTONS,
    Json,
    Picture,
    RunDocuments,
    Table,
    error_bars,
    label,
    level,
)
from simroute.statistics.routing import cost_of
from simroute.text import clean
from simroute.units import percent, span, usd

COST, QUALITY = "cost_per_1k_requests_usd", "quality_mean"
HEIGHT = 446
RANDOM, ORACLE = "mixed at random", "all answers known"
Line = list[tuple[float, float]]


class Yardsticks(NamedTuple):
    """Points of (USD for 1,000 requests, share of right answers): what each deployment comes to if
    nobody else is asked, and from cheap to dear the lines of the random router and of the
    oracle."""

    alone: dict[str, tuple[float, float]]
    random: Line
    oracle: Line

    @property
    def ceiling(self) -> float:
        """The most right answers that anybody can have."""
        return max(quality for _, quality in self.oracle)


def draw(run: RunDocuments) -> Picture | str:
    """Policies as points of cost and quality, between the lines of those who know nothing of a
    request and all of it."""
    stored = run.summary.get("quality_trade")
    paid = {} if stored is None else stored["policies"]
    points = {
        policy: {"x": cost, "y": quality}
        for policy in run.policies
        if (cost := paid.get(policy) or run.metric(policy, COST))["mean"] is not None
        and (quality := run.metric(policy, QUALITY))["mean"] is not None
    }
    if not points:
        return "No answer was graded, so right answers have no price."
    known = None if stored is None else yardsticks(stored)
    data = [] if known is None else _lines(known)
    data += [_point(run, policy, point) for policy, point in points.items()]
    head = _head(stored)
    layout = _layout(points, known, head)
    if known is not None:
        layout |= level(
            f"oracle's ceiling: {percent(known.ceiling)}",
            100 * known.ceiling,
            {"color": GREY, "dash": "dot", "width": 1},
        )
    return Picture(
        "What do right answers cost?",
        _caption(stored),
        data,
        layout,
        _table(points, known, head),
    )


def _head(stored: Json | None) -> str:
    """What costs are of; those of all requests, where only these are known."""
    return "USD for 1,000 requests" if stored is None else "USD for 1,000 answers"


def yardsticks(stored: Json) -> Yardsticks | None:
    """From `quality_trade` of summary.json; None where nothing was answered."""
    alone = {
        target: (each[COST], each[QUALITY])
        for target, each in stored["alone"].items()
        if each[COST] is not None and each[QUALITY] is not None
    }
    oracle = [
        (each[COST], each[QUALITY])
        for each in stored["frontier"]
        if each[COST] is not None and each[QUALITY] is not None
    ]
    if not alone or not oracle:
        return None
    return Yardsticks(alone, [alone[name] for name in stored["random"] if name in alone], oracle)


def _caption(stored: Json | None) -> str:
    text = "Up and to the left is better. Whiskers are 95 % intervals."
    if stored is None:
        return text
    count = stored["replications"]
    of = "the first replication" if count == 1 else f"the first {count} replications"
    return (
        f"{text} Only answers count and are paid for here: who loses requests saves nothing by it. "
        "Squares are single deployments that serve everything alone. The dashed line is a "
        "router that knows nothing of a request and sends it to one or another of them by chance: "
        "a policy above it is worth what it knows. The dotted line is one who knows each answer "
        "before he pays for it, and takes the cheapest right one, or the cheapest if that is not "
        f"worth it; nobody has more right answers than its ceiling. Lines are means of {of}."
    )


def _lines(known: Yardsticks) -> list[Json]:
    lines = {ORACLE: (known.oracle, "dot"), RANDOM: (known.random, "dash")}
    drawn: list[Json] = [
        {
            "type": "scatter",
            "mode": "lines",
            "x": [cost for cost, _ in line],
            "y": [100 * quality for _, quality in line],
            "name": name,
            "line": {"color": GREY, "width": 2, "dash": dash},
            "hovertemplate": "$%{x:.2f} for 1,000 answers: %{y:.2f} % right"
            "<extra>%{fullData.name}</extra>",
        }
        for name, (line, dash) in lines.items()
    ]
    names = list(map(label, known.alone))
    ends = [names[list(known.alone.values()).index(end)] for end in _ends(known)]
    drawn.append(
        {
            "type": "scatter",
            "mode": "markers",
            "x": [cost for cost, _ in known.alone.values()],
            "y": [100 * quality for _, quality in known.alone.values()],
            "customdata": names,
            "name": f"alone: {' … '.join(dict.fromkeys(ends))}",
            "marker": {"color": GREY, "symbol": "square-open", "size": 8},
            "hovertemplate": "%{customdata}: $%{x:.2f} for 1,000 answers, %{y:.2f} % right"
            "<extra></extra>",
        }
    )
    return drawn


def _ends(known: Yardsticks) -> tuple[tuple[float, float], tuple[float, float]]:
    """The cheapest deployment that is worth asking, and the best."""
    return known.random[0], known.random[-1]


def _point(run: RunDocuments, policy: str, point: Json) -> Json:
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [point["x"]["mean"]],
        "y": [100 * point["y"]["mean"]],
        "error_x": error_bars([point["x"]], 1),
        "error_y": error_bars([point["y"]], 100),
        "name": label(policy),
        "showlegend": True,
        "cliponaxis": False,
        "marker": run.style(policy)["marker"] | {"size": 11},
        "hovertemplate": "$%{x:.2f}, %{y:.2f} % right<extra>%{fullData.name}</extra>",
    }


def _layout(points: dict[str, Json], known: Yardsticks | None, head: str) -> Json:
    costs = [point["x"][end] for point in points.values() for end in ("low", "mean", "high")]
    shares = [point["y"][end] for point in points.values() for end in ("low", "mean", "high")]
    if known is not None:
        costs += [cost for cost, _ in known.random + known.oracle]
        shares += [quality for _, quality in known.random + known.oracle]
    given = [100 * share for share in shares if share is not None]
    room = max(max(given) - min(given), 1.0)
    dearest = max(cost for cost in costs if cost is not None) or 1.0
    return {
        "height": HEIGHT,
        "margin": {"t": 64 + BUTTONS},
        "legend": {"y": 1 - BUTTONS / HEIGHT},
        "xaxis": {
            "title": {"text": head},
            "tickprefix": "$",
            "range": [-0.02 * dearest, 1.06 * dearest],
        },
        "yaxis": {
            "title": {"text": "right answers"},
            "ticksuffix": " %",
            "automargin": True,
            "range": [min(given) - 0.12 * room, max(given) + 0.08 * room],
        },
    }


def _table(points: dict[str, Json], known: Yardsticks | None, head: str) -> Table:
    heads = ["who", head, "right answers"]
    rows = [
        [clean(policy, 40), span(**point["x"], unit="USD"), span(**point["y"], unit="share")]
        for policy, point in points.items()
    ]
    if known is None:
        return Table(heads, rows)
    heads += ["of the way from cheapest to best", f"{RANDOM}, USD for as many", f"{ORACLE}, USD"]
    for row, point in zip(rows, points.values(), strict=True):
        row += compared(point["y"]["mean"], known)
    for target, (cost, quality) in known.alone.items():
        named = [f"({clean(target, 40)} alone)", usd(cost), percent(quality)]
        rows.append([*named, *compared(quality, known)])
    cost, quality = max(known.oracle, key=lambda point: point[1])
    return Table(heads, [*rows, [f"({ORACLE})", usd(cost), percent(quality), "", "", usd(cost)]])


def compared(quality: float, known: Yardsticks) -> list[str]:
    """The share of the gap between the cheapest deployment and the best that it closes, and what
    the same quality costs at random and if all answers are known."""
    low, high = known.random[0][1], known.random[-1][1]
    closed = percent((quality - low) / (high - low)) if high > low else "n/a"
    prices = (cost_of(quality, line) for line in (known.random, known.oracle))
    return [closed, *("out of reach" if price is None else usd(price) for price in prices)]
