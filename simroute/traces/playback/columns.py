"""A trace for playback: its columns on disk, read a block at a time."""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from simroute.models.logged_behaviour import LoggedBehaviour

PLAYED_TYPES = {
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
"""Column -> type of what is played. streamed: 1, 0, or -1 for unknown. route: index in `routes`, -1
for unknown, -2 where the gateway's own cache answered. invalid: the status of a request that failed
by its own fault, else 0."""

OUTCOME_TYPES = {"failed": "i1", "latency_s": "f8", "cost_usd": "f8"}
"""Column -> type of what the log says came of it. failed: 1, 0, or -1 for unknown; the others are
NaN where it does not say."""

TYPES = PLAYED_TYPES | OUTCOME_TYPES

OTHERS = "(others)"

NOBODY = "-"

PROMPT_PARTS = "prompts.npz"


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
        contents = json.loads((folder / "trace.json").read_text(encoding="utf-8"))
        self.requests, self.span, self.first_ns = (
            int(contents["requests"]),
            float(contents["span"]),
            int(contents["first_ns"]),
        )
        self.relative, self.repeated_questions, self.format = (
            bool(contents["relative"]),
            int(contents["repeated_questions"]),
            str(contents["format"]),
        )
        self.names: dict[str, list[str]] = contents["names"]
        self.targets: list[str] = contents["targets"]
        self.routes: list[list[int]] = contents["routes"]
        self.fallback_chains: list[list[int]] = contents["fallback_chains"]
        self.known_columns: list[str] = contents["known_columns"]
        self.max_output_tokens: int = contents["max_output_tokens"]
        self.answering_models: dict[str, str] = contents["answering_models"]
        self.call_counts: dict[str, tuple[int, int, int]] = {
            target: tuple(counts) for target, counts in contents["call_counts"].items()
        }
        self.cost_equations: dict[str, list[list[float]]] = contents["cost_equations"]
        self.spend_by_work: list[list[Any]] = contents["spend_by_work"]
        self.repeat_spend: dict[str, float] | None = contents["repeat_spend"]
        self.shared_prefixes: list[float | None] = contents["shared_prefixes"]
        self.notes: list[str] = contents["notes"]

    @property
    def arrival(self) -> np.ndarray:
        """Seconds since the first request, in order; mapped from disk."""
        return self.column("arrival")

    @property
    def input_tokens(self) -> np.ndarray:
        return self.column("input_tokens")

    @property
    def output_tokens(self) -> np.ndarray:
        return self.column("output_tokens")

    def column(self, name: str) -> np.ndarray:
        """One whole column, mapped from disk."""
        return np.memmap(self.folder / name, np.dtype(TYPES[name]), "r", shape=(self.requests,))

    def block(self, start: int, stop: int, outcomes: bool = False) -> dict[str, np.ndarray]:
        """The columns of the requests from `start` until before `stop`; with `outcomes`, what came
        of them as well."""
        kinds = TYPES if outcomes else PLAYED_TYPES
        return {
            name: np.fromfile(self.folder / name, kind, stop - start, offset=start * int(kind[1]))
            for name, kind in kinds.items()
        }

    def select(self, indices: np.ndarray) -> dict[str, np.ndarray]:
        """The columns of the requests at these indices."""
        return {name: np.asarray(self.column(name)[indices]) for name in PLAYED_TYPES}

    @cached_property
    def prompt_parts(self) -> tuple[np.ndarray, np.ndarray] | None:
        """(by request, where its parts begin; parts of prompts, numbers), as
        `playback.prompt_parts` makes them; None where the log has no blocks of prompts."""
        if not (self.folder / PROMPT_PARTS).exists():
            return None
        with np.load(self.folder / PROMPT_PARTS, allow_pickle=False) as archive:
            return archive["starts"], archive["parts"]

    @cached_property
    def _observed(self) -> dict[str, np.ndarray]:
        return self.observations()

    def targets_by_calls(self) -> list[str]:
        """All targets, the busiest first, and last those that never answered."""
        return sorted(self.targets, key=lambda target: self.call_counts[target][1] == 0)

    def behaviour(self, target: str) -> LoggedBehaviour:
        """How a target ("provider/model") behaved in the log. Raises ValueError."""
        if target not in self._behaviours:
            _, answered, status = self.call_counts[target]
            self._behaviours[target] = LoggedBehaviour(
                self._observed, self.targets.index(target), None if answered else status
            )
        return self._behaviours[target]

    def observations(self) -> dict[str, np.ndarray]:
        """Observed calls of all targets, and their errors by window, as they are on disk."""
        with np.load(self.folder / "observed.npz", allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
