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
from simroute.studies.tuning.search.evaluations import SEARCH, Candidate, Evaluations
from simroute.studies.tuning.search.progress import Round, SearchListener
from simroute.studies.tuning.search.proposers import Proposer
from simroute.studies.tuning.search.ranking import Ranking
from simroute.studies.tuning.search.surrogate import Surrogate

FIRST, FACTOR, LONGEST = 2, 2, 16
"""Replications of a new setting, how many times as many when it runs again, and at most (half of it
for less than RICH runs)."""
RICH = 200
OPENING = 0.4
"""Share of the budget for the first generation, which looks everywhere."""
BATCH, BATCHES = 4, 50
"""New settings of a later generation, and as many that run again: at least, and as a part of the
budget."""
MIN_EVALUATIONS = 16
"""Runs below which nothing can be compared."""
KNOWN = 100
"""The best so far, among which those that run again are drawn."""
ELITE = 4
"""The best so far that count as those that stay."""


@dataclass
class Search:
    """A search that spends at most `budget` runs."""

    evaluations: Evaluations
    goals: Goals
    proposer: Proposer
    budget: int
    seed: int = 1
    rounds: list[Round] = field(default_factory=list)
    exhausted: bool = False
    watch: SearchListener = field(default_factory=SearchListener)
    _surrogate: Surrogate | None = None

    def __post_init__(self) -> None:
        whole = self.budget // self.evaluations.scenarios
        self._longest = LONGEST if whole >= RICH else LONGEST // 2
        self._opening, self._batch = round(OPENING * whole / FIRST), max(BATCH, whole // BATCHES)

    @property
    def left(self) -> int:
        """Runs that may still be made."""
        return self.budget - self.evaluations.spent[SEARCH]

    def run(self) -> None:
        """Until the budget is spent, or nothing is left to try."""
        generation, before = 0, -1
        while self.evaluations.spent[SEARCH] > before:
            generation, before = generation + 1, self.evaluations.spent[SEARCH]
            new = self._run_new(generation)
            self._rerun(generation, new)

    def _run_new(self, generation: int) -> list[Candidate]:
        """Settings that nobody has run yet, as many as can be paid."""
        start, each = self.evaluations.start, FIRST * self.evaluations.scenarios
        due = len(self.evaluations.missing([start], SEARCH, FIRST))
        count = min(self._opening if generation == 1 else self._batch, (self.left - due) // each)
        if count < 1 or self.exhausted:
            return []
        proposals = self.proposer.ask(self.evaluations, generation, count, self._surrogate)
        self.exhausted = not proposals
        candidates = [
            self.evaluations.add(values, point, generation) for values, point in proposals
        ]
        self.evaluations.run([start, *candidates], SEARCH, FIRST)
        self.proposer.tell(
            Ranking([*candidates, start], self.goals, self.evaluations.scenarios, FIRST), candidates
        )
        return candidates

    def _rerun(self, generation: int, new: list[Candidate]) -> None:
        """Those that draws from what is possible call the best. The start keeps pace: it is what
        they are compared with."""
        surrogate = Surrogate(self.evaluations, self.goals, self._surrogate)
        called = self._draw_best(surrogate, generation)
        came = {FIRST: new}
        levels = {
            count: [each for each in called if self._next_count(each) == count]
            for count in sorted(map(self._next_count, called))
        }
        for count, candidates in levels.items():
            came[count] = self._affordable(candidates, count)
            if came[count]:
                self.evaluations.run([self.evaluations.start, *came[count]], SEARCH, count)
        self._surrogate = Surrogate(self.evaluations, self.goals, surrogate, learns=False)
        ranked = self._surrogate.order(self._comparable())
        for count, candidates in came.items():
            if candidates:
                self._close_round(
                    generation,
                    count,
                    candidates,
                    [each for each in ranked if each in candidates],
                    called if count == FIRST else ranked[:ELITE],
                )

    def _comparable(self) -> list[Candidate]:
        return [
            each
            for each in self.evaluations
            if each.complete_replications(SEARCH, self.evaluations.scenarios) >= FIRST
        ]

    def _next_count(self, each: Candidate) -> int:
        return min(
            FACTOR * each.complete_replications(SEARCH, self.evaluations.scenarios), self._longest
        )

    def _draw_best(self, surrogate: Surrogate, generation: int) -> list[Candidate]:
        ranked = surrogate.order(self._comparable())[:KNOWN]
        chance = Streams(self.seed, 0).block("tune", "again", generation, block=0)
        called: list[Candidate] = []
        for order in surrogate.sample(
            [self.evaluations.space.point(each.values) for each in ranked], self._batch, chance
        ):
            best = ranked[order[0]]
            if best not in called and self._next_count(best) > best.complete_replications(
                SEARCH, self.evaluations.scenarios
            ):
                called.append(best)
        return called

    def _affordable(self, candidates: list[Candidate], count: int) -> list[Candidate]:
        """The first of them that the budget still lets run so far."""
        affordable = list(candidates)
        while (
            affordable
            and len(self.evaluations.missing([self.evaluations.start, *affordable], SEARCH, count))
            > self.left
        ):
            affordable.pop()
        return affordable

    def _close_round(
        self,
        generation: int,
        count: int,
        came: list[Candidate],
        ranked: list[Candidate],
        staying: list[Candidate],
    ) -> None:
        stayed = [each for each in ranked if each in staying] or ranked[:1]
        self.rounds.append(
            Round(
                generation, count, [each.number for each in came], [each.number for each in stayed]
            )
        )
        self.watch.ranked(self.rounds[-1], self.evaluations, self.goals)
