"""What a search keeps in its folder while it runs, and what it leaves there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from simroute.experiment.errors import InputError
from simroute.results import JournalError
from simroute.results.trials import write as write_table
from simroute.studies.executors import Done, Job
from simroute.studies.record import CONFIG, REPORT, SUMMARY, TRIALS, TUNED, Record
from simroute.studies.resume import unreadable

if TYPE_CHECKING:
    from simroute.studies.tuning.study import Tuning


class SearchRecord(Record):
    """The journal of every run, then summary.json, tuned.yaml, trials.parquet and report.html beside config.yaml."""

    def _wanted(self) -> set[Job]:
        return self.keys() if self._journal is None else self._journal.keys()

    def keys(self) -> set[Job]:
        """Of the runs that are kept."""
        return set(self._finished)

    def read(self, job: Job) -> Done | None:
        """What is kept of one. Raises InputError."""
        if self._journal is None:
            return None
        try:
            return Done(job, self._journal.figures(*job))
        except JournalError as error:
            raise InputError(unreadable(self._journal.path.parent, error)) from None

    def leave(self, found: Tuning, report: bool) -> None:
        """The files of the search. Never fails: it is told what could not be written, and why."""
        if self._out is None:
            return
        made: dict[str, Callable[[], str]] = {SUMMARY: found.to_json, TUNED: lambda: found.tuned_yaml}
        if report:
            made[REPORT] = found.report
        failed = self._written(self._out, made)
        draft = self._out / f".{TRIALS}.draft"
        try:
            write_table(found.trials, draft)
            draft.replace(self._out / TRIALS)
        except OSError as error:
            draft.unlink(missing_ok=True)
            failed.setdefault(error.strerror or str(error), []).append(TRIALS)
        self._ended(self._out, found, failed)


def configuration_text(folder: Path) -> str:
    """config.yaml as it stands there, empty if it cannot be read."""
    try:
        return (folder / CONFIG).read_text(encoding="utf-8")
    except (OSError, UnicodeError):
        return ""
