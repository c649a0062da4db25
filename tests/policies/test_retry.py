"""Asking again."""

import pytest

from simroute.core import Target
from simroute.gauges.backoff import Backoff
from simroute.gauges.retry_after import RetryAfterRule
from simroute.policies.retry import Retry, RetryBudget
from tests.fakes import Ask, FakeWorld, Reply

PLAIN = Backoff(initial=1.0, jitter="none")


def world_of(*replies: Reply, u: float = 0.5) -> FakeWorld:
    """Replies at once, the last one for ever."""
    world = FakeWorld(lambda call, n: replies[min(n, len(replies) - 1)])
    world.uniform = lambda stream, call: u  # type: ignore[attr-defined]
    return world


def fails(status: int = 503, **rest: float) -> Reply:
    return Reply(status, seconds=0.0, **rest)  # type: ignore[arg-type]


def times(world: FakeWorld) -> list[float]:
    return [time for time, _ in world.sent]


def test_it_pauses_between_tries_and_not_after_the_last():
    """Four tries at 0, 1, 3 and 7 s; the error is returned at 7 s."""
    world = world_of(fails())
    ((end, outcome),) = world.play(Retry(attempts=4, backoff=PLAIN), Ask())
    assert (times(world), end, outcome.status) == ([0.0, 1.0, 3.0, 7.0], 7.0, 503)
    assert [event for _, event in world.events] == ["retried"] * 3


def test_it_stops_when_it_succeeds_or_cannot_hope():
    """A success, and a status that is not worth another try."""
    for last in (Reply(seconds=0.0), fails(400)):
        world = world_of(fails(), last)
        world.play(Retry(attempts=5, backoff=PLAIN), Ask())
        assert times(world) == [0.0, 1.0]


@pytest.mark.parametrize(
    ("hopeless", "quota", "garbled"),
    [(None, 1, 3), ((), 3, 3), (("invalid_body",), 3, 1)],
)
def test_some_errors_are_hopeless_whatever_their_status(hopeless, quota, garbled):
    """A quota that is used up, unless it is said otherwise; a client that reads no body of a
    failure tries it again, and may not try again what it could not read."""
    retry = Retry(attempts=3) if hopeless is None else Retry(attempts=3, hopeless=hopeless)
    for reply, sends in (
        (fails(429, error="insufficient_quota"), quota),
        (fails(502, error="invalid_body"), garbled),
        (fails(502), 3),
    ):
        world = world_of(reply)
        world.play(retry, Ask())
        assert len(world.sent) == sends


def test_jitter_is_drawn_only_where_there_is_some():
    """Full jitter at u = .5 halves the pause; without jitter the world is not asked for chance."""
    world = world_of(fails())
    world.play(Retry(backoff=Backoff(initial=1.0, jitter="full")), Ask())
    assert times(world) == [0.0, 0.5]
    world = world_of(fails())
    del world.uniform  # type: ignore[attr-defined]
    world.play(Retry(backoff=PLAIN), Ask())
    assert times(world) == [0.0, 1.0]


@pytest.mark.parametrize(
    ("asked", "sent"), [(0.2, [0.0, 1.0]), (7.0, [0.0, 7.0]), (60.0, [0.0, 60.0]), (60.1, [0.0])]
)
def test_retry_after_lengthens_the_pause_or_ends_it_all(asked, sent):
    """The longer of both; beyond 60 s it gives up at once and hands the 429 on."""
    world = world_of(fails(429, retry_after=asked))
    ((end, outcome),) = world.play(Retry(backoff=PLAIN), Ask())
    assert (times(world), end, outcome.retry_after) == (sent, sent[-1], asked)


def test_retry_after_can_be_ignored():
    """Then the back-off alone counts."""
    world = world_of(fails(429, retry_after=600.0))
    world.play(Retry(backoff=PLAIN, retry_after=False), Ask())
    assert times(world) == [0.0, 1.0]


def test_what_was_refused_further_in_is_not_tried_again():
    """An open breaker would refuse again."""
    world = world_of(Reply(503, seconds=0.0, by="breaker", retry_after=0.1))
    world.play(Retry(attempts=3, backoff=PLAIN), Ask())
    assert times(world) == [0.0]


def test_a_budget_keeps_retries_below_their_share():
    """A fifth of 50 calls that all fail, and nothing in reserve: ten retries."""
    world = world_of(fails())
    world.play(
        Retry(backoff=PLAIN, budget=RetryBudget(share=0.2, reserve=0.0)),
        *(Ask(id=i, arrival=i / 100) for i in range(50)),
    )
    assert len(world.sent) == 60


def test_a_stream_that_has_begun_is_not_begun_again():
    """Its failure comes too late."""
    world = world_of(Reply(502, seconds=0.0, rest=2.0))
    ((_, outcome),) = world.play(Retry(backoff=PLAIN), Ask(streamed=True))
    assert (outcome.status, len(world.sent)) == (502, 1)


# -- rules of other clients ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "asked", "sent"),
    [
        ({"sets": "pause"}, 0.2, [0.0, 0.2]),
        ({"sets": "pause", "beyond": "ignore"}, 60.0, [0.0, 60.0]),
        ({"sets": "pause", "beyond": "ignore"}, 61.0, [0.0, 1.0]),
        ({"sets": "pause", "beyond": "ignore"}, 0.0, [0.0, 1.0]),
        ({"beyond": "cap"}, 600.0, [0.0, 60.0]),
        ({"adds": 5.0, "beyond": "cap"}, 600.0, [0.0, 6.0]),
        ({"adds": 5.0}, 0.5, [0.0, 1.0]),
        ({"sets": "pause", "statuses": (503,)}, 9.0, [0.0, 1.0]),
        ({"sets": "pause", "statuses": (503, 429)}, 9.0, [0.0, 9.0]),
        ({"sets": "pause", "whole": True}, 1.5, [0.0, 1.0]),
        ({"sets": "pause", "whole": True}, 3.0, [0.0, 3.0]),
    ],
)
def test_retry_after_is_obeyed_as_clients_do(rule, asked, sent):
    """OpenAI's and Anthropic's SDKs set the pause to it in (0, 60]; botocore adds at most 5 s;
    Portkey reads that of some statuses; LiteLLM reads whole seconds. Back-off: 1 s."""
    world = world_of(fails(429, retry_after=asked))
    world.play(Retry(backoff=PLAIN, retry_after_rule=RetryAfterRule(**rule)), Ask())
    assert times(world) == pytest.approx(sent)


def test_pauses_that_were_asked_for_add_up_to_a_minute_and_no_more():
    """Portkey: 25 s each; two are waited for, the third would make 75 s."""
    world = world_of(fails(429, retry_after=25.0))
    rule = RetryAfterRule(sets="pause", total=60.0)
    ((end, _),) = world.play(Retry(attempts=6, backoff=PLAIN, retry_after_rule=rule), Ask())
    assert (times(world), end) == ([0.0, 25.0, 50.0], 50.0)


@pytest.mark.parametrize(
    ("backoff", "u", "sent"),
    [
        (Backoff(0.5, max=8.0, jitter="between"), 0.0, [0.0, 0.375, 1.125]),
        (Backoff(0.5, max=8.0, jitter="between"), 1.0, [0.0, 0.5, 1.5]),
        (Backoff(1.0, jitter="between", low=1.0, high=2.0), 0.5, [0.0, 1.5, 4.5]),
        (Backoff(0.5, max=8.0, jitter="none", added=0.75), 0.4, [0.0, 0.8, 2.1]),
        (Backoff(0.5, max=5.0, jitter="proportional"), 0.5, [0.0, 0.5, 1.5]),
    ],
)
def test_jitter_as_clients_spread_it(backoff, u, sent):
    """The SDKs' d (1 - u / 4), at the ends of it; TensorZero's [d, 2 d]; LiteLLM's d + .75 u;
    Bifrost's d (.8 + .4 u)."""
    world = world_of(fails(), u=u)
    world.play(Retry(attempts=3, backoff=backoff), Ask())
    assert times(world) == pytest.approx(sent)


def test_litellm_s_fallback_waits_for_the_pause_after_the_last_try():
    """Three tries of .2 s with pauses of .5, 1 and 2 s, each with up to .75 s more: the error is
    there at 4.1 s to 6.35 s, as measured of LiteLLM, here with half of it. Not after a failure that
    is not worth another try."""
    world = world_of(Reply(500, seconds=0.2))
    own = Backoff(0.5, max=8.0, jitter="none", added=0.75)
    ((end, _),) = world.play(Retry(attempts=3, backoff=own, last_pause=True), Ask())
    added = 3 * 0.75 * 0.5
    assert end == pytest.approx(3 * 0.2 + 0.5 + 1.0 + 2.0 + added)
    world = world_of(fails(400))
    ((end, _),) = world.play(Retry(attempts=3, backoff=PLAIN, last_pause=True), Ask())
    assert end == 0.0


def test_throttled_calls_pause_longer():
    """botocore: 1 s after a 429 at u = 1, .05 s after anything else."""
    world = world_of(fails(429), fails(503), Reply(seconds=0.0), u=1.0)
    short, long = Backoff(0.05, max=20.0), Backoff(1.0, max=20.0)
    world.play(Retry(attempts=3, backoff=short, throttled=long), Ask())
    assert times(world) == pytest.approx([0.0, 1.0, 1.1])


ALIKE = tuple(Target(name, name, model, family) for name, model, family in (
    ("a", "big", "x"), ("b", "small", "x"), ("c", "big", "x"), ("d", "big", "x"), ("e", "big", "y")
))  # fmt: skip


@pytest.mark.parametrize(
    ("where", "sent"),
    [("same", "aaaaa"), ("model", "acdea"), ("family", "abcda")],
)
def test_a_retry_may_go_to_the_next_one_alike(where, sent):
    """The same model in the order of the file and round again; or the same family."""
    world = world_of(fails())
    world.known = ALIKE
    world.play(Retry(attempts=5, backoff=PLAIN, where=where), Ask())
    assert "".join(target or "a" for _, target in world.sent) == sent


def test_no_retry_goes_to_whom_the_request_forbids():
    """Of four deployments of the model one company is forbidden; and where none is left, it stays
    with the first."""
    world = world_of(fails())
    world.known = ALIKE
    world.play(Retry(attempts=4, backoff=PLAIN, where="model"), Ask(forbids=frozenset({"d", "c"})))
    assert "".join(target or "a" for _, target in world.sent) == "aeae"
    world = world_of(fails())
    world.known = ALIKE
    world.play(Retry(attempts=3, backoff=PLAIN, where="model"), Ask(forbids=frozenset("cde")))
    assert len(world.sent) == 3


def test_what_one_asks_for_is_not_waited_for_before_another():
    """Retry-After of ten minutes of a; c is asked after the back-off, or at once."""
    for pauses, then in ((True, 1.0), (False, 0.0)):
        world = world_of(fails(429, retry_after=600.0), Reply(seconds=0.0))
        world.known = ALIKE
        retry = Retry(backoff=PLAIN, where="model", pause_elsewhere=pauses)
        ((_, outcome),) = world.play(retry, Ask())
        assert (times(world), outcome.status) == ([0.0, then], 200)


def test_where_one_refuses_for_its_target_another_is_asked():
    """An open breaker of a is none of c; a budget's refusal is everybody's."""
    for by, count in (("breaker", 2), ("budget", 1)):
        world = world_of(Reply(503, seconds=0.0, by=by), Reply(seconds=0.0))
        world.known = ALIKE
        world.play(Retry(backoff=PLAIN, where="model"), Ask())
        assert len(world.sent) == count


@pytest.mark.parametrize(("takes", "sends"), [(0.0, 3), (2.0, 3), (2.1, 2), (6.0, 1)])
def test_no_try_that_could_not_end_before_the_caller_s_deadline(takes, sends):
    """Tries fail at once at 0, 1 and 3 s after the arrival at 100 s; the deadline is after 5 s."""
    world = world_of(fails())
    retry = Retry(attempts=5, backoff=PLAIN, deadline=5.0, takes=takes)
    ((end, _),) = world.play(retry, Ask(arrival=100.0))
    assert len(world.sent) == sends
    assert end <= 105.0 - takes or sends == 1


def test_failures_above_half_of_the_tokens_stop_retries():
    """gRPC A6, ten tokens: two calls fail twice, which leaves six; the third call's failure leaves
    five, which is not more than half."""
    world = world_of(fails())
    budget = RetryBudget(rule="half_full", tokens=10, share=0.1)
    asks = [Ask(id=i, arrival=10.0 * i) for i in range(5)]
    world.play(Retry(backoff=PLAIN, budget=budget), *asks)
    assert len(world.sent) == 2 + 2 + 1 + 1 + 1


def test_retries_cost_tokens_that_their_success_gives_back():
    """botocore, 30 tokens: a retry costs 14, or 5 after a 429: two and none are left; a call that
    succeeds at once gives one back."""
    world = world_of(fails())
    budget = RetryBudget(rule="costs", tokens=30, cost=14.0, costs={429: 5.0})
    world.play(Retry(attempts=9, backoff=PLAIN, budget=budget), Ask())
    assert len(world.sent) == 3
    world = world_of(fails(429))
    world.play(Retry(attempts=9, backoff=PLAIN, budget=budget), Ask())
    assert len(world.sent) == 7
    # 14 of 20 are taken and given back each time
    world = world_of(*[fails(), Reply(seconds=0.0)] * 50)
    budget = RetryBudget(rule="costs", tokens=20, cost=14.0)
    world.play(Retry(budget=budget), *(Ask(id=i, arrival=10.0 * i) for i in range(50)))
    assert len(world.sent) == 100
