"""How far simulation and reality agree: the same requests through the simulator, and through fake
providers and the gateway on sockets."""

from __future__ import annotations

import asyncio
import itertools
import json
import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import is_dataclass, replace
from typing import Any, NamedTuple

import aiohttp
import numpy as np

from simroute.config.configuration import Configuration
from simroute.config.fields import declared_fields
from simroute.errors import InputError
from simroute.experiment.run import build_world
from simroute.ledger import OUTCOMES, Chunk
from simroute.live.answered import RequestRow
from simroute.live.clients import Clients
from simroute.live.gateway import Gateway
from simroute.live.server import Server
from simroute.mock.fast_loop import run_fast, run_still
from simroute.mock.realtime import Providers
from simroute.mock.running import deployment_entries
from simroute.mock.server import MockServer
from simroute.models import spec
from simroute.models.closed_loop import needs_callers
from simroute.models.questions import FORMS, plain
from simroute.sockets import Listener
from simroute.statistics.intervals import interval

BATCHES = 10
TICK_S = 1.0
"""Scenario's seconds between pieces of a fake provider's stream."""
CHARACTERS_A_TOKEN = 4
SILENT_S, KEPT_ALIVE_S = 3600.0, 5.0
"""Scenario's seconds for which servers keep a connection on which nothing is asked, and callers do:
a machine that is busy for a moment breaks none."""


class Played(NamedTuple):
    """What became of each request, in order of arrival: seconds, NaN where there were none."""

    ok: np.ndarray
    latency: np.ndarray
    ttft: np.ndarray
    attempts: np.ndarray
    nano: np.ndarray
    opened: int


class Line(NamedTuple):
    """A figure in both worlds; `low` and `high`: 95 % bounds of live - simulated, None for counts.
    margin: how far they may differ; share: whether that is a part of the simulated figure."""

    name: str
    simulated: float
    live: float
    low: float | None
    high: float | None
    margin: float
    is_share: bool

    @property
    def difference(self) -> float:
        return self.live - self.simulated

    @property
    def agrees(self) -> bool:
        """Whether the figures are within the margin of one another."""
        most = self.margin * (abs(self.simulated) if self.is_share else 1.0)
        return abs(self.difference) <= most + 1e-12


Figure = Callable[[Played, slice], float]


def _quantile(share: float, of: str) -> Figure:
    def figure(played: Played, part: slice) -> float:
        values = getattr(played, of)[part][played.ok[part]]
        values = values[~np.isnan(values)]
        return float(np.quantile(values, share)) if len(values) else math.nan

    return figure


FIGURES: dict[str, tuple[Figure, float, bool]] = {
    "success_rate": (lambda played, part: float(played.ok[part].mean()), 0.005, False),
    "latency_p50_s": (_quantile(0.5, "latency"), 0.05, True),
    "latency_p95_s": (_quantile(0.95, "latency"), 0.10, True),
    "ttft_p95_s": (_quantile(0.95, "ttft"), 0.10, True),
    "attempts_per_request": (
        lambda played, part: float(played.attempts[part].mean()),
        0.02,
        True,
    ),
    "cost_usd": (lambda played, part: float(played.nano[part].sum()) / 1e9, 0.02, True),
}
"""Metric -> how it is computed, how far the worlds may differ, and whether as a share."""


def compressed(scenario: spec.Scenario, requests: int) -> spec.Scenario:
    """The scenario with so many requests: a shorter horizon, and with it the times of outages and
    prices, but not those of calls; one gateway."""
    if scenario.workload.trace is not None:
        raise InputError(
            "parity: a trace cannot be shortened; name a scenario without workload.trace"
        )
    if needs_callers(scenario.workload):
        raise InputError(
            "parity: requests come at their own moments through sockets; leave out "
            "workload.callers, patience and again"
        )
    gateway = scenario.gateway
    if gateway.restart_every or gateway.flush_every or gateway.concurrency:
        raise InputError(
            "parity: the gateway on sockets neither restarts nor has room for so many only; leave "
            "out gateway.restart_every, flush_every and concurrency"
        )
    factor = min(1.0, requests / (scenario.workload.rate * scenario.horizon))
    short: spec.Scenario = _scaled(scenario, factor)
    return replace(short, horizon=scenario.horizon * factor, gateway=replace(gateway, replicas=1))


def _scaled(value: Any, factor: float) -> Any:
    """The same with all moments of the run that it states multiplied by a factor."""
    if isinstance(value, dict):
        return {key: _scaled(each, factor) for key, each in value.items()}
    if not is_dataclass(value) or isinstance(value, type):
        return value
    changed = {}
    for declared in declared_fields(type(value)):
        own = getattr(value, declared.name)
        if isinstance(own, int | float) and declared.form.unit == "when":
            changed[declared.name] = own * factor
        elif isinstance(own, dict) or is_dataclass(own):
            changed[declared.name] = _scaled(own, factor)
    return replace(value, **changed)


def without_idle(layers: dict[str, Any]) -> dict[str, Any]:
    """The layers without those that do nothing in a simulation, and are refused live."""
    return {
        name: layer
        for name, layer in layers.items()
        if not (layer.kind == "budget" and layer.usd is None)
    }


def play_both(
    configuration: Configuration, policy: str, speed: float | None
) -> tuple[Played, Played]:
    """Plays the same requests simulated and live. speed: the scenario's seconds in one of the
    machine; None: the machine's own work takes no time. Raises InputError for a policy that cannot
    run live."""
    simulated, requests = simulate(configuration, policy)
    serving = _serve(configuration, policy, requests)
    return simulated, run_still(serving) if speed is None else run_fast(serving, speed)


def compare_worlds(configuration: Configuration, policy: str, speed: float | None) -> list[Line]:
    """The figures of `play_both`."""
    simulated, live = play_both(configuration, policy, speed)
    count = len(simulated.ok)
    edges = np.linspace(0, count, BATCHES + 1).astype(int)
    parts = [slice(a, b) for a, b in itertools.pairwise(edges)]
    lines: list[Line] = []
    for name, (figure, margin, is_share) in FIGURES.items():
        whole = slice(0, count)
        scale = BATCHES if name == "cost_usd" else 1.0  # a sum, the others are means
        differences = [scale * (figure(live, part) - figure(simulated, part)) for part in parts]
        gap = interval([each for each in differences if not math.isnan(each)])
        both = figure(simulated, whole), figure(live, whole)
        lines.append(Line(name, *both, gap.low, gap.high, margin, is_share))
    opened = Line(
        "breaker_opened", simulated.opened, live.opened, None, None, margin=1.0, is_share=False
    )
    return [line for line in (*lines, opened) if not math.isnan(line.simulated)]


def simulate(configuration: Configuration, policy: str) -> tuple[Played, list[Any]]:
    """The simulated world's answers, and the requests."""
    requests: list[Chunk] = []
    opened = 0

    def keep(table: str, chunk: Chunk) -> None:
        nonlocal opened
        if table == "requests":
            requests.append(chunk)
        elif table == "events":
            opened += int((chunk["event"] == world.ledger.event_names.code("opened")).sum())

    world = build_world(configuration, policy, 0, [keep])
    world.run()
    rows = {name: np.concatenate([chunk[name] for chunk in requests]) for name in requests[0]}
    order = np.argsort(rows["request_id"])
    played = Played(
        (rows["outcome"] == OUTCOMES.index("ok"))[order],
        rows["latency_s"][order],
        np.where(rows["streamed"], rows["ttft_s"], np.nan)[order],
        rows["attempts"][order],
        rows["cost_nano"][order],
        opened,
    )
    return played, list(world.weather.blocks())


async def _serve(configuration: Configuration, policy: str, blocks: Sequence[Any]) -> Played:
    """The same requests through sockets; in the loop's seconds, which are the scenario's."""
    providers = Providers(configuration, policy)
    mock = Listener(MockServer(providers, TICK_S).app(), SILENT_S)
    address = f"http://127.0.0.1:{await mock.start('127.0.0.1', 0)}"
    entries = deployment_entries(configuration, providers, address)
    rows: dict[int, RequestRow] = {}
    opened: list[None] = []

    def count_opened(at: float, replica: int, event: str, *_: Any) -> None:
        if event == "opened":
            opened.append(None)

    loop = asyncio.get_running_loop()
    began, epoch = loop.time(), providers.world.weather.calendar[0]
    gateway = Gateway(
        configuration.policies[policy],
        entries,
        requests=lambda row: rows.__setitem__(int(row.request.session), row),
        events=count_opened,
        clock=lambda: epoch + loop.time() - began,
        chance=providers.uniform,
        abandoned=configuration.scenario.abandoned,
    )
    server = Server(Clients({}), policy)
    server.serve(gateway)
    front = Listener(server.app(), SILENT_S)
    port = await front.start("127.0.0.1", 0)
    session = aiohttp.ClientSession(
        f"http://127.0.0.1:{port}",
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEPT_ALIVE_S),
        timeout=aiohttp.ClientTimeout(total=None),
    )
    async with gateway, session:
        began = loop.time()
        calls = [
            asyncio.create_task(_call(session, began, body, arrival))
            for block in blocks
            for arrival, body in _bodies(configuration.scenario, providers, block)
        ]
        await asyncio.gather(*calls)
    await front.close()
    await mock.close()
    if len(rows) < len(calls):
        raise InputError(
            f"parity: {len(calls) - len(rows)} of {len(calls)} requests did not reach the gateway; "
            f"the machine is too busy for this --speed"
        )
    return _played([rows[number] for number in sorted(rows)], len(opened))


def _bodies(scenario: spec.Scenario, providers: Providers, block: Any) -> Any:
    """When each request of a block comes, and what it says."""
    weather, lists = providers.world.weather, block.lists
    for i in range(block.size):
        number = str(block.first + i)
        metadata = {
            "simroute_request": number,
            "session": number,
            "task": weather.tasks[lists.task[i]],
            "feature": weather.features[lists.feature[i]],
        }
        content = _written(lists.wording[i], lists.question[i], lists.input_tokens[i])
        body = {
            "messages": [{"role": "user", "content": content}],
            "max_tokens": scenario.workload.max_output_tokens,
            "temperature": 0,
            "user": weather.users[lists.user[i]],
            "metadata": metadata,
        }
        if lists.streamed[i]:
            body["stream"] = True
        yield lists.arrival[i], body


def _written(wording: int, question: int, tokens: int) -> str:
    """A prompt of so many tokens, that is another for another wording: in its words, or, where
    these are its question's, in case or white space."""
    words = plain(wording, question)
    text = f"{words} ".ljust(CHARACTERS_A_TOKEN * tokens, "x")
    if words != wording:
        number, forms = divmod(-1 - wording, 4)
        mark = f"{number:b}"
        if forms & FORMS["case"]:
            text = text[: -len(mark)] + mark.replace("0", "x").replace("1", "X")
        if forms & FORMS["space"]:
            text += mark.replace("0", " ").replace("1", "\n")
    return text


async def _call(
    session: aiohttp.ClientSession, began: float, body: dict[str, Any], arrival: float
) -> None:
    loop = asyncio.get_running_loop()
    await asyncio.sleep(max(0.0, began + arrival - loop.time()))
    headers = {"Content-Type": "application/json"}
    raw = json.dumps(body).encode()
    with suppress(aiohttp.ClientError):  # the gateway's row says how it ended
        async with session.post("/v1/chat/completions", data=raw, headers=headers) as response:
            await response.read()


def _played(rows: Sequence[RequestRow], opened: int) -> Played:
    nothing = math.nan
    return Played(
        np.array([row.outcome.status == 200 for row in rows]),
        np.array([row.end_s - row.request.arrival for row in rows]),
        np.array(
            [
                nothing
                if row.ttft_s is None or not row.request.streamed
                else row.ttft_s - row.request.arrival
                for row in rows
            ]
        ),
        np.array([row.request.attempts for row in rows]),
        np.array([row.request.nano for row in rows]),
        opened,
    )
