"""What it costs: money against success, the budget, and what was billed for nothing."""

from __future__ import annotations

import numpy as np

from simroute.report.colors import BAD, kind_look
from simroute.report.picture import (
    Json,
    Picture,
    RunDocuments,
    Table,
    bar,
    bars,
    clock,
    error_bars,
    fill,
    label,
    level,
)
from simroute.text import clean
from simroute.units import duration, percent, span, usd

PERIODS = {"day": 86_400.0, "month": 30 * 86_400.0}
CAUSES = {
    "abandoned": "given up: it came too late, or another was faster",
    "failed": "failed, but was billed",
    "discarded": "answered, but not used (a judge said no, or the request failed later)",
}


def budget(run: RunDocuments) -> Picture | str:
    """Spend of the running period over time."""
    limit = run.evidence["budget"]
    if limit is None:
        return "The scenario names no budget, so there is no budget line."
    if run.summary.get("budget_pace") is not None:
        return _budget_pace(run)
    rolling, period = limit["period"] == "rolling", f"a {limit['period']}"
    unit, unit_name = clock(run.summary["horizon_s"])
    data, rows = [], []
    for policy in run.policies:
        times, spent = _running_spend(run.evidence_of(policy), limit)
        most = max(spent, default=0.0)
        data.append(_spend_line(run, policy, [t / unit for t in times], spent))
        share = percent(most / limit["usd"]) if limit["usd"] else "n/a"
        rows.append([clean(policy, 40), usd(most), share])
    axis_title = "USD spent lately" if rolling else f"USD spent this {limit['period']}"
    layout = {
        "height": 320,
        "xaxis": {"title": {"text": f"time ({unit_name})"}},
        "yaxis": {
            "title": {"text": axis_title},
            "tickprefix": "$",
            "rangemode": "tozero",
            "automargin": True,
        },
        **level("budget", limit["usd"], {"color": BAD, "dash": "dash"}),
    }
    length = duration(limit["window_s"]) if rolling else period
    since = f"within {length}" if rolling else f"since the {limit['period']} began"
    caption = (
        f"Billed {since}, mean over replications; the budget is {usd(limit['usd'])} "
        f"{'in ' if rolling else ''}{length}."
    )
    table = Table(["policy", f"most spent in {length}", "of the budget"], rows)
    return Picture("Does the budget hold?", caption, data, layout, table)


def _budget_pace(run: RunDocuments) -> Picture:
    """The share of a budget that each policy would use, of a period longer than the run."""
    pace = run.summary["budget_pace"]
    shares = {policy: run.metric(policy, "budget_pace") for policy in run.policies}
    labels = [label(policy) for policy in run.policies]
    data = [
        bar(
            "of the budget",
            labels,
            [100 * (share["mean"] or 0.0) for share in shares.values()],
            marker={"color": [run.style(policy)["line"]["color"] for policy in run.policies]},
            error_x=error_bars(list(shares.values()), 100),
            hovertemplate="%{x:.3g} % of the budget<extra></extra>",
        )
    ]
    ends = {"x0": 100, "x1": 100, "y0": 0, "y1": 1, "yref": "paper"}
    whole = {"type": "line", **ends, "line": {"color": BAD, "dash": "dash"}}
    layout = bars(130 + 34 * len(run.policies), "% of the budget")
    layout |= {"shapes": [whole], "showlegend": False}
    caption = (
        f"The budget is {clean(pace['words'], 60)}; the run is shorter. This is what a whole "
        "period at this traffic would use, each request at this run's cost, outages included; "
        "the dashed line is the whole budget."
    )
    rows = [
        [
            clean(policy, 40),
            span(**share, unit="share"),
            pace["policies"][policy]["reached"] or "not within the period",
        ]
        for policy, share in shares.items()
    ]
    table = Table(["policy", "of the budget", "all of it is used"], rows)
    return Picture("Does the budget hold?", caption, data, layout, table)


def _spend_line(run: RunDocuments, policy: str, x: list[float], spent: list[float]) -> Json:
    return {
        "type": "scatter",
        "mode": "lines",
        "x": x,
        "y": spent,
        "name": label(policy),
        "line": run.style(policy)["line"],
        "hovertemplate": "$%{y:,.2f}<extra>%{fullData.name}</extra>",
    }


def _running_spend(evidence: Json, limit: Json) -> tuple[list[float], list[float]]:
    """Times (s), and the USD spent since the period began, or within the window, at each."""
    times, costs = [0.0, *evidence["edges_s"][1:]], [0.0, *evidence["cost_usd"]]
    if limit["period"] == "rolling":
        total = np.cumsum(costs)
        earlier = np.interp(np.array(times) - limit["window_s"], times, total, left=0.0)
        return times, (total - earlier).tolist()
    length = PERIODS.get(limit["period"], times[-1])
    # evidence of earlier versions has no turns: periods count from the start of the run
    turns = limit.get("turns_s", [length * i for i in range(1, int(times[-1] // length) + 1)])
    spent, sum_usd, index = [], 0.0, 0
    for end, cost in zip(times, costs, strict=True):
        while index < len(turns) and end > turns[index] + 1e-6:
            index, sum_usd = index + 1, 0.0
        sum_usd += cost
        spent.append(sum_usd)
    return times, spent


def waste(run: RunDocuments) -> Picture | str:
    """USD billed for answers that were not used, by cause."""
    wasted = {policy: run.evidence_of(policy)["waste_usd"] for policy in run.policies}
    if not any(any(row.values()) for row in wasted.values()):
        return "Nothing was wasted: every billed answer was used."
    causes = [cause for cause in CAUSES if any(row[cause] for row in wasted.values())]
    labels = [label(policy) for policy in run.policies]
    data = [
        bar(
            cause,
            labels,
            [row[cause] for row in wasted.values()],
            marker=fill(kind_look(index).color, kind_look(index).pattern),
            hovertemplate="$%{x:,.2f} %{fullData.name}<extra></extra>",
        )
        for index, cause in enumerate(causes)
    ]
    rows = [
        [clean(policy, 40), *(usd(row[cause]) for cause in CAUSES), _wasted_share(run, policy)]
        for policy, row in wasted.items()
    ]
    caption = (
        "USD billed for answers that nobody got, mean over replications: "
        + "; ".join(f"{cause}: {text}" for cause, text in CAUSES.items())
        + "."
    )
    layout = bars(130 + 34 * len(run.policies), "USD", "$") | {"barmode": "stack"}
    table = Table(["policy", *CAUSES, "of all cost"], rows)
    return Picture("What was paid for nothing?", caption, data, layout, table)


def _wasted_share(run: RunDocuments, policy: str) -> str:
    cost = run.mean(policy, "cost_usd")
    return percent(run.mean(policy, "wasted_usd") / cost) if cost else "n/a"
