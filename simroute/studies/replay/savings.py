"""Whose change would pay most, in sentences: the work to shift, the cache, and under each policy
the model, task or feature. Said only where the log, or the replications, tell it from the next."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from simroute.config.documents import RECORDED
from simroute.metrics.tallies import MONTH
from simroute.statistics.intervals import Interval, paired_difference
from simroute.statistics.multiple import is_significant
from simroute.text import clean
from simroute.units import about_usd, percent, span, usd

if TYPE_CHECKING:
    from simroute.studies.comparison.comparison import Comparison

KINDS = ("model", "task", "feature")
SURE = 1.96
"""Standard deviations between two sums of money that are told apart."""


def largest_savings(
    study: Comparison, tables: dict[str, Any], differences: list[dict[str, Any]]
) -> dict[str, Any]:
    """A sentence on shifts, one on caches (None where neither is known), and one for each policy of
    which there is something to say.

    `tables`: `shifts` and `caching` of summary.json's `replay`; `differences`: those of the
    policies to the log's own routing, with `decided`.
    """
    trace = study.configuration.trace
    assert trace is not None
    decided = [
        row["policy"] for row in differences if row["metric"] == "cost_usd" and row["decided"]
    ]
    changes = {policy: _change(study, policy) for policy in decided}
    return {
        "shift": _shift(tables["shifts"], trace.span),
        "cache": _cache(tables["caching"], trace.span),
        "policies": {policy: text for policy, text in changes.items() if text is not None},
    }


def _shift(shifts: list[dict[str, Any]], seconds: float) -> str | None:
    """The work whose best shift saves most, or those of which the log cannot tell which it is."""
    best: dict[tuple[str, str], dict[str, Any]] = {}
    for row in shifts:  # the largest saving comes first
        best.setdefault((row["work"], row["from"]), row)
    if not best:
        return None
    first, *others = best.values()
    alike = [row for row in others if not _is_larger(first, row)]
    named = f"{_move(first)} saves most, {_money(first['saves_usd'], seconds)}"
    if alike:
        rest = "; ".join(f"{_move(row)}, {usd(row['saves_usd'])}" for row in alike[:2])
        more = f"; and {len(alike) - 2} more" if len(alike) > 2 else ""
        named += f", though so few requests do not tell it from {rest}{more}"
    known = first["quality_from"] is not None and first["quality_to"] is not None
    quality = "that its answers are as good is an assumption"
    if known:
        before, after = percent(first["quality_from"]), percent(first["quality_to"])
        quality = f"right answers go from {before} to {after}, as the scenario says"
    return f"Of shifts at list price, {named}, if answers are as long; {quality}."


def _is_larger(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether chance in the number and size of so many requests does not explain that one saves
    more. Sizes are taken to vary as much as their mean, as those of texts do."""
    deviation = math.sqrt(sum(2 * row["saves_usd"] ** 2 / row["requests"] for row in (one, other)))
    return bool(one["saves_usd"] - other["saves_usd"] > SURE * deviation)


def _move(row: dict[str, Any]) -> str:
    return (
        f"{clean(row['work'], 40)} from {clean(row['from'], 40)} to {clean(row['to'], 40)} "
        f"({row['requests']:,} requests)"
    )


def _money(saved: float, seconds: float) -> str:
    """USD of the log, and of a month at its traffic."""
    monthly = (
        f", about {about_usd(saved * MONTH / seconds)} a month at this rate" if seconds else ""
    )
    return f"{usd(saved)} of the log{monthly}"


def _cache(caching: dict[str, Any], seconds: float) -> str | None:
    """The cache that saves most of those that are counted in the log; assumed ones are not."""
    exact, beginnings = caching["exact"], caching["prompt"]["could_save_usd"]
    savings = {
        "equal prompts": None if exact is None else exact["cost_usd"],
        "prompt beginnings at the provider": beginnings,
    }
    known = {name: saved for name, saved in savings.items() if saved}
    if not known:
        return None
    name = max(known, key=lambda each: known[each])
    return (
        f"Of caches, as repeats are counted in the log, one of {name} saves most, "
        f"{_money(known[name], seconds)}, if it keeps them for ever."
    )


def _change(study: Comparison, policy: str) -> str | None:
    """Whose bill a policy changes most: of each kind the name, where replications tell it."""
    parts = []
    for kind in KINDS:
        changes = _changes(study, policy, kind)
        if len(changes) < 2:
            continue
        name = max(changes, key=lambda each: abs(changes[each].mean or 0.0))
        if is_significant(changes[name]) and all(
            _is_more(changes[name], other) for each, other in changes.items() if each != name
        ):
            parts.append(f"{kind} {clean(name, 40)} {_signed(changes[name])}")
    if not parts:
        return None
    return f"{policy} changes most the bill of {', '.join(parts)}, against the log's own routing."


def _signed(change: Interval) -> str:
    """+$1.20 (1.10 to 1.30), or -$1.20 with the bounds of its size."""
    mean, low, high = change
    if mean is not None and low is not None and high is not None and mean < 0:
        return f"-{span(-mean, -high, -low, 'USD')}"
    return f"+{span(mean, low, high, 'USD')}"


def _changes(study: Comparison, policy: str, kind: str) -> dict[str, Interval]:
    """Name -> USD under a policy less those of the log's own routing, in the same replications."""
    costs: dict[str, list[dict[str, float]]] = {
        each: [
            {name: row["cost_usd"] or 0.0 for name, row in run.by.get(kind, {}).items()}
            for run in study.runs[each]
        ]
        for each in (RECORDED, policy)
    }
    names = dict.fromkeys(name for runs in costs.values() for run in runs for name in run)
    return {
        name: paired_difference(
            [run.get(name, 0.0) for run in costs[RECORDED]],
            [run.get(name, 0.0) for run in costs[policy]],
            study.confidence,
        )
        for name in names
    }


def _is_more(one: Interval, other: Interval) -> bool:
    """Whether a change is larger than another whichever way they go, at the unfavourable ends."""
    if None in (*one, *other):
        return False
    least = min(abs(bound) for bound in one[1:] if bound is not None)
    most = max(abs(bound) for bound in other[1:] if bound is not None)
    return least > most
