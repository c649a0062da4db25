"""What a page says of the scenario: workload, deployments, prices, policies."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from simroute.config import reference, schema
from simroute.models import spec
from simroute.models.closed_loop import traffic_words
from simroute.models.limit_notes import LONG, describe_limits
from simroute.models.pauses import describe_pause
from simroute.models.price_notes import describe_prices
from simroute.models.quality import known_accuracies
from simroute.models.traffic_mix import streamed_share
from simroute.studies.comparison.promise import describe_promise
from simroute.units import duration

if TYPE_CHECKING:
    from simroute.studies.comparison.comparison import Comparison


def layer_settings(layers: dict[str, Any]) -> list[dict[str, Any]]:
    """Of each layer of a policy: what it does, and its settings as [parameter, value, whether it
    differs from the default]."""
    rows = []
    for name, layer in layers.items():
        settings = [
            setting
            for parameter in reference.parameters(type(layer))
            if (setting := _setting(parameter, schema.plain(layer))) is not None
        ]
        words = " ".join((type(layer).__doc__ or "").split("\n\n")[0].split())
        rows.append({"layer": name, "kind": layer.kind, "words": words, "set": settings})
    return rows


def _setting(parameter: reference.Parameter, value: Any) -> list[Any] | None:
    for key in parameter.key.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    if value is None or value == [] or isinstance(value, dict):
        return None
    if isinstance(value, list):
        text = f"[{', '.join(map(str, value))}]"
    else:
        text = f"{value:g}" if isinstance(value, float) else str(value)
    unit = " s" if parameter.kind == "s" else ""
    return [parameter.key, text + unit, text.lower() != parameter.default.lower()]


def _caller_rows(load: spec.Workload) -> list[list[str]]:
    """How long callers wait, and whether they ask again, where they do not wait for ever."""
    waits = {"patience": load.patience} | {
        f"patience: {name}": task.patience for name, task in load.tasks.items()
    }
    rows = [[name, describe_pause(pause)] for name, pause in waits.items() if pause is not None]
    if load.sessions.turns > 1:
        turns, think = load.sessions.turns, describe_pause(load.sessions.think)
        rows.insert(0, ["conversations", f"{turns:g} turns on average, {think} between them"])
    if load.again.share:
        times = f"{load.again.share * 100:.4g} % of the unanswered, {load.again.most} times at most"
        rows.append(["asked again", f"{times}, after {describe_pause(load.again.delay)}"])
    return rows


def workload_rows(study: Comparison) -> list[list[str]]:
    """What the scenario says of its traffic and gateway, as [what, in words]."""
    scenario = study.configuration.scenario
    load, gateway = scenario.workload, scenario.gateway
    rate = (
        f"{load.rate:g} requests/s, Poisson{', by hour and day' if load.profile.hours else ''}"
        f"{f', {len(load.spikes)} spike(s)' if load.spikes else ''}"
    )
    if load.callers.count:
        rate = f"{traffic_words(load)}, {describe_pause(load.callers.think)} between turns"
    abandoned = {
        "runs_on": "run on and are billed whole",
        "stops": "stop and are billed so far",
    }[scenario.abandoned]
    return [
        ["rate", "from a trace" if load.trace else rate],
        ["streamed", f"{streamed_share(load) * 100:.4g} % of requests"],
        ["output limit", f"{load.max_output_tokens:,} tokens"],
        *(_task_row(name, task, load) for name, task in load.tasks.items()),
        *_weight_rows(load),
        *_repeat_rows(load.repeats),
        ["promise", describe_promise(scenario)],
        ["gateway", _gateway_words(gateway)],
        ["given-up calls", abandoned],
        *_caller_rows(load),
    ]


def _gateway_words(gateway: spec.Gateway) -> str:
    replicas = f"{gateway.replicas} replica{'s' if gateway.replicas > 1 else ''}"
    shared = ", which share their state" if gateway.replicas > 1 and gateway.shared else ""
    overhead = f"{gateway.overhead * 1000:g} ms overhead a send"
    return ", ".join([replicas + shared, overhead, *gateway_habits(gateway)])


def gateway_habits(gateway: spec.Gateway) -> list[str]:
    """When its replicas forget, and how many requests they serve at a time, where anything says
    so."""
    habits = []
    if gateway.restart_every is not None:
        habits.append(f"restarts every {duration(gateway.restart_every)}")
    if gateway.flush_every is not None:
        habits.append(f"caches flushed every {duration(gateway.flush_every)}")
    if gateway.concurrency is not None:
        each = " in each" if gateway.replicas > 1 else ""
        habits.append(f"{gateway.concurrency:,} requests at a time{each}, {gateway.queue:,} wait")
    return habits


def _task_row(name: str, task: spec.Task, load: spec.Workload) -> list[str]:
    if load.trace or load.lengths:
        sizes = "tokens from the file"
    else:
        sizes = ", ".join(
            f"{length.median:,.0f} tokens {way} (median; sd of log {length.sigma:g})"
            for length, way in ((task.input_tokens, "in"), (task.output_tokens, "out"))
        )
    more = f"; {task.system_prompt:,} of a system prompt before" if task.system_prompt else ""
    more += "" if task.streamed is None else f"; {task.streamed * 100:g} % streamed"
    return [f"task {name}", f"{_share_words(task.share)}; {sizes}{more}"]


def _share_words(share: float | dict[str, float]) -> str:
    if not isinstance(share, dict):
        return f"weight {share:g}"
    return f"weight by feature: {', '.join(f'{name} {each:g}' for name, each in share.items())}"


def _weight_rows(load: spec.Workload) -> list[list[str]]:
    """Users and features with their weights."""
    if isinstance(load.users, int):
        words = f"{load.users:,} (Zipf's law, exponent {load.users_exponent:g})"
        return [["users", words], *_weight_rows(replace(load, users={}))]
    return [
        [kind, ", ".join(f"{name} {weight:g}" for name, weight in weights.items()) + " (weights)"]
        for kind, weights in (("users", load.users), ("features", load.features))
        if weights
    ]


def _repeat_rows(repeats: spec.Repeats) -> list[list[str]]:
    if not repeats.share:
        return []
    words = (
        f"{repeats.share * 100:g} % ask one of {repeats.questions:,} questions again, "
        f"{repeats.paraphrased * 100:g} % of them reworded"
    )
    for share, form in ((repeats.other_case, "letters"), (repeats.other_space, "white space")):
        words += f", {share * 100:g} % in other {form}" if share else ""
    return [["repeats", words]]


def deployment_rows(weather: Any) -> list[dict[str, Any]]:
    """A row for each deployment, with units in the keys."""
    prices = describe_prices(weather.scenario, weather.calendar)
    return [
        _deployment_row(name, model.spec, prices[name], weather.scenario)
        for name, model in weather.deployments.items()
    ]


def _deployment_row(
    name: str, deployment: spec.Deployment, price: str, scenario: spec.Scenario
) -> dict[str, Any]:
    latency = deployment.latency
    limits = describe_limits(deployment, scenario, LONG)
    errors = [f"{share * 100:g} % {status}" for status, share in deployment.errors.items()]
    if deployment.clustered.share:
        spells = deployment.clustered
        errors.append(
            f"{spells.error_share * 100:g} % {spells.status} in spells of "
            f"{duration(spells.spell)}, {spells.share * 100:g} % of the time"
        )
    errors += [
        f"{share * 100:g} % of streams {word}"
        for share, word in ((deployment.truncated, "cut"), (deployment.stalled, "stalled"))
        if share
    ]
    grades = [
        f"{task} {share * 100:g} %".strip()
        for task, share in known_accuracies(deployment.quality, scenario.workload.tasks).items()
    ]
    return {
        "deployment": name,
        "provider": deployment.provider,
        "model": deployment.model,
        "$ per 1M tokens in, out": price,
        "first token, median": f"{latency.base:g} s + {latency.per_1k_input:g} s per 1,000 "
        f"tokens in",
        "then": f"{1000 * latency.per_output_token:g} ms per token out",
        "sd of log": f"{latency.sigma:g}; {latency.token_sigma:g}",
        "errors in fair weather": ", ".join(errors) or "none",
        "limits": ", ".join(limits) or "none",
        "right answers": ", ".join(grades) or "not known"
        if deployment.outcomes is None
        else f"column {deployment.outcomes}",
    }
