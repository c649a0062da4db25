"""Slowing down when told to."""

import pytest

from fakes import Ask, FakeWorld, Reply
from simroute.models import spec
from simroute.policies.pace import Pace
from simroute.testing import check_policy
from simroute.testing.script import Step, play


def test_nobody_waits_before_the_first_is_throttled():
    """A hundred calls at once."""
    world = FakeWorld()
    world.play(Pace(wait=0.0), *(Ask(id=i) for i in range(100)))
    assert [time for time, _ in world.sent] == [0.0] * 100


def test_a_target_of_ten_a_second_is_asked_for_ten_a_second():
    """Asked 20 times a second: without it half is refused there; with it less than a
    quarter, as the curve looks for more every three seconds; the rest waits or is refused here, and
    the target is used for more than .7."""
    limits = spec.Limits(rpm=600.0, window=1.0)
    arrivals = [i / 20 for i in range(20 * 180)]
    shares = {}
    for name, layers in (("none", {}), ("pace", {"pace": Pace(wait=1.0)})):
        log = play(layers, {"a": [Step(0.1)]}, arrivals, limits=limits)
        late = [status for start, *_, status, _ in log.attempts if 60 < start < 180]
        shares[name] = sum(status == 429 for status in late) / len(late), late.count(200) / 120
    assert shares["none"] == pytest.approx((0.5, 10.0), abs=0.1)
    assert shares["pace"][0] < 0.25
    assert shares["pace"][1] > 7.0


def test_too_long_a_wait_is_refused_with_the_time_that_it_would_take():
    """Two a second are measured; throttled, it lets 1.4 a second in: the fourth of a burst would
    wait longer than a second."""
    world = FakeWorld(lambda call, n: Reply(429 if n == 20 else 200, seconds=0.0))
    calm = [Ask(id=i, arrival=i / 2) for i in range(21)]
    burst = [Ask(id=100 + i, arrival=11.0) for i in range(4)]
    ends = world.play(Pace(wait=1.0), *calm, *burst)
    refused = [outcome for _, outcome in ends if outcome.by == "pace"]
    assert 1 <= len(refused) <= 2
    assert all(outcome.status == 429 and outcome.retry_after > 1.0 for outcome in refused)


@pytest.mark.parametrize("wait", [0.0, 30.0])
def test_it_keeps_the_rules_of_layers(wait):
    """Nothing leaks."""
    assert check_policy(Pace(wait=wait, statuses=(429, 503))) == []
