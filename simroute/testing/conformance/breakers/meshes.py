"""Finagle's failure accrual and Envoy's outlier detection: their configurations as parameters of a
`BreakerState`, and what they do besides.

Sources: FailureAccrualFactory, FailureAccrualPolicy, util.Ema (Finagle 24); outlier_detection_impl
(Envoy, 00c7146d).
"""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

from simroute.gauges.breaker import CLOSED, HALF_OPEN, OPEN, BreakerState
from simroute.testing.conformance.breakers.libraries import ANY_NUMBER
from simroute.testing.conformance.breakers.rehearsal import (
    FAILURE,
    NEUTRAL,
    SUCCESS,
    Family,
    Group,
    Rehearsal,
    share,
    status_of,
)
from simroute.testing.conformance.spelling import plain
from simroute.testing.conformance.verdict import Config, skip_if

CERTAIN = 100
"""Percent at which a rule of Envoy's is enforced; below, by chance."""


def _finagle(config: Config) -> BreakerState:
    """mark_dead_s: a list of times, then 300 s; one time, always; none, the library's, doubling."""
    dead = config["mark_dead_s"]
    times: dict[str, Any] = {"cooldown": dead}
    if dead is None:
        times = {"cooldown": 5, "cooldown_factor": 2, "cooldown_step": 0, "max_cooldown": 300}
    elif isinstance(dead, list):
        times = {"cooldown": 300, "cooldowns": tuple(dead), "max_cooldown": 300}
    by_rate = config["success_rate"] is not None and "failures" not in config["given"]
    return BreakerState(
        failures=ANY_NUMBER if by_rate else config["failures"], consecutive=True, **times
    )


class Finagle(Rehearsal):
    """Results count as of the state that they meet, whoever asked: while it is dead a success
    resets the row of failures; a failing probe that completes no row is probed again. A success
    rate, where one is required, is reckoned here."""

    def renew(self) -> None:
        """A new breaker."""
        super().renew()
        config, self.rate = self.config, None  # type: Config, SuccessRate | None
        if not config["given"]:
            self.rate = SuccessRate(0.8, 30, 5, by_time=True)
        elif (required := config["success_rate"]) is not None:
            by_time = config["window_s"] is not None
            length = config["window_s"] if by_time else (config["window"] or 30)
            by_time = by_time or config["window"] is None
            self.rate = SuccessRate(required, length, config["min_requests"], by_time)

    def end(self, what: str, step: Config, now: float) -> None:
        """A call ended; one that nobody asked leave for is made now."""
        token = step.get("token")
        fits = [number for number, each in enumerate(self.out) if each[0] == token]
        if fits:
            self.out.pop(fits[0])
        elif self.state.state == HALF_OPEN and not self.state.trials.given:
            self.state.ask(now)
        self.told(what, now)

    def told(self, what: str, now: float) -> None:
        """A result, as of the present state."""
        state, good = self.state, what == SUCCESS
        probing = state.state == HALF_OPEN and state.trials.given > 0
        if what == NEUTRAL:
            if probing:
                state.trials.forgo()
            return
        if state.state in (OPEN, HALF_OPEN) and not probing:
            if good:
                state.results.add(now, False)
                if self.rate:
                    self.rate.add(True, now)
            return
        too_low = self.rate is not None and self.rate.add(good, now)
        row = state.results.seen(now)[1] + 1
        if probing and not good and not too_low and row < state.failures:
            state.results.add(now, True)
            state.trials.forgo()
        elif too_low and state.state == CLOSED:
            state.results.add(now, True)
            state.force(OPEN, now)
        else:
            state.record(not good, now)
        if probing and good and self.rate:
            self.rate.restart(now)

    def general(self, now: float) -> str:
        """The state in our words."""
        return self.state.state

    def shown(self, now: float) -> str:
        """The state in its own words."""
        if self.state.state == HALF_OPEN:
            return "probe_closed" if self.state.trials.given else "probe_open"
        return {CLOSED: "alive", OPEN: "dead"}[self.state.state]


class SuccessRate:
    """Finagle's: a moving average whose weights fade over `window` requests, or seconds; too low
    when below `required`, once that much has passed and, of time, so many requests were made within
    it (counted in fifths)."""

    def __init__(self, required: float, window: float, least: int, by_time: bool) -> None:
        self._required, self._window, self._least = required, window, least
        self._by_time = by_time
        self.restart(0)

    def restart(self, now: float) -> None:
        """Begin anew."""
        self._began, self._number, self._average = now, 0, 0.0
        self._stamp: float | None = None
        self._recent: Counter[float] = Counter()

    def add(self, good: bool, now: float) -> bool:
        """A result; whether the rate is too low now."""
        self._number += 1
        stamp = now - self._began if self._by_time else float(self._number)
        if self._stamp is None:
            self._average = float(good)
        else:
            kept = math.exp(-(stamp - self._stamp) / self._window)
            self._average = good * (1 - kept) + self._average * kept
        self._stamp = stamp
        enough = True
        if self._by_time:
            fifth = self._window / 5
            self._recent[now // fifth] += 1
            lately = [n for place, n in self._recent.items() if place > now // fifth - 5]
            enough = sum(lately) >= self._least
        low = self._average < self._required
        return not good and low and enough and stamp >= self._window


def _envoy(config: Config) -> BreakerState:
    base = config["base_s"]
    return BreakerState(
        failures=config["consecutive_5xx"],
        consecutive=True,
        cooldown=base,
        cooldown_factor=1,  # no float, so that times stay exact
        cooldown_step=base,
        max_cooldown=max(base, config["max_s"]),
        forgiven_after=config["interval_s"],
        recovery="time",
        swept=True,
    )


def _envoy_status(config: Config, status: int | None) -> str:
    return SUCCESS if status is not None and not 500 <= status < 600 else FAILURE


class Envoy(Rehearsal):
    """A host among others: failures in a row of the gateway or of its own connections eject it too,
    where that is enforced; sweeps look at the success rates of all; only a share of the hosts is
    out."""

    def __init__(self, family: Family, config: Config, group: Group) -> None:
        super().__init__(family, config, group)
        skip_if(config["jitter_s"], "a jitter of Envoy's ejection time")
        self.rows = {"gateway_failure": 0, "local_origin_failure": 0}
        self.good = self.calls = self.ejections = 0
        self.state.may_open = lambda state: self.may_eject("consecutive_5xx")

    def may_eject(self, rule: str) -> bool:
        """Whether this rule ejects the host; if not, what it has counted is forgotten."""
        enforced = self.config[f"enforcing_{rule}"]
        skip_if(0 < enforced < CERTAIN, f"enforcing_{rule} by chance")
        if enforced >= CERTAIN and self.room():
            self.ejections += 1
            return True
        if rule == "consecutive_5xx":
            self.state.results.add(self.group.last, False)
        return False

    def room(self) -> bool:
        """Whether one more host may be out."""
        config = self.config
        hosts, most = config["hosts"], config["max_pct"]
        if hosts is None and most is None:
            return True
        hosts = hosts or max(1, self.group.expected)
        out = sum(each.state.state == OPEN for each in self.group.values())
        always = config["always_one"] and not out
        return bool(always or 100 * (out + 1) / hosts <= min(100, 10 if most is None else most))

    def end(self, what: str, step: Config, now: float) -> None:
        """A call ended."""
        said, status = plain(step["event"]), status_of(step)
        local = "local" in str(step.get("origin", "")) or said == "timeout"
        if what == NEUTRAL:
            return
        if local and self.config["split"]:
            self.in_a_row("local_origin_failure", what != SUCCESS, now)
            return
        if local and status is None:
            status = 504 if said == "timeout" else 503
        self.calls += 1
        self.good += what == SUCCESS
        gateway = what != SUCCESS and status in (502, 503, 504)
        self.in_a_row("gateway_failure", gateway, now)
        self.state.record(what != SUCCESS, now)
        if what == SUCCESS and self.config["split"]:
            self.rows["local_origin_failure"] = 0

    def in_a_row(self, rule: str, failed: bool, now: float) -> None:
        """One more of these, or the end of their row."""
        self.rows[rule] = self.rows[rule] + 1 if failed else 0
        if self.rows[rule] == self.config[f"consecutive_{rule}"] and self.state.state == CLOSED:
            self.eject(f"consecutive_{rule}", now)
            self.rows[rule] = 0

    def eject(self, rule: str, now: float) -> None:
        """Because of this rule, if it may."""
        if self.state.state == CLOSED and self.may_eject(rule):
            self.state.force(OPEN, now)

    def by_hand(self, step: Config, now: float) -> None:
        """A sweep looks at every host; a health check that succeeds brings this one back."""
        what = plain(step["what"])
        if what in ("uneject", "healthcheck", "activehealthcheck"):
            self.rows = dict.fromkeys(self.rows, 0)
            if self.state.state == OPEN:
                self.state.force(CLOSED, now)
            return
        if what not in ("sweep", "interval"):
            super().by_hand(step, now)
            return
        hosts: list[Any] = list(self.group.values())
        hosts = [self] if self not in hosts else hosts
        for host in hosts:
            if host.state.state == OPEN:
                host.state.sweep(now)
                if host.state.state == CLOSED:
                    host.rows = dict.fromkeys(host.rows, 0)
        self.sweep_rates(hosts, now)
        for host in hosts:
            if host.state.state == CLOSED:
                host.state.sweep(now)

    def sweep_rates(self, hosts: list[Envoy], now: float) -> None:
        """Eject hosts that are far worse than the others, or worse than they may be."""
        config, rates = self.config, {}
        number = max(config["hosts"] or 0, len(hosts))
        for host in hosts:
            if host.state.state == CLOSED and host.calls:
                rates[host] = share(host.good, host.calls), host.calls
            host.good = host.calls = 0
        least, few = (
            config["success_rate_minimum_hosts"],
            config["failure_percentage_minimum_hosts"],
        )
        if number < least and number < few:
            return
        seen = {h: r for h, (r, n) in rates.items() if n >= config["success_rate_request_volume"]}
        if seen and len(seen) >= least:
            mean = sum(seen.values()) / len(seen)  # in doubles, as there
            spread = math.sqrt(sum((rate - mean) ** 2 for rate in seen.values()) / len(seen))
            bound = mean - config["success_rate_stdev_factor"] / 1000 * spread
            for host in [h for h, rate in seen.items() if rate < bound]:
                host.eject("success_rate", now)
        volume = config["failure_percentage_request_volume"]
        seen = {h: r for h, (r, n) in rates.items() if n >= volume}
        if seen and len(seen) >= few:
            for host, rate in seen.items():
                if 100 - rate >= config["failure_percentage_threshold"]:
                    host.eject("failure_percentage", now)

    def numbers(self, now: float) -> dict[str, Any]:
        """And how often it was ejected."""
        return super().numbers(now) | {"ejections": self.ejections}


MESHES: dict[str, Family] = {
    "finagle": Family(_finagle, Finagle, lazy=False, unknown=FAILURE),
    "envoy": Family(_envoy, Envoy, unknown=NEUTRAL, classify=_envoy_status),
}
