"""How the answer depends on what was assumed: lines with bands, a map of winners, bars by effect.
From sensitivity.json alone."""

from __future__ import annotations

import string
from typing import Any

from simroute.report.picture import (
    DASHES,
    MARKERS,
    PETROFF,
    Picture,
    Table,
    axis,
    label,
    note,
    panels,
)
from simroute.text import clean, quantity, short_key, span

Found = dict[str, Any]
SUCCESS = {"success_rate": "success", "slo_attainment": "success in time"}
MOST_BARS = 24


def _shown(found: Found) -> dict[str, tuple[str, float, str, str]]:
    """Metric -> heading, scale, mark and unit: the success that is promised, and the cost."""
    shares = {found["share"]: (SUCCESS[found["share"]], 100.0, " %", "share")}
    return {**shares, "cost_per_1k_requests_usd": ("USD for 1,000 requests", 1.0, "", "USD")}


def one_way(found: Found) -> Picture:
    """Success and cost of each policy along one assumption; where the winner changes is shaded."""
    (wanted,) = found["axes"]
    x = [cell["at"][0] for cell in found["cells"]]
    layout = panels([head for head, *_ in _shown(found).values()], 190)
    data: list[dict[str, Any]] = []
    for panel, (metric, (_, scale, tick, _unit)) in enumerate(_shown(found).items()):
        layout["yaxis" if panel == 0 else f"yaxis{panel + 1}"] |= {
            "ticksuffix": tick,
            "tickprefix": "" if tick else "$",
        }
        for place, policy in enumerate(found["policies"]):
            rows = [cell["policies"][policy][metric] for cell in found["cells"]]
            data += _band(x, rows, scale, PETROFF[place % 6], panel)
            data.append(_line(x, rows, scale, place, policy, panel))
    layout["xaxis"] |= {"title": {"text": label(wanted["key"], 60)}} | (
        {"type": "log"} if wanted["log"] else {}
    )
    layout["shapes"] += [
        shape for crossing in found["crossings"] for shape in _crossing(crossing, x)
    ]
    promise = 100 * found["promise"]
    line = {"dash": "dot", "width": 1, "color": "#9c9ca1"}
    layout["shapes"].append(
        {
            "type": "line",
            "x0": 0,
            "x1": 1,
            "xref": "x domain",
            "y0": promise,
            "y1": promise,
            "yref": "y",
            "line": line,
        }
    )
    caption = (
        "Bands are 95 % intervals; every policy met the same weather at each value. Where "
        "the winner changes is shaded, with its interval."
    )
    return Picture(
        "Which policy wins, if it is otherwise?",
        caption,
        {"data": data, "layout": layout},
        _table(found),
    )


def _line(
    x: list[float], rows: list[Found], scale: float, place: int, policy: str, panel: int
) -> dict[str, Any]:
    color = PETROFF[place % 6]
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "x": x,
        "y": [None if row["mean"] is None else scale * row["mean"] for row in rows],
        "name": label(policy),
        "legendgroup": str(place),
        "showlegend": panel == 0,
        "yaxis": axis("y", panel),
        "line": {"color": color, "dash": DASHES[(place + place // 6) % 6], "width": 2},
        "marker": {"color": color, "symbol": MARKERS[place % 10]},
        "hovertemplate": "%{x:.4g}: %{y:.4g}<extra>%{fullData.name}</extra>",
    }


def _band(
    x: list[float], rows: list[Found], scale: float, color: str, panel: int
) -> list[dict[str, Any]]:
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


def _crossing(crossing: Found, x: list[float]) -> list[dict[str, Any]]:
    low, high = (
        x[end] if crossing[name] is None else crossing[name]
        for name, end in (("low", 0), ("high", -1))
    )
    known = crossing["low"] is not None or crossing["high"] is not None
    area = {
        "type": "rect",
        "x0": low,
        "x1": high,
        "y0": 0,
        "y1": 1,
        "yref": "paper",
        "fillcolor": "#9c9ca1",
        "opacity": 0.18,
        "line": {"width": 0},
    }
    line = {"width": 1, "color": "#9c9ca1"}
    return [area] * known + [
        {
            "type": "line",
            "x0": crossing["at"],
            "x1": crossing["at"],
            "y0": 0,
            "y1": 1,
            "yref": "paper",
            "line": line,
        }
    ]


def _table(found: Found) -> Table:
    heads = [short_key(one["key"]) for one in found["axes"]] + ["winner"]
    heads += [
        f"{clean(policy, 40)}, {what}"
        for policy in found["policies"]
        for what in (SUCCESS[found["share"]], "USD")
    ]
    rows = []
    for cell in found["cells"]:
        at = [
            quantity(value, one["unit"])
            for value, one in zip(cell["at"], found["axes"], strict=True)
        ]
        figures = [
            _span(cell["policies"][policy][metric], unit)
            for policy in found["policies"]
            for metric, (*_, unit) in _shown(found).items()
        ]
        rows.append([*at, describe_winner(cell["winner"]), *figures])
    return Table(heads, rows)


def _span(row: Found, unit: str) -> str:
    return span(row["mean"], row["low"], row["high"], unit)


def describe_winner(best: Found) -> str:
    """Its name, and who may win as well."""
    if best["policy"] is None:
        return "none: no request"
    rivals = ", ".join(clean(policy, 30) for policy in best["rivals"])
    return clean(best["policy"], 40) + ("" if best["sure"] else f" (undecided: {rivals})")


def two_way(found: Found) -> Picture:
    """A map of winners: colour and letter say who wins, a question mark where it is undecided."""
    first, second = found["axes"]
    best = {tuple(cell["at"]): cell["winner"] for cell in found["cells"]}
    names, letters = found["policies"], string.ascii_uppercase
    grid: list[list[Any]] = [[best.get((x, y)) for x in first["values"]] for y in second["values"]]
    z = [
        [
            None if one is None or one["policy"] is None else names.index(one["policy"])
            for one in row
        ]
        for row in grid
    ]
    signs = [[_sign(one, names) for one in row] for row in grid]
    columns, rows = (
        [quantity(value, one["unit"]) for value in one["values"]] for one in (first, second)
    )
    many = len(names)
    steps = [[(place + end) / many, PETROFF[place % 6]] for place in range(many) for end in (0, 1)]
    heat = {
        "type": "heatmap",
        "x": columns,
        "y": rows,
        "z": z,
        "zmin": -0.5,
        "zmax": many - 0.5,
        "colorscale": steps,
        "showscale": False,
        "xgap": 2,
        "ygap": 2,
        "text": signs,
        "texttemplate": "%{text}",
        "textfont": {"color": "#000", "size": 14},
        "hoverongaps": False,
        "opacity": 0.75,
        "hovertemplate": "%{x}, %{y}: %{text}<extra></extra>",
    }
    layout = {
        "height": 150 + 44 * len(rows),
        "xaxis": {"type": "category", "title": {"text": label(first["key"], 60)}},
        "yaxis": {
            "type": "category",
            "title": {"text": label(second["key"], 60)},
            "automargin": True,
        },
        "annotations": [
            note(_key(names), 0, 1.02, xref="paper", yref="paper", xanchor="left", yanchor="bottom")
        ],
    }
    said = ", ".join(f"{letters[place % 26]} {clean(name, 40)}" for place, name in enumerate(names))
    caption = (
        f"{said}. A letter with a question mark: these replications do not tell whether "
        f"another policy wins there."
    )
    return Picture(
        "Which policy wins where?", caption, {"data": [heat], "layout": layout}, _table(found)
    )


def _key(names: list[str]) -> str:
    return "   ".join(
        f"<b>{string.ascii_uppercase[place % 26]}</b> {label(name)}"
        for place, name in enumerate(names)
    )


def _sign(one: Found | None, names: list[str]) -> str:
    if one is None or one["policy"] is None:
        return ""
    return string.ascii_uppercase[names.index(one["policy"]) % 26] + ("" if one["sure"] else "?")


def tornado(found: Found) -> Picture:
    """What each assumption does to the difference between the best two."""
    base, shown = found["base"], found["assumptions"][:MOST_BARS]
    scale, tick, prefix = (
        (1.0, "", "$") if base["metric"] == "cost_per_1k_requests_usd" else (100.0, " points", "")
    )
    middle = scale * (base["difference"]["mean"] or 0.0)
    names = [label(short_key(one["key"]), 60) + (" ⚑" if one["flips"] else "") for one in shown]
    data = [
        {
            "type": "bar",
            "orientation": "h",
            "name": text,
            "y": names,
            "base": middle,
            "x": [scale * (one[side]["difference"]["mean"] or 0.0) - middle for one in shown],
            "marker": {"color": color, "pattern": {"shape": shape}},
            "customdata": [one[side]["value"] for one in shown],
            "hovertemplate": "%{customdata:.4g}<extra>%{y}</extra>",
        }
        for side, text, color, shape in (
            ("low", "halved, or its low end", PETROFF[0], ""),
            ("high", "doubled, or its high end", PETROFF[1], "/"),
        )
    ]
    first, second = (clean(policy, 40) for policy in base["pair"])
    what = "USD for 1,000 requests" if prefix else "success"
    layout = {
        "height": 150 + 26 * len(shown),
        "barmode": "overlay",
        "xaxis": {
            "title": {"text": f"{label(second)} minus {label(first)}: {what}"},
            "tickprefix": prefix,
            "ticksuffix": tick,
            "zeroline": True,
        },
        "yaxis": {"autorange": "reversed", "type": "category", "automargin": True},
    }
    heads = [
        "assumption",
        "as assumed",
        "low",
        "difference then",
        "high",
        "difference then",
        "another wins",
    ]
    unit = "USD" if prefix else "share"
    rows = [
        [
            short_key(one["key"]),
            f"{one['value']:.4g}",
            *(_side(one[side], unit)[part] for side in ("low", "high") for part in (0, 1)),
            _flip(one),
        ]
        for one in found["assumptions"]
    ]
    caption = (
        "Each assumption is changed alone, in the same weather; bars run from the difference as "
        "assumed. A flag: another policy wins on one of its"
        " sides. Of a price the list is a factor; of a quality the wrong answers are halved and "
        "doubled."
    )
    return Picture(
        "Which assumption matters?", caption, {"data": data, "layout": layout}, Table(heads, rows)
    )


def _side(side: Found, unit: str) -> tuple[str, str]:
    return f"{side['value']:.4g}", _span(side["difference"], unit)


def _flip(one: Found) -> str:
    if not one["flips"]:
        return "no"
    return ", ".join(
        f"{describe_winner(one[side]['winner'])} at {one[side]['value']:.4g}"
        for side in ("low", "high")
    )
