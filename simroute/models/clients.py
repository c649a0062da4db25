"""A mixture of clients as arrivals (after ServeGen): each has a rate for each ten minutes, and gaps
of its own unevenness."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np

from simroute.models import spec
from simroute.models.playback import BlockColumns
from simroute.models.questions import BLOCK
from simroute.models.random import Streams

MOST_ARRIVALS = 20_000_000
"""Within a horizon: their moments are kept in memory."""


@dataclass(frozen=True, eq=False)
class ClientWindows:
    """names: of clients, the busiest first. client (a code), start (s from the first window), rate
    (1/s), cv (of the gaps), weibull (else gamma): of each window, by client and time; size: s."""

    names: list[str]
    client: np.ndarray
    start: np.ndarray
    rate: np.ndarray
    cv: np.ndarray
    weibull: np.ndarray
    size: float

    @property
    def end(self) -> float:
        """From when on there are no rates, s from the first window."""
        return float((self.start + self.size).max())

    def expected(self, options: spec.ClientOptions, horizon: float) -> float:
        """Requests within a horizon."""
        begin = np.maximum(self.start, options.start)
        end = np.minimum(self.start + self.size, options.start + horizon)
        return float((self.rate * np.maximum(end - begin, 0.0)).sum() * options.factor)


def client_arrivals(
    windows: ClientWindows, options: spec.ClientOptions, streams: Streams, horizon: float
) -> Iterator[BlockColumns]:
    """All requests of all clients before the horizon, in order of time, with who asks. Raises
    ValueError when there are too many."""
    if windows.expected(options, horizon) > MOST_ARRIVALS:
        raise ValueError(
            f"workload.clients: about {windows.expected(options, horizon):,.0f} requests; at most "
            f"{MOST_ARRIVALS:,} are kept: give a lower client_options.factor"
        )
    last = windows.start + windows.size
    used = (last > options.start) & (windows.start < options.start + horizon)
    when, who = [np.zeros(0)], [np.zeros(0, np.int32)]
    for code in np.unique(windows.client[used]).tolist():
        mine = np.flatnonzero(used & (windows.client == code)).tolist()
        moments = np.concatenate([*_one_client(windows, mine, options, streams)])
        moments = moments[(moments >= 0) & (moments < horizon)]
        when.append(moments)
        who.append(np.full(len(moments), code, np.int32))
    arrival, user = np.concatenate(when), np.concatenate(who)
    order = np.argsort(arrival, kind="stable")
    for begin in range(0, len(order), BLOCK):
        chosen = order[begin : begin + BLOCK]
        yield {"arrival": arrival[chosen], "user": user[chosen]}


def _one_client(
    windows: ClientWindows, mine: list[int], options: spec.ClientOptions, streams: Streams
) -> Iterator[np.ndarray]:
    """Moments of a client, window by window: a renewal process in the number of requests that are
    expected, in which a gap that is not over goes on in the next window."""
    following = 0.0
    for place, k in enumerate(mine):
        rate, cv, weibull = windows.rate[k] * options.factor, windows.cv[k], windows.weibull[k]
        name, number = windows.names[windows.client[k]], round(windows.start[k] / windows.size)
        source, due = streams.block("clients", name, block=number), rate * windows.size
        if place == 0:  # its first gap has begun before
            following = -float(source.random() * _gaps(source, cv, weibull, 1)[0])
        units = [np.array([following])]
        while units[-1][-1] < due:
            size = max(16, int(1.2 * (due - units[-1][-1])))
            units.append(units[-1][-1] + np.cumsum(_gaps(source, cv, weibull, size)))
        moments = np.concatenate(units)
        inside = int(np.searchsorted(moments, due))
        following = float(moments[inside] - due)
        own = moments[:inside]
        yield windows.start[k] - options.start + own[own >= 0] / rate


def _gaps(source: np.random.Generator, cv: float, weibull: bool, size: int) -> np.ndarray:
    """Gaps of mean 1 with a coefficient of variation."""
    if weibull:
        shape = _weibull_shape(round(float(cv), 4))
        return np.asarray(source.weibull(shape, size) / math.gamma(1 + 1 / shape))
    shape = max(float(cv), 0.01) ** -2
    return np.asarray(source.standard_gamma(shape, size) / shape)


@cache
def _weibull_shape(cv: float) -> float:
    """The shape of a Weibull law with this coefficient of variation, by bisection."""
    low, high = 0.1, 50.0
    for _ in range(60):
        shape = math.sqrt(low * high)
        square = math.exp(math.lgamma(1 + 2 / shape) - 2 * math.lgamma(1 + 1 / shape)) - 1
        low, high = (shape, high) if square > cv * cv else (low, shape)
    return shape
