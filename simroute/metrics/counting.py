"""Counts by place."""

from __future__ import annotations

import numpy as np


def count_places(counts: np.ndarray, places: np.ndarray) -> None:
    """Adds one to `counts` at each of these places: of a table, as if its rows were one. Costs time
    for the places between the least and the greatest, not for all of a long table."""
    if len(places):
        least = int(places.min())
        here = np.bincount(places - least)
        counts.reshape(-1)[least : least + len(here)] += here
