"""Intervals of shares where faults come at random: outages are counted, not requests, since all
failures of one outage are one event.

Two things are known beside the replications' figures: how much of the traffic each state of faults
is expected to meet, and how much it met in each replication (`models.exposure`). So

- the estimate weights replications such that they have met what is expected (generalised regression
  on the exposures, Särndal, Swensson and Wretman 1992, with a ridge where states cannot be told
  apart); its error is judged by Student's t with the degrees of freedom of Bell and McCaffrey
  (2002), and is no smaller than that of so many requests;
- what was not met counts at its worst: in the exposure that the weights leave out, everything may
  succeed or fail;
- m outages prove little about kinds of outages that were not among them: their share is, with 97.5
  %, at most 1 - .025^(1/m) (exact for m trials without such a one), and they may also lose
  everything or nothing. This is dropped from `FEW_EVENTS` outages on, as for failed requests. m is
  Kish's effective number (1965): many short outages say little about a long one.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from simroute.config import schema
from simroute.config.configuration import Configuration
from simroute.experiment.run import build_weather
from simroute.metrics import Figures, is_share
from simroute.models.exposure import CELLS, ArrivalShare, Exposures, FaultState, rare_faults
from simroute.models.spikes import mean_arrivals
from simroute.statistics.intervals import FEW_EVENTS, LEVEL, Interval, binomial, t_quantile

MIXED = 0.1
"""Variance of the share that outages lose, from one to another, by which replications are weighted:
about that of a uniform one."""
FAIR = 0.01
"""The same of a request in fair weather."""
RIDGE = 0.1
"""Weight of the belief that outages take nothing: so little that it counts only where replications
cannot tell states apart."""
NEVER = 1_000_000
MINUTE = 60.0
Values = Sequence[float | None]


class ShareEstimate(NamedTuple):
    """A share: its mean, its sampling error downwards and upwards, and by state of faults the share
    that outages took (-1 to 1 of a difference).

    `lost`, `gained`: by state, how much lower or higher the share may be for what is not known of
    that state; `m`: outages met of each state.
    """

    mean: float
    below: float
    above: float
    taken: np.ndarray
    lost: np.ndarray
    gained: np.ndarray
    m: np.ndarray


@dataclass(frozen=True, eq=False)
class OutageExposure:
    """What replications met of the `states` of a scenario. `shares`: their exposure, `squares`: its
    sum of squares over episodes; a row a replication. `requests`: of a replication, expected."""

    states: tuple[FaultState, ...]
    shares: np.ndarray
    squares: np.ndarray
    requests: float

    @property
    def replications(self) -> int:
        """The number of replications."""
        return len(self.shares)

    @property
    def outages(self) -> int:
        """The number of replications that met any outage."""
        return int((self.shares.sum(axis=1) > 0).sum())

    def interval(
        self,
        values: Values,
        trials: Sequence[int] | None = None,
        level: float = LEVEL,
        *,
        metric: str = "",
    ) -> Interval:
        """The interval of a share. `trials`: requests of each replication."""
        return self._interval(values, self._estimate(values, trials, level, 0.0), metric)

    def covers(self, metric: str) -> bool:
        """Whether it is a share: failures of one outage are one event."""
        return is_share(metric)

    def difference(self, values: Values, level: float = LEVEL, *, metric: str = "") -> Interval:
        """The interval of differences of two shares in the same weather."""
        return self._interval(values, self._estimate(values, None, level, -1.0), metric)

    def unmet_states(self) -> list[str]:
        """States that no replication met, in words, the likeliest first."""
        is_unmet = self.shares.sum(axis=0) == 0
        return [
            " with ".join(state.faults) or "other combinations"
            for state, unmet in zip(self.states, is_unmet, strict=True)
            if unmet
        ]

    def replications_needed(
        self, values: Values, distance: float, level: float = LEVEL, *, metric: str = ""
    ) -> int | None:
        """About the number of replications with which the bound on the side of `distance` (estimate
        minus limit) would decide; None if no number would."""
        estimate, count = self._estimate(values, None, level, 0.0), len(values)
        if estimate is None or distance == 0:
            return None
        error, taken = (
            (estimate.below, 1.0 - estimate.taken)
            if distance > 0
            else (estimate.above, estimate.taken)
        )
        expected = np.array([state.expected for state in self.states])
        weights = np.array([state.weight for state in self.states])
        outages = np.where(estimate.m >= 1, estimate.m / count, expected / weights)
        reached = expected * self._reach(metric)
        n = count + 1
        while n < NEVER and error * math.sqrt(count / n) + float(
            (_unseen(outages * n, level) * reached * taken).sum()
        ) >= abs(distance):
            n = math.ceil(n * 1.1)
        return n if n < NEVER else None

    def _estimate(
        self, values: Values, trials: Sequence[int] | None, level: float, least: float
    ) -> ShareEstimate | None:
        """The estimate from at least two values, else None. `least`: 0 of a share, -1 of a
        difference."""
        rows = [row for row, value in enumerate(values) if value is not None]
        if len(rows) < 2:
            return None
        v = np.array([values[row] for row in rows], float)
        requests = (
            np.full(len(v), max(self.requests, 1.0))
            if trials is None
            else np.maximum([trials[row] for row in rows], 1)
        )
        x, squares = self.shares[rows], self.squares[rows]
        target = np.array([1.0, *(state.expected for state in self.states)])
        weights, effects, freedom, residuals = self._regress(v, x, target)
        spread = math.sqrt(float((weights**2 * residuals**2).sum()))
        least_spread = math.sqrt(
            float((weights**2 * np.abs(v) * np.maximum(1 - np.abs(v), 0) / requests).sum())
        )
        half = max(t_quantile(freedom, level) * spread, t_quantile(NEVER, level) * least_spread)
        below, above = (
            (half, half) if least < 0 else _few(v, requests, x.sum(axis=1) == 0, half, level)
        )
        m = np.divide(
            x.sum(axis=0) ** 2,
            squares.sum(axis=0),
            out=np.zeros(x.shape[1]),
            where=squares.sum(axis=0) > 0,
        )
        taken = np.clip(-effects, least, 1.0)
        # exposure that the estimate leaves out, as if nothing were lost in it; below 0 what it has
        # too much of
        short = target[1:] - weights @ x
        under, over = np.maximum(short, 0.0), np.maximum(-short, 0.0)
        unseen = _unseen(m, level) * np.maximum(target[1:] - under - over, 0.0)
        lost, gained = (
            under - least * over + unseen * (1.0 - taken),
            over - least * under + unseen * (taken - least),
        )
        return ShareEstimate(float(weights @ v), below, above, taken, lost, gained, m)

    def _regress(
        self, v: np.ndarray, x: np.ndarray, target: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, float, np.ndarray]:
        """(weights of replications, effects by state, degrees of freedom, residuals enlarged by
        what the fit takes from them).

        The variance of a replication is assumed to grow with its exposure, so that what the weights
        sum to does not depend on whether long outages lose as much of their time as short ones.
        """
        sizes = np.array([state.weight for state in self.states])
        typical = float((target[1:] * sizes).sum() / target[1:].sum())
        variance = FAIR / max(self.requests, 1.0) + MIXED * typical * x.sum(axis=1)
        design = np.column_stack([np.ones(len(v)), x])
        ridge = np.diag([0.0, *np.full(x.shape[1], RIDGE)])
        scaled = design / variance[:, None]
        inner = np.linalg.inv(design.T @ scaled + ridge)
        weights = scaled @ (inner @ target)
        effects = inner @ (scaled.T @ v)
        grown = 1 / np.sqrt(np.maximum(1 - np.einsum("ij,ji->i", design, inner @ scaled.T), 0.05))
        # Satterthwaite for Σ (weight · grown · residual)²: trace² / trace of the square of u (V - D
        # A D') u, with u = weight · grown
        u = (weights * grown) ** 2
        middle = 2 * inner - inner @ (design.T @ scaled) @ inner
        taken = np.einsum("ij,jk,ik->i", design, middle, design)
        gram = middle @ (design.T @ (u[:, None] * design))
        square = float((u**2 * variance * (variance - 2 * taken)).sum() + np.trace(gram @ gram))
        freedom = float((u * (variance - taken)).sum() ** 2 / max(square, 1e-300))
        return (
            weights,
            effects[1:],
            min(max(freedom, 1.0), len(v) - 1.0),
            (v - design @ effects) * grown,
        )

    def _reach(self, metric: str) -> np.ndarray:
        """By state, the most that a share can lose for its exposure: a short outage takes a whole
        minute of a share of minutes."""
        minutes = metric == "availability"
        return np.array(
            [1 + MINUTE / max(state.length, 1.0) if minutes else 1.0 for state in self.states]
        )

    def _interval(self, values: Values, estimate: ShareEstimate | None, metric: str) -> Interval:
        if estimate is None:  # one value, or none
            return Interval(
                next((value for value in values if value is not None), None), None, None
            )
        reach = self._reach(metric)
        return Interval(
            estimate.mean,
            estimate.mean - estimate.below - float(estimate.lost @ reach),
            estimate.mean + estimate.above + float(estimate.gained @ reach),
        )


def _unseen(m: np.ndarray, level: float) -> np.ndarray:
    """The share of outages that may be of a kind that none of the m outages met was."""
    tail = (1 - level) / 2
    return np.where(m >= FEW_EVENTS - 1e-6, 0.0, 1 - tail ** (1 / np.maximum(m, 1e-9)))


def _few(
    v: np.ndarray, trials: np.ndarray, fair: np.ndarray, half: float, level: float
) -> tuple[float, float]:
    """Errors downwards and upwards, in fair weather no smaller than those of exact binomial bounds:
    there requests are counted, as where no faults come at random."""
    hits, total = round(float((v[fair] * trials[fair]).sum())), int(trials[fair].sum())
    if total == 0 or min(hits, total - hits) >= FEW_EVENTS:
        return half, half
    low, high = binomial(hits, total, level)
    return max(half, hits / total - low), max(half, high - hits / total)


def outage_exposure(
    exposures: Exposures | None,
    replications: Iterable[int],
    runs: Mapping[str, Sequence[Figures]],
    requests: Callable[[], float],
) -> OutageExposure | None:
    """What these replications met; None where no faults come at random. Faults of targets that no
    call went to count as fair weather. `requests`: gives those expected of a replication."""
    if exposures is None or not exposures.states:
        return None
    called = _called_targets(runs)
    kept = [
        index
        for index, state in enumerate(exposures.states)
        if called is None or state.targets & called
    ]
    episodes = [exposures.episodes(replication) for replication in replications]
    if not kept or not episodes:
        return None
    shares, squares = (
        np.array([getattr(one, name) for one in episodes])[:, kept]
        for name in ("shares", "squares")
    )
    return OutageExposure(
        tuple(exposures.states[index] for index in kept), shares, squares, requests()
    )


def _called_targets(runs: Mapping[str, Sequence[Figures]]) -> set[str] | None:
    """Targets that any call went to; None where the figures do not tell."""
    tables = [run.by.get("target") for each in runs.values() for run in each]
    known = [table for table in tables if table is not None]
    if not tables or len(known) < len(tables):
        return None
    return {name for table in known for name, row in table.items() if row.get("attempts")}


def expected_exposures(configuration: Configuration) -> Exposures | None:
    """How much of the traffic each state of random faults is expected to meet; None where no faults
    come at random."""
    if not rare_faults(configuration.scenario):
        return None
    # not sorted: among the keys of `errors` are numbers and words
    text = json.dumps([schema.plain(configuration.scenario), configuration.files], default=str)
    key = text, configuration.seed
    if key not in _EXPOSURES:
        while len(_EXPOSURES) >= MOST:
            _EXPOSURES.pop(next(iter(_EXPOSURES)))
        _EXPOSURES[key] = Exposures(
            configuration.scenario, configuration.seed, _arrival_share(configuration)
        )
    return _EXPOSURES[key]


_EXPOSURES: dict[tuple[str, int], Exposures] = {}
MOST = 64
"""Scenarios whose exposures are remembered."""


def _arrival_share(configuration: Configuration) -> ArrivalShare:
    """Gives the share of arrivals before a second of the horizon: by the profile, or of a trace as
    its first replication plays it."""
    scenario = configuration.scenario
    if scenario.workload.trace is None and scenario.workload.clients is None:
        rate = mean_arrivals(scenario.workload, 1.0, scenario.horizon)
        whole = float(rate.count(np.array([scenario.horizon]))[0]) or 1.0
        return lambda t: rate.count(t) / whole
    arrivals = np.concatenate(
        [block.arrival for block in build_weather(replace(configuration, part=None), 0).blocks()]
        or [np.zeros(0)]
    )
    edges = np.linspace(0, scenario.horizon, CELLS + 1)
    reached = np.searchsorted(arrivals, edges) / max(len(arrivals), 1)
    return lambda t: np.interp(t, edges, reached)
