"""Which outages hold over which target when: rows are matched to windows by bisection."""

from __future__ import annotations

import numpy as np

Window = tuple[float, float, tuple[int, ...]]
"""Start and end (s) of one outage, and the codes of the targets under it."""


class Outages:
    """Windows as spells of each target between which nothing changes, with the outages that hold in
    each; they may overlap."""

    def __init__(self, windows: list[Window]) -> None:
        turns: dict[int, list[tuple[float, int, int]]] = {}
        for place, (start, end, targets) in enumerate(windows):
            for target in targets if start < end else ():
                turns.setdefault(target, []).extend(((start, 1, place), (end, 0, place)))
        self._spells = {target: _spells(sorted(mine)) for target, mine in turns.items()}

    def match(self, target: np.ndarray, when: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(row, window) of each row at a target (code) and a time (s) within an outage of it, start
        included and end not."""
        rows, places = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
        for code, (edges, many, first, held) in self._spells.items():
            mine = np.flatnonzero(target == code)
            spell = np.searchsorted(edges, when[mine], "right")
            count = many[spell]
            found = np.repeat(mine, count)
            within = np.arange(len(found)) - np.repeat(np.cumsum(count) - count, count)
            rows.append(found)
            places.append(held[np.repeat(first[spell], count) + within])
        return np.concatenate(rows), np.concatenate(places)


def _spells(
    turns: list[tuple[float, int, int]],
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(edges, and for the spell before each and that after the last: how many outages hold, where
    they stand; the outages themselves)."""
    edges, many, first = [], [0], [0]
    held: list[int] = []
    here: set[int] = set()
    for when, begins, place in turns:
        (here.add if begins else here.discard)(place)
        edges.append(when)
        many.append(len(here))
        first.append(len(held))
        held += sorted(here)
    return np.array(edges), np.array(many), np.array(first), np.array(held, np.int64)
