"""Files checked without running them: scenarios by themselves, policies against the scenarios that
they belong to."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from simroute.config import advice, catalogue, yaml_reader
from simroute.config.loading import load, load_layers
from simroute.config.names import layer_mentions
from simroute.core.target import ROLES
from simroute.errors import InputError


class Finding(NamedTuple):
    """What is wrong with one file, named as the user named it, and notes. kind: "scenario",
    "policy", or "file" where it could not be read."""

    file: str
    kind: str
    problems: list[str]
    notes: list[str]


def is_scenario(data: dict[object, object]) -> bool:
    """Whether a file's content is a scenario; else it is a policy."""
    return "deployments" in data or "workload" in data


def review_files(files: Sequence[str]) -> Iterator[Finding]:
    """One finding for each file. Policies are checked against the scenarios among the files;
    without any, against those of their workspace."""
    kinds: dict[str, str] = {}
    for file in dict.fromkeys(files):
        try:
            data = yaml_reader.read(Path(file), file).data
            kinds[file] = "scenario" if is_scenario(data) else "policy"
            if kinds[file] == "scenario":
                yield Finding(file, "scenario", [], load("check", _path(file), []).notes)
        except InputError as error:
            yield Finding(file, kinds.get(file, "file"), list(error.lines), [])
    scenarios = [file for file, kind in kinds.items() if kind == "scenario"]
    for file in (file for file, kind in kinds.items() if kind == "policy"):
        try:
            yield _review_policy(file, scenarios or _workspace_scenarios(Path(file)))
        except InputError as error:
            yield Finding(file, "policy", list(error.lines), [])


def _path(file: str) -> str:
    """The path of a file that could also be a name in the catalogue."""
    return file if catalogue.is_path(file) else f"./{file}"


def _review_policy(file: str, scenarios: list[str]) -> Finding:
    """What is wrong with a policy in the scenario where least is."""
    layers = load_layers(_path(file))  # its own mistakes come once, whatever the scenarios
    general = [
        *advice.nesting_notes(layers),
        *advice.setting_notes(layers, yaml_reader.read(Path(file), file).data, None),
    ]
    if not scenarios:
        return Finding(file, "policy", [], [*general, *_unchecked_targets(layers)])
    findings = {name: _review_in(file, name) for name in scenarios}
    best = min(findings, key=lambda name: len(findings[name].problems))
    problems, notes = findings[best].problems, findings[best].notes or general
    nearest = f", the nearest of {len(findings)} scenarios" if len(findings) > 1 else ""
    others = [
        f"does not fit {name}: {finding.problems[0]}"
        for name, finding in findings.items()
        if finding.problems and not problems
    ]
    lines = [f"{line} (in {best}{nearest})" for line in problems]
    return Finding(file, "policy", lines, [*notes, *others])


def _unchecked_targets(layers: dict[str, Any]) -> list[str]:
    """A note on names that may be deployments, where no scenario says."""
    names = {name for _, kind, name in layer_mentions(layers) if kind == "target"} - {*ROLES}
    if not names:
        return []
    return [
        f"no scenario is known to hold it against: {', '.join(sorted(names))} may be deployments "
        f"or not; check it together with one"
    ]


def _review_in(file: str, scenario: str) -> Finding:
    """A policy in a scenario, without the mistakes and notes of the scenario itself."""
    path = _path(file)
    try:
        notes = load("check", _path(scenario), [path]).notes
    except InputError as error:
        lines = [line for line in error.lines if line.startswith((f"{path}:", f"{path} "))]
        return Finding(file, "policy", lines, [])
    own = f"{Path(path).stem}: "
    return Finding(
        file, "policy", [], [note.removeprefix(own) for note in notes if note.startswith(own)]
    )


def _workspace_scenarios(file: Path) -> list[str]:
    """The scenarios of the workspace that a policy lies in: those in `scenarios/` beside it, or
    beside its folder."""
    folder = file.resolve().parent
    for place in (folder / "scenarios", folder.parent / "scenarios"):
        if place.is_dir():
            return [
                os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)
                for path in sorted(place.glob("*.yaml"))
            ]
    return []
