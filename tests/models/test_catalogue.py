"""Prices of the catalogue, held against its own `calc_price`."""

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest
from genai_prices import Usage, calc_price
from genai_prices.data import providers
from genai_prices.types import StartDateConstraint, TieredPrices

from simroute.core import Price
from simroute.models import spec
from simroute.models.billing import RateCard, Tariff
from simroute.models.calendar import Calendar, hour_of_week, parse_start, workload_calendar
from simroute.models.price_notes import price_warnings
from simroute.models.prices import catalogue_release, resolve_prices

DAY = 86_400.0
KEYS = ("input_mtok", "output_mtok", "cache_read_mtok", "cache_write_mtok")
FIRST, LAST = (datetime(year, 1, 1, tzinfo=UTC).timestamp() for year in (2024, 2028))


def kinds() -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """(provider, model) of all that the catalogue finds by these names, and of those whose price
    depends on time or on the length of a prompt."""
    every, varied = [], []
    for provider in providers:
        for model in provider.models:
            try:
                found = calc_price(
                    Usage(input_tokens=1),
                    model_ref=model.id,
                    provider_id=provider.id,
                    genai_request_timestamp=parse_start("2026-01-01"),
                )
            except LookupError:
                continue
            prices = found.model.prices
            every.append((provider.id, model.id))
            if isinstance(prices, list) or any(
                isinstance(price, TieredPrices) for price in vars(prices).values()
            ):
                varied.append((provider.id, model.id))
    return every, varied


def deployed(provider: str, model: str, **more: object) -> spec.Deployment:
    return spec.Deployment(provider, model, **more)


def test_ten_thousand_calls_cost_what_the_catalogue_says() -> None:
    """Any model on any date at any hour with any prompt: runs of three days, two thirds of them of
    models whose price varies, ten calls each; to the nano-dollar, of which one is lost where a
    price has more digits than a femto-dollar a token."""
    chance, (every, varied) = random.Random(10), kinds()
    assert len(every) > 1000 < 10 * len(varied)
    checked = 0
    for place in range(1000):
        provider, model = varied[place % len(varied)] if place % 3 else chance.choice(every)
        start = chance.uniform(FIRST, LAST)
        tariff = Tariff(
            resolve_prices(deployed(provider, model), 3 * DAY, Calendar(start, 1.0, True))
        )
        rows = []
        for _ in range(10):
            asked = chance.choice(
                [
                    chance.randrange(4000),
                    chance.randrange(1_500_000),
                    chance.choice([32_000, 128_000, 200_000, 272_000]),
                ]
            )
            read = chance.choice([0, chance.randrange(asked + 1)])
            rows.append(
                (
                    chance.uniform(0, 3 * DAY),
                    asked,
                    chance.randrange(30_000),
                    read,
                    chance.choice([0, chance.randrange(asked - read + 1)]),
                )
            )
        bills = tariff.bill_many(*(np.array(column) for column in zip(*rows, strict=True)))
        for (t, asked, given, read, written), bill in zip(rows, bills.tolist(), strict=True):
            usage = Usage(
                input_tokens=asked,
                output_tokens=given,
                cache_read_tokens=read,
                cache_write_tokens=written,
            )
            when = datetime.fromtimestamp(start + t, UTC)
            told = calc_price(
                usage, model_ref=model, provider_id=provider, genai_request_timestamp=when
            )
            exact = int(told.total_price * 10**9 + Decimal("0.5"))
            fine = any(
                price is not None and price.as_tuple().exponent < -9
                for key in KEYS
                for price in parts(getattr(told.model_price, key))
            )
            assert abs(bill - exact) <= fine, (provider, model, when, asked, given, read, written)
            assert tariff.at(t)[0].bill(asked, given, read, written) == bill
            checked += 1
    assert checked == 10_000


def parts(price: Decimal | TieredPrices | None) -> list[Decimal | None]:
    return (
        [price.base, *(tier.price for tier in price.tiers)]
        if isinstance(price, TieredPrices)
        else [price]
    )


def test_a_tier_holds_for_the_whole_call() -> None:
    """At 1,000 tokens the base price, with one more twice as much for each of them, output
    included; a fee for each call."""
    price = Price(1.0, 2.0, call=0.5, tiers=((1000, Price(2.0, 4.0, call=0.5)),))
    assert [RateCard(price).bill(asked, 100) for asked in (1000, 1001)] == [
        1_200_000 + 500_000_000,
        2_402_000 + 500_000_000,
    ]
    assert price.of(1001, 100) == pytest.approx(0.502402)


def test_a_fixed_day_keeps_its_prices_while_hours_pass() -> None:
    """DeepSeek's flash model costs twice as much from 01 to 04 and from 06 to 10 UTC; with
    price_date it does so on every day."""
    flash = deployed("deepseek", "deepseek-flash", price_date="2026-11-01")
    tariff = Tariff(resolve_prices(flash, 2 * DAY, Calendar()))
    low = [hour for hour in range(48) if tariff.at(hour * 3600 + 1800)[0].price.input == 0.15]
    assert low == [hour for hour in range(48) if hour % 24 not in (1, 2, 3, 6, 7, 8, 9)]


def coming() -> tuple[str, str, str]:
    """(provider, model, day) of a price that begins after the catalogue's release."""
    for provider in providers:
        for model in provider.models:
            for one in model.prices if isinstance(model.prices, list) else []:
                if (
                    isinstance(one.constraint, StartDateConstraint)
                    and one.constraint.start_date.isoformat() > catalogue_release()
                ):
                    return provider.id, model.id, one.constraint.start_date.isoformat()
    pytest.skip("no price of this catalogue is announced")


def test_an_announced_price_is_not_billed_before_its_day() -> None:
    """Not without a date, when the catalogue's release counts; in a run that has dates, from
    midnight UTC of that day on."""
    provider, model, day = coming()
    made = deployed(provider, model)
    ((_, today),) = resolve_prices(made, 100 * DAY, Calendar())
    eve = parse_start(day) - timedelta(days=1)
    (_, before), (turn, after) = resolve_prices(made, 2 * DAY, Calendar(eve.timestamp(), 1.0, True))
    assert (before, turn) == (today, DAY)
    assert after != today


def test_faster_replays_meet_their_prices_sooner() -> None:
    """The same day's midnight, at twice the speed."""
    provider, model, day = coming()
    start = parse_start(day).timestamp() - DAY
    assert (
        resolve_prices(deployed(provider, model), 2 * DAY, Calendar(start, 2.0, True))[1][0]
        == DAY / 2
    )


def test_a_discount_takes_part_of_everything() -> None:
    """10 % off: tiers and cached tokens too."""
    ((_, full),) = resolve_prices(deployed("anthropic", "claude-haiku-5-5"), DAY, Calendar())
    ((_, less),) = resolve_prices(
        deployed("anthropic", "claude-haiku-5-5", price_factor=0.9), DAY, Calendar()
    )
    for whole, part in ((full, less), (full.tiers[0][1], less.tiers[0][1])):
        assert part[:4] == pytest.approx([0.9 * usd for usd in whole[:4]])


@pytest.mark.parametrize(
    ("provider", "model", "day", "words"),
    [
        ("cohere", "c4ai-aya-expanse-8b", None, "was retired by 2026-04-04"),
        ("google", "gemini-2.5-flash-image", None, "migrate to Gemini 3.1 Flash Image"),
        ("avian", "z-ai/glm-5", None, "is deprecated"),
        ("avian", "z-ai/glm-5", "2025-07-01", None),  # a day is fixed on which it was not
        ("mistral", "mistral-medium-2312", "2025-06-17", "was retired by 2025-06-16"),
        ("mistral", "mistral-medium-2312", "2025-06-15", None),
        ("anthropic", "claude-sonnet-4-5", None, None),  # a feature of it was retired
        ("deepseek", "deepseek-v4-flash", None, None),  # the sentence is about dates of prices
    ],
)
def test_models_that_have_ended_are_told(
    provider: str, model: str, day: str | None, words: str | None
) -> None:
    """In the catalogue's own words, which name a successor where it knows one."""
    scenario = spec.Scenario(
        {"m": deployed(provider, model, price_date=day)},
        workload=spec.Workload(profile=spec.Profile(starts=1.0)),
    )
    told = list(
        price_warnings(
            scenario,
            workload_calendar(scenario.workload)
            if day
            else Calendar(parse_start(catalogue_release()).timestamp(), 1.0, True),
        )
    )
    assert [words in line for line in told] == ([] if words is None else [True])


def test_a_run_begins_at_an_hour_or_on_a_date() -> None:
    """Monday 2026-08-03, 15:00 in Berlin, is 13:00 UTC; hours of the week are those of the clock on
    which it is written."""
    assert parse_start("2026-08-03T15:00+02:00") == datetime(2026, 8, 3, 13, tzinfo=UTC)
    assert [
        hour_of_week(each) for each in ("2026-08-03T15:00+02:00", "2026-08-05T06:30", 12.5)
    ] == [15, 54.5, 12.5]
    for wrong in ("2026-08-32", "tomorrow", "2026-08-03T25:00", "15:00"):
        with pytest.raises(
            ValueError, match="expected an hour of the week from 0 to 168, or a date such as"
        ):
            parse_start(wrong)
