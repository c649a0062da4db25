"""Figures and names as people read them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simroute.text import (
    clean,
    duration,
    joined,
    money,
    paired,
    pairs,
    percent,
    seconds,
    shortened,
    span,
    usd,
)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ((0.9973218, 0.9971, 0.9975, "share"), "99.732 % (99.710 to 99.750)"),
        ((0.79, 0.70, 0.88, "share"), "79.0 % (70.0 to 88.0)"),
        ((12.3456, 11.0, 13.7, "s"), "12.3 s (11.0 to 13.7)"),
        ((7.2912, 7.21, 7.37, "USD"), "$7.291 (7.210 to 7.370)"),
        ((1.0, 0.9999, 1.0, "share"), "100.0000 % (99.9900 to 100.0000)"),
        ((0.5, 0.5, 0.5, "share"), "50.0 %"),
        ((0.5, None, None, "share"), "50.00 %"),
        ((None, None, None, "s"), "n/a"),
        ((0.0, 0.0, 0.0, "s"), "0 s"),
        ((4931.2, None, None), "4,931"),
        ((49.31, None, None), "49.3"),
    ],
)
def test_a_figure_has_the_digits_that_its_interval_justifies(found, said):
    """Two significant digits of the half-width, never the float as it is."""
    assert span(*found) == said


def test_long_names_are_cut_and_stay_apart():
    """Short ones are never changed, even one that looks like a cut one."""
    assert shortened(["abc", "a" * 12, "a" * 11, "aaaaa… 1", "b" * 10], 10) == {
        "abc": "abc",
        "a" * 12: "aaaaa… 2",
        "a" * 11: "aaaaa… 3",
        "aaaaa… 1": "aaaaa… 1",
        "b" * 10: "b" * 10,
    }


def test_shares_near_the_ends_and_small_sums_keep_their_digits():
    """Four nines are not rounded to 100 %, a hundredth of a cent is not $0.00."""
    assert (percent(0.99996), percent(1.0), percent(None)) == ("99.9960 %", "100.00 %", "n/a")
    assert (usd(0.00012), usd(1234.5), seconds(0.034), seconds(123.4)) == (
        "$0.000120",
        "$1,234.50",
        "0.03 s",
        "123 s",
    )
    assert [usd(value) for value in (0.0000216, 0.0123, 0.0999, 0.1, -0.004, -2.5, 0.0)] == [
        "$0.0000216",
        "$0.0123",
        "$0.0999",
        "$0.10",
        "-$0.00400",
        "-$2.50",
        "$0.00",
    ]


def test_times_are_told_in_the_unit_one_would_say():
    """Seconds up to two minutes, then minutes, hours, days."""
    assert [duration(t) for t in (45, 60, 90, 2400, 3600, 86_400, 2_592_000)] == [
        "45 s",
        "1 min",
        "90 s",
        "40 min",
        "1 h",
        "1 d",
        "30 d",
    ]


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


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1234.5678, "$1,234.57"),
        (12.345, "$12.35"),
        (0.7743, "$0.774"),
        (0.000123456, "$0.000123"),
        (-0.5, "-$0.500"),
        (0.0, "$0.00"),
    ],
)
def test_money_has_three_digits_that_matter_and_cents(value, text):
    """However small it is."""
    assert money(value) == text
    assert money(abs(value), signed=True) == "+" + text.removeprefix("-")


def test_an_interval_of_small_money_is_no_row_of_noughts():
    """Three digits of the figure, where four decimals would show nothing."""
    assert span(0.0000123, 0.0000121, 0.0000125, "USD") == "$0.0000123 (0.0000121 to 0.0000125)"


def test_names_are_joined_as_one_says_them():
    """None, one, two, three."""
    assert [joined("abc"[:k]) for k in range(4)] == ["", "a", "a and b", "a, b and c"]
