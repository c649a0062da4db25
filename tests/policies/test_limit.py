"""Keeping below a rate limit."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes import A, Ask, FakeWorld, Reply
from simroute.core import Allowance
from simroute.gauges.bucket import Bucket
from simroute.gauges.line import Order
from simroute.models import spec
from simroute.policies.limit import Limit, Rates
from simroute.testing import check_policy
from simroute.testing.script import Step, play


def burst(count: int, at: float = 0.0, **rest: object) -> list[Ask]:
    return [Ask(id=i, arrival=at, **rest) for i in range(count)]  # type: ignore[arg-type]


def times(world: FakeWorld) -> list[float]:
    return [time for time, _ in world.sent]


def test_with_room_calls_go_at_once():
    """60 a minute allow a burst of 60."""
    world = FakeWorld()
    world.play(Limit(rpm=60), *burst(60))
    assert times(world) == [0.0] * 60


def test_without_room_a_call_waits_for_it():
    """Further ones follow a second apart, as long as `wait` allows."""
    world = FakeWorld()
    world.play(Limit(rpm=60, wait=3.0), *burst(63))
    assert times(world)[60:] == pytest.approx([1.0, 2.0, 3.0])


def test_too_long_a_wait_is_refused_with_the_exact_time():
    """The 64th would wait 4 s, those in line ahead of it included; it is refused at once and told
    so."""
    world = FakeWorld()
    end, outcome = world.play(Limit(rpm=60, wait=3.0), *burst(64))[-1]
    assert (end, outcome.status, outcome.by) == (0.0, 429, "limit")
    assert outcome.retry_after == pytest.approx(4.0)


def test_tokens_that_others_in_line_want_count_too():
    """At 1,100 tokens a minute and 1,100 a request the second waits 60 s; the third would wait 120
    and is refused at once."""
    world = FakeWorld()
    ends = world.play(Limit(tpm=1100, wait=70.0), *burst(3))
    assert times(world) == pytest.approx([0.0, 60.0])
    assert ends[2][0] == 0.0
    assert ends[2][1].retry_after == pytest.approx(120.0)


def test_the_targets_own_limits_are_the_default():
    """What the provider publishes is used where the layer has no figure of its own; another target
    is metered for itself."""
    world = FakeWorld(known=(A._replace(rpm=1.0), *FakeWorld().known[1:]))
    policy = Limit(wait=0.0)
    first, second = world.play(policy, *burst(2))
    ((_, elsewhere),) = world.play(policy, Ask(), aim="b")
    assert [first[1].status, second[1].status, elsewhere.status] == [200, 429, 200]


def test_headroom_is_left_unused():
    """A tenth of headroom makes 54 of 60."""
    world = FakeWorld()
    world.play(Limit(rpm=60, wait=0.0, headroom=0.1), *burst(60))
    assert len(world.sent) == 54


def test_tokens_and_requests_are_taken_together_or_not_at_all():
    """A refusal for want of tokens (1,100 of 1,000 + 100 estimated) uses up no request."""
    world = FakeWorld()
    policy = Limit(rpm=2, tpm=1100, wait=0.0)
    world.play(policy, *burst(5), Ask(arrival=60.0))
    assert times(world) == [0.0, 60.0]


def test_what_was_not_used_is_given_back():
    """1,100 of 1,100 tokens are reserved and 1,000 used: the next 1,000 then lack 900, which are
    49.1 s at 1,100 a minute."""
    world = FakeWorld(lambda call, n: Reply(output_tokens=0, seconds=0.0))
    ends = world.play(Limit(tpm=1100, wait=0.0), Ask(), Ask(arrival=1e-9))
    assert ends[1][1].retry_after == pytest.approx(900 / (1100 / 60))


def test_what_was_used_beyond_the_estimate_is_owed():
    """An answer of 1,100 tokens rather than 100 leaves 1,100 - 2,100 = -1,000; the next asks 1,100
    (all there is) from there: 114.5 s."""
    world = FakeWorld(lambda call, n: Reply(output_tokens=1100, seconds=0.0))
    policy = Limit(tpm=1100, wait=0.0)
    ends = world.play(policy, Ask(), Ask(arrival=1e-9))
    assert ends[1][1].retry_after == pytest.approx((1000 + 1100) / (1100 / 60))


def test_nobody_overtakes():
    """A large request that waits for tokens is not starved by small ones that would fit."""
    world = FakeWorld(lambda call, n: Reply(seconds=500.0))
    large, small = {"input_tokens": 5900}, {"input_tokens": 100}
    asks = [
        Ask(id=0, **large),
        Ask(id=1, arrival=1.0, **large),
        *(Ask(id=i, arrival=float(i), **small) for i in range(2, 12)),
    ]
    ends = world.play(Limit(tpm=6000, wait=120.0), *asks)
    assert times(world)[1] == pytest.approx(60.0)
    assert [time for time, _ in ends] == sorted(time for time, _ in ends)


def test_whoever_leaves_the_line_does_not_hold_it_up():
    """At one a minute two of three in line give up after 5 s; the third goes as soon as there is
    room, at 60 s."""
    world = FakeWorld()
    policy = Limit(rpm=1, wait=200.0)

    async def impatient(call, send, world):
        work = policy(call, send, world)
        return await (world.within(5.0, work) if call.request.id in (1, 2) else work)

    world.play(impatient, *burst(4))
    assert times(world) == pytest.approx([0.0, 60.0])


def test_a_429_with_retry_after_shuts_the_target():
    """The provider's word counts more than the layer's own reckoning: nobody is sent for 7 s after
    it."""
    world = FakeWorld(lambda call, n: Reply(429, retry_after=7.0) if n == 0 else Reply())
    world.play(Limit(rpm=600, wait=30.0), Ask(), Ask(arrival=2.0))
    assert times(world) == pytest.approx([0.0, 8.0])


def test_a_call_that_was_never_sent_gives_everything_back():
    """A breaker inside that refuses used neither a request nor tokens."""
    world = FakeWorld(lambda call, n: Reply(503, seconds=0.0, by="breaker", error="rejected"))
    world.play(Limit(rpm=1, tpm=1100, wait=0.0), Ask(), Ask(arrival=1.0), Ask(arrival=2.0))
    assert len(world.sent) == 3


@pytest.mark.parametrize(
    "policy", [Limit(rpm=0.5, wait=300.0), Limit(rpm=1, headroom=0.5, wait=300.0)]
)
def test_less_than_one_a_minute_is_slow_but_not_never(policy):
    """Half a request a minute is one every two minutes."""
    world = FakeWorld()
    world.play(policy, *burst(3))
    assert times(world) == pytest.approx([0.0, 120.0, 240.0])


def test_a_request_larger_than_the_limit_goes_when_all_of_it_is_there():
    """As a provider with continuous refill lets it, with a full bucket; the next finds it empty."""
    world = FakeWorld(lambda call, n: Reply(seconds=1000.0))
    world.play(Limit(tpm=600, wait=100.0), *burst(2))
    assert times(world) == pytest.approx([0.0, 60.0])


@given(st.lists(st.floats(0.0, 2.0), min_size=1, max_size=60), st.floats(0.0, 20.0))
def test_a_provider_with_the_same_limits_never_says_429(gaps, wait):
    """Whatever comes, what passes fits the provider's own bucket, in the order in which it came."""
    world, now, asks = FakeWorld(), 0.0, []
    for i, gap in enumerate(gaps):
        now += gap
        asks.append(Ask(id=i, arrival=now))
    ends = world.play(Limit(rpm=20, tpm=11_000, wait=wait), *asks)
    requests, tokens = Bucket(20, 20 / 60), Bucket(11_000, 11_000 / 60)
    assert all(requests.take(time) and tokens.take(time, 1100) for time in times(world))
    served = [end for end, outcome in ends if outcome.ok]
    assert served == sorted(served)
    assert all(
        end - ask.arrival <= wait + 1.0 + 1e-6 for (end, _), ask in zip(ends, asks, strict=True)
    )


# -- by user, in turns, and as told ----------------------------------------------------------------


def test_each_user_has_a_rate_of_their_own():
    """Two a minute each, ann ten; whatever target they go to."""
    world = FakeWorld()
    policy = Limit(rpm=2, wait=0.0, each="user", rates={"ann": Rates(rpm=10)})
    asks = [Ask(id=i, user=user) for user in ("ann", "bob", "cid") for i in range(12)]
    ends = world.play(policy, *asks)
    passed = [ask.user for ask, (_, outcome) in zip(asks, ends, strict=True) if outcome.ok]
    assert [passed.count(user) for user in ("ann", "bob", "cid")] == [10, 2, 2]


def test_those_without_a_rate_are_not_counted():
    """Only batch is limited."""
    policy = Limit(wait=0.0, each="feature", rates={"batch": Rates(rpm=1)})
    asks = [Ask(id=i, feature=feature) for i, feature in enumerate(["batch", "chat"] * 5)]
    ends = FakeWorld().play(policy, *asks)
    assert sum(outcome.ok for _, outcome in ends) == 1 + 5


def test_those_who_wait_take_turns():
    """Sixty a minute: of five that a has in the line, b's, which came last, is the second to go;
    in order of arrival it is the last."""
    for order, then in ((Order(fair="user"), 2.0), (Order(), 5.0)):
        asks = [*(Ask(id=i, user="a") for i in range(64)), Ask(id=99, user="b")]
        ends = FakeWorld(lambda call, n: Reply(seconds=0.0)).play(
            Limit(rpm=60, wait=30.0, line=order), *asks
        )
        assert ends[-1][0] == pytest.approx(then)


def test_who_has_waited_too_long_behind_others_is_refused_then():
    """One a minute, chat before batch: batch is given up after its minute and a half, since chat
    has had both places."""
    order = Order(urgent="task", classes={"batch": 1})
    asks = [Ask(0), Ask(1, arrival=1.0), Ask(2, task="batch", arrival=1.0), Ask(3, arrival=30.0)]
    ends = FakeWorld(lambda call, n: Reply(seconds=0.0)).play(
        Limit(rpm=1, wait=90.0, line=order), *asks
    )
    assert [(end, outcome.status) for end, outcome in ends] == [
        (0.0, 200),
        (pytest.approx(60.0), 200),
        (pytest.approx(91.0), 429),
        (pytest.approx(120.0), 200),
    ]


def test_what_the_provider_says_is_left_holds_where_it_is_less():
    """Sixty a minute here, but others use the same account: after the first answer three are left,
    so the fourth of a burst waits for the next second."""
    world = FakeWorld(lambda call, n: Reply(seconds=0.0))
    world.left["a"] = {"requests": Allowance(60.0, 3.0, 57.0)}
    policy = Limit(rpm=60, wait=30.0, told=True)
    world.play(policy, Ask(0))
    world.left["a"] = {}
    start = world.now()
    world.sent.clear()
    world.play(policy, *burst(5, at=start))
    assert [time - start for time, _ in world.sent] == pytest.approx([0, 0, 0, 1, 2])


def test_a_target_without_a_known_rate_is_left_alone_until_it_says_that_there_is_more():
    """Nothing is left for 20 s: the next call waits so long."""
    world = FakeWorld(lambda call, n: Reply(seconds=0.0))
    world.left["a"] = {"requests": Allowance(math.nan, 0.0, 20.0)}
    policy = Limit(wait=30.0, told=True)
    world.play(policy, Ask(0), Ask(1, arrival=5.0))
    assert times(world) == pytest.approx([0.0, 20.0])


def test_a_simulated_provider_says_what_is_left_when_it_answers():
    """Of 60 requests and 60,000 tokens a minute: after a call of 1,100 tokens that took 100 ms, of
    which a tenth of a request and 100 tokens have come back; and nothing where there is no
    limit."""
    said = []

    class Listens:
        async def __call__(self, call, send, world):
            outcome = await send(call)
            said.append(world.allowances("a"))
            return outcome

    limits = spec.Limits(rpm=60.0, tpm=60_000.0)
    play({"listens": Listens()}, {"a": [Step(0.1)]}, limits=limits)
    play({"listens": Listens()}, {"a": [Step(0.1)]})
    assert said[0]["requests"] == pytest.approx((60.0, 59.1, 0.9))
    assert said[0]["tokens"] == pytest.approx((60_000.0, 59_000.0, 1.0))
    assert said[1] == {}


@pytest.mark.parametrize("each", ["deployment", "user", "all"])
def test_it_keeps_the_rules_of_layers(each):
    """With turns, urgency and a bounded line."""
    order = Order(fair="user", urgent="task", most=3)
    assert check_policy(Limit(rpm=20, wait=2.0, each=each, line=order, told=True)) == []
    assert check_policy(Limit(rpm=20, tpm=9000, wait=0.0, each=each)) == []
