"""A scenario in words and tables, from its file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from generated import table

from simroute.core import Price
from simroute.models import spec
from simroute.models.calendar import workload_calendar
from simroute.models.prices import resolve_prices
from simroute.models.traffic_mix import streamed_share, task_shares
from simroute.units import duration

MANY = 12
"""Steps of a price that are still told one by one."""


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
    return "\n\n".join([*parts, *gateway(scenario.gateway), promise(scenario)])


def traffic(scenario: spec.Scenario) -> str:
    """How much of what is asked, and how it varies."""
    load = scenario.workload
    rate = f"{load.rate:g} a second" if load.rate >= 0.1 else f"{load.rate * 60:.3g} a minute"
    text = (
        f"{duration(scenario.horizon)} of traffic: about {load.rate * scenario.horizon:,.0f} "
        f"requests{' beside crowds' if load.spikes else ''}, {rate} on average"
    )
    text += f", {share(streamed_share(load))} of them streamed." if streamed_share(load) else "."
    if load.profile.hours or load.profile.days:
        text += f" {profile(load.profile)}"
    text += "".join(f" {spike(name, one)}" for name, one in load.spikes.items())
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
    return text + "".join(f" {said}" for said in [*callers(load), *places(scenario)])


def spike(name: str, one: spec.Spike) -> str:
    """A crowd that comes and goes."""
    return (
        f"From {moment(one.start)} to {moment(one.end)} {one.factor:g} times as many come "
        f"(`{name}`)."
    )


def callers(load: spec.Workload) -> list[str]:
    """How requests hang together, and what callers do while they wait."""
    found = []
    sessions, again = load.sessions, load.again
    if sessions.turns > 1:
        behind = "answer" if sessions.next == "answer" else "turn before"
        grown = (
            f"; each prompt begins with all that was said before, up to {sessions.context:,.0f} "
            f"tokens"
            if sessions.grows
            else ""
        )
        found.append(
            f"Requests are turns of conversations, {sessions.turns:g} each on average, "
            f"{pause(sessions.think)} behind the {behind}{grown}."
        )
    if load.patience is not None:
        found.append(f"Callers give up if nothing has come {pause(load.patience)} after they ask.")
    if again.share:
        found.append(
            f"{share(again.share)} of the requests without an answer are asked again, "
            f"{pause(again.delay)} later, at most {again.most} times."
        )
    return found


def pause(one: spec.Pause) -> str:
    if one.median is None:
        return f"{duration(one.mean or 0)} (mean of an exponential)"
    return f"{duration(one.median)} (median{f', sd of log {one.sigma:g}' if one.sigma else ''})"


def places(scenario: spec.Scenario) -> list[str]:
    """Who may be sent where."""
    domains: dict[str, list[str]] = {}
    for name, one in scenario.deployments.items():
        if one.domain is not None:
            domains.setdefault(one.domain, []).append(f"`{name}`")
    return [
        f"Requests of `{who}` must stay with {listed(allowed)}"
        + "".join(f" ({listed(domains[place])})" for place in allowed if place in domains)
        + "."
        for who, allowed in scenario.workload.only.items()
    ] + [
        f"Requests of `{who}` must not reach {listed(closed)}."
        for who, closed in scenario.workload.forbid.items()
    ]


def listed(names: Iterable[str]) -> str:
    """a, b and c."""
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


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
    system = f" behind {task.system_prompt:,} of instructions" if task.system_prompt else ""
    return (
        f"median {task.input_tokens.median:,.0f} tokens in{system} and "
        f"{task.output_tokens.median:,.0f} out"
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
    asked = priced(price, steps)
    right = "" if quality is None else answers(quality)
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


def priced(price: Price, steps: Sequence[tuple[float, Price]]) -> str:
    """What it costs, with its steps; if it goes up and down daily for many days, between what."""
    levels = sorted({(each.input, each.output) for each in (price, *(new for _, new in steps))})
    if len(steps) > MANY and len(levels) == 2:
        (low, cheap), (high, dear) = levels
        return f"{low:g} / {cheap:g} or {high:g} / {dear:g}, by the hour of the day"
    return f"{price.input:g} / {price.output:g}" + "".join(
        f"; from {duration(at)} on {new.input:g} / {new.output:g}" for at, new in steps
    )


def besides(one: spec.Deployment) -> list[str]:
    """Errors of fair weather, limits, and what else is peculiar to it."""
    found = [f"{status} in {share(part)} of calls" for status, part in one.errors.items()]
    granted = {
        "requests a minute": one.limits.rpm,
        "tokens a minute": one.limits.tpm,
        "input tokens a minute": one.limits.itpm,
        "output tokens a minute": one.limits.otpm,
        "requests a day": one.limits.rpd,
        "tokens a day": one.limits.tpd,
        "calls at a time": one.limits.concurrency,
    }
    found += [f"at most {most:,.0f} {what}" for what, most in granted.items() if most is not None]
    if one.prompt_cache is not None:
        kept = one.prompt_cache
        found.append(
            f"keeps prompts of {kept.minimum:,} tokens or more for {duration(kept.lifetime)}"
        )
    return found + [
        f"{answers(step.quality)} from {moment(step.at)} on"
        + (f", within {duration(step.over)}" if step.over else "")
        for step in one.quality_steps.values()
    ]


def answers(quality: float | dict[str, float]) -> str:
    """Shares of right answers."""
    if isinstance(quality, dict):
        return ", ".join(f"{task} {share(right)}" for task, right in quality.items())
    return share(quality)


def outage(one: spec.Outage, scenario: spec.Scenario) -> str:
    """Who fails, when, and how badly."""
    who = one.provider or one.deployment or one.domain
    reached = ""
    if one.also:
        share_of = "" if one.also_share == 1 else f" in {share(one.also_share)} of the cases"
        reached = f" and {listed(one.also)}{share_of}"
    said = [f"{share(one.error_share)} of calls fail with {one.status}"] if one.error_share else []
    said += [f"answers take {one.slow_down:g} times as long"] if one.slow_down > 1 else []
    said += (
        [f"{share(one.hang_share)} of the calls that do not fail never answer"]
        if one.hang_share
        else []
    )
    said += (
        [f"{share(one.stall_share)} of the streams that begin stop and say nothing more"]
        if one.stall_share
        else []
    )
    return f"{who}{reached}, {when(one)}: {', '.join(said)}{course(one)}."


def when(one: spec.Outage) -> str:
    """The times of a scheduled outage, or the law of random ones."""
    if one.start is not None:
        return f"from {moment(one.start)} to {moment(one.end)}"
    if one.after_requests is not None:
        return f"behind each {one.after_requests:,} requests"
    text = f"every {duration(one.mean_between or 0)} on average"
    middle = "median" if one.repair_law == "lognormal" else "mean"
    spread = f", sd of log {one.repair_sigma:g}" if one.repair_law == "lognormal" else ""
    text += f" for {duration(one.repair)} ({middle}{spread})"
    if one.starts.hours or one.starts.days:
        text += ", more often in some hours and on some days of the week"
    return text


def course(one: spec.Outage) -> str:
    """How an outage changes while it lasts, and from one to the next."""
    said = []
    if one.ramp:
        said.append(f"it grows for {duration(one.ramp)} and fades for as long")
    if one.flapping.bad:
        said.append(
            f"bad spells of {duration(one.flapping.bad)} and fair ones of "
            f"{duration(one.flapping.fair)} take turns (means)"
        )
    if one.depth.full:
        said.append(f"in {share(one.depth.full)} of them every call fails")
    if one.depth.spread:
        said.append("the others differ in depth around these means")
    return "".join(f"; {text}" for text in said)


def gateway(one: spec.Gateway) -> list[str]:
    """Where the policy runs, if that is not one process with nothing to say about it."""
    said = []
    if one.replicas > 1:
        state = "that share one state" if one.shared else "each with state of its own"
        said.append(f"{one.replicas} processes, {state}")
    if one.restart_every is not None:
        said.append(
            f"{'each' if one.replicas > 1 else 'it'} restarts every {duration(one.restart_every)} "
            f"and forgets all but its budgets"
        )
    if one.flush_every is not None:
        said.append(f"caches are emptied every {duration(one.flush_every)}")
    if one.concurrency is not None:
        said.append(
            f"at most {one.concurrency:,} requests at a time in a process, and {one.queue:,} that "
            f"wait"
        )
    said += [f"{duration(each)} to `{domain}` and back" for domain, each in one.distance.items()]
    return [f"**Gateway**: {'; '.join(said)}."] if said else []


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
