"""Requests that are shown as examples: the strangest of all, and one of each slice of an outage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simroute.metrics.evidence_fold import BINS

if TYPE_CHECKING:
    from simroute.studies.comparison.comparison import Comparison

KINDS = ("slowest", "most attempts", "false hit", "dearest")
SHOWN = 10
"""Exemplary requests that are explained."""
MOST = 40
"""Slices of time of which a policy has an example, those within outages first."""
REQUEST = (
    "request_id",
    "arrival_s",
    "task",
    "input_tokens",
    "output_tokens",
    "outcome",
    "cause",
    "target",
    "latency_s",
    "cost_nano",
    "wasted_nano",
    "quality",
    "cached",
    "false_hit",
)
ATTEMPT = (
    "target",
    "start_s",
    "end_s",
    "left_s",
    "status",
    "cause",
    "retry_after_s",
    "cost_nano",
    "abandoned",
    "probe",
)
EVENT = ("t_s", "event", "layer", "target", "detail")
"""What is told of the example of a slice, of its sends and of its events."""


def strangest(study: Comparison) -> list[dict[str, Any]]:
    """Exemplary requests of the policies' first replications: of each kind the first of each
    policy, then the second …; no request twice."""
    ranked = [
        (rank, KINDS.index(why), index, exemplar["request_id"], {"policy": policy, **exemplar})
        for index, policy in enumerate(study.runs)
        for exemplar in study.first[policy].story.get("strange", [])
        for rank, why in exemplar["why"]
    ]
    exemplars: dict[int, dict[str, Any]] = {}
    for *_, request, exemplar in sorted(ranked, key=lambda entry: entry[:4]):
        exemplars.setdefault(request, exemplar)
    return list(exemplars.values())[:SHOWN]


def by_slice(
    examples: list[dict[str, Any]], edges: list[float], weather: list[dict[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Slice (its number as text) -> its most remarkable request, of at most `MOST` slices: those
    within outages, then those whose requests are the most remarkable.

    examples: of finer slices; edges: of the slices (s).
    """
    size = BINS // (len(edges) - 1)
    best: dict[int, dict[str, Any]] = {}
    for example in examples:
        place = example["slice"] // size
        if place not in best or example["score"] > best[place]["score"]:
            best[place] = example

    def is_outage(place: int) -> bool:
        return any(
            spell["kind"] == "outage"
            and spell["start_s"] < edges[place + 1]
            and spell["end_s"] > edges[place]
            for spell in weather
        )

    ranked = sorted(best, key=lambda place: (not is_outage(place), -best[place]["score"], place))
    return {str(place): _slim(best[place]) for place in sorted(ranked[:MOST])}


def _slim(example: dict[str, Any]) -> dict[str, Any]:
    rows = {
        kind: [{name: row.get(name) for name in names} for row in example[kind]]
        for kind, names in (("attempts", ATTEMPT), ("events", EVENT))
    }
    return {name: example.get(name) for name in REQUEST} | rows
