"""Names that must mean something: those that policies and scenarios mention, held against what the
scenario, and the log that it replays, have.

A parameter that takes a name declares of what (`core.params`: TargetName, TaskName …), so one walk
over the declarations finds them all. A name that nothing has and that looks like one that there is,
is refused as a mistake. Any other is noted: a policy may be meant for other traffic as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import is_dataclass
from typing import Any, NamedTuple

from simroute.config.fields import Form, declared_fields
from simroute.config.inputs import contents
from simroute.config.yaml_reader import Document, KeyPath
from simroute.core.target import ROLES
from simroute.errors import nearest
from simroute.models import spec
from simroute.models.quality import UNKNOWN, accuracy
from simroute.text import clean
from simroute.traces.playback.columns import NOBODY, OTHERS
from simroute.traces.playback.write_columns import MAX_NAMES

KINDS = ("target", "task", "feature", "task or feature", "provider")
MOST = 12
"""Names that are listed."""


class Mention(NamedTuple):
    """A name, of what it is, and where it stands."""

    path: KeyPath
    kind: str
    name: str


class KnownNames(NamedTuple):
    """Names of one kind. here: the run's; other: the scenario's, where the log has names of its
    own; more: the log has further ones, told as one."""

    here: list[str]
    other: list[str]
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


def target_mistakes(layers: dict[str, Any], scenario: spec.Scenario) -> list[tuple[KeyPath, str]]:
    """Targets that neither are deployments nor roles, and weights that aim nowhere: where, and what
    would be right."""
    known = [*scenario.deployments, *ROLES]
    found = [
        (path, f"no deployment is called {_quoted(name)}; {nearest(name, known)}")
        for path, kind, name in layer_mentions(layers)
        if kind == "target" and name not in known
    ]
    for key, layer in layers.items():
        weights = getattr(layer, "weights", None)
        if weights and not any(weights.values()):
            found.append(((key, "weights"), "all zero; at least one must be positive"))
    return found


def known_names(scenario: spec.Scenario) -> dict[str, KnownNames]:
    """Kind -> the names that there are. Raises TraceError, InputError where the workload's files
    cannot be read."""
    load = scenario.workload
    trace, outcomes = (
        None if getattr(load, kind) is None else contents(kind, load)
        for kind in ("trace", "outcomes")
    )
    tasks = _either(
        "task",
        list(load.tasks) if outcomes is None else list(outcomes.tasks),
        trace if outcomes is None else None,
    )
    features = _either("feature", list(load.features), trace)
    here, other = (
        list(dict.fromkeys([*one, *two]))
        for one, two in ((tasks.here, features.here), (tasks.other, features.other))
    )
    both = KnownNames(
        here, [name for name in other if name not in here], tasks.more or features.more
    )
    providers = KnownNames(
        list(dict.fromkeys(made.provider for made in scenario.deployments.values())), []
    )
    return {"task": tasks, "feature": features, "task or feature": both, "provider": providers}


def _either(kind: str, own: list[str], trace: Any) -> KnownNames:
    """A log's names of a kind, where it has any: they are the run's. Else the scenario's."""
    told = [] if trace is None else trace.names.get(kind, [])
    named = [name for name in told if name not in (NOBODY, OTHERS)]
    return (
        KnownNames(named, [name for name in own if name not in named], OTHERS in told)
        if named
        else KnownNames(own, [])
    )


def check_mentions(
    mentions: Iterable[Mention], there: dict[str, KnownNames], document: Document, *, strict: bool
) -> tuple[list[str], list[str]]:
    """(mistakes, with file and line; notes) of names that the run does not have. strict: what looks
    like none of them is a mistake as well."""
    problems, notes = [], []
    for path, kind, name in mentions:
        if kind not in there or name in there[kind].here:
            continue
        here, other, more = there[kind]
        where = clean(".".join(path), 100)
        near = (
            nearest(name, [*here, *other])
            if here or other
            else f"there are no {kind.replace(' or ', 's or ')}s"
        )
        if name in other:
            notes.append(
                f"{where}: the log has no {kind} {_quoted(name)}, only the scenario has; of the "
                f"log: {join_names(here)}"
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


def missing_quality_notes(scenario: spec.Scenario, there: dict[str, KnownNames]) -> list[str]:
    """What the scenario does not say of how good answers are, in a sentence; nothing where it says
    of no deployment how good it is."""
    tasks = there["task"].here
    if scenario.workload.outcomes is not None or all(
        made.quality is None for made in scenario.deployments.values()
    ):
        return []
    missing: dict[tuple[str, ...], list[str]] = {}
    for name, made in scenario.deployments.items():
        unknown = tuple(
            task for task in tasks if accuracy(made.quality, task, scenario.workload.tasks) is None
        )
        if unknown:
            missing.setdefault(unknown, []).append(name)
    rest = (
        f"no quality is reported where they are asked, and judges take them to be right in "
        f"{100 * UNKNOWN:g} %"
    )
    return [
        f"quality of {join_names(names)}: not known"
        f"{'' if len(work) == len(tasks) else f' for the tasks {join_names(list(work))}'}; {rest}"
        for work, names in missing.items()
    ]


def join_names(names: list[str]) -> str:
    """Some of them, in a line."""
    return (
        ", ".join(clean(name, 40) for name in names[:MOST])
        + (f" and {len(names) - MOST} more" if len(names) > MOST else "")
        or "none"
    )


def _quoted(name: str) -> str:
    return f"'{clean(name, 60)}'"
