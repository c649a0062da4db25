"""What tokens cost: a deployment's own price list, or the catalogue's on a stated date, resolved once."""

from __future__ import annotations

import difflib
from datetime import UTC, datetime
from functools import lru_cache

from simroute.core import Price
from simroute.models import spec
from simroute.models.faults import moment

PICO = 1_000_000
"""Pico-USD per token for one USD per million tokens: money is counted in integers."""


class Rates:
    """A price list as a bill needs it: pico-USD per token in and out, and what a token in costs less when the provider has it cached."""

    __slots__ = ("input", "output", "saved")

    def __init__(self, price: Price) -> None:
        self.input, self.output = round(price.input * PICO), round(price.output * PICO)
        self.saved = 0 if price.cached is None else self.input - round(price.cached * PICO)

    def nano_usd(self, input_tokens: int, output_tokens: int, cached_tokens: int) -> int:
        """The bill in nano-USD, rounded half up; `cached_tokens` of the input were read from the provider's cache."""
        return (input_tokens * self.input - cached_tokens * self.saved + output_tokens * self.output + 500) // 1000


def price_list(deployment: spec.Deployment, horizon: float) -> list[tuple[float, Price]]:
    """(from second, price) in order of time. Raises ValueError when the catalogue does not know the model."""
    if deployment.price is not None:
        start = Price(deployment.price.input, deployment.price.output, deployment.price.cached)
    else:
        start = catalogued(deployment.provider, deployment.model, deployment.price_date)
    steps = [(moment(step.at, horizon), Price(step.input, step.output)) for step in deployment.price_steps.values()]
    return [(0.0, start), *sorted(steps, key=lambda step: step[0])]


@lru_cache(maxsize=256)
def catalogued(provider: str, model: str, date: str | None) -> Price:
    """USD per million tokens at small prompts, from genai-prices (offline), at noon UTC of `date` (YYYY-MM-DD; default: its latest)."""
    from genai_prices import Usage, calc_price

    when = _noon(date or "9999-12-31")  # never today's: a run must not depend on the day it is made
    try:
        costs = [
            calc_price(usage, model_ref=model, provider_id=provider, genai_request_timestamp=when).total_price
            for usage in (Usage(input_tokens=1000), Usage(output_tokens=1000), Usage(input_tokens=1000, cache_read_tokens=1000))
        ]
    except LookupError:
        raise ValueError(_unknown(provider, model)) from None
    return Price(*(float(cost * 1000) for cost in costs))


ALIASES = {"azure_openai": "azure", "bedrock": "aws", "gemini": "google", "vertex_ai": "google", "vertex": "google", "together_ai": "together"}
"""What gateways call providers that the catalogue knows by another name."""


@lru_cache(maxsize=1024)
def known_as(provider: str, model: str) -> tuple[str, str] | None:
    """(provider, model) as the price catalogue calls what a log names; None when it knows no such model. A provider "?" is unknown."""
    from genai_prices import Usage, calc_price

    named = ALIASES.get(provider.lower().replace("-", "_").replace(" ", "_"), provider.lower())
    for who in (named, None) if provider == "?" or named not in _providers() else (named,):
        for what in (model, model.rsplit("/", 1)[-1]):
            try:
                found = calc_price(Usage(input_tokens=1), model_ref=what, provider_id=who)
                return found.provider.id, found.model.id
            except LookupError:
                continue
    return None


@lru_cache(maxsize=1)
def _providers() -> frozenset[str]:
    from genai_prices.data import providers

    return frozenset(provider.id for provider in providers)


def _noon(date: str) -> datetime:
    try:
        return datetime.strptime(date, "%Y-%m-%d").replace(hour=12, tzinfo=UTC)
    except ValueError:
        raise ValueError(f"price_date {date!r}: expected a date as YYYY-MM-DD") from None


def _unknown(provider: str, model: str) -> str:
    from genai_prices.data import providers

    known = {p.id: [m.id for m in p.models] for p in providers}
    if provider not in known:
        near = difflib.get_close_matches(provider, known, 1)
        return f"no price is known for provider {provider!r}{f' (did you mean {near[0]}?)' if near else ''}; give price: {{input: …, output: …}}"
    near = difflib.get_close_matches(model, known[provider], 3, 0.4)
    nearest = f" (nearest: {', '.join(near)})" if near else ""
    return f"no price is known for {model!r} at {provider}{nearest}; give price: {{input: …, output: …}}"
