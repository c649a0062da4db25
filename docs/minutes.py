"""Pictures of shares, minute by minute, as SVG: what `picture.py` and `surprises.py` share."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from simroute.models.spec import Outage
from simroute.studies.comparison.study import Study

# Petroff (2021): colours that everybody can tell apart
BLUE, ORANGE, RED, VIOLET, GREY = "#5790fc", "#f89c20", "#e42536", "#964a8b", "#9c9ca1"
DASHES = ("", "6 3", "2 3", "8 3 2 3")
WIDE, HIGH, LEFT, TOP, ROOM = 760, 300, 54, 50, 132


def success(title: str, study: Study, outage: Outage, colours: dict[str, str]) -> str:
    """The share of each minute's requests that succeed, summed over replications, of the policies
    that have a colour."""
    minutes = min(int(study.configuration.scenario.horizon // 60), 120)
    floor = HIGH - 40

    def x(minute: float) -> float:
        return LEFT + minute / minutes * (WIDE - LEFT - ROOM)

    def y(share: float) -> float:
        return TOP + (1 - share) * (floor - TOP)

    start, end = (float(moment) / 60 for moment in (outage.start, outage.end))
    parts = [
        f'<text x="{LEFT}" y="20" font-size="14">{escape(title)}</text>',
        f'<rect x="{x(start):.1f}" y="{TOP}" width="{x(end) - x(start):.1f}" '
        f'height="{floor - TOP}" fill="#eee"/>',
        f'<text x="{x(start) + 4:.1f}" y="{TOP - 6}" fill="#666">outage</text>',
    ]
    parts += [
        f'<text x="{LEFT - 6}" y="{y(share) + 4:.1f}" text-anchor="end">{share:.0%}</text>'
        for share in (0, 0.25, 0.5, 0.75, 1)
    ]
    parts += [
        f'<text x="{x(minute):.1f}" y="{floor + 18}" text-anchor="middle">{minute} min</text>'
        for minute in range(0, minutes + 1, 20)
    ]
    for place, (name, colour) in enumerate(colours.items()):
        points = [(x(minute + 0.5), y(share)) for minute, share in shares(study, name, minutes)]
        parts += drawn(name, points, (colour, DASHES[place]), TOP + 10 + 18 * place)
    return framed(parts, HIGH)


def shares(study: Study, name: str, minutes: int) -> list[tuple[int, float]]:
    """Of a policy's requests, those that succeed in each minute in which some arrive."""
    runs = [run.minutes for run in study.runs[name]]
    sums = [tuple(sum(counts[i][m] for counts in runs) for i in (0, 1)) for m in range(minutes)]
    return [(minute, good / all_) for minute, (all_, good) in enumerate(sums) if all_]


def drawn(
    name: str, points: Sequence[tuple[float, float]], look: tuple[str, str], row: int
) -> list[str]:
    """A line, and its name with its look at the right."""
    colour, dash = look
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    stroke = f'stroke="{colour}" stroke-dasharray="{dash}"'
    right = WIDE - ROOM
    return [
        f'<polyline points="{line}" fill="none" stroke-width="1.8" {stroke}/>',
        f'<line x1="{right + 6}" x2="{right + 28}" y1="{row}" y2="{row}" {stroke}/>',
        f'<text x="{right + 32}" y="{row + 4}" fill="{colour}">{name}</text>',
    ]


def framed(parts: Sequence[str], high: float) -> str:
    """An SVG of these parts on white."""
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDE} {high:.0f}" '
        f'font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDE}" height="{high:.0f}" fill="white"/>',
    )
    return "\n".join([*head, *parts, "</svg>"]) + "\n"
