"""A scenario as `describe` prints it: the question, the weather, the file."""

from __future__ import annotations

import math
from collections.abc import Mapping

from simroute.cli.render import pages
from simroute.cli.terminal import escaped
from simroute.config.configuration import Configuration
from simroute.models import spec
from simroute.models.closed_loop import traffic_words
from simroute.models.expected_traffic import ExpectedTraffic
from simroute.models.limit_notes import SHORT, describe_limits
from simroute.models.pauses import describe_pause
from simroute.models.price_notes import describe_prices
from simroute.models.quality import known_accuracies
from simroute.models.surcharges import tiered
from simroute.models.traffic_mix import (
    is_by_feature,
    streamed_share,
    task_shares,
    task_weight,
)
from simroute.studies.comparison.promise import describe_promise
from simroute.studies.comparison.scenario_facts import gateway_habits
from simroute.units import duration


def scenario_page(name: str, configuration: Configuration, text: str) -> pages.Page:
    """The page. `text`: the scenario's file."""
    scenario = configuration.scenario
    yield from pages.head(name, "scenario")
    yield from pages.paragraphs(scenario.about or "(no question is asked)")
    yield from pages.table(("", ""), _facts(configuration))
    yield from _deployments(configuration)
    if scenario.outages:
        yield from pages.table(
            ("outage", "where", "when", "errors", "slower", "hangs", "stalls"),
            [_outage(*each) for each in scenario.outages.items()],
        )
    yield from pages.title("The file")
    yield from pages.fragment(text)


def lineup_page(name: str, configuration: Configuration, text: str) -> pages.Page:
    """The page of deployments that scenarios share. `text`: their file."""
    yield from pages.head(name, "lineup")
    yield from pages.paragraphs(configuration.scenario.about or "(nothing is said of it)")
    yield from _deployments(configuration)
    yield from pages.title("The file")
    yield from pages.fragment(text)


def _deployments(configuration: Configuration) -> pages.Page:
    scenario = configuration.scenario
    prices = describe_prices(scenario, configuration.calendar)
    heads = (
        "deployment",
        "at",
        "$/1M in, out",
        "first token, speed",
        "errors",
        "quality",
        "limits",
    )
    deployments = [
        (key, *_deployment(deployment, scenario, prices[key]))
        for key, deployment in scenario.deployments.items()
    ]
    yield from pages.table(heads, deployments)


def _facts(configuration: Configuration) -> list[tuple[str, str]]:
    scenario = configuration.scenario
    facts = {
        "traffic": _traffic(configuration),
        "to run": _effort(configuration),
        "tasks": _tasks(scenario.workload),
        "users": _users(scenario.workload),
        "promise": describe_promise(scenario),
        "outages": "" if scenario.outages else "none",
        "budget": _budget(scenario.budget),
        "gateway": _gateway(scenario.gateway),
    }
    return [fact for fact in facts.items() if fact[1]]


def _gateway(gateway: spec.Gateway) -> str:
    """Empty for a single one that neither forgets nor fills up."""
    state = "shared" if gateway.shared else "of their own"
    parts = [f"{gateway.replicas} replicas, state {state}"] * (gateway.replicas > 1)
    return ", ".join([*parts, *gateway_habits(gateway)])


def _budget(budget: spec.Budget | None) -> str:
    if budget is None:
        return "none"
    if budget.period == "rolling":
        return f"${budget.usd:,g} in {duration(budget.window)}"
    is_default = (budget.zone, budget.reset) == ("UTC", "00:00")
    reset = "" if is_default else f", from {budget.reset} in {budget.zone}"
    return f"${budget.usd:,g} a {budget.period}{reset}"


def _effort(configuration: Configuration) -> str:
    """How many requests a replication is, and about how long it takes here."""
    from simroute.experiment.pace import measure_pace

    policy = next(iter(configuration.policies), None)
    pace = None if policy is None else measure_pace(configuration, policy)
    requests = configuration.expected_requests
    if pace is None:
        return f"about {requests:,.0f} requests a replication"
    return (
        f"about {requests:,.0f} requests a replication, {_about(requests / pace)} on this machine "
        f"under {policy}, by its first requests; more layers take longer, compare plays 20 "
        f"replications of each policy"
    )


def _about(seconds: float) -> str:
    """A duration that is only roughly known."""
    if seconds < 1:
        return "less than a second"
    size = 10.0 ** math.floor(math.log10(seconds))
    return f"about {duration(round(seconds / size) * size)}"


def _peak(load: spec.Workload, horizon: float) -> str:
    """The highest rate of the profile within the horizon, and when it is first reached, where the
    rate changes."""
    if load.rate <= 0 or not (load.profile.hours or load.profile.days or load.spikes):
        return ""
    traffic = ExpectedTraffic(load, load.rate, horizon)
    last = min(horizon, 7 * 86_400.0)
    starts = [at for at in range(0, int(last) + 1, 900) if at + 1 <= last] or [0]
    rates = [traffic.requests(at, at + 1) for at in starts]
    peak = max(rates)
    at = duration(starts[rates.index(peak)])
    return f" on average, {peak:.3g}/s at its peak ({at} after the start)"


def _traffic(configuration: Configuration) -> str:
    load, horizon = configuration.scenario.workload, configuration.scenario.horizon
    trace = configuration.trace
    requests = (
        f"{trace.requests:,} requests of a trace"
        if trace is not None
        else traffic_words(load)
        if load.callers.count or load.clients is not None
        else f"{load.rate:g}/s{_peak(load, horizon)}"
    )
    more = f", {_percent(load.repeats.share)} asked before" if load.repeats.share else ""
    if load.sessions.turns > 1 and not load.callers.count:
        more += f", conversations of {load.sessions.turns:g} turns"
    if load.patience is not None:
        more += f", patience {describe_pause(load.patience)}"
    if load.again.share:
        more += f", {_percent(load.again.share)} of the unanswered asked again"
    return f"{requests} in {duration(horizon)}, {_percent(streamed_share(load))} streamed{more}"


def _tasks(load: spec.Workload) -> str:
    """Shares of the tasks, of all requests; where features differ, of each as well."""
    text = _shares(task_shares(load))
    if not is_by_feature(list(load.tasks.values())):
        return text
    each = [
        f"{escaped(feature)}: "
        + _shares({name: task_weight(task, feature) for name, task in load.tasks.items()})
        for feature in load.features
    ]
    return f"{text} ({'; '.join(each)})" if each else text


def _shares(weights: Mapping[str, float]) -> str:
    total = sum(weights.values()) or 1.0
    return ", ".join(f"{name} {_percent(weight / total)}" for name, weight in weights.items())


def _users(load: spec.Workload) -> str:
    if not isinstance(load.users, int):
        return ""
    return f"{load.users:,}, by Zipf's law with exponent {load.users_exponent:g}"


def _deployment(
    deployment: spec.Deployment, scenario: spec.Scenario, price: str
) -> tuple[str, ...]:
    latency = tiered(deployment).latency
    qualities = known_accuracies(deployment.quality, scenario.workload.tasks)
    speed = f", {1 / latency.per_output_token:.0f}/s" if latency.per_output_token else ""
    return (
        f"{deployment.provider}, {deployment.model}",
        price,
        f"{duration(latency.base)}{speed}",
        _percent(sum(deployment.errors.values())),
        (
            ", ".join(f"{task} {_percent(share)}".strip() for task, share in qualities.items())
            or "not known"
        )
        + "".join(
            f"; from {_moment(step.at)} on {_stated(step.quality)}"
            for step in deployment.quality_steps.values()
        ),
        ", ".join(describe_limits(deployment, scenario, SHORT)) or "none",
    )


def _stated(quality: float | dict[str, float]) -> str:
    if not isinstance(quality, dict):
        return _percent(quality)
    return ", ".join(f"{task} {_percent(share)}" for task, share in quality.items())


def _outage(name: str, outage: spec.Outage) -> tuple[str, ...]:
    if outage.start is not None:
        when = f"{_moment(outage.start)} to {_moment(outage.end)}"
    else:
        often = (
            f"every {duration(outage.mean_between)} or so"
            if outage.mean_between is not None
            else f"after {outage.after_requests:,} requests"
        )
        when = f"{often}, for {duration(outage.repair)} or so"
    return (
        name,
        escaped(outage.deployment or outage.provider or outage.domain or ""),
        when,
        f"{_percent(outage.error_share)} with {outage.status}",
        f"{outage.slow_down:g} x",
        _percent(outage.hang_share),
        _percent(outage.stall_share),
    )


def _percent(share: float) -> str:
    return f"{share * 100:.4g}%"


def _moment(when: float | str | None) -> str:
    return when if isinstance(when, str) else duration(when or 0.0)
