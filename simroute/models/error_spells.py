"""Errors in spells (Gilbert's two states): a function of time, never of the number of calls."""

from __future__ import annotations

import numpy as np

from simroute.models import spec
from simroute.models.error_kinds import Failure
from simroute.models.faults import ErrorSteps
from simroute.models.random import Streams

MOST_SPELLS = 100_000


def check_spells(bad: spec.Clustered, horizon: float) -> None:
    """Raises ValueError when there would be too many spells within the horizon to be kept."""
    if bad.share * horizon / bad.spell * 2 > MOST_SPELLS:
        raise ValueError(
            f"makes about {2 * bad.share * horizon / bad.spell:,.0f} spells; at most "
            f"{MOST_SPELLS:,} are kept"
        )


def draw_error_steps(
    name: str, deployment: spec.Deployment, streams: Streams, horizon: float
) -> ErrorSteps:
    """(from second, {status: share}) in order: fair and bad spells by turns, exponential and in
    equilibrium at t = 0; none without `clustered`.

    A call in a bad spell fails with `error_share`, beside the deployment's own `errors`. Raises
    ValueError when there would be too many.
    """
    bad = deployment.clustered
    if bad.share == 0 or bad.error_share == 0:
        return []
    means = bad.spell, bad.spell * (1.0 - bad.share) / bad.share
    check_spells(bad, horizon)
    here = bool(streams.block("clustered", name, "first", block=0).random() < bad.share)
    fair: dict[Failure, float] = dict(deployment.errors)
    own = sum(fair.values())
    shares = {
        True: fair | {bad.status: fair.get(bad.status, 0.0) + (1.0 - own) * bad.error_share},
        False: fair,
    }
    steps, at, number = [], 0.0, 0
    while at < horizon:
        for one, two in (
            streams.block("clustered", name, block=number).standard_exponential((512, 2)).tolist()
        ):
            for unit in (one, two):
                steps.append((at, shares[here]))
                at += unit * (means[0] if here else means[1])
                here = not here
        number += 1
    return steps[: int(np.searchsorted([when for when, _ in steps], horizon))]
