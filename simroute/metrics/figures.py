"""Figures of one replication, as folds over the ledger's chunks: one definition each, with or
without row files.

Quantiles come from a fixed logarithmic histogram (relative error at most 0.1 %); money is summed in
integers (nano-USD).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from simroute.ledger import Chunk
from simroute.metrics.causes import CauseCounts, Causes
from simroute.metrics.evidence import Evidence
from simroute.metrics.tallies import (
    ABANDONED,
    MONTH,
    OK,
    Attempts,
    Context,
    Events,
    Requests,
    ratio,
)


@dataclass
class Figures:
    """The figures of one replication of one policy.

    pooled: (hits, trials) of each share, for exact bounds.
    by: kind (target, provider, task …) -> name -> figures.
    minutes: arrivals and successes of each minute.
    evidence: data for pictures, None where it was not gathered.
    state: of a part of a replication, the sums that `merge_partials` adds up.
    causes: of failed and late requests, and of sends that failed and were repaired.
    """

    metrics: dict[str, float | None]
    pooled: dict[str, tuple[int, int]]
    by: dict[str, dict[str, dict[str, float | None]]]
    minutes: list[list[int]]
    events: dict[str, int]
    evidence: Evidence | None = None
    state: dict[str, np.ndarray] | None = None
    causes: CauseCounts = field(default_factory=dict)


class Fold:
    """All metrics in one pass: a sink of the ledger."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.tables: dict[str, Any] = {
            "requests": Requests(context),
            "attempts": Attempts(context),
            "events": Events(context),
        }
        self.causes = Causes(context)
        self.saved = 0  # nano-USD, by deployments that keep beginnings of prompts

    def __call__(self, table: str, chunk: Chunk) -> None:
        self.tables[table].add(chunk)
        self.causes.add(table, chunk)

    def finish(
        self, event_names: list[str], busy_seconds: list[float], causes: Sequence[str] = ()
    ) -> Figures:
        """Returns the figures. event_names, causes: words by code; busy_seconds: of each target's
        slots."""
        requests, attempts = self.tables["requests"], self.tables["attempts"]
        events = dict(zip(event_names, self.tables["events"].counts.tolist(), strict=False))
        metrics = requests.finish()
        total, cost = int(requests.outcomes.sum()), requests.cost + attempts.ping_cost
        metrics |= {
            "cost_usd": cost / 1e9,
            "cost_per_1k_requests_usd": ratio(cost / 1e6, total),
            "budget_used": None
            if self.context.budget is None
            else self.context.budget.largest_share(requests.spent + attempts.spent),
            **self._pace(),
            "attempts_per_request": ratio(attempts.sends, total),
            "load_amplification": ratio(attempts.sends, requests.sent),
            "prompt_cached_share": ratio(attempts.cached, attempts.input),
            "prompt_cache_saved_usd": self.saved / 1e9,
            "rate_limited": float(attempts.limited),
            "breaker_opened": float(events.get("opened", 0)),
            "half_open_probes": float(attempts.probes),
            "time_on_failing_target_s": float(len(attempts.failing)),
            **self._detection(event_names),
        }
        if requests.ungraded.any():
            metrics["quality_mean"] = None
        counts = (
            requests.outcomes[OK],
            requests.in_time,
            requests.hits,
            requests.false_hits,
            requests.degraded,
            requests.forbidden,
            requests.outcomes[ABANDONED],
            requests.again,
        )
        names = (
            "success_rate",
            "slo_attainment",
            "cache_hit_rate",
            "cache_false_hit_rate",
            "degraded_share",
            "forbidden_share",
            "abandoned_share",
            "asked_again_share",
        )
        pooled = {name: (int(hits), total) for name, hits in zip(names, counts, strict=True)}
        pooled["resolved_share"] = int(requests.outcomes[OK]), total - requests.again
        pooled["availability"] = requests.good_minutes()
        for name, counts_of_task in self._promised_tasks().items():
            metrics[name], pooled[name] = ratio(*counts_of_task), counts_of_task
        return Figures(
            metrics,
            pooled,
            self._by(busy_seconds),
            requests.minutes.tolist(),
            events,
            causes=self.causes.finish(causes),
        )

    def _promised_tasks(self) -> dict[str, tuple[int, int]]:
        """Metric of a task with a promise of its own -> (hits, requests)."""
        requests, names = self.tables["requests"], self.context.names["task"]
        known = {name: code for code, name in enumerate(names)}
        found: dict[str, tuple[int, int]] = {}
        for name in self.context.slo_by_task:
            all_, ok, in_time = (
                int(column[known[name]]) if name in known else 0
                for column in (*requests.by["task"][:2], requests.in_time_by_task)
            )
            found |= {
                task_metric("success_rate", name): (ok, all_),
                task_metric("slo_attainment", name): (in_time, all_),
            }
        return found

    def _pace(self) -> dict[str, float | None]:
        """What the spending comes to in a month, and in a period of the budget: the bills of
        requests go with their number, those of pings with time."""
        requests, attempts = self.tables["requests"], self.tables["attempts"]
        total, span = int(requests.outcomes.sum()), self.context.budget_span
        if total == 0:
            return {"cost_per_month_usd": None, "budget_pace": None}
        rate = total / self.context.horizon if self.context.rate is None else self.context.rate
        by_requests = requests.cost / 1e9 / total * rate
        by_time = attempts.ping_cost / 1e9 / self.context.horizon
        return {
            "cost_per_month_usd": (by_requests + by_time) * MONTH,
            "budget_pace": None
            if span is None
            else (by_requests * span.mean_s + by_time * (span.end - span.begin)) / span.usd,
        }

    def _detection(self, event_names: list[str]) -> dict[str, float | None]:
        starts = np.array([start for start, *_ in self.context.windows])
        delays = self.tables["events"].first_noticed(event_names) - starts.reshape(-1, 1)
        known = delays[np.isfinite(delays)].tolist()
        return {
            "detection_s": ratio(math.fsum(known), len(known)),
            "undetected": float(delays.size - len(known)),
        }

    def _by(self, busy_seconds: list[float]) -> dict[str, dict[str, dict[str, float | None]]]:
        context, (sends, cost) = self.context, self.tables["attempts"].by_target
        result: dict[str, dict[str, dict[str, float | None]]] = {
            "target": {},
            "provider": {},
            "model": {},
        }
        for code, name in enumerate(context.names["target"]):
            row: dict[str, float | None] = {
                "attempts": float(sends[code]),
                "cost_usd": int(cost[code]) / 1e9,
            }
            for kind, word in (
                ("provider", context.providers[code]),
                ("model", context.models[code]),
            ):
                total = result[kind].setdefault(word, {"attempts": 0.0, "cost_usd": 0.0})
                for key, value in row.items():
                    total[key] = (total[key] or 0.0) + (value or 0.0)
            slots = context.slots[code]
            result["target"][name] = row | (
                {}
                if slots is None
                else {"utilisation": busy_seconds[code] / (slots * context.horizon)}
            )
        for kind, table in self.tables["requests"].by.items():
            words = context.names[kind]
            result[kind] = {
                word: {
                    "requests": float(table[0][c]),
                    "success_rate": ratio(table[1][c], table[0][c]),
                    "cost_usd": int(table[2][c]) / 1e9,
                }
                for c, word in enumerate(words)
            }
        requests = self.tables["requests"]
        for (total, count), unknown, in_time, row in zip(
            requests.graded.T.tolist(),
            requests.ungraded.tolist(),
            requests.in_time_by_task.tolist(),
            result.get("task", {}).values(),
            strict=False,
        ):
            row["slo_attainment"] = ratio(in_time, row["requests"] or 0.0)
            row["quality_mean"] = None if unknown else ratio(total, count)
        return result


METRICS: dict[str, tuple[str, bool]] = {
    "requests": ("", True),
    "success_rate": ("share", True),
    "resolved_share": ("share", True),
    "abandoned_share": ("share", False),
    "asked_again_share": ("share", False),
    "availability": ("share", True),
    "slo_attainment": ("share", True),
    "latency_mean_s": ("s", False),
    "latency_p50_s": ("s", False),
    "latency_p95_s": ("s", False),
    "latency_p99_s": ("s", False),
    "ttft_p95_s": ("s", False),
    "cost_usd": ("USD", False),
    "cost_per_1k_requests_usd": ("USD", False),
    "cost_per_month_usd": ("USD", False),
    "budget_used": ("", False),
    "budget_pace": ("", False),
    "wasted_usd": ("USD", False),
    "quality_mean": ("share", True),
    "cache_hit_rate": ("share", True),
    "cache_false_hit_rate": ("share", False),
    "degraded_share": ("share", False),
    "prompt_cached_share": ("share", True),
    "prompt_cache_saved_usd": ("USD", True),
    "attempts_per_request": ("", False),
    "load_amplification": ("", False),
    "rate_limited": ("", False),
    "rejected": ("", False),
    "truncated": ("", False),
    "breaker_opened": ("", False),
    "half_open_probes": ("", False),
    "time_on_failing_target_s": ("s", False),
    "failover_p95_s": ("s", False),
    "detection_s": ("s", False),
    "undetected": ("", False),
    "forbidden_share": ("share", False),
}
"""Name -> (unit, whether more is better)."""


def task_metric(metric: str, task: str) -> str:
    """The name of a metric of one task's requests alone."""
    return f"{metric}.{task}"


def unit_of(metric: str) -> str:
    """The unit of a metric, or of one of a task's; empty for a number."""
    return METRICS.get(metric.partition(".")[0], ("", True))[0]


def is_share(metric: str) -> bool:
    """Whether a metric lies between 0 and 1; "share" is one, by cause."""
    return metric == "share" or unit_of(metric) == "share"
