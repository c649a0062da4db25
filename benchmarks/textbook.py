"""The model as SimPy's documentation teaches it: a process for each request, a resource for the
slots, `any_of` for timeouts."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import simpy
from model import ATTEMPTS, HANG, PAUSE, ROOM, SLOTS, TIMEOUT, Count, Draw, Sky, weather


class Server(Sky):
    """One target: a resource with as many slots as calls may be in flight."""

    __slots__ = ("slots",)

    def __init__(self, env: simpy.Environment, index: int, model: object) -> None:
        super().__init__(index, model)
        self.slots = simpy.Resource(env, SLOTS)

    def full(self) -> bool:
        return self.slots.count >= SLOTS and len(self.slots.queue) >= ROOM


class Program:
    """Source, requests and calls as processes."""

    def __init__(self, horizon: float) -> None:
        self.weather = weather(horizon)
        self.env = simpy.Environment()
        self.servers = [
            Server(self.env, index, model)
            for index, model in enumerate(self.weather.deployments.values())
        ]
        self.requests = self.successes = self.attempts = 0
        self.env.process(self.source())

    def source(self) -> Generator[simpy.Event, Any, None]:
        for block in self.weather.blocks():
            draw = Draw(block)
            for i, arrival in enumerate(draw.columns.arrival):
                yield self.env.timeout(arrival - self.env.now)
                self.requests += 1
                self.env.process(self.request(draw, i))

    def request(self, draw: Draw, i: int) -> Generator[simpy.Event, Any, None]:
        for server in self.servers:
            permit = server.breaker.ask(self.env.now)
            if permit is None:
                continue
            status = 0
            for n in range(1 if server.breaker.trying else ATTEMPTS):  # a trial is one send
                if n > 0:
                    yield self.env.timeout(PAUSE)
                status = yield from self.call(server, draw, i, n)
                if status == 200:
                    break
            server.breaker.tell(permit, status != 200, self.env.now)
            if status == 200:
                self.successes += 1
                return

    def call(self, server: Server, draw: Draw, i: int, n: int) -> Generator[simpy.Event, Any, int]:
        self.attempts += 1
        draws = draw.at(server, n)
        if server.full():
            yield self.env.timeout(draws.error_s[i])
            return 503
        deadline = self.env.timeout(TIMEOUT)
        with server.slots.request() as slot:
            yield self.env.any_of([slot, deadline])
            if not slot.triggered:
                return 408
            status, seconds = fate(server, draws, i, self.env.now)
            work = self.env.timeout(seconds)
            ended = yield self.env.any_of([work, deadline])
            return status if work in ended else 408


def fate(server: Server, draws: Any, i: int, now: float) -> tuple[int, float]:
    """Status of a call whose service begins now, and seconds of work until it is answered."""
    conditions, coin = server.now(now), draws.u_outcome[i]
    if coin >= conditions.failure_share:
        return 200, draws.ttft[i] * conditions.slow_down + draws.decode[i] * conditions.slow_down
    status = conditions.failure_status(coin)
    return (status, draws.error_s[i] * conditions.slow_down) if status else (504, HANG)


def run(horizon: float) -> Count:
    """Every request of the horizon to its end."""
    program = Program(horizon)
    program.env.run()
    return Count(program.requests, program.successes, program.attempts)
