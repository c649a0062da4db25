"""What would the log's traffic have cost, and how well would it have gone, under these policies?"""

from __future__ import annotations

from simroute.storage.run_folder import Outputs, text_output
from simroute.studies.comparison.study import Again, Study
from simroute.studies.replay.calibration import calibrate, success_residual
from simroute.studies.replay.costs import csv_files
from simroute.studies.replay.sentences import calibration_sentences, replay_sentences


class ReplayStudy(Study):
    """The outcome of a replay: a study with `replay`, plain data as in summary.json.

    >>> study = sr.replay("spend_logs.jsonl", policies=["failover"])
    >>> study.replay["calibration"]["cost_usd"]["relative"]
    >>> study.to_html("report.html")

    `calibration`: figure -> logged, replayed with its interval, residual, relative; `hours`: the
    same by hour; `origin`: policy -> shares of sends, answers and cost that were resampled from the
    log's own calls; `differences` from the log's routing, with `decided`; `spend` by kind and name,
    before and after (USD); `caching`; `shifts`; `pays_most`: whose change pays most, in sentences.
    """

    def complete(self, again: Again) -> None:
        """Compare the log's own routing with the log, and judge again with the residual."""
        self.replay = calibrate(self, again)
        self.judge()

    def residual(self) -> float | None:
        """The distance between the success of the log's own routing, replayed, and the log's."""
        return None if self.replay is None else success_residual(self.replay)

    def calibration_lines(self) -> list[str]:
        """How far the figures can be trusted, in sentences."""
        return [] if self.replay is None else calibration_sentences(self.replay)

    def verdict_lines(self) -> list[str]:
        """What is decided in spite of the residual, then the verdict."""
        lines = [] if self.replay is None else replay_sentences(self.replay)
        return lines + super().verdict_lines()

    def outputs(self, report: bool) -> Outputs:
        """Those of a comparison, and the tables of costs."""
        tables = {} if self.replay is None else csv_files(self.replay)
        return {
            **super().outputs(report),
            **{name: text_output(make) for name, make in tables.items()},
        }
