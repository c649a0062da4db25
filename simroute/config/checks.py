"""What only a whole scenario can tell: names that nothing has, times that cannot be, shares that
add up to too much."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from simroute.config import yaml_reader
from simroute.config.inputs import contents, run_calendar
from simroute.config.names import (
    KnownNames,
    check_mentions,
    find_mentions,
    known_names,
    missing_quality_notes,
)
from simroute.config.yaml_reader import KeyPath
from simroute.errors import nearest
from simroute.models import burstiness, error_spells, spec
from simroute.models.calendar import workload_calendar
from simroute.models.faults import affected_deployments, check_outages, resolve_time
from simroute.models.lengths import quantile_table
from simroute.models.prices import resolve_prices
from simroute.models.workload import MOST_QUESTIONS

MOST_REPLICAS = 10_000


def check_scenario(
    scenario: spec.Scenario, document: yaml_reader.Document, left_out: list[KeyPath], tables: bool
) -> list[str]:
    """What only the whole scenario can tell. `left_out`: keys that have mistakes of their own;
    `tables`: the files that it names can be read."""
    problems: list[str] = []

    def wrong(path: KeyPath, text: str, *also: KeyPath) -> None:
        """Where `path` has a mistake of its own, or one of those that it is held against, there is
        nothing to say of it yet."""
        if not any(
            out == key[: len(out)] or (key == out[: len(key)] and key[0] != "outages")
            for key in (path, *also)
            for out in left_out
        ):
            problems.append(f"{document.where(path, *also)}: {'.'.join(path)}: {text}")

    def problem(path: KeyPath, check: Callable[[], object], *also: KeyPath) -> None:
        """What a model's own check says of it, where it raises ValueError."""
        try:
            check()
        except ValueError as error:
            wrong(path, str(error), *also)

    load = scenario.workload
    if not scenario.deployments:
        wrong(("deployments",), "at least one is needed")
    when = run_calendar(scenario) if tables else workload_calendar(load)
    for name, deployment in scenario.deployments.items():
        here = ("deployments", name)
        listed = ((*here, "provider"), (*here, "price"), (*here, "price_date"))
        problem(
            (*here, "model"), partial(resolve_prices, deployment, scenario.horizon, when), *listed
        )
        if deployment.quality == {} and load.outcomes is None:
            wrong(
                (*here, "quality"),
                "names no task; give one share, or one for each task, or null where it is not "
                "known",
            )
        if sum(deployment.errors.values()) > 1:
            wrong((*here, "errors"), "shares add up to more than 1")
        if deployment.outcomes is not None and load.outcomes is not None and tables:
            columns = contents("outcomes", load).columns
            if deployment.outcomes not in columns:
                wrong(
                    (*here, "outcomes"),
                    f"the table has no column {deployment.outcomes!r}; "
                    f"{nearest(deployment.outcomes, columns)}",
                )
        if deployment.recorded is not None and load.trace is None:
            wrong(
                (*here, "recorded"),
                "names a model of a trace, and there is none: give workload.trace, or remove it",
            )
        elif (
            deployment.recorded is not None
            and tables
            and deployment.recorded not in (targets := contents("trace", load).targets)
        ):
            wrong(
                (*here, "recorded"),
                f"the trace has no calls of {deployment.recorded!r}; "
                f"{nearest(deployment.recorded, targets)}",
            )
        problem(
            (*here, "clustered", "spell"),
            partial(error_spells.check_spells, deployment.clustered, scenario.horizon),
            ("horizon",),
        )
        if deployment.outcomes is None and load.outcomes is not None:
            wrong(
                (*here, "outcomes"),
                "is required beside workload.outcomes: the column that holds this model's answers",
            )
    if sum(load.invalid.values()) > 1:
        wrong(("workload", "invalid"), "shares add up to more than 1")
    if load.repeats.questions > MOST_QUESTIONS:
        wrong(("workload", "repeats", "questions"), f"at most {MOST_QUESTIONS:,}")
    problem(
        ("workload", "burstiness", "spell"),
        lambda: burstiness.check_spells(load.burstiness, scenario.horizon),
        ("horizon",),
    )
    if scenario.gateway.replicas > MOST_REPLICAS:
        wrong(
            ("gateway", "replicas"),
            f"at most {MOST_REPLICAS:,}: each keeps a copy of every layer in memory",
        )
    for part, count in (("hours", 24), ("days", 7)):
        weights = getattr(load.profile, part)
        if weights and (len(weights) != count or not any(weights)):
            wrong(("workload", "profile", part), f"expected {count} weights, not all zero")
    for part in ("users", "features"):
        shares = getattr(load, part)
        if shares and not any(shares.values()):
            wrong(("workload", part), "the weights are all zero; at least one must be positive")
    if not any(task.share for task in load.tasks.values()):
        wrong(("workload", "tasks"), "the shares are all zero; at least one must be positive")
    for name, work in load.tasks.items():
        for part, lengths in (
            ("input_tokens", work.input_tokens),
            ("output_tokens", work.output_tokens),
        ):
            problem(
                ("workload", "tasks", name, part, "quantiles"),
                partial(quantile_table, lengths.quantiles or {"p0": 1, "p100": 1}),
            )
    for name, outage in scenario.outages.items():
        _outage(("outages", name), outage, scenario, wrong, deployments_readable(left_out))
        problem(
            ("outages", name),
            partial(check_outages, outage, scenario.horizon),
            ("outages", name, "mean_between"),
            ("horizon",),
        )
    return problems


def available_names(
    scenario: spec.Scenario, left_out: list[KeyPath], readable: bool
) -> dict[str, KnownNames]:
    """Kind -> names that there are, of the kinds of which all can be read."""
    found = known_names(scenario) if readable else {}
    hidden = {
        "task": ("tasks",),
        "feature": ("features",),
        "task or feature": ("tasks", "features"),
    }
    lost = {
        kind
        for kind, keys in hidden.items()
        if any(
            path[:2] in [("workload",), *(("workload", key) for key in keys)] for path in left_out
        )
    }
    return {
        kind: names
        for kind, names in found.items()
        if kind not in lost and (kind != "provider" or deployments_readable(left_out))
    }


def check_names(
    scenario: spec.Scenario, there: dict[str, KnownNames], document: yaml_reader.Document
) -> tuple[list[str], list[str]]:
    """(mistakes, notes) of tasks, features and providers that a scenario mentions."""
    mentions = list(find_mentions(scenario))
    graded = [
        each for each in mentions if each.kind == "task" and scenario.workload.outcomes is None
    ]
    # a task that is graded and does not come does no harm
    problems, _ = check_mentions(graded, there, document, strict=True)
    notes = missing_quality_notes(scenario, there) if "task" in there else []
    for kind in ("feature", "provider"):
        found = check_mentions(
            [each for each in mentions if each.kind == kind],
            there,
            document,
            strict=kind == "feature",
        )
        problems, notes = problems + found[0], notes + found[1]
    return problems, notes


SCOPES = ("provider", "deployment", "domain")
"""Where an outage may be."""


def deployments_readable(left_out: list[KeyPath]) -> bool:
    """Whether all deployments, and what outages know them by, can be read."""
    return not any(
        path[0] == "deployments" and (len(path) < 3 or path[2] in SCOPES) for path in left_out
    )


def _outage(
    key: KeyPath, outage: spec.Outage, scenario: spec.Scenario, wrong: Any, known_all: bool
) -> None:
    scopes = [kind for kind in SCOPES if getattr(outage, kind) is not None]
    if len(scopes) != 1:
        others = [(*key, kind) for kind in SCOPES]
        wrong(
            key,
            f"give exactly one of provider, deployment, domain; found "
            f"{', '.join(scopes) or 'none'}",
            *others,
        )
    elif known_all and not affected_deployments(outage, scenario.deployments):
        kind, name = scopes[0], getattr(outage, scopes[0])
        deployments = scenario.deployments.items()
        known = sorted(
            {
                text
                for n, d in deployments
                if (text := n if kind == "deployment" else getattr(d, kind)) is not None
            }
        )
        wrong((*key, kind), f"no deployment belongs to {kind} {name!r}; {nearest(name, known)}")
    times = [(*key, name) for name in ("start", "end", "mean_between")]
    if (outage.start is None) != (outage.end is None) or (outage.start is None) == (
        outage.mean_between is None
    ):
        wrong(
            key,
            "give start and end for a scheduled outage, or mean_between for random ones",
            *times,
        )
    elif outage.start is not None and outage.end is not None:
        start, end = (
            resolve_time(outage.start, scenario.horizon),
            resolve_time(outage.end, scenario.horizon),
        )
        if end <= start:
            wrong(
                (*key, "end"),
                f"ends at {end:g} s, not after its start at {start:g} s",
                (*key, "start"),
                ("horizon",),
            )
        elif start >= scenario.horizon:
            why = (
                f"begins at {start:g} s, after the horizon of {scenario.horizon:g} s; shares "
                f"such as start: 30% fit any horizon"
            )
            wrong((*key, "start"), why, ("horizon",))
