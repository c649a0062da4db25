"""What a report is made from: a study's evidence as plain data (`evidence.json`), from which the
page can be built again at any time."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

import simroute
from simroute.config import schema
from simroute.experiment.run import weather
from simroute.metrics import METRICS, Evidence, Histogram
from simroute.metrics.observer import BINS, PARTS, WASTE, seconds_of
from simroute.models.pricing import listed
from simroute.models.quality import stated
from simroute.models.random import fingerprint
from simroute.models.spec import Budget
from simroute.models.weather import Weather
from simroute.statistics.multiple import tied
from simroute.studies.comparison.promise import parts, words
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
KINDS = ("slowest", "most attempts", "false hit", "dearest")
MOST_STEPS = 12
"""Prices of one deployment that are marked over time; those that change with the hours are told in
the table."""
SHOWN = 10
"""Strange requests that are explained."""


def material(study: Comparison) -> dict[str, Any]:
    """Everything on the page that is not in summary.json, as plain JSON data. Bins are equal slices
    of the horizon."""
    made = study.configuration
    scenario, sky = made.scenario, weather(made, 0)
    random = any(outage.start is None for outage in scenario.outages.values())
    over_time = study.first if random else study.evidence
    budget = scenario.budget
    return {
        "schema_version": VERSION,
        "simroute": simroute.__version__,
        "fingerprint": fingerprint(),
        "question": " ".join(scenario.about.split()),
        "lines": study.calibration_lines() + study.verdict_lines(),
        "slo": {
            "success": scenario.slo.success,
            "latency": scenario.slo.latency,
            "ttft": scenario.slo.ttft,
        },
        "promise": {
            "words": words(scenario),
            "parts": [part._asdict() for part in parts(scenario)],
        },
        "budget": None if budget is None else _budget(budget, sky),
        "cheapest": _cheapest(study),
        "marks": {metric: _marks(study, metric) for metric in MARKED},
        "random_weather": random,
        "weather": _weather(study, sky),
        "policies": {
            policy: {
                "stance": _stance(made.policies[policy]),
                **_over_time(over_time[policy], study, sky, random),
                **_pooled(policy, study),
            }
            for policy in study.runs
        },
        "strange": _strange(study),
        "workload": _workload(study),
        "deployments": _deployments(sky),
        "config": made.to_yaml(),
    }


def _budget(budget: Budget, sky: Weather) -> dict[str, Any]:
    """What was agreed, and when its periods begin anew (s); of a rolling one its length instead."""
    said = {"usd": budget.usd, "period": budget.period}
    if budget.period == "rolling":
        return {**said, "window_s": budget.window}
    periods, turns, now = Periods(*sky.calendar), list[float](), 0.0
    while (now := periods(now, budget.period, budget.zone, budget.reset)[1]) < sky.horizon:
        turns.append(now)
    return {**said, "turns_s": turns}


def _cheapest(study: Comparison) -> dict[str, Any] | None:
    """Of the policies shown to keep the promise the cheapest, and those that cannot be told from it
    by cost."""
    cost = "cost_per_1k_requests_usd"
    good = [
        entry["policy"]
        for entry in study.verdict
        if entry["meets_slo"] and study.intervals[entry["policy"]][cost].mean is not None
    ]
    if not good:
        return None
    series, best = (
        study.series(),
        min(good, key=lambda policy: study.intervals[policy][cost].mean or 0.0),
    )
    return {
        "policy": best,
        "tied": tied(
            best, {policy: series[policy][cost] for policy in good}, len(series), study.rule, cost
        ),
    }


def _marks(study: Comparison, metric: str) -> dict[str, str]:
    """ "best", or "tied" for those that cannot be told from it; nothing where all are alike."""
    means = {policy: found[metric].mean for policy, found in study.intervals.items()}
    known = {policy: mean for policy, mean in means.items() if mean is not None}
    if len(known) < 2 or len(set(known.values())) == 1:
        return {}
    more = METRICS[metric][1]
    best = max(known, key=lambda policy: known[policy] if more else -known[policy])
    series = study.series()
    alike = tied(
        best, {policy: series[policy][metric] for policy in known}, len(series), study.rule, metric
    )
    return {best: "best", **dict.fromkeys(alike, "tied")}


def _weather(study: Comparison, sky: Any) -> list[dict[str, Any]]:
    """Outages and price steps, by start."""
    found = []
    for window in sky.windows:
        outage = study.configuration.scenario.outages[window.name]
        what = [f"{outage.error_share * 100:g} % of calls fail with {outage.status}"]
        what += [f"answers take {outage.slow_down:g} times as long"] if outage.slow_down > 1 else []
        what += [f"{outage.hang_share * 100:g} % of the others hang"] if outage.hang_share else []
        found.append(
            {
                "kind": "outage",
                "name": window.name,
                "start_s": window.start,
                "end_s": window.end,
                "targets": list(window.targets),
                "what": ", ".join(what),
            }
        )
    for name, prices in (
        (name, _prices(model, sky.horizon)) for name, model in sky.deployments.items()
    ):
        for (_, old), (when, now) in pairwise(prices if len(prices) <= MOST_STEPS else ()):
            what_changed = (
                f"from ${old.input:g} in / ${old.output:g} out to ${now.input:g} / "
                f"${now.output:g} per million tokens"
            )
            found.append(
                {
                    "kind": "price",
                    "name": f"{name} price",
                    "start_s": when,
                    "end_s": when,
                    "targets": [name],
                    "what": what_changed,
                }
            )
    return sorted(found, key=lambda one: one["start_s"])


def _prices(model: Any, horizon: float) -> list[tuple[float, Any]]:
    """(from when, price), in order."""
    found, when = [], 0.0
    while when < horizon:
        price, until = model.price_at(when)
        found.append((when, price))
        when = until
    return found


def _stance(layers: dict[str, Any]) -> list[dict[str, Any]]:
    """Each layer: what it does, and how it is set, as [parameter, value, whether it is another than
    the default]."""
    told = []
    for name, layer in layers.items():
        first = " ".join((type(layer).__doc__ or "").split("\n\n")[0].split())
        settings = [
            found
            for row in schema.parameters(type(layer))
            if (found := _setting(row, schema.plain(layer))) is not None
        ]
        told.append({"layer": name, "kind": layer.kind, "words": first, "set": settings})
    return told


def _setting(row: schema.Parameter, value: Any) -> list[Any] | None:
    for key in row.key.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    if value is None or value == [] or isinstance(value, dict):
        return None
    text = (
        f"[{', '.join(map(str, value))}]"
        if isinstance(value, list)
        else f"{value:g}"
        if isinstance(value, float)
        else str(value)
    )
    return [row.key, text + (" s" if row.kind == "s" else ""), text.lower() != row.default.lower()]


def _over_time(evidence: Evidence, study: Comparison, sky: Any, random: bool) -> dict[str, Any]:
    counts, runs = evidence.counts, 1 if random else study.replications
    size = max(1, BINS // _bins(counts["arrivals"], len(study.runs)))
    merged = {
        name: _slices(counts[name], size)
        for name in ("arrivals", "ok", "cached", "cost", "sends", "limited", "over_time")
    }
    targets = list(sky.deployments)
    return {
        "edges_s": [sky.horizon * size * i / BINS for i in range(BINS // size + 1)],
        "arrivals": merged["arrivals"].tolist(),
        "ok": merged["ok"].tolist(),
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
    """As many slices as give each some twenty requests; fewer for many policies, so that the page
    stays readable."""
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
    return float(seconds_of(np.array(np.searchsorted(np.cumsum(cells), share * total - 1e-9))))


def _pooled(policy: str, study: Comparison) -> dict[str, Any]:
    """Over all replications."""
    counts, runs = study.evidence[policy].counts, study.replications
    happened: dict[str, float] = {}
    for run in study.runs[policy]:
        for event, count in run.events.items():
            happened[event] = happened.get(event, 0.0) + count / runs
    return {
        "latency": _curve(counts["latency"]),
        "ttft": _curve(counts["ttft"]),
        "tail": _tail(counts),
        "waste_usd": {
            why: int(nano) / 1e9 / runs for why, nano in zip(WASTE, counts["waste"], strict=True)
        },
        "events": happened,
        "turns": study.first[policy].story.get("turns", []),
    }


def _curve(counts: np.ndarray) -> list[list[float]]:
    """[share of requests that were at most as slow, s], denser towards the tail, as far as ten
    requests still lie beyond."""
    histogram = Histogram()
    histogram.counts, total = counts, int(counts.sum())
    slower = [2 ** (-step / 4) for step in range(1, 60) if 2 ** (-step / 4) * total >= 10]
    return [
        [1 - share, value]
        for share in slower
        if (value := histogram.quantile(1 - share)) is not None
    ]


def _tail(counts: dict[str, np.ndarray]) -> dict[str, Any] | None:
    """Of the slowest 5 % of successful requests: from how many seconds on, how many, and the mean
    seconds of each part."""
    by_cell = counts["over_time"].sum(axis=0)
    total = int(by_cell.sum())
    if total < 20:
        return None
    first = int(np.searchsorted(np.cumsum(by_cell), TAIL * total - 1e-9))
    many = int(by_cell[first:].sum())
    parts = {
        part: int(row[first:].sum()) / 1e6 / many
        for part, row in zip(PARTS, counts["parts"], strict=True)
    }
    return {"from_s": float(seconds_of(np.array(first))), "requests": many, "parts_s": parts}


def _strange(study: Comparison) -> list[dict[str, Any]]:
    """The strangest of all policies' first replications: of each kind the first of each policy,
    then the second …; no request twice."""
    ranked = [
        (place, KINDS.index(why), number, one["request_id"], {"policy": policy, **one})
        for number, policy in enumerate(study.runs)
        for one in study.first[policy].story.get("strange", [])
        for place, why in one["why"]
    ]
    found: dict[int, dict[str, Any]] = {}
    for *_, request, one in sorted(ranked, key=lambda entry: entry[:4]):
        found.setdefault(request, one)
    return list(found.values())[:SHOWN]


def _workload(study: Comparison) -> list[list[str]]:
    load, scenario = study.configuration.scenario.workload, study.configuration.scenario
    rows = [
        [
            "rate",
            "from a trace"
            if load.trace
            else f"{load.rate:g} requests/s, Poisson"
            + (", by hour and day" if load.profile.hours else ""),
        ]
    ]
    rows += [
        ["streamed", f"{load.streamed * 100:g} % of requests"],
        ["output limit", f"{load.max_output_tokens:,} tokens"],
    ]
    for name, task in load.tasks.items():
        ways = ((task.input_tokens, "in"), (task.output_tokens, "out"))
        sizes = ", ".join(
            f"{length.median:,.0f} tokens {way} (median; sd of log {length.sigma:g})"
            for length, way in ways
        )
        rows.append(
            [
                f"task {name}",
                f"weight {task.share:g}; "
                + ("tokens from the file" if load.trace or load.lengths else sizes),
            ]
        )
    for kind in ("users", "features"):
        weights = getattr(load, kind)
        if weights:
            rows.append(
                [
                    kind,
                    ", ".join(f"{name} {weight:g}" for name, weight in weights.items())
                    + " (weights)",
                ]
            )
    repeats = load.repeats
    if repeats.share:
        rows.append(
            [
                "repeats",
                f"{repeats.share * 100:g} % ask one of {repeats.questions:,} questions again, "
                f"{repeats.paraphrased * 100:g} % of them reworded",
            ]
        )
    rows.append(["promise", words(scenario)])
    rows.append(
        [
            "gateway",
            f"{scenario.gateway.replicas} replica(s), {scenario.gateway.overhead * 1000:g} ms "
            f"overhead a send",
        ]
    )
    rows.append(
        [
            "given-up calls",
            {"runs_on": "run on and are billed whole", "stops": "stop and are billed so far"}[
                scenario.abandoned
            ],
        ]
    )
    return rows


def _deployments(sky: Any) -> list[dict[str, Any]]:
    """One row each, with units in the keys."""
    rows, prices = [], listed(sky.scenario, sky.calendar)
    for name, model in sky.deployments.items():
        spec = model.spec
        limits = [
            f"{value:,.0f} {unit}"
            for value, unit in (
                (spec.limits.rpm, "requests/min"),
                (spec.limits.tpm, "tokens/min"),
                (spec.limits.concurrency, "at once"),
            )
            if value is not None
        ]
        grades = stated(spec.quality, sky.scenario.workload.tasks)
        rows.append(
            {
                "deployment": name,
                "provider": spec.provider,
                "model": spec.model,
                "$ per 1M tokens in, out": prices[name],
                "first token, median": f"{spec.latency.base:g} s + {spec.latency.per_1k_input:g} "
                f"s per 1,000 tokens in",
                "then": f"{1000 * spec.latency.per_output_token:g} ms per token out",
                "sd of log": f"{spec.latency.sigma:g}; {spec.latency.token_sigma:g}",
                "errors in fair weather": ", ".join(
                    f"{share * 100:g} % {status}" for status, share in spec.errors.items()
                )
                or "none",
                "limits": ", ".join(limits) or "none",
                "right answers": ", ".join(
                    f"{task} {share * 100:g} %".strip() for task, share in grades.items()
                )
                or "not known"
                if spec.outcomes is None
                else f"column {spec.outcomes}",
            }
        )
    return rows
