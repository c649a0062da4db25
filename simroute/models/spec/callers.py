"""`workload` as it is written, what concerns the callers themselves: crowds, users who wait for
their answers, give up and ask again, conversations."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from simroute.core.params import (
    Count,
    Doc,
    Factor,
    Name,
    Period,
    Positive,
    Range,
    Seconds,
    Share,
    Unit,
    When,
)
from simroute.models.spec.kinds import Sigma


@dataclass(frozen=True)
class Spike:
    """A crowd that comes and goes: the rate is so many times as high for a while, whatever the
    hour. Where spikes overlap, their factors multiply."""

    start: Annotated[When, Doc("when it begins: 2h, or 30%")]
    end: Annotated[When, Doc("when it is over")]
    factor: Annotated[Factor, Doc("of the rate meanwhile; below 1: fewer than usual")] = 3.0


@dataclass(frozen=True)
class Pause:
    """How long somebody waits, drawn anew each time: lognormal around a `median`, or exponential
    with a `mean`. Give one of the two."""

    median: Annotated[Seconds | None, Doc("of a lognormal: half wait longer")] = None
    sigma: Annotated[Sigma, Doc("spread of the lognormal; 0: always the median")] = 0.0
    mean: Annotated[Period | None, Doc("of an exponential")] = None


@dataclass(frozen=True)
class Callers:
    """A fixed number of callers instead of a rate: each asks, waits for the answer, thinks, and
    asks again (a closed loop). When answers are slow, fewer requests come."""

    count: Annotated[Count, Doc("how many; 0: requests come by `rate`")] = 0
    think: Annotated[Pause, Doc("between an answer and the next request of the caller")] = field(
        default_factory=lambda: Pause(mean=60.0)
    )
    staggered: Annotated[
        bool, Doc("each begins after a time to think; false: all ask at t = 0")
    ] = True


@dataclass(frozen=True)
class Sessions:
    """Conversations: some turns one after the other, each prompt with all that was said before in
    front of it. User, feature, task and replica are those of the conversation.

    Chats of RAGPulse: turns 1.78, shape 1, think 56 s (sigma 1.53). Agents of LMCache's traces:
    turns 20 to 30, shape 2 to 11, .3 to 5.6 s from request to request (next: clock).
    """

    turns: Annotated[
        float,
        Unit("turns"),
        Range(low=1),
        Doc("mean requests of a conversation; 1: requests have nothing to do with each other"),
    ] = 1.0
    shape: Annotated[
        Factor, Doc("1: geometric, so that some are long; agents 2 to 11: more alike")
    ] = 1.0
    think: Annotated[Pause, Doc("until the next turn")] = field(
        default_factory=lambda: Pause(median=56.0, sigma=1.53)
    )
    next: Annotated[
        Literal["answer", "clock"],
        Doc("whether the time to think begins with the answer, or with the turn before"),
    ] = "answer"
    grows: Annotated[bool, Doc("prompts begin with the turns before; false: they are new")] = True
    context: Annotated[
        float, Unit("tokens"), Range(low=1), Doc("of the turns before, at most; older ones go")
    ] = 150_000.0


@dataclass(frozen=True)
class ClientOptions:
    """Which part of a file of clients is played, and how much of it."""

    model: Annotated[
        Name | None, Doc("only clients of this model in the file; default: the first one")
    ] = None
    factor: Annotated[Factor, Doc("of all rates; gaps stay as uneven as they are")] = 1.0
    start: Annotated[Seconds, Doc("t = 0 in the file's own time")] = 0.0


@dataclass(frozen=True)
class AskAgain:
    """Users who press again: a request that failed, or that its caller left, is asked once more,
    as a request of its own with luck of its own."""

    share: Annotated[Share, Doc("of unanswered requests that are asked again")] = 0.0
    most: Annotated[Positive, Range(1, 15), Doc("how often one is asked again")] = 3
    delay: Annotated[Pause, Doc("until then")] = field(default_factory=lambda: Pause(median=5.0))
