"""Sends that a provider knows again by their idempotency key: one work, and one bill."""

import math

import pytest

from simroute.models import spec
from simroute.policies.cascade import Cascade
from simroute.policies.hedge import Hedge
from simroute.policies.retry import Backoff, Retry
from simroute.policies.timeout import Timeout
from simroute.testing.script import (
    ScriptedUpstream,
    ScriptedWorld,
    Step,
    collect_log,
    play,
    scripted_world,
)
from simroute.worlds.sim.upstream import CappedUpstream

PRICE = 1_200_000
"""Nano-USD of a call of 1,000 tokens in and 100 out, at 1 and 2 USD a million."""
AT_ONCE = Backoff(initial=0.0, jitter="none")


def retry(attempts=2, pause=0.0, key=True):
    backoff = Backoff(initial=pause, factor=1.0, jitter="none")
    return Retry(attempts=attempts, backoff=backoff, idempotency_key=key)


def bills(log):
    """(nano-USD of all sends, of all requests, and of these what nobody got an answer for)."""
    sends = sum(int(chunk["cost_nano"].sum()) for chunk in log.rows["attempts"])
    asked = sum(int(chunk["cost_nano"].sum()) for chunk in log.rows["requests"])
    wasted = sum(int(chunk["wasted_nano"].sum()) for chunk in log.rows["requests"])
    return sends, asked, wasted


@pytest.mark.parametrize("attempts", [1, 2, 3, 4])
@pytest.mark.parametrize("streamed", [False, True])
def test_timeouts_are_billed_once_with_a_key_and_each_time_without(attempts, streamed):
    """Answers take 10 s, or their first token does, and are waited for 3 s: the fourth of the sends
    at 0, 3, 6 and 9 s sees the answer of the first. n requests cost n prices; without keys n prices
    for each send, and nobody ever has an answer."""
    n = 5
    arrivals = [100.0 * i for i in range(n)]
    script = {"a": [Step(12.0, first=10.0) if streamed else Step(10.0)]}
    end = 12.0 if streamed else 10.0
    limit = Timeout(first_token=3.0) if streamed else Timeout(total=3.0)
    for key, known in ((True, True), (True, False), (False, True)):
        layers = {"retry": retry(attempts, key=key), "timeout": limit}
        log = play(layers, script, arrivals, streamed=streamed, idempotency_keys=known)
        works = key and known
        answered = works and attempts == 4
        sends, asked, wasted = bills(log)
        assert sends == asked == n * PRICE * (1 if works else attempts)
        assert wasted == (0 if answered else asked)
        seen = {(outcome, latency) for outcome, _, latency in log.requests.values()}
        assert seen == {("ok", end) if answered else ("failed", 3.0 * attempts)}
        starts = [start for start, *_ in log.attempts]
        assert starts == [when + 3.0 * k for when in arrivals for k in range(attempts)]


def test_an_answer_that_is_there_already_comes_at_once_and_is_paid():
    """The first send's answer is there after 5 s; its repeat goes at 3 + 4 s."""
    layers = {"retry": retry(pause=4.0), "timeout": Timeout(total=3.0)}
    log = play(layers, {"a": [Step(5.0)]}, idempotency_keys=True)
    assert log.attempts == [(0.0, "a", 1, 499, 5.0), (7.0, "a", 2, 200, 7.0)]
    assert log.requests[0] == ("ok", "a", 7.0)
    assert bills(log) == (PRICE, PRICE, 0)


def test_a_stream_that_is_there_already_comes_whole():
    """Its first token was late at 3 s, and its end is past at 12 s."""
    layers = {"retry": retry(pause=9.0), "timeout": Timeout(first_token=3.0)}
    log = play(layers, {"a": [Step(8.0, first=5.0)]}, streamed=True, idempotency_keys=True)
    assert [(start, status) for start, _, _, status, _ in log.attempts] == [(0.0, 499), (12.0, 200)]
    assert log.requests[0] == ("ok", "a", 12.0)
    assert bills(log) == (PRICE, PRICE, 0)


def test_a_repeat_that_is_given_up_too_leaves_its_answer_for_the_next():
    """A caller may give up even what comes at once, as far as the answer takes time."""
    layers = {"retry": retry(5, pause=1.0), "timeout": Timeout(total=2.0)}
    log = play(layers, {"a": [Step(7.5)]}, idempotency_keys=True)
    assert [start for start, *_ in log.attempts] == [0.0, 3.0, 6.0]
    assert log.requests[0] == ("ok", "a", 7.5)
    assert bills(log) == (PRICE, PRICE, 0)


def test_what_was_refused_or_failed_is_tried_anew():
    """503 at once, a time-out whose answer will be a 503, and then an answer of its own."""
    layers = {"retry": retry(3), "timeout": Timeout(total=3.0)}
    script = {"a": [Step(1.0, 503), Step(9.0, 503), Step(2.0)]}
    log = play(layers, script, idempotency_keys=True)
    assert [row[:2] + row[3:] for row in log.attempts] == [
        (0.0, "a", 503, 1.0),
        (1.0, "a", 499, 10.0),
        (4.0, "a", 200, 6.0),
    ]
    assert bills(log) == (PRICE, PRICE, 0)


def test_where_given_up_work_stops_there_is_no_answer_to_give():
    """Of 10 s, whose first token comes with the last, 3 s are worth the input; then it begins
    anew."""
    layers = {"retry": retry(2), "timeout": Timeout(total=3.0)}
    script = {"a": [Step(10.0), Step(2.0)]}
    log = play(layers, script, idempotency_keys=True, abandoned="stops")
    assert log.requests[0] == ("ok", "a", 5.0)
    assert bills(log)[1] == PRICE + 1_000_000


def test_in_the_line_a_repeat_has_the_place_of_the_first():
    """One slot, taken for 5 s; who came at 1 s waits, gives up at 4 s, and its repeat begins at
    5 s, before the one that came at 2 s. All give the slot back."""
    layers = {"retry": retry(3), "timeout": Timeout(total=3.0)}
    limits = spec.Limits(concurrency=1, queue=5)
    world, log = scripted_world(
        layers,
        {"a": [Step(5.0)]},
        [0.0, 1.0, 2.0],
        streamed=False,
        limits=limits,
        idempotency_keys=True,
    )
    world.run()
    log = collect_log(world, log)
    ends = {number: (outcome, latency) for number, (outcome, _, latency) in log.requests.items()}
    # at 5, at 10 = 1 + 9, and at 15: its last send gave up at 11
    assert ends == {0: ("ok", 5.0), 1: ("ok", 9.0), 2: ("failed", 9.0)}
    assert bills(log)[:2] == (3 * PRICE, 3 * PRICE)
    (upstream,) = {*world.upstreams.values()}
    assert upstream.busy == 0
    assert not upstream.waiting


def test_busy_seconds_count_the_work_once():
    """Ten seconds of each answer, as far as they are within the horizon."""
    layers = {"retry": retry(4), "timeout": Timeout(total=3.0)}
    world, _ = scripted_world(
        layers,
        {"a": [Step(10.0)]},
        [0.0, 50.0],
        streamed=False,
        limits=spec.Limits(concurrency=3),
        idempotency_keys=True,
    )
    world.run()
    upstream = world.upstreams["a"]
    # the horizon ends a second after the last arrival
    assert upstream.busy_seconds == pytest.approx(10.0 + 1.0)


@pytest.mark.parametrize("charge", ["generated", "correct"])
def test_limits_count_the_work_once(charge):
    """800 output tokens a minute at most, 100 an answer: three works fit in any case, and what is
    left afterwards is what one send without a time-out leaves."""
    left = []
    limits = spec.Limits(tpm=10_000, charge=charge)
    for layers in ({}, {"retry": retry(4), "timeout": Timeout(total=3.0)}):
        world, _ = scripted_world(
            layers,
            {"a": [Step(10.0)]},
            [0.0],
            streamed=False,
            limits=limits,
            idempotency_keys=bool(layers),
        )
        world.run()
        found = world.upstreams["a"].limits.left(10.0)
        left.append({word: facts[1] for word, facts in found.items()})
    work, repeats = left
    # each send counts when it is let in, and only the first is; refills do not depend on that
    assert work == repeats


def test_copies_and_samples_are_works_of_their_own():
    """A hedge inside wants another answer, and so do samples: they carry no key."""
    hedge = Hedge(delay=1.0, max_extra=None)
    log = play(
        {"retry": retry(), "hedge": hedge}, {"a": [Step(5.0), Step(1.0)]}, idempotency_keys=True
    )
    assert log.requests[0] == ("ok", "a", 2.0)
    assert bills(log)[1] == 2 * PRICE
    cascade = Cascade(cheap="a", strong="b", samples=3)
    script = {"a": [Step(1.0), Step(2.0), Step(3.0)], "b": [Step(1.0)]}
    log = play({"retry": retry(), "cascade": cascade}, script, idempotency_keys=True)
    ends = [end for _, target, _, _, end in log.attempts if target == "a"]
    assert ends == [1.0, 2.0, 3.0]


def test_each_pass_of_the_layer_has_a_key_of_its_own():
    """An outer retry that has none sends what the inner one had given up, and works again."""
    layers = {
        "outer": Retry(attempts=2, backoff=AT_ONCE),
        "inner": retry(2),
        "timeout": Timeout(total=3.0),
    }
    log = play(layers, {"a": [Step(10.0)]}, idempotency_keys=True)
    assert bills(log)[1] == 2 * PRICE
    assert not math.isnan(log.requests[0][2])


def test_a_refusal_that_nobody_waited_for_is_tried_anew(monkeypatch):
    """A refusal takes 0.3 s and is waited for 0.1 s: it holds no place in the line, and what was
    refused there is asked again."""
    monkeypatch.setattr("simroute.testing.script.NO_TIME", [0.3, 0.3])
    layers = {"retry": retry(3), "timeout": Timeout(total=0.1)}
    limits = spec.Limits(concurrency=1, queue=0)
    log = play(layers, {"a": [Step(0.05)]}, [0.0, 0.01], limits=limits, idempotency_keys=True)
    assert [row[:1] + row[3:] for row in log.attempts] == [
        (0.0, 200, 0.05),
        (0.01, 499, 0.31),
        (0.11, 200, pytest.approx(0.16)),
    ]


@pytest.mark.parametrize("refill", ["fixed", "sliding"])
def test_a_call_that_waited_in_the_line_counts_from_when_it_was_let_in(refill):
    """Let in at 55 s, begun at 65 s, and ended in the next window: what it did not use is that of
    the window before, which is over. A key changes nothing of that."""
    limits = spec.Limits(concurrency=1, queue=5, tpm=100_000, refill=refill, charge="correct")
    left = []
    for key in (False, True):
        script = {"a": [Step(15.0), Step(5.0)]}
        world, _ = scripted_world(
            {"retry": retry(key=key)},
            script,
            [50.0, 55.0],
            streamed=False,
            limits=limits,
            idempotency_keys=key,
        )
        world.run()
        left.append(world.upstreams["a"].limits.left(71.0)["tokens"][1])
    assert left[1] == left[0] <= 100_000


def test_an_answer_that_was_cut_is_told_as_the_first_was():
    """Half of the answer fits: no caller can tell that, whether the answer comes first or again."""

    class Short(CappedUpstream, ScriptedUpstream):
        def whole_length(self, tokens):
            return 50

    class World(ScriptedWorld):
        endpoint = Short

    class Spy:
        seen = ()

        async def __call__(self, call, send, world):
            outcome = await send(call)
            Spy.seen = (*Spy.seen, (outcome.status, outcome.error, outcome.output_tokens))
            return outcome

    layers = {"retry": retry(pause=9.0), "spy": Spy(), "timeout": Timeout(total=4.0)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("simroute.testing.script.ScriptedWorld", World)
        play(layers, {"a": [Step(5.0)]}, idempotency_keys=True)
    assert Spy.seen == ((408, "timeout", 0), (200, "", 50))
