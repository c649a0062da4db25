"""Counts over the three tables of the ledger: requests, attempts, events."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from simroute.ledger import CACHED, OUTCOMES, Chunk, from_cache
from simroute.metrics.counting import count_places
from simroute.metrics.histogram import Histogram
from simroute.metrics.outages import Outages, Window
from simroute.text import pairs

MINUTE, MONTH = 60.0, 30 * 86_400.0
"""Seconds; a month as people plan money, where no calendar says which one."""


NOTICED = ("opened", "cooldown", "shifted", "removed")
"""Events by which a layer of a replica reports that it leaves a target. Such an event notices an
outage if its target is under it."""


LABELS = ("task", "user", "feature", "team")
"""Columns by which requests are split."""


OK, FAILED, REJECTED, TRUNCATED, ABANDONED = range(len(OUTCOMES))


@dataclass(frozen=True)
class BudgetPeriods:
    """A budget and its periods: `usd` may be spent in any `together` consecutive periods.

    starts, ends: seconds, in order; periods do not overlap.
    """

    usd: float
    starts: np.ndarray
    ends: np.ndarray
    together: int = 1

    def add(self, spent: np.ndarray, when: np.ndarray, nano: np.ndarray) -> None:
        """Adds bills (nano-USD, at seconds `when`) to `spent`, one number a period; bills outside
        all periods are left out."""
        place = np.searchsorted(self.starts, when, side="right") - 1
        inside = (place >= 0) & (when < self.ends[place])
        np.add.at(spent, place[inside], nano[inside])

    def largest_share(self, spent: np.ndarray) -> float:
        """The share of the budget spent in the dearest `together` consecutive periods."""
        row, sums = min(self.together, len(spent)), np.concatenate([[0], np.cumsum(spent)])
        return float((sums[row:] - sums[: len(sums) - row]).max()) / 1e9 / self.usd


class BudgetSpan(NamedTuple):
    """One period of a budget of `usd`, whether or not the horizon covers it: from `begin` to `end`,
    s; `mean_s`: the seconds at the mean rate that have as many arrivals."""

    usd: float
    begin: float
    end: float
    mean_s: float


@dataclass(frozen=True)
class Context:
    """What a fold must know besides the rows.

    windows: (start, end, target codes) of each outage. names: words by code, for each kind.
    slots: concurrent calls that each target allows, None without a limit.
    day: arrivals (s) -> place in `names["day"]`, where days have names.
    is_observed: (targets, starts in s) -> bool for each send: whether the log has enough calls of
    that target in that hour to resample from; None without a log.
    replicas: number of states that a policy has; 1 where all replicas share one.
    budget: the scenario's, with the periods that lie wholly in the horizon; budget_span: the period
    in which the run begins. rate: the mean arrivals a second that the scenario states; None for a
    trace, whose own mean it is. slo_by_task: of tasks with a promise of their own, the seconds of
    the complete answer and of the first token (infinite without such a limit).
    """

    horizon: float
    slo_latency: float
    slo_ttft: float | None
    minute_success: float
    windows: list[Window]
    names: dict[str, list[str]]
    providers: list[str]
    models: list[str]
    slots: list[int | None] = field(default_factory=list)
    day: Callable[[np.ndarray], np.ndarray] | None = None
    is_observed: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None
    replicas: int = 1
    budget: BudgetPeriods | None = None
    budget_span: BudgetSpan | None = None
    rate: float | None = None
    slo_by_task: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    @cached_property
    def outages(self) -> Outages:
        return Outages(self.windows)

    @cached_property
    def _limits(self) -> np.ndarray:
        """Seconds of the complete answer, and of the first token, by task."""
        ttft = math.inf if self.slo_ttft is None else self.slo_ttft
        both = [self.slo_by_task.get(name, (self.slo_latency, ttft)) for name in self.names["task"]]
        return np.array(both).reshape(-1, 2).T

    def limits(self, task: np.ndarray) -> tuple[Any, Any]:
        """Seconds within which answers are in time, complete and begun, for requests of these
        tasks (codes): numbers, or arrays where tasks differ. None: no first token is promised."""
        if not self.slo_by_task:
            return self.slo_latency, self.slo_ttft
        return self._limits[0][task], self._limits[1][task]

    def zero_spend(self) -> np.ndarray:
        """A zero for each period of the budget."""
        return np.zeros(0 if self.budget is None else len(self.budget.starts), np.int64)


class Requests:
    """Counts, sums and histograms over requests."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.outcomes = np.zeros(len(OUTCOMES), np.int64)
        self.latency, self.ttft, self.failover = Histogram(), Histogram(), Histogram()
        self.degraded = 0
        self.cost = self.wasted = self.forbidden = self.hits = self.false_hits = self.in_time = (
            self.sent
        ) = self.again = 0
        self.quality, self.answers = 0.0, 0
        self.minutes = np.zeros((2, 0), np.int64)
        labels = [name for name in LABELS if name in context.names] + (
            ["day"] if context.day is not None else []
        )
        self.by = {name: np.zeros((3, len(context.names[name])), np.int64) for name in labels}
        self.graded = np.zeros((2, len(context.names["task"])))
        self.ungraded = np.zeros(len(context.names["task"]), np.int64)
        self.in_time_by_task = np.zeros(len(context.names["task"]), np.int64)
        self.spent = context.zero_spend()

    def add(self, chunk: Chunk) -> None:
        ok = chunk["outcome"] == OK
        self.outcomes += np.bincount(chunk["outcome"], minlength=len(OUTCOMES))
        latency, ttft = chunk["latency_s"], chunk["ttft_s"]
        self.latency.add(latency[ok & ~np.isnan(latency)])  # a log may not have all
        self.ttft.add(ttft[ok & ~np.isnan(ttft)])
        self.failover.add(chunk["failover_s"][~np.isnan(chunk["failover_s"])])
        self.cost += int(chunk["cost_nano"].sum())
        if self.context.budget is not None:
            self.context.budget.add(self.spent, chunk["arrival_s"], chunk["cost_nano"])
        self.wasted += int(chunk["wasted_nano"].sum())
        self.forbidden += int(np.count_nonzero(chunk["forbidden"]))
        self.hits += int(np.count_nonzero(ok & from_cache(chunk["cached"])))
        self.degraded += int(np.count_nonzero(ok & (chunk["cached"] >= CACHED["stale"])))
        self.false_hits += int(np.count_nonzero(ok & chunk["false_hit"]))
        self.sent += int(np.count_nonzero(chunk["attempts"] > 0))
        if "presses" in chunk:
            self.again += int(np.count_nonzero(chunk["presses"]))
        quick = in_time(chunk, self.context)
        self.in_time += int(np.count_nonzero(quick))
        count_places(self.in_time_by_task, chunk["task"][quick])
        quality = chunk["quality"][ok]
        quality = quality[~np.isnan(quality)]
        self.quality += float(quality.sum())
        self.answers += len(quality)
        self._minutes(chunk["arrival_s"], ok)
        for name in LABELS:
            if name in self.by:
                self._split(name, chunk[name], ok, chunk["cost_nano"])
        if self.context.day is not None:
            self._split("day", self.context.day(chunk["arrival_s"]), ok, chunk["cost_nano"])
        self._graded(chunk["task"], ok & ~np.isnan(chunk["quality"]), chunk["quality"])
        if "ungraded" in chunk:
            self.ungraded += np.bincount(
                chunk["task"][chunk["ungraded"]], minlength=len(self.ungraded)
            )

    def _minutes(self, arrival: np.ndarray, ok: np.ndarray) -> None:
        minute = (arrival / MINUTE).astype(np.int64)
        size = int(minute.max()) + 1
        if size > self.minutes.shape[1]:
            before, self.minutes = self.minutes, np.zeros((2, size), np.int64)
            self.minutes[:, : before.shape[1]] = before
        count_places(self.minutes[0], minute)
        count_places(self.minutes[1], minute[ok])

    def _split(self, name: str, codes: np.ndarray, ok: np.ndarray, cost: np.ndarray) -> None:
        size = len(self.context.names[name])
        table = self.by[name]
        if size == 1:  # all are of that name: no need to look
            table[:, 0] += np.array([len(codes), np.count_nonzero(ok), cost.sum()])
            return
        table[0] += np.bincount(codes, minlength=size)
        table[1] += np.bincount(codes[ok], minlength=size)
        np.add.at(table[2], codes, cost)  # integers: bincount with weights would sum floats

    def _graded(self, task: np.ndarray, known: np.ndarray, quality: np.ndarray) -> None:
        size = len(self.context.names["task"])
        self.graded += np.array(
            [
                np.bincount(task[known], quality[known], size),
                np.bincount(task[known], minlength=size),
            ]
        )

    def good_minutes(self) -> tuple[int, int]:
        """Number of minutes in which enough requests succeeded, and of those with arrivals."""
        seen = self.minutes[0] > 0
        good = self.minutes[1][seen] >= self.context.minute_success * self.minutes[0][seen]
        return int(good.sum()), len(good)

    def finish(self) -> dict[str, float | None]:
        total = int(self.outcomes.sum())
        good, seen = self.good_minutes()
        return {
            "requests": float(total),
            "success_rate": ratio(self.outcomes[OK], total),
            "resolved_share": ratio(self.outcomes[OK], total - self.again),
            "abandoned_share": ratio(self.outcomes[ABANDONED], total),
            "asked_again_share": ratio(self.again, total),
            "availability": ratio(good, seen),
            "slo_attainment": ratio(self.in_time, total),
            "latency_mean_s": self.latency.mean(),
            "latency_p50_s": self.latency.quantile(0.50),
            "latency_p95_s": self.latency.quantile(0.95),
            "latency_p99_s": self.latency.quantile(0.99),
            "ttft_p95_s": self.ttft.quantile(0.95),
            "wasted_usd": self.wasted / 1e9,
            "quality_mean": ratio(self.quality, self.answers),
            "cache_hit_rate": ratio(self.hits, total),
            "cache_false_hit_rate": ratio(self.false_hits, total),
            "degraded_share": ratio(self.degraded, total),
            "rejected": float(self.outcomes[REJECTED]),
            "truncated": float(self.outcomes[TRUNCATED]),
            "failover_p95_s": self.failover.quantile(0.95),
            "forbidden_share": ratio(self.forbidden, total),
        }


class Attempts:
    """Counts and sums over attempts."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.sends = self.limited = self.probes = self.ping_cost = 0
        self.input = self.cached = 0
        self.spent = context.zero_spend()
        size = len(context.providers)
        self.by_target = np.zeros((2, size), np.int64)
        self.failing: set[int] = set()

    def add(self, chunk: Chunk) -> None:
        own = chunk["request_id"] >= 0
        self.sends += int(np.count_nonzero(own))
        self.ping_cost += int(chunk["cost_nano"][~own].sum())
        if self.context.budget is not None:
            self.context.budget.add(self.spent, chunk["start_s"][~own], chunk["cost_nano"][~own])
        self.limited += int(np.count_nonzero(chunk["status"] == 429))
        self.probes += int(np.count_nonzero(chunk["probe"] & own))
        if "cached_tokens" in chunk:  # a log may not tell
            self.input += int(chunk["input_tokens"].sum())
            self.cached += int(chunk["cached_tokens"].sum())
        self.by_target[0] += np.bincount(chunk["target"], minlength=self.by_target.shape[1])
        np.add.at(self.by_target[1], chunk["target"], chunk["cost_nano"])
        ordinary = ~chunk["probe"]
        start = chunk["start_s"][ordinary]
        rows, places = self.context.outages.match(chunk["target"][ordinary], start)
        # (outage, second of the run) as one number
        self.failing.update(np.unique((places << 32) | start[rows].astype(np.int64)).tolist())


class Events:
    """Counts of events by name, and when each outage was noticed."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.counts = np.zeros(0, np.int64)
        self._first: dict[int, float] = {}
        self._codes: dict[str, list[int]] = {}
        for code, provider in enumerate(context.providers):
            self._codes.setdefault(provider, []).append(code)
        self.noticed: np.ndarray | None = None  # once computed, or merged from parts

    def add(self, chunk: Chunk) -> None:
        counts = np.bincount(chunk["event"], minlength=len(self.counts))
        counts[: len(self.counts)] += self.counts
        self.counts = counts
        if not self.context.windows:
            return
        row, target = self._concerned(chunk)
        t = chunk["t_s"][row]
        matches, places = self.context.outages.match(target, t)
        order = np.argsort(matches, kind="stable")  # they come target by target
        matches, places = matches[order], places[order]
        row, many = row[matches], self.context.replicas
        replica = chunk["replica"][row] if many > 1 else np.zeros(len(row), np.int64)
        # (event, outage, replica) as one number: those are sorted faster than rows
        keys = (chunk["event"][row] * len(self.context.windows) + places) * many + replica
        keys, first = np.unique(keys, return_index=True)
        for key, when in zip(keys.tolist(), t[matches[first]].tolist(), strict=True):
            self._first.setdefault(key, when)

    def _concerned(self, chunk: Chunk) -> tuple[np.ndarray, np.ndarray]:
        """Rows and targets (codes) of each pair of an event and a target that it concerns, in order
        of time: its own target, or all targets of the provider that its breaker guards."""
        target = chunk["target"]
        details = chunk["detail"].tolist()
        of_breaker = [row for row, detail in enumerate(details) if "breaker=" in detail]
        if not of_breaker:
            return np.arange(len(target)), target
        alone = np.ones(len(target), bool)
        alone[of_breaker] = False
        rows, targets = [np.flatnonzero(alone)], [target[alone]]
        for row in of_breaker:
            concerned = self._concerned_by(int(target[row]), details[row])
            rows.append(np.full(len(concerned), row))
            targets.append(np.array(concerned))
        every, who = np.concatenate(rows), np.concatenate(targets)
        order = np.argsort(every, kind="stable")
        return every[order], who[order]

    def _concerned_by(self, target: int, detail: str) -> Sequence[int]:
        """The targets that an event of a breaker concerns."""
        key = pairs(detail).get("breaker")
        own = target < 0 or key == self.context.names["target"][target]
        return (target,) if own or key not in self._codes else self._codes[key]

    def first_noticed(self, event_names: list[str]) -> np.ndarray:
        """When (s) each outage (row) was first noticed by each replica (column); infinite where it
        was not noticed while it lasted."""
        if self.noticed is None:
            self.noticed = np.full((len(self.context.windows), self.context.replicas), np.inf)
            for key, t in self._first.items():
                event, place = divmod(key, self.noticed.size)
                if event_names[event] in NOTICED:
                    self.noticed.flat[place] = min(self.noticed.flat[place], t)
        return self.noticed


def in_time(chunk: Chunk, context: Context) -> np.ndarray:
    """Which requests of a chunk succeeded as quickly as the scenario promises."""
    latency, ttft = context.limits(chunk["task"])
    quick = (chunk["outcome"] == OK) & (chunk["latency_s"] <= latency)
    if ttft is not None:
        quick &= np.isnan(chunk["ttft_s"]) | (chunk["ttft_s"] <= ttft)
    return np.asarray(quick)


def ratio(part: float, whole: float) -> float | None:
    return float(part) / float(whole) if whole else None
