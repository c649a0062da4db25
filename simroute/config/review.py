"""Files checked without running them: scenarios by themselves, policies against the scenarios that
they belong to."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from simroute.config import advice, catalogue, yaml_reader
from simroute.config.configuration import Configuration
from simroute.config.lineups import is_lineup
from simroute.config.loading import Head, build_configuration, load, load_layers
from simroute.config.names import layer_mentions
from simroute.config.shared_fate import describe_chains
from simroute.core.target import ROLES
from simroute.errors import InputError

FOLDERS = {"scenario": "scenarios", "policy": "policies"}
"""Key of a word -> the kind of what it names."""


class Finding(NamedTuple):
    """What is wrong with one file, named as the user named it, notes, and what a fallback does
    there. kind: "scenario", "line-up", "policy", or "file" where it could not be read."""

    file: str
    kind: str
    problems: list[str]
    notes: list[str]
    facts: list[str] = []  # noqa: RUF012 - never changed


class _File(NamedTuple):
    """A file that is checked. label: as the user named it; name: as `load` takes it; shown: as
    messages begin."""

    label: str
    name: str
    shown: str
    path: Path


def is_scenario(data: dict[object, object]) -> bool:
    """Whether a file's content is a scenario; else it is a policy."""
    return any(key in data for key in ("deployments", "workload", "lineup"))


def review_files(words: Sequence[str]) -> Iterator[Finding]:
    """One finding for each file, or `scenario=NAME`, or name in `policy=NAME,…`. Policies are
    checked against the scenarios among them; without any, against those of their workspace."""
    scenarios: list[_File] = []
    policies: list[_File] = []
    for label in dict.fromkeys(each for word in words for each in _split(word)):
        kind = "file"
        try:
            file = _locate(label)
            data = yaml_reader.read(file.path, file.shown).data
            kind = "scenario" if is_scenario(data) else "policy"
            if is_lineup(data) and file.path.parent.name == "lineups":
                kind = "line-up"
                yield Finding(label, kind, [], load_lineup(file.path, file.shown).notes)
                continue
            (scenarios if kind == "scenario" else policies).append(file)
            if kind == "scenario":
                yield Finding(label, kind, [], load("check", file.name, []).notes)
        except InputError as error:
            yield Finding(label, kind, list(error.lines), [])
    for file in policies:
        try:
            yield _review_policy(file, scenarios or _workspace_scenarios(file.path))
        except InputError as error:
            yield Finding(file.label, "policy", list(error.lines), [])


def load_lineup(path: Path, shown: str) -> Configuration:
    """A line-up alone, as the deployments of a scenario without anything else. Raises
    InputError."""
    document = yaml_reader.read(path, shown)
    document.files = dict.fromkeys(document.lines, shown)  # as where a scenario names it
    return build_configuration(Head("check", path.stem), document, [], [], [])


def _split(word: str) -> list[str]:
    """The names of `policy=A,B` one by one, as such words; the YAML files of a folder."""
    key, equals, value = word.partition("=")
    if Path(word).is_dir():
        return [str(path) for path in sorted(Path(word).rglob("*.yaml"))] or [word]
    if not equals or key not in FOLDERS:
        return [word]
    return [f"{key}={name}" for name in value.split(",")]


def _locate(label: str) -> _File:
    """Where a file is. Raises InputError."""
    key, equals, name = label.partition("=")
    if equals and key in FOLDERS:
        path = catalogue.find(FOLDERS[key], name)
        shown = name if catalogue.is_path(name) else f"{FOLDERS[key]}/{path.name}"
        return _File(label, name, shown, path)
    if not Path(label).exists():
        words = [f"{key}={label}" for key in FOLDERS if label in catalogue.list_names(FOLDERS[key])]
        if words:
            raise InputError(f"{label}: no such file; by its name it is {' or '.join(words)}")
    # a file's name could also be one in the catalogue
    named = label if catalogue.is_path(label) else f"./{label}"
    return _File(label, named, label, Path(label))


def _review_policy(file: _File, scenarios: list[_File]) -> Finding:
    """What is wrong with a policy in the scenario where least is."""
    layers = load_layers(file.name)  # its own mistakes come once, whatever the scenarios
    general = [
        *advice.nesting_notes(layers),
        *advice.setting_notes(layers, yaml_reader.read(file.path, file.shown).data, None),
    ]
    if not scenarios:
        return Finding(file.label, "policy", [], [*general, *_unchecked_targets(layers)])
    findings = {each.label: _review_in(file, each) for each in scenarios}
    best = min(findings, key=lambda label: len(findings[label].problems))
    problems, notes = findings[best].problems, findings[best].notes or general
    nearest = f", the nearest of {len(findings)} scenarios" if len(findings) > 1 else ""
    others = [
        f"does not fit {label}: {finding.problems[0]}"
        for label, finding in findings.items()
        if finding.problems and not problems
    ]
    lines = [f"{line} (in {best}{nearest})" for line in problems]
    facts = [f"{fact} (in {best})" for fact in findings[best].facts]
    return Finding(file.label, "policy", lines, [*notes, *others], facts)


def _unchecked_targets(layers: dict[str, Any]) -> list[str]:
    """A note on names that may be deployments, where no scenario says."""
    names = {name for _, kind, name in layer_mentions(layers) if kind == "target"} - {*ROLES}
    if not names:
        return []
    return [
        f"no scenario is known to hold it against: {', '.join(sorted(names))} may be deployments "
        f"or not; check it together with one"
    ]


def _review_in(file: _File, scenario: _File) -> Finding:
    """A policy in a scenario, without the mistakes and notes of the scenario itself."""
    try:
        loaded = load("check", scenario.name, [file.name])
    except InputError as error:
        start = _shown_by_load(file)
        lines = [line for line in error.lines if line.startswith((f"{start}:", f"{start} "))]
        return Finding(file.label, "policy", lines, [])
    (policy,) = loaded.policies
    own = f"{policy}: "
    notes = [note.removeprefix(own) for note in loaded.notes if note.startswith(own)]
    facts = list(describe_chains(loaded.policies[policy], loaded.scenario))
    return Finding(file.label, "policy", [], notes, facts)


def _shown_by_load(file: _File) -> str:
    """How the messages of `load` begin that are about a file."""
    return file.name if catalogue.is_path(file.name) else file.shown


def _workspace_scenarios(path: Path) -> list[_File]:
    """The scenarios of the workspace that a policy lies in: those in `scenarios/` beside it, or
    beside its folder."""
    folder = path.resolve().parent
    for place in (folder / "scenarios", folder.parent / "scenarios"):
        if place.is_dir():
            return [
                _locate(os.path.relpath(each) if each.is_relative_to(Path.cwd()) else str(each))
                for each in sorted(place.glob("*.yaml"))
            ]
    return []
