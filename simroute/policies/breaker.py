"""Stop calling what fails."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Annotated, Literal

from simroute.core import Call, Outcome, Send, World, layer
from simroute.core.call import TARGET
from simroute.core.outcome import REST, STATUS
from simroute.core.params import Doc, Period, Positive, Share, Status
from simroute.gauges.breaker import BreakerState, Permit

MOST_TASKS = 10_000
"""Breakers of deployment and task; beyond so many the oldest begins anew."""


@layer("breaker")
@dataclass
class Breaker:
    """Stops calling a failing target for a while: failures within a window open it, trials close it
    again.

    The stated statuses are failures and a complete 200 is a success; all else is neutral: a 429
    (unless listed), a 499, a refusal by a layer further in. Its events say under `breaker` which
    one it was: the provider, the deployment, or "deployment (task)"; their target is that of the
    call at hand. Source: Nygard, Release It! (2007), ch. 5; corner cases: gauges.breaker.

    Example:

        fallback: {targets: [first, other_company]}
        breaker:  {failures: 3, window: 30s, cooldown: 30s, probes: 1}
        timeout:  {total: 30s, first_token: 10s}

    Interplay: `failures` within `window` open it, so the two must fit the traffic: three within 30
    s never come together where a call is made every 20 s. While it is open, calls are refused at
    once, which helps only if a layer further out, such as a fallback, knows whom else to ask. After
    each `cooldown` up to `probes` calls are tried, and the outage's error share of them is wasted:
    a long cooldown wastes few, but finds the recovery later, and in a partial outage a trial often
    succeeds by luck and closes it, unless `successes` asks for several. `rate` replaces `failures`
    by a share, which holds in busy and quiet hours alike, but says nothing before `min_calls` calls
    (`count_window` and `consecutive` replace the time window by the last calls, or by failures in a
    row). What counts as one call is all that the layers inside make of it: with a `retry` there,
    its last answer, in a trial too; `trial: send` lets a trial have one send only, which spares a
    struggling provider and finds the recovery later (with an error share e, two tries close it in 1
    - e² of the trials, one in 1 - e), and `probe_limit` must leave it that time. `scope` decides
    who shares a breaker: by provider, one failing model shuts its siblings as well, and an outage
    of all is found sooner; by deployment or task each learns alone.
    """

    failures: Annotated[Positive, Doc("so many open it")] = 3
    window: Annotated[Period, Doc("within so long")] = 30.0
    cooldown: Annotated[Period, Doc("time until a trial may pass")] = 30.0
    probes: Annotated[Positive, Doc("trials at a time")] = 1
    successes: Annotated[Positive, Doc("trials that must succeed to close it")] = 1
    rate: Annotated[Share | None, Doc("open on this share of failures instead of their number")] = (
        None
    )
    min_calls: Annotated[Positive, Doc("calls before the share counts; at most count_window")] = 10
    count_window: Annotated[
        Positive | None, Doc("look at the last so many calls instead of a time")
    ] = None
    consecutive: Annotated[bool, Doc("count failures in a row, whenever they were")] = False
    probe_limit: Annotated[Period, Doc("a trial without an answer counts as failed after this")] = (
        120.0
    )
    trial: Annotated[
        Literal["call", "send"],
        Doc("what a trial is: the whole call with its retries inside, or a single send"),
    ] = "call"
    scope: Annotated[
        Literal["provider", "deployment", "task"],
        Doc("one breaker for each; task: for each deployment and task"),
    ] = "provider"
    statuses: Annotated[tuple[Status, ...], Doc("what counts as a failure")] = (
        408,
        500,
        502,
        503,
        504,
        529,
    )

    def __post_init__(self) -> None:
        self._states: dict[object, BreakerState] = {}
        self._shared: dict[object, BreakerState] = {}
        self._names: dict[BreakerState, str] = {}

    async def __call__(self, call: Call, send: Send, world: World) -> Outcome:
        target = call[TARGET]
        key = (target, call.request.task) if self.scope == "task" else target
        state = self._states.get(key) or self._join(key, call, world)
        quiet = state.quiet
        if quiet is None:
            return await self._guard(state, call, send, world)
        # closed, and a success would change nothing: nobody need ask, tell or give back
        outcome = await send(call)
        if outcome[STATUS] == 200 and outcome[REST] is None and state.quiet is quiet:
            return outcome
        # `partial`, since what a lambda sees is made a cell at every call, needed or not
        return outcome.then(partial(self._tell, state, quiet, call, world))

    async def _guard(self, state: BreakerState, call: Call, send: Send, world: World) -> Outcome:
        permit = state.ask(world.now())
        if state.news:
            self._report(state, call, world)
        if permit is None:
            return Outcome.rejected("breaker", 503, _target(call, world), state.wait(world.now()))
        outcome = None
        try:
            outcome = await send(call.as_probe(once=self.trial == "send") if permit.probe else call)
        finally:
            if outcome is None:
                state.release(permit)  # a cancelled trial must not block the way for ever
        return outcome.then(partial(self._tell, state, permit, call, world))

    def _tell(
        self, state: BreakerState, permit: Permit, call: Call, world: World, outcome: Outcome
    ) -> None:
        good = outcome.status == 200
        if good and state.quiet is permit:
            return
        failed = not good and outcome.status in self.statuses
        if outcome.by or not (failed or good):
            state.release(permit)
            return
        state.tell(permit, failed, world.now())
        if state.news:
            self._report(state, call, world, status=outcome.status)

    def _report(self, state: BreakerState, call: Call, world: World, **detail: int) -> None:
        for event in state.news:
            target = _target(call, world)
            name = self._names.get(state) or f"{target} ({call.request.task})"  # else forgotten
            world.emit(event, call, target=target, breaker=name, **detail)
        state.news.clear()

    def _join(self, key: object, call: Call, world: World) -> BreakerState:
        """The state that a call meets, which targets of one provider may share."""
        target, task = _target(call, world), call.request.task
        shared = {
            "provider": world.targets()[target].provider,
            "deployment": target,
            "task": (target, task),
        }[self.scope]
        if shared not in self._shared:
            self._shared[shared] = made = self._closed()
            self._names[made] = f"{target} ({task})" if self.scope == "task" else str(shared)
        state = self._states[key] = self._shared[shared]
        if self.scope == "task" and len(self._states) > MOST_TASKS:  # callers may name them
            oldest = self._states.pop(next(iter(self._states)))
            if self._names.pop(oldest, None) is not None:
                del self._shared[next(key for key, one in self._shared.items() if one is oldest)]
        return state

    def _closed(self) -> BreakerState:
        return BreakerState(
            self.failures,
            self.window,
            self.cooldown,
            self.probes,
            self.successes,
            self.rate,
            self.min_calls,
            self.count_window,
            self.consecutive,
            self.probe_limit,
        )


def _target(call: Call, world: World) -> str:
    return call.target if call.target is not None else next(iter(world.targets()))
