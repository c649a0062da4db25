"""The page of a study of assumptions, from its sensitivity.json."""

from __future__ import annotations

from simroute.report.figures import sensitivity as figures
from simroute.report.figures.assumed import study_question
from simroute.report.figures.tornado import tornado
from simroute.report.html import (
    answer_header,
    folded,
    led_paragraphs,
    preformatted,
    render_picture,
    render_table,
    skeleton,
)
from simroute.report.picture import Json, Picture
from simroute.text import clean
from simroute.units import duration


def draw_pictures(summary: Json) -> dict[str, Picture]:
    """The pictures by name."""
    if summary["kind"] == "tornado":
        return {"tornado": tornado(summary)}
    if len(summary["axes"]) == 1:
        return {"sensitivity": figures.one_way(summary)}
    return {"winners": figures.two_way(summary)}


def render_page(summary: Json) -> str:
    """The HTML."""
    pictures = draw_pictures(summary)
    basis = (
        f"{duration(summary['horizon_s'])} simulated, {summary['replications']} replications a "
        f"setting, seed {summary['seed']}. The promise: {clean(summary['promised'], 200)}. "
        f"Winner: the cheapest that keeps it, else the one with most success."
    )
    sentences = _sentences(summary)
    if summary["interrupted"]:
        sentences += "<p><b>Interrupted: some settings are missing.</b></p>"
    scenario = clean(summary["scenario"], 60)
    question = clean(f"{study_question(summary)} {summary['question']}", 800)
    header = answer_header(scenario, question, sentences, basis)
    exhibits = "".join(render_picture(*each) for each in pictures.items())
    config = folded("The configuration", preformatted(summary["config"].split("\n")))
    body = (
        f'{header}<section id="assumptions"><h2>If it is otherwise</h2>{exhibits}</section>'
        f"<section id='config'><h2>As assumed</h2><div>{config}</div></section>"
    )
    policies = ", ".join(clean(policy, 30) for policy in summary["policies"])
    charts = {name: picture.figure for name, picture in pictures.items()}
    return skeleton(f"{scenario}: {policies}", body, charts)


def _sentences(summary: Json) -> str:
    return led_paragraphs(clean(line, 400) for line in summary["lines"])


def render_answer(summary: Json) -> str:
    """The answer's sentences and the table, for a notebook."""
    (picture,) = draw_pictures(summary).values()
    return f"<div>{_sentences(summary)}{render_table(picture.table)}</div>"
