"""What is wrong with what the user wrote: all of it at once, one line each."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class InputError(Exception):
    """Bad input. `lines`: one for each mistake, with the file, the key, and what would be right."""

    def __init__(self, *lines: str) -> None:
        self.lines = tuple(
            "".join(char if char.isprintable() else " " for char in line) for line in lines
        )
        super().__init__(*self.lines)


LEAST = 4
"""Letters from which on the beginning of a name is taken for it."""


def nearest(word: str, known: Iterable[str]) -> str:
    """ "did you mean X?" when something known is near, else what there is."""
    words = [str(name) for name in known]
    close = difflib.get_close_matches(str(word)[:80], words, 1, 0.6)
    if not close and len(str(word)) >= LEAST:
        close = [name for name in words if name.startswith(str(word))]
    if close:
        return f"did you mean {close[0]}?"
    return (
        f"known: {', '.join(words[:12])}{' …' if len(words) > 12 else ''}"
        if words
        else "none is known here"
    )
