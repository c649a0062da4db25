"""Who takes whose place, and until when."""

from simroute.gauges.switch import Switches


def test_a_switch_is_over_at_exactly_its_age():
    """Made at 5 for 10: it holds at 14.9, and at 15 no more."""
    switches = Switches(10.0)
    assert switches.make(5.0, "a", "b")
    assert (switches.at(14.9, "a"), switches.end(14.9, "a")) == ("b", False)
    assert (switches.at(15.0, "a"), switches.end(15.0, "a")) == (None, True)
    assert not switches.end(16.0, "a")


def test_only_another_one_is_news():
    """The same one again begins its time anew; whoever takes his own place back ends it."""
    switches = Switches(10.0)
    assert [switches.make(t, "a", other) for t, other in ((0.0, "b"), (5.0, "b"), (6.0, "c"))] == [
        True,
        False,
        True,
    ]
    assert switches.at(15.9, "a") == "c"
    assert (switches.make(7.0, "a", "a"), switches.at(8.0, "a")) == (True, None)
    assert not switches.make(9.0, "a", "a")


def test_of_no_time_there_is_no_switch():
    """0 seconds: never made."""
    switches = Switches(0.0)
    assert (switches.make(5.0, "a", "b"), switches.at(5.0, "a")) == (False, None)
