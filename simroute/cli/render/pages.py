"""Pages of `describe`: a layer, a section of a scenario file, a policy, a format, a metric."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from simroute.cli.terminal import WIDTH, console, duration, escaped, lines, on_terminal
from simroute.text import first_sentence

if TYPE_CHECKING:
    from rich.console import RenderableType

    from simroute.config.reference import (
        LayerReference,
        Parameter,
        PresetReference,
        SectionReference,
    )

Page = Iterable["RenderableType"]
"""Parts of a page, from the top."""
GAP = 2
"""Spaces between columns."""
PLAIN = {
    "s": "duration",
    "when": "moment, 40m or 30%",
    "error": "status, or a kind of failure",
    "bool": "true or false",
    "zone": "time zone",
    "clock": "time of day",
    "start": "hour of the week, or a date",
}
"""Kind of a value -> its name for users, where that is another."""


def show(page: Page) -> None:
    """Prints a page. Off a terminal no row is broken, so that rows can be searched."""
    from rich.text import Text

    out = console()
    for part in page:
        out.print(part, soft_wrap=isinstance(part, Text) or not on_terminal())


def head(name: str, what: str) -> Page:
    """The first line: a name, and what it is."""
    from rich.text import Text

    yield Text.assemble((escaped(name), "bold"), f" ({what})")


def title(text: str) -> Page:
    """The title of a part."""
    from rich.text import Text

    yield ""
    yield Text(text, "bold")


PARTS = re.compile(r"\s+(?=(?:Source|Assumed|Left out): )")
"""Where a preset's `about` goes on to what it rests on."""


def paragraphs(text: str) -> Page:
    """The paragraphs of a docstring."""
    for part in inspect.cleandoc(text).split("\n\n"):
        yield ""
        yield _paragraph(part)


def _paragraph(text: str) -> str:
    line = escaped(" ".join(text.split()))
    if on_terminal():
        return line
    return "\n".join(textwrap.wrap(line, WIDTH, break_long_words=False, break_on_hyphens=False))


def fragment(text: str) -> Page:
    """Lines of a file, with their comments dimmed."""
    from rich.text import Text

    for line in lines(text):
        is_comment = line.lstrip().startswith("#")
        code, mark, comment = ("", line, "") if is_comment else line.partition(" #")
        yield Text.assemble("  ", code, (mark + comment, "dim"))


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Page:
    """A table: on a terminal wrapped to its width, elsewhere a row a line; nothing is cut."""
    yield ""
    cells = [tuple(map(escaped, row)) for row in rows]
    if on_terminal():
        yield _wrapped_table(tuple(heads), cells)
        return
    rows = [tuple(heads), *cells] if any(heads) else cells
    widths = [max(len(row[i]) for row in rows) for i in range(len(heads) - 1)]
    for row in rows:
        padded = (f"{cell:{width}}" for cell, width in zip(row, widths, strict=False))
        yield "  ".join([*padded, row[-1]]).rstrip()


def _wrapped_table(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> RenderableType:
    from rich.table import Table

    wrapped = Table(
        *heads,
        box=None,
        pad_edge=False,
        padding=(0, GAP, 0, 0),
        header_style="underline",
        show_header=any(heads),
    )
    widths = _widths([heads, *rows], console().width)
    for column, width in zip(wrapped.columns, widths, strict=True):
        column.width, column.overflow = width, "fold"
    for key, *others in rows:
        wrapped.add_row(_broken_at_dots(key, widths[0]), *others)
    return wrapped


def _broken_at_dots(key: str, width: int) -> str:
    """A key that is too long, each of its parts on a line of its own."""
    return key if len(key) <= width else key.replace(".", ".\n")


def _words(cell: str, column: int) -> list[str]:
    """What of a cell stays together; keys, in the first column, may be broken at their dots."""
    return cell.split() if column else cell.replace(".", ". ").split()


def _widths(rows: list[tuple[str, ...]], available: int) -> list[int]:
    """Widths of columns: those that they need; else the widest are narrowed until all fit, and
    words broken only where nothing else helps."""
    from rich.cells import cell_len

    widths = [max(cell_len(row[i]) for row in rows) for i in range(len(rows[0]))]
    least = [
        max((cell_len(word) for row in rows for word in _words(row[i], i)), default=1)
        for i in range(len(rows[0]))
    ]
    room = available - GAP * (len(widths) - 1)
    while sum(widths) > max(room, len(widths)):
        wide = [i for i, width in enumerate(widths) if width > least[i]]
        wide = wide or [i for i, width in enumerate(widths) if width > 1]
        widths[max(wide, key=lambda i: widths[i])] -= 1
    return widths


def parameters(rows: Iterable[Parameter], below: str = "") -> Page:
    """A row for each key, with its values, default and meaning. `below`: a prefix of all keys that
    is left out."""
    return table(
        ("key", "value", "default", "what it does"),
        [(row.key.removeprefix(below), *_value(row), row.doc) for row in rows],
    )


def _value(row: Parameter) -> tuple[str, str]:
    """The values of a key, and its default, as a file has them."""
    kind = ", ".join(filter(None, (PLAIN.get(row.kind, row.kind), row.range)))
    timed = row.kind == "s" and row.default.replace(".", "", 1).isdigit()
    return kind, duration(float(row.default)) if timed else row.default


def layer(reference: LayerReference) -> Page:
    """What a layer does, its parameters, and an example."""
    yield from head(reference.kind, "layer")
    yield from paragraphs(reference.doc)
    yield from parameters(reference.parameters)
    yield from _presets(reference.kind)
    yield from _example(reference)
    if reference.replicas:
        yield from title("What replicas tell each other (gateway.sync_every)")
        yield _paragraph(reference.replicas)


def _presets(kind: str) -> Page:
    from simroute.config.reference import preset_references

    found = preset_references(kind)
    if found:
        yield from title("Presets")
        rows = [(each.name, each.preset.version, _settings(each)) for each in found]
        yield from table(("preset", "version", "parameters"), rows)


def _settings(reference: PresetReference) -> str:
    return ", ".join(f"{key}: {value}" for key, value in reference.settings)


def preset(reference: PresetReference) -> Page:
    """What a layer does under a name, where that stands, and what is left out."""
    yield from head(f"{reference.kind}.{reference.name}", f"preset of the layer {reference.kind}")
    yield ""
    yield _paragraph(f"{reference.kind}: {{preset: {reference.name}}} means:")
    yield from table(("key", "value"), reference.settings)
    known = reference.preset
    yield ""
    yield _paragraph(f"Version {known.version}. Source: {known.source}.")
    if known.example:
        yield _paragraph(f"Taken for an example, since they are its user's: {known.example}.")
    if known.differs:
        yield from title("What it does besides, and this layer does not")
        yield from table(("", ""), [("-", line) for line in known.differs])


def keys(name: str, owners: Iterable[tuple[str, list[Parameter]]]) -> Page:
    """A key, and those below it; of a layer, of a scenario, or one of each."""
    for number, (owner, rows) in enumerate(owners):
        if number:
            yield ""
        yield from head(name, owner)
        yield from parameters(rows)


def section(reference: SectionReference) -> Page:
    """What a section of a scenario file is for, its keys, and an example."""
    yield from head(reference.key, "section of a scenario file")
    below = [row for row in reference.parameters if row.key != reference.key]
    if below:
        yield from paragraphs(reference.doc)
    yield from parameters(below or reference.parameters, f"{reference.key}.")
    yield from _example(reference)


def _example(reference: LayerReference | SectionReference) -> Page:
    if reference.example:
        yield from title("Example")
        yield from fragment(reference.example)
    if reference.interplay:
        yield from title("What they do to each other")
        yield _paragraph(reference.interplay)


def scenario_file(doc: str, sections: Iterable[SectionReference]) -> Page:
    """Every key of a scenario file."""
    yield from head("scenario", "a file in scenarios/")
    yield from paragraphs(doc)
    for reference in sections:
        yield ""
        yield from section(reference)


def policy(name: str, about: str, formula: str, layers: dict[str, Any], text: str) -> Page:
    """A policy's stance, the way of a call through its layers, and the file's text."""
    from simroute.config.reference import docstring_parts

    yield from head(name, "policy")
    yield from paragraphs(PARTS.sub("\n\n", about))
    yield ""
    if not layers:
        yield escaped(f"A call goes straight to the first deployment: {formula}")
    else:
        yield escaped(f"A call passes {', then '.join([*layers, 'send'])}: {formula}")
        rows = [
            (key, first_sentence(docstring_parts(type(each)).doc)) for key, each in layers.items()
        ]
        yield from table(("layer", "what it does"), rows)
    yield from title("The file")
    yield from fragment(text)


def trace_format(name: str, doc: str, columns: Iterable[str]) -> Page:
    """What a format is, and the columns that it fills."""
    yield from head(name, "format of a trace")
    yield from paragraphs(doc)
    yield ""
    yield escaped(f"columns: {', '.join(columns)}")


def metric(name: str, definition: str, unit: str, more_is_better: bool | None) -> Page:
    """What a metric means, its unit, and which direction is better."""
    yield from head(name, "figure of summary.json")
    yield from paragraphs(definition)
    yield ""
    better = {True: " More is better.", False: " Less is better.", None: ""}[more_is_better]
    yield f"Unit: {unit or 'none, a number'}.{better}"
