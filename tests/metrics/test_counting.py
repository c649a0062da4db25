"""Counts by place, and rows that wait for their requests."""

from collections import Counter
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from simroute.metrics.counting import count_places
from simroute.metrics.pending_rows import PendingRows

SIZE = 40
PLACES = st.lists(st.lists(st.integers(0, SIZE - 1), max_size=30), max_size=4)


@given(chunks=PLACES)
def test_each_place_counts_once_for_each_time_it_is_named(chunks: list[list[int]]):
    """As `collections.Counter` counts, over several chunks, some of them empty; a table counts as
    if its rows were one."""
    row, table = np.zeros(SIZE, np.int64), np.zeros((8, 5), np.int32)
    for chunk in chunks:
        count_places(row, np.array(chunk, np.int64))
        count_places(table, np.array(chunk, np.int64))
    expected = Counter(place for chunk in chunks for place in chunk)
    assert dict(enumerate(row.tolist())) == {place: expected[place] for place in range(SIZE)}
    assert table.ravel().tolist() == row.tolist()


@given(
    owners=st.lists(st.integers(-1, 11), min_size=1, max_size=60),
    cuts=st.lists(st.integers(0, 59), max_size=4),
    order=st.permutations(range(4)),
)
def test_the_rows_of_requests_come_whole_and_in_order_however_chunks_are_cut(
    owners: list[int], cuts: list[int], order: list[int]
):
    """Twelve requests, three at a time in any order; rows of no request are left, and no chunk is
    kept for them."""
    rows = {"request_id": np.array(owners), "number": np.arange(len(owners))}
    edges = sorted({0, len(owners), *(cut for cut in cuts if cut < len(owners))})
    pending = PendingRows()
    for start, end in pairwise(edges):
        pending.add({name: column[start:end] for name, column in rows.items()})
    for block in order:
        taken = pending.take(np.arange(3 * block, 3 * block + 3), ["number"])
        expected = [n for n, owner in enumerate(owners) if owner >= 0 and owner // 3 == block]
        assert ([] if taken is None else taken["number"].tolist()) == expected
    assert pending.chunks == []
    assert pending.take(np.arange(3)) is None
