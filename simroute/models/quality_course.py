"""How good a model's answers are over time: dated steps, and drifts from one to the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from simroute.models import spec
from simroute.models.faults import resolve_time
from simroute.models.quality import UNKNOWN, accuracy


class QualityCourse:
    """Shares of right answers over time, by task.

    knots: seconds; shares: of each knot (rows) and task (columns). Between knots the share changes
    in a straight line, and the last one holds from then on.
    """

    def __init__(self, knots: Sequence[float], shares: Sequence[Sequence[float]]) -> None:
        self._knots = np.array(knots, float)
        self._shares = np.array(shares, float)

    def thresholds(self, arrival: np.ndarray, task: np.ndarray) -> np.ndarray:
        """The probit of the share that holds for each request: at its arrival, for its task."""
        from scipy.special import ndtri

        shares = np.empty(len(arrival))
        for code in np.unique(task):
            mine = task == code
            shares[mine] = np.interp(arrival[mine], self._knots, self._shares[:, code])
        return np.asarray(ndtri(shares))

    def shares(self, t: float) -> list[float]:
        """The share of right answers to each task, by code, at `t` (s)."""
        return [float(np.interp(t, self._knots, column)) for column in self._shares.T]


def quality_course(
    deployment: spec.Deployment,
    names: Sequence[str],
    tasks: Mapping[str, spec.Task],
    horizon: float,
) -> QualityCourse | None:
    """The course of a deployment's quality for these tasks; None where it does not change. Raises
    ValueError where two changes overlap."""
    changes = sorted(
        (
            (resolve_time(step.at, horizon), step.over, name, step)
            for name, step in deployment.quality_steps.items()
        ),
        key=lambda change: change[:3],
    )
    if not changes:
        return None
    now = _shares(deployment.quality, names, tasks, [UNKNOWN] * len(names))
    knots, shares = [0.0], [now]
    for start, over, name, step in changes:
        if start < knots[-1]:
            raise ValueError(f"{name} begins before the change before it has ended")
        following = _shares(step.quality, names, tasks, now)
        end = start + over if over else float(np.nextafter(start, np.inf))
        knots += [start, end]
        shares += [now, following]
        now = following
    return QualityCourse(knots, shares)


def _shares(
    quality: float | dict[str, float] | None,
    names: Sequence[str],
    tasks: Mapping[str, spec.Task],
    otherwise: Sequence[float],
) -> list[float]:
    """The share of each task: what `quality` says, else what held before."""
    found = (accuracy(quality, name, tasks) for name in names)
    return [
        before if share is None else share for share, before in zip(found, otherwise, strict=True)
    ]
