"""Which outages hold at a target at a time: rows are matched to windows by bisection."""

from __future__ import annotations

import numpy as np

Window = tuple[float, float, tuple[int, ...]]
"""Start and end (s) of one outage, and the codes of the targets under it."""


class Outages:
    """Windows, which may overlap, as spells of each target during which the same outages hold."""

    def __init__(self, windows: list[Window]) -> None:
        changes: dict[int, list[tuple[float, int, int]]] = {}
        for place, (start, end, targets) in enumerate(windows):
            for target in targets if start < end else ():
                changes.setdefault(target, []).extend(((start, 1, place), (end, 0, place)))
        self._spells = {target: _spells(sorted(mine)) for target, mine in changes.items()}

    def match(self, target: np.ndarray, when: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns rows and windows: a pair for each row (target code, seconds) and each outage of
        that target that holds then, start included and end not."""
        rows, places = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
        for code, (edges, counts, first, windows) in self._spells.items():
            mine = np.flatnonzero(target == code)
            spell = np.searchsorted(edges, when[mine], "right")
            count = counts[spell]
            matches = np.repeat(mine, count)
            within = np.arange(len(matches)) - np.repeat(np.cumsum(count) - count, count)
            rows.append(matches)
            places.append(windows[np.repeat(first[spell], count) + within])
        return np.concatenate(rows), np.concatenate(places)


def _spells(
    changes: list[tuple[float, int, int]],
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Returns the edges (s) between spells; for each spell, the one before the first edge included,
    how many outages hold and where they stand in the last array; and that array."""
    edges, counts, first = [], [0], [0]
    windows: list[int] = []
    current: set[int] = set()
    for when, begins, window in changes:
        (current.add if begins else current.discard)(window)
        edges.append(when)
        counts.append(len(current))
        first.append(len(windows))
        windows += sorted(current)
    return np.array(edges), np.array(counts), np.array(first), np.array(windows, np.int64)
