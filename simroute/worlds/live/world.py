"""A policy in front of real providers: calls out through a transport, rows to a sink."""

from __future__ import annotations

import asyncio
import hashlib
import math
import operator
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from simroute.core import Allowance, Call, Logged, Match, Outcome, Price, Target, stack
from simroute.core.stack import background_work
from simroute.core.target import permits
from simroute.worlds.live import kernel
from simroute.worlds.live.answers import Whole, whole_of
from simroute.worlds.live.experts import ExpertFunctions, Experts
from simroute.worlds.live.request import LiveRequest, SendKey, copied, pinging
from simroute.worlds.live.rows import Row, arrived_tokens, cut_off
from simroute.worlds.live.seams import Semantics, Transport
from simroute.worlds.periods import Periods

NOBODY = ExpertFunctions()
NO_WINDOWS: Mapping[str, int | None] = {}
MOST_TURNS = 20
"""Of the loop, for which sends that are cancelled may go on."""


class View:
    """The live world as one layer of one replica sees it (`core.World`)."""

    now, sleep, within, flowing, first = (
        staticmethod(kernel.now),
        staticmethod(kernel.sleep),
        staticmethod(kernel.within),
        staticmethod(kernel.flowing),
        staticmethod(kernel.first),
    )
    gate, limit_connection = kernel.LiveGate, staticmethod(kernel.limit_connection)

    def __init__(self, world: LiveWorld, layer: str, replica: int) -> None:
        self.targets: Callable[[], Mapping[str, Target]] = lambda: world.known
        self.price, self.period, self.takes = world.price, world.period, world.takes
        self.fits, self.own_answer = world.fits, world.own_answer
        self.allowances = world.allowances
        self.agrees = world.agrees
        self.plain_key = partial(world.plain_key, layer, replica)
        self.embed = partial(world.embed, layer, replica)
        self.nearest = partial(world.nearest, layer, replica)
        self.may_keep = partial(world.may_keep, layer, replica)
        experts, place = world.experts, (layer, replica)
        self.judge = partial(experts.judge, *place)
        self.conclusion = partial(experts.conclusion, *place)
        self.classify = partial(experts.classify, *place)
        self.predict = partial(experts.predict, *place)
        self.evaluated = partial(experts.evaluated, *place)
        self.emit = partial(world.emit, layer, replica)
        self.uniform = partial(world.uniform, layer)
        self.ping, self.copy = partial(world.ping, replica), partial(world.copy, replica)
        self.forbid, self.keyed = world.forbid, world.keyed

    def logged(self, call: Call) -> Logged | None:
        return None  # a live call is in no log

    def unbilled(self, call: Call) -> Sequence[str]:
        return call.request.unbilled  # type: ignore[attr-defined, no-any-return]

    def spent(self, call: Call) -> float:
        request: Any = call.request
        return (request.nano - request.twice_nano) / 1e9  # type: ignore[no-any-return]


async def _at_once(seconds: float) -> None:
    """What takes a model's time takes its own here."""


class LiveWorld:
    """Runs stacks of layers, one for each replica, on the running event loop.

    rows, events: called with each attempt and each policy event; what they raise costs no call its
    answer. experts: read requests and answers. semantics: finds similar questions, for a semantic
    cache. clock: seconds since 1970, for budgets that follow a calendar. abandoned: "stops" if
    providers stop when a call is given up, "runs_on" if they may go on and bill all of it.
    windows: tokens that a prompt may have, by target, where that is known. chance: what draws for
    layers, by layer, name and call, instead of the seed. takes: what a time of a model's is
    worth here. agrees: whether a stored answer says the same as a fresh one. run: tells its
    idempotency keys from those of all other gateways.
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
        experts: ExpertFunctions = NOBODY,
        semantics: Semantics | None = None,
        clock: Callable[[], float] | None = None,
        chance: Callable[[str, str, Call], float] | None = None,
        abandoned: str = "runs_on",
        takes: Callable[[float], Awaitable[None]] = _at_once,
        windows: Mapping[str, int | None] = NO_WINDOWS,
        agrees: Callable[[Any, Any], bool] = operator.eq,
        run: str = "",
    ) -> None:
        self.known, self._prices, self._transport, self.stacks = targets, prices, transport, stacks
        self._seed, self._rows, self._events = seed, rows, events
        self.experts = Experts(experts, self.emit)
        self._semantics, self._stops, self.takes = semantics, abandoned == "stops", takes
        # what the transport has read, where it reads such things
        said: Any = getattr(transport, "allowances", None)
        self.allowances: Callable[[str], Mapping[str, Allowance]] = said or (lambda target: {})
        self.agrees, self._run = agrees, run
        self._entries = [
            stack(layers, self.send, partial(self.view, replica))
            for replica, layers in enumerate(stacks)
        ]
        self._background: list[asyncio.Task[Any]] = []
        self._pings, self._windows = 0, windows
        self._clock, self._began, self._chance = clock, math.nan, chance

    def view(self, replica: int, layer: str) -> View:
        """The world as a layer sees it."""
        return View(self, layer, replica)

    # -- requests ----------------------------------------------------------------------------------

    async def begin(self, request: LiveRequest, target: str | None = None) -> Outcome:
        """Returns the policy's outcome: complete, or at the first token. The caller must call `end`
        afterwards. target: whom to ask first."""
        return await self._entries[request.replica](Call(request, target))

    def end(self, request: LiveRequest) -> None:
        """Closes every stream of the request that was not read."""
        for rest in request.rests:
            if rest.outcome is None:
                rest.close_all()

    async def leave(self, request: LiveRequest) -> None:
        """The same; and what is cancelled with it has ended, and is billed, when this returns."""
        self.end(request)
        for _ in range(MOST_TURNS):
            if not request.under_way:
                return
            await asyncio.sleep(0)

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
            for work in background_work(layers, self.send, partial(self.view, replica)):
                task = asyncio.get_running_loop().create_task(work)
                task.add_done_callback(partial(self._tell_failed, replica))
                self._background.append(task)

    def _tell_failed(self, replica: int, task: asyncio.Task[Any]) -> None:
        """A background that raised has ended; the calls go on without it."""
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self.emit("world", replica, "background_failed", error=type(error).__name__)

    async def stop(self) -> None:
        """Cancels what `start` started; its sends have ended, and are billed, when this returns."""
        for task in self._background:
            task.cancel()
        if self._background:
            await asyncio.wait(self._background)
            for _ in range(MOST_TURNS):
                await asyncio.sleep(0)

    # -- sends -------------------------------------------------------------------------------------

    async def send(self, call: Call) -> Outcome:
        """Makes one attempt."""
        request: Any = call.request
        target = call.target if call.target is not None else next(iter(self.known))
        if not permits(request.forbids, self.known[target]):
            return Outcome.rejected("forbids", 403, target)  # whatever the layers know of it
        request.attempts += 1
        request.under_way += 1
        number = request.sends[target] = request.sends.get(target, 0) + 1
        key = call.key if self.known[target].knows_repeats else None
        place = request.attempts, number, target, kernel.now(), call.probe, key
        try:
            outcome = await self._transport.send(call.to(target))
        except asyncio.CancelledError as cut:
            self._add_row(request, place, cut, Outcome(499, target, "abandoned"))
            raise
        if outcome.rest is None:
            self._add_row(request, place, outcome.answer, outcome)
        else:
            request.rests.append(outcome.rest)
            outcome.rest.then(partial(self._add_row, request, place, outcome.answer))
        return outcome

    def _add_row(
        self,
        request: Any,
        place: tuple[int, int, str, float, bool, SendKey | None],
        answer: Any,
        outcome: Outcome,
    ) -> None:
        """An attempt has ended: bills it, and makes its row. answer: all of it, what came, or what
        cut it off."""
        request.under_way -= 1
        attempt, number, target, start, probe, key = place
        usage: Any = getattr(outcome.answer, "usage", None)
        tokens_in, tokens_out = outcome.input_tokens, outcome.output_tokens
        nano, abandoned = round(outcome.usd * 1e9), outcome.status == 499
        if abandoned:
            tokens_in, tokens_out = request.input_tokens, arrived_tokens(answer)
            nano = round(self._prices[target].of(tokens_in, tokens_out) * 1e9)
        before = key.take_back(request, target) if key and (abandoned or outcome.ok) else 0
        nano = max(0, nano - before)
        if abandoned and not self._stops:  # what it will be is estimated, its input included
            twice = round(self._prices[target].of(tokens_in, 0) * 1e9)
            request.unbilled.append(target)
            request.twice_nano += twice
            if key:
                key.given_up[target] = before + nano, twice
        request.nano += nano
        if self._rows is None:
            return
        row = Row(
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
            tokens_in,
            tokens_out,
            0 if usage is None else usage.cached,
            nano,
            abandoned or (usage is not None and usage.estimated),
            abandoned,
            probe,
            cut_off(answer) if abandoned else outcome.cause,
        )
        try:
            self._rows(row)
        except Exception as error:  # whoever keeps rows may fail; the call may not
            self.emit("world", request.replica, "row_lost", error=type(error).__name__)

    # -- senses ------------------------------------------------------------------------------------

    def price(self, target: str) -> Price:
        return self._prices[target]

    def fits(self, call: Call, target: str) -> bool:
        window = self._windows.get(target)
        return window is None or call.request.input_tokens <= window

    def period(self, kind: str, zone: str, reset: str) -> tuple[float, float]:
        now = kernel.now()
        if self._clock is not None:
            return Periods(self._clock() - now, dated=True)(now, kind, zone, reset)
        if math.isnan(self._began):  # without a clock periods begin at the first call
            self._began = now
        begin, end = Periods()(now - self._began, kind, zone, reset)
        return self._began + begin, self._began + end

    def uniform(self, layer: str, stream: str, call: Call) -> float:
        if self._chance is not None:
            return self._chance(layer, stream, call)
        request: Any = call.request
        k = request.asked[layer, stream] = request.asked.get((layer, stream), 0) + 1
        digest = hashlib.blake2b(
            repr((self._seed, layer, stream, request.id, k)).encode(), digest_size=8
        ).digest()
        return (int.from_bytes(digest, "big") >> 11) / (1 << 53)

    def plain_key(self, layer: str, replica: int, call: Call, ignored: Sequence[str]) -> Hashable:
        request: Any = call.request
        if request.plain is None:
            return request.key  # type: ignore[no-any-return]
        key = request.plain_keys[layer, replica] = request.plain(ignored)
        key.is_compared = request.key.is_compared
        return key  # type: ignore[no-any-return]

    async def embed(self, layer: str, replica: int, call: Call, keys: Mapping[Any, Any]) -> None:
        request: Any = call.request
        if self._semantics is None or request.question is None:
            return
        error = await self._semantics.look((layer, replica), request, keys)
        if error:
            self.emit(layer, replica, "embedder_failed", call, error=error)

    def nearest(
        self, layer: str, replica: int, call: Call, keys: Mapping[Any, Any]
    ) -> Match | None:
        if self._semantics is None:
            return None
        return self._semantics.nearest((layer, replica), call.request, keys)

    def may_keep(
        self, layer: str, replica: int, call: Call, outcome: Outcome, any_temperature: bool
    ) -> bool:
        """Whether an answer may be given again: it ended by itself, and the same request would get
        the same answer."""
        request: Any = call.request
        if getattr(outcome.answer, "kept", ()) is None:
            return False  # a stream that was too long to be kept, or that nobody kept
        facts: Any = getattr(outcome.answer, "facts", outcome.answer)
        kept = getattr(facts, "finish", "stop") == "stop" and (
            any_temperature or request.is_repeatable
        )
        if kept and self._semantics is not None:
            self._semantics.keep((layer, replica), request)
        return bool(kept)

    def own_answer(self, call: Call, text: str, quality: float) -> Whole:
        return whole_of(text)

    def forbid(self, call: Call, forbids: frozenset[str]) -> None:
        request: Any = call.request
        request.forbids |= forbids

    def keyed(self, call: Call) -> Call:
        known = self.known.values()
        if call.key is not None or not any(target.knows_repeats for target in known):
            return call
        request: Any = call.request
        number = request.asked["", "key"] = request.asked.get(("", "key"), 0) + 1
        return replace(call, key=SendKey(f"{self._run}-{request.id}-{number}"))

    def ping(self, replica: int, target: str) -> Call:
        self._pings += 1
        return Call(pinging(self._pings, kernel.now(), replica), target, True, True)

    def copy(self, replica: int, call: Call, target: str) -> Call:
        return Call(copied(call.request, kernel.now(), replica), target, True, True)

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
            who = None if call is None else call.request.id
            try:
                self._events(kernel.now(), replica, event, who, layer, target, detail)
            except Exception:
                self._events = None  # it would fail again; the calls go on without it
