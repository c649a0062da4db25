"""Long work is pleasant: progress on a terminal and nowhere else, Ctrl-C and a closed pipe at any
moment."""

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from commands import ran
from simroute.cli import work_log
from simroute.storage.replication_journal import JOURNAL

pytest.importorskip("pty", reason="no pseudo-terminals on this system")
from terminals import here, simroute

WORK = [
    "compare",
    "scenario=demo",
    "policy=direct,failover",
    "scenario.horizon=1200",
    "scenario.outages.morning.start=30%",
]
WORK += ["scenario.outages.morning.end=60%", "--seed", "5", "--no-report", "--workers", "1"]
CTRL_C = b"\x03"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_terminal_shows_runs_time_and_pace_on_stderr_and_is_left_clean() -> None:
    """Runs done of all, simulated time, requests a second; at the end nothing of it is to be
    seen."""
    shown = simroute(*WORK, "--replications", "8", "--out", "out")
    assert shown.status == 0, shown.screen
    assert re.search(r"\d+/16 runs", shown.screen)
    assert re.search(r"[\d:]+ (s|min|h) simulated", shown.screen)
    assert re.search(r"[\d,]+ requests/s", shown.screen)
    assert shown.left == []
    assert "runs" not in shown.out
    assert "\x1b" not in shown.out


def test_progress_moves_within_one_long_replication() -> None:
    """One run of 100,000 requests: simulated time grows while none is done."""
    shown = here(
        "run",
        "scenario=steady",
        "policy=direct",
        "scenario.workload.rate=30",
        "--no-rows",
        "--no-report",
        "--out",
        "out",
    )
    assert shown.status == 0, shown.screen
    times = set(re.findall(r"0/1 runs.*?([\d:.]+ \w+) simulated", shown.screen))
    assert len(times) >= 3, shown.screen


@pytest.mark.parametrize("option", ["--quiet", "--json"])
def test_no_progress_where_none_is_wanted(option: str) -> None:
    """Nothing at all goes to the terminal."""
    shown = here(*WORK, "--replications", "3", "--out", "out", option)
    assert (shown.status, shown.screen) == (0, "")
    assert (option == "--json") == shown.out.startswith("{")


def test_no_colour_where_none_is_wanted() -> None:
    """NO_COLOR: the line is erased and rewritten, but has no colour."""
    shown = here(*WORK, "--replications", "5", "--out", "out", env={"NO_COLOR": "1"})
    assert re.search(r"\d+/10 runs", shown.screen)
    assert re.findall(r"\x1b\[[0-9;]*m", shown.screen) == []


def test_a_narrow_terminal_is_left_clean_too() -> None:
    """No line is left over where the text does not fit."""
    shown = here(*WORK, "--replications", "5", "--out", "out", columns=30)
    assert "\x1b[2K" in shown.screen
    assert shown.left == []


def test_off_a_terminal_short_work_says_nothing() -> None:
    """stderr is a pipe: it stays empty for seconds."""
    done = ran(*WORK, "--replications", "3", "--out", "out")
    assert (done.returncode, done.stderr) == (0, "")


LOGGED = {
    "compare": ("compare", ()),
    "vary": ("compare", ("--vary", "scenario.outages.morning.error_share=0.1..1.0:2")),
    "tune": (
        "tune",
        ("tune.breaker.failures=2..9", "--objective", "min cost_usd", "--evaluations", "16"),
    ),
}


@pytest.mark.parametrize("kind", LOGGED)
@pytest.mark.parametrize("quiet", [False, True])
def test_a_pipe_has_lines_about_long_work(
    kind: str, quiet: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if each run took seconds: a line after tenths of the work, in order, and none where only
    errors are wanted."""
    monkeypatch.setattr(work_log, "BETWEEN", 0.0)
    command, more = LOGGED[kind]
    shared = [word for word in WORK[1:] if not word.startswith("policy=")]
    policy = "policy=circuit_breaker" if command == "tune" else "policy=direct,failover"
    count = ["--confirm", "2"] if command == "tune" else ["--replications", "4"]
    words = [command, *[w for w in shared if command != "tune" or w != "--no-report"], policy]
    done = ran(*words, *more, *count, "--out", "out", *(["--quiet"] if quiet else []))
    assert done.returncode == 0, done.stderr
    shares = [int(share) for share in re.findall(r"^(\d+) % done, ", done.stderr, re.M)]
    assert shares == sorted(set(shares))
    assert (len(shares) == 0) if quiet else (len(shares) >= 4), done.stderr


def test_ctrl_c_in_a_long_replication_does_not_wait_for_its_end() -> None:
    """Two workers at replications of minutes: the command ends within seconds, and nothing of it is
    left."""
    words = [
        "compare",
        "scenario=demo",
        "policy=direct,failover",
        "scenario.horizon=60d",
        "--workers",
        "2",
        "--out",
        "out",
    ]
    shown = simroute(*words, keys={r"0/40 runs.*[1-9]\d* h simulated": CTRL_C})
    assert shown.status == 130
    assert shown.left == [
        "^Csimroute: interrupted before the first replication was finished"
    ] or shown.left == ["simroute: interrupted before the first replication was finished"]
    assert shown.waited < 60
    assert list(Path("out").iterdir()) == []


def children(pid: int) -> list[int]:
    """Processes whose parent this is, by /proc."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found.append(int(stat.parent.name))
    return found


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc on this system")
@pytest.mark.slow
def test_workers_end_with_a_parent_that_was_killed() -> None:
    """SIGKILL to the parent: within seconds no process of it is left."""
    words = [*WORK, "--replications", "5000", "--workers", "2", "--out", "out"]
    process = subprocess.Popen(
        [sys.executable, "-m", "simroute", *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    until = time.monotonic() + 300
    while not Path("out", JOURNAL).exists() or len(children(process.pid)) < 2:
        assert time.monotonic() < until
        time.sleep(0.1)
    time.sleep(2)
    theirs = children(process.pid)
    process.kill()
    process.wait()
    until = time.monotonic() + 60
    while any(Path(f"/proc/{pid}").exists() for pid in theirs):
        assert time.monotonic() < until, theirs
        time.sleep(0.1)


def test_a_reader_that_goes_away_is_no_traceback() -> None:
    """`simroute compare … | head -0`."""
    process = subprocess.Popen(
        [sys.executable, "-m", "simroute", *WORK, "--replications", "2", "--json", "--out", "out"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == b""
    assert process.wait(timeout=300) in (0, 141)
    assert Path("out/summary.json").is_file()
