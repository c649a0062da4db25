"""Refuse what matters less, while there is too much."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Annotated

from simroute.core import Call, Outcome, Send, World, layer
from simroute.core.params import ILL, Doc, Period, Positive, Seconds, Share, Status, WorkName
from simroute.gauges.load import Load


@layer("shed")
@dataclass
class Shed:
    """Refuses stated work at once while so many calls are under way, or while so many fail; what is
    not named is never refused.

    Each task or feature has a limit of its own, so that the least important goes first. Calls of
    all work count, those of this gateway's replica alone. The share that fails is of the calls that
    ended within `window`; where all work is shed nothing ends, so after `window` it is let in
    again. A refusal is no failure, nor is a 429 unless listed. Events: `shed` when a work begins to
    be refused, `admitted` when it is let in again.

    Source: Beyer et al., Site Reliability Engineering (2016), ch. 21, criticality; Amazon Builders'
    Library, Using load shedding to avoid overload.

    Example:

        shed:     {in_flight: {search: 20, assistant: 60}, failing: {search: 0.2}}
        fallback: {targets: [first, other_company]}
        timeout:  {total: 30s, first_token: 10s}

    Interplay: By Little's law there are rate x latency calls under way: a limit below that of a
    calm day refuses then, too. `in_flight` notices slowness, `failing` errors; during an outage
    that is repaired elsewhere neither shows outside the fallback, so stand it outside to shed what
    callers would feel, and inside for each target's own load. What is refused costs nothing and is
    not answered: a `queue` outside lets it wait, and `static_answer` says so kindly.
    """

    in_flight: Annotated[
        dict[WorkName, Positive], Doc("calls under way from which on this work is refused")
    ] = field(default_factory=dict)
    failing: Annotated[
        dict[WorkName, Share], Doc("share of failed calls from which on this work is refused")
    ] = field(default_factory=dict)
    window: Annotated[Period, Doc("over which failures are counted")] = 30.0
    min_calls: Annotated[Positive, Doc("calls within it before their share counts")] = 20
    retry_after: Annotated[Seconds | None, Doc("what refused callers are told to wait")] = None
    statuses: Annotated[tuple[Status, ...], Doc("what counts as a failure")] = ILL

    def __post_init__(self) -> None:
        self._load = Load(self.window, self.min_calls)
        self._shed: set[str] = set()

    async def __call__(self, call: Call, send: Send, world: World) -> Outcome:
        if self._is_refused(call, world):
            return Outcome.rejected("shed", 503, retry_after=self.retry_after)
        self._load.begin()
        outcome = None
        try:
            outcome = await send(call)
        finally:
            if outcome is None:
                self._load.end(world.now(), None)
        return outcome.then(partial(self._tell, world))

    def _tell(self, world: World, outcome: Outcome) -> None:
        failed = outcome.status in self.statuses
        counts = bool(self.failing) and not outcome.by and (failed or outcome.ok)
        self._load.end(world.now(), failed if counts else None)

    def _is_refused(self, call: Call, world: World) -> bool:
        refused, load = False, self._load
        for work in dict.fromkeys((call.request.task, call.request.feature)):
            over = work in self.in_flight and load.under_way >= self.in_flight[work]
            if not over and work in self.failing:
                share = load.failing(world.now())
                over = share >= self.failing[work] and share > 0
            if over != (work in self._shed):
                self._shed ^= {work}
                world.emit("shed" if over else "admitted", call, work=work)
            refused |= over
        return refused
