"""Arrivals that come in bursts: gaps more uneven than exponential ones, and spells in which the
rate is higher."""

from __future__ import annotations

import numpy as np

from simroute.models import spec
from simroute.models.random import Streams
from simroute.models.rate_profile import ArrivalProfile

MOST_SPELLS = 1_000_000
"""More within a horizon are refused: their edges are kept in memory."""


def draw_gaps(bursts: spec.Burstiness, streams: Streams, block: int, size: int) -> np.ndarray:
    """So many gaps of mean 1 between arrivals: exponential, or gamma with the stated coefficient of
    variation."""
    source = streams.block("arrivals", block=block)
    if bursts.cv == 1.0:
        return np.asarray(source.standard_exponential(size))
    shape = bursts.cv**-2
    return np.asarray(source.standard_gamma(shape, size) / shape)


class Modulation:
    """Busy and quiet spells by turns, exponential and in equilibrium at t = 0; the mean rate stays
    what the profile says."""

    def __init__(
        self, bursts: spec.Burstiness, profile: ArrivalProfile, streams: Streams, horizon: float
    ) -> None:
        """Raises ValueError when there would be too many spells."""
        self._profile = profile
        quiet = 1.0 / (1.0 - bursts.busy_share + bursts.busy_share * bursts.peak)
        edges, busy = _spells(bursts, streams, horizon)
        self._factors = np.where(busy, bursts.peak * quiet, quiet)
        self._plain = profile.count(edges)
        self._counts = np.concatenate([[0.0], np.cumsum(np.diff(self._plain) * self._factors)])

    def count(self, t: np.ndarray) -> np.ndarray:
        """How many arrivals are expected until so many seconds from t = 0, in these spells; as many
        as in all of them beyond the last."""
        return np.asarray(np.interp(self._profile.count(t), self._plain, self._counts))

    def when(self, count: np.ndarray) -> np.ndarray:
        """Seconds from t = 0 until so many arrivals are expected; infinite beyond the last
        spell."""
        place = np.minimum(
            np.searchsorted(self._counts, count, side="right") - 1, len(self._factors) - 1
        )
        plain = self._plain[place] + (count - self._counts[place]) / self._factors[place]
        return np.where(count < self._counts[-1], self._profile.when(plain), np.inf)


def check_spells(bursts: spec.Burstiness, horizon: float) -> None:
    """Raises ValueError when there would be too many spells within the horizon to be kept."""
    if bursts.peak > 1 and 2 * bursts.busy_share * horizon / bursts.spell > MOST_SPELLS:
        raise ValueError(
            f"makes about {2 * bursts.busy_share * horizon / bursts.spell:,.0f} spells; at most "
            f"{MOST_SPELLS:,} are kept"
        )


def _spells(
    bursts: spec.Burstiness, streams: Streams, horizon: float
) -> tuple[np.ndarray, np.ndarray]:
    """(edges from 0 to beyond the horizon in seconds, whether each spell between two is busy)."""
    means = bursts.spell, bursts.spell * (1.0 - bursts.busy_share) / bursts.busy_share
    check_spells(bursts, horizon)
    first = bool(streams.block("bursts", "first", block=0).random() < bursts.busy_share)
    lengths: list[np.ndarray] = []
    reached, number = 0.0, 0
    while reached <= horizon:
        turns = streams.block("bursts", block=number).standard_exponential((512, 2)) * (
            means if first else means[::-1]
        )
        lengths.append(turns.ravel())
        reached, number = reached + float(lengths[-1].sum()), number + 1
    edges = np.concatenate([[0.0], np.cumsum(np.concatenate(lengths))])
    stop = int(np.searchsorted(edges, horizon, side="right")) + 1
    return edges[:stop], (np.arange(stop - 1) % 2 == 0) == first
