"""Not asking much more than is accepted."""

import pytest

from simroute.gauges.throttle import AdaptiveThrottle
from simroute.policies.throttle import Throttle
from simroute.testing.script import Step, play


def test_the_share_that_is_refused_is_the_book_s():
    """max(0, (requests - K accepts) / (requests + 1)): 100 asked, 30 accepted, K = 2."""
    counts = AdaptiveThrottle(2.0, 120.0)
    for i in range(100):
        counts.ask(i / 10)
        if i < 30:
            counts.accept(i / 10)
    assert counts.ask(10.0) == pytest.approx((100 - 2 * 30) / 101)


def test_it_forgets_after_its_window():
    """What was a window ago counts no more."""
    counts = AdaptiveThrottle(2.0, 120.0)
    for _ in range(50):
        counts.ask(0.0)
    assert counts.ask(119.9) == pytest.approx(50 / 51)
    assert counts.ask(120.0) == pytest.approx(1 / 2)


def test_nothing_is_refused_while_all_is_accepted():
    """A thousand calls a second that all succeed within .1 s; the first 100 are under way."""
    log = play({"throttle": Throttle()}, {"a": [Step(0.0)]}, [i / 1000 for i in range(2000)])
    assert all(outcome == "ok" for outcome, *_ in log.requests.values())


def test_targets_have_counts_of_their_own_unless_a_provider_shares_them():
    """b accepts all; what a refuses does not touch it."""
    from simroute.policies.fallback import Fallback

    layers = {"fallback": Fallback(("a", "b")), "throttle": Throttle()}
    arrivals = [i / 10 for i in range(500)]
    log = play(layers, {"a": [Step(0.0, 503)], "b": [Step(0.0)]}, arrivals)
    sent = [target for _, target, *_ in log.attempts]
    assert sent.count("b") == 500
    assert sent.count("a") < 20
    assert all(outcome == "ok" for outcome, *_ in log.requests.values())
