"""State by names that callers choose."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

MOST_NAMES = 10_000
"""Names told apart."""
K = TypeVar("K")
V = TypeVar("V")


class Newest(dict[K, V]):
    """A dict of at most `MOST_NAMES` keys, or `most`. Callers of a gateway name users, tasks and
    features as they like, so beyond so many the first that was set goes, and begins anew if it
    comes back."""

    def __init__(self, most: int | None = None) -> None:
        super().__init__()
        self.most = MOST_NAMES if most is None else most

    def __setitem__(self, key: K, value: V) -> None:
        super().__setitem__(key, value)
        if len(self) > self.most:
            del self[next(iter(self))]

    def __reduce__(self) -> tuple[Any, tuple[int], None, None, Iterator[tuple[K, V]]]:
        """For another process: its bound first, then what it has."""
        return type(self), (self.most,), None, None, iter(self.items())
