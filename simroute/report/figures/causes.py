"""Why requests failed or came late, and which sends failed and were repaired."""

from __future__ import annotations

from collections.abc import Iterable

from simroute.report.colors import GREY, Look, cause_looks
from simroute.report.picture import (
    BUTTONS,
    Json,
    Picture,
    RunDocuments,
    Table,
    bar,
    bars,
    fill,
    label,
)
from simroute.text import clean
from simroute.units import percent, span

MISSED, REPAIRED = ("cause", "late"), ("repaired",)
"""Kinds of causes: of requests that broke the promise, and of sends that were repaired."""
DRAWN = 9
"""Causes with a colour of their own; the others are one."""
OTHERS = "other causes"
NAMED = 3
"""Targets, or tasks, that a row of the table names."""
NOT_KEPT = "The files of this run are of an earlier version, which did not keep causes of failure."


def misses(run: RunDocuments) -> Picture | str:
    """What made requests fail, or come late, as shares of all that did."""
    if not _is_kept(run, "cause"):
        return NOT_KEPT
    shares = {policy: _shares(run, policy, _promised(run)) for policy in run.policies}
    if not any(shares.values()):
        return "No request failed."
    late = "late" in _promised(run)
    table = Table(
        ["policy", "what ended it", "share of requests", "at", "work"],
        _rows(run, _promised(run)),
    )
    caption = (
        "What ended the requests that failed"
        + (", or how those that succeeded were late" if late else "")
        + ", as parts of all of them; below a policy's name, their share of its requests. "
        "provider: it answered with that status. timed out here: a timeout of the policy gave the "
        "request up. refused: a layer of the policy did not let it through."
    )
    title = "Why did requests fail or come late?" if late else "Why did requests fail?"
    return _picture(run, shares, title, caption, table, "requests")


def repaired(run: RunDocuments) -> Picture | str:
    """What made sends fail within requests that succeeded, as shares of all that did."""
    if not _is_kept(run, "repaired"):
        return NOT_KEPT
    shares = {policy: _shares(run, policy, REPAIRED) for policy in run.policies}
    if not any(shares.values()):
        return "No send failed that was repaired."
    caption = (
        "Sends that failed though their requests were answered in the end, by a retry or "
        "elsewhere; below a policy's name, their share of its sends. What repairs them costs "
        "time and load."
    )
    heads = ["policy", "what ended it", "share of sends", "at", "work"]
    table = Table(heads, _rows(run, REPAIRED))
    return _picture(run, shares, "Which sends failed and were repaired?", caption, table, "sends")


def _is_kept(run: RunDocuments, kind: str) -> bool:
    return all(kind in run.summary["policies"][policy]["by"] for policy in run.policies)


def _promised(run: RunDocuments) -> Iterable[str]:
    """Kinds of misses: a late answer is one where the promise has a limit of time."""
    parts = run.evidence["promise"]["parts"]
    timed = any(part["metric"].startswith("slo_attainment") for part in parts)
    return MISSED if timed else ("cause",)


def _by(run: RunDocuments, policy: str) -> Json:
    by: Json = run.summary["policies"][policy]["by"]
    return by


def _shares(run: RunDocuments, policy: str, kinds: Iterable[str]) -> dict[str, float]:
    """Each cause's share of requests or sends."""
    by = _by(run, policy)
    return {cause: row["share"]["mean"] or 0.0 for kind in kinds for cause, row in by[kind].items()}


def _picture(
    run: RunDocuments,
    shares: dict[str, dict[str, float]],
    title: str,
    caption: str,
    table: Table,
    unit: str,
) -> Picture:
    """A bar for each policy, whose parts are causes; it is as long as all of them together."""
    order: dict[str, float] = {}
    totals = {policy: sum(parts.values()) for policy, parts in shares.items()}
    for policy, parts in shares.items():
        for cause, share in parts.items():
            order[cause] = order.get(cause, 0.0) + share / totals[policy]
    drawn = sorted(order, key=lambda cause: -order[cause])[:DRAWN]
    rest = OTHERS if len(drawn) < len(order) else None
    labels = [
        f"{label(policy, 20)}<br>{percent(total) if total else 'none'}"
        for policy, total in totals.items()
    ]
    looks = cause_looks(drawn) | {OTHERS: Look(GREY, "solid", "circle", "")}
    data = [
        bar(
            label(cause, 40),
            labels,
            [
                100 * _part(shares[policy], cause, drawn) / (totals[policy] or 1)
                for policy in shares
            ],
            showlegend=True,  # of a single cause too
            marker=fill(looks[cause].color, looks[cause].pattern),
            customdata=[percent(_part(shares[policy], cause, drawn)) for policy in shares],
            hovertemplate=f"%{{x:.1f}} %, which is %{{customdata}} of {unit}"
            "<extra>%{fullData.name}</extra>",
        )
        for cause in [*drawn, *([rest] if rest else [])]
    ]
    height = 176 + 46 * len(run.policies)
    layout = bars(height, "of all of them") | {"barmode": "stack", "margin": {"t": 64 + BUTTONS}}
    layout["xaxis"] |= {"ticksuffix": " %", "range": [0, 100]}
    layout["legend"] |= {"y": 1 - BUTTONS / height}
    return Picture(title, caption, data, layout, table)


def _part(shares: dict[str, float], cause: str, drawn: list[str]) -> float:
    if cause in drawn:
        return shares.get(cause, 0.0)
    return sum(share for name, share in shares.items() if name not in drawn)


def _rows(run: RunDocuments, kinds: Iterable[str]) -> list[list[str]]:
    return [
        [
            clean(policy, 40),
            clean(cause, 60),
            span(**row["share"], unit="share"),
            _parts(_by(run, policy)[f"{kind}_by_target"][cause]),
            _parts(_by(run, policy)[f"{kind}_by_task"][cause]),
        ]
        for policy in run.policies
        for kind in kinds
        for cause, row in _by(run, policy)[kind].items()
    ]


def _parts(figures: dict[str, Json]) -> str:
    """Names with their parts of the sum, the largest first."""
    means = {name: interval["mean"] or 0.0 for name, interval in figures.items()}
    total = sum(means.values())
    names = sorted(means, key=lambda name: -means[name])
    parts = [f"{clean(name, 30)} {100 * means[name] / total:.0f} %" for name in names[:NAMED]]
    more = len(names) - NAMED
    return ", ".join([*parts, *([f"{more} more"] if more > 0 else [])])
