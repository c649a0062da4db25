"""What is measured for each page of docs/studies, as data; `studied.py` measures it."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType

import mmlu
import neighbours

USUAL = (
    "success_rate",
    "slo_attainment",
    "latency_p95_s",
    "cost_per_1k_requests_usd",
    "quality_mean",
)
TABLE = "TABLE"
"""Stands in the words of a part, and on the page, for where the table of answers lies."""


@dataclass(frozen=True)
class Part:
    """One `compare --vary`: what is varied, and beside which policies. `against`: the setting that
    all others are compared with."""

    said: str
    policies: tuple[str, ...]
    vary: tuple[str, ...]
    words: tuple[str, ...] = ()
    against: str = ""
    metrics: tuple[str, ...] = USUAL
    replications: int = 5
    scenario: str = ""


@dataclass(frozen=True)
class Search:
    """One `tune`."""

    policy: str
    space: dict[str, str]
    objective: str
    subject_to: tuple[str, ...]
    evaluations: int = 80
    confirm: int = 10


@dataclass(frozen=True)
class Asked:
    """What is measured for the page of a scenario; `more` has further figures."""

    parts: dict[str, Part]
    search: Search | None = None
    more: ModuleType | None = None


SENDS = ("attempts_per_request",)
HEDGED = ("slo_attainment", "ttft_p95_s", "latency_p95_s", "cost_per_1k_requests_usd", *SENDS)
SIXTEEN = (
    "policy.hedge.targets=[]",
    "scenario.deployments.claude-sonnet.limits.concurrency=16",
    "scenario.deployments.claude-sonnet.limits.queue=500",
)
SLOTS = ("gallery/slots_fixed", "gallery/slots_learnt")
PAID = ("success_rate", "slo_attainment", "latency_p95_s", "cost_per_1k_requests_usd")
CACHED = (
    "cost_per_1k_requests_usd",
    "cache_hit_rate",
    "cache_false_hit_rate",
    "quality_mean",
)
GRADED = ("quality_mean", "cost_per_1k_requests_usd", "slo_attainment", "latency_p95_s")
WORTH = ("policy.predict.willingness_to_pay=0.001..1:7 log",)
WATCHED = (*USUAL, "time_on_failing_target_s", "detection_s")
STUDIES = {
    "partial_outages": Asked(
        {
            "": Part(
                "Failures within 30 s that open it, and the time until it is tried again:",
                ("circuit_breaker", "failover"),
                ("policy.breaker.failures=3..24:4 log", "policy.breaker.cooldown=7.5s..480s:4 log"),
                (),
                "3x30",
                (*USUAL, "time_on_failing_target_s"),
            ),
        },
        Search(
            "circuit_breaker",
            {"breaker.failures": "2..24 log", "breaker.cooldown": "5s..600s log"},
            "max slo_attainment",
            ("quality_mean>=0.895",),
        ),
    ),
    "cascade_mmlu": Asked(
        {
            "": Part(
                "On the table itself, a judge of AUROC 0.75 whose threshold lets so many wrong "
                "answers pass:",
                ("direct", "cascade"),
                ("policy.cascade.judge.false_accept=0.1..0.7:7",),
                ("policy.cascade.judge.auroc=0.75", f"scenario.workload.outcomes={TABLE}"),
                "",
                ("quality_mean", "cost_per_1k_requests_usd", *SENDS),
            ),
            "model": Part(
                "The same without the table, from the two accuracies alone:",
                ("direct", "cascade"),
                ("policy.cascade.judge.false_accept=0.1..0.7:7",),
                ("policy.cascade.judge.auroc=0.75",),
                "",
                ("quality_mean", "cost_per_1k_requests_usd", *SENDS),
            ),
        },
        more=mmlu,
    ),
    "semantic_cache": Asked(
        {
            "": Part(
                "Cosine from which two questions count as one:",
                ("failover", "cached"),
                ("policy.cache.threshold=0.75..0.99:7",),
                (),
                "0.95",
                (
                    "cost_per_1k_requests_usd",
                    "cache_hit_rate",
                    "cache_false_hit_rate",
                    "quality_mean",
                    "latency_p95_s",
                ),
            ),
            "words": Part(
                "The same where nine repeats in ten keep their words:",
                ("failover", "cached"),
                ("policy.cache.threshold=0.75..0.99:7",),
                ("scenario.workload.repeats.paraphrased=0.1",),
                "0.95",
                (
                    "cost_per_1k_requests_usd",
                    "cache_hit_rate",
                    "cache_false_hit_rate",
                    "quality_mean",
                ),
            ),
            "verified": Part(
                "What is alike, as far as such answers were found right (`match: verified`), by "
                "the error that is allowed among such questions, learnt within the two hours:",
                ("gallery/verified",),
                ("policy.cache.error=0.005..0.32:4 log",),
                (),
                "0.02",
                CACHED,
            ),
            "verified_long": Part(
                "The same within twelve hours:",
                ("gallery/verified",),
                ("policy.cache.error=0.005..0.32:4 log",),
                ("scenario.horizon=12h",),
                "0.02",
                CACHED,
            ),
            "long": Part(
                "Twelve hours of the cosine for comparison:",
                ("cached",),
                ("policy.cache.threshold=0.75..0.99:7",),
                ("scenario.horizon=12h",),
                "0.95",
                CACHED,
            ),
        },
        Search(
            "cached",
            {"cache.threshold": "0.6..0.99"},
            "min cost_per_1k_requests_usd",
            ("cache_false_hit_rate<=0.005",),
            40,
        ),
        neighbours,
    ),
    "slow_provider": Asked(
        {
            "": Part(
                "Time to the first token, all answers streamed:",
                ("failover",),
                ("policy.timeout.first_token=1s..32s:6 log",),
                ("scenario.workload.streamed=1",),
                "8",
                (*USUAL, *SENDS),
            ),
            "total": Part(
                "Time to the complete answer, none streamed:",
                ("failover",),
                ("policy.timeout.total=4s..64s:5 log",),
                ("scenario.workload.streamed=0",),
                "32",
                (*USUAL, *SENDS),
            ),
        }
    ),
    "replicas": Asked(
        {
            "": Part(
                "Eight processes that tell each other what they have seen so often:",
                ("circuit_breaker", "cached"),
                ("scenario.gateway.sync_every=1s..256s:5 log",),
                (),
                "1",
                (*USUAL, "time_on_failing_target_s", "detection_s", "cache_hit_rate"),
            ),
            "alone": Part(
                "One process, whose breakers see all traffic, or more that never tell each other:",
                ("circuit_breaker",),
                ("scenario.gateway.replicas=1..16:5 log",),
                (),
                "1",
                WATCHED,
            ),
        },
        Search(
            "circuit_breaker",
            {"breaker.failures": "1..6", "breaker.cooldown": "10s..300s log"},
            "max slo_attainment",
            ("quality_mean>=0.9",),
            40,
        ),
    ),
    "budget_day": Asked(
        {
            "": Part(
                "Share of the budget from which everything goes to the cheapest model:",
                ("failover", "budget_shift"),
                ("policy.budget.shift_at=0.5..1:6",),
                (),
                "0.8",
                ("cost_usd", "quality_mean", "success_rate", "latency_p95_s"),
            ),
            "busy": Part(
                "On a day with twice the traffic:",
                ("failover", "budget_shift"),
                ("policy.budget.shift_at=0.5..1:6",),
                ("scenario.workload.rate=0.3",),
                "0.8",
                ("cost_usd", "quality_mean", "success_rate"),
            ),
            "other": Part(
                "When the work goes to the second company instead, at half the price:",
                ("budget_shift",),
                ("policy.budget.shift_at=0.5..1:6",),
                ("policy.budget.to=other_company",),
                "0.8",
                ("cost_usd", "quality_mean", "success_rate"),
            ),
        },
        Search(
            "budget_shift", {"budget.shift_at": "0.5..1"}, "max quality_mean", ("cost_usd<=44",), 40
        ),
    ),
    "late_answers": Asked(
        {
            "": Part(
                "A copy at a second company, as many as are wanted:",
                ("gallery/hedged",),
                ("policy.hedge.delay=0.25s..16s:7 log",),
                ("policy.hedge.max_extra=1",),
                "16",
                HEDGED,
            ),
            "same": Part(
                "A copy at the same deployment:",
                ("gallery/hedged",),
                ("policy.hedge.delay=0.25s..16s:7 log",),
                ("policy.hedge.max_extra=1", "policy.hedge.targets=[]"),
                "16",
                HEDGED,
            ),
            "full": Part(
                "The same where sixteen calls at a time are served and the others stand in line:",
                ("gallery/hedged",),
                ("policy.hedge.delay=0.25s..16s:7 log",),
                ("policy.hedge.max_extra=1", *SIXTEEN),
                "16",
                HEDGED,
            ),
            "bounded": Part(
                "The same where copies may be a twentieth of the calls of the last minute:",
                ("gallery/hedged",),
                ("policy.hedge.delay=0.25s..16s:7 log",),
                ("policy.hedge.max_extra=0.05", *SIXTEEN),
                "16",
                HEDGED,
            ),
        },
        Search(
            "gallery/hedged",
            {"hedge.delay": "0.25s..16s log", "hedge.max_extra": "0.02..1 log"},
            "min cost_per_1k_requests_usd",
            ("slo_attainment>=0.99",),
            40,
        ),
    ),
    "overloaded_model": Asked(
        {
            "": Part(
                "Retries by calls of the last minute:",
                ("gallery/retry_budget",),
                ("policy.retry.budget.share=0.01..1:7 log",),
                (),
                "0.1",
                ("success_rate", "slo_attainment", "latency_p95_s", *SENDS),
            ),
            "calm": Part(
                "The same without the crowd:",
                ("gallery/retry_budget",),
                ("policy.retry.budget.share=0.01..1:7 log",),
                ("~scenario.workload.spikes",),
                "0.1",
                ("success_rate", "slo_attainment", "latency_p95_s", *SENDS),
            ),
        },
        Search(
            "gallery/retry_budget",
            {"retry.budget.share": "0.01..1 log", "retry.attempts": "2..6"},
            "max success_rate",
            ("latency_p95_s<=15",),
            40,
        ),
    ),
    "own_slots": Asked(
        {
            "": Part(
                "Calls at a time, stated, or where learning starts:",
                SLOTS,
                ("policy.concurrency.initial=4..64:5 log",),
                (),
                "16",
                (*PAID, *SENDS),
            ),
            "half": Part(
                "The same when half of the places are gone:",
                SLOTS,
                ("policy.concurrency.initial=4..64:5 log",),
                ("scenario.deployments.own.limits.concurrency=6",),
                "16",
                (*PAID, *SENDS),
            ),
        },
        Search(
            "gallery/slots_learnt",
            {"concurrency.slow": "4s..30s log", "concurrency.decrease": "0.3..0.95"},
            "min cost_per_1k_requests_usd",
            ("slo_attainment>=0.99",),
            40,
        ),
    ),
    "health_checks": Asked(
        {
            "": Part(
                "Time between two pings, of which two must fail:",
                ("gallery/pinged", "failover"),
                ("policy.health.every=5s..320s:7 log",),
                (),
                "40",
                WATCHED,
            ),
            "both": Part(
                "The same where ordinary calls count as well:",
                ("gallery/pinged",),
                ("policy.health.every=5s..320s:7 log",),
                ("policy.health.passive=true",),
                "40",
                WATCHED,
            ),
        },
        Search(
            "gallery/pinged",
            {"health.every": "5s..320s log", "health.failures": "1..4"},
            "max slo_attainment",
            ("cost_per_1k_requests_usd<=4.6",),
            40,
        ),
    ),
    "learned_router": Asked(
        {
            "": Part(
                "USD for one right answer more, with a predictor as good as published ones (a "
                "skill of 0.3):",
                ("gallery/predicted",),
                WORTH,
                (),
                "0.01",
                GRADED,
            ),
            "averages": Part(
                "The same by how good each model is at each task, without a look at the request:",
                ("gallery/predicted",),
                WORTH,
                ("policy.predict.predictor.skill=0", "policy.predict.predictor.knows_tasks=true"),
                "0.01",
                GRADED,
            ),
            "good": Part(
                "The same with a predictor better than any that is published (a skill of 1):",
                ("gallery/predicted",),
                WORTH,
                ("policy.predict.predictor.skill=1",),
                "0.01",
                GRADED,
            ),
            "bar": Part(
                "The cheapest model that clears a bar of right answers, by 200 examples a task:",
                ("gallery/barred",),
                ("policy.quality_bar.bar=0.75..0.95:5",),
                (),
                "0.85",
                GRADED,
            ),
        },
        Search(
            "gallery/predicted",
            {"predict.willingness_to_pay": "0.001..1 log"},
            "max quality_mean",
            ("cost_per_1k_requests_usd<=1",),
            40,
        ),
    ),
    "flaky_provider": Asked(
        {
            "": Part(
                "Sends in all at the one provider (`retry_only`), or at each one before the next "
                "is asked (`circuit_breaker`):",
                ("retry_only", "circuit_breaker"),
                ("policy.retry.attempts=1..6:6",),
                (),
                "2",
                (*USUAL, *SENDS),
            ),
            "limits": Part(
                "At a rate limit instead, which tries do not get around (`rate_limit_storm`):",
                ("retry_only",),
                ("policy.retry.attempts=1..6:6",),
                (),
                "2",
                ("success_rate", "slo_attainment", "latency_p95_s", *SENDS),
                scenario="rate_limit_storm",
            ),
        }
    ),
}
