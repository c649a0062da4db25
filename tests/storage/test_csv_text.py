"""Tables for spreadsheets: no text is a formula, and every number is one."""

import csv
import io

import pytest

from simroute.storage import format_csv

FORMULAS = ['=HYPERLINK("http://evil","x")', "+1+1", "@SUM(A1)", "-2+3", "\t=1", "\r=1", "=1+1"]


@pytest.mark.parametrize("text", FORMULAS)
def test_a_text_that_begins_like_a_formula_gets_an_apostrophe(text):
    """R05: as a cell and as a head; the rest of it is unchanged."""
    heads, row = csv.reader(io.StringIO(format_csv([text], [[text]]), newline=""))
    assert heads == row == ["'" + text]


def test_numbers_stay_numbers():
    """Negative ones too, to a nano-dollar; what is not known is empty; other texts are as they
    are."""
    made = list(
        csv.reader(
            io.StringIO(
                format_csv(["a", "b", "c", "d", "e"], [[-2.5, 3, None, "a-b=c", 0.1 + 0.2]]),
                newline="",
            )
        )
    )
    assert made[1] == ["-2.5", "3", "", "a-b=c", "0.3"]
