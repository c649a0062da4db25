"""Generations: new settings run two replications; then, of all that ran, those that may be the best
run twice as many as they have.

All meet the same replications, so what the weather does to all of them cancels. Source: Thompson
(1933), draws from what is possible: of a new setting for the first half of a generation, of a known
one for the second.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from simroute.models.random import Streams
from simroute.studies.tuning.problem.goals import Goals
from simroute.studies.tuning.search.evaluations import SEARCH, Archive, Candidate
from simroute.studies.tuning.search.progress import Rung, Spectator
from simroute.studies.tuning.search.proposers import Proposer
from simroute.studies.tuning.search.ranking import Field
from simroute.studies.tuning.search.surrogate import Outlook

FIRST, FACTOR, LONGEST = 2, 2, 16
"""Replications of a new setting, how many times as many when it runs again, and at most (half of it
for less than RICH runs)."""
RICH = 200
OPENING = 0.4
"""Share of the budget for the first generation, which looks everywhere."""
BATCH, BATCHES = 4, 50
"""New settings of a later generation, and as many that run again: at least, and as a part of the
budget."""
LEAST = 16
"""Runs below which nothing can be compared."""
KNOWN = 100
"""The best so far, among which those that run again are drawn."""
ELITE = 4
"""The best so far that count as those that stay."""


@dataclass
class Race:
    """A search that spends at most `budget` runs."""

    archive: Archive
    goals: Goals
    proposer: Proposer
    budget: int
    seed: int = 1
    rungs: list[Rung] = field(default_factory=list)
    exhausted: bool = False
    watch: Spectator = field(default_factory=Spectator)
    _outlook: Outlook | None = None

    def __post_init__(self) -> None:
        whole = self.budget // self.archive.scenarios
        self._longest = LONGEST if whole >= RICH else LONGEST // 2
        self._opening, self._batch = round(OPENING * whole / FIRST), max(BATCH, whole // BATCHES)

    @property
    def left(self) -> int:
        """Runs that may still be made."""
        return self.budget - self.archive.spent[SEARCH]

    def run(self) -> None:
        """Until the budget is spent, or nothing is left to try."""
        generation, before = 0, -1
        while self.archive.spent[SEARCH] > before:
            generation, before = generation + 1, self.archive.spent[SEARCH]
            new = self._new(generation)
            self._again(generation, new)

    def _new(self, generation: int) -> list[Candidate]:
        """Settings that nobody has run yet, as many as can be paid."""
        start, each = self.archive.start, FIRST * self.archive.scenarios
        due = len(self.archive.missing([start], SEARCH, FIRST))
        count = min(self._opening if generation == 1 else self._batch, (self.left - due) // each)
        if count < 1 or self.exhausted:
            return []
        asked = self.proposer.ask(self.archive, generation, count, self._outlook)
        self.exhausted = not asked
        made = [self.archive.add(values, point, generation) for values, point in asked]
        self.archive.run([start, *made], SEARCH, FIRST)
        self.proposer.tell(Field([*made, start], self.goals, self.archive.scenarios, FIRST), made)
        return made

    def _again(self, generation: int, new: list[Candidate]) -> None:
        """Those that draws from what is possible call the best. The start keeps pace: it is what
        they are compared with."""
        outlook = Outlook(self.archive, self.goals, self._outlook)
        called = self._called(outlook, generation)
        came = {FIRST: new}
        levels = {
            count: [each for each in called if self._next(each) == count]
            for count in sorted(map(self._next, called))
        }
        for count, wanted in levels.items():
            came[count] = self._affordable(wanted, count)
            if came[count]:
                self.archive.run([self.archive.start, *came[count]], SEARCH, count)
        self._outlook = Outlook(self.archive, self.goals, outlook, learns=False)
        ranked = self._outlook.order(self._ran())
        for count, chosen in came.items():
            if chosen:
                self._tell(
                    generation,
                    count,
                    chosen,
                    [each for each in ranked if each in chosen],
                    called if count == FIRST else ranked[:ELITE],
                )

    def _ran(self) -> list[Candidate]:
        return [
            each for each in self.archive if each.whole(SEARCH, self.archive.scenarios) >= FIRST
        ]

    def _next(self, each: Candidate) -> int:
        return min(FACTOR * each.whole(SEARCH, self.archive.scenarios), self._longest)

    def _called(self, outlook: Outlook, generation: int) -> list[Candidate]:
        ranked = outlook.order(self._ran())[:KNOWN]
        chance = Streams(self.seed, 0).block("tune", "again", generation, block=0)
        called: list[Candidate] = []
        for order in outlook.draws(
            [self.archive.space.point(each.values) for each in ranked], self._batch, chance
        ):
            best = ranked[order[0]]
            if best not in called and self._next(best) > best.whole(SEARCH, self.archive.scenarios):
                called.append(best)
        return called

    def _affordable(self, chosen: list[Candidate], count: int) -> list[Candidate]:
        """The first of them that the budget still lets run so far."""
        able = list(chosen)
        while (
            able
            and len(self.archive.missing([self.archive.start, *able], SEARCH, count)) > self.left
        ):
            able.pop()
        return able

    def _tell(
        self,
        generation: int,
        count: int,
        came: list[Candidate],
        ranked: list[Candidate],
        staying: list[Candidate],
    ) -> None:
        stayed = [each for each in ranked if each in staying] or ranked[:1]
        self.rungs.append(
            Rung(
                generation, count, [each.number for each in came], [each.number for each in stayed]
            )
        )
        self.watch.ranked(self.rungs[-1], self.archive, self.goals)
