"""What right answers cost: for one who knows which answers are right, and for one who cannot tell
requests apart and mixes deployments at random."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from simroute.config.configuration import Configuration
from simroute.models import spec
from simroute.statistics.routing import upper_hull
from simroute.studies.bound.clairvoyant import MetricValues, clairvoyant_figures
from simroute.studies.bound.gap import FrontierPoint, metric_bounds, quality_preferences

COST, QUALITY = "cost_per_1k_requests_usd", "quality_mean"
PER_ANSWER = "cost_per_1k_answers_usd"
"""What a policy pays, by the requests that it answers: quality is of these alone, and who loses
requests saves what they would have cost."""
MOST_REPLICATIONS = 3
"""A frontier is a line without whiskers, and looks at every answer that there could have been."""


def is_graded(scenario: spec.Scenario) -> bool:
    """Whether anything is known of how good answers are."""
    return any(
        each.quality is not None or each.outcomes is not None
        for each in scenario.deployments.values()
    )


@dataclass(frozen=True)
class QualityTrade:
    """Figures by replication: `frontier`, of one who knows all answers, the more a right one is
    worth to him; `alone`, of each deployment if nobody else is asked."""

    replications: int
    frontier: list[FrontierPoint]
    alone: dict[str, list[MetricValues]]

    def plain(self) -> dict[str, Any]:
        """As in summary.json; `random`: the deployments that are worth mixing at random, from the
        cheapest to the best."""
        alone = {
            target: {name: metric_bounds(name, runs).mean for name in (COST, QUALITY)}
            for target, runs in self.alone.items()
        }
        known = {(each[COST], each[QUALITY]): target for target, each in alone.items()}
        points = [
            (cost, quality) for cost, quality in known if cost is not None and quality is not None
        ]
        return {
            "replications": self.replications,
            "frontier": [
                {
                    "quality_usd": point.preference.quality,
                    **{name: point.interval(name).mean for name in (COST, QUALITY)},
                }
                for point in self.frontier
            ],
            "alone": alone,
            "random": [known[point] for point in upper_hull(points)],
        }


def quality_trade(
    configuration: Configuration, replications: Sequence[int], neutral: MetricValues | None = None
) -> QualityTrade:
    """What right answers cost in the first of these replications. `neutral`: the clairvoyant's
    figures in the very first, where they are known."""
    looked = replications[:MOST_REPLICATIONS]
    preferences = quality_preferences(neutral or clairvoyant_figures(configuration, looked[0])[0])
    figures = [clairvoyant_figures(configuration, each, preferences, True) for each in looked]
    runs = [list(column) for column in zip(*figures, strict=True)]
    known = len(preferences)
    points = map(FrontierPoint, preferences, runs)
    names = configuration.scenario.deployments
    return QualityTrade(len(looked), list(points), dict(zip(names, runs[known:], strict=True)))
