"""A closed loop of one client and a failing server, against the PRISM models of Mendonca et al.
(ICSA 2020, ppgia-unifor/resiliency-patterns), solved there by a model checker.

The client thinks 1 s and the server serves 5 s on average, both exponential. After every ten
requests the server fails, for 50 s on average (availability .5). A response is waited for 10 s, a
connection 2 s, both Erlang of 100 stages as in the models; who waits for a connection gets it as
soon as the server is back.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from simroute.core import Call, Outcome, Send, World
from simroute.ledger import OUTCOMES, Ledger
from simroute.models import spec
from simroute.models.random import Streams
from simroute.models.weather import Weather
from simroute.policies.breaker import Breaker
from simroute.worlds.sim import SimWorld
from simroute.worlds.sim.upstream import Upstream

OK = OUTCOMES.index("ok")
WANTED, HORIZON = 100, 5000.0


class FailingServer(Upstream):
    """The server of the models, with the client's two time-outs. served: since it last failed;
    back: when it is up again, s."""

    source: Any = None
    served, back = 0, 0.0

    def draw(self, block: Any, number: int) -> Any:
        zero = [0.0] * block.block.size
        return zero, zero, zero, [-1.0] * block.block.size, zero, zero

    def fail(self, attempt: Any) -> None:
        source, now = self.source, attempt.began
        wait = max(0.0, self.back - now)
        if wait > (patience := float(source.gamma(100, 2.0 / 100))):
            attempt.status, attempt.error, attempt.seconds = 503, "refused", patience
            return
        service, limit = float(source.exponential(5.0)), float(source.gamma(100, 10.0 / 100))
        attempt.seconds = wait + min(service, limit)
        if service <= limit:
            attempt.status, attempt.quality = 200, 1.0
            attempt.first, attempt.decode = attempt.seconds, 0.0
        else:
            attempt.status, attempt.error = 504, "timeout"
        self.served += 1
        if self.served == 10:
            self.served, self.back = 0, now + attempt.seconds + float(source.exponential(50.0))


class OneServer(SimWorld):
    endpoint = FailingServer


@dataclass
class ExponentialRetry:
    """At most five retries; back-off exponential, of mean min(most, 5 x 2^n) s."""

    most: float

    async def __call__(self, call: Call, send: Send, world: World) -> Outcome:
        outcome = await send(call)
        for n in range(5):
            if outcome.status == 200:
                break
            mean = min(self.most, 5.0 * 2**n)
            await world.sleep(-math.log1p(-world.uniform("back-off", call)) * mean)
            outcome = await send(call)
        return outcome


def times(layers: dict[str, Any], replication: int) -> tuple[float, float]:
    """Seconds until the hundredth answer, and how many of them were spent in sends."""
    load = spec.Workload(callers=spec.Callers(1, spec.Pause(mean=1.0)))
    target = {"server": spec.Deployment("c", "m", price=spec.PriceList(1, 1))}
    made = spec.Scenario(target, horizon=HORIZON, workload=load, gateway=spec.Gateway(overhead=0.0))
    rows: dict[str, list[Any]] = {"requests": [], "attempts": [], "events": []}
    ledger = Ledger([lambda table, chunk: rows[table].append(chunk)])
    world = OneServer(Weather(made, 5, replication), [layers], ledger)
    server: Any = world.upstreams["server"]
    server.source = Streams(5, replication).block("server", block=0)
    world.run()
    asked, sent = (
        {name: np.concatenate([part[name] for part in rows[table]]) for name in rows[table][0]}
        for table in ("requests", "attempts")
    )
    end = float(np.sort(asked["end_s"][asked["outcome"] == OK])[WANTED - 1])
    inside = sent["end_s"] <= end
    return end, float((sent["end_s"] - sent["start_s"])[inside].sum())


PATTERNS: dict[str, tuple[Any, float, float]] = {
    "no pattern": (lambda: {}, 1161.606, 866.091),
    "retry, back-off to 10 s": (lambda: {"retry": ExponentialRetry(10.0)}, 1305.322, 624.332),
    "retry, back-off to 40 s": (lambda: {"retry": ExponentialRetry(40.0)}, 1490.01, 581.36),
    "breaker, cooldown 20 s": (
        lambda: {"b": Breaker(failures=2, consecutive=True, cooldown=20.0, successes=2)},
        1352.8,
        571.7,
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("pattern", PATTERNS)
def test_time_to_a_hundred_answers_and_time_in_contention(pattern: str) -> None:
    """Means of 600 replications within 4 standard errors (2 to 3 %), and .4 % of the table for
    the breaker, which was simulated there, too."""
    make, total, contention = PATTERNS[pattern]
    found = np.array([times(make(), k) for k in range(600)])
    slack = 0.004 if pattern.startswith("breaker") else 0.0
    for column, expected in zip(found.T, (total, contention), strict=True):
        error = 4 * column.std(ddof=1) / math.sqrt(len(column))
        assert column.mean() == pytest.approx(expected, abs=error + slack * expected)
