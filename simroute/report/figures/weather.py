"""Outages, crowds, changes, restarts and throttling, marked below pictures over time."""

from __future__ import annotations

from collections.abc import Iterator

from simroute.report.colors import GREY, SHADES
from simroute.report.picture import Json, RunDocuments, axis, clock, label, note

NAMED, ROWS = 6, 2
"""Outages and other events whose names are written above the panels, where there is room, and the
rows in which they stand."""
LETTER = 0.011
"""Width of a letter as a share of that of a panel: 6 of 560 pixels."""
THROTTLED = 0.05
"""Share of 429s from which a slice of time counts as throttled."""
DASHES = {"price": "dash", "quality": "dash", "restart": "dot", "flush": "dot"}
"""Kinds of events that are lines, and how these are dashed."""
Spell = tuple[float, float, str]
"""Start (s), end (s), and a breaker's state or a throttling target."""


def add_weather(run: RunDocuments, layout: Json, policies: list[str], whole: bool = False) -> Json:
    """The layout with time on the x axis, outages and other events marked and named, and throttling
    shaded in the panels of these policies. whole: outages from their start to their end, however
    deep they are in between."""
    horizon = run.summary["horizon_s"]
    unit, unit_name = clock(horizon)
    layout["xaxis"] = layout.get("xaxis", {}) | {
        "title": {"text": f"time ({unit_name})"},
        "range": [0, horizon / unit],
    }
    weather = run.evidence["weather"]
    for spell in weather:
        drawn = {**spell, "parts": None} if whole else spell
        layout["shapes"] += _weather_shapes(drawn, horizon, unit)
    layout["annotations"] += [
        note(
            text,
            middle / unit,
            1.0,
            yref="paper",
            yanchor="bottom",
            yshift=18 + 14 * row,
            font={"size": 11},
        )
        for text, middle, row in _names(weather, horizon)
    ]
    layout["shapes"] += [
        {
            "type": "rect",
            "x0": start / unit,
            "x1": end / unit,
            "y0": 0,
            "y1": 1,
            "yref": f"{axis('y', index)} domain",
            "layer": "below",
            "fillcolor": SHADES["throttling"],
            "line": {"width": 0},
        }
        for index, policy in enumerate(policies)
        for start, end, _ in throttled_spells(run, policy)
    ]
    return layout


def _names(weather: list[Json], horizon: float) -> Iterator[tuple[str, float, int]]:
    """(name, middle (s), row from below) of what has room for its name above the panels: outages
    and crowds first, each in the first of two rows in which it lies over no other."""
    taken: list[tuple[float, float, int]] = []
    ranked = sorted(weather, key=lambda spell: spell["kind"] in DASHES)
    for spell in ranked[:NAMED]:
        start, end = spell["start_s"], min(spell["end_s"], horizon)
        middle = start if "at_s" in spell else (start + end) / 2
        text = label(spell["name"], 22)
        half = horizon * LETTER * (len(text) + 1) / 2
        for row in range(ROWS):
            others = (other for *other, its in taken if its == row)
            if all(abs(middle - at) > half + reach for at, reach in others):
                taken.append((middle, half, row))
                yield text, middle, row
                break


def _weather_shapes(spell: Json, horizon: float, unit: float) -> list[Json]:
    """Shades for outages, as dark as they are deep where that varies, and for crowds; lines for
    changes of price or quality, and for restarts; times in the unit of the axis."""
    kind, end = spell["kind"], min(spell["end_s"], horizon)
    if kind in DASHES:
        line = {"color": GREY, "dash": DASHES[kind], "width": 1.5}
        return [
            {"type": "line", "line": line} | _extent(when / unit, when / unit)
            for when in spell.get("at_s", [spell["start_s"]])
        ]
    return [
        {"type": "rect", "fillcolor": SHADES[kind], "line": {"width": 0}, "layer": "below"}
        | _extent(begins / unit, min(ends, horizon) / unit)
        | ({} if level == 1 else {"opacity": round(level, 4)})
        for begins, ends, level in spell.get("parts") or [[spell["start_s"], end, 1]]
    ]


def _extent(start: float, end: float) -> Json:
    return {"x0": start, "x1": end, "y0": 0, "y1": 1, "yref": "paper"}


def throttled_spells(run: RunDocuments, policy: str) -> list[Spell]:
    """(start, end, target) of spells in which a target answered more than a twentieth of its calls
    with 429."""
    spells: list[Spell] = []
    evidence = run.evidence_of(policy)
    edges = evidence["edges_s"]
    for target, limited in evidence["limited"].items():
        for i, count in enumerate(limited):
            if count and count > THROTTLED * evidence["sends"][target][i]:
                start = edges[i]
                if spells and spells[-1][2] == target and spells[-1][1] == start:
                    start = spells.pop()[0]
                spells.append((start, edges[i + 1], target))
    return spells
