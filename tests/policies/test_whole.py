"""An answer that nobody sees before it is complete."""

import pytest

from simroute.gauges.backoff import Backoff
from simroute.policies.fallback import Fallback
from simroute.policies.retry import Retry
from simroute.policies.timeout import Timeout
from simroute.policies.whole import Whole
from simroute.testing import Step, check_policy, play

CUT = Step(0.6, 502, first=0.1)
STALL = Step(9.0, 504, first=0.1, stall=0.4)
WELL = Step(1.0, first=0.1)
PAUSE = Backoff(initial=0.5, jitter="none")


def test_keeps_the_rules_of_a_layer():
    """With default and with extreme parameters."""
    assert check_policy(Whole()) == []
    assert check_policy(Whole(most=0)) == []


def test_a_stream_that_breaks_off_is_asked_for_again():
    """Cut at .6 s, a pause of .5 s, a whole answer of 1 s."""
    log = play(
        {"retry": Retry(attempts=2, backoff=PAUSE), "whole": Whole()},
        {"a": [CUT, WELL]},
        streamed=True,
    )
    assert [(start, status) for start, _, _, status, _ in log.attempts] == [
        (0.0, 502),
        (pytest.approx(1.1), 200),
    ]
    assert log.requests[0] == ("ok", "a", pytest.approx(2.1))


def test_without_it_a_broken_stream_is_lost():
    """Its first token had been handed on."""
    log = play({"retry": Retry(attempts=2, backoff=PAUSE)}, {"a": [CUT, WELL]}, streamed=True)
    assert len(log.attempts) == 1
    assert log.requests[0][0] == "truncated"


def test_a_stream_that_stalls_is_asked_for_elsewhere():
    """Silent from .4 s on, given up 2 s later, and the other's whole answer takes 1 s."""
    log = play(
        {
            "fallback": Fallback(targets=("a", "b")),
            "whole": Whole(),
            "timeout": Timeout(total=30.0, between_chunks=2.0),
        },
        {"a": [STALL], "b": [WELL]},
        streamed=True,
    )
    assert log.requests[0][:2] == ("ok", "b")
    assert log.requests[0][2] == pytest.approx(0.4 + 2.0 + 1.0, abs=0.05)


def test_long_answers_may_pass_as_they_come():
    """`most` is compared with what the caller allows."""
    layers = {"retry": Retry(attempts=2, backoff=PAUSE), "whole": Whole(most=0)}
    log = play(layers, {"a": [CUT, WELL]}, streamed=True)
    assert len(log.attempts) == 1
