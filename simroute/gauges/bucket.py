"""How much may still be used: token buckets, and a pair of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Self

from simroute.gauges.merging import Mergeable


class Bucket(Mergeable):
    """A token bucket: holds up to `capacity`, refilled at `refill` a second (0: never); full at
    first, or `initial` at t = 0.

    Time is a high-water mark: a clock that steps back neither gives nor takes. Levels are reckoned
    from the last change and to within a billionth, so that arrivals at exactly the refill rate are
    all admitted.
    """

    __slots__ = ("_at", "_level", "_taken", "capacity", "refill")

    def __init__(self, capacity: float, refill: float, initial: float | None = None) -> None:
        self.capacity, self.refill = capacity, refill
        self._level = capacity if initial is None else initial
        self._at = -math.inf if initial is None else 0.0
        self._taken = 0.0  # since states were merged

    def level(self, now: float) -> float:
        """What is in it; negative after a debt."""
        if now <= self._at or self.refill == 0:
            return self._level
        return min(self.capacity, self._level + (now - self._at) * self.refill)

    def wait(self, now: float, amount: float) -> float:
        """Seconds until `amount` is there: 0 if it is, infinite if it never can be.

        With L = 60 x refill a minute this is (used + amount - L) / (L / 60), as in providers' 429
        messages.
        """
        slack = 1e-9 * max(1.0, self.capacity)
        short = amount - self.level(now)
        if short <= slack:
            return 0.0
        return (
            short / self.refill if self.refill > 0 and amount <= self.capacity + slack else math.inf
        )

    def take(self, now: float, amount: float = 1.0) -> bool:
        """Take `amount` if it is there; a refusal takes nothing."""
        if self.wait(now, amount) > 0:
            return False
        self._change(now, -amount)
        return True

    def settle(self, now: float, reserved: float, used: float) -> None:
        """Give back what was reserved and not used, or owe what was used beyond it."""
        self._change(now, reserved - used)

    def spend(self, now: float, amount: float) -> None:
        """Use `amount`, whether it is there or not."""
        self._change(now, -amount)

    def refund(self, then: float, now: float, amount: float) -> None:
        """Give back what was taken at `then`."""
        self._change(now, amount)

    def refuse(self, now: float, amount: float) -> None:
        """A call that did not fit takes what there is."""
        self._change(now, -min(amount, max(0.0, self.level(now))))

    def reset(self, now: float) -> float:
        """Seconds until all of it is there again."""
        return self.wait(now, self.capacity)

    def change_rate(self, now: float, capacity: float, refill: float) -> None:
        """From now on it holds and is refilled so; what is in it stays, as far as it fits."""
        self._change(now, 0.0)
        self.capacity, self.refill = capacity, refill
        self._level = min(capacity, self._level)

    def _change(self, now: float, by: float) -> None:
        level = self.level(now)
        self._level = min(self.capacity, level + by)
        self._taken += level - self._level
        self._at = max(self._at, now)

    @classmethod
    def merge(
        cls, states: Sequence[Self], known: Sequence[tuple[float, float] | None], now: float
    ) -> tuple[float, float]:
        """What was taken of a limit and given back, as if the refill had come evenly between."""
        capacity, refill = states[0].capacity, states[0].refill
        old = next((each for each in known if each is not None), None)
        common = capacity if old is None else min(capacity, old[0] + (now - old[1]) * refill)
        level = common
        for state, mark in zip(states, known, strict=True):
            level += state.level(now) - (capacity if mark is None else common)
        if old is not None:  # each by itself may have been full again before the next took
            taken = sum(state._taken for state in states)
            level = min(level, old[0] + (now - old[1]) * refill - taken)
        for state in states:
            state._level, state._at, state._taken = level, max(state._at, now), 0.0
        return level, now


class DualLimit:
    """Requests and tokens a minute (None: no such limit), refilled continuously and taken together
    or not at all.

    Below one request a minute the bucket still holds one, so that it fills in the end.
    """

    def __init__(self, rpm: float | None = None, tpm: float | None = None) -> None:
        self._requests = None if rpm is None else Bucket(max(1.0, rpm), rpm / 60)
        self._tokens = None if tpm is None else Bucket(tpm, tpm / 60)

    def wait(self, now: float, tokens: float) -> float:
        """Seconds until a request of so many tokens fits; infinite if it is larger than the whole
        limit."""
        requests = 0.0 if self._requests is None else self._requests.wait(now, 1.0)
        return requests if self._tokens is None else max(requests, self._tokens.wait(now, tokens))

    def take(self, now: float, tokens: float) -> float:
        """0 if it fits and is taken, else the seconds until it will; a refusal takes nothing."""
        wait = self.wait(now, tokens)
        if wait == 0:
            if self._requests is not None:
                self._requests.take(now, 1.0)
            if self._tokens is not None:
                self._tokens.take(now, tokens)
        return wait

    def settle(self, now: float, reserved: float, used: float) -> None:
        """Correct the tokens of a request that was taken with `reserved` to what it `used`."""
        if self._tokens is not None:
            self._tokens.settle(now, reserved, used)

    def left(self, now: float) -> dict[str, tuple[float, float, float]]:
        """By "requests" and "tokens", where there is a limit: how much there may be, how much there
        is, and seconds until there is all of it."""
        buckets = {"requests": self._requests, "tokens": self._tokens}
        return {
            what: (bucket.capacity, bucket.level(now), bucket.wait(now, bucket.capacity))
            for what, bucket in buckets.items()
            if bucket is not None
        }
