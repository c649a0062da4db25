"""All policies in the same weather: figures with intervals, paired differences, a verdict."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from simroute import version
from simroute.config.configuration import Configuration
from simroute.execution.collected import CollectedRuns
from simroute.layout import table_text
from simroute.metrics import METRICS, Evidence, Figures
from simroute.models.random import fingerprint
from simroute.statistics.intervals import Interval
from simroute.statistics.multiple import simultaneous_difference
from simroute.studies.bound.gap import Bound
from simroute.studies.bound.quality import COST, PER_ANSWER, QualityTrade
from simroute.studies.comparison.cause_sentences import failure_line, main_cause
from simroute.studies.comparison.causes import cause_groups
from simroute.studies.comparison.estimates import metric_interval, series_interval
from simroute.studies.comparison.promise import judged_metrics
from simroute.studies.comparison.spending import budget_pace, month, spending_sentences
from simroute.studies.comparison.steady_state import sentence, steady_estimates
from simroute.studies.comparison.stopping import stopping_outcome, study_confidence
from simroute.studies.comparison.table import policy_columns
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


@dataclass(repr=False)
class Comparison:
    """Figures, differences and verdict of finished runs.

    `runs`: policy -> figures of its replications, in order; `interrupted`: some were left out;
    `evidence`: policy -> that of all replications, `first`: of the first alone (both taken from the
    runs when not given); `bound`: what a policy that knows the weather would come to; `numbers`:
    the numbers of the replications, 0 … unless given; `trade`: what right answers cost those who
    know them, and a random router. `intervals`: policy -> metric -> interval;
    `yearly`, `replay`: parts of summary.json, None where not asked for; `unwritten`: names of files
    that could not be written, with a line for each reason in `problems`.
    """

    configuration: Configuration
    runs: dict[str, list[Figures]]
    interrupted: bool = False
    out: Path | None = None
    evidence: dict[str, Evidence] = field(default_factory=dict)
    first: dict[str, Evidence] = field(default_factory=dict)
    bound: Bound | None = None
    numbers: Sequence[int] | None = None
    trade: QualityTrade | None = None
    intervals: dict[str, dict[str, Interval]] = field(init=False)
    yearly: dict[str, Any] | None = field(init=False, default=None)
    replay: dict[str, Any] | None = field(init=False, default=None)
    unwritten: set[str] = field(init=False, default_factory=set)
    problems: list[str] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        configuration = self.configuration
        self._by: dict[str, dict[str, dict[str, dict[str, Any]]]] = {}
        self._complete_evidence()
        numbers = range(self.replications) if self.numbers is None else self.numbers
        if configuration.study.replication is not None:
            numbers = configuration.replication_numbers
        self.confidence = study_confidence(configuration, self.runs, numbers)
        self.intervals = {
            policy: {
                name: metric_interval(runs, name, self.confidence)
                for name in judged_metrics(configuration.scenario)
            }
            for policy, runs in self.runs.items()
        }
        self.judge()
        self.until = stopping_outcome(configuration, self.runs, self.intervals, self.confidence)
        metered = any(
            layer.kind == "budget"
            for layers in configuration.policies.values()
            for layer in layers.values()
        )
        self.steady = steady_estimates(configuration.scenario, self.runs, metered)
        self.differences = self._differences()

    def __repr__(self) -> str:
        """A row for each policy."""
        body = policy_columns(self.configuration.scenario, self.intervals, self.verdict)
        return table_text("policy", list(self.runs), body)

    def judge(self) -> None:
        """Set the verdict, from the figures as they are."""
        self.verdict, self._verdict_sentences = verdict(
            self.configuration.scenario,
            self.series(),
            self.intervals,
            self.confidence,
            self.residual(),
            self._main_cause,
        )

    def _main_cause(self, policy: str, task: str | None) -> str | None:
        layers, scenario = self.configuration.policies[policy], self.configuration.scenario
        return main_cause(self.by(policy), layers, scenario, task)

    def failures(self, policy: str) -> str | None:
        """Why requests of a policy failed, and which sends failed and were repaired, in a line;
        None where nothing failed."""
        return failure_line(self.by(policy), self.configuration.policies[policy])

    def residual(self) -> float | None:
        """The distance between the success of a replay and that of its log; None without a log."""
        return None

    def _complete_evidence(self) -> None:
        """Take the evidence from the runs if there is none; that of every policy, even if empty."""
        if not self.evidence:
            collected = CollectedRuns(self.runs)
            for policy, runs in self.runs.items():
                for replication, run in enumerate(runs):
                    collected.add((policy, replication), run)
            self.evidence, self.first = collected.evidence, collected.first
        for policy in self.runs:
            self.evidence.setdefault(policy, Evidence())
            self.first.setdefault(policy, Evidence())

    @property
    def replications(self) -> int:
        """The number of replications that each policy has."""
        return len(next(iter(self.runs.values())))

    def series(self) -> Series:
        """policy -> metric -> values by replication."""
        return {
            policy: {
                name: [run.metrics[name] for run in runs]
                for name in judged_metrics(self.configuration.scenario)
            }
            for policy, runs in self.runs.items()
        }

    @cached_property
    def gaps(self) -> dict[str, dict[str, Any]]:
        """policy -> metric -> the policy minus the bound, as in summary.json."""
        return {} if self.bound is None else self.bound.gaps(self.series())

    def calibration_lines(self) -> list[str]:
        """How far the figures of a replay can be trusted, in sentences."""
        return []

    def verdict_lines(self) -> list[str]:
        """The verdict in sentences."""
        failures = {policy: self.failures(policy) for policy in self.runs}
        told = [f"  {policy}: {line}" for policy, line in failures.items() if line is not None]
        return [
            *self._verdict_sentences,
            *(["What failed, and why:", *told] if told else []),
            *([] if self.until is None else [self.until["why"]]),
            *spending_sentences(self.configuration.scenario, self.intervals),
            *(sentence(policy, estimate) for policy, estimate in self.steady.items()),
            *([] if self.yearly is None else yearly_sentences(self.yearly)),
        ]

    def lines(self) -> list[str]:
        """All that the study says, in sentences."""
        return self.calibration_lines() + self.verdict_lines()

    @property
    def summary(self) -> dict[str, Any]:
        """`summary.json` of surface.md: no time of day, path or number of workers."""
        configuration, replication = self.configuration, self.configuration.study.replication
        steady = {policy: estimate.plain() for policy, estimate in self.steady.items()}
        parts = {
            "until": self.until,
            "replay": self.replay,
            "month": month(configuration.scenario, self.intervals),
            "budget_pace": budget_pace(configuration.scenario, self.intervals),
            "yearly": self.yearly,
            "steady_state": steady or None,
            "bound": None if self.bound is None else self.bound.plain(),
            "quality_trade": self._quality_trade(),
        }
        return {
            "schema_version": 1,
            "simroute": version.__version__,
            "command": configuration.command,
            "scenario": configuration.scenario_name,
            "seed": configuration.seed,
            "replications": self.replications,
            **({} if replication is None else {"replication": replication}),
            "horizon_s": configuration.scenario.horizon,
            "fingerprint": fingerprint(),
            "files": {Path(path).name: digest for path, digest in configuration.files.items()},
            "policies": {policy: self._policy(policy) for policy in self.runs},
            "differences": self.differences,
            "verdict": self.verdict,
            **{name: part for name, part in parts.items() if part is not None},
        }

    @cached_property
    def answer_costs(self) -> dict[str, Interval]:
        """USD by policy for 1,000 requests that it answered."""
        found = {}
        for policy, runs in self.runs.items():
            pairs = [(run.metrics[COST], run.metrics["success_rate"]) for run in runs]
            costs = [usd / share if usd is not None and share else None for usd, share in pairs]
            nothing = [None] * len(costs)
            found[policy] = series_interval(PER_ANSWER, costs, nothing, self.confidence)
        return found

    def _quality_trade(self) -> dict[str, Any] | None:
        if self.trade is None:
            return None
        costs = {policy: cost.plain() for policy, cost in self.answer_costs.items()}
        return self.trade.plain() | {"policies": costs}

    def _policy(self, policy: str) -> dict[str, Any]:
        """The entry of a policy in summary.json."""
        metrics = {name: interval.plain() for name, interval in self.intervals[policy].items()}
        return {
            "formula": self.configuration.formula(policy),
            "metrics": metrics,
            **({} if self.bound is None else {"regret": self.gaps[policy]}),
            "by": self.by(policy),
        }

    def by(self, policy: str) -> dict[str, dict[str, dict[str, Any]]]:
        """Figures of a policy by target, task, cause of failure …, with their intervals."""
        if policy not in self._by:
            runs = self.runs[policy]
            self._by[policy] = {
                kind: {word: self._row(policy, kind, word, row) for word, row in table.items()}
                for kind, table in runs[0].by.items()
            } | cause_groups(runs, self.confidence)
        return self._by[policy]

    def _row(self, policy: str, kind: str, word: str, keys: Iterable[str]) -> dict[str, Any]:
        """Figures of a target, task, user … with their intervals."""
        rows = [run.by[kind][word] for run in self.runs[policy]]
        return {
            key: series_interval(key, [row[key] for row in rows], [None], self.confidence).plain()
            for key in keys
        }

    def _differences(self) -> list[dict[str, Any]]:
        first, *others = self.runs
        return [
            {"metric": metric, "a": first, "b": other, **self._difference(metric, first, other)}
            for other in others
            for metric in DIFFERENCES
        ]

    def _difference(self, metric: str, first: str, second: str) -> dict[str, float | None]:
        """Bounds of a difference of shares that never varied could not be trusted: it has none."""
        interval = self.difference(metric, first, second)
        if METRICS[metric][0] == "share" and interval.low == interval.high:
            interval = Interval(interval.mean, None, None)
        return interval.plain()

    def difference(self, metric: str, first: str, second: str) -> Interval:
        """The paired interval of second - first that holds together with those of all pairs, so
        that the two may be picked by looking."""
        a, b = ([run.metrics[metric] for run in self.runs[policy]] for policy in (first, second))
        return simultaneous_difference(a, b, len(self.runs), self.confidence, metric)
