"""One request in the simulated world: what policies may see of it, and what the ledger must know of
it."""

from __future__ import annotations

import math
from collections.abc import Hashable
from typing import TYPE_CHECKING, Any, NamedTuple

from simroute.worlds.sim.kernel import Task

if TYPE_CHECKING:
    from simroute.core import Outcome, Rest
    from simroute.models.workload import Block
    from simroute.worlds.sim.upstream import Attempt


class Answer(NamedTuple):
    """What a simulated model says: to which question, and how good it is (0 … 1); where nobody
    knows that, not `graded`, and taken to be so good."""

    question: int
    quality: float
    graded: bool = True


class Held:
    """A block of requests while any of them is open: its columns as lists, its draws, and the rows
    that have closed."""

    __slots__ = ("block", "draws", "lists", "open", "rows")

    def __init__(self, block: Block) -> None:
        self.block = block
        self.lists = block.lists
        self.draws: dict[Any, Any] = {}
        self.open = block.size
        self.rows: list[Any] = [None] * block.size


class SimRequest(Task):
    """A request, and the task that serves it; its columns are read from the block it came in."""

    __slots__ = (
        "arrival",
        "asked",
        "attempts",
        "columns",
        "extra",
        "first",
        "held",
        "i",
        "id",
        "nano",
        "open",
        "over",
        "replica",
        "rests",
        "sends",
        "served",
        "stream",
        "streamed",
        "streams",
        "ttft",
        "unbilled",
        "ungraded",
        "world",
    )

    def __init__(self, world: Any, held: Held, i: int) -> None:
        self._kernel = world.kernel
        self.waits = None
        self.world = world
        self.held = held
        self.i = i
        self.id = held.block.first + i
        self.columns = columns = held.lists
        self.arrival = columns.arrival[i]
        self.streamed = columns.streamed[i]
        self.replica = columns.replica[i]
        self.attempts = self.open = self.nano = self.extra = 0
        self.ungraded = False
        self.sends: dict[int, int] = {}
        self.first: Attempt | None = None
        self.served: Attempt | None = None
        self.rests: list[Rest] | None = None
        # by target, the latest that showed a first token
        self.streams: dict[str | None, Attempt] | None = None
        self.stream: Attempt | None = None  # the one of them that the caller sees
        self.asked: dict[tuple[str, ...], int] | None = None
        self.unbilled: list[str] | None = None
        self.ttft = math.nan
        self.over: Any = None

    def done(self, outcome: Outcome) -> None:
        """The policy, or the rest of a streamed answer, has come to its end."""
        if self.ttft == self.ttft and outcome.rest is None:
            self.world.finished(self, outcome)
        else:
            self.world.answered(self, outcome)

    def answer(self, attempt: Attempt) -> Answer:
        """What an attempt that succeeded says."""
        graded = attempt.upstream.model.graded[self.columns.task[self.i]]
        self.ungraded |= not graded
        return Answer(self.columns.question[self.i], attempt.quality, graded)

    def grade(self, answer: Answer, cached: str) -> tuple[float, bool]:
        """How good an answer is here, NaN where nobody knows; and whether a cache gave it for
        another question."""
        self.ungraded |= not answer.graded
        if cached != "no" and answer.question != self.columns.question[self.i]:
            return 0.0, True
        return answer.quality if answer.graded else math.nan, False

    @property
    def key(self) -> Hashable:
        return self.columns.wording[self.i]

    @property
    def question(self) -> int:
        """Same number, same meaning."""
        return self.columns.question[self.i]  # type: ignore[no-any-return]

    @property
    def task(self) -> str:
        return self.world.weather.tasks[self.columns.task[self.i]]  # type: ignore[no-any-return]

    @property
    def user(self) -> str:
        return self.world.weather.users[self.columns.user[self.i]]  # type: ignore[no-any-return]

    @property
    def feature(self) -> str:
        return self.world.weather.features[self.columns.feature[self.i]]  # type: ignore[no-any-return]

    @property
    def session(self) -> str:
        return str(self.columns.session[self.i])

    @property
    def input_tokens(self) -> int:
        return self.columns.input_tokens[self.i]  # type: ignore[no-any-return]

    @property
    def max_output_tokens(self) -> int:
        return self.world.weather.scenario.workload.max_output_tokens  # type: ignore[no-any-return]

    @property
    def forbids(self) -> frozenset[str]:
        return self.world.forbidden.get(self.columns.feature[self.i], NOBODY)  # type: ignore[no-any-return]


NOBODY: frozenset[str] = frozenset()
