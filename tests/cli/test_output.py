"""Where a run is written: names that lead elsewhere, places that cannot be written, disks that are
full. Areas report, process of bad_inputs.json."""

import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from commands import ran
from disks import LIMITED, small_disk
from simroute.cli import main
from simroute.cli.terminal import brief, clean
from simroute.execution import pool
from simroute.storage.replication_journal import JOURNAL

SHORT = [
    "scenario.horizon=600",
    "scenario.outages.morning.start=30%",
    "scenario.outages.morning.end=60%",
]
WORK = [
    "compare",
    "scenario=demo",
    "policy=direct,failover",
    *SHORT,
    "--replications",
    "4",
    "--workers",
    "1",
    "--no-report",
]
GOOD = (
    "about: ok?\nhorizon: 60s\ndeployments:\n  a: {provider: x, model: m, price: {input: 1, "
    "output: 2}}\n"
)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory within another one, so that nothing can be written beside it
    unseen."""
    inside = tmp_path / "a" / "b"
    inside.mkdir(parents=True)
    monkeypatch.chdir(inside)
    return inside


def limited(*words: str, limit: int) -> "subprocess.CompletedProcess[str]":
    """A command, none of whose files may grow beyond `limit` bytes."""
    program = LIMITED.format(bytes=limit) + "from simroute.cli import main\nmain(sys.argv[1:])\n"
    env = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, "-c", program, *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        env=env,
    )


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of WORK where there is room."""
    folder = tmp_path_factory.mktemp("whole")
    assert ran(*WORK, "--out", str(folder)).returncode == 0
    return folder


@pytest.fixture(scope="module")
def expected(whole: Path) -> dict[str, object]:
    """Its summary."""
    found: dict[str, object] = json.loads((whole / "summary.json").read_text(encoding="utf-8"))
    return found


@pytest.fixture(scope="module")
def configured(whole: Path) -> int:
    """Bytes of its config.yaml, which is written first."""
    return (whole / "config.yaml").stat().st_size


def refused(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *words: str
) -> str:
    """The one line of a command that is refused before anything is simulated."""

    def simulated(*_: object, **__: object) -> None:
        raise AssertionError("the simulation began")

    monkeypatch.setattr(pool, "replicate", simulated)
    with pytest.raises(SystemExit) as left:
        main(list(words))
    out, err = capsys.readouterr()
    assert (left.value.code, out) == (2, ""), err
    (line,) = err.splitlines()
    assert line.startswith("simroute: ")
    return line


@pytest.mark.parametrize(
    ("out", "why"),
    [
        ("/proc/x", "No such file or directory"),
        ("taken", "File exists"),
        ("taken/inside", "Not a directory"),
        ("/dev/full", "File exists"),
        ("x" * 300, "File name too long"),
    ],
)
@pytest.mark.parametrize("more", [[], ["--resume"]])
def test_r11_a_place_that_cannot_be_written_is_refused_before_the_simulation(
    out: str,
    why: str,
    more: list[str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    elsewhere: Path,
) -> None:
    """One line with the place, the reason and the remedy."""
    (elsewhere / "taken").write_text("a file", encoding="utf-8")
    line = refused(capsys, monkeypatch, *WORK, "--out", out, *more)
    if more:
        assert "resume" in line or "cannot be written" in line
    else:
        assert "cannot be written" in line
        assert why in line
        assert "--out" in line
    assert {path.name for path in elsewhere.iterdir()} == {"taken"}


def test_r11_a_read_only_disk_is_refused_before_the_simulation(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder that exists, on a file system that is mounted read-only."""
    with small_disk(tmp_path / "disk", 1024) as disk:
        (disk / "out").mkdir()
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        assert "Read-only file system" in refused(
            capsys, monkeypatch, *WORK, "--out", str(disk / "out")
        )


def test_r11_a_disk_without_room_is_refused_before_the_simulation(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even the configuration fits."""
    with small_disk(tmp_path / "disk", 64) as disk:
        (disk / "out").mkdir()
        with pytest.raises(OSError):
            (disk / "ballast").write_bytes(b"x" * 70_000)
        assert "No space left on device" in refused(
            capsys, monkeypatch, *WORK, "--out", str(disk / "out")
        )
        assert list((disk / "out").iterdir()) == []


def test_r11_a_folder_that_may_not_be_written_is_refused(
    elsewhere: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its permissions; root is not bound by them."""
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    (elsewhere / "out").mkdir(mode=0o500)
    assert "Permission denied" in refused(capsys, monkeypatch, *WORK, "--out", "out")


@pytest.mark.parametrize(
    "name", ["../../x.yaml", "../b.c/x y\u202e.yaml", "\u00e9\u0301\u0301.yaml"]
)
def test_r06_a_scenario_elsewhere_is_written_under_reports(name: str, elsewhere: Path) -> None:
    """`scenario=../../x.yaml`: the folder's name is slugged, and lies under reports/."""
    path = elsewhere / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(GOOD, encoding="utf-8")
    before = set(elsewhere.parent.parent.rglob("*"))
    done = ran(
        "run", f"scenario={'./' if '/' not in name else ''}{name}", "policy=direct", "--no-rows"
    )
    assert done.returncode == 0, done.stderr
    made = set(elsewhere.parent.parent.rglob("*")) - before
    reports = elsewhere / "reports"
    assert made
    assert all(os.path.commonpath([reports, path]) == str(reports) for path in made)
    (folder,) = reports.iterdir()
    assert re.fullmatch(r"[a-z0-9._-]+-run", folder.name)


def test_r06_a_name_in_a_configuration_leads_nowhere(elsewhere: Path) -> None:
    """`scenario_name: ../../x` in a config.yaml that somebody wrote."""
    assert (
        ran(
            "run", "scenario=demo", "policy=direct", *SHORT, "--no-rows", "--out", "first"
        ).returncode
        == 0
    )
    text = Path("first/config.yaml").read_text(encoding="utf-8")
    Path("evil.yaml").write_text(
        text.replace("scenario_name: demo", "scenario_name: ../../../evil/x"), encoding="utf-8"
    )
    done = ran("run", "--config", "evil.yaml", "--no-rows")
    assert done.returncode == 0, done.stderr
    assert [path.name for path in Path("reports").iterdir()] == ["evil-x-run"]


def results(done: "subprocess.CompletedProcess[str]") -> dict[str, object]:
    """The summary that was printed after the table."""
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert "Promise: at least" in done.stdout
    found: dict[str, object] = json.loads(done.stdout[done.stdout.index('{\n  "schema_version"') :])
    return found


def test_r11_what_does_not_fit_is_printed(
    tmp_path: Path, expected: dict[str, object], configured: int
) -> None:
    """A disk on which nothing but the configuration fits: one note that there is no journal, table
    and summary on stdout, one line why, exit 2."""
    with small_disk(tmp_path / "disk", 4 * math.ceil(configured / 4096)) as disk:
        done = ran(*WORK, "--out", str(disk / "out"))
        assert results(done) == expected
        note, line = done.stderr.splitlines()
        assert "no journal from here on (No space left on device)" in note
        assert f"{disk}/out/summary.json" in line
        assert "cannot be written (No space left on device)" in line
        assert list((disk / "out").iterdir()) == []
        quiet = ran(*WORK, "--out", str(disk / "out"), "--quiet")
        assert json.loads(quiet.stdout) == expected
        assert len(quiet.stderr.splitlines()) == 1


@pytest.mark.slow
def test_r11_once_there_is_room_the_files_are_written_without_computing_again(
    tmp_path: Path,
) -> None:
    """The journal holds everything: the last line says how; afterwards the files are those of a run
    on a large disk."""
    words = [*WORK[:-5], "--replications", "4", "--workers", "2", "--rows"]
    assert ran(*words, "--out", "whole").returncode == 0
    with small_disk(tmp_path / "disk", 1500) as disk:
        out = disk / "out"
        done = ran(*words, "--out", str(out))
        assert done.returncode == 2, done.stderr
        assert "No space left on device" in done.stderr
        assert "once there is room: simroute compare --resume --out" in done.stderr.splitlines()[-1]
        subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)
        again = ran("compare", "--resume", "--out", str(out))
        assert again.returncode == 0, again.stderr
        names = {path.name for path in Path("whole").iterdir()}
        assert {path.name for path in out.iterdir()} == names
        assert [
            name
            for name in names - {"report.html"}
            if (out / name).read_bytes() != (Path("whole") / name).read_bytes()
        ] == []


@pytest.mark.parametrize(
    "size",
    [
        0,
        pytest.param(40_000, marks=pytest.mark.slow),
        pytest.param(600_000, marks=pytest.mark.slow),
    ],
)
def test_r11_files_that_may_not_grow_lose_no_result(
    size: int, expected: dict[str, object], configured: int
) -> None:
    """A limit on the size of files, so far above that of the configuration, at three places:
    journal, evidence, report; the figures are the same, on disk or on stdout."""
    done = limited(*WORK[:-1], "--out", "out", limit=configured + size)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "File too large" in done.stderr
    written = Path("out/summary.json")
    assert (
        json.loads(written.read_text(encoding="utf-8")) if written.is_file() else results(done)
    ) == expected


@pytest.mark.slow
def test_r11_a_journal_that_fills_the_disk_stops_nothing(tmp_path: Path) -> None:
    """It holds what came before; there is one note, not one for each replication; the study is
    complete."""
    words = [*WORK[:-5], "--replications", "60", "--no-report"]
    with small_disk(tmp_path / "disk", 1400) as disk:
        done = ran(*words, "--workers", "1", "--out", str(disk / "out"))
        assert done.stderr.count("note: ") == 1, done.stderr
        assert "no journal from here on" in done.stderr
        summary = disk / "out" / "summary.json"
        found = (
            json.loads(summary.read_text(encoding="utf-8")) if summary.is_file() else results(done)
        )
        assert found["replications"] == 60


def test_r11_full_row_files_leave_the_figures_alone(
    expected: dict[str, object], whole: Path
) -> None:
    """No room for rows: the summary is that of a run without them, the rows are named as missing,
    exit 2."""
    room = max(path.stat().st_size for path in whole.iterdir())
    done = limited(*WORK, "--rows", "--no-report", "--out", "out", limit=room)
    assert done.returncode == 2
    assert "requests.parquet" in done.stderr
    assert "File too large" in done.stderr
    assert json.loads(Path("out/summary.json").read_text(encoding="utf-8")) == expected
    assert not Path("out/requests.parquet").exists()


def test_r12_a_mean_over_nothing_is_null() -> None:
    """No request arrives: JSON has null, never NaN or Infinity; the table says n/a."""
    Path("s.yaml").write_text(GOOD + "workload: {rate: 0.000000001}\n", encoding="utf-8")
    done = ran(
        "compare",
        "scenario=s.yaml",
        "policy=direct,failover",
        "--replications",
        "2",
        "--out",
        "out",
    )
    assert done.returncode == 0, done.stderr
    assert "n/a" in done.stdout
    text = Path("out/summary.json").read_text(encoding="utf-8")
    found = json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    assert found["policies"]["direct"]["metrics"]["success_rate"] == {
        "mean": None,
        "low": None,
        "high": None,
    }
    assert "NaN" not in Path("out/evidence.json").read_text(encoding="utf-8")


NASTY = "x\u202eyzp\u001b[2J\u0007q" + "\u0301" * 1000
"""Bidi, an escape sequence, a bell, and a tower of combining marks."""


def steers(text: str) -> list[str]:
    """Characters that steer a terminal, or the direction of a line; and towers of marks."""
    return re.findall(
        r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]|\u0301{5,}", text
    )


def test_differences_of_two_that_did_the_same_are_no_chance() -> None:
    """One policy under two names: neither sign nor question mark."""
    Path("s.yaml").write_text(GOOD, encoding="utf-8")
    for name in ("one", "other"):
        Path(f"{name}.yaml").write_text("retry: {attempts: 2}\n", encoding="utf-8")
    policies = "policy=./one.yaml,./other.yaml"
    done = ran("compare", "scenario=s.yaml", policies, "--replications", "3", "--no-report")
    assert done.returncode == 0, done.stderr
    after = done.stdout.split("Differences to one")[1].splitlines()
    row = next(line for line in after if line.startswith("other "))
    assert row.split() == ["other", *["the", "same"] * 3]


def test_names_on_the_terminal_steer_nothing_and_are_cut() -> None:
    """A policy's file name, `about`, notes and errors: shown escaped, in the data whole."""
    name = f"p\u202e{'n' * 150}"
    Path(f"{name}.yaml").write_text("retry: {attempts: 2}\n", encoding="utf-8")
    about = f"about: 'Is \u202eit {'long ' * 3000}?'\n"
    Path("s.yaml").write_text(about + GOOD.split("\n", 1)[1], encoding="utf-8")
    done = ran(
        "compare",
        "scenario=s.yaml",
        f"policy=./{name}.yaml,direct",
        "--replications",
        "2",
        "--out",
        "out \u202e",
    )
    assert done.returncode == 0, done.stderr
    assert steers(done.stdout + done.stderr) == []
    assert "note: " in done.stderr
    assert "\\u202e" in done.stdout
    assert max(map(len, (done.stdout + done.stderr).splitlines())) <= 1100
    assert (
        name in json.loads(Path("out \u202e/summary.json").read_text(encoding="utf-8"))["policies"]
    )


@pytest.mark.parametrize(
    "words",
    [
        ["compare", f"scenario={NASTY}", "policy=direct"],
        ["compare", "scenario=demo", f"policy={NASTY}"],
        ["compare", "scenario=demo", "policy=direct", f"scenario.{NASTY}=1"],
        ["compare", "scenario=demo", "policy=direct", "--assert", NASTY],
        ["compare", "scenario=demo", "policy=direct", "--seed", NASTY],
        ["compare", "scenario=demo", "policy=direct", "--plugin", NASTY],
        ["compare", "--config", NASTY],
        ["compare", "--resume", "--out", NASTY],
        ["compare", "--resume", "--out", "x" * 5000],
        ["compare", f"--{NASTY}"],
        [NASTY],
        ["compare", "scenario=demo", "policy=direct", "--out", "a\0b"],
    ],
)
def test_error_lines_steer_nothing_and_are_cut(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever the user wrote and wherever: one short line that can be read."""
    with pytest.raises(SystemExit) as left:
        main(words)
    out, err = capsys.readouterr()
    assert left.value.code == 2
    assert out == ""
    assert steers(err) == []
    assert all(len(line) < 1100 for line in err.splitlines())


def test_the_line_that_says_how_to_go_on_can_be_pasted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder with blanks and quotes is quoted."""
    left = [3]

    def cut(*arguments: object, **others: object) -> object:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return real(*arguments, **others)

    real = pool.replicate
    monkeypatch.setattr(pool, "replicate", cut)
    with pytest.raises(SystemExit) as ended:
        main([*WORK, "--out", "it's a folder", "--plugin", _plug("my plug.py")])
    assert ended.value.code == 130
    assert capsys.readouterr().err.splitlines()[-1] == (
        "simroute: go on with: simroute compare --resume --out 'it'\"'\"'s a folder' --workers 1 "
        "--plugin 'my plug.py' --no-report"
    )
    assert Path("it's a folder", JOURNAL).is_file()


def _plug(name: str) -> str:
    Path(name).write_text("", encoding="utf-8")
    return name


def test_text_is_cut_where_it_hurts_least() -> None:
    """An error's beginning says where, its end what to do; a name's beginning is enough."""
    line = brief("aaa " * 225 + "bbb " * 225)
    assert len(line) <= 1010
    assert line.startswith("aaa " * 150)
    assert brief(f"no policy is called '{'a' * 900}'") == f"no policy is called '{'a' * 199}…"
    assert line.endswith("bbb " * 75)
    assert clean("n" * 50, 10) == "nnnnnnnnn…"
    assert clean("e" + "\u0301" * 1000, 40) == "e" + "\u0301" * 4
