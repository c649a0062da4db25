"""What callers of the gateway get, and what is told of a request that has ended."""

from __future__ import annotations

import json
from typing import NamedTuple

from simroute.core import Outcome
from simroute.worlds.live import LiveRequest
from simroute.worlds.live.streams import said_in


class GatewayClosed(Exception):
    """The gateway takes no calls any more."""


class GatewayError(Exception):
    """There was no answer, or half of one; `answer` says how the request ended."""

    def __init__(self, answer: Answer) -> None:
        why = f" ({answer.error})" if answer.error else ""
        super().__init__(f"status {answer.status}{why}")
        self.answer = answer


class Answer(NamedTuple):
    """How a request ended.

    >>> answer = await gateway.complete({"messages": messages})
    >>> answer.text if answer.status == 200 else answer.status

    status: 200 for a usable answer. body: the provider's own bytes; of a failure, what it said to a
    mistake of the caller, else empty. target: the deployment that answered. attempts: sends.
    cached: as `core.Outcome`. usd: what the whole request was billed. error: one word.
    by: the layer that refused. retry_after: seconds to wait, where a provider or a layer says so.
    """

    status: int
    body: bytes
    target: str | None
    attempts: int
    cached: str
    usd: float
    error: str = ""
    by: str = ""
    retry_after: float | None = None

    @property
    def text(self) -> str:
        """What the first choice says; empty without an answer, or for a tool call."""
        if self.status != 200 or not self.body:
            return ""
        content = json.loads(self.body)["choices"][0]["message"].get("content")
        return content if isinstance(content, str) else ""


class Chunk(bytes):
    """Bytes of a streamed answer, whole events, as the provider sent them."""

    @property
    def text(self) -> str:
        """What the first choice says in them."""
        return said_in(bytes(self))


class RequestRow(NamedTuple):
    """One request, as in the ledger of a simulation. Times are seconds of the world's clock."""

    request: LiveRequest
    end_s: float
    ttft_s: float | None
    outcome: Outcome
