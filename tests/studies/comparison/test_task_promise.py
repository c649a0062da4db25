"""A task with a promise of its own is judged by it, and so is the whole."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from simroute.config.configuration import Configuration
from simroute.config.loading import load, restore
from simroute.errors import InputError
from simroute.execution.options import ExecutionOptions
from simroute.metrics import METRICS, Context, Figures, Fold
from simroute.metrics.partials import merge_partials, partial_state
from simroute.models.spec import Deployment, PriceList, Scenario, Slo, TaskSlo
from simroute.studies.comparison.promise import describe_promise, requirements
from simroute.studies.comparison.study import Study
from simroute.studies.run import run_study
from tests.metrics.test_metrics import requests

MADE = Scenario({"a": Deployment("x", "m", price=PriceList(1, 2))}, slo=Slo(success=0.9))


def judged(slo: Slo, **values: float) -> list[bool | None]:
    """Whether a policy keeps the promise whose figures are all 1 but for these, `__` for a dot."""
    named = {name.replace("__", "."): value for name, value in values.items()}
    metrics: dict[str, float | None] = dict.fromkeys(METRICS, 1.0)
    for task in slo.tasks:
        metrics |= {f"success_rate.{task}": 1.0, f"slo_attainment.{task}": 1.0}
    runs = {"only": [Figures(metrics | named, {}, {}, [[], []], {}) for _ in range(3)]}
    made = Scenario(MADE.deployments, slo=slo)
    study = Study(Configuration("compare", "s", made, {"only": {}}, 1, 3), runs)
    return [entry["meets_slo"] for entry in study.verdict]


def test_the_whole_promise_includes_each_task_s_own() -> None:
    """All requests keep 90 %, and a task that falls short of its own 95 % breaks the whole; of one
    that states no success the common one holds; where no time is promised success counts."""
    own = Slo(success=0.9, tasks={"slow": TaskSlo(success=0.95)})
    assert judged(own, success_rate__slow=0.96) == [True]
    assert judged(own, success_rate__slow=0.94) == [False]
    assert judged(own, slo_attainment__slow=0.1) == [True]
    timed = Slo(success=0.9, tasks={"slow": TaskSlo(latency=60.0)})
    assert judged(timed, slo_attainment__slow=0.91) == [True]
    assert judged(timed, slo_attainment__slow=0.89) == [False]
    assert judged(timed, success_rate=0.1) == [True]  # success in time is what is promised
    assert judged(timed, slo_attainment=0.1) == [False]


def test_a_promise_names_its_tasks() -> None:
    """In words, and as parts, with what a task leaves out."""
    slo = Slo(0.99, latency=20.0, tasks={"slow": TaskSlo(latency=120.0), "vital": TaskSlo(0.999)})
    made = Scenario(MADE.deployments, slo=slo)
    assert describe_promise(made) == (
        "at least 99.00 % of requests succeed within 20 s; at least 99.00 % of slow requests "
        "succeed within 2 min; at least 99.90 % of vital requests succeed within 20 s"
    )
    rest = Scenario(MADE.deployments, slo=Slo(0.99, tasks={"slow": TaskSlo(latency=60.0)}))
    assert "99.00 % of requests succeed in the time of their task;" in describe_promise(rest)
    assert [(part.metric, part.bound, part.task) for part in requirements(made)] == [
        ("slo_attainment", 0.99, None),
        ("slo_attainment.slow", 0.99, "slow"),
        ("slo_attainment.vital", 0.999, "vital"),
    ]


@pytest.mark.parametrize(
    ("slo", "limits"),
    [
        (Slo(), {"slow": (30.0, math.inf), "other": (30.0, math.inf)}),
        (Slo(latency=5.0), {"slow": (5.0, math.inf)}),
        (Slo(ttft=2.0), {"slow": (math.inf, 2.0)}),
        (
            Slo(latency=5.0, ttft=1.0, tasks={"slow": TaskSlo(latency=60.0)}),
            {"slow": (60.0, 1.0), "other": (5.0, 1.0)},
        ),
        (
            Slo(tasks={"slow": TaskSlo(ttft=3.0)}),
            {"slow": (math.inf, 3.0), "other": (math.inf, math.inf)},
        ),
        (Slo(tasks={"slow": TaskSlo(success=0.5)}), {"slow": (30.0, math.inf)}),
    ],
)
def test_limits_of_a_task_are_its_own_else_those_of_all(
    slo: Slo, limits: dict[str, tuple[float, float]]
) -> None:
    """30 s count as in time only where no time is promised anywhere."""
    assert {name: slo.limits(name) for name in limits} == limits


def fold_of(rows: list[tuple[str, dict[str, Any]]]) -> Fold:
    """Answers of chat within 10 s and of code within 100 s count as in time."""
    names = {"target": ["a"], "task": ["chat", "code"], "user": ["ann"], "feature": ["help"]}
    own = {"code": (100.0, math.inf), "gone": (1.0, 1.0)}
    made = Context(3600.0, 10.0, 2.0, 0.95, [], names, ["p"], ["m"], [None], slo_by_task=own)
    fold = Fold(made)
    for outcomes, columns in rows:
        fold("requests", requests(outcomes, **columns))
    return fold


def test_requests_are_in_time_by_the_limits_of_their_task() -> None:
    """By hand: chat 5 s in time, 50 s late, and with a first token of 3 s late; code 50 s in time
    whatever its first token, 150 s late, and one failed."""
    columns = {
        "task": np.array([0, 0, 0, 1, 1, 1]),
        "latency_s": np.array([5.0, 50.0, 5.0, 50.0, 150.0, 1.0]),
        "ttft_s": np.array([1.0, 1.0, 3.0, 3.0, 3.0, np.nan]),
    }
    fold = fold_of([("ooooof", columns)])
    figures = fold.finish([], [0.0])
    assert figures.metrics["slo_attainment"] == 2 / 6
    assert figures.metrics["slo_attainment.code"] == 1 / 3
    assert figures.metrics["success_rate.code"] == 2 / 3
    assert figures.pooled["slo_attainment.code"] == (1, 3)
    assert figures.metrics["slo_attainment.gone"] is None
    by_task = {name: row["slo_attainment"] for name, row in figures.by["task"].items()}
    assert by_task == {"chat": 1 / 3, "code": 1 / 3}
    parts = [partial_state(fold_of([("ooooof", columns)]), [], [0.0], ()) for _ in range(2)]
    merged = merge_partials(fold.context, parts)
    assert merged.metrics["slo_attainment.code"] == 1 / 3
    assert merged.pooled["slo_attainment.code"] == (2, 6)


DATA: dict[str, Any] = {
    "horizon": 200,
    "workload": {
        "rate": 5,
        "tasks": {
            "quick": {"share": 3, "output_tokens": {"median": 1000, "sigma": 0}},
            "slow": {"share": 1, "output_tokens": {"median": 4000, "sigma": 0}},
        },
    },
    "deployments": {
        "a": {
            "provider": "x",
            "model": "m",
            "price": {"input": 1, "output": 2},
            "latency": {"per_output_token": 0.01, "sigma": 0, "token_sigma": 0},
        }
    },
    "slo": {"success": 0.99, "latency": "15s"},
}
"""Answers take somewhat more than 10 s, and than 40 s."""


def played(folder: Path, slo: dict[str, Any]) -> Study:
    """That scenario with another promise."""
    path = folder / "s.yaml"
    path.write_text(yaml.safe_dump(DATA | {"slo": slo}), encoding="utf-8")
    made = load("compare", str(path), ["direct"], [], 1, 3)
    return run_study(made, options=ExecutionOptions(workers=1))


def test_a_slow_task_breaks_a_promise_that_leaves_it_no_time(tmp_path: Path) -> None:
    """A quarter takes 40 s: within 15 s three quarters succeed; with a minute of its own all do, in
    the run, in the bound and on the page; with 30 s none of it does."""
    common = played(tmp_path, {"success": 0.99, "latency": "15s"})
    assert common.intervals["direct"]["slo_attainment"].mean == pytest.approx(0.75, abs=0.03)
    assert [entry["meets_slo"] for entry in common.verdict] == [False]

    own = {"success": 0.99, "latency": "15s", "tasks": {"slow": {"latency": "1m"}}}
    study = played(tmp_path, own)
    assert study.intervals["direct"]["slo_attainment"].mean == 1.0
    assert [entry["meets_slo"] for entry in study.verdict] == [True]
    assert study.bound is not None
    assert study.bound.plain()["metrics"]["slo_attainment"]["mean"] == 1.0
    assert "slow in time" in study.report()
    assert study.summary["policies"]["direct"]["by"]["task"]["slow"]["slo_attainment"]["mean"] == 1
    assert "of slow requests in time" in study.verdict[0]["why"]
    assert not study.failed(["slo_attainment.slow>=0.9", "direct:slo_attainment.slow >= 0.9"])
    with pytest.raises(InputError, match=r"did you mean slo_attainment\.slow"):
        study.failed(["slo_attainment.slwo>=0.9"])

    short = played(tmp_path, {"success": 0.5, "latency": "15s", "tasks": {"slow": {"latency": 30}}})
    assert short.intervals["direct"]["slo_attainment.slow"].mean == 0.0
    assert [entry["meets_slo"] for entry in short.verdict] == [False]
    assert "0.00 %" in short.verdict[0]["why"]


def test_a_promise_by_task_comes_back_from_its_config(tmp_path: Path) -> None:
    """The same scenario, and the same figures."""
    study = played(tmp_path, {"success": 0.99, "tasks": {"slow": {"success": 0.9, "ttft": "2s"}}})
    (tmp_path / "config.yaml").write_text(study.configuration.to_yaml(), encoding="utf-8")
    again = restore(tmp_path / "config.yaml")
    assert again.scenario == study.configuration.scenario


@pytest.mark.parametrize(
    ("slo", "right"),
    [
        ({"tasks": {"slwo": {"latency": 60}}}, "did you mean slow?"),
        ({"tasks": {"reasoning": {"latency": 60}}}, "there is no such task; known: quick, slow"),
        ({"tasks": {"slow": {"success": 99}}}, "it looks like a percentage: use 0.99"),
        ({"tasks": {"slow": {"latency": 0}}}, "out of range; expected more than 0"),
        ({"tasks": {"slow": {"p95": 3}}}, "unknown key"),
        ({"tasks": ["slow"]}, "expected keys and values"),
    ],
)
def test_a_promise_of_nothing_is_refused_in_one_line(
    tmp_path: Path, slo: dict[str, Any], right: str
) -> None:
    """With file, key and what would be right."""
    with pytest.raises(InputError) as found:
        played(tmp_path, slo)
    (line,) = found.value.lines
    assert right in line
    assert "slo.tasks" in line
