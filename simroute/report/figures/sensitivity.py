"""How the answer depends on assumptions, from sensitivity.json: lines with bands along one, a map
of winners over two, and bars by effect for all."""

from __future__ import annotations

import string

from simroute.report.colors import DARK, GREY, KINDS, Look, policy_looks
from simroute.report.picture import (
    Json,
    Picture,
    Table,
    axis,
    label,
    layout_axis,
    note,
    panels,
    series_style,
)
from simroute.text import clean, quantity, short_key, span

SUCCESS = {"success_rate": "success", "slo_attainment": "success in time"}
COST = "cost_per_1k_requests_usd"
MOST_BARS = 24
ENDS = (
    ("low", "halved, or its low end", KINDS[0], ""),
    ("high", "doubled, or its high end", KINDS[4], "/"),
)
"""End of an assumption, its name, and the look of its bars."""


def _metrics(summary: Json) -> dict[str, tuple[str, float, str, str]]:
    """Metric -> head, scale, suffix of tick labels and unit: the promised success, and the cost."""
    share = summary["share"]
    return {
        share: (SUCCESS[share], 100.0, " %", "share"),
        COST: ("USD for 1,000 requests", 1.0, "", "USD"),
    }


def one_way(summary: Json) -> Picture:
    """Success and cost of each policy along one assumption; where the winner changes is shaded."""
    (assumption,) = summary["axes"]
    x = [cell["at"][0] for cell in summary["cells"]]
    metrics = _metrics(summary)
    layout = panels([head for head, *_ in metrics.values()], 190)
    data: list[Json] = []
    for panel, (metric, (_, scale, tick, _unit)) in enumerate(metrics.items()):
        layout[layout_axis("y", panel)] |= {"ticksuffix": tick, "tickprefix": "" if tick else "$"}
        for policy, look in policy_looks(summary["policies"]).items():
            rows = [cell["policies"][policy][metric] for cell in summary["cells"]]
            data += _band(x, rows, scale, look.color, panel)
            data.append(_line(x, rows, scale, look, policy, panel))
    layout["xaxis"] |= {"title": {"text": label(assumption["key"], 60)}}
    layout["xaxis"] |= {"type": "log"} if assumption["log"] else {}
    for crossing in summary["crossings"]:
        layout["shapes"] += _crossing(crossing, x)
    layout["shapes"].append(
        {
            "type": "line",
            "x0": 0,
            "x1": 1,
            "xref": "x domain",
            "y0": 100 * summary["promise"],
            "y1": 100 * summary["promise"],
            "yref": "y",
            "line": {"dash": "dot", "width": 1, "color": GREY},
        }
    )
    caption = (
        "Bands are 95 % intervals; every policy met the same weather at each value. Where "
        "the winner changes is shaded, with its interval."
    )
    table = _table(summary)
    return Picture("Which policy wins, if it is otherwise?", caption, data, layout, table)


def _line(
    x: list[float], rows: list[Json], scale: float, look: Look, policy: str, panel: int
) -> Json:
    style = series_style(look)
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "x": x,
        "y": [None if row["mean"] is None else scale * row["mean"] for row in rows],
        "name": label(policy),
        "legendgroup": look.color + look.dash,
        "showlegend": panel == 0,
        "yaxis": axis("y", panel),
        "line": style["line"],
        "marker": style["marker"],
        "hovertemplate": "%{x:.4g}: %{y:.4g}<extra>%{fullData.name}</extra>",
    }


def _band(x: list[float], rows: list[Json], scale: float, color: str, panel: int) -> list[Json]:
    known = [(at, row) for at, row in zip(x, rows, strict=True) if row["low"] is not None]
    if not known:
        return []
    edge = [(at, scale * row["high"]) for at, row in known] + [
        (at, scale * row["low"]) for at, row in reversed(known)
    ]
    return [
        {
            "type": "scatter",
            "mode": "lines",
            "x": [at for at, _ in edge],
            "y": [y for _, y in edge],
            "fill": "toself",
            "fillcolor": f"{color}33",
            "line": {"width": 0},
            "hoverinfo": "skip",
            "showlegend": False,
            "yaxis": axis("y", panel),
        }
    ]


def _crossing(crossing: Json, x: list[float]) -> list[Json]:
    """A line where the winner changes, and its interval as a shade where that is known."""
    at, low, high = (crossing[name] for name in ("at", "low", "high"))
    extent = {"y0": 0, "y1": 1, "yref": "paper"}
    line = {"width": 1, "color": GREY}
    shapes: list[Json] = [{"type": "line", "x0": at, "x1": at, **extent, "line": line}]
    if low is not None or high is not None:
        shade = {
            "type": "rect",
            "x0": x[0] if low is None else low,
            "x1": x[-1] if high is None else high,
            **extent,
            "fillcolor": GREY,
            "opacity": 0.18,
            "line": {"width": 0},
        }
        shapes.insert(0, shade)
    return shapes


def _table(summary: Json) -> Table:
    """A row for each value, or pair of values: the winner, and each policy's figures."""
    axes = summary["axes"]
    heads = [
        *(short_key(each["key"]) for each in axes),
        "winner",
        *(
            f"{clean(policy, 40)}, {what}"
            for policy in summary["policies"]
            for what in (SUCCESS[summary["share"]], "USD")
        ),
    ]
    rows = [
        [
            *(quantity(value, each["unit"]) for value, each in zip(cell["at"], axes, strict=True)),
            describe_winner(cell["winner"]),
            *(
                _span(cell["policies"][policy][metric], unit)
                for policy in summary["policies"]
                for metric, (*_, unit) in _metrics(summary).items()
            ),
        ]
        for cell in summary["cells"]
    ]
    return Table(heads, rows)


def _span(row: Json, unit: str) -> str:
    return span(row["mean"], row["low"], row["high"], unit)


def describe_winner(winner: Json) -> str:
    """Its name, and the other policies that may win."""
    if winner["policy"] is None:
        return "none: no request"
    contenders = ", ".join(clean(policy, 30) for policy in winner["rivals"])
    undecided = "" if winner["sure"] else f" (undecided: {contenders})"
    return f"{clean(winner['policy'], 40)}{undecided}"


def winner_letters(policies: list[str], most: int) -> dict[str, str]:
    """policy -> its letter in a map, with its name of at most `most` characters: "A failover"."""
    return {each: f"{_letter(i)} {clean(each, most)}" for i, each in enumerate(policies)}


def _letter(index: int) -> str:
    return string.ascii_uppercase[index % 26]


def winner_sign(winner: Json | None, policies: list[str]) -> str:
    """The winner's letter, with a question mark where it is undecided; empty without a winner."""
    if winner is None or winner["policy"] is None:
        return ""
    letter = _letter(policies.index(winner["policy"]))
    return letter if winner["sure"] else f"{letter}?"


def two_way(summary: Json) -> Picture:
    """A map of winners: colour and letter show who wins, a question mark where it is undecided."""
    first, second = summary["axes"]
    policies = summary["policies"]
    winners = {tuple(cell["at"]): cell["winner"] for cell in summary["cells"]}
    grid = [[winners.get((x, y)) for x in first["values"]] for y in second["values"]]
    columns, rows = (
        [quantity(value, each["unit"]) for value in each["values"]] for each in (first, second)
    )
    data = _winner_map(columns, rows, grid, policies)
    layout = {
        "height": 150 + 44 * len(rows),
        "xaxis": {"type": "category", "title": {"text": label(first["key"], 60)}},
        "yaxis": {
            "type": "category",
            "title": {"text": label(second["key"], 60)},
            "automargin": True,
        },
        "annotations": [_key(policies)],
    }
    caption = (
        f"{', '.join(winner_letters(policies, 40).values())}. A letter with a question mark: "
        f"these replications do not tell whether another policy wins there."
    )
    return Picture("Which policy wins where?", caption, [data], layout, _table(summary))


def _winner_map(
    x: list[str], y: list[str], grid: list[list[Json | None]], policies: list[str]
) -> Json:
    """The winner of each cell by colour and letter."""
    count = len(policies)
    return {
        "type": "heatmap",
        "x": x,
        "y": y,
        "z": [
            [
                None if each is None or each["policy"] is None else policies.index(each["policy"])
                for each in row
            ]
            for row in grid
        ],
        "zmin": -0.5,
        "zmax": count - 0.5,
        "colorscale": [
            [(index + end) / count, look.color]
            for index, look in enumerate(policy_looks(policies).values())
            for end in (0, 1)
        ],
        "showscale": False,
        "xgap": 2,
        "ygap": 2,
        "text": [[winner_sign(each, policies) for each in row] for row in grid],
        "texttemplate": "%{text}",
        "textfont": {"color": DARK, "size": 14},
        "hoverongaps": False,
        "opacity": 0.75,
        "hovertemplate": "%{x}, %{y}: %{text}<extra></extra>",
    }


def _key(policies: list[str]) -> Json:
    """The letters of policies above a map."""
    text = "   ".join(f"<b>{_letter(i)}</b> {label(each)}" for i, each in enumerate(policies))
    return note(text, 0, 1.02, xref="paper", yref="paper", xanchor="left", yanchor="bottom")


def tornado(summary: Json) -> Picture:
    """The effect of each assumption on the difference between the best two policies."""
    base, bars = summary["base"], summary["assumptions"][:MOST_BARS]
    in_usd = base["metric"] == COST
    scale, suffix, prefix = (1.0, "", "$") if in_usd else (100.0, " points", "")
    first, second = (label(clean(policy, 40)) for policy in base["pair"])
    layout = {
        "height": 150 + 26 * len(bars),
        "barmode": "overlay",
        "xaxis": {
            "title": {
                "text": f"{second} minus {first}: "
                f"{'USD for 1,000 requests' if in_usd else 'success'}"
            },
            "tickprefix": prefix,
            "ticksuffix": suffix,
            "zeroline": True,
        },
        "yaxis": {"autorange": "reversed", "type": "category", "automargin": True},
    }
    caption = (
        "Each assumption is changed alone, in the same weather; bars run from the difference as "
        "assumed. A flag: another policy wins on one of its"
        " sides. Of a price the list is a factor; of a quality the wrong answers are halved and "
        "doubled."
    )
    return Picture(
        "Which assumption matters?",
        caption,
        _effect_bars(bars, scale, scale * (base["difference"]["mean"] or 0.0)),
        layout,
        _tornado_table(summary["assumptions"], "USD" if in_usd else "share"),
    )


def _effect_bars(bars: list[Json], scale: float, middle: float) -> list[Json]:
    """Bars from the difference as assumed to that at each end of the assumption."""
    names = [label(short_key(each["key"]), 60) + (" ⚑" if each["flips"] else "") for each in bars]
    return [
        {
            "type": "bar",
            "orientation": "h",
            "name": name,
            "y": names,
            "base": middle,
            "x": [scale * (each[end]["difference"]["mean"] or 0.0) - middle for each in bars],
            "marker": {"color": color, "pattern": {"shape": shape}},
            "customdata": [each[end]["value"] for each in bars],
            "hovertemplate": "%{customdata:.4g}<extra>%{y}</extra>",
        }
        for end, name, color, shape in ENDS
    ]


def _tornado_table(assumptions: list[Json], unit: str) -> Table:
    heads = [
        "assumption",
        "as assumed",
        "low",
        "difference then",
        "high",
        "difference then",
        "another wins",
    ]
    rows = [
        [
            short_key(each["key"]),
            f"{each['value']:.4g}",
            *(
                text
                for end in ("low", "high")
                for text in (f"{each[end]['value']:.4g}", _span(each[end]["difference"], unit))
            ),
            _winners_at_ends(each),
        ]
        for each in assumptions
    ]
    return Table(heads, rows)


def _winners_at_ends(assumption: Json) -> str:
    if not assumption["flips"]:
        return "no"
    return ", ".join(
        f"{describe_winner(assumption[end]['winner'])} at {assumption[end]['value']:.4g}"
        for end in ("low", "high")
    )
