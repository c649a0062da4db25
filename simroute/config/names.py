"""Names that policies and scenarios mention, compared with those that the scenario, and the log
that it replays, have.

A parameter that takes a name declares of what (`core.params`: TargetName, TaskName …), so one walk
over the declared fields finds all mentions. An unknown name that is close to a known one is refused
as a typing error. Any other is noted: a policy may be meant for other traffic as well.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import is_dataclass
from typing import Any, NamedTuple

from simroute.config.fields import Form, declared_fields
from simroute.config.inputs import open_outcomes, open_trace
from simroute.config.yaml_reader import Document, KeyPath
from simroute.core.target import EVERYBODY, ROLES, Target
from simroute.errors import nearest
from simroute.models import spec
from simroute.models.quality import UNKNOWN, accuracy
from simroute.models.targets import as_target
from simroute.models.traffic_mix import user_weights
from simroute.text import clean
from simroute.traces.playback.columns import NOBODY, OTHERS, PlaybackColumns
from simroute.traces.playback.write_columns import MAX_NAMES

WHO, PLACE = "user, task or feature", "provider, domain or deployment"
KINDS = ("target", "task", "feature", "task or feature", "provider", "model", WHO, PLACE)
MAX_LISTED = 12
"""Names in one line."""


class Mention(NamedTuple):
    """A name, of what it is, and where it stands."""

    path: KeyPath
    kind: str
    name: str


class KnownNames(NamedTuple):
    """Names of one kind.

    used: those that requests of the run have. unused: those of the scenario alone, where the log
    has names of its own. more: whether the log has rarer ones that are counted as one.
    """

    used: list[str]
    unused: list[str]
    more: bool = False


def find_mentions(instance: Any, path: KeyPath = ()) -> Iterator[Mention]:
    """All names in an instance of a dataclass, which stands at `path`."""
    for field in declared_fields(type(instance)):
        yield from _mentions(field.form, getattr(instance, field.name), (*path, field.name))


def _mentions(form: Form, value: Any, path: KeyPath) -> Iterator[Mention]:
    if value is None:
        return
    if form.record is not None and is_dataclass(value):
        yield from find_mentions(value, path)
    elif form.entries is not None and isinstance(value, dict):
        for name, item in value.items():
            yield from _mentions(Form(form.key), name, (*path, str(name)))
            yield from _mentions(form.entries, item, (*path, str(name)))
    elif form.items is not None:
        for item in value:
            yield from _mentions(form.items, item, path)
    elif form.unit in KINDS:
        yield Mention(path, form.unit, value)


def layer_mentions(layers: dict[str, Any]) -> Iterator[Mention]:
    """All names in a policy."""
    for key, layer in layers.items():
        yield from find_mentions(layer, (key,))
        accounts = getattr(layer, "sums", None) or ()
        if getattr(layer, "by", "all") != "all":
            kind = "deployment" if layer.by == "target" else layer.by
            yield from (Mention((key, "sums", name), kind, name) for name in accounts)


def target_mistakes(layers: dict[str, Any], scenario: spec.Scenario) -> list[tuple[KeyPath, str]]:
    """(path, what would be right) of targets that are neither deployments nor roles, of weights
    that are all zero, and of strings that fit no deployment."""
    known = [*scenario.deployments, *ROLES]
    mistakes = [
        (path, f"no deployment is called {_quoted(name)}; {nearest(name, known)}")
        for path, kind, name in layer_mentions(layers)
        if kind == "target" and name not in known
    ]
    for key, layer in layers.items():
        weights = getattr(layer, "weights", None)
        if weights and not any(weights.values()):
            mistakes.append(((key, "weights"), "all zero; at least one must be positive"))
        targets = [as_target(name, each) for name, each in scenario.deployments.items()]
        if (nobody := unmatched(layer, targets)) is not None:
            mistakes.append(((key, "endpoint"), nobody))
    return mistakes


def unmatched(layer: Any, targets: Collection[Target]) -> str | None:
    """What would be right where a string of Unify's fits none of these; None for all else."""
    if layer.kind != "unify" or any(map(layer.admits, targets)):
        return None
    there = dict.fromkeys(f"{target.model}@{target.provider}" for target in targets)
    return f"{_quoted(layer.endpoint)} fits no deployment; there are {join_names([*there])}"


def known_names(scenario: spec.Scenario) -> dict[str, KnownNames]:
    """Kind -> the names that there are. Raises TraceError, InputError where the workload's files
    cannot be read."""
    load = scenario.workload
    trace, outcomes = open_trace(load), open_outcomes(load)
    if outcomes is None:
        tasks = _logged_or_own("task", list(load.tasks), trace)
    else:
        tasks = KnownNames(list(outcomes.tasks), [])
    features = _logged_or_own("feature", list(load.features), trace)
    used = list(dict.fromkeys([*tasks.used, *features.used]))
    unused = dict.fromkeys([*tasks.unused, *features.unused])
    both = KnownNames(
        used, [name for name in unused if name not in used], tasks.more or features.more
    )
    users = _logged_or_own("user", [EVERYBODY, *user_weights(load)], trace)
    deployments = scenario.deployments
    providers = dict.fromkeys(each.provider for each in deployments.values())
    domains = {each.domain: None for each in deployments.values() if each.domain is not None}
    return {
        WHO: KnownNames(
            list(dict.fromkeys([EVERYBODY, *users.used, *both.used])),
            [*users.unused, *both.unused],
            users.more or both.more,
        ),
        PLACE: KnownNames(list({**providers, **domains, **dict.fromkeys(deployments)}), []),
        "task": tasks,
        "feature": features,
        "task or feature": both,
        "provider": KnownNames(list(providers), []),
        "deployment": KnownNames(list(deployments), []),
        "model": KnownNames(list(dict.fromkeys(each.model for each in deployments.values())), []),
        "user": KnownNames([name for name in users.used if name != EVERYBODY], *users[1:]),
    }


def _logged_or_own(kind: str, own: list[str], trace: PlaybackColumns | None) -> KnownNames:
    """A log's names of a kind, where it has any, since the run has those; else the scenario's."""
    logged = [] if trace is None else trace.names.get(kind, [])
    used = [name for name in logged if name not in (NOBODY, OTHERS)]
    if not used:
        return KnownNames(own, [])
    return KnownNames(used, [name for name in own if name not in used], OTHERS in logged)


def check_mentions(
    mentions: Iterable[Mention], known: dict[str, KnownNames], document: Document, *, strict: bool
) -> tuple[list[str], list[str]]:
    """(mistakes, with file and line; notes) of names that the run does not have.

    strict: whether a name that is close to none of them is a mistake as well.
    """
    problems, notes = [], []
    for path, kind, name in mentions:
        if kind not in known or name in known[kind].used or path in document.files:
            continue  # what a line-up says of other tasks is for other scenarios
        used, unused, more = known[kind]
        where = clean(".".join(path), 100)
        near = f"there are no {kind.replace(' or ', 's or ')}s"
        if used or unused:
            near = nearest(name, [*used, *unused])
        if name in unused:
            notes.append(
                f"{where}: the log has no {kind} {_quoted(name)}, only the scenario has; of the "
                f"log: {join_names(used)}"
            )
        elif more:
            notes.append(
                f"{where}: {_quoted(name)} is none of the {MAX_NAMES} {kind}s of the log that "
                f"are told apart; the rarer ones are one"
            )
        elif strict or near.startswith("did"):
            problems.append(
                f"{document.where(path)}: {where}: there is no such "
                f"{kind}{'' if path[-1] == name else ': ' + _quoted(name)}; {near}"
            )
        else:
            notes.append(
                f"{where}: nothing here has the {kind} {_quoted(name)}, so it changes nothing; "
                f"{near}"
            )
    return problems, notes


def missing_quality_notes(scenario: spec.Scenario, known: dict[str, KnownNames]) -> list[str]:
    """A note for each set of tasks whose quality some deployments do not state; none where no
    deployment states any."""
    tasks, deployments = known["task"].used, scenario.deployments
    if scenario.workload.outcomes is not None or all(
        deployment.quality is None for deployment in deployments.values()
    ):
        return []
    missing: dict[tuple[str, ...], list[str]] = {}
    for name, deployment in deployments.items():
        unknown = tuple(
            task
            for task in tasks
            if accuracy(deployment.quality, task, scenario.workload.tasks) is None
        )
        if unknown:
            missing.setdefault(unknown, []).append(name)
    rest = (
        f"no quality is reported where they are asked, and judges take them to be right in "
        f"{100 * UNKNOWN:g} %"
    )
    return [
        f"quality of {join_names(names)}: not known"
        f"{'' if len(some) == len(tasks) else f' for the tasks {join_names(list(some))}'}; {rest}"
        for some, names in missing.items()
    ]


def join_names(names: list[str]) -> str:
    """The first names, in a line."""
    return (
        ", ".join(clean(name, 40) for name in names[:MAX_LISTED])
        + (f" and {len(names) - MAX_LISTED} more" if len(names) > MAX_LISTED else "")
        or "none"
    )


def _quoted(name: str) -> str:
    return f"'{clean(name, 60)}'"
