"""The files of a scenario and of policies, by name or path."""

from __future__ import annotations

from collections.abc import Sequence

from simroute.config import catalogue, yaml_reader
from simroute.config.lineups import read_scenario
from simroute.config.yaml_reader import Document
from simroute.errors import InputError


def read_documents(
    scenario: str | None, policies: list[str], overrides: Sequence[str] = ()
) -> tuple[list[Document | None], list[str]]:
    """The documents of a scenario (unless None) and of policies by name or path, None for each that
    cannot be read, and a line that says why. `overrides`: they may name the scenario's line-up."""
    documents: list[Document | None] = []
    problems: list[str] = []
    for kind, name in [
        *([] if scenario is None else [("scenarios", scenario)]),
        *(("policies", policy) for policy in policies),
    ]:
        try:
            is_scenario = kind == "scenarios"
            documents.append(read_scenario(name, overrides) if is_scenario else _read_policy(name))
        except InputError as error:
            documents.append(None)
            problems += error.lines
    return documents, problems


def _read_policy(name: str) -> Document:
    path = catalogue.find("policies", name)
    return yaml_reader.read(path, name if catalogue.is_path(name) else f"policies/{path.name}")
