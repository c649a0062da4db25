"""What tokens cost, and when."""

import csv
import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest

from simroute.core import Price
from simroute.models import spec
from simroute.models.prices import catalogue_price
from simroute.models.weather import Weather

Make = Callable[..., Weather]


def test_tokens_are_priced_by_the_million(shared: Path) -> None:
    """Vector E07: 1,234 tokens in at 2.50 and 567 out at 10 cost .008755 USD."""
    vector = next(
        v
        for v in json.loads((shared / "vectors/closed_forms.json").read_text())["oracles"]
        if v["id"] == "E07"
    )
    given = vector["params"]
    cost = Price(given["pin"], given["pout"]).of(given["tokens_in"], given["tokens_out"])
    assert cost == pytest.approx(vector["expected"]["cost"], abs=1e-15)


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("openai", "gpt-4o"),
        ("openai", "gpt-4o-mini"),
        ("openai", "gpt-4-turbo"),
        ("anthropic", "claude-sonnet-4-5"),
        ("anthropic", "claude-opus-4-5"),
    ],
)
def test_the_catalogue_agrees_with_litellm(shared: Path, provider: str, model: str) -> None:
    """A peer's price list of its last version that knows the model."""
    with (shared / "data/price_history_litellm.csv").open() as file:
        row = next(
            row
            for row in csv.DictReader(file)
            if (row["litellm_version"], row["model"]) == ("1.109.1", model)
        )
    found = catalogue_price(provider, model, None)
    assert found[:2] == pytest.approx(
        (float(row["input_usd_mtok"]), float(row["output_usd_mtok"])), rel=1e-9
    )
    cached = float(row["cache_read_usd_mtok"]) or None  # 0 there: it has no price of its own
    assert found.cached == (cached and pytest.approx(cached, rel=1e-9))


def test_prices_are_those_of_the_date() -> None:
    """OpenAI cut o3 from 10/40 to 2/8 USD per million tokens on 10 June 2025."""
    assert catalogue_price("openai", "o3", "2025-06-01")[:2] == (10, 40)
    assert catalogue_price("openai", "o3", "2025-07-01")[:2] == (2, 8)


def test_a_model_that_nobody_knows_is_refused_with_its_neighbours() -> None:
    """One line, the nearest names, and what to write instead."""
    with pytest.raises(
        ValueError, match=r"'claude-sonet-4-5' at anthropic.*claude-sonnet-4-5.*give price"
    ) as caught:
        catalogue_price("anthropic", "claude-sonet-4-5", None)
    assert "\n" not in str(caught.value)


def test_a_provider_that_nobody_knows_is_refused_with_its_neighbour() -> None:
    """ "antropic" is anthropic."""
    with pytest.raises(ValueError, match=r"'antropic' \(did you mean anthropic\?\)"):
        catalogue_price("antropic", "claude-sonnet-4-5", None)


@pytest.mark.parametrize("date", ["2025-13-01", "yesterday", "2025-06-01T10:00"])
def test_a_date_that_is_none_is_refused(date: str) -> None:
    """It names the value and the form."""
    with pytest.raises(ValueError, match=f"price_date '{date}': expected a date as YYYY-MM-DD"):
        catalogue_price("openai", "o3", date)


def test_a_price_list_of_ones_own_asks_no_catalogue(weather: Make) -> None:
    """An invented model with a given price costs that, for ever."""
    model = weather(
        deployments={"a": spec.Deployment("mine", "local-7b", price=spec.PriceList(0.1, 0.2))}
    ).deployments["a"]
    assert model.price_at(0.0) == (Price(0.1, 0.2), math.inf)


def test_prices_move_in_dated_steps(weather: Make) -> None:
    """A step at 50 % of the horizon and one at 900 s, written in any order; each holds from its
    moment on."""
    steps = {"late": spec.PriceStep(900.0, 1, 2), "cut": spec.PriceStep("50%", 2, 8)}
    model = weather(
        deployments={
            "a": spec.Deployment("x", "y", price=spec.PriceList(10, 40), price_steps=steps)
        },
        horizon=1000.0,
    ).deployments["a"]
    assert [model.price_at(t) for t in (0.0, 499.9, 500.0, 900.0)] == [
        (Price(10, 40), 500),
        (Price(10, 40), 500),
        (Price(2, 8), 900),
        (Price(1, 2), math.inf),
    ]
