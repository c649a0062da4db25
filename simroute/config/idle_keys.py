"""Keys of a scenario that change nothing as they stand, since another key is not there, or is."""

from __future__ import annotations

from collections.abc import Iterator

from simroute.errors import nearest
from simroute.gauges.line import Order
from simroute.models import spec
from simroute.models.faults import resolve_time
from simroute.units import duration

NEEDS = {
    "window": ("rpm",),
    "token_window": ("tpm", "itpm", "otpm"),
    "charge": ("tpm", "otpm", "tpd"),
    "cached": ("tpm", "itpm", "tpd"),
    **dict.fromkeys(
        ("counts", "refill", "retry_after", "retry_after_factor"),
        ("rpm", "tpm", "itpm", "otpm", "rpd", "tpd"),
    ),
}
"""Key of limits -> the rates that it is about."""
SPREADS = {"sigma": "quantiles", "token_sigma": "token_quantiles"}
"""Key of latency -> what says the same in the family empirical."""


def idle_key_notes(scenario: spec.Scenario) -> list[str]:
    """A line for each, with what would give it a meaning."""
    notes: list[str] = []
    for name, deployment in scenario.deployments.items():
        notes += _of_limits(f"deployments.{name}.limits", deployment.limits)
        notes += _of_latency(f"deployments.{name}.latency", deployment.latency)
        notes += _of_tier(f"deployments.{name}", deployment)
        if deployment.idempotency_keys and scenario.abandoned == "stops":
            notes.append(
                f"deployments.{name}.idempotency_keys: what is given up stops (abandoned: stops), "
                f"so there is no answer to give again; leave one of them out"
            )
        notes += _of_quality(f"deployments.{name}.quality_steps", deployment, scenario.horizon)
    for name, shared in scenario.accounts.items():
        notes += _of_limits(f"accounts.{name}", shared)
        notes += _of_credits(f"accounts.{name}.credits", shared.credits)
    for name, outage in scenario.outages.items():
        notes += _of_outage(f"outages.{name}", outage)
    notes += _of_workload(scenario.workload)
    notes += _of_budget(scenario.budget)
    notes += _of_gateway(scenario.gateway, scenario.horizon)
    notes += _of_line(scenario.gateway, scenario.workload)
    return notes


def _changed(part: object, usual: object, *keys: str) -> list[str]:
    """Those of the keys that are not as usual."""
    return [key for key in keys if getattr(part, key) != getattr(usual, key)]


def _of_outage(path: str, outage: spec.Outage) -> Iterator[str]:
    usual = spec.Outage()
    if outage.mean_between is None:
        lasts = ("repair", "repair_sigma", "repair_law")
        idle = ("shape", *lasts) if outage.after_requests is None else ("shape",)
        for key in _changed(outage, usual, *idle):
            yield f"{path}.{key}: is of random outages, and this one has its time; leave it out"
    elif outage.per_year is not None:
        yield f"{path}.per_year: mean_between says how often it comes; leave one of them out"
    drawn = outage.mean_between is not None or outage.after_requests is not None
    if drawn and outage.repair_law != "lognormal" and outage.repair_sigma != usual.repair_sigma:
        yield f"{path}.repair_sigma: the law {outage.repair_law} has no such spread"
    if not outage.also and outage.also_share != usual.also_share:
        yield f"{path}.also_share: no other provider is hit; give also"
    if outage.provider is not None and outage.provider in outage.also:
        yield f"{path}.also: {outage.provider} is hit anyway; name others"
    if outage.flapping.bad == 0 and outage.flapping != usual.flapping:
        yield f"{path}.flapping.fair: it is bad all the time; give bad"
    elif outage.flapping.bad > 0 and outage.flapping.fair == 0:
        yield f"{path}.flapping.bad: it is bad all the time; give fair"


def _of_budget(budget: spec.Budget | None) -> Iterator[str]:
    if budget is not None and budget.period != "rolling":
        for key in _changed(budget, spec.Budget(budget.usd), "window"):
            yield f"budget.{key}: is that of period: rolling, and a {budget.period} has its own"


def _of_workload(load: spec.Workload) -> Iterator[str]:
    if load.callers.count:
        usual = spec.Workload()
        idle = _changed(load, usual, "spikes", "burstiness")
        idle += [f"profile.{key}" for key in _changed(load.profile, usual.profile, "hours", "days")]
        for key in idle:
            yield (
                f"workload.{key}: changes nothing beside callers, who ask when they have been "
                f"answered; give rate instead of them, or leave it out"
            )
    elif load.callers != spec.Callers():
        yield "workload.callers: there are none; give count"
    if load.again.share == 0 and load.again != spec.AskAgain():
        yield "workload.again: nobody presses again; give share"
    if load.repeats.share == 0:
        for key in _changed(load.repeats, spec.Repeats(), "other_case", "other_space"):
            yield f"workload.repeats.{key}: nobody asks again; give share"
    if load.sessions.turns == 1 and load.sessions != spec.Sessions():
        yield "workload.sessions: conversations have one turn; give turns"
    if load.clients is None and load.client_options != spec.ClientOptions():
        yield "workload.client_options: there are none; give clients, a file"


def _of_gateway(gateway: spec.Gateway, horizon: float) -> Iterator[str]:
    if gateway.concurrency is None and gateway.queue:
        yield "gateway.queue: nobody waits; give concurrency"
    if gateway.sync_every is not None and (gateway.shared or gateway.replicas == 1):
        why = "all replicas share one state" if gateway.shared else "there is one replica"
        remedy = "leave shared out" if gateway.shared else "give replicas"
        yield f"gateway.sync_every: nothing to exchange, {why}; {remedy}"
    for key in ("restart_every", "flush_every", "sync_every"):
        every = getattr(gateway, key)
        if every is None:
            continue
        # replicas restart one after another, the first of them so much sooner
        states = 1 if gateway.shared or key != "restart_every" else gateway.replicas
        if every / states > horizon:
            told = duration(every / states)
            yield f"gateway.{key}: first after {told}, when all is over; give a longer horizon"


def _of_line(gateway: spec.Gateway, load: spec.Workload) -> Iterator[str]:
    line = gateway.line
    if line != Order() and not (gateway.concurrency and gateway.queue):
        yield "gateway.line: nobody waits; give concurrency and queue"
    if line.most is not None:
        yield "gateway.line.most: queue says it here; leave it out"
    if line.classes and line.urgent == "none":
        yield "gateway.line.classes: nobody is more urgent; give urgent, such as urgent: task"
    if line.urgent == "task" and load.trace is None and load.outcomes is None:
        for name in line.classes:
            if name not in load.tasks:
                told = nearest(name, load.tasks)
                yield f"gateway.line.classes.{name}: no task is called so; {told}"


def _of_quality(path: str, deployment: spec.Deployment, horizon: float) -> Iterator[str]:
    for name, step in deployment.quality_steps.items():
        if resolve_time(step.at, horizon) >= horizon:
            yield f"{path}.{name}: comes after the end; shares such as at: 50% fit any horizon"


def _of_limits(path: str, limits: spec.RateLimits) -> Iterator[str]:
    usual = spec.RateLimits()
    for key, rates in NEEDS.items():
        changed = getattr(limits, key) != getattr(usual, key)
        if changed and all(getattr(limits, rate) is None for rate in rates):
            yield f"{path}.{key}: changes nothing without a rate; give {' or '.join(rates)}"
    if limits.retry_after == "absent" and limits.retry_after_factor != 1.0:
        yield f"{path}.retry_after_factor: nothing is said that it could change; retry_after: exact"


def _of_credits(path: str, paid: spec.Credits | None) -> Iterator[str]:
    if paid is not None and paid.delay == 0:
        usual = spec.Credits(paid.purchase)
        for key in _changed(paid, usual, "below", "status"):
            yield f"{path}.{key}: more credits are there at once, so they never run out; give delay"


def _of_tier(path: str, deployment: spec.Deployment) -> Iterator[str]:
    tier = deployment.service_tier
    if tier != "standard" and deployment.latency_factor == 1.0 and deployment.recorded is None:
        how = {"batch": "within 24 h", "flex": "later"}.get(tier, "sooner")
        yield (
            f"{path}.service_tier: {tier} is answered {how}, how much is not published; as it is, "
            f"times are as latency says: give latency_factor"
        )


def _of_latency(path: str, latency: spec.Latency) -> Iterator[str]:
    usual = spec.Latency()
    if latency.family in ("exponential", "fixed", "empirical"):
        for key, table in SPREADS.items():
            if getattr(latency, key) != getattr(usual, key):
                instead = f"; give {table}" if latency.family == "empirical" else ""
                yield f"{path}.{key}: the family {latency.family} has no such spread{instead}"
    if latency.cold.after is None and latency.cold != usual.cold:
        yield f"{path}.cold.seconds: it never goes cold; give after"
    if latency.drift.sigma == 0 and latency.drift != usual.drift:
        yield f"{path}.drift.memory: there is no drift; give sigma"
