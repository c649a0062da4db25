"""The page of a study of assumptions, from its sensitivity.json."""

from __future__ import annotations

from html import escape
from typing import Any

from simroute.report.figures import sensitivity as figures
from simroute.report.html import _figure, _html, _table
from simroute.report.picture import Picture, Table
from simroute.text import clean, duration

Found = dict[str, Any]


def draw_pictures(found: Found) -> dict[str, Picture]:
    """The pictures by name."""
    if found["kind"] == "tornado":
        return {"tornado": figures.tornado(found)}
    return (
        {"sensitivity": figures.one_way(found)}
        if len(found["axes"]) == 1
        else {"winners": figures.two_way(found)}
    )


def render_page(found: Found) -> str:
    """The HTML."""
    pictures = draw_pictures(found)
    given = (
        f"{duration(found['horizon_s'])} simulated, {found['replications']} replications a "
        f"setting, seed {found['seed']}"
    )
    given += (
        f". The promise: {clean(found['promised'], 200)}. Winner: the cheapest that keeps "
        f"it, else the one with most success."
    )
    said = "".join(f"<p>{escape(clean(line, 400))}</p>" for line in found["lines"])
    more = "<p><b>Interrupted: some settings are missing.</b></p>" if found["interrupted"] else ""
    answer = (
        f'<header id="answer"><h1>{escape(clean(found["scenario"], 60))}</h1><p '
        f'class="question">{escape(clean(found["question"], 600))}</p>'
        f'<div class="said">{said}{more}</div><p class="small">{escape(given)}</p></header>'
    )
    config = "\n".join(clean(line, 2000) for line in found["config"].split("\n"))
    body = "".join(_figure(name, picture) for name, picture in pictures.items())
    body = f'<section id="assumptions"><h2>If it is otherwise</h2>{body}</section>'
    body += (
        f"<section id='config'><h2>As assumed</h2><details><summary>The "
        f"configuration</summary><pre>{escape(config)}</pre></details></section>"
    )
    title = (
        f"{clean(found['scenario'], 60)}: "
        f"{', '.join(clean(policy, 30) for policy in found['policies'])}"
    )
    return _html(title, answer + body, {name: picture.figure for name, picture in pictures.items()})


def render_answer(found: Found) -> str:
    """Sentences and the table, for a notebook."""
    table: Table = next(iter(draw_pictures(found).values())).table
    lines = "".join(f"<p>{escape(clean(line, 400))}</p>" for line in found["lines"])
    return f"<div>{lines}{_table(table)}</div>"


def render_picture(picture: Picture) -> str:
    """A picture's figures alone, for a notebook."""
    return f"<div><p>{escape(picture.title)}</p>{_table(picture.table)}</div>"
