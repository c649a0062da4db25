"""Files looked at without running them: scenarios by themselves, policies against the scenarios that they belong to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from simroute.core.target import ROLES
from simroute.experiment import advice, yaml_reader
from simroute.experiment.configuration import layers_of, load
from simroute.experiment.errors import InputError
from simroute.experiment.names import aims, of_layers
from simroute.models import spec


class Finding(NamedTuple):
    """Of one file, named as the user named it: "scenario" or "policy", its mistakes, and what else there is to know."""

    file: str
    kind: str
    problems: list[str]
    notes: list[str]


def is_scenario(data: dict[object, object]) -> bool:
    """Whether a file's content is a scenario; else it is a policy."""
    return "deployments" in data or "workload" in data


def review(files: Sequence[str]) -> Iterator[Finding]:
    """One finding for each file. Policies are held against the scenarios among the files; without any, against those of their workspace."""
    kinds: dict[str, str] = {}
    given: dict[str, spec.Scenario] = {}
    for file in dict.fromkeys(files):
        try:
            kinds[file] = "scenario" if is_scenario(yaml_reader.read(Path(file), file).data) else "policy"
            if kinds[file] == "scenario":
                made = load("check", _path(file), [])
                given[file] = made.scenario
                yield Finding(file, "scenario", [], made.notes)
        except InputError as error:
            yield Finding(file, kinds.pop(file, "file"), list(error.lines), [])
    for file in (file for file, kind in kinds.items() if kind == "policy"):
        try:
            yield _policy(file, given or dict(_beside(Path(file))), among=bool(given))
        except InputError as error:
            yield Finding(file, "policy", list(error.lines), [])


def _path(file: str) -> str:
    """The file itself, also where its name could be one of those that are listed."""
    return file if file.endswith((".yaml", ".yml")) or "/" in file else f"./{file}"


def _policy(file: str, scenarios: dict[str, spec.Scenario], among: bool) -> Finding:
    layers = layers_of(_path(file))
    notes = advice.nesting(layers)
    missing = {name: [f"{'.'.join(key)}: {text}" for key, text in aims(layers, scenario)] for name, scenario in scenarios.items()}
    if not scenarios:
        own = sorted({name for _, kind, name in of_layers(layers) if kind == "target" and name not in ROLES})
        notes += [f"no scenario is known to hold it against: {', '.join(own)} may be deployments or not; check it together with one"] if own else []
    elif all(missing.values()):
        nearest = min(missing, key=lambda name: len(missing[name]))
        where = f" (in {nearest}{f', the nearest of {len(missing)} scenarios' if len(missing) > 1 else ''})"
        return Finding(file, "policy", [f"{file}: {line}{where}" for line in missing[nearest]], notes)
    elif among:
        notes += [f"does not fit {name}: {lines[0]}" for name, lines in missing.items() if lines]
    return Finding(file, "policy", [], notes)


def _beside(file: Path) -> Iterator[tuple[str, spec.Scenario]]:
    """The scenarios of the workspace that a policy lies in: those in `scenarios/` beside it, or beside its folder."""
    folder = file.resolve().parent
    place = next((each / "scenarios" for each in (folder, folder.parent) if (each / "scenarios").is_dir()), None)
    for path in sorted(place.glob("*.yaml")) if place is not None else ():
        try:
            yield f"scenarios/{path.name}", load("check", str(path), []).scenario
        except InputError:
            continue  # its own mistakes are told when it is looked at
