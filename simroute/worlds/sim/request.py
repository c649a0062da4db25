"""The life of a request in the simulated world, from its arrival to its row."""

from __future__ import annotations

import math
from collections.abc import Generator, Hashable
from typing import TYPE_CHECKING, Any

from simroute.core import Outcome, Rest
from simroute.core.target import permits
from simroute.ledger import CACHED, OUTCOMES
from simroute.models.limits import Tokens
from simroute.worlds.sim.kernel import Task
from simroute.worlds.sim.rows import REQUEST_ROW, emit_requests

if TYPE_CHECKING:
    from simroute.models.blocks import Block

OK, FAILED, REJECTED, TRUNCATED = (
    OUTCOMES.index(word) for word in ("ok", "failed", "rejected", "truncated")
)
NOBODY: frozenset[str] = frozenset()
pack, pack_detail = REQUEST_ROW.pack, REQUEST_ROW.pack_detail


Answer = tuple[int, float, bool]
"""What a simulated model says: the question that it answers, its quality (0 … 1), and whether that
is known (else it is assumed). A plain tuple is made in a third of the time of a named one."""


class OpenBlock:
    """A block of requests while any of them is open: its columns as lists, its draws, and the rows
    that have closed, with details of those that need any.

    draws: of each request's first send, by the number of the deployment; of its n-th (from 0), by
    (number, n); of policies, by name.
    """

    __slots__ = (
        "arrival",
        "block",
        "cached_tokens",
        "details",
        "draws",
        "first",
        "input_tokens",
        "invalid",
        "lists",
        "open",
        "output_tokens",
        "question",
        "replica",
        "rows",
        "streamed",
        "task",
        "written_tokens",
    )

    def __init__(self, block: Block) -> None:
        self.block, self.first = block, block.first
        self.lists = lists = block.lists
        self.streamed, self.replica = lists.streamed, lists.replica
        self.arrival, self.task, self.question, self.invalid = (
            lists.arrival,
            lists.task,
            lists.question,
            lists.invalid,
        )
        self.input_tokens, self.output_tokens = lists.input_tokens, lists.output_tokens
        self.cached_tokens, self.written_tokens = lists.cached_tokens, lists.written_tokens
        self.draws: dict[Any, Any] = {}
        self.open = block.size
        self.rows: list[Any] = [None] * block.size
        self.details: dict[int, bytes] = {}


class SimRequest(Task):
    """A request, and the task that serves it. Its columns are read from the block it came in.

    attempts: sends so far; open: those that have not ended. sends: by number of the deployment,
    None up to the second send. nano, judge_nano: billed so far, and the part of it for judges.
    first: the first send; served: the last that was answered in time. special: it was sent again,
    judged, or answered otherwise than it should be, or it forbids somebody.
    """

    __slots__ = (
        "asked",
        "attempts",
        "block",
        "first",
        "forbids",
        "i",
        "id",
        "judge_nano",
        "nano",
        "open",
        "over",
        "replica",
        "rests",
        "sends",
        "served",
        "special",
        "stream",
        "streamed",
        "ttft",
        "unbilled",
        "ungraded",
        "world",
    )

    __init__ = object.__init__  # `arrive` sets the fields: an `__init__` takes longer than that

    def arrive(self, world: Any, block: OpenBlock, i: int, work: Any = None) -> None:
        """Sets all fields of a new request. work: what serves it, where anything does."""
        self._kernel = world.kernel
        self._work = work
        self.world = world
        self.block = block
        self.i = i
        self.id = block.first + i
        self.streamed = block.streamed[i]
        self.replica = block.replica[i]
        forbidden = world.forbidden
        self.forbids: frozenset[str] = NOBODY
        self.special = False
        if forbidden:
            self.forbids = forbidden.forbids(block.lists.user[i], block.lists.feature[i])
            self.special = bool(self.forbids)
        # one by one: in a chain they take longer
        self.attempts = 0
        self.open = 0
        self.nano = 0
        self.judge_nano = 0
        self.ungraded = False
        self.sends: dict[int, int] | None = None
        self.first: Any = None
        self.served: Any = None
        self.rests: list[Any] | None = None  # of its streams; and the attempt that the caller sees
        self.stream: Any = None
        self.asked: dict[tuple[str, ...], int] | None = None
        self.unbilled: list[str] | None = None
        self.ttft = math.nan
        self.over: tuple[float, Outcome] | None = None

    # -- what layers may ask (`core.Request`) ------------------------------------------------------

    @property
    def arrival(self) -> float:
        return self.block.arrival[self.i]

    @property
    def key(self) -> Hashable:
        return self.block.lists.wording[self.i]

    @property
    def question(self) -> int:
        """Same number, same meaning."""
        return self.block.question[self.i]

    @property
    def task(self) -> str:
        return self.world.weather.tasks[self.block.task[self.i]]  # type: ignore[no-any-return]

    @property
    def user(self) -> str:
        user: str = self.world.weather.users[self.block.lists.user[self.i]]
        return user

    @property
    def feature(self) -> str:
        name: str = self.world.weather.features[self.block.lists.feature[self.i]]
        return name

    @property
    def session(self) -> str:
        return str(self.block.lists.session[self.i])

    @property
    def input_tokens(self) -> int:
        return self.block.input_tokens[self.i]

    @property
    def output_tokens(self) -> int:
        """Of a whole answer; no layer knows it beforehand."""
        return self.block.output_tokens[self.i]

    @property
    def tokens(self) -> Tokens:
        """What rate limits count."""
        block, i = self.block, self.i
        return Tokens(
            block.input_tokens[i],
            block.output_tokens[i],
            self.max_output_tokens,
            block.cached_tokens[i],
        )

    @property
    def max_output_tokens(self) -> int:
        return self.world.weather.scenario.workload.max_output_tokens  # type: ignore[no-any-return]

    # -- its beginning and its sends ---------------------------------------------------------------

    def count_send(self, index: int) -> int:
        """Counts a further send to a deployment; returns the number of those before it at it."""
        self.special = True
        if self.sends is None:
            self.sends = {self.first.upstream.index: 1}
        number = self.sends.get(index, 0)
        self.sends[index] = number + 1
        return number

    # -- its end -----------------------------------------------------------------------------------

    def advance(self, outcome: Outcome) -> Generator[Any, Any, Outcome] | None:
        """The policy, or the rest of a streamed answer, has come to its end: returns what is to be
        awaited next, None if that was all.

        Most hand back the answer of their only send, whole: then nothing is wasted and nothing else
        is open, and its row is made at once. `finish` and `close` do the same for all others.
        """
        served = self.served
        if (
            served is not None
            and outcome is served._value
            and not self.special
            and self.open == 0
            and (not self.streamed or self.ttft == self.ttft)
        ):
            block = self.block
            block.rows[self.i] = pack(
                self._kernel.env._now,
                served.upstream.index,
                self.ttft,
                self.nano,
                math.nan if self.ungraded else served.quality,
                self.ungraded,
            )
            self.first = self.served = None  # no cycles, as in `_leave`
            if self.streamed:
                self.rests = self.stream = None
            block.open -= 1
            if block.open == 0:
                self._close_block()
        elif outcome.rest is None or self.ttft == self.ttft:
            self.finish(outcome)
        else:
            return self._read_on(outcome.rest, outcome.target)
        return None

    def _read_on(self, rest: Rest, target: str | None) -> Generator[Any, Any, Outcome] | None:
        """The caller has seen the first token, and reads the rest: returns it, None if it is
        over."""
        self.ttft = self._kernel.env._now - self.arrival
        for other in self.rests or ():
            if other.attempt.upstream.name == target:
                self.stream = other.attempt
        if rest.outcome is None:
            return rest.__await__()
        self.finish(rest.outcome)
        return None

    def finish(self, outcome: Outcome) -> None:
        """The caller has the final outcome; the row closes when the last attempt has ended."""
        now = self._kernel.env._now
        if self.streamed and outcome.status == 200 and self.ttft != self.ttft:
            # a complete answer (cached, judged) shows its first token with its last
            self.ttft = now - self.arrival
        for rest in self.rests or ():  # streams that nobody read
            if rest.outcome is None:
                rest.close_all()
        self.over = now, outcome
        if self.open == 0:
            self.close()

    def close(self) -> None:
        """Nothing of it is open any more: makes its row."""
        assert self.over is not None
        end, outcome = self.over
        world = self.world
        ok = outcome.status == 200
        upstream = world.upstreams[outcome.target] if outcome.target is not None else None
        # what judges of an answer cost is no waste, if it was given
        used = round(outcome.usd * 1e9) + self.judge_nano if ok else 0
        quality, false_hit = math.nan, False
        # a layer may make up an answer of its own, of which nothing is known
        if ok and outcome.answer is not None:
            quality, false_hit = self._grade(outcome.answer, outcome.cached)
        self.block.rows[self.i] = pack(
            end,
            upstream.index if upstream is not None else -1,
            self.ttft,
            self.nano,
            quality,
            self.ungraded,
        )
        self.block.details[self.i] = pack_detail(
            self._tokens(ok, end),
            OK if ok else self._failure(),
            world.ledger.errors.code(outcome.error) if outcome.error and not ok else 0,
            self.attempts,
            max(0, self.nano - used),
            CACHED[outcome.cached],
            false_hit,
            self._failover() if ok else math.nan,
            ok and upstream is not None and not permits(self.forbids, upstream.target),
            0 if ok else world.ledger.causes.code(outcome.cause),
        )
        self.over = None
        self._leave()

    def _failure(self) -> int:
        if self.ttft == self.ttft:
            return TRUNCATED
        return REJECTED if self.attempts == 0 else FAILED

    def _tokens(self, ok: bool, end: float) -> int:
        """Tokens that the caller has seen, where these are not all of the answer; else -1."""
        seen = self.served if ok else self.stream
        if seen is None or (ok and not seen.error):
            return -1
        tokens: int = seen.produced(end)
        return tokens

    def _failover(self) -> float:
        """Seconds from the first send to the one that was answered elsewhere; NaN without."""
        first, served = self.first, self.served
        if served is None or first.status == 200 or served.upstream is first.upstream:
            return math.nan
        return served.start_s - first.start_s  # type: ignore[no-any-return]

    def _grade(self, answer: Answer, cached: str) -> tuple[float, bool]:
        """The quality of an answer here, NaN where it is not known; and whether a cache gave it for
        another question."""
        question, quality, graded = answer
        self.ungraded |= not graded
        if cached != "no" and question != self.question:
            return 0.0, True
        return quality if graded else math.nan, False

    def _leave(self) -> None:
        # no cycles: the collector has nothing to find
        self.first = self.served = None
        if self.rests is not None:
            self.rests = self.stream = None
        self.block.open -= 1
        if self.block.open == 0:
            self._close_block()

    def _close_block(self) -> None:
        """The last request of its block hands on the rows of all."""
        block = self.block
        block.draws.clear()
        self.world.open -= 1
        emit_requests(self.world.ledger, block.block, block.rows, block.details)
