"""The files of a scenario and of policies, by name or path."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from simroute.config import catalogue, yaml_reader
from simroute.config.lineups import read_scenario
from simroute.config.yaml_reader import Document
from simroute.errors import InputError

RECORDED = "recorded"
"""A log's own routing, beside which policies are replayed."""
Policy = str | Mapping[str, Any]
"""By name or path; or its layers, as a file would have them."""


def policy_names(policies: Sequence[Policy]) -> list[str]:
    """As they are written; a mapping is `policy`, or one of several `policy_2` by its place, which
    a log's own routing does not have."""
    alone = sum(not isinstance(each, str) for each in policies) == 1
    first = 0 if RECORDED in policies else 1
    return [
        each if isinstance(each, str) else "policy" if alone else f"policy_{place}"
        for place, each in enumerate(policies, first)
    ]


def read_documents(
    scenario: str | None, policies: Sequence[Policy], overrides: Sequence[str] = ()
) -> tuple[list[Document | None], list[str]]:
    """The documents of a scenario (unless None) and of policies by name or path, None for each that
    cannot be read, and a line that says why. `overrides`: they may name the scenario's line-up."""
    documents: list[Document | None] = []
    problems: list[str] = []
    reads = [] if scenario is None else [partial(read_scenario, scenario, overrides)]
    for name, policy in zip(policy_names(policies), policies, strict=True):
        reads.append(
            partial(_read_policy, policy) if policy is name else partial(_plain, name, policy)
        )
    for read in reads:
        try:
            documents.append(read())
        except InputError as error:
            documents.append(None)
            problems += error.lines
    return documents, problems


def _plain(name: str, layers: Any) -> Document:
    """A mapping as its file would be read. Raises InputError."""
    if not isinstance(layers, Mapping):
        raise InputError(
            f"{name}: expected a policy by name or path, or its layers as a mapping, found a "
            f"{type(layers).__name__}"
        )
    try:
        return Document(name, json.loads(json.dumps(dict(layers))))
    except (TypeError, ValueError, RecursionError):
        raise InputError(
            f"{name}: a policy as a mapping has what its file would have: texts, numbers, true or "
            f"false, lists and mappings; write a layer as {{'timeout': {{'total': '30s'}}}}"
        ) from None


def _read_policy(name: str) -> Document:
    path = catalogue.find("policies", name)
    return yaml_reader.read(path, name if catalogue.is_path(name) else f"policies/{path.name}")
