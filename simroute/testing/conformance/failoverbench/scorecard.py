"""A scorecard of failoverbench: its cells, what they say, and how near a run must come."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from simroute.testing.conformance.failoverbench.faults import LENGTH, NUMBER, in_seconds, unread
from simroute.testing.conformance.verdict import Config, Malformed, short


def cells(content: Config) -> list[Config]:
    """The items of a scorecard: one for each fault and system."""
    return [
        {
            "id": f"{number}/{system}",
            "fault": number,
            "title": title,
            "system": system,
            "setup": content.get("setup") or "",
            "tolerance": content.get("tolerance") or "",
            "published": published,
        }
        for name, systems in content["scorecard"].items()
        for number, title in [_numbered(name)]
        for system, published in systems.items()
    ]


def _numbered(name: str) -> tuple[str, str]:
    """A fault's number and what it is called; by all of its name where that has no number."""
    number, _, title = name.strip().partition(" ")
    if re.fullmatch(r"[A-Za-z]+[-_]?\d+\w?:?", number):
        return number.rstrip(":"), title
    return "-".join(name.split()), name


def remarks(content: Config) -> Iterator[str]:
    """What a scorecard says that nobody reads, or that is not so."""
    if words := unread(content.get("setup") or ""):
        yield f"setup: not understood: {short(words)}"
    told = content.get("tolerance") or ""
    if told and (not isinstance(told, str) or not re.search(TOTAL, told)):
        yield f"tolerance: not understood, so totals are within .3 s or 5 %: {short(told)}"
    for key, totals in content.items():
        if not key.startswith("totals") or not isinstance(totals, dict):
            continue
        for system, numbers in totals.items():
            each = Counter(
                str(systems[system]).split(" ")[0]
                for systems in content["scorecard"].values()
                if system in systems
            )
            if each and [each[word] for word in VERDICTS] != numbers:
                yield f"{key}: those of {system} are not the sums of its cells"


VERDICTS = "pass", "partial", "safe", "fail"
TOTAL = rf"total[^\d]*within {LENGTH}(?: or {NUMBER} ?%)?|total[^\d]*within {NUMBER} ?%"
GAP = rf"gap[^;,\d]*within {LENGTH}"


class Tolerance(NamedTuple):
    """How far a total may be off, s and share, whichever is more; a gap; and the return from an
    outage (half a second of rounding, and of the total)."""

    total: float = 0.3
    share: float = 0.05
    gap: float = 0.1  # half of it rounding, half what it takes to connect
    back: float = 0.5 + 0.3


PUBLISHED = Tolerance()


def tolerance_of(text: object) -> Tolerance:
    """What a file says of it; as published where it says nothing."""
    found = PUBLISHED
    if not isinstance(text, str):
        return found
    if total := re.search(TOTAL, text):
        seconds, unit, percent, alone = total.groups()
        found = found._replace(
            total=in_seconds(seconds, unit) if seconds else 0.0,
            share=float(percent or alone or 0.0) / 100,
        )
    if gap := re.search(GAP, text):
        found = found._replace(gap=in_seconds(gap[1], gap[2]))
    return found


@dataclass(frozen=True)
class Result:
    """What a run, or a published cell, says; None where it does not. `back`: seconds from the
    outage's end to the first request that the primary answered. truncated: a part was passed off
    as the whole."""

    verdict: str
    primary: int | None = None
    fallback: int | None = None
    gap: float | None = None
    total: float | None = None
    served: tuple[int, int] | None = None
    back: float | None = None
    truncated: bool | None = None

    def __str__(self) -> str:
        if self.served is not None:
            answered, asked = self.served
            back = "never" if self.back is None else f"+{self.back:.0f}s"
            said = f"{self.verdict} {answered}/{asked} served, back {back}"
            return said if self.primary is None else f"{said}, {self.primary} primary attempts"
        gap = "" if self.gap is None else f" gap {self.gap:.1f}"
        total = "" if self.total is None else f" total {self.total:.1f}"
        return f"{self.verdict} {self.primary}p/{self.fallback}f{gap}{total}"


def parse(published: str) -> Result:
    """A cell of the scorecard. Raises Malformed for one that is none."""
    if not isinstance(published, str):
        raise Malformed(f"no cell: {short(published)}")
    text = _bare(published)
    if text.lower() in VERDICTS:
        return Result(text.lower())
    several = re.match(
        r"(\w+) (\d+)/(\d+) served(, back(?: on primary)? (?:\+([\d.]+) ?s|never))?"
        r"(?:, (\d+) primary attempts)?$",
        text,
    )
    if several and several[1].lower() in VERDICTS:
        verdict, answered, asked, back_said, back, attempts = several.groups()
        return Result(
            verdict.lower(),
            None if attempts is None else int(attempts),
            served=(int(answered), int(asked)),
            back=None if not back_said else math.inf if back is None else float(back),
        )
    single = re.match(r"(\w+) (\d+)p ?/ ?(\d+)f(.*)$", text)
    told = None if single is None else _figures(single[4])
    if not single or told is None or single[1].lower() not in VERDICTS:
        raise Malformed(f"no cell: {short(published)!r}")
    truncated = True if "truncated" in told else None
    gap, total = told.get("gap"), told.get("total")
    verdict, primary_, fallback, _ = single.groups()
    return Result(verdict.lower(), int(primary_), int(fallback), gap, total, truncated=truncated)


EMPTY = ("", "-", "–", "—", "n/a", "na", "?")
"""Cells that say nothing."""


def is_empty(published: object) -> bool:
    """Whether a cell says nothing."""
    return published is None or (isinstance(published, str) and _bare(published).lower() in EMPTY)


def _bare(cell: str) -> str:
    """A cell without notes at its end (`(…)`, `[1]`, `*`)."""
    text = " ".join(cell.split())
    while (shorter := re.sub(r" ?(?:\([^()]*\)|\[\d+\]|[*†‡])$", "", text)) != text:
        text = shorter
    return text


def _figures(text: str) -> dict[str, float] | None:
    """Gap and total (s), which may stand alone, and TRUNCATED; None where something else stands
    there, or one of them twice."""
    found: dict[str, float] = {}
    while text.strip():
        part = re.match(
            rf",? ?(?:(gap|total) )?{NUMBER} ?(ms|s)?(?=[ ,]|$)|,? ?(TRUNCATED)\b", text
        )
        if not part:
            return None
        key = "truncated" if part[4] else part[1] or "total"
        if key in found:
            return None
        found[key] = 1.0 if part[4] else in_seconds(part[2], part[3] or "s")
        text = text[part.end() :]
    return found


def differences(wanted: Result, came: Result, tolerance: Tolerance = PUBLISHED) -> list[str]:
    """Names of figures that are not as published."""
    off = []
    for figure in ("verdict", "primary", "fallback", "served", "truncated"):
        published = getattr(wanted, figure)
        if published is not None and published != getattr(came, figure):
            off.append(figure)
    close = {
        "gap": tolerance.gap,
        "total": max(tolerance.total, tolerance.share * (wanted.total or 0.0)),
        "back": tolerance.back,
    }
    for figure, most in close.items():
        published, ours = getattr(wanted, figure), getattr(came, figure)
        if published is None or (published == math.inf and ours is None):  # as never
            continue
        if ours is None or abs(ours - published) > most + 1e-9:
            off.append(figure)
    return off
