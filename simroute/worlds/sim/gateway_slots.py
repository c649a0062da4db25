"""The requests that one gateway process serves at a time."""

from __future__ import annotations

from collections import deque

from simroute.core import Call, Gate, Outcome, Send, World


class GatewaySlots:
    """Outside all layers of a replica: so many requests under way, so many more in line, first
    come first served; others get 503 at once. A streamed answer holds its slot to its end."""

    kind = "gateway"

    def __init__(self, concurrency: int, queue: int) -> None:
        self._free, self._queue = concurrency, queue
        self._line: deque[Gate] = deque()

    async def __call__(self, call: Call, send: Send, world: World) -> Outcome:
        if self._free == 0 and len(self._line) >= self._queue:
            return Outcome(503, None, "gateway_full", by=self.kind)
        await self._take(world)
        try:
            outcome = await send(call)
        except BaseException:  # the caller has gone
            self._give()
            raise
        return outcome.then(lambda _: self._give())

    async def _take(self, world: World) -> None:
        if self._free:
            self._free -= 1
            return
        turn = world.gate()
        self._line.append(turn)
        try:
            await turn
        except BaseException:  # the caller has gone
            if turn in self._line:
                self._line.remove(turn)
            else:
                self._give()  # it was its turn already
            raise

    def _give(self) -> None:
        """The slot goes to the first in line."""
        if self._line:
            self._line.popleft().open()
        else:
            self._free += 1
