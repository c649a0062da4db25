"""What a trace's tokens cost by the price catalogue, and why that differs from what its log says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from simroute.models.prices import catalogued, known_as
from simroute.traces.table import Table
from simroute.words import usd

NAMES = 5
EQUAL = 1e-6


@dataclass
class Spend:
    """All in USD. `usd`: of answered requests at the date's prices. The others: what of the log's sum has no counterpart in it.

    unpriced: logged at models that the catalogue does not know; failed: logged for failed requests; gateway: logged for answers of the gateway's
    cache; unlogged: recomputed for requests without a logged cost; cached: what cached tokens would cost more at the full price.
    """

    date: str | None
    usd: float = 0.0
    unpriced: float = 0.0
    failed: float = 0.0
    gateway: float = 0.0
    unlogged: float = 0.0
    cached: float = 0.0
    unknown: dict[str, int] = field(default_factory=dict)


def recomputed(table: Table) -> Spend | None:
    """By (provider, model), at the prices of the trace's first day; None when the log names no model."""
    groups = table.rows(
        "SELECT coalesce(provider, '?'), model, coalesce(failed, false) AS bad, coalesce(cached, 'no') <> 'no' AS ours, count(*),"
        " coalesce(sum(cost_usd), 0), coalesce(sum(input_tokens), 0), coalesce(sum(least(coalesce(cached_tokens, 0), input_tokens)), 0),"
        " coalesce(sum(output_tokens), 0), coalesce(sum(input_tokens) FILTER (cost_usd IS NULL), 0),"
        " coalesce(sum(least(coalesce(cached_tokens, 0), input_tokens)) FILTER (cost_usd IS NULL), 0),"
        " coalesce(sum(output_tokens) FILTER (cost_usd IS NULL), 0) FROM requests WHERE model IS NOT NULL GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4"
    )
    if not groups:
        return None
    made = Spend(_date(table))
    for provider, model, bad, ours, count, logged, *tokens in groups:
        if ours:
            made.gateway += logged
        elif bad:
            made.failed += logged
        elif (known := known_as(provider, model)) is None:
            made.unpriced += logged
            made.unknown[model] = made.unknown.get(model, 0) + count
        else:
            price = catalogued(*known, made.date)
            cheaper = 0.0 if price.cached is None else price.input - price.cached
            asked, read, given, *unlogged = tokens
            made.usd += price.of(asked, given) - read * cheaper / 1e6
            made.cached += read * cheaper / 1e6
            made.unlogged += price.of(unlogged[0], unlogged[2]) - unlogged[1] * cheaper / 1e6
    made.unpriced += table.one("SELECT coalesce(sum(cost_usd), 0) FROM requests WHERE model IS NULL")
    return made


def _date(table: Table) -> str | None:
    if table.relative:
        return None
    return datetime.fromtimestamp(table.one("SELECT min(arrival_ns) FROM requests") / 1e9, UTC).strftime("%Y-%m-%d")


def explained(found: Spend, logged: float | None) -> Iterator[str]:
    """The difference, cause by cause; what is left is said too."""
    if found.unknown:
        names = sorted(found.unknown, key=lambda name: (-found.unknown[name], name))
        shown = ", ".join(f"{name[:60]} ({found.unknown[name]:,})" for name in names[:NAMES])
        yield f"no price is known for {shown}{', …' if len(names) > NAMES else ''}{f': {usd(found.unpriced)} of the log' if found.unpriced else ''}"
    if found.cached:
        yield f"cached tokens at the full price would cost {usd(found.cached)} more"
    if logged is None:
        return
    for text, value in (("failed calls", found.failed), ("answers of the gateway's own cache", found.gateway)):
        if value:
            yield f"{usd(value)} of the log is for {text}, which cost nothing here"
    if found.unlogged:
        yield f"{usd(found.unlogged)} of the catalogue's is for requests without a logged cost"
    rest = logged - found.unpriced - found.failed - found.gateway - (found.usd - found.unlogged)
    compared = max(found.usd - found.unlogged, 1e-12)
    if abs(rest) <= EQUAL * compared:
        yield "that is what the rest of the log says, too"
        return
    yield f"the rest of the log is {usd(abs(rest))} ({100 * abs(rest) / compared:.2g} %) {'above' if rest > 0 else 'below'} the catalogue"
