"""Bad weather: when which outage holds over which deployment. Functions of time, never of the number of calls."""

from __future__ import annotations

from bisect import bisect_right
from math import gamma
from typing import NamedTuple

import numpy as np

from simroute.models import spec
from simroute.models.random import Streams

HANG = 0


class Window(NamedTuple):
    """One outage from `start` to `end` (s), and the deployments under it."""

    name: str
    start: float
    end: float
    targets: tuple[str, ...]


class Conditions:
    """What holds at one deployment for a while. A call whose coin falls below `bad` does not succeed."""

    __slots__ = ("_cuts", "bad", "outages", "slow_down")

    def __init__(self, errors: list[tuple[float, int]], slow_down: float, outages: tuple[str, ...]) -> None:
        self.slow_down = slow_down
        self.outages = outages
        good = 1.0
        for share, _ in errors:
            good *= 1.0 - share
        self.bad = 1.0 - good
        total = sum(share for share, _ in errors) or 1.0
        edges = np.cumsum([share / total * self.bad for share, _ in errors]).tolist()
        self._cuts = list(zip(edges, [status for _, status in errors], strict=True))

    def verdict(self, coin: float) -> int:
        """The status of a call that does not succeed; 0 for one that hangs."""
        return next((status for edge, status in self._cuts if coin < edge), self._cuts[-1][1])


class Timeline:
    """Conditions of one deployment over time, piecewise constant."""

    def __init__(self, name: str, deployment: spec.Deployment, windows: list[Window], outages: dict[str, spec.Outage]) -> None:
        mine = [window for window in windows if name in window.targets]
        self._edges = sorted({0.0, *(w.start for w in mine), *(w.end for w in mine)})
        fair = [(share, status) for status, share in deployment.errors.items() if share > 0]
        self._states = []
        for edge in self._edges:
            here = [(w.name, outages[w.name]) for w in mine if w.start <= edge < w.end]
            errors = list(fair)
            for _, outage in here:
                errors += [(outage.error_share, outage.status), (outage.hang_share * (1 - outage.error_share), HANG)]
            slow = float(np.prod([outage.slow_down for _, outage in here])) if here else 1.0
            self._states.append(Conditions([pair for pair in errors if pair[0] > 0], slow, tuple(n for n, _ in here)))

    def at(self, t: float) -> tuple[Conditions, float]:
        """The conditions at `t` (s), and until when they hold."""
        place = max(0, bisect_right(self._edges, t) - 1)
        return self._states[place], self._edges[place + 1] if place + 1 < len(self._edges) else np.inf


def moment(when: float | str, horizon: float) -> float:
    """Seconds from t = 0 for a number of seconds or a share of the horizon ("30%")."""
    return float(when[:-1]) / 100 * horizon if isinstance(when, str) else float(when)


def affected(outage: spec.Outage, deployments: dict[str, spec.Deployment]) -> tuple[str, ...]:
    """Names of the deployments under an outage's scope."""
    return tuple(
        name
        for name, d in deployments.items()
        if (outage.deployment in (None, name)) and (outage.provider in (None, d.provider)) and (outage.domain in (None, d.domain))
    )


def windows(scenario: spec.Scenario, streams: Streams, horizon: float) -> list[Window]:
    """All outages that begin before the horizon, by start."""
    found = []
    for name, outage in scenario.outages.items():
        targets = affected(outage, scenario.deployments)
        if outage.start is not None and outage.end is not None:
            found.append(Window(name, moment(outage.start, horizon), moment(outage.end, horizon), targets))
        else:
            found += [Window(name, start, end, targets) for start, end in _renewal(name, outage, streams, horizon)]
    return sorted(found, key=lambda window: window.start)


def _renewal(name: str, outage: spec.Outage, streams: Streams, horizon: float) -> list[tuple[float, float]]:
    """Fair times (Weibull with the stated mean; shape 1 is exponential) and repairs (lognormal) by turns, from fair weather at t = 0."""
    assert outage.mean_between is not None
    scale = outage.mean_between / gamma(1 + 1 / outage.shape)
    spells: list[tuple[float, float]] = []
    t, block = 0.0, 0
    while t < horizon:
        source = streams.block("outage", name, block=block)
        fair = scale * np.power(source.standard_exponential(256), 1 / outage.shape)
        repair = outage.repair * np.exp(outage.repair_sigma * source.standard_normal(256))
        for up, down in zip(fair.tolist(), repair.tolist(), strict=True):
            start = t + up
            t = start + down
            if start >= horizon:
                return spells
            spells.append((start, t))
        block += 1
    return spells
