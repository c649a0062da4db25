"""Draws docs/demo.svg: the share of requests that succeed, minute by minute, in the packaged demo.
`python docs/picture.py`."""

from pathlib import Path

from simroute.config.loading import load
from simroute.studies.comparison.run import compare

POLICIES = ("direct", "retry_only", "failover", "circuit_breaker")
# Petroff (2021): six colours that everybody can tell apart
COLOURS = ("#5790fc", "#f89c20", "#e42536", "#964a8b")
DASHES = ("", "6 3", "2 3", "8 3 2 3")
WIDE, HIGH, LEFT, TOP, ROOM = 760, 300, 54, 50, 120


def main() -> None:
    """Twenty replications, summed minute by minute."""
    made = load("compare", "demo", list(POLICIES), [], 1, 20)
    study = compare(made)
    minutes = int(made.scenario.horizon // 60)
    outage = made.scenario.outages["morning"]
    assert isinstance(outage.start, float)
    assert isinstance(outage.end, float)

    def x(minute: float) -> float:
        return LEFT + minute / minutes * (WIDE - LEFT - ROOM)

    def y(share: float) -> float:
        return TOP + (1 - share) * (HIGH - TOP - 40)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDE} {HIGH}" '
        f'font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDE}" height="{HIGH}" fill="white"/>',
        f'<text x="{LEFT}" y="20" font-size="14">Requests that succeed, while the first provider '
        f"fails {outage.error_share:.0%} of its calls</text>",
        f'<rect x="{x(outage.start / 60)}" y="{TOP}" '
        f'width="{x(outage.end / 60) - x(outage.start / 60)}" height="{y(0) - TOP}" fill="#eee"/>',
        f'<text x="{x(outage.start / 60) + 4}" y="{TOP - 6}" fill="#666">outage</text>',
    ]
    parts += [
        f'<text x="{LEFT - 6}" y="{y(share) + 4}" text-anchor="end">{share:.0%}</text>'
        for share in (0, 0.25, 0.5, 0.75, 1)
    ]
    parts += [
        f'<text x="{x(minute)}" y="{y(0) + 18}" text-anchor="middle">{minute} min</text>'
        for minute in range(0, minutes + 1, 20)
    ]
    heights: list[float] = []
    for policy, colour, dash in zip(POLICIES, COLOURS, DASHES, strict=True):
        runs = study.runs[policy]
        shares = [
            sum(run.minutes[1][m] for run in runs) / max(1, sum(run.minutes[0][m] for run in runs))
            for m in range(minutes)
        ]
        line = " ".join(f"{x(m + 0.5):.1f},{y(share):.1f}" for m, share in enumerate(shares))
        parts.append(
            f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="1.8" '
            f'stroke-dasharray="{dash}"/>'
        )
        height = TOP + 10 + 18 * len(heights)
        heights.append(height)
        parts.append(
            f'<line x1="{WIDE - ROOM + 6}" x2="{WIDE - ROOM + 28}" y1="{height}" y2="{height}" '
            f'stroke="{colour}" stroke-dasharray="{dash}"/>'
        )
        parts.append(
            f'<text x="{WIDE - ROOM + 32}" y="{height + 4}" fill="{colour}">{policy}</text>'
        )
    Path(__file__).with_name("demo.svg").write_text(
        "\n".join([*parts, "</svg>"]) + "\n", encoding="utf-8"
    )


if __name__ == "__main__":
    main()
