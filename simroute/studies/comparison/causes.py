"""Why requests failed or came late, and which sends failed and were repaired, with intervals: parts
of `by` in summary.json."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from simroute.metrics import Figures
from simroute.metrics.causes import FAILED, LATE, REPAIRED
from simroute.statistics.intervals import NOMINAL, Confidence
from simroute.studies.comparison.estimates import series_interval

COUNTED = {FAILED: "requests", LATE: "requests", REPAIRED: "sends"}
"""Kind of cause -> what is counted by it."""
Groups = dict[str, dict[str, dict[str, Any]]]
"""Kind, such as "cause" or "cause_by_task" -> cause -> figures, each with mean, low and high."""


def cause_groups(runs: Sequence[Figures], confidence: Confidence = NOMINAL) -> Groups:
    """For each kind of cause: number and share of requests (of sends, of those that were repaired)
    by cause, the commonest first; the numbers by target, and by task."""
    groups: Groups = {}
    for kind, unit in COUNTED.items():
        totals = _numbers(runs, kind, lambda cause, target, task: cause)
        groups[kind] = {
            cause: {
                unit: series_interval(unit, numbers, [None], confidence).plain(),
                "share": _share(numbers, [_base(run, unit) for run in runs], confidence),
            }
            for cause, numbers in totals.items()
        }
        for part, place in (("target", 0), ("task", 1)):
            numbers = _numbers(runs, kind, lambda cause, *where, i=place: (cause, where[i]))
            table = groups[f"{kind}_by_{part}"] = {cause: {} for cause in totals}
            for (cause, name), each in numbers.items():
                table[cause][name] = series_interval(unit, each, [None], confidence).plain()
    return groups


def _numbers(
    runs: Sequence[Figures], kind: str, key: Callable[..., Any]
) -> dict[Any, list[float | None]]:
    """Numbers by replication for each key of (cause, target, task), the largest sum first."""
    counts = [Counter[Any]() for _ in runs]
    for run, count in zip(runs, counts, strict=True):
        for cause, target, task, number in run.causes.get(kind, ()):
            count[key(cause, target, task)] += number
    total = sum(counts, Counter[Any]())
    keys = sorted(total, key=lambda each: (-total[each], each))
    return {each: [float(count[each]) for count in counts] for each in keys}


def _base(run: Figures, unit: str) -> int:
    """How many requests, or sends, a run has."""
    requests = run.metrics["requests"] or 0.0
    if unit == "requests":
        return round(requests)
    return round((run.metrics["attempts_per_request"] or 0.0) * requests)


def _share(
    numbers: list[float | None], bases: list[int], confidence: Confidence
) -> dict[str, float | None]:
    values = [
        number / base if base and number is not None else None
        for number, base in zip(numbers, bases, strict=True)
    ]
    hits = [(round(number or 0.0), base) for number, base in zip(numbers, bases, strict=True)]
    return series_interval("share", values, hits, confidence).plain()
