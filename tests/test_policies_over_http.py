"""Every packaged policy, gateway and layer in front of providers in every situation: over HTTP it
sends the same calls, with the same end, as in a simulation."""

import asyncio
import math
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import NamedTuple

import aiohttp
import numpy as np
import pytest

from layers import kinds
from served_policies import (
    COMPANIES,
    EXPERTS,
    GATEWAYS,
    JUDGE_S,
    LAYERS,
    NO_LAYER,
    PACKAGED,
    POLICIES,
    Chance,
    apart,
)
from simroute.errors import InputError
from simroute.ledger import Ledger
from simroute.live import Gateway
from simroute.live.clients import Clients
from simroute.live.server import Server
from simroute.mock.fast_loop import run_fast, run_still
from simroute.models import spec
from simroute.models.weather import Weather
from simroute.models.workload import Inputs
from simroute.sockets import Listener
from simroute.testing.script import ScriptedWorld
from simroute.traces import Trace
from simroute.worlds.periods import MONDAY
from simroute.worlds.sim.senses import Senses
from situations import LATER, SITUATIONS, TOKENS, Providers
from upstreams import DONE

ARRIVALS = [0.0, 3.84, 9.49, 13.44, 18.89, 26.48, 61.97, 69.29]
CROWDED = [0.0, 0.113, 0.271, 3.847, 4.191, 9.497, 9.883, 26.489, 61.979, 62.203]
QUESTIONS = [0, 1, 2, 3, 4, 0, 5, 6, 1, 0]
"""The sixth request asks what the first has asked."""
TAGS = {
    "user": ["ann", "bob", "ann", "ann", "bob"] * 2,
    "task": ["chat", "code", "code", "chat", "chat"] * 2,
    "feature": ["help", "help", "find", "find", "help"] * 2,
    "session": [str(number // 3) for number in range(10)],
}
TELLING = "429 with Retry-After", "503 five times", "hang", "a stream cut"
SPECIAL = {
    "bandit": ["ok"],
    "cache, stale": ["400", "a filtered answer"],
    "fallback, by kind": ["context length", "a refused prompt", "a filtered answer"],
    "reconnect": ["reset"],
    "timeout, silence": ["a stall"],
    "whole": ["a filtered answer"],
}
"""Line -> situations that it is for, beside those in which all layers have something to do."""
IN_STREAMS = "a stream cut", "a stall"
BILLED_LATE = ("hang", "a stall")
"""What was billed of a call that was given up only its provider knows."""
HTTP_OF = {408: 504, 499: 503}
"""Status of a policy's outcome -> status that a caller has of it, where they differ."""
SPEED, GAP_S = 3.5, 0.05
"""Of the run in real time: how fast it is, and how far apart what could change its course must be,
in seconds of the machine."""


LINES, BATCH = [*LAYERS, *GATEWAYS], 8
NOT_SERVED = {
    "cached": "match: semantic .* an embedder is needed",
    "recorded": "follows a log, and a live call is in none",
}


@pytest.mark.parametrize("name", NOT_SERVED)
def test_a_policy_that_cannot_be_served_is_refused_with_the_reason(name):
    """Before anything listens; the cached one for want of an embedder."""
    with pytest.raises(InputError, match=NOT_SERVED[name]):
        Gateway(name, entries("http://127.0.0.1:1", "cell"))


class Cell(NamedTuple):
    """A policy in a situation. A single layer has a crowd in front of it."""

    policy: str
    situation: str
    streamed: bool

    @property
    def arrivals(self):
        return ARRIVALS if self.policy in PACKAGED else CROWDED

    def scripts(self):
        """Deployment -> what it does."""
        first, *others = COMPANIES
        return {first: SITUATIONS[self.situation], **{name: [LATER] for name in others}}


class Course(NamedTuple):
    """What happened. sends: (request, attempt, target, status) -> (start, end); ends: by request,
    what its caller had of it, and when."""

    sends: dict
    ends: dict


def cells_of(policy):
    return [
        Cell(policy, situation, streamed)
        for situation in SITUATIONS
        for streamed in (False, True)
        if not ("budget" in policy and situation in BILLED_LATE)
    ]


def few_of(line):
    """Of each of these situations one cell."""
    some = {*TELLING, *SPECIAL.get(line, ())}
    places = {name: place + LINES.index(line) for place, name in enumerate(SITUATIONS)}
    return [
        cell
        for cell in cells_of(line)
        if cell.situation in some
        and cell.streamed == (cell.situation in IN_STREAMS or places[cell.situation] % 2 == 0)
    ]


# -- simulated -------------------------------------------------------------------------------------


@dataclass
class Watch:
    """Outermost: what callers have of their requests."""

    ends: dict

    async def __call__(self, call, send, world):
        outcome = await send(call)
        begun = outcome.rest is not None

        def ended(final):
            self.ends[call.request.id] = end_of(final.status, call.request.streamed, begun)

        return outcome.then(ended)


def end_of(status, streamed, begun):
    if begun and status != 200:
        return "cut"
    return "complete" if status == 200 and streamed else HTTP_OF.get(status, status)


def simulated(cell):
    deployments = {
        name: spec.Deployment(company, model, price=price)
        for name, (company, model, price) in COMPANIES.items()
    }
    scenario = spec.Scenario(
        deployments=deployments,
        workload=spec.Workload(streamed=float(cell.streamed), max_output_tokens=40),
        gateway=spec.Gateway(replicas=1, overhead=0.0),
        horizon=cell.arrivals[-1] + 1.0,
        abandoned="stops",
    )
    count = len(cell.arrivals)
    trace = Trace(np.array(cell.arrivals), np.full(count, 10), np.full(count, TOKENS))
    trace.ask(QUESTIONS[:count])
    for kind, words in TAGS.items():
        trace.tag(kind, words[:count])
    rows, ends = [], {}
    ledger = Ledger([lambda table, chunk: rows.append(chunk) if table == "attempts" else None])
    layers = {"watch": Watch(ends), **POLICIES[cell.policy]()}
    chance = Chance()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Senses, "uniform", lambda self, *asked: chance(*asked))
        world = ScriptedWorld(Weather(scenario, 1, 0, Inputs(trace)), [layers], ledger)
    world.script(
        {
            name: [wire.step(cell.streamed) for wire in wires]
            for name, wires in cell.scripts().items()
        }
    )
    world.run()
    names = list(COMPANIES)
    sends = {}
    for chunk in rows:
        columns = "request_id", "attempt", "target", "status", "start_s", "left_s"
        for request, attempt, target, status, start, end in zip(
            *(chunk[name].tolist() for name in columns), strict=True
        ):
            sends[request, attempt, names[target], status] = start, end
    return Course(sends, ends)


# -- over HTTP -------------------------------------------------------------------------------------


def entries(address, cell):
    """Of a file of deployments."""
    return {
        name: {
            "provider": company,
            "model": model,
            "base_url": f"{address}/{cell}/{name}/v1",
            "price": {"input": price.input, "output": price.output},
        }
        for name, (company, model, price) in COMPANIES.items()
    }


async def served(cells, between):
    """The course of each cell; each begins `between` seconds after the one before."""
    scripts = {
        (str(place), name): wires
        for place, cell in enumerate(cells)
        for name, wires in cell.scripts().items()
    }
    address = await Providers(scripts).start()
    return await asyncio.gather(
        *(
            course_of(cell, entries(address, place), place * between)
            for place, cell in enumerate(cells)
        )
    )


async def course_of(cell, deployments, begins):
    """One cell: a gateway behind its server, and callers."""
    loop, sends, ends = asyncio.get_running_loop(), {}, {}
    accepts = cell.policy not in ("cascade, refused", "cascade, steps")

    async def verdict(call, outcome):
        await asyncio.sleep(JUDGE_S)
        return accepts

    policy = POLICIES[cell.policy]()
    looks = max(getattr(layer, "lookup", 0.0) for layer in policy.values())

    async def embedder(texts):
        await asyncio.sleep(looks)  # what it takes is the time that a cache looks
        return await apart(texts)

    await asyncio.sleep(begins)
    began = loop.time()

    def keep(row):
        place = row.request_id, row.attempt, row.target, row.status
        sends[place] = row.start_s - began, row.end_s - began

    gateway = Gateway(
        policy,
        deployments,
        judge=verdict,
        embedder=embedder,
        rows=keep,
        abandoned="stops",
        chance=Chance(),
        clock=lambda: MONDAY + loop.time() - began,
        **EXPERTS,
    )
    server = Server(Clients({}), "policy")
    server.serve(gateway)
    front = Listener(server.app())
    port = await front.start("127.0.0.1", 0)
    patient = aiohttp.ClientTimeout(None)
    async with (
        gateway,
        aiohttp.ClientSession(f"http://127.0.0.1:{port}", timeout=patient) as session,
    ):
        callers = (caller(session, cell, number, began) for number in range(len(cell.arrivals)))
        ends = dict(enumerate(await asyncio.gather(*callers)))
    await front.close()
    return Course(sends, ends)


async def caller(session, cell, number, began):
    """Asks at its moment; returns what it had."""
    await asyncio.sleep(began + cell.arrivals[number] - asyncio.get_running_loop().time())
    asked = {
        "role": "user",
        "content": f"Ten tokens, which are forty signs: no. {QUESTIONS[number]}",
    }
    tags = {kind: words[number] for kind, words in TAGS.items()}
    body = {
        "messages": [asked],
        "temperature": 0,
        "stream": cell.streamed,
        "metadata": tags,
        "max_tokens": 40,
    }
    connection = {"Connection": "close"}
    async with session.post("/v1/chat/completions", json=body, headers=connection) as response:
        if response.status != 200 or not cell.streamed:
            await response.read()
            return response.status
        text = b""
        try:
            async for part in response.content.iter_any():
                text += part
        except aiohttp.ClientPayloadError:
            return "cut" if b'"error"' in text and DONE not in text else "ended without a word"
        return "complete" if text.endswith(DONE) else "ended too early"


# -- the same --------------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", PACKAGED)
def test_a_policy_sends_the_same_calls_over_http_as_in_a_simulation(policy):
    """All situations, streamed and not, on a loop on which the machine's own work takes no time: so
    that times can be compared, too. Virtual time pays a cache's `lookup`, real time has paid it."""
    check_cells(cells_of(policy))


@cache
def together(place):
    """The courses of some lines, on one loop: of most moments there is one for all of them."""
    cells = [cell for line in LINES[place : place + BATCH] for cell in few_of(line)]
    return dict(zip(cells, run_still(served(cells, 0.0)), strict=True))


@pytest.mark.parametrize("line", LINES)
def test_a_layer_sends_the_same_calls_over_http_as_in_a_simulation(line):
    """In front of a crowd, in the situations in which it has most to do."""
    courses = together(LINES.index(line) // BATCH * BATCH)
    for cell in few_of(line):
        check_same(cell, simulated(cell), courses[cell])


@pytest.mark.slow
@pytest.mark.parametrize("line", LINES)
def test_a_layer_sends_the_same_calls_over_http_in_any_situation(line):
    """As the packaged policies, each on a loop of its own."""
    check_cells(cells_of(line))


def test_every_layer_is_compared_over_http():
    """Or cannot be served."""
    assert {*kinds()} - {layer for line in LAYERS.values() for layer in line} == {"recorded"}


@pytest.mark.parametrize("line", LAYERS)
def test_a_line_does_something_in_these_situations(line):
    """Else it would be compared for nothing."""
    cells = few_of(line)
    assert any(simulated(cell) != simulated(cell._replace(policy=NO_LAYER)) for cell in cells)


def check_cells(cells):
    for cell, there in zip(cells, run_still(served(cells, 0.0)), strict=True):
        check_same(cell, simulated(cell), there)


def check_same(cell, here, there, seconds=0.0035):
    assert sorted(there.sends) == sorted(here.sends), cell
    assert there.ends == here.ends, cell
    for send, times in here.sends.items():
        assert there.sends[send] == pytest.approx(times, abs=seconds), (cell, send)


def test_the_grid_holds_what_it_is_for():
    """Breakers open, retries wait as long as asked, streams are cut, caches answer: else it would
    show nothing."""
    plain = {cell.situation: simulated(cell) for cell in cells_of("layered") if not cell.streamed}
    streamed = {cell.situation: simulated(cell) for cell in cells_of("layered") if cell.streamed}
    assert len(plain["ok"].sends) == len(ARRIVALS) - 1  # the sixth is answered from the cache
    first = [send for send in plain["503 always"].sends if send[2] == "claude-sonnet"]
    assert len(first) < 2 * len(ARRIVALS) - 2  # an open breaker spares it some
    assert any(send[3] == 499 for send in plain["hang"].sends)
    assert "cut" in streamed["a stream cut"].ends.values()
    assert set(plain["400"].ends.values()) >= {400}
    waits = plain["429 with Retry-After"].sends
    assert waits[0, 2, "claude-sonnet", 429][0] == pytest.approx(
        waits[0, 1, "claude-sonnet", 429][1] + 2.0
    )
    assert 504 in simulated(Cell("direct", "hang", False)).ends.values()


def moments(course):
    """When what happens to one request could meet what happens to another."""
    found = {(ARRIVALS[number], number) for number in range(len(ARRIVALS))}
    for (number, *_), times in course.sends.items():
        found |= {(time, number) for time in times}
    return sorted(found)


@pytest.mark.slow
@pytest.mark.parametrize("policy", PACKAGED)
def test_a_policy_sends_the_same_calls_over_http_in_real_time(policy):
    """On a loop that is a few times as fast as the clock, the cells one after another, and no two
    events of different requests within 50 ms."""
    cells = cells_of(policy)
    courses = [simulated(cell) for cell in cells]
    for cell, course in zip(cells, courses, strict=True):
        for (time, number), (following, other) in pairwise(moments(course)):
            assert number == other or following - time > GAP_S * SPEED, (cell, time, following)
    for cell, here, there in zip(cells, courses, run_fast(served(cells, 1.1), SPEED), strict=True):
        check_same(cell, here, there, math.inf)
