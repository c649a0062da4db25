"""All policies in the same weather: figures with intervals, paired differences, a verdict, and the
files of a run."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import simroute
from simroute.config.configuration import Configuration
from simroute.errors import InputError, nearest
from simroute.execution.collected import Gathered
from simroute.execution.partitions import Windows
from simroute.execution.pool import work
from simroute.execution.progress import Watch, undisturbed
from simroute.execution.runs import kept
from simroute.experiment.job import Work
from simroute.metrics import METRICS, Evidence, Figures
from simroute.models.random import fingerprint
from simroute.statistics.intervals import Interval, Rule
from simroute.statistics.multiple import apart
from simroute.studies.bound.gap import Bound, bound
from simroute.studies.comparison.estimates import bounded, estimate
from simroute.studies.comparison.evidence import material
from simroute.studies.comparison.steady_state import line, within
from simroute.studies.comparison.stopping import outcome, ruled, stages
from simroute.studies.comparison.verdict import Series, verdict
from simroute.studies.comparison.yearly import lines, strata, yearly
from simroute.studies.record import Record
from simroute.studies.replay import calibration

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
ASSERTION = re.compile(r"(?:([^:<>=]+):)?\s*([A-Za-z0-9_]+)\s*(>=|<=|>|<)\s*([-+0-9.eE]+)")


@dataclass
class Study:
    """What came out. `runs`: policy -> its replications, in order; `interrupted`: some were left
    out.

    `evidence`: policy -> that of all replications together, `first`: that of the first alone; taken
    from the runs when not given. `replay`: of a replayed log, plain data as in summary.json:
    `calibration` (figure -> logged, replayed with its interval, residual, relative), the same by
    `hours`, `origin` (policy -> shares of sends, answers and cost that were resampled from the
    log's own calls), `differences` from the log's routing with `decided`, `spend` by kind and name
    before and after (USD), `caching`, `shifts`; None for anything else. `bound`: what a policy that
    knows the weather would have come to, where it was asked for.
    `numbers`: which replications they are; the first ones unless given.
    `unwritten`: files of the run that could not be written, by name, with one line for each reason
    in `problems`.
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
        self.rule = ruled(
            self.configuration,
            self.runs,
            numbers if self.configuration.replication is None else self.configuration.numbers,
        )
        self.intervals = {
            policy: {name: estimate(runs, name, self.rule) for name in METRICS}
            for policy, runs in self.runs.items()
        }
        self.judge()
        self.until = outcome(self.configuration, self.runs, self.intervals, self.rule)
        self._beside = [] if self.until is None else [self.until["why"]]
        metered = any(
            layer.kind == "budget"
            for layers in self.configuration.policies.values()
            for layer in layers.values()
        )
        self.steady = within(self.configuration.scenario, self.runs, metered)
        self._beside += [line(policy, found) for policy, found in self.steady.items()]
        self.differences = self._differences()

    def judge(self) -> None:
        """What the figures mean; of a replay again when its residual is known."""
        residual = None if self.replay is None else calibration.missed(self.replay)
        self.verdict, self._lines = verdict(
            self.configuration.scenario, self.series(), self.intervals, self.rule, residual
        )

    def _gather(self) -> None:
        if not self.evidence:
            gathered = Gathered(self.runs)
            for policy, runs in self.runs.items():
                for replication, run in enumerate(runs):
                    gathered.add((policy, replication), run)
            self.evidence, self.first = gathered.evidence, gathered.first
        for policy in self.runs:
            self.evidence.setdefault(policy, Evidence())
            self.first.setdefault(policy, Evidence())

    @cached_property
    def material(self) -> dict[str, Any]:
        """What the report is made from beside the summary (`evidence.json`)."""
        return material(self)

    @property
    def figures(self) -> dict[str, Any]:
        """plotly's figures by name, as the report shows them."""
        from simroute.report import Material, Picture, pictures

        found = pictures(Material(self.summary, self.material))
        return {
            name: picture.drawn() for name, picture in found.items() if isinstance(picture, Picture)
        }

    def report(self) -> str:
        """The page, as HTML."""
        from simroute.report import page

        return page(self.summary, self.material)

    def to_html(self, path: str | Path) -> Path:
        """Write the page."""
        Path(path).write_text(self.report(), encoding="utf-8")
        return Path(path)

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
    def regrets(self) -> dict[str, dict[str, Any]]:
        """policy -> metric -> its distance from the bound."""
        return {} if self.bound is None else self.bound.regrets(self.series())

    def calibration_lines(self) -> list[str]:
        """Of a replay, how far its figures can be trusted, in sentences."""
        return [] if self.replay is None else calibration.calibration(self.replay)

    def verdict_lines(self) -> list[str]:
        """The verdict in sentences."""
        held = [] if self.replay is None else calibration.lines(self.replay)
        return (
            held + self._lines + self._beside + ([] if self.yearly is None else lines(self.yearly))
        )

    @property
    def summary(self) -> dict[str, Any]:
        """`summary.json` of surface.md: no time of day, path or number of workers."""
        made = self.configuration
        return {
            "schema_version": 1,
            "simroute": simroute.__version__,
            "command": made.command,
            "scenario": made.scenario_name,
            "seed": made.seed,
            "replications": self.replications,
            **({} if made.replication is None else {"replication": made.replication}),
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
                    key: bounded(
                        key, [run.by[kind][word][key] for run in runs], [None], self.rule
                    ).plain()
                    for key in row
                }
                for word, row in words.items()
            }
        regret = {} if self.bound is None else {"regret": self.regrets[policy]}
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
                    name, series[first][name], series[other][name], len(series), self.rule
                ).plain(),
            }
            for other in others
            for name in DIFFERENCES
        ]

    def failed(self, assertions: list[str]) -> list[str]:
        """Those that do not hold on the unfavourable bound, each with what was found; one
        replication has no bound, so that nothing holds."""
        missed = []
        for text in assertions:
            policy, name, sign, bound = parse_assertion(text, list(self.runs))
            for each in [policy] if policy else list(self.runs):
                found = self.intervals[each][name]
                value = found.low if sign.startswith(">") else found.high
                if (
                    value is None
                    or not {
                        ">=": value >= bound,
                        "<=": value <= bound,
                        ">": value > bound,
                        "<": value < bound,
                    }[sign]
                ):
                    missed.append(
                        f"{each}: {name} {sign} {bound:g} does not hold: "
                        f"{_unfavourable(found, value)}"
                    )
        return missed

    def _repr_html_(self) -> str:
        from simroute.report import Material, brief

        return brief(Material(self.summary, self.material))


def _unfavourable(found: Interval, value: float | None) -> str:
    if found.mean is None:
        return "no value"
    return (
        f"{value:.6g}"
        if value is not None
        else f"{found.mean:.6g} in one replication, which gives no bound; take more --replications"
    )


def _difference(
    name: str, first: list[float | None], second: list[float | None], among: int, rule: Rule
) -> Interval:
    """Paired, and holding together with those of all pairs; a difference of shares that never
    varied has no bounds that could be trusted."""
    found = apart(first, second, among, rule, name)
    return (
        Interval(found.mean, None, None)
        if METRICS[name][0] == "share" and found.low == found.high
        else found
    )


def parse_assertion(text: str, policies: list[str]) -> tuple[str | None, str, str, float]:
    """(policy or None for all, metric, sign, bound). Raises InputError."""
    match = ASSERTION.fullmatch(text.strip())
    if match is None:
        raise InputError(
            f"--assert {text!r}: expected METRIC>=NUMBER or POLICY:METRIC>=NUMBER, such as "
            f"success_rate>=0.999"
        )
    policy, name, sign, number = match.groups()
    if name not in METRICS:
        raise InputError(
            f"--assert {text!r}: no metric is called {name!r}; {nearest(name, METRICS)}"
        )
    if policy is not None and policy not in policies:
        raise InputError(
            f"--assert {text!r}: no policy is called {policy!r}; {nearest(policy, policies)}"
        )
    try:
        return policy, name, sign, float(number)
    except ValueError:
        raise InputError(f"--assert {text!r}: {number!r} is not a number") from None


def compare(
    configuration: Configuration,
    *,
    workers: int = 1,
    rows: bool | None = None,
    out: Path | None = None,
    resume: bool = False,
    report: bool = True,
    watch: Watch | None = None,
    perform: Work = work,
) -> Study:
    """Run every policy in every replication; `out`, a folder that is there, gets the run's files
    (report.html if `report`).

    What is finished is kept in a journal in `out` until all is: Ctrl-C, a lost worker or a full
    disk lose nothing, and `resume` goes on from there (`rows` None: with row files if it was begun
    with them). After Ctrl-C the study is over the replications that all policies have finished.
    `perform`: plays the replications, here or elsewhere; the result does not depend on it.
    Raises InputError, WorkerLostError, ReplicationError (which names it), KeyboardInterrupt when no
    replication is whole.
    """
    watch = watch or Watch()
    if configuration.yearly:
        strata(configuration.scenario, configuration.seed)  # refused before anything runs
    if out is not None and resume:
        record = Record.resumed(configuration, out, rows, watch.noted)
    else:
        record = Record.begun(configuration, out, bool(rows), watch.noted)
    if configuration.windows is not None:
        if rows or perform is not work:
            raise InputError(
                "--windows: parts are played here, and without row files: leave out --rows, "
                "--cache and --executor"
            )
        windows = Windows(out)
        perform = windows.work
    with record:
        gathered, interrupted = _gathered(configuration, workers, record, watch, perform)
        whole = gathered.whole()
        if not whole:
            raise KeyboardInterrupt
        ideal = bound(configuration, whole) if gathered.evidence else None
        study = Study(
            configuration,
            gathered.runs(),
            interrupted,
            out,
            gathered.evidence,
            gathered.first,
            ideal,
            whole,
        )
        if configuration.yearly and not interrupted:
            try:
                study.yearly = yearly(
                    configuration,
                    study.runs,
                    workers=workers,
                    perform=kept(perform, record),
                    rule=study.rule,
                )
            except KeyboardInterrupt:
                watch.noted("interrupted: the yearly figures are left out")
                study.interrupted = True
        if configuration.command == "replay":
            study.replay = calibration.calibrated(
                study, lambda made: _alone(made, workers, perform)
            )
            study.judge()
        record.write(study, whole, report)
        if configuration.windows is not None and not interrupted:
            windows.done()
    return study


def _alone(
    configuration: Configuration, workers: int, perform: Work
) -> tuple[list[Figures], Evidence]:
    """The replications of a configuration with one policy, kept nowhere."""
    gathered = Gathered(configuration.policies)
    jobs = [
        (policy, replication)
        for policy in configuration.policies
        for replication in configuration.numbers
    ]
    with closing(perform(configuration, jobs, workers, None, lambda job, reached: None)) as results:
        for done in results:
            gathered.add(done.job, done.figures)
    (policy,) = configuration.policies
    return gathered.runs()[policy], gathered.evidence[policy]


def _gathered(
    configuration: Configuration, workers: int, record: Record, watch: Watch, perform: Work
) -> tuple[Gathered, bool]:
    """Everything that is finished when all is, or Ctrl-C is pressed; and whether it was."""
    gathered = Gathered(configuration.policies)
    for job, figures in record.kept():
        gathered.add(job, figures)
    try:
        for numbers in stages(configuration, gathered):
            jobs = [
                (policy, replication)
                for replication in numbers
                for policy in configuration.policies
            ]
            left = [job for job in jobs if job not in gathered.figures]
            watch.started(len(jobs), len(jobs) - len(left))
            with closing(
                perform(configuration, left, workers, record.parts, watch.reached)
            ) as results:
                for done in results:
                    with undisturbed():
                        record.add(done)
                        gathered.add(done.job, done.figures)
                    watch.finished(done.job, done.figures)
    except KeyboardInterrupt:
        return gathered, True
    return gathered, False
