"""A comparison with what it leaves: a report, pictures, the files of a run."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

from simroute.config.configuration import Configuration
from simroute.metrics import Evidence, Figures
from simroute.storage.run_folder import CONFIG, EVIDENCE, REPORT, SUMMARY, Outputs, text_output
from simroute.studies.comparison.assertions import JudgedAssertion, judge_assertions
from simroute.studies.comparison.comparison import Comparison
from simroute.studies.comparison.evidence import page_evidence
from simroute.studies.result import StudyResult

Again = Callable[[Configuration], tuple[list[Figures], Evidence]]
"""Plays the replications of a configuration's only policy."""


class Study(Comparison, StudyResult):
    """The outcome of a comparison.

    >>> study = sr.compare("demo", policies=["failover", "cascade"])
    >>> study.intervals["cascade"]["success_rate"].low
    >>> study.to_html("report.html")
    """

    def complete(self, again: Again) -> None:
        """Add what needs further runs; a comparison needs none."""

    @cached_property
    def page_evidence(self) -> dict[str, Any]:
        """The data of the report beside the summary (`evidence.json`)."""
        return page_evidence(self)

    @property
    def figures(self) -> dict[str, Any]:
        """plotly's figures by name, as the report shows them."""
        from simroute.report import RunDocuments, draw_pictures, plotly_figures

        return plotly_figures(draw_pictures(RunDocuments(self.summary, self.page_evidence)))

    def report(self) -> str:
        """The page as HTML."""
        from simroute.report import render_page

        return render_page(self.summary, self.page_evidence)

    def to_html(self, path: str | Path) -> Path:
        """Write the page to this path, and return it."""
        Path(path).write_text(self.report(), encoding="utf-8")
        return Path(path)

    def judge_assertions(self, assertions: list[str]) -> list[JudgedAssertion]:
        """Each assertion, such as "success_rate>=0.999", of each policy that it is about, with the
        bound by which it is judged. Raises InputError."""
        return judge_assertions(self.intervals, assertions)

    def failed(self, assertions: list[str]) -> list[str]:
        """A line for each assertion, such as "success_rate>=0.999", that does not hold on the
        unfavourable bound. One replication has no bound, so that nothing holds."""
        return [str(each) for each in self.judge_assertions(assertions) if not each.holds]

    def outputs(self, report: bool) -> Outputs:
        """The files of the run, with report.html if `report`."""
        outputs: dict[str, Any] = {SUMMARY: text_output(self.to_json)}
        if self.configuration.study.until is not None and not self.interrupted:
            # with the number of replications that was reached
            outputs[CONFIG] = text_output(self.configuration.to_yaml)
        if all(self.evidence[policy].counts for policy in self.runs):
            outputs[EVIDENCE] = text_output(
                lambda: json.dumps(self.page_evidence, allow_nan=False, ensure_ascii=False) + "\n"
            )
            if report:
                outputs[REPORT] = text_output(self.report)
        return outputs

    def _repr_html_(self) -> str:
        from simroute.report import RunDocuments, render_answer

        return render_answer(RunDocuments(self.summary, self.page_evidence))
