"""What would fill memory or never end is refused: long lines however they are packed, empty lines,
devices and pipes."""

import gzip
import os
from pathlib import Path

import pytest

from simroute.cli import main
from simroute.streams import content
from simroute.traces import TraceError, json_records, raw_text, read

ROW = '{"arrival_s": 1, "input_tokens": 5, "output_tokens": 1}\n'


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounds of kilobytes instead of megabytes."""
    for module in (raw_text, json_records):
        monkeypatch.setattr(module, "BLOCK", 1 << 10)
    for module in (raw_text, json_records):
        monkeypatch.setattr(module, "LINE", 8 << 10)
    monkeypatch.setattr(raw_text, "EMPTY", 4 << 10)


LONG = {
    "a line of JSON": (ROW + '{"x": "' + "y" * 20_000 + '"}\n', "row 2: is longer than"),
    "a line of CSV": (
        "arrival_s,input_tokens,output_tokens\n1,1,1\n" + "9" * 20_000 + ",1,1\n",
        "row 3: is longer than",
    ),
    "a header": ("a" * 20_000, "row 1: is longer than"),
    "a value of a document": (
        "[" + ROW + ',{"x": "' + "y" * 20_000 + '"}]',
        "one value is longer than",
    ),
    "empty lines": (ROW + "\n" * 20_000, "of empty lines in a row"),
    "empty lines before all": ("\n" * 20_000 + ROW, "of empty lines in a row"),
    "nothing between values": (
        "[" + ROW + " " * 20_000 + "," + ROW + "]",
        "of empty lines in a row",
    ),
}


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("case", LONG)
@pytest.mark.usefixtures("narrow")
def test_what_is_too_long_is_refused_as_it_is_read(tmp_path: Path, case: str, packed: bool) -> None:
    """With the row, and before it is held."""
    text, message = LONG[case]
    path = tmp_path / "log"
    path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    with pytest.raises(TraceError, match=message):
        read([path])


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["lf", "crlf", "cr"])
def test_lines_are_the_same_wherever_a_block_ends(tmp_path: Path, end: str) -> None:
    """A line may end in two characters, of which a block may hold the first; a text with another
    kind of separator is one line."""
    path = tmp_path / "log.csv"
    rows = [f"{second},{second % 7 + 1},{1 + second % 3}" for second in range(3000)]
    path.write_text(
        end.join(["arrival_s,input_tokens,output_tokens", *rows, ""]), encoding="utf-8", newline=""
    )
    found = read([path])
    assert (found.requests, found.skipped) == (3000, {})
    assert found.value("SELECT sum(input_tokens) FROM requests") == sum(
        second % 7 + 1 for second in range(3000)
    )
    lines = tmp_path / "log.jsonl"
    lines.write_text(
        "".join(
            ROW.replace("1,", f'{second}, "x": "a\u2028b\u0085c",', 1) for second in range(500)
        ),
        encoding="utf-8",
    )
    assert read([lines]).requests == 500


@pytest.mark.usefixtures("narrow")
def test_the_row_that_is_no_text_is_told_in_a_long_file(tmp_path: Path) -> None:
    """Bytes that are no UTF-8, and a NUL byte, far behind the first block."""
    path = tmp_path / "log.csv"
    head, row = b"arrival_s,input_tokens,output_tokens\n", b"1,2,3\n"
    path.write_bytes(head + row * 1000 + b"\xff,1,1\n" + row * 1000)
    with pytest.raises(TraceError, match="row 1002: not valid UTF-8"):
        read([path])
    path.write_bytes(head + row * 1000 + b"4,\0,1\n" + row * 1000)
    with pytest.raises(TraceError, match="row 1002: holds a NUL byte"):
        read([path])


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """What a command that must fail with status 2 says."""
    with pytest.raises(SystemExit) as left:
        main(list(words))
    assert left.value.code == 2
    return capsys.readouterr().err


@pytest.mark.parametrize("command", [("trace", "inspect"), ("check",), ("fit",)], ids=" ".join)
def test_devices_and_pipes_that_nobody_fills_are_refused(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    command: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They neither hang nor fill memory."""
    monkeypatch.setattr("simroute.streams.WAIT_S", 0.05)
    monkeypatch.chdir(tmp_path)
    pipe = tmp_path / "pipe.yaml"
    os.mkfifo(pipe)
    for path, message in (("/dev/zero", "is no regular file"), (str(pipe), "is a pipe")):
        assert message in refused(capsys, *command, path)


def test_a_pipe_with_a_writer_is_read_once(tmp_path: Path) -> None:
    """As a shell's <(…) gives it; an endless one is read no further than the bound."""
    reader, writer = os.pipe()
    os.write(writer, b"horizon: 10s\n")
    os.close(writer)
    assert content(Path(f"/dev/fd/{reader}"), 1 << 20) == b"horizon: 10s\n"
    os.close(reader)
    reader, writer = os.pipe()
    os.write(writer, b"y\n" * 5000)
    assert len(content(Path(f"/dev/fd/{reader}"), 100)) > 100
