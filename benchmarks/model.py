"""The model that all benchmarks run: two providers, one of them in a long partial outage, behind
four layers.

`fallback(breaker(retry(timeout(send))))`. The weather (arrivals, latencies, coins) is simroute's
own, so that a hand-written program consumes the very same numbers; calls given up on stop at once,
as in a SimPy program that leaves its `with` block.
"""

from __future__ import annotations

from collections import deque
from typing import Any, NamedTuple

from simroute.config.configuration import Configuration
from simroute.config.loading import load
from simroute.experiment.run import replicate
from simroute.models import spec
from simroute.models.weather import Weather
from simroute.policies.breaker import Breaker
from simroute.policies.fallback import Fallback
from simroute.policies.retry import Backoff, Retry
from simroute.policies.timeout import Timeout
from simroute.studies.bound.gap import clairvoyant_bound

RATE = 10.0
"""Requests a second."""
TARGETS = ("a", "b")
ATTEMPTS, PAUSE, TIMEOUT = 2, 0.5, 30.0
FAILURES, WINDOW, COOLDOWN = 3, 30.0, 30.0
SLOTS, ROOM = 60, 100
HANG = 600.0
SEED = 1


class Count(NamedTuple):
    """What a run came to; equal for equal draws, whoever runs it."""

    requests: int
    successes: int
    attempts: int


def scenario(horizon: float) -> spec.Scenario:
    """`horizon` seconds, the middle fifth of them with a failing, slow, sometimes hanging first
    provider."""
    limits, price = spec.Limits(concurrency=SLOTS, queue=ROOM), spec.PriceList(3.0, 15.0)
    made = {
        name: spec.Deployment(
            f"company-{name}",
            f"model-{name}",
            price=price,
            limits=limits,
            errors={500: 0.002, 503: 0.003},
        )
        for name in TARGETS
    }
    outage = spec.Outage(
        provider="company-a",
        start="40%",
        end="60%",
        error_share=0.6,
        status=529,
        slow_down=3.0,
        hang_share=0.05,
    )
    load = spec.Workload(rate=RATE)
    return spec.Scenario(
        made,
        horizon=horizon,
        workload=load,
        outages={"middle": outage},
        abandoned="stops",
        hang_limit=HANG,
    )


def weather(horizon: float) -> Weather:
    """One replication's draws."""
    return Weather(scenario(horizon), SEED, 0)


def in_simroute(horizon: float) -> Count:
    """The model as anybody would run it: configuration in, metrics out, every row of the ledgers
    folded."""
    layers = {
        "fallback": Fallback(TARGETS),
        "breaker": Breaker(FAILURES, WINDOW, COOLDOWN, probes=1, trial="send"),
        "retry": Retry(ATTEMPTS, backoff=Backoff(PAUSE, jitter="none")),
        "timeout": Timeout(TIMEOUT),
    }
    found = replicate(
        Configuration("run", "benchmark", scenario(horizon), {"layered": layers}, SEED),
        "layered",
        0,
    ).metrics
    requests, share, each = (
        value
        for name in ("requests", "success_rate", "attempts_per_request")
        if (value := found[name]) is not None
    )
    return Count(round(requests), round(share * requests), round(each * requests))


def steady(horizon: float) -> Configuration:
    """What `compare scenario=steady policy=circuit_breaker` plays: nothing fails, half of the
    requests are streamed."""
    words = [f"scenario.workload.rate={RATE}", f"scenario.horizon={horizon}s"]
    return load("compare", "steady", ["circuit_breaker"], words)


def played_steady(horizon: float) -> Count:
    """A replication of it, with metrics and evidence."""
    requests = replicate(steady(horizon), "circuit_breaker", 0).metrics["requests"]
    return Count(round(requests or 0), 0, 0)


def bound_of_steady(horizon: float) -> Count:
    """The bound of it, with the frontier."""
    requests = clairvoyant_bound(steady(horizon), [0]).runs[0]["requests"]
    return Count(round(requests or 0), 0, 0)


class Draw:
    """A block of requests and, on demand, what the n-th call of each to a target meets."""

    __slots__ = ("block", "columns", "met")

    def __init__(self, block: Any) -> None:
        self.block, self.columns = block, block.lists
        self.met: dict[tuple[int, int], Any] = {}

    def at(self, server: Sky, n: int) -> Any:
        """The draws of the n-th call (from 0) to that server."""
        found = self.met.get((server.index, n))
        if found is None:
            found = self.met[server.index, n] = server.model.draw_lists(self.block, n)
        return found


class Sky:
    """The weather over one target, looked up again only when it has changed."""

    __slots__ = ("breaker", "conditions", "index", "model", "until")

    def __init__(self, index: int, model: Any) -> None:
        self.index, self.model = index, model
        self.conditions, self.until = model.conditions(0.0)
        self.breaker = HandBreaker()

    def now(self, t: float) -> Any:
        """What holds at `t` (s, never going back)."""
        if t >= self.until:
            self.conditions, self.until = self.model.conditions(t)
        return self.conditions


class HandBreaker:
    """A circuit breaker as one writes it in an afternoon: three failures within 30 s, 30 s of rest,
    one trial call."""

    __slots__ = ("failures", "generation", "opened", "state", "trying")

    def __init__(self) -> None:
        self.state, self.generation, self.opened, self.trying = "closed", 0, 0.0, False
        self.failures: deque[float] = deque()

    def ask(self, now: float) -> int | None:
        """A permit (the number of the state that gave it), or None."""
        if self.state == "closed":
            return self.generation
        if self.state == "open":
            if now < self.opened + COOLDOWN:
                return None
            self._enter("half-open")
        if self.trying:
            return None
        self.trying = True
        return self.generation

    def tell(self, permit: int, failed: bool, now: float) -> None:
        """How the call ended; news from an earlier state changes nothing."""
        if permit != self.generation or not (failed or self.trying):
            return
        if self.trying:
            self._enter("open" if failed else "closed")
            self.opened = now
            return
        failures = self.failures
        failures.append(now)
        while now - failures[0] >= WINDOW:
            failures.popleft()
        if len(failures) >= FAILURES:
            self._enter("open")
            self.opened = now

    def _enter(self, state: str) -> None:
        self.state, self.trying = state, False
        self.generation += 1
        self.failures.clear()
