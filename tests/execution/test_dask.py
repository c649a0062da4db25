"""A Dask cluster gives the bits that this machine gives, whichever worker is lost; what cannot be
used is one line."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from simroute import version
from simroute.cli import main
from simroute.config.configuration import Configuration
from simroute.config.loading import load
from simroute.config.plugins import load_plugins
from simroute.errors import InputError
from simroute.execution import dask
from simroute.execution.dask import DaskExecutor, batches, describe_difference, traits
from simroute.execution.options import ExecutionOptions
from simroute.execution.progress import StudyListener
from simroute.experiment.job import Job
from simroute.experiment.run import ReplicationError
from simroute.studies.comparison.run import compare
from simroute.studies.tuning import SearchRequest, plan_search, tune

pytest.importorskip("distributed", reason="needs simroute[dist]")

LAYER = """from dataclasses import dataclass

from simroute.core import layer


@layer("picky")
@dataclass
class Picky:
    def __post_init__(self) -> None:
        self.seen = 0

    async def __call__(self, call, send, world):
        self.seen += 1
        if self.seen == {fatal}:
            raise ValueError("no")
        return await send(call)
"""


@dataclass
class Machines:
    """A scheduler on loopback and the processes of its workers."""

    folder: Path
    address: str
    workers: list["subprocess.Popen[bytes]"]

    def start(self) -> None:
        """One more worker."""
        words = [
            "worker",
            f"tcp://{self.address}",
            "--no-nanny",
            "--nthreads",
            "1",
            "--host",
            "127.0.0.1",
            "--no-dashboard",
        ]
        self.workers.append(launched(self.folder, *words, "--local-directory", str(self.folder)))


def launched(folder: Path, *words: str) -> "subprocess.Popen[bytes]":
    """`dask` with these words, silent, in another folder than the test's."""
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen([sys.executable, "-m", "dask", *words], cwd=folder, **silent)


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    """One worker."""
    folder = tmp_path_factory.mktemp("dask")
    told = folder / "scheduler.json"
    words = [
        "scheduler",
        "--host",
        "127.0.0.1",
        "--port",
        "0",
        "--no-dashboard",
        "--dashboard-address",
        "127.0.0.1:0",
        "--scheduler-file",
        str(told),
    ]
    scheduler = launched(folder, *words)
    try:
        until = time.monotonic() + 300
        while not told.exists() or not told.read_text(encoding="utf-8").endswith("}"):
            assert time.monotonic() < until
            assert scheduler.poll() is None
            time.sleep(0.05)
        made = Machines(
            folder,
            json.loads(told.read_text(encoding="utf-8"))["address"].removeprefix("tcp://"),
            [],
        )
        made.start()
        awaited(made, 1)
        yield made
        for worker in made.workers:
            worker.kill()
            worker.wait()
    finally:
        scheduler.kill()
        scheduler.wait()


def awaited(made: Machines, count: int) -> None:
    """So many workers have joined."""
    from distributed import Client

    with Client(f"tcp://{made.address}", set_as_default=False) as client:
        client.wait_for_workers(count, timeout=300)


def study(replications: int = 10, *words: str) -> Configuration:
    """Two policies; ten replications of 2,000 requests."""
    return load(
        "compare",
        "steady",
        ["direct", "failover"],
        ["scenario.horizon=1000", "scenario.workload.rate=2", *words],
        3,
        replications,
    )


class Killer(StudyListener):
    """Kills a worker when some replications are finished."""

    def __init__(self, victim: "subprocess.Popen[bytes]") -> None:
        self.victim, self.seen = victim, 0

    def finished(self, job: Job, figures: Any) -> None:
        self.seen += 1
        if self.seen == 4:
            os.kill(self.victim.pid, signal.SIGKILL)


def files(folder: Path) -> dict[str, bytes]:
    """What must be equal bit for bit."""
    return {
        name: (folder / name).read_bytes()
        for name in ("summary.json", "evidence.json", "config.yaml")
    }


def test_a_cluster_gives_the_same_bits(machines: Machines, tmp_path: Path) -> None:
    """Summary, evidence and configuration, bit for bit."""
    made = study(3, "scenario.horizon=100")
    for name, where in (("here", {}), ("there", {"executor": DaskExecutor(machines.address)})):
        (tmp_path / name).mkdir()
        compare(made, options=ExecutionOptions(out=tmp_path / name, report=False, **where))
    assert files(tmp_path / "here") == files(tmp_path / "there")


@pytest.mark.slow
def test_a_cluster_gives_the_same_bits_also_when_a_worker_is_killed_in_the_middle(
    machines: Machines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Summary and evidence, bit for bit; every replication is finished once."""
    machines.start()
    awaited(machines, 2)
    monkeypatch.setattr(dask, "BATCH", 4_000)
    made = study()
    (tmp_path / "here").mkdir()
    (tmp_path / "there").mkdir()
    killer = Killer(machines.workers[0])
    found = compare(
        made,
        options=ExecutionOptions(
            out=tmp_path / "there", report=False, executor=DaskExecutor(machines.address)
        ),
        watch=killer,
    )
    assert machines.workers[0].wait(10) == -signal.SIGKILL
    assert (killer.seen, found.replications) == (20, 10)
    compare(made, options=ExecutionOptions(out=tmp_path / "here", report=False))
    assert files(tmp_path / "here") == files(tmp_path / "there")


@pytest.mark.slow
def test_a_search_on_a_cluster_has_the_same_bits(machines: Machines) -> None:
    """Candidates travel as policies of a configuration, in both weathers and both stages."""
    words = {"breaker.failures": "2..20", "retry.backoff.initial": "0.1..2 log"}
    asked = SearchRequest(
        ["steady"],
        "circuit_breaker",
        words,
        ["min cost_usd"],
        overrides=["scenario.horizon=60"],
        evaluations=24,
        confirm=2,
    )
    here, there = (
        tune(plan_search(asked)),
        tune(plan_search(asked), options=ExecutionOptions(executor=DaskExecutor(machines.address))),
    )
    assert there.to_json() == here.to_json()
    assert there.trials.equals(here.trials)


def test_files_and_layers_travel_by_their_contents(machines: Machines, tmp_path: Path) -> None:
    """A trace and a --plugin file that lie where no worker looks; the next study may bring another
    layer of that name."""
    place = tmp_path / "far"
    place.mkdir()
    rows = "\n".join(
        f"{number * 0.5:.1f},{100 + number % 7},{20 + number % 5}" for number in range(400)
    )
    (place / "log.csv").write_text(
        f"arrival_s,input_tokens,output_tokens\n{rows}\n", encoding="utf-8"
    )
    (place / "mine.yaml").write_text("picky: {}\n", encoding="utf-8")
    plug = place / "plug.py"
    for fatal in (0, 300):
        plug.write_text(LAYER.format(fatal=fatal), encoding="utf-8")
        load_plugins([plug])
        made = replace(
            load(
                "compare",
                "steady",
                ["direct", str(place / "mine.yaml")],
                [f"scenario.workload.trace={place}/log.csv"],
                3,
                2,
            ),
            plugins=(plug,),
        )
        if fatal:
            with pytest.raises(
                ReplicationError, match=r"policy mine, replication 0, seed 3.*ValueError: no"
            ) as failed:
                compare(made, options=ExecutionOptions(executor=DaskExecutor(machines.address)))
            assert (failed.value.policy, failed.value.replication) == ("mine", 0)
        else:
            hidden = compare(made).to_json()
            assert (
                compare(
                    made, options=ExecutionOptions(executor=DaskExecutor(machines.address))
                ).to_json()
                == hidden
            )


def test_a_worker_that_is_not_alike_is_refused_unless_it_is_allowed(
    machines: Machines, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line names it and what differs; with any_worker the study runs."""
    made = study(1, "scenario.horizon=200")
    monkeypatch.setattr(version, "__version__", "9.9")
    with pytest.raises(
        InputError, match=r"worker tcp://127.0.0.1:\d+: has simroute 0.*\(here 9.9\).*--any-worker"
    ):
        compare(made, options=ExecutionOptions(executor=DaskExecutor(machines.address)))
    assert (
        compare(
            made, options=ExecutionOptions(executor=DaskExecutor(machines.address, any_worker=True))
        ).replications
        == 1
    )


@pytest.mark.parametrize("name", ["simroute", "Python", "numeric fingerprint"])
def test_version_interpreter_and_arithmetic_must_be_equal(name: str) -> None:
    """Each is among what is compared, and named when it differs."""
    its = tuple((key, "other" if key == name else value) for key, value in traits())
    assert its != traits()
    assert f"has {name} other (here " in describe_difference("w", its, traits())


def test_a_worker_that_joined_later_examines_itself() -> None:
    """The task carries what it asks for."""
    other = dask.make_payload(study(1), (("simroute", "9.9"),))
    with pytest.raises(InputError, match="results may differ"):
        dask.play_batch(other, [("direct", 0, False)])


def test_short_replications_travel_together() -> None:
    """A batch is worth half a second of work, nothing is lost or doubled, and long replications go
    alone."""
    made = study(6, "scenario.horizon=500")
    jobs = [Job(made, policy, number) for number in range(40) for policy in made.policies]
    found = batches(jobs)
    assert [job for batch in found for job in batch] == jobs
    assert len(found[0]) == 25
    long = study(1, "scenario.horizon=90000")
    assert {
        len(batch) for batch in batches([replace(job, configuration=long) for job in jobs])
    } == {1}


REFUSED = {
    "no scheduler": (
        ["--executor", "dask://127.0.0.1:9"],
        "dask://127.0.0.1:9: no Dask scheduler answers there",
    ),
    "no address": (["--executor", "dask://somewhere"], "expected local or dask://HOST:PORT"),
    "another kind": (["--executor", "ray://127.0.0.1:9"], "expected local or dask://HOST:PORT"),
    "port": (["--executor", "dask://127.0.0.1:99999"], "expected local or dask://HOST:PORT"),
    "workers": (["--executor", "dask://127.0.0.1:9", "--workers", "2"], "leave out --workers"),
    "rows": (["--executor", "dask://127.0.0.1:9", "--rows"], "use --executor local"),
    "any worker": (["--any-worker"], "--any-worker is about the workers of a Dask cluster"),
}


@pytest.mark.parametrize(("words", "told"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_done_is_one_line(
    words: list[str],
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Exit 2, no traceback, no folder left."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(dask, "PATIENCE", 2.0)
    with pytest.raises(SystemExit) as left:
        main(["run", "scenario=steady", "policy=direct", "scenario.horizon=200", *words])
    err = capsys.readouterr().err
    assert (left.value.code, len(err.splitlines())) == (2, 1), err
    assert told in err
    assert [path.name for path in tmp_path.rglob("*") if path.name != "reports"] == []


def test_without_dask_one_line_names_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where the extra is missing."""
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(InputError, match=r"pip install 'simroute\[dist\]'"):
        compare(study(1), options=ExecutionOptions(executor=DaskExecutor("127.0.0.1:9")))
