"""Outages of the command line, laid over a scenario or a trace (`--outage`): one in short, one
written out, or those of a scenario."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from simroute.config import yaml_reader
from simroute.config.documents import read_documents
from simroute.config.outage_presets import PRESETS
from simroute.errors import InputError, nearest

SHORT = re.compile(r"(?P<who>[^@]+)@(?P<start>[^@]+?)\.\.(?P<end>[^@]+)")
SCOPES = ("provider", "deployment", "domain")
"""What an outage may be of, in the order in which a name is looked up."""
HOW = (
    "WHO@START..END such as anthropic@20m..80m, PRESET@START such as openai_2024_12_04@20m, or "
    "{provider: …, start: …, end: …}"
)

Outages = dict[str, Any]
"""Name -> the keys of an outage."""


def parse_outages(
    texts: Sequence[str], scenario: dict[str, Any] | None
) -> tuple[Outages, list[str]]:
    """What --outage names, and what is wrong with it. `scenario`: the plain data that it is laid
    over, whose outages keep their names; None where it could not be read, so that names of
    providers are not looked up."""
    outages: Outages = {}
    problems: list[str] = []
    data = scenario or {}
    scopes = None if scenario is None else _scopes(data.get("deployments"))
    for number, text in enumerate(texts, 1):
        try:
            taken = {**(data.get("outages") or {}), **outages}
            outages |= _parse(text, number, scopes, taken)
        except InputError as error:
            problems += error.lines
    return outages, problems


def outage_words(texts: Sequence[str], scenario: str) -> list[str]:
    """The same as overrides of a scenario by name or path. Raises InputError."""
    documents, problems = read_documents(scenario, [])
    if problems or documents[0] is None:
        return []  # reported by whoever loads it
    outages, problems = parse_outages(texts, documents[0].data)
    if problems:
        raise InputError(*problems)
    return [f"+scenario.outages.{_safe(name)}={_flow(data)}" for name, data in outages.items()]


def _scopes(deployments: Any) -> dict[str, str]:
    """Name -> what it is of the deployments: a provider rather than a deployment of that name."""
    scopes: dict[str, str] = {}
    for scope in reversed(SCOPES):
        for name, data in deployments.items() if isinstance(deployments, dict) else ():
            of = {**data, "deployment": name} if isinstance(data, dict) else {"deployment": name}
            if of.get(scope) is not None:
                scopes[str(of[scope])] = scope
    return scopes


def _parse(text: str, number: int, scopes: dict[str, str] | None, taken: Outages) -> Outages:
    if text.lstrip().startswith("{"):
        data = yaml_reader.parse(text.encode(), "--outage").data
        return {_free(f"laid-{number}", taken): data}
    if "@" in text:
        return _short(text, scopes, taken)
    documents, problems = read_documents(text, [])
    own = None if documents[0] is None else documents[0].data.get("outages")
    if problems:
        raise InputError(*(f"--outage {text}: {line}; or write {HOW}" for line in problems))
    if not own:
        raise InputError(
            f"--outage {text}: that scenario has no outages; name another, or write {HOW}"
        )
    others = {name: data for name, data in taken.items() if own.get(name) != data}
    return {_free(str(name), others): data for name, data in own.items()}


def _short(text: str, scopes: dict[str, str] | None, taken: Outages) -> Outages:
    """A total outage, from WHO@START..END, or one that happened, from PRESET@START."""
    preset, _, start = text.strip().partition("@")
    if preset in PRESETS and ".." not in start:
        return {_free(preset, taken): {"preset": preset, **_times({"start": start}, text)}}
    match = SHORT.fullmatch(text.strip())
    if match is None:
        raise InputError(f"--outage {text}: not understood; write {HOW}")
    who = match["who"].strip()
    if scopes is None:
        return {}
    if who not in scopes:
        raise InputError(
            f"--outage {text}: no provider, deployment or domain is called {who!r}; "
            f"{nearest(who, scopes)}"
        )
    times = _times({key: match[key] for key in ("start", "end")}, text)
    return {_free(_safe(who), taken): {scopes[who]: who, **times}}


def _times(words: dict[str, str], text: str) -> Any:
    """A number is seconds, as in files."""
    written = "".join(f"{key}: {word}\n" for key, word in words.items())
    return yaml_reader.parse(written.encode(), f"--outage {text}").data


def _safe(name: str) -> str:
    """The name as overrides can spell it."""
    plain = re.sub(r"[^A-Za-z0-9_-]+", "-", name)
    return plain if plain[:1].isalpha() else f"outage-{plain}"


def _free(name: str, taken: Outages) -> str:
    """The name, with a number where it is taken."""
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name}-{number}"
    return free


def _flow(value: Any) -> str:
    """Plain data in the grammar of overrides."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
