"""A trace file as arrays for the workload, and tables of outcomes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import numpy as np

from simroute.models.blocks import OutcomeTable
from simroute.models.logged_behaviour import LoggedBehaviour
from simroute.traces import records
from simroute.traces.detection import ReadOptions
from simroute.traces.importer import read
from simroute.traces.raw_text import TraceError
from simroute.traces.table import RequestTable


@dataclass
class Trace:
    """Arrivals and lengths of a trace in memory: `TraceColumns` of which nothing else is known.

    >>> read_trace("log.csv").arrival

    arrival: seconds since the first request, sorted. input_tokens, output_tokens: of each request.
    notes: what was skipped or assumed.
    """

    arrival: np.ndarray
    input_tokens: np.ndarray
    output_tokens: np.ndarray
    notes: list[str] = field(default_factory=list)

    first_ns = 0
    prompt_parts: ClassVar[tuple[np.ndarray, np.ndarray] | None] = None
    relative = True

    def __post_init__(self) -> None:
        self.requests = len(self.arrival)
        self.repeated_questions = 0
        self.names: dict[str, list[str]] = {}
        self.known_columns: list[str] = []
        self.targets: list[str] = []
        self.routes: list[list[int]] = []
        self.fallback_chains: list[list[int]] = []
        self._columns = {
            "arrival": self.arrival,
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "session": np.arange(self.requests),
        }

    def ask(self, questions: Sequence[int]) -> None:
        """Says which question each request asks: equal numbers, from 0, the same one."""
        self._columns["question"] = np.array(questions, np.int64)
        self.repeated_questions = max(questions, default=-1) + 1

    def tag(self, kind: str, words: Sequence[str]) -> None:
        """Says whose each request is, or what it is for. kind: user, feature, task or session."""
        self.names[kind] = list(dict.fromkeys(words))
        self.known_columns.append(kind)
        self._columns[kind] = np.array([self.names[kind].index(word) for word in words], np.int32)

    def column(self, name: str) -> np.ndarray:
        return self._columns[name]

    def block(self, start: int, stop: int) -> dict[str, np.ndarray]:
        return {name: column[start:stop] for name, column in self._columns.items()}

    def select(self, places: np.ndarray) -> dict[str, np.ndarray]:
        return {name: column[places] for name, column in self._columns.items()}

    def behaviour(self, target: str) -> LoggedBehaviour:
        raise ValueError(f"{target}: only a trace on disk knows how deployments behaved")


def read_trace(path: str | Path, options: ReadOptions | None = None) -> Trace:
    """Arrivals and lengths of a trace in any known format. Raises TraceError."""
    table = read([Path(path)], options)
    arrival, input_tokens, output_tokens = table.arrays(
        "arrival_ns", "coalesce(input_tokens, 0)", "coalesce(output_tokens, 0)"
    )
    return Trace((arrival - arrival[0]) / 1e9, input_tokens, output_tokens, reading_notes(table))


def reading_notes(table: RequestTable) -> list[str]:
    """What was skipped or assumed in reading, in sentences."""
    return [
        *([table.lost] if table.lost else []),
        *(
            f"{count:,} rows skipped: {reason} ({table.examples[reason][0].rpartition(': ')[2]} …)"
            for reason, count in table.skipped.items()
        ),
        *table.notes,
    ]


def read_outcomes(path: str | Path) -> OutcomeTable:
    """Read a table of prompts and models: prompt_id, task, then a column of scores from 0 to 1 for
    each model. Raises TraceError."""
    rows = records.read_csv_rows(Path(path))
    header = next(rows, (0, []))[1]
    if header[:2] != ["prompt_id", "task"] or len(header) < 3:
        raise TraceError(
            f"{path}: row 1: expected columns prompt_id,task,MODEL…, found {','.join(header)[:80]}"
        )
    body = [(number, fields) for number, fields in rows if fields]
    if not body:
        raise TraceError(f"{path}: no rows")
    try:
        scores = np.array([[float(value) for value in fields[2:]] for _, fields in body])
    except ValueError:
        raise TraceError(
            f"{path}: every model column must hold a number from 0 to 1 in every row"
        ) from None
    if (
        scores.ndim != 2
        or scores.shape[1] != len(header) - 2
        or not ((scores >= 0) & (scores <= 1)).all()
    ):
        raise TraceError(
            f"{path}: every row needs one number from 0 to 1 for each of the {len(header) - 2} "
            f"models"
        )
    tasks = sorted({fields[1] for _, fields in body})
    codes = {task: code for code, task in enumerate(tasks)}
    return OutcomeTable(
        tasks,
        np.array([codes[fields[1]] for _, fields in body]),
        {m: scores[:, i] for i, m in enumerate(header[2:])},
    )
