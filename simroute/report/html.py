"""Parts of a page: its skeleton and security policy, sections, headers, tables and figures.

Texts are cut and cleaned by the caller, and escaped here.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from html import escape
from importlib.resources import files
from typing import NamedTuple

from simroute.report.colors import BAD, GREY, LATE, OK
from simroute.report.picture import Cell, Exhibit, Json, Listing, MarkedTable, Picture, Table
from simroute.text import clean


class Section(NamedTuple):
    """A part of a page that folds: its HTML, its finding in a line, and whether it is open at
    first."""

    inner: str
    gist: str = ""
    is_open: bool = True


def document(
    title: str,
    header: str,
    sections: Mapping[str, str | Section],
    charts: Mapping[str, Json],
    examples: Sequence[str] = (),
) -> str:
    """A page: links to its sections, the header with the answer, and the sections by title; each
    folds. `examples`: HTML that a click on a chart shows, by number."""
    links = "".join(
        f'<a href="#{anchor(name)}">{escape(name)}</a>' for name in ("Answer", *sections)
    )
    body = "".join(
        _section(name, each if isinstance(each, Section) else Section(each))
        for name, each in sections.items()
    )
    unfold = '<button type="button" id="unfold" hidden>unfold all</button>'
    navigation = f'<nav aria-label="Sections">{links}{unfold}</nav>'
    return skeleton(title, f"{navigation}{header}{body}", charts, examples)


def _section(name: str, section: Section) -> str:
    gist = f"<span class='gist'>{escape(section.gist)}</span>" if section.gist else ""
    return (
        f'<section id="{anchor(name)}"><details{" open" if section.is_open else ""}>'
        f"<summary><h2>{escape(name)}</h2>{gist}</summary>{section.inner}</details></section>"
    )


def skeleton(
    title: str, body: str, charts: Mapping[str, Json], examples: Sequence[str] = ()
) -> str:
    """The whole HTML file. `charts`: plotly's figures by the names that the body refers to."""
    style, script, plotly = _asset("style.css"), _asset("page.js"), _plotly()
    colors = f":root {{ --ok: {OK}; --failed: {BAD}; --late: {LATE}; --grey: {GREY}; }}\n"
    policy = (
        f"default-src 'none'; script-src '{_digest(script)}' '{plotly.digest}'; style-src "
        f"'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )
    figures = _pack(json.dumps(charts, allow_nan=False).encode())
    more = _pack(json.dumps(examples).encode()) if examples else ""
    shown = f'<script type="text/plain" id="examples">{more}</script>\n' if more else ""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{escape(title)}</title>\n<style>{colors}{style}</style>\n</head>\n<body>\n"
        f'<a class="skip" href="#answer">Skip to the answer</a>\n<main>{body}</main>\n'
        f'<script type="text/plain" id="figures">{figures}</script>\n'
        f"{shown}"
        f'<script type="text/plain" id="plotly">{plotly.packed}</script>\n'
        f"<script>{script}</script>\n</body>\n</html>\n"
    )


def answer_header(title: str, question: str, answer: str, basis: str, tables: str = "") -> str:
    """The head of a page. `answer` and `tables`: HTML; `basis`: how many runs of how long."""
    return (
        f'<header id="answer"><h1>{escape(title)}</h1><p class="question">{escape(question)}</p>'
        f'<div class="said">{answer}</div><p class="small">{escape(basis)}</p>{tables}</header>'
    )


def paragraphs(texts: Iterable[str]) -> str:
    """A paragraph for each text."""
    return "".join(f"<p>{escape(text)}</p>" for text in texts)


def led_paragraphs(texts: Iterable[str]) -> str:
    """The first text as a headline, a paragraph for each of the others."""
    first, *rest = [*texts] or [""]
    return f'<p class="headline">{escape(first)}</p>{paragraphs(rest)}'


def small(text: str) -> str:
    """A remark in small print."""
    return f"<p class='small'>{escape(text)}</p>"


def preformatted(lines: Iterable[str], most: int = 2000) -> str:
    """Lines of a file, each of at most `most` characters."""
    text = "\n".join(clean(line, most) for line in lines)
    return f"<pre>{escape(text)}</pre>"


def folded(title: str, inner: str) -> str:
    """HTML that is shown after a click on its title."""
    return f"<details><summary>{escape(title)}</summary>{inner}</details>"


def file_digests(digests: Mapping[str, str]) -> str:
    """A list of file names with their SHA-256; empty without files."""
    items = "".join(
        f"<li><code>{escape(clean(name, 80))}</code> SHA-256 {escape(clean(digest, 80))}</li>"
        for name, digest in digests.items()
    )
    return f"<ul>{items}</ul>" if items else ""


def render_exhibit(name: str, exhibit: Exhibit) -> str:
    """A figure with its heading; a sentence where there is none."""
    if isinstance(exhibit, str):
        return f'<p class="left-out">{escape(exhibit)}</p>'
    if isinstance(exhibit, Listing):
        return _figure(name, exhibit, render_table(exhibit.table))
    return render_picture(name, exhibit)


def render_picture(name: str, picture: Picture) -> str:
    """A chart with its heading and table."""
    table = folded("The figures as a table", render_table(picture.table))
    return _figure(name, picture, chart(name, picture) + table)


def render_panels(name: str, pictures: Mapping[str, Picture]) -> str:
    """Charts of one kind side by side under the heading of the first, with one table of all."""
    first = next(iter(pictures.values()))
    rows = [row for picture in pictures.values() for row in picture.table.rows]
    charts = "".join(chart(key, picture) for key, picture in pictures.items())
    table = folded("The figures as a table", render_table(Table(first.table.heads, rows)))
    return _figure(name, first, f'<div class="panels">{charts}</div>{table}')


def chart(name: str, picture: Picture) -> str:
    """The place of a chart, which the page's script fills."""
    return (
        f'<div class="chart" data-figure="{name}" role="img" aria-label="{escape(picture.title)} '
        f'The table below has the figures." style="min-height:{int(picture.layout["height"])}px">'
        f'<p class="without">The picture needs JavaScript; the table below carries its '
        f"figures.</p></div>"
    )


def _figure(name: str, exhibit: Picture | Listing, inner: str) -> str:
    return (
        f'<figure id="{name}"><h3>{escape(exhibit.title)}</h3>'
        f"<figcaption>{escape(exhibit.caption)}</figcaption>{inner}</figure>"
    )


def render_table(table: Table) -> str:
    """A table that scrolls sideways; the first cell of a row is its head."""
    heads = "".join(f"<th scope=col>{escape(clean(head, 60))}</th>" for head in table.heads)
    body = "".join(
        f"<tr><th scope=row>{escape(row[0])}</th>"
        f"{''.join(f'<td>{escape(cell)}</td>' for cell in row[1:])}</tr>"
        for row in table.rows
    )
    return _scrolling("<table>", heads, body)


def render_as_table(picture: Picture) -> str:
    """A picture's title and table without its chart, for a notebook."""
    return f"<div><p>{escape(picture.title)}</p>{render_table(picture.table)}</div>"


def render_marked_table(table: MarkedTable) -> str:
    """A table of figures in which marks are shown, and intervals stand below their means."""
    heads = "".join(f"<th scope=col>{escape(head)}</th>" for head in table.heads)
    body = "".join(
        f"<tr><th scope=row>{escape(row[0].text)}</th>{''.join(map(_marked_cell, row[1:]))}</tr>"
        for row in table.rows
    )
    return _scrolling('<table class="verdict">', heads, body)


def _marked_cell(cell: Cell) -> str:
    tail = {
        "tied": " <span class='tied' title='cannot be told from the best'>≈</span>",
        "best": " <b class='best'>best</b>",
    }.get(cell.mark, "")
    mean, bracket, bounds = cell.text.partition(" (")
    interval = (
        f"<br><small>({escape(bounds)}</small>"
        if bracket and " to " in bounds
        else escape(bracket + bounds)
    )
    return f'<td class="{cell.mark}">{escape(mean)}{tail}{interval}</td>'


def _scrolling(opening: str, heads: str, body: str) -> str:
    return (
        f'<div class="wide" tabindex="0">{opening}<thead><tr>{heads}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def anchor(name: str) -> str:
    """A section's title as its `id`."""
    return "".join(char for char in name.lower().replace(" ", "-") if char.isalnum() or char == "-")


def _asset(name: str) -> str:
    return files("simroute.report").joinpath("assets", name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _pack(raw: bytes, level: int = 9) -> str:
    return base64.b64encode(gzip.compress(raw, level, mtime=0)).decode()


class _Script:
    """A script, packed, with the digest by which the page's security policy allows it. At level 5
    packing plotly takes half of the time, and the page is 1 % larger."""

    def __init__(self, text: str) -> None:
        self.digest, self.packed = _digest(text), _pack(text.encode(), 5)


@cache
def _plotly() -> _Script:
    bundle = files("plotly").joinpath("package_data", "plotly.min.js")
    return _Script(bundle.read_text(encoding="utf-8").replace("\r\n", "\n"))
