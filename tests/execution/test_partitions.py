"""A trace in parts gives the figures of the whole, and goes on where it was interrupted."""

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from simroute.config.configuration import Configuration
from simroute.config.from_trace import TraceSource, load_replay
from simroute.config.loading import with_windows
from simroute.errors import InputError
from simroute.execution.partitions import FOLDER, Partitions
from simroute.execution.partitions import _read as read_part
from simroute.execution.pool import ProcessPool
from simroute.experiment.job import Job
from simroute.experiment.run import replicate
from simroute.metrics import Evidence
from simroute.models.questions import BLOCK


def trace(folder: Path, rows: int) -> Path:
    """A log in our own columns: Poisson arrivals, two models, some failures."""
    chance, at = random.Random(1), 1_756_684_800.0
    lines = ["arrival_ns,input_tokens,output_tokens,provider,model,failed,status,latency_s,user"]
    for _ in range(rows):
        at += chance.expovariate(1.0)
        model, failed = (
            chance.choice(["openai,gpt-4o", "anthropic,claude-sonnet-4-0"]),
            chance.random() < 0.05,
        )
        size = f"{chance.randint(1, 900)},{chance.randint(1, 400)}"
        lines.append(
            f"{round(at * 1e9)},{size},{model},{str(failed).lower()},{500 if failed else 200},"
            f"{chance.uniform(0.5, 5):.3f},u{chance.randint(0, 9)}"
        )
    path = folder / "log.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Configuration:
    """A replay of three blocks, under a policy that remembers nothing."""
    path = trace(tmp_path_factory.mktemp("trace"), 2 * BLOCK + 1000)
    return load_replay(
        TraceSource(
            str(path),
            [
                f"{{provider: openai, start: {BLOCK * 0.9:.0f}s, end: {BLOCK * 1.1:.0f}s, "
                f"error_share: 0.5}}"
            ],
        ),
        None,
        ["failover"],
        [],
    )


@pytest.mark.parametrize("among", [1, 2, 3, 7])
def test_parts_add_up_to_the_bits_of_the_whole(made: Configuration, among: int) -> None:
    """Every figure, split, minute, event and count, with an outage over the seam, in fewer and in
    more parts than there are blocks."""
    whole = replicate(made, "failover", 0)
    (done,) = Partitions(ProcessPool(), None).run([Job(with_windows(made, among), "failover", 0)])
    found = done.figures
    assert whole.causes["repaired"]
    assert (found.causes, found.metrics, found.pooled, found.by, found.minutes, found.events) == (
        whole.causes,
        whole.metrics,
        whole.pooled,
        whole.by,
        whole.minutes,
        whole.events,
    )
    assert whole.evidence is not None
    assert found.evidence is not None
    assert all(
        np.array_equal(found.evidence.counts[name], array)
        for name, array in whole.evidence.counts.items()
    )


def test_what_was_played_is_not_played_again(made: Configuration, tmp_path: Path) -> None:
    """After an interruption in the third part the first two are read back, one that is not whole is
    played anew, and the bits are the same."""
    job, reached = Job(with_windows(made, 3), "failover", 0), []

    def stop(_: object, seconds: float) -> None:
        reached.append(seconds)
        if len(reached) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(Partitions(ProcessPool(), tmp_path).run([job], stop))
    kept = sorted((tmp_path / FOLDER).glob("*.npz"))
    assert len(kept) == 2
    kept[1].write_bytes(kept[1].read_bytes()[:100])
    again: list[float] = []
    (done,) = Partitions(ProcessPool(), tmp_path).run(
        [job], lambda _, seconds: again.append(seconds)
    )
    assert len(again) == 2
    assert done.figures.metrics == replicate(made, "failover", 0).metrics
    assert not list((tmp_path / FOLDER).glob("*"))


def test_a_damaged_part_is_as_good_as_none(tmp_path: Path) -> None:
    """Wherever a byte of what was kept is another one."""
    file = tmp_path / "part.npz"
    packed = np.frombuffer(Evidence({"n": np.arange(2000)}).pack(), np.uint8)
    np.savez_compressed(file, evidence=packed, s_n=np.arange(500))
    whole, found = file.read_bytes(), 0
    for place in range(0, len(whole), 7):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        found += read_part(file) is None
    assert found > len(whole) / 14


def test_only_a_trace_is_played_in_parts(made: Configuration) -> None:
    """A jittered one moves requests between them."""
    jittered = replace(
        made,
        scenario=replace(
            made.scenario, workload=replace(made.scenario.workload, trace_jitter=True)
        ),
    )
    for refused, among in ((jittered, 2), (made, 0), (made, "two")):
        with pytest.raises(InputError, match="windows: "):
            with_windows(refused, among)
