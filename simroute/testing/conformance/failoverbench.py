"""The published scorecard of failoverbench, cell by cell: a client's or gateway's preset against
the same fault, in virtual time.

A cell holds if some draw of the pauses' stated jitter gives what was published: attempts and
verdict exact, the first gap to the tenth that is published, the total within .3 s or 5 %.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any

from simroute.core import Call, Outcome, Price, Rest, Target
from simroute.testing import clock
from simroute.testing.conformance.failover_checks import PATIENCE, Seen, verdict
from simroute.testing.conformance.failover_systems import (
    HANDED_ON,
    READ_ON,
    System,
    layers_of,
    system_of,
)
from simroute.testing.conformance.faults import WELL, Answer, Fault, fault_of
from simroute.testing.conformance.verdict import Config, Differs, Malformed, short
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
DRAWS = 120
"""Of the jitter, at most, until one is as published."""


def cells(content: Config) -> list[Config]:
    """The items of a scorecard: one for each fault and system."""
    return [
        {
            "id": f"{title.split()[0]}/{system}",
            "fault": title.split()[0],
            "title": title.partition(" ")[2],
            "system": system,
            "setup": content.get("setup") or "",
            "published": published,
        }
        for title, systems in content["scorecard"].items()
        for system, published in systems.items()
    ]


@dataclass(frozen=True)
class Result:
    """What a run, or a published cell, says; None where it does not. `back`: seconds from the
    outage's end to the first request that the primary answered."""

    verdict: str
    primary: int | None = None
    fallback: int | None = None
    gap: float | None = None
    total: float | None = None
    served: tuple[int, int] | None = None
    back: float | None = None

    def __str__(self) -> str:
        if self.served is not None:
            answered, asked = self.served
            back = "never" if self.back is None else f"+{self.back:.0f}s"
            said = f"{self.verdict} {answered}/{asked} served, back {back}"
            return said if self.primary is None else f"{said}, {self.primary} primary attempts"
        gap = "" if self.gap is None else f" gap {self.gap:.1f}"
        return f"{self.verdict} {self.primary}p/{self.fallback}f{gap} total {self.total:.1f}"


def parse(published: str) -> Result:
    """A cell of the scorecard. Raises Malformed for one that is none."""
    if not isinstance(published, str):
        raise Malformed(f"no cell: {short(published)}")
    several = re.match(
        r"(\w+) (\d+)/(\d+) served(?:, back(?: on primary)? (?:\+([\d.]+) ?s|never))?"
        r"(?:, (\d+) primary attempts)?$",
        published,
    )
    if several:
        verdict, answered, asked, back, attempts = several.groups()
        return Result(
            verdict,
            None if attempts is None else int(attempts),
            served=(int(answered), int(asked)),
            back=None if back is None else float(back),
        )
    single = re.match(
        r"(\w+) (\d+)p/(\d+)f(?: gap ([\d.]+))?(?: total)? ([\d.]+)( TRUNCATED)?$", published
    )
    if not single:
        raise Malformed(f"no cell: {published!r}")
    verdict, primary_, fallback, gap, total, _ = single.groups()
    return Result(
        verdict,
        int(primary_),
        int(fallback),
        None if gap is None else float(gap),
        float(total),
    )


def play_cell(item: Config) -> None:
    """Raises Differs when no draw gives what was published."""
    wanted = parse(item["published"])
    nearest: tuple[int, str] | None = None
    for result in results(item):
        off = differences(wanted, result)
        if not off:
            return
        if nearest is None or len(off) < nearest[0]:
            nearest = len(off), f"published {item['published']}, simulated {result}"
    raise Differs(nearest[1] if nearest else "no run")


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


def differences(wanted: Result, came: Result) -> list[str]:
    """Names of figures that are not as published."""
    off = []
    for figure in ("verdict", "primary", "fallback", "served"):
        published = getattr(wanted, figure)
        if published is not None and published != getattr(came, figure):
            off.append(figure)
    close = {
        "gap": 0.1,  # half of it rounding, half what it takes to connect
        "total": 0.0 if wanted.total is None else max(0.3, 0.05 * wanted.total),
        "back": 0.5 + 0.3,
    }
    for figure, tolerance in close.items():
        published, ours = getattr(wanted, figure), getattr(came, figure)
        if published is not None and (ours is None or abs(ours - published) > tolerance + 1e-9):
            off.append(figure)
    return off


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
        self._has_backup = any(kind in ("fallback", "litellm") for kind in layers)
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

    def _seen(self, outcomes: list[Outcome | None], total: float) -> Seen:
        starts = tuple(start for start, name in self.sends if name == PRIMARY)
        heard = [outcome.ok for outcome in outcomes if outcome is not None]
        hides = self.lost and self._system.hides
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
