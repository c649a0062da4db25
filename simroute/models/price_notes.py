"""A scenario's prices in words: with their date, their tiers and hours; and what the catalogue
warns of."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime

from simroute.core import Price
from simroute.models import spec
from simroute.models.calendar import Calendar, utc_day
from simroute.models.prices import (
    catalogue_notes,
    catalogue_release,
    is_priced_by_hour,
    run_prices,
)
from simroute.models.surcharges import fee_words

SHOWN = 4
"""Prices of one deployment that are told one by one."""
ENDED = re.compile(
    r"retire|deprecat|shut ?down|discontinu|sunset|migrat|supersed|successor|replaced "
    r"by|recommends|no longer listed",
    re.I,
)
LONGEST = 240
"""Characters of the catalogue's own words in a warning."""


def describe_prices(scenario: spec.Scenario, calendar: Calendar) -> dict[str, str]:
    """Deployment -> its prices in USD per million tokens (input, output), and of which day they are
    where the catalogue says them."""
    return {
        name: _listed(scenario, name, calendar) + _fees(scenario, deployment)
        for name, deployment in scenario.deployments.items()
    }


def _fees(scenario: spec.Scenario, deployment: spec.Deployment) -> str:
    words = fee_words(deployment, scenario.accounts.get(deployment.account or ""))
    return f", with {words}" if words else ""


def _listed(scenario: spec.Scenario, name: str, calendar: Calendar) -> str:
    deployment, horizon = scenario.deployments[name], scenario.horizon
    prices = [price for _, price in run_prices(scenario, name, calendar)]
    texts = (
        list(dict.fromkeys(map(describe_price, prices)))
        if is_priced_by_hour(deployment)
        else list(map(describe_price, prices))
    )
    text = " then ".join(texts[:SHOWN]) + (" …" if len(texts) > SHOWN else "")
    if is_priced_by_hour(deployment) and len(texts) > 1:
        text = f"by hour of day: {' or '.join(texts[:SHOWN])}"
    if deployment.price is not None:
        return text
    first, last = utc_day(calendar.timestamp(0.0)), utc_day(calendar.timestamp(horizon))
    of = deployment.price_date or (first if first == last else f"{first} to {last}")
    return f"{text} ({of})"


def describe_price(price: Price) -> str:
    """`3, 15; above 200,000 tokens 6, 22.5`."""
    own = f"{price.input:g}, {price.output:g}" + (
        f" + ${price.call:g} a call" if price.call else ""
    )
    return "; ".join(
        [
            own,
            *(
                f"above {above:,} tokens {tier.input:g}, {tier.output:g}"
                for above, tier in price.tiers
            ),
        ]
    )


def price_warnings(scenario: spec.Scenario, calendar: Calendar) -> Iterator[str]:
    """One line for each price that is not what the reader may think."""
    profile = scenario.workload.profile
    for name, deployment in scenario.deployments.items():
        if deployment.price is not None:
            continue
        when = deployment.price_date or utc_day(calendar.timestamp(0.0))
        notes = catalogue_notes(deployment.provider, deployment.model)
        if notes.first is not None and when < notes.first:
            yield (
                f"{name}: the catalogue knows prices of {deployment.model} from {notes.first} on "
                f"only; on {when} that first price is assumed"
            )
        # whoever fixes an earlier day means that day
        flagged = notes.deprecated and (
            deployment.price_date is None or deployment.price_date >= catalogue_release()
        )
        if text := _ended(notes.text, flagged, when):
            yield f"{name}: {deployment.model} {text}"
        is_told = calendar.dated or profile.starts or profile.hours
        if is_priced_by_hour(deployment) and not is_told:
            yield (
                f"{name}: its price depends on the hour (UTC); t = 0 is taken as Monday 00:00 "
                f"(workload.profile.starts says otherwise)"
            )


def _ended(text: str, deprecated: bool, when: str) -> str:
    """That a model is deprecated, or was retired before a day (YYYY-MM-DD), with what the catalogue
    says of it."""
    said = [part for part in re.split(r"(?<=[.!?])\s+(?=[A-Z])", text) if ENDED.search(part)]
    gone = [ended for part in said if (ended := _retired(part)) is not None and ended <= when]
    if not deprecated and not gone:
        return ""
    quoted = " ".join(part.strip() for part in said)
    quoted = (
        f": {quoted[:LONGEST]}{'…' if len(quoted) > LONGEST else ''}"
        if quoted
        else ", and names no successor"
    )
    return (
        f"was retired by {gone[0]}" if gone else "is deprecated"
    ) + f", says the price catalogue{quoted}"


RETIRED = re.compile(
    r"^\W*(?:retire[sd]|shut ?down)\b|its \d{4}-\d\d-\d\d retirement|should be retired|shut down "
    r"\w+ \d",
    re.I,
)
"""Sentences about the model itself: others tell of a feature that was retired, or of another
model."""
DAY = re.compile(r"\d{4}-\d\d-\d\d|[A-Z][a-z]{2} \d{1,2}, \d{4}")


def _retired(sentence: str) -> str | None:
    """The day that a sentence says the model ends, YYYY-MM-DD."""
    if not RETIRED.search(sentence) or (match := DAY.search(sentence)) is None:
        return None
    return (
        match[0]
        if match[0][0].isdigit()
        else datetime.strptime(match[0], "%b %d, %Y").strftime("%Y-%m-%d")
    )
