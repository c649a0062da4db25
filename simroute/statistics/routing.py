"""Trade-offs of routers between a weak and a strong model, in the terms of RouteLLM (Ong et al.
2024), and the best that many models give for a mean cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise
from typing import NamedTuple


class RoutingCurve(NamedTuple):
    """Accuracy by the share of calls that go to the strong model, from none to all, with straight
    lines in between (of equal scores any are sent there).

    >>> curve = RoutingCurve.of(weak, strong, scores)
    >>> curve.apgr, curve.cpt(0.5)
    """

    shares: tuple[float, ...]
    accuracies: tuple[float, ...]

    @classmethod
    def of(
        cls, weak: Sequence[float], strong: Sequence[float], scores: Sequence[float]
    ) -> RoutingCurve:
        """Of a router that sends the prompts of the highest scores to the strong model. `weak`,
        `strong`: quality of both answers to each prompt."""
        count = len(scores)
        order = sorted(range(count), key=lambda i: -scores[i])
        shares, accuracies = [0.0], [sum(weak) / count]
        sent, right = 0, float(sum(weak))
        for _, group in groupby(order, key=lambda i: scores[i]):
            for i in group:
                sent += 1
                right += strong[i] - weak[i]
            shares.append(sent / count)
            accuracies.append(right / count)
        return cls(tuple(shares), tuple(accuracies))

    @classmethod
    def oracle(cls, weak: Sequence[float], strong: Sequence[float]) -> RoutingCurve:
        """Of one who knows where the strong model helps, and where it harms."""
        return cls.of(weak, strong, [b - a for a, b in zip(weak, strong, strict=True)])

    @property
    def ceiling(self) -> tuple[float, float]:
        """The highest accuracy, and the smallest share of strong calls that gives it."""
        best = max(self.accuracies)
        return best, self.shares[self.accuracies.index(best)]

    def accuracy(self, share: float) -> float:
        """With this share of strong calls."""
        for (a, low), (b, high) in pairwise(zip(self.shares, self.accuracies, strict=True)):
            if share <= b:
                return low + (high - low) * (share - a) / (b - a)
        return self.accuracies[-1]

    def recovered(self, accuracy: float) -> float:
        """The share of the gap between weak and strong model that an accuracy closes (PGR)."""
        weak, strong = self.accuracies[0], self.accuracies[-1]
        return (accuracy - weak) / (strong - weak)

    @property
    def apgr(self) -> float:
        """The mean share of the gap that is closed, over all shares of strong calls that it may
        make, of which it need not make those that harm; 0.5 of one who routes at random."""
        total, best = 0.0, 0.0
        for a, low, b, high in self._lines():
            if high <= best:
                total += best * (b - a)
                continue
            rises = (b - a) * (high - best) / (high - low)  # `low` is at most `best`
            total += best * (b - a - rises) + (best + high) / 2 * rises
            best = high
        return total

    def cpt(self, recovered: float) -> float:
        """The smallest share of strong calls that closes this share of the gap (call performance
        threshold)."""
        for a, low, b, high in self._lines():
            if low >= recovered:
                return a
            if high >= recovered:
                return a + (b - a) * (recovered - low) / (high - low)
        return self.shares[-1]

    def _lines(self) -> Iterator[tuple[float, float, float, float]]:
        """The straight parts: share and closed gap where each begins and ends."""
        points = zip(self.shares, map(self.recovered, self.accuracies), strict=True)
        for (a, low), (b, high) in pairwise(points):
            yield a, low, b, high


def best_quality(
    qualities: Sequence[Sequence[float]], costs: Sequence[Sequence[float]], ceiling: float
) -> tuple[float, float]:
    """Mean quality and mean cost of the best choice of one model for each prompt, of those whose
    mean cost is at most `ceiling`; where it ends within a prompt, part of that step is taken.

    `qualities`, `costs`: a row for each prompt, a value for each model. By the steps of each
    prompt's upper hull, steepest first: the linear relaxation of the multiple-choice knapsack.
    """
    spent = total = 0.0
    steps: list[tuple[float, float, float]] = []
    for quality, cost in zip(qualities, costs, strict=True):
        hull = upper_hull(list(zip(cost, quality, strict=True)))
        spent += hull[0][0]
        total += hull[0][1]
        steps += [((q - p) / (d - c), d - c, q - p) for (c, p), (d, q) in pairwise(hull)]
    count = len(qualities)
    for slope, dearer, better in sorted(steps, reverse=True):
        left = ceiling * count - spent
        if left <= 0:
            break
        taken = min(dearer, left)
        spent += taken
        total += better if taken == dearer else slope * taken
    return total / count, spent / count


def upper_hull(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Of (cost, quality) those that are best for some price of quality, from cheap to dear: what
    lies straight between two neighbours is reached by mixing them at random, and nothing above."""
    hull: list[tuple[float, float]] = []
    for cost, quality in sorted(points, key=lambda point: (point[0], -point[1])):
        if hull and quality <= hull[-1][1]:
            continue
        while len(hull) > 1 and _slope(hull[-2], hull[-1]) <= _slope(hull[-1], (cost, quality)):
            hull.pop()
        if len(hull) == 1 and cost == hull[0][0]:
            continue
        hull.append((cost, quality))
    return hull


def cost_of(quality: float, line: Sequence[tuple[float, float]]) -> float | None:
    """The least cost at which a line of (cost, quality), straight in between, reaches a quality;
    None where it does not."""
    if line and quality <= line[0][1]:
        return line[0][0]
    for (cheap, low), (dear, high) in pairwise(line):
        if low < quality <= high:
            return cheap + (dear - cheap) * (quality - low) / (high - low)
    return None


def _slope(a: tuple[float, float], b: tuple[float, float]) -> float:
    return (b[1] - a[1]) / (b[0] - a[0])
