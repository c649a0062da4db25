"""Do not wait for ever."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import Annotated

from simroute.core import Call, Outcome, Rest, Send, World, layer
from simroute.core.params import Doc, Period, Seconds, TaskName
from simroute.gauges.time_limits import UNSTATED, Limits, TimeLimits

TOTAL, FIRST_TOKEN, BETWEEN_CHUNKS = "total", "first token", "between chunks"
UNSTREAMED = "unstreamed"
"""What reports call the limits."""


@layer("timeout")
@dataclass
class Timeout:
    """Gives a call up (status 408) when its answer is not complete in time or, streamed, when its
    first token is not there in time, or when nothing more of it comes for too long; and bounds how
    long its sends wait for a connection (503, where none is made).

    Simulated tokens come at equal distances from the first to the last. Live, what counts between
    chunks is events that carry data, while the caller reads as fast as the provider writes. Limits
    may differ by task, and grow with the prompt and with the output that is allowed. Source: the
    clients of OpenAI and Anthropic, which limit a call in these ways (to 600 s in all unless told
    otherwise); Dean and Barroso, The Tail at Scale (2013), for finding a slow server early.

    Example:

        fallback: {targets: [first, other_company]}
        timeout:  {total: 30s, first_token: 5s, between_chunks: 10s}

    Interplay: `total` bounds the whole answer, so it must leave room for long ones: too short, and
    healthy calls are cut, billed and asked again. Where some answers are much longer than others,
    one limit is too short for these or too long for those: `tasks` and `per_output_token` give each
    its own (by the caller's max_output_tokens, since nobody knows the true length yet).
    `first_token` finds a hang or a slow provider much sooner, but for streamed requests only
    (`workload.streamed` says how many there are), and a fallback can then still help, which after
    the first token nobody can; `unstreamed` does it for the others, as a limit to the response's
    first byte does, and cuts whole answers that take longer. `between_chunks` ends a stream that
    has stalled long before `total` does, which saves the caller's time and not the answer; shorter
    than a slow model's time per token, it cuts healthy ones; `connect` finds a host that cannot be
    reached before anything else can, and costs nothing. Inside a fallback or retry each try has its
    own time, and a request may wait for several; outside, one time covers all of them. Whether a
    call that is given up is billed whole is the scenario's `abandoned`.
    """

    total: Annotated[Period, Doc("to the complete answer")] = 30.0
    first_token: Annotated[Period | None, Doc("to the first token of a streamed answer")] = None
    between_chunks: Annotated[
        Period | None, Doc("from one token of a streamed answer to the next, once it has begun")
    ] = None
    unstreamed: Annotated[
        Period | None, Doc("to an answer that is not streamed, in place of total; default: total")
    ] = None
    connect: Annotated[
        Period | None,
        Doc("to a connection, of each send inside; default: 5 s, the gateway's own"),
    ] = None
    per_1k_input: Annotated[
        Seconds, Doc("added to total and first_token for each 1,000 input tokens")
    ] = 0.0
    per_output_token: Annotated[
        Seconds, Doc("added to total for each token of output that the caller allows")
    ] = 0.0
    tasks: Annotated[dict[TaskName, TimeLimits], Doc("other limits, by task")] = field(
        default_factory=dict
    )

    def __post_init__(self) -> None:
        self._varies = bool(self.tasks or self.per_1k_input or self.per_output_token)
        self._limits = Limits(self.total, self.first_token, self.between_chunks)
        self._whole = Limits(self.total if self.unstreamed is None else self.unstreamed)
        self._of_whole = TOTAL if self.unstreamed is None else UNSTREAMED
        self._is_plain = not self._varies and self.connect is None

    def __call__(self, call: Call, send: Send, world: World) -> Awaitable[Outcome]:
        request = call.request
        if self._is_plain and not request.streamed:
            within = world.within
            return within(self._whole.total, send(call), self._of_whole)
        if self.connect is not None:
            world.limit_connection(call, self.connect)
        limits = self._limits if request.streamed else self._whole
        if self._varies:
            own = self.tasks.get(request.task, UNSTATED)
            limits = own.of(request, limits, self.per_1k_input, self.per_output_token)
        if request.streamed:
            return _stream(call, send, world, limits)
        return world.within(limits.total, send(call), self._of_whole)


async def _stream(call: Call, send: Send, world: World, limits: Limits) -> Outcome:
    total, first, silence = limits
    end = world.now() + total
    if first is None or first >= total:
        outcome = await world.within(total, send(call), TOTAL)
    else:
        outcome = await world.within(first, send(call), FIRST_TOKEN)

    def bounded(rest: Rest) -> Awaitable[Outcome]:
        left = max(0.0, end - world.now())
        if silence is None:
            return world.within(left, rest, TOTAL)
        return world.within(left, world.flowing(silence, rest, BETWEEN_CHUNKS), TOTAL)

    return outcome.wrap(bounded)
