"""What only a whole scenario can tell: names that nothing has, times that cannot be, shares that
add up to too much."""

from __future__ import annotations

from functools import partial

from simroute.config.checked import ScenarioCheck, Unread
from simroute.config.inputs import open_outcomes, open_trace, run_calendar
from simroute.config.names import (
    PLACE,
    WHO,
    KnownNames,
    Mention,
    check_mentions,
    find_mentions,
    known_names,
    missing_quality_notes,
)
from simroute.config.outage_checks import check_outage
from simroute.config.yaml_reader import Document, KeyPath
from simroute.errors import nearest
from simroute.models import burstiness, error_spells, spec
from simroute.models.calendar import Calendar, workload_calendar
from simroute.models.drift import check_drift
from simroute.models.lengths import quantile_table
from simroute.models.limits import has_rates
from simroute.models.outage_draws import check_outages
from simroute.models.pauses import check_pause
from simroute.models.prices import resolve_prices
from simroute.models.quality_course import quality_course
from simroute.models.spikes import check_spike
from simroute.models.surcharges import costs_more
from simroute.models.traffic_mix import MOST_USERS, task_weight, task_weights, user_weights
from simroute.models.workload import MAX_QUESTIONS

MOST_REPLICAS = 10_000
MOST_RESTARTS = 100_000
"""Restarts of a gateway, or flushes of its caches, within a horizon."""


def check_scenario(scenario: spec.Scenario, document: Document, unread: Unread) -> list[str]:
    """The mistakes that only the whole scenario shows, with file and line. Keys that could not be
    read, and keys that are compared with them, are passed over."""
    check = ScenarioCheck(scenario, document, unread)
    if not scenario.deployments:
        check.refuse(("deployments",), "at least one is needed, here or from a lineup")
    _check_first(check, scenario)
    calendar = workload_calendar(scenario.workload) if unread.files else run_calendar(scenario)
    for name, deployment in scenario.deployments.items():
        _check_deployment(check, ("deployments", name), deployment, calendar)
    _check_accounts(check)
    _check_traffic(check, scenario.workload)
    _check_weights(check, scenario.workload)
    for name, task in scenario.workload.tasks.items():
        _check_lengths(check, ("workload", "tasks", name), task)
    for name, outage in scenario.outages.items():
        key = ("outages", name)
        check_outage(check, key, outage)
        spells = partial(check_outages, outage, scenario.horizon)
        check.attempt(key, spells, (*key, "mean_between"), ("horizon",))
    return check.problems


def _check_first(check: ScenarioCheck, scenario: spec.Scenario) -> None:
    known = [
        *scenario.deployments,
        *dict.fromkeys(each.provider for each in scenario.deployments.values()),
    ]
    if scenario.first is not None and scenario.first not in known:
        text = f"no deployment or provider is called {scenario.first!r}"
        check.refuse(("first",), f"{text}; {nearest(scenario.first, known)}", ("deployments",))


def _check_deployment(
    check: ScenarioCheck, key: KeyPath, deployment: spec.Deployment, calendar: Calendar
) -> None:
    horizon, load = check.scenario.horizon, check.scenario.workload
    prices = partial(resolve_prices, deployment, horizon, calendar)
    check.attempt(
        (*key, "model"), prices, (*key, "provider"), (*key, "price"), (*key, "price_date")
    )
    if deployment.quality == {} and load.outcomes is None:
        check.refuse(
            (*key, "quality"),
            "names no task; give one share, or one for each task, or null where it is not known",
        )
    if sum(deployment.errors.values()) > 1:
        check.refuse((*key, "errors"), "shares add up to more than 1")
    _check_columns(check, key, deployment)
    _check_latency(check, (*key, "latency"), deployment.latency)
    if deployment.recorded is not None and deployment.latency_factor != 1.0:
        text = "changes nothing beside recorded, whose times are the log's; leave it out"
        check.refuse((*key, "latency_factor"), text, (*key, "recorded"))
    _check_quality_steps(check, key, deployment)
    spells = partial(error_spells.check_spells, deployment.clustered, horizon)
    check.attempt((*key, "clustered", "spell"), spells, ("horizon",))
    if deployment.outcomes is None and load.outcomes is not None:
        check.refuse(
            (*key, "outcomes"),
            "is required beside workload.outcomes: the column that holds this model's answers",
        )


def _check_latency(check: ScenarioCheck, key: KeyPath, latency: spec.Latency) -> None:
    drift = partial(check_drift, latency.drift, check.scenario.horizon)
    check.attempt((*key, "drift", "memory"), drift, ("horizon",))
    for name in ("quantiles", "token_quantiles"):
        table = getattr(latency, name)
        if table and latency.family != "empirical":
            text = f"is of family empirical, and this is {latency.family}"
            check.refuse((*key, name), text, (*key, "family"))
        elif table:
            check.attempt((*key, name), partial(quantile_table, table, "times"))
    if latency.family == "empirical" and not latency.quantiles:
        text = "empirical asks for quantiles, such as {p0: .5, p50: 1, p100: 4}"
        check.refuse((*key, "family"), text, (*key, "quantiles"))


def _check_quality_steps(check: ScenarioCheck, key: KeyPath, deployment: spec.Deployment) -> None:
    load, first = check.scenario.workload, deployment.quality
    if deployment.quality_steps and (first is None or load.outcomes is not None):
        of = "workload.outcomes says" if load.outcomes is not None else "no quality is known"
        check.refuse((*key, "quality_steps"), f"{of} how good answers are: nothing can change")
        return
    for name, step in deployment.quality_steps.items():
        new = (
            sorted({*step.quality} - {*first})
            if isinstance(first, dict) and isinstance(step.quality, dict)
            else []
        )
        if new:
            text = f"not known before: {', '.join(new)}; name the same tasks as quality does"
            check.refuse((*key, "quality_steps", name, "quality"), text, (*key, "quality"))
    course = partial(quality_course, deployment, [], {}, check.scenario.horizon)
    check.attempt((*key, "quality_steps"), course, ("horizon",))


def _check_accounts(check: ScenarioCheck) -> None:
    """Rates that deployments share, under names that both sides have."""
    accounts, deployments = check.scenario.accounts, check.scenario.deployments
    for name, deployment in deployments.items():
        if deployment.account is not None and deployment.account not in accounts:
            text = f"there are no accounts.{deployment.account}"
            text += f"; {nearest(deployment.account, accounts)}" if accounts else ", nor others"
            check.refuse(("deployments", name, "account"), text, ("accounts",))
    used = {deployment.account for deployment in deployments.values()}
    misspelt = bool(used - {None, *accounts})
    for name, shared in accounts.items():
        if name not in used and not misspelt:
            text = f"no deployment has account: {name}, so it limits nothing"
            check.refuse(("accounts", name), text, ("deployments",))
        elif name in used and not (has_rates(shared) or costs_more(shared)):
            text = "limits nothing and costs nothing; give a rate, such as rpm: 1000, or a fee"
            check.refuse(("accounts", name), text)


def _check_columns(check: ScenarioCheck, key: KeyPath, deployment: spec.Deployment) -> None:
    """What a deployment takes from the scenario's files: a column of outcomes, a model of the
    trace."""
    load, readable = check.scenario.workload, not check.unread.files
    column, model = deployment.outcomes, deployment.recorded
    table, trace = (open_outcomes(load), open_trace(load)) if readable else (None, None)
    if column is not None and table is not None and column not in table.columns:
        text = f"the table has no column {column!r}; {nearest(column, table.columns)}"
        check.refuse((*key, "outcomes"), text)
    if model is not None and load.trace is None:
        check.refuse(
            (*key, "recorded"),
            "names a model of a trace, and there is none: give workload.trace, or remove it",
        )
    elif model is not None and trace is not None and model not in trace.targets:
        text = f"the trace has no calls of {model!r}; {nearest(model, trace.targets)}"
        check.refuse((*key, "recorded"), text)


def _check_traffic(check: ScenarioCheck, load: spec.Workload) -> None:
    if sum(load.invalid.values()) > 1:
        check.refuse(("workload", "invalid"), "shares add up to more than 1")
    if load.repeats.questions > MAX_QUESTIONS:
        check.refuse(("workload", "repeats", "questions"), f"at most {MAX_QUESTIONS:,}")
    spells = partial(burstiness.check_spells, load.burstiness, check.scenario.horizon)
    check.attempt(("workload", "burstiness", "spell"), spells, ("horizon",))
    _check_callers(check, load)
    _check_only(check, load)
    for name, spike in load.spikes.items():
        key = ("workload", "spikes", name)
        crowd = partial(check_spike, spike, check.scenario.horizon)
        check.attempt(key, crowd, ("horizon",))
        if load.trace is not None:
            text = "a trace has its own arrivals, so it changes nothing; remove it, or the trace"
            check.refuse(key, text, ("workload", "trace"))
    _check_gateway(check)


def _check_gateway(check: ScenarioCheck) -> None:
    gateway, horizon = check.scenario.gateway, check.scenario.horizon
    for key, every in (
        ("restart_every", gateway.restart_every),
        ("flush_every", gateway.flush_every),
        ("sync_every", gateway.sync_every),
    ):
        if every is not None and horizon / every > MOST_RESTARTS:
            least = f"write {horizon / MOST_RESTARTS:g} s or more"
            text = f"at most {MOST_RESTARTS:,} within the horizon; {least}"
            check.refuse(("gateway", key), text, ("horizon",))
    domains = {each.domain for each in check.scenario.deployments.values()} - {None}
    for name in check.scenario.gateway.distance:
        if name not in domains:
            text = f"no deployment belongs to the domain {name!r}"
            check.refuse(("gateway", "distance", name), text, ("deployments",))
    if check.scenario.gateway.replicas > MOST_REPLICAS:
        check.refuse(
            ("gateway", "replicas"),
            f"at most {MOST_REPLICAS:,}: each keeps a copy of every layer in memory",
        )


MOST_CALLERS = 1_000_000


def _check_callers(check: ScenarioCheck, load: spec.Workload) -> None:
    pauses: dict[KeyPath, spec.Pause | None] = {
        ("callers", "think"): load.callers.think,
        ("again", "delay"): load.again.delay,
        ("sessions", "think"): load.sessions.think,
        ("patience",): load.patience,
        **{("tasks", name, "patience"): task.patience for name, task in load.tasks.items()},
    }
    for place, pause in pauses.items():
        if pause is not None:
            check.attempt(("workload", *place), partial(check_pause, pause))
    key = ("workload", "callers", "count")
    if load.callers.count > MOST_CALLERS:
        check.refuse(key, f"at most {MOST_CALLERS:,}: each is kept in memory")
    if load.clients is not None:
        _check_clients(check, load)
    if load.trace is not None:
        text = "a trace has its own arrivals and sessions; remove {}, or the trace"
        if load.callers.count:
            check.refuse(key, text.format("callers"), ("workload", "trace"))
        if load.sessions.turns > 1:
            check.refuse(("workload", "sessions"), text.format("sessions"), ("workload", "trace"))


def _check_only(check: ScenarioCheck, load: spec.Workload) -> None:
    deployments = check.scenario.deployments
    places = {
        place
        for name, each in deployments.items()
        for place in (name, each.provider, each.domain)
        if place is not None
    }
    known = {*user_weights(load), *load.features}
    for who, allowed in load.only.items() if deployments else ():
        key = ("workload", "only", who)
        for place in allowed:
            if place not in places:
                text = f"no provider, domain or deployment is called {place!r}"
                check.refuse(key, f"{text}; {nearest(place, sorted(places))}")
        if load.trace is None and load.clients is None and who not in known:
            text = f"no user or feature is called {who!r}; {nearest(who, sorted(known))}"
            check.refuse(key, text, ("workload", "users"), ("workload", "features"))
        if not allowed:
            check.refuse(key, "allows no place at all; name at least one")


def _check_clients(check: ScenarioCheck, load: spec.Workload) -> None:
    """A file of clients is all that says when requests come, and who asks."""
    others = {
        ("trace",): load.trace is not None,
        ("callers",): load.callers.count > 0,
        ("sessions",): load.sessions.turns > 1,
        ("spikes",): bool(load.spikes),
        ("profile",): bool(load.profile.hours or load.profile.days),
        ("burstiness",): load.burstiness != spec.Burstiness(),
        ("users",): bool(load.users),
    }
    text = "clients of a file have their own rates and are the users; remove it, or the clients"
    for key, given in others.items():
        if given:
            check.refuse(("workload", *key), text, ("workload", "clients"))


def _check_weights(check: ScenarioCheck, load: spec.Workload) -> None:
    for part, count in (("hours", 24), ("days", 7)):
        weights = getattr(load.profile, part)
        if weights and (len(weights) != count or not any(weights)):
            check.refuse(("workload", "profile", part), f"expected {count} weights, not all zero")
    for part in ("users", "features"):
        shares = getattr(load, part)
        if isinstance(shares, dict) and shares and not any(shares.values()):
            text = "the weights are all zero; at least one must be positive"
            check.refuse(("workload", part), text)
    if isinstance(load.users, int) and load.users > MOST_USERS:
        check.refuse(("workload", "users"), f"at most {MOST_USERS:,}: each has figures of its own")
    if not isinstance(load.users, int) and load.users_exponent != 1.0:
        text = "is of a number of users, such as users: 200; named ones have weights"
        check.refuse(("workload", "users_exponent"), text, ("workload", "users"))
    _check_task_shares(check, load)


def _check_task_shares(check: ScenarioCheck, load: spec.Workload) -> None:
    tasks = list(load.tasks.values())
    if not task_weights(tasks, [""]).any():
        text = "the shares are all zero; at least one must be positive"
        check.refuse(("workload", "tasks"), text)
        return
    for feature, weight in load.features.items() if load.trace is None else ():
        if weight and not any(task_weight(task, feature) for task in tasks):
            text = f"no task has a share of the feature {feature!r}; at least one must be positive"
            check.refuse(("workload", "tasks"), text, ("workload", "features", feature))


def _check_lengths(check: ScenarioCheck, key: KeyPath, task: spec.Task) -> None:
    for part in ("input_tokens", "output_tokens"):
        quantiles = getattr(task, part).quantiles or {"p0": 1, "p100": 1}
        check.attempt((*key, part, "quantiles"), partial(quantile_table, quantiles))


def readable_names(scenario: spec.Scenario, unread: Unread) -> dict[str, KnownNames]:
    """Kind -> names that there are, of the kinds of which all names can be read."""
    if unread.files:
        return {}
    hidden = {
        "task": unread.hides_names("tasks"),
        "feature": unread.hides_names("features"),
        "task or feature": unread.hides_names("tasks", "features"),
        "provider": unread.hides_deployments,
        WHO: unread.hides_names("tasks", "features", "users"),
        PLACE: unread.hides_deployments,
        "deployment": unread.hides_deployments,
        "model": unread.hides_deployments,
        "user": unread.hides_names("users"),
    }
    return {kind: names for kind, names in known_names(scenario).items() if not hidden[kind]}


def check_names(
    scenario: spec.Scenario, known: dict[str, KnownNames], document: Document
) -> tuple[list[str], list[str]]:
    """(mistakes, notes) of tasks, features and providers that a scenario mentions."""
    mentions = list(find_mentions(scenario))
    graded = [
        each
        for each in mentions
        if each.kind == "task" and each.path[0] != "slo" and scenario.workload.outcomes is None
    ]
    # a task that is graded and does not come does no harm
    problems, _ = check_mentions(graded, known, document, strict=True)
    promised = [Mention(("slo", "tasks", name), "task", name) for name in scenario.slo.tasks]
    mistakes, notes = check_mentions(promised, known, document, strict=True)
    problems += mistakes
    notes += missing_quality_notes(scenario, known) if "task" in known else []
    for kind in ("feature", "provider"):
        of_kind = [each for each in mentions if each.kind == kind]
        mistakes, doubts = check_mentions(of_kind, known, document, strict=kind == "feature")
        problems, notes = problems + mistakes, notes + doubts
    return problems, notes
