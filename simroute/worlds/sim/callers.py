"""Callers who wait for their answers, give up, and ask again: what they do in the simulated world.

A world whose callers only come at their moment has none of this.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Generator
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from simpy.events import URGENT

from simroute.core import Outcome, Rest
from simroute.ledger import OUTCOMES
from simroute.models.pauses import draw_patience, draw_pauses, patience
from simroute.models.questions import BLOCK
from simroute.worlds.sim.events import Callbacks, Wake
from simroute.worlds.sim.kernel import Deadline
from simroute.worlds.sim.request import OpenBlock, SimRequest
from simroute.worlds.sim.rows import emit_requests

if TYPE_CHECKING:
    from simroute.models.blocks import Block
    from simroute.models.closed_loop import ClosedLoop

ABANDONED = OUTCOMES.index("abandoned")
AGAIN = 1 << 24
"""The n-th asking again of the requests of a block has the draws of block number + n x this; those
of background calls come after the fifteenth."""
SLICES = 256
"""Of the horizon, after each of which a closed loop hands on its rows."""


class CallerBlock(OpenBlock):
    """A block of requests whose callers wait.

    presses: how often they have been asked before. base: the block in which they were asked first
    (itself, if in this one); echo: the block in which they are asked again, once one of them is.
    patience: seconds, by place; pause, following: of a closed loop, as `Turns` has them.
    """

    __slots__ = ("base", "echo", "following", "patience", "pause", "presses")

    def __init__(self, block: Block, base: CallerBlock | None = None) -> None:
        super().__init__(block)
        self.base = self if base is None else base
        self.presses = 0
        self.echo: CallerBlock | None = None
        self.patience: list[float] | None = None
        self.pause: list[float] = []
        self.following: list[int] = []


class CallerRequest(SimRequest):
    """A request whose caller waits for it. deadline: of the caller's patience; left: the caller has
    given up; answered: the caller has what it will get."""

    __slots__ = ("answered", "deadline", "left")

    def begin(self, callers: Callers) -> None:
        """The caller begins to wait."""
        self.answered = self.left = False
        self.deadline: Deadline | None = None
        waits: Any = self.block.patience  # type: ignore[attr-defined]
        if waits is not None:
            kernel = self._kernel
            outer, kernel.current = kernel.current, self
            self.deadline = kernel._deadline(waits[self.i], "")
            kernel.current = outer

    def advance(self, outcome: Outcome) -> Generator[Any, Any, Outcome] | None:
        following = super().advance(outcome)
        if following is None and not self.answered:  # by its only send, and its row is made
            self._has(True)
            self.world.callers.live -= 1
        return following

    def _read_on(self, rest: Rest, target: str | None) -> Generator[Any, Any, Outcome] | None:
        if self.deadline is not None:
            self.deadline.live = False
        return super()._read_on(rest, target)

    def interrupt(self, deadline: Deadline) -> None:
        """The caller's patience is over, or a limit of a layer's."""
        if deadline is not self.deadline:
            super().interrupt(deadline)
            return
        self.left = True
        self.cancel()
        self.finish(Outcome(499, error="caller_left"))

    def finish(self, outcome: Outcome) -> None:
        self._has(outcome.status == 200)
        super().finish(outcome)

    def _has(self, ok: bool) -> None:
        self.answered = True
        if self.deadline is not None:
            self.deadline.live = False
        self.world.callers.go_on(self.block, self.i, ok)

    def _failure(self) -> int:
        return ABANDONED if self.left else super()._failure()

    def _leave(self) -> None:
        super()._leave()
        self.world.callers.live -= 1

    def _close_block(self) -> None:
        self.world.callers.close(self.block)


class Turn(Wake):
    """A request comes at the time of this event, ahead of what else happens then."""

    __slots__ = ("ask",)

    def __init__(self, ask: Callable[[], None]) -> None:
        super().__init__(COMES)
        self.ask = ask

    def come(self) -> None:
        self.ask()


COMES: Callbacks = (Turn.come,)


class Callers:
    """Those who ask in a world. live: requests that have no row yet, or are still to come."""

    def __init__(self, world: Any) -> None:
        weather = world.weather
        load = weather.scenario.workload
        self._world, self._weather = world, weather
        self._loop: ClosedLoop | None = weather.closed_loop
        self._patience = patience(load, weather.tasks)
        self._again, self._horizon = load.again, weather.horizon
        self._blocks: dict[int, CallerBlock] = {}  # of a closed loop, those that are open
        self._made = 0  # of them, how many there have been
        self.live = 0

    def play(self, progress: Callable[[float], None] | None) -> None:
        """Plays every request of the horizon to its end."""
        if self._loop is None:
            for number, block in enumerate(self._weather.blocks()):
                self._play_block(self._opened(CallerBlock(block)))
                self._tidy(number, progress)
        else:
            self._play_loop(self._loop, progress)
        self._world.kernel.drain(lambda: self.live == 0)
        for number in sorted(self._blocks):
            self._emit(self._blocks[number])

    def _play_block(self, block: CallerBlock) -> None:
        def arrive(i: int) -> None:
            self.live += 1
            self._begin(block, i)

        self._world.kernel.play(block.arrival, arrive)

    def _play_loop(self, loop: ClosedLoop, progress: Callable[[float], None] | None) -> None:
        kernel = self._world.kernel
        when, numbers = loop.starts(self._horizon)
        first = numbers.tolist()
        begun = 0
        for part in range(1, SLICES + 1):
            until = self._horizon * part / SLICES
            come = int(np.searchsorted(when, until))

            def begin(i: int, begun: int = begun) -> None:
                self.live += 1
                self._ask(first[begun + i])

            kernel.play(when[begun:come].tolist(), begin)
            kernel.advance_to(until)
            begun = come
            self._tidy(part, progress)

    def _tidy(self, number: int, progress: Callable[[float], None] | None) -> None:
        self._world.ledger.spill()
        if number % 16 == 15:
            gc.collect()
        if progress is not None:
            progress(self._world.env.now)

    # -- requests ----------------------------------------------------------------------------------

    def _schedule(self, when: float, ask: Callable[[], None]) -> None:
        self.live += 1
        self._world.kernel.schedule(Turn(ask), when, URGENT)

    def _ask(self, number: int) -> None:
        """A caller of the closed loop asks the request of this number."""
        which, i = divmod(number, BLOCK)
        while self._made <= which:
            assert self._loop is not None
            turns = self._loop.turns(self._made)
            made = self._blocks[self._made] = self._opened(CallerBlock(turns.block))
            made.pause, made.following = turns.pause, turns.following
            self._made += 1
        block = self._blocks[which]
        block.arrival[i] = self._world.env.now
        self._begin(block, i)

    def _begin(self, block: CallerBlock, i: int) -> None:
        request: CallerRequest = CallerRequest()
        request.arrive(self._world, block, i, self._world.take_worker())
        request.begin(self)
        request.proceed(request)

    def go_on(self, block: CallerBlock, i: int, ok: bool) -> None:
        """What a caller does who has an answer, or will have none."""
        now, base, again = self._world.env.now, block.base, self._again
        if not ok and again.share and block.presses < again.most:
            press, delay = self._luck(block)
            if press[i] < again.share and now + delay[i] < self._horizon:
                self._schedule(now + delay[i], self._press(block, i))
                return
        if base.following:
            following, when = base.following[i], now + base.pause[i]
            if following >= 0 and when < self._horizon:
                self._schedule(when, partial(self._ask, following))

    def _press(self, block: CallerBlock, i: int) -> Callable[[], None]:
        """Makes ready to ask a request again."""
        if block.echo is None:
            fresh = replace(
                block.block,
                first=block.first + AGAIN * BLOCK,
                arrival=block.block.arrival.copy(),
                origin=block.block.questions,
            )
            echo = block.echo = self._opened(CallerBlock(fresh, block.base))
            echo.presses, echo.open = block.presses + 1, 1  # for `block`, which may press more
        echo = block.echo
        echo.open += 1

        def ask() -> None:
            echo.arrival[i] = self._world.env.now
            self._begin(echo, i)

        return ask

    def _opened(self, block: CallerBlock) -> CallerBlock:
        """The same, with the patience of its callers."""
        if self._patience is not None:
            source = self._weather.streams.block("patience", block=block.first // BLOCK)
            waits = draw_patience(self._patience, block.block.task, source, BLOCK)
            block.patience = waits.tolist()
        return block

    def _luck(self, block: CallerBlock) -> tuple[list[float], list[float]]:
        """By place: whether it is asked again (a uniform), and after how many seconds."""
        luck = block.draws.get("again")
        if luck is None:
            source = self._weather.streams.block("again", block=block.first // BLOCK)
            uniform = source.random(BLOCK).tolist()
            luck = uniform, draw_pauses(self._again.delay, source, BLOCK).tolist()
            block.draws["again"] = luck
        return luck  # type: ignore[no-any-return]

    # -- rows --------------------------------------------------------------------------------------

    def close(self, block: CallerBlock) -> None:
        """All requests of a block have their rows."""
        if block.base is block:
            self._blocks.pop(block.first // BLOCK, None)
        self._emit(block)

    def _emit(self, block: CallerBlock) -> None:
        """Hands on the rows of a block that nobody asks in any more."""
        block.draws.clear()
        rows = [row for row in block.rows if row is not None]
        columns, details = block.block, block.details
        columns.arrival = np.array(block.arrival)
        if len(rows) < columns.size:
            places = np.array([i for i, row in enumerate(block.rows) if row is not None], np.int64)
            columns = columns.select(places)
            details = {k: details[i] for k, i in enumerate(places.tolist()) if i in details}
        if rows:
            more = {}
            if self._again.share:
                more["presses"] = np.full(len(rows), block.presses, np.int32)
                more["first_request_id"] = block.base.first + columns.places
            emit_requests(self._world.ledger, columns, rows, details, **more)
        if block.echo is not None:
            block.echo.open -= 1
            if block.echo.open == 0:
                self._emit(block.echo)
