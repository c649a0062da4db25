"""`simroute tune` in the simulator: its files, its exit status, its words."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

import simroute as sr
from simroute.cli import main

WORDS = ["tune", "scenario=steady", "policy=circuit_breaker", "scenario.horizon=3m", "tune.breaker.failures=2..20", "tune.timeout.total=2s..40s log"]
GOALS = ["--objective", "min cost_per_1k_requests_usd", "--subject-to", "success_rate>=0.9", "--evaluations", "30", "--confirm", "4"]


def left(*words):
    """The exit status of a command."""
    with pytest.raises(SystemExit) as found:
        main(list(words))
    return found.value.code


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_tuned_policy_runs_as_it_stands_and_gives_the_figures_that_were_reported(capsys):
    """A comparison with the seed of the confirmation repeats them to the bit; the head says where the file comes from."""
    assert left(*WORDS, *GOALS, "--out", "t") == 0
    assert "Recommended: " in capsys.readouterr().out
    found = json.loads(Path("t/summary.json").read_text())
    text = Path("t/tuned.yaml").read_text()
    for words in (
        "# simroute tune scenario=steady",
        "Seed 1, confirmed with seed",
        "min cost_per_1k_requests_usd: $",
        "success_rate>=0.9 in steady: met",
    ):
        assert words in text.replace("\n# ", " ").replace(" simroute tune", "# simroute tune", 1) or words in text
    again = ["compare", "scenario=steady", "policy=circuit_breaker,t/tuned.yaml", "scenario.horizon=3m", "--json", "--no-report"]
    assert left(*again, "--seed", str(found["fresh_seed"]), "--replications", "4", "--out", "c") == 0
    compared = json.loads(capsys.readouterr().out)["policies"]
    assert compared["tuned"]["metrics"] == found["recommended"]["fresh"]["steady"]
    assert compared["circuit_breaker"]["metrics"] == found["start"]["fresh"]["steady"]
    assert next(iter(yaml.safe_load(text))) == "about"


def test_the_number_of_workers_changes_no_bit():
    """One process or two: the same three files."""
    for workers in ("1", "2"):
        assert left(*WORDS, *GOALS, "--workers", workers, "--quiet", "--out", workers) == 0
    for name in ("summary.json", "tuned.yaml"):
        assert Path("1", name).read_bytes() == Path("2", name).read_bytes()
    import duckdb

    one, two = (duckdb.sql(f"SELECT * FROM '{folder}/trials.parquet'").fetchall() for folder in ("1", "2"))
    assert one == two
    assert len(one) == sum(json.loads(Path("1/summary.json").read_text())["evaluations"][stage] for stage in ("search", "fresh"))


def test_json_is_the_summary_and_nothing_else(capsys):
    """The default folder is reports/SCENARIO-tune; nothing in it tells of a place or a time."""
    assert left(*WORDS, *GOALS, "--json") == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out == Path("reports/steady-tune/summary.json").read_text()
    found = json.loads(out)
    assert (found["schema_version"], found["command"]) == (1, "tune")
    assert str(Path.cwd()) not in out


def test_a_policy_s_own_block_is_searched():
    """Without a range on the command line."""
    Path("own.yaml").write_text("about: Own.\nretry: {attempts: 2}\ntimeout: {total: 30s}\ntune: {retry.attempts: 1..4, timeout.total: 5s..40s}\n")
    words = ["tune", "scenario=steady", "policy=own.yaml", "scenario.horizon=2m", *GOALS, "--quiet", "--out", "t"]
    assert left(*words) == 0
    assert [each["name"] for each in json.loads(Path("t/summary.json").read_text())["space"]] == ["retry.attempts", "timeout.total"]
    assert "tune" not in yaml.safe_load(Path("t/tuned.yaml").read_text())


BAD = {
    "layer": (["tune.braker.failures=2..20", *GOALS], "did you mean breaker?"),
    "no range": (["tune.breaker.failures", *GOALS], "no range is given"),
    "twice": (["tune.breaker.failures=2..20", "tune.breaker.failures=2..9", *GOALS], "is given twice"),
    "objective": (["tune.breaker.failures=2..20"], "--objective is missing"),
    "metric": (["tune.breaker.failures=2..20", "--objective", "min cost"], "no metric is called 'cost'"),
    "budget": (["tune.breaker.failures=2..20", *GOALS, "--evaluations", "3"], "too few"),
    "override": (["tune.breaker.failures=2..20", "policy.hedge.after=1", *GOALS], "no policy here has a layer 'hedge'"),
    "two policies": (["policy=failover,cached", "tune.fallback.error=first | last", *GOALS], "one policy"),
    "nothing": (GOALS, "nothing to tune"),
    "plugin": (["tune.breaker.failures=2..20", *GOALS, "--plugin", "none.py"], "not a Python file"),
    "out": (["tune.breaker.failures=2..20", *GOALS, "--out", "/proc/x"], "cannot be written"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_ends_with_one_clear_line_and_writes_nothing(case, capsys, elsewhere):
    """Exit 2, no traceback, no folder."""
    words, text = BAD[case]
    assert left("tune", "scenario=steady", "policy=circuit_breaker", *words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.strip().splitlines()) == 1
    assert err.startswith("simroute: ")
    assert text in err
    assert list(elsewhere.iterdir()) == []


def test_ctrl_c_keeps_what_was_finished(elsewhere):
    """Exit 130, with a recommendation from what is there."""
    command = [sys.executable, "-m", "simroute", *WORDS, *GOALS, "--evaluations", "100000", "--workers", "2", "--out", "t"]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": ""})
    time.sleep(12)
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=120)
    assert running.returncode == 130, err
    assert "Traceback" not in err
    if Path("t/summary.json").exists():  # on a very slow machine nothing was finished
        assert json.loads(Path("t/summary.json").read_text())["interrupted"]
        assert "interrupted" in out


def test_python_gets_frames_and_pictures(elsewhere):
    """`sr.tune` with a space as a mapping; four pictures by name; a result that shows itself."""
    scenario = sr.load_scenario("steady", "scenario.horizon=2m")
    found = sr.tune(
        [scenario], "circuit_breaker", {"breaker.failures": "2..20", "breaker.scope": ["provider", "task"]}, objective="min cost_per_1k_requests_usd",
        subject_to="success_rate>=0.9", evaluations=30, confirm=3, out="t",
    )  # fmt: skip
    assert set(found.recommended) == {"breaker.failures", "breaker.scope"}
    assert list(found.trials.columns[:8]) == [
        "candidate",
        "generation",
        "stage",
        "scenario",
        "seed",
        "replication",
        "breaker.failures",
        "breaker.scope",
    ]
    assert set(found.figures) == {"main_effects", "pairs", "objective_and_constraint", "race"}
    assert "Recommended" in found._repr_html_()
    assert Path("t/trials.parquet").exists()


@pytest.mark.parametrize("robust", ["worst", "cvar"])
def test_several_scenarios_count_together(robust):
    """Constraints must hold in each; the figures are told for each."""
    words = ["tune", "scenario=steady,rate_limit_storm", "policy=circuit_breaker", "scenario.horizon=2m", "tune.breaker.failures=2..20"]
    assert left(*words, *GOALS, "--evaluations", "60", "--robust", robust, "--quiet", "--out", "t") == 0
    found = json.loads(Path("t/summary.json").read_text())
    assert found["robust"] == robust
    assert list(found["recommended"]["fresh"]) == ["steady", "rate_limit_storm"]
    assert len(found["recommended"]["constraints"]) == 2
