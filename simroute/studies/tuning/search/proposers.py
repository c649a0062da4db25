"""Where to look next: evenly at first, then where what has been seen may be best. Or as optuna
says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np

from simroute.models.random import Streams
from simroute.studies.tuning.problem.space import ChoiceParameter, NumberParameter, Point, Values
from simroute.studies.tuning.search import sobol
from simroute.studies.tuning.search.evaluations import SEARCH, Candidate, Evaluations
from simroute.studies.tuning.search.ranking import Ranking
from simroute.studies.tuning.search.surrogate import Surrogate

TRIES = 40
"""Points looked at for each that is wanted, before a space counts as exhausted."""
EVERYWHERE, AROUND, LEADERS = 128, 36, 4
"""Points among which a generation chooses: of the whole space, and around each of the best."""
REACH = (0.2, 0.08, 0.03)
"""How far around, in turn, as a share of the range."""
MOVED = 0.6
"""Share of the parameters that are moved there, one at least."""


class Proposer(Protocol):
    """Proposes settings for a generation, and hears what came of it."""

    def ask(
        self, evaluations: Evaluations, generation: int, count: int, surrogate: Surrogate | None
    ) -> list[tuple[Values, Point]]:
        """At most `count` settings that nobody has evaluated; fewer when there are no more. The
        first generation has no surrogate."""

    def tell(self, ranking: Ranking, candidates: Sequence[Candidate]) -> None:
        """Hear a ranking of those that it proposed; its last candidate is the start."""


class SobolProposer:
    """The default: scrambled Sobol points, then, of each surface that is drawn from what is
    possible, the best point that is new."""

    def __init__(self, seed: int) -> None:
        self._seed, self._next = seed, 0

    def ask(
        self, evaluations: Evaluations, generation: int, count: int, surrogate: Surrogate | None
    ) -> list[tuple[Values, Point]]:
        if surrogate is None:
            return self._even(evaluations, count, TRIES * count)
        chance = Streams(self._seed, 0).block("tune", "near", generation, block=0)
        pool = {
            repr(evaluations.space.effective(values)): (values, point)
            for values, point in self._around(evaluations, surrogate, chance)
        }
        pool = {
            repr(evaluations.space.effective(values)): (values, point)
            for values, point in self._even(evaluations, EVERYWHERE, EVERYWHERE)
        } | pool
        offered, taken = list(pool.values()), []
        for order in (
            surrogate.sample(
                [evaluations.space.point(values) for values, _ in offered], count, chance
            )
            if offered
            else ()
        ):
            taken.append(next((place for place in order if place not in taken), None))
        return [offered[place] for place in taken if place is not None]

    def tell(self, ranking: Ranking, candidates: Sequence[Candidate]) -> None:
        """Nothing to learn here: the surrogate holds all of it."""

    def _even(self, evaluations: Evaluations, count: int, tries: int) -> list[tuple[Values, Point]]:
        """New settings of the next points of the sequence."""
        proposals: dict[str, tuple[Values, Point]] = {}
        while len(proposals) < count and tries > 0:
            for point in sobol.sobol_points(
                len(evaluations.space.parameters),
                self._next,
                missing := count - len(proposals),
                self._seed,
            ):
                values = evaluations.space.values(point)
                if not evaluations.knows(values):
                    proposals.setdefault(repr(evaluations.space.effective(values)), (values, point))
            self._next, tries = self._next + missing, tries - missing
        return list(proposals.values())

    def _around(
        self, evaluations: Evaluations, surrogate: Surrogate, chance: np.random.Generator
    ) -> Iterator[tuple[Values, Point]]:
        """New settings near the best so far."""
        ran = [
            each
            for each in evaluations
            if each.complete_replications(SEARCH, evaluations.scenarios)
        ]
        for leader in surrogate.order(ran)[:LEADERS]:
            for turn in range(AROUND):
                point = _near(
                    evaluations,
                    evaluations.space.point(leader.values),
                    REACH[turn % len(REACH)],
                    chance,
                )
                values = evaluations.space.values(point)
                if not evaluations.knows(values):
                    yield values, point


def _near(
    evaluations: Evaluations, centre: Point, reach: float, chance: np.random.Generator
) -> Point:
    moved = chance.random(len(centre)) < MOVED
    moved[chance.integers(len(centre))] = True
    steps, other = chance.normal(size=len(centre)).tolist(), chance.random(len(centre)).tolist()
    point = []
    for place, (each, u) in enumerate(zip(evaluations.space.parameters, centre, strict=True)):
        if not moved[place]:
            point.append(u)
        elif isinstance(each, ChoiceParameter) and not each.ordered:
            point.append(other[place])
        else:
            point.append(_reflect(u + steps[place] * max(reach, _step(each))))
    return tuple(point)


def _step(each: NumberParameter | ChoiceParameter) -> float:
    """At least to the neighbour."""
    return 0.7 / each.count if each.count else 0.0


def _reflect(u: float) -> float:
    u = abs(u) % 2.0
    return min(2.0 - u if u > 1.0 else u, 1 - 2**-32)
