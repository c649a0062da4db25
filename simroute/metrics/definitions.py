"""What each figure means, in one sentence: for `describe`, the report, and the documentation. Exact
definitions are the folds themselves."""

from __future__ import annotations

DEFINITIONS: dict[str, str] = {
    "requests": "How many requests arrived within the horizon.",
    "success_rate": "The share of requests that got a usable answer, however late; cached "
    "answers and those of a cheaper model count.",
    "resolved_share": "The share of what callers wanted that was answered in the end: successes "
    "over the requests that are no asking again. Without such it is success_rate.",
    "abandoned_share": "The share of requests that their callers gave up, being out of patience.",
    "asked_again_share": "The share of requests that callers had asked before and press again.",
    "availability": (
        "The share of minutes that were good: of all minutes in which requests arrived, those in "
        "which at least slo.minute_success of them succeeded."
    ),
    "slo_attainment": "The share of requests that succeeded in time: within slo.latency and, "
    "streamed, with the first token within slo.ttft; a task under slo.tasks by its own limits.",
    "latency_mean_s": "How long successful requests took on average, from arrival to the complete "
    "answer, all waits included.",
    "latency_p50_s": "Half of the successful requests had their complete answer after at most so "
    "long, from arrival on, all waits included.",
    "latency_p95_s": "95 % of the successful requests had their complete answer after at most so "
    "long, from arrival on, all waits included.",
    "latency_p99_s": "99 % of the successful requests had their complete answer after at most so "
    "long, from arrival on, all waits included.",
    "ttft_p95_s": "95 % of the successful streamed requests had their first token after at most "
    "so long, from arrival on.",
    "cost_usd": "Everything that was billed: answers, failed and abandoned attempts, judges and "
    "pings.",
    "cost_per_1k_requests_usd": "Everything that was billed, for each 1,000 requests that arrived.",
    "cost_per_month_usd": (
        "What 30 days of this traffic would cost: at the mean rate that the scenario states (a "
        "trace's own mean, of the part that is played), and at what a request cost in this run, "
        "its outages included."
    ),
    "budget_used": (
        "The part of the scenario's budget that was billed for the requests of its dearest "
        "period, of those that are wholly in the horizon (rolling: "
        "of the dearest window, counted up to a thousandth longer); more than 1 is overspent, "
        "null where there is no such period."
    ),
    "budget_pace": (
        "The part of the scenario's budget that a whole period would use at what a request cost in "
        "this run: the period in which the run begins (rolling: its first window), with the hours "
        "and days of the profile; more than 1 is more than the budget, null without one."
    ),
    "wasted_usd": (
        "What was billed for work whose answer nobody got: abandoned attempts, lost races, "
        "refused answers, judges of a request that failed."
    ),
    "quality_mean": "How good the given answers truly were, on average; a cached answer to "
    "another question counts as wrong.",
    "cache_hit_rate": "The share of requests that were answered from a cache.",
    "cache_false_hit_rate": "The share of all requests that a cache answered with the answer to "
    "another question.",
    "degraded_share": "The share of requests that got something in place of an answer: one that a "
    "cache should have forgotten, or a fixed text.",
    "prompt_cached_share": "The share of the billed input tokens that providers read from their "
    "caches of prompts.",
    "prompt_cache_saved_usd": "What more would have been billed if deployments with a prompt_cache "
    "had kept nothing: reading saves, writing may cost.",
    "attempts_per_request": "Calls to providers for each request that arrived; below 1 where a "
    "cache answers.",
    "load_amplification": "Calls to providers for each request that needed one: how much "
    "retries, fallbacks and hedges multiply the load.",
    "rate_limited": "How many calls a provider answered with 429.",
    "rejected": "How many requests were refused without any call to a provider.",
    "truncated": "How many streamed answers broke off after their first token, and so could not "
    "be repaired.",
    "breaker_opened": "How often a circuit breaker opened.",
    "half_open_probes": "How many sends were breakers' trials of a target that might still be "
    "failing, retries within a trial included.",
    "time_on_failing_target_s": "In how many seconds of outages an ordinary call, no trial, "
    "still went to an affected target; summed over outages.",
    "failover_p95_s": (
        "Of requests that succeeded elsewhere than first tried, 95 % had sent the call that "
        "succeeded at most so long after their first one."
    ),
    "detection_s": (
        "From the start of an outage to the first event (`opened`, `cooldown`, `shifted`, "
        "`removed`) by which a layer left a target under it: the mean over"
        " outages and replicas, of those that noticed while it lasted; none where nobody did."
    ),
    "undetected": "How many outages no opening (cooldown, shift, removal) marked while they "
    "lasted; each counts once for each replica.",
    "forbidden_share": "The share of requests that were answered by a provider which they "
    "forbid; it must be 0.",
    "utilisation": "The mean share of a target's slots that were busy within the horizon, where "
    "it has a limit of calls at a time; told by target.",
}
