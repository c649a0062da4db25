"""Breakers of libraries: each one's configuration as parameters of a `BreakerState`, and what it
does besides.

Sources: the libraries' code at the versions that `policies.presets.breakers` names.
"""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from typing import Any

from simroute.gauges.breaker import CLOSED, HALF_OPEN, OPEN, BreakerState
from simroute.gauges.results import Window, count_results
from simroute.testing.conformance.breakers.gobreaker import GOBREAKER
from simroute.testing.conformance.breakers.rehearsal import (
    BY_HAND,
    FAILURE,
    NEUTRAL,
    SUCCESS,
    Family,
    Rehearsal,
    share,
)
from simroute.testing.conformance.spelling import exact, plain
from simroute.testing.conformance.verdict import Config, skip_if

ANY_NUMBER = 10**9


def _waits(given: Any) -> dict[str, Any]:
    """A time that it stays open, or those of the first openings, of which the last goes on."""
    waits = given if isinstance(given, list) else [given]
    if len(waits) == 1:
        return {"cooldown": waits[0]}
    return {"cooldown": waits[0], "cooldowns": tuple(waits[:-1]), "max_cooldown": waits[-1]}


def counts_by_time(config: Config) -> bool:
    """Whether its window is one of time, not of calls."""
    word = plain(config["window"])
    skip_if(not word.startswith(("time", "count")), f"the window {word}")
    return word.startswith("time")


def _resilience4j(config: Config) -> BreakerState:
    by_time = counts_by_time(config)
    size, permits = int(config["size"]), int(config["permits"])
    half_open = config["max_half_open_s"]
    grows = config["exponential"]
    factor = exact(config["wait_factor"] or (1.5 if grows is True else grows or 1))
    waits = {"max_cooldown": config["max_wait_s"], "cooldown_factor": factor, "cooldown_step": 0}
    return BreakerState(
        window=size,
        buckets=size if by_time else None,
        count_window=None if by_time else size,
        rate=config["failure_rate"] / 100,
        min_calls=config["min_calls"],
        slow_after=config["slow_s"],
        slow_rate=config["slow_rate"] / 100,
        judged="result",
        probes=permits,
        trials_in_all=True,
        trial_calls=permits,
        half_open_limit=half_open if half_open >= 0.001 else None,
        after_half_open="closed" if config["after_half_open"] == CLOSED else "open",
        strict=not config["auto"],
        prompt=config["auto"],
        **waits | _waits(config["wait_s"]),
    )


class Resilience4j(Rehearsal):
    """Some changes by hand are illegal; attempts go on from opening to opening, also where it was
    forced open, and one for a stated time is none."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        initial = BY_HAND.get(plain(self.config["initial"]), CLOSED)
        if initial != CLOSED:
            super().put(initial, None, 0)
            self.state.openings = int(initial in (OPEN, HALF_OPEN, "forced_open"))

    def put(self, state: str, wait: float | None, now: float) -> None:
        """Unless that is illegal."""
        attempts, present = self.state.openings, self.general(now)
        if state in {CLOSED: (HALF_OPEN,), "metrics_only": (OPEN, HALF_OPEN)}.get(present, ()):
            self.error = "illegal transition"
            return
        super().put(state, wait, now)
        if state == "forced_open" or (wait is not None and state == OPEN):
            self.state.openings = attempts + (state == "forced_open")

    def end(self, what: str, step: Config, now: float) -> None:
        """A call ended."""
        if self.mode not in ("disabled", "forced_open"):
            super().end(what, step, now)
        for key in ("open_for", "open_until"):  # what a result may ask for, where it is closed
            if key in step and self.general(now) == CLOSED:
                self.by_hand({"what": key, "arg": step[key]}, now)

    def numbers(self, now: float) -> dict[str, Any]:
        """Rates are -1 until there are enough calls."""
        figures = super().numbers(now)
        if self.mode in ("disabled", "forced_open"):
            figures |= {"calls": 0, "failed": 0, "successes": 0}
        calls, results = figures["calls"], self.state.results
        slow, both = (results.slow, getattr(results, "slow_failed", 0)) if calls else (0, 0)
        figures |= {"slow": slow, "slow_failed": both, "slow_successful": slow - both}
        enough = calls >= max(1, self.state.least_now)
        rates = {"failure_rate": figures["failed"], "slow_rate": slow}
        return figures | {name: share(n, calls) if enough else -1.0 for name, n in rates.items()}


def _polly(config: Config) -> BreakerState:
    sampling = config["sampling_s"]
    rolling = {"window": sampling, "buckets": 10, "bucket_start": "call"}
    return BreakerState(
        rate=config["failure_ratio"],
        min_calls=config["min_throughput"],
        trials_counted=False,
        **(rolling if sampling >= Fraction("0.2") else {"window": math.inf}),
        **_waits(config["break_s"]),
    )


class Polly(Rehearsal):
    """What ends while it is isolated is counted as while it is open. A short sampling time is one
    window, which begins with closing, and anew with the first call after its end."""

    def renew(self) -> None:
        """A new breaker."""
        super().renew()
        self.began: float = self.group.last
        self.counted = self.state.generation

    def settle(self, now: float) -> None:
        """What the clock alone does."""
        super().settle(now)
        if self.counted != self.state.generation:
            self.counted = self.state.generation
            self.began = now if self.state.state == CLOSED else self.began

    def end(self, what: str, step: Config, now: float) -> None:
        """A call ended."""
        sampling = self.config["sampling_s"]
        if math.isinf(self.state.window) and now - self.began >= sampling:
            self.state.results, self.began = count_results(self.state), now
        if self.mode:
            self.state.results.add(now, what != SUCCESS)
        else:
            super().end(what, step, now)

    def put(self, state: str, wait: float | None, now: float) -> None:
        """Isolated, it counts on."""
        if state == "isolated":
            self.mode, self.out = state, []
        else:
            super().put(state, wait, now)


def _failsafe_go(config: Config) -> BreakerState:
    failures, rate, period = config["failures"], rate_of(config), config["period_s"]
    last = config["of"] or failures
    least = config["executions"] or (failures if period else None)
    good = config["successes"]
    trials = (config["successes_of"] or good) if good else least or last
    settings: dict[str, Any] = {"failures": failures, "count_window": last}
    if rate is not None:  # rounded to a hundredth before it is compared
        settings = {
            "rate": max(0.0, math.ceil(rate * 100 - 1e-9) / 100 - 0.005),
            "min_calls": least or 1,
            "count_window": None if period else least or last,
        }
    if period:
        settings |= {"window": period, "buckets": 10, "count_window": None}
    if good:
        settings |= {"successes": good, "trial_failures": trials - good}
    elif rate is not None:
        settings |= {"trial_calls": trials}
    else:
        settings |= {"successes": last - failures + 1, "trial_failures": failures - 1}
        if period:
            settings |= {"successes": 1}
    return BreakerState(**settings, judged="result", cooldown=config["delay_s"], probes=trials)


def rate_of(config: Config) -> float | None:
    """The share of failures; one above 1 is in percent."""
    rate: float | None = config["rate"]
    return rate / 100 if rate is not None and rate > 1 else rate


class FailsafeGo(Rehearsal):
    """Half-open it counts anew, and goes on with that when it opens; what is over is forgotten
    with the next result only; rates are whole percents, and a success rate that suffices goes
    before a failure rate that is too high."""

    def renew(self) -> None:
        """A new breaker."""
        super().renew()
        self.told: float = 0
        self.counted = -1

    def by_hand(self, step: Config, now: float) -> None:
        """Where it is already, nothing happens; a reset empties it too."""
        if plain(step["what"]) == "reset":
            self.put(CLOSED, None, now)
        elif BY_HAND.get(plain(step["what"])) != self.state.state:
            super().by_hand(step, now)

    def settle(self, now: float) -> None:
        """Closed and half-open it begins with nothing counted."""
        super().settle(now)
        if self.counted != self.state.generation:
            self.counted = self.state.generation
            if self.state.state == CLOSED:
                self.seen = count_results(replace(self.state, rate=1.0))
            elif self.state.state == HALF_OPEN:
                self.seen = Window(math.inf, self.state.probes)

    def count(self, what: str, slow: bool, now: float, wait: float | None) -> None:
        """A result."""
        self.told, rate = now, rate_of(self.config)
        self.seen.add(now, what != SUCCESS)
        if rate is None or self.config["successes"] or self.state.state != HALF_OPEN:
            super().count(what, slow, now, wait)
            return
        figures = self.numbers(now)
        self.state.trials.forgo()
        if figures["calls"] >= self.state.min_calls:
            if figures["success_rate"] / 100 > 1 - rate:
                self.state.force(CLOSED, now)
            elif figures["failure_rate"] / 100 >= rate:
                self.state.force(OPEN, now)

    def numbers(self, now: float) -> dict[str, Any]:
        """As of the last result."""
        calls, failed = self.seen.seen(self.told)
        figures = {"calls": calls, "failed": failed, "successes": calls - failed}
        for rate, figure in (("failure_rate", "failed"), ("success_rate", "successes")):
            figures[rate] = math.floor(share(figures[figure], calls) + 0.5 + 1e-9)
        return super().numbers(now) | figures


def _hystrix(config: Config) -> BreakerState:
    window, every = config["window_s"], config["snapshot_s"]
    return BreakerState(
        rate=config["error_pct"] / 100,
        min_calls=config["volume"],
        window=window,
        buckets=max(1, math.floor(window / every)),
        bucket_start="closing",
        judged_every=every,
        cooldown=config["sleep_s"],
        strict=True,
    )


class Hystrix(Rehearsal):
    """Trials that are cancelled have failed; open or closed by force, it counts for nothing."""

    def ask(self, token: Any, now: float) -> bool:
        """Whether a call may be made."""
        if self.forced:
            self.refused += self.forced == OPEN
            return self.forced == CLOSED
        return super().ask(token, now)

    @property
    def forced(self) -> str:
        """As what it is taken, whatever its state."""
        config = self.config
        if config["enabled"] and config["force_open"]:
            return OPEN
        return CLOSED if config["force_closed"] or not config["enabled"] else ""

    def general(self, now: float) -> str:
        """The state in our words."""
        return self.forced or super().general(now)

    def put(self, state: str, wait: float | None, now: float) -> None:
        """By force it is put there by its configuration."""
        forces = {"forced_open": "force_open", "disabled": "force_closed"}
        if state in forces:
            self.config = {**self.config, forces[state]: True}
        else:
            self.config = {**self.config, "force_open": False, "force_closed": False}
            super().put(state, wait, now)

    def give_back(self, now: float) -> None:
        """A call ended that is neither good nor bad."""
        if self.state.state == HALF_OPEN:
            self.state.record(True, now)


def _pybreaker(config: Config) -> BreakerState:
    return BreakerState(
        failures=config["fail_max"],
        consecutive=True,
        cooldown=config["reset_timeout_s"],
        successes=config["success_threshold"],
        probes=ANY_NUMBER,
        forgets="never",
    )


class Pybreaker(Rehearsal):
    """A call is all that it knows, and an open one refuses."""

    def count(self, what: str, slow: bool, now: float, wait: float | None) -> None:
        """A call ended, which was made when it ended."""
        if self.state.state != OPEN or self.state.ask(now) is not None:
            self.state.record(what != SUCCESS, now)

    def numbers(self, now: float) -> dict[str, Any]:
        """Its two counters."""
        passed = self.state.trials.passed
        return super().numbers(now) | {"successes": passed, "consecutive_successes": passed}


def _hyx(config: Config) -> BreakerState:
    return BreakerState(
        failures=config["failure_threshold"],
        consecutive=True,
        cooldown=config["recovery_s"],
        probes=ANY_NUMBER,
        successes=config["recovery_threshold"],
    )


class Hyx(Rehearsal):
    """Its counters are of exceptions while it works, and of successes while it recovers."""

    def shown(self, now: float) -> str:
        """The state in its own words."""
        words = {CLOSED: "working", OPEN: "failing", HALF_OPEN: "recovering"}
        return words.get(self.state.state, self.general(now))

    def numbers(self, now: float) -> dict[str, Any]:
        """Its two counters."""
        passed = self.state.trials.passed
        return super().numbers(now) | {"successes": passed, "consecutive_successes": passed}


LIBRARIES: dict[str, Family] = {
    "resilience4j": Family(_resilience4j, Resilience4j),
    "polly_v8": Family(_polly, Polly, ignored=SUCCESS),
    "failsafe_go": Family(_failsafe_go, FailsafeGo),
    "gobreaker": GOBREAKER,
    "hystrix": Family(_hystrix, Hystrix, unknown=FAILURE),
    "pybreaker": Family(_pybreaker, Pybreaker, ignored=SUCCESS, unknown=FAILURE),
    "hyx": Family(_hyx, Hyx, unknown=NEUTRAL),
}
