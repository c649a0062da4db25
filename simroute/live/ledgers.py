"""Where money is kept: a file for the processes of one machine, or Redis for those of several."""

from __future__ import annotations

import re
import sqlite3
from contextlib import suppress
from pathlib import Path

from simroute.errors import InputError
from simroute.live.files import check_regular
from simroute.live.money import Ledger, LedgerFailed

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
FORGET = "DELETE FROM spend WHERE scope = ? AND period < ?"
ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://.*", re.DOTALL)
SCHEMES = "redis", "rediss", "unix"


def open_ledger(state: str | Path) -> Ledger:
    """The ledger of a file (SQLite), or of redis://HOST:PORT/DB. Raises InputError."""
    address = ADDRESS.fullmatch(state) if isinstance(state, str) else None
    if address is None:
        return FileLedger(Path(state))
    if address[1] not in SCHEMES:
        raise InputError(
            f"--state: {address[1]}:// is nothing that money can be kept in; name a file, "
            "redis://HOST:PORT/DB, rediss://… or unix://PATH"
        )
    try:
        from simroute.live.redis_ledger import RedisLedger
    except ImportError:
        raise InputError(
            f"--state: {address[1]}:// needs redis-py; pip install 'simroute[redis]'"
        ) from None
    return RedisLedger(str(state))


class FileLedger(Ledger):
    """A file of spend. It is asked in the loop's own thread, for some microseconds. Raises
    InputError for a file that is none."""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self._forgotten: dict[str, int] = {}
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

    async def look(self, scope: str, oldest: int) -> int:
        with self._asked(sqlite3.Error, OverflowError):
            return self._sum(scope, oldest)

    async def reserve(
        self, scope: str, period: int, oldest: int, nano: int, most: int | None
    ) -> tuple[bool, int]:
        base = self.base
        with self._asked(sqlite3.Error, OverflowError):
            base.execute("BEGIN IMMEDIATE")  # nobody else writes between look and entry
            try:
                if self._forgotten.get(scope) != oldest:
                    base.execute(FORGET, (scope, oldest))
                    self._forgotten[scope] = oldest
                spent = self._sum(scope, oldest)
                fits = most is None or spent + nano <= most
                if fits:
                    base.execute(ADD, (scope, period, nano))
                base.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    base.execute("ROLLBACK")
                raise
        return fits, spent + nano if fits else spent

    def settle(self, scope: str, period: int, nano: int) -> None:
        with suppress(LedgerFailed), self._asked(sqlite3.Error, OverflowError):
            self.base.execute(ADD, (scope, period, nano))

    def _sum(self, scope: str, oldest: int) -> int:
        return int(self.base.execute(SUM, (scope, oldest)).fetchone()[0])

    async def close(self) -> None:
        self.base.close()
