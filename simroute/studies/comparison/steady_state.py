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
    """Whether nothing in a scenario depends on the time: no outages, profile, crowd, trace, clients
    with hours of their own, no change of prices or quality, no gateway that forgets, no budget
    that a policy keeps to (`metered`)."""
    load, gateway = scenario.workload, scenario.gateway
    varied = (
        load.profile.hours or load.profile.days or load.spikes or load.trace or load.clients
    ) or (scenario.outages or gateway.restart_every or gateway.flush_every or metered)
    deployments = scenario.deployments.values()
    if varied or any(each.price_steps or each.quality_steps for each in deployments):
        return False
    return all(
        deployment.price is not None
        or len(resolve_prices(deployment, scenario.horizon, workload_calendar(load))) == 1
        for deployment in deployments
    )


def steady_estimates(
    scenario: spec.Scenario, runs: Mapping[str, list[Figures]], metered: bool = False
) -> dict[str, BatchMeans]:
    """policy -> the estimate from its only run. Empty with more than one run, in a scenario that is
    not steady, or where a run is too short, or kept no minutes (as those of `--vary` do)."""
    if any(len(figures) != 1 for figures in runs.values()) or not is_steady(scenario, metered):
        return {}
    estimates = {
        policy: batch_means(np.asarray(figures[0].minutes, float))
        for policy, figures in runs.items()
        if figures[0].minutes
    }
    return {policy: estimate for policy, estimate in estimates.items() if estimate is not None}


def sentence(policy: str, estimate: BatchMeans) -> str:
    """The estimate in a sentence."""
    cut = f"after {estimate.warmup_minutes} minutes of warm-up " if estimate.warmup_minutes else ""
    if estimate.low is None or estimate.high is None:
        return (
            f"Within this run {policy}'s success {cut}drifts too slowly for an interval; "
            f"lengthen the horizon, or take --replications."
        )
    spread = (
        f"{100 * estimate.mean:.3f} % ({100 * estimate.low:.3f} to {100 * estimate.high:.3f}; "
        f"{estimate.batches} batch means)"
    )
    return f"Within this run {policy}'s success (however late) {cut}is {spread}."
