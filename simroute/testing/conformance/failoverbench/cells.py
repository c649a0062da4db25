"""The published scorecard of failoverbench, cell by cell: a client's or gateway's preset against
the same fault, in virtual time.

A cell holds if some draw of the pauses' stated jitter gives what was published: attempts and
verdict exact, the first gap to the tenth that is published, the total within .3 s or 5 %.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from hashlib import blake2b
from typing import Any

from simroute.core import Call, Outcome, Price, Rest, Target
from simroute.testing import clock
from simroute.testing.conformance.failoverbench.checks import PATIENCE, Seen, verdict
from simroute.testing.conformance.failoverbench.faults import WELL, Answer, Fault, fault_of
from simroute.testing.conformance.failoverbench.scorecard import (
    Result,
    differences,
    is_empty,
    parse,
    tolerance_of,
)
from simroute.testing.conformance.failoverbench.systems import (
    HANDED_ON,
    READ_ON,
    System,
    layers_of,
    system_of,
)
from simroute.testing.conformance.verdict import Config, Differs, Inexpressible
from simroute.worlds.live.request import LiveRequest
from simroute.worlds.live.streams import HeardRest
from simroute.worlds.live.world import LiveWorld

PRIMARY, FALLBACK = "primary", "fallback"
TARGETS = {
    PRIMARY: Target(PRIMARY, "one", "model", "model"),
    FALLBACK: Target(FALLBACK, "two", "model", "model"),
}
UNREADABLE = 422
"""Stands for a client's own error, which is no status and in no list of them."""
FIRST = "S01"
"""The fault with which the published runs began."""
CHOOSING = {"fallback", "litellm", "balance", "predict", "unify"}
"""Layers that know somebody else to ask."""
DRAWS = 120
"""Of the jitter, at most, until one is as published."""


def play_cell(item: Config) -> None:
    """Raises Differs when no draw gives what was published, with the figures of the nearest."""
    if is_empty(item["published"]):
        raise Inexpressible("a cell that is empty")
    wanted, tolerance = parse(item["published"]), tolerance_of(item.get("tolerance"))
    nearest: tuple[list[str], Result] | None = None
    try:
        for result in results(item):
            off = differences(wanted, result, tolerance)
            if not off:
                return
            if nearest is None or len(off) < len(nearest[0]):
                nearest = off, result
    except RuntimeError as error:
        if "takes an async function" not in str(error):
            raise
        raise Inexpressible(f"a policy that asks somebody: {error}") from None
    if nearest is None:
        raise Differs("no run")
    off, result = nearest
    figures = "; ".join(_told(figure, wanted, result) for figure in off)
    raise Differs(f"{figures} (published {item['published']}, simulated {result})")


NAMES = {
    "primary": "attempts at the primary",
    "fallback": "attempts at the fallback",
    "back": "seconds to be back",
    "truncated": "a part for the whole",
}


def _told(figure: str, wanted: Result, came: Result) -> str:
    expected, found = (_shown(getattr(result, figure)) for result in (wanted, came))
    return f"{NAMES.get(figure, figure)}: expected {expected}, came {found}"


def _shown(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return "/".join(map(str, value))
    return f"{round(value, 3):g}" if isinstance(value, float) else str(value)


def results(item: Config) -> Iterator[Result]:
    """What the system does, at the middle of its jitter first; one result where it has none."""
    system = system_of(item["system"])
    fault = fault_of(item["fault"], item.get("title") or "", item.get("setup") or "")
    for number in range(DRAWS):
        jitter = Jitter(number)
        run = Run(system, fault, item["fault"] == FIRST, jitter)
        yield clock.run(run.play())
        if not jitter.asked:
            return


class Jitter:
    """Draws for the pauses: the middle, then numbers that differ by run and by draw."""

    def __init__(self, number: int) -> None:
        self._number, self.asked = number, 0

    def __call__(self, layer: str, stream: str, call: Call) -> float:
        self.asked += 1
        if self._number == 0:
            return 0.5
        digest = blake2b(repr((self._number, self.asked)).encode(), digest_size=6).digest()
        return int.from_bytes(digest, "big") / 2**48


class Run:
    """A system against a fault: the transport of a live world, in virtual time."""

    def __init__(self, system: System, fault: Fault, is_first: bool, jitter: Jitter) -> None:
        self._system, self._fault, self._setup = system, fault, fault.setup
        self._starts = system.starts + (system.cold if is_first else 0.0)
        self.sends: list[tuple[float, str]] = []
        self.good: list[float] = []
        self.lost = False
        free = Price(0.0, 0.0)
        layers = layers_of(system, self._setup)
        self._has_backup = bool(CHOOSING & layers.keys())
        self._world = LiveWorld(
            TARGETS,
            dict.fromkeys(TARGETS, free),
            self,
            [layers],
            chance=jitter,
        )

    async def play(self) -> Result:
        if self._fault.kind == "outage":
            return await self._several()
        outcome = await self._ask(0)
        seen = self._seen([outcome], now())
        starts = seen.starts
        return Result(
            verdict(self._fault, seen),
            len(starts),
            seen.elsewhere,
            starts[1] - starts[0] if len(starts) > 1 else None,
            seen.total,
            truncated=self._hides,
        )

    async def _several(self) -> Result:
        """Requests one at a time, each as soon as the last has ended and its turn has come."""
        outcomes, down = [], self._setup.outage
        served = asked = 0
        for number in range(self._setup.requests):
            await asyncio.sleep(max(0.0, number * self._setup.every - now()))
            start = now()
            outcome = await self._ask(number)
            outcomes.append(outcome)
            asked += start < down
            served += start < down and outcome is not None and outcome.ok
        back = min(self.good, default=None)
        back = None if back is None else back - down
        seen = replace(self._seen(outcomes, now()), back=back, served=(served, asked))
        sent = sum(start < down for start in seen.starts)
        return Result(verdict(self._fault, seen), sent, served=(served, asked), back=back)

    async def _ask(self, number: int) -> Outcome | None:
        """How the caller saw it end; None when it had left before."""
        request = LiveRequest(
            number, number, now(), input_tokens=10, max_output_tokens=100, streamed=True
        )
        try:
            async with asyncio.timeout(PATIENCE[self._fault.kind]):
                await asyncio.sleep(0.0 if number else self._starts)
                return await self._world.serve(request)
        except TimeoutError:
            return None

    @property
    def _hides(self) -> bool:
        """Whether a part of an answer was passed off as the whole."""
        return self.lost and self._system.hides

    def _seen(self, outcomes: list[Outcome | None], total: float) -> Seen:
        starts = tuple(start for start, name in self.sends if name == PRIMARY)
        heard = [outcome.ok for outcome in outcomes if outcome is not None]
        hides = self._hides
        return Seen(
            starts,
            len(self.sends) - len(starts),
            self._has_backup,
            None if len(heard) < len(outcomes) else hides or all(heard),
            not hides,
            total,
        )

    # -- the providers: a transport of the live world

    async def send(self, call: Any) -> Outcome:
        name = call.target
        asked = sum(other == name for _, other in self.sends)
        self.sends.append((now(), name))
        answer = self._fault.answer(asked, now()) if name == PRIMARY else WELL
        if name == PRIMARY and answer.status == 200:
            self.good.append(now())
        if answer.breaks_at is None and answer.error:
            await asyncio.sleep(answer.wait)
            return Outcome(answer.status, name, answer.error, answer.retry_after)
        first = answer.wait + self._setup.gap
        if self._system.head == HANDED_ON:
            return self._stream(name, answer, first)
        if self._system.head == READ_ON and first > self._setup.timeout:
            await asyncio.sleep(self._setup.timeout)
            return Outcome(UNREADABLE, name, "timeout")
        await asyncio.sleep(first)
        return self._stream(name, answer, None)

    def _stream(self, name: str, answer: Answer, first: float | None) -> Outcome:
        """An answer whose first token comes in `first` seconds, or is there."""
        heard = now()

        async def read_on() -> Outcome:
            nonlocal heard
            for token in range(1 if first else 2, self._setup.tokens + 1):
                if token - 1 == answer.breaks_at:
                    await asyncio.sleep(answer.stalls)
                    self.lost = True
                    return Outcome(502, name, answer.error, output_tokens=token - 1)
                await asyncio.sleep(first if first and token == 1 else self._setup.gap)
                if token == answer.malformed and self._system.strict:
                    return Outcome(UNREADABLE, name, "invalid_body", output_tokens=token - 1)
                heard = now()
            return Outcome(200, name, output_tokens=self._setup.tokens, answer=b"text")

        rest: Rest = HeardRest(read_on, lambda: heard)
        return Outcome(200, name, answer=b"stream", rest=rest)


def now() -> float:
    """Seconds of the virtual clock."""
    return asyncio.get_running_loop().time()
