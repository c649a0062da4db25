"""Bad weather: when which outage holds over which deployment. Functions of time, never of the
number of calls."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable
from copy import copy
from typing import NamedTuple

import numpy as np

from simroute.models import spec
from simroute.models.drift import DriftSteps
from simroute.models.error_kinds import Failure, helps_again

ErrorSteps = list[tuple[float, dict[Failure, float]]]
"""(from which second on, failure -> share of calls that fail so in fair weather), in order."""
HANG = 0
MOST_SPELLS = 100_000


class OutageWindow(NamedTuple):
    """One outage from `start` to `end` (s), and the deployments under it."""

    name: str
    start: float
    end: float
    targets: tuple[str, ...]


class Conditions:
    """What holds at one deployment for a while.

    A call's coin (uniform in [0, 1)) falls first among the `errors` of fair weather, each with
    exactly its share, before all others those that asking again does not change; of the other calls
    `error_share` get `status`; of those that do not fail `hang_share` hang. From `bad` on the call
    succeeds. Of streams that succeed and are not cut, `stall_share` stop after their first token;
    `stalled` do in fair weather. Outages that overlap are independent: shares combine as 1 - prod(1
    - share), slow-downs multiply, the status is the heaviest's.
    """

    __slots__ = (
        "_cuts",
        "error_share",
        "failure_share",
        "hang_share",
        "has_kinds",
        "outages",
        "slow_down",
        "stall_share",
        "status",
    )

    def __init__(
        self, errors: dict[Failure, float], outages: dict[str, spec.Outage], stalled: float = 0.0
    ) -> None:
        here = outages.values()
        self.outages = tuple(name.partition("\0")[0] for name in outages)  # of parts, the whole
        self.slow_down = math.prod(outage.slow_down for outage in here)
        self.error_share = 1.0 - math.prod(1.0 - outage.error_share for outage in here)
        self.hang_share = 1.0 - math.prod(1.0 - outage.hang_share for outage in here)
        self.stall_share = 1.0 - (1.0 - stalled) * math.prod(
            1.0 - outage.stall_share for outage in here
        )
        self.status = max(here, key=lambda outage: outage.error_share).status if outages else 503
        self._cuts = self._shares(errors)
        self.failure_share = self._cuts[-1][0]
        self.has_kinds = any(isinstance(failure, str) for _, failure in self._cuts)

    def failure_status(self, coin: float) -> Failure:
        """The status or kind of a call that does not succeed (coin < bad); 0 for one that
        hangs."""
        return next(status for edge, status in self._cuts if coin < edge)

    def _shares(self, errors: dict[Failure, float]) -> list[tuple[float, Failure]]:
        """(upper edge of the coin, failure) of all that can go wrong."""
        cuts: list[tuple[float, Failure]] = []
        edge = 0.0
        for status, share in sorted(errors.items(), key=lambda each: helps_again(each[0])):
            edge += share
            cuts.append((edge, status))
        failed = edge + (1.0 - edge) * self.error_share
        return [*cuts, (failed, self.status), (failed + (1.0 - failed) * self.hang_share, HANG)]


class Timeline:
    """Conditions of one deployment over time, piecewise constant. drift: how its times drift."""

    def __init__(
        self,
        name: str,
        deployment: spec.Deployment,
        windows: list[OutageWindow],
        outages: dict[str, spec.Outage],
        steps: ErrorSteps | None = None,
        drift: DriftSteps | None = None,
    ) -> None:
        """`steps`: from when on which share of calls fails with which status in fair weather,
        instead of the deployment's `errors`."""
        self.steps, self.drift = steps, drift
        self._drifted: dict[tuple[int, int], Conditions] = {}
        mine = [
            window for window in windows if name in window.targets and window.start < window.end
        ]
        turns: list[tuple[float, int, str]] = [(w.start, 1, w.name) for w in mine] + [
            (w.end, 0, w.name) for w in mine
        ]
        turns += [(when, place, "") for place, (when, _) in enumerate(steps or ())]
        errors, stalled, step = deployment.errors, deployment.stalled, -1
        self._edges, self._states = [0.0], [Conditions(errors, {}, stalled)]
        known: dict[tuple[int, tuple[str, ...]], Conditions] = {(step, ()): self._states[0]}
        here: dict[str, int] = {}
        order = {name: place for place, name in enumerate(outages)}
        for when, begins, outage in sorted(turns):
            if outage:
                here[outage] = here.get(outage, 0) + (1 if begins else -1)
                if not here[outage]:
                    del here[outage]
            elif steps:
                # equal ones share their conditions
                errors, step = steps[begins][1], id(steps[begins][1])
            names = tuple(sorted(here, key=order.__getitem__))
            if (step, names) not in known:
                here_now = {name: outages[name] for name in names}
                known[step, names] = Conditions(errors, here_now, stalled)
            self._turn(when, known[step, names])

    @property
    def has_kinds(self) -> bool:
        """Whether anything here fails in a way that has a name."""
        return any(state.has_kinds for state in self._states)

    def at(self, t: float) -> tuple[Conditions, float]:
        """The conditions at `t` (s), and until when they hold."""
        place = max(0, bisect_right(self._edges, t) - 1)
        until = self._edges[place + 1] if place + 1 < len(self._edges) else math.inf
        if self.drift is None:
            return self._states[place], until
        step, turns = self.drift.at(t)
        return self._drifting(place, step), min(until, turns)

    def figures(self, times: np.ndarray, figure: Callable[[Conditions], float]) -> np.ndarray:
        """A figure of the conditions at each of these moments (s)."""
        places = np.maximum(np.searchsorted(self._edges, times, "right") - 1, 0)
        if self.drift is None:
            return np.array([figure(state) for state in self._states], float)[places]
        both, where = np.unique(
            np.stack([places, self.drift.places(times)]), axis=1, return_inverse=True
        )
        states = [self._drifting(place, step) for place, step in both.T.tolist()]
        return np.array([figure(state) for state in states], float)[where.reshape(-1)]

    def _drifting(self, place: int, step: int) -> Conditions:
        assert self.drift is not None
        if (place, step) not in self._drifted:
            state = copy(self._states[place])
            state.slow_down *= self.drift.factors[step]
            self._drifted[place, step] = state
        return self._drifted[place, step]

    def _turn(self, when: float, state: Conditions) -> None:
        if when == self._edges[-1]:
            self._states[-1] = state
        else:
            self._edges.append(when)
            self._states.append(state)


def resolve_time(when: float | str, horizon: float) -> float:
    """Seconds from t = 0 for a number of seconds or a share of the horizon ("30%")."""
    return float(when[:-1]) / 100 * horizon if isinstance(when, str) else float(when)


def affected_deployments(
    outage: spec.Outage, deployments: dict[str, spec.Deployment], also: bool = False
) -> tuple[str, ...]:
    """Names of the deployments under an outage's scope; `also`: and of those that it reaches at
    times."""
    return tuple(
        name
        for name, d in deployments.items()
        if (also and d.provider in outage.also)
        or (
            (outage.deployment in (None, name))
            and (outage.provider in (None, d.provider))
            and (outage.domain in (None, d.domain))
        )
    )
