"""A scenario in words and tables, from its file."""

from __future__ import annotations

from typing import Any

from generated import table

from simroute.models import spec
from simroute.models.calendar import workload_calendar
from simroute.models.prices import resolve_prices
from simroute.models.traffic_mix import streamed_share, task_shares
from simroute.text import duration


def setup(scenario: spec.Scenario) -> str:
    """Traffic, deployments with their prices, outages, and the promise."""
    parts = [traffic(scenario), deployments(scenario)]
    if scenario.outages:
        parts.append(
            "\n".join(
                f"- **Outage `{name}`**: {outage(one, scenario)}"
                for name, one in scenario.outages.items()
            )
        )
    return "\n\n".join([*parts, promise(scenario)])


def traffic(scenario: spec.Scenario) -> str:
    """How much of what is asked, and how it varies."""
    load = scenario.workload
    rate = f"{load.rate:g} a second" if load.rate >= 0.1 else f"{load.rate * 60:.3g} a minute"
    text = (
        f"{duration(scenario.horizon)} of traffic: about {load.rate * scenario.horizon:,.0f} "
        f"requests, {rate} on average"
    )
    text += f", {share(streamed_share(load))} of them streamed." if streamed_share(load) else "."
    if load.profile.hours or load.profile.days:
        text += f" {profile(load.profile)}"
    shares = task_shares(load)
    text += (
        " Work: "
        + "; ".join(
            f"{name} {share(shares[name])}, {lengths(task)}" for name, task in load.tasks.items()
        )
        + "."
    )
    if load.repeats.share:
        text += (
            f" {share(load.repeats.share)} of the requests ask again what is in a catalogue "
            f"of {load.repeats.questions:,} questions"
        )
        text += (
            f", {share(load.repeats.paraphrased)} of those in other words."
            if load.repeats.paraphrased
            else "."
        )
    return text


def profile(profile: spec.Profile) -> str:
    """Busiest and quietest times, against the mean."""
    said = []
    if hours := profile.hours:
        top, mean = max(hours), sum(hours) / len(hours)
        said.append(
            f"In the busiest hour of a day ({hours.index(top)}:00) there are {top / mean:.1f} "
            f"times as many as in the mean hour"
        )
    if days := profile.days:
        said.append(
            f"{'on' if said else 'On'} the quietest day of a week {share(min(days) / max(days))} "
            f"of the busiest"
        )
    return ", ".join(said) + "."


def lengths(task: spec.Task) -> str:
    return (
        f"median {task.input_tokens.median:,.0f} tokens in and {task.output_tokens.median:,.0f} out"
    )


def deployments(scenario: spec.Scenario) -> str:
    """One row each: prices as resolved from the catalogue, speed, quality, and what else is
    stated."""
    heads = (
        "deployment",
        "provider, model",
        "USD per 1M tokens, in / out",
        "first token at 1,000 in",
        "each further",
        "right answers",
        "besides",
    )
    return table(heads, (row(name, one, scenario) for name, one in scenario.deployments.items()))


def row(name: str, one: spec.Deployment, scenario: spec.Scenario) -> tuple[str, ...]:
    (_, price), *steps = resolve_prices(one, scenario.horizon, workload_calendar(scenario.workload))
    speed, quality = one.latency, one.quality
    asked = f"{price.input:g} / {price.output:g}" + "".join(
        f"; from {duration(at)} on {new.input:g} / {new.output:g}" for at, new in steps
    )
    right = (
        ", ".join(f"{task} {share(right)}" for task, right in quality.items())
        if isinstance(quality, dict)
        else share(quality)
    )
    first, each = (
        f"{speed.base + speed.per_1k_input:.2f} s",
        f"{speed.per_output_token * 1000:.1f} ms",
    )
    return (
        f"`{name}`",
        f"{one.provider}, {one.model}",
        asked,
        first,
        each,
        right,
        "; ".join(besides(one)),
    )


def besides(one: spec.Deployment) -> list[str]:
    """Errors of fair weather, and limits."""
    found = [f"{status} in {share(part)} of calls" for status, part in one.errors.items()]
    granted = {
        "requests a minute": one.limits.rpm,
        "tokens a minute": one.limits.tpm,
        "calls at a time": one.limits.concurrency,
    }
    return found + [
        f"at most {limit:,.0f} {what}" for what, limit in granted.items() if limit is not None
    ]


def outage(one: spec.Outage, scenario: spec.Scenario) -> str:
    """Who fails, when, and how badly."""
    who = one.provider or one.deployment or one.domain
    when = (
        f"from {moment(one.start)} to {moment(one.end)}"
        if one.start is not None
        else f"every {duration(one.mean_between or 0)} on average"
    )
    said = [f"{share(one.error_share)} of calls fail with {one.status}"] if one.error_share else []
    said += [f"answers take {one.slow_down:g} times as long"] if one.slow_down > 1 else []
    said += (
        [f"{share(one.hang_share)} of the calls that do not fail never answer"]
        if one.hang_share
        else []
    )
    return f"{who}, {when}: {', '.join(said)}."


def share(part: float) -> str:
    return f"{100 * part:.4g} %"


def moment(when: Any) -> str:
    return duration(when) if isinstance(when, float) else f"{when} of the horizon"


def promise(scenario: spec.Scenario) -> str:
    """What the verdict asks, and the budget."""
    slo, budget = scenario.slo, scenario.budget
    within = [] if slo.latency is None else [f"completely within {duration(slo.latency)}"]
    within += [] if slo.ttft is None else [f"with the first token within {duration(slo.ttft)}"]
    text = (
        f"**Promise**: {share(slo.success)} of requests "
        f"succeed{' in time: ' if within else ''}{', '.join(within)}."
    )
    return text + (
        f" **Budget**: ${budget.usd:,.0f} a {budget.period}, kept only by policies with a budget "
        f"layer."
        if budget is not None
        else ""
    )
