"""A policy's run in virtual time: arrivals in, sends to modelled providers, rows out."""

from __future__ import annotations

import gc
import math
from collections.abc import Callable, Generator, Mapping, Sequence
from functools import partial
from types import coroutine
from typing import Any

from simpy import Environment

from simroute.core import Call, Outcome, Target, stack
from simroute.ledger import CACHED, OUTCOMES, Ledger
from simroute.models.questions import BLOCK
from simroute.models.weather import Weather
from simroute.text import paired
from simroute.worlds.sim.kernel import Kernel, Task, collector_paused
from simroute.worlds.sim.rows import emit_requests
from simroute.worlds.sim.senses import Senses
from simroute.worlds.sim.upstream import Attempt, OpenBlock, SimRequest, Upstream

OK, FAILED, REJECTED, TRUNCATED = (
    OUTCOMES.index(word) for word in ("ok", "failed", "rejected", "truncated")
)


class View:
    """The world as one layer of one replica sees it (`core.World`)."""

    def __init__(self, world: SimWorld, layer: str, replica: int) -> None:
        kernel = world.kernel
        self.now, self.sleep, self.gate = kernel.now, kernel.sleep, kernel.gate
        self.within, self.first = kernel.within, kernel.first
        self.targets: Callable[[], Mapping[str, Target]] = lambda: world.targets
        senses = world.senses
        self.price, self.spent, self.unbilled, self.period = (
            senses.price,
            senses.spent,
            senses.unbilled,
            senses.period,
        )
        self.nearest, self.logged = senses.nearest, senses.logged
        self.emit = partial(world.emit, layer, replica)
        self.uniform, self.judge = partial(senses.uniform, layer), partial(senses.judge, layer)
        self.ping = partial(world.ping, replica)


class SimWorld:
    """One replication of one policy. `stacks` are the layers of each replica, outermost first.

    The SimPy environment is `env`; ordinary processes may be added to it before `run`.
    """

    endpoint = Upstream

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
            made = self.endpoint(
                self.kernel, index, model, scenario.hang_limit, self._abandon, weather.end_s
            )
            self.upstreams[model.target.name] = made
        self.upstreams[None] = next(iter(self.upstreams.values()))
        self.forbidden = {
            weather.features.index(name): frozenset(who)
            for name, who in scenario.workload.forbid.items()
            if name in weather.features
        }
        self.stops = scenario.abandoned == "stops"
        self.senses = Senses(self.kernel, weather, self.upstreams)
        self.stacks = stacks
        self.entries = [
            stack(layers, self.send, partial(self._view, replica))
            for replica, layers in enumerate(stacks)
        ]
        self.open = 0
        self._pings = [0] * len(stacks)
        self._ping_blocks: dict[int, OpenBlock] = {}  # by replica, the one in use
        self._ended = self.ended

    def _view(self, replica: int, layer: str) -> View:
        return View(self, layer, replica)

    # -- the run -----------------------------------------------------------------------------------

    def run(self, progress: Callable[[float], None] | None = None) -> None:
        """Every request of the horizon to its end."""
        with collector_paused():
            self._run(progress)

    def _run(self, progress: Callable[[float], None] | None) -> None:
        background = self._background()
        for number, block in enumerate(self.weather.blocks()):
            self._play(block)
            self.ledger.spill()
            if number % 16 == 15:
                gc.collect()
            if progress is not None:
                progress(self.env.now)
        self.kernel.drain(lambda: self.open == 0)
        for task in background:
            task.cancel()
        self.ledger.close()

    def _play(self, block: Any) -> None:
        held = OpenBlock(block)
        advance, arrive = self.kernel.advance_to, self._arrive
        self.open += block.size
        for i, when in enumerate(held.lists.arrival):
            advance(when)
            arrive(held, i)

    def _arrive(self, held: OpenBlock, i: int) -> None:
        request = SimRequest(self, held, i)
        request.take(self.entries[request.replica](Call(request)))
        request.start()

    def answered(self, request: SimRequest, outcome: Outcome) -> None:
        """The policy has returned: the answer, or its first token."""
        rest = outcome.rest
        if rest is None:
            self.finished(request, outcome)
            return
        request.ttft = self.env._now - request.arrival
        request.stream = None if request.streams is None else request.streams.get(outcome.target)
        if rest.outcome is not None:
            self.finished(request, rest.outcome)
        else:
            request.take(rest)
            request.start()

    def finished(self, request: SimRequest, outcome: Outcome) -> None:
        """The caller has the final outcome; the row closes when the last attempt has ended."""
        now = self.env._now
        if request.streamed and outcome.status == 200 and request.ttft != request.ttft:
            # a complete answer (cached, judged) shows its first token with its last
            request.ttft = now - request.arrival
        for rest in request.rests or ():  # streams that nobody read
            if rest.outcome is None:
                rest.close_all()
        request.over = (now, outcome)
        if request.open == 0:
            self._close(request)

    def _close(self, request: SimRequest) -> None:
        end, outcome = request.over
        held, i = request.held, request.i
        ok = outcome.status == 200
        upstream = self.upstreams[outcome.target] if outcome.target is not None else None
        # what judges of an answer cost is no waste, if it was given
        used = round(outcome.usd * 1e9) + request.extra if ok else 0
        quality, false_hit = math.nan, False
        answer = outcome.answer
        # a layer may make up an answer of its own, of which nothing is known
        if ok and answer is not None:
            quality, false_hit = request.grade(answer, outcome.cached)
        first, served, failover = request.first, request.served, math.nan
        if (
            ok
            and served is not None
            and first is not None
            and first.status != 200
            and served.upstream is not first.upstream
        ):
            failover = served.start - first.start
        came = -1  # tokens that the caller has seen, where these are not all of the answer
        if not ok and request.stream is not None:
            came = request.stream.produced(end, request.columns.output_tokens[i])
        held.rows[i] = (
            end,
            came,
            OK
            if ok
            else TRUNCATED
            if request.ttft == request.ttft
            else REJECTED
            if request.attempts == 0
            else FAILED,
            self.ledger.errors.code(outcome.error) if outcome.error else 0,
            upstream.index if upstream is not None else -1,
            request.attempts,
            request.ttft,
            request.nano,
            max(0, request.nano - used),
            quality,
            CACHED[outcome.cached],
            false_hit,
            failover,
            request.ungraded,
            ok and upstream is not None and upstream.target.provider in request.forbids,
        )
        # no cycles: the collector has nothing to find
        request.first = request.served = request.over = request.rests = None
        request.streams = request.stream = None
        self.open -= 1
        held.open -= 1
        if held.open == 0:
            emit_requests(self.ledger, held)

    # -- sends -------------------------------------------------------------------------------------

    @coroutine
    def send(self, call: Call) -> Generator[Any, Any, Outcome]:
        """One attempt at the call's target: its outcome, or for a streamed answer its first
        token."""
        attempt = self._attempt(call)
        try:
            if attempt.turn is not None:
                yield attempt.turn
            outcome: Outcome = yield attempt.first_token or attempt
            return outcome
        except BaseException:  # nobody waits for it any more
            self._abandon(attempt)
            raise

    def _attempt(self, call: Call) -> Attempt:
        request: Any = call.request
        _, target, probe, _ = call
        upstream = self.upstreams[target]
        number = request.sends.get(upstream.index, 0)
        request.sends[upstream.index] = number + 1
        request.attempts += 1
        request.open += 1
        attempt = Attempt([self._ended])
        attempt.request, attempt.upstream, attempt.probe = request, upstream, probe
        attempt.number, attempt.target_number = request.attempts, number + 1
        attempt.start = self.env._now
        if request.attempts == 1:
            request.first = attempt
        upstream.take(attempt, number)
        return attempt

    def ended(self, attempt: Attempt) -> None:
        """The provider is done with it, whether or not anybody still waits: slot, bill, row,
        outcome."""
        request, upstream = attempt.request, attempt.upstream
        if attempt.held:
            upstream.leave(attempt)
        tokens_in, tokens_out, nano = self._bill(attempt)
        if attempt.abandoned and request.unbilled is not None:
            request.unbilled.remove(upstream.name)
        if attempt.status == 200:
            if not attempt.abandoned:
                request.served = attempt
            answer = request.answer(attempt)
            attempt._value = Outcome(
                200, upstream.name, "", None, nano / 1e9, tokens_in, tokens_out, "", "no", answer
            )
        else:
            attempt._value = Outcome(
                attempt.status,
                upstream.name,
                attempt.error,
                attempt.retry_after,
                nano / 1e9,
                tokens_in,
                tokens_out,
            )
        self._row(attempt, tokens_in, tokens_out, nano)

    def _abandon(self, attempt: Attempt) -> None:
        """Nobody waits for it: it runs on and is billed whole, or (`abandoned: stops`) stops here
        and is billed so far."""
        if attempt.callbacks is None or attempt.abandoned:
            return
        attempt.abandoned, attempt.left = True, self.env._now
        if self.stops:
            attempt.callbacks = []
            if attempt.held:
                attempt.upstream.leave(attempt)
            elif attempt.queued:
                attempt.upstream.forget(attempt)
            self._row(attempt, *self._bill(attempt))
        else:
            attempt.request.unbilled = [*(attempt.request.unbilled or ()), attempt.upstream.name]

    def _bill(self, attempt: Attempt) -> tuple[int, int, int]:
        """(input tokens, output tokens, nano-USD) of what has been produced by now. An error or a
        hang costs nothing."""
        if attempt.decode < 0 or attempt.began < 0:
            return 0, 0, 0
        request, upstream = attempt.request, attempt.upstream
        i, columns = request.i, request.columns
        tokens_in, tokens_out = columns.input_tokens[i], columns.output_tokens[i]
        now = self.env._now
        tokens_out = attempt.produced(now, tokens_out)
        if upstream.limits is not None:
            upstream.limits.charge_output(now, tokens_out)
        nano = attempt.card.bill(
            tokens_in, tokens_out, columns.cached_tokens[i], columns.written_tokens[i]
        )
        request.nano += nano
        return tokens_in, tokens_out, nano

    def _row(self, attempt: Attempt, tokens_in: int, tokens_out: int, nano: int) -> None:
        request, retry_after = attempt.request, attempt.retry_after
        abandoned = attempt.abandoned
        self.ledger.attempts.append(
            (
                request.id,
                request.replica,
                attempt.number,
                attempt.target_number,
                attempt.upstream.index,
                attempt.start,
                self.env._now,
                attempt.left if abandoned else self.env._now,
                499 if abandoned else attempt.status,
                self.ledger.errors.code("abandoned" if abandoned else attempt.error)
                if abandoned or attempt.error
                else 0,
                math.nan if retry_after is None else retry_after,
                tokens_in,
                tokens_out,
                request.columns.cached_tokens[request.i] if tokens_in else 0,
                nano,
                abandoned,
                attempt.probe,
            )
        )
        request.open -= 1
        if request.open == 0 and request.over is not None:
            self._close(request)

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
        """A call of a layer's own, outside any request; its draws belong to (replica, number)."""
        number = self._pings[replica]
        self._pings[replica] = number + 1
        if number % BLOCK == 0:
            self._ping_blocks[replica] = OpenBlock(
                self.weather.ping_block(replica, number // BLOCK)
            )
        request = SimRequest(self, self._ping_blocks[replica], number % BLOCK)
        request.id, request.replica = -1, replica
        return Call(request, target, True, True)

    def _background(self) -> list[Task]:
        """Each layer's `background`, once for each replica, with the `send` that the layer itself
        has."""
        tasks = []
        for replica, layers in enumerate(self.stacks):
            names = list(layers)
            for place, (name, layer) in enumerate(layers.items()):
                if hasattr(layer, "background"):
                    inner = {other: layers[other] for other in names[place + 1 :]}
                    send = stack(inner, self.send, partial(self._view, replica))
                    tasks.append(
                        Task(self.kernel, layer.background(send, self._view(replica, name)))
                    )
        for task in tasks:
            task.start()
        return tasks
