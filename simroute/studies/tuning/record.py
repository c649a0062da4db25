"""What a search keeps in its folder while it runs, and what it leaves there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from simroute.storage.tables import write as write_table
from simroute.studies.record import CONFIG, REPORT, SUMMARY, TRIALS, TUNE, TUNED, Kept

if TYPE_CHECKING:
    from simroute.studies.tuning.run import Tuning


class SearchRecord(Kept):
    """The journal of every run, then summary.json (and, the same, tune.json), tuned.yaml,
    trials.parquet and report.html beside config.yaml."""

    def leave(self, found: Tuning, report: bool) -> None:
        """The files of the search. Never fails: it is told what could not be written, and why."""
        if self._out is None:
            return
        made: dict[str, Callable[[], str]] = {
            SUMMARY: found.to_json,
            TUNE: found.to_json,
            TUNED: lambda: found.tuned_yaml,
        }
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
