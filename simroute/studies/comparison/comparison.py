"""All policies in the same weather: figures with intervals, paired differences, a verdict."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from simroute import version
from simroute.config.configuration import Configuration
from simroute.execution.collected import CollectedRuns
from simroute.metrics import METRICS, Evidence, Figures
from simroute.models.random import fingerprint
from simroute.statistics.intervals import Confidence, Interval
from simroute.statistics.multiple import simultaneous_difference
from simroute.studies.bound.gap import Bound
from simroute.studies.comparison.estimates import metric_interval, series_interval
from simroute.studies.comparison.steady_state import sentence, steady_estimates
from simroute.studies.comparison.stopping import stopping_outcome, study_confidence
from simroute.studies.comparison.verdict import Series, verdict
from simroute.studies.comparison.yearly import yearly_sentences

DIFFERENCES = (
    "success_rate",
    "slo_attainment",
    "latency_p95_s",
    "ttft_p95_s",
    "cost_usd",
    "cost_per_1k_requests_usd",
    "wasted_usd",
    "quality_mean",
)


@dataclass
class Comparison:
    """What came out. `runs`: policy -> its replications, in order; `interrupted`: some were left
    out.

    `evidence`: policy -> that of all replications together, `first`: that of the first alone; taken
    from the runs when not given. `replay`: of a replayed log, plain data as in summary.json:
    `calibration` (figure -> logged, replayed with its interval, residual, relative), the same by
    `hours`, `origin` (policy -> shares of sends, answers and cost that were resampled from the
    log's own calls), `differences` from the log's routing with `decided`, `spend` by kind and name
    before and after (USD), `caching`, `shifts`; None for anything else. `bound`: what a policy that
    knows the weather would have come to, where it was asked for. `numbers`: which replications they
    are; the first ones unless given. `unwritten`: files of the run that could not be written, by
    name, with one line for each reason in `problems`.
    """

    configuration: Configuration
    runs: dict[str, list[Figures]]
    interrupted: bool = False
    out: Path | None = None
    evidence: dict[str, Evidence] = field(default_factory=dict)
    first: dict[str, Evidence] = field(default_factory=dict)
    bound: Bound | None = None
    numbers: Sequence[int] | None = None
    intervals: dict[str, dict[str, Interval]] = field(init=False)
    yearly: dict[str, Any] | None = field(init=False, default=None)
    replay: dict[str, Any] | None = field(init=False, default=None)
    unwritten: set[str] = field(init=False, default_factory=set)
    problems: list[str] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self._gather()
        numbers = range(self.replications) if self.numbers is None else self.numbers
        self.confidence = study_confidence(
            self.configuration,
            self.runs,
            numbers
            if self.configuration.study.replication is None
            else self.configuration.replication_numbers,
        )
        self.intervals = {
            policy: {name: metric_interval(runs, name, self.confidence) for name in METRICS}
            for policy, runs in self.runs.items()
        }
        self.judge()
        self.until = stopping_outcome(
            self.configuration, self.runs, self.intervals, self.confidence
        )
        self._beside = [] if self.until is None else [self.until["why"]]
        metered = any(
            layer.kind == "budget"
            for layers in self.configuration.policies.values()
            for layer in layers.values()
        )
        self.steady = steady_estimates(self.configuration.scenario, self.runs, metered)
        self._beside += [sentence(policy, found) for policy, found in self.steady.items()]
        self.differences = self._differences()

    def judge(self) -> None:
        """What the figures mean."""
        self.verdict, self._lines = verdict(
            self.configuration.scenario,
            self.series(),
            self.intervals,
            self.confidence,
            self.residual(),
        )

    def residual(self) -> float | None:
        """By how much the success of a replay misses that of its log; None of what is no replay."""
        return None

    def _gather(self) -> None:
        if not self.evidence:
            gathered = CollectedRuns(self.runs)
            for policy, runs in self.runs.items():
                for replication, run in enumerate(runs):
                    gathered.add((policy, replication), run)
            self.evidence, self.first = gathered.evidence, gathered.first
        for policy in self.runs:
            self.evidence.setdefault(policy, Evidence())
            self.first.setdefault(policy, Evidence())

    @property
    def replications(self) -> int:
        return len(next(iter(self.runs.values())))

    def series(self) -> Series:
        """policy -> metric -> values by replication."""
        return {
            policy: {name: [run.metrics[name] for run in runs] for name in METRICS}
            for policy, runs in self.runs.items()
        }

    @cached_property
    def gaps(self) -> dict[str, dict[str, Any]]:
        """policy -> metric -> its distance from the bound."""
        return {} if self.bound is None else self.bound.gaps(self.series())

    def calibration_lines(self) -> list[str]:
        """Of a replay, how far its figures can be trusted, in sentences."""
        return []

    def verdict_lines(self) -> list[str]:
        """The verdict in sentences."""
        return (
            self._lines
            + self._beside
            + ([] if self.yearly is None else yearly_sentences(self.yearly))
        )

    @property
    def summary(self) -> dict[str, Any]:
        """`summary.json` of surface.md: no time of day, path or number of workers."""
        made = self.configuration
        return {
            "schema_version": 1,
            "simroute": version.__version__,
            "command": made.command,
            "scenario": made.scenario_name,
            "seed": made.seed,
            "replications": self.replications,
            **({} if made.study.replication is None else {"replication": made.study.replication}),
            "horizon_s": made.scenario.horizon,
            "fingerprint": fingerprint(),
            "files": {Path(path).name: digest for path, digest in made.files.items()},
            "policies": {policy: self._policy(policy) for policy in self.runs},
            "differences": self.differences,
            "verdict": self.verdict,
            **({} if self.until is None else {"until": self.until}),
            **({} if self.replay is None else {"replay": self.replay}),
            **({} if self.yearly is None else {"yearly": self.yearly}),
            **(
                {"steady_state": {policy: found.plain() for policy, found in self.steady.items()}}
                if self.steady
                else {}
            ),
            **({} if self.bound is None else {"bound": self.bound.plain()}),
        }

    def to_json(self) -> str:
        return json.dumps(self.summary, indent=2, allow_nan=False, ensure_ascii=False) + "\n"

    def _policy(self, policy: str) -> dict[str, Any]:
        runs = self.runs[policy]
        metrics = {name: found.plain() for name, found in self.intervals[policy].items()}
        by: dict[str, Any] = {}
        for kind, words in runs[0].by.items():
            by[kind] = {
                word: {
                    key: series_interval(
                        key, [run.by[kind][word][key] for run in runs], [None], self.confidence
                    ).plain()
                    for key in row
                }
                for word, row in words.items()
            }
        regret = {} if self.bound is None else {"regret": self.gaps[policy]}
        return {
            "formula": self.configuration.formula(policy),
            "metrics": metrics,
            **regret,
            "by": by,
        }

    def _differences(self) -> list[dict[str, Any]]:
        series = self.series()
        first, *others = series
        return [
            {
                "metric": name,
                "a": first,
                "b": other,
                **_difference(
                    name, series[first][name], series[other][name], len(series), self.confidence
                ).plain(),
            }
            for other in others
            for name in DIFFERENCES
        ]


def _difference(
    name: str,
    first: list[float | None],
    second: list[float | None],
    among: int,
    confidence: Confidence,
) -> Interval:
    """Paired, and holding together with those of all pairs; a difference of shares that never
    varied has no bounds that could be trusted."""
    found = simultaneous_difference(first, second, among, confidence, name)
    return (
        Interval(found.mean, None, None)
        if METRICS[name][0] == "share" and found.low == found.high
        else found
    )
