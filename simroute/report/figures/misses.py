"""When requests missed the promise: failed and late ones by time of arrival, on a scale that shows
one in ten thousand as well as one in two."""

from __future__ import annotations

from simroute.report.colors import GREY
from simroute.report.examples import example_keys
from simroute.report.figures.over_time import (
    middles,
    replications_note,
    slice_table,
    time_panels,
)
from simroute.report.picture import (
    Json,
    Picture,
    RunDocuments,
    axis,
    label,
    layout_axis,
    log_shares,
    note,
)
from simroute.units import percent

HEIGHTS = ((4, 110), (8, 84), (10**6, 64))
"""Up to so many policies -> height of a panel in pixels."""
PALE = 0.45
"""Opacity of late requests, behind those that failed."""


def success(run: RunDocuments) -> Picture | str:
    """Shares of requests that failed, or came late, in each slice of time."""
    misses = {policy: _misses(run, policy, _kept(run)) for policy in run.policies}
    known = [share for each in misses.values() for share in each if share is not None]
    if not known:
        return "No request arrived, so there is no success to show."
    allowed = 1 - run.promised["bound"]
    height = next(height for most, height in HEIGHTS if len(run.policies) <= most)
    layout, data = time_panels(run, height), []
    layout |= {"barmode": "overlay", "bargap": 0, "hovermode": "x"}
    y_axis = _share_axis(known, allowed)
    for index, policy in enumerate(run.policies):
        layout[layout_axis("y", index)] |= y_axis
        layout["shapes"].append(_allowed_line(allowed, index))
        layout["annotations"][index]["text"] += _total(run, policy)
        data += _bars(run, policy, index, misses[policy])
        data += _click_targets(run, policy, index, 10 ** y_axis["range"][1])
    layout["annotations"].append(_promise_note(allowed, y_axis))
    timed = _kept(run) != "ok"
    caption = (
        f"Share of the requests that arrived in each slice of time and failed"
        f"{', or came too late (pale)' if timed else ''}; no bar: none did. Each line of the scale "
        f"is ten times the one below it. The promise allows {percent(allowed)} over the whole run "
        f"(dotted). {replications_note(run)}"
    )
    if any(run.evidence_of(policy).get("examples") for policy in run.policies):
        caption += " Click on a slice to see one of its requests."
    kept = [[None if miss is None else 1 - miss for miss in each] for each in misses.values()]
    heads = [f"{policy}, in time" if timed else policy for policy in run.policies]
    table = slice_table(run, heads, kept, percent)
    return Picture("When did requests miss the promise?", caption, data, layout, table)


def _kept(run: RunDocuments) -> str:
    """What counts the requests that kept the promise; evidence of earlier versions has none in
    time."""
    timed = run.promised["metric"] != "success_rate"
    return "in_time" if timed and "in_time" in run.evidence_of(run.policies[0]) else "ok"


def _misses(run: RunDocuments, policy: str, kept: str) -> list[float | None]:
    """The share of misses in each slice of time, None where no request arrived."""
    evidence = run.evidence_of(policy)
    return [
        (arrived - good) / arrived if arrived else None
        for good, arrived in zip(evidence[kept], evidence["arrivals"], strict=True)
    ]


def _bars(run: RunDocuments, policy: str, index: int, misses: list[float | None]) -> list[Json]:
    """What missed the promise, and above it what failed."""
    failed = _misses(run, policy, "ok")
    series = {"failed": (failed, 1.0)}
    if _kept(run) != "ok":
        series = {"failed or late": (misses, PALE)} | series
    x = middles(run)
    return [
        {
            "type": "bar",
            "name": label(policy),
            "x": x,
            "y": [None if share is None else 100 * share for share in shares],
            "yaxis": axis("y", index),
            "width": 2 * x[0],
            "marker": {"color": run.look(policy).color, "opacity": opacity, "line": {"width": 0}},
            "showlegend": False,
            "hovertemplate": f"%{{y:.3g}} % {what}<extra>%{{fullData.name}}</extra>",
        }
        for what, (shares, opacity) in series.items()
    ]


def _click_targets(run: RunDocuments, policy: str, index: int, top: float) -> list[Json]:
    """Unseen bars as high as the panel in slices that have an example, by whose number a click
    finds it."""
    keys, x = example_keys(run, policy), middles(run)
    if not any(key is not None for key in keys):
        return []
    return [
        {
            "type": "bar",
            "name": label(policy),
            "x": x,
            "y": [None if key is None else top for key in keys],
            "customdata": keys,
            "yaxis": axis("y", index),
            "width": 2 * x[0],
            "opacity": 0,
            "hoverinfo": "none",
            "showlegend": False,
            "marker": {"color": run.look(policy).color},
        }
    ]


def _share_axis(known: list[float], allowed: float) -> Json:
    """The axis of all panels, from below the smallest share to above the largest."""
    shown = [share for share in (*known, allowed) if share > 0]
    most = max(shown, default=0.01)
    least = max(min(shown, default=0.001), most / 1e5)
    return log_shares(min(least, most / 10) / 2, min(most * 1.5, 1.0), _tick)


def _tick(share: float) -> str:
    return f"{100 * share:g} %"


def _allowed_line(allowed: float, index: int) -> Json:
    """The share of misses that the promise allows, across a panel."""
    ends = {"x0": 0, "x1": 1, "xref": "x domain", "y0": 100 * allowed, "y1": 100 * allowed}
    line = {"dash": "dot", "width": 2, "color": GREY}
    return {"type": "line", "name": "promise", "yref": axis("y", index), **ends, "line": line}


def _promise_note(allowed: float, y_axis: Json) -> Json:
    """The word at the line of the first panel; annotations of a logarithmic axis are in powers."""
    low, high = y_axis["range"]
    place = (log_shares(allowed, allowed, percent)["range"][0] - low) / (high - low)
    below = "top" if place > 0.7 else "bottom"
    style = {"font": {"size": 11}, "xanchor": "right", "yanchor": below}
    return note("promise", 1, place, xref="x domain", yref="y domain", **style)


def _total(run: RunDocuments, policy: str) -> str:
    """The share of misses of the whole run."""
    mean = run.metric(policy, run.promised["metric"])["mean"]
    return "" if mean is None else f": {percent(1 - mean)} missed it"
