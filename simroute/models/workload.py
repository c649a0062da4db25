"""Who asks what, and when: blocks of requests, each drawn as a whole when it is needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from simroute.models import spec
from simroute.models.blocks import Block, Inputs
from simroute.models.burstiness import Modulation, draw_gaps
from simroute.models.clients import client_arrivals
from simroute.models.closed_loop import (
    OWNERS,
    AnsweredSessions,
    ClosedLoop,
    closed_loop,
    follows_answers,
    owner_uniforms,
)
from simroute.models.lengths import token_counts
from simroute.models.playback import BlockColumns, Partition, Playback
from simroute.models.questions import BLOCK, FORMS, UNIQUE, Questions, styled
from simroute.models.random import Streams
from simroute.models.rate_profile import ArrivalProfile
from simroute.models.sessions import Contexts, Conversations, has_sessions
from simroute.models.spikes import ArrivalLaw, SpikedArrivals
from simroute.models.traffic_mix import (
    cumulative,
    is_by_feature,
    pick,
    pick_by_row,
    streamed_shares,
    task_weight,
    task_weights,
    user_weights,
)

SELDOM = 1e-30
"""Arrivals a second below which none comes within any horizon."""
MAX_QUESTIONS = 1_000_000
"""The largest catalogue of repeats: its popularity and its questions are kept in memory."""
NOBODY = "-"
Uniform = Callable[[str], np.ndarray]
"""Name of a stream -> a uniform in [0, 1) for each request of the block at hand."""


class WorkloadModel:
    """Blocks of requests of one replication. tasks, users, features, teams: names by code, the
    log's own where it names any."""

    def __init__(
        self, scenario: spec.Scenario, streams: Streams, questions: Questions, inputs: Inputs
    ) -> None:
        self._load = load = scenario.workload
        self._scenario, self._streams, self._questions = scenario, streams, questions
        self._lengths, self._outcomes = inputs.lengths, inputs.outcomes
        self.playback = None if inputs.trace is None else Playback(load, inputs.trace)
        self._logged = {
            kind: names
            for kind, names in ({} if inputs.trace is None else inputs.trace.names).items()
            if set(names) - {NOBODY}
        }
        self._clients = inputs.clients
        if inputs.clients is not None:
            self._logged["user"] = inputs.clients.names
        outcomes, logged = inputs.outcomes, self._logged
        self.tasks = outcomes.tasks if outcomes else logged.get("task", list(load.tasks))
        self._users = user_weights(load)
        self.users = logged.get("user", list(self._users) or [NOBODY])
        self.teams = logged.get("team", [])
        self.features = logged.get("feature", list(load.features) or [NOBODY])
        first = next(iter(load.tasks.values()))
        self._kinds = [load.tasks.get(name, first) for name in self.tasks]
        self._by_feature = (
            task_weights(self._kinds, self.features) if is_by_feature(self._kinds) else None
        )
        self._streamed = streamed_shares(self._kinds, load)
        self._popularity = _popularity(load.repeats)
        self.closed_loop = closed_loop(load, streams, self._block)
        self._contexts = Contexts(load.sessions) if has_sessions(load) else None
        self._system = np.array([kind.system_prompt for kind in self._kinds])
        self._rows = (
            streams.block("rows", block=0).permutation(len(outcomes.task))
            if outcomes
            else np.zeros(1, np.int64)
        )

    def blocks(self, horizon: float, part: Partition | None = None) -> Iterator[Block]:
        """All requests that arrive before `horizon`, in order; of a trace, those of a part of it.
        None where they follow answers: those are in `closed_loop`."""
        numbers = range(1 << 62)
        if part is not None and self.playback is not None:
            numbers = self.playback.block_numbers(part)
        for number, known in enumerate(self._arrivals(horizon)):
            if number >= numbers.stop:
                return
            if number >= numbers.start:
                yield self._block(number, known)

    def _block(self, number: int, known: BlockColumns) -> Block:
        columns = self._columns(number, known)
        if self._contexts is not None:
            self._contexts.add(columns, known["ends"])
        return Block(number * BLOCK, **columns)

    def arrivals(self, horizon: float) -> Iterator[np.ndarray]:
        """The moments (s) of `blocks`, without drawing what the requests are."""
        return (known["arrival"] for known in self._arrivals(horizon))

    def ping_block(self, number: int) -> Block:
        """A full block of calls that belong to no request: one token in, one out."""
        columns = self._columns(number, {"arrival": np.zeros(BLOCK)})
        ones = np.ones(BLOCK, np.int64)
        columns |= {
            "input_tokens": ones,
            "output_tokens": ones,
            "streamed": np.zeros(BLOCK, bool),
            "invalid": np.zeros(BLOCK, np.int32),
        }
        return Block(number * BLOCK, **columns)

    def _arrivals(self, horizon: float) -> Iterator[BlockColumns]:
        """What is known of each block beforehand: when requests come, or all that a trace says of
        them."""
        if self.playback is not None:
            yield from self.playback.blocks(horizon, self._streams)
            return
        if self.closed_loop is None:
            begins = self._begins(horizon)
            yield from (
                begins if self._contexts is None else self._converse(begins).by_the_clock(horizon)
            )

    def follow_answers(self, horizon: float) -> ClosedLoop | None:
        """The requests that come when others were answered, where all do."""
        if not follows_answers(self._load):
            return None
        if self.closed_loop is None:
            self.closed_loop = AnsweredSessions(self._converse(self._begins(horizon)), self._block)
        return self.closed_loop

    def _converse(self, begins: Iterator[BlockColumns]) -> Conversations:
        when = [np.zeros(0), *(known["arrival"] for known in begins)]
        return Conversations(self._load.sessions, self._streams, np.concatenate(when))

    def _begins(self, horizon: float) -> Iterator[BlockColumns]:
        """When requests come by the rate, or conversations of them."""
        if self._clients is not None:
            options = self._load.client_options
            yield from client_arrivals(self._clients, options, self._streams, horizon)
            return
        rate_s = self._load.rate / (self._load.sessions.turns if self._contexts else 1.0)
        if rate_s < SELDOM:
            return
        bursts, rate = self._load.burstiness, ArrivalProfile(self._load.profile, rate_s)
        law: ArrivalLaw = rate
        if bursts.peak != 1.0:
            law = Modulation(bursts, rate, self._streams, horizon)
        if self._load.spikes:
            law = SpikedArrivals(self._load.spikes, law, horizon)
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

    def _columns(self, number: int, known: BlockColumns) -> dict[str, Any]:
        """All columns of a block: what is known, and the rest drawn."""
        load, size = self._load, len(known["arrival"])

        uniform = self._uniforms(number, known)
        index = number * BLOCK + np.arange(size)
        question, wording = self._draw_questions(index, uniform)
        if "question" in known:
            repeated = known["question"] < UNIQUE
            question = wording = np.where(repeated, known["question"], UNIQUE + index)
        row = self._rows[question % UNIQUE % len(self._rows)]
        user, feature = self._codes("user", known), self._codes("feature", known)
        if user is None:
            user = pick(list(self._users.values()), size, lambda: uniform("user"))
        if feature is None:
            feature = pick(
                list(load.features.values()),
                size,
                lambda: self._draw_features(question, number, known, uniform),
            )
        task = self._codes("task", known)
        if task is None or self._outcomes is not None:
            by_question = partial(self._questions.uniforms, question, number, "task")
            draw = partial(uniform, "task") if "talk" in known else by_question
            task = self._draw_tasks(row, feature, draw)
        input_tokens, output_tokens = (
            (known["input_tokens"], known["output_tokens"])
            if "input_tokens" in known
            else self._draw_tokens(task, question, number)
        )
        system = self._system[task] if self._system.any() and "input_tokens" not in known else None
        streamed = uniform("streamed") < self._streamed[task]
        if "streamed" in known:
            streamed = np.where(known["streamed"] < 0, streamed, known["streamed"] == 1)
        invalid = known.get("invalid")
        if invalid is None:
            invalid = _refused(load.invalid, size, lambda: uniform("invalid"))
        return {
            "arrival": known["arrival"],
            "task": task,
            "user": user,
            "feature": feature,
            "team": self._codes("team", known),
            "session": known.get("session", index),
            "input_tokens": input_tokens if system is None else input_tokens + system,
            "output_tokens": np.minimum(output_tokens, load.max_output_tokens),
            "streamed": streamed,
            "question": question,
            "wording": wording,
            "replica": self._draw_replicas(size, uniform),
            "row": row,
            "route": known.get("route", np.full(size, -1, np.int32)),
            "cached_tokens": known.get("cached_tokens", np.zeros(size, np.int64)),
            "written_tokens": known.get("written_tokens", np.zeros(size, np.int64)),
            "invalid": invalid,
            "system_tokens": system,
            "prompt": known.get("prompt"),
        }

    def _uniforms(self, number: int, known: BlockColumns) -> Uniform:
        size = len(known["arrival"])

        def uniform(name: str) -> np.ndarray:
            owner = known.get(OWNERS.get(name, ""))
            if owner is not None:
                return owner_uniforms(self._streams, name, owner)
            return self._streams.block("workload", name, block=number).random(BLOCK)[:size]

        return uniform

    def _codes(self, kind: str, known: BlockColumns) -> np.ndarray | None:
        """Codes of the log's own names, None where the scenario's hold; a call of a layer's own
        belongs to the first of them."""
        if kind not in self._logged:
            return None
        return known.get(kind, np.zeros(len(known["arrival"]), np.int32))

    def _draw_questions(self, index: np.ndarray, uniform: Uniform) -> tuple[np.ndarray, np.ndarray]:
        """(question, wording) of the requests with these indices."""
        repeats = self._load.repeats
        unique = UNIQUE + index
        if repeats.share == 0:
            return unique, unique
        again = uniform("repeats") < repeats.share
        rank = np.searchsorted(self._popularity, uniform("question"), side="right")
        question = np.where(again, np.minimum(rank, repeats.questions - 1), unique)
        reworded = again & (uniform("wording") < repeats.paraphrased)
        wording = np.where(reworded, unique, question)
        forms = np.zeros(len(index), np.int64)
        for form, share in (("case", repeats.other_case), ("space", repeats.other_space)):
            if share:
                forms += FORMS[form] * (uniform(form) < share)
        return question, np.where(again & ~reworded & (forms > 0), styled(index, forms), wording)

    def _draw_replicas(self, size: int, uniform: Uniform) -> np.ndarray:
        replicas = self._scenario.gateway.replicas
        if replicas == 1:
            return np.zeros(size, np.int32)
        return (uniform("replica") * replicas).astype(np.int32)

    def _draw_features(
        self, question: np.ndarray, number: int, known: BlockColumns, uniform: Uniform
    ) -> np.ndarray:
        """By the question where tasks go by it, so that the same question is of the same task; in
        a conversation by that."""
        if self._by_feature is None or "talk" in known:
            return uniform("feature")
        return self._questions.uniforms(question, number, "feature")

    def _draw_tasks(
        self, row: np.ndarray, feature: np.ndarray, uniform: Callable[[], np.ndarray]
    ) -> np.ndarray:
        if self._outcomes is not None:
            return np.asarray(self._outcomes.task[row], np.int32)

        if self._by_feature is not None:
            return pick_by_row(self._by_feature, feature, uniform())
        return pick([task_weight(kind, "") for kind in self._kinds], len(row), uniform)

    def _draw_tokens(
        self, task: np.ndarray, question: np.ndarray, number: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """(input tokens, output tokens) of each request."""
        if self._lengths is not None:
            source = self._lengths.column("input_tokens"), self._lengths.column("output_tokens")
            uniform = self._questions.uniforms(question, number, "lengths")
            row = (uniform * len(source[0])).astype(np.int64)
            return source[0][row], source[1][row]
        normal_in, normal_out = (
            self._questions.normals(question, number, kind) for kind in ("input", "output")
        )
        rho = np.array([kind.correlation for kind in self._kinds])
        if rho.any():
            normal_out = rho[task] * normal_in + np.sqrt(1.0 - rho[task] ** 2) * normal_out
        return (
            token_counts([kind.input_tokens for kind in self._kinds], task, normal_in),
            token_counts([kind.output_tokens for kind in self._kinds], task, normal_out),
        )


def _refused(shares: dict[int, float], size: int, draw: Callable[[], np.ndarray]) -> np.ndarray:
    """The status of each request that is invalid, else 0."""
    if not shares:
        return np.zeros(size, np.int32)
    statuses = np.array([*shares, 0], np.int32)
    return np.asarray(
        statuses[np.searchsorted(np.cumsum([*shares.values()]), draw(), side="right")]
    )


def _popularity(repeats: spec.Repeats) -> np.ndarray:
    """Cumulative Zipf popularity of the catalogue, the most popular question first."""
    if repeats.share == 0:
        return np.ones(1)
    if repeats.questions > MAX_QUESTIONS:
        raise ValueError(
            f"workload.repeats.questions: at most {MAX_QUESTIONS:,} are kept in memory; found "
            f"{repeats.questions:,}"
        )
    return cumulative(np.power(np.arange(1, repeats.questions + 1, dtype=float), -repeats.exponent))
