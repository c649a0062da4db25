"""The answer in two or three sentences, and the table of policies: best values marked, undecided
ones told."""

from __future__ import annotations

from typing import Any, NamedTuple

from simroute.report.picture import RunDocuments, Table
from simroute.text import clean, percent, span, usd

COLUMNS = {
    "success_rate": ("success", "share"),
    "slo_attainment": ("in time", "share"),
    "latency_p95_s": ("p95 latency", "s"),
    "ttft_p95_s": ("p95 first token", "s"),
    "cost_per_1k_requests_usd": ("USD for 1,000 requests", "USD"),
    "quality_mean": ("quality", "share"),
    "time_on_failing_target_s": ("time on the failing target", "s"),
    "detection_s": ("outage noticed after", "s"),
}


class Cell(NamedTuple):
    """Words, and a mark: "best", "tied" (cannot be told from the best), "yes", "no", "open" or
    nothing."""

    text: str
    mark: str = ""


def sentences(run: RunDocuments) -> list[str]:
    """Who keeps the promise, who does not, and which of those that do is cheapest."""
    promise, metric = (
        run.evidence["promise"]["words"],
        run.evidence["promise"]["parts"][0]["metric"],
    )
    verdict = {entry["policy"]: entry["meets_slo"] for entry in run.summary["verdict"]}
    if not any(run.mean(policy, "requests") for policy in verdict):
        return ["No request arrived, so nothing can be said (0 requests)."]
    one = run.summary["replications"] == 1
    words = {
        True: ("keeps", "keep"),
        False: ("misses", "miss"),
        None: ("may or may not keep", "may or may not keep"),
    }
    said = []
    for meets in (True, False, None):
        names = [policy for policy, found in verdict.items() if found is meets]
        if names:
            verb = words[meets][len(names) > 1]
            listed = _and(
                [
                    f"{clean(name, 40)} with {span(**run.metric(name, metric), unit='share')}"
                    for name in names
                ]
            )
            said.append(f"{listed} {verb} the promise that {promise}.")
    said.append(_cheapest(run))
    if one:
        said.append("This is one replication: it gives no interval, and nothing is shown by it.")
    return [text for text in said if text]


def _cheapest(run: RunDocuments) -> str:
    found = run.evidence["cheapest"]
    if found is None:
        return "None of them is shown to keep it."
    best = (
        f"{clean(found['policy'], 40)} "
        f"({usd(run.mean(found['policy'], 'cost_per_1k_requests_usd'))} for 1,000 requests)"
    )
    if not found["tied"]:
        return f"The cheapest that keeps it is {best}."
    others = _and([clean(policy, 40) for policy in found["tied"]])
    return f"The cheapest that keeps it is {best}, though {others} cannot be told from it by cost."


def _and(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def rows(run: RunDocuments) -> tuple[list[str], list[list[Cell]]]:
    """Heads and cells of the table of policies."""
    verdict = {entry["policy"]: entry["meets_slo"] for entry in run.summary["verdict"]}
    seen = {
        name for name in COLUMNS if any(run.metric(policy, name)["mean"] for policy in run.policies)
    }
    shown = {name: head for name, head in COLUMNS.items() if name in seen or name == "success_rate"}
    made = [
        [
            Cell(clean(policy, 40)),
            _kept(verdict[policy]),
            *(_cell(run, policy, name) for name in shown),
        ]
        for policy in run.policies
    ]
    return ["policy", "keeps the promise", *(head for head, _ in shown.values())], made


def _kept(meets: bool | None) -> Cell:
    return {True: Cell("yes", "yes"), False: Cell("no", "no"), None: Cell("undecided", "open")}[
        meets
    ]


def _cell(run: RunDocuments, policy: str, name: str) -> Cell:
    found = run.metric(policy, name)
    mark = run.evidence["marks"].get(name, {}).get(policy, "")
    if found["mean"] is None:
        return Cell(
            f"n/a ({run.mean(policy, 'requests'):,.0f} requests)"
            if name == "success_rate"
            else "n/a",
            mark,
        )
    missed = run.mean(policy, "undetected") if name == "detection_s" else None
    return Cell(
        span(**found, unit=COLUMNS[name][1]) + (f"; {missed:.3g} not noticed" if missed else ""),
        mark,
    )


def differences(run: RunDocuments) -> tuple[list[str], list[list[str]]]:
    """Paired differences to the first policy, in words."""
    shares = (
        {"success_rate": "success"}
        if run.evidence["slo"]["latency"] is None and run.evidence["slo"]["ttft"] is None
        else {"success_rate": "success", "slo_attainment": "in time"}
    )
    heads = {
        **shares,
        "latency_p95_s": "p95 latency",
        "cost_per_1k_requests_usd": "USD for 1,000 requests",
        "quality_mean": "quality",
    }
    found: dict[str, dict[str, Any]] = {}
    for row in run.summary["differences"]:
        found.setdefault(row["b"], {})[row["metric"]] = row
    made = [
        [clean(policy, 40), *(_difference(row[name], COLUMNS[name][1]) for name in heads)]
        for policy, row in found.items()
    ]
    return ["policy", *heads.values()], made


def _difference(row: dict[str, Any], unit: str) -> str:
    if row["mean"] is None:
        return "n/a"
    bounds = {key: row[key] for key in ("mean", "low", "high")}
    text = (
        span(**bounds, unit=unit).replace(" %", " points")
        if unit == "share"
        else span(**bounds, unit=unit)
    )
    sign = "+" if row["mean"] > 0 else ""
    chance = row["low"] is not None and row["low"] <= 0 <= row["high"]
    return f"{sign}{text}{' — may be chance' if chance else ''}"


def year(summary: dict[str, Any]) -> tuple[Table, str] | None:
    """Figures of a year, and what they are made from; None if they were not asked for."""
    found = summary.get("yearly")
    if found is None:
        return None
    units = {"success_rate": "share", "availability": "share", "cost_usd": "USD"}
    rows = [
        [clean(policy, 40), *(span(**one[name], unit=unit) for name, unit in units.items())]
        for policy, one in found["policies"].items()
    ]
    kinds = [
        f"{clean(' with '.join(one['outages']) or 'without an outage', 80)}: {one['horizons']:,.4g}"
        for one in found["strata"]
    ]
    note = (
        f"Horizons a year, {'; '.join(kinds)}. Three outages at once are left out: "
        f"{percent(found['three_at_once'])} of the time."
    )
    return Table(["policy", "requests that succeed", "minutes that do", "USD"], rows), note


STEADY = {"warmup_minutes": "minutes of warm-up", "batches": "batches", "lag1": "their correlation"}


def steady(summary: dict[str, Any]) -> tuple[Table, str] | None:
    """What one run of a steady scenario tells of its success rate; None where it tells nothing."""
    found = summary.get("steady_state")
    if not found:
        return None
    rows = [
        [
            clean(policy, 40),
            span(one["mean"], one["low"], one["high"], "share"),
            *(f"{one[name]:.3g}" for name in ("warmup_minutes", "batches", "lag1")),
        ]
        for policy, one in found.items()
    ]
    note = (
        "Batch means: the warm-up is cut off, the rest parted into batches; where they still "
        "correlate there is no interval."
    )
    return Table(["policy", "requests that succeed", *STEADY.values()], rows), note
