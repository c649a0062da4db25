"""What the money is spent on: by model, feature and user, and in a replay before and after."""

from __future__ import annotations

from functools import partial

from simroute.report.colors import GREY
from simroute.report.picture import (
    Json,
    Listing,
    Picture,
    RunDocuments,
    Table,
    bar,
    bars,
    fill,
    label,
)
from simroute.text import clean
from simroute.units import duration, large, percent, span, usd

MOST = 12
"""Names that are drawn; the table has all."""
TOP = 10
"""Users, and features, that are listed as drivers."""
LOG = "the log"
TITLES = {
    "model": "Which models is it spent on?",
    "feature": "Which features spend it?",
    "user": "Which users spend it?",
}
CHANGE_TITLES = {
    "model": "Which models is it spent on, before and after?",
    "feature": "Which features spend it, before and after?",
    "user": "Which users spend it, before and after?",
    "team": "Which teams spend it, before and after?",
    "day": "On which days, before and after?",
}
NOTHING: Json = {"mean": 0.0, "low": None, "high": None}


def _spend(run: RunDocuments, kind: str) -> Picture | str:
    """Spend under each policy, by the names of a kind."""
    costs = {
        policy: {
            name: row["cost_usd"]
            for name, row in run.summary["policies"][policy]["by"].get(kind, {}).items()
        }
        for policy in run.policies
    }
    totals: dict[str, float] = {}
    for each in costs.values():
        for name, cost in each.items():
            totals[name] = totals.get(name, 0.0) + (cost["mean"] or 0.0)
    if set(totals) <= {"-"}:
        return f"Spend by {kind} is left out: the scenario names no {kind}s."
    if not any(totals.values()):
        return f"Spend by {kind} is left out: none."
    names = sorted(totals, key=lambda name: -totals[name])
    columns = {
        policy: [each.get(name, NOTHING)["mean"] or 0.0 for name in names]
        for policy, each in costs.items()
    }
    rows = [
        [
            clean(name, 40),
            *(span(**each.get(name, NOTHING), unit="USD") for each in costs.values()),
        ]
        for name in names
    ]
    more = f" The {MOST} largest; the table has all." if len(names) > MOST else ""
    caption = (
        f"USD billed in one run of {duration(run.summary['horizon_s'])}, failed "
        f"and abandoned calls included.{_month(run)}{more}"
    )
    table = Table([kind, *run.policies], rows)
    return Picture(TITLES[kind], caption, *_chart(run, names, columns, 134), table)


def _month(run: RunDocuments) -> str:
    """How many times this run's requests a month has."""
    month, requests = run.summary.get("month"), run.mean(run.policies[0], "requests")
    if month is None or not requests:
        return ""
    return f" A month at this traffic has {large(month['requests'] / requests)} times its requests."


def _chart(
    run: RunDocuments, names: list[str], columns: dict[str, list[float]], margin: int
) -> tuple[list[Json], Json]:
    """Bars of each column by name, in USD, and their layout. `margin`: pixels beside the bars."""
    labels = [label(name) for name in names[:MOST]]
    data = [
        bar(
            label(name),
            labels,
            column[:MOST],
            marker=fill(GREY, "")
            if name == LOG
            else fill(run.look(name).color, run.look(name).pattern),
            hovertemplate="$%{x:,.2f}<extra>%{fullData.name}</extra>",
        )
        for name, column in columns.items()
    ]
    return data, bars(margin + 14 * len(labels) * (len(columns) + 1), "USD", "$")


def _change(run: RunDocuments, kind: str) -> Picture | str:
    """Spend in the log and under each policy, by the names of a kind."""
    spend = run.summary["replay"]["spend"].get(kind)
    if spend is None:
        return f"Spend by {kind} is left out: the log names no {kind}s."
    columns, names = _columns(run, spend), spend["names"]
    lines = dict(zip(names, zip(*columns.values(), strict=True), strict=True))
    total = tuple(sum(column) for column in columns.values())
    rows = [
        [clean(name, 40), *map(usd, values), *_changes(columns, values)]
        for name, values in lines.items()
    ]
    rows.append(["all", *map(usd, total), *_changes(columns, total)])
    more = f" The first {MOST}; the table has {len(names)}." if len(names) > MOST else ""
    most = run.summary["replay"].get("pays_most", {"policies": {}})["policies"].values()
    first = " ".join(clean(text, 400) for text in most if kind == "model")
    caption = f"{first} ".lstrip() + (
        f"USD as the log bills it, and under each policy, mean over "
        f"replications.{_other_traffic(run)}{more}"
    )
    changes = [f"{name}, less the log" for name in columns if name != LOG and LOG in columns]
    table = Table([kind, *columns, *changes], rows)
    return Picture(CHANGE_TITLES[kind], caption, *_chart(run, names, columns, 130), table)


by_model, by_feature, by_user = (partial(_spend, kind=kind) for kind in TITLES)
change_by_model, change_by_feature, change_by_user, change_by_team, change_by_day = (
    partial(_change, kind=kind) for kind in CHANGE_TITLES
)


def _columns(run: RunDocuments, spend: Json) -> dict[str, list[float]]:
    """USD by name in the log, where it bills, and under each policy."""
    before = {} if spend["before"] is None else {LOG: spend["before"]}
    return before | {policy: spend["after"][policy] for policy in run.policies}


def _changes(columns: dict[str, list[float]], values: tuple[float, ...]) -> list[str]:
    """The change of each policy against the log, which comes first; nothing without a log."""
    if LOG not in columns:
        return []
    before, *after = values
    return [_difference(value - before, before) for value in after]


def _difference(change: float, before: float) -> str:
    sign = "+" if change > 0 else "-" if change < 0 else ""
    share = f" ({100 * change / before:+.1f} %)" if before else ""
    return f"{sign}{usd(abs(change))}{share}"


def _other_traffic(run: RunDocuments) -> str:
    changes = run.summary["replay"]["laid_over"]
    if not changes:
        return ""
    texts = ", ".join(clean(text, 60) for text in changes)
    return f" The policies met other traffic than the log: {texts}."


def drivers(run: RunDocuments) -> Listing | str:
    """The features and the users with most spend."""
    spend = run.summary["replay"]["spend"]
    rows = []
    for kind in ("feature", "user"):
        if kind not in spend:
            continue
        names, columns = spend[kind]["names"], _columns(run, spend[kind])
        base = next(iter(columns.values()))
        total = sum(base)
        named = [index for index, name in enumerate(names) if name != "(others)"]
        for index in sorted(named, key=lambda index: -base[index])[:TOP]:
            share = percent(base[index] / total) if total else "n/a"
            costs = [usd(column[index]) for column in columns.values()]
            rows.append([f"{kind} {clean(names[index], 40)}", share, *costs])
    if not rows:
        return "The log names neither users nor features, so nobody can be said to drive the spend."
    columns = _columns(run, next(iter(spend.values())))
    caption = (
        f"The {TOP} features and the {TOP} users with most spend, and their share of all "
        f"of it, {'before' if LOG in columns else 'after'}."
    )
    return Listing("Who drives it?", caption, Table(["who", "of all spend", *columns], rows))
