"""The model as a bare `heapq` loop: no engine, no coroutines, no objects but one a request. As fast
as plain Python gets."""

from __future__ import annotations

from collections import deque
from heapq import heappop, heappush
from itertools import count

from model import ATTEMPTS, HANG, PAUSE, ROOM, SLOTS, TIMEOUT, Count, Draw, Sky, weather

AGAIN, QUEUED = -1, -2
"""What an entry of the heap means when it is not the end of a call with a status: the pause is
over; the wait for a slot took too long."""


class Server(Sky):
    """One target with its slots, and the line of those who wait for one."""

    __slots__ = ("busy", "line")

    def __init__(self, index: int, model: object) -> None:
        super().__init__(index, model)
        self.busy = 0
        self.line: deque[Request] = deque()


class Request:
    """Where one request is on its way."""

    __slots__ = (
        "deadline",
        "draw",
        "i",
        "most",
        "permit",
        "seconds",
        "server",
        "status",
        "ticket",
        "tries",
    )

    def __init__(self, draw: Draw, i: int) -> None:
        self.draw, self.i = draw, i
        self.server = self.tries = self.permit = self.status = self.ticket = 0
        self.deadline = self.seconds = 0.0


def run(horizon: float) -> Count:
    """Every request of the horizon to its end."""
    made = weather(horizon)
    servers = [Server(index, model) for index, model in enumerate(made.deployments.values())]
    heap: list[tuple[float, int, int, Request]] = []
    number = count(1).__next__
    requests = successes = attempts = 0

    def aim(now: float, request: Request) -> None:
        """To the first target, from the present one on, whose breaker lets it pass."""
        for index in range(request.server, len(servers)):
            permit = servers[index].breaker.ask(now)
            if permit is not None:
                request.server, request.permit, request.tries = index, permit, 0
                # a trial is one send
                request.most = 1 if servers[index].breaker.trying else ATTEMPTS
                send(now, request)
                return

    def send(now: float, request: Request) -> None:
        nonlocal attempts
        attempts += 1
        server = servers[request.server]
        request.deadline = now + TIMEOUT
        if server.busy >= SLOTS and len(server.line) >= ROOM:
            heappush(
                heap,
                (
                    now + request.draw.at(server, request.tries).error_s[request.i],
                    number(),
                    -503,
                    request,
                ),
            )
        elif server.busy < SLOTS:
            server.busy += 1
            begin(now, request)
        else:
            server.line.append(request)
            request.ticket = number()
            heappush(heap, (request.deadline, request.ticket, QUEUED, request))

    def begin(now: float, request: Request) -> None:
        """Its fate is that of the weather now, and its end is known at once: the answer, or the
        deadline if that comes before."""
        request.ticket = 0
        server, i = servers[request.server], request.i
        conditions = server.conditions if now < server.until else server.now(now)
        draws = request.draw.met.get((server.index, request.tries)) or request.draw.at(
            server, request.tries
        )
        coin = draws.u_outcome[i]
        if coin >= conditions.failure_share:
            request.status, request.seconds = (
                200,
                draws.ttft[i] * conditions.slow_down + draws.decode[i] * conditions.slow_down,
            )
        else:
            request.status, request.seconds = (
                conditions.failure_status(coin),
                draws.error_s[i] * conditions.slow_down,
            )
            if request.status == 0:
                request.status, request.seconds = 504, HANG
        end = now + request.seconds
        if end <= request.deadline:
            heappush(heap, (end, number(), request.status, request))
        else:
            heappush(heap, (request.deadline, number(), 408, request))

    def ended(now: float, request: Request, status: int) -> None:
        nonlocal successes
        request.tries += 1
        if status != 200 and request.tries < request.most:
            heappush(heap, (now + PAUSE, number(), AGAIN, request))
            return
        servers[request.server].breaker.tell(request.permit, status != 200, now)
        if status == 200:
            successes += 1
        else:
            request.server += 1
            aim(now, request)

    def step() -> None:
        now, ticket, what, request = heappop(heap)
        if what > 0:
            server = servers[request.server]
            if server.line:
                begin(now, server.line.popleft())
            else:
                server.busy -= 1
            ended(now, request, what)
        elif what == AGAIN:
            send(now, request)
        elif what == QUEUED:
            if request.ticket == ticket:
                servers[request.server].line.remove(request)
                ended(now, request, 408)
        else:
            ended(now, request, -what)

    for block in made.blocks():
        draw = Draw(block)
        requests += block.size
        for i, arrival in enumerate(draw.columns.arrival):
            while heap and heap[0][0] < arrival:
                step()
            aim(arrival, Request(draw, i))
    while heap:
        step()
    return Count(requests, successes, attempts)
