"""Generations of candidates; within each, successive halving: all meet the same replications, more of them the fewer are left.

Who stays is decided by paired differences, so that luck of the weather cancels. Source: Karnin, Koren, Somekh (2013); Birattari (2002), F-Race.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from simroute.studies.tuning.archive import SEARCH, Archive, Candidate
from simroute.studies.tuning.goals import Goals
from simroute.studies.tuning.judge import Field
from simroute.studies.tuning.proposers import Proposer
from simroute.studies.tuning.watch import Rung, Spectator

FIRST, FACTOR, LONGEST = 2, 2, 16
"""Replications of the first rung, by how much each rung has more, and at most."""
ELITE = 4
"""Leaders that go on to the next generation (with several objectives, twice as many)."""
FEWEST = 4
"""New candidates that make a generation worth while."""


def ladder(longest: int = LONGEST) -> list[int]:
    """Replications of each rung."""
    rungs = [FIRST]
    while rungs[-1] * FACTOR <= longest:
        rungs.append(rungs[-1] * FACTOR)
    return rungs


def price(rungs: Sequence[int]) -> float:
    """Replications that a new candidate costs on average, from the first rung to the last."""
    return rungs[0] + sum((more - less) * float(FACTOR) ** -place for place, (less, more) in enumerate(pairwise(rungs), 1))


@dataclass
class Race:
    """A search that spends at most `budget` runs."""

    archive: Archive
    goals: Goals
    proposer: Proposer
    budget: int
    rungs: list[Rung] = field(default_factory=list)
    exhausted: bool = False
    watch: Spectator = field(default_factory=Spectator)
    _leaders: list[Candidate] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.ladder = ladder()
        while len(self.ladder) > 2 and self._count(self.proposer.shares[0] * self.budget) < 2 * FEWEST:
            self.ladder.pop()

    @property
    def left(self) -> int:
        """Runs that may still be made."""
        return self.budget - self.archive.spent[SEARCH]

    def _count(self, runs: float) -> int:
        """How many new candidates these runs are enough for."""
        start = 0 if self.archive.start.runs else self.ladder[-1]
        return int((runs / self.archive.scenarios - start) / price(self.ladder))

    def run(self) -> None:
        """Until the budget is spent, or nothing new is left to try."""
        generation = 0
        while not self.exhausted:
            shares = self.proposer.shares
            count = self._count(shares[min(generation, len(shares) - 1)] * self.left)
            if count < FEWEST:
                count = self._count(self.left)
            if count < (1 if generation == 0 else FEWEST):
                return
            generation += 1
            self._generation(generation, count)

    def _generation(self, generation: int, count: int) -> None:
        asked = self.proposer.ask(self.archive, generation, count, self._leaders)
        self.exhausted = not asked
        racing = new = [self.archive.add(values, point, generation) for values, point in asked]
        for place, rung in enumerate(self.ladder):
            racing = self._affordable(racing, rung)
            if not racing:
                return
            self.archive.run([self.archive.start, *racing], SEARCH, rung)
            ranked = Field([*racing, *self._rivals()], self.goals, self.archive.scenarios, rung)
            if place == 0:
                self.proposer.tell(ranked, racing)
            last = rung == self.ladder[-1]
            stayed = self._stayed(ranked, racing, len(racing) if last else -(-len(new) // FACTOR ** (place + 1)))
            self.rungs.append(Rung(generation, rung, [each.number for each in racing], [each.number for each in stayed]))
            self.watch.ranked(self.rungs[-1], self.archive, self.goals)
            if not last:
                racing = stayed
        many = ELITE * (1 if len(self.goals.objectives) == 1 else 2)
        self._leaders = Field([*racing, *self._rivals()], self.goals, self.archive.scenarios, self.ladder[-1]).order()[:many]

    def _rivals(self) -> list[Candidate]:
        """The leaders so far, and the start; they have run all replications that there are to be compared on."""
        start = self.archive.start
        return [*(each for each in self._leaders if each is not start), start]

    def _affordable(self, racing: list[Candidate], rung: int) -> list[Candidate]:
        """The first of them that the budget still lets run so far."""
        able = list(racing)
        while able and len(self.archive.missing([self.archive.start, *able], SEARCH, rung)) > self.left:
            able.pop()
        return able

    @staticmethod
    def _stayed(ranked: Field, racing: list[Candidate], quota: int) -> list[Candidate]:
        order = [each for each in ranked.order() if each in racing]
        unbeaten = [each for each in order[:quota] if not ranked.is_behind(each) and not ranked.is_broken(each)]
        return unbeaten or order[:1]  # one goes on in any case: all may have bad luck at once
