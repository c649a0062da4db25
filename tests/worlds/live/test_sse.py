"""Server-sent events as the HTML standard parses them (section 9.2.6)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simroute.worlds.live.sse import MOST_LINE, Events


def read(content, sizes=(10**9,)):
    """The data of each event, from pieces of these sizes, in turn."""
    events, found, place, turn = Events(), [], 0, 0
    while place < len(content):
        size = sizes[turn % len(sizes)]
        found += events.feed(content[place : place + size])
        place, turn = place + size, turn + 1
    return [event.data for event in found if event.data is not None]


@pytest.mark.parametrize(
    ("content", "data"),
    [
        (b"data: a\n\n", [b"a"]),
        (b"data:a\r\n\r\n", [b"a"]),
        (b"data: a\r\rdata: b\r\r", [b"a", b"b"]),
        (b"\xef\xbb\xbfdata: a\n\n", [b"a"]),
        (b"data:  two spaces\n\n", [b" two spaces"]),
        (b"data: YHOO\ndata: +2\ndata: 10\n\n", [b"YHOO\n+2\n10"]),  # the standard's own example
        (b": test stream\n\ndata: first event\nid: 1\n\n", [b"first event"]),
        (b"data\n\ndata\ndata\n\ndata:", [b"", b"\n"]),  # the standard's: the last one is no event
        (b"event: error\ndata: x\n\n", [b"x"]),
        (b"retry: 10\n\n", []),
        (b"database: x\n\n", []),
        (b"data: not yet ended\n", []),
    ],
)
def test_events_are_what_the_standard_says(content, data):
    """Line ends, marks, comments, several lines of data, fields that are not data."""
    assert read(content) == data


LINES = st.lists(
    st.sampled_from([b"data: a", b"data:b", b": c", b"event: x", b"", b"data", b"id: 4"]),
    max_size=12,
)


@given(LINES, st.sampled_from([b"\n", b"\r\n", b"\r"]), st.lists(st.integers(1, 7), min_size=1))
def test_events_do_not_depend_on_how_the_bytes_arrive(lines, end, sizes):
    """Any pieces give the events of the whole."""
    content = end.join([*lines, b"", b""])
    assert read(content, sizes) == read(content)


def test_all_bytes_are_in_the_events():
    """What is handed on is what came."""
    content = b": hi\n\ndata: a\r\n\r\ndata: b\ndata: c\n\n"
    assert b"".join(event.raw for event in Events().feed(content)) == content


def test_an_event_without_an_end_is_refused():
    """After a megabyte."""
    events = Events()
    assert events.feed(b"x" * MOST_LINE) == []
    with pytest.raises(ValueError, match="too long"):
        events.feed(b"x")
