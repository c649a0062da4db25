"""What an earlier run has played is read back, with the same bits, and only while nothing has
changed."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from simroute import version
from simroute.cli import main
from simroute.config.configuration import Configuration
from simroute.config.loading import load
from simroute.execution import cached, pool
from simroute.execution.cached import Shelf, digest
from simroute.storage import resume
from simroute.storage.journal import JOURNAL
from simroute.studies.comparison.run import compare


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
    count, told = [], []

    def counted(*given: Any) -> Any:
        for done in pool.work(*given):
            count.append(done.job)
            yield done

    found = compare(made, perform=Shelf(counted, told.append).work)
    return found.to_json(), len(count), told


def test_a_study_is_read_back_with_the_same_bits_and_says_so_in_one_line() -> None:
    """The second time nothing is simulated; summary and evidence are equal."""
    first, second = played(study()), played(study())
    assert (first[1], first[2]) == (4, [])
    assert (second[0], second[1]) == (first[0], 0)
    assert second[2] == [
        f"4 of 4 runs are read back from reports/.cache/{digest(study())}/: nothing that they "
        f"depend on has changed"
    ]
    assert (
        compare(study()).page_evidence
        == compare(study(), perform=Shelf(pool.work, print).work).page_evidence
    )


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


def changed(what: str, monkeypatch: pytest.MonkeyPatch) -> Configuration:
    """The study, when this has changed."""
    made = study()
    if what == "configuration":
        return study("scenario.workload.rate=3")
    if what == "seed":
        return study(seed=4)
    if what == "data":
        return replace(made, files={"log.csv": "other"})
    if what == "plug-in":
        Path("plug.py").write_text("A = 2\n", encoding="utf-8")
        return with_layer()
    if what == "version":
        monkeypatch.setattr(version, "__version__", "9.9")
    elif what == "arithmetic":
        monkeypatch.setattr(resume, "fingerprint", lambda: "other")
    elif what == "code":
        monkeypatch.setattr(cached, "code", lambda: "other")
    elif what == "packages":
        monkeypatch.setattr(cached, "version", lambda name: "0")
    return made


@pytest.mark.parametrize(
    "what",
    ["configuration", "seed", "data", "plug-in", "version", "arithmetic", "code", "packages"],
)
def test_nothing_is_read_back_when_one_thing_has_changed(
    what: str, whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything is simulated again, and nothing is told."""
    shutil.copytree(whole, ".", dirs_exist_ok=True)
    before = with_layer() if what == "plug-in" else study()
    assert Path("reports/.cache", digest(before), JOURNAL).is_file()
    assert played(changed(what, monkeypatch))[1:] == (4, [])


def test_the_digest_of_the_code_follows_every_source_file(
    tmp_path: Path,
) -> None:
    """Another byte, or another name, is another digest."""
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep/a.py").write_text("A = 1\n", encoding="utf-8")
    found = [cached.code.__wrapped__(tmp_path)]
    (tmp_path / "deep/a.py").write_text("A = 2\n", encoding="utf-8")
    found.append(cached.code.__wrapped__(tmp_path))
    (tmp_path / "deep/a.py").rename(tmp_path / "deep/b.py")
    found.append(cached.code.__wrapped__(tmp_path))
    assert len(set(found)) == 3


def test_a_broken_cache_costs_time_and_nothing_else() -> None:
    """It says so, and everything is simulated."""
    first = played(study())
    Path("reports/.cache", digest(study()), JOURNAL).write_bytes(b"not a database")
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
