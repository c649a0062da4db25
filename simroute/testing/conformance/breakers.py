"""Items of breaker.json: a library's configuration as our parameters, and its steps played on a
`BreakerState`.

A step has a time (s), an event, and what is expected after it. Events: `permit` (somebody asks);
`success`, `failure`, `slow`, `slow_failure` (a call ended; `dur` tells how long it took, `status`
what it was answered, `token` whose result it is, `retry_after` how long to wait); `ignored` (it
was cancelled, or is excluded); `unknown` (nothing is said about such a result); `observe`; `manual`
(`what` is done by hand, with `arg`). `host` or `target` says at which of several it is.
"""

from __future__ import annotations

import math
from typing import Any

from simroute.gauges.breaker import CLOSED, HALF_OPEN, OPEN, BreakerState, Permit
from simroute.testing.conformance.families import (
    AT_ONCE,
    COUNTED,
    FAILURE,
    FAMILIES,
    NEUTRAL,
    SUCCESS,
    read_fields,
)
from simroute.testing.conformance.verdict import (
    Config,
    Differs,
    Inexpressible,
    check_equal,
    skip_if,
)

RESULTS = ("success", "failure", "slow", "slow_failure", "ignored", "unknown")
BY_HAND = {
    **dict.fromkeys(("close", "closed", "reset", "clear"), CLOSED),
    **dict.fromkeys(("open", "open_for", "open_until", "trip"), OPEN),
    **dict.fromkeys(("half_open", "half-open", "halfopen"), HALF_OPEN),
    **dict.fromkeys(("disabled", "disable", "force_closed", "forced_closed"), "disabled"),
    **dict.fromkeys(("forced_open", "force_open"), "forced_open"),
    **dict.fromkeys(("isolate", "isolated"), "isolated"),
    "metrics_only": "metrics_only",
}
"""What is done by hand -> the state that comes of it."""


def play_breaker(item: Config) -> None:
    """Play the item; raises `Differs` or `Inexpressible`."""
    family = item["family"]
    skip_if(family not in FAMILIES, f"the family {family}")
    config = read_fields(family, item.get("config") or {})
    group: dict[Any, Rehearsal] = {}
    for number, step in enumerate(item["steps"], 1):
        who = step.get("host", step.get("target", step.get("deployment")))
        if who not in group:
            group[who] = Rehearsal(family, config, group)
        try:
            group[who].play(step)
        except Differs as difference:
            raise Differs(f"step {number}: {difference}") from None


class Rehearsal:
    """A breaker, the permits that are out, and what is counted beside it.

    mode: a state that was set by hand and is not one of the three.
    """

    def __init__(self, family: str, config: Config, group: dict[Any, Rehearsal]) -> None:
        self.name, self.family, self.config, self.group = family, FAMILIES[family], config, group
        self.lazy = self.family.lazy and not config.get("auto")
        self.out: list[tuple[Any, Permit]] = []
        self.mode, self.last = "", 0.0
        self._renew()
        if self.config.get("initial", CLOSED) != CLOSED:
            self._by_hand({"what": str(config["initial"]).lower()}, 0.0)
        if config.get("force_open"):
            self._by_hand({"what": "forced_open"}, 0.0)

    def play(self, step: Config) -> None:
        """Do what the step says, as often as it says, and compare."""
        event, expect = step.get("event", "observe"), step.get("expect") or {}
        now = self.last = float(
            step.get("t", self.last)
        )  # without a time, at that of the one before
        for _ in range(step.get("repeat", 1)):
            self._settle(now)
            came: dict[str, object] = {}
            if event == "permit":
                came["permitted"] = self._ask(step, now)
            elif event in RESULTS:
                self._end(step, now)
            elif event in ("manual", "sweep"):
                came["error"] = self._by_hand({"what": event, **step}, now)
            elif event != "observe":
                raise Inexpressible(f"the event {event}")
            self._settle(now)
        for figure, expected in expect.items():
            result = came[figure] if figure in came else self._figure(figure, now)
            check_equal(figure, result, expected)

    def _renew(self) -> None:
        """A new breaker, as one is after a reset."""
        self.state = self.family.build(self.config)
        hosts = self.config.get("hosts")
        if self.name == "envoy" and hosts:
            self.state.may_open = self._may_open
        self.tally = {"requests": 0, "successes": 0, "failed": 0, "excluded": 0}
        self.counted, self.refused = self.state.generation, 0
        self.results = self.state.results

    def _may_open(self, state: BreakerState) -> bool:
        """Envoy's cap: a share of the hosts."""
        out = sum(each.state.state == OPEN for each in self.group.values())
        always = self.config["always_one"] and not out
        return bool(always or 100 * (out + 1) / self.config["hosts"] <= self.config["max_pct"])

    def _settle(self, now: float) -> None:
        """What the clock alone does; and counts begin anew where the state has."""
        if self.mode:
            return
        if self.lazy:
            self.state.settle(now)
        else:
            self.state.at(now)
        if self.counted != self.state.generation:
            self.counted = self.state.generation
            self.tally = dict.fromkeys(self.tally, 0)
        if self.results is not self.state.results:
            self.results, self.refused = self.state.results, 0

    def _ask(self, step: Config, now: float) -> bool:
        if self.mode:
            allowed = self.mode in ("disabled", "metrics_only")
            self.refused += not allowed
            return allowed
        if self.name == "portkey" and self._all_open(now):
            return True
        permit = self.state.ask(now)
        self._settle(now)
        if permit is None:
            self.refused += 1
            return False
        self.out.append((step.get("token"), permit))
        self.tally["requests"] += 1
        return True

    def _all_open(self, now: float) -> bool:
        """Portkey: where all targets are open all are tried."""
        targets = self.config["targets"]
        return bool(targets and targets > 1 and targets == len(self.group)) and all(
            each.state.at(now) == OPEN for each in self.group.values()
        )

    def _end(self, step: Config, now: float) -> None:
        """A call ended."""
        if self.mode in ("disabled", "forced_open"):
            return
        what, status = self._what(step), step.get("status")
        if what == FAILURE:
            what = self.family.classify(self.config, status)
        slow = self._slow(step)
        if self.family.paired:
            self._tell_paired(step, what, now)
            return
        if self.out:
            self.out.pop(0)
        if what == NEUTRAL:
            self._give_back(now)
        elif what == COUNTED or (what != SUCCESS and step.get("retry_after") == 0):
            self.state.results.add(now, True)
        elif what == AT_ONCE or "retry_after" in step:
            wait = step.get("retry_after")
            state = self.state
            permit = state.late(now) if state.state == OPEN else state.ask(now)
            at_once = what == AT_ONCE
            state.tell(permit or state.late(now), what != SUCCESS, now, slow, at_once, wait)
        elif self.name == "pybreaker" and self.state.state == OPEN:
            permit = self.state.ask(now)  # a call is all that it knows, and an open one refuses
            if permit is not None:
                self.state.tell(permit, what == FAILURE, now)
        else:
            self.state.record(what != SUCCESS, now, slow)

    def _what(self, step: Config) -> str:
        event = step["event"]
        if event == "ignored":
            return self.family.ignored
        if event == "unknown":
            return self.family.unknown
        return FAILURE if "failure" in event else SUCCESS

    def _slow(self, step: Config) -> bool:
        if "dur" in step:
            return bool(step["dur"] > self.config.get("slow_s", math.inf))
        return "slow" in step["event"]

    def _give_back(self, now: float) -> None:
        """A call ended that is neither good nor bad: another one may try instead."""
        if self.state.state != HALF_OPEN:
            return
        if self.name == "hystrix":
            self.state.record(True, now)
        else:
            self.state.given -= 1

    def _tell_paired(self, step: Config, what: str, now: float) -> None:
        """The result of the call with this token, else of the oldest without one, else of a call
        that is made now."""
        token = step.get("token")
        fits = [pair for pair in self.out if pair[0] == token]
        if fits:
            self.out.remove(fits[0])
            permit: Permit | None = fits[0][1]
        else:
            permit = self.out.pop()[1] if self._ask({}, now) and self.out else None
        if permit is None:
            return
        if permit.generation == self.state.generation:
            kind = {NEUTRAL: "excluded", SUCCESS: "successes"}.get(what, "failed")
            self.tally[kind] += 1
        if what == NEUTRAL:
            self.state.release(permit)
        else:
            self.state.tell(permit, what != SUCCESS, now)

    def _by_hand(self, step: Config, now: float) -> str | None:
        """Put it into a state; returns what is said against that."""
        what, state = str(step["what"]).lower(), self.state
        if what == "sweep":
            state.sweep(now)
            return None
        skip_if(what not in BY_HAND, f"{what} by hand")
        target = BY_HAND[what]
        at_present = self.mode or state.state
        if self.name == "resilience4j" and target == HALF_OPEN and at_present == CLOSED:
            return "illegal transition"
        if self.name == "failsafe_go" and what != "reset" and state.state == target:
            return None
        self.mode = target if target not in (CLOSED, OPEN, HALF_OPEN) else ""
        self.out = []
        if self.mode or target == CLOSED:
            self._renew()
            if target == CLOSED:
                self.state.force(CLOSED, now)
                self.results = self.state.results
        else:
            wait = step.get("arg")
            if wait is not None and what == "open_until":
                wait -= now
            state.force(target, now, wait)
        self.state.watches = self.mode == "metrics_only"
        return None

    def _figure(self, figure: str, now: float) -> object:
        if figure == "state":
            return self._shown()
        figures = self._numbers(now)
        skip_if(figure not in figures, f"the figure {figure}")
        return figures[figure]

    def _shown(self) -> str:
        """The state in the family's own words."""
        if self.mode:
            return self.mode
        state = self.state
        if self.name == "finagle" and state.state == HALF_OPEN:
            return "probe_closed" if state.given else "probe_open"
        return self.family.names.get(state.state, state.state)

    def _numbers(self, now: float) -> dict[str, object]:
        state = self.state
        if self.family.paired:
            failed = self.tally["failed"]
            return {**self.tally, "failures": failed, "not_permitted": self.refused}
        calls, failed = state.seen(now)
        slow = state.results.slow
        if self.mode in ("disabled", "forced_open"):
            calls = failed = slow = 0
        enough = calls >= max(1, state.least_now)
        none = -1.0 if self.name == "resilience4j" else 0.0
        if self.name != "resilience4j":
            enough = calls > 0
        return {
            "buffered": calls,
            "requests": calls,
            "executions": calls,
            "failed": failed,
            "failures": failed,
            "successes": state.passed if self.name == "pybreaker" else calls - failed,
            "successful": calls - failed,
            "slow": slow,
            "failure_rate": 100 * failed / calls if enough else none,
            "slow_rate": 100 * slow / calls if enough else none,
            "not_permitted": self.refused,
            "error": None,
        }
