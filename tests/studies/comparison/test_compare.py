"""A comparison with scripted replications: what it writes, says, and does when it is cut short."""

import json
import multiprocessing
import os
import re
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from simroute.config.configuration import Configuration
from simroute.config.loading import load
from simroute.errors import InputError
from simroute.execution import pool
from simroute.execution.options import ExecutionOptions
from simroute.metrics import METRICS, Figures
from simroute.models.spec import Budget, Deployment, Outage, Scenario, Slo, Workload
from simroute.statistics.intervals import Interval, interval
from simroute.storage.folder import RunDescription, make_default_folder, prepare_folder
from simroute.studies.comparison.assertions import parse_assertion
from simroute.studies.comparison.study import Study
from simroute.studies.comparison.verdict import verdict
from simroute.studies.run import run_study

SUCCESS = {
    "bold": [0.990, 0.991, 0.989, 0.990],
    "safe": [0.9995, 0.9996, 0.9997, 0.9996],
    "dear": [0.9995, 0.9997, 0.9996, 0.9996],
}
COST = {"bold": [1.0, 1.2, 0.8, 1.0], "safe": [2.0, 2.2, 1.8, 2.0], "dear": [3.0, 3.3, 2.8, 3.1]}
STUCK = {"bold": 2400.0, "safe": 120.0, "dear": 60.0}


def scripted(policy: str, replication: int) -> Figures:
    """The figures above; everything else is 1."""
    metrics: dict[str, float | None] = dict.fromkeys(METRICS, 1.0)
    metrics |= {
        "success_rate": SUCCESS[policy][replication],
        "cost_per_1k_requests_usd": COST[policy][replication],
        "ttft_p95_s": None,
    }
    metrics |= {"time_on_failing_target_s": STUCK[policy]}
    return Figures(
        metrics,
        {"forbidden_share": (0, 1000)},
        {"target": {"a": {"attempts": 5.0 + replication}}},
        [[], []],
        {},
    )


def configuration(*policies: str, replications: int = 4, **scenario: Any) -> Configuration:
    """Empty policies by these names, in a scenario that promises 99.9 %."""
    weather = Scenario(
        {"a": Deployment("anthropic", "claude-sonnet-4-0")}, slo=Slo(success=0.999), **scenario
    )
    return Configuration(
        "compare", "storm", weather, {name: {} for name in policies}, 7, replications
    )


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replications are scripted instead of simulated."""
    monkeypatch.setattr(
        pool,
        "replicate",
        lambda made, policy, replication, rows=None, progress=None: scripted(policy, replication),
    )


def study(*policies: str, **others: Any) -> Study:
    """A comparison of the scripted policies, serial, nothing written."""
    return run_study(configuration(*policies, **others))


@pytest.mark.usefixtures("played")
def test_the_summary_has_the_published_form() -> None:
    """Every key of schema version 1 is there, for each policy every metric with mean, low and
    high."""
    summary = json.loads(study("bold", "safe").to_json())
    head = {
        "schema_version",
        "simroute",
        "command",
        "scenario",
        "seed",
        "replications",
        "horizon_s",
        "fingerprint",
    }
    assert head | {"policies", "differences", "verdict"} <= set(summary)
    assert (
        summary["schema_version"],
        summary["seed"],
        summary["replications"],
        summary["command"],
    ) == (1, 7, 4, "compare")
    assert set(summary["policies"]["bold"]["metrics"]) == set(METRICS)
    assert set(summary["policies"]["bold"]["metrics"]["success_rate"]) == {"mean", "low", "high"}
    assert summary["policies"]["bold"]["by"]["target"]["a"]["attempts"]["mean"] == 6.5
    assert summary["policies"]["bold"]["formula"] == "send"


@pytest.mark.usefixtures("played")
def test_undefined_is_null_in_the_summary() -> None:
    """NaN is not JSON."""
    text = study("bold", "safe").to_json()
    assert "NaN" not in text
    assert json.loads(text)["policies"]["bold"]["metrics"]["ttft_p95_s"] == {
        "mean": None,
        "low": None,
        "high": None,
    }


@pytest.mark.usefixtures("played")
def test_differences_are_b_minus_a_and_a_is_the_first_named() -> None:
    """safe costs 1 more than bold in every weather, though both vary."""
    found = {(row["a"], row["b"], row["metric"]): row for row in study("bold", "safe").differences}
    row = found["bold", "safe", "cost_per_1k_requests_usd"]
    assert (row["mean"], row["low"], row["high"]) == pytest.approx((1.0, 1.0, 1.0))


@pytest.mark.usefixtures("played")
def test_the_verdict_goes_by_the_unfavourable_bound() -> None:
    """99.0 % misses 99.9 %, 99.96 % ± .01 keeps it."""
    assert {entry["policy"]: entry["meets_slo"] for entry in study("bold", "safe").verdict} == {
        "bold": False,
        "safe": True,
    }


def test_an_undecided_verdict_says_how_many_replications_would_decide(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Sd .0002 around a distance of .0001: at least (1.96 · 2)² = 16 replications."""
    monkeypatch.setitem(
        SUCCESS, "safe", [0.9991 - 0.0002, 0.9991 + 0.0002, 0.9991 - 0.0001, 0.9991 + 0.0001]
    )
    monkeypatch.setattr(
        pool,
        "replicate",
        lambda made, policy, replication, rows=None, progress=None: scripted(policy, replication),
    )
    (entry,) = study("safe").verdict
    assert entry["meets_slo"] is None
    assert int(entry["why"].split("about ")[1].split()[0]) >= 12


@pytest.mark.usefixtures("played")
def test_the_verdict_names_the_cheapest_that_keeps_the_promise() -> None:
    """bold is cheaper, but does not keep it; the rest is told by paired differences."""
    lines = study("bold", "safe", "dear").verdict_lines()
    text = "\n".join(lines)
    assert "Cheapest that keeps it: safe" in text
    assert any("dear costs $1.05 more" in line for line in lines)
    assert any("bold costs $1.00 less" in line and "not shown to keep" in line for line in lines)


def test_no_winner_is_named_among_equals(monkeypatch: pytest.MonkeyPatch) -> None:
    """dear with the figures of safe: neither cheaper nor better, and no chance in it; where it only
    costs the same, that is said."""
    for table in (SUCCESS, COST, STUCK):
        monkeypatch.setitem(table, "dear", table["safe"])
    monkeypatch.setattr(
        pool,
        "replicate",
        lambda made, policy, replication, rows=None, progress=None: scripted(policy, replication),
    )
    text = "\n".join(study("bold", "safe", "dear").verdict_lines())
    assert "safe and dear did the same in every replication: a is the only deployment." in text
    assert "Cheapest that keeps it: safe and dear, which did the same, $2.00" in text
    assert "Best by success: safe and dear, the same in every replication." in text
    monkeypatch.setitem(STUCK, "dear", 60.0)
    text = "\n".join(study("bold", "safe", "dear").verdict_lines())
    assert "did the same" not in text
    assert "dear costs the same" in text


@pytest.mark.usefixtures("played")
def test_the_verdict_tells_how_long_each_went_on() -> None:
    """Time on the failing target, for each policy."""
    (line,) = [line for line in study("bold", "safe").verdict_lines() if "failing target" in line]
    assert "bold 40 min" in line
    assert "safe 2 min" in line


@pytest.mark.usefixtures("played")
def test_what_is_given_is_said() -> None:
    """A fixed trace and a scheduled outage limit what the intervals can say."""
    given = study(
        "bold",
        "safe",
        workload=Workload(trace="/x.csv"),
        outages={"june": Outage(provider="anthropic", start=60, end=90)},
    )
    assert "given this traffic and this outage" in given.verdict_lines()[0]
    assert (
        "given"
        not in study(
            "bold", "safe", outages={"any": Outage(provider="anthropic", mean_between=3600)}
        ).verdict_lines()[0]
    )


@pytest.mark.usefixtures("played")
def test_one_replication_gives_figures_without_bounds_and_says_so() -> None:
    """Bounds are null; the verdict goes by the figure itself."""
    once = study("bold", "safe", replications=1)
    found = once.summary["policies"]["safe"]["metrics"]["success_rate"]
    assert found == {"mean": 0.9995, "low": None, "high": None}
    assert "one replication" in once.verdict[1]["why"]


@pytest.mark.usefixtures("played")
def test_an_assertion_must_hold_on_the_unfavourable_bound_for_every_policy() -> None:
    """The mean of bold is .99, its lower bound is not; NAME: asks one policy."""
    found = study("bold", "safe")
    assert (
        found.failed(
            ["success_rate>=0.98", "safe:success_rate>0.999", "time_on_failing_target_s<=2400"]
        )
        == []
    )
    assert len(found.failed(["success_rate>=0.99"])) == 1
    assert len(found.failed(["safe:cost_per_1k_requests_usd<2.1"])) == 1
    assert len(found.failed(["ttft_p95_s<=5"])) == 2, "what is undefined does not hold"


@pytest.mark.usefixtures("played")
def test_an_assertion_tells_value_and_bound_and_by_which_it_is_judged() -> None:
    """The lower one of what must be large, the upper one of what must be small; pass or fail."""
    found = study("bold", "safe")
    texts = [
        str(each)
        for each in found.judge_assertions(
            ["success_rate>=0.99", "safe:cost_per_1k_requests_usd<9"]
        )
    ]
    success = found.intervals["bold"]["success_rate"]
    cost = found.intervals["safe"]["cost_per_1k_requests_usd"]
    assert texts[0] == (
        f"bold: success_rate >= 0.99 does not hold: {success.mean:.6g}, judged by its lower bound "
        f"(95 %), which is {success.low:.6g}"
    )
    assert texts[1].startswith("safe: success_rate >= 0.99 holds: ")
    assert texts[2].endswith(f"upper bound (95 %), which is {cost.high:.6g}")


@pytest.mark.usefixtures("played")
def test_a_study_is_printed_as_a_short_table() -> None:
    """A row for each policy, no arrays."""
    lines = repr(study("bold", "safe")).splitlines()
    assert [line.split()[0] for line in lines[:3]] == ["policy", "bold", "safe"]
    assert max(map(len, lines)) <= 100
    assert "array(" not in "".join(lines)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("sucess_rate>=0.9", "success_rate"),
        ("success_rate=0.9", "expected"),
        ("salf:success_rate>=0.9", "safe"),
        ("success_rate>=1e", "number"),
    ],
)
def test_a_wrong_assertion_is_refused_with_the_nearest_name(text: str, hint: str) -> None:
    """Before anything runs."""
    with pytest.raises(InputError) as caught:
        parse_assertion(text, ["bold", "safe"])
    assert hint in str(caught.value.lines)


@pytest.mark.usefixtures("played")
def test_a_run_writes_its_files_and_leaves_no_drafts(tmp_path: Path) -> None:
    """summary.json and config.yaml, nothing else."""
    found = run_study(
        configuration("bold", "safe"),
        options=ExecutionOptions(out=prepare_folder(tmp_path / "run")),
    )
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == [
        "config.yaml",
        "summary.json",
    ]
    assert (tmp_path / "run" / "summary.json").read_text(encoding="utf-8") == found.to_json()


def test_the_default_folder_is_numbered_when_it_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """storm-compare, then -2, then -3."""
    monkeypatch.chdir(tmp_path)
    made = RunDescription.of(configuration("bold"))
    assert [make_default_folder(made).as_posix() for _ in range(3)] == [
        f"reports/storm-compare{end}" for end in ("", "-2", "-3")
    ]


TRAVERSING = [
    "../../etc/cron.d/x",
    "/etc/passwd",
    "a/b",
    "..",
    "",
    "x\0y",
    "Évil\nname\u202e",
    "n" * 10_000,
    "-out-evil",
    "A\u0301" * 999,
]


@pytest.mark.parametrize("name", TRAVERSING)
def test_r06_a_default_folder_lies_under_reports_whatever_the_scenario_is_called(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its name is made of [a-z0-9._-] alone; compared with commonpath, as '/out-evil' begins with
    '/out'."""
    monkeypatch.chdir(tmp_path)
    made = make_default_folder(replace(RunDescription.of(configuration("bold")), name=name))
    assert made.is_dir()
    assert re.fullmatch(r"[a-z0-9._-]+", made.name)
    reports = (tmp_path / "reports").resolve()
    assert os.path.commonpath([reports, made.resolve()]) == str(reports)
    assert [path.name for path in tmp_path.iterdir()] == ["reports"]


def test_a_folder_that_cannot_be_written_is_refused_before_the_run(tmp_path: Path) -> None:
    """One line with the remedy."""
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(InputError) as caught:
        prepare_folder(tmp_path / "taken")
    assert "--out" in caught.value.lines[0]


def test_an_interruption_keeps_what_all_policies_have_finished(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Cut in the third replication after its first policy: two whole replications remain,
    paired."""

    def cut(
        made: Configuration, policy: str, replication: int, rows: Any = None, progress: Any = None
    ) -> Figures:
        if (policy, replication) == ("safe", 2):
            raise KeyboardInterrupt
        return scripted(policy, replication)

    monkeypatch.setattr(pool, "replicate", cut)
    found = study("bold", "safe")
    assert (found.interrupted, found.replications, found.summary["replications"]) == (True, 2, 2)


def test_an_interruption_before_anything_is_finished_is_handed_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """There is nothing to keep."""

    def cut(*_: Any, **__: Any) -> Figures:
        raise KeyboardInterrupt

    monkeypatch.setattr(pool, "replicate", cut)
    with pytest.raises(KeyboardInterrupt):
        study("bold")


class Deadly(Configuration):
    """A configuration that kills the worker process that plays it."""

    @property
    def replication_numbers(self) -> range:
        if multiprocessing.parent_process() is not None:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().replication_numbers


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL on this system")
def test_a_killed_worker_ends_the_run_with_replication_and_seed() -> None:
    """No hang, and a message that names them."""
    made = configuration("bold", "safe")
    with pytest.raises(Exception, match=r"replication \d+, seed 7"):
        run_study(
            Deadly(
                made.command,
                made.scenario_name,
                made.scenario,
                made.policies,
                made.seed,
                made.replications,
            ),
            options=ExecutionOptions(workers=2),
        )


def test_workers_do_not_change_a_bit() -> None:
    """Three replications of two policies, serial and on two processes, give the same summary to the
    letter."""
    made = load(
        "compare",
        "steady",
        ["direct", "failover"],
        ["scenario.horizon=120"],
        seed=3,
        replications=3,
    )
    assert (
        run_study(made, options=ExecutionOptions(workers=1)).to_json()
        == run_study(made, options=ExecutionOptions(workers=2)).to_json()
    )


def test_both_ends_of_a_verdict_have_equal_digits() -> None:
    """99.90 ± .06 %: two significant digits of the half-width for all three, on either side of
    99.95 %."""
    values: list[float | None] = [0.9990 - 0.0003, 0.9990 + 0.0003, 0.9990]
    series: dict[str, dict[str, list[float | None]]] = {
        "only": {name: [1.0, 1.0, 1.0] for name in METRICS} | {"success_rate": values}
    }
    found = {
        "only": {name: interval(row) for name, row in series["only"].items()}
        | {"success_rate": Interval(0.9990, 0.9983, 0.999601)}
    }
    entries, _ = verdict(
        Scenario({"a": Deployment("x", "m")}, slo=Slo(success=0.99)), series, found
    )
    assert entries[0]["why"] == "keeps it: 99.900 % (99.830 to 99.960)"


@pytest.mark.parametrize(
    ("success", "residual", "meets"),
    [
        (0.999, None, True),
        (0.999, 0.001, True),
        (0.999, 0.03, None),
        (0.9, 0.03, False),
        (0.9, 0.2, None),
        (0.95, 0.06, None),
    ],
)
def test_a_promise_is_not_decided_by_a_replay_that_misses_its_log_by_more(
    success: float, residual: float | None, meets: bool | None
) -> None:
    """At a promise of 99 %: a residual larger than the distance to it leaves undecided what would
    be kept, or missed, and the sentence says so."""
    series: dict[str, dict[str, list[float | None]]] = {
        "only": {name: [1.0] * 3 for name in METRICS} | {"success_rate": [success] * 3}
    }
    exact = Interval(success, success - 1e-4, success + 1e-4)
    found = {
        "only": {name: interval(row) for name, row in series["only"].items()}
        | {"success_rate": exact}
    }
    (entry,), lines = verdict(
        Scenario({"a": Deployment("x", "m")}, slo=Slo(success=0.99)),
        series,
        found,
        residual=residual,
    )
    assert entry["meets_slo"] is meets
    assert ("off the log's success" in entry["why"]) is (meets is None)
    assert any("Cheapest that keeps it" in line for line in lines) is (meets is True)


def promised(**slo: object) -> Study:
    """Success .999 and .9 of it in time, at 90 % of the budget and of 110 %, in a day."""
    metrics = {**dict.fromkeys(METRICS, 1.0), "success_rate": 0.999, "slo_attainment": 0.9}
    runs = {
        policy: [
            Figures({**metrics, "budget_used": used + 0.001 * place}, {}, {}, [[], []], {})
            for place in range(4)
        ]
        for policy, used in (("thrifty", 0.9), ("dear", 1.1))
    }
    made = Scenario(
        {"a": Deployment("openai", "gpt-4o", price_date="2025-07-01")},
        horizon=86_400.0,
        slo=Slo(success=0.95, **slo),
        budget=Budget(1.0, "day"),
    )
    return Study(Configuration("compare", "s", made, {policy: {} for policy in runs}, 1, 4), runs)


def test_success_late_keeps_no_promise_of_a_latency_and_a_budget_is_part_of_it() -> None:
    """Without a stated latency success at any time counts, and the budget decides; with one only
    success in time does."""
    assert [entry["meets_slo"] for entry in promised().verdict] == [True, False]
    assert "of the budget" in promised().verdict[1]["why"]
    late = promised(latency=30.0).verdict
    assert [entry["meets_slo"] for entry in late] == [False, False]
    assert "in time (99.90 % however late)" in late[0]["why"]
    assert [entry["meets_slo"] for entry in promised(ttft=3.0).verdict] == [False, False]
    assert "within 30 s" in promised(latency=30.0).verdict_lines()[0]
    assert "for at most $1 a day" in promised().verdict_lines()[0]


def test_one_replication_is_never_yes_and_no_assertion_holds_on_it() -> None:
    """There is no unfavourable bound."""
    whole = promised()
    one = Study(whole.configuration, {policy: runs[:1] for policy, runs in whole.runs.items()})
    assert [entry["meets_slo"] for entry in one.verdict] == [None, None]
    assert "one replication" in one.failed(["thrifty:success_rate>=0.5"])[0]
    assert whole.failed(["thrifty:success_rate>=0.5"]) == []
