"""How fast a scenario plays on this machine, from its first requests."""

from __future__ import annotations

import time
from contextlib import suppress

from simroute.config.configuration import Configuration
from simroute.experiment.run import build_context, build_world
from simroute.ledger import Sink
from simroute.metrics import EvidenceFold, Fold
from simroute.models.questions import BLOCK

ENOUGH = 0.15
"""Seconds of measuring."""


class PaceKnown(Exception):
    """The rest of the run is of no interest."""


def measure_pace(configuration: Configuration, policy: str) -> float | None:
    """Requests a second of this machine's time, figures included; of blocks of some thousand
    requests until a part of a second has passed. None where no request arrives."""
    if configuration.scenario.workload.callers.count:
        return None  # not played by blocks
    sinks: list[Sink] = []
    world = build_world(configuration, policy, 0, sinks)
    context = build_context(configuration, world)
    sinks += [Fold(context), EvidenceFold(context, story=world.ledger.event_names)]
    began, played = time.perf_counter(), 0

    def count(_: float) -> None:
        nonlocal played
        played += 1
        if time.perf_counter() - began >= ENOUGH:
            raise PaceKnown

    with suppress(PaceKnown):
        world.run(count)
    passed = time.perf_counter() - began
    requests = min(played * BLOCK, configuration.expected_requests)
    return requests / passed if requests else None
