"""What is finished of a study that is not: one row for each replication, each committed at once, in
a file that survives kill -9.

Nothing in a journal is executed: figures are JSON, evidence is read without pickles, and the
database is opened without access to other files.
"""

from __future__ import annotations

import errno
import json
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simroute.metrics import Evidence, Figures
from simroute.storage.disk import system_error, translate_errors

if TYPE_CHECKING:
    import duckdb

SCHEMA = 1
RunKey = tuple[str, int]
"""The name of a run (a policy, or a digest of weather and layers) and its replication."""
JOURNAL = ".journal.duckdb"
SAFE = {
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}
TABLES = (
    "CREATE TABLE header (schema_version INTEGER, simroute VARCHAR, fingerprint VARCHAR, sha256 "
    "VARCHAR, rows BOOLEAN, plugins VARCHAR, "
    "configuration VARCHAR)",
    "CREATE TABLE replications (policy VARCHAR, replication INTEGER, figures VARCHAR, evidence "
    "BLOB, PRIMARY KEY (policy, replication))",
)


class JournalError(Exception):
    """A journal that cannot be read: of another kind, or broken."""


@dataclass(frozen=True)
class Header:
    """What a run was started with. `sha256`: of the configuration's text; `plugins`: file name and
    SHA-256, or package and version, of each."""

    simroute: str
    fingerprint: str
    sha256: str
    rows: bool
    plugins: tuple[tuple[str, str], ...]
    configuration: str
    schema_version: int = SCHEMA


class Journal:
    """The journal in a folder. Every method but `close` may raise OSError in the system's words,
    such as that of a full disk.

    >>> journal = Journal.create(folder, make_header(description, rows=False))
    >>> journal.add("failover", 0, figures)
    >>> journal.figures("failover", 0)
    """

    def __init__(self, path: Path, base: duckdb.DuckDBPyConnection, header: Header) -> None:
        self.path, self.header, self._database = path, header, base

    @classmethod
    def create(cls, folder: Path, header: Header) -> Journal:
        """An empty one, which is there as a whole or not at all."""
        path = folder / JOURNAL
        draft = path.with_name(f"{JOURNAL}.draft")
        _remove(draft)
        _remove(path)
        try:
            with translate_errors(path), _connect(draft) as base:
                for table in TABLES:
                    base.execute(table)
                _insert_header(base, header)
                base.execute("CHECKPOINT")  # closing would do it too, but keep silent if it failed
        except BaseException:
            _remove(draft)
            raise
        draft.replace(path)
        return cls.open(folder)

    @classmethod
    def open(cls, folder: Path, *, read_only: bool = False) -> Journal:
        """The one that is there; `only_look` leaves its files as they are. Raises JournalError if
        it is none."""
        import duckdb

        path = folder / JOURNAL
        try:
            base = _connect(path, read_only)
            try:
                row = base.execute("SELECT * FROM header").fetchone()
                names = [column[0] for column in base.description or ()]
                return cls(path, base, _read_header(dict(zip(names, row or (), strict=True))))
            except BaseException:
                base.close()
                raise
        except (duckdb.Error, ValueError, TypeError, KeyError, RecursionError) as error:
            if (system := system_error(error, path)).errno != errno.EIO:
                raise system from None
            raise JournalError(str(system.strerror)) from None

    def add(self, policy: str, replication: int, figures: Figures) -> None:
        """Commit a run; a second one of the same name and replication replaces the first."""
        packed = None if figures.evidence is None else figures.evidence.pack()
        with translate_errors(self.path):
            self._database.execute(
                "INSERT OR REPLACE INTO replications VALUES (?, ?, ?, ?)",
                [policy, replication, encode_figures(figures), packed],
            )

    def keys(self) -> set[RunKey]:
        """Of the runs that are kept."""
        with translate_errors(self.path):
            return set(
                self._database.execute("SELECT policy, replication FROM replications").fetchall()
            )

    def forget(self, policy: str, replication: int) -> None:
        """Delete a run, so that it is played again."""
        with translate_errors(self.path):
            self._database.execute(
                "DELETE FROM replications WHERE policy = ? AND replication = ?",
                [policy, replication],
            )

    def figures(self, policy: str, replication: int) -> Figures:
        """The figures of a run with their evidence, bit for bit. Raises JournalError."""
        with translate_errors(self.path):
            query = (
                "SELECT figures, evidence FROM replications WHERE policy = ? AND replication = ?"
            )
            row = self._database.execute(query, [policy, replication]).fetchone()
        try:
            text, packed = row or (None, None)
            return replace(
                decode_figures(text), evidence=None if packed is None else Evidence.unpack(packed)
            )
        except Exception as error:  # a broken archive has many names
            raise JournalError(
                f"policy {policy}, replication {replication}: {type(error).__name__}: {error}"[:200]
            ) from None

    def amend(self, header: Header) -> None:
        """Replace the header, when the study has more replications than before."""
        with translate_errors(self.path):
            self._database.execute("BEGIN")
            self._database.execute("DELETE FROM header")
            _insert_header(self._database, header)
            self._database.execute("COMMIT")
        self.header = header

    def close(self) -> None:
        """Close the file. What a full disk does not let DuckDB tidy is tidied when it is opened
        again."""
        import duckdb

        with suppress(duckdb.Error, RuntimeError):
            self._database.close()

    def remove(self) -> None:
        """Close the journal and delete its file."""
        self.close()
        _remove(self.path)


def _connect(path: Path, read_only: bool = False) -> duckdb.DuckDBPyConnection:
    import duckdb

    return duckdb.connect(str(path), read_only=read_only, config=dict(SAFE))


def _insert_header(base: duckdb.DuckDBPyConnection, header: Header) -> None:
    values = [
        header.schema_version,
        header.simroute,
        header.fingerprint,
        header.sha256,
        header.rows,
        json.dumps(header.plugins),
        header.configuration,
    ]
    base.execute("INSERT INTO header VALUES (?, ?, ?, ?, ?, ?, ?)", values)


def _read_header(row: dict[str, Any]) -> Header:
    if row["schema_version"] != SCHEMA:
        raise ValueError(
            f"it has schema version {row['schema_version']!r}, this simroute reads {SCHEMA}"
        )
    return Header(
        **{
            **row,
            "plugins": tuple((str(name), str(mark)) for name, mark in json.loads(row["plugins"])),
        }
    )


def _remove(path: Path) -> None:
    for each in (path, path.with_name(f"{path.name}.wal")):
        each.unlink(missing_ok=True)


def encode_figures(figures: Figures) -> str:
    """Figures without their evidence, as JSON from which every float, None and tuple comes back as
    it was."""
    return json.dumps(
        {
            f.name: _encode_value(getattr(figures, f.name))
            for f in fields(figures)
            if f.name != "evidence"
        },
        ensure_ascii=False,
    )


def decode_figures(text: str) -> Figures:
    """What `encoded` wrote."""
    return Figures(**{name: _decode_value(value) for name, value in json.loads(text).items()})


def _encode_value(value: Any) -> Any:
    """JSON knows no tuples: one is written as an object with a single key that no name of ours can
    be."""
    if isinstance(value, tuple):
        return {TUPLE: [_encode_value(one) for one in value]}
    if isinstance(value, dict):
        return {key: _encode_value(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_encode_value(one) for one in value]
    return value.item() if hasattr(value, "item") else value


def _decode_value(value: Any) -> Any:
    if isinstance(value, dict):
        return (
            tuple(map(_decode_value, value[TUPLE]))
            if value.keys() == {TUPLE}
            else {key: _decode_value(one) for key, one in value.items()}
        )
    return [_decode_value(one) for one in value] if isinstance(value, list) else value


TUPLE = "\0tuple"
