"""Every packaged policy in front of providers in every situation: over HTTP it sends the same
calls, with the same end, as in a simulation."""

import asyncio
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

import aiohttp
import numpy as np
import pytest

from simroute.core import Judge
from simroute.errors import InputError
from simroute.ledger import Ledger
from simroute.live import Gateway
from simroute.live.clients import Clients
from simroute.live.files import read_layers
from simroute.live.server import Server
from simroute.mock.fast_loop import run_fast, run_still
from simroute.models import spec
from simroute.models.weather import Weather
from simroute.models.workload import Inputs
from simroute.sockets import Listener
from simroute.testing.script import ScriptedWorld
from simroute.traces import Trace
from situations import OK, SITUATIONS, Providers
from upstreams import DONE

COMPANIES = {
    "claude-sonnet": ("anthropic", "claude-sonnet-4-0", spec.PriceList(3.0, 15.0)),
    "gpt-4o": ("openai", "gpt-4o", spec.PriceList(2.5, 10.0)),
    "gemini-flash": ("google", "gemini-2.0-flash", spec.PriceList(0.1, 0.4)),
}
"""Deployment -> company, model, price. The first is in the situation, the others are well."""
JUDGE_S, USD = 0.71, 100.0
ARRIVALS = [0.0, 3.84, 9.49, 13.44, 18.89, 26.48, 61.97, 69.29]
QUESTIONS = [0, 1, 2, 3, 4, 0, 5, 6]
"""The sixth request asks what the first has asked."""
HTTP_OF = {408: 504, 499: 503}
"""Status of a policy's outcome -> status that a caller has of it, where they differ."""
SPEED, GAP_S = 3.5, 0.05
"""Of the run in real time: how fast it is, and how far apart what could change its course must be,
in seconds of the machine."""


def packaged(name, **changes):
    """The layers of a packaged policy, without chance; changes: layer -> fields."""
    layers = read_layers(name)
    if "retry" in layers:
        backoff = replace(layers["retry"].backoff, jitter="none")
        layers["retry"] = replace(layers["retry"], backoff=backoff)
    for layer, fields in changes.items():
        layers[layer] = replace(layers[layer], **fields)
    return layers


POLICIES = {
    "direct": lambda: packaged("direct"),
    "retry_only": lambda: packaged("retry_only"),
    "failover": lambda: packaged("failover"),
    "circuit_breaker": lambda: packaged("circuit_breaker"),
    "budget_shift": lambda: packaged("budget_shift", budget={"usd": USD}),
    "layered": lambda: packaged("layered", budget={"usd": USD}),
    "cached": lambda: packaged("cached"),
    "cached, exact": lambda: packaged("cached", cache={"match": "exact"}),
    "cascade, accepted": lambda: packaged("cascade", cascade={"judge": judge(1.0)}),
    "cascade, refused": lambda: packaged("cascade", cascade={"judge": judge(0.0)}),
}
"""Those that can be served, with what they need for it: a sum, a fixed judge, an embedder."""
NOT_SERVED = {
    "cached": "match: semantic .* an embedder is needed",
    "recorded": "follows a log, and a live call is in none",
}


async def apart(texts):
    """An embedder to which no two questions are alike."""
    return [[float(text.endswith(str(number))) for number in range(7)] for text in texts]


def judge(accepts):
    """It accepts every answer, or none."""
    return Judge(accepts, accepts, JUDGE_S)


@pytest.mark.parametrize("name", NOT_SERVED)
def test_a_policy_that_cannot_be_served_is_refused_with_the_reason(name):
    """Before anything listens; the cached one for want of an embedder."""
    with pytest.raises(InputError, match=NOT_SERVED[name]):
        Gateway(name, entries("http://127.0.0.1:1", "cell"))


class Cell(NamedTuple):
    """A policy in a situation."""

    policy: str
    situation: str
    streamed: bool

    def scripts(self):
        """Deployment -> what it does."""
        first, *others = COMPANIES
        return {first: SITUATIONS[self.situation], **{name: [OK] for name in others}}


class Course(NamedTuple):
    """What happened. sends: (request, attempt, target, status) -> (start, end); ends: by request,
    what its caller had of it, and when."""

    sends: dict
    ends: dict


def cells_of(policy):
    return [
        Cell(policy, situation, streamed) for situation in SITUATIONS for streamed in (False, True)
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
        workload=spec.Workload(streamed=float(cell.streamed)),
        gateway=spec.Gateway(replicas=1, overhead=0.0),
        horizon=ARRIVALS[-1] + 1.0,
        abandoned="stops",
    )
    count = len(ARRIVALS)
    trace = Trace(np.array(ARRIVALS), np.full(count, 10), np.full(count, 5))
    trace.ask(QUESTIONS)
    rows, ends = [], {}
    ledger = Ledger([lambda table, chunk: rows.append(chunk) if table == "attempts" else None])
    layers = {"watch": Watch(ends), **POLICIES[cell.policy]()}
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
    accepts = "refused" not in cell.policy

    async def verdict(call, outcome):
        await asyncio.sleep(JUDGE_S)
        return accepts

    await asyncio.sleep(begins)
    began = loop.time()

    def keep(row):
        place = row.request_id, row.attempt, row.target, row.status
        sends[place] = row.start_s - began, row.end_s - began

    gateway = Gateway(
        POLICIES[cell.policy](),
        deployments,
        judge=verdict,
        embedder=apart,
        rows=keep,
        abandoned="stops",
    )
    server = Server(Clients({}), "policy")
    server.serve(gateway)
    front = Listener(server.app())
    port = await front.start("127.0.0.1", 0)
    async with gateway, aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
        callers = (caller(session, cell, number, began) for number in range(len(ARRIVALS)))
        ends = dict(enumerate(await asyncio.gather(*callers)))
    await front.close()
    return Course(sends, ends)


async def caller(session, cell, number, began):
    """Asks at its moment; returns what it had."""
    await asyncio.sleep(began + ARRIVALS[number] - asyncio.get_running_loop().time())
    asked = {"role": "user", "content": f"question {QUESTIONS[number]}"}
    body = {"messages": [asked], "temperature": 0, "stream": cell.streamed}
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


@pytest.mark.parametrize("policy", POLICIES)
def test_a_policy_sends_the_same_calls_over_http_as_in_a_simulation(policy):
    """All situations, streamed and not, on a loop on which the machine's own work takes no time: so
    that times can be compared, too. Virtual time pays a cache's `lookup`, real time has paid it."""
    cells = cells_of(policy)
    for cell, there in zip(cells, run_still(served(cells, 0.0)), strict=True):
        here = simulated(cell)
        check_same(cell, here, there)
        for send, times in here.sends.items():
            assert there.sends[send] == pytest.approx(times, abs=0.0035), (cell, send)


def check_same(cell, here, there):
    assert sorted(there.sends) == sorted(here.sends), cell
    assert there.ends == here.ends, cell


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
@pytest.mark.parametrize("policy", POLICIES)
def test_a_policy_sends_the_same_calls_over_http_in_real_time(policy):
    """On a loop that is a few times as fast as the clock, the cells one after another, and no two
    events of different requests within 50 ms."""
    cells = cells_of(policy)
    courses = [simulated(cell) for cell in cells]
    for cell, course in zip(cells, courses, strict=True):
        for (time, number), (following, other) in pairwise(moments(course)):
            assert number == other or following - time > GAP_S * SPEED, (cell, time, following)
    for cell, here, there in zip(cells, courses, run_fast(served(cells, 1.1), SPEED), strict=True):
        check_same(cell, here, there)
