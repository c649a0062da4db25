"""A run of a policy in virtual time: weather, kernel, upstreams, layers and ledger together."""

from __future__ import annotations

import gc
from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from types import CoroutineType, coroutine
from typing import TYPE_CHECKING, Any

from simpy import Environment

from simroute.core import Call, Outcome, Target, stack
from simroute.core.stack import background_work, restricts
from simroute.core.target import permits
from simroute.core.value import blank
from simroute.core.world import Send
from simroute.ledger import Ledger
from simroute.models.closed_loop import needs_callers
from simroute.models.questions import BLOCK
from simroute.models.residency import Residency
from simroute.models.weather import Weather
from simroute.text import paired
from simroute.worlds.sim.attempt import Attempt, Refusal
from simroute.worlds.sim.callers import Callers
from simroute.worlds.sim.events import RESTING
from simroute.worlds.sim.experts import Experts
from simroute.worlds.sim.kernel import Kernel, Task, collector_paused, iterate
from simroute.worlds.sim.repeats import SendKey, knowing_repeats
from simroute.worlds.sim.request import NOBODY, OpenBlock, SimRequest
from simroute.worlds.sim.senses import Senses
from simroute.worlds.sim.upstream import CappedUpstream, Upstream

if TYPE_CHECKING:
    from simroute.models.blocks import Block

UNRESTRICTED = "a layer that calls world.forbid says `restricts = True` of itself"


class View:
    """The world as one layer of one replica sees it (`core.World`)."""

    def __init__(self, world: SimWorld, layer: str, replica: int) -> None:
        kernel = world.kernel
        self.now, self.sleep, self.gate = kernel.now, kernel.sleep, kernel.gate
        self.within, self.flowing, self.first = kernel.within, kernel.flowing, kernel.first
        self.takes = kernel.sleep
        self.targets: Callable[[], Mapping[str, Target]] = lambda: world.targets
        senses = world.senses
        self.price, self.spent, self.unbilled, self.period = (
            senses.price,
            senses.spent,
            senses.unbilled,
            senses.period,
        )
        self.plain_key = senses.plain_key
        self.embed, self.nearest, self.may_keep = senses.embed, senses.nearest, senses.may_keep
        self.logged, self.fits, self.own_answer = senses.logged, senses.fits, senses.own_answer
        experts = world.experts
        self.predict, self.conclusion = experts.predict, experts.conclusion
        self.classify, self.evaluated = (
            partial(experts.classify, layer),
            partial(experts.evaluated, layer),
        )
        self.allowances, self.limit_connection = senses.allowances, senses.limit_connection
        self.agrees = senses.agrees
        self.emit = partial(world.emit, layer, replica)
        self.uniform, self.judge = partial(senses.uniform, layer), partial(senses.judge, layer)
        self.ping, self.copy = partial(world.ping, replica), partial(world.copy, replica)
        self.forbid, self.keyed = world.forbid, world.keyed


class SimWorld:
    """One replication of one policy.

    stacks: the layers of each replica, outermost first. env: SimPy's environment; ordinary
    processes may be added to it before `run`. open: blocks of which a request is open.
    """

    endpoint: type[Upstream] = Upstream

    def __init__(
        self,
        weather: Weather,
        stacks: Sequence[Mapping[str, Any]],
        ledger: Ledger,
        env: Environment | None = None,
    ) -> None:
        scenario = weather.scenario
        self.weather = weather
        self.ledger = ledger
        self.env = env if env is not None else Environment()
        self.kernel = Kernel(self.env)
        self.targets = {name: model.target for name, model in weather.deployments.items()}
        self.models = list(weather.deployments.values())
        self.upstreams: dict[str | None, Upstream] = {}
        for index, model in enumerate(self.models):
            capped = model.spec.max_output_tokens is not None and self.endpoint is Upstream
            kind = CappedUpstream if capped else self.endpoint
            if model.target.knows_repeats:
                kind = knowing_repeats(kind)
            self.upstreams[model.target.name] = kind(
                self.kernel, ledger, index, model, scenario, weather.end_s
            )
        self.knows_repeats = any(target.knows_repeats for target in self.targets.values())
        self.upstreams[None] = next(iter(self.upstreams.values()))
        residency = Residency(scenario, weather.users, weather.features)
        self.forbidden = residency if residency else None
        self.senses = Senses(self.kernel, weather, self.upstreams)
        self.experts = Experts(self.kernel, weather)
        self.stacks = list(stacks)
        rules = (restricts(layer) for layers in stacks for layer in layers.values())
        self.restricted = bool(residency) or any(rules)
        self.entries = [
            stack(layers, self.way_out, partial(self._view, replica))
            for replica, layers in enumerate(stacks)
        ]
        self.open = 0
        self.callers = Callers(self) if needs_callers(scenario.workload) else None
        self._idle: list[Any] = []  # of the generators that serve requests, those that rest
        self._background: dict[int, list[Task]] = {}  # by replica: what layers do between calls
        self._pings = [0] * len(stacks)
        self._ping_blocks: dict[int, OpenBlock] = {}  # by replica, the one in use

    def _view(self, replica: int, layer: str) -> View:
        return View(self, layer, replica)

    @property
    def way_out(self) -> Send:
        """What the innermost layer sends by."""
        if self.restricted:
            return self._send_if_permitted
        return self.send_keyed if self.knows_repeats else self.send

    # -- the run -----------------------------------------------------------------------------------

    def run(self, progress: Callable[[float], None] | None = None) -> None:
        """Plays every request of the horizon to its end. progress: called with seconds played."""
        with collector_paused():
            self._run(progress)

    def _run(self, progress: Callable[[float], None] | None) -> None:
        for replica in range(len(self.stacks)):
            self._begin_background(replica)
        if self.callers is not None:
            self.callers.play(progress)
        else:
            self._play_all(progress)
        for replica in range(len(self.stacks)):
            self._end_background(replica)
        self._idle.clear()
        self.ledger.close()

    def _play_all(self, progress: Callable[[float], None] | None) -> None:
        for number, block in enumerate(self.weather.blocks()):
            self._play(block)
            self.ledger.spill()
            if number % 16 == 15:
                gc.collect()
            if progress is not None:
                progress(self.env.now)
        self.kernel.drain(lambda: self.open == 0)

    def close(self) -> None:
        """After the run: lets go of what leads back to this world (layers remember calls, and have
        a view of it), so that it is freed, with megabytes of arrays, as soon as nobody wants it."""
        self.entries, self.stacks, self.callers = [], [], None
        self.kernel.forget_tasks()

    def _play(self, block: Block) -> None:
        """Lets the requests of a block arrive, each at its moment."""
        opened, idle = OpenBlock(block), self._idle

        def arrive(i: int) -> None:
            request: SimRequest = SimRequest()
            request.arrive(self, opened, i, idle.pop() if idle else self._start_worker())
            request.proceed(request)

        self.open += 1
        self.kernel.play(opened.arrival, arrive)

    def take_worker(self) -> Any:
        """What serves a new request."""
        return self._idle.pop() if self._idle else self._start_worker()

    def _start_worker(self) -> Any:
        worker = self._serve()
        worker.send(None)
        return worker

    @coroutine
    def _serve(self) -> Generator[Any, Any, None]:
        """Serves one request after another, each as it is sent here, and rests in between. (A
        coroutine for each request would end by an exception, which takes longer.)"""
        entries, idle = self.entries, self._idle
        request: Any = yield
        while True:
            call: Any = blank(Call)
            call.request = request
            call.target = call.key = None
            call.probe = call.once = False
            work: Any = entries[request.replica](call)
            if work.__class__ is not CoroutineType:
                work = iterate(work)
            while work is not None:
                work = request.advance((yield from work))
            idle.append(request._work)
            request = call = None
            request = yield RESTING

    def send(self, call: Call) -> Attempt:
        """Returns an attempt at the call's target. It begins when it is awaited, and gives its
        outcome, or for a streamed answer the first token."""
        attempt: Attempt = Attempt()
        attempt.upstream, attempt.call = self.upstreams[call.target], call
        return attempt

    def send_keyed(self, call: Call) -> Attempt:
        """The same where a deployment knows repeated sends."""
        attempt = self.send(call)
        attempt.key = call.key
        return attempt

    def _send_if_permitted(self, call: Call) -> Awaitable[Outcome]:
        """The same where requests may forbid providers: what goes there is refused, whatever the
        layers know of it."""
        upstream, request = self.upstreams[call.target], call.request
        if request.forbids and not permits(request.forbids, upstream.target):
            return Refusal(upstream.name)
        return self.send_keyed(call) if self.knows_repeats else self.send(call)

    def keyed(self, call: Call) -> Call:
        """The call with an idempotency key, where anybody knows such keys."""
        if call.key is not None or not self.knows_repeats:
            return call
        return replace(call, key=SendKey())

    def forbid(self, call: Call, forbids: frozenset[str]) -> None:
        """From now on the request must not be seen by these."""
        if not self.restricted:
            raise RuntimeError(f"{UNRESTRICTED}; add it to the class")
        request: Any = call.request
        request.forbids |= forbids
        request.special = True

    # -- rows of events, and work between calls ----------------------------------------------------

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
        """Adds a row of the events table."""
        ledger = self.ledger
        words = paired(detail)
        upstream = self.upstreams.get(target)
        ledger.events.append(
            (
                self.env._now,
                replica,
                ledger.event_names.code(event),
                -1 if call is None else call.request.id,
                ledger.layers.code(layer),
                -1 if target is None or upstream is None else upstream.index,
                words if upstream is not None else f"{target} {words}".strip(),
            )
        )

    def ping(self, replica: int, target: str) -> Call:
        """Returns a call of a layer's own, outside any request; its draws belong to the replica and
        the number of the ping."""
        number = self._pings[replica]
        self._pings[replica] = number + 1
        if number % BLOCK == 0:
            block = self.weather.ping_block(replica, number // BLOCK)
            self._ping_blocks[replica] = OpenBlock(block)
        request: SimRequest = SimRequest()
        request.arrive(self, self._ping_blocks[replica], number % BLOCK)
        request.id, request.replica, request.forbids = -1, replica, NOBODY
        return Call(request, target, True, True)

    def copy(self, replica: int, call: Call, target: str) -> Call:
        """The same with what a request asks, and with its luck."""
        original: Any = call.request
        request: SimRequest = SimRequest()
        request.arrive(self, original.block, original.i)
        request.id, request.replica, request.forbids = -1, replica, original.forbids
        return Call(request, target, True, True)

    def _begin_background(self, replica: int) -> None:
        """Starts each layer's `background`."""
        view, layers = partial(self._view, replica), self.stacks[replica]
        self._background[replica] = tasks = [
            Task(self.kernel, work) for work in background_work(layers, self.way_out, view)
        ]
        for task in tasks:
            task.start()

    def _end_background(self, replica: int) -> None:
        for task in self._background.pop(replica, ()):
            task.cancel()

    def renew(self, replica: int, layers: Mapping[str, Any]) -> None:
        """From now on requests of a replica pass through these layers; those under way end under
        the layers with which they began."""
        self._end_background(replica)
        self.stacks[replica] = layers
        self.entries[replica] = stack(layers, self.way_out, partial(self._view, replica))
        self._begin_background(replica)
