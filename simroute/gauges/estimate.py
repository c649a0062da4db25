"""How long an answer will be, by those of its task lately."""

from __future__ import annotations

from simroute.core.call import Request
from simroute.core.target import Price
from simroute.gauges.latency import Recent
from simroute.gauges.newest import Newest

MEMORY_S = 3600.0


class OutputLengths:
    """Tokens of answers by task; before the first of a task an eighth of what the caller
    allows."""

    def __init__(self) -> None:
        self._seen: Newest[str, Recent] = Newest()

    def add(self, now: float, task: str, tokens: int) -> None:
        """An answer had so many."""
        seen = self._seen.get(task)
        if seen is None:
            seen = self._seen[task] = Recent(MEMORY_S)
        seen.add(now, tokens)

    def expected(self, task: str, most: int) -> float:
        """Tokens of the next one, of `most` that are allowed."""
        seen = self._seen.get(task)
        return most / 8 if seen is None or seen.mean is None else seen.mean

    def cost(self, price: Price, request: Request, how: str) -> float:
        """USD of a call: with an answer of the `expected` length, of the most that is allowed
        (`max`), or nothing before its bill is there (`none`)."""
        if how == "none":
            return 0.0
        most, asked = request.max_output_tokens, request.input_tokens
        if how == "max":
            return price.most(asked, most)
        return price.of(asked, round(self.expected(request.task, most)))
