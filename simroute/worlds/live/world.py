"""A policy in front of real providers: calls out through a transport, rows to a sink."""

from __future__ import annotations

import asyncio
import hashlib
import math
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple, Protocol

from simroute.core import Call, Judge, Logged, Match, Outcome, Price, Rest, Target, stack
from simroute.core.stack import background_work
from simroute.worlds.live import kernel
from simroute.worlds.periods import Periods

JudgeFunction = Callable[[Call, Outcome], Awaitable[bool]]


class Transport(Protocol):
    """The way to a provider. Returns an outcome for every call and never raises; for a streamed
    call it returns at the first token, with the rest in the outcome."""

    async def send(self, call: Call) -> Outcome: ...


class Row(NamedTuple):
    """One attempt, as in the ledger of a simulation. Times are seconds of the world's clock."""

    request_id: int
    replica: int
    attempt: int
    target_attempt: int
    target: str
    start_s: float
    end_s: float
    status: int
    error: str
    retry_after_s: float | None
    input_tokens: int
    output_tokens: int
    usd: float
    abandoned: bool
    probe: bool


@dataclass(eq=False)
class LiveRequest:
    """A request of a caller. `payload` is for the transport alone."""

    id: int
    key: Hashable
    arrival: float
    task: str = "-"
    user: str = "-"
    feature: str = "-"
    session: str = "-"
    input_tokens: int = 0
    max_output_tokens: int = 4096
    streamed: bool = False
    forbids: frozenset[str] = frozenset()
    replica: int = 0
    payload: Any = None
    text: str = ""
    sends: dict[str, int] = field(default_factory=dict)
    asked: dict[tuple[str, str], int] = field(default_factory=dict)
    attempts: int = 0
    usd: float = 0.0
    unbilled: list[str] = field(default_factory=list)
    rests: list[Rest] = field(default_factory=list)


class View:
    """The live world as one layer of one replica sees it (`core.World`)."""

    now, sleep, within, first = (
        staticmethod(kernel.now),
        staticmethod(kernel.sleep),
        staticmethod(kernel.within),
        staticmethod(kernel.first),
    )
    gate = kernel.LiveGate

    def __init__(self, world: LiveWorld, layer: str, replica: int) -> None:
        self.targets: Callable[[], Mapping[str, Target]] = lambda: world.known
        self.price, self.nearest, self.judge, self.period = (
            world.price,
            world.nearest,
            world.judge,
            world.period,
        )
        self.emit = partial(world.emit, layer, replica)
        self.uniform = partial(world.uniform, layer)
        self.ping = partial(world.ping, replica)

    def logged(self, call: Call) -> Logged | None:
        return None  # a live call is in no log

    def unbilled(self, call: Call) -> Sequence[str]:
        return call.request.unbilled  # type: ignore[attr-defined, no-any-return]

    def spent(self, call: Call) -> float:
        return call.request.usd  # type: ignore[attr-defined, no-any-return]


class LiveWorld:
    """Runs stacks of layers, one for each replica, on the running event loop.

    rows, events: called with each attempt and each policy event. judge: grades answers, for a
    cascade. clock: seconds since 1970, for budgets that follow a calendar.
    """

    def __init__(
        self,
        targets: Mapping[str, Target],
        prices: Mapping[str, Price],
        transport: Transport,
        stacks: Sequence[Mapping[str, Any]],
        *,
        seed: int = 0,
        rows: Callable[[Row], None] | None = None,
        events: Callable[..., None] | None = None,
        judge: JudgeFunction | None = None,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self.known, self._prices, self._transport, self.stacks = targets, prices, transport, stacks
        self._seed, self._rows, self._events, self._judge = seed, rows, events, judge
        self._entries = [
            stack(layers, self.send, partial(self._view, replica))
            for replica, layers in enumerate(stacks)
        ]
        self._vectors: OrderedDict[Hashable, dict[int, float]] = OrderedDict()
        self._background: list[asyncio.Task[Any]] = []
        self._pings = 0
        self._clock, self._began = clock, math.nan

    def _view(self, replica: int, layer: str) -> View:
        return View(self, layer, replica)

    # -- requests ----------------------------------------------------------------------------------

    async def begin(self, request: LiveRequest) -> Outcome:
        """Returns the policy's outcome: complete, or at the first token. The caller must call `end`
        afterwards."""
        return await self._entries[request.replica](Call(request))

    def end(self, request: LiveRequest) -> None:
        """Closes every stream of the request that was not read."""
        for rest in request.rests:
            if rest.outcome is None:
                rest.close_all()

    async def serve(self, request: LiveRequest) -> Outcome:
        """Returns the final outcome of a request."""
        try:
            outcome = await self.begin(request)
            return outcome if outcome.rest is None else await outcome.rest
        finally:
            self.end(request)

    def start(self) -> None:
        """Starts `background` of each layer that has it, once for each replica."""
        for replica, layers in enumerate(self.stacks):
            for work in background_work(layers, self.send, partial(self._view, replica)):
                self._background.append(asyncio.get_running_loop().create_task(work))

    def stop(self) -> None:
        """Cancels what `start` started."""
        for task in self._background:
            task.cancel()

    # -- sends -------------------------------------------------------------------------------------

    async def send(self, call: Call) -> Outcome:
        """Makes one attempt."""
        request: Any = call.request
        target = call.target if call.target is not None else next(iter(self.known))
        request.attempts += 1
        number = request.sends[target] = request.sends.get(target, 0) + 1
        add_row = partial(
            self._row, request, request.attempts, number, target, kernel.now(), call.probe
        )
        try:
            outcome = await self._transport.send(call.to(target))
        except asyncio.CancelledError:
            add_row(Outcome(499, target, "abandoned"))
            raise
        if outcome.rest is None:
            add_row(outcome)
        else:
            request.rests.append(outcome.rest)
            outcome.rest.then(add_row)
        return outcome

    def _row(
        self,
        request: Any,
        attempt: int,
        number: int,
        target: str,
        start: float,
        probe: bool,
        outcome: Outcome,
    ) -> None:
        request.usd += outcome.usd
        abandoned = outcome.status == 499
        if abandoned:
            request.unbilled.append(target)
        if self._rows is not None:
            self._rows(
                Row(
                    request.id,
                    request.replica,
                    attempt,
                    number,
                    target,
                    start,
                    kernel.now(),
                    outcome.status,
                    "abandoned" if abandoned else outcome.error,
                    outcome.retry_after,
                    outcome.input_tokens,
                    outcome.output_tokens,
                    outcome.usd,
                    abandoned,
                    probe,
                )
            )

    # -- senses ------------------------------------------------------------------------------------

    def price(self, target: str) -> Price:
        return self._prices[target]

    def period(self, kind: str, zone: str, reset: str) -> tuple[float, float]:
        now = kernel.now()
        if self._clock is not None:
            return Periods(self._clock() - now, dated=True)(now, kind, zone, reset)
        if math.isnan(self._began):  # without a clock periods begin at the first call
            self._began = now
        begin, end = Periods()(now - self._began, kind, zone, reset)
        return self._began + begin, self._began + end

    def uniform(self, layer: str, stream: str, call: Call) -> float:
        request: Any = call.request
        k = request.asked[layer, stream] = request.asked.get((layer, stream), 0) + 1
        digest = hashlib.blake2b(
            repr((self._seed, layer, stream, request.id, k)).encode(), digest_size=8
        ).digest()
        return (int.from_bytes(digest, "big") >> 11) / (1 << 53)

    async def judge(self, call: Call, outcome: Outcome, judge: Judge) -> bool:
        if self._judge is None:
            raise RuntimeError(
                "a cascade needs a judge here: Gateway(judge=…), an async function of (call, "
                "outcome) that says yes or no"
            )
        return await self._judge(call, outcome)

    def nearest(self, call: Call, keys: Mapping[Any, Any]) -> Match | None:
        """Returns the key with the highest cosine of hashed three-letter counts (lexical)."""
        request: Any = call.request
        vector = embed(request.text)
        self._vectors[request.key] = vector
        if len(self._vectors) > 2 * max(len(keys), 1000):
            self._vectors.popitem(last=False)
        scored = [
            (_dot(vector, self._vectors[key]), key)
            for key in keys
            if key in self._vectors and key != request.key
        ]
        best = max(scored, key=lambda pair: pair[0], default=None)
        return Match(best[1], best[0]) if best is not None else None

    def ping(self, replica: int, target: str) -> Call:
        self._pings += 1
        return Call(
            LiveRequest(
                -1,
                ("ping", self._pings),
                kernel.now(),
                replica=replica,
                max_output_tokens=1,
                text="ping",
            ),
            target,
            True,
            True,
        )

    def emit(
        self,
        layer: str,
        replica: int,
        event: str,
        call: Call | None = None,
        *,
        target: str | None = None,
        **detail: Any,
    ) -> None:
        if self._events is not None:
            self._events(
                kernel.now(),
                replica,
                event,
                None if call is None else call.request.id,
                layer,
                target,
                detail,
            )


def embed(text: str) -> dict[int, float]:
    """Returns a sparse unit vector: counts of three-letter sequences, hashed into 4,096 places."""
    words = " ".join(text.lower().split())
    counts: dict[int, float] = {}
    for i in range(max(1, len(words) - 2)):
        place = (
            int.from_bytes(
                hashlib.blake2b(words[i : i + 3].encode(), digest_size=2).digest(), "big"
            )
            % 4096
        )
        counts[place] = counts.get(place, 0.0) + 1.0
    length = math.sqrt(sum(count * count for count in counts.values()))
    return {place: count / length for place, count in counts.items()}


def _dot(a: dict[int, float], b: dict[int, float]) -> float:
    small, large = (a, b) if len(a) < len(b) else (b, a)
    return sum(value * large.get(place, 0.0) for place, value in small.items())
