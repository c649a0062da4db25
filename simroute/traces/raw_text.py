"""A file's text, decompressed and decoded, in lines and blocks."""

from __future__ import annotations

import codecs
import gzip
import io
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from simroute.streams import refusal

BLOCK = 1 << 20
"""Characters read at once from a document of JSON."""

LINE = 64 << 20
"""Characters of the longest line, or value of a document, that is held."""

EMPTY = 16 << 20
"""Characters of empty lines in a row that are skipped."""

BETWEEN = re.compile(r"[ \t\r\n\[,\]]*")
"""What stands between the values of a document."""

Record = dict[str, Any]
Unfold = Callable[[Record], Iterable[Record]]
"""From a record of the file to the requests in it, where one holds several."""


class TraceError(ValueError):
    """A file that cannot be used: file, row, and what would be right, in one line."""


def is_parquet(path: Path) -> bool:
    """Whether the file is Parquet, by its first bytes. Raises TraceError when it cannot be read."""
    return _read_magic(path)[:4] == b"PAR1"


def _read_magic(path: Path) -> bytes:
    try:
        if (why := refusal(path)) is not None:
            raise TraceError(f"{path}: {why}")
        with path.open("rb") as file:
            return file.read(8)
    except OSError as error:
        raise TraceError(f"{path}: cannot be read ({error.strerror or error})") from None


def open_text(path: Path) -> io.TextIOWrapper:
    """The file's text, decompressed and decoded. Raises TraceError."""
    magic = _read_magic(path)
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


def detect_container(path: Path) -> str:
    """ "json" or "csv", by the first character that is not blank."""
    with open_text(path) as text:
        blank = 0
        while (part := read_piece(path, text, BLOCK)) and not part.strip():
            blank = count_blank(path, blank, part)
    return "json" if part.lstrip()[:1] in ("{", "[") else "csv"


def read_lines(path: Path, text: io.TextIOWrapper) -> Iterator[str]:
    """The lines of a text. Raises TraceError, with the row, where its bytes are not readable."""
    return chain.from_iterable(_read_line_blocks(path, text))


def _read_line_blocks(path: Path, text: io.TextIOWrapper) -> Iterator[list[str]]:
    """Many lines at once. Raises TraceError for a line longer than LINE before it is held whole."""
    number, blank, parts, size = 0, 0, list[str](), 0
    try:
        while part := text.read(BLOCK):
            if "\0" in part:
                row = (
                    number
                    + 1
                    + len(
                        io.StringIO(
                            "".join([*parts, part[: part.index("\0")], "."]), newline=""
                        ).readlines()
                    )
                    - 1
                )
                raise TraceError(f"{path}: row {row}: holds a NUL byte; is it a text file?")
            blank = 0 if part.strip() else count_blank(path, blank, part)
            parts, size = [*parts, part], size + len(part)
            if "\n" not in part and "\r" not in part:
                if size > LINE:
                    raise TraceError(
                        f"{path}: row {number + 1}: is longer than {LINE >> 20} MiB; one request "
                        f"a line, without its prompt, is not"
                    )
                continue
            lines = io.StringIO("".join(parts), newline="").readlines()
            # the end of a line may still come
            parts = [] if lines[-1].endswith("\n") else [lines.pop()]
            size, number = sum(map(len, parts)), number + len(lines)
            yield lines
        if parts:
            yield parts if len(parts) == 1 else ["".join(parts)]
    except UnicodeDecodeError as error:
        raise _decoding_error(path, error) from None
    except Exception as error:
        if not _is_unpacking_error(error):
            raise
        raise TraceError(
            f"{path}: row {number + 1} or soon after: cannot be unpacked: {error}"
        ) from None


def count_blank(path: Path, before: int, part: str) -> int:
    """Characters of empty lines so far. Raises TraceError when there are too many."""
    if before + len(part) > EMPTY:
        raise TraceError(
            f"{path}: holds more than {EMPTY >> 20} MiB of empty lines in a row; is it a log?"
        )
    return before + len(part)


def _decoding_error(path: Path, error: UnicodeDecodeError) -> TraceError:
    """The error with its row, which the decoder does not know."""
    decoder, row = codecs.getincrementaldecoder("utf-8")(), 1
    with open_text(path) as text:
        while block := text.buffer.read(BLOCK):
            try:
                decoder.decode(block)
            except UnicodeDecodeError as wrong:
                row += bytes(wrong.object[: wrong.start]).count(b"\n")
                break
            row += bytes(block).count(b"\n")
    return TraceError(f"{path}: row {row}: not valid UTF-8 ({error.reason}); save it as UTF-8")


def _is_unpacking_error(error: Exception) -> bool:
    return isinstance(error, OSError | EOFError | zlib.error) or type(error).__name__ == "ZstdError"


def read_piece(path: Path, text: io.TextIOWrapper, size: int) -> str:
    """Up to `size` characters. Raises TraceError."""
    try:
        return text.read(size)
    except UnicodeDecodeError as error:
        raise _decoding_error(path, error) from None
    except Exception as error:
        if not _is_unpacking_error(error):
            raise
        raise TraceError(f"{path}: cannot be unpacked: {error}") from None
