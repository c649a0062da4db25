"""What the pictures of a report share: stored documents, tables, axes, bars and lines.

A figure is plain plotly JSON; plotly itself runs in the browser.
"""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from simroute.report.colors import WOVEN, Look, policy_looks
from simroute.text import clean

Json = dict[str, Any]
"""An object of summary.json, evidence.json or sensitivity.json, or a part of a plotly figure."""

PANEL, GAP, TOP, BOTTOM = 120, 34, 64, 64
"""Pixels: the height of a panel, the space between two, above the first and below the last."""

BUTTONS = 26
"""Pixels for plotly's buttons above a legend that is as wide as they let it."""


class Table(NamedTuple):
    """Column heads, and rows of formatted cells."""

    heads: list[str]
    rows: list[list[str]]


class Cell(NamedTuple):
    """A formatted cell with its mark: "best", "tied" (not distinguishable from the best), "yes",
    "no", "open" or ""."""

    text: str
    mark: str = ""


def grade_cell(grade: str | None) -> Cell:
    """The cell of a grade: good, fair, bad, or None."""
    return Cell(grade or "", {"good": "yes", "fair": "open", "bad": "no"}.get(grade or "", ""))


class MarkedTable(NamedTuple):
    """Column heads, and rows of cells with marks."""

    heads: list[str]
    rows: list[list[Cell]]


class Picture(NamedTuple):
    """One chart: the question that it answers, how to read it, plotly's traces and layout, and the
    same numbers as a table."""

    title: str
    caption: str
    data: list[Json]
    layout: Json
    table: Table

    @property
    def figure(self) -> Json:
        """plotly's figure as JSON."""
        return {"data": self.data, "layout": self.layout}


class Listing(NamedTuple):
    """A table without a chart: the question that it answers, how to read it, the numbers."""

    title: str
    caption: str
    table: Table


Exhibit = Picture | Listing | str
"""What a function of `figures/` returns; a string says why there is nothing to show."""


def plotly_figures(exhibits: Mapping[str, Exhibit]) -> dict[str, Any]:
    """plotly's `Figure` of each picture by name, for a notebook."""
    import plotly.graph_objects as go

    return {
        name: go.Figure(exhibit.figure)
        for name, exhibit in exhibits.items()
        if isinstance(exhibit, Picture)
    }


@dataclass(frozen=True)
class RunDocuments:
    """The stored documents of a run: summary.json and evidence.json."""

    summary: Json
    evidence: Json

    @property
    def policies(self) -> list[str]:
        return list(self.summary["policies"])

    @property
    def promised(self) -> Json:
        """The promised success: its `metric`, and the `bound` that it must reach."""
        part: Json = self.evidence["promise"]["parts"][0]
        return part

    def evidence_of(self, policy: str) -> Json:
        """A policy's part of evidence.json."""
        evidence: Json = self.evidence["policies"][policy]
        return evidence

    def metric(self, policy: str, name: str) -> dict[str, float | None]:
        """`mean`, `low` and `high` of a policy's metric; None where an older run had no such
        metric."""
        metrics: dict[str, dict[str, float | None]] = self.summary["policies"][policy]["metrics"]
        return metrics.get(name, {"mean": None, "low": None, "high": None})

    def mean(self, policy: str, name: str) -> float:
        """The mean of a policy's metric, 0 where it has none."""
        return self.metric(policy, name)["mean"] or 0.0

    def equals(self, policy: str) -> list[str]:
        """The policies with the same figures in every replication, itself among them."""
        groups: list[list[str]] = [each["policies"] for each in self.evidence.get("same", ())]
        return next((group for group in groups if policy in group), [policy])

    def style(self, policy: str) -> Json:
        """Line and marker of a policy, the same in all pictures."""
        return series_style(self.look(policy))

    def look(self, policy: str) -> Look:
        """Colour and pattern of a policy."""
        return policy_looks(self.policies)[policy]


def label(name: str, most: int = 28) -> str:
    """A name as plotly's text, at most `most` characters: plotly renders some HTML, which a name
    must not contain."""
    return html.escape(clean(str(name), most), quote=False)


def series_style(look: Look) -> Json:
    """Line and marker of a series."""
    return {
        "line": {"color": look.color, "dash": look.dash, "width": 2},
        "marker": {"color": look.color, "symbol": look.symbol},
    }


def fill(color: str, pattern: str) -> Json:
    """plotly's marker of bars: a colour under a pattern, so that bars differ without colour too."""
    return {"color": color, "line": {"width": 0}, "pattern": weave(pattern)}


def weave(pattern: str) -> Json:
    """plotly's pattern, over a colour of either theme."""
    return {
        "shape": pattern,
        "fillmode": "overlay",
        "fgcolor": WOVEN,
        "fgopacity": 0.4,
        "size": 7,
    }


def bar(name: str, y: list[Any], x: list[Any], **style: Any) -> Json:
    """A series of horizontal bars of the lengths `x`."""
    return {"type": "bar", "orientation": "h", "name": name, "y": y, "x": x, **style}


def error_bars(intervals: list[Json], scale: float) -> Json:
    """plotly's error bars from `mean` to `low` and `high`; invisible where a bound is unknown."""
    if any(each["low"] is None or each["high"] is None for each in intervals):
        return {"visible": False}
    return asymmetric_bars(intervals, scale) | {"thickness": 1.2}


def asymmetric_bars(intervals: list[Json], scale: float) -> Json:
    """plotly's error bars, whose two sides may differ in length."""
    up, down = (
        [scale * abs(each[end] - each["mean"]) for each in intervals] for end in ("high", "low")
    )
    return {"type": "data", "symmetric": False, "array": up, "arrayminus": down}


def level(name: str, y: float, line: Json) -> Json:
    """Part of a layout: a named horizontal line across the whole plot."""
    ends = {"x0": 0, "x1": 1, "xref": "paper", "y0": y, "y1": y}
    text = note(name, 1, y, xref="paper", xanchor="right", yanchor="bottom", font={"size": 11})
    return {"shapes": [{"type": "line", **ends, "line": line}], "annotations": [text]}


def log_seconds(coarse: bool = False) -> Json:
    """A logarithmic axis of seconds with round tick labels; `coarse`: fewer of them."""
    ticks = (
        (0.1, 0.3, 1, 3, 10, 30, 100, 300)
        if coarse
        else (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
    )
    return {
        "type": "log",
        "tickvals": list(ticks),
        "ticktext": [f"{tick:g} s" for tick in ticks],
        "automargin": True,
    }


def log_shares(least: float, most: float, text: Callable[[float], str]) -> Json:
    """A logarithmic axis, in per cent, from one share to another; `text` of a share stands at its
    decade."""
    decades = [10.0**power for power in range(-6, 1) if least <= 10.0**power <= most * 1.001]
    return {
        "type": "log",
        "range": [math.log10(100 * least), math.log10(100 * most)],
        "tickvals": [100 * share for share in decades],
        "ticktext": [text(share) for share in decades],
        "automargin": True,
    }


def clock(horizon: float) -> tuple[float, str]:
    """(seconds, name) of the unit of a time axis over `horizon` seconds."""
    if horizon <= 4 * 3600:
        return 60.0, "min"
    return (3600.0, "h") if horizon <= 4 * 86_400 else (86_400.0, "d")


def panels(titles: list[str], height: int = PANEL, most: int = 28) -> Json:
    """A layout of titled panels above each other, with one x axis; the y axes are y, y2, y3 … from
    the top. `most`: characters of a title."""
    count = len(titles)
    inside = count * height + (count - 1) * GAP
    layout: Json = {
        "height": inside + TOP + BOTTOM,
        "annotations": [],
        "shapes": [],
        "xaxis": {"anchor": axis("y", count - 1)},
    }
    for index, title in enumerate(titles):
        top = 1 - index * (height + GAP) / inside
        layout[layout_axis("y", index)] = {
            "domain": [max(0.0, top - height / inside), top],
            "anchor": "x",
        }
        layout["annotations"].append(
            note(
                label(title, most),
                0,
                top,
                xref="paper",
                yref="paper",
                xanchor="left",
                yanchor="bottom",
            )
        )
    return layout


def axis(letter: str, index: int) -> str:
    """plotly's name of an axis in a trace: y, y2, y3 …"""
    return letter if index == 0 else f"{letter}{index + 1}"


def layout_axis(letter: str, index: int) -> str:
    """plotly's name of an axis in a layout: yaxis, yaxis2, yaxis3 …"""
    return axis(f"{letter}axis", index)


def note(text: str, x: float, y: float, **more: Any) -> Json:
    """plotly's annotation without an arrow."""
    return {"text": text, "x": x, "y": y, "showarrow": False, **more}


def bars(height: int, x: str, tick: str = "") -> Json:
    """A layout of horizontal bars, the first at the top. `x`: title of the axis; `tick`: prefix of
    its labels."""
    return {
        "height": height,
        "barmode": "group",
        "xaxis": {"title": {"text": x}, "tickprefix": tick, "rangemode": "tozero"},
        "legend": {"traceorder": "normal"},
        "yaxis": {"autorange": "reversed", "type": "category", "automargin": True},
    }
