"""Whether a scenario is steady, and what one long run of it then tells."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from simroute.metrics import Figures
from simroute.models import spec
from simroute.models.calendar import workload_calendar
from simroute.models.prices import resolve_prices
from simroute.statistics.batch_means import BatchMeans, batch_means


def is_steady(scenario: spec.Scenario, metered: bool = False) -> bool:
    """Whether nothing in it depends on when: no outages, no profile, no trace, no change of prices,
    no budget that a policy keeps to (`metered`)."""
    load = scenario.workload
    varied = load.profile.hours or load.profile.days or load.trace or scenario.outages or metered
    if varied or any(made.price_steps for made in scenario.deployments.values()):
        return False
    return all(
        made.price is not None
        or len(resolve_prices(made, scenario.horizon, workload_calendar(load))) == 1
        for made in scenario.deployments.values()
    )


def steady_estimates(
    scenario: spec.Scenario, runs: Mapping[str, list[Figures]], metered: bool = False
) -> dict[str, BatchMeans]:
    """Policy -> what its only run tells; nothing with more than one, in a scenario that is not
    steady, or where a run is too short."""
    if any(len(each) != 1 for each in runs.values()) or not is_steady(scenario, metered):
        return {}
    found = {
        policy: batch_means(np.asarray(each[0].minutes, float)) for policy, each in runs.items()
    }
    return {policy: one for policy, one in found.items() if one is not None}


def sentence(policy: str, found: BatchMeans) -> str:
    """In a sentence."""
    cut = f"after {found.warmup_minutes} minutes of warm-up " if found.warmup_minutes else ""
    if found.low is None or found.high is None:
        return (
            f"Within this run {policy}'s success {cut}drifts too slowly for an interval; "
            f"lengthen the horizon, or take --replications."
        )
    spread = (
        f"{100 * found.mean:.3f} % ({100 * found.low:.3f} to {100 * found.high:.3f}; "
        f"{found.batches} batch means)"
    )
    return f"Within this run {policy}'s success (however late) {cut}is {spread}."
