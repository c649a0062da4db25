"""Runs whose reports are looked at: an ordinary one, and one in which every name is hostile."""

from pathlib import Path

import pytest
import yaml

from problems import scripted
from report.chromium import Chromium
from simroute.config.from_trace import TraceSource
from simroute.config.from_trace import load_replay as replay
from simroute.config.loading import load
from simroute.execution.options import ExecutionOptions
from simroute.metrics import METRICS
from simroute.studies.run import run_study
from simroute.studies.tuning import SearchRequest, plan_search, tune
from simroute.studies.tuning.search.evaluations import Run
from tests.logs import calls, written

SHORT = [
    "scenario.horizon=900s",
    "scenario.workload.rate=2",
    "scenario.outages.morning.start=30%",
    "scenario.outages.morning.end=60%",
]

SCRIPT = "<script>window.pwned=1</script>"
IMAGE = "<image href=x onerror=window.pwned=2>"
BREAKOUT = "</script><script>window.pwned=3</script>"
BOLD = "<b>bold</b> &amp; %{x} 'q' \"q\""
BIDI = "evil\u202etxt.exe"
MARKS = "A" + "\u0301" * 1000
LONG = "long" * 2500
FORMULA = '=HYPERLINK("http://evil","x")'

HOSTILE = {
    "about": f"What does {SCRIPT} do?",
    "horizon": "600s",
    "workload": {
        "rate": 2,
        "streamed": 0.5,
        "tasks": {BREAKOUT: {"share": 1}, MARKS: {"share": 1}},
        "users": {IMAGE: 1, FORMULA: 1, LONG: 1},
        "features": {BOLD: 1, BIDI: 2},
        "spikes": {IMAGE: {"start": "50s", "end": "90s", "factor": 1.5}},
    },
    "deployments": {
        SCRIPT: {
            "provider": IMAGE,
            "model": BOLD,
            "price": {"input": 1, "output": 2},
            "errors": {500: 0.02},
        },
        BIDI: {"provider": BREAKOUT, "model": LONG, "price": {"input": 0.5, "output": 1}},
    },
    "outages": {IMAGE: {"deployment": SCRIPT, "start": "100s", "end": "300s", "error_share": 0.9}},
    "budget": {"usd": 5, "period": "day"},
}
POLICY = {
    f"fallback{SCRIPT}": {"kind": "fallback", "targets": [SCRIPT, BIDI]},
    f"breaker{IMAGE}": {"kind": "breaker", "cooldown": "20s"},
}


@pytest.fixture(scope="session")
def browse(tmp_path_factory):
    """One browser for all of them."""
    with Chromium(tmp_path_factory.mktemp("browser")) as made:
        yield made


@pytest.fixture(scope="session")
def ordinary(tmp_path_factory):
    """A short comparison in the demo's outage, with the files that it wrote."""
    out = tmp_path_factory.mktemp("ordinary") / "run"
    out.mkdir()
    made = load("compare", "demo", ["direct", "circuit_breaker", "cascade", "cached"], SHORT, 1, 3)
    return run_study(made, options=ExecutionOptions(out=out))


@pytest.fixture(scope="session")
def hostile(tmp_path_factory):
    """A comparison in which every name tries to be code, steers text, or is endless."""
    folder: Path = tmp_path_factory.mktemp("hostile")
    (folder / "scenario.yaml").write_text(
        yaml.safe_dump(HOSTILE, allow_unicode=True, sort_keys=False), encoding="utf-8"
    )
    policies = [
        folder / f"{name}.yaml" for name in ("<img src=x onerror=window.pwned=4>", "direct")
    ]
    for path in policies:
        path.write_text(yaml.safe_dump(POLICY if path.stem != "direct" else {}), encoding="utf-8")
    made = load(
        "compare", str(folder / "scenario.yaml"), [str(path) for path in policies], [], 1, 3
    )
    (folder / "run").mkdir()
    return run_study(made, options=ExecutionOptions(out=folder / "run"))


@pytest.fixture(scope="session")
def replayed(tmp_path_factory):
    """A replay of a log of three hours in which users, features, teams and a model have hostile
    names, under a policy with such a name."""
    folder: Path = tmp_path_factory.mktemp("replayed")
    rows = list(calls(900, rate=1 / 12, fails=lambda model, t: 0.02))
    for place, row in enumerate(rows):
        row |= {
            "user": [IMAGE, FORMULA, LONG, MARKS][place % 4],
            "feature": [BOLD, BIDI][place % 2],
            "team": BREAKOUT,
            "task": SCRIPT,
        }
        row |= {"provider": "us", "model": SCRIPT} if place % 3 == 0 else {}
    path = folder / f"{BIDI}.csv"
    policy = folder / "<img src=x onerror=window.pwned=4>.yaml"
    policy.write_text(yaml.safe_dump({}), encoding="utf-8")
    (folder / "run").mkdir()
    return run_study(
        replay(TraceSource(str(written(path, rows))), None, ["recorded", str(policy)], [], 1, 2),
        options=ExecutionOptions(out=folder / "run"),
    )


GOALS = {
    "objectives": ["min cost_per_1k_requests_usd"],
    "constraints": ["success_rate>=0.9"],
    "evaluations": 40,
    "confirm": 4,
}


@pytest.fixture(scope="session")
def searched(tmp_path_factory):
    """A short search of three parameters beside another policy, with the files that it wrote."""
    out = tmp_path_factory.mktemp("searched") / "run"
    out.mkdir()
    entries = {
        "breaker.failures": "2..20",
        "breaker.cooldown": "5s..300s log",
        "breaker.scope": "provider | deployment",
    }
    overrides = [*SHORT, "scenario.workload.rate=0.5"]
    tune(
        plan_search(
            SearchRequest(
                ["demo"],
                "circuit_breaker",
                entries,
                overrides=overrides,
                against=["failover"],
                **GOALS,
            )
        ),
        options=ExecutionOptions(out=out),
    )
    return out


@pytest.fixture(scope="session")
def hostile_search(tmp_path_factory):
    """A search in which every name tries to be code, of a stand-in for the simulator."""
    folder: Path = tmp_path_factory.mktemp("hostile_search")
    (folder / f"{BIDI}.yaml").write_text(
        yaml.safe_dump(HOSTILE, allow_unicode=True, sort_keys=False), encoding="utf-8"
    )
    for name in ("<img src=x onerror=window.pwned=4>", "<b>direct"):
        layers = {
            FALLBACK: {"kind": "fallback", "targets": [SCRIPT, BIDI]},
            BREAKER: {"kind": "breaker", "cooldown": "20s"},
        }
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(layers), encoding="utf-8")
    entries = {
        f"{BREAKER}.cooldown": "5s..300s",
        f"{BREAKER}.scope": "provider | deployment",
        f"{FALLBACK}.targets": AIMS,
    }
    policy, other = folder / "<img src=x onerror=window.pwned=4>.yaml", folder / "<b>direct.yaml"
    plan = plan_search(
        SearchRequest(
            [str(folder / f"{BIDI}.yaml")], str(policy), entries, against=[str(other)], **GOALS
        )
    )
    (folder / "run").mkdir()
    tune(plan, options=ExecutionOptions(executor=scripted(plan, even), out=folder / "run"))
    return folder / "run"


FALLBACK, BREAKER = "fallback<script>pwned=1</script>", "breaker<image href=x onerror=pwned=2>"
AIMS = [[SCRIPT, BIDI], [BIDI, SCRIPT]]


def even(tasks, settings):
    """Every setting costs as much as its number, and succeeds."""
    for task in tasks:
        figures = dict.fromkeys(METRICS, 1.0) | {
            "cost_per_1k_requests_usd": float(abs(task.candidate)) + 0.01 * task.replication
        }
        yield task, Run(figures, {})
