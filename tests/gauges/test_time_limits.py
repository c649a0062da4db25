"""How long a call may take."""

from typing import NamedTuple

import pytest

from simroute.gauges.time_limits import Limits, TimeLimits


class Asked(NamedTuple):
    """As much of a request as counts here."""

    input_tokens: int
    max_output_tokens: int


USUAL = Limits(30.0, 5.0, 2.0)


@pytest.mark.parametrize(
    ("own", "usual", "limits"),
    [
        (TimeLimits(), USUAL, (30.0, 5.0, 2.0)),
        (TimeLimits(total=9.0), USUAL, (9.0, 5.0, 2.0)),
        (TimeLimits(first_token=1.0, between_chunks=3.0), USUAL, (30.0, 1.0, 3.0)),
        (TimeLimits(), Limits(30.0), (30.0, None, None)),
    ],
)
def test_what_a_task_leaves_out_is_as_usual(own, usual, limits):
    """Each limit by itself; none where neither has one."""
    assert own.of(Asked(1000, 100), usual, 0.0, 0.0) == limits


def test_limits_grow_with_what_is_asked():
    """4,000 tokens in at .5 s a thousand: 2 s more to the first token and in all; 200 out at .05 s:
    10 s more in all; tokens come no slower."""
    assert TimeLimits().of(Asked(4000, 200), USUAL, 0.5, 0.05) == (42.0, 7.0, 2.0)
    assert TimeLimits().of(Asked(4000, 200), Limits(30.0), 0.5, 0.05) == (42.0, None, None)
