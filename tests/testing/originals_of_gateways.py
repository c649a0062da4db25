"""Finagle, Envoy and the breakers of gateways once more, each written plainly from the rules of its
source and from nothing of ours, as `originals` does for libraries."""

from __future__ import annotations

import math
from typing import Any

Config = dict[str, Any]
Step = dict[str, Any]


class Finagle:
    """FailureAccrualFactory with consecutiveFailures, successRate, successRateWithinDuration or
    two of them, and util.Ema (24)."""

    def __init__(self, config: Config) -> None:
        self.most = config.get("failures", math.inf if "success_rate" in config else 5)
        self.list = config.get("mark_dead_s", [5.0, 10.0, 20.0, 40.0, 80.0, 160.0])
        self.required = config.get("success_rate")
        self.requests, self.seconds = config.get("window"), config.get("window_s", 30.0)
        self.least = config.get("min_requests", 5)
        if not config:
            self.required = 0.8
        self.state, self.row, self.place = "alive", 0, 0
        self.out: set[Any] = set()
        self.new_average(0.0)

    def new_average(self, t: float) -> None:
        self.average, self.stamp, self.number, self.began = 0.0, -1.0, 0, t
        self.recent: list[float] = []

    def too_low(self, good: bool, t: float) -> bool:
        """Update the moving average; whether a failure now marks it dead."""
        if self.required is None:
            return False
        self.number += 1
        by_number = self.requests is not None
        stamp = float(self.number) if by_number else t - self.began
        window = self.requests if by_number else self.seconds
        weight = math.exp(-(stamp - self.stamp) / window) if self.stamp >= 0 else 0.0
        self.average = good * (1 - weight) + self.average * weight
        self.stamp = stamp
        slices = window / 5
        self.recent.append(t // slices)
        enough = by_number or sum(each > t // slices - 5 for each in self.recent) >= self.least
        return not good and stamp >= window and self.average < self.required and bool(enough)

    def failed(self, t: float) -> None:
        if self.state not in ("alive", "probe_closed"):
            return
        low = self.too_low(False, t)
        self.row += 1
        if low or self.row >= self.most:
            length = self.list[self.place] if self.place < len(self.list) else 300.0
            self.state, self.until, self.place = "dead", t + length, self.place + 1
        elif self.state == "probe_closed":
            self.state = "probe_open"

    def do(self, step: Step) -> Step:
        t, event, token = step["t"], step["event"], step.get("token")
        expect: Step = {}
        if self.state == "dead" and t >= self.until:
            self.state = "probe_open"
        if event == "permit":
            expect["permitted"] = self.state in ("alive", "probe_open")
            if self.state == "probe_open":
                self.state = "probe_closed"
            if expect["permitted"]:
                self.out.add(token)
            return expect | {"state": self.state}
        if event != "observe" and token not in self.out and self.state == "probe_open":
            self.state = "probe_closed"  # a call of its own
        self.out.discard(token)
        if event in ("failure", "unknown"):
            self.failed(t)
        elif event == "success":
            if self.state == "probe_closed":
                self.state, self.place = "alive", 0
                self.too_low(True, t)
                self.new_average(t)
            else:
                self.too_low(True, t)
            self.row = 0
        elif event == "ignored" and self.state == "probe_closed":
            self.state = "probe_open"
        return expect | {"state": self.state}


class Host:
    """One of Envoy's."""

    def __init__(self) -> None:
        self.out, self.times, self.since, self.back = False, 0, 0.0, math.inf
        self.rows = {"consecutive_5xx": 0, "consecutive_gateway_failure": 0}
        self.rows["consecutive_local_origin_failure"] = 0
        self.good = self.calls = 0


class Envoy:
    """outlier_detection_impl.cc at 00c7146d; sweeps by hand."""

    FIVE = (
        "consecutive_5xx",
        "consecutive_gateway_failure",
        "consecutive_local_origin_failure",
        "success_rate_minimum_hosts",
        "failure_percentage_minimum_hosts",
    )
    ENFORCED = ("consecutive_5xx", "consecutive_local_origin_failure", "success_rate")

    def __init__(self, config: Config) -> None:
        self.config = dict.fromkeys(self.FIVE, 5) | config
        self.base, longest = config.get("base_s", 30.0), config.get("max_s", 300.0)
        self.longest = max(self.base, longest)
        self.interval = config.get("interval_s", 10.0)
        self.split = config.get("split", False)
        self.hosts: dict[Any, Host] = {}

    def eject(self, host: Host, rule: str, t: float) -> None:
        usual = 100 if rule in self.ENFORCED else 0
        number, most = self.config.get("hosts"), self.config.get("max_pct", 10)
        out = sum(each.out for each in self.hosts.values())
        room = number is None or 100.0 * (out + 1) / number <= most
        if self.config.get("always_one") and not out:
            room = True
        if room and self.config.get(f"enforcing_{rule}", usual) == 100:
            host.out, host.since = True, t
            if host.times * self.base < self.longest + self.base:
                host.times += 1

    def count(self, host: Host, rule: str, failed: bool, t: float) -> None:
        host.rows[rule] = host.rows[rule] + 1 if failed else 0
        if host.rows[rule] == self.config[rule] and not host.out:
            self.eject(host, rule, t)
            host.rows[rule] = 0

    def sweep(self, t: float) -> None:
        for host in self.hosts.values():
            if host.out and min(self.base * host.times, self.longest) <= t - host.since:
                host.out, host.back = False, t
                host.rows = dict.fromkeys(host.rows, 0)
        rates = [
            (host, 100 * host.good / host.calls, host.calls)
            for host in self.hosts.values()
            if host.calls and not host.out
        ]
        number = max(self.config.get("hosts") or 0, len(self.hosts))
        least = self.config["success_rate_minimum_hosts"]
        few = self.config["failure_percentage_minimum_hosts"]
        if number >= least or number >= few:
            self.by_rates(rates, least, few, t)
        for host in self.hosts.values():
            host.good = host.calls = 0
            if not host.out and t - host.back >= self.interval:
                host.times = max(0, host.times - 1)

    def by_rates(self, rates: list[Any], least: int, few: int, t: float) -> None:
        volume = self.config.get("success_rate_request_volume", 100)
        valid = [(host, rate) for host, rate, calls in rates if calls >= volume]
        if valid and len(valid) >= least:
            mean = sum(rate for _, rate in valid) / len(valid)
            spread = math.sqrt(sum((rate - mean) ** 2 for _, rate in valid) / len(valid))
            lowest = mean - self.config.get("success_rate_stdev_factor", 1900) / 1000 * spread
            for host, rate in valid:
                if rate < lowest:
                    self.eject(host, "success_rate", t)
        volume = self.config.get("failure_percentage_request_volume", 50)
        valid = [(host, rate) for host, rate, calls in rates if calls >= volume]
        if valid and len(valid) >= few:
            for host, rate in valid:
                bad = 100 - rate >= self.config.get("failure_percentage_threshold", 85)
                if bad and not host.out:
                    self.eject(host, "failure_percentage", t)

    def do(self, step: Step) -> Step:
        t, event = step["t"], step["event"]
        if event == "manual":
            self.sweep(t)
            return {}
        host = self.hosts.setdefault(step.get("host"), Host())
        expect: Step = {}
        status = step.get("status", 500)
        failed = event == "failure" and status >= 500
        if event == "permit":
            expect["permitted"] = not host.out
        elif event == "failure" and step.get("origin") == "local" and self.split:
            self.count(host, "consecutive_local_origin_failure", True, t)
        elif event in ("success", "failure"):
            if step.get("origin") == "local" and "status" not in step:
                status = 503
            host.calls += 1
            host.good += not failed
            gateway = failed and status in (502, 503, 504)
            self.count(host, "consecutive_gateway_failure", gateway, t)
            self.count(host, "consecutive_5xx", failed, t)
            if not failed and self.split:
                host.rows["consecutive_local_origin_failure"] = 0
        return expect | {"state": "open" if host.out else "closed"}


KINDS = {401: "Authentication", 408: "Timeout", 504: "Timeout", 429: "RateLimit"}
"""Status -> what a policy of LiteLLM's calls it."""


class Litellm:
    """Cooldowns of the router 1.83: cooldown_handlers.py, cooldown_cache.py,
    track_deployment_metrics.py."""

    def __init__(self, config: Config) -> None:
        self.alone = config.get("group_size", 2) == 1
        allowed = config.get("allowed_fails")
        self.policy = config.get("allowed_fails_policy")
        self.allowed = None if allowed == 3 else allowed
        self.length = config.get("cooldown_s", 5.0) or 5.0
        self.own = config.get("deployment_cooldown_s")
        self.off = config.get("disable_cooldowns", False)
        self.counters: dict[str, list[float]] = {}
        self.until = -math.inf

    def count(self, what: str, t: float, life: float) -> int:
        """One more; a counter is forgotten so long after its first one."""
        if what in self.counters and t - self.counters[what][1] > life:
            del self.counters[what]
        counter = self.counters.setdefault(what, [0, t])
        counter[0] += 1
        return int(counter[0])

    def seen(self, what: str, t: float) -> int:
        counter = self.counters.get(what, [0, -math.inf])
        return int(counter[0]) if t - counter[1] <= 60.0 else 0

    def cools(self, t: float, status: int) -> bool:
        if self.off or (400 <= status < 500 and status not in (401, 404, 408, 429)):
            return False
        if self.policy is not None:
            own = self.policy.get(f"{KINDS.get(status)}ErrorAllowedFails")
            number = own or (3 if self.allowed is None else self.allowed)
            return self.count("allowed", t, self.length) > number
        if self.allowed is not None:
            return self.count("allowed", t, self.length) > self.allowed
        bad = self.seen("bad", t)
        calls = bad + self.seen("good", t)
        if status in (401, 404) or (status == 429 and not self.alone) or bad == calls >= 1000:
            return True
        return not self.alone and calls >= 5 and bad / calls > 0.5

    def do(self, step: Step) -> Step:
        t, event = step["t"], step["event"]
        expect: Step = {}
        if event == "permit":
            expect["permitted"] = t > self.until
        elif event == "success":
            self.count("good", t, 60.0)
        elif event in ("failure", "unknown"):
            self.count("bad", t, 60.0)
            length = step.get("retry_after", self.length) if self.own is None else self.own
            if length and self.cools(t, step.get("status", 500)) and t > self.until:
                self.until = t + length
        return expect | {"state": "closed" if t > self.until else "open"}


class Portkey:
    """src/utils/circuitBreaker.ts and the cache's counters at 8febc1dc, target by target; where all
    are open all are tried."""

    def __init__(self, config: Config) -> None:
        self.number = config.get("failure_threshold")
        self.share = config.get("failure_threshold_percentage")
        self.least = config.get("minimum_requests", 5)
        self.life = max(30.0, config.get("cooldown_s", 30.0))
        self.codes = config.get("failure_status_codes")
        self.several = config.get("targets")
        self.targets: dict[Any, list[float]] = {}

    def do(self, step: Step) -> Step:
        t, event = step["t"], step["event"]
        for data in self.targets.values():
            if data[1] and t - data[2] > self.life:
                data[:] = [0, 0, 0.0]
        data = self.targets.setdefault(step.get("target"), [0, 0, 0.0])
        expect: Step = {}
        status = step.get("status")
        if event == "permit":
            all_open = len(self.targets) == self.several and self.several > 1
            all_open = all_open and all(self.is_open(each) for each in self.targets.values())
            expect["permitted"] = all_open or not self.is_open(data)
        elif event == "success":
            data[0] += 1
        elif event == "unknown" or (event == "failure" and self.fails(status)):
            if not data[1]:
                data[0], data[2] = 0, t
            data[1] += 1
        figures = {"successes": data[0], "failed": data[1]}
        return expect | {"state": "open" if self.is_open(data) else "closed"} | figures

    def fails(self, status: int | None) -> bool:
        return status is None or (status in self.codes if self.codes else status >= 500)

    def is_open(self, data: list[float]) -> bool:
        good, bad, _ = data
        share = 100 * bad / (good + bad) if good + bad >= self.least else 0.0
        return bool(self.number and bad >= self.number) or bool(self.share and share >= self.share)


class Helicone:
    """monitor/health/provider.rs, monitor/rate_limit/provider.rs, rolling_counter.rs (42d29989):
    counters of whole laps, a look so often; a rate limit takes it out for what it asks and 30 s
    more."""

    def __init__(self, config: Config) -> None:
        self.ratio, self.least = config.get("ratio", 0.1), config.get("min_requests", 20)
        self.window, self.every = config.get("window_s", 60.0), config.get("interval_s", 5.0)
        self.calls: list[tuple[float, bool]] = []
        self.looked, self.sick, self.limited = 0.0, False, -math.inf

    def look(self, t: float) -> None:
        while self.looked + self.every <= t:
            self.looked += self.every
            lap = self.looked // self.window
            seen = [bad for at, bad in self.calls if at < self.looked and at // self.window == lap]
            self.sick = len(seen) >= self.least and sum(seen) / len(seen) > self.ratio

    def do(self, step: Step) -> Step:
        t, event = step["t"], step["event"]
        self.look(t)
        expect: Step = {}
        status = step.get("status", 500)
        if event == "permit":
            expect["permitted"] = not self.sick and t >= self.limited
        elif event in ("success", "failure"):
            self.calls.append((t, event == "failure" and status >= 500))
            if event == "failure" and status == 429 and t >= self.limited and not self.sick:
                self.limited = t + step.get("retry_after", 30.0) + 30.0
        closed = not self.sick and t >= self.limited
        return expect | {"state": "closed" if closed else "open"}


class Kong:
    """balancer.max_fails within balancer.fail_timeout, out for as long (its documentation)."""

    def __init__(self, config: Config) -> None:
        self.most = config.get("max_fails", 0) or math.inf
        self.length = config.get("fail_timeout_s", 10.0)
        self.failed: list[float] = []
        self.until = -math.inf

    def do(self, step: Step) -> Step:
        t, event = step["t"], step["event"]
        if self.failed and self.until <= t and self.until > -math.inf:
            self.failed, self.until = [], -math.inf
        expect: Step = {}
        if event == "permit":
            expect["permitted"] = t >= self.until
        elif event in ("failure", "unknown") and t >= self.until:
            self.failed = [each for each in self.failed if t - each < self.length] + [t]
            if len(self.failed) >= self.most:
                self.until = t + self.length
        return expect | {"state": "closed" if t >= self.until else "open"}


class Bifrost:
    """plugins/circuitbreaker/main.go, utils.go (pull request 204), by the last so many calls."""

    def __init__(self, config: Config) -> None:
        self.bad, self.slow = config.get("failure_ratio", 0.5), config.get("slow_ratio", 0.5)
        self.slow_s, self.least = config.get("slow_s", 5.0), config.get("min_calls", 10)
        self.size, self.permits = config.get("size", 100), config.get("permits", 5)
        self.wait = config.get("wait_s", 60.0)
        self.state, self.calls = "closed", []  # type: ignore[var-annotated]

    def enter(self, state: str, t: float) -> None:
        self.state, self.since, self.asked, self.good = state, t, 0, 0
        if state == "closed":
            self.calls = []

    def do(self, step: Step) -> Step:
        t, event = step["t"], step["event"]
        expect: Step = {}
        if event == "permit":
            if self.state == "open" and t - self.since >= self.wait:
                self.enter("half_open", t)
            self.asked += self.state == "half_open"
            within = self.state == "half_open" and self.asked <= self.permits
            expect["permitted"] = self.state == "closed" or within
        elif event in ("success", "failure"):
            status = step.get("status", 500)
            bad = event == "failure" and (status >= 500 or status == 429)
            self.ended(bad, step.get("dur", 0.0) > self.slow_s, t)
        figures = {"buffered": len(self.calls), "failed": sum(each[0] for each in self.calls)}
        return expect | {"state": self.state} | figures

    asked = good = 0

    def ended(self, bad: bool, slow: bool, t: float) -> None:
        self.calls = [*self.calls, (bad, slow)][-self.size :]
        if self.state == "half_open":
            self.good += not bad and not slow
            if bad or slow:
                self.enter("open", t)
            elif self.good >= self.permits:
                self.enter("closed", t)
        elif self.state == "closed" and len(self.calls) >= self.least:
            number = len(self.calls)
            shares = [sum(each[place] for each in self.calls) / number for place in (0, 1)]
            if shares[0] >= self.bad or shares[1] >= self.slow:
                self.enter("open", t)


GATEWAYS = {
    "finagle": Finagle,
    "envoy": Envoy,
    "litellm": Litellm,
    "portkey": Portkey,
    "helicone": Helicone,
    "kong": Kong,
    "bifrost": Bifrost,
}
