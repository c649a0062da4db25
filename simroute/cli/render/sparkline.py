"""Success over time on one line for each policy, with the outages marked below."""

from __future__ import annotations

from typing import Any

from simroute.cli.terminal import WIDTH, clean
from simroute.layout import LONG_NAME, padded
from simroute.text import cells, cut, shortened
from simroute.units import duration

BLOCKS = "▁▂▃▄▅▆▇█"
MOST_OUTAGES = 3
NAME = 18
"""Columns for the name of a policy."""


def sparklines(evidence: dict[str, Any], horizon: float, width: int = WIDTH) -> list[str]:
    """Lines to print, of at most `width` columns but for the first, the head, which is a sentence:
    one for each policy, one for each of the first three outages. Empty when no request arrived.

    A full block is a slice of time in which the promised share succeeds, at any latency; lower ones
    are success by sevenths of that share.
    """
    room = width - NAME - 1
    shares = {policy: _shares(counts, room) for policy, counts in evidence["policies"].items()}
    if not any(share is not None for row in shares.values() for share in row):
        return []
    promise = evidence["slo"]["success"]
    columns = len(next(iter(shares.values())))
    which = ", first replication" if evidence.get("random_weather") else ""
    lines = [
        f"Success over time, {duration(horizon)}{which} (█ at least {100 * promise:g} % succeed, "
        f"however late; ▁ nothing succeeds):"
    ]
    names = shortened((clean(policy, LONG_NAME) for policy in shares), NAME)
    lines += [
        f"{padded(names[clean(policy, LONG_NAME)], NAME)} "
        f"{''.join(_block(share, promise) for share in row)}"
        for policy, row in shares.items()
    ]
    outages = [spell for spell in evidence["weather"] if spell["kind"] == "outage"]
    lines += [
        f"{'':{NAME}} {cut(_bracket(spell, horizon, columns, room), room)}"
        for spell in outages[:MOST_OUTAGES]
    ]
    more = len(outages) - MOST_OUTAGES
    return lines + ([f"{'':{NAME}} and {more} more outages"] if more > 0 else [])


def _shares(counts: dict[str, Any], most: int) -> list[float | None]:
    """Shares of success in at most so many slices of equal length."""
    ok, arrivals = counts["ok"], counts["arrivals"]
    size = -(-len(ok) // max(1, most))
    sums = [(sum(ok[i : i + size]), sum(arrivals[i : i + size])) for i in range(0, len(ok), size)]
    return [part / whole if whole else None for part, whole in sums]


def _block(share: float | None, promise: float) -> str:
    if share is None:
        return " "
    return BLOCKS[7] if share >= promise else BLOCKS[min(6, int(7 * share / promise))]


def _bracket(outage: dict[str, Any], horizon: float, columns: int, most: int) -> str:
    """A brace below the slices of an outage, with its name in it, or beside it where it is too
    narrow. `most`: columns that there are."""
    first = min(columns - 1, int(outage["start_s"] / horizon * columns))
    last = max(first, min(columns - 1, int(outage["end_s"] / horizon * columns - 1e-9)))
    room, name = last - first + 1, clean(outage["name"], 24)
    spare = room - 4 - cells(name)
    if spare >= 0:
        return f"{' ' * first}╰{'─' * (spare // 2)} {name} {'─' * (spare - spare // 2)}╯"
    mark = "╰" + "─" * (room - 2) + "╯" if room > 1 else "│"
    if first + room + 1 + cells(name) <= most:
        return " " * first + f"{mark} {name}"
    return " " * max(0, first - cells(name) - 1) + f"{name} {mark}"
