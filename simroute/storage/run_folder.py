"""The folder of a run from its beginning to its end: config.yaml, a journal of finished runs and
part files of rows while it lasts, then the files that the study leaves."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from simroute.errors import InputError
from simroute.experiment.job import Replicated
from simroute.metrics import Figures
from simroute.storage import TABLES, Journal, JournalError, join_parts
from simroute.storage.atomic import written
from simroute.storage.folder import REMEDY, FolderLock, RunDescription, describe_unwritable
from simroute.storage.replication_journal import RunKey
from simroute.storage.resume import (
    describe_progress,
    describe_unreadable,
    grown_header,
    is_unfinished,
    make_header,
    read_unfinished,
    refusal,
    require_unfinished,
    resume_command,
)
from simroute.storage.row_parts import part_folder

Outputs = Mapping[str, Callable[[Path], object]]
"""File name -> what writes such a file to a path. They are written one after another."""
CONFIG, SUMMARY, EVIDENCE, REPORT = "config.yaml", "summary.json", "evidence.json", "report.html"
SHEETS = ("spend.csv", "shifts.csv", "caching.csv")
TUNE, TUNED, TRIALS, SENSITIVITY = "tune.json", "tuned.yaml", "trials.parquet", "sensitivity.json"
FILES = (
    CONFIG,
    SUMMARY,
    EVIDENCE,
    REPORT,
    TUNE,
    TUNED,
    TRIALS,
    SENSITIVITY,
    *SHEETS,
    *(f"{table}.parquet" for table in TABLES),
)
EARLIER = ".earlier"
"""Where the files of a finished run wait while another one is made in its place."""


class Unwritten(NamedTuple):
    """Names of the files that could not be written, and why, in lines."""

    names: set[str]
    problems: list[str]


class RunFolder:
    """A locked folder, and a store of finished replications. With `out` None nothing is kept. A
    context manager: what was begun and came to nothing leaves the folder as it was.

    >>> with RunFolder.open(RunDescription.of(configuration), out, print) as folder:
    ...     folder.add(("failover", 0), figures)
    ...     unwritten = folder.finish({"summary.json": text_output(study.to_json)})
    """

    def __init__(
        self, description: RunDescription, out: Path | None, warn: Callable[[str], None]
    ) -> None:
        self._description, self._out, self._warn = description, out, warn
        self._journal: Journal | None = None
        self._finished: set[RunKey] = set()
        self._lost_rows: str | None = None
        self._done = False
        self.parts: Path | None = None
        self._lock = None if out is None else FolderLock(out)

    @classmethod
    def open(
        cls,
        description: RunDescription,
        out: Path | None,
        warn: Callable[[str], None],
        *,
        resume: bool = False,
        rows: bool | None = None,
    ) -> Self:
        """A new run, or with `resume` the unfinished one of that folder (`rows` None: with row
        files if it was begun with them).

        Raises InputError, with everything as it was, if the folder is in use or cannot be written,
        holds an unfinished run, or has another one to resume.
        """
        if out is not None and resume:
            require_unfinished(out)
        folder = cls(description, out, warn)
        try:
            if out is not None and resume:
                folder._resume(out, rows)
            elif out is not None:
                folder._begin(out, bool(rows))
        except BaseException:
            folder._release()
            raise
        return folder

    def _begin(self, out: Path, rows: bool) -> None:
        if is_unfinished(out):
            header, finished = read_unfinished(out)
            if finished:
                raise InputError(
                    f"{out}: holds an unfinished run ({describe_progress(header, finished)}); "
                    f"continue it with {resume_command(header, out)}, or {REMEDY}"
                )
        try:
            with written(out / CONFIG) as draft:
                draft.write_text(self._description.text, encoding="utf-8")
                self._start_journal(out, rows)
                self._clear_parts(out, rows)
                _move_earlier_run(out)
        except (OSError, UnicodeError) as error:
            raise InputError(describe_unwritable(out, error)) from None

    def _start_journal(self, out: Path, rows: bool) -> None:
        try:
            self._journal = Journal.create(out, make_header(self._description, rows))
        except (OSError, JournalError) as error:
            self._go_without(error)

    def _clear_parts(self, out: Path, rows: bool) -> None:
        shutil.rmtree(out / ".parts", ignore_errors=True)
        if rows:
            self.parts = out / ".parts"
            self.parts.mkdir(exist_ok=True)

    def _resume(self, out: Path, rows: bool | None) -> None:
        header, _ = read_unfinished(out)
        why = refusal(self._description, header, rows)
        if why is not None:
            raise InputError(f"{out}: cannot be resumed: {why}")
        self.parts = out / ".parts" if header.rows else None
        try:
            self._journal = Journal.open(out)
            self._finished = self._journal.keys()
            for key in [key for key in self._finished if not self._has_rows(key)]:
                self._journal.forget(*key)
                self._finished.discard(key)
            larger = grown_header(header, make_header(self._description, header.rows))
            if larger is not None or not (out / CONFIG).is_file():
                with written(out / CONFIG) as draft:
                    draft.write_text(self._description.text, encoding="utf-8")
            if larger is not None:
                self._journal.amend(larger)
        except JournalError as error:
            raise InputError(describe_unreadable(out, error)) from None
        except OSError as error:
            raise InputError(describe_unwritable(out, error)) from None

    def _has_rows(self, key: RunKey) -> bool:
        """Whether a run has the row files that it needs. Runs beside the study's own need none."""
        rows = self.rows_folder(*key) if key[0] in self._description.policies else None
        return rows is None or rows.is_dir()

    def rows_folder(self, policy: str, replication: int) -> Path | None:
        """Where the row files of a replication go, None without row files."""
        if self.parts is None:
            return None
        return part_folder(self.parts, self._description.policies.index(policy), replication)

    # -- while it runs -----------------------------------------------------------------------------

    def finished_runs(self) -> Iterator[tuple[RunKey, Figures]]:
        """The study's own runs that were finished before, in order of replication. Raises
        InputError."""
        for key in sorted(self._finished, key=lambda key: (key[1], key[0])):
            figures = self.read(key) if key[0] in self._description.policies else None
            if figures is not None:
                yield key, figures

    def keys(self) -> set[RunKey]:
        """Of all runs in the journal, those beside the study's own as well."""
        return set() if self._journal is None else self._journal.keys()

    def read(self, key: RunKey) -> Figures | None:
        """The figures of a run, None without a journal. Raises InputError."""
        if self._journal is None:
            return None
        try:
            return self._journal.figures(*key)
        except JournalError as error:
            raise InputError(describe_unreadable(self._journal.path.parent, error)) from None

    def keep(self, result: Replicated) -> None:
        """Keep one of the study's own runs, unless its row files are missing: then it is not
        finished. Never fails."""
        if result.unwritten is None:
            self.add((result.job.policy, result.job.replication), result.figures)
        elif self._lost_rows is None:
            self._lost_rows = result.unwritten
            self._warn(f"row files are left out from here on: {result.unwritten}")

    def add(self, key: RunKey, figures: Figures) -> None:
        """Keep a run. Never fails: a full disk ends the journal, not the study."""
        if self._journal is not None:
            try:
                self._journal.add(*key, figures)
                self._finished.add(key)
            except OSError as error:
                self._go_without(error)

    def _go_without(self, error: Exception) -> None:
        why = error.strerror or str(error) if isinstance(error, OSError) else str(error)
        self._warn(
            f"{self._out}: no journal from here on ({why}): what is computed now cannot be "
            f"resumed if this run is cut short"
        )
        if self._journal is not None:
            self._journal.close()
            self._journal = None

    # -- at the end --------------------------------------------------------------------------------

    def finish(
        self, outputs: Outputs, replications: Sequence[int] = (), interrupted: bool = False
    ) -> Unwritten:
        """Write the files of the run, and join the row files of these replications. The journal
        stays if the run was `interrupted` or a file could not be written. Never fails."""
        if self._out is None:
            return Unwritten(set(), [])
        failed = self._write_outputs(self._out, outputs)
        if self.parts is not None:
            for table in TABLES:
                why = self._join_rows(self._out, self.parts, table, replications)
                if why is not None:
                    failed.setdefault(why, []).append(f"{table}.parquet")
        self._done = not failed and not interrupted
        if not failed:
            shutil.rmtree(self._out / EARLIER, ignore_errors=True)
        return Unwritten(
            {name for names in failed.values() for name in names},
            [
                f"{self._out / ', '.join(names)}: cannot be written ({why})"
                for why, names in failed.items()
            ],
        )

    def _write_outputs(self, out: Path, outputs: Outputs) -> dict[str, list[str]]:
        """Reason -> files that could not be written for it."""
        failed: dict[str, list[str]] = {}
        for name, write in outputs.items():
            try:
                with written(out / name) as draft:
                    write(draft)
            except (OSError, UnicodeError) as error:
                failed.setdefault(getattr(error, "strerror", None) or str(error), []).append(name)
        if REPORT not in outputs:
            (out / REPORT).unlink(missing_ok=True)  # of a part of this run
        return failed

    def _join_rows(
        self, out: Path, parts: Path, table: str, replications: Sequence[int]
    ) -> str | None:
        """Join the part files of a table; why that is not possible, None if it was."""
        folders = [
            part_folder(parts, number, replication)
            for number in range(len(self._description.policies))
            for replication in replications
        ]
        if not all(folder.is_dir() for folder in folders):
            return self._lost_rows or f"{parts}: parts are missing"
        files = [part for each in folders for part in sorted(each.glob(f"{table}-*.parquet"))]
        try:
            with written(out / f"{table}.parquet") as draft:
                join_parts(files, draft, table)
        except OSError as error:
            return error.strerror or str(error)
        return None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if self._out is not None:
                self._leave(self._out)
        finally:
            self._release()

    def _leave(self, out: Path) -> None:
        nothing = (
            not self._finished and not (out / SUMMARY).exists() and not (out / SENSITIVITY).exists()
        )
        if self._journal is not None and (self._done or nothing):
            self._journal.remove()
        if self._done or nothing:
            shutil.rmtree(out / ".parts", ignore_errors=True)
        if nothing:
            with suppress(OSError):
                (out / CONFIG).unlink(missing_ok=True)
                _restore_earlier_run(out)

    def _release(self) -> None:
        if self._journal is not None:
            self._journal.close()
        if self._lock is not None:
            self._lock.release()


def text_output(make: Callable[[], str]) -> Callable[[Path], object]:
    """An output of text, which is made when its file is written."""
    return lambda path: path.write_text(make(), encoding="utf-8")


def _move_earlier_run(out: Path) -> None:
    """The files of a finished run wait until this one has its own."""
    if not (out / SUMMARY).is_file() and not (out / SENSITIVITY).is_file():
        return
    shutil.rmtree(out / EARLIER, ignore_errors=True)
    (out / EARLIER).mkdir()
    for name in FILES:
        with suppress(FileNotFoundError):
            (out / name).replace(out / EARLIER / name)


def _restore_earlier_run(out: Path) -> None:
    for name in FILES:
        with suppress(FileNotFoundError):
            (out / EARLIER / name).replace(out / name)
    with suppress(FileNotFoundError):
        (out / EARLIER).rmdir()
