"""Files looked at without running them: scenarios by themselves, policies against the scenarios
that they belong to."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from simroute.config import advice, catalogue, yaml_reader
from simroute.config.loading import load, load_layers
from simroute.config.names import layer_mentions
from simroute.core.target import ROLES
from simroute.errors import InputError


class Finding(NamedTuple):
    """Of one file, named as the user named it: "scenario" or "policy", its mistakes, and what else
    there is to know."""

    file: str
    kind: str
    problems: list[str]
    notes: list[str]


def is_scenario(data: dict[object, object]) -> bool:
    """Whether a file's content is a scenario; else it is a policy."""
    return "deployments" in data or "workload" in data


def review_files(files: Sequence[str]) -> Iterator[Finding]:
    """One finding for each file. Policies are held against the scenarios among the files; without
    any, against those of their workspace."""
    kinds: dict[str, str] = {}
    for file in dict.fromkeys(files):
        try:
            kinds[file] = (
                "scenario" if is_scenario(yaml_reader.read(Path(file), file).data) else "policy"
            )
            yield from (
                [Finding(file, "scenario", [], load("check", _path(file), []).notes)]
                if kinds[file] == "scenario"
                else []
            )
        except InputError as error:
            yield Finding(file, kinds.get(file, "file"), list(error.lines), [])
    given = [file for file, kind in kinds.items() if kind == "scenario"]
    for file in (file for file, kind in kinds.items() if kind == "policy"):
        try:
            yield _policy(file, given or _beside(Path(file)))
        except InputError as error:
            yield Finding(file, "policy", list(error.lines), [])


def _path(file: str) -> str:
    """The file itself, also where its name could be one of those that are listed."""
    return file if catalogue.is_path(file) else f"./{file}"


def _policy(file: str, scenarios: list[str]) -> Finding:
    layers = load_layers(_path(file))  # its own mistakes come once, whatever the scenarios
    found = {name: _held(file, name) for name in scenarios}
    general = [
        *advice.nesting_notes(layers),
        *advice.setting_notes(layers, yaml_reader.read(Path(file), file).data, None),
    ]
    if not found:
        notes = general
        own = sorted(
            {
                name
                for _, kind, name in layer_mentions(layers)
                if kind == "target" and name not in ROLES
            }
        )
        notes += (
            [
                f"no scenario is known to hold it against: {', '.join(own)} may be deployments "
                f"or not; check it together with one"
            ]
            if own
            else []
        )
        return Finding(file, "policy", [], notes)
    best = min(found, key=lambda name: len(found[name].problems))
    where = f" (in {best}{f', the nearest of {len(found)} scenarios' if len(found) > 1 else ''})"
    others = [
        f"does not fit {name}: {one.problems[0]}"
        for name, one in found.items()
        if one.problems and not found[best].problems
    ]
    return Finding(
        file,
        "policy",
        [line + where for line in found[best].problems],
        [*(found[best].notes or general), *others],
    )


def _held(file: str, scenario: str) -> Finding:
    """A policy in a scenario, which may have mistakes of its own."""
    path = _path(file)
    try:
        made = load("check", _path(scenario), [path])
    except InputError as error:
        return Finding(
            file,
            "policy",
            [line for line in error.lines if line.startswith((f"{path}:", f"{path} "))],
            [],
        )
    own = f"{Path(path).stem}: "
    return Finding(
        file, "policy", [], [note.removeprefix(own) for note in made.notes if note.startswith(own)]
    )


def _beside(file: Path) -> list[str]:
    """The scenarios of the workspace that a policy lies in: those in `scenarios/` beside it, or
    beside its folder."""
    folder = file.resolve().parent
    place = next(
        (each / "scenarios" for each in (folder, folder.parent) if (each / "scenarios").is_dir()),
        None,
    )
    found = sorted(place.glob("*.yaml")) if place is not None else []
    return [
        os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path) for path in found
    ]
