"""Turns at a steady pace."""

from simroute.gauges.pace import Pace


def test_turns_are_a_gap_apart_and_never_earlier_than_now():
    """Two a second: asked for at 0, 0, 0.1 and 5: at 0, 0.5, 1 and 5."""
    pace = Pace(2.0)
    assert [pace.take(now) for now in (0.0, 0.0, 0.1, 5.0)] == [0.0, 0.5, 1.0, 5.0]


def test_to_look_takes_nothing():
    """The same turn twice."""
    pace = Pace(0.5)
    pace.take(0.0)
    assert (pace.next(0.5), pace.next(0.5), pace.take(0.5)) == (2.0, 2.0, 2.0)
