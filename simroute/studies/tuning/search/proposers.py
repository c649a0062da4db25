"""Where to look next: evenly at first, then where what has been seen may be best. Or as optuna
says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np

from simroute.models.random import Streams
from simroute.studies.tuning.problem.space import Choice, Number, Point, Values
from simroute.studies.tuning.search import sobol
from simroute.studies.tuning.search.evaluations import SEARCH, Archive, Candidate
from simroute.studies.tuning.search.ranking import Field
from simroute.studies.tuning.search.surrogate import Outlook

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
        self, archive: Archive, generation: int, count: int, outlook: Outlook | None
    ) -> list[tuple[Values, Point]]:
        """At most `count` settings that nobody has evaluated; fewer when there are no more. The
        first generation has no outlook."""

    def tell(self, field: Field, chosen: Sequence[Candidate]) -> None:
        """A field in which those that it proposed have been compared; its last one is the start."""


class Sobol:
    """The default: scrambled Sobol points, then, of each surface that is drawn from what is
    possible, the best point that is new."""

    def __init__(self, seed: int) -> None:
        self._seed, self._next = seed, 0

    def ask(
        self, archive: Archive, generation: int, count: int, outlook: Outlook | None
    ) -> list[tuple[Values, Point]]:
        if outlook is None:
            return self._even(archive, count, TRIES * count)
        chance = Streams(self._seed, 0).block("tune", "near", generation, block=0)
        pool = {
            repr(archive.space.effective(values)): (values, point)
            for values, point in self._around(archive, outlook, chance)
        }
        pool = {
            repr(archive.space.effective(values)): (values, point)
            for values, point in self._even(archive, EVERYWHERE, EVERYWHERE)
        } | pool
        offered, taken = list(pool.values()), []
        for order in (
            outlook.draws([archive.space.point(values) for values, _ in offered], count, chance)
            if offered
            else ()
        ):
            taken.append(next((place for place in order if place not in taken), None))
        return [offered[place] for place in taken if place is not None]

    def tell(self, field: Field, chosen: Sequence[Candidate]) -> None:
        """The outlook is all that it wants to know."""

    def _even(self, archive: Archive, count: int, tries: int) -> list[tuple[Values, Point]]:
        """New settings of the next points of the sequence."""
        found: dict[str, tuple[Values, Point]] = {}
        while len(found) < count and tries > 0:
            for point in sobol.points(
                len(archive.space.parameters), self._next, wanted := count - len(found), self._seed
            ):
                values = archive.space.values(point)
                if not archive.knows(values):
                    found.setdefault(repr(archive.space.effective(values)), (values, point))
            self._next, tries = self._next + wanted, tries - wanted
        return list(found.values())

    def _around(
        self, archive: Archive, outlook: Outlook, chance: np.random.Generator
    ) -> Iterator[tuple[Values, Point]]:
        """New settings near the best so far."""
        ran = [each for each in archive if each.whole(SEARCH, archive.scenarios)]
        for leader in outlook.order(ran)[:LEADERS]:
            for turn in range(AROUND):
                point = _near(
                    archive, archive.space.point(leader.values), REACH[turn % len(REACH)], chance
                )
                values = archive.space.values(point)
                if not archive.knows(values):
                    yield values, point


def _near(archive: Archive, centre: Point, reach: float, chance: np.random.Generator) -> Point:
    moved = chance.random(len(centre)) < MOVED
    moved[chance.integers(len(centre))] = True
    steps, other = chance.normal(size=len(centre)).tolist(), chance.random(len(centre)).tolist()
    found = []
    for place, (each, u) in enumerate(zip(archive.space.parameters, centre, strict=True)):
        if not moved[place]:
            found.append(u)
        elif isinstance(each, Choice) and not each.ordered:
            found.append(other[place])
        else:
            found.append(_reflected(u + steps[place] * max(reach, _step(each))))
    return tuple(found)


def _step(each: Number | Choice) -> float:
    """At least to the neighbour."""
    return 0.7 / each.count if each.count else 0.0


def _reflected(u: float) -> float:
    u = abs(u) % 2.0
    return min(2.0 - u if u > 1.0 else u, 1 - 2**-32)
