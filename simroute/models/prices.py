"""What tokens cost: a deployment's own price list, or the catalogue's for the dates and hours of a
run, resolved once."""

from __future__ import annotations

import difflib
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from simroute.core import Price
from simroute.models import spec
from simroute.models.calendar import DAY, Calendar
from simroute.models.faults import resolve_time
from simroute.models.surcharges import at_tier, surcharged

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, ModelPrice, PriceVariant

PriceSteps = list[tuple[float, Price]]
"""(from second of the run, price) in order of time; the first holds from 0 on."""
DRAIN = DAY
"""Seconds behind the horizon for which prices are looked up: what is under way then still ends."""


def resolve_prices(
    deployment: spec.Deployment,
    horizon: float,
    calendar: Calendar,
    account: spec.Account | None = None,
) -> PriceSteps:
    """All that a deployment costs in a run, with the fees of its account. Raises ValueError when
    the catalogue does not know the model."""
    tier = deployment.service_tier
    if deployment.price is not None:
        own = deployment.price
        listed = [(0.0, at_tier(Price(own.input, own.output, own.cached, own.written), tier))]
    else:
        listed = _listed(
            (deployment.provider, deployment.model),
            deployment.price_date,
            horizon,
            calendar,
            tier,
        )
    steps = [
        (resolve_time(step.at, horizon), at_tier(Price(step.input, step.output), tier))
        for step in deployment.price_steps.values()
    ]
    first = min((when for when, _ in steps), default=float("inf"))
    prices = [
        *(each for each in listed if each[0] < max(first, 1e-9)),
        *sorted(steps, key=lambda step: step[0]),
    ]
    return [(when, surcharged(price, deployment, account)) for when, price in prices]


def run_prices(scenario: spec.Scenario, name: str, calendar: Calendar) -> PriceSteps:
    """The same of a deployment of a scenario by its name."""
    deployment = scenario.deployments[name]
    account = scenario.accounts.get(deployment.account or "")
    return resolve_prices(deployment, scenario.horizon, calendar, account)


def catalogue_price(provider: str, model: str, day: str | None) -> Price:
    """What the catalogue (genai-prices, offline) says at noon UTC of a day (YYYY-MM-DD; None: the
    day of its release). Raises ValueError."""
    return catalogue_price_at(provider, model, _midnight(day or catalogue_release()) + DAY / 2)


def catalogue_price_at(provider: str, model: str, when: float) -> Price:
    """The same at so many seconds since 1970."""
    return _price(_model(provider, model), when)


def _price(model: ModelInfo, when: float, tier: spec.ServiceTier = "standard") -> Price:
    moment = datetime.fromtimestamp(when, UTC)
    if tier != "standard" and any(
        variant.constraint is None or variant.constraint.active(moment)
        for variant in _variants(model, tier)
    ):
        return _converted(model.get_prices(moment, {"processing": tier}))
    return at_tier(_converted(model.get_prices(moment)), tier)


def _variants(model: ModelInfo, tier: spec.ServiceTier) -> list[PriceVariant]:
    """What the catalogue states of a tier."""
    return [one for one in model.price_variants or () if one.when == {"processing": tier}]


def _tier_days(model: ModelInfo, tier: spec.ServiceTier) -> list[str]:
    """The days (YYYY-MM-DD) from which it states any."""
    from genai_prices.types import StartDateConstraint

    constraints = [one.constraint for one in _variants(model, tier)]
    return [
        one.start_date.isoformat() for one in constraints if isinstance(one, StartDateConstraint)
    ]


def catalogue_window(provider: str, model: str) -> int | None:
    """The context window (tokens) that the catalogue knows of a model; None where it knows none."""
    try:
        return _model(provider, model).context_window
    except ValueError:
        return None


def price_changes(provider: str, model: str, start: float, end: float) -> list[float]:
    """Moments (s since 1970) after `start` and before `end` at which another of the catalogue's
    prices may begin to hold, in order."""
    days, hours = _constraints(_model(provider, model))
    moments = {_midnight(one.isoformat()) for one in days}
    midnight = start - start % DAY
    while hours and midnight < end:
        moments |= {midnight + hour for hour in hours}
        midnight += DAY
    return sorted(one for one in moments if start < one < end)


def is_priced_by_hour(deployment: spec.Deployment) -> bool:
    """Whether its price depends on the hour of the day."""
    return deployment.price is None and bool(
        _constraints(_model(deployment.provider, deployment.model))[1]
    )


class CatalogueNotes(NamedTuple):
    """What the catalogue says of a model besides: the day (YYYY-MM-DD) from which it knows prices
    where it knows that, and its words."""

    first: str | None
    deprecated: bool
    text: str


def catalogue_notes(provider: str, model: str) -> CatalogueNotes:
    """Raises ValueError when the catalogue does not know the model."""
    entry = _model(provider, model)
    days, hours = _constraints(entry)
    prices: Any = entry.prices
    is_dated = bool(days) and not hours and prices[0].constraint is not None
    return CatalogueNotes(
        days[0].isoformat() if is_dated else None,
        bool(entry.deprecated),
        " ".join(filter(None, (entry.price_comments, entry.description))),
    )


@lru_cache(maxsize=1024)
def _listed(
    named: tuple[str, str],
    fixed: str | None,
    horizon: float,
    calendar: Calendar,
    tier: spec.ServiceTier,
) -> PriceSteps:
    """From the catalogue: of the `fixed` day, with its hours, or (a run without dates) of that of
    its release; else of the run's own days."""
    entry = _model(*named)
    if fixed is None and not calendar.dated:
        fixed = catalogue_release()
    midnight = None if fixed is None else _midnight(fixed)

    def at(when: float) -> Price:
        moment = when if midnight is None else midnight + (DAY / 2 if not hourly else when % DAY)
        return _price(entry, moment, tier)

    hourly = bool(_constraints(entry)[1])
    start, end = calendar.start, calendar.timestamp(horizon) + DRAIN
    turns = price_changes(*named, start, end) if midnight is None or hourly else []
    if tier != "standard" and midnight is None:
        known = map(_midnight, _tier_days(entry, tier))
        turns = sorted({*turns, *(one for one in known if start < one < end)})
    steps = [(0.0, at(start))]
    for when in turns:
        if (price := at(when)) != steps[-1][1]:
            steps.append((calendar.run_time(when), price))
    return steps


# -- the catalogue ---------------------------------------------------------------------------------


@lru_cache(maxsize=1024)
def _model(provider: str, model: str) -> ModelInfo:
    """What the catalogue knows of it. Raises ValueError."""
    from genai_prices import Usage, calc_price

    try:
        return calc_price(
            Usage(input_tokens=1),
            model_ref=model,
            provider_id=provider,
            genai_request_timestamp=ANY,
        ).model
    except LookupError:
        entry = _by_id(provider, model)
        if entry is None:
            raise ValueError(_unknown(provider, model)) from None
        return entry


def _by_id(provider: str, model: str) -> ModelInfo | None:
    """The model that the catalogue itself calls so: what it recognises in a request is not always
    its own name for it (`regional.…` at aws)."""
    from genai_prices.data import providers

    return next(
        (
            entry
            for one in providers
            if one.id == provider
            for entry in one.models
            if entry.id == model
        ),
        None,
    )


ANY = datetime(2026, 1, 1, tzinfo=UTC)
"""Some date, where none matters: without one the catalogue would read the clock."""


def _constraints(model: ModelInfo) -> tuple[list[date], list[float]]:
    """The days from which its prices hold (UTC), and the seconds after midnight UTC at which they
    begin or end."""
    from genai_prices.types import ModelPrice, StartDateConstraint, TimeOfDateConstraint

    constraints = (
        [] if isinstance(model.prices, ModelPrice) else [one.constraint for one in model.prices]
    )
    days = sorted({one.start_date for one in constraints if isinstance(one, StartDateConstraint)})
    clocks = [
        clock
        for one in constraints
        if isinstance(one, TimeOfDateConstraint)
        for clock in (one.start_time, one.end_time)
    ]
    aware = [
        datetime.combine(ANY, clock, clock.tzinfo or UTC).timestamp() % DAY for clock in clocks
    ]
    return days, sorted(set(aware))


def _converted(prices: ModelPrice) -> Price:
    """As a price with its tiers, each of which holds for a whole call."""
    from genai_prices.types import TieredPrices

    values = {key: value for key, value in vars(prices).items() if value is not None}
    edges = sorted(
        {
            tier.start
            for value in values.values()
            if isinstance(value, TieredPrices)
            for tier in value.tiers
        }
    )

    def usd(key: str, above: int) -> float | None:
        value = values.get(key)
        if isinstance(value, TieredPrices):
            value = next(
                (tier.price for tier in reversed(value.tiers) if tier.start <= above), value.base
            )
        return None if value is None else float(value)

    def price(above: int, tiers: tuple[tuple[int, Price], ...] = ()) -> Price:
        cached, written = usd("cache_read_mtok", above), usd("cache_write_mtok", above)
        call = (usd("requests_kcount", above) or 0.0) / 1000
        return Price(
            usd("input_mtok", above) or 0.0,
            usd("output_mtok", above) or 0.0,
            cached,
            written,
            call,
            tiers,
        )

    return price(-1, tuple((edge, price(edge)) for edge in edges))


class ListedModel(NamedTuple):
    """A model of the catalogue as a scenario names it, and its price of a day. `first`: the day
    from which the catalogue knows prices of it, where that is told."""

    provider: str
    model: str
    price: Price
    deprecated: bool
    first: str | None


def catalogue_models(day: str | None) -> list[ListedModel]:
    """Every model of the catalogue with its price at noon UTC of a day (YYYY-MM-DD; None: the day
    of its release), by provider and name."""
    from genai_prices.data import providers

    names = sorted((one.id, entry.id) for one in providers for entry in one.models)
    models = []
    for provider, model in names:
        notes = catalogue_notes(provider, model)
        price = catalogue_price(provider, model, day)
        models.append(ListedModel(provider, model, price, notes.deprecated, notes.first))
    return models


@lru_cache(maxsize=1)
def catalogue_release() -> str:
    """The day of the catalogue's release, as far as its data tell: the latest day from which a
    price of a reseller holds that is read daily.

    The package states no date. Prices announced for the future are those of makers; OpenRouter's
    are entered when they are found changed. Without such, it is the latest day of any price.
    """
    from genai_prices.data import providers

    days: dict[bool, list[date]] = {True: [], False: []}
    for provider in providers:
        for model in provider.models:
            days[provider.id == "openrouter"] += _constraints(model)[0]
    return max(days[True] or days[False] or [ANY.date()]).isoformat()


ALIASES = {
    "azure_openai": "azure",
    "bedrock": "aws",
    "gemini": "google",
    "vertex_ai": "google",
    "vertex": "google",
    "together_ai": "together",
}
"""What gateways call providers that the catalogue knows by another name."""


@lru_cache(maxsize=1024)
def catalogue_name(provider: str, model: str) -> tuple[str, str] | None:
    """(provider, model) as the price catalogue calls what a log names; None when it knows no such
    model. A provider "?" is unknown."""
    from genai_prices import Usage, calc_price

    named = ALIASES.get(provider.lower().replace("-", "_").replace(" ", "_"), provider.lower())
    for who in (named, None) if provider == "?" or named not in _providers() else (named,):
        for what in (model, model.rsplit("/", 1)[-1]):
            try:
                call = calc_price(
                    Usage(input_tokens=1),
                    model_ref=what,
                    provider_id=who,
                    genai_request_timestamp=ANY,
                )
                return call.provider.id, call.model.id
            except LookupError:
                continue
    return None


@lru_cache(maxsize=1)
def _providers() -> frozenset[str]:
    from genai_prices.data import providers

    return frozenset(provider.id for provider in providers)


def _midnight(day: str) -> float:
    try:
        return datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC).timestamp()
    except ValueError:
        raise ValueError(f"price_date {day[:60]!r}: expected a date as YYYY-MM-DD") from None


def _unknown(provider: str, model: str) -> str:
    from genai_prices.data import providers

    known = {p.id: [m.id for m in p.models] for p in providers}
    if provider not in known:
        near = difflib.get_close_matches(provider, known, 1)
        return (
            f"no price is known for provider "
            f"{provider!r}{f' (did you mean {near[0]}?)' if near else ''}; give price: {{input: "
            f"…, output: …}}"
        )
    near = difflib.get_close_matches(model, known[provider], 3, 0.4)
    nearest = f" (nearest: {', '.join(near)})" if near else ""
    return (
        f"no price is known for {model!r} at {provider}{nearest}; give price: {{input: …, "
        f"output: …}}"
    )
