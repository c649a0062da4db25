"""A scenario's deployments in real time: the simulated world, whose clock follows the event loop's.

What becomes of a call is decided by the very code that decides it in a simulation. Only the queue
of what happens next is played when its time comes, not at once.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter, OrderedDict
from dataclasses import replace
from typing import Any, NamedTuple

from simroute.config.configuration import Configuration
from simroute.core import Call, Outcome
from simroute.errors import InputError
from simroute.experiment.run import build_world
from simroute.models import spec
from simroute.models.faults import OutageWindow, Timeline, affected_deployments
from simroute.models.questions import BLOCK
from simroute.worlds.sim.kernel import CallingTask
from simroute.worlds.sim.repeats import SendKey
from simroute.worlds.sim.request import OpenBlock, SimRequest

MOST_NAMED = 10_000
"""Requests that callers have numbered themselves and may send again."""
MOST_OPEN = 64
"""Blocks of requests whose draws are remembered."""
CONTROL = "control"
IDEMPOTENCY_HEADER = "Idempotency-Key"
"""As draft-ietf-httpapi-idempotency-key-header and Stripe have it."""
BROKEN = frozenset({"refused", "unreachable", "reset"})
"""Failures of a connection: it ends without an answer."""


class Repeated(NamedTuple):
    """What an idempotency key stands for."""

    request: SimRequest
    key: SendKey
    body: bytes


class Providers:
    """The deployments of a configuration. speed: seconds of the scenario in one of the event
    loop."""

    def __init__(self, configuration: Configuration, policy: str, speed: float = 1.0) -> None:
        self.scenario = scenario = configuration.scenario
        # callers are real here: how many there are, and how long they wait, is theirs
        load = replace(
            scenario.workload,
            callers=spec.Callers(),
            sessions=replace(scenario.workload.sessions, next="clock"),
            patience=None,
            again=spec.AskAgain(),
        )
        imitated = replace(configuration, scenario=replace(scenario, workload=load))
        self.world = build_world(imitated, policy, 0, [])
        self.speed = speed
        self._kernel = self.world.kernel
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._timer: asyncio.TimerHandle | None = None
        self._blocks = iter(self.world.weather.blocks())
        self._opened: OrderedDict[int, OpenBlock] = OrderedDict()
        self._made: list[Any] = []
        self._known = 0
        self._sent: Counter[str] = Counter()
        self._named: OrderedDict[int, SimRequest] = OrderedDict()
        self._repeats: OrderedDict[tuple[str, str], Repeated] = OrderedDict()
        self._outages: dict[str, spec.Outage] = {}
        self._windows: list[OutageWindow] = []
        self.breaking = self._breaking()
        if next(iter(self.world.weather.arrivals()), None) is None:
            raise InputError(
                "no request arrives in this scenario, so there is nothing to behave as"
            )

    @property
    def now(self) -> float:
        """Seconds of the scenario."""
        return (self._loop.time() - self._began) * self.speed

    def exchange(
        self,
        target: str,
        streamed: bool,
        number: int | None,
        key: str | None = None,
        body: bytes = b"",
    ) -> Exchange:
        """One call. number: which request of the scenario it is; else it behaves as the next one of
        the scenario at this deployment. key: an idempotency key; the call is that of the first with
        it, where the deployment knows such keys. ValueError if that one had another body."""
        if key is None or not self.world.targets[target].knows_repeats:
            request, known = self._request(target, number), None
        elif (target, key) in self._repeats:
            request, known, first = self._repeats[target, key]
            if body != first:
                raise ValueError("the idempotency key came with another body before")
        else:
            request, known = self._request(target, number), SendKey()
            self._repeats[target, key] = Repeated(request, known, body)
            if len(self._repeats) > MOST_NAMED:
                self._repeats.popitem(last=False)
        request.streamed = streamed
        return Exchange(self, Call(request, target, key=known))

    def uniform(self, layer: str, stream: str, call: Call) -> float:
        """What a layer draws in the simulation for the request of the scenario that a call's
        session names; for a ping, which is none of these, the middle."""
        if not call.request.session.isdecimal():
            return 0.5
        request = self._named_request(int(call.request.session))
        return self.world.senses.uniform(layer, stream, Call(request))

    def _request(self, target: str, number: int | None) -> SimRequest:
        if number is None:
            number = self._sent[target]
            self._sent[target] += 1
            return self._new(number)
        return self._named_request(number)

    def _named_request(self, number: int) -> SimRequest:
        if number not in self._named:
            self._named[number] = self._new(number)
            if len(self._named) > MOST_NAMED:
                self._named.popitem(last=False)
        return self._named[number]

    def _new(self, number: int) -> SimRequest:
        block, place = self._block(number)
        request: SimRequest = SimRequest()
        request.arrive(self.world, block, place)
        return request

    def _block(self, number: int) -> tuple[OpenBlock, int]:
        """Where the draws of a request are; after the last of the scenario comes the first."""
        while number >= self._known and (following := next(self._blocks, None)) is not None:
            self._made.append(following)
            self._known = following.first + following.size
        if number >= self._known:
            number %= self._known
        which, place = divmod(number, BLOCK)
        if which not in self._opened:
            self._opened[which] = OpenBlock(self._made[which])
            if len(self._opened) > MOST_OPEN:
                self._opened.popitem(last=False)
        return self._opened[which], place

    # -- time --------------------------------------------------------------------------------------

    def catch_up(self) -> None:
        """Lets happen what is due, and comes again when something is."""
        now = math.nextafter(self.now, math.inf)  # what is due at this very instant, too
        self._kernel.advance_to(max(now, self._kernel.env.now))
        self.world.ledger.spill()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        following = self._kernel.next_at()
        if following < math.inf:
            when = self._began + following / self.speed
            self._timer = self._loop.call_at(when, self.catch_up)

    # -- outages from outside ----------------------------------------------------------------------

    def begin_outage(self, outage: spec.Outage, seconds: float) -> tuple[str, ...]:
        """An outage from now on; returns the deployments that it meets."""
        start = self.now
        name = f"{CONTROL} {len(self._windows)}"
        targets = affected_deployments(outage, self.scenario.deployments)
        self._outages[name] = replace(outage, start=start, end=start + seconds)
        self._windows.append(OutageWindow(name, start, start + seconds, targets))
        self._change_weather()
        return targets

    def end_outages(self) -> None:
        """Ends those that were begun from outside."""
        now = self.now
        self._windows = [
            window._replace(end=min(window.end, max(now, window.start))) for window in self._windows
        ]
        self._change_weather()

    def _breaking(self) -> frozenset[str]:
        """Deployments to which connections may break."""
        known = {**self.scenario.outages, **self._outages}.values()
        deployments, names = self.scenario.deployments, set()
        for name, deployment in deployments.items():
            ways = {*deployment.errors, deployment.clustered.status}
            ways |= {out.status for out in known if name in affected_deployments(out, deployments)}
            if ways & BROKEN:
                names.add(name)
        return frozenset(names)

    def _change_weather(self) -> None:
        self.breaking = self._breaking()
        weather = self.world.weather
        known = {**weather.outages, **self._outages}
        windows = [*weather.spells, *self._windows]
        for model in self.world.models:
            name = model.target.name
            fair = model.timeline
            model.timeline = Timeline(name, model.spec, windows, known, fair.steps, fair.drift)
            model.conditions = model.timeline.at
            upstream = self.world.upstreams[name]
            upstream.until = -math.inf


class Exchange:
    """One call to one deployment, from its send to its end.

    first: its outcome; for a stream, that of the first token. `cancel` gives it up.
    """

    def __init__(self, providers: Providers, call: Call) -> None:
        self.request: Any = call.request
        self.target = str(call.target)
        world = providers.world
        self._providers, self._kernel = providers, world.kernel
        self.attempt = world.send_keyed(call) if world.knows_repeats else world.send(call)
        self._task: CallingTask | None = None

    async def first(self) -> Outcome:
        """The outcome, or the first token of a stream."""
        return await self._of(self.attempt)

    async def rest(self, outcome: Outcome) -> Outcome:
        """The final outcome of a stream."""
        assert outcome.rest is not None
        return await self._of(outcome.rest)

    async def _of(self, work: Any) -> Outcome:
        self._providers.catch_up()
        ended: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()

        def end(outcome: Outcome) -> None:
            if not ended.done():
                ended.set_result(outcome)

        self._task = CallingTask(self._kernel, _awaited(work), end)
        self._task.start()
        self._providers.catch_up()
        try:
            return await ended
        except asyncio.CancelledError:
            self.cancel()
            raise

    def cancel(self) -> None:
        """Nobody waits for it any more."""
        if self._task is not None:
            self._task.cancel()

    @property
    def tokens(self) -> tuple[int, int, int]:
        """Input, output, and of the input those read from a cache, of the whole answer."""
        block, i = self.request.block, self.request.i
        output = self.attempt.upstream.whole_length(block.output_tokens[i])
        return block.input_tokens[i], output, block.cached_tokens[i]

    @property
    def finish(self) -> str:
        """Why a whole answer ends, in OpenAI's words."""
        error: str = self.attempt.error
        return error if error in ("length", "content_filter") else "stop"

    @property
    def may_break(self) -> bool:
        """Whether connections to the deployment may break, now or later in the scenario."""
        return self.target in self._providers.breaking

    @property
    def produced(self) -> int:
        """How many tokens of the answer there are now."""
        return self.attempt.produced(self._providers.now)


async def _awaited(work: Any) -> Outcome:
    return await work  # type: ignore[no-any-return]
