"""Where money is kept: a file for the processes of one machine, or Redis for those of several."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from simroute.errors import InputError
from simroute.live.files import check_regular
from simroute.live.money import Answer, Entry, Ledger

VERSION = 1
PATIENCE_S, PATIENCE_AT_START_S = 0.05, 10.0
"""Seconds to wait for another process that writes, which takes some microseconds; and at the start,
when nobody else waits."""
STUCK_S = 1.0
"""Seconds to wait for a disk."""
TABLE = (
    "CREATE TABLE IF NOT EXISTS spend "
    "(scope TEXT, period INTEGER, nano INTEGER NOT NULL, PRIMARY KEY (scope, period)) WITHOUT ROWID"
)
ADD = (
    "INSERT INTO spend VALUES (?, ?, ?) "
    "ON CONFLICT (scope, period) DO UPDATE SET nano = nano + excluded.nano"
)
SUM = "SELECT coalesce(sum(nano), 0) FROM spend WHERE scope = ? AND period >= ?"
FORGET = "DELETE FROM spend WHERE scope = ? AND period < ?"
SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://|(rediss?|unix):")
SCHEMES = "redis://", "rediss://", "unix://"


def open_ledger(state: str | Path) -> Ledger:
    """The ledger of a file (SQLite), or of redis://HOST:PORT/DB. Raises InputError."""
    scheme = SCHEME.match(state) if isinstance(state, str) else None
    if scheme is None:
        return FileLedger(Path(state))
    if scheme[0] not in SCHEMES:
        raise InputError(
            f"--state: {scheme[0]} is nothing that money can be kept in; name a file, "
            "redis://HOST:PORT/DB, rediss://… or unix://PATH"
        )
    try:
        from simroute.live.redis_ledger import RedisLedger
    except ImportError:
        raise InputError(
            f"--state: {scheme[0]} needs redis-py; pip install 'simroute[redis]'"
        ) from None
    return RedisLedger(str(state))


class FileLedger(Ledger):
    """A file of spend. It is asked in a thread of its own: a file that another process holds, or a
    disk that is slow, keeps nobody waiting who has no budget, and who has one no longer than
    `PATIENCE_S`, or `STUCK_S`. Raises InputError for a file that is none."""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self._forgotten: dict[str, int] = {}
        self._thread = ThreadPoolExecutor(1, "simroute-state")
        self._asking: Future[list[Answer]] | None = None
        check_regular(path, f"--state: {path}")
        try:
            self._base = sqlite3.connect(
                path, PATIENCE_AT_START_S, isolation_level=None, check_same_thread=False
            )
            self._base.execute("PRAGMA journal_mode = WAL")
            self._base.execute("PRAGMA synchronous = NORMAL")
            version = self._base.execute("PRAGMA user_version").fetchone()[0]
            if version not in (0, VERSION):
                raise InputError(
                    f"--state: {path} is of version {version}, this simroute writes {VERSION}; "
                    "update it, or name another file"
                )
            self._base.execute(TABLE)
            if version != VERSION:
                self._base.execute(f"PRAGMA user_version = {VERSION}")
            self._base.execute(f"PRAGMA busy_timeout = {round(1000 * PATIENCE_S)}")
        except sqlite3.Error as error:
            raise InputError(f"--state: {path} cannot be used ({error})") from None

    async def open(self) -> None:
        """It is open from the beginning."""

    async def _answer(self, entries: list[Entry]) -> Sequence[Answer]:
        with self._asked(sqlite3.Error, OverflowError, TimeoutError):
            if self._asking is not None and not self._asking.done():
                raise TimeoutError  # the thread waits for the disk
            self._asking = self._thread.submit(self._do, entries)
            async with asyncio.timeout(STUCK_S):
                return await asyncio.shield(asyncio.wrap_future(self._asking))

    def _do(self, entries: list[Entry]) -> list[Answer]:
        """All of them in one transaction, in which nobody else writes; looks alone need none."""
        if all(entry.nano == 0 for entry in entries):
            return [(True, self._sum(entry)) for entry in entries]
        self._base.execute("BEGIN IMMEDIATE")
        try:
            answers = [self._count(entry) for entry in entries]
            self._base.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                self._base.execute("ROLLBACK")
            raise
        return answers

    def _count(self, entry: Entry) -> Answer:
        scope, period, oldest, nano, most = entry
        if nano > 0 and self._forgotten.get(scope) != oldest:
            self._base.execute(FORGET, (scope, oldest))
            self._forgotten[scope] = oldest
        spent = self._sum(entry)
        fits = most is None or spent + nano <= most
        if fits and nano:
            self._base.execute(ADD, (scope, period, nano))
            spent += nano
        return fits, spent

    def _sum(self, entry: Entry) -> int:
        return int(self._base.execute(SUM, (entry.scope, entry.oldest)).fetchone()[0])

    async def _close(self) -> None:
        self._thread.submit(self._base.close)
        self._thread.shutdown(wait=self._asking is None or self._asking.done())
