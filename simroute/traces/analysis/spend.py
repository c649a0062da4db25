"""What a trace's tokens cost by the price catalogue, and why that differs from the costs in the
log."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from simroute.models.calendar import utc_day
from simroute.models.prices import (
    catalogue_name,
    catalogue_price,
    catalogue_price_at,
    catalogue_release,
    price_changes,
)
from simroute.traces.analysis.aggregates import CACHE_READ, CACHE_WRITTEN
from simroute.traces.table import RequestTable
from simroute.units import usd

MAX_NAMES = 5
TOLERANCE = 1e-6


@dataclass
class CatalogueSpend:
    """USD of a log's answered requests, each at the price of its own date, and what of the log's
    sum has no counterpart in it.

    date: of the prices, in words. usd: the sum. unpriced: logged for models that the catalogue does
    not know; unknown: these models -> requests. failed: logged for failed requests. gateway: logged
    for answers of the gateway's cache. unlogged: recomputed for requests without a logged cost.
    cached, written: what tokens read from or written to a cache cost less or more than others.
    """

    date: str
    usd: float = 0.0
    unpriced: float = 0.0
    failed: float = 0.0
    gateway: float = 0.0
    unlogged: float = 0.0
    cached: float = 0.0
    written: float = 0.0
    unknown: dict[str, int] = field(default_factory=dict)


def recompute_spend(table: RequestTable) -> CatalogueSpend | None:
    """The log's spend, each call at the price of its own date, hour and length; None when the log
    names no model."""
    groups = table.rows(
        "SELECT coalesce(provider, '?'), model, coalesce(failed, false) AS bad, coalesce(cached, "
        "'no') <> 'no' AS ours, count(*),"
        " coalesce(sum(cost_usd), 0) FROM requests WHERE model IS NOT NULL GROUP BY 1, 2, 3, 4 "
        "ORDER BY 1, 2, 3, 4"
    )
    if not groups:
        return None
    spend = CatalogueSpend(_price_dates(table))
    for provider, model, failed, is_hit, count, logged in groups:
        if is_hit:
            spend.gateway += logged
        elif failed:
            spend.failed += logged
        elif (model_key := catalogue_name(provider, model)) is None:
            spend.unpriced += logged
            spend.unknown[model] = spend.unknown.get(model, 0) + count
        else:
            _add_bill(table, provider, model, model_key, spend)
    spend.unpriced += table.value(
        "SELECT coalesce(sum(cost_usd), 0) FROM requests WHERE model IS NULL"
    )
    return spend


def _price_dates(table: RequestTable) -> str:
    if table.relative:
        return f"{catalogue_release()}, the day of the catalogue's release, as the log has no dates"
    return " to ".join(
        dict.fromkeys(
            utc_day(moment / 1e9)
            for moment in table.rows("SELECT min(arrival_ns), max(arrival_ns) FROM requests")[0]
        )
    )


def _add_bill(
    table: RequestTable,
    provider: str,
    model: str,
    model_key: tuple[str, str],
    spend: CatalogueSpend,
) -> None:
    """Add what the answered calls of a model cost, from sums of tokens for each of its prices and
    tiers.

    The SQL joins each call to the last change of price before it (`turn`).
    """
    first, last = (
        moment / 1e9
        for moment in table.rows("SELECT min(arrival_ns), max(arrival_ns) FROM requests")[0]
    )
    turns, prices = [], [catalogue_price(*model_key, None)]
    if not table.relative:
        turns = price_changes(*model_key, first, last)
        prices = [catalogue_price_at(*model_key, moment) for moment in (first, *turns)]
    above = sorted({edge for price in prices for edge, _ in price.tiers})
    edges = "[" + ", ".join(str(round(moment * 1e9)) for moment in turns) + "]::BIGINT[]"
    tiers = " + ".join(["0", *(f"(coalesce(input_tokens, 0) > {edge})::INTEGER" for edge in above)])
    for k, tier, free, *sums in table.rows(
        f"SELECT coalesce(turn, 0), {tiers}, cost_usd IS NULL, count(*), "
        f"coalesce(sum(input_tokens), 0), coalesce(sum({CACHE_READ}), 0),"
        f" coalesce(sum({CACHE_WRITTEN}), 0), coalesce(sum(output_tokens), 0) FROM requests"
        f" ASOF LEFT JOIN (SELECT unnest({edges}) AS since, unnest(range(1, {len(turns) + 1})) "
        f"AS turn) ON arrival_ns >= since"
        " WHERE coalesce(provider, '?') = ? AND model = ? AND NOT coalesce(failed, false) AND "
        "coalesce(cached, 'no') = 'no'"
        " GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
        [provider, model],
    ):
        calls, sent, read, written, received = map(float, sums)
        price = prices[k].at(0 if tier == 0 else above[tier - 1] + 1)
        cheaper = 0.0 if price.cached is None else (price.input - price.cached) * read / 1e6
        dearer = 0.0 if price.written is None else (price.written - price.input) * written / 1e6
        cost = (
            (price.input * sent + price.output * received) / 1e6
            + price.call * calls
            - cheaper
            + dearer
        )
        spend.usd += cost
        spend.cached += cheaper
        spend.written += dearer
        spend.unlogged += cost if free else 0.0


def explain_difference(spend: CatalogueSpend, logged: float | None) -> Iterator[str]:
    """Why the log's sum (USD) differs, cause by cause, in sentences; the last is about what is
    left."""
    if spend.unknown:
        names = sorted(spend.unknown, key=lambda name: (-spend.unknown[name], name))
        models = ", ".join(f"{name[:60]} ({spend.unknown[name]:,})" for name in names[:MAX_NAMES])
        yield (
            f"no price is known for "
            f"{models}{', …' if len(names) > MAX_NAMES else ''}"
            f"{f': {usd(spend.unpriced)} of the log' if spend.unpriced else ''}"
        )
    if spend.cached:
        yield f"cached tokens at the full price would cost {usd(spend.cached)} more"
    if spend.written:
        yield (
            f"tokens written to a cache at the price of others would cost {usd(spend.written)} less"
        )
    if logged is None:
        return
    for text, value in (
        ("failed calls", spend.failed),
        ("answers of the gateway's own cache", spend.gateway),
    ):
        if value:
            yield f"{usd(value)} of the log is for {text}, which cost nothing here"
    if spend.unlogged:
        yield f"{usd(spend.unlogged)} of the catalogue's is for requests without a logged cost"
    unexplained = (
        logged - spend.unpriced - spend.failed - spend.gateway - (spend.usd - spend.unlogged)
    )
    compared = max(spend.usd - spend.unlogged, 1e-12)
    if abs(unexplained) <= TOLERANCE * max(compared, 1e-3 * logged):
        yield "that is what the rest of the log says, too"
        return
    points, side = 100 * abs(unexplained) / compared, "above" if unexplained > 0 else "below"
    yield (f"the rest of the log is {usd(abs(unexplained))} ({points:.2g} %) {side} the catalogue")
