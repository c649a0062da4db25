"""Who asks what, and when: blocks of requests, made lazily and all at once each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from simroute.models import spec
from simroute.models.burstiness import Modulation, draw_gaps
from simroute.models.lengths import token_counts
from simroute.models.playback import Partition, TraceColumns, play_blocks
from simroute.models.profile import ArrivalProfile
from simroute.models.questions import BLOCK, UNIQUE, Questions
from simroute.models.random import Streams

SELDOM = 1e-30
"""Arrivals a second below which none comes within any horizon."""
MOST_QUESTIONS = 1_000_000
"""The largest catalogue of repeats: its popularity and its questions are kept in memory."""


class OutcomeTable(NamedTuple):
    """A prompt × model table: task code of each prompt, and one column of scores (0 … 1) for each
    model."""

    tasks: list[str]
    task: np.ndarray
    columns: dict[str, np.ndarray]


class RequestLists(NamedTuple):
    """A block's columns as Python lists, for reading one request at a time."""

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


class Block:
    """Up to `BLOCK` consecutive requests: numpy columns, `first` the index of the first; same
    `question`, same meaning; same `wording`, same prompt.

    `row`: the question's row of the prompt × model table, where the workload has one (else 0).
    `route`: where a log says that it was sent, as a place in the trace's routes (-1: it does not
    say; -2: a cache of the gateway answered). `cached_tokens`: input that the provider had cached,
    and `written_tokens` what it wrote to its cache. `team`: None where nobody has one. `invalid`:
    the status with which every deployment refuses the request, 0 for none.
    """

    def __init__(self, first: int, columns: dict[str, np.ndarray]) -> None:
        self.first = first
        self.size = len(columns["arrival"])
        self.arrival, self.task, self.user, self.feature, self.session = (
            columns[k] for k in ("arrival", "task", "user", "feature", "session")
        )
        self.input_tokens, self.output_tokens, self.streamed = (
            columns[k] for k in ("input_tokens", "output_tokens", "streamed")
        )
        self.question, self.wording, self.replica, self.row, self.route = (
            columns[k] for k in ("question", "wording", "replica", "row", "route")
        )
        self.cached_tokens, self.written_tokens = (
            columns["cached_tokens"],
            columns["written_tokens"],
        )
        self.team, self.invalid = columns["team"], columns["invalid"]
        self.lists = RequestLists(*(getattr(self, name).tolist() for name in RequestLists._fields))


class WorkloadModel:
    """Blocks of requests of one replication."""

    def __init__(
        self,
        scenario: spec.Scenario,
        streams: Streams,
        questions: Questions,
        trace: TraceColumns | None,
        lengths: TraceColumns | None,
        outcomes: OutcomeTable | None,
    ) -> None:
        self._load = load = scenario.workload
        self._scenario, self._streams, self._by_question = scenario, streams, questions
        self._trace, self._lengths, self._outcomes = trace, lengths, outcomes
        told: dict[str, list[str]] = getattr(trace, "names", {}) if trace is not None else {}
        self._told = {kind for kind, words in told.items() if set(words) - {"-"}}  # which is nobody
        self.tasks = (
            outcomes.tasks
            if outcomes
            else told["task"]
            if "task" in self._told
            else list(load.tasks)
        )
        self.users = told["user"] if "user" in self._told else list(load.users) or ["-"]
        self.teams = told["team"] if "team" in self._told else []
        self.features = told["feature"] if "feature" in self._told else list(load.features) or ["-"]
        first = next(iter(load.tasks.values()))
        self._kinds = [load.tasks.get(name, first) for name in self.tasks]
        self._zipf = _popularity(load.repeats)
        self._rows = (
            streams.block("rows", block=0).permutation(len(outcomes.task))
            if outcomes
            else np.zeros(1, np.int64)
        )

    def blocks(self, horizon: float, part: Partition | None = None) -> Iterator[Block]:
        """All requests that arrive before `horizon`, in order; of a trace, those of a part of
        it."""
        wanted = None if part is None else part.blocks(self._load, self._trace)
        for number, known in enumerate(self._arrivals(horizon)):
            if wanted is not None and number >= wanted.stop:
                return
            if wanted is None or number >= wanted.start:
                yield Block(number * BLOCK, self._columns(number * BLOCK, known))

    def ping_block(self, number: int) -> Block:
        """A full block of calls that belong to no request: one token in, one out."""
        columns = self._columns(number * BLOCK, {"arrival": np.zeros(BLOCK)})
        ones = np.ones(BLOCK, np.int64)
        plain = {
            "input_tokens": ones,
            "output_tokens": ones,
            "streamed": np.zeros(BLOCK, bool),
            "invalid": np.zeros(BLOCK, np.int32),
        }
        return Block(number * BLOCK, columns | plain)

    def _arrivals(self, horizon: float) -> Iterator[dict[str, np.ndarray]]:
        """What is known of each block beforehand: when requests come, or all that a trace says of
        them."""
        if self._trace is not None:
            yield from play_blocks(self._load, self._trace, horizon, self._streams)
            return
        if self._load.rate < SELDOM:
            return
        bursts, rate = self._load.burstiness, ArrivalProfile(self._load.profile, self._load.rate)
        law = rate if bursts.peak == 1.0 else Modulation(bursts, rate, self._streams, horizon)
        number, elapsed = 0, 0.0
        while True:  # a process of unit rate, stretched by the inverse of the integrated rate
            unit = elapsed + np.cumsum(draw_gaps(bursts, self._streams, number, BLOCK))
            when = law.when(unit)
            inside = when[when < horizon]
            if len(inside):
                yield {"arrival": inside}
            if len(inside) < BLOCK:
                return
            number, elapsed = number + 1, float(unit[-1])

    def _columns(self, first: int, known: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        load, number, size = self._load, first // BLOCK, len(known["arrival"])

        def uniform(name: str) -> np.ndarray:
            return self._streams.block("workload", name, block=number).random(BLOCK)[:size]

        index = first + np.arange(size)
        question, wording = self._questions(index, uniform)
        if "question" in known:
            question = wording = np.where(
                known["question"] < UNIQUE, known["question"], UNIQUE + index
            )
        row = self._rows[question % UNIQUE % len(self._rows)]

        def told(kind: str) -> np.ndarray | None:
            """Codes of the log's own names, where these are the run's; a call of a layer's own
            belongs to the first of them."""
            return known.get(kind, np.zeros(size, np.int32)) if kind in self._told else None

        task = told("task") if self._outcomes is None else None
        if task is None:
            task = self._task(question, row, number)
        user, feature = told("user"), told("feature")
        input_tokens, output_tokens = (
            (known["input_tokens"], known["output_tokens"])
            if "input_tokens" in known
            else self._tokens(task, question, number)
        )
        streamed = uniform("streamed") < load.streamed
        if "streamed" in known:
            streamed = np.where(known["streamed"] < 0, streamed, known["streamed"] == 1)
        return {
            "arrival": known["arrival"],
            "task": task,
            "user": _pick(list(load.users.values()), uniform("user")) if user is None else user,
            "feature": _pick(list(load.features.values()), uniform("feature"))
            if feature is None
            else feature,
            "team": told("team"),
            "session": known.get("session", index),
            "input_tokens": input_tokens,
            "output_tokens": np.minimum(output_tokens, load.max_output_tokens),
            "streamed": streamed,
            "question": question,
            "wording": wording,
            "replica": (uniform("replica") * self._scenario.gateway.replicas).astype(np.int32),
            "row": row,
            "route": known.get("route", np.full(size, -1, np.int32)),
            "cached_tokens": known.get("cached_tokens", np.zeros(size, np.int64)),
            "written_tokens": known.get("written_tokens", np.zeros(size, np.int64)),
            "invalid": known["invalid"]
            if "invalid" in known
            else _refused(load.invalid, uniform("invalid")),
        }

    def _questions(self, index: np.ndarray, uniform: Any) -> tuple[np.ndarray, np.ndarray]:
        repeats = self._load.repeats
        unique = UNIQUE + index
        if repeats.share == 0:
            return unique, unique
        again = uniform("repeats") < repeats.share
        asked = np.searchsorted(self._zipf, uniform("question"), side="right")
        question = np.where(again, np.minimum(asked, repeats.questions - 1), unique)
        anew = again & (uniform("wording") < repeats.paraphrased)
        return question, np.where(anew, unique, question)

    def _task(self, question: np.ndarray, row: np.ndarray, number: int) -> np.ndarray:
        if self._outcomes is not None:
            return np.asarray(self._outcomes.task[row], np.int32)
        return _pick(
            [kind.share for kind in self._kinds],
            self._by_question.uniforms(question, number, "task"),
        )

    def _tokens(
        self, task: np.ndarray, question: np.ndarray, number: int
    ) -> tuple[np.ndarray, np.ndarray]:
        if self._lengths is not None:
            row = (
                self._by_question.uniforms(question, number, "lengths")
                * len(self._lengths.input_tokens)
            ).astype(np.int64)
            return self._lengths.input_tokens[row], self._lengths.output_tokens[row]
        asked, given = (
            self._by_question.normals(question, number, kind) for kind in ("input", "output")
        )
        along = np.array([kind.correlation for kind in self._kinds])
        if along.any():
            given = along[task] * asked + np.sqrt(1.0 - along[task] ** 2) * given
        return token_counts([kind.input_tokens for kind in self._kinds], task, asked), token_counts(
            [kind.output_tokens for kind in self._kinds], task, given
        )


def _refused(shares: dict[int, float], uniform: np.ndarray) -> np.ndarray:
    """The status of each request that is invalid, else 0."""
    if not shares:
        return np.zeros(len(uniform), np.int32)
    statuses = np.array([*shares, 0], np.int32)
    return np.asarray(
        statuses[np.searchsorted(np.cumsum([*shares.values()]), uniform, side="right")]
    )


def _popularity(repeats: spec.Repeats) -> np.ndarray:
    """Cumulative Zipf popularity of the catalogue, the most popular question first."""
    if repeats.share == 0:
        return np.ones(1)
    if repeats.questions > MOST_QUESTIONS:
        raise ValueError(
            f"workload.repeats.questions: at most {MOST_QUESTIONS:,} are kept in memory; found "
            f"{repeats.questions:,}"
        )
    return _cumulative(
        np.power(np.arange(1, repeats.questions + 1, dtype=float), -repeats.exponent)
    )


def _cumulative(weights: np.ndarray) -> np.ndarray:
    total = np.cumsum(weights)
    return np.asarray(total / total[-1])


def _pick(weights: list[float], uniform: np.ndarray) -> np.ndarray:
    if len(weights) < 2:
        return np.zeros(len(uniform), np.int32)
    chosen = np.searchsorted(_cumulative(np.array(weights, float)), uniform, side="right")
    return np.minimum(chosen, len(weights) - 1).astype(np.int32)
