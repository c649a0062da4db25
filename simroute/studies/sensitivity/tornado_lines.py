"""What a tornado says, in sentences, from its part of sensitivity.json."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from simroute.report.figures.sensitivity import COST, SUCCESS
from simroute.report.figures.tornado import ENDS, is_open, lead, mirrored, move, unkept_ends
from simroute.text import clean
from simroute.units import difference_span, short_key

PRICE = re.compile(r"scenario\.deployments\..+\.price(_factor|\..+)?")
"""Keys of prices."""
MOST_NAMES = 8
"""Assumptions that a sentence names; the table has all."""

Json = dict[str, Any]


def tornado_lines(details: Json) -> list[str]:
    """Who wins as assumed and by how much, what moves that, what changes it, and where nobody
    surely keeps the promise."""
    base, assumptions = details["base"], details["assumptions"]
    lines = [_as_assumed(base)]
    if assumptions:
        top = assumptions[0]
        sides = " and ".join(
            f"{_advantage(base, top[end]['difference'])} at {top[end]['value']:.3g}"
            for end, *_ in ENDS
        )
        lines.append(
            f"{short_key(top['key'])} moves it most: {sides} ({top['value']:.3g} as assumed)."
        )
    return [
        *lines,
        *_changes(assumptions),
        *_unkept(base, assumptions),
        *_only_cost(base, assumptions),
    ]


def _as_assumed(base: Json) -> str:
    first, second = (clean(policy, 40) for policy in base["pair"])
    winner = base["winner"]
    rivals = " or ".join(clean(policy, 40) for policy in winner["rivals"])
    verdict = (
        f"{first} wins: it"
        if winner["sure"]
        else f"it is open whether {first} wins or {rivals}; {first}"
    )
    what = "for 1,000 requests" if base["metric"] == COST else f"in {SUCCESS[base['metric']]}"
    return f"As assumed, {verdict} is {_advantage(base, base['difference'])} than {second} {what}."


def _advantage(base: Json, difference: Json) -> str:
    """The lead of the first of the pair with the word for its direction."""
    gain = lead(difference, base["metric"])
    is_ahead = (gain["mean"] or 0.0) >= 0
    unit, words = (
        ("USD", ("cheaper", "dearer")) if base["metric"] == COST else ("share", ("better", "worse"))
    )
    size = gain if is_ahead else mirrored(gain)
    return f"{difference_span(**size, unit=unit)} {words[0 if is_ahead else 1]}"


def _changes(assumptions: list[Json]) -> Iterator[str]:
    """Which assumptions change the winner, and which leave it open."""
    flips = [short_key(each["key"]) for each in assumptions if each["flips"]]
    undecided = [short_key(each["key"]) for each in assumptions if is_open(each)]
    if flips:
        yield f"Another policy wins if these are otherwise: {_listed(flips)}."
    if undecided:
        count = len(undecided)
        leave = "assumption leaves" if count == 1 else "assumptions leave"
        yield f"{count} {leave} it open who wins: {_listed(undecided)}."
    if assumptions and not flips and not undecided:
        yield "No assumption alone changes who wins."


def _unkept(base: Json, assumptions: list[Json]) -> Iterator[str]:
    """Where no policy surely keeps the promise."""
    places = [
        f"{short_key(each['key'])} at {each[end]['value']:.3g}"
        for each in assumptions
        for end in unkept_ends(each)
    ]
    rule = "the one with most success wins there"
    if base["winner"]["by"] == "success":
        kept = len(ENDS) * len(assumptions) - len(places)
        where = f" or at {len(places)} of the {len(places) + kept} ends" if places else ""
        yield f"Nobody surely keeps the promise as assumed{where}: {rule}."
    elif places:
        yield f"Nobody surely keeps the promise with {_listed(places)}: {rule}."


def _only_cost(base: Json, assumptions: list[Json]) -> Iterator[str]:
    """Where success is told: why not cost, and the prices that leave success as it is."""
    if base["metric"] == COST:
        return
    what = SUCCESS[base["metric"]]
    if base["winner"]["by"] == "cost":
        first = clean(base["pair"][0], 40)
        yield f"The lead is told in {what}, since as assumed only {first} surely keeps the promise."
    prices = [each for each in assumptions if PRICE.fullmatch(each["key"])]
    still = [short_key(each["key"]) for each in prices if move(each, base) == 0]
    if still and len(still) == len(prices):
        yield f"Prices move only the cost here, not {what}."
    elif still:
        yield f"These move only the cost, not {what}: {_listed(still)}."


def _listed(names: Iterable[str]) -> str:
    """The first names, and how many more there are."""
    texts = [*names]
    more = len(texts) - MOST_NAMES
    return ", ".join(texts[:MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
