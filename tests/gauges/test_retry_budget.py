"""How many retries there are."""

from hypothesis import given
from hypothesis import strategies as st

from simroute.gauges.retry_budget import RetryBudgetState
from simroute.gauges.retry_tokens import FailureTokens


def test_a_share_of_calls_may_be_retried():
    """A fifth of 50 calls is ten retries; the eleventh is refused."""
    budget = RetryBudgetState(share=0.2, reserve=0.0)
    for _ in range(50):
        budget.deposit(0.0)
    assert [budget.withdraw(1.0) for _ in range(11)] == [True] * 10 + [False]


def test_there_is_a_reserve_for_those_who_call_little():
    """Ten a second over ten seconds, with no call at all; what is withdrawn comes back ten seconds
    later."""
    budget = RetryBudgetState(share=0.2, reserve=10.0, ttl=10.0)
    assert all(budget.withdraw(5.0) for _ in range(100))
    assert not budget.withdraw(14.999)
    assert budget.balance(15.0) == 100


def test_a_call_counts_for_its_time_to_live():
    """Just under ten seconds, and no longer."""
    budget = RetryBudgetState(share=1.0, reserve=0.0, ttl=10.0)
    budget.deposit(0.0)
    assert (budget.balance(9.999), budget.balance(10.0)) == (1, 0)


@given(
    st.lists(st.tuples(st.floats(0.0, 3.0), st.booleans()), max_size=200),
    st.sampled_from([0.1, 0.2, 0.5]),
)
def test_retries_never_exceed_the_share(events, share):
    """Without a reserve, the retries of the last ten seconds are at most that share of all calls so
    far."""
    budget, now, calls, retries = RetryBudgetState(share, 0.0), 0.0, [], []
    for pause, calling in events:
        now += pause
        if calling:
            budget.deposit(now)
            calls.append(now)
        elif budget.withdraw(now):
            retries.append(now)
        recent = [then for then in retries if then + 10.0 > now]
        assert len(recent) <= share * len(calls) + 1e-9


def test_a_throttle_stops_at_half_and_starts_above_it():
    """gRPC A6, ten tokens: four failures leave six, the fifth leaves five, which is not more than
    half; one success is enough again."""
    throttle = FailureTokens(10, 0.1)
    assert [throttle.failure() for _ in range(5)] == [True] * 4 + [False]
    throttle.success()
    assert throttle.allowed


def test_a_throttle_stays_within_its_bounds():
    """From empty it takes 51 successes at a tenth; successes beyond full are not saved up."""
    throttle = FailureTokens(10, 0.1)
    for _ in range(30):
        throttle.failure()
    for _ in range(50):
        throttle.success()
    assert not throttle.allowed
    throttle.success()
    assert throttle.allowed
    full = FailureTokens(10, 0.1)
    full.success()
    assert [full.failure() for _ in range(5)][-1] is False


def test_decimals_beyond_the_third_are_ignored():
    """0.5466 is 0.546, and 0.57 stays 0.57 in spite of floats."""
    for ratio, thousandths in ((0.5466, 546), (0.57, 570), (0.001, 1)):
        throttle = FailureTokens(100, ratio)
        throttle.failure()
        throttle.success()
        assert throttle.thousandths == 99_000 + thousandths
