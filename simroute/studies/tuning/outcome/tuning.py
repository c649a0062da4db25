"""What a search leaves: what it recommends, with everything that was found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from simroute import version
from simroute.layout import Column, table_text
from simroute.metrics import METRICS
from simroute.models.random import fingerprint
from simroute.storage.run_folder import (
    REPORT,
    SUMMARY,
    TRIALS,
    TUNE,
    TUNED,
    Outputs,
    text_output,
)
from simroute.storage.tables import write_parquet as write_table
from simroute.studies.result import StudyResult
from simroute.studies.tuning.config_file import describe_search
from simroute.studies.tuning.outcome import effects
from simroute.studies.tuning.outcome.confirmation import Confirmation
from simroute.studies.tuning.plan import SearchPlan
from simroute.studies.tuning.problem.space import ChoiceParameter, NumberParameter, Values
from simroute.studies.tuning.search.evaluations import (
    FRESH,
    POLICY,
    SEARCH,
    Candidate,
    Evaluations,
)
from simroute.studies.tuning.search.loop import FIRST
from simroute.studies.tuning.search.progress import Round
from simroute.studies.tuning.search.ranking import ConstraintCheck, bounds
from simroute.units import setting_text

SCHEMA_VERSION = 1


@dataclass(repr=False)
class Tuning(StudyResult):
    """What came out: `recommended` values, `summary` (summary.json), `trials` (a data frame),
    `figures` (plotly, by name), `tuned_yaml`."""

    plan: SearchPlan
    evaluations: Evaluations
    rounds: list[Round]
    confirmation: Confirmation
    exhausted: bool = False
    unwritten: set[str] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)
    against: list[Candidate] = field(default_factory=list)

    def __repr__(self) -> str:
        """A row for each tuned parameter: what is recommended, and what it was."""
        recommended, start = (self.summary[each]["settings"] for each in ("recommended", "start"))
        body = [
            Column(head, [setting_text(values.get(name)) for name in recommended])
            for head, values in (("recommended", recommended), ("before", start))
        ]
        return table_text("parameter", list(recommended), body)

    @property
    def interrupted(self) -> bool:
        return self.confirmation.interrupted

    @interrupted.setter
    def interrupted(self, value: bool) -> None:
        self.confirmation.interrupted = value

    @property
    def best(self) -> Candidate:
        return self.confirmation.recommended

    @property
    def recommended(self) -> Values:
        """LAYER.KEY -> value of every tuned parameter."""
        return self.evaluations.space.effective(self.best.values)

    @cached_property
    def summary(self) -> dict[str, Any]:
        """`summary.json`: no time of day, path or number of workers."""
        plan, measured = self.plan, effects.Effects(self.evaluations, self.plan.goals, FIRST)
        return {
            "schema_version": SCHEMA_VERSION,
            "simroute": version.__version__,
            "command": "tune",
            "command_line": plan.command,
            "scenarios": plan.scenarios,
            "policy": plan.policy,
            "seed": plan.request.seed,
            "fresh_seed": plan.fresh_seed,
            "fingerprint": fingerprint(),
            "files": {
                Path(path).name: digest
                for configuration in plan.configurations
                for path, digest in configuration.files.items()
            },
            "interrupted": self.interrupted,
            "evaluations": {
                "allowed": plan.request.evaluations,
                "search": self.evaluations.spent[SEARCH],
                "fresh": self.evaluations.spent[FRESH],
                "candidates": len(self.evaluations.candidates),
                "space_exhausted": self.exhausted,
            },
            "replications": {
                "search": self.confirmation.searched,
                "fresh": self.confirmation.replications,
            },
            "objectives": [
                {"metric": each.metric, "direction": "max" if each.largest else "min"}
                for each in plan.goals.objectives
            ],
            "constraints": [
                {"metric": each.metric, "sign": each.sign, "bound": each.bound}
                for each in plan.goals.constraints
            ],
            "robust": plan.request.robust if len(plan.scenarios) > 1 else None,
            "proposer": plan.request.proposer,
            "space": self._space(),
            "start": self._setting(self.evaluations.start),
            "recommended": self._setting(self.best),
            "gain": self._gain(self.best),
            "optimism": self._optimism(),
            "against": [self._compare_with(each) for each in self.against],
            "front": [
                {**self._setting(each), "gain": self._gain(each)}
                for each in self.confirmation.front
            ],
            "tried": [each.number for each in self.confirmation.tried],
            "parameters": effects.describe_parameters(
                self.evaluations, plan.goals, self.best, self._is_allowed
            ),
            "race": [round_._asdict() for round_ in self.rounds],
            "candidates": [self._candidate(each) for each in self.evaluations],
            "main_effects": measured.main_effects(),
            "importance": measured.importance(),
            "pairs": measured.pairs(),
        }

    def _space(self) -> list[dict[str, Any]]:
        unit = self.plan.variation.unit
        parameters = self.evaluations.space.parameters
        return [_describe_parameter(each) | {"unit": unit(each.name)} for each in parameters]

    def outputs(self, report: bool) -> Outputs:
        """The files of the search, report.html if `report`."""
        outputs: dict[str, Callable[[Path], object]] = {
            SUMMARY: text_output(self.to_json),
            TUNE: text_output(self.to_json),
            TUNED: text_output(lambda: self.tuned_yaml),
        }
        if report:
            outputs[REPORT] = text_output(self.report)
        return {**outputs, TRIALS: lambda path: write_table(self.trials, path)}

    @property
    def tuned_yaml(self) -> str:
        """The policy file with the recommended values, ready to run."""
        from simroute.studies.tuning.outcome.policy_file import text

        return text(self.plan, self.best.values, self.lines())

    @property
    def trials(self) -> Any:
        """Every run as a row of a pandas data frame: candidate, values, figures."""
        from simroute.storage.tables import data_frame
        from simroute.studies.tuning.outcome.policy_file import run_columns

        return data_frame(run_columns(self.plan, self.evaluations))

    @property
    def figures(self) -> dict[str, Any]:
        """plotly's figures by name: main_effects, pairs, objective_and_constraint, race."""
        from simroute.report.figures.tuning import draw_pictures
        from simroute.report.picture import plotly_figures

        return plotly_figures(draw_pictures(self.summary))

    def lines(self) -> list[str]:
        """The result in sentences."""
        from simroute.studies.tuning.outcome.sentences import sentences

        return sentences(self.summary)

    def report(self) -> str:
        """The page, one self-contained HTML file."""
        from simroute.report.tuning_page import render_page

        return render_page(self.summary, self.lines(), describe_search(self.plan).text)

    def to_html(self, path: str | Path) -> None:
        """Write the page. Raises OSError."""
        Path(path).write_text(self.report(), encoding="utf-8")

    def _repr_html_(self) -> str:
        from simroute.report.tuning_page import render_answer

        return render_answer(self.summary, self.lines())

    # -- parts of the summary ----------------------------------------------------------------------

    def _setting(self, candidate: Candidate) -> dict[str, Any]:
        stages = {
            SEARCH: min(self.confirmation.searched, self._complete(candidate, SEARCH)),
            FRESH: self._complete(candidate, FRESH),
        }
        setting: dict[str, Any] = {
            "candidate": candidate.number,
            "settings": self.evaluations.space.effective(candidate.values),
        }
        setting |= {
            stage: self._figures(candidate, stage, count) for stage, count in stages.items()
        }
        return {**setting, "constraints": self._constraints(candidate, stages[FRESH])}

    def _compare_with(self, policy: Candidate) -> dict[str, Any]:
        """A policy as it is, and how what is recommended differs from it."""
        count = self.confirmation.replications
        gains = effects.paired_gain(
            self.evaluations, self.plan.goals, self.best, FRESH, count, policy
        )
        return {
            "policy": policy.values[POLICY],
            FRESH: self._figures(policy, FRESH, count),
            "constraints": self._constraints(policy, count),
            "gain": {wish: each.plain() for wish, each in gains.items()},
        }

    def _complete(self, candidate: Candidate, stage: str) -> int:
        return candidate.complete_replications(stage, self.evaluations.scenarios)

    def _figures(self, candidate: Candidate, stage: str, count: int) -> dict[str, Any] | None:
        """scenario -> metric -> interval."""
        if count == 0:
            return None
        known = [name for name in METRICS if name in candidate.runs[stage, 0, 0].metrics]
        return {
            name: {
                metric: bounds(metric, candidate, stage, place, count).plain() for metric in known
            }
            for place, name in enumerate(self.plan.scenarios)
        }

    def _constraints(self, candidate: Candidate, count: int) -> list[dict[str, Any]]:
        """On fresh replications; unknown without any."""
        rows = []
        for each in self.plan.goals.constraints:
            for place, scenario in enumerate(self.plan.scenarios):
                row: dict[str, Any] = {
                    "constraint": str(each),
                    "scenario": scenario,
                    "state": "unknown",
                }
                if count:
                    check = ConstraintCheck(
                        each, place, bounds(each.metric, candidate, FRESH, place, count)
                    )
                    row |= {
                        "state": "met"
                        if check.is_met
                        else "broken"
                        if check.is_broken
                        else "not shown",
                        **check.found.plain(),
                    }
                rows.append(row)
        return rows

    def _gain(self, candidate: Candidate) -> dict[str, Any]:
        """objective -> stage -> paired difference from the start."""
        counts = {
            stage: min(self._complete(each, stage) for each in (candidate, self.evaluations.start))
            for stage in (SEARCH, FRESH)
        }
        counts[SEARCH] = min(counts[SEARCH], self.confirmation.searched)
        gains = {
            stage: effects.paired_gain(self.evaluations, self.plan.goals, candidate, stage, count)
            for stage, count in counts.items()
        }
        return {
            str(wish): {stage: gains[stage][str(wish)].plain() for stage in gains}
            for wish in self.plan.goals.objectives
        }

    def _optimism(self) -> dict[str, Any]:
        """Training minus fresh: of the figure itself, and of the gain over the start, in which the
        weather's luck cancels."""
        rows = {}
        for wish in self.plan.goals.objectives:
            training, fresh = (
                self._mean(self.best, stage, wish.metric) for stage in (SEARCH, FRESH)
            )
            gains = self._gain(self.best)[str(wish)]
            ends = gains[SEARCH]["mean"], gains[FRESH]["mean"]
            rows[str(wish)] = {
                "training": training,
                "fresh": fresh,
                "difference": None if training is None or fresh is None else training - fresh,
                "gain_difference": None if None in ends else ends[0] - ends[1],
            }
        return rows

    def _mean(self, candidate: Candidate, stage: str, metric: str) -> float | None:
        figures = self._setting(candidate)[stage]
        means = [metrics[metric]["mean"] for metrics in figures.values()] if figures else []
        return None if not means or None in means else float(sum(means)) / len(means)

    def _candidate(self, candidate: Candidate) -> dict[str, Any]:
        count = self._complete(candidate, SEARCH)
        row: dict[str, Any] = {
            "number": candidate.number,
            "generation": candidate.generation,
            "replications": count,
        }
        row["settings"] = self.evaluations.space.effective(candidate.values)
        if count:
            row["gain"] = {
                k: v.mean
                for k, v in effects.paired_gain(
                    self.evaluations,
                    self.plan.goals,
                    candidate,
                    SEARCH,
                    min(count, self._start_replications()),
                ).items()
            }
            row["constraints"] = [
                [
                    bounds(each.metric, candidate, SEARCH, place, count).mean
                    for place in range(self.evaluations.scenarios)
                ]
                for each in self.plan.goals.constraints
            ]
        return row

    def _start_replications(self) -> int:
        return self._complete(self.evaluations.start, SEARCH)

    def _is_allowed(self, name: str, value: Any) -> bool:
        try:
            self.plan.variation.parse_value(
                name, int(value) if self.plan.variation.number_type(name) is int else value
            )
        except Exception:
            return False
        return True


def _describe_parameter(each: NumberParameter | ChoiceParameter) -> dict[str, Any]:
    row: dict[str, Any] = {"name": each.name, "start": each.start}
    if isinstance(each, NumberParameter):
        row |= {
            "low": each.low,
            "high": each.high,
            "log": each.log,
            "whole": each.complete_replications,
        }
    else:
        row |= {"options": list(each.options), "ordered": each.ordered}
    if each.condition is not None:
        row["if"] = {
            "name": each.condition.name,
            "values": list(each.condition.values),
            "negated": each.condition.negated,
        }
    return row
