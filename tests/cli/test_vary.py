"""compare --vary, --tornado and --bound: what they print and write, and one clear line for each mistake."""

import json
from pathlib import Path

import pytest

from simroute.cli import main

WORDS = ["compare", "scenario=demo", "policy=failover,circuit_breaker", "scenario.horizon=50m", "scenario.workload.rate=0.2", "--replications", "2"]
SHARE = "scenario.outages.morning.error_share"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)


def ran(capsys, *words):
    """(exit status, stdout, lines on stderr)."""
    with pytest.raises(SystemExit) as left:
        main([*WORDS, "--workers", "1", *words])
    out, err = capsys.readouterr()
    return left.value.code, out, err.strip().splitlines()


BAD = {
    "no range": (["--vary", f"{SHARE}=0.5"], ["expected KEY=LOW..HIGH"]),
    "empty": (["--vary", f"{SHARE}=0.9..0.1"], ["is empty", "below the upper"]),
    "unknown key": (["--vary", "scenario.outages.morning.eror_share=0.1..1"], ["did you mean error_share?"]),
    "unknown outage": (["--vary", "scenario.outages.mornin.error_share=0.1..1"], ["did you mean morning?"]),
    "no layer": (["--vary", "policy.hedge.after=1..2"], ["no policy here has a layer 'hedge'"]),
    "out of range": (["--vary", f"{SHARE}=0.5..1.5"], ["is not a share"]),
    "points": (["--vary", f"{SHARE}=0.1..1:1"], ["from 2 to 50"]),
    "log of nothing": (["--vary", f"{SHARE}=0..1 log"], ["above 0"]),
    "three": ([word for key in ("workload.rate", "slo.latency", "hang_limit") for word in ("--vary", f"scenario.{key}=1..2")], ["at most two"]),
    "twice": (["--vary", f"{SHARE}=0.1..1", "--vary", f"{SHARE}=0.1..1"], ["stands twice"]),
    "too many": (["--vary", f"{SHARE}=0.1..1:50", "--vary", "scenario.workload.rate=1..2:50"], ["2500 settings are too many"]),
    "text": (["--vary", "scenario.abandoned=1..2"], ["is not a number"]),
    "duration": (["--vary", "policy.breaker.cooldown=5x..10x"], ["expected a duration"]),
    "breaks the scenario": (["--vary", "scenario.outages.morning.start=30m..70m:2", "scenario.outages.morning.end=45m"], ["not after its start"]),
    "with --assert": (["--vary", f"{SHARE}=0.1..1", "--assert", "success_rate>=0.9"], ["does not go with --assert"]),
    "with --resume": (["--vary", f"{SHARE}=0.1..1", "--resume"], ["does not go with --resume"]),
    "tornado of a policy": (["--tornado", "--vary", "policy.breaker.cooldown=5s..10s"], ["only assumptions of the scenario"]),
}


@pytest.mark.parametrize("case", BAD)
def test_a_mistake_is_one_clear_line_and_nothing_is_left_behind(case, capsys):
    """Exit 2 before anything runs; no folder is made."""
    words, wanted = BAD[case]
    code, out, lines = ran(capsys, *words)
    assert (code, out) == (2, "")
    assert len(lines) == 1, lines
    assert all(word in lines[0] for word in wanted), lines
    assert list(Path.cwd().iterdir()) == []


def test_a_tornado_of_one_policy_is_refused(capsys):
    """There is no difference to be moved."""
    with pytest.raises(SystemExit) as left:
        main(["compare", "scenario=demo", "policy=direct", "--tornado"])
    assert left.value.code == 2
    assert "at least two" in capsys.readouterr().err


def test_vary_prints_a_table_and_writes_its_files(capsys):
    """A row for each value, the sentences, and sensitivity.json, report.html, config.yaml."""
    code, out, lines = ran(capsys, "--vary", f"{SHARE}=0.2..0.8:3")
    assert (code, lines) == (0, [])
    assert [line.split()[0] for line in out.splitlines() if line[:1].isdigit()] == ["20", "50", "80"]
    folder = Path("reports/demo-vary")
    assert sorted(path.name for path in folder.iterdir()) == ["config.yaml", "report.html", "sensitivity.json"]
    found = json.loads((folder / "sensitivity.json").read_text(encoding="utf-8"))
    assert (found["schema_version"], found["kind"], len(found["cells"])) == (1, "vary", 3)


def test_json_is_the_summary_and_nothing_else(capsys):
    """The same bytes as the file's, for a two-way map too."""
    words = ["--vary", f"{SHARE}=0.2..0.8:2", "--vary", "policy.breaker.cooldown=5s..60s:2 log", "--json", "--no-report", "--out", "there"]
    code, out, _ = ran(capsys, *words)
    assert code == 0
    assert out == Path("there/sensitivity.json").read_text(encoding="utf-8")
    assert not Path("there/report.html").exists()


def test_the_report_of_a_study_of_assumptions_is_built_again(capsys):
    """The same page from sensitivity.json; one line where the file is damaged."""
    ran(capsys, "--vary", f"{SHARE}=0.2..0.8:2", "--quiet", "--out", "there")
    before = Path("there/report.html").read_text(encoding="utf-8")
    with pytest.raises(SystemExit) as left:
        main(["report", "there", "--quiet"])
    assert (left.value.code, Path("there/report.html").read_text(encoding="utf-8")) == (0, before)
    Path("there/sensitivity.json").write_text('{"schema_version": 1}', encoding="utf-8")
    with pytest.raises(SystemExit) as left:
        main(["report", "there"])
    assert left.value.code == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_a_folder_of_another_run_is_left_alone(capsys):
    """One line, exit 2, its files as they were."""
    Path("run").mkdir()
    Path("run/summary.json").write_text("{}")
    code, _, lines = ran(capsys, "--vary", f"{SHARE}=0.2..0.8:2", "--out", "run")
    assert code == 2
    assert "holds another run" in lines[0]
    assert [path.name for path in Path("run").iterdir()] == ["summary.json"]


def test_tornado_takes_stated_ends_instead_of_half_and_double(capsys):
    """The rate between .1 and .4 as stated; all else by factors."""
    code, _, _ = ran(
        capsys, "--tornado", "--vary", "scenario.workload.rate=0.1..0.4", "--quiet", "--no-report", "--out", "there", "--replications", "1"
    )
    found = json.loads(Path("there/sensitivity.json").read_text(encoding="utf-8"))
    bars = {one["key"]: one for one in found["assumptions"]}
    assert code == 0
    assert (bars["scenario.workload.rate"]["low"]["value"], bars["scenario.workload.rate"]["high"]["value"]) == (0.1, 0.4)
    assert bars["scenario.workload.rate"]["value"] == 0.2


def test_bound_prints_how_far_each_policy_is_from_knowing(capsys):
    """Without it the terminal shows what it always showed."""
    code, out, _ = ran(capsys, "--bound", "--no-report")
    assert code == 0
    assert "A policy that knows the weather (clairvoyant bound)" in out
