"""Where to look next: evenly at first, then around what is ahead. Or as optuna says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from simroute.models.random import Streams
from simroute.studies.tuning import sobol
from simroute.studies.tuning.archive import Archive, Candidate
from simroute.studies.tuning.judge import Field
from simroute.studies.tuning.space import Choice, Number, Point, Values

TRIES = 40
"""Points looked at for each that is wanted, before a space counts as exhausted."""
REACH = (0.15, 0.06, 0.03, 0.015)
"""How far from a leader the second, third … generation looks, as a share of the range."""
NEWS = 0.2
"""Share of later generations that still looks everywhere."""


class Proposer(Protocol):
    """Proposes settings for a generation, and hears what came of it."""

    @property
    def shares(self) -> tuple[float, ...]:
        """Of what is left of the budget, for each generation; the last for all later ones."""

    def ask(self, archive: Archive, generation: int, count: int, leaders: Sequence[Candidate]) -> list[tuple[Values, Point]]:
        """At most `count` settings that nobody has evaluated; fewer when there are no more."""

    def tell(self, field: Field, chosen: Sequence[Candidate]) -> None:
        """A field in which some of those that it proposed have been compared."""


class Sobol:
    """The default: scrambled Sobol points, then draws around the leaders, ever closer."""

    shares = (0.5, 0.5, 0.6)

    def __init__(self, seed: int) -> None:
        self._seed, self._next = seed, 0

    def ask(self, archive: Archive, generation: int, count: int, leaders: Sequence[Candidate]) -> list[tuple[Values, Point]]:
        draws = Streams(self._seed, 0).block("tune", "near", generation, block=0)
        wide = count if generation == 1 or not leaders else round(NEWS * count)
        found: dict[str, tuple[Values, Point]] = {}
        for turn in range(TRIES * max(1, count)):
            if len(found) >= count:
                break
            if len(found) < wide or turn > TRIES * count // 2:
                point = self._point(len(archive.space.parameters))
            else:
                point = self._near(archive, leaders[_place(draws, len(leaders))].point, generation, draws)
            values = archive.space.values(point)
            if not archive.knows(values):
                found.setdefault(repr(archive.space.effective(values)), (values, point))
        return list(found.values())

    def tell(self, field: Field, chosen: Sequence[Candidate]) -> None:
        """Leaders are all that it wants to know."""

    def _point(self, dimensions: int) -> Point:
        self._next += 1
        return sobol.points(dimensions, self._next - 1, 1, self._seed)[0]

    def _near(self, archive: Archive, centre: Point, generation: int, draws: np.random.Generator) -> Point:
        reach = REACH[min(generation - 2, len(REACH) - 1)]
        steps = draws.normal(size=len(centre)).tolist()
        moved, other = draws.random(len(centre)).tolist(), draws.random(len(centre)).tolist()
        most = max(range(len(centre)), key=moved.__getitem__)  # one at least
        found = []
        for place, (each, u) in enumerate(zip(archive.space.parameters, centre, strict=True)):
            if moved[place] < 0.35 and place != most:
                found.append(u)
            elif isinstance(each, Choice) and not each.ordered:
                found.append(other[place])
            else:
                found.append(_reflected(u + steps[place] * max(reach, _step(each))))
        return tuple(found)


def _place(draws: np.random.Generator, count: int) -> int:
    """The first leader half of the time, the second a quarter …"""
    return min(int(draws.geometric(0.5)) - 1, count - 1)


def _step(each: Number | Choice) -> float:
    """At least to the neighbour."""
    return 0.7 / each.count if each.count else 0.0


def _reflected(u: float) -> float:
    u = abs(u) % 2.0
    return min(2.0 - u if u > 1.0 else u, 1 - 2**-32)
