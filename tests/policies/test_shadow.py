"""Copies of calls whose answers nobody gets."""

import math

import pytest

from simroute.policies.breaker import Breaker
from simroute.policies.shadow import Shadow
from simroute.testing import Step, check_policy, play
from twins import PRICE, TOKENS_IN, TOKENS_OUT, Play, same

ALL = Shadow(target="b", share=1.0)
BILL_NANO = round(PRICE.of(TOKENS_IN, TOKENS_OUT) * 1e9)


def rows(log, table="attempts"):
    """Of all chunks, as (request, target, start, end, nano-USD, status)."""
    names = "request_id", "target", "start_s", "end_s", "cost_nano", "status"
    return sorted(
        row
        for chunk in log.rows[table]
        for row in zip(*(chunk[name].tolist() for name in names), strict=True)
    )


@pytest.mark.parametrize("streamed", [False, True])
def test_a_copy_is_sent_and_billed_and_delays_nobody(streamed):
    """The call takes 1 s at a; its copy 7 s at b, from the same moment on, and is a row of nobody's
    request, with the bill of an answer."""
    script = {"a": [Step(1.0, first=0.5)], "b": [Step(7.0, first=0.5)]}
    log = play({"shadow": ALL}, script, [0.0, 20.0], streamed=streamed)
    plain = play({}, {"a": script["a"]}, [0.0, 20.0], streamed=streamed)
    assert log.requests == plain.requests
    assert [row for row in rows(log) if row[0] >= 0] == rows(plain)
    copies = [row for row in rows(log) if row[0] < 0]
    assert copies[0] == (-1, 1, 0.0, 7.0, BILL_NANO, 200)
    assert [(row[2], row[5]) for row in copies][:2] == [(0.0, 200), (20.0, 200)][: len(copies)]
    assert (7.0, "shadowed", "b") in log.events


def test_what_happens_to_a_copy_happens_to_nobody():
    """Failures, and one that never ends: the caller has his answer, and the limit gives it up."""
    script = {"a": [Step(1.0)], "b": [Step(0.3, 503), Step(500.0)]}
    log = play({"shadow": Shadow("b", 1.0, limit=60.0)}, script, [0.0, 10.0, 200.0])
    assert {outcome for outcome, *_ in log.requests.values()} == {"ok"}
    assert [row[:2] for row in log.events][:2] == [(0.3, "shadowed"), (70.0, "shadowed")]


def test_no_more_copies_than_stated_are_under_way():
    """Each takes 10 s, two at a time: of calls at 0, 1, 2 and 11 s the third has none."""
    script = {"a": [Step(0.1)], "b": [Step(10.0)]}
    log = play({"shadow": Shadow("b", 1.0, most=2)}, script, [0.0, 1.0, 2.0, 11.0, 40.0])
    assert [row[2] for row in rows(log) if row[0] < 0] == [0.0, 1.0, 11.0]
    assert [row for row in log.events if row[1] == "not_shadowed"] == [(2.0, "not_shadowed", "b")]


def test_a_share_of_calls_is_copied_and_a_larger_one_copies_the_same_and_more():
    """A quarter of 2,000, within four standard deviations."""
    script = {"a": [Step(0.01)], "b": [Step(0.01)]}
    arrivals = [i / 10 for i in range(2000)]

    def copied(share):
        log = play({"shadow": Shadow("b", share)}, script, arrivals)
        return {row[2] for row in rows(log) if row[0] < 0}

    quarter, half = copied(0.25), copied(0.5)
    assert len(quarter) == pytest.approx(500, abs=4 * math.sqrt(2000 * 0.25 * 0.75))
    assert quarter < half


def test_nothing_is_copied_to_whom_a_request_forbids():
    """Nor is anything said of it."""
    log = play({"shadow": ALL}, {"a": [Step(1.0)], "b": [Step(1.0)]}, forbids=["company-b"])
    assert {row[1] for row in rows(log)} == {0}
    assert log.events == []


def test_copies_teach_a_breaker_inside():
    """b fails: its breaker opens with the first copy, and the second is refused there."""
    layers = {"shadow": ALL, "breaker": Breaker(failures=1, cooldown=1e6)}
    log = play(layers, {"a": [Step(1.0)], "b": [Step(0.5, 500)]}, [0.0, 10.0, 20.0])
    assert [row[2] for row in rows(log) if row[0] < 0] == [0.0]
    assert [event for _, event, _ in log.events].count("shadowed") == 3


@pytest.mark.parametrize("streamed", [False, True])
def test_it_is_the_same_live(streamed):
    """Calls, copies, bills and events at the same moments."""
    script = {
        "a": [Step(1.13, first=0.3), Step(0.4, 503)],
        "b": [Step(2.71, first=0.9), Step(0.31, 429), Step(3.3, first=0.2)],
    }
    if not streamed:  # of an answer in one piece nothing is known before its end
        script = {name: [step._replace(first=None) for step in script[name]] for name in script}
    told = same(Play({"shadow": ALL}, script, [0.0, 0.903, 4.409, 30.0, 61.3], streamed))
    assert sum(row.request < 0 for row in told.sends) >= 4


def test_it_keeps_the_contract():
    """With no copies, and with all."""
    assert check_policy(Shadow(share=0.0)) == []
    assert check_policy(Shadow(share=1.0, most=1, limit=0.01)) == []
