"""The journal: what goes in comes out bit for bit, it survives kill -9, and a full disk is told in
the system's words."""

import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from disks import LIMITED, small_disk
from simroute.metrics import Evidence, Figures
from simroute.storage import Header, Journal, JournalError
from simroute.storage.disk import system_error, translate_errors
from simroute.storage.replication_journal import JOURNAL, decode_figures, encode_figures

HEADER = Header("0.1.0", "f1", "abc", False, (("plug.py", "12"),), "command: run\n")
FIGURES = Figures(
    {"success_rate": 0.1 + 0.2, "ttft_p95_s": None, "cost_usd": 5e-324},
    {"success_rate": (3, 10)},
    {"target": {'é "x"': {"attempts": 5.0, "utilisation": None}}},
    [[1, 2], [1, 1]],
    {"opened": 2},
    Evidence(
        {"arrivals": np.arange(3000), "sends": np.ones((2, 2), np.int64)},
        {"turns": [[1.5, "opened"]]},
    ),
)


def same(one: Figures, two: Figures) -> None:
    """Equal to the last bit, evidence included."""
    assert replace(one, evidence=None) == replace(two, evidence=None)
    assert repr(replace(one, evidence=None)) == repr(replace(two, evidence=None))
    assert (one.evidence is None) == (two.evidence is None)
    if one.evidence is not None and two.evidence is not None:
        assert one.evidence.story == two.evidence.story
        assert {
            name: (array.dtype, array.tolist()) for name, array in one.evidence.counts.items()
        } == {name: (array.dtype, array.tolist()) for name, array in two.evidence.counts.items()}


def test_what_goes_in_comes_out_bit_for_bit(tmp_path: Path) -> None:
    """Floats, None, tuples, names of any letters, evidence or none, after the file was closed and
    opened again."""
    journal = Journal.create(tmp_path, HEADER)
    journal.add("failover", 3, FIGURES)
    journal.add("direct", 0, replace(FIGURES, evidence=None))
    journal.close()
    again = Journal.open(tmp_path)
    assert again.header == HEADER
    assert again.keys() == {("failover", 3), ("direct", 0)}
    same(again.figures("failover", 3), FIGURES)
    same(again.figures("direct", 0), replace(FIGURES, evidence=None))
    again.close()


floats = st.none() | st.floats(allow_nan=False)
metrics = st.dictionaries(st.text(max_size=5), floats, max_size=4)


@given(
    metrics,
    st.dictionaries(st.text(max_size=5), st.tuples(st.integers(), st.integers()), max_size=3),
    st.lists(st.lists(st.integers())),
)
def test_any_figures_survive_json(values: dict, pooled: dict, minutes: list) -> None:
    """Every float to the last bit; tuples stay tuples, lists lists."""
    figures = Figures(values, pooled, {"task": {"chat": values}}, minutes, {})
    same(decode_figures(encode_figures(figures)), figures)


def test_a_replication_that_is_added_again_replaces_the_first(tmp_path: Path) -> None:
    """And one that is forgotten is gone."""
    journal = Journal.create(tmp_path, HEADER)
    journal.add("direct", 0, FIGURES)
    journal.add("direct", 0, replace(FIGURES, events={"closed": 1}))
    assert journal.figures("direct", 0).events == {"closed": 1}
    journal.forget("direct", 0)
    assert journal.keys() == set()
    journal.close()


def test_looking_leaves_the_files_as_they_are(tmp_path: Path) -> None:
    """Even after a kill -9, when duckdb has a log to replay."""
    die_after(tmp_path, 3)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert f"{JOURNAL}.wal" in before
    journal = Journal.open(tmp_path, read_only=True)
    assert len(journal.keys()) == 3
    journal.close()
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_journal_that_has_served_leaves_nothing(tmp_path: Path) -> None:
    """Neither file nor log."""
    journal = Journal.create(tmp_path, HEADER)
    journal.add("direct", 0, FIGURES)
    journal.remove()
    assert list(tmp_path.iterdir()) == []


def test_a_study_that_has_grown_is_entered(tmp_path: Path) -> None:
    """The new header is there after the file was closed, and the replications too."""
    journal = Journal.create(tmp_path, HEADER)
    journal.add("direct", 0, FIGURES)
    journal.amend(replace(HEADER, sha256="def"))
    journal.close()
    again = Journal.open(tmp_path)
    assert (again.header.sha256, len(again.keys())) == ("def", 1)
    again.close()


WRITER = """
import os, sys
from pathlib import Path
from test_replication_journal import FIGURES, HEADER
from simroute.storage import Journal
journal = Journal.create(Path(sys.argv[1]), HEADER)
for number in range(10**9 if sys.argv[2] == "-" else int(sys.argv[2])):
    journal.add("direct", number, FIGURES)
    print(number, flush=True)
os.kill(os.getpid(), 9)
"""


def writer(folder: Path, count: str) -> "subprocess.Popen[str]":
    """A process that fills a journal, and says after each insertion that it is done."""
    places = os.pathsep.join(
        [str(Path(__file__).parent), str(Path(__file__).parent.parent), *sys.path]
    )
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder), count],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": places},
    )


def die_after(folder: Path, count: int) -> None:
    """A journal of so many replications whose writer was killed."""
    assert writer(folder, str(count)).wait(timeout=300) == -signal.SIGKILL


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL on this system")
@pytest.mark.parametrize("number", range(6))
def test_nothing_that_was_entered_is_lost_by_kill_9(number: int, tmp_path: Path) -> None:
    """Killed at six random moments: the file opens, holds all that was said to be in it, each
    whole, and at most one more."""
    process = writer(tmp_path, "-")
    assert process.stdout is not None
    said = [process.stdout.readline()]  # it has begun
    time.sleep(random.Random(number).uniform(0.0, 0.6))
    process.kill()
    said += process.stdout.readlines()
    process.wait(timeout=300)
    journal = Journal.open(tmp_path)
    entered = len([line for line in said if line.endswith("\n")])
    assert entered <= len(journal.keys()) <= entered + 1
    for key in sorted(journal.keys()):
        same(journal.figures(*key), FIGURES)
    journal.add("direct", 10**6, FIGURES)  # and can be written to
    journal.close()


@pytest.mark.parametrize("raw", [b"", b"x" * 100, b"\0" * 20_000])
def test_a_file_that_is_no_journal_is_told_so(raw: bytes, tmp_path: Path) -> None:
    """One error of ours, whatever duckdb calls it."""
    (tmp_path / JOURNAL).write_bytes(raw)
    with pytest.raises(JournalError):
        Journal.open(tmp_path)


def test_a_journal_of_another_schema_is_told_so(tmp_path: Path) -> None:
    """With both versions."""
    journal = Journal.create(tmp_path, HEADER)
    journal.amend(replace(HEADER, schema_version=99))
    journal.close()
    with pytest.raises(JournalError, match="99"):
        Journal.open(tmp_path)


def test_a_journal_can_reach_no_other_file(tmp_path: Path) -> None:
    """A view in the place of the table, which would read a file into the figures, is refused by
    duckdb."""
    (tmp_path / "secret.csv").write_text(
        "policy,replication,figures,evidence\na,0,{},\n", encoding="utf-8"
    )
    Journal.create(tmp_path, HEADER).close()
    with duckdb.connect(str(tmp_path / JOURNAL)) as base:
        base.execute("DROP TABLE replications")
        base.execute(
            f"CREATE VIEW replications AS SELECT * FROM read_csv('{tmp_path / 'secret.csv'}')"
        )
    journal = Journal.open(tmp_path)
    with pytest.raises(OSError):
        journal.keys()
    journal.close()


def test_broken_evidence_is_told_so(tmp_path: Path) -> None:
    """Bytes that are no archive, or an archive with pickles, are never executed."""
    journal = Journal.create(tmp_path, HEADER)
    journal.add("direct", 0, FIGURES)
    journal._database.execute("UPDATE replications SET evidence = 'abc'::BLOB")
    with pytest.raises(JournalError, match="policy direct, replication 0"):
        journal.figures("direct", 0)
    journal.close()


def fill(journal: Journal, figures: Figures) -> None:
    """More than any small disk holds."""
    for number in range(1000):
        journal.add("direct", number, figures)


def test_a_full_disk_is_told_in_the_system_s_words_and_keeps_what_was_entered(
    tmp_path: Path,
) -> None:
    """A real file system of 2 MB: OSError with the name of the file; what was entered before is
    there."""
    with small_disk(tmp_path / "disk", 2048) as disk:
        journal = Journal.create(disk, HEADER)
        large = replace(
            FIGURES,
            evidence=Evidence(
                {"noise": np.random.Generator(np.random.Philox(1)).integers(0, 2**62, 20_000)}
            ),
        )
        with pytest.raises(OSError, match="No space left on device") as caught:
            fill(journal, large)
        assert caught.value.filename == str(disk / JOURNAL)
        journal.close()
        again = Journal.open(disk, read_only=True)
        assert len(again.keys()) > 0
        same(again.figures("direct", 0), large)
        again.close()


@pytest.mark.parametrize("size", [1000, 20_000, 300_000, 1_000_000])
def test_a_limit_on_the_size_of_files_is_an_os_error_wherever_it_strikes(
    size: int, tmp_path: Path
) -> None:
    """At creation, at the first insertion or later: a child whose files may not grow leaves by
    OSError, and nothing else."""
    program = (
        LIMITED.format(bytes=size)
        + """
from pathlib import Path
from test_replication_journal import FIGURES, HEADER, replace
from simroute.storage import Journal
try:
    journal = Journal.create(Path(sys.argv[1]), HEADER)
    for number in range(100_000):
        journal.add("direct", number, FIGURES)
except OSError as error:
    print(error.strerror, error.filename)
"""
    )
    places = os.pathsep.join(
        [str(Path(__file__).parent), str(Path(__file__).parent.parent), *sys.path]
    )
    env = {**os.environ, "PYTHONPATH": places, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        env=env,
    )
    assert (done.returncode, done.stdout) == (0, f"File too large {tmp_path / JOURNAL}\n"), (
        done.stderr
    )


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            duckdb.IOException('IO Error: Could not write file "/x": No space left on device'),
            "No space left on device",
        ),
        (
            duckdb.TransactionException(
                "TransactionContext Error: Failed to commit: File too large"
            ),
            "File too large",
        ),
        (
            duckdb.InternalException("INTERNAL Error: something\nwith a second line"),
            "INTERNAL Error: something",
        ),
    ],
)
def test_errors_of_duckdb_become_the_system_s(error: Exception, words: str) -> None:
    """With the system's number where it is known, else the first line."""
    assert system_error(error, Path("j")).strerror == words


def test_ctrl_c_within_duckdb_is_ctrl_c() -> None:
    """duckdb tells it by a RuntimeError."""
    with pytest.raises(KeyboardInterrupt), translate_errors(Path("j")):
        raise RuntimeError("Query interrupted")
    with pytest.raises(RuntimeError, match="another"), translate_errors(Path("j")):
        raise RuntimeError("another")
