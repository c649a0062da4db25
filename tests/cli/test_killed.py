"""What was finished when Ctrl-C or kill -9 came is kept, and the command that goes on ends with the
same bits."""

import json
import random
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from commands import ran
from simroute.storage.replication_journal import JOURNAL
from simroute.storage.resume import is_unfinished, read_unfinished

pytest.importorskip("pty", reason="no pseudo-terminals on this system")
from terminals import simroute

WORK = [
    "compare",
    "scenario=demo",
    "policy=direct,failover",
    "scenario.horizon=3600",
    "scenario.outages.morning.start=30%",
]
WORK += ["scenario.outages.morning.end=60%", "--seed", "5", "--no-report"]
MANY = ["--replications", "12"]
SOON = r"K([5-9]|1[0-2])/24 runs"
"""When Ctrl-C is pressed: something is finished, and half is not."""
ROWS = ("requests.parquet", "attempts.parquet", "events.parquet")
CTRL_C = b"\x03"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of MANY replications without an interruption, rows as well."""
    folder = tmp_path_factory.mktemp("whole")
    done = ran(*WORK, *MANY, "--rows", "--workers", "1", "--out", str(folder))
    assert done.returncode == 0, done.stderr
    return folder


def same_files(one: str | Path, two: str | Path, *names: str) -> list[str]:
    """Names of the files that differ."""
    return [
        name for name in names if (Path(one) / name).read_bytes() != (Path(two) / name).read_bytes()
    ]


@pytest.mark.parametrize("workers", ["1", pytest.param("2", marks=pytest.mark.slow)])
def test_ctrl_c_leaves_a_clean_terminal_and_the_exact_command_that_goes_on(
    workers: str, whole: Path
) -> None:
    """Exit 130, what is finished, the command; given as it is printed, it ends with the same bits
    as a run without interruption."""
    options = [*MANY, "--workers", workers, "--rows", "--assert", "success_rate>=0"]
    shown = simroute(*WORK, *options, "--out", "a folder", keys={SOON: CTRL_C})
    assert shown.status == 130, shown.screen
    assert len(shown.left) == 2, shown.left
    assert re.search(
        r"interrupted; [1-9]\d* of 12 replications were finished and are kept$", shown.left[0]
    )
    assert (
        json.loads(Path("a folder/summary.json").read_text(encoding="utf-8"))["replications"] < 12
    )
    command = shlex.split(shown.left[1].removeprefix("simroute: go on with: "))
    assert command[:5] == ["simroute", "compare", "--resume", "--out", "a folder"]
    again = ran(*command[1:])
    assert again.returncode == 0, again.stderr
    assert (
        same_files("a folder", whole, "summary.json", "evidence.json", "config.yaml", *ROWS) == []
    )
    assert not (Path("a folder") / JOURNAL).exists()
    assert not (Path("a folder") / ".parts").exists()


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL on this system")
@pytest.mark.parametrize(
    ("workers", "rows"),
    [
        ("1", True),
        *(
            pytest.param(*each, marks=pytest.mark.slow)
            for each in (("2", True), ("2", False), ("1", False))
        ),
    ],
)
def test_kill_9_at_any_moment_loses_nothing(workers: str, rows: bool, whole: Path) -> None:
    """Killed again and again at random moments until it gets through: the same bits; workers end
    with their parent."""
    options = [*MANY, "--workers", workers, *(["--rows"] if rows else [])]
    chance, finished = random.Random(f"{workers} {rows}"), 0
    for _ in range(2 if workers == "1" else 4):
        words = (
            ["compare", "--resume", "--out", "out", "--workers", workers, "--no-report"]
            if is_unfinished(Path("out"))
            else [*WORK, *options]
        )
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "simroute",
                *words,
                *(["--out", "out"] if words[1] != "--resume" else []),
            ]
        )
        wait_for(process, Path("out", f"{JOURNAL}.wal"), chance.uniform(0.0, 0.4))
        process.kill()
        if process.wait(timeout=30) == 0:
            break
        now = len(read_unfinished(Path("out"))[1]) if is_unfinished(Path("out")) else 0
        assert now >= finished, "what was finished stays finished"
        finished = now
    if is_unfinished(Path("out")):
        done = ran("compare", "--resume", "--out", "out", "--no-report", "--workers", "1")
        assert done.returncode == 0, done.stderr
    names = {"summary.json", "evidence.json", "config.yaml", *(ROWS if rows else ())}
    assert same_files("out", whole, *names) == []
    assert {path.name for path in Path("out").iterdir()} == names


def wait_for(process: "subprocess.Popen[bytes]", journal: Path, more: float) -> None:
    """Until a run has begun to enter what it finishes (or has ended), and so many seconds more."""
    until, before = time.monotonic() + 300, journal.stat().st_mtime_ns if journal.exists() else 0
    while process.poll() is None and (not journal.exists() or journal.stat().st_mtime_ns == before):
        assert time.monotonic() < until
        time.sleep(0.02)
    time.sleep(more)


LAYER = """
import os
from dataclasses import dataclass
from pathlib import Path
from simroute import layer

KEPT = Path("out/.journal.duckdb.wal")

@layer("sometimes")
@dataclass
class Sometimes:
    async def __call__(self, call, send, world):
        if Path("now").exists() and KEPT.exists() and KEPT.stat().st_size > 8_000:
            {deed}
        return await send(call)
"""
"""Does it once some replications are kept."""


SOMETIMES = [
    "compare",
    "scenario=demo",
    "policy=direct,mine.yaml",
    "scenario.horizon=900",
    "--plugin",
    "plug.py",
    "--replications",
    "6",
]
SOMETIMES += [
    "scenario.outages.morning.start=30%",
    "scenario.outages.morning.end=60%",
    "--seed",
    "7",
    "--no-report",
]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of that study with a layer that never does it."""
    folder = tmp_path_factory.mktemp("undisturbed")
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(folder)
        Path("plug.py").write_text(LAYER.format(deed="pass"), encoding="utf-8")
        Path("mine.yaml").write_text("sometimes: {}\n", encoding="utf-8")
        assert ran(*SOMETIMES, "--workers", "1", "--out", "whole").returncode == 0
    return folder / "whole"


@pytest.mark.parametrize(
    ("deed", "workers", "told"),
    [
        ("os.kill(os.getpid(), 9)", "2", "a worker process was lost"),
        pytest.param("raise ValueError('no')", "1", "ValueError: no", marks=pytest.mark.slow),
    ],
    ids=["killed", "failed"],
)
def test_d04_what_was_finished_before_a_worker_was_killed_or_a_replication_failed_is_kept(
    deed: str, workers: str, told: str, undisturbed: Path
) -> None:
    """One line names policy, replication and seed, the last says how to go on; when the cause is
    gone, the rest is played."""
    Path("plug.py").write_text(LAYER.format(deed=deed), encoding="utf-8")
    Path("mine.yaml").write_text("sometimes: {}\n", encoding="utf-8")
    Path("now").touch()
    failed = ran(*SOMETIMES, "--workers", workers, "--out", "out")
    Path("now").unlink()
    assert failed.returncode == 2, failed.stderr
    first, last = failed.stderr.splitlines()
    assert re.search(r"policy mine, replication \d+, seed 7", first)
    assert told in first
    again = last.removeprefix("simroute: what was finished is kept; go on with: ")
    done = ran(*shlex.split(again)[1:])
    assert done.returncode == 0, done.stderr
    assert same_files("out", undisturbed, "summary.json", "evidence.json") == []


@pytest.mark.slow
def test_two_commands_at_once_get_folders_of_their_own_and_never_share_one(whole: Path) -> None:
    """Default folders differ; the same --out is refused to the second in one line, exit 2, and the
    first is not disturbed."""
    words = [sys.executable, "-m", "simroute", *WORK, *MANY, "--workers", "1"]
    both = [
        subprocess.Popen(
            [*words, "--replications", "2"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        for _ in range(2)
    ]
    assert [process.wait(timeout=300) for process in both] == [0, 0]
    assert sorted(path.name for path in Path("reports").iterdir()) == [
        "demo-compare",
        "demo-compare-2",
    ]
    assert same_files("reports/demo-compare", "reports/demo-compare-2", "summary.json") == []
    first = subprocess.Popen(
        [*words, "--out", "one", "--quiet"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not Path("one", JOURNAL).exists():
        assert first.poll() is None
        time.sleep(0.02)
    first.send_signal(signal.SIGSTOP)  # however slow the second is to start
    second = ran(*words[3:], "--out", "one")
    first.send_signal(signal.SIGCONT)
    assert (first.communicate(timeout=300)[1], first.returncode) == ("", 0)
    told = (
        "simroute: one: another run is writing there; wait until it has ended, or give "
        "another folder with --out\n"
    )
    assert (second.returncode, second.stderr) == (2, told)
    assert same_files("one", whole, "summary.json") == []


@pytest.mark.slow
def test_resuming_without_out_finds_the_newest_unfinished_default_folder() -> None:
    """Of this scenario, command and configuration; none: one line, exit 2."""
    options = [*MANY, "--workers", "1"]
    shown = simroute(*WORK, *options, keys={SOON: CTRL_C})
    assert shown.status == 130
    other = ran(*WORK, *MANY, "--seed", "6", "--resume")
    assert (other.returncode, len(other.stderr.splitlines())) == (2, 1)
    assert "reports/demo-compare" in other.stderr
    done = ran(*WORK, *options, "--resume")
    assert done.returncode == 0, done.stderr
    assert ran(*WORK, *options, "--resume").returncode == 2
    assert [path.name for path in Path("reports").iterdir()] == ["demo-compare"]


@pytest.mark.slow
def test_more_replications_than_before_as_help_says(whole: Path) -> None:
    """While the journal is there: ten were asked for, twelve are made, the same as if they had been
    asked for at once."""
    shown = simroute(
        *WORK,
        "--replications",
        "10",
        "--workers",
        "1",
        "--out",
        "out",
        keys={r"K[3-9]/20 runs": CTRL_C},
    )
    assert shown.status == 130
    done = ran("compare", "--resume", "--out", "out", *MANY)
    assert done.returncode == 0, done.stderr
    assert same_files("out", whole, "summary.json", "evidence.json", "config.yaml") == []
    assert "more --replications than before" in " ".join(ran("compare", "--help").stdout.split())


CUT_SHORT = """
import os
import signal
from dataclasses import dataclass

from simroute.core import layer


@layer("cut_short")
@dataclass
class CutShort:
    async def __call__(self, call, send, world):
        answer = world.within(5.0, send(call))
        os.kill(os.getpid(), signal.SIGINT)
        return await answer
"""


def test_ctrl_c_between_the_call_and_the_first_step_of_a_coroutine_warns_of_nothing(elsewhere):
    """It came there by chance: the coroutine that it ends is no forgotten await."""
    (elsewhere / "cut.py").write_text(CUT_SHORT)
    (elsewhere / "cut.yaml").write_text("cut_short: {}\n")
    words = ["run", "scenario=demo", "policy=cut.yaml", "--plugin", "cut.py", "--workers", "1"]
    done = subprocess.run(
        [sys.executable, "-m", "simroute", *words], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 130
    assert done.stderr == "simroute: interrupted before the first replication was finished\n"
