"""Figures as people read them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simroute.units import change, duration, figure, half_width, money, percent, seconds, span, usd


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


def test_shares_near_the_ends_and_small_sums_keep_their_digits():
    """Four nines are not rounded to 100 %, a hundredth of a cent is not $0.00."""
    assert (percent(0.99996), percent(1.0), percent(None)) == ("99.9960 %", "100.00 %", "n/a")
    assert (usd(0.00012), usd(1234.5), seconds(0.034), seconds(123.4)) == (
        "$0.000120",
        "$1,234.50",
        "0.03 s",
        "2:03 min",
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


def test_times_are_told_as_one_would_write_them():
    """Seconds up to two minutes, minutes up to two hours, then hours and days; a part of a unit in
    its own way, never as a decimal."""
    told = {
        0.25: "0.25 s",
        45: "45 s",
        60: "1 min",
        90: "90 s",
        119.9: "120 s",
        150: "2:30 min",
        601.4: "10:01 min",
        2400: "40 min",
        3600: "1 h",
        5400: "90 min",
        45_900: "12:45 h",
        86_400: "1 d",
        129_600: "36 h",
        216_000: "2 d 12 h",
        2_592_000: "30 d",
        -150: "-2:30 min",
        86_400e9: "1e+09 d",
        float("inf"): "inf s",
    }
    assert {time: duration(time) for time in told} == told


@given(st.floats(120, 1e8))
def test_a_time_that_is_read_back_is_off_by_less_than_its_last_digit_says(time):
    """Half a second under two hours, half a minute under two days, half an hour from there on."""
    said = duration(time)
    sizes = {"min": 60.0, "h": 3600.0, "d": 86_400.0}
    total = 0.0
    for number, unit in zip(said.split()[::2], said.split()[1::2], strict=True):
        whole, _, part = number.replace(",", "").partition(":")
        total += sizes[unit] * (int(whole) + (int(part) / 60 if part else 0))
    assert abs(total - time) <= (0.5 if time < 7199 else 30 if time < 172_769 else 1800) * 1.0001


def test_long_times_have_no_more_parts_than_their_interval_justifies():
    """Whole minutes where the interval is wider than two of them, seconds where it is not."""
    assert span(1513, 1500, 1520, "s") == "25:13 min (25:00 to 25:20)"
    assert span(1513, 1200, 1900, "s") == "25 min (20 to 32)"
    assert span(45_900, 45_000, 46_800, "s") == "12:45 h (12:30 to 13:00)"
    assert span(45_900, 20_000, 70_000, "s") == "13 h (6 to 19)"


def test_a_figure_and_its_half_width_have_the_same_decimals():
    """To the farther bound; a difference with its sign."""
    assert (
        figure(0.7118, 0.7083, 0.7153, "share"),
        half_width(0.7118, 0.7083, 0.7153, "share"),
    ) == (
        "71.18 %",
        "0.35",
    )
    assert (figure(-0.278380, -0.9, 0.3, "share"), figure(-5.5, -6.0, -5.0, "USD")) == (
        "-28 %",
        "-$5.50",
    )
    assert figure(0.998987, 0.998986, 0.998988, "share") == "99.90 %"
    assert figure(0.7662, 0.7611, 0.7713, "USD") == "$0.766"
    assert (half_width(0.9, 0.7, 1.0, "share"), half_width(0.9, None, None, "share")) == ("20", "-")
    assert change(0.268312, 0.2489, 0.2877, "share") == "+26.8 pp (+24.9 to +28.8)"
    assert (change(-1.5, None, None, "s"), change(None, None, None)) == ("-1.50 s", "n/a")


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
