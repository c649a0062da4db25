"""A request, its attempts, and the endpoint that serves them, on SimPy's clock: slots, their queue,
and what becomes of a call, by the weather when its service begins."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Generator, Hashable
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from simroute.core import Outcome, Rest
from simroute.worlds.sim.kernel import Kernel, Task, Wake

if TYPE_CHECKING:
    from simroute.models.billing import RateCard
    from simroute.models.deployment import DeploymentModel
    from simroute.models.workload import Block


class Answer(NamedTuple):
    """What a simulated model says: to which question, and how good it is (0 … 1); where nobody
    knows that, not `graded`, and taken to be so good."""

    question: int
    quality: float
    graded: bool = True


class OpenBlock:
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

    def __init__(self, world: Any, held: OpenBlock, i: int) -> None:
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
        self.streams: dict[str | None, Attempt] | None = (
            None  # by target, the latest that showed a first token
        )
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
        name: str = self.world.weather.features[self.columns.feature[self.i]]
        return name

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
        who: frozenset[str] = self.world.forbidden.get(self.columns.feature[self.i], NOBODY)
        return who


NOBODY: frozenset[str] = frozenset()


class Attempt(Wake):
    """One send to one upstream, and the event of its end. Seconds count from `began`, when the
    provider took it up."""

    request: SimRequest
    upstream: Upstream
    number: int  # of the request's attempts, from 1
    target_number: int  # of the request's attempts at this target, from 1
    start: float
    seconds: float
    probe: bool
    draws: Any  # what the weather does to this send, for the request's whole block
    card: RateCard  # what it costs: the price when it began
    status: int = 0  # 0: given up before its service began
    began: float = -1.0
    first: float = 0.0  # seconds to the first token
    # seconds from the first token to the last; negative: there will be no answer
    decode: float = -1.0
    quality: float = 0.0
    error: str = ""
    retry_after: float | None = None
    # of a streamed call in the queue: its service begins, and with it is known whether a first
    # token will come
    turn: Wake | None = None
    first_token: Wake | None = None
    abandoned: bool = False
    left: float = 0.0  # when whoever waited for an abandoned one stopped waiting
    held: bool = False  # it has a slot
    queued: bool = False  # it waits for one

    def produced(self, now: float, tokens: int) -> int:
        """How many of the answer's tokens there are by `now`, or when it was cut."""
        now = min(now, self.began + self.seconds)
        # summed as the end was: rounding must not take a token away
        if now >= self.began + (self.first + self.decode):
            return tokens
        # no time per token: all come with the first
        share = (now - self.began - self.first) / self.decode if self.decode else 0.0
        return int(tokens * max(0.0, share))


class Upstream:
    """One deployment while a run lasts. Limits and room in the queue are asked when a call is sent;
    conditions and price hold from when it begins.

    `hang_limit`: seconds until a hung call is cut; `abandon(attempt)` is told when nobody reads a
    stream any more; `closes`: when busy seconds end.
    """

    def __init__(
        self,
        kernel: Kernel,
        index: int,
        model: DeploymentModel,
        hang_limit: float,
        abandon: Callable[[Attempt], None],
        closes: float,
    ) -> None:
        limits = model.spec.limits
        self.kernel = kernel
        self.index = index
        self.model = model
        self.target = model.target
        self.name = model.target.name
        self.limits = model.limits
        self.slots, self.room = limits.concurrency, limits.queue
        self.busy = 0
        self.busy_seconds = 0.0
        self._hang_limit, self._abandon, self._closes = hang_limit, abandon, closes
        self._waiting: deque[Attempt] = deque()
        self.until = -math.inf
        self.refresh(0.0)

    def refresh(self, now: float) -> None:
        """Look up the weather and the price; both hold until `until`."""
        self.conditions, fair = self.model.conditions(now)
        self.card, listed = self.model.tariff.at(now)
        self.until = min(fair, listed)

    def take(self, attempt: Attempt, number: int) -> None:
        """A call arrives, the `number`-th (from 0) of its request here: it is refused, begins, or
        waits for a slot."""
        request = attempt.request
        i, held = request.i, request.held
        draws = held.draws.get((self.index, number))
        if draws is None:
            draws = held.draws[self.index, number] = self.model.draw_lists(held.block, number)
        attempt.draws = draws
        slots = self.slots
        if slots is not None and self.busy >= slots and len(self._waiting) >= self.room:
            return self._refuse(attempt, 503, "overloaded", None, draws.error_s[i])
        if self.limits is not None:
            columns = request.columns
            wait = self.limits.take(
                attempt.start,
                columns.input_tokens[i],
                columns.output_tokens[i],
                request.max_output_tokens,
            )
            if wait == math.inf:
                return self._refuse(attempt, 429, "too_large", None, draws.error_s[i])
            if wait is not None:
                return self._refuse(attempt, 429, "rate_limited", wait, draws.error_s[i])
        if slots is None:
            self._begin(attempt)
        else:
            self._admit(attempt, slots)

    def leave(self, attempt: Attempt) -> None:
        """Give the slot back; the next in the queue takes it."""
        attempt.held = False
        self.busy -= 1
        self.busy_seconds += max(0.0, min(self.kernel.now(), self._closes) - attempt.began)
        if self._waiting:
            self._hold(self._waiting.popleft())

    def forget(self, attempt: Attempt) -> None:
        """Take a call that has not begun out of the queue."""
        self._waiting.remove(attempt)

    def _refuse(
        self, attempt: Attempt, status: int, error: str, retry_after: float | None, seconds: float
    ) -> None:
        attempt.status, attempt.error, attempt.retry_after, attempt.seconds = (
            status,
            error,
            retry_after,
            seconds,
        )
        self.kernel.schedule(attempt, attempt.start + seconds)

    def _admit(self, attempt: Attempt, slots: int) -> None:
        if self.busy < slots:
            self._hold(attempt)
            return
        attempt.queued = True
        attempt.turn = Wake([]) if attempt.request.streamed else None
        self._waiting.append(attempt)

    def _hold(self, attempt: Attempt) -> None:
        self.busy += 1
        attempt.held, attempt.queued = True, False
        if attempt.turn is not None:
            self.kernel.schedule(attempt.turn, self.kernel.now())
        self._begin(attempt)

    def _begin(self, attempt: Attempt) -> None:
        """What becomes of it: from the weather and the price now, and the draws that belong to
        (request, target, number)."""
        kernel = self.kernel
        attempt.began = now = kernel.env._now
        if now >= self.until:
            self.refresh(now)
        attempt.card = self.card
        self._fate(attempt)
        kernel.schedule(attempt, now + attempt.seconds)

    def _fate(self, attempt: Attempt) -> None:
        conditions, draws, request = self.conditions, attempt.draws, attempt.request
        i = request.i
        if request.columns.invalid[i]:
            attempt.status, attempt.seconds, attempt.error = (
                request.columns.invalid[i],
                draws.error_s[i] * conditions.slow_down,
                "invalid",
            )
        elif draws.u_outcome[i] >= conditions.failure_share:
            attempt.status = 200
            attempt.first = draws.ttft[i] * conditions.slow_down
            attempt.decode = draws.decode[i] * conditions.slow_down
            attempt.seconds = attempt.first + attempt.decode
            attempt.quality = draws.quality[i]
            if request.streamed:
                self._stream(attempt, draws.u_truncation[i], self.model.spec.truncated)
        else:
            attempt.status = conditions.failure_status(draws.u_outcome[i])
            attempt.seconds = draws.error_s[i] * conditions.slow_down
            attempt.error = "error"
            if attempt.status == 0:
                attempt.status, attempt.seconds, attempt.error = 504, self._hang_limit, "hang"

    def _stream(self, attempt: Attempt, cut: float, truncated: float) -> None:
        """The first token comes as an outcome of its own, with the rest behind it; `cut` below
        `truncated` ends the answer early."""
        if cut < truncated:
            attempt.status, attempt.error = 502, "truncated"
            attempt.seconds = attempt.first + attempt.decode * cut / truncated
        if attempt.abandoned:  # while it was in the queue: it runs on, and nobody reads it
            return
        rest = Rest(partial(_Remainder, attempt))
        rest.then(lambda final: self._abandon(attempt) if final.status == 499 else None)
        request = attempt.request
        request.rests = [*(request.rests or ()), rest]
        if request.streams is None:
            request.streams = {self.name: attempt}
        else:
            request.streams[self.name] = attempt
        attempt.first_token = Wake([])
        attempt.first_token._value = Outcome(200, self.name, rest=rest)
        self.kernel.schedule(attempt.first_token, attempt.began + attempt.first)


class _Remainder:
    """What is still to come of a streamed answer: its final outcome, when its attempt has ended."""

    __slots__ = ("_attempt",)

    def __init__(self, attempt: Attempt) -> None:
        self._attempt = attempt

    def __await__(self) -> Generator[Any, Any, Outcome]:
        outcome: Outcome = yield self._attempt
        return outcome
