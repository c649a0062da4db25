"""The page of a forecast, from its summary.json: what it is good for, what was predicted and what
came, in all and by window."""

from __future__ import annotations

from html import escape

from simroute.report.figures import forecast as figures
from simroute.report.html import (
    answer_header,
    document,
    led_paragraphs,
    preformatted,
    render_marked_table,
    render_picture,
    small,
)
from simroute.report.picture import Cell, Json, MarkedTable, Picture, grade_cell
from simroute.text import clean
from simroute.units import span


def draw_pictures(summary: Json) -> dict[str, Picture]:
    """The pictures by name."""
    return {"overall": figures.overall(summary), "windows": figures.windows(summary)}


def render_page(summary: Json) -> str:
    """The HTML."""
    trace = clean(summary["trace"], 80)
    basis = (
        f"{summary['replications']} runs of the fitted scenario, seed {summary['seed']}; brackets "
        f"hold {100 * summary['level']:.0f} % of them."
    )
    header = answer_header(
        f"{trace}, forecast",
        "How far does a scenario fitted to the past tell what comes?",
        led_paragraphs(clean(line, 400) for line in summary["lines"]),
        basis,
        render_marked_table(_verdict(summary)),
    )
    pictures = draw_pictures(summary)
    exhibits = {name: render_picture(name, picture) for name, picture in pictures.items()}
    notes = "".join(f"<li>{escape(clean(note, 400))}</li>" for note in summary["notes"])
    sections = {
        "In all": exhibits["overall"],
        "Window by window": exhibits["windows"],
        "Notes": f"<ul>{notes}</ul>",
        "The same bits again": _rerun(summary),
    }
    charts = {name: picture.figure for name, picture in pictures.items()}
    return document(f"{trace}, forecast", header, sections, charts)


def _verdict(summary: Json) -> MarkedTable:
    """A row for each figure: what was predicted, what came, and whether it held."""
    rows = []
    for name, row in summary["overall"].items():
        came, coverage = row["actual"], summary["coverage"].get(name)
        cells = [
            Cell(row["name"]),
            grade_cell(row["grade"]),
            Cell(span(row["median"], row["low"], row["high"], row["unit"])),
            Cell("not in the log" if came is None else span(came, None, None, row["unit"])),
            Cell({True: "yes", False: "no", None: ""}[row["held"]]),
            Cell("" if coverage is None else f"{coverage['held']} of {coverage['windows']}"),
        ]
        rows.append(cells)
    heads = ["figure", "forecast", "predicted", "came", "held in all", "windows that held"]
    return MarkedTable(heads, rows)


def _rerun(summary: Json) -> str:
    """How to get the same bits again."""
    versions = (
        f"simroute {summary['simroute']}, fingerprint of the machine's arithmetic, on which the "
        f"last bits depend, {summary['fingerprint']}"
    )
    command = "simroute forecast --config config.yaml"
    return (
        f"{preformatted([command])}{small(f'With the log as it was and {clean(versions, 200)}.')}"
    )
