"""What a trace's tokens cost by the price catalogue, and why that differs from what its log
says."""

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
from simroute.text import usd
from simroute.traces.analysis.aggregates import CACHE_READ, CACHE_WRITTEN
from simroute.traces.table import RequestTable

MAX_NAMES = 5
TOLERANCE = 1e-6


@dataclass
class CatalogueSpend:
    """All in USD. `usd`: of answered requests, each at the price of its own date; `date`: which
    those are. The others: what of the log's sum has no counterpart in it.

    unpriced: logged at models that the catalogue does not know; failed: logged for failed requests;
    gateway: logged for answers of the gateway's cache; unlogged: recomputed for requests without a
    logged cost; cached: what cached tokens would cost more at the full price; written: what tokens
    written to a cache would cost less at it.
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
    """By (provider, model), each call at the price of its own date, hour and length; None when the
    log names no model."""
    groups = table.rows(
        "SELECT coalesce(provider, '?'), model, coalesce(failed, false) AS bad, coalesce(cached, "
        "'no') <> 'no' AS ours, count(*),"
        " coalesce(sum(cost_usd), 0) FROM requests WHERE model IS NOT NULL GROUP BY 1, 2, 3, 4 "
        "ORDER BY 1, 2, 3, 4"
    )
    if not groups:
        return None
    made = CatalogueSpend(_price_dates(table))
    for provider, model, bad, ours, count, logged in groups:
        if ours:
            made.gateway += logged
        elif bad:
            made.failed += logged
        elif (known := catalogue_name(provider, model)) is None:
            made.unpriced += logged
            made.unknown[model] = made.unknown.get(model, 0) + count
        else:
            _add_bill(table, provider, model, known, made)
    made.unpriced += table.value(
        "SELECT coalesce(sum(cost_usd), 0) FROM requests WHERE model IS NULL"
    )
    return made


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
    table: RequestTable, provider: str, model: str, known: tuple[str, str], made: CatalogueSpend
) -> None:
    """Add what the answered calls of one model cost: sums of tokens for each of its prices and
    tiers."""
    first, last = (
        moment / 1e9
        for moment in table.rows("SELECT min(arrival_ns), max(arrival_ns) FROM requests")[0]
    )
    turns, prices = [], [catalogue_price(*known, None)]
    if not table.relative:
        turns = price_changes(*known, first, last)
        prices = [catalogue_price_at(*known, moment) for moment in (first, *turns)]
    above = sorted({edge for price in prices for edge, _ in price.tiers})
    edges = "[" + ", ".join(str(round(moment * 1e9)) for moment in turns) + "]::BIGINT[]"
    tiers = " + ".join(["0", *(f"(coalesce(input_tokens, 0) > {edge})::INTEGER" for edge in above)])
    for place, tier, free, *sums in table.rows(
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
        calls, asked, read, written, given = map(float, sums)
        price = prices[place].at(0 if tier == 0 else above[tier - 1] + 1)
        cheaper = 0.0 if price.cached is None else (price.input - price.cached) * read / 1e6
        dearer = 0.0 if price.written is None else (price.written - price.input) * written / 1e6
        cost = (
            (price.input * asked + price.output * given) / 1e6
            + price.call * calls
            - cheaper
            + dearer
        )
        made.usd += cost
        made.cached += cheaper
        made.written += dearer
        made.unlogged += cost if free else 0.0


def explain_difference(found: CatalogueSpend, logged: float | None) -> Iterator[str]:
    """The difference, cause by cause; what is left is said too."""
    if found.unknown:
        names = sorted(found.unknown, key=lambda name: (-found.unknown[name], name))
        shown = ", ".join(f"{name[:60]} ({found.unknown[name]:,})" for name in names[:MAX_NAMES])
        yield (
            f"no price is known for "
            f"{shown}{', …' if len(names) > MAX_NAMES else ''}"
            f"{f': {usd(found.unpriced)} of the log' if found.unpriced else ''}"
        )
    if found.cached:
        yield f"cached tokens at the full price would cost {usd(found.cached)} more"
    if found.written:
        yield (
            f"tokens written to a cache at the price of others would cost {usd(found.written)} less"
        )
    if logged is None:
        return
    for text, value in (
        ("failed calls", found.failed),
        ("answers of the gateway's own cache", found.gateway),
    ):
        if value:
            yield f"{usd(value)} of the log is for {text}, which cost nothing here"
    if found.unlogged:
        yield f"{usd(found.unlogged)} of the catalogue's is for requests without a logged cost"
    rest = logged - found.unpriced - found.failed - found.gateway - (found.usd - found.unlogged)
    compared = max(found.usd - found.unlogged, 1e-12)
    if abs(rest) <= TOLERANCE * compared:
        yield "that is what the rest of the log says, too"
        return
    yield (
        f"the rest of the log is {usd(abs(rest))} ({100 * abs(rest) / compared:.2g} %) "
        f"{'above' if rest > 0 else 'below'} the catalogue"
    )
