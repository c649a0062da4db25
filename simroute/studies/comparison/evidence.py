"""The data of a report beside the summary (`evidence.json`): with both, the page can be built again
at any time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from simroute import version
from simroute.experiment.run import build_weather
from simroute.metrics import METRICS, Evidence, Histogram
from simroute.metrics.evidence_fold import BINS, PARTS, WASTE, cell_seconds
from simroute.models.outage_depth import is_drawn
from simroute.models.random import fingerprint
from simroute.models.spec import Budget
from simroute.models.weather import Weather
from simroute.statistics.multiple import indistinguishable, is_significant
from simroute.studies.comparison import examples
from simroute.studies.comparison.promise import describe_promise, requirements
from simroute.studies.comparison.scenario_facts import (
    deployment_rows,
    layer_settings,
    workload_rows,
)
from simroute.studies.comparison.verdict import same_figures
from simroute.studies.comparison.weather_facts import weather_events
from simroute.worlds.periods import Periods

if TYPE_CHECKING:
    from simroute.studies.comparison.comparison import Comparison

VERSION = 1
MARKED = (
    "success_rate",
    "slo_attainment",
    "latency_p95_s",
    "ttft_p95_s",
    "cost_per_1k_requests_usd",
    "quality_mean",
    "time_on_failing_target_s",
)
TAIL = 0.95


def page_evidence(study: Comparison) -> dict[str, Any]:
    """Everything on the page that is not in summary.json, as plain JSON data. Bins are equal slices
    of the horizon."""
    configuration, scenario = study.configuration, study.configuration.scenario
    weather = build_weather(configuration, 0)
    happened = weather_events(study, weather)
    outages = scenario.outages.values()
    scheduled = all(outage.start is not None for outage in outages)
    random = not scheduled or any(map(is_drawn, outages))
    over_time = study.first if random else study.evidence
    budget = scenario.budget
    return {
        "schema_version": VERSION,
        "simroute": version.__version__,
        "fingerprint": fingerprint(),
        "question": " ".join(scenario.about.split()),
        "lines": study.lines(),
        "slo": {
            "success": scenario.slo.success,
            "latency": scenario.slo.latency,
            "ttft": scenario.slo.ttft,
        },
        "promise": {
            "words": describe_promise(scenario),
            "parts": [part._asdict() for part in requirements(scenario)],
        },
        "budget": None if budget is None else _budget(budget, weather),
        "cheapest": _cheapest(study),
        "same": [
            {"policies": policies, "words": words}
            for policies, words in same_figures(study.series(), list(scenario.deployments))
        ],
        "marks": {metric: _marks(study, metric) for metric in MARKED},
        "random_weather": random,
        "scheduled": scheduled,
        "weather": happened,
        "policies": {
            policy: {
                "stance": layer_settings(configuration.policies[policy]),
                **(slices := _over_time(over_time[policy], study, weather, random)),
                **_pooled(policy, study),
                "examples": examples.by_slice(
                    study.first[policy].story.get("examples", []), slices["edges_s"], happened
                ),
            }
            for policy in study.runs
        },
        "strange": examples.strangest(study),
        "workload": workload_rows(study),
        "deployments": deployment_rows(weather),
        "config": configuration.to_yaml(),
    }


def _budget(budget: Budget, weather: Weather) -> dict[str, Any]:
    """The budget, and the seconds at which its periods begin anew; of a rolling one its length."""
    agreed = {"usd": budget.usd, "period": budget.period}
    if budget.period == "rolling":
        return {**agreed, "window_s": budget.window}
    periods, turns, now = Periods(*weather.calendar), list[float](), 0.0
    while (now := periods(now, budget.period, budget.zone, budget.reset)[1]) < weather.horizon:
        turns.append(now)
    return {**agreed, "turns_s": turns}


def _cheapest(study: Comparison) -> dict[str, Any] | None:
    """Of the policies shown to keep the promise the cheapest, those that cannot be told from it by
    cost, and the one with the best answers of those whose answers are shown to be better."""
    cost = "cost_per_1k_requests_usd"
    good = [
        entry["policy"]
        for entry in study.verdict
        if entry["meets_slo"] and study.intervals[entry["policy"]][cost].mean is not None
    ]
    if not good:
        return None
    best = min(good, key=lambda policy: study.intervals[policy][cost].mean or 0.0)
    return {
        "policy": best,
        "tied": _indistinguishable(study, cost, best, good),
        "better": _better_answers(study, best, good),
    }


def _better_answers(study: Comparison, best: str, policies: list[str]) -> str | None:
    """The policy whose answers are right most often, of those that are told better than `best`."""
    told = {
        policy: study.intervals[policy]["quality_mean"].mean or 0.0
        for policy in policies
        if policy != best
        and is_significant(gap := study.difference("quality_mean", best, policy))
        and (gap.mean or 0.0) > 0
    }
    return max(told, key=lambda policy: told[policy], default=None)


def _marks(study: Comparison, metric: str) -> dict[str, str]:
    """policy -> "best", or "tied" if it cannot be told from the best; empty where all are equal."""
    means = {policy: metrics[metric].mean for policy, metrics in study.intervals.items()}
    known = {policy: mean for policy, mean in means.items() if mean is not None}
    if len(known) < 2 or len(set(known.values())) == 1:
        return {}
    more = METRICS[metric][1]
    best = max(known, key=lambda policy: known[policy] if more else -known[policy])
    tied = _indistinguishable(study, metric, best, known)
    return {best: "best", **dict.fromkeys(tied, "tied")}


def _indistinguishable(
    study: Comparison, metric: str, best: str, policies: Iterable[str]
) -> list[str]:
    series = study.series()
    values = {policy: series[policy][metric] for policy in policies}
    return indistinguishable(best, values, len(series), study.confidence, metric)


def _over_time(
    evidence: Evidence, study: Comparison, weather: Weather, random: bool
) -> dict[str, Any]:
    """Counts and figures of each slice of the horizon: sums over replications, or with `random`
    outages those of the first; costs are means."""
    counts, runs = evidence.counts, 1 if random else study.replications
    size = max(1, BINS // _bins(counts["arrivals"], len(study.runs)))
    merged = {
        name: _slices(counts[name], size)
        for name in ("arrivals", "ok", "in_time", "cached", "cost", "sends", "limited", "over_time")
    }
    targets = list(weather.deployments)
    return {
        "edges_s": [weather.horizon * size * i / BINS for i in range(BINS // size + 1)],
        "arrivals": merged["arrivals"].tolist(),
        "ok": merged["ok"].tolist(),
        "in_time": merged["in_time"].tolist(),
        "cached": merged["cached"].tolist(),
        "p50_s": [_quantile(row, 0.5) for row in merged["over_time"]],
        "p95_s": [_quantile(row, 0.95) for row in merged["over_time"]],
        "cost_usd": [float(value) / 1e9 / runs for value in merged["cost"]],
        "sends": {name: merged["sends"][:, code].tolist() for code, name in enumerate(targets)},
        "limited": {
            name: merged["limited"][:, code].tolist()
            for code, name in enumerate(targets)
            if merged["limited"][:, code].any()
        },
    }


def _bins(arrivals: np.ndarray, policies: int) -> int:
    """The number of slices: each holds some twenty requests, and many policies have fewer, so that
    the page stays readable."""
    fits = [
        n for n in (120, 60, 40, 30, 24, 12) if arrivals.sum() / n >= 20 and n * policies <= 480
    ]
    return fits[0] if fits else 12


def _slices(counts: np.ndarray, size: int) -> np.ndarray:
    return np.asarray(counts.reshape(len(counts) // size, size, *counts.shape[1:]).sum(axis=1))


def _quantile(cells: np.ndarray, share: float) -> float | None:
    total = int(cells.sum())
    if total == 0:
        return None
    return float(cell_seconds(np.array(np.searchsorted(np.cumsum(cells), share * total - 1e-9))))


def _pooled(policy: str, study: Comparison) -> dict[str, Any]:
    """What is told of all replications together."""
    counts, runs = study.evidence[policy].counts, study.replications
    events: dict[str, float] = {}
    for run in study.runs[policy]:
        for event, count in run.events.items():
            events[event] = events.get(event, 0.0) + count / runs
    return {
        "latency": _curve(counts["latency"]),
        "ttft": _curve(counts["ttft"]),
        "tail": _tail(counts),
        "waste_usd": {
            why: int(nano) / 1e9 / runs for why, nano in zip(WASTE, counts["waste"], strict=True)
        },
        "events": events,
        "turns": study.first[policy].story.get("turns", []),
    }


def _curve(counts: np.ndarray) -> list[list[float]]:
    """[share of requests that took at most so long, seconds], denser towards the tail, as far as
    ten requests lie beyond."""
    histogram = Histogram()
    histogram.counts, total = counts, int(counts.sum())
    slower = [2 ** (-step / 4) for step in range(1, 60) if 2 ** (-step / 4) * total >= 10]
    return [
        [1 - share, value]
        for share in slower
        if (value := histogram.quantile(1 - share)) is not None
    ]


def _tail(counts: dict[str, np.ndarray]) -> dict[str, Any] | None:
    """The slowest 5 % of successful requests: the seconds from which they start, their number, and
    the mean seconds of each part. None with fewer than twenty requests."""
    by_cell = counts["over_time"].sum(axis=0)
    total = int(by_cell.sum())
    if total < 20:
        return None
    first = int(np.searchsorted(np.cumsum(by_cell), TAIL * total - 1e-9))
    requests = int(by_cell[first:].sum())
    parts = {
        part: int(row[first:].sum()) / 1e6 / requests
        for part, row in zip(PARTS, counts["parts"], strict=True)
    }
    return {"from_s": float(cell_seconds(np.array(first))), "requests": requests, "parts_s": parts}
