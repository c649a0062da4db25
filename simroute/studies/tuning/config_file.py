"""A search as its `config.yaml` tells it: its words, and each scenario with the policy, every key
spelled out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from simroute.config import yaml_reader
from simroute.config.configuration import Configuration
from simroute.config.loading import restore_document
from simroute.errors import InputError
from simroute.storage.folder import RunDescription
from simroute.studies.tuning.plan import SearchPlan, SearchRequest, check_request, make_plan

STORED_ELSEWHERE = ("scenarios", "policy", "entries", "seed", "plugins")
"""Words of a search that stand elsewhere in the file."""
KEYS = ("command", "seed", "search", "tune", "about", "configurations")


def describe_search(plan: SearchPlan) -> RunDescription:
    """For the folder of a search; `read_plan` reads the text back."""
    request = plan.request
    words = {
        f.name: _as_list(getattr(request, f.name))
        for f in fields(request)
        if f.name not in STORED_ELSEWHERE
    }

    def plain() -> dict[str, Any]:
        parts = {each.scenario_name: each.plain() for each in plan.configurations}
        values = ("tune", request.seed, words, dict(plan.entries), plan.about, parts)
        return dict(zip(KEYS, values, strict=True))

    return _describe(plan, plain)


def describe_weather(plan: SearchPlan) -> RunDescription:
    """For a cache: what the figures of a setting depend on, whatever it is that is searched:
    scenarios, policy, seed."""

    def plain() -> dict[str, Any]:
        parts = {each.scenario_name: _first_policy(each).plain() for each in plan.configurations}
        return {"command": "tune", "configurations": parts}

    return _describe(plan, plain)


def _describe(plan: SearchPlan, plain: Callable[[], dict[str, Any]]) -> RunDescription:
    first = plan.configurations[0]
    description = RunDescription.of(first, lambda: yaml_reader.dump(plain()))
    return replace(description, plugins=plan.request.plugins)


def _first_policy(configuration: Configuration) -> Configuration:
    """With the policy that is tuned only."""
    name = next(iter(configuration.policies))
    return replace(configuration, replications=1, policies={name: configuration.policies[name]})


def read_plan(path: Path, plugins: tuple[Path, ...] = ()) -> SearchPlan:
    """The plan of an earlier search. Raises InputError."""
    document = yaml_reader.read(path)
    data = document.data
    if data.get("command") not in (None, "tune") and "configurations" not in data:
        raise InputError(
            f"{path}: was written by {data['command']}; use simroute {data['command']} --config "
            f"{path}"
        )
    missing = [key for key in KEYS if key not in data]
    if missing:
        raise InputError(f"{path}: not a search's config.yaml: {', '.join(missing)} is missing")
    problems = [
        f"{document.where((key,))}: {key}: expected {what}"
        for key, kind, what in SHAPES
        if not isinstance(data[key], kind)
    ]
    problems += _check_words(document) if not problems else []
    if problems:
        raise InputError(*problems)
    configurations = [
        restore_document(_nested_document(document, str(name))) for name in data["configurations"]
    ]
    first, *others = (
        list(configurations[0].policies) if configurations and configurations[0].policies else [""]
    )
    if (
        not first
        or others != data["search"]["against"]
        or any(list(each.policies) != [first, *others] for each in configurations)
    ):
        raise InputError(
            f"{document.where(('configurations',))}: configurations: expected the policy and "
            f"those of search.against in each"
        )
    for each in configurations:
        each.plugins = plugins
    words: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in data["search"].items()
    }
    request = SearchRequest(
        [each.scenario_name for each in configurations],
        first,
        data["tune"],
        seed=data["seed"],
        plugins=plugins,
        **words,
    )
    return make_plan(
        request,
        {str(name): str(text) for name, text in data["tune"].items()},
        configurations,
        str(data["about"]),
        check_request(request),
    )


SHAPES = (
    ("seed", int, "a whole number"),
    ("search", dict, "the words of a search"),
    ("tune", dict, "LAYER.KEY: RANGE"),
    ("configurations", dict, "a configuration for each scenario"),
)


def _check_words(document: yaml_reader.Document) -> list[str]:
    """What is wrong with the words: each as a `SearchRequest` has it."""
    plain: dict[str, Any] = {
        f.name: _as_list(getattr(EXAMPLE, f.name))
        for f in fields(SearchRequest)
        if f.name not in STORED_ELSEWHERE
    }
    words = document.data["search"]
    problems = [
        f"{document.where(('search', str(key)))}: search.{key}: there is no such key"
        for key in words
        if key not in plain
    ]
    for key, example in plain.items():
        if key not in words:
            problems.append(f"{document.where(('search',))}: search.{key} is missing")
        elif type(words[key]) is not type(example) or (
            isinstance(example, list) and not all(isinstance(each, str) for each in words[key])
        ):
            problems.append(
                f"{document.where(('search', key))}: search.{key}: expected "
                f"{NAMES.get(type(example), 'text')}, found {words[key]!r}"[:200]
            )
    return problems


NAMES = {int: "a whole number", list: "a list of texts", bool: "true or false", float: "a number"}
EXAMPLE = SearchRequest([], "", {}, [])


def _nested_document(document: yaml_reader.Document, name: str) -> yaml_reader.Document:
    """One of the configurations as a document of its own."""
    data, head = (
        {str(key): value for key, value in document.data["configurations"].items()}[name],
        ("configurations", name),
    )
    if not isinstance(data, dict):
        raise InputError(
            f"{document.where(head)}: configurations: expected a configuration, found {data!r}"[
                :200
            ]
        )
    return yaml_reader.Document(
        document.file,
        data,
        {k[2:]: v for k, v in document.lines.items() if k[:2] == head and len(k) > 2},
        document.folder,
    )


def _as_list(value: Any) -> Any:
    return list(value) if isinstance(value, (list, tuple)) else value
