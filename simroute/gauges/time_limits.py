"""How long a call may take, by what it is and how long its answer may be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, NamedTuple

from simroute.core.call import Request
from simroute.core.params import Doc, Period


class Limits(NamedTuple):
    """Seconds to the complete answer, to the first token of a streamed one, and from one token of
    it to the next; None where there is no limit."""

    total: float
    first_token: float | None = None
    between_chunks: float | None = None


@dataclass(frozen=True)
class TimeLimits:
    """Of one task; what is left out is that of all."""

    total: Annotated[Period | None, Doc("to the complete answer")] = None
    first_token: Annotated[Period | None, Doc("to the first token of a streamed answer")] = None
    between_chunks: Annotated[Period | None, Doc("from one token to the next")] = None

    def of(
        self, request: Request, usual: Limits, per_1k_input: float, per_output_token: float
    ) -> Limits:
        """The limits of one request: seconds more for 1,000 input tokens until it begins, and for
        each token of output that it allows until it ends."""
        total = usual.total if self.total is None else self.total
        first = usual.first_token if self.first_token is None else self.first_token
        silence = usual.between_chunks if self.between_chunks is None else self.between_chunks
        prompt = per_1k_input * request.input_tokens / 1000
        total += prompt + per_output_token * request.max_output_tokens
        return Limits(total, None if first is None else first + prompt, silence)


UNSTATED = TimeLimits()
