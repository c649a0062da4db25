"""The skeleton of every page: its policy, its tables, its figures."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from collections.abc import Iterable
from functools import cache
from html import escape
from importlib.resources import files
from typing import Any

from simroute.report.picture import Exhibit, Listing, Picture, Table
from simroute.text import clean


def _html(title: str, body: str, charts: dict[str, Any]) -> str:
    style, script, plotly = _asset("style.css"), _asset("page.js"), _plotly()
    policy = (
        f"default-src 'none'; script-src '{_digest(script)}' '{plotly.digest}'; style-src "
        f"'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n<meta '
        'name="color-scheme" content="light dark">\n'
        f"<title>{escape(title)}</title>\n<style>{style}</style>\n</head>\n<body>\n"
        f'<a class="skip" href="#answer">Skip to the answer</a>\n<main>{body}</main>\n'
        f'<script type="text/plain" '
        f'id="figures">{_packed(json.dumps(charts, allow_nan=False).encode())}</script>\n'
        f'<script type="text/plain" '
        f'id="plotly">{plotly.packed}</script>\n<script>{script}</script>\n</body>\n</html>\n'
    )


def _shown(name: str, found: Exhibit) -> str:
    if isinstance(found, str):
        return f'<p class="left-out">{escape(found)}</p>'
    if isinstance(found, Listing):
        head = f"<h3>{escape(found.title)}</h3><figcaption>{escape(found.caption)}</figcaption>"
        return f'<figure id="{name}">{head}{_table(found.table)}</figure>'
    return _figure(name, found)


def _figure(name: str, picture: Picture) -> str:
    height = int(picture.figure["layout"]["height"])
    return (
        f'<figure id="{name}"><h3>{escape(picture.title)}</h3>'
        f"<figcaption>{escape(picture.caption)}</figcaption>"
        f'<div class="chart" data-figure="{name}" role="img" aria-label="{escape(picture.title)} '
        f'The table below has the figures." '
        f'style="min-height:{height}px"><p class="without">The picture needs JavaScript; the '
        f"table below carries its figures.</p></div>"
        f"<details><summary>The figures as a "
        f"table</summary>{_table(picture.table)}</details></figure>"
    )


def _table(table: Table) -> str:
    heads = "".join(f"<th scope=col>{escape(clean(head, 60))}</th>" for head in table.heads)
    body = "".join(
        f"<tr><th scope=row>{escape(row[0])}</th>{_cells(row[1:])}</tr>" for row in table.rows
    )
    return (
        f'<div class="wide" '
        f'tabindex="0"><table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>'
    )


def _cells(cells: Iterable[str]) -> str:
    return "".join(f"<td>{escape(cell)}</td>" for cell in cells)


def _anchor(name: str) -> str:
    return "".join(char for char in name.lower().replace(" ", "-") if char.isalnum() or char == "-")


def _asset(name: str) -> str:
    return files("simroute.report").joinpath("assets", name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _packed(raw: bytes) -> str:
    return base64.b64encode(gzip.compress(raw, 9, mtime=0)).decode()


class _Script:
    """plotly's own bundle, packed, and the hash by which the page's policy knows it."""

    def __init__(self, text: str) -> None:
        self.digest, self.packed = _digest(text), _packed(text.encode())


@cache
def _plotly() -> _Script:
    bundle = files("plotly").joinpath("package_data", "plotly.min.js")
    return _Script(bundle.read_text(encoding="utf-8").replace("\r\n", "\n"))
