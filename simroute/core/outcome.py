"""What travels back: how one call ended, or began to be answered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from typing import Any, Literal

from simroute.core.value import blank, value


@value
class Outcome:
    """How a call ended. A value: failures are returned, never raised.

    status: HTTP-like (200, 408 timed out here, 429, 499 given up, 500, 503, 529 …).
    target: who answered (None: nobody was asked).
    error: one word for what went wrong ("" when nothing did).
    retry_after: seconds that the provider asks us to wait, where it says so.
    usd: what this answer was billed; input_tokens, output_tokens: what it used.
    by: the layer that made this outcome itself ("" when a provider did).
    cached: "no", "exact" or "semantic"; "stale": of a cache that should have forgotten it;
    "static": a fixed text of a layer.
    answer: what the world calls the answer (opaque to policies; a cache stores it and hands it
    back).
    rest: for a streamed answer whose first token has arrived, what is still to come; None when the
    answer is complete.
    limit: of a call that was given up here (408), the limit of time that it reached ("total",
    "first token", "between chunks", "unstreamed"; "" where the layer does not name it).
    """

    status: int
    target: str | None = None
    error: str = ""
    retry_after: float | None = None
    usd: float = 0.0
    input_tokens: int = 0
    output_tokens: int = 0
    by: str = ""
    cached: str = "no"
    answer: Any = None
    rest: Rest | None = None
    limit: str = ""

    @property
    def ok(self) -> bool:
        """A usable answer (so far, while `rest` is outstanding)."""
        return self.status == 200

    @property
    def cause(self) -> str:
        """Why it failed, in the words of reports ("provider 529", "timed out here: total",
        "refused: budget" …); "" for a usable answer."""
        if self.status == 200:
            return ""
        if self.by:
            return CAUSES.get(self.error) or f"refused: {self.by}"
        if self.error == "timeout":
            return timed_out(self.limit)
        word = CAUSES.get(self.error) or CAUSES_BY_STATUS.get(self.status)
        return word or f"provider {self.status}"

    @property
    def failure(self) -> Failure | None:
        """What kind of failure it is, for layers that act on one kind and not on another; None for
        a usable answer. An answer that a content filter stopped is one, though its status is
        200."""
        if self.error in KINDS_BY_ERROR:
            return KINDS_BY_ERROR[self.error]
        if self.status == 200:
            return None
        if self.by:
            return "refused"
        return KINDS_BY_STATUS.get(self.status) or (
            "server_error" if self.status >= 500 else "client_error"
        )

    @classmethod
    def rejected(
        cls, by: str, status: int = 503, target: str | None = None, retry_after: float | None = None
    ) -> Outcome:
        """Refused by a layer of ours without asking a provider."""
        return cls(status, target, "rejected", retry_after, by=by)

    def then(self, told: Callable[[Outcome], None]) -> Outcome:
        """Call `told` exactly once with the final outcome: now if the answer is complete, otherwise
        when its stream has ended.

        For layers that account: a stream that nobody reads ends too (status 499), so what `told`
        gives back is never leaked.
        """
        if self.rest is None:
            told(self)
        else:
            self.rest.then(told)
        return self

    def _with(self, rest: Rest | None) -> Outcome:
        """The same with another rest."""
        made = blank(Outcome)
        made.status, made.target, made.error = self.status, self.target, self.error
        made.retry_after, made.usd = self.retry_after, self.usd
        made.input_tokens, made.output_tokens = self.input_tokens, self.output_tokens
        made.by, made.cached, made.answer = self.by, self.cached, self.answer
        made.rest, made.limit = rest, self.limit
        return made  # type: ignore[no-any-return]

    def wrap(self, work: Callable[[Rest], Awaitable[Outcome]]) -> Outcome:
        """The same answer, but its rest comes through `work(rest)`; unchanged when the answer is
        complete."""
        if self.rest is None:
            return self
        return self._with(self.rest.wrap(work))


CAUSES = {
    "hang": "hang",
    "truncated": "truncated",
    "stalled": "stalled",
    "rate_limited": "rate limited",
    "too_large": "rate limited: too large",
    "insufficient_quota": "quota used up",
    "overloaded": "overloaded",
    "gateway_full": "gateway full",
    "invalid": "client error",
    "caller_left": "the caller gave up",
    "refused": "connection refused",
    "unreachable": "no connection",
    "reset": "connection reset",
    "invalid_body": "invalid body",
    "context_length": "context length",
    **{f"http {status}": "client error" for status in (400, 409, 413, 422)},
}
"""`Outcome.error` -> why it failed, in the words of reports."""
Failure = Literal[
    "timeout",
    "rate_limit",
    "quota",
    "context_length",
    "content_filter",
    "refused",
    "server_error",
    "client_error",
]
"""Kinds of failure that ask for different remedies; `refused`: by a layer further in."""
KINDS_BY_ERROR: dict[str, Failure] = {
    "insufficient_quota": "quota",
    "context_length": "context_length",
    "content_filter": "content_filter",
}
KINDS_BY_STATUS: dict[int, Failure] = {408: "timeout", 504: "timeout", 429: "rate_limit"}
CAUSES_BY_STATUS = {429: "rate limited", 499: "given up"}
"""The same by status, where no error of `CAUSES` is stated."""


def timed_out(limit: str) -> str:
    """Why a call failed that a layer of ours gave up when it reached this limit of time."""
    return f"timed out here: {limit}" if limit else "timed out here"


class Rest:
    """The part of a streamed answer after its first token: await it for the final outcome, hand it
    on, wrap it, or let it be.

    Awaiting it again gives the same outcome. One that nobody awaits is closed by the world when its
    request ends.
    """

    __slots__ = ("_began", "_inner", "_open", "_outer", "_told", "outcome")

    def __init__(self, work: Callable[..., Awaitable[Outcome]], inner: Rest | None = None) -> None:
        """`work()` is awaited, or `work(inner)` where another one is wrapped."""
        self._open = work
        self._inner = inner
        self._outer: Rest | None = None
        self._told: tuple[Callable[[Outcome], None], ...] = ()
        self._began = False
        self.outcome: Outcome | None = None

    def wrap(self, work: Callable[[Rest], Awaitable[Outcome]]) -> Rest:
        """A rest that comes through `work(self)`."""
        self._outer = outer = Rest(work, self)
        return outer

    @property
    def source(self) -> Rest:
        """The stream itself, inside all that wraps it."""
        return self if self._inner is None else self._inner.source

    def then(self, told: Callable[[Outcome], None]) -> None:
        """Call `told` once with the final outcome, at once if it is there."""
        if self.outcome is None:
            self._told = (*self._told, told)
        else:
            told(self.outcome)

    def __await__(self) -> Generator[Any, Any, Outcome]:
        if self.outcome is None:
            if self._began:
                raise RuntimeError("the rest of a streamed answer is already being awaited")
            self._began = True
            try:
                inner = self._inner
                work: Any = self._open() if inner is None else self._open(inner)
                outcome = yield from work.__await__() if hasattr(work, "__await__") else work
            except BaseException:  # cancelled, or a bug: either way the stream is over
                self._end(GIVEN_UP)
                raise
            self._end(outcome)
        assert self.outcome is not None
        return self.outcome

    def close(self) -> None:
        """End it unread: whoever asked to be told hears of status 499."""
        if self._inner is not None:
            self._inner.close()
        self._end(GIVEN_UP)

    def close_all(self) -> None:
        """Close this rest and every wrap around it, as the world does when a request ends."""
        outer = self._outer
        self.close()
        if outer is not None:
            outer.close_all()

    def _end(self, outcome: Outcome) -> None:
        if self.outcome is None:
            self.outcome = outcome._with(None) if outcome.rest is not None else outcome
            self._outer = None  # no cycle: the outer one knows this
            told, self._told = self._told, ()
            for tell in told:
                tell(self.outcome)


async def complete(sent: Awaitable[Outcome]) -> Outcome:
    """What was sent, once its answer is there to the last token."""
    outcome = await sent
    return outcome if outcome.rest is None else await outcome.rest


GIVEN_UP = Outcome(499, error="given up")
