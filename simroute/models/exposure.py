"""How much of the traffic meets which random faults: expected by the law of the fault processes
alone, and met in a replication.

A *state* is a set of faults that are there at once, random ones at least one. Its *exposure* is the
share of a horizon's arrivals that are expected while it lasts. When faults come is a function of
(seed, replication), so what a replication met is known without simulating any call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import combinations
from typing import NamedTuple

import numpy as np

from simroute.models import spec
from simroute.models.error_spells import draw_error_steps
from simroute.models.faults import affected_deployments, resolve_time
from simroute.models.outage_depth import draw_marks
from simroute.models.outage_draws import draw_outages
from simroute.models.outage_process import OutageProcess, mean_cycle
from simroute.models.random import Streams

OFTEN = 200
"""Spells of a process that a horizon holds on average, from which on every replication meets its
share of them: it belongs to fair weather."""
DRAWN = 4_000_000
"""Spells that are drawn to know a process's law: its exposure is then known to about a thousandth
of itself."""
CELLS = 512
TOGETHER, STATES = 3, 24
"""At most so many faults at once are a state of their own, and at most so many states; all others
are one more."""
ArrivalShare = Callable[[np.ndarray], np.ndarray]
"""The share of a horizon's arrivals until so many seconds."""


class ProcessLaw(NamedTuple):
    """Of a process: P(it is there), on average in each cell between `edges` (s); the mean length of
    a spell, and of one as met at a moment (s)."""

    presence: np.ndarray
    mean_length: float
    length_biased: float


class Episodes(NamedTuple):
    """Of each state in one replication: its exposure, and the sum of squares over its episodes."""

    shares: np.ndarray
    squares: np.ndarray


@dataclass(frozen=True)
class FaultProcess:
    """Something that comes and goes at random over `targets`: an outage, or the bad spells of a
    deployment. share: of the outage's spells that are of this kind (full, or reaching others);
    of: the outage of which this is a kind, as kinds of one never come together.
    """

    name: str
    targets: tuple[str, ...]
    outage: spec.Outage | None = None
    clustered: spec.Clustered | None = None
    share: float = 1.0
    load: spec.Workload | None = None
    of: str = ""

    def law(self, horizon: float, edges: np.ndarray) -> ProcessLaw:
        if self.clustered is not None:  # stationary, exponential
            return ProcessLaw(
                np.full(len(edges) - 1, self.clustered.share),
                self.clustered.spell,
                2 * self.clustered.spell,
            )
        assert self.outage is not None
        assert self.load is not None
        clock = self.load.profile.starts
        law = _renewal(self.outage, horizon, tuple(edges.tolist()), clock)
        return law if self.share == 1 else law._replace(presence=law.presence * self.share)


@dataclass(frozen=True)
class FaultState:
    """One set of faults at once. `targets`: under a random one; `length`: mean of an episode, s;
    `weight`: the exposure of one as met at a moment.

    The state without a name is all that is kept in no state of its own.
    """

    faults: tuple[str, ...]
    targets: frozenset[str]
    expected: float
    length: float
    weight: float


class Exposures:
    """Of a scenario under a seed."""

    def __init__(self, scenario: spec.Scenario, seed: int, mass: ArrivalShare) -> None:
        self._scenario, self._seed, self._mass = scenario, seed, mass
        self._scheduled = [
            name for name, outage in scenario.outages.items() if outage.start is not None
        ]
        self._random = rare_faults(scenario)
        self._known: dict[int, Episodes] = {}

    @cached_property
    def states(self) -> list[FaultState]:
        """By exposure, the largest first; then the rest. Empty without random faults."""
        if not self._random:
            return []
        horizon = self._scenario.horizon
        known = [(one.start, one.end) for one in self._scenario.outages.values()]
        planned = [
            (resolve_time(start, horizon), resolve_time(end, horizon))
            for start, end in known
            if start is not None and end is not None
        ]
        edges = np.unique(
            np.clip(
                np.concatenate([np.linspace(0, horizon, CELLS + 1), np.ravel(planned)]), 0, horizon
            )
        )
        load, middle = np.diff(self._mass(edges)), (edges[1:] + edges[:-1]) / 2
        here = [(middle >= start) & (middle < end) for start, end in planned]
        backdrop = sum(
            (mask.astype(np.int64) << place for place, mask in enumerate(here)),
            np.zeros(len(middle), np.int64),
        )
        laws = [process.law(horizon, edges) for process in self._random]
        groups = self._groups(laws)
        states = []
        for size in range(1, min(TOGETHER, len(laws)) + 1):
            for places in combinations(range(len(laws)), size):
                if len({self._random[place].of or place for place in places}) < size:
                    continue  # kinds of one outage
                chance = np.prod(
                    [
                        next((laws[place].presence for place in kinds if place in places), absent)
                        for kinds, absent in groups
                    ],
                    axis=0,
                )
                for code in np.unique(backdrop).tolist():
                    share = float((load * chance)[backdrop == code].sum())
                    if share > 0:
                        states.append(self._state(places, code, share, laws))
        states.sort(key=lambda state: -state.expected)
        any_of_them = float((load * (1 - np.prod([absent for _, absent in groups], axis=0))).sum())
        kept, rest = states[:STATES], any_of_them - sum(state.expected for state in states[:STATES])
        if rest > 1e-12:
            longest = max(law.length_biased for law in laws)
            everywhere = frozenset(target for process in self._random for target in process.targets)
            kept.append(
                FaultState(
                    (), everywhere, rest, min(law.mean_length for law in laws), longest / horizon
                )
            )
        return kept

    def _groups(self, laws: list[ProcessLaw]) -> list[tuple[list[int], np.ndarray]]:
        """Of each outage, the places of its kinds, and P(none of them is there)."""
        groups: dict[str, list[int]] = {}
        for place, process in enumerate(self._random):
            groups.setdefault(process.of or process.name, []).append(place)
        return [
            (kinds, np.asarray(1 - np.sum([laws[place].presence for place in kinds], axis=0)))
            for kinds in groups.values()
        ]

    def _state(
        self, places: tuple[int, ...], code: int, share: float, laws: list[ProcessLaw]
    ) -> FaultState:
        """Spells that overlap by chance last 1 / Σ 1/length together."""
        planned = [name for place, name in enumerate(self._scheduled) if code >> place & 1]
        names = tuple(planned + [self._random[place].name for place in places])
        targets = frozenset(target for place in places for target in self._random[place].targets)
        mean, met = (
            1 / sum(1 / max(getattr(laws[place], which), 1e-9) for place in places)
            for which in ("mean_length", "length_biased")
        )
        return FaultState(names, targets, share, mean, min(met / self._scenario.horizon, 1.0))

    def episodes(self, replication: int) -> Episodes:
        """In one replication, by state."""
        if replication not in self._known:
            self._known[replication] = self._episodes(Streams(self._seed, replication))
        return self._known[replication]

    def _episodes(self, streams: Streams) -> Episodes:
        scenario, horizon = self._scenario, self._scenario.horizon
        bits = {
            name: 1 << place
            for place, name in enumerate(
                [*self._scheduled, *(process.name for process in self._random)]
            )
        }
        turns, numbers = [], dict.fromkeys(scenario.outages, 0)
        for window in draw_outages(scenario, streams, horizon):
            number = numbers[window.name]
            numbers[window.name] += 1
            kind = _kind(window.name, scenario.outages[window.name], streams, number)
            if kind in bits:
                turns.append((window.start, window.end, bits[kind]))
        for process in self._random:
            if process.clustered is not None:
                turns += [
                    (start, end, bits[process.name])
                    for start, end in _bad(process.targets[0], scenario, streams)
                ]
        when = np.array([0.0, *(start for start, _, _ in turns), *(end for _, end, _ in turns)])
        step = np.array(
            [0, *(bit for _, _, bit in turns), *(-bit for _, _, bit in turns)], np.int64
        )
        order = np.argsort(when, kind="stable")
        ends = np.append(np.minimum(when[order], horizon), horizon)
        share, code = np.diff(self._mass(ends)), np.cumsum(step[order])
        place = {
            sum(bits[name] for name in state.faults): number
            for number, state in enumerate(self.states)
        }
        rest, chance = len(self.states) - 1, sum(bits[process.name] for process in self._random)
        shares, squares = np.zeros(len(self.states)), np.zeros(len(self.states))
        for each, one in zip(code.tolist(), share.tolist(), strict=True):
            if each & chance and one > 0:
                number = place.get(each, rest)
                shares[number] += one
                squares[number] += one * one
        return Episodes(shares, squares)


def rare_faults(scenario: spec.Scenario) -> list[FaultProcess]:
    """Those that come at random, change anything, and are not so frequent that every replication
    meets its share of them."""
    faults = []
    for name, outage in scenario.outages.items():
        targets = affected_deployments(outage, scenario.deployments)
        harmless = outage.slow_down == 1 and not (
            outage.error_share or outage.hang_share or outage.stall_share or outage.depth.full
        )
        if outage.start is None and outage.mean_between is not None and targets and not harmless:
            faults += [
                fault
                for fault in _kinds(name, outage, scenario)
                if scenario.horizon * fault.share / mean_cycle(outage) < OFTEN
            ]
    for name, deployment in scenario.deployments.items():
        bad = deployment.clustered
        if (
            bad.share > 0
            and bad.error_share > 0
            and deployment.recorded is None
            and scenario.horizon * bad.share / bad.spell < OFTEN
        ):
            faults.append(FaultProcess(f"clustered errors of {name}", (name,), clustered=bad))
    return faults


def _kinds(name: str, outage: spec.Outage, scenario: spec.Scenario) -> Iterator[FaultProcess]:
    """The outage, or where some are full or reach other companies, each kind by itself: what a rare
    kind does is not known from having met the common one."""
    full, also = outage.depth.full, outage.also_share if outage.also else 0.0
    for is_full, share in ((False, 1 - full), (True, full)):
        for reaches, part in ((False, 1 - also), (True, also)):
            if share * part > 0:
                targets = affected_deployments(outage, scenario.deployments, also=reaches)
                yield FaultProcess(
                    _named(name, is_full and full < 1, reaches and also < 1),
                    targets,
                    outage=outage,
                    share=share * part,
                    load=scenario.workload,
                    of=name,
                )


def _kind(name: str, outage: spec.Outage, streams: Streams, number: int) -> str:
    """Of the `number`-th outage of a name, the process that it belongs to."""
    if outage.start is not None or not (outage.depth.full or outage.also):
        return name
    marks = draw_marks(name, outage, streams, number)
    return _named(
        name,
        marks.full and outage.depth.full < 1,
        bool(outage.also) and marks.also and outage.also_share < 1,
    )


def _named(name: str, full: bool, also: bool) -> str:
    return f"{name}{' in full' if full else ''}{' reaching others' if also else ''}"


def _bad(name: str, scenario: spec.Scenario, streams: Streams) -> list[tuple[float, float]]:
    """The bad spells of a deployment: (start, end), s."""
    deployment = scenario.deployments[name]
    steps = draw_error_steps(name, deployment, streams, scenario.horizon)
    ends = [*(at for at, _ in steps[1:]), scenario.horizon]
    return [
        (at, end)
        for (at, errors), end in zip(steps, ends, strict=True)
        if errors != deployment.errors
    ]


@cache
def _renewal(
    outage: spec.Outage, horizon: float, edges: tuple[float, ...], clock: float | str = 0.0
) -> ProcessLaw:
    """By drawing the process alone, from streams of its own that no replication has: the same law
    for every seed."""
    process = OutageProcess(outage, spec.Workload(profile=spec.Profile(starts=clock)))
    runs = int(np.clip(DRAWN / (1 + horizon / mean_cycle(outage)), 10_000, 500_000))
    source = Streams(0, -1).block("law", "outage", block=0)
    grid = np.array(edges)
    # of spells that began, and ended, in each cell: how many, and when on the whole
    sums = np.zeros((2, len(grid)))
    totals = np.zeros(3)

    def count(start: np.ndarray, lasts: np.ndarray) -> np.ndarray:
        """Counts spells; returns the ends of those that others follow."""
        end = np.minimum(start + lasts, horizon)
        begins, ends = np.maximum(start, 0.0), np.maximum(end, 0.0)
        for sign, turn in ((1, begins), (-1, ends)):
            cell = np.clip(np.searchsorted(grid, turn, side="right"), 0, len(grid) - 1)
            sums[0] += sign * np.bincount(cell, minlength=len(grid))
            sums[1] += sign * np.bincount(cell, turn, len(grid))
        length = (ends - begins)[end > 0]
        totals[:] += len(length), float(length.sum()), float((length**2).sum())
        return np.asarray(end[end < horizon])

    at = np.full(runs, process.begins_at)
    if outage.stationary:
        down, left = process.first(source, runs)
        met = count(at[down], left[down])
        start = process.starts(at[~down], left[~down])
        start = start[start < horizon]
        at = np.concatenate([met, count(start, process.durations(source, len(start)))])
    while len(at):
        start = process.starts(at, process.fair_times(source, len(at)))
        start = start[start < horizon]
        at = count(start, process.durations(source, len(start)))
    began, moments = np.cumsum(sums, axis=1)
    lasted = grid * began - moments  # seconds under an outage until each edge, of all runs
    return ProcessLaw(
        np.maximum(np.diff(lasted) / np.diff(grid) / runs, 0.0),
        float(totals[1] / max(totals[0], 1)),
        float(totals[2] / max(totals[1], 1e-300)),
    )
