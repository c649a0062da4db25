"""Names, documents or a config.yaml to a Configuration."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import simroute.policies  # noqa: F401 - registers the layers
from simroute.config import advice, catalogue, checks, names, schema, yaml_reader
from simroute.config.checks import check_scenario, deployments_readable
from simroute.config.configuration import Configuration, StudyOptions
from simroute.config.fields import declared_fields
from simroute.config.inputs import FILES, digest, pin_prices, read_inputs, run_calendar
from simroute.config.overrides import RESERVED, compose, mark_overridden, override_mistakes
from simroute.config.scalars import displayed
from simroute.core import registry
from simroute.errors import InputError, nearest
from simroute.models import spec
from simroute.models.price_notes import price_warnings


def load(
    command: str,
    scenario: str,
    policies: list[str],
    overrides: list[str] | None = None,
    seed: int = 1,
    replications: int = 1,
) -> Configuration:
    """Compose, validate and build. Raises InputError with every mistake."""
    overrides = overrides or []
    documents, problems = read_documents(scenario, policies)
    if problems:
        raise collect_mistakes(problems, documents[0], documents[1:], overrides)
    weather, *stances = (document for document in documents if document is not None)
    return build_configuration(
        command, Path(scenario).stem, weather, policies, stances, overrides, seed, replications
    )


def build_configuration(
    command: str,
    name: str,
    weather: yaml_reader.Document,
    policies: list[str],
    stances: list[yaml_reader.Document],
    overrides: list[str],
    seed: int,
    replications: int,
) -> Configuration:
    """The same, of documents that have been read."""
    names = [Path(policy).stem for policy in policies]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise collect_mistakes(
            [f"policy {twice[0]!r} is named twice; give the second one another file name"],
            weather,
            [*stances],
            overrides,
        )
    try:
        made, layers, notes = compose(
            weather.data, {n: d.data for n, d in zip(names, stances, strict=True)}, overrides
        )
    except InputError as error:
        raise collect_mistakes(list(error.lines), weather, [*stances], []) from None
    mark_overridden(overrides, weather, stances)
    base = _resolved(made, weather)
    return _build(
        command,
        name,
        made,
        base,
        dict(zip(names, layers, strict=True)),
        [weather, *stances],
        overrides,
        seed,
        replications,
        notes,
    )


def collect_mistakes(
    problems: list[str],
    weather: yaml_reader.Document | None,
    stances: list[yaml_reader.Document | None],
    overrides: list[str],
) -> InputError:
    """With what is wrong in overrides and in those files that can be read (the others are None), so
    that everything is told at once."""
    known = [stance for stance in stances if stance is not None]
    data, base = (None, {}) if weather is None else (weather.data, _resolved(weather.data, weather))
    aimed = override_mistakes(
        overrides, data, [None if stance is None else stance.data for stance in stances]
    )
    layers = {str(place): stance.data for place, stance in enumerate(known)}
    return InputError(*problems, *aimed, *_examined(data, base, layers, weather, known, [], [])[2])


def load_layers(policy: str) -> dict[str, Any]:
    """The layers of a policy by name or path, for use without a scenario. Raises InputError."""
    document = yaml_reader.read(
        catalogue.find("policies", policy), policy if catalogue.is_path(policy) else None
    )
    return _layers(document.data, document)


def restore(path: Path) -> Configuration:
    """The configuration of an earlier run, from its `config.yaml`. Raises InputError."""
    return restore_document(yaml_reader.read(path))


def restore_document(document: yaml_reader.Document) -> Configuration:
    """The same, of a document that has been read."""
    wanted = {"command", "seed", "replications", "files", "scenario_name", "scenario", "policies"}
    missing = wanted - set(document.data)
    if missing:
        raise InputError(
            f"{document.file}: not a run's config.yaml: {', '.join(sorted(missing))} is missing"
        )
    data = document.data
    numbers = {name: data[name] for name in ("seed", "replications", "replication") if name in data}
    for name, value in numbers.items():
        if (
            not isinstance(value, int)
            or isinstance(value, bool)
            or value < (1 if name == "replications" else 0)
        ):
            raise InputError(
                f"{document.where((name,))}: {name}: expected a whole number, found {value!r}"
            )
    scenario = yaml_reader.Document(
        document.file,
        data["scenario"],
        {k[1:]: v for k, v in document.lines.items() if k[0] == "scenario"},
    )
    stances = [
        yaml_reader.Document(
            document.file,
            value,
            {k[2:]: v for k, v in document.lines.items() if k[:2] == ("policies", name)},
        )
        for name, value in data["policies"].items()
    ]
    made = _build(
        str(data["command"]),
        str(data["scenario_name"]),
        data["scenario"],
        {},
        data["policies"],
        [scenario, *stances],
        ["scenario.horizon=given"],
        data["seed"],
        data["replications"],
        [],
    )
    for file, known in data["files"].items():
        if made.files.get(file) != known:
            raise InputError(f"{file}: has changed since that run (SHA-256 differs)")
    yearly = data.get("yearly", False)
    if not isinstance(yearly, bool):
        raise InputError(
            f"{document.where(('yearly',))}: yearly: expected true or false, found {yearly!r}"[:200]
        )
    until = _until(data["until"], document) if "until" in data else None
    made.study = StudyOptions(until=until, yearly=yearly)
    if "windows" in data:
        made = with_windows(made, data["windows"])
    return made.only_replication(data["replication"]) if "replication" in data else made


def with_windows(made: Configuration, among: Any) -> Configuration:
    """Played in so many parts. Raises InputError where that cannot be."""
    if not isinstance(among, int) or isinstance(among, bool) or not 1 <= among <= 100_000:
        raise InputError(f"windows: expected a whole number from 1 to 100,000, found {among!r}")
    if made.scenario.workload.trace is None or made.scenario.workload.trace_jitter:
        raise InputError(
            "windows: only a trace can be played in parts, and not with --jitter, which moves "
            "requests between them"
        )
    return replace(made, study=replace(made.study, windows=among))


def _until(data: Any, document: yaml_reader.Document) -> dict[str, Any]:
    if not isinstance(data, dict) or {key: type(value) for key, value in data.items()} != {
        "criterion": str,
        "first": int,
        "most": int,
    }:
        raise InputError(
            f"{document.where(('until',))}: until: expected criterion, first and most, as a run "
            f"writes them"
        )
    return data


def read_documents(
    scenario: str | None, policies: list[str]
) -> tuple[list[yaml_reader.Document | None], list[str]]:
    """A scenario (unless None) and policies by name or path (None: cannot be read), and one line
    for each that cannot be."""
    found: list[yaml_reader.Document | None] = []
    problems: list[str] = []
    for kind, name in [
        *([] if scenario is None else [("scenarios", scenario)]),
        *(("policies", policy) for policy in policies),
    ]:
        try:
            path = catalogue.find(kind, name)
            document = yaml_reader.read(
                path, name if catalogue.is_path(name) else f"{kind}/{path.name}"
            )
            document.folder = path.resolve().parent
            found.append(document)
        except InputError as error:
            found.append(None)
            problems += error.lines
    return found, problems


def _build(
    command: str,
    name: str,
    data: Any,
    base: dict[str, str],
    policies: dict[str, Any],
    documents: list[yaml_reader.Document],
    overrides: list[str],
    seed: int,
    replications: int,
    notes: list[str],
) -> Configuration:
    weather, *stances = documents
    scenario, built, problems = _examined(data, base, policies, weather, stances, overrides, notes)
    if problems:
        raise InputError(*problems)
    assert scenario is not None
    files = {
        path: digest(path)
        for kind in FILES
        if (path := getattr(scenario.workload, kind)) is not None
    }
    return Configuration(command, name, scenario, built, seed, replications, files, notes=notes)


def _examined(
    data: Any,
    base: dict[str, str],
    policies: dict[str, Any],
    weather: yaml_reader.Document | None,
    stances: list[yaml_reader.Document],
    overrides: list[str],
    notes: list[str],
) -> tuple[spec.Scenario | None, dict[str, Any], list[str]]:
    """The scenario (None if nothing can be read of it), the policies' layers, and every mistake."""
    scenario: spec.Scenario | None = None
    problems: list[str] = []
    left_out: list[yaml_reader.KeyPath] = []
    if weather is not None:
        if isinstance(data, dict) and isinstance(data.get("workload"), dict):
            data = {**data, "workload": {**data["workload"], **base}}
        scenario, problems, left_out = schema.build_valid_part(spec.Scenario, data, weather)
    built = {}
    for (policy, layers), document in zip(policies.items(), stances, strict=True):
        try:
            built[policy] = _layers(layers, document)
        except InputError as error:
            problems += error.lines
    if scenario is None or weather is None:
        return None, built, problems
    notes += [f"{weather.file}: {line}" for line in advice.millisecond_notes(scenario, data)]
    readable = True
    try:
        scenario = read_inputs(scenario, weather, overrides, notes)
    except InputError as error:
        problems += error.lines
        readable = False
        left_out = [*left_out, ("horizon",)]
    scenario = pin_prices(scenario, notes) if readable else scenario
    problems += check_scenario(scenario, weather, left_out, readable)
    there = checks.available_names(scenario, left_out, readable)
    mistakes, doubts = checks.check_names(scenario, there, weather)
    problems += mistakes
    notes += doubts
    notes += [] if problems else price_warnings(scenario, run_calendar(scenario))
    for policy, document in zip(policies, stances, strict=True):
        layers = built.get(policy, {})
        problems += (
            [
                f"{document.where(key)}: {'.'.join(key)}: {line}"
                for key, line in names.target_mistakes(layers, scenario)
            ]
            if deployments_readable(left_out)
            else []
        )
        mistakes, doubts = names.check_mentions(
            names.layer_mentions(layers), there, document, strict=False
        )
        problems += mistakes
        notes += [f"{policy}: {line}" for line in doubts]
        built[policy] = {key: _funded(layer, scenario) for key, layer in layers.items()}
        notes += [
            f"{policy}: {line}"
            for line in (
                *advice.nesting_notes(layers),
                *advice.setting_notes(layers, policies[policy], scenario),
            )
        ]
    return scenario, built, problems


def _resolved(data: Any, document: yaml_reader.Document) -> dict[str, str]:
    """Paths made absolute: those of the file from its folder, those of the command line from the
    working directory."""
    load = data.get("workload") if isinstance(data, dict) else None
    written = document.data.get("workload")
    found = {}
    for kind in FILES:
        value = load.get(kind) if isinstance(load, dict) else None
        if isinstance(value, str):
            own = isinstance(written, dict) and written.get(kind) == value
            folder = document.folder if own else Path.cwd()
            found[kind] = str((folder / value).resolve())
    return found


def _layers(data: Any, document: yaml_reader.Document) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise InputError(f"{document.file}: expected layers by name")
    made: dict[str, Any] = {}
    problems: list[str] = []
    for key, value in data.items():
        if key in RESERVED:
            continue
        settings = dict(value or {}) if isinstance(value, dict) or value is None else value
        kind = settings.pop("kind", key) if isinstance(settings, dict) else key
        if kind not in registry:
            near = nearest(str(kind), sorted(registry))
            own = (
                ""
                if near.startswith("did")
                else "; one of your own is loaded with --plugin FILE.py"
            )
            problems.append(
                f"{document.where((str(key),))}: {key}: no layer is called {kind!r}; {near}{own}"
            )
            continue
        if not isinstance(settings, dict):
            first = next((field.name for field in declared_fields(registry[kind])), "")
            wanted = (
                f"expected keys and values, found {displayed(value)}; write {key}: "
                f"{{{first + ': …' if first else ''}}}"
            )
            problems.append(f"{document.where((str(key),))}: {key}: {wanted}")
            continue
        try:
            made[str(key)] = schema.build(registry[kind], settings, document, (str(key),))
        except InputError as error:
            problems += error.lines
    problems += [
        f"{document.where((key,))}: {key}: {text}" for key, text in advice.forbidden_nestings(made)
    ]
    if problems:
        raise InputError(*problems)
    return made


def _funded(layer: Any, scenario: spec.Scenario) -> Any:
    """A budget layer without a sum of its own keeps the scenario's."""
    if layer.kind != "budget" or layer.usd is not None or scenario.budget is None:
        return layer
    ours = scenario.budget
    calendar = {
        key: getattr(layer, key) or getattr(ours, key)
        for key in ("period", "zone", "reset", "window")
    }
    return replace(layer, usd=ours.usd, **calendar)
