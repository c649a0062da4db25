"""What only a whole scenario can tell of an outage: where it is, when it comes, and what its keys
mean there."""

from __future__ import annotations

from simroute.config.checked import SCOPES, ScenarioCheck
from simroute.config.yaml_reader import KeyPath
from simroute.errors import nearest
from simroute.models import spec
from simroute.models.faults import affected_deployments, resolve_time

WAYS = ("start", "end", "mean_between", "after_requests", "incidents")
"""Keys that say when an outage comes."""


def check_outage(check: ScenarioCheck, key: KeyPath, outage: spec.Outage) -> None:
    """Adds what is wrong with an outage."""
    _check_scope(check, key, outage)
    _check_times(check, key, outage)
    _check_schedule(check, key, outage)


def _check_scope(check: ScenarioCheck, key: KeyPath, outage: spec.Outage) -> None:
    scopes = [kind for kind in SCOPES if getattr(outage, kind) is not None]
    deployments = check.scenario.deployments
    if len(scopes) != 1:
        check.refuse(
            key,
            f"give exactly one of provider, deployment, domain; found "
            f"{', '.join(scopes) or 'none'}",
            *((*key, kind) for kind in SCOPES),
        )
    elif not check.unread.hides_deployments and not affected_deployments(outage, deployments):
        kind, name = scopes[0], getattr(outage, scopes[0])
        names = (
            set(deployments)
            if kind == "deployment"
            else {getattr(deployment, kind) for deployment in deployments.values()} - {None}
        )
        text = f"no deployment belongs to {kind} {name!r}; {nearest(name, sorted(names))}"
        check.refuse((*key, kind), text)


def _check_times(check: ScenarioCheck, key: KeyPath, outage: spec.Outage) -> None:
    horizon = check.scenario.horizon
    scheduled = outage.start is not None
    ways = (outage.start, outage.mean_between, outage.after_requests, outage.incidents)
    if scheduled != (outage.end is not None) or sum(way is not None for way in ways) != 1:
        check.refuse(
            key,
            "give start and end for a scheduled outage, or mean_between for random ones "
            "(or after_requests, or incidents)",
            *((*key, name) for name in WAYS),
        )
    elif outage.start is not None and outage.end is not None:
        start, end = resolve_time(outage.start, horizon), resolve_time(outage.end, horizon)
        if end <= start:
            text = f"ends at {end:g} s, not after its start at {start:g} s"
            check.refuse((*key, "end"), text, (*key, "start"), ("horizon",))
        elif start >= horizon:
            text = (
                f"begins at {start:g} s, after the horizon of {horizon:g} s; shares such as "
                f"start: 30% fit any horizon"
            )
            check.refuse((*key, "start"), text, ("horizon",))


def _check_schedule(check: ScenarioCheck, key: KeyPath, outage: spec.Outage) -> None:
    """Keys of random outages, and of those that count requests."""
    load, is_random = check.scenario.workload, outage.mean_between is not None
    starts = outage.starts
    for part, weights, count in (("hours", starts.hours, 24), ("days", starts.days, 7)):
        if weights and (len(weights) != count or not any(weights)):
            check.refuse((*key, "starts", part), f"expected {count} weights, not all zero")
    marks = {
        ("stationary",): outage.stationary,
        ("starts",): starts != spec.Starts(),
        ("depth", "full"): outage.depth.full not in (0, 1),
        ("also_share",): bool(outage.also) and outage.also_share < 1,
    }
    for path, is_set in marks.items():
        if is_set and not is_random:
            text = "is of random outages: give mean_between, or leave it out"
            check.refuse((*key, *path), text, (*key, "mean_between"))
    if starts != spec.Starts() and load.trace is not None:
        text = "a trace has hours of its own, which are not known here: give start and end instead"
        check.refuse((*key, "starts"), text, ("workload", "trace"))
    if outage.after_requests is not None and load.callers.count:
        text = (
            "cannot be told before the run, since workload.callers ask when they have been "
            "answered: give start, or mean_between"
        )
        check.refuse((*key, "after_requests"), text, ("workload", "callers"))
