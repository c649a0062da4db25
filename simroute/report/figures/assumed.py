"""What was assumed, beside what is varied: the question of a study, an axis with its unit, the
value that the scenario has."""

from __future__ import annotations

from typing import Any

import yaml

from simroute.report.colors import GREY
from simroute.report.picture import Json, label
from simroute.units import short_key

UNITS = {
    "1/s": "per second",
    "1/min": "per minute",
    "s": "s",
    "when": "s",
    "%": "% of the horizon",
    "USD/1M tokens": "USD per million tokens",
}
"""Declared units, in words for an axis; shares have per cent at their ticks."""


def study_question(summary: Json) -> str:
    """What the study asks, beside the question of its scenario."""
    if summary["kind"] == "tornado":
        return "Which assumption changes who wins?"
    keys = " and ".join(short_key(each["key"]) for each in summary["axes"])
    return f"Who wins if {keys} {'is' if len(summary['axes']) == 1 else 'are'} otherwise?"


def assumed_value(summary: Json, assumption: Json) -> float | None:
    """The number that the configuration has at the key of an axis, in the unit of the axis; None
    where it has none, or policies differ."""
    try:
        config = yaml.safe_load(summary.get("config", ""))
    except yaml.YAMLError:
        return None
    head, *path = assumption["key"].split(".")
    config = config if isinstance(config, dict) else {}
    policies = config.get("policies")
    places = [config.get("scenario")]
    if head == "policy":
        places = [*policies.values()] if isinstance(policies, dict) else []
    values = {value for place in places if (value := _number_at(place, path)) is not None}
    if len(values) != 1:
        return None
    (value,) = values
    return 100 * value / summary["horizon_s"] if assumption["unit"] == "%" else value


def _number_at(data: Any, path: list[str]) -> float | None:
    for key in path:
        names = {str(name): value for name, value in data.items()} if isinstance(data, dict) else {}
        data = names.get(key)
    return float(data) if isinstance(data, (int, float)) and not isinstance(data, bool) else None


def axis_name(assumption: Json) -> str:
    """The key, with its unit where ticks do not have it."""
    key = short_key(assumption["key"])
    unit = "requests/s" if key == "workload.rate" else UNITS.get(assumption["unit"], "")
    return f"{label(key, 60)}, {unit}" if unit else label(key, 60)


def assumed_line(at: float) -> Json:
    """A dashed line at the value as assumed, over all panels."""
    ends = {"x0": at, "x1": at, "y0": 0, "y1": 1, "yref": "paper"}
    return {"type": "line", **ends, "line": {"dash": "dash", "width": 1.5, "color": GREY}}
