"""A trace played back: its columns on disk, read a block at a time."""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from simroute.models.recorded import Behaviour

KINDS = {
    "arrival": "f8",
    "input_tokens": "i8",
    "output_tokens": "i8",
    "cached_tokens": "i8",
    "written_tokens": "i8",
    "streamed": "i1",
    "user": "i4",
    "feature": "i4",
    "task": "i4",
    "team": "i4",
    "session": "i8",
    "question": "i8",
    "route": "i4",
    "invalid": "i4",
}
"""What is played, column -> type. streamed: 1, 0, -1 for unknown; route: place in `routes`, -1
unknown, -2 answered by the gateway's own cache; invalid: the status of a request that failed by its
own fault, else 0."""


SEEN = {"failed": "i1", "latency_s": "f8", "cost_usd": "f8"}
"""What the log says came of it. failed: 1, 0, -1 for unknown; NaN where it does not say."""


TYPES = KINDS | SEEN


OTHERS = "(others)"


NOBODY = "-"


class Recording:
    """`requests`, `span` (s, first to last arrival), `names` by code of user, feature, task and
    team, `targets` ("provider/model"), `routes`: where each was sent, as places in `targets`;
    `chains`: the same, and what was done next where these failed; `answers`: target -> the name
    under which it answers, if another; `called`: target -> calls, those that were answered, and the
    most frequent status of the others; `said`: which canonical columns the log fills; `prefixes`:
    shares of input tokens in beginnings that came before, ever and within five minutes (None: not
    known); `notes`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._behaviours: dict[str, Behaviour] = {}
        held = json.loads((folder / "trace.json").read_text(encoding="utf-8"))
        self.requests, self.span, self.first_ns = (
            int(held["requests"]),
            float(held["span"]),
            int(held["first_ns"]),
        )
        self.relative, self.repeated, self.format = (
            bool(held["relative"]),
            int(held["repeated"]),
            str(held["format"]),
        )
        self.names: dict[str, list[str]] = held["names"]
        self.targets: list[str] = held["targets"]
        self.routes: list[list[int]] = held["routes"]
        self.chains: list[list[int]] = held["chains"]
        self.said: list[str] = held["said"]
        self.most_output: int = held["most_output"]
        self.answers: dict[str, str] = held["answers"]
        self.called: dict[str, tuple[int, int, int]] = {
            target: tuple(counts) for target, counts in held["called"].items()
        }
        self.bills: dict[str, list[list[float]]] = held["bills"]
        self.mix: list[list[Any]] = held["mix"]
        self.repeats: dict[str, float] | None = held["repeats"]
        self.prefixes: list[float | None] = held["prefixes"]
        self.notes: list[str] = held["notes"]

    @property
    def arrival(self) -> np.ndarray:
        """Seconds since the first, in order, mapped from disk."""
        return self.column("arrival")

    @property
    def input_tokens(self) -> np.ndarray:
        return self.column("input_tokens")

    @property
    def output_tokens(self) -> np.ndarray:
        return self.column("output_tokens")

    def column(self, name: str) -> np.ndarray:
        """All of one column, mapped from disk."""
        return np.memmap(self.folder / name, np.dtype(TYPES[name]), "r", shape=(self.requests,))

    def part(self, start: int, stop: int, outcomes: bool = False) -> dict[str, np.ndarray]:
        """These requests; with `outcomes` what came of them as well."""
        kinds = TYPES if outcomes else KINDS
        return {
            name: np.fromfile(self.folder / name, kind, stop - start, offset=start * int(kind[1]))
            for name, kind in kinds.items()
        }

    def picked(self, places: np.ndarray) -> dict[str, np.ndarray]:
        """The requests at these places."""
        return {name: np.asarray(self.column(name)[places]) for name in KINDS}

    @cached_property
    def _observed(self) -> dict[str, np.ndarray]:
        return self.observations()

    def behaved(self) -> list[str]:
        """All targets, the busiest first, and last those that never answered."""
        return sorted(self.targets, key=lambda target: self.called[target][1] == 0)

    def behaviour(self, target: str) -> Behaviour:
        """How a deployment of the log ("provider/model") behaved. Raises ValueError."""
        if target not in self._behaviours:
            _, answered, status = self.called[target]
            self._behaviours[target] = Behaviour(
                self._observed, self.targets.index(target), None if answered else status
            )
        return self._behaviours[target]

    def observations(self) -> dict[str, np.ndarray]:
        """What each deployment did (`Observed`'s columns), thinned to so many an hour, and its
        errors by window."""
        with np.load(self.folder / "observed.npz", allow_pickle=False) as held:
            return {name: held[name] for name in held.files}
