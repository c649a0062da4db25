"""Names and words as people read them."""

from hypothesis import given
from hypothesis import strategies as st

from simroute.text import cells, clean, cut, joined, paired, pairs, shortened


def test_long_names_are_cut_and_stay_apart():
    """Short ones are never changed, even one that looks like a cut one."""
    assert shortened(["abc", "a" * 12, "a" * 11, "aaaaa… 1", "b" * 10], 10) == {
        "abc": "abc",
        "a" * 12: "aaaaa… 2",
        "a" * 11: "aaaaa… 3",
        "aaaaa… 1": "aaaaa… 1",
        "b" * 10: "b" * 10,
    }


def test_text_is_cut_by_the_columns_that_it_takes():
    """A wide character takes two, a mark on another none; nothing is cut that fits."""
    assert (cells("abc"), cells("漢字"), cells("e\u0301")) == (3, 4, 1)
    assert cut("漢字漢字", 8) == "漢字漢字"
    assert cut("漢字漢字", 6) == "漢字…"
    assert cut("漢字漢字", 7) == "漢字漢…"
    assert cut("abcdef", 4) == "abc…"


def test_names_steer_nothing():
    """R10: bidi and control characters are escaped, long names end in an ellipsis, piles of
    combining marks are cut."""
    assert clean("ab\u202ecd\x1b[31m", 40) == "ab\\u202ecd\\u001b[31m"
    assert clean("x" * 10_000, 20) == "x" * 19 + "…"
    assert len(clean("A" + "\u0301" * 1000, 20)) <= 20
    assert clean("naïve – ö", 20) == "naïve – ö"


@given(st.dictionaries(st.sampled_from(["to", "status", "breaker", "wait"]), st.text()))
def test_an_event_s_detail_is_read_back_as_it_was(detail):
    """Names may hold spaces, quotes, equals signs and anything else."""
    assert pairs(paired(detail)) == detail


def test_an_event_s_detail_is_plain_where_it_can_be():
    """Numbers in short, words as they are, quotes only around what has spaces."""
    assert (
        paired({"status": 503, "wait": 0.25, "to": "gpt-4o", "breaker": "big corp"})
        == 'status=503 wait=0.25 to=gpt-4o breaker="big corp"'
    )


def test_names_are_joined_as_one_says_them():
    """None, one, two, three."""
    assert [joined("abc"[:k]) for k in range(4)] == ["", "a", "a and b", "a, b and c"]
