"""How slow: quantiles of latency and of time to first token, and the parts of the slow tail."""

from __future__ import annotations

from simroute.report.colors import kind_look
from simroute.report.picture import (
    Json,
    Picture,
    RunDocuments,
    Table,
    bar,
    bars,
    fill,
    label,
    log_seconds,
)
from simroute.text import clean
from simroute.units import seconds

TICKS = {
    1: "all",
    2: "50 %",
    4: "75 %",
    10: "90 %",
    20: "95 %",
    100: "99 %",
    1000: "99.9 %",
    10_000: "99.99 %",
    100_000: "99.999 %",
}
"""1 / (1 - share) -> label of the axis."""
PARTS = {
    "answering": "the call that answered",
    "retries": "failed calls to the target that then answered",
    "failovers": "calls to other targets before it, escalations included",
    "waiting": "pauses, queues, judges and caches",
}


def latency(run: RunDocuments) -> Picture | str:
    """Quantiles of latency."""
    caption = (
        "How long did the fastest 50 %, 90 %, 99 % … of successful requests take, from "
        "arrival to the complete answer? Lower is better."
    )
    return _quantiles(run, "latency", "How long do answers take?", caption)


def first_token(run: RunDocuments) -> Picture | str:
    """Quantiles of the time to first token."""
    caption = "The same for the first token of streamed answers: what a person watching sees first."
    return _quantiles(run, "ttft", "How long until the first token?", caption)


def _quantiles(run: RunDocuments, key: str, title: str, caption: str) -> Picture | str:
    curves = {policy: run.evidence_of(policy)[key] for policy in run.policies}
    if not any(curves.values()):
        return (
            f"{'Latency' if key == 'latency' else 'Time to first token'} is left out: fewer "
            f"than ten such requests succeeded."
        )
    data = [_curve(run, policy, curve) for policy, curve in curves.items()]
    longest = max(curves.values(), key=len)
    last = max(1 / (1 - share) for curve in curves.values() for share, _ in curve)
    ticks = {value: text for value, text in TICKS.items() if value <= last * 1.01}
    x = {
        "type": "log",
        "tickvals": list(ticks),
        "ticktext": list(ticks.values()),
        "title": {"text": "share of requests"},
    }
    layout = {"height": 360, "xaxis": x, "yaxis": log_seconds()}
    rows = [
        [
            f"{100 * share:.4g} %",
            *(seconds(curve[i][1] if i < len(curve) else None) for curve in curves.values()),
        ]
        for i, (share, _) in enumerate(longest)
    ]
    table = Table(["share", *run.policies], rows)
    return Picture(title, f"{caption} Log scales.", data, layout, table)


def _curve(run: RunDocuments, policy: str, curve: list[list[float]]) -> Json:
    """Quantiles of a policy by share, on an axis of 1 / (1 - share)."""
    style = run.style(policy)
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "x": [round(1 / (1 - share), 6) for share, _ in curve],
        "y": [value for _, value in curve],
        "line": style["line"],
        "marker": style["marker"] | {"size": 5},
        "name": label(policy),
        "hovertemplate": "%{text} took at most %{y:.2f} s<extra>%{fullData.name}</extra>",
        "text": [f"{100 * share:.4g} %" for share, _ in curve],
    }


def tail(run: RunDocuments) -> Picture | str:
    """Mean seconds of each part of the slowest twentieth of requests."""
    tails = {
        policy: tail
        for policy in run.policies
        if (tail := run.evidence_of(policy)["tail"]) is not None
    }
    if not tails:
        return "The tail is left out: too few requests succeeded."
    data = [
        bar(
            part,
            list(map(label, tails)),
            [tail["parts_s"][part] for tail in tails.values()],
            hovertemplate="%{x:.1f} s %{fullData.name}<extra></extra>",
            marker=fill(kind_look(index).color, kind_look(index).pattern),
        )
        for index, part in enumerate(PARTS)
    ]
    rows = [
        [
            clean(policy, 40),
            seconds(tail["from_s"]),
            f"{tail['requests']:,}",
            *(seconds(tail["parts_s"][part]) for part in PARTS),
        ]
        for policy, tail in tails.items()
    ]
    caption = (
        "Mean seconds of the slowest 5 % of successful requests: "
        + "; ".join(f"{part}: {text}" for part, text in PARTS.items())
        + "."
    )
    layout = bars(130 + 34 * len(tails), "seconds") | {"barmode": "stack"}
    table = Table(["policy", "slower than", "requests", *PARTS], rows)
    return Picture("What is the slow tail made of?", caption, data, layout, table)
