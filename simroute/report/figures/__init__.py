"""The pictures of a report, by section and name. A function gives a Picture, a Listing, or the
sentence that says why there is none."""

from __future__ import annotations

from collections.abc import Callable

from simroute.report.figures import latency, money, over_time, quality, replay, spend
from simroute.report.picture import Exhibit, RunDocuments

Draw = Callable[[RunDocuments], Exhibit]

SECTIONS: dict[str, dict[str, Draw]] = {
    "What happened": {
        "success_over_time": over_time.success,
        "latency_over_time": over_time.latency,
        "breakers": over_time.breakers,
        "targets_over_time": over_time.targets,
    },
    "What it costs": {
        "cost_success": money.cost_success,
        "spend_by_model": money.by_model,
        "spend_by_feature": money.by_feature,
        "spend_by_user": money.by_user,
        "budget": money.budget,
        "waste": money.waste,
    },
    "How slow": {
        "latency": latency.latency,
        "time_to_first_token": latency.first_token,
        "tail": latency.tail,
    },
    "How good": {"quality": quality.quality, "shortcuts": quality.shortcuts},
}


REPLAY: dict[str, dict[str, Draw]] = {
    "How far to trust this": {
        "calibration": replay.calibration,
        "calibration_by_hour": replay.hours,
        "counterfactuals": replay.differences,
        "observed": replay.origin,
    },
    "What happened": SECTIONS["What happened"],
    "What it costs, and whose": {
        "cost_success": money.cost_success,
        "spend_by_model": spend.by_model,
        "spend_by_feature": spend.by_feature,
        "spend_by_user": spend.by_user,
        "spend_by_team": spend.by_team,
        "spend_by_day": spend.by_day,
        "drivers": spend.drivers,
        "caching": spend.caching,
        "shifts": spend.shifts,
        "budget": money.budget,
        "waste": money.waste,
    },
    "How slow": SECTIONS["How slow"],
    "How good": SECTIONS["How good"],
}
"""Of a replay."""


def sections(run: RunDocuments) -> dict[str, dict[str, Draw]]:
    """Those of this run, in their order."""
    return REPLAY if run.summary.get("replay") is not None else SECTIONS


def draw_pictures(run: RunDocuments) -> dict[str, Exhibit]:
    """All of them, by name."""
    return {name: draw(run) for section in sections(run).values() for name, draw in section.items()}
