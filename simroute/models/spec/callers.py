"""`workload` as it is written, what concerns the callers themselves: crowds, users who wait for
their answers, give up and ask again, conversations."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from simroute.core.params import (
    Count,
    Doc,
    Factor,
    Period,
    Positive,
    Range,
    Seconds,
    Share,
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
class AskAgain:
    """Users who press again: a request that failed, or that its caller left, is asked once more,
    as a request of its own with luck of its own."""

    share: Annotated[Share, Doc("of unanswered requests that are asked again")] = 0.0
    most: Annotated[Positive, Range(1, 15), Doc("how often one is asked again")] = 3
    delay: Annotated[Pause, Doc("until then")] = field(default_factory=lambda: Pause(median=5.0))
