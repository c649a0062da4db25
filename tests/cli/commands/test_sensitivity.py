"""compare --vary, --tornado and --bound: what they print, write and keep, and one clear line for
each mistake."""

import json
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from simroute.cli import main
from simroute.execution import pool
from simroute.experiment.run import replicate
from simroute.storage.replication_journal import JOURNAL

WORDS = [
    "compare",
    "scenario=demo",
    "policy=failover,circuit_breaker",
    "scenario.horizon=50m",
    "scenario.workload.rate=0.1",
    "--replications",
    "2",
]
LINEUP = Path(__file__).parents[3] / "scenarios" / "lineups" / "late_2026.yaml"
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
    "unknown key": (
        ["--vary", "scenario.outages.morning.eror_share=0.1..1"],
        ["did you mean error_share?"],
    ),
    "unknown outage": (
        ["--vary", "scenario.outages.mornin.error_share=0.1..1"],
        ["did you mean morning?"],
    ),
    "no layer": (["--vary", "policy.hedge.after=1..2"], ["no policy here has a layer 'hedge'"]),
    "out of range": (["--vary", f"{SHARE}=0.5..1.5"], ["is not a share"]),
    "points": (["--vary", f"{SHARE}=0.1..1:1"], ["from 2 to 50"]),
    "log of nothing": (["--vary", f"{SHARE}=0..1 log"], ["above 0"]),
    "three": (
        [
            word
            for key in ("workload.rate", "slo.latency", "hang_limit")
            for word in ("--vary", f"scenario.{key}=1..2")
        ],
        ["at most two"],
    ),
    "twice": (["--vary", f"{SHARE}=0.1..1:2", "--vary", f"{SHARE}=0.1..1:2"], ["stands twice"]),
    "too many": (
        ["--vary", f"{SHARE}=0.1..1:50", "--vary", "scenario.workload.rate=1..2:50"],
        ["2500 settings are too many"],
    ),
    "text": (["--vary", "scenario.abandoned=1..2"], ["is not a number"]),
    "duration": (["--vary", "policy.breaker.cooldown=5x..10x"], ["expected a duration"]),
    "breaks the scenario": (
        ["--vary", "scenario.outages.morning.start=30m..70m:2", "scenario.outages.morning.end=45m"],
        ["not after its start"],
    ),
    "with --assert": (
        ["--vary", f"{SHARE}=0.1..1:2", "--assert", "success_rate>=0.9"],
        ["does not go with --assert"],
    ),
    "with --until": (
        ["--vary", f"{SHARE}=0.1..1:2", "--until", "decided"],
        ["does not go with --until"],
    ),
    "nothing to resume": (
        ["--vary", f"{SHARE}=0.1..1:2", "--resume"],
        ["--resume: no unfinished run"],
    ),
    "no such place": (
        ["--vary", f"{SHARE}=0.1..1:2", "--executor", "mars"],
        ["expected local or dask://HOST:PORT"],
    ),
    "show of nothing": (
        ["--vary", f"{SHARE}=0.1..1:2", "--show", ","],
        ["name at least one metric"],
    ),
    "show of no metric": (
        ["--vary", f"{SHARE}=0.1..1:2", "--show", "detection"],
        ["no metric is called 'detection'", "detection_s"],
    ),
    "show with --tornado": (["--tornado", "--show", "detection_s"], ["says what --vary prints"]),
    "tornado of a policy": (
        ["--tornado", "--vary", "policy.breaker.cooldown=5s..10s"],
        ["only assumptions of the scenario"],
    ),
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
    assert [line.split()[0] for line in out.splitlines() if line[:1].isdigit()] == [
        "20",
        "50",
        "80",
    ]
    folder = Path("reports/demo-vary")
    assert sorted(path.name for path in folder.iterdir()) == [
        "config.yaml",
        "report.html",
        "sensitivity.json",
    ]
    found = json.loads((folder / "sensitivity.json").read_text(encoding="utf-8"))
    assert (found["schema_version"], found["kind"], len(found["cells"])) == (1, "vary", 3)


def test_show_prints_any_metric_for_each_setting_and_policy(capsys):
    """A row for each; the figures are those of sensitivity.json, money of all but the first policy
    also in per cent of the first one's."""
    code, out, _ = ran(
        capsys,
        "--vary",
        f"{SHARE}=0.6..1:2",
        "--no-report",
        "--show",
        "detection_s,breaker_opened,cost_per_1k_requests_usd",
    )
    assert code == 0
    rows = [line.split() for line in out.splitlines() if line.startswith(("60 %", "100 %"))]
    assert [(row[0], row[2]) for row in rows] == [
        (at, policy) for at in ("60", "100") for policy in ("failover", "circuit_breaker")
    ]
    cells = json.loads(Path("reports/demo-vary/sensitivity.json").read_text(encoding="utf-8"))[
        "cells"
    ]
    for cell, (plain, broken) in zip(cells, (rows[:2], rows[2:]), strict=True):
        first, second = (cell["policies"][policy] for policy in ("failover", "circuit_breaker"))
        assert (first["detection_s"]["mean"], plain[3], plain[4]) == (None, "n/a", "0")
        minutes, _, rest = broken[3].rpartition(":")
        noticed = 60 * int(minutes or 0) + float(rest)
        assert noticed == pytest.approx(second["detection_s"]["mean"], rel=0.006)
        assert float(broken[5]) == second["breaker_opened"]["mean"] > 0
        usd, base = (each["cost_per_1k_requests_usd"]["mean"] for each in (second, first))
        assert float(broken[6].strip("$")) == pytest.approx(usd, rel=0.005)
        assert float(broken[7].strip("(")) == pytest.approx(
            100 * (usd / base - 1), rel=0.006, abs=1e-9
        )


def test_small_money_keeps_three_digits_and_is_told_in_per_cent(capsys):
    """At a millionth of the price a request costs billionths: the table tells them apart, and by
    how much."""
    words = [
        f"scenario.deployments.{name}.price={{input: 0.00001, output: 0.00002}}"
        for name in yaml.safe_load(LINEUP.read_text("utf-8"))["deployments"]
    ]
    code, out, _ = ran(capsys, *words, "--vary", f"{SHARE}=0.6..1:2", "--no-report")
    assert code == 0
    for line in (line for line in out.splitlines() if line.startswith(("60 %", "100 %"))):
        found = re.findall(r"\$(0\.0*([1-9]\d\d))(?!\d)", line)
        assert len(found) == 2, line
        assert float(found[0][0]) > 0
        assert re.search(r"\([+-][\d.]+ %\)", line), line


def test_json_is_the_summary_and_nothing_else(capsys):
    """The same bytes as the file's, for a two-way map too."""
    words = [
        "--vary",
        f"{SHARE}=0.2..0.8:2",
        "--vary",
        "policy.breaker.cooldown=5s..60s:2 log",
        "--json",
        "--no-report",
        "--out",
        "there",
    ]
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


@pytest.mark.slow
def test_tornado_takes_stated_ends_instead_of_half_and_double(capsys):
    """The rate between .1 and .4 as stated; all else by factors."""
    code, _, _ = ran(
        capsys,
        "--tornado",
        "--vary",
        "scenario.workload.rate=0.1..0.4",
        "--quiet",
        "--no-report",
        "--out",
        "there",
        "--replications",
        "1",
    )
    found = json.loads(Path("there/sensitivity.json").read_text(encoding="utf-8"))
    bars = {one["key"]: one for one in found["assumptions"]}
    assert code == 0
    assert (
        bars["scenario.workload.rate"]["low"]["value"],
        bars["scenario.workload.rate"]["high"]["value"],
    ) == (0.1, 0.4)
    assert bars["scenario.workload.rate"]["value"] == 0.1


STUDIES = {"vary": ["--vary", f"{SHARE}=0.2..0.8:3"], "tornado": ["--tornado"]}
FILES = ("sensitivity.json", "report.html", "config.yaml")


TINY = """
about: Two minutes?
horizon: 120s
workload: {rate: 0.5, tasks: {chat: {input_tokens: {median: 900}, output_tokens: {median: 90}}}}
deployments:
  a: {provider: x, model: m, price: {input: 1, output: 2}, quality: 0.9}
  b: {provider: y, model: n, price: {input: 3, output: 4}, quality: 0.9}
outages:
  morning: {provider: x, start: 30%, end: 60%, error_share: 0.6}
"""


class Whole(NamedTuple):
    """A study that was not interrupted: its command, its files, how many runs it has."""

    command: list[str]
    folder: Path
    runs: int


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """The words of a comparison that takes hundredths of a second."""
    path = tmp_path_factory.mktemp("tiny") / "tiny.yaml"
    path.write_text(TINY, encoding="utf-8")
    return [
        "compare",
        f"scenario={path}",
        "policy=direct,failover",
        "--replications",
        "2",
        "--workers",
        "1",
    ]


one_kind = pytest.mark.parametrize(
    "whole",
    ["vary", pytest.param("tornado", marks=pytest.mark.slow)],
    indirect=True,
    scope="module",
)


@pytest.fixture(scope="module")
def whole(request, tiny, tmp_path_factory):
    """One of each kind."""
    folder, command = tmp_path_factory.mktemp("whole"), [*tiny, *STUDIES[request.param]]
    with pytest.MonkeyPatch.context() as patched:
        played = cut_after(-1, patched)
        assert ended([*command, "--quiet", "--out", str(folder / "out")]) == 0
    return Whole(command, folder / "out", len(played))


def ended(words):
    with pytest.raises(SystemExit) as left:
        main(words)
    return left.value.code


def differing(one, two):
    return [name for name in FILES if (one / name).read_bytes() != (two / name).read_bytes()]


def cut_after(count, monkeypatch):
    """Ctrl-C is pressed at the start of the run after so many; the list of what is played."""
    played = []

    def one(made, policy, replication, *others, **named):
        if len(played) == count:
            raise KeyboardInterrupt
        played.append((policy, replication))
        return replicate(made, policy, replication, *others, **named)

    monkeypatch.setattr(pool, "replicate", one)
    return played


@one_kind
def test_ctrl_c_keeps_and_tells_what_is_finished_and_the_rest_goes_on_with_the_same_bits(
    whole, capsys
):
    """Nine runs make two settings, thirteen the base and both sides of one; exit 130; the command,
    given as it is printed, plays the rest alone."""
    cut = min(13, whole.runs - 3)
    with pytest.MonkeyPatch.context() as patched:
        cut_after(cut, patched)
        assert ended([*whole.command, "--out", "a folder"]) == 130
    out, err = capsys.readouterr()
    told = json.loads(Path("a folder/sensitivity.json").read_text(encoding="utf-8"))
    assert told["interrupted"]
    assert len(told["cells"] if told["kind"] == "vary" else told["assumptions"]) == (
        2 if told["kind"] == "vary" else 1
    )
    assert "written to a folder/" in out
    *_, first, last = err.splitlines()
    assert first == "simroute: interrupted; the settings that were finished are kept"
    command = shlex.split(last.removeprefix("simroute: go on with: "))
    with pytest.MonkeyPatch.context() as patched:
        rest = cut_after(-1, patched)
        assert ended(command[1:]) == 0
    assert len(rest) == whole.runs - cut
    assert differing(Path("a folder"), whole.folder) == []
    assert not (Path("a folder") / JOURNAL).exists()


@one_kind
def test_ctrl_c_before_anything_can_be_said_keeps_it_all_the_same(whole, capsys):
    """One run is no setting: no file but what goes on, exit 130; without --out it is found by the
    same words."""
    with pytest.MonkeyPatch.context() as patched:
        cut_after(1, patched)
        assert ended(whole.command) == 130
    assert (
        "what was finished is kept; go on with: simroute compare --resume --out reports/tiny-"
        in capsys.readouterr().err
    )
    (folder,) = Path("reports").iterdir()
    assert {path.name for path in folder.iterdir()} == {"config.yaml", JOURNAL}
    with pytest.MonkeyPatch.context() as patched:
        rest = cut_after(-1, patched)
        assert ended([*whole.command, "--resume", "--quiet"]) == 0
    assert len(rest) == whole.runs - 1
    assert differing(folder, whole.folder) == []


@one_kind
def test_another_study_is_not_gone_on_with(whole, capsys):
    """Another range: one line that says so, and everything as it was."""
    with pytest.MonkeyPatch.context() as patched:
        cut_after(1, patched)
        ended([*whole.command, "--out", "out"])
    before = {path.name: path.read_bytes() for path in Path("out").iterdir()}
    capsys.readouterr()
    assert (
        ended(
            [*whole.command, "--vary", "scenario.workload.rate=1..3:2", "--resume", "--out", "out"]
        )
        == 2
    )
    assert "out: cannot be resumed: assumptions." in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in Path("out").iterdir()} == before


@one_kind
def test_a_study_of_assumptions_is_reproduced_by_its_config_yaml(whole, capsys):
    """The same bytes; words beside it are refused."""
    config = ["compare", "--config", str(whole.folder / "config.yaml")]
    assert ended([*config, "--quiet", "--out", "again", "--workers", "1"]) == 0
    assert differing(Path("again"), whole.folder) == []
    assert ended([*config, "--seed", "3"]) == 2
    assert "remove --seed" in capsys.readouterr().err


@one_kind
def test_a_damaged_config_yaml_is_one_line(whole, capsys):
    """What stands under `assumptions` is looked at before anything runs."""
    text = (whole.folder / "config.yaml").read_text(encoding="utf-8").split("assumptions:")[0]
    nothing, none_such = (
        "{kind: vary, varied: [], settings: []}",
        "{kind: x, varied: [{}], settings: []}",
    )
    for wrong in ("3", nothing, none_such, "{kind: vary, varied: [{}], settings: [{}]}"):
        Path("c.yaml").write_text(f"{text}assumptions: {wrong}\n", encoding="utf-8")
        assert ended(["compare", "--config", "c.yaml"]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert "assumptions: expected kind, varied and settings" in line


@pytest.mark.slow
def test_a_cache_plays_no_run_twice(tiny, capsys):
    """Three settings, then five of which three are those: of twenty runs eight are played; a second
    time none."""
    command = [*tiny, "--cache", "--json", "--vary"]
    played = []
    for points in (3, 5, 5):
        with pytest.MonkeyPatch.context() as patched:
            now = cut_after(-1, patched)
            assert ended([*command, f"{SHARE}=0.2..0.6:{points}", "--out", f"{len(played)}"]) == 0
        played.append(len(now))
    assert played == [12, 8, 0]
    assert "are read back" in capsys.readouterr().err
    assert differing(Path("1"), Path("2")) == []


@one_kind
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL on this system")
def test_kill_9_loses_nothing(whole):
    """Killed once something is kept: `--resume --out` without words ends with the same bits."""
    process = subprocess.Popen(
        [sys.executable, "-m", "simroute", *whole.command, "--quiet", "--out", "out"]
    )
    until = time.monotonic() + 300
    while (
        not Path("out", f"{JOURNAL}.wal").exists()
        or Path("out", f"{JOURNAL}.wal").stat().st_size < 8_000
    ):
        assert time.monotonic() < until
        time.sleep(0.01)
    process.kill()
    process.wait()
    if Path("out", JOURNAL).exists():  # it was not through already
        assert ended(["compare", "--resume", "--out", "out", "--quiet", "--workers", "1"]) == 0
    assert differing(Path("out"), whole.folder) == []


def test_bound_prints_how_far_each_policy_is_from_knowing(capsys):
    """Without it the terminal shows what it always showed."""
    code, out, _ = ran(capsys, "--bound", "--no-report")
    assert code == 0
    assert "A policy that knows the weather (clairvoyant bound)" in out
