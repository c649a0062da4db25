"""What was predicted beside what came, from a forecast's summary.json."""

from __future__ import annotations

from simroute.report.colors import BAD, GREY, KINDS
from simroute.report.picture import (
    Json,
    Picture,
    Table,
    axis,
    bars,
    clock,
    label,
    layout_axis,
    panels,
)
from simroute.units import percent, span

CAME, PREDICTED, MISSED = GREY, KINDS[0], BAD
LEAST_BAR = 0.4
"""Per cent of the predicted figure: the width of an interval that is a point."""


def overall(summary: Json) -> Picture:
    """The interval of each figure, and what came, in per cent of what was predicted."""
    figures = [row for row in summary["overall"].values() if row["median"]]
    names = [label(row["name"], 40) for row in figures]
    ends = [[100 * row[end] / row["median"] for end in ("low", "high")] for row in figures]
    wide = [max(high - low, LEAST_BAR) for low, high in ends]
    data: list[Json] = [
        {
            "type": "bar",
            "orientation": "h",
            "name": f"predicted, {_level(summary)}",
            "y": names,
            "base": [
                (low + high - width) / 2 for (low, high), width in zip(ends, wide, strict=True)
            ],
            "x": wide,
            "width": 0.4,
            "marker": {"color": f"{PREDICTED}66", "line": {"color": PREDICTED, "width": 1}},
            "hovertemplate": "%{base:.1f} to %{x:.1f} %<extra>%{y}</extra>",
        }
    ]
    for held, name, color, symbol in (
        (True, "came, inside", CAME, "circle"),
        (False, "came, outside", MISSED, "x"),
    ):
        rows = [
            (each, 100 * row["actual"] / row["median"])
            for each, row in zip(names, figures, strict=True)
            if row["actual"] is not None and row["held"] is held
        ]
        if rows:
            data.append(
                {
                    "type": "scatter",
                    "mode": "markers",
                    "name": name,
                    "y": [each for each, _ in rows],
                    "x": [x for _, x in rows],
                    "marker": {"color": color, "symbol": symbol, "size": 12},
                    "hovertemplate": "%{x:.1f} %<extra>%{y}</extra>",
                }
            )
    layout = bars(150 + 44 * len(names), "per cent of what was predicted")
    layout["xaxis"] |= {"rangemode": "normal", "ticksuffix": " %"}
    caption = (
        "A mark on its bar: the forecast held. Short bars are forecasts that tell much, long ones "
        "hold easily."
    )
    rows_ = [
        [
            row["name"],
            span(row["median"], row["low"], row["high"], row["unit"]),
            _figure(row["actual"], row["unit"]),
        ]
        for row in summary["overall"].values()
    ]
    table = Table(["figure", f"predicted ({_level(summary)})", "came"], rows_)
    return Picture("Did it hold in all?", caption, data, layout, table)


def windows(summary: Json) -> Picture:
    """A panel for each figure: the interval of each window, and what came in it."""
    figures = summary["overall"]
    unit_s, unit = clock(max(row["end_s"] for row in summary["windows"]))
    layout = panels([row["name"] for row in figures.values()])
    layout["xaxis"] |= {"title": {"text": f"{unit} from the start of the log"}}
    data: list[Json] = []
    for panel, (name, figure) in enumerate(figures.items()):
        scale = 100.0 if figure["unit"] == "share" else 1.0
        layout[layout_axis("y", panel)] |= {
            "ticksuffix": {"share": " %", "s": " s"}.get(figure["unit"], ""),
            "tickprefix": "$" if figure["unit"] == "USD" else "",
            "nticks": 4,
        }
        rows = [row for row in summary["windows"] if name in row]
        data += _panel([(_middle(row) / unit_s, row[name]) for row in rows], scale, panel)
    caption = (
        "The band is where each window was to lie 95 times in 100; the line is what came, a cross "
        "where it left its band."
    )
    title = "And hour by hour?" if _are_hours(summary["windows"]) else "And window by window?"
    return Picture(title, caption, data, layout, _windows_table(summary))


def _panel(points: list[tuple[float, Json]], scale: float, panel: int) -> list[Json]:
    """The band of the windows, the line of what came, and crosses where it left the band."""
    place = {"type": "scatter", "yaxis": axis("y", panel), "showlegend": panel == 0}
    up = [(t, scale * row["high"]) for t, row in points]
    down = [(t, scale * row["low"]) for t, row in reversed(points)]
    band = {
        **place,
        "mode": "lines",
        "name": "predicted",
        "legendgroup": "predicted",
        "x": [t for t, _ in up + down],
        "y": [y for _, y in up + down],
        "fill": "toself",
        "fillcolor": f"{PREDICTED}66",
        "line": {"width": 0},
        "hoverinfo": "skip",
    }
    came = [(t, row["actual"]) for t, row in points if row["actual"] is not None]
    missed = [(t, row["actual"]) for t, row in points if row["held"] is False]
    marks = [
        {
            **place,
            "mode": mode,
            "name": name,
            "legendgroup": name,
            "x": [t for t, _ in rows],
            "y": [scale * y for _, y in rows],
            "line": {"color": color, "width": 2},
            "marker": {"color": color, "symbol": symbol, "size": size},
            "hovertemplate": "%{y:.4g}<extra>%{fullData.name}</extra>",
        }
        for name, rows, mode, color, symbol, size in (
            ("came", came, "lines+markers", CAME, "circle", 5),
            ("came, outside", missed, "markers", MISSED, "x", 9),
        )
    ]
    return [band, *marks]


def _windows_table(summary: Json) -> Table:
    heads = ["from", "to", "figure", f"predicted ({_level(summary)})", "came", "held"]
    rows = []
    for window in summary["windows"]:
        for name, figure in summary["overall"].items():
            if name not in window:
                continue
            row, unit = window[name], figure["unit"]
            middle = (row["low"] + row["high"]) / 2
            rows.append(
                [
                    f"{window['start_s']:,.0f} s",
                    f"{window['end_s']:,.0f} s",
                    figure["name"],
                    span(middle, row["low"], row["high"], unit).partition(" (")[2].rstrip(")")
                    or _figure(middle, unit),
                    _figure(row["actual"], unit),
                    {True: "yes", False: "no", None: ""}[row["held"]],
                ]
            )
    return Table(heads, rows)


def _figure(value: float | None, unit: str) -> str:
    return "not in the log" if value is None else span(value, None, None, unit)


def _level(summary: Json) -> str:
    return percent(summary["level"]).replace(".00", "")


def _middle(window: Json) -> float:
    return float(window["start_s"] + window["end_s"]) / 2


def _are_hours(rows: list[Json]) -> bool:
    return bool(rows) and abs(rows[0]["end_s"] - rows[0]["start_s"] - 3600.0) < 1e-6
