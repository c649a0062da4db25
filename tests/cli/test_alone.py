"""One replication of a study, run alone: the same bits, and the command that an error gives for
it."""

import json
import shlex
from pathlib import Path

import pytest

from commands import ran
from simroute.cli import main
from simroute.config.loading import load, restore
from simroute.errors import InputError
from simroute.studies.run import run_study
from tests.logs import calls, written

SHORT = ["scenario.horizon=600", "scenario.workload.rate=2"]
RETIMED = ["policy.timeout.total=9"]
LAYER = """from dataclasses import dataclass
from pathlib import Path

from simroute.core import layer

SEEN = []


@layer("sometimes")
@dataclass
class Sometimes:
    async def __call__(self, call, send, world):
        if world.now() > 300 and not Path("healed").exists():
            raise ValueError("no")
        return await send(call)
"""


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_replication_alone_has_the_figures_that_it_has_within_its_study() -> None:
    """Every metric of every policy, bit for bit, and the weather of its number and not of the
    first."""
    made = load("compare", "steady", ["direct", "failover"], SHORT, seed=3, replications=4)
    whole, single = run_study(made), run_study(made.only_replication(2))
    assert {policy: runs[2].metrics for policy, runs in whole.runs.items()} == {
        policy: runs[0].metrics for policy, runs in single.runs.items()
    }
    assert {policy: runs[2].by for policy, runs in whole.runs.items()} == {
        policy: runs[0].by for policy, runs in single.runs.items()
    }
    assert (single.summary["replications"], single.summary["replication"]) == (1, 2)
    assert "replication" not in whole.summary


def test_its_configuration_remembers_which_one_it_was(tmp_path: Path) -> None:
    """config.yaml names the replication, and gives the same bits again; nonsense is refused."""
    made = load("run", "steady", ["direct"], SHORT, seed=3).only_replication(2)
    (tmp_path / "c.yaml").write_text(made.to_yaml(), encoding="utf-8")
    assert restore(tmp_path / "c.yaml").study.replication == 2
    assert run_study(restore(tmp_path / "c.yaml")).to_json() == run_study(made).to_json()
    (tmp_path / "c.yaml").write_text(
        made.to_yaml().replace("replication: 2", "replication: -2"), encoding="utf-8"
    )
    with pytest.raises(InputError, match="replication: expected a whole number"):
        restore(tmp_path / "c.yaml")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--replications", "3"], "--replications 3"),
        (["--explain", "0"], "leave out --replication"),
        (["--replication", "x"], "valid integer"),
    ],
)
def test_what_contradicts_it_is_one_line(
    words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 2, and nothing is written."""
    with pytest.raises(SystemExit) as left:
        main(["run", "scenario=steady", "policy=direct", "--replication", "5", *words])
    assert left.value.code == 2
    err = capsys.readouterr().err
    assert len(err.splitlines()) == 1
    assert told in err
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize(
    ("more", "workers"),
    [
        ([], "1"),
        pytest.param(RETIMED, "2", marks=pytest.mark.slow),
        pytest.param([], "2", marks=pytest.mark.slow),
        pytest.param(RETIMED, "1", marks=pytest.mark.slow),
    ],
    ids=["run-1", "compare-2", "run-2", "compare-1"],
)
def test_a_failed_replication_names_the_command_that_runs_it_alone(
    more: list[str], workers: str
) -> None:
    """Given as it is printed, it fails in the same words; when the cause is gone, it has the
    figures of the whole study."""
    Path("my plug.py").write_text(LAYER, encoding="utf-8")
    Path("mine.yaml").write_text("sometimes: {}\n", encoding="utf-8")
    Path("other.yaml").write_text("timeout: {total: 10}\n", encoding="utf-8")
    words = [
        "compare",
        "scenario=steady",
        "policy=other.yaml,mine.yaml",
        *SHORT,
        *more,
        "--plugin",
        "my plug.py",
        "--no-report",
        "--seed",
        "4",
    ]
    failed = ran(*words, "--replications", "3", "--workers", workers, "--out", "out")
    assert failed.returncode == 2
    line = failed.stderr.splitlines()[-2 if "go on with" in failed.stderr else -1]
    text, _, command = line.partition("; run it alone with: ")
    assert "policy mine, replication" in text
    assert ("simroute compare" if more else "simroute run") in command
    again = ran(*shlex.split(command)[1:])
    assert again.returncode == 2
    assert text in again.stderr
    Path("healed").touch()
    single = ran(*shlex.split(command)[1:], "--json", "--quiet")
    assert single.returncode == 0, single.stderr
    found = json.loads(single.stdout)
    number = found["replication"]
    made = load("compare", "steady", ["direct"], SHORT, seed=4, replications=number + 1)
    same = run_study(made).runs["direct"][number].metrics["requests"]
    assert found["policies"]["mine"]["metrics"]["requests"]["mean"] == same


def test_a_run_given_by_its_configuration_names_it_in_that_command() -> None:
    """--config FILE --replication K: the words are not known any more."""
    Path("plug.py").write_text(LAYER, encoding="utf-8")
    Path("mine.yaml").write_text("sometimes: {}\n", encoding="utf-8")
    Path("healed").touch()
    words = [
        "scenario=steady",
        "policy=mine.yaml",
        *SHORT,
        "--plugin",
        "plug.py",
        "--replications",
        "2",
        "--no-report",
        "--out",
        "first",
    ]
    assert ran("run", *words).returncode == 0
    Path("healed").unlink()
    failed = ran("run", "--config", "first/config.yaml", "--plugin", "plug.py", "--out", "second")
    assert (
        named(failed.stderr)
        == "simroute run --replication 0 --config first/config.yaml --plugin plug.py"
    )
    assert ran(*shlex.split(named(failed.stderr))[1:]).returncode == 2


def named(err: str) -> str:
    """What stands after the colon."""
    return err.splitlines()[0].partition("; run it alone with: ")[2]


def test_a_failure_in_a_replay_names_the_command_that_repeats_it(tmp_path: Path) -> None:
    """With the log, its window and its weather: the same error at the same second."""
    written(tmp_path / "log.csv", calls(400))
    (tmp_path / "mine.py").write_text(LAYER)
    (tmp_path / "mine.yaml").write_text("sometimes: {}\n")
    words = [
        "log.csv",
        "policy=mine.yaml",
        "--plugin",
        "mine.py",
        "--to",
        "6m",
        "--outage",
        "{provider: openai, start: 10%, end: 20%}",
    ]
    first = ran("replay", *words, "--replications", "2", "--no-report", "--quiet")
    told, command = first.stderr.splitlines()[0].split("; run it alone with: ")
    assert first.returncode == 2
    assert shlex.split(command)[:2] == ["simroute", "replay"]
    again = ran(*shlex.split(command)[1:])
    assert again.stderr.splitlines()[-1].split("; run it")[0] == told or told in again.stderr
