"""Spend that outlives the gateway, and that processes of one machine share to the nano-dollar."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from simroute.errors import InputError
from simroute.gauges.meter import SpendMeter, Ticket, nano_up
from simroute.live.files import check_regular

VERSION = 1
PATIENCE_S, PATIENCE_AT_START_S = 0.05, 10.0
"""Seconds to wait for another process that writes, which takes some microseconds; and at the start,
when nobody else waits."""
TABLE = (
    "CREATE TABLE IF NOT EXISTS spend "
    "(scope TEXT, period INTEGER, nano INTEGER NOT NULL, PRIMARY KEY (scope, period)) WITHOUT ROWID"
)
ADD = (
    "INSERT INTO spend VALUES (?, ?, ?) "
    "ON CONFLICT (scope, period) DO UPDATE SET nano = nano + excluded.nano"
)
SUM = "SELECT coalesce(sum(nano), 0) FROM spend WHERE scope = ? AND period >= ?"


class Ledger:
    """A file of spend by scope and period. failures: how often it could not be written or read.
    Raises InputError for a file that is none."""

    def __init__(self, path: Path) -> None:
        self.failures = 0
        check_regular(path, f"--state: {path}")
        try:
            self.base = sqlite3.connect(path, timeout=PATIENCE_AT_START_S, isolation_level=None)
            self.base.execute("PRAGMA journal_mode = WAL")
            self.base.execute("PRAGMA synchronous = NORMAL")
            version = self.base.execute("PRAGMA user_version").fetchone()[0]
            if version not in (0, VERSION):
                raise InputError(
                    f"--state: {path} is of version {version}, this simroute writes {VERSION}; "
                    "update it, or name another file"
                )
            self.base.execute(TABLE)
            if version != VERSION:
                self.base.execute(f"PRAGMA user_version = {VERSION}")
            self.base.execute(f"PRAGMA busy_timeout = {round(1000 * PATIENCE_S)}")
        except sqlite3.Error as error:
            raise InputError(f"--state: {path} cannot be used ({error})") from None

    def close(self) -> None:
        self.base.close()


class DurableMeter(SpendMeter):
    """A meter whose slots stand in a ledger.

    A reservation is written before it is used and settled after, so that one of a process that was
    killed stays spent: it errs towards caution. epoch: seconds since 1970 at second 0 of the
    world's clock. Where the ledger fails, nothing fits, and all else goes on uncounted.
    """

    def __init__(self, ledger: Ledger, scope: str, epoch: Callable[[], float]) -> None:
        super().__init__()
        self._ledger, self._scope, self._epoch = ledger, scope, epoch
        self._period = self._oldest = 0

    def turn(self, slot: float, oldest: float) -> None:
        if slot == self._slot:
            return
        self._slot, epoch = slot, self._epoch()
        self._period, self._oldest = round(slot + epoch), round(oldest + epoch)
        self._do("DELETE FROM spend WHERE scope = ? AND period < ?", self._scope, self._oldest)

    def reserve(self, usd: float) -> Ticket:
        nano = nano_up(usd)
        self._do(ADD, self._scope, self._period, nano)
        return Ticket(self._period, nano)

    def reserve_within(self, usd: float, limit: float) -> Ticket | None:
        base = self._ledger.base
        try:
            base.execute("BEGIN IMMEDIATE")  # nobody else writes between look and entry
            spent = base.execute(SUM, (self._scope, self._oldest)).fetchone()[0]
            fits = spent + nano_up(usd) <= round(limit * 1e9)
            ticket = self.reserve(usd) if fits else None
            base.execute("COMMIT")
        except sqlite3.Error:
            self._ledger.failures += 1
            with suppress(sqlite3.Error):
                base.execute("ROLLBACK")
            return None
        return ticket

    def settle(self, ticket: Ticket, usd: float) -> Ticket:
        corrects = Ticket(ticket.slot, round(usd * 1e9))
        if ticket.is_open and ticket.slot >= self._oldest and corrects.nano != ticket.nano:
            self._do(ADD, self._scope, int(ticket.slot), corrects.nano - ticket.nano)
        corrects.is_open, ticket.is_open = ticket.is_open, False
        return corrects

    @property
    def spent(self) -> float:
        rows = self._do(SUM, self._scope, self._oldest)
        return math.inf if rows is None else rows[0][0] / 1e9

    def _do(self, statement: str, *values: Any) -> list[Any] | None:
        """The rows of a statement, None where the ledger fails."""
        try:
            return self._ledger.base.execute(statement, values).fetchall()
        except (sqlite3.Error, OverflowError):
            self._ledger.failures += 1
            return None
