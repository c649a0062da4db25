"""Spending against a limit."""

from functools import partial
from math import sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes import Ask, FakeWorld, Reply
from simroute.config.configuration import Configuration
from simroute.core import Price
from simroute.experiment.run import replicate
from simroute.models import spec
from simroute.policies.budget import Budget
from simroute.policies.fallback import Fallback
from simroute.policies.retry import Backoff, Retry
from simroute.policies.timeout import Timeout
from simroute.testing.script import Step, play

DAY = 86_400.0


def asks(count: int, every: float = 10.0, **rest: object) -> list[Ask]:
    return [Ask(id=i, arrival=i * every, **rest) for i in range(count)]  # type: ignore[arg-type]


def targets(world: FakeWorld) -> list[str | None]:
    return [target for _, target in world.sent]


def test_without_a_sum_it_stands_aside():
    """`usd` None means no budget."""
    world = FakeWorld(lambda call, n: Reply(usd=1e6))
    world.play(Budget(), *asks(3))
    assert (targets(world), world.events) == ([None] * 3, [])


def test_from_eighty_percent_on_work_shifts():
    """At 1 USD a call and 10 USD a month, calls 1 to 8 go as they came, the 9th and later ones to
    the cheapest."""
    world = FakeWorld(lambda call, n: Reply(usd=1.0))
    world.play(Budget(usd=10.0), *asks(12))
    assert targets(world) == [None] * 8 + ["c"] * 4
    assert world.events == [(80.0, "shifted"), (100.0, "exhausted")]


@pytest.mark.parametrize("stated", [("extract",), ("search",)])
def test_only_stated_classes_shift(stated):
    """A class is a task or a feature; others go on until the limit."""
    world = FakeWorld(lambda call, n: Reply(usd=8.0 if n == 0 else 0.0))
    policy = Budget(usd=10.0, shift=stated)
    world.play(
        policy,
        Ask(id=0),
        Ask(id=1, arrival=10.0),
        Ask(id=2, arrival=20.0, task="extract", feature="search"),
    )
    assert targets(world) == [None, None, "c"]


@pytest.mark.parametrize(
    ("at_limit", "chat", "extract"),
    [("allow", None, "c"), ("shift", "c", "c"), ("reject", "refused", "refused")],
)
def test_at_the_limit_the_stated_action_is_taken(at_limit, chat, extract):
    """allow: stated classes stay shifted and the others go on; shift: all are; reject: 402 and no
    send."""
    world = FakeWorld(lambda call, n: Reply(usd=10.0 if n == 0 else 0.0))
    policy = Budget(usd=10.0, shift=("extract",), at_limit=at_limit)
    ends = world.play(
        policy, Ask(id=0), Ask(id=1, arrival=10.0), Ask(id=2, arrival=20.0, task="extract")
    )
    went = ["refused" if outcome.status == 402 else outcome.target for _, outcome in ends[1:]]
    assert went == [chat, extract]
    assert len(world.sent) == 1 + 2 * (at_limit != "reject")


def test_a_new_day_starts_afresh():
    """A daily budget that was exhausted is whole again at t = 86,400 s, which is said once."""
    world = FakeWorld(lambda call, n: Reply(usd=10.0))
    policy = Budget(usd=10.0, period="day", at_limit="reject")
    ends = world.play(policy, Ask(id=0), Ask(id=1, arrival=DAY - 1), Ask(id=2, arrival=DAY))
    assert [outcome.status for _, outcome in ends] == [200, 402, 200]
    assert world.events == [(DAY - 1, "exhausted"), (DAY, "renewed")]


def test_estimates_of_calls_under_way_count():
    """1000 tokens in and 800 / 8 out at 10 and 30 USD a million are estimated at 0.013 USD, before
    anything is billed."""
    world = FakeWorld(lambda call, n: Reply(seconds=1000.0))
    world.play(Budget(usd=0.013), Ask(id=0), Ask(id=1, arrival=1.0))
    assert targets(world) == [None, "c"]


def test_estimates_follow_the_answers_of_their_own_task():
    """After an answer of 500 tokens a chat is estimated at 0.025 USD (1000 x 10 + 500 x 30 a
    million), an extract still at 0.013."""
    for task, shifted in (("chat", "c"), ("extract", None)):
        world = FakeWorld(
            lambda call, n: Reply(seconds=1.0 if n == 0 else 1000.0, output_tokens=500)
        )
        world.play(
            Budget(usd=0.025, shift_at=0.9),
            Ask(id=0),
            Ask(id=1, arrival=10.0, task=task),
            Ask(id=2, arrival=11.0),
        )
        assert targets(world) == [None, None, shifted]


def test_the_bill_replaces_the_estimate():
    """Calls that turn out to cost nothing never move the meter, however many they are."""
    world = FakeWorld()
    world.play(Budget(usd=0.02), *asks(50))
    assert (targets(world), world.events) == ([None] * 50, [])


def test_what_inner_layers_spend_counts():
    """A request billed 2 x 1 USD by two sends inside counts 2 USD, though its final answer cost
    1."""
    world = FakeWorld(lambda call, n: Reply(usd=1.0))

    async def twice(call, send, world):
        async def both(call):
            await send(call)
            return await send(call)

        return await budget(call, both, world)

    budget = Budget(usd=4.0, shift_at=1.0)
    world.play(twice, *asks(3))
    assert targets(world) == [None] * 4 + ["c"] * 2


def test_a_call_that_is_given_up_keeps_its_estimate():
    """Whoever leaves after 1 s may still be billed: the estimate of 0.013 USD stays and the next
    call shifts."""
    world = FakeWorld(lambda call, n: Reply(seconds=5.0))
    world.play(Budget(usd=0.013), Ask(id=0), Ask(id=1, arrival=10.0), give_up=1.0)
    assert targets(world) == [None, "c"]


def test_a_call_that_timed_out_inside_keeps_its_estimate():
    """Status 408 was billed nothing so far, but an abandoned call runs on: 0.013 USD stay reserved
    and the next call shifts."""
    world, budget = FakeWorld(lambda call, n: Reply(seconds=5.0)), Budget(usd=0.013)

    async def hurried(call, send, world):
        return await budget(call, lambda inner: world.within(1.0, send(inner)), world)

    world.play(hurried, *asks(2))
    assert targets(world) == [None, "c"]


def test_a_streamed_answer_is_billed_at_its_end():
    """The meter moves when the stream has ended, not at its first token; meanwhile the estimate
    stands."""
    world = FakeWorld(lambda call, n: Reply(usd=10.0, rest=100.0))
    world.play(Budget(usd=10.0), *asks(3, every=60.0, streamed=True))
    assert targets(world) == [None, None, "c"]


def test_a_level_is_announced_once_a_period():
    """Estimates that are later corrected downwards move the share to and fro across 80 %; the
    crossing is told once."""
    world = FakeWorld(lambda call, n: Reply(usd=7.99 if n == 0 else 0.0, seconds=5.0))
    pairs = [
        Ask(id=2 * i + k, arrival=10.0 * i + k, input_tokens=10_000)
        for i in range(1, 10)
        for k in (0, 1)
    ]
    world.play(Budget(usd=10.0, shift_at=0.8), Ask(id=0), *pairs)
    assert targets(world) == [None] + [None, "c"] * 9
    assert [event for _, event in world.events] == ["shifted"]


def test_nothing_shifts_to_where_it_is_forbidden():
    """The cheapest target that a request allows is chosen; a named one that it forbids is not
    used."""
    for to, chosen in (("cheapest", "b"), ("c", None)):
        world = FakeWorld(lambda call, n: Reply(usd=9.0 if n == 0 else 0.0))
        world.play(
            Budget(usd=10.0, to=to), Ask(id=0), Ask(id=1, arrival=10.0, forbids=frozenset({"cat"}))
        )
        assert targets(world) == [None, chosen]


def test_a_role_that_nobody_fills_shifts_nothing():
    """With one deployment there is no other company to shift to."""
    world = FakeWorld(lambda call, n: Reply(usd=9.0), known=FakeWorld().known[:1])
    world.play(Budget(usd=10.0, to="same_family"), *asks(3))
    assert targets(world) == [None] * 3


def test_exponential_costs_exhaust_as_renewal_theory_says():
    """Served before spent + .013 (1000 tokens in, 100 out) exceeds 4 USD: mean 1 + 3.987/.02 =
    200.35, sd sqrt(B/m) = 14.1; 100 runs, 4 se (5.7)."""
    rng, served = np.random.default_rng(7), []
    for _ in range(100):
        world = FakeWorld(lambda call, n: Reply(seconds=0.0, usd=float(rng.exponential(0.02))))
        world.play(Budget(usd=4.0, at_limit="reject", shift_at=1.0), *asks(300, every=1.0))
        served.append(len(world.sent))
    assert np.mean(served) == pytest.approx(200.35, abs=4 * sqrt(200 / 100))


THIRTY_CENTS = 29_700
"""Input tokens of a call of exactly $0.30 at the first target: 10 USD a million, and 100 tokens out
(of 800 allowed) at 30."""


def hard(usd: float, **rest: object) -> Budget:
    return Budget(usd=usd, at_limit="reject", shift_at=1.0, **rest)  # type: ignore[arg-type]


@pytest.mark.parametrize("every", [10.0, 0.0])
@pytest.mark.parametrize(("usd", "admitted"), [(1.0, 3), (1.2, 4), (0.9, 3), (0.29, 0)])
def test_a_hard_budget_admits_what_fits(every, usd, admitted):
    """$1.00 and calls of exactly $0.30 admit three, $1.20 four; one after another or all at once
    (what is under way is reserved)."""
    world = FakeWorld(lambda call, n: Reply(usd=0.3, output_tokens=100))
    ends = world.play(hard(usd), *asks(8, every=every, input_tokens=THIRTY_CENTS))
    assert [outcome.status for _, outcome in ends] == [200] * admitted + [402] * (8 - admitted)
    assert [event for _, event in world.events] == ["exhausted"]


def test_what_is_smaller_may_still_fit():
    """With $0.90 of $1.00 spent a call of $0.30 is refused and one of $0.10 is the last that
    fits."""
    world = FakeWorld(lambda call, n: Reply(usd=0.3 if n < 3 else 0.1))
    sizes = [THIRTY_CENTS] * 4 + [9_700] * 2
    ends = world.play(
        hard(1.0), *(Ask(id=i, arrival=10.0 * i, input_tokens=size) for i, size in enumerate(sizes))
    )
    assert [outcome.status for _, outcome in ends] == [200, 200, 200, 402, 200, 402]


@pytest.mark.parametrize(("reserve", "fit"), [("expected", (7, 7)), ("max", (2, 6))])
def test_a_reservation_is_as_long_as_answers_lately_or_as_long_as_allowed(reserve, fit):
    """$0.10; 100 of 800 tokens are expected ($0.013) and billed, 800 are $0.034: 7 or 2 at once, k
    + 1 in turn: .013 k + .013 (.034) <= .1."""
    at_once = FakeWorld(lambda call, n: Reply(usd=0.013, seconds=1000.0))
    at_once.play(hard(0.1, reserve=reserve), *asks(20, every=0.0))
    in_turn = FakeWorld(lambda call, n: Reply(usd=0.013))
    in_turn.play(hard(0.1, reserve=reserve), *asks(20))
    assert (len(at_once.sent), len(in_turn.sent)) == fit


def test_a_hard_reservation_counts_input_that_a_cache_may_keep():
    """1,000 tokens in and at most 800 out at $10, $30 and $12.50 for what is written: .0365 and not
    .034, which $0.0364 do not admit."""
    price = Price(10.0, 30.0, 1.0, 12.5)
    assert price.most(1000, 800) == pytest.approx(0.0365)
    assert price._replace(written=8.0).most(1000, 800) == pytest.approx(0.034)
    for usd, sent in ((0.0366, 1), (0.0364, 0)):
        world = FakeWorld(lambda call, n: Reply(usd=0.013), prices={"a": price})
        world.play(hard(usd, reserve="max"), *asks(1))
        assert len(world.sent) == sent


def test_a_stream_holds_its_reservation_to_the_end():
    """Three streams of 100 s are reserved at $0.30 each and billed $0.10: a fourth is refused
    meanwhile; later two more fit (.3 x 3)."""
    world = FakeWorld(lambda call, n: Reply(usd=0.1 if n < 3 else 0.3, seconds=0.0, rest=100.0))
    times = [0.0, 1.0, 2.0, 3.0, 200.0, 201.0, 202.0]
    ends = world.play(
        hard(1.0),
        *(
            Ask(id=i, arrival=t, input_tokens=THIRTY_CENTS, streamed=True)
            for i, t in enumerate(times)
        ),
    )
    assert [outcome.status for _, outcome in ends] == [200, 200, 200, 402, 200, 200, 402]


def test_calls_given_up_keep_their_reservations():
    """Three callers leave after 1 s, and nothing was billed yet: the fourth is refused, for the
    three bills may still come."""
    world = FakeWorld(lambda call, n: Reply(seconds=5.0))
    ends = world.play(hard(1.0), *asks(4, input_tokens=THIRTY_CENTS), give_up=1.0)
    assert [outcome.status for _, outcome in ends] == [408, 408, 408, 402]


def test_what_is_under_way_at_midnight_belongs_to_yesterday():
    """Three calls are under way from 23:59:59; today admits three of its own, and yesterday's bills
    take nothing from it nor give it anything."""
    world = FakeWorld(
        lambda call, n: Reply(usd=0.9 if n == 0 else 0.0 if n < 3 else 0.3, seconds=10.0)
    )
    times = [DAY - 1, DAY - 1, DAY - 1, DAY - 1, DAY, DAY, DAY, DAY, DAY + 100]
    ends = world.play(
        hard(1.0, period="day"),
        *(Ask(id=i, arrival=t, input_tokens=THIRTY_CENTS) for i, t in enumerate(times)),
    )
    assert [outcome.status for _, outcome in ends] == [200, 200, 200, 402, 200, 200, 200, 402, 402]


def test_outside_a_fallback_the_first_target_is_reserved_and_what_was_billed_counts():
    """a ($0.30) always fails and b answers for $0.15: 0.15 k + 0.30 <= 1 admits k = 0 … 4, five
    requests."""
    world = FakeWorld(lambda call, n: Reply(503) if call.target == "a" else Reply(usd=0.15))
    budget, fallback = hard(1.0), Fallback(("a", "b"))

    async def both(call, send, world):
        return await budget(call, partial(fallback, send=send, world=world), world)

    ends = world.play(both, *asks(9, input_tokens=THIRTY_CENTS))
    assert [outcome.status for _, outcome in ends] == [200] * 5 + [402] * 4


def test_inside_a_fallback_every_send_is_reserved_by_itself():
    """b ($0.15) still fits when a ($0.30) does not any more: 0.15 (k + 1) <= 1 gives six answers,
    and a is no longer asked from .75 on."""
    world = FakeWorld(lambda call, n: Reply(503) if call.target == "a" else Reply(usd=0.15))
    budget, fallback = hard(1.0), Fallback(("a", "b"))

    async def both(call, send, world):
        return await fallback(call, lambda inner: budget(inner, send, world), world)

    ends = world.play(both, *asks(9, input_tokens=THIRTY_CENTS))
    assert [outcome.status for _, outcome in ends] == [200] * 6 + [402] * 3
    assert targets(world) == ["a", "b"] * 5 + ["b"]


def weather(seed: int, streamed: float, stops: bool) -> spec.Scenario:
    """Two targets that fail, hang, are slow and cut streams; what is given up runs on and is
    billed, or stops."""
    latency = spec.Latency(base=2.0, per_output_token=0.02)
    deployments = {
        name: spec.Deployment(
            company,
            "m",
            price=spec.PriceList(usd, 4 * usd),
            latency=latency,
            errors={500: 0.1, 408: 0.05},
            truncated=0.1,
        )
        for name, company, usd in (("cheap", "x", 1.0), ("dear", "y", 3.0))
    }
    outage = spec.Outage(
        provider="x", start=20.0, end=60.0, error_share=0.3, hang_share=0.3, slow_down=4.0
    )
    load = spec.Workload(rate=3.0, streamed=streamed, max_output_tokens=500)
    return spec.Scenario(
        deployments=deployments,
        workload=load,
        outages={"o": outage},
        horizon=100.0,
        hang_limit=30.0,
        abandoned="stops" if stops else "runs_on",
    )


@settings(max_examples=25)
@given(
    st.integers(0, 10**6),
    st.floats(0.05, 0.6),
    st.sampled_from([0.0, 0.5, 1.0]),
    st.booleans(),
    st.booleans(),
)
def test_a_reserve_of_the_most_is_never_exceeded(seed, usd, streamed, stops, innermost):
    """Innermost whatever retries, fallbacks and time-outs do outside; outermost where a request is
    one send."""
    patience, budget = Timeout(8.0, 3.0), hard(usd, reserve="max")
    layers = {"budget": budget, "timeout": patience}
    if innermost:
        retry = Retry(attempts=2, backoff=Backoff(0.1))
        layers = {
            "fallback": Fallback(("cheap", "dear")),
            "retry": retry,
            "timeout": patience,
            "budget": budget,
        }
    made = Configuration(
        "run", "test", weather(seed, streamed, stops), {"policy": layers}, seed=seed
    )
    found = replicate(made, "policy", 0).metrics
    assert 0 < found["cost_usd"] <= usd


def rescued(late: Step, *arrivals: float, usd: float) -> list[str]:
    """What became of requests whose first target takes 10 s and is given up after 2 s, while b
    answers for $0.0012 (1000 tokens in, 100 out)."""
    layers = {"budget": hard(usd), "fallback": Fallback(("a", "b")), "timeout": Timeout(2.0)}
    return [
        outcome
        for outcome, *_ in play(
            layers, {"a": [late], "b": [Step(0.5)]}, list(arrivals)
        ).requests.values()
    ]


def test_a_bill_that_comes_after_another_has_answered_counts():
    """a is billed $0.0012 as well when it is done: 0.0024 k + 0.0012 <= 0.0100 admits k = 0 … 3."""
    assert (
        rescued(Step(10.0), *(20.0 * i for i in range(8)), usd=0.01)
        == ["ok"] * 4 + ["rejected"] * 4
    )


def test_a_send_that_was_given_up_is_reserved_until_its_bill_has_come():
    """$0.0030: at 5 s a may still cost $0.0012 beside b's, so no more fits; at 20 s it is known to
    have failed and to have cost nothing."""
    assert rescued(Step(10.0, 504), 0.0, 5.0, 20.0, usd=0.003) == ["ok", "rejected", "ok"]
    assert rescued(Step(10.0), 0.0, 5.0, 20.0, usd=0.003) == ["ok", "rejected", "rejected"]


def test_a_caller_who_leaves_before_anything_was_sent_costs_nothing():
    """He waits in a layer inside that sends only after 10 s, and leaves after 1 s: what was
    reserved for him is free again."""
    world, budget = FakeWorld(lambda call, n: Reply(usd=0.3)), hard(0.3)

    async def slowly(call, send, world):
        async def later(inner):
            await world.sleep(10.0 if inner.request.id == 0 else 0.0)
            return await send(inner)

        return await budget(call, later, world)

    ends = world.play(slowly, *asks(2, input_tokens=THIRTY_CENTS), give_up=1.5)
    assert [outcome.status for _, outcome in ends] == [408, 200]


def test_a_request_that_comes_by_again_is_counted_once():
    """Innermost: a twice for 2 s, then b, each billed $0.0012 in the end, $0.0036 a request:
    $0.0108 are exactly three, and nothing of a fourth."""
    retry = Retry(attempts=2, backoff=Backoff(0.0, jitter="none"))
    layers = {
        "fallback": Fallback(("a", "b")),
        "retry": retry,
        "timeout": Timeout(2.0),
        "budget": hard(0.0108),
    }
    log = play(layers, {"a": [Step(10.0)], "b": [Step(0.5)]}, [0.0, 50.0, 100.0, 150.0])
    assert [outcome for outcome, *_ in log.requests.values()] == ["ok", "ok", "ok", "rejected"]
    assert [target for _, target, *_ in log.attempts] == ["a", "a", "b"] * 3


# -- accounts ------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["user", "feature", "task"])
def test_each_user_feature_or_task_has_its_own_sum(by):
    """$1 each at $0.30 a call: three of the first one's five calls, and three of the other's."""
    world = FakeWorld(lambda call, n: Reply(usd=0.3, output_tokens=100))
    one, other = (
        [
            Ask(id=5 * k + i, arrival=10.0 * i + k, input_tokens=THIRTY_CENTS, **{by: name})
            for i in range(5)
        ]
        for k, name in enumerate(("x", "y"))
    )
    ends = world.play(hard(1.0, by=by), *sorted([*one, *other], key=lambda ask: ask.arrival))
    assert [outcome.status for _, outcome in ends] == [200] * 6 + [402] * 4
    assert [detail["account"] for detail in world.details] == ["x", "y"]


@pytest.mark.parametrize(("by", "name"), [("target", "a"), ("provider", "ann"), ("model", "big-1")])
def test_each_target_provider_or_model_has_its_own_sum(by, name):
    """LiteLLM's `provider_budget_config`: a has $1, b and c no limit; inside a fallback the calls
    for which a's money does not suffice go to b."""
    world = FakeWorld(lambda call, n: Reply(usd=0.3 if call.target == "a" else 0.1))
    budget = Budget(sums={name: 1.0}, by=by, at_limit="reject", shift_at=1.0)
    fallback = Fallback(("a", "b"))

    async def both(call, send, world):
        return await fallback(call, lambda inner: budget(inner, send, world), world)

    ends = world.play(both, *asks(6, input_tokens=THIRTY_CENTS))
    assert [outcome.target for _, outcome in ends] == ["a"] * 3 + ["b"] * 3


def test_a_target_s_account_keeps_the_estimate_of_a_send_that_was_given_up():
    """Three sends of $0.30 that time out inside, and are never billed: the fourth is refused."""
    world = FakeWorld(lambda call, n: Reply(seconds=5.0))
    budget = hard(1.0, by="target")

    async def hurried(call, send, world):
        return await budget(call, lambda inner: world.within(1.0, send(inner)), world)

    ends = world.play(hurried, *asks(4, input_tokens=THIRTY_CENTS))
    assert [outcome.status for _, outcome in ends] == [408, 408, 408, 402]


def test_a_named_account_may_have_another_sum():
    """$1 for all but y, who has $2: three calls of $0.30, and six."""
    world = FakeWorld(lambda call, n: Reply(usd=0.3, output_tokens=100))
    for user, count in (("x", 3), ("y", 6)):
        world.sent.clear()
        policy = hard(1.0, by="user", sums={"y": 2.0})
        world.play(policy, *asks(8, input_tokens=THIRTY_CENTS, user=user))
        assert len(world.sent) == count


# -- before, at and after the limit ----------------------------------------------------------------


def test_booked_after_the_answer_a_budget_overshoots_by_what_is_under_way():
    """LiteLLM's, of $0.05 at $0.02 a call: three one after another (.06 spent), and all eight at
    once."""
    for every, served in ((10.0, 3), (0.0, 8)):
        world = FakeWorld(lambda call, n: Reply(usd=0.02))
        world.play(hard(0.05, reserve="none"), *asks(8, every=every))
        assert len(world.sent) == served


def test_exactly_spent_is_spent_where_nothing_is_reserved():
    """Two calls of $0.50 of a dollar; the third is refused."""
    world = FakeWorld(lambda call, n: Reply(usd=0.5))
    ends = world.play(hard(1.0, reserve="none"), *asks(3))
    assert [outcome.status for _, outcome in ends] == [200, 200, 402]


@pytest.mark.parametrize(("back", "shifted"), [(None, [8, 9, 10]), (0.5, [8, 9, 10, 11, 12, 13])])
def test_work_that_shifted_comes_back_below_another_share(back, shifted):
    """$10 a rolling 100 s, a call of $1 each 10 s at a and free at c: from $8 on it shifts. The
    first dollars are 100 s old at 100, 110 … s and count at that age for the last time: less than
    $8 are left at 110 s, less than $5 at 140 s."""
    prices = {"a": 1.0, "c": 0.0}
    world = FakeWorld(lambda call, n: Reply(usd=prices[call.target or "a"], seconds=0.0))
    policy = Budget(usd=10.0, period="rolling", window=100.0, shift_back=back)
    world.play(policy, *asks(19))
    assert [n for n, target in enumerate(targets(world)) if target == "c"] == shifted


@pytest.mark.parametrize(
    ("head_start", "served"),
    [(0.0, [1, 2, 3, 4, 5, 6, 7, 8, 9]), (0.2, [0, 1, 2, 3, 4, 5, 7, 8, 9])],
)
def test_a_paced_budget_is_spent_no_faster_than_its_day_allows(head_start, served):
    """$10 a day at $1 a call every 2.4 h, reserved at $1.00: after k tenths of the day k
    dollars may be spent, or, with $2 at once, 2 + .8 k: all fit but the seventh, .8 x 6 + 2 < 7."""
    world = FakeWorld(lambda call, n: Reply(usd=1.0, seconds=0.0, output_tokens=100))
    policy = hard(10.0, period="day", ahead="pace", head_start=head_start)
    ends = world.play(policy, *asks(10, every=DAY / 10, input_tokens=99_700))
    assert [n for n, (_, outcome) in enumerate(ends) if outcome.ok] == served


def test_work_shifts_when_the_pace_would_not_last():
    """$24 a day: at $2 an hour half of it is spent at noon, and what is expected is $48 from the
    first hours on: it shifts long before 80 % are spent. At $0.50 an hour it never does."""
    for hourly, shifts in ((2.0, True), (0.5, False)):
        world = FakeWorld(lambda call, n, usd=hourly: Reply(usd=usd, seconds=0.0))
        policy = Budget(usd=24.0, period="day", ahead="forecast", memory=4 * 3600.0)
        world.play(policy, *asks(12, every=3600.0))
        assert [event for _, event in world.events] == ["shifted"] * shifts
        if shifts:
            assert world.events[0][0] <= 3 * 3600.0
