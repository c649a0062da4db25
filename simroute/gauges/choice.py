"""Rules by which one of several is chosen. Chance is passed in as numbers in [0, 1)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from typing import Literal

FLOOR = 1e-12
"""The least value that weighs: what costs nothing is not infinitely better than what costs next to
nothing."""


def by_chance(weights: Sequence[float], u: float) -> int:
    """One in proportion to its weight; any where all are 0."""
    total = sum(weights)
    if total <= 0:
        return int(u * len(weights))
    left = u * total
    for place, weight in enumerate(weights):
        left -= weight
        if left < 0:
            return place
    return max(place for place, weight in enumerate(weights) if weight > 0)


def inverse_powers(
    values: Sequence[float], weights: Sequence[float], exponent: float
) -> list[float]:
    """Each weight over its value to the power of `exponent`, up to a common factor."""
    least = max(FLOOR, min(values))
    return [
        weight * (least / max(FLOOR, value)) ** exponent if value < math.inf else 0.0
        for weight, value in zip(weights, values, strict=True)
    ]


def best(values: Sequence[float], slack: float = 0.0) -> list[int]:
    """Those of the least value, or of at most 1 + `slack` times as much."""
    most = min(values) * (1 + slack)
    return [place for place, value in enumerate(values) if value <= most]


def best_of_two(values: Sequence[float], u: float, v: float) -> int:
    """Of two different ones at random the one of the lesser value, of equals the first drawn.
    Source: Mitzenmacher, The Power of Two Choices in Randomized Load Balancing (1996)."""
    first = int(u * len(values))
    if len(values) == 1:
        return first
    second = int(v * (len(values) - 1))
    second += second >= first
    return second if values[second] < values[first] else first


def ranking(key: str, weights: Mapping[str, float]) -> list[str]:
    """All names, the one that the key belongs to first: each key keeps its order whoever joins or
    leaves, and each name is first for a share of the keys in proportion to its weight. Source:
    Thaler and Ravishankar, A Name-Based Mapping Scheme for Rendezvous (1996), with Schindelhauer
    and Schomaker's weights (2005)."""

    def place(name: str) -> tuple[float, str]:
        digest = blake2b(f"{key}\n{name}".encode(), digest_size=8).digest()
        number = (int.from_bytes(digest, "big") + 0.5) / 2**64
        weight = weights[name]
        return -math.log(number) / weight if weight > 0 else math.inf, name

    return sorted(weights, key=place)


class Turns:
    """By turns, in proportion to weights and spread as evenly as they allow. Source: nginx's smooth
    weighted round-robin (2012)."""

    def __init__(self) -> None:
        self._credit: dict[str, float] = {}

    def take(self, weights: Mapping[str, float]) -> str:
        """Whose turn it is, among these."""
        credit = self._credit
        for name, weight in weights.items():
            credit[name] = credit.get(name, 0.0) + weight
        chosen = max(weights, key=lambda name: credit[name])
        credit[chosen] -= sum(weights.values())
        return chosen


Rule = Literal["chance", "best", "two", "turns", "hash"]


class Chooser:
    """One of several, by a rule, as `policies.balance` describes them."""

    def __init__(
        self, rule: Rule, exponent: float, slack: float, bound: float | None, explore: float = 0.0
    ) -> None:
        self.rule, self.exponent, self.slack, self.explore = rule, exponent, slack, explore
        self.bound = math.inf if bound is None else bound
        self._turns = Turns()

    def choose(
        self,
        weights: Mapping[str, float],
        key: str,
        values: Callable[[str], float],
        busy: Callable[[str], int],
        draw: Callable[[], float],
    ) -> str:
        """The name of one. weights: by name, of those to choose from. key: empty without one.
        values: what is measured of a name, the less the better. busy: its calls under way. draw:
        numbers in [0, 1)."""
        if not any(weights.values()):
            weights = dict.fromkeys(weights, 1.0)
        names = list(weights)
        if self.rule == "turns":
            return self._turns.take(weights)
        if self.rule == "hash" and key:
            calls = {name: busy(name) for name in names}
            most = self.bound * (sum(calls.values()) + 1) / len(names)
            return next(name for name in ranking(key, weights) if calls[name] < most)
        if self.explore and self.rule != "hash" and draw() < self.explore:
            return names[int(draw() * len(names))]
        if self.rule == "hash" or (self.rule == "chance" and not self.exponent):
            return names[by_chance(list(weights.values()), draw())]
        known = [values(name) for name in names]
        if self.rule == "two":
            return names[best_of_two(known, draw(), draw())]
        if self.rule == "best":
            near = best(known, self.slack)
            return names[near[int(draw() * len(near))] if len(near) > 1 else near[0]]
        return names[by_chance(inverse_powers(known, [*weights.values()], self.exponent), draw())]
