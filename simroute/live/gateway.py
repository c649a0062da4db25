"""A policy in front of real providers, as a library; `server.py` puts HTTP in front of it."""

from __future__ import annotations

import asyncio
import copy
import hashlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from simroute.core import Call, Outcome
from simroute.live.alerts import Alert, with_alerts
from simroute.live.answered import Answer, Chunk, GatewayClosed, GatewayError, RequestRow
from simroute.live.bodies import merged, read_request
from simroute.live.deployments import Fleet
from simroute.live.forms import same_text
from simroute.live.guarded import Guarded
from simroute.live.inert import asked
from simroute.live.ledgers import open_ledger
from simroute.live.log import name_of_run
from simroute.live.meanings import Embedder, Meanings, notes
from simroute.live.money import meter_of
from simroute.live.opened import Opened
from simroute.live.setup import read_setup
from simroute.worlds.live import ExpertFunctions, LiveRequest, LiveWorld, Row
from simroute.worlds.live.http import OpenAI

READERS = {"judge", "conclusion"}
"""Who reads answers before their callers do."""


@dataclass
class Serving:
    """A policy in front of a fleet. A reload replaces it; calls under way end under the old one."""

    layers: Mapping[str, Any]
    fleet: Fleet
    world: LiveWorld
    transport: Any
    is_ours: bool  # the transport, which is closed with the last call
    digest: str  # of the layers and their parameters
    keeps: bool  # whether there is a cache, ...
    keeps_all: bool  # ... and one of answers that would be others if asked for again
    embeddings: Any  # the deployment that embeds, if any
    judges: bool  # whether somebody reads answers before their callers do
    calls: int = 0
    is_over: bool = False

    async def retire(self) -> None:
        """No new calls come; the last to end closes the connections."""
        await self.world.stop()
        self.is_over = True
        if self.calls == 0:
            await self.close()

    async def close(self) -> None:
        if self.is_ours:
            await self.transport.close()
        if self.embeddings is not None:
            await self.embeddings.close()


class Gateway:
    """Runs a policy in front of OpenAI-compatible endpoints.

    >>> async with Gateway("circuit_breaker", "deployments.yaml") as gateway:
    ...     answer = await gateway.complete(messages=[{"role": "user", "content": "Hello"}])

    policy: a name, a path, or layers as in YAML. deployments: a path, or entries by name. judge,
    classifier, predictor, evaluator, conclusion: async functions that layers ask which route by
    quality, as `ExpertFunctions` says; judge, of (call, outcome), accepts an answer or not, for
    cascades. transport: what
    sends instead of HTTP, an object with `async send(call) -> Outcome`. embedder: an async function
    of a list of texts that returns a vector for each, for semantic caches; embedder_price: USD for
    a million tokens of them; agrees: whether a stored answer says the same as a fresh one, for
    verified ones (default: the same words). rows, requests, events, alert: called with each
    attempt, each request, each event and each alert of a layer. clock: seconds since 1970, for
    budgets that follow a calendar. chance: what draws for layers, in [0, 1), by layer, name and
    call. state: a file (SQLite) or redis://HOST:PORT/DB in which budgets count, so that they
    outlive the gateway and are shared with others. abandoned: "stops" if providers bill nothing
    more once a call is given up. Raises InputError with every mistake of policy and deployments; on
    entering, where the state cannot be used.
    """

    def __init__(
        self,
        policy: str | Path | Mapping[str, Any],
        deployments: str | Path | Mapping[str, Any],
        *,
        seed: int = 0,
        judge: Callable[[Call, Outcome], Awaitable[bool]] | None = None,
        classifier: Callable[[Call], Awaitable[str]] | None = None,
        predictor: Callable[[Call, Sequence[str]], Awaitable[Mapping[str, float]]] | None = None,
        evaluator: Callable[[str, str, int], Awaitable[float]] | None = None,
        conclusion: Callable[[Call, Outcome], Awaitable[Hashable]] | None = None,
        transport: Any = None,
        embedder: Embedder | None = None,
        embedder_price: float = 0.0,
        rows: Callable[[Row], None] | None = None,
        requests: Callable[[RequestRow], None] | None = None,
        events: Callable[..., None] | None = None,
        clock: Callable[[], float] = time.time,
        state: str | Path | None = None,
        chance: Callable[[str, str, Call], float] | None = None,
        abandoned: str = "runs_on",
        alert: Alert | None = None,
        agrees: Callable[[Any, Any], bool] = same_text,
    ) -> None:
        self.ledger = None if state is None else open_ledger(state)
        guarded = None if transport is None else Guarded(transport, self._tell_failed)
        self._transport = guarded
        self._requests = requests
        self._meanings = Meanings(embedder, embedder_price)
        experts = ExpertFunctions(judge, classifier, predictor, evaluator, conclusion)
        self._read = partial(read_setup, policy, deployments, experts, self._meanings)
        self._options: dict[str, Any] = {
            "seed": seed,
            "experts": experts,
            "rows": rows,
            "events": with_alerts(events, alert),
            "clock": clock,
            "chance": chance,
            "abandoned": abandoned,
            "agrees": agrees,
            "run": name_of_run(),
        }
        self._ids = count()
        self._tasks: set[asyncio.Task[Any]] = set()
        self.is_closed = False
        self.serving = self._build(*self._read(), None)
        if self.ledger is not None:
            self.ledger.tell = self._tell_ledger

    def _build(self, layers: dict[str, Any], fleet: Fleet, old: Serving | None) -> Serving:
        """A layer that is as before keeps its state, and a target whose limits are as before the
        count of its calls under way."""
        before: Mapping[str, Any] = {} if old is None else old.layers
        layers = {
            name: before[name] if before.get(name) == layer else copy.deepcopy(layer)
            for name, layer in layers.items()
        }
        if self.ledger is not None:
            for name, layer in layers.items():
                if hasattr(layer, "count_in") and before.get(name) is not layer:
                    layer.count_in(partial(meter_of, self.ledger, name, self._epoch))
        transport = self._transport or OpenAI(fleet.endpoints, old.transport if old else None)
        semantics, embeddings = self._meanings.of(layers, fleet)
        more = {"semantics": semantics, "windows": fleet.windows, **self._options}
        world = LiveWorld(fleet.targets, fleet.prices, transport, [layers], **more)
        digest = hashlib.sha256(repr(layers).encode()).hexdigest()[:12]
        caches = [layer for layer in layers.values() if layer.kind == "cache"]
        keeps_all = any(layer.any_temperature for layer in caches)
        return Serving(
            layers,
            fleet,
            world,
            transport,
            self._transport is None,
            digest,
            bool(caches),
            keeps_all,
            embeddings,
            any(READERS & {*asked(layer)} for layer in layers.values()),
        )

    @property
    def notes(self) -> list[str]:
        """What whoever starts it should know."""
        return notes(self.serving.layers, self.serving.fleet)

    @property
    def epoch(self) -> float:
        """Seconds since 1970 at second 0 of the world's clock."""
        return self._epoch()

    def _epoch(self) -> float:
        now: float = self._options["clock"]()
        return now - asyncio.get_running_loop().time()

    @property
    def in_flight(self) -> int:
        """Calls under way."""
        return len(self._tasks)

    def _tell_ledger(self) -> None:
        assert self.ledger is not None
        event = "state_failed" if self.ledger.fails else "state_back"
        self.serving.world.emit("world", 0, event, state=self.ledger.name)

    def _tell_failed(self, call: Call, error: str) -> None:
        world, event = self.serving.world, "transport_failed"
        world.emit("world", 0, event, call, target=call.target, error=error)

    async def look(self) -> None:
        """Asks what budgets that are shared have spent."""
        for name, layer in self.serving.layers.items():
            if hasattr(layer, "count_in"):
                await layer.look(self.serving.world.view(0, name))

    async def __aenter__(self) -> Gateway:
        if self.ledger is not None:
            await self.ledger.open()
        self.serving.world.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def reload(self) -> None:
        """Reads policy and deployments anew, while calls go on. Raises InputError, and then goes on
        as before."""
        read = await asyncio.to_thread(self._read)
        if self.is_closed:
            return
        old, self.serving = self.serving, self._build(*read, self.serving)
        self.serving.world.start()
        await old.retire()

    async def close(self, drain: float = 30.0) -> None:
        """Takes no more calls, waits up to `drain` seconds for those under way, cancels the others,
        and closes the connections."""
        self.is_closed = True
        others = self._tasks - {asyncio.current_task()}
        if others:
            _, late = await asyncio.wait(others, timeout=drain)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late, timeout=1.0)
        await self.serving.retire()
        if self.ledger is not None:
            await self.ledger.close()

    # -- calls -------------------------------------------------------------------------------------

    async def complete(
        self,
        body: Mapping[str, Any] | None = None,
        *,
        forbids: frozenset[str] = frozenset(),
        **more: Any,
    ) -> Answer:
        """Returns how a request ended. `more` is added to the body; `forbids`: providers that must
        not see it. Raises InputError for a wrong body, GatewayClosed."""
        request = self.request(merged(body, more, False), forbids=forbids)
        async with self.open(request) as opened:
            return await opened.whole()

    async def stream(
        self,
        body: Mapping[str, Any] | None = None,
        *,
        forbids: frozenset[str] = frozenset(),
        **more: Any,
    ) -> AsyncIterator[Chunk]:
        """Yields an answer as it comes. Raises GatewayError without one, or when it breaks off;
        InputError for a wrong body, GatewayClosed."""
        request = self.request(merged(body, more, True), forbids=forbids)
        async with self.open(request) as opened:
            async for chunk in opened.chunks():
                yield chunk
            if opened.outcome.status != 200:
                raise GatewayError(opened.answer)

    def request(
        self,
        body: Any,
        client: str = "",
        tags: Mapping[str, str] | None = None,
        forbids: frozenset[str] = frozenset(),
    ) -> LiveRequest:
        """The request of a body. Raises InputError."""
        now = asyncio.get_running_loop().time()
        request = read_request(body, next(self._ids), now, client, tags, forbids)
        serving = self.serving
        is_stored = serving.keeps and (request.is_repeatable or serving.keeps_all)
        request.is_kept = serving.judges or is_stored
        request.key.is_compared = is_stored
        if not is_stored:
            request.question = None  # nothing is near to what asks for another answer each time
        return request

    def open(self, request: LiveRequest, target: str | None = None) -> Opened:
        """What becomes of a request, to be used by `async with`. target: whom to ask first."""
        return Opened(self, request, target)

    def enter(self) -> Serving:
        """A call begins; whoever says so says `leave` at its end. Raises GatewayClosed."""
        if self.is_closed:
            raise GatewayClosed("the gateway has been closed")
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.serving.calls += 1
        return self.serving

    async def leave(self, serving: Serving) -> None:
        """It has ended."""
        self._tasks.discard(asyncio.current_task())  # type: ignore[arg-type]
        serving.calls -= 1
        if serving.is_over and serving.calls == 0:
            await serving.close()

    def report(self, row: RequestRow) -> None:
        """Hands on the row of a request; whoever keeps it may fail, the call may not."""
        if self._requests is not None:
            try:
                self._requests(row)
            except Exception as error:
                name = type(error).__name__
                self.serving.world.emit("world", 0, "row_lost", error=name)
