"""The figures of a run's page, by section and name. Each function returns a Picture, a Listing, or
the sentence that says why there is none."""

from __future__ import annotations

from collections.abc import Callable

from simroute.report.figures import (
    causes,
    cost_quality,
    cost_success,
    latency,
    misses,
    money,
    over_time,
    quality,
    replay,
    savings,
    spend,
)
from simroute.report.picture import Exhibit, RunDocuments

Draw = Callable[[RunDocuments], Exhibit]

SECTIONS: dict[str, dict[str, Draw]] = {
    "What happened": {"success_over_time": misses.success},
    "What failed, and why": {"misses": causes.misses, "repaired": causes.repaired},
    "What policies did": {
        "latency_over_time": over_time.latency,
        "breakers": over_time.breakers,
        "targets_over_time": over_time.targets,
    },
    "What it costs": {
        "cost_success": cost_success.draw,
        "spend_by_model": spend.by_model,
        "spend_by_feature": spend.by_feature,
        "spend_by_user": spend.by_user,
        "budget": money.budget,
        "waste": money.waste,
    },
    "How slow": {
        "latency": latency.latency,
        "time_to_first_token": latency.first_token,
        "tail": latency.tail,
    },
    "How good": {
        "cost_quality": cost_quality.draw,
        "quality": quality.quality,
        "shortcuts": quality.shortcuts,
    },
}


REPLAY: dict[str, dict[str, Draw]] = {
    "How far to trust this": {
        "calibration": replay.calibration,
        "calibration_by_hour": replay.hours,
        "counterfactuals": replay.differences,
        "observed": replay.origin,
    },
    "What happened": SECTIONS["What happened"],
    "What failed, and why": SECTIONS["What failed, and why"],
    "What policies did": SECTIONS["What policies did"],
    "What it costs, and whose": {
        "cost_success": cost_success.draw,
        "spend_by_model": spend.change_by_model,
        "spend_by_feature": spend.change_by_feature,
        "spend_by_user": spend.change_by_user,
        "spend_by_team": spend.change_by_team,
        "spend_by_day": spend.change_by_day,
        "drivers": spend.drivers,
        "caching": savings.caching,
        "shifts": savings.shifts,
        "budget": money.budget,
        "waste": money.waste,
    },
    "How slow": SECTIONS["How slow"],
    "How good": SECTIONS["How good"],
}
"""The sections of a replay."""


def sections(run: RunDocuments) -> dict[str, dict[str, Draw]]:
    """The sections of this run, in their order."""
    return REPLAY if run.summary.get("replay") is not None else SECTIONS


def draw_pictures(run: RunDocuments) -> dict[str, Exhibit]:
    """All figures of this run, by name."""
    return {name: draw(run) for section in sections(run).values() for name, draw in section.items()}
