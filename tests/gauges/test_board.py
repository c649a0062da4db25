"""What a chooser learns from its calls, with bare numbers."""

import math

import pytest

from simroute.core import Outcome, Price
from simroute.gauges.board import Board
from simroute.gauges.measure import Avoid, Measure

PRICES = {"a": Price(1.0, 5.0), "b": Price(3.0, 9.0)}


def price(name):
    return PRICES[name]


def ok(tokens=100, into=1000):
    return Outcome(200, input_tokens=into, output_tokens=tokens)


def value(board, now, name="a"):
    return board.value(now, name, price)


def test_calls_under_way_are_counted_from_the_send_to_the_end():
    """Also those that were given up, or failed."""
    board = Board(Measure(of="in_flight"))
    for _ in range(3):
        board.begin(0.0, "a")
    assert value(board, 0.5) == 3
    board.end(1.0, "a", (0.2, 1.0), ok())
    board.end(1.0, "a", (0.2, 1.0), Outcome(503))
    board.leave("a")
    assert value(board, 1.0) == 0


def test_requests_and_tokens_are_those_of_the_present_minute():
    """Counted by the clock's minutes, the request when it is sent, its tokens when it ends; what a
    layer further in refused was none."""
    requests, tokens = Board(Measure(of="requests")), Board(Measure(of="tokens"))
    for board in (requests, tokens):
        board.begin(59.0, "a")
        board.begin(59.5, "a")
        board.end(59.9, "a", (0.4, 0.4), Outcome.rejected("breaker", target="a"))
    assert (value(requests, 59.9), value(tokens, 59.9)) == (1, 0)
    for board in (requests, tokens):
        board.end(61.0, "a", (1.0, 2.0), ok())
    assert (value(requests, 61.0), value(tokens, 61.0)) == (0, 1100)
    assert value(tokens, 120.0) == 0


@pytest.mark.parametrize(
    ("of", "known"), [("latency", 4.0), ("first_token", 0.5), ("token_time", 0.04)]
)
def test_times_are_those_of_answers(of, known):
    """A failure says nothing, and a call that was given up nothing either."""
    board = Board(Measure(of=of, unknown=7.0))
    for outcome in (Outcome(500), Outcome(499), Outcome(408, error="timeout")):
        board.begin(0.0, "a")
        board.end(1.0, "a", (0.1, 0.1), outcome)
    assert value(board, 1.0) == 7.0
    board.begin(1.0, "a")
    board.end(5.0, "a", (0.5, 4.0), ok())
    assert value(board, 5.0) == pytest.approx(known)


def test_failures_count_where_they_are_to():
    """Their time like that of an answer, or a timeout as so long."""
    all_of_them = Board(Measure(of="latency", failures=True, average="last"))
    late = Board(Measure(of="latency", timed_out=1000.0, average="last", samples=2))
    for board in (all_of_them, late):
        for outcome in (Outcome(500), Outcome(408, error="timeout")):
            board.begin(0.0, "a")
            board.end(3.0, "a", (3.0, 3.0), outcome)
    assert value(all_of_them, 3.0) == 3.0
    assert value(late, 3.0) == 1000.0
    late.begin(3.0, "a")
    late.end(5.0, "a", (1.0, 2.0), ok())
    assert value(late, 5.0) == 501.0


def test_a_busy_target_is_slower_by_its_calls():
    """One more than those under way: the load of Finagle's metric."""
    board = Board(Measure(of="latency", average="peak", unknown=0.25, memory=10.0, busy=True))
    assert value(board, 0.0) == 0.25
    board.begin(0.0, "a")
    board.begin(0.0, "a")
    assert value(board, 0.0) == 0.75
    board.end(2.0, "a", (2.0, 2.0), ok())
    assert value(board, 2.0) == 4.0
    assert value(board, 12.0) == pytest.approx(4.0 / math.e)


def test_prices_are_what_is_charged_now():
    """The mix, input and output."""
    for of, known in (("price", 2.0), ("input_price", 1.0), ("output_price", 5.0)):
        assert value(Board(Measure(of=of)), 0.0) == known


def test_what_is_stale_is_as_it_was_at_the_last_refresh():
    """Every 60 s: what came in since does not show, however much it is; at the moment itself it
    does."""
    board = Board(Measure(of="in_flight", refresh=60.0))
    assert value(board, 10.0) == 0
    board.begin(20.0, "a")
    board.begin(30.0, "a")
    assert value(board, 59.9) == 0
    board.begin(70.0, "a")  # the look at 60 comes before it
    assert value(board, 80.0) == 2
    board.leave("a")
    assert value(board, 119.0) == 2
    assert value(board, 120.0) == 2
    assert value(board, 120.0, "b") == 0


def test_bounds_leave_out_and_put_behind():
    """By price at once; by the quantile of times once there is one."""
    board = Board(
        Measure(quantile=0.9), None, {"output_price": 8.0, "latency": 9.0}, {"first_token": 1.0}
    )
    assert board.allowed(0.0, ["a", "b"], price) == ["a"]
    assert board.first(0.0, ["a", "b"], {}, price) == ["a", "b"]
    for seconds in (0.5,) * 8 + (3.0, 3.0):
        board.begin(0.0, "a")
        board.end(1.0, "a", (seconds, 3 * seconds), ok())
    assert board.first(1.0, ["a", "b"], {}, price) == ["b"]
    assert board.allowed(1.0, ["a"], price) == ["a"]
    board.begin(1.0, "a")
    board.end(1.0, "a", (3.0, 9.5), ok())
    assert board.allowed(1.0, ["a"], price) == ["a"]  # 9.0 is the tenth of eleven: not beyond


def test_ranks_are_health_then_level_then_preference():
    """Each is looked at among those that are alike in the one before."""
    board = Board(Measure(), Avoid(30.0, 0.5, 1), None, {"price": 2.5})
    levels = {"b": 0, "a": 1}
    assert board.first(0.0, ["a", "b"], levels, price) == ["b"]  # though it is dear
    board.begin(0.0, "b")
    board.end(1.0, "b", (1.0, 1.0), Outcome(503))
    assert board.first(1.0, ["a", "b"], levels, price) == ["a"]
    assert board.first(1.0, ["b"], levels, price) == ["b"]  # somebody is better than nobody
    assert board.first(31.0, ["a", "b"], levels, price) == ["b"]


@pytest.mark.parametrize(
    ("bound", "is_within"),
    [
        (2.0, True),
        (0.5, False),
        ({"p50": 2.0}, True),
        ({"p50": 2.0, "p90": 5.0}, False),
        ({"p50": 2.0, "p90": 12.0}, True),
        ({"p50": 0.5, "p90": 12.0}, False),
    ],
)
@pytest.mark.parametrize("refresh", [0.0, 10.0])
def test_a_time_is_within_a_bound_at_all_quantiles_that_it_names(bound, is_within, refresh):
    """Of twelve times eight are 1 s and four 10 s, so the median is 1 s and the 90th percentile
    10 s; a bound that names no quantile is of the measure's, the median."""
    required = Board(Measure(refresh=refresh), require={"latency": bound})
    preferred = Board(Measure(refresh=refresh), prefer={"latency": bound})
    for board in (required, preferred):
        for seconds in [1.0, 1.0, 10.0] * 4:
            board.begin(0.0, "a")
            board.end(0.0, "a", (0.1, seconds), ok())
    assert required.allowed(20.0, ["a", "b"], price) == (["a", "b"] if is_within else ["b"])
    assert preferred.first(20.0, ["a", "b"], {}, price) == (["a", "b"] if is_within else ["b"])
