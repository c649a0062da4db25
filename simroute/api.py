"""simroute from Python: the same as the commands, with data frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from simroute.config.configuration import Configuration, StudyOptions
from simroute.config.documents import Policy
from simroute.config.loading import load
from simroute.errors import InputError
from simroute.execution.options import ExecutionOptions
from simroute.experiment.run import replicate
from simroute.layout import Column, table_text
from simroute.metrics import unit_of
from simroute.storage.folder import prepare_folder
from simroute.studies.comparison.study import Study
from simroute.studies.run import run_study
from simroute.text import clean
from simroute.units import figure, span

if TYPE_CHECKING:
    import pandas as pd

    from simroute.studies.bound.frontier import Frontier, Trade
    from simroute.studies.sensitivity.sweep import Sweep
    from simroute.studies.sensitivity.tornado import Tornado
    from simroute.studies.tuning import Tuning
    from simroute.studies.tuning.problem.goals import Robust


@dataclass(frozen=True)
class ScenarioFile:
    """A scenario by name or path, and overrides such as "scenario.workload.rate=5"."""

    name: str
    overrides: list[str] = field(default_factory=list)

    def configuration(
        self, command: str, policies: Sequence[Policy], seed: int, replications: int
    ) -> Configuration:
        return load(command, self.name, policies, self.overrides, seed, replications)


@dataclass(repr=False)
class Result:
    """One replication of one policy.

    >>> result = sr.simulate("demo", "failover")
    >>> result.attempts.groupby("target").cost_usd.sum()

    summary: as summary.json. requests, attempts, events: rows as data frames.
    """

    summary: dict[str, Any]
    requests: pd.DataFrame
    attempts: pd.DataFrame
    events: pd.DataFrame

    def __repr__(self) -> str:
        """A row for each metric that is not zero, and how many rows there are."""
        (policy, entry), *_ = self.summary["policies"].items()
        known = {name: row for name, row in entry["metrics"].items() if row["mean"]}
        values = [figure(**row, unit=unit_of(name)) for name, row in known.items()]
        tables = {
            "requests": self.requests,
            "attempts": self.attempts,
            "events": self.events,
        }
        rows = [f"{len(frame):,} {name}" for name, frame in tables.items()]
        table = table_text("metric", list(known), [Column(clean(policy, 60), values)])
        return f"{table}\nrows: {', '.join(rows)}"

    def _repr_html_(self) -> str:
        from html import escape

        rows = []
        for policy, entry in self.summary["policies"].items():
            cells = {
                name: span(**value, unit=unit_of(name))
                for name, value in entry["metrics"].items()
                if value["mean"] is not None
            }
            rows += [
                f"<tr><th>{escape(name)}</th><td>{escape(text)}</td></tr>"
                for name, text in cells.items()
            ]
            rows.insert(0, f"<tr><th>policy</th><td>{escape(clean(policy, 60))}</td></tr>")
        return f"<table>{''.join(rows)}</table>"


def load_scenario(name: str, *overrides: str) -> ScenarioFile:
    """A scenario by name or path. Raises InputError (with every mistake) if it cannot be used."""
    scenario = ScenarioFile(name, list(overrides))
    scenario.configuration("run", [], 1, 1)
    return scenario


def simulate(
    scenario: ScenarioFile | str, policy: Policy, seed: int = 1, replication: int = 0
) -> Result:
    """Run one policy once: by name or path, or its layers as a mapping, as a file has them.

    >>> sr.simulate("demo", {"fallback": {"targets": ["first", "cheapest"]}, "timeout": {}})
    """
    from simroute.storage import Frames

    configuration = _file(scenario).configuration("run", [policy], seed, 1)
    name = next(iter(configuration.policies))
    frames: list[Frames] = []

    def collect(world: Any) -> Frames:
        frames.append(Frames(world, name, replication))
        return frames[0]

    figures = replicate(configuration, name, replication, collect)
    summary = Study(configuration, {name: [figures]}).summary
    return Result(
        summary, *(frames[0].frame(table) for table in ("requests", "attempts", "events"))
    )


def compare(
    scenario: ScenarioFile | str,
    policies: Policy | Sequence[Policy],
    replications: int = 20,
    seed: int = 1,
    workers: int = 1,
    out: str | Path | None = None,
    resume: bool = False,
    until: str | None = None,
    max_replications: int = 1000,
    yearly: bool = False,
    executor: str = "local",
    cache: bool = False,
) -> Study:
    """All policies in the same weather: by name or path, or, called policy_2 by its place, the
    layers of one as a mapping. With `out` what is finished is kept in that folder until
    all is, and `resume` goes on from there.

    `executor`: "local", or "dask://HOST:PORT" for a Dask cluster's workers; `cache`: what was run
    before is read back from reports/.cache/.

    `until`: more replications until "success_rate±0.0005" or "decided", `replications` first;
    `yearly`: a year's figures in .yearly as well.
    """
    from simroute.studies.comparison.stopping import parse_stopping_rule

    configuration = _file(scenario).configuration(
        "compare", _policies(policies), seed, replications
    )
    most = max(max_replications, replications)
    rule = None if until is None else parse_stopping_rule(until, replications, most).plain()
    configuration.study = StudyOptions(until=rule, yearly=yearly)
    return run_study(
        configuration,
        options=_options(workers, executor, cache, out, resume),
    )


def replay(
    path: str | Path | Sequence[str | Path],
    policies: Policy | Sequence[Policy],
    scenario: ScenarioFile | str | None = None,
    *,
    replications: int | None = None,
    seed: int = 1,
    workers: int = 1,
    start: str | None = None,
    stop: str | None = None,
    rate_scale: float = 1.0,
    loop: int = 1,
    jitter: bool = False,
    outages: str | Sequence[str] = (),
    windows: int | None = None,
    format: str | None = None,
    mapping: str | Path | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    executor: str = "local",
    cache: bool = False,
) -> Study:
    """A log of real traffic (one file, a pattern, or several) under its own routing, "recorded",
    and under these policies.

    `scenario`: whose deployments, promises and outages hold beside the log's. `start`, `stop`:
    durations from the first request, such as "6h". `outages`: laid over it, by a scenario's name or
    as "{provider: openai, start: 30%, end: 50%, error_share: 0.6}". `replications` None: as many as
    are quick. Else as for `compare`. The result's .replay has the calibration, what is decided, and
    what the traffic costs. Raises InputError.
    """
    from simroute.config.loading import with_windows
    from simroute.studies.replay.plan import plan_replay, trace_source

    files = [str(path)] if isinstance(path, (str, Path)) else [str(each) for each in path]
    reading = {"format": format, "mapping": mapping and str(Path(mapping).resolve())}
    workload = {
        "trace_from": start,
        "trace_to": stop,
        "trace_loop": loop,
        "rate_scale": rate_scale,
        "trace_jitter": jitter,
        "reading": _without_none(reading),
    }
    source = trace_source(files, _listed(outages), _without_none(workload))
    file = None if scenario is None else _file(scenario)
    name, overrides = (None, []) if file is None else (file.name, file.overrides)
    configuration = plan_replay(source, name, _policies(policies), overrides, seed, replications)
    configuration = configuration if windows is None else with_windows(configuration, windows)
    return run_study(
        configuration,
        options=_options(workers, executor, cache, out, resume),
    )


def tune(
    scenario: ScenarioFile | str | Sequence[ScenarioFile | str],
    policy: str,
    space: Mapping[str, Any] | None = None,
    *,
    objective: str | Sequence[str],
    subject_to: str | Sequence[str] = (),
    robust: Robust = "mean",
    evaluations: int = 400,
    confirm: int = 20,
    seed: int = 1,
    workers: int = 1,
    proposer: str = "sobol",
    overrides: Sequence[str] = (),
    out: str | Path | None = None,
    against: Sequence[str] = (),
    resume: bool = False,
    cache: bool = False,
) -> Tuning:
    """Search a policy's parameters: `space` as {"breaker.failures": "2..20"}, with the policy's own
    `tune:` block. `out`: a folder for its files, in which every run is kept as it is finished;
    `resume` goes on with an unfinished search there. `against`: policies to compare the result
    with.

    The result has .recommended, .trials (a data frame), .figures (plotly, by name), .summary,
    .tuned_yaml and .to_html(path). Raises InputError.
    """
    from simroute.studies import tuning

    if not isinstance(policy, str):
        raise InputError("tune: which policy? Give its name, or the path of its file")
    files = [
        _file(each)
        for each in ([scenario] if isinstance(scenario, (ScenarioFile, str)) else scenario)
    ]
    own = [text for file in files for text in file.overrides]
    if len(files) > 1 and any(file.overrides != files[0].overrides for file in files):
        raise InputError(
            "scenarios of one search must have the same overrides; change the files instead"
        )
    request = tuning.SearchRequest(
        [file.name for file in files],
        policy,
        dict(space or {}),
        _listed(objective),
        _listed(subject_to),
        [*dict.fromkeys(own), *overrides],
        robust,
        evaluations,
        confirm,
        seed,
        proposer,
        against=against,
    )
    options = _options(workers, "local", cache, out, resume)
    return tuning.tune(tuning.plan_search(request), options=options)


def sensitivity(
    scenario: ScenarioFile | str,
    policies: Policy | Sequence[Policy],
    vary: str | Sequence[str] = (),
    kind: Literal["vary", "tornado"] = "vary",
    *,
    replications: int = 20,
    seed: int = 1,
    workers: int = 1,
    out: str | Path | None = None,
    resume: bool = False,
    executor: str = "local",
    cache: bool = False,
) -> Sweep | Tornado:
    """How the answer depends on what was assumed: `vary` as
    ["scenario.outages.morning.error_share=0.1..1.0"], one or two; or each alone, "tornado".

    `out`, `resume`, `executor` and `cache` as for `compare`. The result has .frame (a data frame),
    .figures (plotly, by name), .lines() and .summary. Raises InputError.
    """
    from simroute.studies.sensitivity.run import run_sensitivity
    from simroute.studies.sensitivity.sweep import plan_sweep
    from simroute.studies.sensitivity.tornado import plan_tornado

    file, texts = _file(scenario), _listed(vary)
    if kind not in ("vary", "tornado"):
        raise InputError(f"sensitivity: {kind!r} is not one of vary, tornado")
    plan = (plan_tornado if kind == "tornado" else plan_sweep)(
        file.name, _policies(policies), file.overrides, texts, seed, replications
    )
    options = _options(workers, executor, cache, out, resume)
    result = run_sensitivity(plan, options=options)
    return result  # type: ignore[return-value]


def frontier(
    scenario: ScenarioFile | str, trade: Trade = "success", *, replications: int = 20, seed: int = 1
) -> Frontier:
    """What can be had at all: success, latency or quality for money, by a policy that knows the
    weather. The result has .frame and .figures, and .best_quality(usd_per_1k)."""
    from simroute.studies.bound.frontier import compute_frontier

    return compute_frontier(_file(scenario).configuration("compare", [], seed, replications), trade)


def _options(
    workers: int, executor: str, cache: bool, out: str | Path | None, resume: bool
) -> ExecutionOptions:
    """How a study is played. A new folder is made at once. Raises InputError."""
    from simroute.execution.dask import DaskExecutor

    if out is None and resume:
        raise InputError("resume: in which folder? Give out as well")
    remote = None if executor == "local" else DaskExecutor.from_address(executor)
    folder = None if out is None else Path(out) if resume else prepare_folder(Path(out))
    return ExecutionOptions(workers, remote, cache, folder, resume)


def _without_none(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


def _policies(policies: Policy | Sequence[Policy]) -> Sequence[Policy]:
    listed = isinstance(policies, Sequence) and not isinstance(policies, str)
    return policies if listed else [policies]  # type: ignore[list-item,return-value]


def _listed(texts: str | Sequence[str]) -> list[str]:
    return [texts] if isinstance(texts, str) else list(texts)


def _file(scenario: ScenarioFile | str) -> ScenarioFile:
    return scenario if isinstance(scenario, ScenarioFile) else ScenarioFile(scenario)
