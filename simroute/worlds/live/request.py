"""Requests in front of real providers: of callers, and of layers themselves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from simroute.core import Rest

PING = b'{"messages":[{"role":"user","content":"ping"}],"max_tokens":1}'


class SendKey:
    """An idempotency key, and what has been counted for sends with it that were given up: by target
    nano-USD, and the part of them that the estimate of `unbilled` holds as well."""

    __slots__ = ("_numbers", "_value", "given_up")

    def __init__(self, value: str) -> None:
        self._value = value
        self._numbers: dict[str, int] = {}
        self.given_up: dict[str, tuple[int, int]] = {}

    def of(self, target: str) -> str:
        """The key there: no two targets have the same, since their models differ."""
        return f"{self._value}-{self._numbers.setdefault(target, len(self._numbers))}"

    def take_back(self, request: LiveRequest, target: str) -> int:
        """There is another bill, or estimate, for the work of a send that was given up: returns
        what had been counted for it."""
        if target not in self.given_up:
            return 0
        nano, twice = self.given_up.pop(target)
        request.unbilled.remove(target)
        request.twice_nano -= twice
        return nano


@dataclass(eq=False, slots=True)
class LiveRequest:
    """A request of a caller. `payload` is what the transport sends: the body in JSON, without its
    model.

    is_repeatable: what it asks for has one answer, which a cache may give again. is_kept: a cache
    or a judge may want its stream. wants_usage: its caller asked a stream for usage. nano: billed
    so far; twice_nano: the part of it that the estimates of `unbilled` hold as well. under_way:
    sends that have not ended. classified: by layer, the task that it is taken for. plain: its key
    without what is ignored of its form; plain_keys: by (layer, replica), if one ignores any.
    """

    id: int
    key: Any
    arrival: float
    task: str = "-"
    user: str = "-"
    feature: str = "-"
    session: str = "-"
    input_tokens: int = 0
    max_output_tokens: int = 4096
    streamed: bool = False
    forbids: frozenset[str] = frozenset()
    replica: int = 0
    payload: bytes = field(default=b"{}", repr=False)
    is_repeatable: bool = False
    is_kept: bool = False
    wants_usage: bool = False
    connect_s: float | None = None
    sends: dict[str, int] = field(default_factory=dict)
    asked: dict[tuple[str, str], int] = field(default_factory=dict)
    attempts: int = 0
    under_way: int = 0
    nano: int = 0
    twice_nano: int = 0
    unbilled: list[str] = field(default_factory=list)
    classified: dict[str, str] = field(default_factory=dict)
    rests: list[Rest] = field(default_factory=list)
    question: Callable[[], Any] | None = field(default=None, repr=False)
    plain: Callable[[Sequence[str]], Any] | None = field(default=None, repr=False)
    plain_keys: dict[tuple[str, int], Any] = field(default_factory=dict)
    meaning: Any = field(default=None, repr=False)


def pinging(number: int, now: float, replica: int) -> LiveRequest:
    """The request of a ping: one token each way."""
    return LiveRequest(
        -1,
        ("ping", number),
        now,
        replica=replica,
        max_output_tokens=1,
        input_tokens=1,
        payload=PING,
    )


def copied(original: Any, now: float, replica: int) -> LiveRequest:
    """One that asks the same, and belongs to nobody."""
    return LiveRequest(
        -1,
        original.key,
        now,
        original.task,
        original.user,
        original.feature,
        original.session,
        original.input_tokens,
        original.max_output_tokens,
        original.streamed,
        original.forbids,
        replica,
        original.payload,
    )
