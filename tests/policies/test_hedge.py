"""Asking twice where the first answer is late."""

import json
import math

import pytest

from simroute.gauges.quantile import RecentQuantile
from simroute.policies.hedge import Hedge
from simroute.policies.timeout import Timeout
from simroute.testing.script import Step, play

STATUS = {"ok": 200, "nonfatal": 503, "fatal": 400}


def vectors(shared):
    data = json.loads((shared / "vectors" / "limits_and_retries.json").read_text(encoding="utf-8"))
    return [item for item in data["vectors"] if item["kind"] == "hedge"]


def test_grpc_s_hedging_vectors(shared):
    """When copies are sent, when it is done and with what: the proposal's cases, each copy's answer
    as stated."""
    for item in vectors(shared):
        config, expect = item["config"], item["expect"]
        steps = [
            Step(seconds, STATUS[kind], *pushback) for seconds, kind, *pushback in item["attempts"]
        ]
        layers = {"hedge": Hedge(config["delay"], None, config["max_attempts"], (), None)}
        if "deadline" in config:
            layers = {"timeout": Timeout(total=config["deadline"])} | layers
        log = play(layers, {"a": steps})
        sent = [start for start, *_ in log.attempts]
        assert sent == pytest.approx(expect["sent"]), item["id"]
        ok, _, seconds = log.requests[0]
        if "done" in expect:
            assert seconds == pytest.approx(expect["done"]), item["id"]
        if "winner" in expect:
            assert (ok == "ok") == (expect["winner"] is not None), item["id"]
        given_up = [n for n, (*_, status, _) in enumerate(log.attempts) if status == 499]
        assert given_up == expect.get("cancelled", given_up), item["id"]


def test_a_copy_goes_where_it_is_told():
    """The first is late, so another company is asked after 1 s, and answers at 1.5 s."""
    hedge = Hedge(delay=1.0, targets=("b",))
    log = play({"hedge": hedge}, {"a": [Step(9.0)], "b": [Step(0.5)]}, [0.0] * 20)
    assert [target for start, target, *_ in log.attempts if start == 1.0] == ["b", "b"]
    assert sorted(seconds for *_, seconds in log.requests.values())[:2] == [1.5, 1.5]


def test_extra_copies_are_bounded_by_recent_calls():
    """All are late; a tenth of 100 calls within a minute may be sent again, a minute later as many
    more."""
    arrivals = [i / 10 for i in range(100)] + [120 + i / 10 for i in range(100)]
    for share, copies in ((0.1, 20), (0.0, 0), (None, 200)):
        log = play({"hedge": Hedge(delay=0.5, max_extra=share)}, {"a": [Step(1.0)]}, arrivals)
        assert len(log.attempts) - 200 == copies
        assert all(outcome == "ok" for outcome, *_ in log.requests.values())


def test_the_delay_is_learnt_where_a_quantile_is_asked_for():
    """Every tenth answer takes 10 s, the others 1 s: after 50 answers the 90 % quantile is 1 s,
    before that the delay of 3 s holds; what is given up counts as late."""
    steps = [Step(10.0 if i % 10 == 9 else 1.0) for i in range(1000)]
    hedge = Hedge(delay=3.0, quantile=0.9, max_extra=None)
    log = play({"hedge": hedge}, {"a": steps}, [20.0 * i for i in range(400)])
    copies = [start % 20 for start, _, attempt, *_ in log.attempts if attempt == 2]
    assert copies[:4] == [3.0] * 4
    assert copies[-20:] == [1.0] * 20


def test_a_failure_that_no_copy_can_mend_ends_the_race():
    """400 at .2 s, though the second copy would answer at .7 s."""
    log = play({"hedge": Hedge(delay=0.1)}, {"a": [Step(0.2, 400), Step(0.6)]}, [0.0, 9.0, 9.0])
    assert log.requests[0][0] == "failed"
    assert log.requests[0][2] == pytest.approx(0.2)


def test_one_that_asks_for_a_day_is_not_sent_again():
    """Retry-After of a day, at the same target: its 429 is returned at once."""
    log = play({"hedge": Hedge(max_extra=None)}, {"a": [Step(0.2, 429, 86_400.0)]})
    assert len(log.attempts) == 1
    assert log.requests[0][2] == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("latest", "third"),
    [(None, 3.6), (0.5, 2.1), (5.0, 6.6), (math.inf, None)],
)
def test_while_a_copy_waits_the_latest_word_of_the_target_counts(latest, third):
    """The second copy fails at .6 s and asks for three seconds; the first at 1.6 s, and asks for
    nothing, less, more, or that nobody asks again. In gRPC the latest pushback replaces others."""
    steps = [Step(1.6, 503, latest), Step(0.1, 503, 3.0), Step(0.1, 200)]
    log = play({"hedge": Hedge(0.5, None, 3, (), None)}, {"a": steps})
    sent = [start for start, *_ in log.attempts]
    assert sent == pytest.approx([0, 0.5] + ([] if third is None else [third]))
    assert (log.requests[0][0] == "ok") == (third is not None)


def test_a_streamed_answer_is_there_with_its_first_token():
    """First tokens at 3 s and .5 s: the second copy's comes at 1.5 s, and its rest is read."""
    steps = [Step(9.0, first=3.0), Step(2.0, first=0.5)]
    log = play({"hedge": Hedge(delay=1.0, max_extra=None)}, {"a": steps}, streamed=True)
    assert log.requests[0][0] == "ok"
    assert log.requests[0][2] == pytest.approx(3.0)


def test_the_quantile_of_the_latest_values():
    """Of 1 … 100 the 95th; older ones are forgotten; none before there are enough."""
    gauge = RecentQuantile(most=100, least=10)
    assert gauge.at(0.95) is None
    for value in range(1, 101):
        gauge.add(value)
    assert (gauge.at(0.95), gauge.at(0.0), gauge.at(1.0)) == (95, 1, 100)
    for _ in range(100):
        gauge.add(math.pi)
    assert gauge.at(0.5) == math.pi
