"""A trace played back: its columns on disk, read a block at a time."""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from simroute.models.logged_behaviour import LoggedBehaviour

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


class PlaybackColumns:
    """A trace as columns on disk, in order of arrival.

    >>> columns = open_columns("log.jsonl")
    >>> columns.block(0, 1000)["arrival"]

    requests: int. span: seconds from the first to the last arrival. first_ns: its arrival on the
        log's clock. relative: whether that clock counts from the trace's own start.
    names: column (user, feature, task, team) -> names by code.
    targets: "provider/model", the busiest first. routes: targets, by index, to which a request was
        sent in order; fallback_chains: the same, followed by the fallbacks most often seen after
        that sequence failed.
    answering_models: target -> the model's name in its answers, where it is another.
    call_counts: target -> (calls, answered calls, most frequent status of the others).
    known_columns: canonical columns that hold a value in some row.
    shared_prefixes: share of input tokens in prompt beginnings that were sent before: ever, and
        within five minutes; None where the log has no blocks of prompts.
    cost_equations, spend_by_work, repeat_spend: as `analysis.aggregates` makes them.
    notes: what was skipped or assumed, in sentences.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._behaviours: dict[str, LoggedBehaviour] = {}
        held = json.loads((folder / "trace.json").read_text(encoding="utf-8"))
        self.requests, self.span, self.first_ns = (
            int(held["requests"]),
            float(held["span"]),
            int(held["first_ns"]),
        )
        self.relative, self.repeated_questions, self.format = (
            bool(held["relative"]),
            int(held["repeated_questions"]),
            str(held["format"]),
        )
        self.names: dict[str, list[str]] = held["names"]
        self.targets: list[str] = held["targets"]
        self.routes: list[list[int]] = held["routes"]
        self.fallback_chains: list[list[int]] = held["fallback_chains"]
        self.known_columns: list[str] = held["known_columns"]
        self.max_output_tokens: int = held["max_output_tokens"]
        self.answering_models: dict[str, str] = held["answering_models"]
        self.call_counts: dict[str, tuple[int, int, int]] = {
            target: tuple(counts) for target, counts in held["call_counts"].items()
        }
        self.cost_equations: dict[str, list[list[float]]] = held["cost_equations"]
        self.spend_by_work: list[list[Any]] = held["spend_by_work"]
        self.repeat_spend: dict[str, float] | None = held["repeat_spend"]
        self.shared_prefixes: list[float | None] = held["shared_prefixes"]
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

    def block(self, start: int, stop: int, outcomes: bool = False) -> dict[str, np.ndarray]:
        """These requests; with `outcomes` what came of them as well."""
        kinds = TYPES if outcomes else KINDS
        return {
            name: np.fromfile(self.folder / name, kind, stop - start, offset=start * int(kind[1]))
            for name, kind in kinds.items()
        }

    def select(self, places: np.ndarray) -> dict[str, np.ndarray]:
        """The requests at these places."""
        return {name: np.asarray(self.column(name)[places]) for name in KINDS}

    @cached_property
    def _observed(self) -> dict[str, np.ndarray]:
        return self.observations()

    def targets_by_calls(self) -> list[str]:
        """All targets, the busiest first, and last those that never answered."""
        return sorted(self.targets, key=lambda target: self.call_counts[target][1] == 0)

    def behaviour(self, target: str) -> LoggedBehaviour:
        """How a deployment of the log ("provider/model") behaved. Raises ValueError."""
        if target not in self._behaviours:
            _, answered, status = self.call_counts[target]
            self._behaviours[target] = LoggedBehaviour(
                self._observed, self.targets.index(target), None if answered else status
            )
        return self._behaviours[target]

    def observations(self) -> dict[str, np.ndarray]:
        """What each deployment did (`Observed`'s columns), thinned to so many an hour, and its
        errors by window."""
        with np.load(self.folder / "observed.npz", allow_pickle=False) as held:
            return {name: held[name] for name in held.files}
