"""An unfinished study goes on where it was: the same bits, nothing computed twice, nothing lost,
and only the same study."""

import itertools
import json
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import simroute
from simroute import version
from simroute.api import compare as api_compare
from simroute.config import plugins
from simroute.config.configuration import Configuration
from simroute.config.loading import load, restore
from simroute.errors import InputError
from simroute.execution.collected import CollectedRuns
from simroute.execution.dask import DaskExecutor
from simroute.execution.options import ExecutionOptions
from simroute.execution.pool import ProcessPool
from simroute.execution.progress import StudyListener, delay_interrupts
from simroute.experiment.job import (
    Executor,
    Job,
    Progress,
    Replicated,
    WorkerLostError,
    silent,
)
from simroute.metrics import METRICS, Evidence, Figures
from simroute.models.spec import Deployment, Scenario
from simroute.storage import resume
from simroute.storage.folder import FolderLock, RunDescription, make_default_folder, prepare_folder
from simroute.storage.replication_journal import JOURNAL
from simroute.storage.row_parts import part_folder
from simroute.studies.comparison import study
from simroute.studies.comparison.run import compare
from simroute.studies.comparison.study import Study
from simroute.testing import ScriptedExecutor

ROWS = ("requests.parquet", "attempts.parquet", "events.parquet")


def configuration(*policies: str, replications: int = 3, seed: int = 7) -> Configuration:
    """Empty policies by these names."""
    weather = Scenario({"a": Deployment("anthropic", "claude-sonnet-4-0", price_date="2025-07-01")})
    return Configuration(
        "compare", "storm", weather, {name: {} for name in policies}, seed, replications
    )


def real(replications: int = 3) -> Configuration:
    """Two policies through two minutes of steady weather."""
    return load(
        "compare",
        "steady",
        ["direct", "failover"],
        ["scenario.horizon=100"],
        seed=3,
        replications=replications,
    )


def scripted(
    stop: int | None = None, error: type[BaseException] = KeyboardInterrupt
) -> ScriptedExecutor:
    """Made-up figures; Ctrl-C is pressed, or something else happens, after so many."""
    count = itertools.count()

    def play(job: Job) -> Figures:
        if next(count) == stop:
            raise error("cut")
        return Figures(
            dict.fromkeys(METRICS, 1 / (3 + job.replication)),
            {"availability": (1, 3)},
            {},
            [[], []],
            {},
        )

    return ScriptedExecutor(play)


def keys(executor: ScriptedExecutor) -> list[tuple[str, int]]:
    """What was played."""
    return [(job.policy, job.replication) for job in executor.jobs]


class CutAfter:
    """The real thing, with Ctrl-C pressed at the start of the replication after so many."""

    def __init__(self, count: int) -> None:
        self._left = count

    def run(self, jobs: Sequence[Job], progress: Progress = silent) -> Iterator[Replicated]:
        for job in jobs:
            self._left -= 1
            if self._left < 0:
                raise KeyboardInterrupt
            yield from ProcessPool().run([job], progress)


def begun(
    made: Configuration,
    out: Path,
    executor: Executor | None = None,
    workers: int = 1,
    **others: Any,
) -> Study | None:
    """A study in a folder that is made for it; None if nothing whole came of it."""
    options = ExecutionOptions(workers, executor, out=prepare_folder(out))
    try:
        return compare(made, options=options, **others)
    except KeyboardInterrupt:
        return None


def names(out: Path) -> set[str]:
    return {path.name for path in out.iterdir()}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of `real` without an interruption, rows as well."""
    out = tmp_path_factory.mktemp("uncut") / "whole"
    begun(real(), out, rows=True)
    return out


@pytest.mark.parametrize(
    ("count", "rows"),
    [
        (1, True),
        (2, False),
        *(
            pytest.param(*each, marks=pytest.mark.slow)
            for each in ((5, True), (1, False), (2, True), (5, False))
        ),
    ],
)
def test_a_resumed_study_ends_with_the_same_bits(
    count: int, rows: bool, whole: Path, tmp_path: Path
) -> None:
    """Cut after one, two and five of six runs, and continued: summary.json, evidence.json and every
    row file are equal byte for byte."""
    found = begun(real(), tmp_path / "cut", rows=rows, executor=CutAfter(count))
    assert found is None or found.interrupted
    assert (tmp_path / "cut" / JOURNAL).is_file()
    again = compare(real(), options=ExecutionOptions(out=tmp_path / "cut", resume=True))
    assert not again.interrupted
    kept = ("summary.json", "evidence.json", "config.yaml", *(ROWS if rows else ()))
    assert [
        name
        for name in kept
        if (tmp_path / "cut" / name).read_bytes() != (whole / name).read_bytes()
    ] == []
    assert names(tmp_path / "cut") == {*kept, "report.html"}


def test_a_resumed_study_has_the_same_evidence(tmp_path: Path) -> None:
    """Counts of all replications and of the first, and its story."""
    whole = compare(real())
    begun(real(), tmp_path / "cut", executor=CutAfter(4))
    again = compare(real(), options=ExecutionOptions(out=tmp_path / "cut", resume=True))
    for policy in whole.runs:
        for one, two in (
            (whole.evidence[policy], again.evidence[policy]),
            (whole.first[policy], again.first[policy]),
        ):
            assert one.story == two.story
            assert all((one.counts[name] == two.counts[name]).all() for name in one.counts)
        assert all(run.evidence is None for run in again.runs[policy])


def test_nothing_is_computed_twice(tmp_path: Path) -> None:
    """Cut after three of six: the other three are played; cut again after one of them, two are
    left."""
    made = configuration("bold", "safe")
    first = scripted(3)
    begun(made, tmp_path, executor=first)
    assert keys(first) == [("bold", 0), ("safe", 0), ("bold", 1)]
    second = scripted(1)
    begun_again = compare(
        made, options=ExecutionOptions(out=tmp_path, resume=True, executor=second)
    )
    assert keys(second) == [("safe", 1)]
    assert (begun_again.interrupted, begun_again.replications) == (True, 2)
    third = scripted()
    assert (
        compare(
            made, options=ExecutionOptions(out=tmp_path, resume=True, executor=third)
        ).replications
        == 3
    )
    assert keys(third) == [("bold", 2), ("safe", 2)]


@pytest.mark.parametrize("error", [RuntimeError, WorkerLostError])
def test_a_failure_keeps_what_is_finished(error: type[Exception], tmp_path: Path) -> None:
    """A replication that fails and a lost worker alike."""
    made = configuration("bold", "safe")
    executor = scripted(3, error)
    with pytest.raises(error):
        begun(made, tmp_path, executor=executor)
    rest = scripted()
    compare(made, options=ExecutionOptions(out=tmp_path, resume=True, executor=rest))
    assert len(rest.jobs) == 3


def test_the_configuration_is_there_before_anything_runs(tmp_path: Path) -> None:
    """So that a resumed command needs no words."""
    seen: list[set[str]] = []

    def look(_: Job) -> Figures:
        seen.append(names(tmp_path))
        raise KeyboardInterrupt

    begun(real(), tmp_path, executor=ScriptedExecutor(look))
    assert {"config.yaml", JOURNAL} <= seen[0]
    assert names(tmp_path) == set(), "nothing is finished, so that nothing is left"


def test_what_is_restored_from_the_folder_is_the_same_study(tmp_path: Path) -> None:
    """`--resume --out DIR` without words."""
    begun(real(), tmp_path, executor=CutAfter(3))
    assert (
        compare(
            restore(tmp_path / "config.yaml"), options=ExecutionOptions(out=tmp_path, resume=True)
        ).to_json()
        == compare(real()).to_json()
    )


@pytest.mark.parametrize("stop", [3, None])
def test_more_replications_may_be_added_while_the_journal_is_there(
    stop: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two of three, cut or all but written: five are asked for, the rest is played, and the result
    is that of five."""
    made = configuration("bold", "safe")
    executor = scripted(stop)
    if stop is None:

        def full(path: Path) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(study, "text_output", lambda make: full)
    begun(made, tmp_path, executor=executor)
    monkeypatch.undo()
    rest = scripted()
    found = compare(
        replace(made, replications=5),
        options=ExecutionOptions(out=tmp_path, resume=True, executor=rest),
    )
    assert len(rest.jobs) == 10 - (stop or 6)
    executor = scripted()
    assert (
        found.to_json()
        == compare(
            replace(made, replications=5), options=ExecutionOptions(executor=executor)
        ).to_json()
    )
    assert "replications: 5\n" in (tmp_path / "config.yaml").read_text(encoding="utf-8")


def plug(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_a_run_that_differs_is_refused_and_nothing_touched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seed, policies and their order, fewer replications, row files, plug-ins, version, arithmetic:
    one line that says what, and what to do."""
    out, first = tmp_path / "out", plug(tmp_path / "plug.py", "a = 1\n")
    made = replace(configuration("bold", "safe"), plugins=(first,))
    executor = scripted(3)
    begun(made, out, executor=executor)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    other = (
        plug(tmp_path / "other" / "plug.py", "a = 2\n")
        if (tmp_path / "other").mkdir() is None
        else first
    )
    cases: list[tuple[Configuration, bool | None, str]] = [
        (replace(made, seed=8), None, "seed was 7 and is now 8"),
        (replace(made, policies={"bold": {}}), None, "policies.safe is missing"),
        (replace(made, policies={"bold": {}, "safe": {}, "new": {}}), None, "policies.new is new"),
        (replace(made, policies={"safe": {}, "bold": {}}), None, "policies stand in another order"),
        (replace(made, replications=2), None, "replications was 3 and is now 2"),
        (
            replace(made, scenario=replace(made.scenario, horizon=60.0)),
            None,
            "scenario.horizon was 3600",
        ),
        (made, True, "without row files; give --no-rows"),
        (replace(made, plugins=()), None, "plug-ins differ"),
        (replace(made, plugins=(other,)), None, "plug-ins differ"),
    ]
    for changed, rows, words in cases:
        with pytest.raises(InputError) as caught:
            compare(
                changed,
                options=ExecutionOptions(out=out, resume=True, executor=executor),
                rows=rows,
            )
        (line,) = caught.value.lines
        assert words in line
        assert "--out" in line
    for target, name, value in [
        (version, "__version__", "9.9"),
        (resume, "fingerprint", lambda: "other"),
    ]:
        with monkeypatch.context() as patched:
            patched.setattr(target, name, value)
            with pytest.raises(InputError, match=r"9\.9|other"):
                compare(made, options=ExecutionOptions(out=out, resume=True, executor=executor))
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    rest = scripted()
    compare(made, options=ExecutionOptions(out=out, resume=True, executor=rest), rows=False)
    assert len(rest.jobs) == 3


def test_other_contents_of_a_file_are_told(tmp_path: Path) -> None:
    """By the name of the file."""
    made = replace(configuration("bold"), files={"trace.csv": "abc"})
    executor = scripted(1)
    begun(made, tmp_path, executor=executor)
    with pytest.raises(InputError, match=r"trace\.csv has other contents"):
        compare(
            replace(made, files={"trace.csv": "def"}),
            options=ExecutionOptions(out=tmp_path, resume=True, executor=executor),
        )


def test_installed_plug_ins_are_known_by_version(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a package, its name and version."""
    from importlib import metadata

    class Point:
        class dist:  # noqa: N801
            name, version = "layers-of-ours", "1.2"

    monkeypatch.setattr(metadata, "entry_points", lambda group: [Point])
    assert plugins.plugin_versions([]) == (("layers-of-ours", "1.2"),)


def test_a_new_run_does_not_write_over_an_unfinished_one(tmp_path: Path) -> None:
    """One line: what is finished, how to go on, or another --out."""
    made = configuration("bold", "safe")
    executor = scripted(3)
    begun(made, tmp_path, executor=executor)
    with pytest.raises(InputError) as caught:
        compare(made, options=ExecutionOptions(out=tmp_path, executor=executor))
    (line,) = caught.value.lines
    assert "1 of 3 replications" in line
    assert f"simroute compare --resume --out {tmp_path}" in line
    assert "another folder with --out" in line


def test_an_unfinished_run_with_nothing_finished_stops_nobody(tmp_path: Path) -> None:
    """Killed before its first replication was finished: nothing would be lost."""
    from simroute.storage import Journal

    made = configuration("bold")
    Journal.create(tmp_path, resume.make_header(RunDescription.of(made), False)).close()
    executor = scripted()
    compare(made, options=ExecutionOptions(out=tmp_path, executor=executor))
    assert names(tmp_path) == {"config.yaml", "summary.json"}


@pytest.mark.parametrize("raw", [b"no journal", b"\0" * 20_000])
def test_a_journal_that_cannot_be_read_is_not_written_over(raw: bytes, tmp_path: Path) -> None:
    """With and without resume: one line with the remedy."""
    (tmp_path / JOURNAL).write_bytes(raw)
    executor = scripted()
    for again in (False, True):
        with pytest.raises(InputError, match="cannot be read"):
            compare(
                configuration("bold"),
                options=ExecutionOptions(out=tmp_path, resume=again, executor=executor),
            )
    assert (tmp_path / JOURNAL).read_bytes() == raw


def test_there_must_be_something_to_resume(tmp_path: Path) -> None:
    """No folder, an empty one, a finished run."""
    made = configuration("bold")
    executor = scripted()
    compare(
        made, options=ExecutionOptions(out=prepare_folder(tmp_path / "done"), executor=executor)
    )
    for out, words in (
        (tmp_path / "nowhere", "no such folder"),
        (tmp_path, "no unfinished run"),
        (tmp_path / "done", "is finished"),
    ):
        with pytest.raises(InputError, match=words):
            compare(made, options=ExecutionOptions(out=out, resume=True, executor=executor))


def test_a_finished_run_s_files_come_back_when_the_next_comes_to_nothing(tmp_path: Path) -> None:
    """Another study in the same folder, interrupted at once: the folder is as it was; finished: it
    is the new one's alone."""
    executor = scripted()
    begun(configuration("bold"), tmp_path, executor=executor)
    (tmp_path / "requests.parquet").write_text("rows of the first")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    executor = scripted(0)
    assert begun(configuration("safe"), tmp_path, executor=executor) is None
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    executor = scripted()
    begun(configuration("safe"), tmp_path, executor=executor)
    assert names(tmp_path) == {"config.yaml", "summary.json"}
    assert list(json.loads((tmp_path / "summary.json").read_text())["policies"]) == ["safe"]


def test_a_folder_never_shows_two_runs_at_once(tmp_path: Path) -> None:
    """While the second is under way, the first one's files wait aside."""
    executor = scripted()
    begun(configuration("bold"), tmp_path, executor=executor)
    executor = scripted(1, RuntimeError)
    with pytest.raises(RuntimeError):
        begun(configuration("safe", "bold"), tmp_path, executor=executor)
    assert names(tmp_path) == {"config.yaml", JOURNAL, ".earlier"}
    executor = scripted()
    compare(
        configuration("safe", "bold"),
        options=ExecutionOptions(out=tmp_path, resume=True, executor=executor),
    )
    assert names(tmp_path) == {"config.yaml", "summary.json"}


def test_a_half_written_part_folder_is_made_anew(tmp_path: Path) -> None:
    """Parts of a replication that was not finished are removed before it is played again; of a
    finished one whose parts are gone, too."""
    begun(real(2), tmp_path / "whole", rows=True)
    begun(real(2), tmp_path / "cut", rows=True, executor=CutAfter(3))
    half = part_folder(tmp_path / "cut" / ".parts", 1, 1)
    half.mkdir()
    (half / "requests-00009.parquet").write_bytes(b"half a file")
    lost = part_folder(tmp_path / "cut" / ".parts", 0, 0)
    for part in lost.iterdir():
        part.unlink()
    lost.rmdir()
    compare(real(2), options=ExecutionOptions(out=tmp_path / "cut", resume=True))
    assert [
        name
        for name in ROWS
        if (tmp_path / "cut" / name).read_bytes() != (tmp_path / "whole" / name).read_bytes()
    ] == []
    assert ".parts" not in names(tmp_path / "cut")


def test_a_second_run_in_one_folder_is_refused(tmp_path: Path) -> None:
    """While the first is under way: new or resumed, one line, and the first is not disturbed."""
    made, refused = configuration("bold"), []

    def meanwhile(_: Job) -> Figures:
        for again in (False, True):
            with pytest.raises(InputError, match="another run is writing there") as caught:
                compare(made, options=ExecutionOptions(out=tmp_path, resume=again))
            refused.extend(caught.value.lines)
        return Figures(dict.fromkeys(METRICS, 1.0), {}, {}, [[], []], {})

    executor = ScriptedExecutor(meanwhile)
    assert (
        compare(made, options=ExecutionOptions(out=tmp_path, executor=executor)).replications == 3
    )
    assert len(refused) == 6


def test_a_lock_is_gone_with_its_holder(tmp_path: Path) -> None:
    """However it ended: there is no stale lock."""
    held = multiprocessing.get_context("spawn").Event()
    process = multiprocessing.get_context("spawn").Process(target=hold, args=(tmp_path, held))
    process.start()
    assert held.wait(60)
    with pytest.raises(InputError):
        FolderLock(tmp_path)
    process.kill()
    process.join()
    FolderLock(tmp_path).release()


def hold(path: Path, held: Any) -> None:
    """Lock it, and never return."""
    FolderLock(path)
    held.set()
    threading.Event().wait()


def test_default_folders_of_runs_that_begin_together_differ(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twenty threads at once: twenty folders."""
    monkeypatch.chdir(tmp_path)
    found: list[Path] = []
    bold = RunDescription.of(configuration("bold"))
    threads = [
        threading.Thread(target=lambda: found.append(make_default_folder(bold))) for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 20


def test_the_newest_unfinished_default_folder_that_fits_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of three unfinished and one finished run of the same name, the last written one of this
    configuration; one that runs is left alone."""
    monkeypatch.chdir(tmp_path)
    made = configuration("bold", "safe")
    for one, stop in ((made, 2), (replace(made, seed=9), 2), (made, 3), (made, None)):
        executor = scripted(stop)
        begun(one, make_default_folder(RunDescription.of(one)), executor=executor)
    assert unfinished(made) == "reports/storm-compare-3"
    assert unfinished(made, replications=9) == "reports/storm-compare-3"
    assert unfinished(made, seed=9) == "reports/storm-compare-2"
    lock = FolderLock(Path("reports/storm-compare-3"))
    assert unfinished(made) == "reports/storm-compare"
    lock.release()
    with pytest.raises(InputError, match="storm-compare"):
        unfinished(made, seed=10)
    with pytest.raises(InputError, match="no unfinished run of this scenario"):
        unfinished(made, command="run")


def unfinished(made: Configuration, **changes: Any) -> str:
    return resume.find_unfinished(RunDescription.of(replace(made, **changes))).as_posix()


def test_resuming_from_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`simroute.compare(..., out=…)` keeps a journal too."""
    scenario = simroute.load_scenario("steady", "scenario.horizon=300")
    with monkeypatch.context() as patched:
        patched.setattr(DaskExecutor, "from_address", lambda address: CutAfter(1))
        with pytest.raises(KeyboardInterrupt):
            api_compare(
                scenario, ["direct", "failover"], replications=2, out=tmp_path, executor="dask://x"
            )
    again = api_compare(scenario, ["direct", "failover"], replications=2, out=tmp_path, resume=True)
    assert (
        again.to_json() == api_compare(scenario, ["direct", "failover"], replications=2).to_json()
    )
    with pytest.raises(InputError, match="out"):
        api_compare(scenario, ["direct"], resume=True)


def test_only_whole_replications_are_merged_and_the_story_is_the_first_one_s() -> None:
    """Results in any order; what one policy alone has finished is not counted; evidence is not kept
    beside figures."""
    gathered = CollectedRuns(["a", "b"])
    for policy, replication in (("a", 1), ("b", 1), ("b", 0), ("a", 2), ("a", 0)):
        evidence = Evidence({"n": np.array([10**replication])}, {"of": (policy, replication)})
        gathered.add((policy, replication), Figures({}, {}, {}, [], {}, evidence))
    assert gathered.complete_replications() == [0, 1]
    for policy in ("a", "b"):
        assert gathered.evidence[policy].counts["n"].tolist() == [11]
        assert gathered.evidence[policy].story == {"of": (policy, 0)}
        assert gathered.first[policy].counts["n"].tolist() == [1]
    assert [job for job, figures in gathered.figures.items() if figures.evidence is not None] == [
        ("a", 2)
    ]


def test_ctrl_c_waits_for_what_must_not_be_disturbed() -> None:
    """The first is raised at the end of it, and the work is whole."""
    done = []

    def work() -> None:
        with delay_interrupts():
            os.kill(os.getpid(), signal.SIGINT)
            done.append(True)

    with pytest.raises(KeyboardInterrupt):
        work()
    assert done
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_watch_is_told_what_was_finished_before_and_what_is_reached(tmp_path: Path) -> None:
    """Total and finished at the start, then each replication once."""
    made, told = configuration("bold", "safe"), []

    class Told(StudyListener):
        def started(self, total: int, finished: int) -> None:
            told.append((total, finished))

        def finished(self, job: Job, figures: Figures) -> None:
            told.append((job.policy, job.replication))

    executor = scripted(4)
    begun(made, tmp_path, executor=executor)
    executor = scripted()
    compare(
        made, options=ExecutionOptions(out=tmp_path, resume=True, executor=executor), watch=Told()
    )
    assert told == [(6, 4), ("bold", 2), ("safe", 2)]


@pytest.mark.parametrize("workers", [1, 2])
def test_simulated_time_is_told_within_a_replication(workers: int) -> None:
    """In this process and from worker processes: after each block of requests, in growing order."""
    reached: dict[tuple[str, int], list[float]] = {}

    class Told(StudyListener):
        def progress(self, job: Job, seconds: float) -> None:
            reached.setdefault((job.policy, job.replication), []).append(seconds)

    made = load(
        "compare",
        "steady",
        ["direct"],
        ["scenario.horizon=4000", "scenario.workload.rate=2.5"],
        seed=3,
        replications=2,
    )
    compare(made, options=ExecutionOptions(workers=workers), watch=Told())
    assert set(reached) == {("direct", 0), ("direct", 1)}
    assert all(len(seconds) >= 2 and seconds == sorted(seconds) for seconds in reached.values())


@pytest.mark.parametrize("workers", [2, pytest.param(7, marks=pytest.mark.slow)])
def test_d02_the_number_of_workers_changes_no_bit(
    workers: int, whole: Path, tmp_path: Path
) -> None:
    """Serial, two and seven: the same summary and evidence, byte for byte."""
    begun(real(), tmp_path / "many", workers=workers)
    for name in ("summary.json", "evidence.json"):
        assert (whole / name).read_bytes() == (tmp_path / "many" / name).read_bytes()
