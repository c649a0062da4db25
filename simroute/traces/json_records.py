"""Records out of JSON: a document of any shape, or an object a line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from simroute.traces.raw_text import (
    BETWEEN,
    BLOCK,
    LINE,
    Record,
    TraceError,
    Unfold,
    count_blank,
    open_text,
    read_lines,
    read_piece,
)


def read_objects(path: Path, unfold: Unfold) -> Iterator[tuple[int, Record | None]]:
    """(line, record) of each object, or (line, None) for a line that is no object.

    A file has an object on each line, or is a document: an array of objects, or one.
    """
    source = _read_lines(path) if _is_json_lines(path) else _read_document(path)
    for line, value in source:
        if isinstance(value, dict):
            for record in unfold(value):
                yield line, record
        else:
            yield line, None


def _is_json_lines(path: Path) -> bool:
    """Whether the first lines are objects. A document may be one line of any length, and is not
    read for that."""
    with open_text(path) as text:
        start = read_piece(path, text, BLOCK).lstrip()
    try:
        return (
            not start.startswith("[")
            and "\n" not in start[: json.JSONDecoder().raw_decode(start)[1]]
        )
    except (ValueError, RecursionError):  # a broken line, or a document longer than this
        pass
    lines = [line for line in start.splitlines()[:20] if line.strip()][:5]
    return not start.startswith("[") and (
        any(isinstance(_parse_line(line), dict) for line in lines) or len(start.splitlines()) == 1
    )


def _parse_line(line: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _read_lines(path: Path) -> Iterator[tuple[int, Any]]:
    with open_text(path) as text:
        for number, line in enumerate(read_lines(path, text), 1):
            if line.strip():
                yield number, _parse_line(line)


def _read_document(path: Path) -> Iterator[tuple[int, Any]]:
    """(line, value) of each value of an array, never all of them at once; a document that is one
    object is one value."""
    decoder, buffer, position, line, more, blank = json.JSONDecoder(), "", 0, 1, True, 0
    with open_text(path) as text:
        while True:
            start = position + len(BETWEEN.match(buffer, position)[0])  # type: ignore[index]
            line, position = line + buffer.count("\n", position, start), start
            value, stop, reason = None, -1, ""
            try:
                value, stop = decoder.raw_decode(buffer, position)
            except ValueError as error:
                reason = str(error.args[0]).split(":")[0]
            except RecursionError:
                reason, more = "nested too deeply", False
            # a number at the end of what was read might go on
            if stop > 0 and (stop < len(buffer) or not more):
                yield line, value
                line, position = line + buffer.count("\n", position, stop), stop
            elif more:
                if len(buffer) - position > LINE:
                    raise TraceError(
                        f"{path}: row {line}: one value is longer than {LINE >> 20} MiB; write "
                        f"one object a line, or an array of them"
                    )
                part = read_piece(path, text, max(BLOCK, len(buffer) - position))
                blank = 0 if part.strip() else count_blank(path, blank, part)
                buffer, position, more = buffer[position:] + part, 0, bool(part)
            elif position < len(buffer):
                raise TraceError(
                    f"{path}: row {line}: not readable JSON ({reason}); expected one object "
                    f"a line, or an array of them"
                )
            else:
                return
