"""Outages, price steps and throttling, shaded below pictures over time."""

from __future__ import annotations

from simroute.report.colors import GREY, SHADES
from simroute.report.picture import Json, RunDocuments, axis, clock, label, note

NAMED = 6
"""Outages and price steps whose names are written above the panels."""
THROTTLED = 0.05
"""Share of 429s from which a slice of time counts as throttled."""
Spell = tuple[float, float, str]
"""Start (s), end (s), and a breaker's state or a throttling target."""


def add_weather(run: RunDocuments, layout: Json, policies: list[str]) -> Json:
    """The layout with time on the x axis, outages and price steps shaded and named, and throttling
    shaded in the panels of these policies."""
    horizon = run.summary["horizon_s"]
    unit, unit_name = clock(horizon)
    layout["xaxis"] = layout.get("xaxis", {}) | {
        "title": {"text": f"time ({unit_name})"},
        "range": [0, horizon / unit],
    }
    for index, spell in enumerate(run.evidence["weather"]):
        start, end = spell["start_s"] / unit, min(spell["end_s"], horizon) / unit
        layout["shapes"].append(_weather_shape(spell["kind"], start, end))
        if index < NAMED:
            place = {"yref": "paper", "yanchor": "bottom", "yshift": 18 + 14 * (index % 2)}
            layout["annotations"].append(
                note(label(spell["name"], 22), (start + end) / 2, 1.0, **place, font={"size": 11})
            )
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


def _weather_shape(kind: str, start: float, end: float) -> Json:
    """A shade for an outage, a line for a price step; times in the unit of the axis."""
    extent = {"x0": start, "x1": end, "y0": 0, "y1": 1, "yref": "paper"}
    if kind != "outage":
        return {
            "type": "line",
            "line": {"color": GREY, "dash": "dash", "width": 1.5},
            **extent,
        }
    return {
        "type": "rect",
        "fillcolor": SHADES["outage"],
        "line": {"width": 0},
        "layer": "below",
        **extent,
    }


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
