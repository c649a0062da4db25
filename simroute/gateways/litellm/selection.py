"""Which deployment of a group is asked: the Router's strategies, over what it has counted. Time and
chance are passed in."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, NamedTuple

from simroute.core.params import Count, Doc, Period, PerMinute, Positive, Seconds, Weight
from simroute.gateways.litellm.cooldowns import MINUTE, Lasting

Strategy = Literal[
    "simple-shuffle",
    "least-busy",
    "usage-based-routing-v2",
    "usage-based-routing",
    "latency-based-routing",
    "cost-based-routing",
]
UNKNOWN_PRICE = 10.0
TIMED_OUT = 1000.0
"""Seconds a token that a timeout counts for."""


@dataclass(frozen=True)
class Deployment:
    """What the Router is told of one deployment (its `litellm_params`)."""

    order: Annotated[Positive | None, Doc("only the lowest of those that are left is asked")] = None
    weight: Annotated[Weight | None, Doc("share of a shuffle, beside the others' weights")] = None
    rpm: Annotated[
        PerMinute | None,
        Doc("weight of a shuffle, limit of usage-based routing, and calls in flight"),
    ] = None
    tpm: Annotated[PerMinute | None, Doc("the same in tokens; 6 calls in flight for 1,000")] = None
    max_parallel_requests: Annotated[Positive | None, Doc("calls in flight")] = None
    timeout: Annotated[Period | None, Doc("for each read; default: the Router's")] = None
    stream_timeout: Annotated[Period | None, Doc("the same of streams")] = None
    num_retries: Annotated[Count | None, Doc("instead of the Router's, where it fails")] = None
    cooldown_time: Annotated[Seconds | None, Doc("instead of Retry-After and the Router's")] = None
    max_input_tokens: Annotated[Positive | None, Doc("for enable_pre_call_checks")] = None

    def slots(self, default: int | None) -> int | None:
        """Calls in flight that it may have."""
        if self.max_parallel_requests is not None:
            return self.max_parallel_requests
        if self.rpm is not None:
            return int(self.rpm)
        if self.tpm is not None:
            return max(1, int(self.tpm / 1000 * 6))
        return default


class Latency(NamedTuple):
    """Of latency-based routing: within which share of the best is as good, for how many seconds a
    map of speeds lives, and how many answers it has of each."""

    buffer: float
    ttl: float
    samples: int


@dataclass
class Choice:
    """One selection. names: who is left; tokens: of the prompt; draw: a number in [0, 1); price:
    USD per token, in and out together."""

    now: float
    names: Sequence[str]
    tokens: int
    draw: Callable[[], float]
    price: Callable[[str], float]


class Selection:
    """The strategies. `choose` gives None where the strategy itself has nobody left."""

    def __init__(
        self, strategy: Strategy, known: dict[str, Deployment], latency: Latency, lenient: bool
    ) -> None:
        self._strategy, self._known, self._latency = strategy, known, latency
        self._lenient = lenient
        self.in_flight: dict[str, int] = {}
        self._calls, self._tokens, self._map = Lasting(), Lasting(), Lasting()
        self._speeds: dict[str, deque[float]] = {}

    def choose(self, choice: Choice) -> str | None:
        """Who is asked. Raises ZeroDivisionError where all that are left weigh nothing (1.83)."""
        if self._strategy == "simple-shuffle":
            return self._shuffled(choice)
        if self._strategy == "least-busy":
            return min(choice.names, key=lambda name: self.in_flight.get(name, 0))
        if self._strategy == "cost-based-routing":
            return min(choice.names, key=choice.price)
        if self._strategy == "latency-based-routing":
            return self._fastest(choice)
        return self._least_used(choice)

    def began(self, now: float, name: str) -> None:
        """A call to it is made."""
        self.in_flight[name] = self.in_flight.get(name, 0) + 1
        self._calls.add(now, name, 1.0, MINUTE - now % MINUTE)

    def ended(self, name: str) -> None:
        """It succeeded or failed."""
        self.in_flight[name] -= 1

    def answered(self, now: float, name: str, speed: float, used: int) -> None:
        """A complete answer: seconds a token (of a stream, to its first one), and all tokens that
        it used."""
        self._tokens.add(now, name, used, MINUTE - now % MINUTE)
        self._learn(now, name, speed)

    def timed_out(self, now: float, name: str) -> None:
        """It did not answer in time; other failures say nothing of its speed."""
        self._learn(now, name, TIMED_OUT)

    def _learn(self, now: float, name: str, speed: float) -> None:
        if not self._map.get(now, "map"):
            self._speeds.clear()
        self._map.add(now, "map", 1.0, self._latency.ttl)
        self._speeds.setdefault(name, deque(maxlen=self._latency.samples)).append(speed)

    def _shuffled(self, choice: Choice) -> str:
        first = self._known[choice.names[0]]
        for key in ("weight", "rpm", "tpm"):
            if getattr(first, key) is not None:
                weights = [getattr(self._known[name], key) or 0.0 for name in choice.names]
                break
        else:
            weights = [1.0] * len(choice.names)
        if not sum(weights):
            if not self._lenient:
                raise ZeroDivisionError
            weights = [1.0] * len(choice.names)
        left = choice.draw() * sum(weights)
        for name, weight in zip(choice.names, weights, strict=True):
            left -= weight
            if left < 0:
                return name
        return choice.names[-1]

    def _fastest(self, choice: Choice) -> str | None:
        if not self._map.get(choice.now, "map"):
            self._speeds.clear()
        names = [name for name in choice.names if self._has_room(choice, name, 0)]
        if not names:
            return None
        means = {
            name: sum(speeds) / len(speeds) if (speeds := self._speeds.get(name)) else 0.0
            for name in names
        }
        best = min(means.values())
        near = [name for name in names if means[name] <= best + self._latency.buffer * best]
        return near[int(choice.draw() * len(near))]

    def _least_used(self, choice: Choice) -> str | None:
        names = [name for name in choice.names if self._has_room(choice, name, 1)]
        if not names:
            return None
        used = {name: self._used(choice.now, name)[1] for name in names}
        least = [name for name in names if used[name] == min(used.values())]
        return least[int(choice.draw() * len(least))] if len(least) > 1 else least[0]

    def _used(self, now: float, name: str) -> tuple[float, float]:
        return self._calls.get(now, name), self._tokens.get(now, name)

    def _has_room(self, choice: Choice, name: str, spare: int) -> bool:
        """spare: usage-based routing stops one request before the limit."""
        limits, (calls, tokens) = self._known[name], self._used(choice.now, name)
        if limits.tpm is not None and tokens + choice.tokens > limits.tpm:
            return False
        return limits.rpm is None or calls + 1 + spare <= limits.rpm
