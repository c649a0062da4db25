"""Line-ups: deployments that many scenarios share, in a file of their own (`scenarios/lineups`)."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from simroute.config import catalogue, yaml_reader
from simroute.config.yaml_reader import Document
from simroute.errors import InputError

KEY = "lineup"
SECTION = "deployments"


def read_scenario(name: str, overrides: Sequence[str] = ()) -> Document:
    """A scenario's document by name or path, with the deployments of its line-up, which an
    override may name. Raises InputError."""
    path = catalogue.find("scenarios", name)
    shown = name if catalogue.is_path(name) else f"scenarios/{path.name}"
    return with_lineup(yaml_reader.read(path, shown), overrides)


def with_lineup(document: Document, overrides: Sequence[str] = ()) -> Document:
    """The same with the deployments of its line-up before its own. Where both have one of a name,
    the scenario's keys hold, and the line-up's for the rest. Raises InputError."""
    chosen, own = _chosen(document, overrides), document.data.get(SECTION)
    if not isinstance(chosen, str) or not isinstance(own, dict | None):
        return document  # reported with the other mistakes of the file
    lineup = _read(chosen, document)
    shared = lineup.data[SECTION]
    lines = {path: line for path, line in lineup.lines.items() if path[0] == SECTION}
    files = {path: lineup.file for path in lines if path not in document.lines}
    return replace(
        document,
        data={**document.data, SECTION: _merged(shared, own or {})},
        lines={**lines, **document.lines},
        files=files,
    )


def is_lineup(data: dict[Any, Any]) -> bool:
    """Whether a file's content is a line-up: deployments, and nothing of a scenario beside."""
    return SECTION in data and {str(key) for key in data} <= {"about", SECTION}


def in_order(data: Any) -> Any:
    """A scenario's data with its `first` deployments at the head of the others."""
    first, deployments = data.get("first"), data.get(SECTION)
    if not isinstance(first, str) or not isinstance(deployments, dict):
        return data
    named = [name for name in deployments if str(name) == first]
    ahead = named or [name for name, its in deployments.items() if _provider(its) == first]
    rest = [name for name in deployments if name not in ahead]
    return {**data, SECTION: {name: deployments[name] for name in (*ahead, *rest)}}


def _provider(deployment: Any) -> Any:
    return deployment.get("provider") if isinstance(deployment, dict) else None


def _chosen(document: Document, overrides: Sequence[str]) -> Any:
    chosen = document.data.get(KEY)
    for text in overrides:
        key, _, value = text.lstrip("+").partition("=")
        if key in (f"scenario.{KEY}", f"~scenario.{KEY}"):
            chosen = None if value in ("", "null") else value.strip("'\"")
    return chosen


def _read(name: str, document: Document) -> Document:
    """A line-up by name, or by a path from the scenario's folder."""
    where = f"{document.where((KEY,))}: {KEY}"
    try:
        if catalogue.is_path(name):
            own = document.folder / name
            path = own if own.is_file() else catalogue.find(catalogue.LINEUPS, name)
            lineup = yaml_reader.read(path, name)
        else:
            path = catalogue.find(catalogue.LINEUPS, name)
            lineup = yaml_reader.read(path, f"{catalogue.LINEUPS}/{path.name}")
    except InputError as error:
        raise InputError(*(f"{where}: {line}" for line in error.lines)) from None
    other = [str(key) for key in lineup.data if key not in ("about", SECTION)]
    if other or not isinstance(lineup.data.get(SECTION), dict):
        found = f"; {', '.join(other)} belong into the scenario" if other else ""
        raise InputError(
            f"{where}: {lineup.file} is no line-up: it holds about and {SECTION}{found}"
        )
    return lineup


def _merged(base: Any, own: Any) -> Any:
    """`own` over `base`, key by key where both are mappings."""
    if not isinstance(base, dict) or not isinstance(own, dict):
        return copy.deepcopy(own)
    names = {str(key): key for key in base}
    result = copy.deepcopy(base)
    for key, value in own.items():
        known = names.get(str(key), key)
        result[known] = _merged(result.get(known), value)
    return result
