"""Looking after targets."""

import math

import pytest

from fakes import Ask, FakeWorld, Reply
from simroute.policies.fallback import Fallback
from simroute.policies.health import Health
from simroute.policies.timeout import Timeout
from simroute.testing.script import Step, play

HOUR = 3600.0


def pings(log, target):
    return [start for start, name, *_ in log.attempts if name == target]


def test_each_target_is_pinged_every_so_often():
    """In 95 s every 30 s: at 30, 60 and 90; a request at 0 and one at 95 besides."""
    log = play({"health": Health(every=30.0)}, {"a": [Step(0.5)], "b": [Step(0.5)]}, [0.0, 95.0])
    assert pings(log, "b") == [30.0, 60.0, 90.0]
    assert pings(log, "a") == [0.0, 30.0, 60.0, 90.0, 95.0]


def test_pings_are_billed_and_belong_to_no_request():
    """Three of them; the rows are marked as trials."""
    log = play({"health": Health(every=30.0)}, {"a": [Step(0.5)]}, [0.0, 95.0])
    (rows,) = log.rows["attempts"]
    told = rows["request_id"] == -1
    assert (told.sum(), rows["probe"][told].all()) == (3, True)
    assert (rows["cost_nano"][told] > 0).all()


def test_slow_pings_do_not_delay_the_next_round():
    """Of 9 s each, every 30 s."""
    log = play({"health": Health(every=30.0)}, {"a": [Step(9.0)]}, [0.0, 95.0])
    assert pings(log, "a")[1:4] == [30.0, 60.0, 90.0]


def failing(count: int) -> list[Step]:
    return [Step(0.5, 503)] * count + [Step(0.5)]


def test_a_target_that_fails_its_pings_is_out_until_it_answers_them():
    """a fails at 10, 20 and 30 and answers from 40 on: out from 30.5 to 50.5, when two in a row
    have succeeded; who asks meanwhile is refused by a, and answered by b."""
    layers = {"fallback": Fallback(("a", "b")), "health": Health(every=10.0, failures=3)}
    log = play(layers, {"a": failing(3), "b": [Step(0.5)]}, [30.4, 30.6, 50.4, 50.6, 60.0])
    assert [target for _, target, _ in log.requests.values()] == ["a", "b", "b", "a", "a"]
    told = [row for row in log.events if row[1] != "fell_back"]
    assert told == [(30.5, "removed", "a"), (30.5, "alerted", "a"), (50.5, "restored", "a")]


def test_a_ping_that_hangs_has_failed():
    """At 10 s with a limit of 2 s: out at 12 s."""
    health = Health(every=10.0, failures=1, limit=2.0)
    log = play({"health": health}, {"a": [Step(5000.0)], "b": [Step(0.5)]}, [30.0])
    assert log.events[0] == (12.0, "removed", "a")


def test_a_streamed_ping_is_read_to_its_end():
    """A stream that is cut has failed."""
    health = Health(every=10.0, failures=1)
    script = {"a": [Step(1.0, 502, first=0.2)], "b": [Step(0.5)]}
    log = play({"health": health}, script, [15.0], streamed=True)
    assert log.events[0] == (11.0, "removed", "a")


@pytest.mark.parametrize(("passive", "refused"), [(True, [2, 3]), (False, [])])
def test_ordinary_calls_count_when_that_is_asked_for(passive, refused):
    """Two failures; no ping comes within the hour."""
    layers = {"health": Health(every=HOUR, passive=passive, failures=2)}
    log = play(layers, {"a": [Step(0.5, 503)], "b": [Step(0.5)]}, [0.0, 10.0, 20.0, 30.0])
    rejected = [who for who, (outcome, *_) in log.requests.items() if outcome == "rejected"]
    assert rejected == refused


def test_what_is_no_failure_of_the_target_does_not_count():
    """A rate limit, a bad request, and a refusal further in."""
    replies = [Reply(429), Reply(400), Reply(503, by="limit"), Reply()]
    world = FakeWorld(lambda call, n: replies[n])
    health = Health(active=False, passive=True, failures=1)
    ends = world.play(health, *[Ask(id=i, arrival=10.0 * i) for i in range(4)])
    assert [outcome.status for _, outcome in ends] == [429, 400, 503, 200]
    assert world.events == []


def test_without_pings_a_target_comes_back_by_time():
    """Out at 1 s for 20 s: refused at 20.9, asked at 21."""
    world = FakeWorld(lambda call, n: Reply(503 if n == 0 else 200))
    health = Health(active=False, passive=True, failures=1, every=20.0)
    asks = [Ask(id=i, arrival=at) for i, at in enumerate([0.0, 20.9, 21.0])]
    ends = world.play(health, *asks)
    assert [outcome.by for _, outcome in ends] == ["", "health", ""]
    assert world.events == [(1.0, "removed"), (1.0, "alerted"), (21.0, "restored")]


def test_if_all_are_out_the_call_goes_where_it_was_sent():
    """Both fail: somebody ill may be better than nobody; a request that forbids the one that is in
    is in the same place."""
    world = FakeWorld(lambda call, n: Reply(503), known=FakeWorld().known[:2])
    health = Health(active=False, passive=True, failures=1, every=HOUR)
    fallback = Fallback(("a", "b"))

    async def both(call, send, world):
        return await fallback(call, lambda further: health(further, send, world), world)

    world.play(both, Ask(), Ask(id=1, arrival=10.0))
    assert [target for _, target in world.sent] == ["a", "b"] * 2
    world = FakeWorld(lambda call, n: Reply(503), known=FakeWorld().known[:2])
    health = Health(active=False, passive=True, failures=1, every=HOUR)
    world.play(
        health,
        Ask(),
        Ask(id=1, arrival=10.0),
        Ask(id=2, arrival=20.0, forbids=frozenset({"bob"})),
    )
    assert [at for at, _ in world.sent] == [0.0, 20.0]


def test_alerts_are_not_told_more_often_than_wanted():
    """a flaps every 20 s, out for 10; of the removals at 1, 21 … 121 s the first is told, and the
    one at 101 s with the four that were held back."""
    world = FakeWorld(lambda call, n: Reply(503))
    health = Health(active=False, passive=True, failures=1, every=10.0, alert_every=100.0)
    world.play(health, *[Ask(id=i, arrival=20.0 * i) for i in range(7)])
    removed = [at for at, event in world.events if event == "removed"]
    told = [
        (at, detail["held"])
        for (at, event), detail in zip(world.events, world.details, strict=True)
        if event == "alerted"
    ]
    assert len(removed) == 7
    assert told == [(1.0, 0), (101.0, 4)]


def test_only_the_named_targets_are_looked_after():
    """b alone."""
    script = {"a": [Step(0.5)], "b": [Step(0.5)]}
    log = play({"health": Health(every=10.0, targets=("b",))}, script, [35.0])
    assert (pings(log, "a"), pings(log, "b")) == ([35.0], [10.0, 20.0, 30.0])


@pytest.mark.parametrize("share", [0.5, 0.9])
def test_a_partial_outage_is_found_as_chance_has_it(share):
    """A target that fails a share e is out after n in a row with a mean of (1 - e^n) / ((1 - e)
    e^n) pings (runs of heads), here n = 2: 6 and 2.35; over 400 draws, 4 sigma."""
    import random

    from simroute.gauges.rotation import Rotation

    source, waits = random.Random(7), []
    for _ in range(400):
        rotation, count = Rotation(2, 1), 1
        while not rotation.tell(0.0, "a", source.random() < share):
            count += 1
        waits.append(count)
    mean = sum(waits) / len(waits)
    spread = math.sqrt(sum((each - mean) ** 2 for each in waits) / len(waits) / len(waits))
    assert abs(mean - (1 - share**2) / ((1 - share) * share**2)) < 4 * spread


def test_pings_pass_through_the_layers_inside():
    """A timeout inside ends one that hangs after 1 s, before the ping's own limit."""
    layers = {"health": Health(every=10.0, failures=1, limit=5.0), "timeout": Timeout(1.0)}
    log = play(layers, {"a": [Step(600.0)], "b": [Step(0.5)]}, [15.0])
    assert log.events[0] == (11.0, "removed", "a")
