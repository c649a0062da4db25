"""The pictures of a report, by section and name. A function gives a Picture, or the sentence that says why there is none."""

from __future__ import annotations

from collections.abc import Callable

from simroute.report.figures import answers, money, over_time, speed
from simroute.report.picture import Material, Picture

Draw = Callable[[Material], Picture | str]

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
    "How slow": {"latency": speed.latency, "time_to_first_token": speed.first_token, "tail": speed.tail},
    "How good": {"quality": answers.quality, "shortcuts": answers.shortcuts},
}


def pictures(material: Material) -> dict[str, Picture | str]:
    """All of them, by name."""
    return {name: draw(material) for section in SECTIONS.values() for name, draw in section.items()}
