"""The folder of a run while it is filled: its configuration, a journal of what is finished, row
parts. At the end the files that the study leaves."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from simroute.config.configuration import Configuration
from simroute.errors import InputError
from simroute.experiment.job import Job, Replicated
from simroute.metrics import Figures
from simroute.storage import TABLES, Journal, JournalError, join_parts
from simroute.storage.folder import REMEDY, FolderLock, describe_unwritable
from simroute.storage.part_files import part_folder
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


class StudyResult(Protocol):
    """A study at its end, which is told what could not be written."""

    unwritten: set[str]
    problems: list[str]

    @property
    def interrupted(self) -> bool:
        """Whether it was cut short."""


class RunFolder:
    """A locked folder. With `out` None nothing is kept. A context manager: what was begun and came
    to nothing leaves the folder as it was."""

    def __init__(
        self, configuration: Configuration, out: Path | None, warn: Callable[[str], None]
    ) -> None:
        self._configuration, self._out, self._warn = configuration, out, warn
        self._policies = list(configuration.policies)
        self._journal: Journal | None = None
        self._finished: set[Job] = set()
        self._lost_rows: str | None = None
        self._done = False
        self.parts: Path | None = None
        self._lock = None if out is None else FolderLock(out)

    @classmethod
    def begin(
        cls,
        configuration: Configuration,
        out: Path | None,
        rows: bool,
        warn: Callable[[str], None],
    ) -> Self:
        """A new run. Raises InputError if the folder holds an unfinished one, is in use, or cannot
        be written."""
        folder = cls(configuration, out, warn)
        if out is not None:
            try:
                folder._begin(out, rows)
            except BaseException:
                folder._release()
                raise
        return folder

    @classmethod
    def resume(
        cls,
        configuration: Configuration,
        out: Path,
        rows: bool | None,
        warn: Callable[[str], None],
    ) -> Self:
        """The unfinished run of that folder. Raises InputError, with everything as it was, unless
        it is the same."""
        require_unfinished(out)
        folder = cls(configuration, out, warn)
        try:
            folder._resume(out, rows)
        except BaseException:
            folder._release()
            raise
        return folder

    def _begin(self, out: Path, rows: bool) -> None:
        if is_unfinished(out):
            found, finished = read_unfinished(out)
            if finished:
                raise InputError(
                    f"{out}: holds an unfinished run ({describe_progress(found, finished)}); "
                    f"continue it with {resume_command(found, out)}, or {REMEDY}"
                )
        try:
            with _drafted(out / CONFIG) as draft:
                draft.write_text(self._configuration.to_yaml(), encoding="utf-8")
                self._start_journal(out, rows)
                self._clear_parts(out, rows)
                _move_earlier_run(out)
        except (OSError, UnicodeError) as error:
            raise InputError(describe_unwritable(out, error)) from None

    def _start_journal(self, out: Path, rows: bool) -> None:
        try:
            self._journal = Journal.create(out, make_header(self._configuration, rows))
        except (OSError, JournalError) as error:
            self._go_without(error)

    def _clear_parts(self, out: Path, rows: bool) -> None:
        shutil.rmtree(out / ".parts", ignore_errors=True)
        if rows:
            self.parts = out / ".parts"
            self.parts.mkdir(exist_ok=True)

    def _resume(self, out: Path, rows: bool | None) -> None:
        found, _ = read_unfinished(out)
        why = refusal(self._configuration, found, rows)
        if why is not None:
            raise InputError(f"{out}: cannot be resumed: {why}")
        self.parts = out / ".parts" if found.rows else None
        try:
            self._journal = Journal.open(out)
            self._finished = self._journal.keys() & self._wanted()
            for job in [job for job in self._finished if not self._has_rows(job)]:
                self._journal.forget(*job)
                self._finished.discard(job)
            larger = grown_header(found, make_header(self._configuration, found.rows))
            if larger is not None or not (out / CONFIG).is_file():
                with _drafted(out / CONFIG) as draft:
                    draft.write_text(self._configuration.to_yaml(), encoding="utf-8")
            if larger is not None:
                self._journal.amend(larger)
        except JournalError as error:
            raise InputError(describe_unreadable(out, error)) from None
        except OSError as error:
            raise InputError(describe_unwritable(out, error)) from None

    def _wanted(self) -> set[Job]:
        return {
            (policy, replication) for policy in self._policies for replication in self._possible()
        }

    def _possible(self) -> range:
        made = self._configuration
        return (
            made.replication_numbers
            if made.study.until is None
            else range(made.study.until["most"])
        )

    def _folder(self, job: Job) -> Path:
        assert self.parts is not None
        return part_folder(self.parts, self._policies.index(job[0]), job[1])

    def _has_rows(self, job: Job) -> bool:
        return self.parts is None or self._folder(job).is_dir()

    # -- while it runs -----------------------------------------------------------------------------

    def finished_runs(self) -> Iterator[tuple[Job, Figures]]:
        """What was finished before, in order of replication. Raises InputError."""
        for job in sorted(self._finished, key=lambda job: (job[1], job[0])):
            assert self._journal is not None
            try:
                yield job, self._journal.figures(*job)
            except JournalError as error:
                raise InputError(describe_unreadable(self._journal.path.parent, error)) from None

    def keys(self) -> set[Job]:
        """Of all runs that are kept, those beside the study's own as well."""
        return set() if self._journal is None else self._journal.keys()

    def read(self, job: Job) -> Replicated | None:
        """What is kept of one. Raises InputError."""
        if self._journal is None:
            return None
        try:
            return Replicated(job, self._journal.figures(*job))
        except JournalError as error:
            raise InputError(describe_unreadable(self._journal.path.parent, error)) from None

    def add(self, done: Replicated) -> None:
        """Keep one. Never fails: a full disk ends the journal, not the study."""
        if done.unwritten is not None:
            if self._lost_rows is None:
                self._warn(f"row files are left out from here on: {done.unwritten}")
            self._lost_rows = self._lost_rows or done.unwritten
            return  # without its rows it is not finished
        if self._journal is not None:
            try:
                self._journal.add(*done.job, done.figures)
                self._finished.add(done.job)
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
        self, study: StudyResult, outputs: Outputs, replications: list[int] | None = None
    ) -> None:
        """Write the files of the run, and join the row files of these replications. Never fails:
        the study is told what could not be written, and why."""
        if self._out is None:
            return
        failed = self._written(self._out, outputs)
        whole = replications or []
        if self.parts is not None:
            for table in TABLES:
                why = self._joined(self._out, table, whole)
                if why is not None:
                    failed.setdefault(why, []).append(f"{table}.parquet")
        self._ended(self._out, study, failed)

    def _written(self, out: Path, outputs: Outputs) -> dict[str, list[str]]:
        """Reasons, and what could not be written for each."""
        failed: dict[str, list[str]] = {}
        for name, write in outputs.items():
            try:
                with _drafted(out / name) as draft:
                    write(draft)
            except (OSError, UnicodeError) as error:
                failed.setdefault(getattr(error, "strerror", None) or str(error), []).append(name)
        if REPORT not in outputs:
            (out / REPORT).unlink(missing_ok=True)  # of a part of this run
        return failed

    def _ended(self, out: Path, study: StudyResult, failed: dict[str, list[str]]) -> None:
        self._done = not failed and not study.interrupted
        if not failed:
            shutil.rmtree(out / EARLIER, ignore_errors=True)
        study.unwritten = {name for names in failed.values() for name in names}
        study.problems = [
            f"{out / ', '.join(names)}: cannot be written ({why})" for why, names in failed.items()
        ]

    def _joined(self, out: Path, table: str, whole: list[int]) -> str | None:
        assert self.parts is not None
        folders = [
            self._folder((policy, replication))
            for policy in self._policies
            for replication in whole
        ]
        if not all(folder.is_dir() for folder in folders):
            return self._lost_rows or f"{self.parts}: parts are missing"
        draft = self.parts / f"{table}.parquet"
        try:
            join_parts(
                [part for each in folders for part in sorted(each.glob(f"{table}-*.parquet"))],
                draft,
                table,
            )
            draft.replace(out / draft.name)
        except OSError as error:
            draft.unlink(missing_ok=True)
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


class RunStore(RunFolder):
    """A folder whose journal holds runs by whatever name a study gives them."""

    def _wanted(self) -> set[Job]:
        return self.keys()


def text_output(make: Callable[[], str]) -> Callable[[Path], object]:
    """What writes this text, made when it is its turn."""
    return lambda path: path.write_text(make(), encoding="utf-8")


@contextmanager
def _drafted(path: Path) -> Iterator[Path]:
    """Where to write it. The file is there, as a whole, when the work under this has succeeded;
    else no trace of it."""
    draft = path.with_name(f".{path.name}.draft")
    try:
        yield draft
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


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
