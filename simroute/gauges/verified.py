"""How far the answer of one stored question may be given to another: learned for each entry from
how often it was right."""

from __future__ import annotations

import math
from bisect import bisect_right, insort
from collections.abc import Hashable

MOST_ENTRIES = 100_000
"""Entries that are told apart; beyond so many the oldest begins anew."""


class VerifiedEntries:
    """For each entry what was seen when its answer was compared with a fresh one: how similar the
    questions were, and whether the two answers agreed.

    `share` says for what part of such questions the stored answer may be given so that no more than
    the share `error` of them gets a wrong one. One thing is taken for granted: the more similar two
    questions are, the more likely they have one answer. Then of the nearest n comparisons of no
    greater similarity, w of them wrong, error x (n + 1) / (w + 1) of the cases may be given: where
    an answer is wrong with p, the mean of (n + 1) / (w + 1) is (1 - (1 - p)^(n + 1)) / p, so p
    times the part that is given is `error` at most, whatever p is. As n counts for no more than
    1 / `error`, that many are looked at.

    Source: the idea of vCache (Schroeder et al. 2025, arXiv 2502.03771): a model of P(correct |
    similarity) for each entry, learned online, and asking at random as often as the bound wants.
    The rule is our own, since it needs no fit.
    """

    def __init__(self, error: float) -> None:
        self.error = error
        self.window = max(1, math.ceil(1 / error) - 1) if error > 1e-4 else 10_000
        self._seen: dict[Hashable, list[tuple[float, bool]]] = {}
        self._order: dict[Hashable, list[tuple[float, bool]]] = {}

    def add(self, key: Hashable, similarity: float, right: bool) -> None:
        """A fresh answer was compared with the entry's. An entry remembers twice as many as are
        looked at."""
        if key not in self._seen:
            self._seen[key], self._order[key] = [], []
            if len(self._seen) > MOST_ENTRIES:
                self.forget(next(iter(self._seen)))
        seen, order = self._seen[key], self._order[key]
        insort(seen, (similarity, right))
        order.append((similarity, right))
        if len(order) > 2 * self.window:
            seen.remove(order.pop(0))

    def share(self, key: Hashable, similarity: float) -> float:
        """The part of questions of this similarity to which the stored answer may be given."""
        seen = self._seen.get(key, [])
        place = bisect_right(seen, (similarity, True))
        near = seen[max(0, place - self.window) : place]
        wrong = sum(not right for _, right in near)
        return min(1.0, self.error * (len(near) + 1) / (wrong + 1))

    def forget(self, key: Hashable) -> None:
        """The entry is gone."""
        self._seen.pop(key, None)
        self._order.pop(key, None)
