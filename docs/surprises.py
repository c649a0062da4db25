"""Draws the pictures of docs/gateways.md, from the policies that stand in that page:
`python docs/surprises.py [NAME …]` writes docs/assets/gateways-NAME.svg; a minute or two for all.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from html import escape
from pathlib import Path

from minutes import BLUE, GREY, ORANGE, RED, VIOLET, WIDE, framed, success

from simroute.config.loading import load, load_layers
from simroute.execution.options import ExecutionOptions
from simroute.models.spec import Outage
from simroute.studies.comparison.run import compare
from simroute.studies.comparison.study import Study
from simroute.testing import Step, play
from simroute.units import span

DOCS = Path(__file__).parent
FILE = re.compile(r'^```yaml title="policies/(\w+)\.yaml"\n(.*?)^```$', re.M | re.S)
LEFT, TOP, RIGHT = 170, 44, 40
OUTAGE_S = 1020
"""Of `anthropic_outage`, in seconds."""


def main(names: Sequence[str]) -> None:
    """Each picture of these names, or all."""
    for name in names or PICTURES:
        path(name).write_text(PICTURES[name](), encoding="utf-8")


def path(name: str) -> Path:
    """Where a picture is kept."""
    return DOCS / "assets" / f"gateways-{name}.svg"


# -- what they show --------------------------------------------------------------------------------


def pause() -> str:
    """When LiteLLM asks whom, while the first deployment is silent."""
    drawing = Drawing("One request to LiteLLM while its first deployment is silent", 2, 40.0)
    for row, retries in enumerate((2, 0)):
        asked = asked_by_litellm(retries)
        drawing.label(row, f"num_retries {retries}{' (default)' if retries else ''}")
        for (start, target), following in zip(asked, [*asked[1:], None], strict=True):
            if following is None:
                drawing.bar(row, (start, start + 1.0), BLUE, f"{target} at {start:.1f} s", "behind")
                continue
            drawing.bar(row, (start, start + 10.0), RED, target)
            if following[0] > start + 10.05:
                drawing.bar(row, (start + 10.0, following[0]), GREY)
    return drawing.text([0, 10, 20, 30, 40], "{} s", "red: waits for a; grey: pauses; blue: b")


def count() -> str:
    """Whose requests still reach a dead target behind Portkey's breaker, by how often they come."""
    drawing = Drawing("Requests of an outage that still ask the dead target", 12, 1.0)
    for row, gap in enumerate(range(1, 13)):
        drawing.label(row, f"a request every {gap} s")
        share = share_that_asks(gap, 30.0)
        drawing.bar(row, (0.0, share), RED, f"{share:.0%}", "behind")
        drawing.mark(row, share_that_asks(gap, 300.0), VIOLET)
    note = "red: cooldown_interval 30 s; violet mark: 300 s"
    return drawing.text([0, 0.25, 0.5, 0.75, 1], "{:.0%}", note)


def shut() -> str:
    """Minute by minute, with one deployment behind the first and with two."""
    colours = {"tuned": RED, "two_behind": ORANGE}
    study = studied("anthropic_outage", list(colours), [])
    return success("Requests that succeed, allowed_fails 1", study, outage_of(study), colours)


def overload() -> str:
    """Minute by minute, with 500 alone in the list of statuses and with those of an overload."""
    colours = {"example": RED, "kong": ORANGE, "listed": BLUE}
    study = studied("anthropic_outage", list(colours), ["scenario.workload.rate=2"])
    title = "Requests that succeed while a company answers 529"
    return success(title, study, outage_of(study), colours)


def tries() -> str:
    """In time, by how often the first company is asked before another one."""
    names = ["portkey", "one_try", "two_tries", "langchain", "bifrost", "litellm", "tensorzero"]
    names.append("cloudflare")
    study = studied("anthropic_outage", names, ["scenario.workload.rate=2"])
    drawing = Drawing("Requests in time, in an hour with 17 minutes of outage", len(names), 1, 0.8)
    for row, name in enumerate(names):
        mean, low, high = study.intervals[name]["slo_attainment"].plain().values()
        sends = study.intervals[name]["attempts_per_request"].mean
        assert mean is not None
        assert low is not None
        assert high is not None
        drawing.label(row, name)
        told = f"{span(mean, low, high, 'share')}, {sends:.2f} sends"
        drawing.bar(row, (0.8, mean), BLUE, told, "begin")
        drawing.whisker(row, low, high)
    return drawing.text(
        [0.8, 0.85, 0.9, 0.95, 1],
        "{:.0%}",
        "from 80 % on, with 95 % intervals; sends: attempts by request",
    )


PICTURES: Mapping[str, Callable[[], str]] = {
    "pause": pause,
    "count": count,
    "shut": shut,
    "overload": overload,
    "tries": tries,
}
PLAYED = ("pause", "count")
"""Those that take no time to draw."""


def asked_by_litellm(retries: int) -> list[tuple[float, str]]:
    """When it asks whom: a never answers, b does after a second."""
    given = replace(load_layers("litellm")["litellm"], timeout=10.0, num_retries=retries)
    scripts = {"a": [Step(3600.0)], "b": [Step(1.0)]}
    log = play({"litellm": given}, scripts, streamed=True)
    return sorted((start, target) for start, target, *_ in log.attempts)


def share_that_asks(gap: int, window: float) -> float:
    """Of an outage's requests, one every `gap` seconds, those that ask the dead target."""
    preset = load_layers("portkey_hosted")
    layers = {
        "fallback": preset["fallback"],
        "breaker": replace(preset["breaker"], window=window),
    }
    arrivals = [float(at) for at in range(0, OUTAGE_S, gap)]
    log = play(layers, {"a": [Step(0.1, 503)], "b": [Step(0.1)]}, arrivals)
    return sum(target == "a" for _, target, *_ in log.attempts) / len(arrivals)


def studied(scenario: str, names: Sequence[str], overrides: list[str]) -> Study:
    """Five replications of policies of the page, or of presets."""
    page = (DOCS / "gateways.md").read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        for name, content in FILE.findall(page):
            (Path(folder) / f"{name}.yaml").write_text(content, encoding="utf-8")
        own = {path.stem: str(path) for path in Path(folder).glob("*.yaml")}
        given = [own.get(name, name) for name in names]
        made = load("compare", scenario, given, overrides, 1, 5)
        return compare(made, options=ExecutionOptions(workers=2))


def outage_of(study: Study) -> Outage:
    """The only one of its scenario."""
    (outage,) = study.configuration.scenario.outages.values()
    return outage


# -- how they are drawn ----------------------------------------------------------------------------


class Drawing:
    """Bars in rows, from `low` to `most` along the line below."""

    def __init__(self, title: str, rows: int, most: float, low: float = 0.0) -> None:
        self.step, self.low, self.most = 26, low, most
        self.high = TOP + rows * self.step
        self.parts = [f'<text x="12" y="22" font-size="14">{escape(title)}</text>']

    def x(self, value: float) -> float:
        return LEFT + (value - self.low) / (self.most - self.low) * (WIDE - LEFT - RIGHT)

    def y(self, row: int) -> float:
        return TOP + row * self.step

    def label(self, row: int, text: str) -> None:
        """At the left of a row."""
        self._say(LEFT - 8, row, text, 'text-anchor="end"')

    def bar(
        self, row: int, ends: tuple[float, float], colour: str, text: str = "", where: str = "in"
    ) -> None:
        """From one end to the other; its text in its middle, at its `begin` or `behind` it, where
        there is room."""
        x, end = self.x(ends[0]), self.x(ends[1])
        self.parts.append(
            f'<rect x="{x:.1f}" y="{self.y(row)}" width="{max(1.0, end - x):.1f}" height="18" '
            f'fill="{colour}"/>'
        )
        if where == "behind" and end + 60 < WIDE:
            self._say(end + 4, row, text, "")
        elif where == "begin":
            self._say(x + 6, row, text, 'fill="white"')
        elif text:
            self._say((x + end) / 2, row, text, 'text-anchor="middle" fill="white"')

    def mark(self, row: int, at: float, colour: str) -> None:
        """A line across a row."""
        x, y = self.x(at), self.y(row)
        self.parts.append(
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{y - 2}" y2="{y + 20}" stroke="{colour}" '
            f'stroke-width="4"/>'
        )

    def whisker(self, row: int, low: float, high: float) -> None:
        """An interval, over the end of a bar."""
        y = self.y(row) + 9
        self.parts.append(
            f'<line x1="{self.x(low):.1f}" x2="{self.x(high):.1f}" y1="{y}" y2="{y}" '
            f'stroke="black" stroke-width="2"/>'
        )

    def text(self, ticks: Sequence[float], form: str, note: str) -> str:
        """The picture, with these figures along the line below."""
        for tick in ticks:
            self.parts.append(
                f'<text x="{self.x(tick):.1f}" y="{self.high + 16}" text-anchor="middle">'
                f"{form.format(tick)}</text>"
            )
        self.parts.append(f'<text x="12" y="{self.high + 36}" fill="#666">{escape(note)}</text>')
        return framed(self.parts, self.high + 46)

    def _say(self, x: float, row: int, text: str, more: str) -> None:
        y = self.y(row) + 13
        self.parts.append(f'<text x="{x:.1f}" y="{y}" {more}>{escape(text)}</text>')


if __name__ == "__main__":
    main(sys.argv[1:])
