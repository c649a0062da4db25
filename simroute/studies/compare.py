"""All policies in the same weather: figures with intervals, paired differences, a verdict, and the files of a run."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import simroute
from simroute.experiment.configuration import Configuration
from simroute.experiment.errors import InputError, nearest
from simroute.metrics import METRICS, Figures
from simroute.models.random import fingerprint
from simroute.studies.executors import part_folder, work
from simroute.studies.statistics import Interval, interval, paired
from simroute.studies.verdict import Series, verdict

Progress = Callable[[int, int], None]
DIFFERENCES = ("success_rate", "slo_attainment", "latency_p95_s", "ttft_p95_s", "cost_usd", "cost_per_1k_requests_usd", "wasted_usd", "quality_mean")
ASSERTION = re.compile(r"(?:([^:<>=]+):)?\s*([A-Za-z0-9_]+)\s*(>=|<=|>|<)\s*([-+0-9.eE]+)")


@dataclass
class Study:
    """What came out. `runs`: policy -> its replications, in order; `interrupted`: some were left out."""

    configuration: Configuration
    runs: dict[str, list[Figures]]
    interrupted: bool = False
    out: Path | None = None
    intervals: dict[str, dict[str, Interval]] = field(init=False)

    def __post_init__(self) -> None:
        self.intervals = {policy: {name: self._interval(runs, name) for name in METRICS} for policy, runs in self.runs.items()}
        self.verdict, self._lines = verdict(self.configuration.scenario, self.series(), self.intervals)
        self.differences = self._differences()

    @property
    def replications(self) -> int:
        return len(next(iter(self.runs.values())))

    def series(self) -> Series:
        """policy -> metric -> values by replication."""
        return {policy: {name: [run.metrics[name] for run in runs] for name in METRICS} for policy, runs in self.runs.items()}

    def verdict_lines(self) -> list[str]:
        """The verdict in sentences."""
        return self._lines

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
            "horizon_s": made.scenario.horizon,
            "fingerprint": fingerprint(),
            "files": {Path(path).name: digest for path, digest in made.files.items()},
            "policies": {policy: self._policy(policy) for policy in self.runs},
            "differences": self.differences,
            "verdict": self.verdict,
        }

    def to_json(self) -> str:
        return json.dumps(self.summary, indent=2, allow_nan=False, ensure_ascii=False) + "\n"

    def _policy(self, policy: str) -> dict[str, Any]:
        runs = self.runs[policy]
        metrics = {name: found.plain() for name, found in self.intervals[policy].items()}
        by: dict[str, Any] = {}
        for kind, words in runs[0].by.items():
            by[kind] = {word: {key: interval([run.by[kind][word][key] for run in runs]).plain() for key in row} for word, row in words.items()}
        return {"formula": self.configuration.formula(policy), "metrics": metrics, "by": by}

    @staticmethod
    def _interval(runs: list[Figures], name: str) -> Interval:
        pooled = [run.pooled.get(name) for run in runs]
        counts = None if None in pooled else (sum(p[0] for p in pooled if p), sum(p[1] for p in pooled if p))
        found = interval([run.metrics[name] for run in runs], counts)
        if METRICS[name][0] != "share" or found.low is None or found.high is None:
            return found
        return Interval(found.mean, max(0.0, found.low), min(1.0, found.high))

    def _differences(self) -> list[dict[str, Any]]:
        series = self.series()
        first, *others = series
        return [
            {"metric": name, "a": first, "b": other, **_difference(name, series[first][name], series[other][name]).plain()}
            for other in others
            for name in DIFFERENCES
        ]

    def failed(self, assertions: list[str]) -> list[str]:
        """Those that do not hold on the unfavourable bound (the mean, with one replication), each with what was found."""
        missed = []
        for text in assertions:
            policy, name, sign, bound = parse_assertion(text, list(self.runs))
            for each in [policy] if policy else list(self.runs):
                found = self.intervals[each][name]
                value = found.low if sign.startswith(">") else found.high
                value = found.mean if value is None else value
                if value is None or not {">=": value >= bound, "<=": value <= bound, ">": value > bound, "<": value < bound}[sign]:
                    missed.append(f"{each}: {name} {sign} {bound:g} does not hold: {'no value' if value is None else f'{value:.6g}'}")
        return missed

    def _repr_html_(self) -> str:
        from html import escape

        rows = "".join(f"<li>{escape(line)}</li>" for line in self.verdict_lines())
        return f"<ul>{rows}</ul>"


def _difference(name: str, first: list[float | None], second: list[float | None]) -> Interval:
    """Paired; a difference of shares that never varied has no bounds that could be trusted."""
    found = paired(first, second)
    return Interval(found.mean, None, None) if METRICS[name][0] == "share" and found.low == found.high else found


def parse_assertion(text: str, policies: list[str]) -> tuple[str | None, str, str, float]:
    """(policy or None for all, metric, sign, bound). Raises InputError."""
    match = ASSERTION.fullmatch(text.strip())
    if match is None:
        raise InputError(f"--assert {text!r}: expected METRIC>=NUMBER or POLICY:METRIC>=NUMBER, such as success_rate>=0.999")
    policy, name, sign, number = match.groups()
    if name not in METRICS:
        raise InputError(f"--assert {text!r}: no metric is called {name!r}; {nearest(name, METRICS)}")
    if policy is not None and policy not in policies:
        raise InputError(f"--assert {text!r}: no policy is called {policy!r}; {nearest(policy, policies)}")
    try:
        return policy, name, sign, float(number)
    except ValueError:
        raise InputError(f"--assert {text!r}: {number!r} is not a number") from None


def compare(
    configuration: Configuration, *, workers: int = 1, rows: bool = False, out: Path | None = None, progress: Progress | None = None
) -> Study:
    """Run every policy in every replication; `out` gets the run's files. Ctrl-C keeps the replications that all policies have finished."""
    parts = None
    if out is not None:
        parts = _parts(out) if rows else None
    jobs = [(policy, replication) for replication in range(configuration.replications) for policy in configuration.policies]
    done: dict[tuple[str, int], Figures] = {}
    interrupted = False
    try:
        for job, figures in work(configuration, jobs, workers, parts):
            done[job] = figures
            if progress is not None:
                progress(len(done), len(jobs))
    except KeyboardInterrupt:
        interrupted = True
    except BaseException:
        if parts is not None:
            shutil.rmtree(parts, ignore_errors=True)
        raise
    whole = [r for r in range(configuration.replications) if all((policy, r) in done for policy in configuration.policies)]
    if not whole:
        if parts is not None:
            shutil.rmtree(parts, ignore_errors=True)
        raise KeyboardInterrupt
    study = Study(configuration, {policy: [done[policy, r] for r in whole] for policy in configuration.policies}, interrupted, out)
    if out is not None:
        _write(study, out, parts, whole)
    return study


def folder(configuration: Configuration, out: Path | None) -> Path:
    """The run's folder, made and known to be writable. Raises InputError."""
    if out is None:
        name = re.sub(r"[^a-z0-9._-]+", "-", configuration.scenario_name.lower()).strip(".-") or "scenario"
        base = Path("reports") / f"{name}-{configuration.command}"
        number, out = 1, base
        while out.exists():
            number += 1
            out = base.with_name(f"{base.name}-{number}")
    try:
        out.mkdir(parents=True, exist_ok=True)
        probe = out / f".writable-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise InputError(f"{out}: cannot be written ({error.strerror}); give another folder with --out") from None
    return out


def _parts(out: Path) -> Path:
    parts = out / ".parts"
    shutil.rmtree(parts, ignore_errors=True)
    parts.mkdir()
    return parts


def _write(study: Study, out: Path, parts: Path | None, whole: list[int]) -> None:
    _replace(out / "config.yaml", study.configuration.to_yaml())
    for stale in () if parts is not None else out.glob("*.parquet"):
        if stale.stem in ("requests", "attempts", "events"):
            stale.unlink()  # rows of an earlier run in this folder
    if parts is not None:
        from simroute.results import TABLES, join

        folders = [part_folder(parts, p, r) for p in range(len(study.runs)) for r in whole]
        for table in TABLES:
            join([part for each in folders for part in sorted(each.glob(f"{table}-*.parquet"))], parts / table, table)
            (parts / table).replace(out / f"{table}.parquet")
        shutil.rmtree(parts, ignore_errors=True)
    _replace(out / "summary.json", study.to_json())


def _replace(path: Path, text: str) -> None:
    draft = path.with_name(f".{path.name}.draft")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)
