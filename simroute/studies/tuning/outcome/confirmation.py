"""Was it luck? The best of many looks better than it is, so the leaders are run again in weather
that the search has not seen."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from simroute.studies.tuning.problem.goals import Goals
from simroute.studies.tuning.search.evaluations import FRESH, SEARCH, Candidate, Evaluations
from simroute.studies.tuning.search.ranking import MIN_PAIRS, Ranking
from simroute.studies.tuning.search.surrogate import Surrogate

MOST_TRIED = 3
"""Leaders that are tried one after another, until one keeps the constraints in fresh weather, and
is not worse there than the start."""
MOST_SHOWN = 8
"""Members of a front that are confirmed."""


def fresh_seed(seed: int) -> int:
    """The seed of the confirmation, derived from that of the search and different from it."""
    text = f"simroute tune, fresh weather for {seed}".encode()
    fresh = int.from_bytes(hashlib.blake2b(text, digest_size=4).digest(), "big") >> 1
    return fresh if fresh != seed else fresh + 1


@dataclass
class Confirmation:
    """The recommended candidate, the front where there are several objectives, and whom else was
    tried.

    `replications`: fresh ones that all of them have, 0 if there was no time for any; `searched`:
    those of the search that it and the start have.
    """

    recommended: Candidate
    replications: int = 0
    searched: int = 0
    front: list[Candidate] = field(default_factory=list)
    tried: list[Candidate] = field(default_factory=list)
    interrupted: bool = False


def find_leaders(evaluations: Evaluations) -> list[Candidate]:
    """Those that may be recommended: with enough replications to be compared. After Ctrl-C, whoever
    has most; KeyboardInterrupt if nobody has any."""
    whole = {
        each.number: each.complete_replications(SEARCH, evaluations.scenarios)
        for each in evaluations
    }
    others = [count for number, count in whole.items() if number != evaluations.start.number]
    least = min(max(others, default=0), whole[evaluations.start.number], MIN_PAIRS)
    if least == 0:
        raise KeyboardInterrupt
    return [each for each in evaluations if whole[each.number] >= least]


def confirm(
    evaluations: Evaluations, goals: Goals, replications: int, interrupted: bool
) -> Confirmation:
    """Choose by what all runs say together, and run what is chosen in fresh weather unless the
    search was `interrupted`."""
    able = find_leaders(evaluations)
    ahead = Surrogate(evaluations, goals)
    order = ahead.order(able, sure=True)
    is_front = len(goals.objectives) > 1
    members = ahead.front(able, sure=True) if is_front else []
    front = [each for each in order if each in members][:MOST_SHOWN]
    confirmation = Confirmation(
        _knee(ahead, front) if is_front else order[0], front=front, interrupted=interrupted
    )
    if not interrupted:
        try:
            _confirm_front(evaluations, confirmation, replications) if is_front else _confirm_best(
                evaluations, goals, confirmation, order[:MOST_TRIED], replications
            )
        except KeyboardInterrupt:
            confirmation.interrupted = True
            confirmation.replications = min(
                each.complete_replications(FRESH, evaluations.scenarios)
                for each in (evaluations.start, confirmation.recommended)
            )
    confirmation.searched = min(
        each.complete_replications(SEARCH, evaluations.scenarios)
        for each in (evaluations.start, confirmation.recommended)
    )
    return confirmation


def _confirm_best(
    evaluations: Evaluations,
    goals: Goals,
    confirmation: Confirmation,
    order: list[Candidate],
    replications: int,
) -> None:
    for each in order:
        confirmation.tried.append(each)
        evaluations.run([evaluations.start, each], FRESH, replications)
        confirmation.replications = replications
        field = Ranking(
            [evaluations.start, each] if each is not evaluations.start else [each],
            goals,
            evaluations.scenarios,
            replications,
            FRESH,
        )
        if field.is_met(each) and field.order(sure=True)[0] is each:
            confirmation.recommended = each
            return
    together = Ranking(
        [
            *(each for each in confirmation.tried if each is not evaluations.start),
            evaluations.start,
        ],
        goals,
        evaluations.scenarios,
        replications,
        FRESH,
    )
    confirmation.recommended = together.order(sure=True)[0]


def _confirm_front(evaluations: Evaluations, confirmation: Confirmation, replications: int) -> None:
    evaluations.run([evaluations.start, *confirmation.front], FRESH, replications)
    confirmation.replications, confirmation.tried = replications, list(confirmation.front)


def _knee(ahead: Surrogate, front: list[Candidate]) -> Candidate:
    """The member that is nearest to the best of every objective, each measured by its width over
    the front."""
    regrets = ahead.regrets(front)
    lows = [min(column) for column in zip(*regrets.values(), strict=True)]
    widths = [(max(column) - min(column)) or 1.0 for column in zip(*regrets.values(), strict=True)]
    return min(
        front,
        key=lambda each: sum(
            ((x - low) / w) ** 2
            for x, low, w in zip(regrets[each.number], lows, widths, strict=True)
        ),
    )
