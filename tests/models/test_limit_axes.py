"""What providers count, how they charge it, and what they say when it is used up."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simroute.config.configuration import Configuration
from simroute.experiment.run import replicate
from simroute.models import spec
from simroute.models.limits import Grant, RateLimit, Tokens
from simroute.policies.limit import Limit
from simroute.policies.retry import Backoff, Retry
from simroute.testing.script import Step, play

PRICE = spec.PriceList(1.0, 1.0)
CALL = 100, 50, 500
"""Tokens in, out, and at most out."""


def gate(**limits: Any) -> RateLimit:
    return RateLimit(spec.Limits(**limits))


def simulated(limits: spec.Limits, layers: dict[str, Any] | None = None, **fields: Any) -> Any:
    """Figures of one replication at 2 requests/s for 600 s."""
    made = spec.Scenario(
        **{
            "deployments": {"a": spec.Deployment("c", "m", price=PRICE, limits=limits)},
            "horizon": 600.0,
            "workload": spec.Workload(rate=2.0),
        }
        | fields
    )
    configuration = Configuration("run", "test", made, {"policy": layers or {}})
    return replicate(configuration, "policy", 0).metrics


@pytest.mark.parametrize(
    ("axis", "fits"), [("itpm", 100), ("otpm", 50), ("tpm", 150), ("tpd", 150), ("rpd", 1)]
)
def test_each_axis_counts_what_its_name_says(axis: str, fits: float) -> None:
    """100 tokens in and 50 out: the first call fits, and takes all of it."""
    assert gate(**{axis: fits * 0.9 if axis != "rpd" else 1}).take(0.0, *CALL) == (
        math.inf if axis != "rpd" else None
    )
    exact = gate(**{axis: fits})
    assert exact.take(0.0, *CALL) is None
    wait = exact.take(0.0, *CALL)
    assert wait == pytest.approx(86_400.0 if axis.endswith("d") else 60.0)


def test_a_day_of_requests_comes_back_over_the_day() -> None:
    """10,000 a day: one every 8.64 s, as OpenAI's header says; all of them at once at first."""
    limit = gate(rpd=10_000)
    assert all(limit.take(0.0, 1, 1, 1) is None for _ in range(10_000))
    assert limit.take(0.0, 1, 1, 1) == pytest.approx(8.64)


@pytest.mark.parametrize(
    ("charge", "left"), [("reserve", 400), ("correct", 850), ("estimate", 850), ("generated", 850)]
)
def test_what_is_left_when_the_answer_is_there(charge: Any, left: float) -> None:
    """Of 1,000: a reserve stays, all others have come to input + output."""
    limit = gate(tpm=1000, charge=charge)
    assert limit.take(0.0, *CALL) is None
    limit.end(0.0, 0.0, Tokens(*CALL), answered=True)
    assert limit.left(0.0)["tokens"][1] == left


def test_a_correcting_provider_reserves_first() -> None:
    """Between send and answer only 400 of 1,000 are left."""
    limit = gate(tpm=1000, charge="correct")
    assert limit.take(0.0, *CALL) is None
    assert limit.take(0.0, 401, 0, 0) == pytest.approx(0.06)


def test_cached_input_is_free_where_the_provider_says_so() -> None:
    """90 of 100 from its cache: 10 count on itpm, as with Anthropic."""
    assert gate(itpm=10, cached="free").take(0.0, *CALL, 90) is None
    assert gate(itpm=10).take(0.0, *CALL, 90) == math.inf


@pytest.mark.parametrize(("counts", "left"), [("admitted", 8), ("answered", 9), ("all", 8)])
def test_which_calls_count(counts: Any, left: float) -> None:
    """Of ten a minute, one answered and one failed call."""
    limit = gate(rpm=10, counts=counts)
    for answered in (True, False):
        assert limit.take(0.0, *CALL) is None
        limit.end(0.0, 0.0, Tokens(*CALL), answered=answered)
    assert limit.left(0.0)["requests"][1] == left


@pytest.mark.parametrize("refill", ["continuous", "fixed", "sliding"])
def test_where_refusals_count_asking_again_and_again_helps_nobody(refill: Any) -> None:
    """60 a minute used up, then four a second for ten minutes: with `counts: all` only a fixed
    window ever lets one in."""
    limit = gate(rpm=60, counts="all", refill=refill)
    passed = sum(limit.take(i / 4, 1, 1, 1) is None for i in range(2400))
    polite = gate(rpm=60, refill=refill)
    kind = sum(polite.take(i / 4, 1, 1, 1) is None for i in range(2400))
    # ten minutes of 60; a bucket was full at first, and refills while it is used
    assert kind == pytest.approx(600 + (60 if refill == "continuous" else 0), abs=2)
    # 60 at first, one a second more, four a second less: until 60 - .75 k < 1
    assert passed == {"continuous": 79, "fixed": 600, "sliding": 60}[refill]


@pytest.mark.parametrize("refill", ["continuous", "fixed", "sliding"])
@pytest.mark.parametrize(("window", "passes"), [(1.0, 1), (10.0, 10), (60.0, 60)])
def test_a_sub_window_grants_its_part_at_once(refill: Any, window: float, passes: int) -> None:
    """60 a minute over 1, 10 and 60 s."""
    limit = gate(rpm=60, window=window, refill=refill)
    assert sum(limit.take(0.0, 1, 1, 1) is None for _ in range(100)) == passes


@pytest.mark.parametrize("refill", ["continuous", "fixed", "sliding"])
def test_thirty_requests_in_a_second_meet_a_limit_that_is_counted_in_ten(refill: Any) -> None:
    """30 in the first second of each of five minutes, 60 a minute granted: none is refused by the
    minute, 20 each time by windows of 10 s."""
    arrivals = [60.0 * minute + i / 30 for minute in range(5) for i in range(30)]
    refused = {}
    for window in (10.0, 60.0):
        limits = spec.Limits(rpm=60, window=window, refill=refill)
        log = play({}, {"a": [Step(0.1)]}, arrivals, limits=limits)
        refused[window] = sum(status == 429 for *_, status, _ in log.attempts)
    assert refused == {10.0: 100, 60.0: 0}


def test_retry_after_may_be_absent_or_wrong() -> None:
    """The true wait is 60 s; 1440 times that is a day."""
    for fields, said in (
        ({}, 60.0),
        ({"retry_after": "absent"}, None),
        ({"retry_after_factor": 1440.0}, 86_400.0),
    ):
        limit = gate(rpm=1, **fields)
        assert limit.take(0.0, *CALL) is None
        wait = limit.take(0.0, *CALL)
        assert wait == 60.0
        assert limit.retry_after(wait) == said


def test_a_quota_ends_it_and_is_not_asked_again() -> None:
    """Each answer costs $0.0012 (1,000 tokens in at $1, 100 out at $2 per million): after five,
    $0.005 are spent, and each further call is one send, though retries are allowed."""
    layers = {"retry": Retry(attempts=3, backoff=Backoff(0.01, 1.0, 1.0, "none"))}
    log = play(layers, {"a": [Step(0.1)]}, range(20), limits=spec.Limits(quota=0.005))
    assert [status for *_, status, _ in log.attempts] == [200] * 5 + [429] * 15


def test_deployments_of_one_account_share_its_rates() -> None:
    """Two of 60 a minute in one account are let in 60 times at once, two of their own 120 times;
    and what either may use falls together."""
    account = Grant(spec.RateLimits(rpm=60))
    first, second = (RateLimit(spec.Limits(), account) for _ in range(2))
    assert sum(
        limit.take(0.0, 1, 1, 1) is None for _ in range(60) for limit in (first, second)
    ) == (60)
    assert first.left(0.0) == second.left(0.0) == {"requests": (60, 0, 60)}


def test_own_limits_and_those_of_the_account_are_taken_together_or_not_at_all() -> None:
    """Refused by its own two a minute, a deployment leaves the account's rest to its sibling."""
    account = Grant(spec.RateLimits(rpm=10))
    narrow, wide = RateLimit(spec.Limits(rpm=2), account), RateLimit(spec.Limits(), account)
    assert [narrow.take(0.0, 1, 1, 1) is None for _ in range(5)] == [True] * 2 + [False] * 3
    assert sum(wide.take(0.0, 1, 1, 1) is None for _ in range(20)) == 8


def test_an_account_in_a_whole_run() -> None:
    """Two deployments, each asked for half of 2 requests/s, with 30 a minute between them: 30 at
    once and 300 in ten minutes are answered."""
    pair = {
        name: spec.Deployment("c", "m", price=PRICE, account="ours", errors={500: 0.5})
        for name in ("a", "b")
    }
    found = simulated(spec.Limits(), deployments=pair, accounts={"ours": spec.RateLimits(rpm=30.0)})
    assert found["requests"] - found["rate_limited"] == pytest.approx(330, abs=1)


def test_the_limit_layer_keeps_below_a_sub_window() -> None:
    """60 a minute by 10 s: without it 429s come, with it none, since it knows the window."""
    limits = spec.Limits(rpm=90, window=10.0)
    assert simulated(limits)["rate_limited"] > 100
    assert simulated(limits, {"limit": Limit()})["rate_limited"] == 0


LIMITS = st.fixed_dictionaries(
    {},
    optional={
        "rpm": st.floats(1, 300),
        "tpm": st.floats(1_000, 1e6),
        "itpm": st.floats(1_000, 1e6),
        "otpm": st.floats(1_000, 1e6),
        "rpd": st.floats(1, 1e5),
        "charge": st.sampled_from(["reserve", "correct", "estimate", "generated"]),
        "cached": st.sampled_from(["counted", "free"]),
        "counts": st.sampled_from(["admitted", "answered", "all"]),
        "refill": st.sampled_from(["continuous", "fixed", "sliding"]),
        "window": st.floats(1, 60),
        "quota": st.floats(0, 1),
    },
)


@given(fields=LIMITS)
def test_any_limits_are_conserved(fields: dict[str, Any]) -> None:
    """Each request ends once; what is let in within the run keeps below rate and window; the same
    run gives the same figures."""
    limits = spec.Limits(**fields)
    found = simulated(limits, horizon=120.0)
    assert found == simulated(limits, horizon=120.0)
    passed = found["requests"] - found["rate_limited"]
    assert found["success_rate"] == pytest.approx(passed / max(found["requests"], 1))
    if limits.rpm is not None:
        windows = math.ceil(120.0 / limits.window)
        at_once = max(1.0, limits.rpm * limits.window / 60)
        most = {"continuous": at_once + 2 * limits.rpm}.get(limits.refill, at_once * windows)
        assert passed <= most + 1e-6
