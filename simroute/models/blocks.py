"""Requests as columns, a block at a time, and what a workload reads from files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from simroute.models.clients import ClientWindows
from simroute.models.playback import TraceColumns
from simroute.models.questions import BLOCK


class OutcomeTable(NamedTuple):
    """A prompt × model table. tasks: names by code; task: code of each prompt; columns: model ->
    score (0 … 1) of each prompt."""

    tasks: list[str]
    task: np.ndarray
    columns: dict[str, np.ndarray]


class Inputs(NamedTuple):
    """What the files hold that a workload names: `trace`, `lengths` (of prompts and answers),
    `outcomes` and `clients`; None without such a file."""

    trace: TraceColumns | None = None
    lengths: TraceColumns | None = None
    outcomes: OutcomeTable | None = None
    clients: ClientWindows | None = None


class RequestLists:
    """A block's columns as Python lists, for reading one request at a time. Each is made when it is
    first asked for."""

    arrival: list[float]
    task: list[int]
    user: list[int]
    feature: list[int]
    session: list[int]
    input_tokens: list[int]
    output_tokens: list[int]
    streamed: list[bool]
    question: list[int]
    wording: list[int]
    replica: list[int]
    route: list[int]
    cached_tokens: list[int]
    written_tokens: list[int]
    invalid: list[int]

    def __init__(self, columns: Mapping[str, np.ndarray]) -> None:
        self._columns = columns

    def __getattr__(self, name: str) -> list[Any]:
        if name not in RequestLists.__annotations__:
            raise AttributeError(name)
        values: list[Any] = self._columns[name].tolist()
        setattr(self, name, values)
        return values


@dataclass(eq=False)
class Block:
    """Up to `BLOCK` consecutive requests as columns.

    first: index of the first request. arrival: seconds of the run. task, user, feature, team: codes
        of names (team: None where nobody has one).
    question: the same number, the same meaning; wording: the same number, the same prompt; row: the
        question's row of the prompt × model table, where there is one (else 0).
    route: where a log says that it was sent, as a place in the trace's routes (-1: it does not say;
        -2: a cache of the gateway answered).
    cached_tokens, written_tokens: of the input, read from the provider's cache and written to it.
    invalid: the status with which every deployment refuses the request; 0 for none.
    system_tokens, context_tokens: of the input, the task's system prompt, and what was said before
        in its session; None where there is none.
    prompt: the place of its request in a trace that tells parts of prompts, else None.
    origin: number of the block whose questions these are, asked again; None: its own. places: of
        the requests among those of the whole block.
    """

    first: int
    arrival: np.ndarray
    task: np.ndarray
    user: np.ndarray
    feature: np.ndarray
    team: np.ndarray | None
    session: np.ndarray
    input_tokens: np.ndarray
    output_tokens: np.ndarray
    streamed: np.ndarray
    question: np.ndarray
    wording: np.ndarray
    replica: np.ndarray
    row: np.ndarray
    route: np.ndarray
    cached_tokens: np.ndarray
    written_tokens: np.ndarray
    invalid: np.ndarray
    system_tokens: np.ndarray | None = None
    context_tokens: np.ndarray | None = None
    prompt: np.ndarray | None = None
    origin: int | None = None
    places: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))

    def __post_init__(self) -> None:
        self.size = len(self.arrival)
        if not len(self.places):
            self.places = np.arange(self.size)

    @property
    def number(self) -> int:
        """Its draws are keyed by this."""
        return self.first // BLOCK

    @property
    def questions(self) -> int:
        """What belongs to its questions is keyed by this."""
        return self.number if self.origin is None else self.origin

    def select(self, places: np.ndarray) -> Block:
        """Only the requests at these places."""
        columns = {each.name: getattr(self, each.name) for each in fields(self)}
        return Block(
            **{
                name: column[places] if isinstance(column, np.ndarray) else column
                for name, column in columns.items()
            }
        )

    @property
    def billed_tokens(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """What a whole answer to each request is billed for, as `RateCard.bill_many` takes it."""
        return self.input_tokens, self.output_tokens, self.cached_tokens, self.written_tokens

    @cached_property
    def lists(self) -> RequestLists:
        return RequestLists(dict(vars(self)))
