"""Breakers of LLM gateways: each one's configuration as parameters of a `BreakerState`, and what it
does besides.

Sources: LiteLLM 1.83.14 (router_utils/cooldown_handlers.py, cooldown_cache.py); Portkey 2.2.3
(src/utils/circuitBreaker.ts); and as `policies.presets.breakers` says.
"""

from __future__ import annotations

import math
from typing import Any

from simroute.gauges.breaker import HALF_OPEN, OPEN, BreakerState
from simroute.testing.conformance.breakers.libraries import ANY_NUMBER, counts_by_time
from simroute.testing.conformance.breakers.rehearsal import (
    AT_ONCE,
    COUNTED,
    FAILURE,
    NEUTRAL,
    SUCCESS,
    Family,
    Rehearsal,
    share,
    status_of,
)
from simroute.testing.conformance.verdict import Config, skip_if

UNSET = 3
"""Fails that LiteLLM allows as a default: given, it counts as not set."""
POLICY = {401: "Authentication", 408: "Timeout", 504: "Timeout", 429: "RateLimit"}
"""Status -> what LiteLLM's `allowed_fails_policy` calls it, before `ErrorAllowedFails`."""


def _litellm(config: Config) -> BreakerState:
    allowed = _allowed_fails(config, None)
    rule: dict[str, Any] = {"rate": config["max_share"] + 1e-9, "min_calls": config["min_events"]}
    rule["window"] = 60
    if allowed is not None:
        rule = {"failures": allowed + 1, "window": config["cooldown_s"] or 5}
    return BreakerState(
        **rule,
        window_kind="first_of_kind",
        cooldown=config["cooldown_s"] or 5,
        recovery="time",
        forgets="never",
        strict=True,
    )


def _allowed_fails(config: Config, status: int | None) -> int | None:
    """How many failures (with this status) do not cool it; None where shares decide."""
    allowed = config["allowed_fails"]
    policy = config["allowed_fails_policy"]
    if policy is None:
        return None if allowed == UNSET else allowed
    own = policy.get(f"{POLICY.get(status or 0, '')}ErrorAllowedFails")
    return int(own or (UNSET if allowed is None else allowed))


def _litellm_status(config: Config, status: int | None) -> str:
    if status is None:
        return FAILURE
    by_number = _allowed_fails(config, status) is not None
    if 400 <= status < 500 and status not in (401, 404, 408, 429):
        return NEUTRAL if by_number else COUNTED
    at_once = status < 500 and status != 408 and (status != 429 or config["group_size"] != 1)
    return AT_ONCE if at_once and not by_number else FAILURE


class Litellm(Rehearsal):
    """An answer may say how long it cools, and not at all; failures that cool nothing count in the
    share; a deployment that is alone cools when all of a thousand calls failed."""

    def renew(self) -> None:
        """A new breaker."""
        super().renew()
        if self.config["disable_cooldowns"]:
            self.state.may_open = lambda state: False
        elif self.config["group_size"] == 1 and _allowed_fails(self.config, None) is None:
            self.state.may_open = self.all_failed
        self.alone = False

    def all_failed(self, state: BreakerState) -> bool:
        """Whether a deployment that is alone may cool."""
        calls, failed = state.seen(-math.inf)  # as last counted
        return self.alone or calls == failed >= self.config["single_threshold"]

    def end(self, what: str, step: Config, now: float) -> None:
        """A call ended. At the very end of a cooldown it is still one, until something is noted."""
        if self.state.state == OPEN and self.state.until == now:
            self.state.at(math.inf)
        if self.config["allowed_fails_policy"] is not None and what != SUCCESS:
            self.by_policy(what, step, now)
        elif "APIConnectionError" in str(step.get("error", "")):
            super().end(COUNTED, step, now)
        else:
            super().end(what, step, now)

    def by_policy(self, what: str, step: Config, now: float) -> None:
        """By the number that is allowed to failures of its kind."""
        if what != NEUTRAL:
            allowed = _allowed_fails(self.config, status_of(step)) or 0
            self.state.failures = allowed + 1
        super().end(what, step, now)

    def count(self, what: str, slow: bool, now: float, wait: float | None) -> None:
        """A result that is good or bad."""
        state, own = self.state, self.config["deployment_cooldown_s"]
        wait = wait if own is None else own
        if what == COUNTED or (what != SUCCESS and wait is not None and wait <= 0):
            if self.state.rate is not None:
                state.results.add(now, True)
        elif what == SUCCESS:
            state.record(False, now)
        else:
            self.alone = what == AT_ONCE
            permit = state.late(now) if state.state == OPEN else state.ask(now)
            state.tell(permit or state.late(now), True, now, slow, what == AT_ONCE, wait)


def _portkey(config: Config) -> BreakerState:
    number, percent = config["failure_threshold"], config["failure_threshold_percentage"]
    return BreakerState(
        failures=number or ANY_NUMBER,
        rate=percent / 100 if percent else None,
        either=bool(number),
        min_calls=config["minimum_requests"] or 5,
        judged="result",
        window=max(30, config["cooldown_s"]),
        window_kind="first_failure",
        recovery="window",
    )


def _portkey_status(config: Config, status: int | None) -> str:
    codes = config["failure_status_codes"]
    if status is None:
        return FAILURE
    fails = status >= 500 if codes is None else status in codes
    return FAILURE if fails else NEUTRAL


class OfTargets(Rehearsal):
    """One of several targets, of which some are always tried."""

    def are_open(self, others: list[Rehearsal], now: float) -> bool:
        """Whether these refuse and there are no further ones: all that the configuration counts, or
        that the item names, have been heard of."""
        number = self.config["targets"] or self.group.expected
        all_known = 1 < number == len(self.group)
        return all_known and all(each.state.at(now) == OPEN for each in others)


class Portkey(OfTargets):
    """Where all targets are open all are tried. Successes before the first failure are counted, and
    forgotten with it."""

    def renew(self) -> None:
        """A new breaker."""
        super().renew()
        self.good, self.failing = 0, False

    def settle(self, now: float) -> None:
        """What the clock alone does."""
        super().settle(now)
        failing = self.state.seen(now)[1] > 0
        if failing != self.failing:
            self.failing, self.good = failing, 0

    def ask(self, token: Any, now: float) -> bool:
        """Whether a call may be made."""
        return self.are_open([*self.group.values()], now) or super().ask(token, now)

    def count(self, what: str, slow: bool, now: float, wait: float | None) -> None:
        """A result that is good or bad."""
        self.good += what == SUCCESS
        super().count(what, slow, now, wait)

    def numbers(self, now: float) -> dict[str, Any]:
        """What is counted."""
        failed = super().numbers(now)["failed"]
        return super().numbers(now) | {"calls": self.good + failed, "successes": self.good}


def _helicone(config: Config) -> BreakerState:
    skip_if(config["interval_s"] <= 0, "no time between two looks")
    return BreakerState(
        rate=config["ratio"] + 1e-9,
        min_calls=config["min_requests"],
        window=config["window_s"],
        buckets=1,
        judged_every=config["interval_s"],
        recovery="window",
        cooldown=30,
    )


def _helicone_status(config: Config, status: int | None) -> str:
    if status == 429:
        return AT_ONCE
    return FAILURE if status is None or status >= 500 else SUCCESS


class Helicone(Rehearsal):
    """A rate limit takes it out for what it asks (30 s) and 30 s more. What ends while it is out
    counts from the next look on."""

    def renew(self) -> None:
        """A new breaker."""
        super().renew()
        self.waiting: list[tuple[float, bool]] = []

    def settle(self, now: float) -> None:
        """What the clock alone does."""
        looked = now // self.config["interval_s"] * self.config["interval_s"]
        while self.waiting and self.waiting[0][0] < looked:
            self.state.results.add(*self.waiting.pop(0))
        super().settle(now)

    def count(self, what: str, slow: bool, now: float, wait: float | None) -> None:
        """A result that is good or bad."""
        state, failed = self.state, what == FAILURE
        if state.state == OPEN:
            self.waiting.append((now, failed))
        else:
            state.record(failed, now)
            if what == AT_ONCE:
                state.force(OPEN, now, (30 if wait is None else wait) + 30)


def _kong(config: Config) -> BreakerState:
    return BreakerState(
        failures=config["max_fails"] or ANY_NUMBER,
        window=config["fail_timeout_s"],
        cooldown=config["fail_timeout_s"],
        recovery="time",
    )


def _bifrost(config: Config) -> BreakerState:
    by_time, size = counts_by_time(config), int(config["size"])
    permits, enough = int(config["permits"]), by_time or size >= config["min_calls"]
    rules = {"rate": config["failure_ratio"], "slow_rate": config["slow_ratio"]}
    return BreakerState(
        window=size,
        count_window=None if by_time else size,
        min_calls=config["min_calls"],
        slow_after=config["slow_s"],
        judged="result",
        **(rules if enough else {"rate": math.inf, "slow_rate": math.inf}),
        cooldown=config["wait_s"],
        probes=permits,
        successes=permits,
        trials_in_all=True,
    )


def _bifrost_status(config: Config, status: int | None) -> str:
    return FAILURE if status is None or status == 429 or 500 <= status < 600 else SUCCESS


class Bifrost(Rehearsal):
    """A slow trial opens it again; its trials stay among the numbers."""

    def count(self, what: str, slow: bool, now: float, wait: float | None) -> None:
        """A result that is good or bad."""
        state = self.state
        if slow and what == SUCCESS and state.state == HALF_OPEN:
            state.results.add(now, False, True)
            state.force(OPEN, now)
        else:
            state.record(what != SUCCESS, now, slow)

    def numbers(self, now: float) -> dict[str, Any]:
        """And slow calls."""
        figures = super().numbers(now)
        slow = self.state.results.slow
        return figures | {"slow": slow, "slow_rate": share(slow, figures["calls"])}


def _agentcore(config: Config) -> BreakerState:
    return BreakerState(failures=ANY_NUMBER if config["mode"] == "disabled" else 3)


class Agentcore(OfTargets):
    """Of several targets the last that remains is always tried."""

    def ask(self, token: Any, now: float) -> bool:
        """Whether a call may be made."""
        others = [each for each in self.group.values() if each is not self]
        return self.are_open(others, now) or super().ask(token, now)


GATEWAYS: dict[str, Family] = {
    "litellm": Family(_litellm, Litellm, False, unknown=FAILURE, classify=_litellm_status),
    "portkey": Family(_portkey, Portkey, False, unknown=FAILURE, classify=_portkey_status),
    "helicone": Family(_helicone, Helicone, False, unknown=FAILURE, classify=_helicone_status),
    "kong": Family(_kong, Rehearsal, False, unknown=FAILURE),
    "bifrost": Family(_bifrost, Bifrost, classify=_bifrost_status),
    "bedrock_agentcore": Family(_agentcore, Agentcore),
}
