"""Names, documents or a config.yaml to a Configuration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import simroute.gateways  # noqa: F401 - registers the layers
from simroute.config import advice, catalogue, schema, yaml_reader
from simroute.config.checked import Unread
from simroute.config.checks import check_names, check_scenario, readable_names
from simroute.config.configuration import Configuration, StudyOptions
from simroute.config.documents import Policy, policy_names, read_documents
from simroute.config.fields import declared_fields
from simroute.config.idle_keys import idle_key_notes
from simroute.config.incidents import replay_incidents
from simroute.config.inputs import FILES, digest, pin_prices, read_inputs, run_calendar
from simroute.config.lineups import in_order
from simroute.config.names import KnownNames, check_mentions, layer_mentions, target_mistakes
from simroute.config.only_notes import misplaced, only_notes
from simroute.config.outage_presets import apply_presets
from simroute.config.overrides import RESERVED, compose, mark_overridden, override_mistakes
from simroute.config.paths import with_absolute_paths
from simroute.config.pitfalls import pitfall_notes
from simroute.config.reach import reach_notes
from simroute.config.scalars import displayed
from simroute.config.shared_fate import shared_fate_notes
from simroute.config.yaml_reader import Document
from simroute.core import registry
from simroute.errors import InputError, nearest
from simroute.models import spec
from simroute.models.price_notes import price_warnings


class Head(NamedTuple):
    """What a configuration says beside scenario and policies."""

    command: str
    scenario_name: str
    seed: int = 1
    replications: int = 1


def load(
    command: str,
    scenario: str,
    policies: Sequence[Policy],
    overrides: list[str] | None = None,
    seed: int = 1,
    replications: int = 1,
) -> Configuration:
    """The configuration of a scenario by name or path and of policies, with overrides.

    Raises InputError with every mistake.
    """
    overrides = overrides or []
    documents, problems = read_documents(scenario, policies, overrides)
    if problems:
        raise collect_mistakes(problems, documents[0], documents[1:], overrides)
    weather, *stances = (document for document in documents if document is not None)
    head = Head(command, Path(scenario).stem, seed, replications)
    return build_configuration(head, weather, policies, stances, overrides)


def build_configuration(
    head: Head,
    weather: Document,
    policies: Sequence[Policy],
    stances: list[Document],
    overrides: list[str],
) -> Configuration:
    """The same from documents: `weather` is the scenario's, `stances` are those of `policies`."""
    names = [Path(name).stem for name in policy_names(policies)]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        problem = f"policy {twice[0]!r} is named twice; give the second one another file name"
        raise collect_mistakes([problem], weather, [*stances], overrides)
    written = {name: document.data for name, document in zip(names, stances, strict=True)}
    try:
        scenario, layers, notes = compose(weather.data, written, overrides)
    except InputError as error:
        raise collect_mistakes(list(error.lines), weather, [*stances], []) from None
    mark_overridden(overrides, weather, stances)
    composed = {
        name: replace(document, data=data)
        for name, document, data in zip(names, stances, layers, strict=True)
    }
    weather = replace(weather, data=with_absolute_paths(in_order(scenario), weather))
    return _build(head, weather, composed, overrides, notes)


def collect_mistakes(
    problems: list[str],
    weather: Document | None,
    stances: list[Document | None],
    overrides: list[str],
) -> InputError:
    """These problems, with what is wrong in overrides and in the documents that could be read (the
    others are None), so that a user sees all mistakes at once."""
    data = None if weather is None else weather.data
    stance_data = [None if stance is None else stance.data for stance in stances]
    problems = [*problems, *override_mistakes(overrides, data, stance_data)]
    if weather is not None:
        weather = replace(weather, data=with_absolute_paths(weather.data, weather))
    readable = (stance for stance in stances if stance is not None)
    named = {str(place): stance for place, stance in enumerate(readable)}
    return InputError(*problems, *_examine(weather, named, []).problems)


def load_layers(policy: str) -> dict[str, Any]:
    """The layers of a policy by name or path, for use without a scenario. Raises InputError."""
    path = catalogue.find("policies", policy)
    return _layers(yaml_reader.read(path, policy if catalogue.is_path(policy) else None))


def build_layers(policy: Mapping[str, Any]) -> dict[str, Any]:
    """The layers of a policy as YAML says it; some may be layers already. Raises InputError."""
    return _layers(Document("policy", dict(policy)))


def restore(path: Path) -> Configuration:
    """The configuration of an earlier run, from its `config.yaml`. Raises InputError."""
    return restore_document(yaml_reader.read(path))


def restore_document(document: Document) -> Configuration:
    """The same, from a document that has been read."""
    data = document.data
    _check_head(document)
    weather = _part(document, data["scenario"], ("scenario",))
    if weather.data.get("lineup"):
        weather.files = dict.fromkeys(weather.lines, document.file)
    stances = {
        str(name): _part(document, layers, ("policies", name))
        for name, layers in data["policies"].items()
    }
    head = Head(
        str(data["command"]), str(data["scenario_name"]), data["seed"], data["replications"]
    )
    configuration = _build(head, weather, stances, ["scenario.horizon=given"], [])
    for file, known in data["files"].items():
        if configuration.files.get(file) != known:
            raise InputError(f"{file}: has changed since that run (SHA-256 differs)")
    configuration.study = _study_options(document)
    if "windows" in data:
        configuration = with_windows(configuration, data["windows"])
    if "replication" in data:
        return configuration.only_replication(data["replication"])
    return configuration


def _check_head(document: Document) -> None:
    """Refuse a document that is no run's config.yaml."""
    needed = {"command", "seed", "replications", "files", "scenario_name", "scenario", "policies"}
    missing = needed - set(document.data)
    if missing:
        raise InputError(
            f"{document.file}: not a run's config.yaml: {', '.join(sorted(missing))} is missing"
        )
    for name, least in (("seed", 0), ("replications", 1), ("replication", 0)):
        value = document.data.get(name, least)
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise InputError(
                f"{document.where((name,))}: {name}: expected a whole number, found {value!r}"
            )


def _part(document: Document, data: Any, at: tuple[Any, ...]) -> Document:
    """What stands at a key of a document, with its lines, as a document of its own."""
    lines = {
        path[len(at) :]: line for path, line in document.lines.items() if path[: len(at)] == at
    }
    return Document(document.file, data, lines)


def _study_options(document: Document) -> StudyOptions:
    yearly = document.data.get("yearly", False)
    if not isinstance(yearly, bool):
        raise InputError(
            f"{document.where(('yearly',))}: yearly: expected true or false, found {yearly!r}"[:200]
        )
    until = document.data.get("until")
    if "until" in document.data and (
        not isinstance(until, dict)
        or {key: type(value) for key, value in until.items()}
        != {"criterion": str, "first": int, "most": int}
    ):
        raise InputError(
            f"{document.where(('until',))}: until: expected criterion, first and most, as a run "
            f"writes them"
        )
    return StudyOptions(until=until, yearly=yearly)


def with_windows(configuration: Configuration, count: Any) -> Configuration:
    """The same, with its trace played in `count` parts. Raises InputError where that cannot be."""
    if not isinstance(count, int) or isinstance(count, bool) or not 1 <= count <= 100_000:
        raise InputError(f"windows: expected a whole number from 1 to 100,000, found {count!r}")
    load = configuration.scenario.workload
    if load.trace is None or load.trace_jitter:
        raise InputError(
            "windows: only a trace can be played in parts, and not with --jitter, which moves "
            "requests between them"
        )
    return replace(configuration, study=replace(configuration.study, windows=count))


def _build(
    head: Head,
    weather: Document,
    stances: dict[str, Document],
    overrides: list[str],
    notes: list[str],
) -> Configuration:
    result = _examine(weather, stances, overrides)
    if result.problems:
        raise InputError(*result.problems)
    scenario = result.scenario
    assert scenario is not None
    paths = [getattr(scenario.workload, kind) for kind in FILES]
    files = {path: digest(path) for path in paths if path is not None}
    command, name, seed, replications = head
    notes = [*notes, *result.notes]
    return Configuration(
        command, name, scenario, result.policies, seed, replications, files, notes=notes
    )


@dataclass
class _Examined:
    """What can be read of a scenario and policies, every mistake of theirs, and notes."""

    scenario: spec.Scenario | None = None
    policies: dict[str, dict[str, Any]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def _examine(
    weather: Document | None, stances: dict[str, Document], overrides: list[str]
) -> _Examined:
    """Documents with their overrides applied, read and checked as a whole."""
    result = _Examined()
    unread = Unread()
    if weather is not None:
        scenario, problems, keys = schema.build_valid_part(spec.Scenario, weather.data, weather)
        result.scenario, unread = scenario, Unread(keys)
        result.problems += problems
    for name, document in stances.items():
        try:
            result.policies[name] = _layers(document)
        except InputError as error:
            result.problems += error.lines
    if weather is None or result.scenario is None:
        return result
    unread = _read_files(result, weather, overrides, unread)
    known = readable_names(result.scenario, unread)
    _check_scenario(result, weather, unread, known)
    for name, document in stances.items():
        _check_policy(result, name, document, unread, known)
    return result


def _read_files(
    result: _Examined, weather: Document, overrides: list[str], unread: Unread
) -> Unread:
    """Read the scenario's files, which may set its horizon and the day of its prices; returns what
    could not be read of all."""
    scenario = result.scenario
    assert scenario is not None
    suspicious = advice.millisecond_notes(scenario, weather.data)
    result.notes += [f"{weather.file}: {line}" for line in suspicious]
    try:
        scenario = read_inputs(scenario, weather, overrides, result.notes)
    except InputError as error:
        result.problems += error.lines
        return Unread([*unread.keys, ("horizon",)], files=True)
    scenario = apply_presets(scenario, weather.data.get("outages"), result.notes)
    result.notes += advice.caller_notes(scenario.workload)
    result.notes += [*idle_key_notes(scenario), *reach_notes(scenario)]
    result.scenario = pin_prices(scenario, result.notes)
    return unread


def _check_scenario(
    result: _Examined, weather: Document, unread: Unread, known: dict[str, KnownNames]
) -> None:
    scenario = result.scenario
    assert scenario is not None
    result.problems += check_scenario(scenario, weather, unread)
    mistakes, doubts = check_names(scenario, known, weather)
    result.problems += mistakes
    result.notes += doubts
    if not result.problems:
        try:
            result.scenario = replay_incidents(scenario, weather, result.notes)
        except InputError as error:
            result.problems += error.lines
    if not result.problems:
        result.notes += price_warnings(scenario, run_calendar(scenario))
        result.notes += advice.prompt_cache_notes(scenario, run_calendar(scenario))


def _check_policy(
    result: _Examined, name: str, document: Document, unread: Unread, known: dict[str, KnownNames]
) -> None:
    """Check a policy against the scenario, and let its budget layers have the scenario's sum."""
    scenario, layers = result.scenario, result.policies.get(name, {})
    assert scenario is not None
    if not unread.hides_deployments:
        result.problems += [
            f"{document.where(key)}: {'.'.join(key)}: {line}"
            for key, line in target_mistakes(layers, scenario)
        ]
    mistakes, doubts = check_mentions(layer_mentions(layers), known, document, strict=False)
    result.problems += mistakes
    result.notes += [
        f"{name}: {line}"
        for line in (
            *doubts,
            *advice.nesting_notes(layers),
            *advice.setting_notes(layers, document.data, scenario),
            *([] if result.problems else shared_fate_notes(layers, scenario)),
            *([] if result.problems else pitfall_notes(layers, scenario)),
            *([] if result.problems else only_notes(layers, scenario)),
        )
    ]
    result.policies[name] = {key: _funded(layer, scenario) for key, layer in layers.items()}


def _layers(document: Document) -> dict[str, Any]:
    """The layers of a policy's document. Raises InputError with every mistake."""
    if not isinstance(document.data, dict):
        raise InputError(f"{document.file}: expected layers by name")
    layers: dict[str, Any] = {}
    problems: list[str] = []
    for key, value in document.data.items():
        if key not in RESERVED:
            try:
                layers[str(key)] = _layer(key, value, document)
            except InputError as error:
                problems += error.lines
    whole = [*advice.forbidden_nestings(layers), *advice.own_mistakes(layers)]
    found: list[tuple[tuple[str, ...], str]] = [((key,), text) for key, text in whole]
    found += [((key, "only"), text) for key, text in misplaced(layers)]
    problems += [f"{document.where(path)}: {'.'.join(path)}: {text}" for path, text in found]
    if problems:
        raise InputError(*problems)
    return layers


def _meant(kind: str) -> str:
    """What was to be written in place of a layer that there is not."""
    if kind == "preset":
        return f"a preset stands in its layer, as breaker: {{preset: kong}}; {schema.WHOLE}"
    if f"{catalogue.GATEWAYS}/{kind}" in catalogue.list_names("policies"):
        return (
            f"it is a whole policy: policy={kind} runs it, and simroute describe policy={kind} "
            f"shows the layers that it is made of"
        )
    near = nearest(kind, sorted(registry))
    return f"{near}; one of your own is loaded with --plugin FILE.py"


def _layer(key: Any, value: Any, document: Document) -> Any:
    if hasattr(value, "kind") and not isinstance(value, type | Mapping):
        return value
    settings = dict(value or {}) if isinstance(value, dict) or value is None else value
    kind = settings.pop("kind", key) if isinstance(settings, dict) else key
    where = f"{document.where((str(key),))}: {key}"
    if kind not in registry:
        raise InputError(f"{where}: no layer is called {kind!r}; {_meant(str(kind))}")
    if not isinstance(settings, dict):
        cls = registry[kind]
        own = (field.name for field in declared_fields(cls) if field.name != "only")
        first = next((f"{name}: …" for name in own), "")
        if isinstance(value, str) and value in getattr(cls, "presets", ()):
            first = f"preset: {value}"
        raise InputError(
            f"{where}: expected keys and values, found {displayed(value)}; write {key}: {{{first}}}"
        )
    return schema.build(registry[kind], settings, document, (str(key),))


def _funded(layer: Any, scenario: spec.Scenario) -> Any:
    """A budget layer without a sum of its own keeps the scenario's."""
    if layer.kind != "budget" or layer.usd is not None or scenario.budget is None:
        return layer
    ours = scenario.budget
    calendar = {
        key: getattr(layer, key) or getattr(ours, key)
        for key in ("period", "zone", "reset", "window")
    }
    if calendar["period"] != "rolling":
        calendar["window"] = layer.window
    return replace(layer, usd=ours.usd, **calendar)
