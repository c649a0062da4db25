"""What /status tells, and the page over it: breakers, targets, money, the last events."""

from __future__ import annotations

import html
from collections import deque
from collections.abc import Mapping
from importlib import resources
from typing import Any

from simroute.live.answered import RequestRow
from simroute.worlds.live import Row

RECENT_S, SLICE_S, MOST_EVENTS, MOST_BREAKERS = 300.0, 10.0, 20, 200
Counts = dict[tuple[str, int], tuple[int, int]]
"""(target, status) -> attempts, nano-USD."""


class Recent:
    """What happened lately. Times are seconds of the world's clock."""

    def __init__(self) -> None:
        self.requests = 0
        self._slices: deque[tuple[float, Counts]] = deque()
        self._events: deque[tuple[float, str, str, str | None, str]] = deque(maxlen=MOST_EVENTS)
        self._breakers: dict[str, tuple[str, float]] = {}

    def add_attempt(self, row: Row) -> None:
        begun = row.end_s // SLICE_S * SLICE_S
        if not self._slices or self._slices[-1][0] != begun:
            self._slices.append((begun, {}))
            while self._slices[0][0] < begun - RECENT_S:
                self._slices.popleft()
        counts = self._slices[-1][1]
        attempts, nano = counts.get((row.target, row.status), (0, 0))
        counts[row.target, row.status] = attempts + 1, nano + row.nano

    def add_request(self, row: RequestRow) -> None:
        self.requests += 1

    def add_event(self, at: float, replica: int, event: str, *detail: Any) -> None:
        _, layer, target, words = detail
        text = ", ".join(f"{name}={_short(value)}" for name, value in words.items())
        self._events.append((at, event, layer, target, text))
        if "breaker" in words:
            name = str(words["breaker"])
            self._breakers.pop(name, None)
            self._breakers[name] = event, at
            if len(self._breakers) > MOST_BREAKERS:
                del self._breakers[next(iter(self._breakers))]

    def told(self, now: float, targets: Mapping[str, Any]) -> dict[str, Any]:
        """For JSON: seconds are ages."""
        sums: dict[str, dict[int, tuple[int, int]]] = {name: {} for name in targets}
        for begun, counts in self._slices:
            if begun >= now - RECENT_S - SLICE_S:
                for (name, status), (attempts, nano) in counts.items():
                    by_status = sums.setdefault(name, {})
                    before = by_status.get(status, (0, 0))
                    by_status[status] = before[0] + attempts, before[1] + nano
        return {
            "breakers": {
                name: {"state": state, "for_s": round(now - at, 1)}
                for name, (state, at) in self._breakers.items()
            },
            "targets": {name: _target(by_status) for name, by_status in sums.items()},
            "events": [
                {
                    "ago_s": round(now - at, 1),
                    "event": event,
                    "layer": layer,
                    "target": target,
                    "detail": text,
                }
                for at, event, layer, target, text in reversed(self._events)
            ],
            "requests": self.requests,
        }


def _short(value: Any) -> str:
    """For people: of a number three digits say enough."""
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _target(by_status: Mapping[int, tuple[int, int]]) -> dict[str, Any]:
    return {
        "attempts": sum(attempts for attempts, _ in by_status.values()),
        "ok": by_status.get(200, (0, 0))[0],
        "usd": sum(nano for _, nano in by_status.values()) / 1e9,
        "statuses": {str(status): by_status[status][0] for status in sorted(by_status)},
    }


def page(told: Mapping[str, Any]) -> str:
    """The page: tables that need no script, which asks for /status every two seconds where it
    may."""
    template = resources.files("simroute.live").joinpath("status.html").read_text("utf-8")
    return template.replace("<!--TABLES-->", tables(told))


def tables(told: Mapping[str, Any]) -> str:
    """What it is that serves, and the parts of the page as tables."""
    parts = [
        f"<h1>{html.escape(told['policy'])}</h1>",
        f"<p>policy {told['policy_hash']}, simroute {told['version']}; "
        f"{told['requests']} requests, {told['in_flight']} under way</p>",
        *(f"<p>not reloaded: {html.escape(line)}</p>" for line in told["not_reloaded"]),
        _table(
            "Targets, the last five minutes",
            ("target", "attempts", "answered", "USD", "by status"),
            [
                (
                    name,
                    each["attempts"],
                    each["ok"],
                    f"{each['usd']:.4f}",
                    ", ".join(f"{status}: {n}" for status, n in each["statuses"].items()),
                )
                for name, each in told["targets"].items()
            ],
        ),
        _table(
            "Breakers",
            ("breaker", "state", "for, s"),
            [(name, each["state"], each["for_s"]) for name, each in told["breakers"].items()],
        ),
        _table(
            "Budgets" + (": the state fails" if told.get("state_fails") else ""),
            ("layer", "spent, USD", "of, USD"),
            [
                (name, f"{each['spent_usd']:.4f}", f"{each['usd']:.2f}")
                for name, each in told.get("budgets", {}).items()
            ],
        ),
        _table(
            "Last events",
            ("s ago", "event", "layer", "target", "detail"),
            [
                (each["ago_s"], each["event"], each["layer"], each["target"] or "", each["detail"])
                for each in told["events"]
            ],
        ),
    ]
    return "\n".join(parts)


def _table(title: str, head: tuple[str, ...], rows: list[tuple[Any, ...]]) -> str:
    if not rows:
        return f"<h2>{title}</h2><p>none</p>"
    cells = "".join(f"<th>{name}</th>" for name in head)
    lines = "".join(
        "<tr>" + "".join(f"<td>{html.escape(str(cell))}</td>" for cell in row) + "</tr>"
        for row in rows
    )
    return f"<h2>{title}</h2><div><table><tr>{cells}</tr>{lines}</table></div>"
