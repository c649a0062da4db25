"""One request as lanes on an axis of time: the request itself, its sends by target, the decisions
of layers, where nothing was under way, and what was billed."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import NamedTuple

from simroute.report import timeline
from simroute.report.html import folded, render_table, small
from simroute.report.picture import Json, Table
from simroute.units import duration, seconds, usd

MOST_STEPS, MOST_LANES = 200, 40
"""Steps in the table of a request, and lanes."""
CHARACTER = 0.72
"""Per cent of a lane's width that a letter takes where the page is wide; labels are left out where
it is narrow."""
KEY = {
    "ok": "answered",
    "bad": "failed",
    "late": "given up",
    "wait": "nothing under way",
    "event": "a layer decided",
}


class Mark(NamedTuple):
    """A box from `start` to `end` (s), or a tick where these are equal."""

    start: float
    end: float
    kind: str
    words: str


def render_key() -> str:
    """What boxes and ticks mean."""
    parts = "".join(f"<span><i class='{kind}'></i>{text}</span>" for kind, text in KEY.items())
    return f'<p class="key">{parts}</p>'


def render_request(request: Json, heading: str, promised: float | None) -> str:
    """A request with its outcome in words, its lanes, and its steps as a table. `promised`: seconds
    within which it should have been answered."""
    steps = timeline.steps(request)
    words = f"<h3>{escape(heading)}</h3><p>{escape(timeline.summary(request))}</p>"
    rows = [[f"{step['at']:.2f} s", step["who"], step["what"], step["cost"]] for step in steps]
    table = "<p>Nothing was sent, and no layer told of a decision.</p>"
    if rows:
        heads = ["after", "who", "what happened", "billed"]
        table = render_table(Table(heads, rows[:MOST_STEPS]))
    more = len(rows) - MOST_STEPS
    table += small(f"… and {more} more.") if more > 0 else ""
    strip = _strip(lanes(request, steps), promised) if steps else ""
    return f"<article>{words}{strip}{folded('Step by step', table)}</article>"


def lanes(request: Json, steps: list[Json]) -> list[tuple[str, list[Mark]]]:
    """(name, marks in order of time) of each lane."""
    latency = request["latency_s"] or 0.0
    kind = "ok" if request["outcome"] == "ok" else "bad"
    outcome = f"{timeline.OUTCOMES[request['outcome']]} after {seconds(latency)}"
    by_name: dict[str, list[Mark]] = {}
    sends = [step for step in steps if step["end"] is not None]
    for step in steps:
        at = max(0.0, step["at"])
        end = at if step["end"] is None else max(at, step["end"])
        name = _free_lane(by_name, step["who"], at)
        by_name.setdefault(name, []).append(Mark(at, end, step["kind"], step["what"]))
    result = [("request", [Mark(0.0, latency, kind, outcome)]), *by_name.items()][:MOST_LANES]
    if waits := _waits(sends, latency):
        result.append(("waiting", waits))
    if request["cost_nano"]:
        bills = [Mark(step["end"], step["end"], "event", step["cost"]) for step in sends]
        total = f"billed {usd(request['cost_nano'] / 1e9)}"
        result.append((total, sorted(mark for mark in bills if mark.words)))
    return result


def _free_lane(by_name: dict[str, list[Mark]], who: str, at: float) -> str:
    """The first lane of this name in which nothing is under way; sends may overlap."""
    name, number = who, 1
    while name in by_name and by_name[name][-1].end > at + 1e-9:
        number += 1
        name = f"{who} ({number})"
    return name


def _waits(sends: list[Json], latency: float) -> list[Mark]:
    """Spells of the request in which no send was under way."""
    waits, busy = [], 0.0
    for start, end in sorted((send["at"], send["end"]) for send in sends):
        if start > busy + 0.005 * latency:
            waits.append(Mark(busy, start, "wait", seconds(start - busy)))
        busy = max(busy, end)
    if latency > busy + 0.005 * latency:
        waits.append(Mark(busy, latency, "wait", seconds(latency - busy)))
    return waits


def _strip(named: list[tuple[str, list[Mark]]], promised: float | None) -> str:
    """All lanes from 0 to the end of the last."""
    end = max((mark.end for _, marks in named for mark in marks), default=0.0) or 1.0
    line = ""
    if promised is not None and promised <= end:
        line = f'<i class="promised" style="left:{100 * promised / end:.2f}%"></i>'
    body = "".join(
        f'<div class="lane"><span>{escape(name)}</span><div>{line}{_marks(marks, end)}</div></div>'
        for name, marks in named
    )
    ticks = "".join(f"<b>{escape(text)}</b>" for text in ("0 s", duration(end / 2), duration(end)))
    return (
        f'<div class="strip" role="img" aria-label="Sends over time; the list below has the '
        f'figures.">{body}<div class="lane scale"><span></span><div>{ticks}</div></div></div>'
    )


def _marks(marks: list[Mark], end: float) -> str:
    """Boxes and ticks, with their words where there is room."""
    parts = []
    free = 0.0  # where the last words end
    for index, mark in enumerate(marks):
        left, right = 100 * mark.start / end, 100 * mark.end / end
        after = 100 * marks[index + 1].start / end if index + 1 < len(marks) else 100.0
        words = escape(mark.words)
        width = f";width:{right - left:.2f}%" if mark.end > mark.start else ""
        parts.append(f'<i class="{mark.kind}" style="left:{left:.2f}%{width}" title="{words}"></i>')
        needed = CHARACTER * len(mark.words) + 1.5
        if after - right >= needed:
            parts.append(f'<em style="left:calc({right:.2f}% + 6px)">{words}</em>')
            free = right + needed
        elif right - left >= needed:
            parts.append(f'<em class="inside" style="left:calc({left:.2f}% + 6px)">{words}</em>')
            free = right
        elif left - free >= needed:
            parts.append(f'<em style="right:calc({100 - left:.2f}% + 6px)">{words}</em>')
            free = right
        else:
            free = max(free, right)
    return "".join(parts)


def render_requests(requests: Iterable[Json], promised: float | None) -> str:
    """Requests with the reasons why they are shown."""
    shown = (render_request(each, timeline.heading(each), promised) for each in requests)
    return "".join(shown)
