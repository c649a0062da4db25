"""Stop calling what fails."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from functools import partial
from typing import Annotated, Literal

from simroute.core import Call, Outcome, Send, World, layer
from simroute.core.params import Doc
from simroute.core.presets import with_presets
from simroute.gauges.breaker import OPEN, BreakerState, Permit
from simroute.gauges.breaker_rules import BreakerRules, GroupRules, StatusRules
from simroute.gauges.breakers import Breakers
from simroute.gauges.newest import MOST_NAMES
from simroute.policies.presets.breakers import IMPLIED, PRESETS, BreakerName

RULES = [field.name for field in fields(BreakerRules)]


@layer("breaker")
@with_presets(PRESETS, IMPLIED)
@dataclass(kw_only=True)
class Breaker(StatusRules, GroupRules, BreakerRules):
    """Stops calling a failing target for a while: failures within a window open it, trials close it
    again.

    The stated statuses are failures and a complete 200 is a success; all else is neutral: a 429
    (unless listed), a 499, a refusal by a layer further in. Its events say under `breaker` which
    one it was: the provider, the deployment, or "deployment (task)"; their target is that of the
    call at hand. `preset` gives it the parameters of a breaker that people know. Source: Nygard,
    Release It! (2007), ch. 5; corner cases: gauges.breaker; presets: policies.presets.breakers.

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
    of all is found sooner; by deployment or task each learns alone; `recovery: time` wastes a whole
    cooldown's first failures on each return, since all calls come back at once; `ramp` lets them
    come back by and by; a cap (`max_open`, `min_closed`) spares what is left when everything fails,
    and lets nothing open where it is less than one target.
    """

    trial: Annotated[
        Literal["call", "send"],
        Doc("what a trial is: the whole call with its retries inside, or a single send"),
    ] = "call"
    scope: Annotated[
        Literal["provider", "deployment", "task"],
        Doc("one breaker for each; task: for each deployment and task"),
    ] = "provider"
    preset: Annotated[
        BreakerName | None, Doc("a breaker by name, whose parameters hold unless they are given")
    ] = None

    def __post_init__(self) -> None:
        self._by_task = self.scope == "task"
        most = MOST_NAMES if self._by_task else None  # callers may name tasks
        self._breakers = Breakers(self._closed, most, self.max_open, self.min_closed)
        self._states = self._breakers.by_call

    async def __call__(self, call: Call, send: Send, world: World) -> Outcome:
        target = call.target
        key = (target, call.request.task) if self._by_task else target
        state = self._states.get(key) or self._join(key, call, world)
        quiet = state.quiet
        if quiet is None:
            return await self._guard(state, call, send, world)
        # closed, and a success would change nothing: nobody need ask, tell or give back
        outcome = await send(call)
        if outcome.status == 200 and outcome.rest is None and state.quiet is quiet:
            return outcome
        # `partial`, since what a lambda sees is made a cell at every call, needed or not
        return outcome.then(partial(self._tell, state, quiet, False, call, world))

    async def _guard(self, state: BreakerState, call: Call, send: Send, world: World) -> Outcome:
        began = world.now()
        permit = state.ask(began)
        if permit is None and self.when_all_open == "try" and self._breakers.all_out(began):
            permit = state.late(began)
        if state.news:
            self._report(state, call, world)
        if permit is None:
            return Outcome.rejected("breaker", 503, _target(call, world), state.wait(began))
        outcome = None
        try:
            outcome = await send(call.as_probe(once=self.trial == "send") if permit.probe else call)
        finally:
            if outcome is None:
                state.release(permit)  # a cancelled trial must not block the way for ever
        slow = self.slow_after is not None and world.now() - began > self.slow_after
        return outcome.then(partial(self._tell, state, permit, slow, call, world))

    def _tell(
        self,
        state: BreakerState,
        permit: Permit,
        slow: bool,
        call: Call,
        world: World,
        outcome: Outcome,
    ) -> None:
        status = outcome.status
        if status == 200 and state.quiet is permit:
            return
        alone = status in self.at_once
        failed = status != 200 and (alone or status in self.statuses)
        if outcome.by or not (failed or status == 200):
            state.release(permit)
            return
        wait = self.asked_wait(outcome, self.cooldown)
        state.tell(permit, failed, world.now(), slow, alone, wait)
        if state.news:
            self._report(state, call, world, status=status)

    def _report(self, state: BreakerState, call: Call, world: World, **detail: int) -> None:
        for event in state.news:
            target = _target(call, world)
            # a breaker that was forgotten
            name = self._breakers.names.get(state) or f"{target} ({call.request.task})"
            world.emit(event, call, target=target, breaker=name, **detail)
        state.news.clear()

    def _join(self, key: object, call: Call, world: World) -> BreakerState:
        """The state that a call meets, which targets of one provider may share."""
        target, task, known = _target(call, world), call.request.task, world.targets()
        if self.scope == "provider":
            provider = known[target].provider
            return self._breakers.join(key, provider, provider)
        models = [each.model for each in known.values()]
        spared = self.spare_alone and models.count(known[target].model) == 1
        shared, name = (
            ((target, task), f"{target} ({task})") if self.scope == "task" else (target, target)
        )
        return self._breakers.join(key, shared, name, spared)

    def _closed(self) -> BreakerState:
        """A new one."""
        state = BreakerState(**{name: getattr(self, name) for name in RULES})
        if self.mode == "forced_open":
            state.force(OPEN, 0.0, math.inf)
        state.watches = self.mode in ("metrics_only", "disabled")
        state.mute = self.mode == "disabled"
        return state


def _target(call: Call, world: World) -> str:
    return call.target if call.target is not None else next(iter(world.targets()))
