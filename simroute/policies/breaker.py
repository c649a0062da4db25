"""Stop calling what fails."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from simroute.core import Call, Outcome, Send, World, layer
from simroute.core.params import Count, Doc, Period, Positive, Share, Status
from simroute.gauges.breaker import BreakerState, Permit

FAILURES: tuple[int, ...] = (408, 500, 502, 503, 504, 529)


@layer("breaker")
@dataclass
class Breaker:
    """Stops calling a failing target for a while: failures within a window open it, a trial closes it again.

    A cancelled call (499) is neutral, and so is a 429 unless listed. Source: Nygard, Release It! (2007), ch. 5.
    """

    failures: Annotated[Positive, Doc("so many open it")] = 3
    window: Annotated[Period, Doc("within so long")] = 30.0
    cooldown: Annotated[Period, Doc("time until a trial call may pass")] = 30.0
    probes: Annotated[Positive, Doc("trial calls at once")] = 1
    successes: Annotated[Positive, Doc("trials that must succeed to close it")] = 1
    rate: Annotated[Share | None, Doc("open on this share of failures instead of their number")] = None
    min_calls: Annotated[Count, Doc("calls in the window before the share counts")] = 10
    last: Annotated[Positive | None, Doc("count over the last so many calls instead of a time")] = None
    consecutive: Annotated[bool, Doc("count failures in a row; a success starts afresh")] = False
    probe_limit: Annotated[Period, Doc("a trial without an answer counts as failed after this")] = 120.0
    scope: Annotated[Literal["provider", "deployment", "task"], Doc("one breaker for each; task: for each deployment and task")] = "provider"
    statuses: Annotated[tuple[Status, ...], Doc("what counts as a failure")] = FAILURES

    def __post_init__(self) -> None:
        self._states: dict[object, BreakerState] = {}

    async def __call__(self, call: Call, send: Send, world: World) -> Outcome:
        target = call.target if call.target is not None else next(iter(world.targets()))
        state = self._state(target, call, world)
        permit = state.ask(world.now())
        if permit is None:
            return Outcome.rejected(by="breaker", target=target, retry_after=max(0.0, state.retry_at - world.now()))
        outcome = None
        try:
            outcome = await send(call.as_probe() if permit.probe else call)
        finally:
            if outcome is None:
                state.release(permit)  # a cancelled trial must not block the way for ever
        if outcome.rest is None:
            self._tell(state, permit, outcome, call, target, world)
            return outcome
        return outcome.then(lambda final: self._tell(state, permit, final, call, target, world))

    def _tell(self, state: BreakerState, permit: Permit, outcome: Outcome, call: Call, target: str, world: World) -> None:
        failed = outcome.status in self.statuses
        if not failed and outcome.status in (429, 499):
            state.release(permit)
            return
        entered = state.tell(permit, failed, world.now())
        if entered is not None:
            world.emit("opened" if entered == "open" else "closed", call, target=target, status=outcome.status)

    def _state(self, target: str, call: Call, world: World) -> BreakerState:
        key: object = target
        if self.scope == "provider":
            key = world.targets()[target].provider
        elif self.scope == "task":
            key = target, call.request.task
        state = self._states.get(key)
        if state is None:
            state = self._states[key] = BreakerState(
                self.failures, self.window, self.cooldown, self.probes, self.successes, self.rate, self.min_calls, self.last, self.consecutive,
                self.probe_limit,
            )  # fmt: skip
        return state
