"""Spend that outlives the gateway, and that others share to the nano-dollar: a meter over a
ledger. Where a ledger stands, `ledgers.py` and `redis_ledger.py` say."""

from __future__ import annotations

import asyncio
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple

from simroute.gauges.meter import Ticket, nano_up

STEPS = 100
"""A rolling window is kept in so many steps; what was spent counts until its step is over."""


class LedgerFailed(Exception):
    """A ledger was not asked, gave no answer in time, or an error."""


class Entry(NamedTuple):
    """A question to a ledger: counts `nano` in `period`, if what has been spent from period
    `oldest` on is then no more than `most` (None: in any case)."""

    scope: str
    period: int
    oldest: int
    nano: int
    most: int | None


Answer = tuple[bool, int]
"""Whether it was counted, and what is spent."""


class Ledger(ABC):
    """What has been spent, in nano-dollars, by scope and period (a second since 1970).

    Entries go out one after another, in their order; those that come while answers are awaited go
    together. Whoever has a ledger of another kind says in `_answer` how it is asked. name: where it
    stands, without credentials. fresh_s: how old what was seen of it may be, where no decision of
    money hangs on it. failures: how often it failed; fails: whether it did the last time. tell:
    called when that changes.
    """

    fresh_s, linger_s = 0.0, 0.5

    def __init__(self, name: str) -> None:
        self.name, self.failures, self.fails = name, 0, False
        self.is_closed = False
        self.tell: Callable[[], None] = lambda: None
        self._line: list[tuple[Entry, asyncio.Future[Answer | None]]] = []
        self._work: asyncio.Task[None] | None = None

    @abstractmethod
    async def open(self) -> None:
        """Raises InputError where it cannot be used."""

    async def look(self, scope: str, oldest: int) -> int:
        """What has been spent in periods from `oldest` on. Raises LedgerFailed."""
        return _sure(await asyncio.shield(self._ask(Entry(scope, oldest, oldest, 0, None))))[1]

    async def reserve(
        self, scope: str, period: int, oldest: int, nano: int, most: int | None
    ) -> Answer:
        """Counts as an entry says; one that nobody waits for any more is given back. Raises
        LedgerFailed."""
        entry = Entry(scope, period, oldest, nano, most)
        asked = self._ask(entry)
        try:
            return _sure(await asyncio.shield(asked))
        except asyncio.CancelledError:
            asked.add_done_callback(partial(self._give_back, entry))
            raise

    def settle(self, scope: str, period: int, oldest: int, nano: int) -> None:
        """Adds to what was counted in a period; less than zero takes away."""
        self._ask(Entry(scope, period, oldest, nano, None))

    def _give_back(self, entry: Entry, asked: asyncio.Future[Answer | None]) -> None:
        answer = None if asked.cancelled() else asked.result()
        if answer is not None and answer[0]:
            self._ask(entry._replace(nano=-entry.nano, most=None))

    async def close(self) -> None:
        """Ends its connections when all is written, once."""
        if self.is_closed:
            return
        self.is_closed = True
        if self._work is not None:
            await asyncio.wait([self._work], timeout=self.linger_s)
        await self._close()

    @abstractmethod
    async def _close(self) -> None:
        """Ends its connections."""

    def _ask(self, entry: Entry) -> asyncio.Future[Answer | None]:
        """Puts an entry in line."""
        loop = asyncio.get_running_loop()
        asked: asyncio.Future[Answer | None] = loop.create_future()
        self._line.append((entry, asked))
        if self._work is None:
            self._work = loop.create_task(self._send())
        return asked

    async def _send(self) -> None:
        """Sends what is in line, until nothing is."""
        while self._line:
            batch, self._line = self._line, []
            answers: Sequence[Answer | None] = [None] * len(batch)
            try:
                answers = await self._answer([entry for entry, _ in batch])
            except LedgerFailed:
                self.failures += len(batch) - 1
            for (_, asked), answer in zip(batch, answers, strict=True):
                asked.set_result(answer)
        self._work = None

    @abstractmethod
    async def _answer(self, entries: list[Entry]) -> Sequence[Answer]:
        """Answers of the ledger, in the order of the entries. Raises LedgerFailed."""

    @contextmanager
    def _asked(self, *errors: type[BaseException]) -> Iterator[None]:
        """An operation; what it raises is noted, and told the first time."""
        try:
            yield
        except errors:
            self.failures += 1
            self._note(True)
            raise LedgerFailed from None
        self._note(False)

    def _note(self, fails: bool) -> None:
        if self.fails != fails:
            self.fails = fails
            self.tell()


def _sure(answer: Answer | None) -> Answer:
    if answer is None:
        raise LedgerFailed
    return answer


class DurableMeter:
    """A meter whose slots stand in a ledger (`gauges.meter.SharedMeter`).

    A reservation is written before it is used and settled after, so that one of a process that was
    killed stays spent: it errs towards caution. epoch: seconds since 1970 at second 0 of the
    world's clock. Where the ledger fails, nothing fits that must, and all else goes on: it counts
    here until the ledger is there again.
    """

    def __init__(self, ledger: Ledger, scope: str, epoch: Callable[[], float]) -> None:
        self._ledger, self._scope, self._epoch = ledger, scope, epoch
        self._slot, self._seen = -math.inf, -math.inf
        self._period = self._oldest = self._nano = 0

    def turn(self, slot: float, oldest: float) -> None:
        """It is now `slot`; what was spent in slots before `oldest` counts no more."""
        if slot == self._slot:
            return
        self._slot, epoch = slot, self._epoch()
        period, self._oldest = round(slot + epoch), round(oldest + epoch)
        step = max(1, (period - self._oldest) // STEPS)
        period = -(-period // step) * step
        if self._oldest > self._period:
            self._nano = 0
        if period != self._period:
            self._period, self._seen = period, -math.inf

    async def look(self) -> None:
        """Sees what has been spent."""
        now = asyncio.get_running_loop().time()
        if now - self._seen < self._ledger.fresh_s:
            return
        try:
            self._nano = await self._ledger.look(self._scope, self._oldest)
        except LedgerFailed:
            return
        self._seen = now

    async def reserve(self, usd: float, limit: float) -> Ticket | None:
        """Counts an estimate, if all stays within `limit` (inf: in any case); else None."""
        nano = nano_up(usd)
        most = None if limit == math.inf else round(limit * 1e9)
        period, oldest = self._period, self._oldest
        try:
            fits, spent = await self._ledger.reserve(self._scope, period, oldest, nano, most)
        except LedgerFailed:
            return Ticket(period, 0) if most is None else None
        if period == self._period:
            self._nano, self._seen = spent, asyncio.get_running_loop().time()
        return Ticket(period, nano) if fits else None

    def settle(self, ticket: Ticket, usd: float) -> Ticket:
        """As that of `SpendMeter`."""
        corrects = Ticket(ticket.slot, round(usd * 1e9))
        more = corrects.nano - ticket.nano
        if ticket.is_open and ticket.slot >= self._oldest and more:
            self._ledger.settle(self._scope, int(ticket.slot), self._oldest, more)
            self._nano += more
        corrects.is_open, ticket.is_open = ticket.is_open, False
        return corrects

    @property
    def spent(self) -> float:
        """USD that count, as seen lately, and what was settled since."""
        return self._nano / 1e9


def meter_of(ledger: Ledger, layer: str, epoch: Callable[[], float], account: str) -> DurableMeter:
    """The meter of a budget's account; that of all calls together has no name."""
    return DurableMeter(ledger, f"{layer}: {account}" if account else layer, epoch)
