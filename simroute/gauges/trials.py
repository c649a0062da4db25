"""The calls that a half-open breaker lets through: how many, and what their results decide."""

from __future__ import annotations

import math

from simroute.gauges.breaker_rules import BreakerRules


class Permit:
    """Leave to make one call: under which generation of the state, when (seconds), and whether as a
    trial."""

    __slots__ = ("generation", "given", "probe")

    def __init__(self, generation: int, given: float, probe: bool) -> None:
        self.generation, self.given, self.probe = generation, given, probe


class Trials:
    """Those of one half-open spell. given: under way, or all so far where `trials_in_all`;
    elsewhere: under way in other replicas; passed, failed, slow: what they answered. limit: seconds
    after which one that does not answer has failed.

    room: how many there may be; needed: results that a verdict needs.
    """

    __slots__ = (
        "_limit",
        "_rules",
        "_under_way",
        "elsewhere",
        "failed",
        "given",
        "needed",
        "passed",
        "room",
        "slow",
    )

    def __init__(self, rules: BreakerRules, limit: float) -> None:
        self._rules, self._limit = rules, limit
        self.needed = rules.successes + rules.trial_failures
        if rules.trial_calls is not None:
            self.needed = rules.trial_calls
            if rules.rate is not None:
                self.needed = min(self.needed, rules.min_calls)
        self.room = max(rules.probes, self.needed) if rules.trials_in_all else rules.probes
        self.begin()

    def begin(self) -> None:
        """A new spell, of which there are none yet."""
        self._under_way: list[Permit] = []
        self.given = self.elsewhere = self.passed = self.failed = self.slow = 0

    def has_room(self) -> bool:
        """Whether one more may be made."""
        return self.given + self.elsewhere < self.room

    def take(self, permit: Permit) -> Permit:
        """One more is made."""
        self.given += 1
        return self.admit(permit)

    def admit(self, permit: Permit) -> Permit:
        """One of those that were given leave answers under this permit."""
        self._under_way.append(permit)
        return permit

    def give_back(self, permit: Permit) -> None:
        """One ends without a result. Doing so again does nothing."""
        if permit in self._under_way:
            self._under_way.remove(permit)
            self.forgo()

    def forgo(self) -> None:
        """One of those that were given leave is not made."""
        self.given -= 1

    def end(self, permit: Permit) -> bool:
        """One answers; whether it was under way."""
        if permit not in self._under_way:
            return False
        self._under_way.remove(permit)
        if not self._rules.trials_in_all:
            self.given -= 1
        return True

    @property
    def due(self) -> float:
        """When the oldest has had its time."""
        return self._under_way[0].given + self._limit if self._under_way else math.inf

    def expire(self) -> None:
        """The oldest has not answered in time."""
        self.end(self._under_way[0])

    def count(self, failed: bool, slow: bool) -> None:
        """A result."""
        self.passed += not failed
        self.failed += failed
        self.slow += slow

    def suffice(self) -> bool:
        """Whether enough of them have succeeded, where their number decides."""
        return self._rules.trial_calls is None and self.passed >= self._rules.successes

    def verdict(self) -> bool | None:
        """Whether the target is well, as far as they tell."""
        rules = self._rules
        if rules.trial_calls is None:
            if self.suffice():
                return True
            return False if self.failed > rules.trial_failures else None
        calls = self.passed + self.failed
        if calls < self.needed:
            return None
        if rules.slow_after is not None and self.slow / calls >= rules.slow_rate:
            return False
        if rules.rate is None:
            return self.failed <= rules.trial_failures
        return self.failed / calls < rules.rate
