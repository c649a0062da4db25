"""A stack of layers in front of one script, in both worlds: what became of each send and request.

In the simulation it stands in front of scripted upstreams, live in a gateway with a scripted
transport, on an event loop in virtual time. Callers may go away: in the simulation a layer around
the others gives up after so many seconds, live the caller's task is cancelled.
"""

import asyncio
import copy
import math
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from simroute.core import Outcome, Price, Rest
from simroute.ledger import CACHED
from simroute.live import Gateway
from simroute.policies.timeout import Timeout
from simroute.testing import clock
from simroute.testing.script import Step, scripted_world
from simroute.text import paired
from simroute.worlds.live import LiveRequest
from simroute.worlds.live.answers import CHARACTERS_A_TOKEN, Usage, Whole
from simroute.worlds.live.streams import Stream
from simroute.worlds.periods import MONDAY

PRICE = Price(1.0, 2.0)
TOKENS_IN, TOKENS_OUT = 1000, 100
"""Of every request; a ping has one of each."""
TASK = "chat"
"""Of every request of a scripted world."""
PATIENCE = {"patience": Timeout(100_000.0)}
"""Innermost, since a gateway refuses a policy that limits no time at all."""


class Send(NamedTuple):
    """One attempt. end: when its caller had it, or gave it up (s). nano: nano-USD."""

    start: float
    request: int
    attempt: int
    target: str
    end: float
    status: int
    abandoned: bool
    probe: bool
    nano: int


class Ended(NamedTuple):
    """One request. cause: as `Outcome.cause` has it; "" for an answer."""

    end: float
    cause: str
    attempts: int
    cached: int
    nano: int


@dataclass
class Told:
    """All of it. events: (when, event, target, detail in words), in order."""

    sends: list[Send] = field(default_factory=list)
    requests: dict[int, Ended] = field(default_factory=dict)
    events: list[tuple[float, str, str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Play:
    """What is asked, and when. leaves: number of a request -> seconds after which its caller goes
    away. forbids: providers that must not see any request. abandoned: the rule of what a call that
    is given up is billed. experts: who is asked live, by the words of a gateway."""

    layers: dict[str, Any]
    script: dict[str, list[Step]]
    arrivals: list[float]
    streamed: bool = False
    questions: list[int] | None = None
    leaves: dict[int, float] = field(default_factory=dict)
    abandoned: str = "stops"
    forbids: frozenset[str] = frozenset()
    experts: dict[str, Any] = field(default_factory=dict)


@dataclass
class Leaves:
    """Outermost: callers who go away, at the providers too."""

    after: dict[int, float]

    async def __call__(self, call, send, world):
        seconds = self.after.get(call.request.id)
        if seconds is None:
            return await send(call)
        until = world.now() + seconds
        outcome = gone(await world.within(seconds, send(call), "gone"))

        async def read_on(rest: Rest) -> Outcome:
            return gone(await world.within(until - world.now(), rest, "gone"))

        return outcome.wrap(read_on)


def gone(outcome: Outcome) -> Outcome:
    return Outcome(499, error="cancelled") if outcome.limit == "gone" else outcome


# -- simulated ---------------------------------------------------------------------


def simulated(play: Play) -> Told:
    layers = {"leaves": Leaves(play.leaves), **play.layers, **PATIENCE}
    world, log = scripted_world(
        layers,
        play.script,
        play.arrivals,
        streamed=play.streamed,
        questions=play.questions,
        abandoned=play.abandoned,
        forbids=sorted(play.forbids),
    )
    world.run()
    names, told = list(play.script), Told()
    for chunk in log.rows["attempts"]:
        for row in rows_of(chunk):
            told.sends.append(
                Send(
                    row["start_s"],
                    row["request_id"],
                    row["attempt"],
                    names[row["target"]],
                    row["left_s"],
                    row["status"],
                    row["abandoned"],
                    row["probe"],
                    row["cost_nano"],
                )
            )
    causes, events = world.ledger.causes.words, world.ledger.event_names.words
    for chunk in log.rows["requests"]:
        for row in rows_of(chunk):
            told.requests[row["request_id"]] = Ended(
                row["end_s"],
                causes[row["cause"]],
                row["attempts"],
                row["cached"],
                row["cost_nano"],
            )
    for chunk in log.rows["events"]:
        for row in rows_of(chunk):
            target = names[row["target"]] if row["target"] >= 0 else ""
            told.events.append((row["t_s"], events[row["event"]], target, row["detail"]))
    told.sends.sort()
    return told


def rows_of(chunk):
    """The rows of a chunk, each as words and values."""
    columns = {name: column.tolist() for name, column in chunk.items()}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


# -- live --------------------------------------------------------------------------


class Facts:
    """What has come of a streamed answer: its characters, by the time that has passed."""

    begun = done = True
    finish = "stop"

    def __init__(self, first: float, seconds: float, tokens: int) -> None:
        self._first, self._seconds, self._tokens = first, seconds, tokens
        self._began = asyncio.get_running_loop().time()

    @property
    def characters(self) -> int:
        now = asyncio.get_running_loop().time()
        decode = self._seconds - self._first
        share = (now - self._began - self._first) / decode if decode else 1.0
        return CHARACTERS_A_TOKEN * int(self._tokens * min(1.0, max(0.0, share)))


ANSWER = Whole(b'{"choices": [{"message": {"content": "text"}}]}', Usage(1, 1), "stop")
FILTERED = "content_filter"


class Scripted:
    """A transport that answers by the script."""

    def __init__(self, script) -> None:
        self.script, self.asked = script, dict.fromkeys(script, 0)

    async def send(self, call) -> Outcome:
        steps = self.script[call.target]
        step = steps[min(self.asked[call.target], len(steps) - 1)]
        self.asked[call.target] += 1
        streamed = call.request.streamed
        if not (streamed and (step.first is not None or step.status == 200)):
            await asyncio.sleep(step.seconds)
            answer = ANSWER._replace(finish=FILTERED if step.error == FILTERED else "stop")
            return self.outcome(call, step, answer if step.status == 200 else None)
        first = step.seconds if step.first is None else step.first
        stream = Stream(Facts(first, step.seconds, tokens(call)[1]), True)
        await asyncio.sleep(first)
        stream.put(b"data: {}\n\n", b"data: {}\n\n")

        async def read_on() -> Outcome:
            await asyncio.sleep(step.seconds - first)
            return self.outcome(call, step, stream)

        rest = Rest(read_on)
        rest.then(lambda _: stream.end())
        return Outcome(200, call.target, answer=stream, rest=rest)

    def outcome(self, call, step, answer) -> Outcome:
        into, out = tokens(call)
        if step.status != 200 and isinstance(answer, Stream):
            out = answer.facts.characters // CHARACTERS_A_TOKEN
        billed = step.status == 200 or isinstance(answer, Stream)
        return Outcome(
            step.status,
            call.target,
            "" if step.status == 200 and step.error == "error" else step.error,
            step.retry_after,
            PRICE.of(into, out) if billed else 0.0,
            into if billed else 0,
            out if billed else 0,
            answer=answer,
        )


def tokens(call) -> tuple[int, int]:
    return (1, 1) if call.request.input_tokens == 1 else (TOKENS_IN, TOKENS_OUT)


async def accepts(call, outcome) -> bool:
    """A judge that takes as long as that of the layers in these tests."""
    await asyncio.sleep(JUDGE_S)
    return True


JUDGE_S = 0.417


def live(play: Play) -> Told:
    told = Told()

    async def main() -> None:
        loop = asyncio.get_running_loop()
        gateway = Gateway(
            {**copy.deepcopy(play.layers), **PATIENCE},
            {name: entry(name) for name in play.script},
            transport=Scripted(play.script),
            **{"judge": accepts, **play.experts},
            rows=lambda row: told.sends.append(send_of(row)),
            requests=lambda row: told.requests.__setitem__(row.request.id, ended_of(row)),
            events=lambda at, _, event, who, layer, target, detail: told.events.append(
                (at, event, target or "", paired(detail))
            ),
            clock=lambda: MONDAY + loop.time(),
            abandoned=play.abandoned,
        )
        async with gateway:
            callers = (caller(gateway, play, i) for i in range(len(play.arrivals)))
            await asyncio.gather(*callers)

    clock.run(main())
    told.sends.sort()
    return told


def entry(name):
    """Of a file of deployments."""
    return {
        "provider": f"company-{name}",
        "model": f"model-{name}",
        "base_url": "http://127.0.0.1:1/v1",
        "price": {"input": PRICE.input, "output": PRICE.output},
    }


async def caller(gateway, play, number):
    """Comes, and waits for all of the answer, or goes away."""
    await asyncio.sleep(play.arrivals[number])
    key = number if play.questions is None else play.questions[number]
    request = LiveRequest(
        number,
        ("question", key),
        play.arrivals[number],
        task=TASK,
        session=str(number),
        input_tokens=TOKENS_IN,
        streamed=play.streamed,
        forbids=play.forbids,
        is_repeatable=True,
        is_kept=True,
    )
    work = asyncio.ensure_future(asked(gateway, request))
    leaves = play.leaves.get(number, math.inf)
    loop = asyncio.get_running_loop()
    timer = loop.call_late(loop.time() + leaves, work.cancel)
    await asyncio.wait([work])
    timer.cancel()
    if not work.cancelled():
        work.result()


async def asked(gateway, request):
    """As the server asks."""
    async with gateway.open(request) as opened:
        if request.streamed and isinstance(opened.outcome.answer, Stream):
            if opened.outcome.rest is not None:
                async for _ in opened.chunks():
                    pass
        else:
            await opened.whole()


def send_of(row) -> Send:
    return Send(
        row.start_s,
        row.request_id,
        row.attempt,
        row.target,
        row.end_s,
        row.status,
        row.abandoned,
        row.probe,
        row.nano,
    )


def ended_of(row) -> Ended:
    request, outcome = row.request, row.outcome
    cached = CACHED[outcome.cached]
    return Ended(row.end_s, outcome.cause, request.attempts, cached, request.nano)


# -- compared ----------------------------------------------------------------------


def rounded(row):
    """Times to a tenth of a microsecond."""
    return tuple(round(value, 7) if isinstance(value, float) else value for value in row)


def same(play: Play) -> Told:
    """Compares the two worlds; the first row that differs is in the message."""
    ours, theirs = simulated(play), live(play)
    for a, b in zip(ours.sends, theirs.sends, strict=False):
        assert rounded(a) == rounded(b), f"\nsimulated {a}\nlive      {b}"
    assert len(ours.sends) == len(theirs.sends)
    for number in ours.requests:
        a, b = ours.requests[number], theirs.requests[number]
        assert rounded(a) == rounded(b), f"request {number}\nsimulated {a}\nlive      {b}"
    assert sorted(map(rounded, ours.events)) == sorted(map(rounded, theirs.events))
    return ours
