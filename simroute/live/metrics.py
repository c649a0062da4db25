"""What /metrics tells, in Prometheus's words. Labels are targets, statuses, features and breakers,
never users; more features than are worth a line each are one, "other", and more breakers have
none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from simroute.live.answered import RequestRow
from simroute.worlds.live import Row

MOST_FEATURES, MOST_BREAKERS = 50, 200
SECONDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300)
STATES = {"closed": 0, "half_opened": 1, "opened": 2}


class Metrics:
    """Counts of one gateway."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self._features: set[str] = set()
        self._named: set[str] = set()
        self._children: dict[tuple[Any, ...], Any] = {}
        self._requests = Counter(
            "simroute_requests",
            "Requests by how they ended",
            ("feature", "status", "cached"),
            registry=registry,
        )
        self._attempts = Counter(
            "simroute_attempts", "Sends by how they ended", ("target", "status"), registry=registry
        )
        self._seconds = Histogram(
            "simroute_request_seconds",
            "From request to end",
            ("feature",),
            buckets=SECONDS,
            registry=registry,
        )
        self._first = Histogram(
            "simroute_first_token_seconds",
            "From request to first token of streams",
            buckets=SECONDS,
            registry=registry,
        )
        self._sends = Histogram(
            "simroute_attempt_seconds",
            "From send to end",
            ("target",),
            buckets=SECONDS,
            registry=registry,
        )
        self._dollars = Counter("simroute_usd", "Billed", ("target", "feature"), registry=registry)
        self._breakers = Gauge(
            "simroute_breaker_state",
            "0 closed, 1 half-open, 2 open",
            ("breaker",),
            registry=registry,
        )
        self._in_flight = Gauge("simroute_in_flight", "Requests under way", registry=registry)
        self._busy = Gauge(
            "simroute_target_busy", "Calls under way", ("target",), registry=registry
        )
        self._line = Gauge("simroute_target_line", "Calls in line", ("target",), registry=registry)
        self._lost = Gauge("simroute_log_rows_lost", "Rows that no log has", registry=registry)
        self._reloads = Gauge("simroute_reload_errors", "Reloads that failed", registry=registry)
        self._state = Gauge(
            "simroute_state_failures", "Times that budgets could not be counted", registry=registry
        )

    def _child(self, metric: Any, *labels: Any) -> Any:
        """One of a metric's series; to look it up by its labels takes longer than to count."""
        key = metric, labels
        child = self._children.get(key)
        if child is None:
            child = self._children[key] = metric.labels(*map(str, labels))
        return child

    def add_attempt(self, row: Row) -> None:
        self._child(self._attempts, row.target, row.status).inc()
        self._child(self._sends, row.target).observe(row.end_s - row.start_s)

    def add_request(self, row: RequestRow) -> None:
        request, outcome = row.request, row.outcome
        feature = self._feature(request.feature)
        self._child(self._requests, feature, outcome.status, outcome.cached).inc()
        self._child(self._seconds, feature).observe(row.end_s - request.arrival)
        if row.ttft_s is not None and request.streamed:
            self._first.observe(row.ttft_s - request.arrival)
        if request.nano:
            self._child(self._dollars, outcome.target or "", feature).inc(request.nano / 1e9)

    def add_event(self, at: float, replica: int, event: str, *detail: Any) -> None:
        words: Mapping[str, Any] = detail[3]
        if event not in STATES or "breaker" not in words:
            return
        name = str(words["breaker"])
        if name in self._named or len(self._named) < MOST_BREAKERS:
            self._named.add(name)
            self._breakers.labels(name).set(STATES[event])

    def _feature(self, feature: str) -> str:
        if feature not in self._features and len(self._features) >= MOST_FEATURES:
            return "other"
        self._features.add(feature)
        return feature

    def text(
        self,
        in_flight: int,
        pools: Mapping[str, Any],
        lost: int,
        reload_errors: int,
        state_failures: int = 0,
    ) -> bytes:
        """The page. pools: connections by target, each with `slots`."""
        self._in_flight.set(in_flight)
        self._lost.set(lost)
        self._reloads.set(reload_errors)
        self._state.set(state_failures)
        for name, pool in pools.items():
            self._busy.labels(name).set(pool.slots.busy)
            self._line.labels(name).set(pool.slots.waiting)
        return generate_latest(self.registry)
