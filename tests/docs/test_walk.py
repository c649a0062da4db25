"""What `docs/walk.py` makes of an output that a page shows."""

import pytest
from walk import compared

OUTPUT = """policy kept success
direct   no 74.34 %
calm    yes 99.1 %
kong    yes 99.93 %

How long: direct 14:49 min, kong 20.4 s.
What failed, and why:
  direct: 25 % failed
  kong: 0.1 % failed
written to reports/x
"""


def test_figures_within_one_of_their_last_digit_are_right_and_others_are_renewed():
    """One line of difference, and the page has what came out."""
    shown = "direct   no 74.35 %\n…\n  kong: 0.3 % failed\n"
    text, problems = compared(shown, OUTPUT)
    assert text == "direct   no 74.34 %\n…\n  kong: 0.1 % failed\n"
    assert problems == ["shows 'kong: 0.3 % failed', and it is 'kong: 0.1 % failed'"]


def test_a_line_whose_figures_have_another_form_is_renewed():
    """Seconds where there were minutes."""
    shown = "How long: direct 14:49 min, kong 3:28 min.\n"
    text, problems = compared(shown, OUTPUT)
    assert text == "How long: direct 14:49 min, kong 20.4 s.\n"
    assert len(problems) == 1


def test_lines_in_another_order_are_told_and_put_in_order():
    """With what each of them is now."""
    shown = "policy kept success\nkong    yes 99.93 %\ndirect   no 74.34 %\ncalm    yes 99.1 %\n"
    text, problems = compared(shown, OUTPUT)
    assert text == "".join(OUTPUT.splitlines(keepends=True)[:4])
    assert [problem.partition(",")[0] for problem in problems] == [
        "shows lines in another order than the output"
    ]


@pytest.mark.parametrize(
    ("shown", "renewed"),
    [
        ("direct   no 74.34 %\nkong    yes 99.93 %\n", 3),
        ("direct   no 74.34 %\n…\nkong    yes 99.93 %\n", None),
        ("policy kept success\nwritten to reports/x\n", None),
    ],
)
def test_lines_that_came_between_are_shown_where_no_ellipsis_stands(shown, renewed):
    """Unless so many that they were left out on purpose."""
    text, problems = compared(shown, OUTPUT)
    assert problems == []
    assert text == (shown if renewed is None else "".join(OUTPUT.splitlines(True)[1 : 1 + renewed]))


def test_the_rest_of_a_page_is_renewed_where_a_line_is_gone():
    """It stays as it is, and is told."""
    text, problems = compared("direct   no 70 %\n…\nhystrix no 3 %\n", OUTPUT)
    assert text == "direct   no 74.34 %\n…\nhystrix no 3 %\n"
    assert problems[1].startswith("no such line in the output: 'hystrix no 3 %'")


def test_a_line_cut_short_is_cut_where_it_was():
    """Also when it is the same twice."""
    text, problems = compared("kong    yes …\n…\nwritten to …\n", OUTPUT)
    assert (text, problems) == ("kong    yes …\n…\nwritten to …\n", [])
    twice = "a 1\na 1\n"
    assert compared(twice, twice) == (twice, [])
