"""The answer of a run: its headline, and the tables of policies and differences."""

from __future__ import annotations

from simroute.report.picture import Cell, Json, MarkedTable, RunDocuments, Table
from simroute.text import clean, joined
from simroute.units import about_usd, difference_span, duration, large, percent, span, usd

COLUMNS = {
    "success_rate": ("success", "share"),
    "slo_attainment": ("in time", "share"),
    "latency_p95_s": ("p95 latency", "s"),
    "ttft_p95_s": ("p95 first token", "s"),
    "cost_per_1k_requests_usd": ("USD for 1,000 requests", "USD"),
    "cost_per_month_usd": ("USD a month", "USD"),
    "quality_mean": ("quality", "share"),
}
"""Metric -> column head and unit."""
IN_OUTAGES = {
    "detection_s": ("outage noticed after", "s"),
    "time_on_failing_target_s": ("time on the failing target", "s"),
    "failover_p95_s": ("failover takes, p95", "s"),
}
"""The same for what policies did in outages."""
NOTHING = {"detection_s": "never", "failover_p95_s": "none"}
"""Metric -> what stands in an outage for one that has no value."""
VERBS = {
    None: ("may or may not keep it", "may or may not keep it"),
    False: ("misses it", "miss it"),
}
"""Whether a policy keeps the promise -> what is said of one, and of several."""
COST, QUALITY = "cost_per_1k_requests_usd", "quality_mean"
KEPT = {True: Cell("yes", "yes"), False: Cell("no", "no"), None: Cell("undecided", "open")}


def sentences(run: RunDocuments) -> list[str]:
    """The headline, the promise, and why each policy keeps it or not."""
    lines = [headline(run), *basis(run), *year_sentences(run.summary)]
    if len(lines) > 1:
        lines += [
            f"{clean(entry['policy'], 40)} {clean(entry['why'], 500)}."
            for entry in run.summary["verdict"]
        ]
    return lines


def headline(run: RunDocuments) -> str:
    """The cheapest policy that keeps the promise, and of the others whether they keep it."""
    verdict = {entry["policy"]: entry["meets_slo"] for entry in run.summary["verdict"]}
    if not any(run.mean(policy, "requests") for policy in verdict):
        return "No request arrived, so nothing can be said (0 requests)."
    cheapest = run.evidence["cheapest"]
    rest = [
        f"{_enumerate(policies)} {verbs[len(policies) > 1]}"
        for meets, verbs in VERBS.items()
        if (policies := [policy for policy, each in verdict.items() if each is meets])
    ]
    if cheapest is not None:
        return f"{_cheapest(run, cheapest, list(verdict.values()))}{'; ' if rest else ''}" + (
            f"{', '.join(rest)}."
        )
    if len(verdict) == 1:
        return f"{rest[0].removesuffix(' it')} the promise."
    return f"None of these {len(verdict)} is shown to keep the promise: {', '.join(rest)}."


def basis(run: RunDocuments) -> list[str]:
    """The promise, whether one replication can tell anything, and which policies did the same;
    empty without a request."""
    if not any(run.mean(policy, "requests") for policy in run.policies):
        return []
    lines = [f"The promise: {run.evidence['promise']['words']}."]
    if run.summary["replications"] == 1:
        lines.append("This is one replication: it gives no interval, and nothing is shown by it.")
    lines += [clean(group["words"], 500) for group in run.evidence.get("same", ())]
    return lines


def _cheapest(run: RunDocuments, cheapest: Json, kept: list[bool | None]) -> str:
    """Who keeps the promise for the least money, without a full stop."""
    best, equals, count = cheapest["policy"], run.equals(cheapest["policy"]), kept.count(True)
    name = _enumerate(equals)
    cost = f"{usd(run.mean(best, COST))} for 1,000 requests"
    monthly = run.metric(best, "cost_per_month_usd")["mean"]
    cost += "" if monthly is None else f", about {about_usd(monthly)} a month at this rate"
    cost += _drawbacks(run, cheapest)
    if count == 1:
        alone = " alone" if len(kept) > 1 else ""
        return f"{name}{alone} keeps the promise, at {cost}"
    if len(equals) == count:
        return f"{name} did the same and keep the promise, at {cost}"
    is_cheapest = "did the same and are" if len(equals) > 1 else "is"
    text = f"{name} {is_cheapest} the cheapest of {count} that keep the promise, at {cost}"
    others = [policy for policy in cheapest["tied"] if policy not in equals]
    even = [policy for policy in others if run.mean(policy, COST) == run.mean(best, COST)]
    near = [policy for policy in others if policy not in even]
    doubts = [f"{_enumerate(even)} cost{'s' * (len(even) == 1)} the same"] * bool(even)
    doubts += [f"{_enumerate(near)} cannot be told from it by cost"] * bool(near)
    return f"{text}, though {joined(doubts)}" if doubts else text


def _drawbacks(run: RunDocuments, cheapest: Json) -> str:
    """What the lowest cost does not tell: that another policy's answers are shown to be better, and
    that this pace would use up the budget early."""
    best, better = cheapest["policy"], cheapest.get("better")
    text = ""
    if better is not None:
        shares = [_share(run.metric(policy, QUALITY)) for policy in (best, better)]
        text += f", for {shares[0]} of answers right instead of {shares[1]}"
        text += f" with {clean(better, 40)}"
    pace = run.metric(best, "budget_pace")
    least = pace["mean"] if pace["low"] is None else pace["low"]
    if "budget_pace" in run.summary and pace["mean"] is not None and (least or 0.0) > 1:
        text += f", at {large(100 * pace['mean'])} % of the budget's pace"
    return text


MOST_NAMED = 4


def _enumerate(policies: list[str]) -> str:
    names = [clean(policy, 40) for policy in policies]
    if len(names) > MOST_NAMED:
        names = [*names[: MOST_NAMED - 1], f"{len(names) - MOST_NAMED + 1} others"]
    return joined(names)


def policy_table(run: RunDocuments) -> MarkedTable:
    """A row for each policy: whether it keeps the promise, and the metrics of `COLUMNS` that any
    policy has."""
    verdict = {entry["policy"]: entry["meets_slo"] for entry in run.summary["verdict"]}
    own = {part["metric"]: part for part in run.evidence["promise"]["parts"] if part.get("task")}
    metrics = [name for name in COLUMNS if name == "success_rate" or _any(run, name)]
    place = 1 + metrics.index("slo_attainment" if "slo_attainment" in metrics else "success_rate")
    metrics[place:place] = own
    heads = {name: COLUMNS[name][0] for name in metrics if name in COLUMNS}
    heads |= {
        name: f"{clean(part['task'], 30)}{' in time' if name.startswith('slo') else ''}"
        for name, part in own.items()
    }
    rows = [
        [
            Cell(clean(policy, 40)),
            KEPT[verdict[policy]],
            *(_metric_cell(run, policy, name) for name in metrics),
        ]
        for policy in run.policies
    ]
    return MarkedTable(["policy", "keeps the promise", *(heads[name] for name in metrics)], rows)


def outage_table(run: RunDocuments) -> MarkedTable | None:
    """A row for each policy: when it noticed outages, how long it still sent to the failing target,
    and how long a failover takes. None where there was no outage."""
    if not _any(run, "time_on_failing_target_s", "detection_s", "undetected"):
        return None
    rows = [
        [Cell(clean(policy, 40)), *(_metric_cell(run, policy, name) for name in IN_OUTAGES)]
        for policy in run.policies
    ]
    return MarkedTable(["policy", *(head for head, _ in IN_OUTAGES.values())], rows)


def _any(run: RunDocuments, *metrics: str) -> bool:
    """Whether any policy has any of these, and not 0."""
    return any(run.mean(policy, name) for name in metrics for policy in run.policies)


def _metric_cell(run: RunDocuments, policy: str, name: str) -> Cell:
    interval = run.metric(policy, name)
    mark = run.evidence["marks"].get(name, {}).get(policy, "")
    if interval["mean"] is None:
        count = f" ({run.mean(policy, 'requests'):,.0f} requests)" if name == "success_rate" else ""
        return Cell(f"{NOTHING.get(name, 'n/a')}{count}", mark)
    missed = run.mean(policy, "undetected") if name == "detection_s" else None
    unnoticed = f"; {missed:.3g} not noticed" if missed else ""
    _, unit = (COLUMNS | IN_OUTAGES).get(name, ("", "share"))  # else of one task
    return Cell(span(**interval, unit=unit) + unnoticed, mark)


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
    equals = run.equals(run.policies[0])
    rows = [
        [
            clean(policy, 40),
            *(
                "the same" if policy in equals else _difference(row[name], COLUMNS[name][1])
                for name in heads
            ),
        ]
        for policy, row in differences.items()
    ]
    return Table(["policy", *heads.values()], rows)


def _difference(row: Json, unit: str) -> str:
    if row["mean"] is None:
        return "n/a"
    text = difference_span(row["mean"], row["low"], row["high"], unit)
    if row["mean"] == 0 and row["low"] in (None, 0) and row["high"] in (None, 0):
        return "the same"
    sign = "+" if row["mean"] > 0 else ""
    chance = row["low"] is not None and row["low"] <= 0 <= row["high"]
    return f"{sign}{text}{' — may be chance' if chance else ''}"


def year_sentences(summary: Json) -> list[str]:
    """What a year holds, in a sentence; empty without `--yearly`."""
    yearly = summary.get("yearly")
    if yearly is None:
        return []
    counts: dict[str, float] = {}
    for row in yearly["strata"]:
        for name in row["outages"]:
            counts[name] = counts.get(name, 0.0) + row["horizons"]
    outages = joined(
        f"{clean(name, 40)} {count:.3g} time{'s' if count != 1 else ''}"
        for name, count in counts.items()
    )
    policies = [
        f"{clean(policy, 40)} answers {_share(figures['success_rate'])} of requests for "
        f"about {about_usd(figures['cost_usd']['mean'])}"
        for policy, figures in yearly["policies"].items()
    ]
    rest = len(policies) - MOST_NAMED
    more = f"; {rest} others stand below" if rest > 0 else ""
    return [f"In a year ({outages or 'no outage'}): {', '.join(policies[:MOST_NAMED])}{more}."]


def _share(share: Json) -> str:
    """A share in as many digits as its interval justifies."""
    return span(**share, unit="share").partition(" (")[0]


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
        f"{row['horizons']:,.4g} with {clean(' and '.join(row['outages']), 80)}"
        if row["outages"]
        else f"{row['horizons']:,.4g} without an outage"
        for row in yearly["strata"]
    ]
    note = (
        f"A year as runs of {duration(summary['horizon_s'])}: {'; '.join(strata)}. Three outages "
        f"at once are left out: {percent(yearly['three_at_once'])} of the time."
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
