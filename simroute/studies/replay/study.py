"""A comparison on a log's traffic, with how far it can be trusted and what the traffic costs."""

from __future__ import annotations

from simroute.storage.run_folder import Outputs, text_output
from simroute.studies.comparison.study import Again, Study
from simroute.studies.replay.calibration import (
    calibrate,
    calibration_sentences,
    replay_sentences,
    success_residual,
)
from simroute.studies.replay.costs import csv_files


class ReplayStudy(Study):
    """The outcome of a replay: a study whose `replay` is filled.

    >>> study = sr.replay("spend_logs.jsonl", policies=["failover"])
    >>> study.replay["calibration"]["cost_usd"]["relative"]
    """

    def complete(self, again: Again) -> None:
        """Hold the log's own routing against the log, and judge anew with what it is off."""
        self.replay = calibrate(self, again)
        self.judge()

    def residual(self) -> float | None:
        return None if self.replay is None else success_residual(self.replay)

    def calibration_lines(self) -> list[str]:
        """How far the figures can be trusted, in sentences."""
        return [] if self.replay is None else calibration_sentences(self.replay)

    def verdict_lines(self) -> list[str]:
        held = [] if self.replay is None else replay_sentences(self.replay)
        return held + super().verdict_lines()

    def outputs(self, report: bool) -> Outputs:
        """Those of a comparison, and the tables of costs."""
        tables = {} if self.replay is None else csv_files(self.replay)
        return {
            **super().outputs(report),
            **{name: text_output(make) for name, make in tables.items()},
        }
