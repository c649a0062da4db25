"""Not calling what fails: the layer around the state."""

from collections.abc import Callable
from math import sqrt

import numpy as np
import pytest

from simroute.core import Call, Outcome, Policy, Send, World
from simroute.gauges.backoff import Backoff
from simroute.policies.breaker import Breaker
from simroute.policies.retry import Retry
from tests.fakes import Ask, FakeWorld, Reply, Target


def at(*times: float, **rest: object) -> list[Ask]:
    return [Ask(id=i, arrival=now, **rest) for i, now in enumerate(times)]  # type: ignore[arg-type]


class Watched(FakeWorld):
    """Keeps which calls were trials."""

    def __init__(self, reply: Callable[[Call, int], Reply], **rest: object) -> None:
        super().__init__(lambda call, n: self.note(call) or reply(call, n), **rest)
        self.trials: list[bool] = []

    def note(self, call: Call) -> None:
        self.trials.append(call.probe)


def failing(times: int, status: int = 503, **rest: float) -> Watched:
    return Watched(lambda call, n: Reply(status if n < times else 200, seconds=0.0, **rest))


def test_three_failures_stop_the_calls_and_a_trial_lets_them_through_again():
    """Failures at 0, 1, 2 s open it; 3 s and 31.9 s are refused with what is left of 30 s; the
    trial at 32 s closes it."""
    world = failing(3)
    ends = world.play(Breaker(), *at(0.0, 1.0, 2.0, 3.0, 31.9, 32.0, 33.0))
    assert [outcome.status for _, outcome in ends] == [503, 503, 503, 503, 503, 200, 200]
    assert [outcome.retry_after for _, outcome in ends[3:5]] == pytest.approx([29.0, 0.1])
    assert [(outcome.by, outcome.target) for _, outcome in ends[3:5]] == [("breaker", "a")] * 2
    assert world.trials == [False, False, False, True, False]
    assert world.events == [(2.0, "opened"), (32.0, "half_opened"), (32.0, "closed")]


@pytest.mark.parametrize(
    ("status", "opens"),
    [(408, True), (500, True), (529, True), (429, False), (499, False), (400, False)],
)
def test_what_counts_as_a_failure(status, opens):
    """A timeout does; rate limits, calls that were given up and bad requests do not."""
    world = failing(99, status)
    world.play(Breaker(), *at(0.0, 1.0, 2.0, 3.0))
    assert len(world.sent) == (3 if opens else 4)


def test_a_rate_limit_counts_where_it_is_listed():
    """Neutral only by default."""
    world = failing(99, 429)
    world.play(Breaker(statuses=(429,)), *at(0.0, 1.0, 2.0, 3.0))
    assert len(world.sent) == 3


def test_a_trial_that_meets_a_rate_limit_is_neither_here_nor_there():
    """It neither closes nor opens, and the next call is a trial again."""
    replies = [503, 503, 503, 429, 200]
    world = Watched(lambda call, n: Reply(replies[n], seconds=0.0))
    world.play(Breaker(), *at(0.0, 1.0, 2.0, 40.0, 41.0))
    assert world.trials[3:] == [True, True]
    assert [event for _, event in world.events] == ["opened", "half_opened", "closed"]


def test_a_refusal_further_in_says_nothing_about_the_provider():
    """A limit inside that refuses with 503 does not open it."""
    world = Watched(lambda call, n: Reply(503, seconds=0.0, by="limit"))
    world.play(Breaker(), *at(0.0, 1.0, 2.0, 3.0))
    assert len(world.sent) == 4


def test_a_cancelled_trial_does_not_block_the_way():
    """The caller leaves after 5 s; the trial's place is free for the next call, and no failure is
    counted."""
    world = Watched(
        lambda call, n: Reply(503, seconds=0.0) if n < 3 else Reply(seconds=10.0 if n == 3 else 1.0)
    )
    ends = world.play(Breaker(), *at(0.0, 1.0, 2.0, 40.0, 46.0), give_up=5.0)
    assert [outcome.status for _, outcome in ends[3:]] == [408, 200]
    assert world.trials[3:] == [True, True]


def test_a_stream_is_judged_by_its_end():
    """First tokens arrive, but three streams break: it opens when the third has broken, not
    before."""
    world = Watched(lambda call, n: Reply(502, seconds=0.0, rest=5.0))
    world.play(Breaker(), *at(0.0, 1.0, 2.0, 6.5, 7.5, streamed=True))
    assert len(world.sent) == 4
    assert world.events[0] == (7.0, "opened")


def test_a_trial_stream_holds_its_place_to_the_end():
    """While the trial's stream runs, others are refused, without a time to come back; its end
    closes the breaker."""
    world = Watched(
        lambda call, n: Reply(503, seconds=0.0) if n < 3 else Reply(seconds=0.0, rest=5.0)
    )
    ends = world.play(Breaker(), *at(0.0, 1.0, 2.0, 40.0, 44.0, 46.0, streamed=True))
    assert [(outcome.status, outcome.retry_after) for _, outcome in ends[3:]] == [
        (200, None),
        (503, None),
        (200, None),
    ]


TWINS = (Target("a", "ann", "m", "m"), Target("b", "ann", "n", "n"))


@pytest.mark.parametrize(("scope", "through"), [("provider", 0), ("deployment", 1), ("task", 1)])
def test_deployments_of_a_provider_share_a_breaker_or_have_their_own(scope, through):
    """Three failures of a: b, of the same provider, is refused as well, or not."""
    world = Watched(lambda call, n: Reply(503, seconds=0.0), known=TWINS)
    policy = Breaker(scope=scope)
    world.play(policy, *at(0.0, 1.0, 2.0), aim="a")
    world.play(policy, *at(3.0), aim="b")
    assert len(world.sent) == 3 + through


@pytest.mark.parametrize(("scope", "through"), [("deployment", 0), ("task", 1)])
def test_a_task_may_have_a_breaker_of_its_own(scope, through):
    """Extraction fails at a; whether chat at a goes on is a matter of scope."""
    world = failing(99)
    policy = Breaker(scope=scope)
    world.play(policy, *at(0.0, 1.0, 2.0, task="extract"), aim="a")
    world.play(policy, *at(3.0, task="chat"), aim="a")
    assert len(world.sent) == 3 + through


def test_a_call_that_nobody_aimed_belongs_to_the_first_deployment():
    """It shares the breaker of calls that name it."""
    world = failing(99)
    policy = Breaker()
    world.play(policy, *at(0.0, 1.0))
    world.play(policy, *at(2.0, 3.0), aim="a")
    assert len(world.sent) == 3


@pytest.mark.parametrize(
    ("scope", "key"), [("provider", "ann"), ("deployment", "a"), ("task", "a (chat)")]
)
def test_events_tell_which_breaker_it_was(scope, key):
    """Provider, deployment, or deployment and task; the target is that of the call at hand."""
    world = Watched(lambda call, n: Reply(503 if n < 3 else 200, seconds=0.0), known=TWINS)
    policy = Breaker(scope=scope)
    world.play(policy, *at(0.0, 1.0, 2.0), aim="a")
    last = "b" if scope == "provider" else "a"
    world.play(policy, *at(40.0), aim=last)
    assert [event for _, event in world.events] == ["opened", "half_opened", "closed"]
    assert [detail["breaker"] for detail in world.details] == [key] * 3
    assert [detail["target"] for detail in world.details] == ["a", last, last]


def around(breaker: Breaker, retry: Retry) -> Policy:
    """breaker(retry(send))."""

    async def both(call: Call, send: Send, world: World) -> Outcome:
        return await breaker(call, lambda inner: retry(inner, send, world), world)

    return both


TWICE = Retry(attempts=2, backoff=Backoff(initial=1.0, jitter="none"))


@pytest.mark.parametrize(
    ("trial", "sent", "statuses"),
    [("call", [40.0, 41.0, 50.0], [200, 200]), ("send", [40.0], [503, 503])],
)
def test_a_trial_is_the_whole_inner_call_or_one_send(trial, sent, statuses):
    """Opened by three calls of two sends each; at 40 s the first send fails and a second would not:
    the trial closes it, or opens it again."""
    world = Watched(lambda call, n: Reply(503 if n < 7 else 200, seconds=0.0))
    ends = world.play(around(Breaker(trial=trial), TWICE), *at(0.0, 2.0, 4.0, 40.0, 50.0))
    assert [time for time, _ in world.sent[6:]] == sent
    assert world.trials[6:] == [True, True, False][: len(sent)]
    assert [outcome.status for _, outcome in ends[3:]] == statuses
    last = [(41.0, "closed")] if trial == "call" else [(40.0, "opened")]
    assert [event for event in world.events if event[1] != "retried"] == [
        (5.0, "opened"),
        (40.0, "half_opened"),
        *last,
    ]


def test_while_a_trial_pauses_between_its_tries_others_are_refused():
    """The trial's first send fails at 40 s and its second is at 41 s: a call at 40.5 s is refused,
    without a time to come back."""
    world = Watched(lambda call, n: Reply(503 if n < 7 else 200, seconds=0.0))
    ends = world.play(around(Breaker(), TWICE), *at(0.0, 2.0, 4.0, 40.0, 40.5, 41.5))
    assert [(outcome.status, outcome.by, outcome.retry_after) for _, outcome in ends[3:]] == [
        (200, "", None),
        (503, "breaker", None),
        (200, "", None),
    ]


def test_a_trial_that_is_cancelled_in_its_pause_gives_its_place_back():
    """The caller leaves after half a second, before the second try: the next call is a trial again,
    and no failure is counted."""
    world = Watched(lambda call, n: Reply(503 if n < 7 else 200, seconds=0.0))
    policy = around(Breaker(), TWICE)
    world.play(policy, *at(0.0, 2.0, 4.0))
    ends = world.play(policy, *at(40.0, 45.0), give_up=0.5)
    assert [outcome.status for _, outcome in ends] == [408, 200]
    assert world.trials[6:] == [True, True]
    assert [event for _, event in world.events if event != "retried"] == [
        "opened",
        "half_opened",
        "closed",
    ]


def test_a_trial_that_takes_longer_than_its_limit_has_failed():
    """The limit of 20 s covers all its tries: at 131 s it has failed, and from 141 s on another may
    pass, though the first one still pauses."""
    slow = Retry(attempts=2, backoff=Backoff(initial=100.0, max=100.0, jitter="none"))
    world = Watched(lambda call, n: Reply(503 if n < 4 else 200, seconds=0.0))
    breaker = Breaker(failures=1, cooldown=10.0, probe_limit=20.0)
    ends = world.play(around(breaker, slow), *at(0.0, 111.0, 132.0, 142.0))
    assert [time for time, _ in world.sent] == [0.0, 100.0, 111.0, 142.0, 211.0, 242.0]
    assert [outcome.by for _, outcome in ends] == ["", "", "breaker", ""]


@pytest.mark.parametrize(("trial", "passes"), [("call", 1 - 0.6**2), ("send", 0.4)])
def test_in_a_partial_outage_trials_of_two_tries_pass_more_often(trial, passes):
    """With an error share of .6 a trial closes it with 1 - .6² = .64, or .4 for a single send; 600
    trials, within 4 binomial sd."""
    rng, n = np.random.default_rng(11), 600
    world = Watched(lambda call, k: Reply(503 if rng.random() < 0.6 else 200, seconds=0.0))
    breaker, closed = Breaker(failures=1, cooldown=10.0, trial=trial), 0
    for i in range(n):
        world.reply = lambda call, k: Reply(503, seconds=0.0)  # opens it
        world.play(around(breaker, Retry(attempts=1)), *at(100.0 * i))
        world.reply = lambda call, k: Reply(503 if rng.random() < 0.6 else 200, seconds=0.0)
        ((_, outcome),) = world.play(around(breaker, TWICE), *at(100.0 * i + 50.0))
        closed += outcome.ok
        world.reply = lambda call, k: Reply(200, seconds=0.0)
        world.play(around(breaker, TWICE), *at(100.0 * i + 80.0))  # closes it, if it is open
    assert closed / n == pytest.approx(passes, abs=4 * sqrt(passes * (1 - passes) / n))
