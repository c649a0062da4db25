"""Who is in the rotation, and how often somebody is told."""

from simroute.gauges.rotation import Alarms, Rotation, Watch


def news(rotation: Rotation, *failed: bool) -> list[str]:
    return [rotation.tell(float(now), "a", each) for now, each in enumerate(failed)]


def test_failures_in_a_row_take_out_and_successes_in_a_row_bring_back():
    """Three and two; what comes in between starts afresh."""
    rotation = Rotation(3, 2)
    bad, good = True, False
    assert news(rotation, bad, bad, good, bad, bad, bad) == ["", "", "", "", "", "removed"]
    assert news(rotation, good, bad, good, good) == ["", "", "", "restored"]
    assert not rotation.out


def test_after_its_return_a_target_begins_afresh():
    """Its failures before it came back do not count."""
    rotation = Rotation(2, 1)
    assert news(rotation, True, True, False, True) == ["", "removed", "restored", ""]


def test_by_time_it_is_back_at_exactly_that_age():
    """Out at 1 for 10 s: at 10.9 it is out, at 11 it is in, which is said once."""
    rotation = Rotation(2, 99, out_for=10.0)
    news(rotation, True, True)
    assert (rotation.is_out(10.9, "a"), rotation.expire(10.9, "a")) == (True, False)
    assert (rotation.is_out(11.0, "a"), rotation.expire(11.0, "a")) == (False, True)
    assert not rotation.expire(12.0, "a")


def test_without_a_time_it_stays_out():
    """However long."""
    rotation = Rotation(1, 1)
    news(rotation, True)
    assert rotation.is_out(1e9, "a")


def test_targets_do_not_know_each_other():
    """a's failures are not b's."""
    rotation = Rotation(2, 1)
    assert (rotation.tell(0.0, "a", True), rotation.tell(0.0, "b", True)) == ("", "")


def test_an_alarm_rings_once_in_so_long_and_counts_the_others():
    """At 0, not at 5 and 9.9, at 10 with those two, and for another kind at any time."""
    alarms = Alarms(10.0)
    rung = [alarms.ring(now, "a") for now in (0.0, 5.0, 9.9, 10.0, 20.0)]
    assert rung == [0, None, None, 2, 0]
    assert alarms.ring(20.0, "b") == 0


def test_a_watch_says_what_happened_and_rings_once_in_so_long():
    """Out at 0 with an alarm; back by time at 5, which is said first, and out again with that
    alarm held back until 10."""
    watch = Watch(1, 99, 5.0, 10.0)
    assert list(watch.returned(0.0, "a")) == []
    assert list(watch.ended(0.0, "a", 503, True)) == [
        ("removed", {}),
        ("alerted", {"status": 503, "held": 0}),
    ]
    assert list(watch.ended(1.0, "a", 200, False)) == []
    assert list(watch.ended(5.0, "a", 529, True)) == [("restored", {}), ("removed", {})]
    assert list(watch.returned(10.0, "a")) == [("restored", {})]
    assert list(watch.ended(10.0, "a", 500, True)) == [
        ("removed", {}),
        ("alerted", {"status": 500, "held": 1}),
    ]
