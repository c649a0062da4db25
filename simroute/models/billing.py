"""Bills in integers: a price in femto-USD a token, a bill in nano-USD, of one call or of columns of
calls."""

from __future__ import annotations

from bisect import bisect_right
from math import inf
from typing import NamedTuple

import numpy as np

from simroute.core import Price
from simroute.models.prices import PriceSteps

FEMTO = 1_000_000_000
"""Femto-USD per token for one USD per million tokens."""
NANO, HALF = 1_000_000, 500_000
"""Femto-USD in a nano-USD."""


class Rate(NamedTuple):
    """Femto-USD a token of input and output; what a token read from the cache costs less, and one
    written to it more; and of each call besides."""

    input: int
    output: int
    less: int
    more: int
    call: int

    @classmethod
    def of(cls, price: Price) -> Rate:
        """The rate of a price, whatever its tiers."""
        into, out = round(price.input * FEMTO), round(price.output * FEMTO)
        less = 0 if price.cached is None else into - round(price.cached * FEMTO)
        more = 0 if price.written is None else round(price.written * FEMTO) - into
        return cls(into, out, less, more, round(price.call * FEMTO * 1e6))


class RateCard:
    """A price as integers; `price` is the original."""

    __slots__ = ("_base", "_most", "_tiers", "price")

    def __init__(self, price: Price) -> None:
        self.price = price
        # plain tuples: unpacked in a quarter of the time of named ones
        self._base = tuple(Rate.of(price))
        self._tiers = [(above, tuple(Rate.of(tier))) for above, tier in price.tiers]
        self._most: float = self._tiers[0][0] if self._tiers else inf

    def bill(self, input_tokens: int, output_tokens: int, cached: int = 0, written: int = 0) -> int:
        """Nano-USD of one call, rounded half up; `cached` and `written` of the input tokens were
        read from, and written to, a cache."""
        into, out, less, more, call = (
            self._base if input_tokens <= self._most else self._tier(input_tokens)
        )
        return (
            input_tokens * into - cached * less + written * more + output_tokens * out + call + HALF
        ) // NANO

    def bill_many(
        self,
        input_tokens: np.ndarray,
        output_tokens: np.ndarray,
        cached: np.ndarray,
        written: np.ndarray,
    ) -> np.ndarray:
        """`bill` of many calls."""
        rates = np.array([self._base, *(rate for _, rate in self._tiers)], np.int64)
        place = (
            np.searchsorted([above for above, _ in self._tiers], input_tokens, side="left")
            if self._tiers
            else 0
        )
        into, out, less, more, call = rates[place].T
        return np.asarray(
            (
                input_tokens * into
                - cached * less
                + written * more
                + output_tokens * out
                + call
                + HALF
            )
            // NANO
        )

    def _tier(self, input_tokens: int) -> tuple[int, ...]:
        return next(rate for above, rate in reversed(self._tiers) if input_tokens > above)


class Tariff:
    """What a deployment charges over time, one card after the other."""

    def __init__(self, steps: PriceSteps) -> None:
        self._edges = [when for when, _ in steps]
        self._cards = list({price: RateCard(price) for _, price in steps}.values())
        places = {card.price: place for place, card in enumerate(self._cards)}
        self._places = [places[price] for _, price in steps]

    @property
    def is_flat(self) -> bool:
        """Whether every call costs the same by the token, whenever it comes and however long it
        is."""
        return len(self._edges) == 1 and not self._cards[0].price.tiers

    def at(self, t: float) -> tuple[RateCard, float]:
        """What holds at `t` (s), and until when."""
        place = max(0, bisect_right(self._edges, t) - 1)
        return self._cards[self._places[place]], self._edges[place + 1] if place + 1 < len(
            self._edges
        ) else inf

    def bill_many(
        self,
        when: np.ndarray,
        input_tokens: np.ndarray,
        output_tokens: np.ndarray,
        cached: np.ndarray,
        written: np.ndarray,
    ) -> np.ndarray:
        """Bills of many calls in nano-USD, each at its own moment's price."""
        if len(self._cards) == 1:
            return self._cards[0].bill_many(input_tokens, output_tokens, cached, written)
        place = np.maximum(np.searchsorted(self._edges, when, side="right") - 1, 0)
        used, bill = np.array(self._places)[place], np.zeros(len(when), np.int64)
        for one in np.unique(used).tolist():
            mine = used == one
            bill[mine] = self._cards[one].bill_many(
                input_tokens[mine], output_tokens[mine], cached[mine], written[mine]
            )
        return bill
