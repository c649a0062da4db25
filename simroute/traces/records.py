"""A trace file to its records: compression and container told by content, each record with the line
on which it stands."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import json
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from glob import escape, glob, has_magic
from itertools import accumulate, chain, islice
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

from simroute.streams import refusal

CHUNK = 50_000
"""Records handed on at once."""

BLOCK = 1 << 20
"""Characters read at once from a document of JSON."""

LINE = 64 << 20
"""Characters of the longest line, or value of a document, that is held."""

EMPTY = 16 << 20
"""Characters of empty lines in a row that are passed over."""

BETWEEN = re.compile(r"[ \t\r\n\[,\]]*")
"""What stands between the values of a document."""

Record = dict[str, Any]
Unfold = Callable[[Record], Iterable[Record]]
"""A record of the file to the requests in it, where one holds several."""


class TraceError(ValueError):
    """A file that cannot be used, in one line: file, row, and what would be right."""


class Chunk(NamedTuple):
    """`columns`: name -> a text or None for each record; `lines`: the line on which each begins;
    `broken`: lines that hold no record; `typed`: texts are told from numbers and from nothing, as
    in JSON."""

    lines: Sequence[int]
    columns: Mapping[str, Sequence[str | None]]
    broken: list[int]
    typed: bool = True


class Sample(NamedTuple):
    """What a format is recognised by: container ("csv", "json"), the keys of the first records, and
    those records."""

    container: str
    keys: frozenset[str]
    records: list[Record]


def found(words: Iterable[str]) -> list[Path]:
    """Files by name, by a pattern that no shell has replaced, or all that a folder holds and that
    are not empty; each once. Raises TraceError."""
    paths: list[Path] = []
    for word in words:
        path = Path(word)
        if path.is_dir():
            held = sorted(map(Path, glob(str(Path(escape(word)) / "**" / "*"), recursive=True)))
            named = [one for one in held if one.is_file() and one.stat().st_size]
            if not named:
                raise TraceError(f"{word}: is a folder without a file that holds anything")
        else:
            named = (
                sorted(map(Path, glob(word, recursive=True)))
                if not path.exists() and has_magic(word)
                else [path]
            )
            named = [one for one in named if not one.is_dir()]
            if not named:
                raise TraceError(f"{word}: no file is called so")
        paths += named
    return list(dict.fromkeys(paths))


def is_parquet(path: Path) -> bool:
    """By its first bytes. Raises TraceError when it cannot be read."""
    return _magic(path)[:4] == b"PAR1"


def sample(path: Path, unfold: Unfold | None = None) -> Sample:
    """The first records of a text file, taken apart in the usual way or as told. Raises
    TraceError."""
    if (container := _container(path)) == "csv":
        with _text(path) as text:
            reader = _reader(path, text)
            header = _header(path, reader)
            return Sample(
                container,
                frozenset(header),
                [
                    dict(zip(header, row, strict=False))
                    for _, row in islice(_rows(path, reader), 20)
                ],
            )
    records = [
        record for _, record in islice(_objects(path, unfold or unfolded), 20) if record is not None
    ]
    return Sample(container, frozenset(key for record in records for key in record), records)


def chunks(
    path: Path, fields: Iterable[str], unfold: Unfold, sheets: bool = False
) -> Iterator[Chunk]:
    """All records of a text file, and of each these fields as text (what is nested, as JSON).
    Raises TraceError."""
    fields = tuple(fields)
    if _container(path) == "csv":
        return (
            (chunk._replace(typed=False) for chunk in _gathered(_unfolded(path, unfold), fields))
            if sheets
            else _csv(path, fields)
        )
    return _gathered(_objects(path, unfold), fields)


def unfolded(record: Record) -> Iterable[Record]:
    """An answer of an API that wraps its rows in `data`; any other record is itself."""
    rows = record.get("data")
    if isinstance(rows, dict):
        return [rows]
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else [record]


def table_of(path: Path) -> Iterator[tuple[int, list[str]]]:
    """(line, fields) of every row of a CSV file, its header first. Raises TraceError."""
    with _text(path) as text:
        reader = _reader(path, text)
        yield 1, _header(path, reader)
        yield from _rows(path, reader)


# -- bytes to text ---------------------------------------------------------------------------------


def _magic(path: Path) -> bytes:
    try:
        if (why := refusal(path)) is not None:
            raise TraceError(f"{path}: {why}")
        with path.open("rb") as file:
            return file.read(8)
    except OSError as error:
        raise TraceError(f"{path}: cannot be read ({error.strerror or error})") from None


def _text(path: Path) -> io.TextIOWrapper:
    magic = _magic(path)
    if magic[:2] == b"\x1f\x8b":
        opened: Any = gzip.open(path)  # noqa: SIM115
        return io.TextIOWrapper(opened, encoding="utf-8-sig", newline="")
    if magic[:4] == b"\x28\xb5\x2f\xfd":
        import zstandard

        return io.TextIOWrapper(zstandard.open(path, "rb"), encoding="utf-8-sig", newline="")
    if magic[:4] == b"PK\x03\x04":
        raise TraceError(
            f"{path}: is a zip archive; unpack it, or compress the file itself with gzip or zstd"
        )
    return path.open(encoding="utf-8-sig", newline="")


def _container(path: Path) -> str:
    with _text(path) as text:
        blank = 0
        while (part := _piece(path, text, BLOCK)) and not part.strip():
            blank = _blank(path, blank, part)
    return "json" if part.lstrip()[:1] in ("{", "[") else "csv"


def _lines(path: Path, text: io.TextIOWrapper) -> Iterator[str]:
    """The lines. What is wrong with the bytes is told with the row."""
    return chain.from_iterable(_blocks(path, text))


def _blocks(path: Path, text: io.TextIOWrapper) -> Iterator[list[str]]:
    """Many lines at once, none longer than LINE: what is longer is not held."""
    number, blank, held, size = 0, 0, list[str](), 0
    try:
        while part := text.read(BLOCK):
            if "\0" in part:
                row = (
                    number
                    + 1
                    + len(
                        io.StringIO(
                            "".join([*held, part[: part.index("\0")], "."]), newline=""
                        ).readlines()
                    )
                    - 1
                )
                raise TraceError(f"{path}: row {row}: holds a NUL byte; is it a text file?")
            blank = 0 if part.strip() else _blank(path, blank, part)
            held, size = [*held, part], size + len(part)
            if "\n" not in part and "\r" not in part:
                if size > LINE:
                    raise TraceError(
                        f"{path}: row {number + 1}: is longer than {LINE >> 20} MiB; one request "
                        f"a line, without its prompt, is not"
                    )
                continue
            lines = io.StringIO("".join(held), newline="").readlines()
            # the end of a line may still come
            held = [] if lines[-1].endswith("\n") else [lines.pop()]
            size, number = sum(map(len, held)), number + len(lines)
            yield lines
        if held:
            yield held if len(held) == 1 else ["".join(held)]
    except UnicodeDecodeError as error:
        raise _undecodable(path, error) from None
    except Exception as error:
        if not _unpacking(error):
            raise
        raise TraceError(
            f"{path}: row {number + 1} or soon after: cannot be unpacked: {error}"
        ) from None


def _blank(path: Path, before: int, part: str) -> int:
    """Characters of nothing so far. Raises TraceError when there are too many."""
    if before + len(part) > EMPTY:
        raise TraceError(
            f"{path}: holds more than {EMPTY >> 20} MiB of empty lines in a row; is it a log?"
        )
    return before + len(part)


def _undecodable(path: Path, error: UnicodeDecodeError) -> TraceError:
    """With the row, which the decoder does not know."""
    decoder, row = codecs.getincrementaldecoder("utf-8")(), 1
    with _text(path) as text:
        while block := text.buffer.read(BLOCK):
            try:
                decoder.decode(block)
            except UnicodeDecodeError as wrong:
                row += bytes(wrong.object[: wrong.start]).count(b"\n")
                break
            row += bytes(block).count(b"\n")
    return TraceError(f"{path}: row {row}: not valid UTF-8 ({error.reason}); save it as UTF-8")


def _unpacking(error: Exception) -> bool:
    return isinstance(error, OSError | EOFError | zlib.error) or type(error).__name__ == "ZstdError"


# -- CSV -------------------------------------------------------------------------------------------


def _reader(path: Path, text: io.TextIOWrapper) -> Any:
    lines = _lines(path, text)
    first = next(lines, "")
    delimiter = max(",;\t|", key=first.count)
    return csv.reader(chain([first], lines), delimiter=delimiter)


def _header(path: Path, reader: Any) -> list[str]:
    header = [name.strip() for name in next((row for _, row in _rows(path, reader)), [])]
    twice = next((name for name in header if header.count(name) > 1), None)
    if twice is not None:
        raise TraceError(f"{path}: row 1: column {twice!r} stands twice; rename one")
    return header


def _rows(path: Path, reader: Any) -> Iterator[tuple[int, list[str]]]:
    """(line on which it begins, fields) of each row that is not blank."""
    for lines, rows in _batches(path, reader, 1):
        yield from zip(lines, rows, strict=True)


def _batches(path: Path, reader: Any, size: int) -> Iterator[tuple[Sequence[int], list[list[str]]]]:
    """The same, so many at once."""
    before = reader.line_num
    try:
        while rows := list(islice(reader, size)):
            lines: Sequence[int] = range(before + 1, before + len(rows) + 1)
            if reader.line_num - before != len(rows):  # some go over several lines
                lines = [
                    before + 1 + more
                    for more in accumulate(
                        (1 + sum(map(_breaks, row)) for row in rows[:-1]), initial=0
                    )
                ]
            if not all(rows):
                lines, rows = (
                    [line for line, row in zip(lines, rows, strict=True) if row],
                    [row for row in rows if row],
                )
            yield lines, rows
            before = reader.line_num
    except csv.Error as error:
        remedy = (
            "; export without prompt text, or as JSON lines" if "field limit" in str(error) else ""
        )
        raise TraceError(
            f"{path}: row {reader.line_num}: not a readable CSV file ({error}){remedy}"
        ) from None


def _breaks(field: str) -> int:
    return field.count("\n") + field.count("\r") - field.count("\r\n")


def _csv(path: Path, fields: tuple[str, ...]) -> Iterator[Chunk]:
    with _text(path) as text:
        reader = _reader(path, text)
        header = _header(path, reader)
        width = len(header)
        places = {name: header.index(name) for name in fields if name in header}
        for lines, rows in _batches(path, reader, CHUNK):
            broken = []
            if set(map(len, rows)) != {width}:
                broken = [line for line, row in zip(lines, rows, strict=True) if len(row) != width]
                lines = [line for line, row in zip(lines, rows, strict=True) if len(row) == width]
                rows = [row for row in rows if len(row) == width]
            yield Chunk(
                lines,
                {name: list(map(itemgetter(place), rows)) for name, place in places.items()},
                broken,
                False,
            )


def _unfolded(path: Path, unfold: Unfold) -> Iterator[tuple[int, Record | None]]:
    """The rows of a CSV file as a format takes them apart; None for one of another width."""
    with _text(path) as text:
        reader = _reader(path, text)
        header = _header(path, reader)
        for line, row in _rows(path, reader):
            if len(row) != len(header):
                yield line, None
            else:
                yield from (
                    (line, record) for record in unfold(dict(zip(header, row, strict=True)))
                )


# -- JSON ------------------------------------------------------------------------------------------


def _gathered(
    records: Iterator[tuple[int, Record | None]], fields: tuple[str, ...]
) -> Iterator[Chunk]:
    while batch := list(islice(records, CHUNK)):
        whole = [(line, record) for line, record in batch if record is not None]
        columns = {name: [_plain(record.get(name)) for _, record in whole] for name in fields}
        yield Chunk(
            [line for line, _ in whole], columns, [line for line, record in batch if record is None]
        )


_encoded = json.JSONEncoder(ensure_ascii=False).encode


def _plain(value: Any) -> str | None:
    if isinstance(value, str):
        # half a pair of surrogates is no letter
        return value if value.isascii() else value.encode("utf-8", "replace").decode("utf-8")
    if value is None:
        return None
    return _encoded(value) if isinstance(value, dict | list | bool) else repr(value)


def _objects(path: Path, unfold: Unfold) -> Iterator[tuple[int, Record | None]]:
    """(line, record); None for a line that is no object. One object a line, or a document: an array
    of them, or a single one."""
    source = _by_line(path) if _one_a_line(path) else _document(path)
    for line, value in source:
        if isinstance(value, dict):
            for record in unfold(value):
                yield line, record
        else:
            yield line, None


def _one_a_line(path: Path) -> bool:
    """Whether the first lines are objects; a document may be a single line, however long, and is
    not read for that."""
    with _text(path) as text:
        start = _piece(path, text, BLOCK).lstrip()
    try:
        return (
            not start.startswith("[")
            and "\n" not in start[: json.JSONDecoder().raw_decode(start)[1]]
        )
    except (ValueError, RecursionError):  # a broken line, or a document longer than this
        pass
    lines = [line for line in start.splitlines()[:20] if line.strip()][:5]
    return not start.startswith("[") and (
        any(isinstance(_loaded(line), dict) for line in lines) or len(start.splitlines()) == 1
    )


def _loaded(line: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _by_line(path: Path) -> Iterator[tuple[int, Any]]:
    with _text(path) as text:
        for number, line in enumerate(_lines(path, text), 1):
            if line.strip():
                yield number, _loaded(line)


def _document(path: Path) -> Iterator[tuple[int, Any]]:
    """The values of an array one by one, never all of them at once; a document that is one object
    is one value."""
    decoder, buffer, place, line, more, blank = json.JSONDecoder(), "", 0, 1, True, 0
    with _text(path) as text:
        while True:
            start = place + len(BETWEEN.match(buffer, place)[0])  # type: ignore[index]
            line, place = line + buffer.count("\n", place, start), start
            value, stop, why = None, -1, ""
            try:
                value, stop = decoder.raw_decode(buffer, place)
            except ValueError as error:
                why = str(error.args[0]).split(":")[0]
            except RecursionError:
                why, more = "nested too deeply", False
            # a number at the end of what was read might go on
            if stop > 0 and (stop < len(buffer) or not more):
                yield line, value
                line, place = line + buffer.count("\n", place, stop), stop
            elif more:
                if len(buffer) - place > LINE:
                    raise TraceError(
                        f"{path}: row {line}: one value is longer than {LINE >> 20} MiB; write "
                        f"one object a line, or an array of them"
                    )
                part = _piece(path, text, max(BLOCK, len(buffer) - place))
                blank = 0 if part.strip() else _blank(path, blank, part)
                buffer, place, more = buffer[place:] + part, 0, bool(part)
            elif place < len(buffer):
                raise TraceError(
                    f"{path}: row {line}: not readable JSON ({why}); expected one object a line, "
                    f"or an array of them"
                )
            else:
                return


def _piece(path: Path, text: io.TextIOWrapper, size: int) -> str:
    try:
        return text.read(size)
    except UnicodeDecodeError as error:
        raise _undecodable(path, error) from None
    except Exception as error:
        if not _unpacking(error):
            raise
        raise TraceError(f"{path}: cannot be unpacked: {error}") from None
