"""A world of a few lines for tests of single layers: real virtual time, everything else
scripted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from simpy import Environment

from simroute.core import (
    Allowance,
    Call,
    Classifier,
    Evaluation,
    Judge,
    Logged,
    Match,
    Outcome,
    Policy,
    Predictor,
    Price,
    Rest,
    Send,
    Target,
)
from simroute.worlds.periods import Periods
from simroute.worlds.sim.kernel import Kernel, Task


@dataclass(frozen=True)
class Ask:
    """A request."""

    id: int = 0
    key: Hashable = "hello"
    task: str = "chat"
    user: str = "ann"
    feature: str = "help"
    session: str = ""
    arrival: float = 0.0
    input_tokens: int = 1000
    max_output_tokens: int = 800
    streamed: bool = False
    forbids: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Reply:
    """What a target answers after `seconds`; with `rest`, that is its first token, and the end
    comes `rest` seconds later."""

    status: int = 200
    seconds: float = 1.0
    usd: float = 0.0
    output_tokens: int = 100
    retry_after: float | None = None
    rest: float | None = None
    by: str = ""
    error: str = ""


A, B, C = (
    Target("a", "ann", "big-1", "big"),
    Target("b", "bob", "big-2", "big"),
    Target("c", "cat", "small", "small"),
)
PRICES = {"a": Price(10.0, 30.0), "b": Price(5.0, 15.0), "c": Price(1.0, 2.0)}


@dataclass
class FakeWorld:
    """`reply(call, n)` scripts the n-th send (from 0); `judged` the judge's verdicts; `concluded`
    what answers come to, by target; `taken_for` what the classifier makes of tasks; `predicted` how
    good answers will be, by target; `shares` one evaluation after the other by task and target;
    `coins` what is drawn; `near` the nearest question."""

    reply: Callable[[Call, int], Reply] = lambda call, n: Reply()
    known: tuple[Target, ...] = (A, B, C)
    judged: list[bool] = field(default_factory=list)
    concluded: Mapping[str, list[Hashable]] = field(default_factory=dict)
    taken_for: Mapping[str, str] = field(default_factory=dict)
    predicted: Mapping[str, float] = field(default_factory=dict)
    shares: Mapping[tuple[str, str], list[float]] = field(default_factory=dict)
    coins: list[float] = field(default_factory=list)
    log: Callable[[Call], Logged | None] = lambda call: None
    near: Callable[[Call, Mapping[Any, Any]], Match | None] = lambda call, keys: None
    prices: Mapping[str, Price] = field(default_factory=lambda: PRICES)
    windows: Mapping[str, int] = field(default_factory=dict)
    chance: float = 0.5

    def __post_init__(self) -> None:
        self.kernel = kernel = Kernel(Environment())
        self.now, self.sleep, self.within, self.gate = (
            kernel.now,
            kernel.sleep,
            kernel.within,
            kernel.gate,
        )
        self.takes, self.first = kernel.sleep, kernel.first
        self.sent: list[tuple[float, str | None]] = []
        self.events: list[tuple[float, str]] = []
        self.details: list[dict[str, Any]] = []
        self.seen: list[Outcome] = []
        self.left: dict[str, dict[str, Allowance]] = {}
        self.bills: dict[int, float] = defaultdict(float)
        self.given_up: dict[int, list[str]] = defaultdict(list)

    def targets(self) -> dict[str, Target]:
        return {target.name: target for target in self.known}

    def price(self, target: str) -> Price:
        return self.prices[target]

    def fits(self, call: Call, target: str) -> bool:
        window = self.windows.get(target)
        return window is None or call.request.input_tokens <= window

    def limit_connection(self, call: Call, seconds: float) -> None:
        """All connections are there."""

    def allowances(self, target: str) -> dict[str, Allowance]:
        return self.left.get(target, {})

    def period(self, kind: str, zone: str, reset: str) -> tuple[float, float]:
        return Periods()(self.now(), kind, zone, reset)

    def spent(self, call: Call) -> float:
        return self.bills[call.request.id]

    def unbilled(self, call: Call) -> list[str]:
        return self.given_up[call.request.id]

    def plain_key(self, call: Call, ignored: Sequence[str]) -> Hashable:
        key = str(call.request.key)
        key = key.casefold() if "case" in ignored else key
        return " ".join(key.split()) if "space" in ignored else key

    def keyed(self, call: Call) -> Call:
        return call

    async def embed(self, call: Call, keys: Mapping[Any, Any]) -> None:
        """The nearest one is known without it."""

    def nearest(self, call: Call, keys: Mapping[Any, Any]) -> Match | None:
        return self.near(call, keys)

    def forbid(self, call: Call, forbids: frozenset[str]) -> None:
        object.__setattr__(call.request, "forbids", call.request.forbids | forbids)

    def logged(self, call: Call) -> Logged | None:
        return self.log(call)

    def own_answer(self, call: Call, text: str, quality: float) -> str:
        return text

    def agrees(self, kept: Any, fresh: Any) -> bool:
        return bool(kept == fresh)

    def may_keep(self, call: Call, outcome: Outcome, any_temperature: bool) -> bool:
        return True

    def emit(
        self, event: str, call: Call | None = None, *, target: str | None = None, **detail: Any
    ) -> None:
        self.events.append((self.now(), event))
        self.details.append({"target": target} | detail)

    async def judge(self, call: Call, outcome: Outcome, judge: Judge, stream: str = "") -> bool:
        self.seen.append(outcome)
        await self.sleep(judge.latency)
        return self.judged.pop(0)

    async def conclusion(self, call: Call, outcome: Outcome, common: float) -> Hashable:
        return self.concluded[outcome.target or ""].pop(0)

    async def classify(self, call: Call, classifier: Classifier) -> str:
        await self.sleep(classifier.latency)
        return self.taken_for.get(call.request.task, call.request.task)

    async def predict(
        self, call: Call, targets: Sequence[str], predictor: Predictor
    ) -> Mapping[str, float]:
        await self.sleep(predictor.latency)
        return {name: self.predicted[name] for name in targets if name in self.predicted}

    async def evaluated(
        self, call: Call, task: str, targets: Sequence[str], evaluation: Evaluation
    ) -> Mapping[str, tuple[float, int]]:
        epoch = int(self.now() // evaluation.every)
        found = {name: self.shares.get((task, name)) for name in targets}
        return {
            name: (shares[min(epoch, len(shares) - 1)], evaluation.examples)
            for name, shares in found.items()
            if shares
        }

    def uniform(self, stream: str, call: Call) -> float:
        return self.coins.pop(0) if self.coins else self.chance

    async def send(self, call: Call) -> Outcome:
        reply = self.reply(call, len(self.sent))
        self.sent.append((self.now(), call.target))
        await self._wait(call, reply.seconds)
        if reply.rest is None:
            return self._final(call, reply)
        return Outcome(200, call.target, rest=Rest(partial(self._rest, call, reply)))

    async def _rest(self, call: Call, reply: Reply) -> Outcome:
        await self._wait(call, reply.rest or 0.0)
        return self._final(call, reply)

    async def _wait(self, call: Call, seconds: float) -> None:
        try:
            await self.sleep(seconds)
        except BaseException:
            self.given_up[call.request.id].append(call.target or next(iter(self.targets())))
            raise

    def _final(self, call: Call, reply: Reply) -> Outcome:
        self.bills[call.request.id] += reply.usd
        text = f"{call.target} says {reply.status}, {len(self.sent)}"
        tokens = (call.request.input_tokens, reply.output_tokens)
        return Outcome(
            reply.status,
            call.target,
            reply.error,
            reply.retry_after,
            reply.usd,
            *tokens,
            by=reply.by,
            answer=text,
        )

    def play(
        self, policy: Policy, *asks: Ask, give_up: float | None = None, aim: str | None = None
    ) -> list[tuple[float, Outcome]]:
        """When and how each request ended, in the order given (sorted by arrival); with `give_up`,
        the caller leaves after so many seconds."""
        ends: dict[int, tuple[float, Outcome]] = {}

        async def serve(ask: Ask) -> None:
            through: Send = partial(policy, send=self.send, world=self)  # type: ignore[assignment]
            work = through(Call(ask, aim))
            outcome = await (work if give_up is None else self.within(give_up, work))
            if outcome.rest is not None:
                outcome = await outcome.rest
            ends[id(ask)] = (self.now(), outcome)

        for ask in asks:
            self.kernel.advance_to(ask.arrival)
            Task(self.kernel, serve(ask)).start()
        self.kernel.drain(lambda: len(ends) == len(asks))
        return [ends[id(ask)] for ask in asks]
