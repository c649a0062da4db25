"""How far the answer of one stored question may be given to another: learned for each entry from
how often it was right."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Hashable

MOST_SEEN = 64
"""Comparisons that an entry remembers; the oldest go first."""


class VerifiedEntries:
    """For each entry what was seen when its answer was compared with a fresh one: how similar the
    questions were, and whether the two answers agreed.

    `share` says for what part of such questions the stored answer may be given so that at most the
    share `error` of all of them gets a wrong one. Two things are taken for granted: that the more
    similar two questions are, the more likely they have one answer, and that before anything was
    seen right and wrong are equally likely. So of n comparisons of no greater similarity, w of them
    wrong, an answer is wrong with (w + 1) / (n + 2) at most (Laplace's rule of succession), and it
    may be given in error x (n + 2) / (w + 1) of the cases. Which of the less similar ones are
    looked at is free (the nearest n, for any n), as it is a bound for each; those of greater
    similarity that were wrong count in any case.

    Source: the idea of vCache (Schroeder et al. 2025, arXiv 2502.03771): a model of P(correct |
    similarity) for each entry, learned online, and exploring at random as often as the bound asks.
    The rule here is our own, since it needs no fit.
    """

    def __init__(self, error: float) -> None:
        self.error = error
        self._seen: dict[Hashable, list[tuple[float, bool]]] = {}
        self._order: dict[Hashable, list[tuple[float, bool]]] = {}

    def add(self, key: Hashable, similarity: float, right: bool) -> None:
        """A fresh answer was compared with the entry's."""
        seen = self._seen.setdefault(key, [])
        order = self._order.setdefault(key, [])
        insort(seen, (similarity, right))
        order.append((similarity, right))
        if len(order) > MOST_SEEN:
            seen.remove(order.pop(0))

    def share(self, key: Hashable, similarity: float) -> float:
        """The part of questions of this similarity to which the stored answer may be given."""
        seen = self._seen.get(key, [])
        place = bisect_right(seen, (similarity, True))
        wrong = sum(not right for _, right in seen[place:])
        count, best = wrong, self._part(wrong, wrong)
        for _, right in reversed(seen[:place]):
            count, wrong = count + 1, wrong + (not right)
            best = max(best, self._part(count, wrong))
        return best

    def forget(self, key: Hashable) -> None:
        """The entry is gone."""
        self._seen.pop(key, None)
        self._order.pop(key, None)

    def _part(self, count: int, wrong: int) -> float:
        return min(1.0, self.error * (count + 2) / (wrong + 1))
