"""Which deployments are left out, and until when. Time is passed in, in seconds."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass

from simroute.gateways.litellm.entries import Entries
from simroute.gateways.litellm.errors import (
    ALLOWED,
    COUNTED,
    LATER,
    AllowedFailsKey,
    ErrorClass,
    stated,
)

MINUTE = 60.0
LEAST_EVENTS = 5
SINGLE_EVENTS = 1000
"""A deployment that is alone cools when all of so many calls of a minute failed."""
DEFAULT_ALLOWED = 3
"""Given, it counts as not given (1.83)."""
INSTANT = 1e-7
"""Seconds that the Router's clock cannot tell apart: it counts from 1970."""


def minute_of(now: float) -> float:
    """Which minute it is."""
    return (now + INSTANT) // MINUTE


class Lasting:
    """Sums that live for a time from their first amount on, as entries of the Router's cache do: at
    its very end one still is, and an amount that comes right then renews its life."""

    def __init__(self) -> None:
        self._sums: dict[Hashable, tuple[float, float]] = {}

    def forget(self, key: Hashable) -> None:
        """As if nothing had ever been added."""
        self._sums.pop(key, None)

    def get(self, now: float, key: Hashable, strict: bool = False) -> float:
        """What has been added to it in its present life. strict: something else has been written at
        this moment, so that what ends now has gone."""
        found = self._sums.get(key)
        if found is None or now > found[0] + (-INSTANT if strict else INSTANT):
            return 0.0
        return found[1]

    def add(self, now: float, key: Hashable, amount: float, life: float) -> float:
        """The sum with `amount`; a new one lives for `life` seconds."""
        found = self._sums.get(key)
        if found is None or now >= found[0] - INSTANT:
            before = 0.0 if found is None or now > found[0] + INSTANT else found[1]
            self._sums[key] = now + life, before + amount
        else:
            before = found[1]
            self._sums[key] = found[0], before + amount
        return before + amount


@dataclass(frozen=True)
class Failure:
    """One failed send: of which class, in a group of how many deployments, whether that group has a
    fallback, and for how long it may cool (s)."""

    kind: ErrorClass
    group: int
    fallback: bool
    seconds: float


class Cooldowns:
    """Counts failures and cools by them.

    allowed, policy: `allowed_fails`, and by class of error; without either of them more than half
    of a minute's calls must fail. late: as from 1.106 on, a second failure may end a cooldown
    sooner, and the failure that cools counts, too; latest: as 1.109, which by `allowed_fails`
    never cools a deployment that is alone and has no fallback.
    """

    def __init__(
        self,
        allowed: int | None,
        policy: Mapping[AllowedFailsKey, int],
        life: float,
        disabled: bool,
        late: bool,
        latest: bool,
    ) -> None:
        self._policy, self._life, self._disabled = policy, life, disabled
        self._late, self._latest = late, latest
        self._tuned = bool(policy) or (
            allowed is not None and (latest or allowed != DEFAULT_ALLOWED)
        )
        self._allowed = DEFAULT_ALLOWED if allowed is None else allowed
        self.until: dict[str, float] = {}
        self._fails, self._passes, self._counts = Lasting(), Lasting(), Lasting()
        self.written = -1.0
        self._entries: Entries | None = None

    def share_a_cache(self) -> None:
        """There are so many deployments that their entries may drive each other out."""
        self._entries = Entries(self._forget)

    def _forget(self, kind: str, name: str) -> None:
        if kind == "cold":
            self.until.pop(name, None)
        elif kind in ("passes", "fails"):
            (self._passes if kind == "passes" else self._fails).forget(name)

    def is_cold(self, now: float, name: str) -> bool:
        """Whether it is left out; in 1.83 at the very end it still is, unless that moment has
        written anything into the cache, which throws out what has ended."""
        until = self.until.get(name)
        if until is None or now > until + INSTANT:
            return False
        if self._late:
            return now < until - INSTANT
        return now < until - INSTANT or self.written < until - INSTANT

    def used(self, now: float, name: str) -> None:
        """A call is about to be made."""
        self._write(now, "used", name)

    def _write(self, now: float, kind: str, name: str) -> None:
        self.written = now
        if self._entries is not None:
            self._entries.put(now, kind, name, MINUTE)

    def passed(self, now: float, name: str) -> None:
        """A call succeeded."""
        self._write(now, "passes", name)
        self._passes.add(now, name, 1.0, MINUTE)

    def failed(self, now: float, name: str, failure: Failure) -> float | None:
        """Seconds for which it is left out from now on, if this failure decides so."""
        self._write(now, "fails", name)
        self._fails.add(now, name, 1.0, MINUTE)
        seconds = self.judged(now, name, failure)
        if self._entries is not None:
            self._entries.put(now, f"minute {now // MINUTE}", name, MINUTE)
        return seconds

    def judged(self, now: float, name: str, failure: Failure) -> float | None:
        """The same of a failure that does not count in its minute's share."""
        if self._disabled or failure.seconds <= 0 or not self._counts_it(failure):
            return None
        if not (self._by_count if self._tuned else self._by_share)(now, name, failure):
            return None
        end = now + failure.seconds
        if self.is_cold(now, name):  # the first deadline stands
            end = min(end, self.until[name]) if self._late else self.until[name]
        self.until[name] = end
        if self._entries is not None and not self._late:
            self._entries.put(now, "cold", name, end - now)
        return end - now

    def _counts_it(self, failure: Failure) -> bool:
        """Whether it can cool a deployment; an account without money only one of several."""
        if failure.kind == "PaymentRequiredError":
            return self._late and failure.group > 1
        return failure.kind in COUNTED

    def _by_count(self, now: float, name: str, failure: Failure) -> bool:
        unread = failure.kind in LATER and not self._late
        own = None if unread else stated(self._policy, failure.kind, ALLOWED)
        if own == 0 and not self._late:  # as if it were not there
            own = None
        if self._latest and failure.group == 1 and not failure.fallback and own is None:
            return False
        fails = self._counts.get(now, name, self._late) + 1
        too_many = fails > (self._allowed if own is None else own)
        if self._late and fails == 1:
            self._counts.forget(name)
        if self._late or not too_many:
            self._counts.add(now, name, 1.0, self._life)
        return too_many

    def _by_share(self, now: float, name: str, failure: Failure) -> bool:
        if failure.kind in ("AuthenticationError", "NotFoundError", "PaymentRequiredError"):
            return True
        single = failure.group == 1
        if failure.kind == "RateLimitError":
            return not single
        fails, passes = self._fails.get(now, name), self._passes.get(now, name, True)
        if single:
            return passes == 0 and fails >= SINGLE_EVENTS
        return fails + passes >= LEAST_EVENTS and fails > passes
