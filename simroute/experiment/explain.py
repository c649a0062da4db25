"""One request's way through the layers. Layers are wrapped in objects that forward; only for the
wanted request they also take notes.

Whose child a span is, is known because a layer's `send` says whose it is just before it calls the
next layer, which is a plain call: what waits comes later. The world that a layer sees is wrapped as
well, so that its events and its judges' verdicts are noted where they belong. Notes change neither
time nor chance. What a send cost, and how it ended, is taken from the ledger.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from simroute.config.configuration import Configuration
from simroute.core import Call, Judge, Outcome, Send, World
from simroute.core.only import Concern, only_of
from simroute.errors import InputError
from simroute.experiment.run import build_weather, build_world
from simroute.ledger import CACHED, OUTCOMES, Chunk
from simroute.models.closed_loop import depends_on_answers
from simroute.worlds.sim import SimWorld


class Event(NamedTuple):
    """An event that a layer emitted for the request."""

    at: float
    event: str
    target: str | None
    detail: dict[str, Any]


@dataclass
class Judgement:
    """A judge was asked; `accepted` is None when nobody waited for the answer."""

    began: float
    ended: float = math.nan
    accepted: bool | None = None
    usd: float = 0.0


@dataclass
class SendRecord:
    """One send to a provider. `first_token`: seconds from the start, of a streamed answer; `left`:
    when nobody waited for it any more."""

    number: int
    began: float
    target: str = ""
    ended: float = math.nan
    first_token: float = math.nan
    left: float = math.nan
    status: int = 0
    error: str = ""
    usd: float = 0.0
    tokens: tuple[int, int] = (0, 0)
    abandoned: bool = False
    probe: bool = False


@dataclass
class LayerSpan:
    """A call inside one layer. `outcome` is the final one, None when the call was given up;
    `streaming` from when the first token was there."""

    name: str
    kind: str
    target: str | None
    began: float = math.nan
    streaming: float = math.nan
    ended: float = math.nan
    outcome: Outcome | None = None
    inside: list[LayerSpan | SendRecord | Judgement | Event] = field(default_factory=list)


@dataclass
class Explanation:
    """What became of a request: its row in words, and its way. Times are seconds from the start of
    the run."""

    request_id: int
    policy: str
    request: dict[str, Any]
    inside: list[LayerSpan | SendRecord | Judgement | Event]


def explain(configuration: Configuration, policy: str, request_id: int) -> Explanation:
    """Run replication 0 until the request is over, and tell its way. Raises InputError if there is
    no such request."""
    weather = build_weather(configuration, 0)
    requests = sum(block.size for block in weather.blocks())
    open_ended = depends_on_answers(configuration.scenario.workload)
    if not 0 <= request_id < requests and not open_ended:
        known = (
            f"requests of this run are numbered 0 to {requests - 1:,}"
            if requests
            else "no request arrives in this run"
        )
        raise InputError(f"--explain {request_id}: there is no such request; {known}")
    tracer = RequestTracer(request_id)
    traced = build_world(configuration, policy, 0, [tracer.read], wrap=tracer.wrap)
    tracer.world = traced
    try:
        traced.run()
    except RequestOver:
        return Explanation(request_id, policy, tracer.request, tracer.inside)
    except Exception as error:
        where = (
            f"policy {policy}, replication 0, seed {configuration.seed}, at {traced.env.now:.3f} s"
        )
        raise RuntimeError(f"{where}: {type(error).__name__}: {error}") from error
    if open_ended:
        raise InputError(
            f"--explain {request_id}: there is no such request; numbers are in requests.parquet, "
            f"since which requests come depends on answers here"
        )
    raise RuntimeError(f"request {request_id} did not end")


class RequestOver(Exception):
    """The request is over, and the rest of the run is of no interest."""


class RequestTracer:
    """Notes about one request. `made`: the world that it is in, once there is one; without it the
    run goes on to its end."""

    def __init__(self, request_id: int) -> None:
        self.wanted = request_id
        self.world: SimWorld | None = None
        self.request: dict[str, Any] = {}
        self.inside: list[LayerSpan | SendRecord | Judgement | Event] = []
        self.parent = self.inside
        self.sent: list[SendRecord] = []

    def wrap(self, layers: Mapping[str, Any]) -> dict[str, Any]:
        """The same layers, watched."""
        last = next(reversed(list(layers)), None)
        return {
            name: TracedLayer(self, layer, name, name == last) for name, layer in layers.items()
        }

    def read(self, table: str, chunk: Chunk) -> None:
        """A sink of the ledger: what belongs to the request."""
        if self.world is None or table == "events":
            return
        for i in (chunk["request_id"] == self.wanted).nonzero()[0].tolist():
            row = {
                name: column[i].item() if hasattr(column[i], "item") else column[i]
                for name, column in chunk.items()
            }
            if table == "requests":
                self.request = _describe_row(row, self.world)
                raise RequestOver
            self._note_attempt(row, self.world)

    def _note_attempt(self, row: dict[str, Any], world: SimWorld) -> None:
        # there are no layers to watch: the call went straight out
        while len(self.sent) < row["attempt"]:
            self.sent.append(SendRecord(len(self.sent) + 1, row["start_s"]))
            self.inside.append(self.sent[-1])
        sent = self.sent[row["attempt"] - 1]
        sent.target, sent.status, sent.error = (
            world.models[row["target"]].target.name,
            row["status"],
            world.ledger.errors.words[row["error"]],
        )
        sent.ended, sent.usd, sent.abandoned, sent.probe = (
            row["end_s"],
            row["cost_nano"] / 1e9,
            row["abandoned"],
            row["probe"],
        )
        sent.tokens = row["input_tokens"], row["output_tokens"]


def _describe_row(row: dict[str, Any], world: SimWorld) -> dict[str, Any]:
    """A row of the table of requests, with words for codes and dollars for nano-dollars."""
    sky, errors, targets = (
        world.weather,
        world.ledger.errors.words,
        [model.target.name for model in world.models],
    )
    words = {
        "task": sky.tasks,
        "user": sky.users,
        "feature": sky.features,
        "outcome": OUTCOMES,
        "cached": list(CACHED),
        "error": errors,
    }
    words |= {"team": sky.teams} if "team" in row else {}
    texts = {name: known[row[name]] for name, known in words.items()} | {
        "target": targets[row["target"]] if row["target"] >= 0 else None
    }
    return row | texts | {f"{name}_usd": row[f"{name}_nano"] / 1e9 for name in ("cost", "wasted")}


class TracedLayer:
    """A layer, and for the wanted request a note of each call through it. It looks itself for whom
    the layer holds, since the innermost one notes sends that go past it as well."""

    takes_only = False

    def __init__(self, tracer: RequestTracer, layer: Any, name: str, innermost: bool) -> None:
        self._tracer, self._layer, self._name, self._innermost = tracer, layer, name, innermost
        only = only_of(layer)
        self._concerns = Concern(only) if only else None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._layer, name)

    def __call__(self, call: Call, send: Send, world: World) -> Awaitable[Outcome]:
        wanted, above = call.request.id == self._tracer.wanted, self._tracer.parent
        if self._concerns is not None and not self._concerns(call, world):
            noted = wanted and self._innermost
            return self._trace_send(above, call, send, world) if noted else send(call)
        if not wanted:
            return self._layer(call, send, world)  # type: ignore[no-any-return]
        return self._trace(above, call, send, world)

    async def _trace(self, parent: list[Any], call: Call, send: Send, world: World) -> Outcome:
        span = LayerSpan(
            self._name, getattr(self._layer, "kind", self._name), call.target, world.now()
        )
        parent.append(span)
        try:
            outcome: Outcome = await self._layer(
                call, self._wrap_send(span, send, world), TracedWorld(world, span)
            )
        except BaseException:  # given up, or a bug
            span.ended = world.now()
            raise
        if outcome.rest is not None:
            span.streaming = world.now()

        def over(final: Outcome) -> None:
            span.ended, span.outcome = world.now(), final

        return outcome.then(over)

    def _wrap_send(self, span: LayerSpan, send: Send, world: World) -> Send:
        tracer = self._tracer

        def through(call: Call) -> Awaitable[Outcome]:
            if self._innermost:
                return self._trace_send(span.inside, call, send, world)
            before, tracer.parent = tracer.parent, span.inside
            try:
                return send(call)
            finally:
                tracer.parent = before

        return through

    async def _trace_send(self, inside: list[Any], call: Call, send: Send, world: World) -> Outcome:
        sent = SendRecord(len(self._tracer.sent) + 1, world.now())
        self._tracer.sent.append(sent)
        inside.append(sent)

        def over(final: Outcome) -> None:
            if final.status == 499:
                sent.left = world.now()

        try:
            outcome = await send(call)
        except BaseException:
            sent.left = world.now()
            raise
        if outcome.rest is not None:
            sent.first_token = world.now() - sent.began
        return outcome.then(over)


class TracedWorld:
    """The world as a layer sees it, with notes of what it says and asks there for the request."""

    def __init__(self, world: World, span: LayerSpan) -> None:
        self._world, self._span = world, span

    def __getattr__(self, name: str) -> Any:
        return getattr(self._world, name)

    def emit(
        self, event: str, call: Call | None = None, *, target: str | None = None, **detail: Any
    ) -> None:
        self._span.inside.append(Event(self._world.now(), event, target, detail))
        self._world.emit(event, call, target=target, **detail)

    async def judge(self, call: Call, outcome: Outcome, judge: Judge, stream: str = "") -> bool:
        verdict = Judgement(self._world.now())
        self._span.inside.append(verdict)
        try:
            verdict.accepted = await self._world.judge(call, outcome, judge, stream)
        finally:
            verdict.ended = self._world.now()
        verdict.usd = round(judge.usd * 1e9) / 1e9
        return verdict.accepted
