"""Breakers of eleven libraries and gateways once more, each written plainly from the rules of its
source and from nothing of ours: what the conformance runner is compared with.

Each takes its family's configuration, in which fields may be missing, and answers `do(step)` with
what is expected after the step.
"""

from __future__ import annotations

import math
from typing import Any

Config = dict[str, Any]
Step = dict[str, Any]


class Resilience4j:
    """CircuitBreakerStateMachine, CircuitBreakerMetrics, FixedSize- and SlidingTimeWindowMetrics
    (af9e7c97)."""

    def __init__(self, config: Config) -> None:
        self.by_time = config.get("window", "count") == "time"
        self.size = config.get("size", 100)
        self.least = config.get("min_calls", 100)
        self.failure_rate = config.get("failure_rate", 50.0)
        self.slow_rate = config.get("slow_rate", 100.0)
        self.slow_s = config.get("slow_s", 60.0)
        self.wait = config.get("wait_s", 60.0)
        self.permits = config.get("permits", 10)
        self.longest = config.get("max_half_open_s", 0.0)
        self.after = config.get("after_half_open", "open")
        self.auto = config.get("auto", False)
        self.close()

    def close(self) -> None:
        self.state = "closed"
        self.new_metrics(None)

    def new_metrics(self, trials: int | None) -> None:
        """Of a window of so many trials, or of the closed state."""
        self.calls: list[tuple[int, bool, bool]] = []
        self.refused = 0
        self.capacity = self.size if trials is None else trials
        self.timed = self.by_time and trials is None
        self.enough = self.least if self.timed else min(self.least, self.capacity)

    def open(self, t: float, wait: float | None = None) -> None:
        self.state, self.until = "open", t + (self.wait if wait is None else wait)

    def half_open(self, t: float) -> None:
        self.state, self.left, self.since = "half_open", self.permits, t
        self.new_metrics(self.permits)

    def clock(self, t: float) -> None:
        """The two timers."""
        if self.state == "open" and self.auto and t >= self.until:
            self.half_open(self.until)
        if self.state == "half_open" and self.longest and t >= self.since + self.longest:
            ends = self.since + self.longest
            if self.after == "closed":
                self.close()
            else:
                self.open(ends)
                self.clock(t)

    def ask(self, t: float) -> bool:
        if self.state == "open" and t > self.until:
            self.half_open(t)
        allowed = self.state in ("closed", "disabled", "metrics_only")
        if self.state == "half_open" and self.left > 0:
            self.left -= 1
            allowed = True
        self.refused += not allowed
        return allowed

    def trim(self, t: float) -> None:
        if self.timed:
            self.calls = [call for call in self.calls if call[0] > math.floor(t) - self.size]
        else:
            self.calls = self.calls[max(0, len(self.calls) - self.capacity) :]

    def rates(self, t: float) -> tuple[float, float]:
        self.trim(t)
        if not self.calls or len(self.calls) < self.enough:
            return -1.0, -1.0
        failed = sum(call[1] for call in self.calls)
        slow = sum(call[2] for call in self.calls)
        return 100.0 * failed / len(self.calls), 100.0 * slow / len(self.calls)

    def record(self, failed: bool, slow: bool, t: float) -> None:
        if self.state in ("disabled", "forced_open"):
            return
        self.calls.append((math.floor(t), failed, slow))
        failures, slows = self.rates(t)
        if failures < 0 or self.state in ("open", "metrics_only"):
            return
        if failures >= self.failure_rate or slows >= self.slow_rate:
            self.open(t)
        elif self.state == "half_open":
            self.close()

    def by_hand(self, what: str, t: float) -> None:
        if what in ("reset", "closed"):
            self.close()
        elif what == "open":
            self.open(t)
        elif what == "half_open":
            self.half_open(t)
        else:
            self.state = what
            self.new_metrics(0 if what != "metrics_only" else None)

    def do(self, step: Step) -> Step:
        t, event = step["t"], step["event"]
        self.clock(t)
        expect: Step = {}
        if event == "permit":
            expect["permitted"] = self.ask(t)
        elif event == "ignored":
            if self.state == "half_open":
                self.left += 1
        elif event == "manual":
            illegal = {"closed": ("half_open",), "metrics_only": ("open", "half_open")}
            if step["what"] in illegal.get(self.state, ()):
                expect["error"] = "illegal transition"
            else:
                self.by_hand(step["what"], t)
        elif event != "observe":
            slow = step["dur"] > self.slow_s if "dur" in step else "slow" in event
            self.record("failure" in event, slow, t)
        failures, slows = self.rates(t)
        return expect | {
            "state": self.state,
            "buffered": len(self.calls),
            "failed": sum(call[1] for call in self.calls),
            "slow": sum(call[2] for call in self.calls),
            "failure_rate": failures,
            "slow_rate": slows,
            "not_permitted": self.refused,
        }


class Polly:
    """CircuitStateController, AdvancedCircuitBehavior, RollingHealthMetrics of Polly.Core 8."""

    def __init__(self, config: Config) -> None:
        self.ratio = config.get("failure_ratio", 0.1)
        self.least = config.get("min_throughput", 100)
        self.sampling = config.get("sampling_s", 30.0)
        self.pause = config.get("break_s", 5.0)
        self.state, self.until = "closed", -math.inf
        self.windows: list[list[float]] = []

    def count(self, t: float, good: int, bad: int) -> None:
        if not self.windows or t - self.windows[-1][0] >= self.sampling / 10:
            self.windows.append([t, 0, 0])
        while t - self.windows[0][0] >= self.sampling:
            self.windows.pop(0)
        self.windows[-1][1] += good
        self.windows[-1][2] += bad

    def do(self, step: Step) -> Step:
        t, event = step["t"], step["event"]
        expect: Step = {}
        if event == "permit":
            expect["permitted"] = self.state == "closed"
            if self.state == "open" and t >= self.until:
                self.state, expect["permitted"] = "half_open", True
        elif event == "failure":
            if self.state == "half_open":
                self.state, self.until = "open", t + self.pause
            else:
                self.count(t, 0, 1)
                bad = sum(window[2] for window in self.windows)
                calls = bad + sum(window[1] for window in self.windows)
                if self.state == "closed" and calls >= self.least and bad / calls >= self.ratio:
                    self.state, self.until = "open", t + self.pause
        elif event in ("success", "ignored", "unknown"):
            self.count(t, 1, 0)
            if self.state == "half_open":
                self.state, self.windows = "closed", []
        return expect | {"state": self.state}


class FailsafeGo:
    """circuitstates.go of failsafe-go 5759a5e6, counted and within a period."""

    def __init__(self, config: Config) -> None:
        self.failures = config.get("failures", 1)
        self.of = config.get("of", self.failures)
        self.period = config.get("period_s")
        self.good = config.get("successes", 0)
        self.good_of = config.get("successes_of", self.good)
        self.delay = config.get("delay_s", 60.0)
        self.state, self.results = "closed", []  # type: ignore[var-annotated]

    def enter(self, state: str, t: float) -> None:
        self.state = state
        if state == "open":
            self.until = t + self.delay
        else:
            self.results = []
        if state == "half_open":
            self.left = self.good_of or self.of

    def do(self, step: Step) -> Step:
        t, event = step["t"], step["event"]
        expect: Step = {}
        if event == "permit":
            if self.state == "open" and t >= self.until:
                self.enter("half_open", t)
            expect["permitted"] = self.state == "closed" or (
                self.state == "half_open" and self.left > 0
            )
            if self.state == "half_open" and expect["permitted"]:
                self.left -= 1
        elif event == "manual":
            state = {"close": "closed"}.get(step["what"], step["what"])
            if state != self.state:
                self.enter(state, t)
        elif event in ("success", "failure"):
            self.record(event == "failure", t)
        return expect | {"state": self.state}

    def record(self, failed: bool, t: float) -> None:
        self.results.append((t, failed))
        if self.state == "closed" and self.period:
            part = self.period / 10
            newest = math.floor(t / part + 1e-9)
            self.results = [
                each for each in self.results if math.floor(each[0] / part + 1e-9) > newest - 10
            ]
        bad = sum(each[1] for each in self.results)
        if self.state == "closed":
            if not self.period:
                bad = sum(each[1] for each in self.results[-self.of :])
            if bad >= self.failures:
                self.enter("open", t)
        elif self.state == "half_open":
            good = len(self.results) - bad
            if self.good:
                closes, opens = good >= self.good, bad > self.good_of - self.good
            else:
                closes, opens = good > self.of - self.failures, bad >= self.failures
            if closes or opens:
                self.enter("closed" if closes else "open", t)
            else:
                self.left += 1


class Gobreaker:
    """v2/gobreaker.go at fed8e9eb, without rolling windows."""

    def __init__(self, config: Config) -> None:
        self.most = config.get("max_requests", 0) or 1
        self.interval = config.get("interval_s", 0.0)
        self.timeout = config.get("timeout_s", 0.0) or 60.0
        self.ratio, self.least = config.get("ratio"), config.get("min_requests", 1)
        self.in_a_row = config.get("consecutive", 5)
        self.state, self.generation = "closed", 0
        self.out: dict[Any, int] = {}
        self.renew(0.0)

    def renew(self, t: float) -> None:
        self.generation += 1
        self.counts = dict.fromkeys(("requests", "successes", "failed", "excluded"), 0)
        self.good_row = self.bad_row = 0
        ends = {"closed": self.interval or math.inf, "open": self.timeout}
        self.expiry = t + ends.get(self.state, math.inf)

    def look(self, t: float) -> None:
        if self.expiry < t and self.state == "closed":
            self.renew(t)
        elif self.expiry < t and self.state == "open":
            self.enter("half_open", t)

    def enter(self, state: str, t: float) -> None:
        self.state = state
        self.renew(t)

    def ask(self, token: Any) -> bool:
        counted = self.counts["requests"] - self.counts["excluded"]
        if self.state == "open" or (self.state == "half_open" and counted >= self.most):
            return False
        self.counts["requests"] += 1
        self.out[token] = self.generation
        return True

    def end(self, kind: str, t: float) -> None:
        if kind == "ignored":
            self.counts["excluded"] += 1
            return
        good = kind == "success"
        self.counts["successes" if good else "failed"] += 1
        self.good_row = self.good_row + 1 if good else 0
        self.bad_row = 0 if good else self.bad_row + 1
        if self.state == "half_open":
            if not good:
                self.enter("open", t)
            elif self.good_row >= self.most:
                self.enter("closed", t)
        elif not good:
            requests = self.counts["requests"] - self.counts["excluded"]
            failed = self.counts["failed"]
            trips = (
                self.bad_row > self.in_a_row
                if self.ratio is None
                else requests >= self.least and failed / requests >= self.ratio
            )
            if trips:
                self.enter("open", t)

    def do(self, step: Step) -> Step:
        t, event, token = step["t"], step["event"], step.get("token")
        self.look(t)
        expect: Step = {}
        if event == "permit":
            expect["permitted"] = self.ask(token)
        elif event != "observe" and self.out.pop(token, 0) == self.generation:
            self.end(event, t)
        return expect | {"state": self.state, **self.counts}


class Hystrix:
    """HystrixCircuitBreakerImpl and its stream of health counts (1.5)."""

    def __init__(self, config: Config) -> None:
        self.volume = config.get("volume", 20)
        self.percent = config.get("error_pct", 50.0)
        self.sleep = config.get("sleep_s", 5.0)
        self.every = config.get("snapshot_s", 0.5)
        self.parts = round(config.get("window_s", 10.0) / self.every)
        self.state, self.opened = "closed", -1.0
        self.stream(0.0)

    def stream(self, t: float) -> None:
        """Begin it anew."""
        self.start, self.done = t, 0
        self.buckets: dict[int, list[int]] = {}

    def snapshots(self, t: float) -> None:
        while self.start + (self.done + 1) * self.every <= t:
            self.done += 1
            counts = [self.buckets.get(self.done - 1 - back, [0, 0]) for back in range(self.parts)]
            calls, bad = sum(each[0] for each in counts), sum(each[1] for each in counts)
            many = calls >= self.volume and calls and int(bad / calls * 100) >= self.percent
            if many and self.state == "closed":
                self.state, self.opened = "open", self.start + self.done * self.every

    def do(self, step: Step) -> Step:
        t, event = step["t"], step["event"]
        self.snapshots(t)
        expect: Step = {}
        if event == "permit":
            expect["permitted"] = self.state == "closed"
            if self.state == "open" and t > self.opened + self.sleep:
                self.state, expect["permitted"] = "half_open", True
        elif event in ("success", "failure", "ignored"):
            if event != "ignored":
                bucket = self.buckets.setdefault(self.done, [0, 0])
                bucket[0] += 1
                bucket[1] += event == "failure"
            if self.state == "half_open" and event == "success":
                self.state, self.opened = "closed", -1.0
                self.stream(t)
            elif self.state == "half_open":
                self.state, self.opened = "open", t
        return expect | {"state": self.state}


class Pybreaker:
    """src/pybreaker/__init__.py, 1.4.1; one call at a time."""

    def __init__(self, config: Config) -> None:
        self.most = config.get("fail_max", 5)
        self.timeout = config.get("reset_timeout_s", 60.0)
        self.needed = config.get("success_threshold", 1)
        self.state, self.counter, self.good, self.opened = "closed", 0, 0, -math.inf

    def do(self, step: Step) -> Step:
        t, event = step["t"], step["event"]
        expect: Step = {}
        if event != "observe" and self.state == "open" and t >= self.opened + self.timeout:
            self.state, self.good = "half_open", 0
        if event == "permit":
            expect["permitted"] = self.state != "open"
        elif event == "failure" and self.state != "open":
            self.counter += 1
            if self.state == "half_open" or self.counter >= self.most:
                self.state, self.opened = "open", t
        elif event in ("success", "ignored") and self.state != "open":
            self.counter = 0
            if self.state == "half_open":
                self.good += 1
                if self.good >= self.needed:
                    self.state = "closed"
        return expect | {"state": self.state, "failed": self.counter}


class Hyx:
    """hyx/circuitbreaker/states.py at 06ef7d37."""

    def __init__(self, config: Config) -> None:
        self.most = config.get("failure_threshold", 5)
        self.pause = config.get("recovery_s", 30.0)
        self.needed = config.get("recovery_threshold", 3)
        self.state, self.row = "closed", 0

    def do(self, step: Step) -> Step:
        t, event = step["t"], step["event"]
        expect: Step = {}
        if event == "permit":
            if self.state == "open" and t >= self.until:
                self.state, self.row = "half_open", 0
            expect["permitted"] = self.state != "open"
        elif event == "failure" and self.state != "open":
            self.row += self.state == "closed"
            if self.state == "half_open" or self.row >= self.most:
                self.state, self.until = "open", t + self.pause
        elif event == "success":
            self.row = 0 if self.state == "closed" else self.row + 1
            if self.state == "half_open" and self.row >= self.needed:
                self.state, self.row = "closed", 0
        return expect | {"state": self.state}


class Finagle:
    """FailureAccrualFactory with consecutiveFailures; results come for calls that were let in."""

    def __init__(self, config: Config) -> None:
        self.most = config.get("failures", 5)
        self.list = config.get("mark_dead_s", [5.0, 10.0, 20.0, 40.0, 80.0, 160.0])
        self.state, self.row, self.place, self.out = "alive", 0, 0, 0

    def do(self, step: Step) -> Step:
        t, event = step["t"], step["event"]
        expect: Step = {}
        if self.state == "dead" and t >= self.until:
            self.state = "probe_open"
        if event == "permit":
            expect["permitted"] = self.state in ("alive", "probe_open")
            if self.state == "probe_open":
                self.state = "probe_closed"
        elif event == "failure" and self.state in ("alive", "probe_closed"):
            self.row += 1
            if self.row >= self.most:
                length = self.list[self.place] if self.place < len(self.list) else 300.0
                self.state, self.until, self.place = "dead", t + length, self.place + 1
        elif event == "success":
            self.row = 0
            if self.state == "probe_closed":
                self.state, self.place = "alive", 0
        elif event == "ignored" and self.state == "probe_closed":
            self.state = "probe_open"
        return expect | {"state": self.state}


class Envoy:
    """outlier_detection_impl.cc at 00c7146d: failures in a row; sweeps by hand."""

    def __init__(self, config: Config) -> None:
        self.most = config.get("consecutive_5xx", 5)
        self.base, self.longest = config.get("base_s", 30.0), config.get("max_s", 300.0)
        self.longest = max(self.base, self.longest)
        self.interval = config.get("interval_s", 10.0)
        self.out, self.row, self.times, self.back = False, 0, 0, None  # type: ignore[var-annotated]

    def do(self, step: Step) -> Step:
        t, event = step["t"], step["event"]
        expect: Step = {}
        if event == "permit":
            expect["permitted"] = not self.out
        elif event == "manual":
            if self.out and min(self.base * self.times, self.longest) <= t - self.since:
                self.out, self.row, self.back = False, 0, t
            if not self.out and self.back is not None and t - self.back >= self.interval:
                self.times = max(0, self.times - 1)
        elif event == "success" or (event == "failure" and step.get("status", 500) < 500):
            self.row = 0
        elif event == "failure":
            self.row += 1
            if self.row == self.most and not self.out:
                self.out, self.since, self.row = True, t, 0
                if self.times * self.base < self.longest + self.base:
                    self.times += 1
        return expect | {"state": "open" if self.out else "closed"}


class Litellm:
    """Cooldowns of the router 1.83: cooldown_handlers.py, track_deployment_metrics.py."""

    def __init__(self, config: Config) -> None:
        self.alone = config.get("group_size", 2) == 1
        allowed = config.get("allowed_fails")
        self.allowed = None if allowed == 3 else allowed
        self.length = config.get("cooldown_s", 5.0)
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
        if 400 <= status < 500 and status not in (401, 404, 408, 429):
            return False
        if self.allowed is not None:
            return self.count("allowed", t, self.length) > self.allowed
        bad = self.seen("bad", t)
        calls = bad + self.seen("good", t)
        if self.alone:
            return status in (401, 404) or bad == calls >= 1000
        return status in (401, 404, 429) or (calls >= 5 and bad / calls > 0.5)

    def do(self, step: Step) -> Step:
        t, event = step["t"], step["event"]
        expect: Step = {}
        if event == "permit":
            expect["permitted"] = t > self.until
        elif event == "success":
            self.count("good", t, 60.0)
        elif event == "failure":
            self.count("bad", t, 60.0)
            if self.cools(t, step.get("status", 500)) and t > self.until:
                length = step.get("retry_after", self.length)
                self.until = t + length if length else self.until
        return expect | {"state": "closed" if t > self.until else "open"}


class Portkey:
    """src/utils/circuitBreaker.ts at 8febc1dc."""

    def __init__(self, config: Config) -> None:
        self.number = config.get("failure_threshold")
        self.share = config.get("failure_threshold_percentage")
        self.least = config.get("minimum_requests", 5)
        self.life = max(30.0, config.get("cooldown_s", 30.0))
        self.codes = config.get("failure_status_codes")
        self.good = self.bad = 0

    def do(self, step: Step) -> Step:
        t, event = step["t"], step["event"]
        if self.bad and t - self.first > self.life:
            self.good = self.bad = 0
        expect: Step = {}
        status = step.get("status", 500)
        if event == "permit":
            expect["permitted"] = not self.is_open
        elif event == "success":
            self.good += self.bad > 0
        elif event == "failure" and (status in self.codes if self.codes else status >= 500):
            self.first = self.first if self.bad else t
            self.bad += 1
        return expect | {"state": "open" if self.is_open else "closed"}

    @property
    def is_open(self) -> bool:
        calls = self.good + self.bad
        share = 100 * self.bad / calls if calls >= self.least else 0.0
        return bool(self.number and self.bad >= self.number) or bool(
            self.share and share >= self.share
        )


ORIGINALS = {
    "resilience4j": Resilience4j,
    "polly_v8": Polly,
    "failsafe_go": FailsafeGo,
    "gobreaker": Gobreaker,
    "hystrix": Hystrix,
    "pybreaker": Pybreaker,
    "hyx": Hyx,
    "finagle": Finagle,
    "envoy": Envoy,
    "litellm": Litellm,
    "portkey": Portkey,
}
