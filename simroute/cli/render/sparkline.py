"""Success over time on one line for each policy, with the outages marked below."""

from __future__ import annotations

from typing import Any

from simroute.cli.terminal import clean
from simroute.text import duration

BLOCKS = "▁▂▃▄▅▆▇█"
MOST = 60
NAME = 18


def sparklines(evidence: dict[str, Any], horizon: float) -> list[str]:
    """Lines to print: one for each policy, one for each of the first three outages, one for the
    time. Empty when no request arrived.

    A full block is a slice in which as many succeed as are promised, however late; lower ones are
    success by seventh parts of that.
    """
    shares = {policy: _shares(found) for policy, found in evidence["policies"].items()}
    if not any(share is not None for row in shares.values() for share in row):
        return []
    promise = evidence["slo"]["success"]
    wide = len(next(iter(shares.values())))
    which = ", first replication" if evidence.get("random_weather") else ""
    lines = [
        f"Success over time, {duration(horizon)}{which} (█ at least {100 * promise:g} % succeed, "
        f"however late; ▁ nothing succeeds):"
    ]
    lines += [
        f"{clean(policy, NAME):{NAME}} {''.join(_block(share, promise) for share in row)}"
        for policy, row in shares.items()
    ]
    outages = [one for one in evidence["weather"] if one["kind"] == "outage"]
    lines += [f"{'':{NAME}} {_bracket(one, horizon, wide)}" for one in outages[:3]]
    return lines + (
        [f"{'':{NAME}} and {len(outages) - 3} more outages"] if len(outages) > 3 else []
    )


def _shares(found: dict[str, Any]) -> list[float | None]:
    size = -(-len(found["ok"]) // MOST)
    spans = range(0, len(found["ok"]), size)
    counts = [(sum(found["ok"][i : i + size]), sum(found["arrivals"][i : i + size])) for i in spans]
    return [ok / arrivals if arrivals else None for ok, arrivals in counts]


def _block(share: float | None, promise: float) -> str:
    if share is None:
        return " "
    return BLOCKS[7] if share >= promise else BLOCKS[min(6, int(7 * share / promise))]


def _bracket(one: dict[str, Any], horizon: float, wide: int) -> str:
    """A brace under the slices of an outage, with its name in it, or behind it where it is too
    narrow."""
    first = min(wide - 1, int(one["start_s"] / horizon * wide))
    last = max(first, min(wide - 1, int(one["end_s"] / horizon * wide - 1e-9)))
    room, name = last - first + 1, clean(one["name"], 24)
    if room >= len(name) + 4:
        return " " * first + f"╰{f' {name} ':─^{room - 2}}╯"
    mark = "╰" + "─" * (room - 2) + "╯" if room > 1 else "│"
    return (
        " " * first + f"{mark} {name}"
        if first + room + 1 + len(name) <= 80
        else " " * max(0, first - len(name) - 1) + f"{name} {mark}"
    )
