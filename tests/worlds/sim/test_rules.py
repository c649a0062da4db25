"""Each rule of the architecture, by name. A scripted upstream answers; the ledger tells what
happened."""

import copy
from dataclasses import dataclass, field

import numpy as np
import pytest
from simpy import Environment

from simroute.core import Outcome
from simroute.policies.breaker import Breaker
from simroute.policies.fallback import Fallback
from simroute.policies.retry import Backoff, Retry
from simroute.policies.timeout import Timeout
from simroute.testing.script import Step, collect_log, play, scripted_world


def test_given_fallback_over_breaker_when_three_calls_fail_then_the_first_target_is_left_alone():
    """Five calls a second apart: A sees three, B five, one `opened` at t = 2."""
    log = play(
        {"fallback": Fallback(("a", "b")), "breaker": Breaker()},
        {"a": [Step(0.0, 503)], "b": [Step(0.1)]},
        [0.0, 1.0, 2.0, 3.0, 4.0],
    )
    assert [t for t, target, *_ in log.attempts if target == "a"] == [0.0, 1.0, 2.0]
    assert [t for t, target, *_ in log.attempts if target == "b"] == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert [row for row in log.events if row[1] == "opened"] == [(2.0, "opened", "a")]


def test_ties_a_reply_comes_before_a_deadline_of_the_same_instant():
    """An answer at exactly the timeout is an answer."""
    log = play({"timeout": Timeout(2.0)}, {"a": [Step(2.0)]})
    assert log.requests[0] == ("ok", "a", 2.0)


def test_deadlines_expire_in_virtual_time_and_the_abandoned_call_runs_on():
    """The caller hears 408 at 2 s; the attempt ends at 5 s, as 499, and is billed whole."""
    log = play({"timeout": Timeout(2.0)}, {"a": [Step(5.0)]})
    assert log.requests[0] == ("failed", "", 2.0)
    assert log.attempts == [(0.0, "a", 1, 499, 5.0)]
    assert log.rows["attempts"][0]["cost_nano"].tolist() == [1000 * 1000 + 100 * 2000]


def test_abandoned_work_that_stops_ends_at_once_and_is_billed_so_far():
    """`abandoned: stops`: after 2 of 4 s of tokens, the input and half of the output."""
    log = play({"timeout": Timeout(3.0)}, {"a": [Step(5.0, first=1.0)]}, abandoned="stops")
    assert log.attempts == [(0.0, "a", 1, 499, 3.0)]
    assert log.rows["attempts"][0]["cost_nano"].tolist() == [1000 * 1000 + 50 * 2000]
    assert log.rows["requests"][0]["wasted_nano"].tolist() == [1000 * 1000 + 50 * 2000]


def test_streaming_resolves_at_the_first_token_and_a_later_failure_is_truncated():
    """A cut after the first token cannot be repaired: no fallback, outcome `truncated`."""
    log = play(
        {"fallback": Fallback(("a", "b"))},
        {"a": [Step(3.0, 502, first=1.0)], "b": [Step(1.0)]},
        streamed=True,
    )
    assert log.requests[0][0] == "truncated"
    assert [target for _, target, *_ in log.attempts] == ["a"]


def test_streaming_a_first_token_timeout_falls_back_and_the_ttft_counts_from_arrival():
    """No token in 2 s at A: B's first token comes at 2 + 0.5 s, its last at 2 + 1 s."""
    layers = {"fallback": Fallback(("a", "b")), "timeout": Timeout(30.0, 2.0)}
    log = play(layers, {"a": [Step(9.0, first=8.0)], "b": [Step(1.0, first=0.5)]}, streamed=True)
    assert log.requests[0] == ("ok", "b", 3.0)
    assert log.rows["requests"][0]["ttft_s"].tolist() == [2.5]


def test_streaming_a_total_timeout_covers_the_rest_of_the_answer():
    """First token at 1 s, total 4 s, an answer of 9 s: cut at 4 s, truncated."""
    log = play({"timeout": Timeout(4.0, 2.0)}, {"a": [Step(9.0, first=1.0)]}, streamed=True)
    assert log.requests[0] == ("truncated", "", 4.0)


def test_streaming_a_breaker_counts_the_end_of_the_answer_not_its_first_token():
    """Three answers that break off open it."""
    log = play(
        {"breaker": Breaker()},
        {"a": [Step(1.0, 502, first=0.5)]},
        [0.0, 2.0, 4.0, 6.0],
        streamed=True,
    )
    assert [outcome for outcome, *_ in log.requests.values()] == ["truncated"] * 3 + ["rejected"]
    assert (5.0, "opened", "a") in log.events


@dataclass
class Both:
    """Races A against B, started `delay` later."""

    delay: float = 0.0
    log: list = field(default_factory=list)

    async def __call__(self, call, send, world):
        async def late():
            await world.sleep(self.delay)
            return await send(call.to("b"))

        return await world.first(send(call.to("a")), late())


def test_first_gives_the_first_ok_and_cancels_the_loser():
    """B would take 9 s; A is there at 2 s and the request ends."""
    log = play({"both": Both(1.0)}, {"a": [Step(2.0)], "b": [Step(9.0)]})
    assert log.requests[0] == ("ok", "a", 2.0)
    assert log.attempts == [(0.0, "a", 1, 200, 2.0), (1.0, "b", 2, 499, 10.0)]


def test_first_never_waits_for_a_delayed_backup_once_the_primary_has_answered():
    """A answers at 1 s; B, due at 5 s, is never sent."""
    log = play({"both": Both(5.0)}, {"a": [Step(1.0)], "b": [Step(1.0)]})
    assert [target for _, target, *_ in log.attempts] == ["a"]


def test_first_gives_the_last_outcome_when_none_is_ok():
    """A fails at 1 s, B at 3 s."""
    log = play({"both": Both(0.0)}, {"a": [Step(1.0, 500)], "b": [Step(3.0, 503)]})
    assert log.requests[0] == ("failed", "b", 3.0)


@dataclass
class Holder:
    """Counts what it holds; gives it back in `finally`."""

    held: int = 0
    most: int = 0

    async def __call__(self, call, send, world):
        self.held += 1
        self.most = max(self.most, self.held)
        try:
            return await send(call)
        finally:
            self.held -= 1


def test_cancellation_runs_finally_blocks_so_that_nothing_leaks():
    """Twenty calls time out inside the holder; it holds nothing in the end."""
    built, log = scripted_world(
        {"timeout": Timeout(1.0), "holder": Holder()},
        {"a": [Step(5.0)]},
        [i * 1.5 for i in range(20)],
        streamed=False,
    )
    built.run()
    holder = built.stacks[0]["holder"]
    assert (holder.held, holder.most) == (0, 1)
    assert len(collect_log(built, log).attempts) == 20


def test_cancellation_a_cancelled_half_open_probe_gives_its_permit_back():
    """The probe at 40 s is cancelled from outside; the next call is let through as a probe and
    closes the breaker."""
    layers = {"timeout": Timeout(2.0), "breaker": Breaker(failures=1, cooldown=30.0)}
    log = play(layers, {"a": [Step(0.5, 500), Step(9.0), Step(0.5)]}, [0.0, 40.0, 50.0, 60.0])
    assert [outcome for outcome, *_ in log.requests.values()] == ["failed", "failed", "ok", "ok"]
    assert (50.5, "closed", "a") in log.events


class Stubborn:
    """Awaits while it is being cancelled, which no layer may."""

    async def __call__(self, call, send, world):
        try:
            return await send(call)
        finally:
            await world.sleep(1.0)


class Deaf:
    """Catches its cancellation, which no layer may."""

    async def __call__(self, call, send, world):
        try:
            return await send(call)
        except BaseException:
            return Outcome(200)


@pytest.mark.parametrize("layer", [Stubborn(), Deaf()])
def test_cancellation_that_is_awaited_or_swallowed_is_named_as_the_bug_it_is(layer):
    """The run stops and says which rule was broken."""
    with pytest.raises(RuntimeError, match="finally"):
        play({"timeout": Timeout(1.0), "layer": layer}, {"a": [Step(5.0)]})


@dataclass
class Waiter:
    """The first call opens the gate after a second; the others wait for it."""

    def __post_init__(self):
        self.gate = None

    async def __call__(self, call, send, world):
        if self.gate is None:
            self.gate = world.gate()
            await world.sleep(1.0)
            self.gate.open("go")
            return await send(call)
        assert await self.gate == "go"
        return await send(call)


def test_gate_lets_waiters_through_in_order_and_later_comers_at_once():
    """Calls at 0, .2, .4 are sent at 1 s in that order; the one at 2 s at once."""
    log = play({"waiter": Waiter()}, {"a": [Step(0.5)]}, [0.0, 0.2, 0.4, 2.0])
    assert [row[0] for row in log.attempts] == [1.0, 1.0, 1.0, 2.0]


@dataclass
class Pinger:
    """Asks A every ten seconds, outside any request."""

    async def __call__(self, call, send, world):
        return await send(call)

    async def background(self, send, world):
        while True:
            await send(world.ping("a"))
            await world.sleep(10.0)


def test_background_runs_once_for_each_replica_until_the_last_request_has_ended():
    """Requests at 0 and 25 s; pings of two replicas at 0, 11 and 22 s belong to no request and are
    probes."""
    log = play({"pinger": Pinger()}, {"a": [Step(1.0)]}, [0.0, 25.0], replicas=2)
    chunk = log.rows["attempts"][0]
    pings = chunk["request_id"] < 0
    assert sorted(chunk["start_s"][pings].tolist()) == [0.0, 0.0, 11.0, 11.0, 22.0, 22.0]
    assert chunk["probe"][pings].all()


def test_scope_of_state_each_replica_learns_for_itself_unless_shared():
    """Failures 1 to open: with state of their own some replica still sends later; shared, only the
    first call does."""
    arrivals = [float(i) for i in range(30)]
    layers = {"breaker": Breaker(failures=1, cooldown=1000.0)}
    own = play(layers, {"a": [Step(0.1, 500)]}, arrivals, replicas=3)
    shared = play(layers, {"a": [Step(0.1, 500)]}, arrivals, replicas=3, shared=True)
    assert len(own.attempts) == 3
    assert len(shared.attempts) == 1


def test_retry_obeys_retry_after_and_its_own_pause_and_does_not_wait_after_the_last():
    """Pauses .5 and 3 (asked for), without jitter."""
    retry = Retry(attempts=3, backoff=Backoff(0.5, 2.0, 20.0, "none"))
    log = play({"retry": retry}, {"a": [Step(0.1, 500), Step(0.1, 429, 3.0), Step(0.1, 503)]})
    assert [row[0] for row in log.attempts] == [0.0, 0.6, 3.7]
    assert log.requests[0][2] == pytest.approx(3.8)


def test_simpy_stays_the_engine_an_ordinary_process_shares_the_environment():
    """A process that switches a shared flag at 3.5 s is seen by calls after it; one that never ends
    does not hold the run open."""
    env = Environment()
    switched = []

    def process():
        yield env.timeout(3.5)
        switched.append(env.now)
        while True:
            yield env.timeout(1.0)

    @dataclass
    class Seen:
        async def __call__(self, call, send, world):
            return await send(call) if switched else Outcome.rejected(by="seen")

    env.process(process())
    built, log = scripted_world(
        {"seen": Seen()}, {"a": [Step(0.5)]}, [1.0, 3.0, 4.0], streamed=False, env=env
    )
    built.stacks[0]["seen"] = Seen()
    built.run()
    assert [outcome for outcome, *_ in collect_log(built, log).requests.values()] == [
        "rejected",
        "rejected",
        "ok",
    ]
    assert switched == [3.5]


def test_deadlines_many_dead_ones_do_not_pile_up_in_the_queue():
    """3,000 calls of 1 s behind 300 s deadlines leave at most one timer in SimPy's queue."""
    built, _ = scripted_world(
        {"timeout": Timeout(300.0)},
        {"a": [Step(1.0)]},
        [i * 0.1 for i in range(3000)],
        streamed=False,
    )
    built.run()
    assert len(built.kernel.queue) <= 1
    assert len(built.kernel._deadlines) < 2100


def test_conservation_every_request_ends_once_and_every_attempt_belongs_to_one():
    """Random failures, timeouts, retries: one row a request, and the rows' attempts add up."""
    steps = [
        Step(float(s), int(k))
        for s, k in zip(np.linspace(0.1, 9.0, 50), [200, 503, 429, 200, 500] * 10, strict=True)
    ]
    layers = {
        "fallback": Fallback(("a", "b")),
        "breaker": Breaker(),
        "retry": Retry(attempts=3),
        "timeout": Timeout(5.0),
    }
    log = play(
        copy.deepcopy(layers), {"a": steps, "b": steps[::-1]}, [i * 0.37 for i in range(500)]
    )
    ids = np.concatenate([chunk["request_id"] for chunk in log.rows["requests"]])
    attempts = np.concatenate([chunk["attempts"] for chunk in log.rows["requests"]])
    owners = np.concatenate([chunk["request_id"] for chunk in log.rows["attempts"]])
    assert sorted(ids.tolist()) == list(range(500))
    assert np.array_equal(np.bincount(owners, minlength=500), attempts[np.argsort(ids)])
    spent = sum(int(chunk["cost_nano"].sum()) for chunk in log.rows["attempts"])
    assert spent == sum(int(chunk["cost_nano"].sum()) for chunk in log.rows["requests"])


class Discards:
    """Takes the first token for the answer, and drops the rest."""

    async def __call__(self, call, send, world):
        outcome = await send(call)
        return Outcome(200, outcome.target)


@pytest.mark.parametrize(("abandoned", "end"), [("stops", 1.0), ("runs_on", 5.0)])
def test_streaming_a_rest_that_nobody_reads_is_closed_when_its_request_ends(abandoned, end):
    """The request ends at 1 s, once; its attempt as 499, then or when the provider is done."""
    log = play(
        {"discards": Discards()},
        {"a": [Step(5.0, first=1.0)]},
        [0.0, 9.0],
        streamed=True,
        abandoned=abandoned,
    )
    assert [row[:2] for row in log.requests.values()] == [("ok", "a")] * 2
    assert log.attempts == [(0.0, "a", 1, 499, end), (9.0, "a", 1, 499, 9.0 + end)]
