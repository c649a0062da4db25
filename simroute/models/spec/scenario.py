"""A whole scenario as it is written."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from simroute.core.params import Count, Doc, Name, Period, Positive, Seconds, Unit
from simroute.gauges.line import Order
from simroute.models.spec.deployments import Deployment
from simroute.models.spec.limits import Account
from simroute.models.spec.outages import Outage
from simroute.models.spec.promise import Budget, Slo
from simroute.models.spec.workload import Workload

LineupName = Annotated[str, Unit("line-up")]


@dataclass(frozen=True)
class Gateway:
    """Where the policy runs: `replicas` processes, each with state of its own unless `shared`.

    Example:

        gateway: {replicas: 4, shared: false, restart_every: 8h}

    Interplay: Each of the `replicas` sees its part of the traffic, so breakers open later, caches
    hit less and limits count less, the more there are; `shared` state undoes that, as if it were
    kept in one place at no cost. With `sync_every` each knows at most so much later what the others
    have seen (breakers, money spent, limits, times, answers kept), which `describe` of a layer
    tells under "Replicas"; between two exchanges each still decides by itself. A restart (of one
    replica after another, `restart_every`) forgets what breakers, limits and caches have learnt,
    but not what was spent; `flush_every` empties the caches alone. `concurrency` bounds the
    requests under way in a replica: beyond it, and beyond `queue`, they are refused with 503. They
    wait in the order of arrival, unless `line` lets the urgent go first or users take turns: then
    the least urgent is refused. A deadline is a task's `patience` with a `sigma` of 0, which its
    callers keep, or its `slo.tasks` latency, which is only promised.
    `overhead` lengthens every send and hardly matters. What a gateway charges is in
    `accounts` (markup, call_fee, credits).
    """

    replicas: Annotated[Positive, Doc("gateway processes; each request goes to one")] = 1
    shared: Annotated[bool, Doc("whether all replicas share one state of the policy")] = False
    sync_every: Annotated[
        Period | None,
        Doc("replicas tell each other so often what they have seen; default: never"),
    ] = None
    overhead: Annotated[Seconds, Doc("the gateway's own time, added to each send")] = 0.001
    distance: Annotated[
        dict[Name, Seconds],
        Doc("added to each send to a deployment of that `domain` (region): there and back"),
    ] = field(default_factory=dict)
    restart_every: Annotated[
        Period | None,
        Doc("each replica restarts so often, one after another, and forgets all but its budgets"),
    ] = None
    flush_every: Annotated[Period | None, Doc("caches are emptied so often")] = None
    concurrency: Annotated[
        Positive | None, Doc("requests under way at a time in a replica; further ones wait")
    ] = None
    queue: Annotated[Count, Doc("requests that may wait there; further ones get 503")] = 0
    line: Annotated[
        Order,
        Doc("in which order those go who wait, and who gets 503 of more than the queue holds"),
    ] = field(default_factory=Order)


@dataclass(frozen=True)
class Scenario:
    """The weather: everything that happens whatever the policy."""

    deployments: Annotated[dict[Name, Deployment], Doc("the models that can be asked")] = field(
        default_factory=dict
    )
    about: Annotated[str, Unit("text"), Doc("the question that the scenario answers")] = ""
    lineup: Annotated[
        LineupName | None,
        Doc(
            "a file of deployments that come before the scenario's own, which may change their "
            "keys: late_2026, or a path"
        ),
    ] = None
    first: Annotated[
        Name | None,
        Doc("the deployment, or the provider whose deployments, come first; default: as listed"),
    ] = None
    horizon: Annotated[
        Period, Doc("how long requests arrive; what is under way then still ends")
    ] = 3600.0
    workload: Annotated[Workload, Doc("who asks what, and when")] = field(default_factory=Workload)
    accounts: Annotated[
        dict[Name, Account],
        Doc("rates, fees and credits that deployments with this `account` share"),
    ] = field(default_factory=dict)
    outages: Annotated[dict[Name, Outage], Doc("when providers fail, and how")] = field(
        default_factory=dict
    )
    budget: Annotated[
        Budget | None, Doc("what may be spent, for a policy that has a budget layer")
    ] = None
    slo: Annotated[Slo, Doc("what was promised")] = field(default_factory=Slo)
    gateway: Annotated[Gateway, Doc("where the policy runs")] = field(default_factory=Gateway)
    abandoned: Annotated[
        Literal["runs_on", "stops"],
        Doc(
            "a call that nobody waits for runs on and is billed whole, or stops and is billed so "
            "far"
        ),
    ] = "runs_on"
    hang_limit: Annotated[Period, Doc("a hung call is cut after this")] = 600.0
