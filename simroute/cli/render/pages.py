"""What `describe` prints of a layer, a section of a scenario, a policy, a format or a figure."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from simroute.cli.terminal import WIDTH, console, duration, escaped, lines, on_terminal
from simroute.text import first_sentence

if TYPE_CHECKING:
    from rich.console import RenderableType

    from simroute.config.reference import LayerReference, SectionReference
    from simroute.config.schema import Parameter

Page = Iterable["RenderableType"]


def show(page: Page) -> None:
    """Print it. Without a terminal no row is broken, so that rows can be searched."""
    from rich.text import Text

    out = console()
    for part in page:
        out.print(part, soft_wrap=isinstance(part, Text) or not on_terminal())


def head(name: str, what: str) -> Page:
    """The first line."""
    from rich.text import Text

    yield Text.assemble((escaped(name), "bold"), f" ({what})")


def title(text: str) -> Page:
    from rich.text import Text

    yield ""
    yield Text(text, "bold")


def paragraphs(text: str) -> Page:
    """Each paragraph of a docstring."""
    for part in inspect.cleandoc(text).split("\n\n"):
        yield ""
        yield _wrapped(part)


def _wrapped(text: str) -> str:
    shown = escaped(" ".join(text.split()))
    return (
        shown
        if on_terminal()
        else "\n".join(textwrap.wrap(shown, WIDTH, break_long_words=False, break_on_hyphens=False))
    )


def fragment(text: str) -> Page:
    """Lines of a file, as they are."""
    from rich.text import Text

    for line in lines(text):
        code, hash_, comment = (
            line.partition(" #") if not line.lstrip().startswith("#") else ("", line, "")
        )
        yield Text.assemble("  ", code, (hash_ + comment, "dim"))


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Page:
    """On a terminal wrapped to its width, elsewhere a row a line; nothing is cut."""
    yield ""
    cells = [tuple(map(escaped, row)) for row in rows]
    if on_terminal():
        from rich.table import Table

        made = Table(
            *heads,
            box=None,
            pad_edge=False,
            padding=(0, GAP, 0, 0),
            header_style="underline",
            show_header=any(heads),
        )
        for column, width in zip(
            made.columns, _widths([tuple(heads), *cells], console().width), strict=True
        ):
            column.width, column.overflow = width, "fold"
        for row in cells:
            made.add_row(*row)
        yield made
        return
    every = [tuple(heads), *cells] if any(heads) else cells
    widths = [max(len(row[i]) for row in every) for i in range(len(heads) - 1)]
    for row in every:
        yield "  ".join(
            [*(f"{cell:{width}}" for cell, width in zip(row, widths, strict=False)), row[-1]]
        ).rstrip()


def _widths(rows: list[tuple[str, ...]], available: int) -> list[int]:
    """Of columns: what they need, the widest narrowed until all fit, and words broken only if
    nothing else helps."""
    from rich.cells import cell_len

    widths = [max(cell_len(row[i]) for row in rows) for i in range(len(rows[0]))]
    least = [
        max((cell_len(word) for row in rows for word in row[i].split()), default=1)
        for i in range(len(rows[0]))
    ]
    room = available - GAP * (len(widths) - 1)
    while sum(widths) > max(room, len(widths)):
        loose = [i for i, width in enumerate(widths) if width > least[i]] or [
            i for i, width in enumerate(widths) if width > 1
        ]
        widths[max(loose, key=lambda i: widths[i])] -= 1
    return widths


def parameters(rows: Iterable[Parameter], below: str = "") -> Page:
    """Keys with what may stand there; `below`: a prefix that all of them share and that need not be
    said."""
    return table(
        ("key", "value", "default", "what it does"),
        [(row.key.removeprefix(below), *_value(row), row.doc) for row in rows],
    )


def _value(row: Parameter) -> tuple[str, str]:
    """What may stand there, and the default, as one writes them."""
    kind = ", ".join(filter(None, (PLAIN.get(row.kind, row.kind), row.range)))
    timed = row.kind == "s" and row.default.replace(".", "", 1).isdigit()
    return kind, duration(float(row.default)) if timed else row.default


GAP = 2
"""Spaces between columns."""
PLAIN = {
    "s": "duration",
    "when": "moment, 40m or 30%",
    "bool": "true or false",
    "zone": "time zone",
    "clock": "time of day",
    "start": "hour of the week, or a date",
}
"""Kinds of values in a stranger's words, where they need any."""


def layer(found: LayerReference) -> Page:
    yield from head(found.kind, "layer")
    yield from paragraphs(found.doc)
    yield from parameters(found.parameters)
    yield from _worked(found)


def section(found: SectionReference) -> Page:
    yield from head(found.key, "section of a scenario file")
    below = [row for row in found.parameters if row.key != found.key]
    if below:
        yield from paragraphs(found.doc)
    yield from parameters(below or found.parameters, f"{found.key}.")
    yield from _worked(found)


def _worked(found: LayerReference | SectionReference) -> Page:
    if found.example:
        yield from title("Example")
        yield from fragment(found.example)
    if found.interplay:
        yield from title("What they do to each other")
        yield _wrapped(found.interplay)


def scenario_file(doc: str, sections: Iterable[SectionReference]) -> Page:
    """Every key of a scenario file."""
    yield from head("scenario", "a file in scenarios/")
    yield from paragraphs(doc)
    for found in sections:
        yield ""
        yield from section(found)


def policy(name: str, about: str, formula: str, layers: dict[str, Any], text: str) -> Page:
    """Its stance, the way of a call in words, and the file."""
    from simroute.config.reference import docstring_parts

    yield from head(name, "policy")
    yield from paragraphs(about)
    way = ", then ".join([*layers, "send"])
    yield ""
    yield escaped(
        f"A call passes {way}: {formula}"
        if layers
        else f"A call goes straight to the first deployment: {formula}"
    )
    if layers:
        yield from table(
            ("layer", "what it does"),
            [
                (key, first_sentence(docstring_parts(type(made)).doc))
                for key, made in layers.items()
            ],
        )
    yield from title("The file")
    yield from fragment(text)


def trace_format(name: str, doc: str, columns: Iterable[str]) -> Page:
    yield from head(name, "format of a trace")
    yield from paragraphs(doc)
    yield ""
    yield escaped(f"columns: {', '.join(columns)}")


def metric(name: str, definition: str, unit: str, more_is_better: bool | None) -> Page:
    """What a figure means, its unit, and which way is better."""
    yield from head(name, "figure of summary.json")
    yield from paragraphs(definition)
    yield ""
    better = {True: " More is better.", False: " Less is better.", None: ""}[more_is_better]
    yield f"Unit: {unit or 'none, a number'}.{better}"
