"""The result of a study of assumptions: sentences, a table, a page."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from simroute import version
from simroute.layout import table_text
from simroute.studies.comparison.promise import describe_promise, success_metric
from simroute.studies.result import StudyResult
from simroute.studies.sensitivity.plan import SensitivityPlan
from simroute.studies.sensitivity.table import map_legend, short_table

VERSION = 1


@dataclass(kw_only=True)
class _Ended:
    unwritten: set[str] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)


@dataclass(repr=False)
class SensitivityResult(_Ended, StudyResult, ABC):
    """What both kinds of studies of assumptions have in common."""

    plan: SensitivityPlan
    interrupted: bool

    def __repr__(self) -> str:
        """The table that the commands print."""
        text = table_text(*short_table(self.summary))
        if len(self.summary.get("axes", ())) < 2:
            return text
        return f"{text}\n{map_legend(self.summary)}"

    @abstractmethod
    def lines(self) -> list[str]:
        """The finding in sentences."""

    @abstractmethod
    def details(self) -> dict[str, Any]:
        """Its own part of the summary."""

    @abstractmethod
    def columns(self) -> dict[str, list[Any]]:
        """The figures as a table."""

    @cached_property
    def summary(self) -> dict[str, Any]:
        """`sensitivity.json`: no time of day, path or number of workers."""
        base, scenario = self.plan.base, self.plan.base.scenario
        return {
            "schema_version": VERSION,
            "simroute": version.__version__,
            "command": base.command,
            "kind": self.plan.kind,
            "scenario": base.scenario_name,
            "question": " ".join(scenario.about.split()),
            "seed": base.seed,
            "replications": base.replications,
            "horizon_s": scenario.horizon,
            "promise": scenario.slo.success,
            "share": success_metric(scenario),
            "promised": describe_promise(scenario),
            "policies": list(base.policies),
            "config": base.to_yaml(),
            "interrupted": self.interrupted,
            **self.details(),
            "lines": self.lines(),
        }

    @property
    def frame(self) -> Any:
        """`columns` as a data frame."""
        from simroute.storage.tables import data_frame

        return data_frame(self.columns())

    @property
    def figures(self) -> dict[str, Any]:
        """plotly's figures by name."""
        from simroute.report.picture import plotly_figures
        from simroute.report.sensitivity_page import draw_pictures

        return plotly_figures(draw_pictures(self.summary))

    def report(self) -> str:
        """The page, as HTML."""
        from simroute.report.sensitivity_page import render_page

        return render_page(self.summary)

    def _repr_html_(self) -> str:
        from simroute.report.sensitivity_page import render_answer

        return render_answer(self.summary)
