"""What a page says of the scenario: workload, deployments, weather, prices, policies."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from simroute.config import reference, schema
from simroute.models.price_notes import describe_prices
from simroute.models.quality import known_accuracies
from simroute.studies.comparison.promise import describe_promise

if TYPE_CHECKING:
    from simroute.studies.comparison.comparison import Comparison


MOST_STEPS = 12
"""Prices of one deployment that are marked over time; those that change with the hours are told in
the table."""


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
            for row in reference.parameters(type(layer))
            if (found := _setting(row, schema.plain(layer))) is not None
        ]
        told.append({"layer": name, "kind": layer.kind, "words": first, "set": settings})
    return told


def _setting(row: reference.Parameter, value: Any) -> list[Any] | None:
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
    rows.append(["promise", describe_promise(scenario)])
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
    rows, prices = [], describe_prices(sky.scenario, sky.calendar)
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
        grades = known_accuracies(spec.quality, sky.scenario.workload.tasks)
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
