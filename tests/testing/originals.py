"""Breakers of libraries once more, each written plainly from the rules of its source and from
nothing of ours: what the conformance runner is compared with.

Each takes its family's configuration, in which fields may be missing, and answers `do(step)` with
what is expected after the step.
"""

from __future__ import annotations

import math
from typing import Any

Config = dict[str, Any]
Step = dict[str, Any]


class Resilience4j:
    """CircuitBreakerStateMachine, CircuitBreakerMetrics, FixedSize- and SlidingTimeWindowMetrics,
    IntervalFunction (af9e7c97)."""

    def __init__(self, config: Config) -> None:
        self.by_time = config.get("window", "count") == "time"
        self.size = config.get("size", 100)
        self.least = config.get("min_calls", 100)
        self.failure_rate = config.get("failure_rate", 50.0)
        self.slow_rate = config.get("slow_rate", 100.0)
        self.slow_s = config.get("slow_s", 60.0)
        self.wait = config.get("wait_s", 60.0)
        self.factor, self.most = config.get("wait_factor", 1.0), config.get("max_wait_s", math.inf)
        self.permits = config.get("permits", 10)
        self.longest = config.get("max_half_open_s", 0.0)
        self.after = config.get("after_half_open", "open")
        self.auto = config.get("auto", False)
        self.attempts = 0
        self.close()
        if (initial := config.get("initial", "closed")) != "closed":
            self.enter(initial, 0.0)
            self.attempts = int(initial in ("open", "half_open", "forced_open"))

    def close(self) -> None:
        self.state, self.attempts = "closed", 0
        self.new_metrics(None)

    def new_metrics(self, trials: int | None) -> None:
        """Of a window of so many trials, or of the closed state."""
        self.calls: list[tuple[int, bool, bool]] = []
        self.refused = 0
        self.capacity = self.size if trials is None else trials
        self.timed = self.by_time and trials is None
        self.enough = self.least if self.timed else min(self.least, self.capacity)

    def open(self, t: float, wait: float | None = None) -> None:
        if wait is None:
            self.attempts += 1
            wait = min(self.wait, self.most)
            for _ in range(self.attempts - 1):
                wait = min(wait * self.factor, self.most)
        self.state, self.until = "open", t + wait

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

    def enter(self, what: str, t: float, arg: float = 0.0) -> None:
        if what in ("reset", "closed"):
            self.close()
        elif what.startswith("open_"):
            self.open(t, arg if what == "open_for" else arg - t)
        elif what == "open":
            self.open(t)
        elif what == "half_open":
            self.half_open(t)
        else:
            self.state = what
            self.attempts = self.attempts + 1 if what == "forced_open" else 0
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
            if step["what"].partition("_f")[0].partition("_u")[0] in illegal.get(self.state, ()):
                expect["error"] = "illegal transition"
            else:
                self.enter(step["what"], t, step.get("arg", 0.0))
        elif event != "observe":
            slow = step["dur"] > self.slow_s if "dur" in step else "slow" in event
            self.record("failure" in event, slow, t)
        failures, slows = self.rates(t)
        return expect | {
            "state": self.state,
            "buffered": len(self.calls),
            "failed": sum(call[1] for call in self.calls),
            "slow": sum(call[2] for call in self.calls),
            "slow_failed": sum(call[1] and call[2] for call in self.calls),
            "failure_rate": failures,
            "slow_rate": slows,
            "not_permitted": self.refused,
        }


class Polly:
    """CircuitStateController, AdvancedCircuitBehavior, SingleHealthMetrics, RollingHealthMetrics of
    Polly.Core 8."""

    def __init__(self, config: Config) -> None:
        self.ratio = config.get("failure_ratio", 0.1)
        self.least = config.get("min_throughput", 100)
        self.sampling = config.get("sampling_s", 30.0)
        pauses = config.get("break_s", 5.0)
        self.pauses = pauses if isinstance(pauses, list) else [pauses]
        self.state, self.until, self.attempts = "closed", -math.inf, 0
        self.single = self.sampling < 0.2
        self.reset(0.0)

    def reset(self, t: float) -> None:
        self.windows: list[list[float]] = [[t, 0, 0]] if self.single else []

    def count(self, t: float, good: int, bad: int) -> None:
        length = self.sampling if self.single else self.sampling / 10
        if not self.windows or t - self.windows[-1][0] >= length:
            self.windows.append([t, 0, 0])
        while t - self.windows[0][0] >= self.sampling:
            self.windows.pop(0)
        self.windows[-1][1] += good
        self.windows[-1][2] += bad

    def open(self, t: float) -> None:
        self.state = "open"
        self.until = t + self.pauses[min(self.attempts, len(self.pauses) - 1)]

    def seen(self) -> tuple[float, float]:
        bad = sum(window[2] for window in self.windows)
        return bad + sum(window[1] for window in self.windows), bad

    def do(self, step: Step) -> Step:
        t, event = step["t"], step["event"]
        expect: Step = {}
        if event == "permit":
            expect["permitted"] = self.state == "closed"
            if self.state == "open" and t >= self.until:
                self.state, expect["permitted"] = "half_open", True
                self.attempts += 1
        elif event == "manual":
            self.state = "isolated" if step["what"] == "isolate" else "closed"
            if self.state == "closed":
                self.attempts = 0
                self.reset(t)
        elif event == "failure":
            if self.state == "half_open":
                self.open(t)
            else:
                self.count(t, 0, 1)
                calls, bad = self.seen()
                if self.state == "closed" and calls >= self.least and bad / calls >= self.ratio:
                    self.open(t)
        elif event in ("success", "ignored", "unknown"):
            self.count(t, 1, 0)
            if self.state == "half_open":
                self.state, self.attempts = "closed", 0
                self.reset(t)
        figures: Step = {}
        if event not in ("permit", "observe", "manual"):  # looked at as the call ends
            calls, bad = self.seen()
            figures = {"buffered": calls, "failed": bad}
            figures["failure_rate"] = 100.0 * bad / calls if calls else 0.0
        if event == "failure" and self.state == "open":
            figures = {}  # of a trial nothing is counted, so that the rest may be over
        return expect | {"state": self.state} | figures


class FailsafeGo:
    """circuitstates.go, stats.go of failsafe-go 5759a5e6: counted, within a period, and as a
    rate."""

    def __init__(self, config: Config) -> None:
        self.failures = config.get("failures", 1)
        self.of = config.get("of", self.failures)
        self.period, self.rate = config.get("period_s"), config.get("rate")
        self.least = config.get("executions", self.failures if self.period else 0)
        self.good = config.get("successes", 0)
        self.good_of = config.get("successes_of", self.good)
        self.delay = config.get("delay_s", 60.0)
        self.state = ""
        self.enter("closed", 0.0)

    def enter(self, state: str, t: float) -> None:
        if state == self.state:
            return
        self.state = state
        if state == "open":
            self.until = t + self.delay
            return
        self.results: list[tuple[float, bool]] = []
        self.timed = state == "closed" and bool(self.period)
        self.capacity = self.least or self.of
        if state == "half_open":
            self.capacity = self.good_of or self.least or self.of
            self.left = self.capacity

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
        elif event == "manual" and step["what"] == "reset":
            self.enter("closed", t)
            self.results = []
        elif event == "manual":
            self.enter({"close": "closed"}.get(step["what"], step["what"]), t)
        elif event in ("success", "failure", "unknown"):
            self.record(event == "failure", t)
        bad = sum(each[1] for each in self.results)
        figures = {"executions": len(self.results), "failed": bad}
        figures |= {"failure_rate": 100 * self.share(bad)}
        if self.state == "open":
            figures["remaining_delay_s"] = max(0.0, self.until - t)
        return expect | {"state": self.state} | figures

    def share(self, part: int) -> float:
        """To a hundredth, as it is kept."""
        return math.floor(100 * part / len(self.results) + 0.5) / 100 if self.results else 0.0

    def record(self, failed: bool, t: float) -> None:
        self.results.append((t, failed))
        if self.timed:
            part = self.period / 10
            newest = math.floor(t / part + 1e-9)
            self.results = [
                each for each in self.results if math.floor(each[0] / part + 1e-9) > newest - 10
            ]
        else:
            self.results = self.results[-self.capacity :]
        bad, calls = sum(each[1] for each in self.results), len(self.results)
        if self.state == "closed" and calls >= self.least:
            high = self.share(bad) >= self.rate if self.rate else bad >= self.failures
            self.enter("open" if high else "closed", t)
        elif self.state == "half_open":
            good = calls - bad
            if self.good:
                closes, opens = good >= self.good, bad > self.good_of - self.good
            elif self.rate:
                opens = calls >= self.least and self.share(bad) >= self.rate
                closes = calls >= self.least and self.share(good) > 1 - self.rate
            else:
                closes, opens = good > self.of - self.failures, bad >= self.failures
            if closes or opens:
                self.enter("closed" if closes else "open", t)
            else:
                self.left += 1


class Gobreaker:
    """v2/gobreaker.go and v2/counter.go at fed8e9eb."""

    KINDS = ("requests", "successes", "failed", "excluded")
    ROWS = (("successes", "consecutive_successes"), ("failed", "consecutive_failures"))

    def __init__(self, config: Config) -> None:
        self.most = config.get("max_requests", 0) or 1
        self.interval, self.bucket = config.get("interval_s", 0.0), config.get("bucket_s", 0.0)
        self.parts = 1
        if self.interval and self.bucket:
            self.parts = math.ceil(self.interval / self.bucket)
            self.interval = self.parts * self.bucket
        self.timeout = config.get("timeout_s", 0.0) or 60.0
        self.ratio, self.least = config.get("ratio"), config.get("min_requests", 1)
        self.in_a_row = config.get("consecutive", 5)
        self.state, self.generation = "closed", 0
        self.out: dict[Any, tuple[int, int]] = {}
        self.renew(0.0)

    def blank(self) -> dict[str, int]:
        return dict.fromkeys((*self.KINDS, *(row for _, row in self.ROWS)), 0)

    def renew(self, t: float) -> None:
        self.generation += 1
        self.start, self.age = t, 0
        self.counts = self.blank()
        self.buckets = [self.blank() for _ in range(self.parts)]
        closed = self.interval if self.interval and self.parts == 1 else math.inf
        self.expiry = t + {"closed": closed, "open": self.timeout}.get(self.state, math.inf)

    def look(self, t: float) -> None:
        if self.expiry < t and self.state == "closed":
            self.renew(t)
        elif self.expiry < t and self.state == "open":
            self.enter("half_open", t)
        elif self.state == "closed" and self.parts > 1:
            self.grow(math.floor((t - self.start) / self.bucket))

    def grow(self, age: int) -> None:
        """Buckets that are over are taken away; a row that fills all of them loses its start."""
        if age - self.age >= self.parts:
            self.counts, self.age = self.blank(), age
            self.buckets = [self.blank() for _ in range(self.parts)]
        while self.age < age:
            self.age += 1
            old = self.buckets[self.age % self.parts]
            self.buckets[self.age % self.parts] = self.blank()
            for kind, row in self.ROWS:
                if self.counts[row] == old[row] + sum(each[kind] for each in self.buckets):
                    self.counts[row] = max(0, self.counts[row] - old[row])
            for kind in self.KINDS:
                self.counts[kind] -= old[kind]

    def enter(self, state: str, t: float) -> None:
        self.state = state
        self.renew(t)

    def ask(self, token: Any) -> bool:
        counted = self.counts["requests"] - self.counts["excluded"]
        if self.state == "open" or (self.state == "half_open" and counted >= self.most):
            return False
        for counts in (self.counts, self.buckets[self.age % self.parts]):
            counts["requests"] += 1
        self.out[token] = self.generation, self.age
        return True

    def end(self, kind: str, age: int, t: float) -> None:
        if self.age - age >= self.parts:
            return
        good = kind == "success"
        for counts in (self.counts, self.buckets[age % self.parts]):
            if kind == "ignored":
                counts["excluded"] += 1
                continue
            counts["successes" if good else "failed"] += 1
            counts["consecutive_successes"] = counts["consecutive_successes"] + 1 if good else 0
            counts["consecutive_failures"] = 0 if good else counts["consecutive_failures"] + 1
        if kind == "ignored":
            return
        if self.state == "half_open":
            if not good:
                self.enter("open", t)
            elif self.counts["consecutive_successes"] >= self.most:
                self.enter("closed", t)
        elif not good and self.trips():
            self.enter("open", t)

    def trips(self) -> bool:
        if self.ratio is None:
            return bool(self.counts["consecutive_failures"] > self.in_a_row)
        requests = self.counts["requests"] - self.counts["excluded"]
        return bool(requests >= self.least and self.counts["failed"] / requests >= self.ratio)

    def do(self, step: Step) -> Step:
        t, event, token = step["t"], step["event"], step.get("token")
        self.look(t)
        expect: Step = {}
        if event == "permit":
            expect["permitted"] = self.ask(token)
        elif event != "observe" and (token is not None or self.ask(token)):
            generation, age = self.out.pop(token, (0, 0))
            if generation == self.generation:
                self.end({"unknown": "failure"}.get(event, event), age, t)
        return expect | {"state": self.state, **self.counts}


class Hystrix:
    """HystrixCircuitBreakerImpl and its stream of health counts (1.5)."""

    def __init__(self, config: Config) -> None:
        self.volume = config.get("volume", 20)
        self.percent = config.get("error_pct", 50.0)
        self.sleep = config.get("sleep_s", 5.0)
        self.every = config.get("snapshot_s", 0.5)
        self.parts = round(config.get("window_s", 10.0) / self.every)
        self.forced = "closed" if config.get("force_closed") or not config.get("enabled", 1) else ""
        if config.get("force_open") and config.get("enabled", True):
            self.forced = "open"
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
        if event == "permit" and self.forced:
            expect["permitted"] = self.forced == "closed"
        elif event == "permit":
            expect["permitted"] = self.state == "closed"
            if self.state == "open" and t > self.opened + self.sleep:
                self.state, expect["permitted"] = "half_open", True
        elif event != "observe":
            if event != "ignored":
                bucket = self.buckets.setdefault(self.done, [0, 0])
                bucket[0] += 1
                bucket[1] += event != "success"
            if self.state == "half_open" and event == "success":
                self.state, self.opened = "closed", -1.0
                self.stream(t)
            elif self.state == "half_open":
                self.state, self.opened = "open", t
        return expect | {"state": self.forced or self.state}


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
        called = event not in ("observe", "manual")
        if called and self.state == "open" and t >= self.opened + self.timeout:
            self.state, self.good = "half_open", 0
        if event == "permit":
            expect["permitted"] = self.state != "open"
        elif event == "manual":
            self.state, self.good = {"close": "closed"}.get(step["what"], step["what"]), 0
            self.counter = 0 if self.state == "closed" else self.counter
            self.opened = t if self.state == "open" else self.opened
        elif event in ("failure", "unknown") and self.state != "open":
            self.counter += 1
            if self.state == "half_open" or self.counter >= self.most:
                self.state, self.opened = "open", t
        elif event in ("success", "ignored") and self.state != "open":
            self.counter = 0
            if self.state == "half_open":
                self.good += 1
                if self.good >= self.needed:
                    self.state, self.good = "closed", 0
        if self.state == "open":
            self.good = 0
        return expect | {"state": self.state, "failed": self.counter, "successes": self.good}


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


LIBRARIES = {
    "resilience4j": Resilience4j,
    "polly_v8": Polly,
    "failsafe_go": FailsafeGo,
    "gobreaker": Gobreaker,
    "hystrix": Hystrix,
    "pybreaker": Pybreaker,
    "hyx": Hyx,
}
