"""Is a layer that is written in the plainest way about as fast as ours?

The model of `model.py` under our four layers and under the same four as one writes them in an
afternoon, by turns: a coroutine each, every call asked for and told of. At most 30 % slower wanted.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import model

from simroute.config.configuration import Configuration
from simroute.core import Call, Outcome, Send, World
from simroute.experiment.run import replicate
from simroute.gauges.breaker import BreakerState


@dataclass
class PlainFallback:
    """Asks one target after the other."""

    targets: tuple[str, ...]

    async def __call__(self, call: Call, send: Send, world: World) -> Outcome:
        for target in self.targets:
            outcome = await send(call.to(target))
            if outcome.ok:
                break
        return outcome


@dataclass
class PlainBreaker:
    """Asks the state before each call, and tells it of each outcome."""

    states: dict[Any, BreakerState] = field(
        default_factory=lambda: defaultdict(
            lambda: BreakerState(model.FAILURES, model.WINDOW, model.COOLDOWN)
        )
    )

    async def __call__(self, call: Call, send: Send, world: World) -> Outcome:
        state = self.states[call.target]
        permit = state.ask(world.now())
        if permit is None:
            return Outcome.rejected("breaker")
        try:
            outcome = await send(call.as_probe(once=True) if permit.probe else call)
            if outcome.ok or outcome.status >= 500 or outcome.status == 408:
                state.tell(permit, not outcome.ok, world.now())
            return outcome
        finally:
            state.release(permit)


@dataclass
class PlainRetry:
    """Sends again after a pause."""

    async def __call__(self, call: Call, send: Send, world: World) -> Outcome:
        outcome = await send(call)
        for _ in range(1, 1 if call.once else model.ATTEMPTS):
            if outcome.ok:
                break
            await world.sleep(model.PAUSE)
            outcome = await send(call)
        return outcome


@dataclass
class PlainTimeout:
    """Gives a call up."""

    async def __call__(self, call: Call, send: Send, world: World) -> Outcome:
        return await world.within(model.TIMEOUT, send(call))


def plain(horizon: float) -> float:
    """Seconds of the processor under the plain layers."""
    layers = {
        "fallback": PlainFallback(model.TARGETS),
        "breaker": PlainBreaker(),
        "retry": PlainRetry(),
        "timeout": PlainTimeout(),
    }
    start = time.process_time()
    scenario = model.scenario(horizon)
    replicate(Configuration("run", "plain", scenario, {"plain": layers}, model.SEED), "plain", 0)
    return time.process_time() - start


def ours(horizon: float) -> float:
    """Seconds of the processor under the packaged layers."""
    start = time.process_time()
    model.in_simroute(horizon)
    return time.process_time() - start


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--requests", type=int, default=50_000)
    words.add_argument("--rounds", type=int, default=7)
    options = words.parse_args()
    horizon = options.requests / model.RATE
    ours(horizon / 20), plain(horizon / 20)  # imports, first-time caches
    ratios = [plain(horizon) / ours(horizon) for _ in range(options.rounds)]
    print(f"plain layers take {statistics.median(ratios):.2f} of the time  (wanted: at most 1.3)")


if __name__ == "__main__":
    main()
