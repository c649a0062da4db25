"""Server-sent events out of bytes, as the HTML standard parses them (section 9.2.6), with the bytes
of each kept as they came."""

from __future__ import annotations

import re
from typing import NamedTuple

MOST_LINE = 1 << 20
"""Bytes of one event."""

_LINE = re.compile(rb"\r\n|\n|\r")
_END = re.compile(rb"(?:\r\n|\n|\r(?!\n)){2}")
"""An empty line. A CR that ends the bytes at hand is taken for a whole line end: should a LF
follow, it stands before the next event as one empty line more, which means nothing."""
_MARK = b"\xef\xbb\xbf"


class Event(NamedTuple):
    """raw: as it came, with its empty line. data: what its `data` lines say, None without any (a
    comment that keeps the connection alive)."""

    raw: bytes
    data: bytes | None


class Events:
    """Feed it the bytes of a response, in whatever pieces they come."""

    def __init__(self) -> None:
        self._held = b""
        self._looked = 0  # so far there is no end of an event
        self._begun = False

    def feed(self, piece: bytes) -> list[Event]:
        """Returns the events that are now complete. Raises ValueError for one that is too long."""
        if not self._held and self._begun and piece.endswith(b"\n\n") and b"\r" not in piece:
            whole = piece[:-2].split(b"\n\n")  # as nearly every piece is
            return [Event(raw := part + b"\n\n", _data(raw)) for part in whole]
        held = self._held + piece
        if not self._begun:
            if _MARK.startswith(held):  # a mark may be all that has come, or a part of it
                self._held = held
                return []
            held, self._begun = held.removeprefix(_MARK), True
        events, start, looked = [], 0, self._looked
        while (end := _END.search(held, looked)) is not None:
            raw = held[start : end.end()]
            start = looked = end.end()
            events.append(Event(raw, _data(raw)))
        self._held = held[start:]
        self._looked = max(0, len(self._held) - 3)
        if len(self._held) > MOST_LINE:
            raise ValueError("an event of the stream is too long")
        return events


def _data(raw: bytes) -> bytes | None:
    if raw.startswith(b"data: ") and b"\r" not in raw and raw.count(b"\n") == 2:
        return raw[6:-2]  # what nearly every event is
    lines = [
        line[5:].removeprefix(b" ") if line[4:5] == b":" else b""
        for line in _LINE.split(raw)
        if line == b"data" or line.startswith(b"data:")
    ]
    return b"\n".join(lines) if lines else None
