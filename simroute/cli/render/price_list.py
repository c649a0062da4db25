"""The price catalogue on a terminal: which models it knows, and what they cost on a day."""

from __future__ import annotations

from simroute.cli.render import pages
from simroute.models.price_notes import describe_price
from simroute.models.prices import ListedModel, catalogue_models, catalogue_release


def model_rows(day: str | None) -> pages.Page:
    """Every provider and model, as `provider` and `model` of a deployment name them."""
    return pages.table(
        ("provider", "model", "remarks"),
        [(each.provider, each.model, _remarks(each, day)) for each in catalogue_models(day)],
    )


def price_rows(day: str | None) -> pages.Page:
    """The same with their prices, USD for a million tokens: in and out, read from a cache, written
    to one."""
    when = day or catalogue_release()
    return pages.table(
        ("provider", "model", f"$/1M in, out ({when})", "cached", "written", "remarks"),
        [
            (
                each.provider,
                each.model,
                describe_price(each.price),
                _usd(each.price.cached),
                _usd(each.price.written),
                _remarks(each, day),
            )
            for each in catalogue_models(day)
        ],
    )


def _usd(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


def _remarks(model: ListedModel, day: str | None) -> str:
    """That it is deprecated, or that its price of a day is assumed."""
    when = day or catalogue_release()
    assumed = model.first is not None and when < model.first
    remarks = ["deprecated"] if model.deprecated else []
    return "; ".join([*remarks, *([f"prices known from {model.first} on only"] if assumed else [])])
