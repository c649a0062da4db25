"""What is paid beside the list price: tiers, markups, fees, credits bought in advance."""

import math
from datetime import UTC, datetime
from typing import Any

import pytest

from simroute.config.configuration import Configuration
from simroute.core import Price
from simroute.experiment.run import replicate
from simroute.models import spec
from simroute.models.calendar import Calendar
from simroute.models.limits import Grant, RateLimit
from simroute.models.prices import run_prices
from simroute.models.weather import Weather
from simroute.studies.bound.clairvoyant import is_exact
from simroute.studies.bound.gap import EXACT, LIMITED, bound_label

FIXED = spec.Latency(0.001, 0, 0, family="fixed", error=0.0)
LENGTHS = spec.Lengths(1000, 0.0), spec.Lengths(100, 0.0)
LOAD = spec.Workload(2.0, tasks={"chat": spec.Task(1.0, None, 0.0, *LENGTHS)})
"""2 requests/s of 1,000 tokens in and 100 out: at $1 and $10 per million $0.002 each."""


def scenario(account: spec.Account | None = None, **fields: Any) -> spec.Scenario:
    """One deployment, at $1 and $10 per million unless stated otherwise, for an hour."""
    known: dict[str, Any] = {"provider": "c", "model": "m"}
    known |= {"price": spec.PriceList(1.0, 10.0), "latency": FIXED, "errors": {}}
    if account is not None:
        known["account"] = "ours"
    return spec.Scenario(
        {"a": spec.Deployment(**(known | fields))},
        workload=LOAD,
        accounts={} if account is None else {"ours": account},
    )


def price(account: spec.Account | None = None, **fields: Any) -> Price:
    [(_, found)] = run_prices(scenario(account, **fields), "a", Calendar())
    return found


def figures(made: spec.Scenario) -> Any:
    return replicate(Configuration("run", "test", made, {"policy": {}}), "policy", 0).metrics


@pytest.mark.parametrize(
    ("tier", "factor"), [("standard", 1.0), ("batch", 0.5), ("flex", 0.5), ("priority", 2.0)]
)
def test_a_tier_has_its_price(tier: Any, factor: float) -> None:
    """Half at OpenAI, Anthropic and Google for batch; twice at OpenAI for GPT-5 with priority."""
    cost = figures(scenario(service_tier=tier))["cost_per_1k_requests_usd"]
    assert cost == pytest.approx(2.0 * factor, rel=1e-9)


def test_published_priority_prices() -> None:
    """openai.com/api-priority-processing: GPT-5 1.25/10 costs 2.50/20, cached .25; GPT-4.1 2/8
    costs 3.50/14, which takes a factor of its own."""
    five = price(service_tier="priority", price=spec.PriceList(1.25, 10.0, 0.125))
    assert five[:3] == pytest.approx((2.5, 20.0, 0.25))
    older = price(service_tier="priority", price=spec.PriceList(2.0, 8.0), price_factor=0.875)
    assert older[:2] == pytest.approx((3.5, 14.0))


@pytest.mark.parametrize("provider", ["anthropic", "google", "groq", "mistral", "openai", "x-ai"])
def test_batch_costs_what_the_catalogue_states(provider: str) -> None:
    """genai-prices' own arithmetic for each of its models with a batch price, on a day from which
    it states them, to 1e-9 of a prompt below any tier and one above all; half the cached price of
    gpt-4.1, say, is not what OpenAI takes."""
    from genai_prices import Usage
    from genai_prices.data import providers

    [company] = [one for one in providers if one.id == provider]
    batch = {"processing": "batch"}
    named = [
        model
        for model in company.models
        if any(variant.when == batch for variant in model.price_variants or ())
    ]
    assert named
    when = datetime(2026, 11, 29, 12, tzinfo=UTC)
    for model in named:
        found = price(
            provider=provider,
            model=model.id,
            price=None,
            price_date="2026-11-29",
            service_tier="batch",
        )
        for tokens in (1_000, 600_000):
            stated = model.calc_price(
                Usage(input_tokens=tokens, output_tokens=100),
                company,
                genai_request_timestamp=when,
                price_context=batch,
            )
            assert found.of(tokens, 100) == pytest.approx(float(stated.total_price), rel=1e-9)


def test_tiers_multiply_each_length_of_prompt() -> None:
    """claude-sonnet-4-5 costs 3/15, and 6/22.5 above 200,000 tokens: batch halves both."""
    half = price(
        provider="anthropic",
        model="claude-sonnet-4-5",
        price=None,
        price_date="2025-10-01",
        service_tier="batch",
    )
    assert (half.input, half.output) == (1.5, 7.5)
    assert [(above, tier.input, tier.output) for above, tier in half.tiers] == [
        (200_000, 3.0, 11.25)
    ]


@pytest.mark.parametrize(
    ("purchase", "fee"), [(5.0, 0.16), (10.0, 0.08), (0.8 / 0.055, 0.055), (20.0, 0.055)]
)
def test_the_fee_on_credits_has_a_least_amount(purchase: float, fee: float) -> None:
    """OpenRouter: 5.5 %, at least $0.80: 16 % on $5, and 5.5 % from $14.55 on. It is in the cost of
    the run, though no credits ever run out."""
    made = scenario(spec.Account(credits=spec.Credits(purchase, 0.055, 0.8)))
    assert figures(made)["cost_per_1k_requests_usd"] == pytest.approx(2.0 * (1 + fee), rel=1e-6)


def test_markup_fee_a_call_and_credits_together() -> None:
    """A call of $0.002 with 5 % on it and $0.0005 besides, all paid with credits at 10 %: $0.00286,
    of a deployment whose price has no part for calls."""
    account = spec.Account(markup=0.05, call_fee=0.0005, credits=spec.Credits(100.0, 0.1))
    found = price(account)
    assert found.of(1000, 100) == pytest.approx((0.002 * 1.05 + 0.0005) * 1.1, rel=1e-12)
    assert figures(scenario(account))["cost_per_1k_requests_usd"] == pytest.approx(2.86, rel=1e-6)


def test_credits_run_out_and_come_back() -> None:
    """$1 at a time at 25 %, half a minute late: 10 calls of $0.125 use it up; the fee buys nothing.
    The eleventh is refused until 30 s after the tenth was billed."""
    account = Grant(spec.Account(credits=spec.Credits(1.0, fee=0.25, delay=30.0, status=402)))
    limit = RateLimit(spec.Limits(), account)
    for second in range(10):
        assert limit.unpaid(second) == 0
        limit.bill(second, 0.125)
    assert [limit.unpaid(when) for when in (9.0, 38.9, 39.0)] == [402, 402, 0]
    assert account.balance is not None
    assert account.balance.purchases == 2
    assert account.balance.left(39.0) == 1e9


def test_who_buys_in_time_never_runs_out() -> None:
    """As above, but the next dollar is bought when half of it is left: five more calls of $0.1 a
    second apart take 5 s, and it comes after 4."""
    account = Grant(spec.Account(credits=spec.Credits(1.0, below=0.5, delay=4.0)))
    limit = RateLimit(spec.Limits(), account)
    for second in range(100):
        assert limit.unpaid(second) == 0
        limit.bill(second, 0.1)


def test_a_debt_is_paid_by_as_many_purchases_as_it_takes() -> None:
    """A call of $3.50 against credits of $1: 2.50 are missing, so that the third purchase, each
    10 s after the one before, is the first that leaves anything."""
    account = Grant(spec.Account(credits=spec.Credits(1.0, delay=10.0)))
    limit = RateLimit(spec.Limits(), account)
    limit.bill(5.0, 3.5)
    assert [limit.unpaid(when) for when in (14.0, 15.0, 25.0, 34.9, 35.0)] == [429] * 4 + [0]


def test_a_run_with_credits_that_come_late() -> None:
    """Poisson arrivals at 2/s, $0.002 each, $0.10 at a time and 20 s late: 50 are answered in 25 s
    in the mean, then nobody for 20 s. Renewal reward: 50 of every 90; cycles vary by sd 5 / sqrt 2
    s, so that 80 of them give 4,000 answers with an sd of 50 x 3.54 x sqrt(3600 / 45^3) = 35."""
    made = scenario(spec.Account(credits=spec.Credits(0.1, delay=20.0)))
    found = figures(made)
    answered = found["success_rate"] * found["requests"]
    sigma = 50 * math.sqrt(50) / 2 * math.sqrt(3600 / 45**3)
    assert answered == pytest.approx(4000, abs=4 * sigma + 50)
    refused = found["requests"] - answered
    assert found["rate_limited"] == pytest.approx(refused)


@pytest.mark.parametrize(
    ("account", "label"),
    [
        (None, EXACT),
        (spec.Account(markup=0.05, call_fee=0.001), EXACT),
        (spec.Account(credits=spec.Credits(20.0, 0.055, 0.8)), EXACT),
        (spec.Account(credits=spec.Credits(20.0, 0.055, delay=60.0)), LIMITED),
        (spec.Account(rpm=100.0), LIMITED),
    ],
)
def test_fees_leave_the_bound_exact(account: spec.Account | None, label: str) -> None:
    """Only what may refuse a call takes policies out of its reach."""
    made = scenario(account)
    assert is_exact(made) == (label == EXACT)
    assert bound_label(made) == label


def test_a_factor_of_all_times_leaves_the_gateways_own() -> None:
    """Draws are the same, so that each time is 3 times as long, without the overhead of 1 ms."""
    latency = spec.Latency(0.5, 0.1, 0.02, floor=0.1)
    times = [
        Weather(scenario(latency=latency, latency_factor=factor), 7, 0) for factor in (1.0, 3.0)
    ]
    plain, slower = (
        weather.deployments["a"].draw_arrays(next(weather.blocks()), 0) for weather in times
    )
    for first, second in zip(plain[:3], slower[:3], strict=True):
        own = 0.0 if first is plain[1] else 0.001
        assert second - own == pytest.approx(3 * (first - own), rel=1e-9)
