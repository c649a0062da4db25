"""The published scorecard of failoverbench, cell by cell: a client's or gateway's preset against
the same fault, in virtual time.

A cell holds if some draw of the pauses' stated jitter gives what was published: attempts and
verdict exact, the first gap to the tenth that is published, the total within .3 s or 5 %.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from simroute.config import catalogue, yaml_reader
from simroute.config.loading import build_layers
from simroute.core import Call, Outcome, Price, Rest, Target
from simroute.testing import clock
from simroute.testing.conformance.faults import (
    FAULTS,
    SEVERAL,
    WELL,
    Answer,
    SetUp,
    read_setup,
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
LONG = 3600.0
"""Seconds: a limit that no fault reaches."""


@dataclass(frozen=True)
class System:
    """A preset, what of it the benchmark sets, and what its client makes of bytes, which is no
    layer's matter. strict: an event that cannot be read is an error. hides: the end of a stream
    that broke off looks like the end of an answer."""

    preset: str
    sets: Mapping[str, Any]
    strict: bool = False
    hides: bool = False


READS = {"timeout": {"total": LONG, "first_token": 30.0, "between_chunks": 30.0}}
LITELLM = {
    "groups": {"main": ["first"], "backup": ["other_company"]},
    "fallbacks": {"main": ["backup"]},
    "timeout": 30.0,
    "profile": "1.109",
}
TUNED = {**LITELLM, "allowed_fails": 1, "cooldown_time": 30.0}
SYSTEMS = {
    "direct": System("direct", READS),
    "openai_sdk": System("openai_sdk", READS, strict=True),
    "anthropic_sdk": System("anthropic_sdk", READS, strict=True),
    "langchain": System("langchain", READS, strict=True),
    "litellm_router_tuned": System("litellm", {"litellm": TUNED}, strict=True),
    "litellm_router": System("litellm", {"litellm": LITELLM}, strict=True),
    "litellm_proxy": System("litellm", {"litellm": LITELLM}, strict=True),
    "portkey": System("portkey", {"timeout": {"total": LONG, "first_token": 30.0}}, hides=True),
    "bifrost": System("bifrost", {}),
    "reference": System("reference", {}),
}
"""By the beginning of their published names."""
DRAWS = 60
"""Of the jitter, at most, until one is as published."""


def cells(content: Config) -> list[Config]:
    """The items of a scorecard: one for each fault and system."""
    return [
        {
            "id": f"{title.split()[0]}/{system}",
            "fault": title.split()[0],
            "system": system,
            "setup": content.get("setup", ""),
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
            said = f"{self.verdict} {answered}/{asked} served, back +{self.back or 0:.0f}s"
            return said if self.primary is None else f"{said}, {self.primary} primary attempts"
        gap = "" if self.gap is None else f" gap {self.gap:.1f}"
        return f"{self.verdict} {self.primary}p/{self.fallback}f{gap} total {self.total:.1f}"


def parse(published: str) -> Result:
    """A cell of the scorecard. Raises ValueError for one that is none."""
    several = re.match(
        r"(\w+) (\d+)/(\d+) served, back \+([\d.]+)s(?:, (\d+) primary attempts)?$", published
    )
    if several:
        verdict, answered, asked, back, attempts = several.groups()
        primary = None if attempts is None else int(attempts)
        return Result(verdict, primary, served=(int(answered), int(asked)), back=float(back))
    single = re.match(
        r"(\w+) (\d+)p/(\d+)f(?: gap ([\d.]+))?(?: total)? ([\d.]+)( TRUNCATED)?$", published
    )
    if not single:
        raise ValueError(f"no cell: {published!r}")
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
    for result in results(item["fault"], item["system"], read_setup(item["setup"])):
        off = differences(wanted, result)
        if not off:
            return
        if nearest is None or len(off) < nearest[0]:
            nearest = len(off), f"published {item['published']}, simulated {result}"
    raise Differs(nearest[1] if nearest else "no run")


def results(fault: str, system: str, setup: SetUp) -> Iterator[Result]:
    """What the system does, at the middle of its jitter first; one result where it has none."""
    known = system_of(system)
    if fault not in FAULTS:
        raise Inexpressible(f"the fault {fault}")
    for number in range(DRAWS):
        jitter = Jitter(number)
        run = Run(known, fault, setup, jitter)
        yield clock.run(run.play())
        if not jitter.asked:
            return


def system_of(name: str) -> System:
    """By its published name, version included."""
    for known in sorted(SYSTEMS, key=len, reverse=True):
        if name == known or name.startswith(f"{known}_"):
            return SYSTEMS[known]
    raise Inexpressible(f"a system without a preset: {name}")


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

    def __init__(self, system: System, fault: str, setup: SetUp, jitter: Jitter) -> None:
        self._system, self._id, self._fault, self._setup = system, fault, FAULTS[fault], setup
        self.sends: list[tuple[float, str]] = []
        self.lost = False
        free = Price(0.0, 0.0)
        self._world = LiveWorld(
            TARGETS,
            dict.fromkeys(TARGETS, free),
            self,
            [layers_of(system)],
            chance=jitter,
        )

    async def play(self) -> Result:
        if self._id == SEVERAL:
            return await self._several()
        outcome = await self._ask(0)
        starts = [start for start, name in self.sends if name == PRIMARY]
        total = now()
        return Result(
            self._verdict(outcome, starts, total),
            len(starts),
            len(self.sends) - len(starts),
            starts[1] - starts[0] if len(starts) > 1 else None,
            total,
        )

    async def _several(self) -> Result:
        """Requests one at a time, each as soon as the last has ended and its turn has come."""
        served = asked = 0
        back = None
        for number in range(self._setup.requests):
            await asyncio.sleep(max(0.0, number * self._setup.every - now()))
            start = now()
            outcome = await self._ask(number)
            in_outage = start < self._setup.outage
            asked += in_outage
            served += in_outage and outcome is not None and outcome.ok
            if back is None and not in_outage and outcome and outcome.target == PRIMARY:
                back = start - self._setup.outage
        sent = sum(name == PRIMARY and start < self._setup.outage for start, name in self.sends)
        verdict = "pass" if served == asked else "partial" if served else "safe"
        return Result(verdict, sent, served=(served, asked), back=back)

    async def _ask(self, number: int) -> Outcome | None:
        """How the caller saw it end; None when it had left before."""
        request = LiveRequest(
            number, number, now(), input_tokens=10, max_output_tokens=100, streamed=True
        )
        try:
            async with asyncio.timeout(self._setup.patience):
                return await self._world.serve(request)
        except TimeoutError:
            return None

    def _verdict(self, outcome: Outcome | None, starts: list[float], total: float) -> str:
        """pass, partial, safe or fail, by rules that give all published verdicts (see
        docs/failoverbench.md)."""
        if outcome is None or (self.lost and self._system.hides):
            return "fail"
        elsewhere = len(self.sends) > len(starts)
        if self._id == "S13":
            return "pass" if not outcome.ok and not elsewhere else "partial"
        if not outcome.ok:
            return "safe"
        gap = starts[1] - starts[0] if len(starts) > 1 else 0.0
        spoilt = {
            "S01": elsewhere or gap < self._setup.retry_after,
            "S03": elsewhere,
            "S06": total > 2 * self._setup.timeout,
            "S07": not elsewhere and self._has_fallback and total > self._setup.slow,
        }
        return "partial" if spoilt.get(self._id) else "pass"

    @property
    def _has_fallback(self) -> bool:
        return any(kind in ("fallback", "litellm") for kind in self._world.stacks[0])

    # -- the providers: a transport of the live world

    async def send(self, call: Any) -> Outcome:
        name = call.target
        asked = sum(other == name for _, other in self.sends)
        self.sends.append((now(), name))
        answer = self._fault(self._setup, asked, now()) if name == PRIMARY else WELL
        await asyncio.sleep(answer.wait)
        if answer.breaks_at is None and answer.error:
            return Outcome(answer.status, name, answer.error, answer.retry_after)
        await asyncio.sleep(self._setup.gap)
        return self._stream(name, answer)

    def _stream(self, name: str, answer: Answer) -> Outcome:
        """An answer whose first token is there."""
        heard = now()

        async def read_on() -> Outcome:
            nonlocal heard
            for token in range(2, self._setup.tokens + 1):
                if token - 1 == answer.breaks_at:
                    await asyncio.sleep(answer.stalls)
                    self.lost = True
                    return Outcome(502, name, answer.error, output_tokens=token - 1)
                await asyncio.sleep(self._setup.gap)
                if token == answer.malformed and self._system.strict:
                    return Outcome(502, name, "invalid_body", output_tokens=token - 1)
                heard = now()
            return Outcome(200, name, output_tokens=self._setup.tokens, answer=b"text")

        rest: Rest = HeardRest(read_on, lambda: heard)
        return Outcome(200, name, answer=b"stream", rest=rest)


def layers_of(system: System) -> dict[str, Any]:
    """A preset's layers with the benchmark's settings."""
    read = yaml_reader.read(catalogue.find("policies", system.preset)).data
    data = deepcopy({key: value for key, value in read.items() if key != "about"})
    for kind, keys in system.sets.items():
        data[kind] = {**(data.get(kind) or {}), **keys}
    return build_layers(data)


def now() -> float:
    """Seconds of the virtual clock."""
    return asyncio.get_running_loop().time()
