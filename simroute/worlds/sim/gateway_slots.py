"""The requests that one gateway process serves at a time."""

from __future__ import annotations

from collections import deque
from dataclasses import replace

from simroute.core import Call, Gate, Outcome, Request, Send, World
from simroute.gauges.line import Line, Order


class GatewaySlots:
    """Outside all layers of a replica: so many requests under way, so many more in line, served in
    `order`; beyond it one gets 503, the least urgent, of equals the one that has just come. A
    streamed answer holds its slot to its end."""

    kind = "gateway"

    def __init__(self, concurrency: int, queue: int, order: Order | None = None) -> None:
        self._free, plain = concurrency, order is None or order == Order()
        self._line: Arrivals | Line[Gate] = (
            Arrivals(queue) if order is None or plain else Line(replace(order, most=queue))
        )
        self._called: set[Gate] = set()  # those whose turn it is, and who do not know it yet

    async def __call__(self, call: Call, send: Send, world: World) -> Outcome:
        if self._free:
            self._free -= 1
        elif not await self._wait(call.request, world):
            return Outcome(503, None, "gateway_full", by=self.kind)
        try:
            outcome = await send(call)
        except BaseException:  # the caller has gone
            self._give()
            raise
        return outcome.then(lambda _: self._give())

    async def _wait(self, request: Request, world: World) -> bool:
        """Whether it has a slot in the end."""
        turn = world.gate()
        refused = self._line.join(turn, request)
        if refused is turn:
            return False
        if refused is not None:
            refused.open(False)
        try:
            return bool(await turn)
        except BaseException:  # the caller has gone
            self._line.leave(turn)
            if turn in self._called:
                self._give()
            raise
        finally:
            self._called.discard(turn)

    def _give(self) -> None:
        """The slot goes to the first in line."""
        if len(self._line):
            turn = self._line.pop()
            self._called.add(turn)
            turn.open(True)
        else:
            self._free += 1


class Arrivals:
    """A line in the order of arrival, of so many at most: as `Line`, in no time for each."""

    def __init__(self, most: int) -> None:
        self._most, self._waiting = most, deque[Gate]()

    def __len__(self) -> int:
        return len(self._waiting)

    def join(self, turn: Gate, _request: Request) -> Gate | None:
        """Returns the one who must go, which is the newcomer."""
        if len(self._waiting) >= self._most:
            return turn
        self._waiting.append(turn)
        return None

    def leave(self, turn: Gate) -> None:
        """Waits no more, if it did."""
        if turn in self._waiting:
            self._waiting.remove(turn)

    def pop(self) -> Gate:
        """Who goes first; there must be one."""
        return self._waiting.popleft()
