"""Which parameter matters: shares of variance, by hand."""

import pytest

from simroute.studies.tuning.outcome.effects import variance_share


def test_a_share_is_what_lies_between_groups_less_what_chance_puts_there():
    """Four of 0 or 1, four of 4 or 5: 2 of 34 squares within, so 1 - 2/34 * 7/6."""
    assert variance_share([[0, 1, 0, 1], [4, 5, 4, 5]]) == pytest.approx(1 - 2 / 34 * 7 / 6)
    assert variance_share([[0, 0], [1, 1]]) == 1


def test_groups_that_differ_by_chance_share_nothing():
    """0, 2 and 1, 3: 1 of 5 squares lies between, less than the third that chance puts there."""
    assert variance_share([[0, 2], [1, 3]]) == 0
    assert variance_share([[1, 1], [1, 1]]) == 0


def test_nothing_is_told_of_one_group_or_of_single_values():
    """Nor of none."""
    assert variance_share([[1, 2, 3]]) is None
    assert variance_share([[1], [2], []]) is None
    assert variance_share([]) is None
