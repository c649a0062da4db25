"""How the answer depends on one or two assumptions, from sensitivity.json: lines with bands along
one, a map of winners over two."""

from __future__ import annotations

import math
import string
from typing import NamedTuple

from simroute.report.colors import DARK, GREY, Look, policy_looks
from simroute.report.figures.assumed import assumed_line, assumed_value, axis_name
from simroute.report.picture import (
    TOP,
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
from simroute.text import clean
from simroute.units import difference_span, quantity, short_key, span

SUCCESS = {"success_rate": "success", "slo_attainment": "success in time"}
MOST_NOTES, NOTE = 3, 16
"""Changes of the winner that are told in the picture, and pixels of a line of text."""
COST = "cost_per_1k_requests_usd"


def _metrics(summary: Json) -> dict[str, tuple[str, float, str, str]]:
    """Metric -> head, scale, suffix of tick labels and unit: the promised success, and the cost."""
    share = summary["share"]
    return {
        share: (SUCCESS[share], 100.0, " %", "share"),
        COST: ("USD for 1,000 requests", 1.0, "", "USD"),
    }


def one_way(summary: Json) -> Picture:
    """Success and cost of each policy along one assumption, and its paired differences from one of
    them; where the winner changes is shaded."""
    (assumption,) = summary["axes"]
    unit = 100.0 if assumption["unit"] == "share" else 1.0
    x = [unit * cell["at"][0] for cell in summary["cells"]]
    looks, rows = policy_looks(summary["policies"]), _panels(summary)
    layout = panels([row.title for row in rows], 150, most=48)
    data: list[Json] = []
    for place, row in enumerate(rows):
        layout[layout_axis("y", place)] |= row.ticks | {"nticks": 5}
        for policy, intervals in row.intervals.items():
            data += _band(x, intervals, row.scale, looks[policy].color, place)
            data.append(_line(x, intervals, row.scale, looks[policy], policy, place))
        if row.zero is not None:
            layout["shapes"].append(_across(row.zero, place))
    layout["xaxis"] |= {"title": {"text": axis_name(assumption)}}
    layout["xaxis"] |= {"type": "log"} if assumption["log"] else {}
    layout["xaxis"] |= {"ticksuffix": " %"} if unit > 1 else {}
    for crossing in summary["crossings"]:
        layout["shapes"] += _crossing(crossing, x, unit)
    assumed = assumed_value(summary, assumption)
    if assumed is not None and not x[0] <= unit * assumed <= x[-1]:
        assumed = None
    if assumed is not None:
        layout["shapes"].append(assumed_line(unit * assumed))
    layout |= _crossing_notes(summary["crossings"], assumption, unit, layout)
    caption = (
        f"Bands are 95 % intervals; every policy met the same weather at each value."
        f"{_about_differences(summary)}{_about_crossings(summary)} The dotted line is the promise."
    )
    if assumed is not None:
        caption += f" Dashed: as assumed, {quantity(assumed, assumption['unit'])}."
    table = _table(summary)
    return Picture("Which policy wins, if it is otherwise?", caption, data, layout, table)


def _about_crossings(summary: Json) -> str:
    """How changes of the winner are drawn, where there are any."""
    turns = summary["crossings"]
    if not turns:
        return ""
    is_shaded = any(turn["low"] is not None or turn["high"] is not None for turn in turns)
    shade = ", and shaded as far as these replications leave it open" if is_shaded else ""
    return f" Where the winner changes is marked{shade}."


def _about_differences(summary: Json) -> str:
    """How to read the panels of differences, and who is left out of them."""
    if not summary.get("reference"):
        return ""
    out = len(summary["policies"]) - 1 - len(_near(summary))
    left_out = "; policies that win nowhere are left out there" if out else ""
    return (
        f" Differences from {clean(summary['reference'], 40)} are paired, so that the weather's "
        f"own luck cancels: where a band leaves 0, the two are told apart{left_out}."
    )


class _Panel(NamedTuple):
    """title: what is drawn. intervals: policy -> one a value. zero: where a line goes across."""

    title: str
    intervals: dict[str, list[Json]]
    scale: float
    ticks: Json
    zero: float | None


def _panels(summary: Json) -> list[_Panel]:
    """Of each metric its values, and its differences from the reference, where they are stored."""
    reference, rows = summary.get("reference"), []
    for metric, (head, scale, tick, _) in _metrics(summary).items():
        values = {
            policy: [cell["policies"][policy][metric] for cell in summary["cells"]]
            for policy in summary["policies"]
        }
        ticks = {"ticksuffix": tick} if tick else {"tickprefix": "$"}
        promise = 100 * summary["promise"] if metric == summary["share"] else None
        rows.append(_Panel(head, values, scale, ticks, promise))
        if reference is not None:
            apart = {
                policy: [cell["differences"][policy][metric] for cell in summary["cells"]]
                for policy in _near(summary)
            }
            title = f"{head}, minus {clean(reference, 20)}'s"
            ticks = {"ticksuffix": " points"} if tick else {"tickformat": "$,.4~f"}
            rows.append(_Panel(title, apart, scale, ticks, 0.0))
    return rows


def _near(summary: Json) -> list[str]:
    """The policies that win somewhere, or may: their differences from the reference are drawn, on
    a scale on which a crossing is seen. All others where none is left."""
    winners = [cell["winner"] for cell in summary["cells"]]
    named = {name for each in winners for name in (each["policy"], *each["rivals"])}
    others = [policy for policy in summary["policies"] if policy != summary["reference"]]
    return [policy for policy in others if policy in named] or others


def _across(y: float, place: int) -> Json:
    """A dotted line over a whole panel."""
    letter = axis("y", place)
    ends = {"x0": 0, "x1": 1, "xref": "paper", "y0": y, "y1": y, "yref": letter}
    return {"type": "line", **ends, "line": {"dash": "dot", "width": 1.5, "color": GREY}}


def _crossing_notes(crossings: list[Json], assumption: Json, unit: float, layout: Json) -> Json:
    """Where the winner changes, in words above all panels, one below another; with the layout that
    has room for them. Of many changes the sentences tell."""
    if not 0 < len(crossings) <= MOST_NOTES:
        return {}
    place = math.log10 if assumption["log"] else float
    ends = [place(unit * assumption["values"][end]) for end in (0, -1)]
    notes = []
    for row, crossing in enumerate(crossings):
        x = place(unit * crossing["at"])
        is_left = x < sum(ends) / 2
        value = quantity(crossing["at"], assumption["unit"])
        text = f"{label(crossing['after'], 24)} wins from {value} on"
        ends_at = {"xanchor": "left" if is_left else "right", "xshift": 4 if is_left else -4}
        above = {"yref": "paper", "yanchor": "bottom", "yshift": NOTE * (len(crossings) - row) + 4}
        notes.append(note(text, x, 1, **ends_at, **above, font={"size": 11}))
    more = NOTE * len(crossings)
    return {
        "annotations": layout["annotations"] + notes,
        "height": layout["height"] + more,
        "margin": {"t": TOP + more},
    }


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


def _crossing(crossing: Json, x: list[float], unit: float) -> list[Json]:
    """A line where the winner changes, and its interval as a shade where that is known."""
    at, low, high = (
        None if crossing[name] is None else unit * crossing[name] for name in ("at", "low", "high")
    )
    extent = {"y0": 0, "y1": 1, "yref": "paper"}
    line = {"width": 1.5, "color": GREY}
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
    """A row for each value, or pair of values: the winner, each policy's figures, and their
    differences from the reference."""
    axes, metrics, reference = summary["axes"], _metrics(summary), summary.get("reference")
    others = [policy for policy in summary["policies"] if reference and policy != reference]
    whats = (SUCCESS[summary["share"]], "USD")
    heads = [
        *(short_key(each["key"]) for each in axes),
        "winner",
        *(f"{clean(policy, 40)}, {what}" for policy in summary["policies"] for what in whats),
        *(
            f"{clean(policy, 24)} minus {clean(str(reference), 24)}, {what}"
            for policy in others
            for what in whats
        ),
    ]
    rows = [
        [
            *(quantity(value, each["unit"]) for value, each in zip(cell["at"], axes, strict=True)),
            describe_winner(cell["winner"]),
            *(
                _span(cell["policies"][policy][metric], unit)
                for policy in summary["policies"]
                for metric, (*_, unit) in metrics.items()
            ),
            *(
                difference_span(**cell["differences"][policy][metric], unit=unit)
                for policy in others
                for metric, (*_, unit) in metrics.items()
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
        "xaxis": {"type": "category", "title": {"text": label(short_key(first["key"]), 50)}},
        "yaxis": {"type": "category", "automargin": True},
        "annotations": [
            note(
                f"↑ {label(short_key(second['key']), 50)}",
                0,
                1,
                xref="paper",
                yref="paper",
                xanchor="left",
                yanchor="bottom",
            )
        ],
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
