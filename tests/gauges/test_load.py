"""What is under way, and what of it fails."""

from simroute.gauges.load import Load


def test_the_share_that_fails_is_of_the_calls_of_the_window():
    """Two of four within 10 s; at 10 s the first, a failure, is out: one of three, too few."""
    load = Load(10.0, 4)
    for now, failed in ((0.0, True), (1.0, False), (2.0, True), (3.0, False)):
        load.begin()
        load.end(now, failed)
    assert (load.failing(9.9), load.failing(10.0)) == (0.5, 0.0)


def test_what_says_nothing_is_not_counted_but_has_ended():
    """Two under way; one is given up."""
    load = Load(10.0, 1)
    load.begin()
    load.begin()
    load.end(1.0, None)
    assert (load.under_way, load.failing(1.0)) == (1, 0.0)
