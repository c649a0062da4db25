"""What an earlier run has played is read back, with the same bits, and only while nothing has
changed."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from simroute.cli import main
from simroute.config.configuration import Configuration
from simroute.config.loading import load
from simroute.execution.cached import (
    Environment,
    cache_digest,
    current_environment,
    source_digest,
)
from simroute.execution.options import ExecutionOptions
from simroute.execution.progress import StudyListener
from simroute.experiment.run import replicate
from simroute.storage.folder import RunDescription
from simroute.storage.replication_journal import JOURNAL
from simroute.studies.comparison.run import compare
from simroute.testing import ScriptedExecutor


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def study(*words: str, seed: int = 3) -> Configuration:
    """Two short replications."""
    return load(
        "compare",
        "steady",
        ["direct", "failover"],
        ["scenario.horizon=60", "scenario.workload.rate=2", *words],
        seed,
        2,
    )


def played(made: Configuration) -> tuple[str, int, list[str]]:
    """The summary, how many runs were simulated, and what was told."""
    executor, told = simulated(), Told()
    found = compare(made, options=ExecutionOptions(executor=executor, cache=True), watch=told)
    return found.to_json(), len(executor.jobs), told.lines


def simulated() -> ScriptedExecutor:
    """Remembers what it played."""
    return ScriptedExecutor(lambda job: replicate(job.configuration, job.policy, job.replication))


class Told(StudyListener):
    """Collects the lines that a study tells."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def warn(self, line: str) -> None:
        self.lines.append(line)


def cache_folder(made: Configuration) -> str:
    """Where the runs of a study are kept."""
    return f"reports/.cache/{cache_digest(RunDescription.of(made), current_environment())}"


def test_a_study_is_read_back_with_the_same_bits_and_says_so_in_one_line() -> None:
    """The second time nothing is simulated; summary and evidence are equal."""
    first, second = played(study()), played(study())
    assert (first[1], first[2]) == (4, [])
    assert (second[0], second[1]) == (first[0], 0)
    assert second[2] == [
        f"4 of 4 runs are read back from {cache_folder(study())}/: nothing that they depend on "
        f"has changed"
    ]
    again = compare(study(), options=ExecutionOptions(cache=True), watch=Told())
    assert compare(study()).page_evidence == again.page_evidence


def with_layer() -> Configuration:
    """The study with a plug-in."""
    return replace(study(), plugins=(Path("plug.py"),))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the study was played, and the same with a plug-in."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(folder)
        Path("plug.py").write_text("A = 1\n", encoding="utf-8")
        for made in (study(), with_layer()):
            assert played(made)[1] == 4
    return folder


def changed(what: str) -> Configuration:
    """The study, when this has changed."""
    made = study()
    if what == "configuration":
        return study("scenario.workload.rate=3")
    if what == "seed":
        return study(seed=4)
    if what == "data":
        return replace(made, files={"log.csv": "other"})
    Path("plug.py").write_text("A = 2\n", encoding="utf-8")
    return with_layer()


@pytest.mark.parametrize("what", ["configuration", "seed", "data", "plug-in"])
def test_nothing_is_read_back_when_one_thing_has_changed(what: str, whole: Path) -> None:
    """Everything is simulated again, and nothing is told."""
    shutil.copytree(whole, ".", dirs_exist_ok=True)
    before = with_layer() if what == "plug-in" else study()
    assert Path(cache_folder(before), JOURNAL).is_file()
    assert played(changed(what))[1:] == (4, [])


@pytest.mark.parametrize("what", Environment._fields)
def test_another_environment_is_another_cache(what: str) -> None:
    """Version, code, arithmetic, Python, packages: each alone."""
    description, here = RunDescription.of(study()), current_environment()
    there = here._replace(**{what: (("numpy", "0"),) if what == "packages" else "other"})
    assert cache_digest(description, there) != cache_digest(description, here)


def test_the_digest_of_the_code_follows_every_source_file(
    tmp_path: Path,
) -> None:
    """Another byte, or another name, is another digest."""
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep/a.py").write_text("A = 1\n", encoding="utf-8")
    found = [source_digest(tmp_path)]
    (tmp_path / "deep/a.py").write_text("A = 2\n", encoding="utf-8")
    found.append(source_digest(tmp_path))
    (tmp_path / "deep/a.py").rename(tmp_path / "deep/b.py")
    found.append(source_digest(tmp_path))
    assert len(set(found)) == 3


def test_a_broken_cache_costs_time_and_nothing_else() -> None:
    """It says so, and everything is simulated."""
    first = played(study())
    Path(cache_folder(study()), JOURNAL).write_bytes(b"not a database")
    text, count, told = played(study())
    assert (text, count, len(told)) == (first[0], 4, 1)
    assert "cannot be used" in told[0]


def test_the_command_says_it_and_refuses_rows(capsys: pytest.CaptureFixture[str]) -> None:
    """The same summary, one note on stderr; --rows beside --cache is one line, exit 2."""
    words = [
        "run",
        "scenario=steady",
        "policy=direct",
        "scenario.horizon=200",
        "--cache",
        "--json",
        "--no-report",
    ]
    shown = []
    for more in ([], [], ["--rows"]):
        with pytest.raises(SystemExit) as left:
            main([*words, *more])
        shown.append((left.value.code, *capsys.readouterr()))
    assert [code for code, *_ in shown] == [0, 0, 2]
    assert shown[0][1] == shown[1][1]
    assert (shown[0][2], shown[1][2].count("\n"), shown[2][2].count("\n")) == ("", 1, 1)
    assert "1 of 1 runs are read back" in shown[1][2]
    assert "--rows" in shown[2][2]
