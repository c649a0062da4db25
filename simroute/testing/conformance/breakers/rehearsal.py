"""A breaker that is played: steps on a `BreakerState`, the permits that are out, and what is
counted beside it. What a family does besides is said by a class of its own, in `libraries`,
`meshes`, `gateways`."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, cast

from simroute.gauges.breaker import CLOSED, HALF_OPEN, OPEN, BreakerState, Permit
from simroute.testing.conformance.spelling import UNITS, exact, plain, to_seconds
from simroute.testing.conformance.verdict import (
    MOST_TIMES,
    Config,
    Differs,
    Inexpressible,
    Malformed,
    check_equal,
    short,
    skip_if,
)

NEUTRAL, SUCCESS, FAILURE, AT_ONCE, COUNTED = "neutral", "success", "failure", "at_once", "counted"
"""What a result is: neither; good; bad; bad, and one alone opens it; bad, and it opens nothing."""
EVENTS = {
    **dict.fromkeys(("permit", "ask", "acquire", "tryacquire", "allow"), "permit"),
    **dict.fromkeys(("success", "ok", "slow", "slowsuccess"), "success"),
    **dict.fromkeys(
        ("failure", "fail", "error", "timeout", "rejected", "slowfailure", "slowerror"), "failure"
    ),
    **dict.fromkeys(
        ("ignored", "ignorable", "excluded", "cancelled", "canceled", "cancel", "release"),
        "ignored",
    ),
    "unknown": "unknown",
    **dict.fromkeys(("observe", "state", "wait"), "observe"),
    **dict.fromkeys(("manual", "sweep"), "manual"),
}
"""What may happen, as `plain` -> what it is."""
BY_HAND = {
    **dict.fromkeys(("close", "closed", "reset", "clear"), CLOSED),
    **dict.fromkeys(("open", "openfor", "openuntil", "trip"), OPEN),
    **dict.fromkeys(("halfopen",), HALF_OPEN),
    **dict.fromkeys(("disabled", "disable", "forceclosed", "forcedclosed"), "disabled"),
    **dict.fromkeys(("forcedopen", "forceopen"), "forced_open"),
    **dict.fromkeys(("isolate", "isolated"), "isolated"),
    "metricsonly": "metrics_only",
}
"""What is done by hand, less `transition to` -> the state that comes of it."""
STATES = {
    **dict.fromkeys(("closed", "working", "alive", "healthy", "available"), CLOSED),
    **dict.fromkeys(("open", "failing", "dead", "ejected", "unhealthy", "cooldown"), OPEN),
    **dict.fromkeys(("halfopen", "recovering", "probing"), HALF_OPEN),
}
"""A state in a family's own words -> in ours."""
FIGURES = {
    **dict.fromkeys(("buffered", "requests", "executions", "calls", "throughput"), "calls"),
    **dict.fromkeys(("failed", "failures", "failcounter", "failurecount"), "failed"),
    **dict.fromkeys(("successes", "successful", "successcounter", "successcount"), "successes"),
    **dict.fromkeys(("excluded", "exclusions"), "excluded"),
    "slow": "slow",
    **dict.fromkeys(("slowfailed", "slowfailures"), "slow_failed"),
    **dict.fromkeys(("slowsuccessful", "slowsuccesses"), "slow_successful"),
    **dict.fromkeys(("notpermitted", "rejected", "refused"), "not_permitted"),
    "failurerate": "failure_rate",
    "successrate": "success_rate",
    "slowrate": "slow_rate",
    "slowcallrate": "slow_rate",
    **dict.fromkeys(("consecutivefailures", "consecutiveexceptions"), "consecutive_failures"),
    "consecutivesuccesses": "consecutive_successes",
    **dict.fromkeys(("remaining", "remainingdelay", "remainings", "remainingdelays"), "remaining"),
    "error": "error",
}
"""A figure as items call it, as `plain`, total and number before it left out -> as `numbers`
does."""

TALLY = (
    "calls",
    "successes",
    "failed",
    "excluded",
    "consecutive_successes",
    "consecutive_failures",
)


TOOK = {
    **dict.fromkeys(("dur", "dur_s", "duration", "duration_s"), UNITS["s"]),
    **dict.fromkeys(("dur_ms", "duration_ms"), UNITS["ms"]),
}
"""How a step may say how long a call took, and in what unit."""


class Family(NamedTuple):
    """build: the state for a configuration with all fields. play: how it is played.

    lazy: an open one becomes half-open only when somebody asks. ignored, unknown: what a result
    is that the family is told to ignore, or about which its configuration says nothing. classify:
    what a failure with this status is. names: what the family calls its states.
    """

    build: Callable[[Config], BreakerState]
    play: type[Rehearsal]
    lazy: bool = True
    ignored: str = NEUTRAL
    unknown: str = SUCCESS
    classify: Callable[[Config, int | None], str] = lambda config, status: FAILURE


class Group(dict[Any, "Rehearsal"]):
    """Breakers side by side, by name; expected: how many there will be; last: when something
    happened."""

    def __init__(self, expected: int) -> None:
        super().__init__()
        self.expected = expected
        self.last: Any = 0


class Rehearsal:
    """A breaker, and the permits that are out: a result is that of the oldest.

    mode: a state that was set by hand and is not one of the three. error: what is said against the
    last thing that was done by hand.
    """

    def __init__(self, family: Family, config: Config, group: Group) -> None:
        self.family, self.config, self.group = family, config, group
        self.lazy = family.lazy and not config.get("auto")
        self.out: list[tuple[Any, Permit, float]] = []  # token, permit, when
        self.mode, self.error = "", ""
        self.renew()

    def renew(self) -> None:
        """A new breaker, as one is after a reset."""
        self.state = self.family.build(self.config)
        self.refused, self.results = 0, self.state.results

    def play(self, step: Config) -> None:
        """Do what the step says, as often as it says, and compare."""
        said = step.get("event", "observe")
        event = EVENTS.get(plain(said))
        if event is None:
            raise Inexpressible(f"the event {said}")
        if step.get("t") is not None:  # without a time, at that of the one before
            at = step["t"]
            if isinstance(at, list):
                raise Malformed(f"the time {short(at)} is none")
            self.group.last = to_seconds(at)
        now = self.group.last
        for _ in range(times_of(step)):
            self.settle(now)
            self.error, permitted = "", None
            if event == "permit":
                permitted = self.ask(step.get("token"), now)
            elif event == "manual":
                self.by_hand({"what": said, **step}, now)
            elif event != "observe":
                self.end(self.what(event, step), {"event": said, **step}, now)
            self.settle(now)
        for figure, expected in (step.get("expect") or {}).items():
            if figure in ("permitted", "allowed", "available"):
                asked = permitted if event == "permit" else self.would_permit(now)
                check_equal(figure, asked, expected)
            else:
                self.compare(figure, expected, now)

    def would_permit(self, now: float) -> bool:
        """Whether a call might be made, where nobody asks."""
        known: dict[int, Any] = {id(self.family): self.family}
        return copy.deepcopy(self, known).ask(None, now)

    def compare(self, figure: str, expected: Any, now: float) -> None:
        """Raises Differs where something else came."""
        if figure == "state":
            shown, ours, word = self.shown(now), self.general(now), plain(expected)
            if word != plain(shown) and STATES.get(word, word) not in (ours, plain(ours)):
                came = ours if word in (CLOSED, OPEN, plain(HALF_OPEN)) else shown
                raise Differs(f"state: expected {expected}, came {came}")
        else:
            figures = self.numbers(now) | {"error": self.error or None}
            name = plain(figure).removeprefix("numberof").removeprefix("total")
            name = FIGURES.get(name) or FIGURES.get(name.removesuffix("calls"), figure)
            skip_if(name not in figures, f"the figure {figure}")
            came = figures[name]
            if name == "error" and (expected is True or plain(expected) == plain(came)):
                expected = came
            if name.endswith("_rate"):
                expected = came if same_rate(came, expected) else expected
            check_equal(figure, came, expected)

    def settle(self, now: float) -> None:
        """What the clock alone does."""
        if self.mode:
            return
        if self.lazy:
            self.state.settle(now)
        else:
            self.state.at(now)
        if self.results is not self.state.results:
            self.results, self.refused = self.state.results, 0

    def what(self, event: str, step: Config) -> str:
        """What a result is."""
        if event in ("ignored", "unknown"):
            return self.family.ignored if event == "ignored" else self.family.unknown
        return self.family.classify(self.config, status_of(step)) if event == "failure" else SUCCESS

    def ask(self, token: Any, now: float) -> bool:
        """Whether a call may be made."""
        if self.mode:
            allowed = self.mode in ("disabled", "metrics_only")
            self.refused += not allowed
            return allowed
        permit = self.state.ask(now)
        self.settle(now)
        if permit is None:
            self.refused += 1
            return False
        self.out.append((token, permit, now))
        return True

    def end(self, what: str, step: Config, now: float) -> None:
        """A call ended."""
        if self.out:
            self.out.pop(0)
        if what == NEUTRAL:
            self.give_back(now)
        else:
            self.count(what, is_slow(step, self.config), now, asked_wait(step))

    def count(self, what: str, slow: bool, now: float, wait: float | None) -> None:
        """A result that is good or bad."""
        self.state.record(what != SUCCESS, now, slow)

    def give_back(self, now: float) -> None:
        """A call ended that is neither good nor bad: another one may try instead."""
        if self.state.state == HALF_OPEN:
            self.state.trials.forgo()

    def by_hand(self, step: Config, now: float) -> None:
        """Put it into a state; `error` says what is said against that."""
        what = plain(step["what"]).removeprefix("transitionto").removesuffix("state")
        skip_if(what not in BY_HAND, f"{step['what']} by hand")
        wait = to_seconds(step.get("arg"))
        if wait is not None and what == "openuntil":
            wait -= now
        self.put(BY_HAND[what], wait, now)

    def put(self, state: str, wait: float | None, now: float) -> None:
        """Into this state, open for so long (s)."""
        self.mode = state if state not in (CLOSED, OPEN, HALF_OPEN) else ""
        self.out = []
        if self.mode or state == CLOSED:
            self.renew()
            if state == CLOSED:
                self.state.force(CLOSED, now)
                self.results = self.state.results
        else:
            self.state.force(state, now, wait)
        self.state.watches = self.mode == "metrics_only"

    def shown(self, now: float) -> str:
        """The state, in the family's own words where they say more than ours."""
        return self.general(now)

    def general(self, now: float) -> str:
        """The state in our words."""
        return self.mode or self.state.state

    def numbers(self, now: float) -> dict[str, Any]:
        """What is counted; rates in percent."""
        calls, failed = self.state.seen(now)
        row = {"consecutive_failures": failed} if self.state.consecutive else {}
        return row | {
            "calls": calls,
            "failed": failed,
            "successes": calls - failed,
            "failure_rate": share(failed, calls),
            "success_rate": share(calls - failed, calls),
            "not_permitted": self.refused,
            "remaining": self.remaining(now),
        }

    def remaining(self, now: float) -> float:
        """Seconds until a trial may pass, as far as time alone decides."""
        return float(self.state.wait(now) or 0) if self.state.state == OPEN else 0.0


class Paired(Rehearsal):
    """A result belongs to the permit that was given for it: that of the call with its token, else
    of the oldest without one, else of a call that is made now. Counts begin anew with each
    state."""

    def renew(self) -> None:
        """A new breaker."""
        super().renew()
        self.counted = self.state.generation
        self.begin()

    def begin(self) -> None:
        """Count anew."""
        self.tally = dict.fromkeys(TALLY, 0)

    def settle(self, now: float) -> None:
        """And counts begin anew where the state has."""
        super().settle(now)
        if self.counted != self.state.generation:
            self.counted = self.state.generation
            self.begin()

    def ask(self, token: Any, now: float) -> bool:
        """Whether a call may be made; it counts as one."""
        allowed = super().ask(token, now)
        self.tally["calls"] += allowed
        return allowed

    def end(self, what: str, step: Config, now: float) -> None:
        """A call ended."""
        token = step.get("token")
        fits = [number for number, each in enumerate(self.out) if each[0] == token]
        if fits or (self.ask(None, now) and self.out):
            _, permit, began = self.out.pop(fits[0] if fits else -1)
            self.tell(what, permit, began, now)

    def tell(self, what: str, permit: Permit, began: float, now: float) -> None:
        """The result of the call that began then."""
        if permit.generation == self.state.generation:
            note_result(self.tally, what)
        if what == NEUTRAL:
            self.state.release(permit)
        else:
            self.state.tell(permit, what != SUCCESS, now)

    def numbers(self, now: float) -> dict[str, Any]:
        """Those of the present state."""
        more = {"not_permitted": self.refused, "remaining": self.remaining(now)}
        return self.tally | more


def note_result(tally: dict[str, int], what: str) -> None:
    """One more result among these."""
    tally[{NEUTRAL: "excluded", SUCCESS: "successes"}.get(what, "failed")] += 1
    if what != NEUTRAL:
        good = what == SUCCESS
        tally["consecutive_successes"] = good * (tally["consecutive_successes"] + 1)
        tally["consecutive_failures"] = (not good) * (tally["consecutive_failures"] + 1)


def times_of(step: Mapping[str, Any]) -> int:
    """How often the step happens."""
    times = step.get("repeat", 1)
    if type(times) is not int or not 1 <= times <= MOST_TIMES:
        raise Malformed(f"repeat {short(times)}: not 1 to {MOST_TIMES} times")
    return times


def share(part: int, whole: int) -> float:
    """In percent; of nothing, none."""
    return 100 * part / whole if whole else 0.0


def same_rate(came: Any, expected: Any) -> bool:
    """Whether it is the same in single precision, or as far as it is written out."""
    if isinstance(expected, bool) or not isinstance(expected, int | float):
        return False
    decimals = len(repr(float(expected)).partition(".")[2])
    written = decimals > 1 or expected != int(expected)
    close = math.isclose(came, expected, rel_tol=1e-6)
    return close or (written and round(came, decimals) == expected)


def is_slow(step: Mapping[str, Any], config: Config) -> bool:
    """Whether the call took longer than the configuration's `slow_s`, or is said to have."""
    took = [to_seconds(step[key], unit) for key, unit in TOOK.items() if step.get(key) is not None]
    return bool(took[0] > config.get("slow_s", math.inf)) if took else "slow" in step["event"]


def status_of(step: Mapping[str, Any]) -> int | None:
    """What the call was answered."""
    status = step.get("status", step.get("status_code", step.get("code")))
    return None if status is None else int(exact(status))


def asked_wait(step: Mapping[str, Any]) -> float | None:
    """How long the answer asks to wait (s)."""
    wait = step.get("retry_after", step.get("retry_after_s"))
    return None if wait is None else cast(float, to_seconds(wait))
