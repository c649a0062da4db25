"""How many calls a second a target bears."""

import math
import random

import pytest

from simroute.gauges.rate import AdaptiveRate, CubicCurve, MeasuredRate


def test_the_curve_is_back_after_k_and_searches_then():
    """From 10/s: 7/s at once, 10/s after (10 x .3 / .4)^(1/3) s, flat there, and more later."""
    curve = CubicCurve()
    assert curve.throttled(10.0, 100.0) == pytest.approx(7.0)
    k = (10 * 0.3 / 0.4) ** (1 / 3)
    assert curve.k == pytest.approx(k)
    assert curve.at(100.0) == pytest.approx(7.0)
    assert curve.at(100.0 + k) == pytest.approx(10.0)
    assert curve.at(100.0 + k + 1.0) == pytest.approx(10.4)


def test_calls_at_a_steady_rate_are_measured_as_that():
    """Twenty a second for ten seconds, in spans of half a second."""
    rate = MeasuredRate()
    for i in range(200):
        measured = rate.add(i / 20)
    assert measured == pytest.approx(20.0, rel=0.01)


def test_nothing_is_held_back_before_the_first_is_throttled():
    """Then at most .7 of what was measured passes, and never more than twice of it."""
    limit = AdaptiveRate()
    for i in range(100):
        assert limit.wait(i / 20) == 0.0
        limit.take(i / 20)
        limit.tell(i / 20, False)
    assert limit.rate == math.inf
    limit.tell(5.0, True)
    assert limit.rate == pytest.approx(0.7 * 20, rel=0.06)
    assert limit.wait(5.0, 100) == pytest.approx(100 / limit.rate, rel=0.2)


def test_a_target_that_takes_ten_a_second_is_asked_for_about_ten():
    """A caller that would ask 50 times a second, a target with a bucket of ten a second: within two
    minutes nearly nothing is throttled, and three quarters of what there is are used."""
    limit, now, level, ends = AdaptiveRate(), 0.0, 10.0, []
    while now < 240.0:
        wait = limit.wait(now)
        if wait > 0:
            now, level = now + wait, min(10.0, level + 10 * wait)
        limit.take(now)
        throttled = level < 1
        level -= 0 if throttled else 1
        limit.tell(now, throttled)
        ends.append((now, throttled))
        now, level = now + 0.02, min(10.0, level + 0.2)
    late = [throttled for then, throttled in ends if then > 120]
    assert sum(late) / len(late) < 0.1
    assert len(late) - sum(late) > 0.75 * 1200


def test_it_does_as_botocore_does():
    """Where botocore is installed: its own limiter on random ends of calls, the same rate after
    each."""
    adaptive = pytest.importorskip("botocore.retries.adaptive")
    bucket = pytest.importorskip("botocore.retries.bucket")
    throttling = pytest.importorskip("botocore.retries.throttling")

    class Clock:
        now = 0.0

        def current_time(self):
            return self.now

    class Detector:
        def is_throttling_error(self, throttled):
            return throttled

    for seed in range(20):
        clock, chance = Clock(), random.Random(seed)
        theirs = bucket.TokenBucket(1, clock)
        limiter = adaptive.ClientRateLimiter(
            throttling.CubicCalculator(0, 0.0),
            adaptive.RateClocker(clock),
            theirs,
            Detector(),
            clock,
        )
        ours = AdaptiveRate()
        for _ in range(500):
            clock.now += chance.expovariate(8.0)
            throttled = chance.random() < 0.1
            limiter.on_receiving_response(throttled=throttled)
            ours.tell(clock.now, throttled)
            if limiter._enabled:
                assert ours.rate == pytest.approx(theirs.max_rate)
