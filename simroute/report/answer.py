"""The answer of a run: two or three sentences, and the tables of policies and differences."""

from __future__ import annotations

from simroute.report.picture import Cell, Json, MarkedTable, RunDocuments, Table
from simroute.text import about_usd, clean, difference_span, percent, span, usd

COLUMNS = {
    "success_rate": ("success", "share"),
    "slo_attainment": ("in time", "share"),
    "latency_p95_s": ("p95 latency", "s"),
    "ttft_p95_s": ("p95 first token", "s"),
    "cost_per_1k_requests_usd": ("USD for 1,000 requests", "USD"),
    "cost_per_month_usd": ("USD a month", "USD"),
    "quality_mean": ("quality", "share"),
    "time_on_failing_target_s": ("time on the failing target", "s"),
    "detection_s": ("outage noticed after", "s"),
}
"""Metric -> column head and unit."""
VERBS = {
    True: ("keeps", "keep"),
    False: ("misses", "miss"),
    None: ("may or may not keep", "may or may not keep"),
}
KEPT = {True: Cell("yes", "yes"), False: Cell("no", "no"), None: Cell("undecided", "open")}


def sentences(run: RunDocuments) -> list[str]:
    """Which policies keep the promise, which do not, and the cheapest of those that do."""
    promise = run.evidence["promise"]
    metric = promise["parts"][0]["metric"]
    verdict = _verdict(run)
    if not any(run.mean(policy, "requests") for policy in verdict):
        return ["No request arrived, so nothing can be said (0 requests)."]
    lines = []
    for meets, verbs in VERBS.items():
        policies = [
            f"{clean(policy, 40)} with {span(**run.metric(policy, metric), unit='share')}"
            for policy, each in verdict.items()
            if each is meets
        ]
        if policies:
            verb = verbs[len(policies) > 1]
            lines.append(f"{_enumerate(policies)} {verb} the promise that {promise['words']}.")
    lines += [
        f"{clean(entry['policy'], 40)} misses it because {clean(entry['because'], 200)}."
        for entry in run.summary["verdict"]
        if "because" in entry
    ]
    lines.append(_cheapest(run))
    if run.summary["replications"] == 1:
        lines.append("This is one replication: it gives no interval, and nothing is shown by it.")
    return lines


def _verdict(run: RunDocuments) -> dict[str, bool | None]:
    return {entry["policy"]: entry["meets_slo"] for entry in run.summary["verdict"]}


def _cheapest(run: RunDocuments) -> str:
    cheapest = run.evidence["cheapest"]
    if cheapest is None:
        return "None of them is shown to keep it."
    policy = cheapest["policy"]
    cost = usd(run.mean(policy, "cost_per_1k_requests_usd"))
    monthly = run.metric(policy, "cost_per_month_usd")["mean"]
    at_this_rate = "" if monthly is None else f", about {about_usd(monthly)} a month at this rate"
    text = (
        f"The cheapest that keeps it is {clean(policy, 40)} ({cost} for 1,000 "
        f"requests{at_this_rate})"
    )
    if not cheapest["tied"]:
        return f"{text}."
    others = _enumerate([clean(policy, 40) for policy in cheapest["tied"]])
    return f"{text}, though {others} cannot be told from it by cost."


def _enumerate(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def policy_table(run: RunDocuments) -> MarkedTable:
    """A row for each policy: whether it keeps the promise, and the metrics of `COLUMNS` that any
    policy has."""
    verdict = _verdict(run)
    metrics = [
        name
        for name in COLUMNS
        if name == "success_rate"
        or any(run.metric(policy, name)["mean"] for policy in run.policies)
    ]
    rows = [
        [
            Cell(clean(policy, 40)),
            KEPT[verdict[policy]],
            *(_metric_cell(run, policy, name) for name in metrics),
        ]
        for policy in run.policies
    ]
    return MarkedTable(
        ["policy", "keeps the promise", *(COLUMNS[name][0] for name in metrics)], rows
    )


def _metric_cell(run: RunDocuments, policy: str, name: str) -> Cell:
    interval = run.metric(policy, name)
    mark = run.evidence["marks"].get(name, {}).get(policy, "")
    if interval["mean"] is None:
        count = f" ({run.mean(policy, 'requests'):,.0f} requests)" if name == "success_rate" else ""
        return Cell(f"n/a{count}", mark)
    missed = run.mean(policy, "undetected") if name == "detection_s" else None
    unnoticed = f"; {missed:.3g} not noticed" if missed else ""
    return Cell(span(**interval, unit=COLUMNS[name][1]) + unnoticed, mark)


def difference_table(run: RunDocuments) -> Table:
    """A row for each policy but the first: its paired differences to the first."""
    slo = run.evidence["slo"]
    heads = {
        "success_rate": "success",
        **({} if slo["latency"] is None and slo["ttft"] is None else {"slo_attainment": "in time"}),
        "latency_p95_s": "p95 latency",
        "cost_per_1k_requests_usd": "USD for 1,000 requests",
        "quality_mean": "quality",
    }
    differences: dict[str, Json] = {}
    for row in run.summary["differences"]:
        differences.setdefault(row["b"], {})[row["metric"]] = row
    rows = [
        [clean(policy, 40), *(_difference(row[name], COLUMNS[name][1]) for name in heads)]
        for policy, row in differences.items()
    ]
    return Table(["policy", *heads.values()], rows)


def _difference(row: Json, unit: str) -> str:
    if row["mean"] is None:
        return "n/a"
    text = difference_span(row["mean"], row["low"], row["high"], unit)
    sign = "+" if row["mean"] > 0 else ""
    chance = row["low"] is not None and row["low"] <= 0 <= row["high"]
    return f"{sign}{text}{' — may be chance' if chance else ''}"


def year_table(summary: Json) -> tuple[Table, str] | None:
    """Figures of a year, with a note of what they are made from; None without `--yearly`."""
    yearly = summary.get("yearly")
    if yearly is None:
        return None
    units = {"success_rate": "share", "availability": "share", "cost_usd": "USD"}
    rows = [
        [clean(policy, 40), *(span(**figures[name], unit=unit) for name, unit in units.items())]
        for policy, figures in yearly["policies"].items()
    ]
    strata = [
        f"{clean(' with '.join(row['outages']) or 'without an outage', 80)}: {row['horizons']:,.4g}"
        for row in yearly["strata"]
    ]
    note = (
        f"Horizons a year, {'; '.join(strata)}. Three outages at once are left out: "
        f"{percent(yearly['three_at_once'])} of the time."
    )
    return Table(["policy", "requests that succeed", "minutes that do", "USD"], rows), note


STEADY = {"warmup_minutes": "minutes of warm-up", "batches": "batches", "lag1": "their correlation"}


def steady_state_table(summary: Json) -> tuple[Table, str] | None:
    """The success rate by batch means of one run of a steady scenario, with a note; None for other
    runs."""
    estimates = summary.get("steady_state")
    if not estimates:
        return None
    rows = [
        [
            clean(policy, 40),
            span(row["mean"], row["low"], row["high"], "share"),
            *(f"{row[name]:.3g}" for name in STEADY),
        ]
        for policy, row in estimates.items()
    ]
    note = (
        "Batch means: the warm-up is cut off, the rest parted into batches; where they still "
        "correlate there is no interval."
    )
    return Table(["policy", "requests that succeed", *STEADY.values()], rows), note
