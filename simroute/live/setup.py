"""Policy and deployments, read and held against each other: all that could not serve, at once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from simroute.errors import InputError
from simroute.live.deployments import Fleet, read_fleet
from simroute.live.files import read_layers
from simroute.live.inert import inert_layers
from simroute.live.meanings import Meanings
from simroute.worlds.live import ExpertFunctions


def read_setup(
    policy: str | Path | Mapping[str, Any],
    deployments: str | Path | Mapping[str, Any],
    experts: ExpertFunctions,
    meanings: Meanings,
) -> tuple[dict[str, Any], Fleet]:
    """Layers and fleet. Raises InputError with every mistake of both."""
    problems: list[str] = []
    layers: dict[str, Any] = {}
    fleet = Fleet({}, {}, {})
    try:
        layers = read_layers(policy)
    except InputError as error:
        problems += error.lines
    try:
        fleet = read_fleet(deployments)
    except InputError as error:
        problems += error.lines
    if not problems:
        problems = inert_layers(layers, fleet.targets, fleet.prices, experts, meanings.exist(fleet))
        problems += meanings.mistakes(fleet)
    if problems:
        raise InputError(*problems)
    return layers, fleet
