"""The answer at a glance: a row for each policy with its verdict, success, latency and cost, drawn
on axes that all rows share. HTML and CSS only, so it needs no script."""

from __future__ import annotations

import math
from collections.abc import Iterable
from html import escape
from typing import NamedTuple

from simroute.report.picture import Json, RunDocuments
from simroute.text import clean
from simroute.units import about_usd, percent, seconds, span

COST = "cost_per_1k_requests_usd"
BADGES = {True: ("yes", "✓ keeps it"), False: ("no", "✗ misses it"), None: ("open", "? undecided")}
"""Whether a policy keeps the promise -> mark and words."""
QUANTILES = {"latency_p50_s": "median", "latency_p95_s": "p95", "latency_p99_s": "p99"}
SECONDS = (0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000)
DECADES = (1.0, 0.1, 0.01, 0.001, 0.0001, 0.00001)
SMALLEST = 1e-6
"""The least share of misses that is told from none."""
KEY = (
    ("mean", "the mean, as wide as its 95 % interval"),
    ("median", "median"),
    ("p95", "p95"),
    ("p99", "p99"),
    ("promised", "promise"),
)


class Axis(NamedTuple):
    """A logarithmic axis from `low` to `high`, and what is written at its ticks."""

    low: float
    high: float
    ticks: dict[float, str]

    def place(self, value: float) -> float:
        """Per cent of the width from the left; what lies outside stands at the edge."""
        inside = min(max(value, min(self.low, self.high)), max(self.low, self.high))
        return 100 * math.log(inside / self.low) / math.log(self.high / self.low)


def render_glance(run: RunDocuments) -> str:
    """The table: policies that keep the promise by cost, then the undecided and those that miss it
    by success."""
    verdict = {entry["policy"]: entry for entry in run.summary["verdict"]}
    cheapest = run.evidence["cheapest"]
    metric = run.promised["metric"]

    def rank(policy: str) -> tuple[int, float]:
        meets = verdict[policy]["meets_slo"]
        return (True, None, False).index(meets), (
            run.mean(policy, COST) if meets else -run.mean(policy, metric)
        )

    ranked = sorted(run.policies, key=rank)
    misses, waits = _miss_axis(run), _second_axis(run)
    scales = ("", _scale(misses), _scale(waits), "")
    heads = "".join(
        f"<th scope=col>{text}{scale}</th>" for text, scale in zip(_heads(run), scales, strict=True)
    )
    crowns = {} if cheapest is None else _crowns(run, cheapest)
    rows = "".join(
        _row(run, verdict[policy], misses, waits, crowns.get(policy, "")) for policy in ranked
    )
    key = "".join(
        f"<span><i class='{kind}'></i>{text}</span>"
        for kind, text in KEY
        if f'<i class="{kind}"' in rows
    )
    return (
        f'<table class="glance"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>'
        f'<p class="key">{key}</p>'
    )


def _crowns(run: RunDocuments, cheapest: Json) -> dict[str, str]:
    """Policy -> what distinguishes it; nothing where all did the same."""
    equals = run.equals(cheapest["policy"])
    if len(equals) == len(run.policies):
        return {}
    crown = "cheapest that keeps it" + (", the same" if len(equals) > 1 else "")
    return dict.fromkeys(cheapest["tied"], "≈ as cheap") | dict.fromkeys(equals, crown)


def _heads(run: RunDocuments) -> tuple[str, ...]:
    word = "success" if run.promised["metric"] == "success_rate" else "success in time"
    return "policy", word, "seconds to the complete answer", "USD for 1,000 requests"


def _row(run: RunDocuments, entry: Json, misses: Axis, waits: Axis, crown: str) -> str:
    policy = entry["policy"]
    mark, words = BADGES[entry["meets_slo"]]
    why = entry["why"].partition(": ")[2]
    crown = f"<b class='best'>{crown}</b>" if crown else ""
    cells = (
        _success(run, policy, misses),
        _latency(run, policy, waits),
        _interval(span(**run.metric(policy, COST), unit="USD")) + _month(run, policy),
    )
    figures = "".join(
        f'<td data-head="{head}">{cell}</td>'
        for head, cell in zip(_heads(run)[1:], cells, strict=True)
    )
    return (
        f'<tr class="{"winner" if crown else ""}"><th scope=row><span class=who>'
        f'<i class="chip" style="background:{run.look(policy).color}"></i>'
        f"{escape(clean(policy, 40))}</span> <span class={mark}>{words}</span> {crown}"
        f"<small>{escape(clean(why, 500))}</small></th>{figures}</tr>"
    )


def _month(run: RunDocuments, policy: str) -> str:
    """What a month costs, below the cost of requests; nothing where an older run did not say."""
    cost = run.metric(policy, "cost_per_month_usd")["mean"]
    return "" if cost is None else f"<small>about {about_usd(cost)} a month</small>"


def _success(run: RunDocuments, policy: str, axis: Axis) -> str:
    """The promised success with its interval, on an axis of misses."""
    interval = run.metric(policy, run.promised["metric"])
    if interval["mean"] is None:
        return "n/a"
    marks = [_at("promised", axis.place(1 - run.promised["bound"]))]
    if interval["low"] is not None and interval["high"] is not None:
        marks.append(_bar(axis.place(1 - interval["low"]), axis.place(1 - interval["high"])))
    left = axis.place(1 - interval["mean"])
    marks.append(_at("dot", left, run.look(policy).color))
    style, mean = f"left:{min(max(left, 12), 88):.2f}%", percent(interval["mean"])
    below = f'<b class="below" style="{style}">{mean}</b>'
    return _glyph(marks, span(**interval, unit="share"), below)


def _latency(run: RunDocuments, policy: str, axis: Axis) -> str:
    """The interval of the mean latency, and the median, p95 and p99."""
    color = run.look(policy).color
    values = {
        name: value
        for key, name in QUANTILES.items()
        if (value := run.metric(policy, key)["mean"]) is not None
    }
    if not values:
        return "n/a"
    left, right = axis.place(min(values.values())), axis.place(max(values.values()))
    marks = [f'<i class="line" style="left:{left:.2f}%;width:{right - left:.2f}%"></i>']
    bound = run.evidence["slo"]["latency"]
    if bound is not None and axis.low <= bound <= axis.high:
        marks.append(_at("promised", axis.place(bound)))
    texts = [f"<b>{name} {seconds(value)}</b>" for name, value in values.items()]
    words = [f"{name} {seconds(value)}" for name, value in values.items()]
    first = run.metric(policy, "ttft_p95_s")["mean"]
    if run.evidence["slo"]["ttft"] is not None and first is not None:
        texts.append(f"first token p95 {seconds(first)}")
        words.append(f"first token p95 {seconds(first)}")
    mean = run.metric(policy, "latency_mean_s")
    if mean["mean"] is not None:
        low, high = (axis.place(mean[end] or mean["mean"]) for end in ("low", "high"))
        marks.append(_bar(low, high, color))
        words.insert(0, f"mean {span(**mean, unit='s')}")
        texts.insert(0, f"mean {seconds(mean['mean'])}")
    marks += [_at(name, axis.place(value), color) for name, value in values.items()]
    return _glyph(marks, ", ".join(words), " · ".join(texts))


def _glyph(marks: Iterable[str], words: str, shown: str) -> str:
    """Marks on an axis, with the figures below; `words` are read out instead of the marks."""
    return (
        f'<div class="glyph" role="img" aria-label="{escape(words)}" title="{escape(words)}">'
        f"{''.join(marks)}</div><small>{shown}</small>"
    )


def _at(kind: str, left: float, color: str = "") -> str:
    paint = f";color:{color}" if color else ""
    return f'<i class="{kind}" style="left:{left:.2f}%{paint}"></i>'


def _bar(low: float, high: float, color: str = "") -> str:
    """An interval, wide enough to be seen."""
    left, right = sorted((low, high))
    paint = f";background:{color}" if color else ""
    return f'<i class="mean" style="left:{left:.2f}%;width:{right - left:.2f}%{paint}"></i>'


def _scale(axis: Axis) -> str:
    ticks = "".join(
        f'<b style="left:{axis.place(value):.2f}%">{text}</b>' for value, text in axis.ticks.items()
    )
    return f'<span class="ticks">{ticks}</span>'


def _interval(text: str) -> str:
    """A figure, with its interval on a second line."""
    mean, bracket, bounds = text.partition(" (")
    return f"<b>{escape(mean)}</b>" + (f"<small>({escape(bounds)}</small>" if bracket else "")


def _miss_axis(run: RunDocuments) -> Axis:
    """Misses from the worst policy to the best, better to the right; none at all stands
    at the right edge."""
    intervals = [run.metric(policy, run.promised["metric"]) for policy in run.policies]
    shares = [1 - run.promised["bound"]]
    shares += [
        1 - value
        for interval in intervals
        for end in ("low", "mean")
        if (value := interval[end]) is not None
    ]
    most = min(1.0, 1.6 * max(*shares, 0.001))
    least = min((share for share in shares if share > SMALLEST), default=most) / 1.6
    least = min(least, most / 20)
    ticks = {share: f"{100 * (1 - share):.6g} %" for share in DECADES if least <= share <= most}
    if any(interval["mean"] is not None and interval["mean"] >= 1 for interval in intervals):
        least /= 4
        ticks[least] = "100 %"
    return Axis(most, least, ticks)


def _second_axis(run: RunDocuments) -> Axis:
    """Seconds from the smallest median to the largest p99, and to the promised latency unless that
    is far off."""
    values = [
        value
        for policy in run.policies
        for key in QUANTILES
        if (value := run.metric(policy, key)["mean"])
    ]
    if not values:
        return Axis(1.0, 10.0, {})
    low, high = 0.8 * min(values), 1.25 * max(values)
    bound = run.evidence["slo"]["latency"]
    if bound is not None and high / 1.25 < bound <= 4 * high:
        high = 1.1 * bound
    ticks = {float(tick): f"{tick:g} s" for tick in SECONDS if low <= tick <= high}
    return Axis(low, high, ticks)
