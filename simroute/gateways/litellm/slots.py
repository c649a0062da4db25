"""Calls in flight to one deployment, and the line of those who wait."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from simroute.core import Gate


class Slots:
    """So many calls at a time, first come first served, without a limit to the wait."""

    def __init__(self, most: int) -> None:
        self._free = most
        self._line: OrderedDict[Gate, None] = OrderedDict()

    @property
    def is_full(self) -> bool:
        return self._free == 0 or bool(self._line)

    async def take(self, make_gate: Callable[[], Gate]) -> None:
        """Wait for a slot."""
        if not self.is_full:
            self._free -= 1
            return
        gate, had = make_gate(), False
        self._line[gate] = None
        try:
            await gate
            had = True
        finally:
            if not had and self._line.pop(gate, gate) is gate:  # its turn came as it left
                self.give()

    def give(self) -> None:
        """A call has ended: the next one has its slot."""
        if self._line:
            self._line.popitem(last=False)[0].open()
        else:
            self._free += 1
