"""Items of breaker.json: a library's configuration as our parameters, and its recorded steps played
on a `BreakerState`."""

from __future__ import annotations

import math
from collections.abc import Callable

from simroute.gauges.breaker import CLOSED, HALF_OPEN, OPEN, BreakerState, Permit
from simroute.testing.conformance.verdict import (
    Config,
    Differs,
    Inexpressible,
    check_equal,
    skip_if,
)

UNLIMITED = 10**9
TRIALS = "half-open decided by a share of the trials (here one failure re-opens)"
STRICT = "refusal at exactly opened + wait (here a trial may pass)"
COMPLETED = "a success that opens by completing min_calls (here only a failure does)"


def _without(behaviour: str) -> Callable[[Config], BreakerState]:
    def refuse(config: Config) -> BreakerState:
        raise Inexpressible(behaviour)

    return refuse


def _failsafe_go(config: Config) -> BreakerState:
    skip_if("successes_of" in config, TRIALS)
    last, successes = config.get("of", config["failures"]), config.get("successes", 1)
    return BreakerState(
        config["failures"], cooldown=60.0, probes=successes, successes=successes, count_window=last
    )


def _polly(config: Config) -> BreakerState:
    return BreakerState(
        window=config["sampling_s"],
        cooldown=config["break_s"],
        rate=config["failure_ratio"],
        min_calls=config["min_throughput"],
    )


def _gobreaker(config: Config) -> BreakerState:
    skip_if(config.get("interval_s"), "counts dropped at fixed intervals (here the window slides)")
    trials, share, least = config["max_requests"], config["ratio"], config["min_requests"]
    return BreakerState(
        window=math.inf,
        cooldown=config["timeout_s"],
        probes=trials,
        successes=trials,
        rate=share,
        min_calls=least,
    )


def _finagle(config: Config) -> BreakerState:
    skip_if(len(config["mark_dead_s"]) > 1, "a cooldown that grows with each failing trial")
    return BreakerState(config["failures"], cooldown=config["mark_dead_s"][0], consecutive=True)


def _litellm(config: Config) -> BreakerState:
    skip_if(
        config.get("group_size") == 1, "a deployment that is alone in its group never cools down"
    )
    skip_if("allowed_fails" not in config, "statuses of which a single one cools down")
    return BreakerState(config["allowed_fails"] + 1, window=60.0)


def _hyx(config: Config) -> BreakerState:
    wait, successes = config["recovery_s"], config["recovery_threshold"]
    return BreakerState(
        config["failure_threshold"],
        cooldown=wait,
        probes=UNLIMITED,
        successes=successes,
        consecutive=True,
    )


def _pybreaker(config: Config) -> BreakerState:
    wait, successes = config["reset_timeout_s"], config.get("success_threshold", 1)
    return BreakerState(config["fail_max"], cooldown=wait, successes=successes, consecutive=True)


def _resilience4j(config: Config) -> BreakerState:
    skip_if(config.get("max_half_open_s"), "a limit on the half-open state (here on each trial)")
    size, trials, least = (
        config.get("size", 100),
        config.get("permits", 10),
        config.get("min_calls", 100),
    )
    wait, share = config.get("wait_s", 60.0), config.get("failure_rate", 50.0) / 100
    last = size if config.get("window", "count") == "count" else None
    needed = min(trials, least)
    return BreakerState(
        window=size,
        cooldown=wait,
        probes=trials,
        successes=needed,
        rate=share,
        min_calls=least,
        count_window=last,
    )


FAMILIES: dict[str, Callable[[Config], BreakerState]] = {
    "envoy": _without("ejection on interval sweeps, without half-open"),
    "failsafe_go": _failsafe_go,
    "finagle": _finagle,
    "gobreaker": _gobreaker,
    "hystrix": _without("decisions at health snapshots (here at each result)"),
    "hyx": _hyx,
    "litellm": _litellm,
    "polly_v8": _polly,
    "portkey": _without("closing after the cooldown, without half-open"),
    "pybreaker": _pybreaker,
    "resilience4j": _resilience4j,
}
STATES = {"alive": CLOSED, "dead": OPEN, "probe_open": HALF_OPEN, "probe_closed": HALF_OPEN}


def play_breaker(item: Config) -> None:
    """Play the item; raises `Differs` or `Inexpressible`."""
    for step in item["steps"]:
        _expressible(step)
    rehearsal = Rehearsal(item["family"], item["config"])
    for number, step in enumerate(item["steps"], 1):
        try:
            rehearsal.play(step)
        except Differs as difference:
            raise Differs(f"step {number}: {difference}") from None


def _expressible(step: Config) -> None:
    """Skip what no state of ours can do, before anything is compared."""
    skip_if("dur" in step or "slow" in step["event"], "slow calls")
    skip_if("error" in step.get("expect", {}), "transitions by hand")
    what = step.get("what", "open")
    skip_if(what not in ("open", "half_open", "metrics_only"), f"{what} by hand")


class Rehearsal:
    """A breaker, the permits that are out, and the refusals since it was set up."""

    def __init__(self, family: str, config: Config) -> None:
        self.family, self.config = family, config
        self.state = self._new(config)
        self.out: list[Permit] = []
        self.refused = 0

    def play(self, step: Config) -> None:
        """Do what the step says, as often as it says, and compare."""
        event, now, expect = step["event"], step["t"], step.get("expect", {})
        acts = {
            "permit": self._ask,
            "success": self._succeed,
            "failure": self._fail,
            "ignored": self._ignore,
            "observe": self.state.at,
        }
        for _ in range(step.get("repeat", 1)):
            if event == "manual":
                self._set_up(step["what"], now)
            elif event in acts:
                allowed = acts[event](now)
                check_equal("permitted", allowed, expect.get("permitted", allowed))
            else:
                raise Inexpressible(f"the event {event}")
        for figure in expect.keys() - {"permitted"}:
            check_equal(
                figure, self._figure(figure, now), STATES.get(expect[figure], expect[figure])
            )

    def _new(self, config: Config) -> BreakerState:
        skip_if(self.family not in FAMILIES, f"the family {self.family}")
        return FAMILIES[self.family](config)

    @property
    def _strict(self) -> bool:
        return self.family == "resilience4j"

    def _ask(self, now: float) -> bool:
        state = self.state
        skip_if(
            self._strict and state.state == OPEN and now == state.opened + state.cooldown, STRICT
        )
        permit = state.ask(now)
        if permit is not None:
            self.out.append(permit)
        self.refused += permit is None
        return permit is not None

    def _succeed(self, now: float) -> None:
        state = self.state
        state.tell(self._owner(now), False, now)
        calls, failed = state.seen(now)
        full = state.state == CLOSED and state.rate is not None and calls >= max(1, state.min_calls)
        skip_if(self._strict and full and failed / calls >= (state.rate or 0.0), COMPLETED)

    def _fail(self, now: float) -> None:
        skip_if(self._strict and self.state.state == HALF_OPEN, TRIALS)
        self.state.tell(self._owner(now), True, now)

    def _ignore(self, now: float) -> None:
        self.state.release(self._owner(now))

    def _owner(self, now: float) -> Permit:
        """Whose result it is: of the longest permit out that still counts, else of a new one; while
        open, of an older generation."""
        state = self.state
        fits = [
            permit
            for permit in self.out
            if state.state == OPEN or permit.generation == state.generation
        ]
        if fits:
            self.out.remove(fits[0])
            return fits[0]
        permit = None if state.state == OPEN else state.ask(now)
        return Permit(state.generation - 1, now, False) if permit is None else permit

    def _set_up(self, what: str, now: float) -> None:
        """What others set by hand, brought about by calls: failures open it; half-open, they did so
        a cooldown ago; never, at a rate above 1."""
        never = {"failure_rate": math.inf} if what == "metrics_only" else {}
        self.state, self.out, self.refused = self._new({**self.config, **never}), [], 0
        before = self.state.cooldown if what == "half_open" else 0.0
        while not never and self.state.state == CLOSED:
            self._fail(now - before)
        self.state.at(now)

    def _figure(self, figure: str, now: float) -> object:
        state = self.state
        calls, failed = state.seen(now)
        share = 100 * failed / calls if calls >= max(1, state.min_calls) else -1.0
        figures = {
            "state": state.at(now),
            "buffered": calls,
            "failed": failed,
            "failure_rate": share,
            "not_permitted": self.refused,
        }
        skip_if(figure not in figures, f"the figure {figure}")
        return figures[figure]
