"""What every picture of a report is made with: its data, its colours, its axes. Figures are plain
plotly JSON; plotly itself runs in the browser."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from simroute.text import clean

PETROFF = ("#5790fc", "#f89c20", "#e42536", "#964a8b", "#9c9ca1", "#7a21dd")
"""Six colours that the colour-blind can tell apart (Petroff 2021); policies beyond six differ by
dash and marker as well."""
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
MARKERS = (
    "circle",
    "square",
    "diamond",
    "triangle-up",
    "x",
    "star",
    "cross",
    "triangle-down",
    "pentagon",
    "hexagon",
)
PATTERNS = ("", "/", "x", "-", "\\", "+", ".", "|")
PANEL, GAP, TOP, BOTTOM = 120, 34, 64, 64
"""Pixels of one of several panels, between two, above all and below all."""


class Table(NamedTuple):
    """Heads, and rows of cells already in words."""

    heads: list[str]
    rows: list[list[str]]


class Picture(NamedTuple):
    """One chart: the question it answers, how to read it, plotly's data and layout, and the same
    figures as a table."""

    title: str
    caption: str
    figure: dict[str, Any]
    table: Table


class Listing(NamedTuple):
    """What is told by a table alone: the question it answers, how to read it, the figures."""

    title: str
    caption: str
    table: Table


Exhibit = Picture | Listing | str
"""What a function of figures/ gives; a string says why there is no picture."""


def plotly_figures(exhibits: Mapping[str, Exhibit]) -> dict[str, Any]:
    """plotly's own object of each picture, for a notebook."""
    import plotly.graph_objects as go

    return {
        name: go.Figure(exhibit.figure)
        for name, exhibit in exhibits.items()
        if isinstance(exhibit, Picture)
    }


@dataclass(frozen=True)
class RunDocuments:
    """A run as it is stored: summary.json and evidence.json."""

    summary: dict[str, Any]
    evidence: dict[str, Any]

    @property
    def policies(self) -> list[str]:
        return list(self.summary["policies"])

    def of(self, policy: str) -> dict[str, Any]:
        """A policy's evidence."""
        found: dict[str, Any] = self.evidence["policies"][policy]
        return found

    def metric(self, policy: str, name: str) -> dict[str, float | None]:
        """Mean and bounds."""
        found: dict[str, float | None] = self.summary["policies"][policy]["metrics"][name]
        return found

    def mean(self, policy: str, name: str) -> float:
        return self.metric(policy, name)["mean"] or 0.0

    def style(self, policy: str) -> dict[str, Any]:
        """Line and marker of a policy, the same in all pictures."""
        place = self.policies.index(policy)
        color = PETROFF[place % len(PETROFF)]
        return {
            "line": {"color": color, "dash": DASHES[(place + place // 6) % 6], "width": 2},
            "marker": {"color": color, "symbol": MARKERS[place % 10]},
        }


def label(name: str, most: int = 28) -> str:
    """A user's word as text: plotly reads a little HTML, which must not come from a name."""
    return html.escape(clean(str(name), most), quote=False)


def target_style(place: int) -> dict[str, Any]:
    """Colour and pattern of a target, by its place in the scenario: the policies' colours from the
    other end."""
    return {
        "color": PETROFF[(5, 1, 0, 3, 2, 4)[place % 6]],
        "pattern": PATTERNS[place % len(PATTERNS)],
    }


def filled(color: str, place: int) -> dict[str, Any]:
    """A bar's colour, with a pattern over it, so that bars can be told apart without colour."""
    return {
        "color": color,
        "pattern": {
            "shape": PATTERNS[place % len(PATTERNS)],
            "fillmode": "overlay",
            "fgcolor": "#fff",
            "fgopacity": 0.55,
            "size": 7,
        },
    }


def log_seconds(coarse: bool = False) -> dict[str, Any]:
    """A logarithmic axis of seconds with whole labels."""
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


def clock(horizon: float) -> tuple[float, str]:
    """Seconds of the unit in which a run's time is told, and its name."""
    return (
        (60.0, "min")
        if horizon <= 4 * 3600
        else (3600.0, "h")
        if horizon <= 4 * 86_400
        else (86_400.0, "d")
    )


def panels(titles: list[str], height: int = PANEL) -> dict[str, Any]:
    """A layout of one panel above another over one x axis; y axes are y, y2, y3 … from the top,
    each titled."""
    many = len(titles)
    inside = many * height + (many - 1) * GAP
    layout: dict[str, Any] = {
        "height": inside + TOP + BOTTOM,
        "annotations": [],
        "shapes": [],
        "xaxis": {"anchor": axis("y", many - 1)},
    }
    for place, title in enumerate(titles):
        top = 1 - place * (height + GAP) / inside
        layout["yaxis" + ("" if place == 0 else str(place + 1))] = {
            "domain": [max(0.0, top - height / inside), top],
            "anchor": "x",
        }
        layout["annotations"].append(
            note(label(title), 0, top, xref="paper", yref="paper", xanchor="left", yanchor="bottom")
        )
    return layout


def axis(letter: str, place: int) -> str:
    """plotly's name of the axis at a place: y, y2, y3 …"""
    return letter if place == 0 else f"{letter}{place + 1}"


def note(text: str, x: float, y: float, **more: Any) -> dict[str, Any]:
    return {"text": text, "x": x, "y": y, "showarrow": False, **more}


def bars(height: int, x: str, tick: str = "") -> dict[str, Any]:
    """A layout of horizontal bars, the first at the top."""
    return {
        "height": height,
        "barmode": "group",
        "xaxis": {"title": {"text": x}, "tickprefix": tick, "rangemode": "tozero"},
        "legend": {"traceorder": "normal"},
        "yaxis": {"autorange": "reversed", "type": "category", "automargin": True},
    }
