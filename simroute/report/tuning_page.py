"""The page of a search, from its summary.json, its sentences and its configuration."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from html import escape
from typing import Any

from simroute.metrics import METRICS
from simroute.report import answer
from simroute.report.figures import search
from simroute.report.figures import tuning as figures
from simroute.report.html import (
    answer_header,
    document,
    file_digests,
    folded,
    led_paragraphs,
    paragraphs,
    preformatted,
    render_marked_table,
    render_panels,
    render_picture,
    render_table,
    small,
)
from simroute.report.picture import Cell, Json, MarkedTable, Picture, Table
from simroute.text import clean, joined
from simroute.units import difference_span, parameter_units, setting_text, span

ALWAYS_SHOWN = (
    "success_rate",
    "latency_p95_s",
    "cost_per_1k_requests_usd",
    "quality_mean",
)
STATES = {"broken": "no", "not shown": "open", "unknown": "open", "met": "yes"}
"""State of a constraint -> mark, the worst first."""


def render_page(summary: Json, lines: list[str], config: str) -> str:
    """The HTML. `config`: the text of config.yaml, empty if it is not known."""
    charts: dict[str, Json] = {}
    sections = {title: render(summary, charts) for title, render in SECTIONS.items()}
    sections["The same bits again"] = _rerun(summary, config)
    sections = {title: inner for title, inner in sections.items() if inner}
    return document(_title(summary), _answer(summary, lines), sections, charts)


def render_answer(summary: Json, lines: list[str]) -> str:
    """The answer's sentences, settings and figures, for a notebook."""
    return f"<div>{_sentences(lines)}{_tables(summary)}</div>"


def _title(summary: Json) -> str:
    scenarios = ", ".join(clean(name, 40) for name in summary["scenarios"])
    return f"{clean(summary['policy'], 40)} tuned for {scenarios}"


def _sentences(lines: list[str]) -> str:
    return led_paragraphs(clean(line, 1000) for line in lines)


def _tables(summary: Json, heading: str = "") -> str:
    settings, figures = _settings(summary), _figures(summary)
    return f"{render_marked_table(settings)}{heading}{render_marked_table(figures)}"


def _answer(summary: Json, lines: list[str]) -> str:
    bounds = ", ".join(
        f"{row['metric']} {row['sign']} {row['bound']:g}" for row in summary["constraints"]
    )
    names = ", ".join(row["name"] for row in summary["space"])
    question = (
        f"Which values of {names} give {' and '.join(summary['gain'])}"
        f"{f', with {bounds}' if bounds else ''}?"
    )
    runs, fresh = summary["evaluations"], summary["replications"]["fresh"]
    confirmed = (
        f"{fresh} fresh replications with seed {summary['fresh_seed']}."
        if fresh
        else "nothing was confirmed in fresh weather."
    )
    basis = (
        f"{runs['candidates']} settings, {runs['search']} runs of the search with seed "
        f"{summary['seed']}; {confirmed} Brackets hold 95 % intervals over replications."
    )
    interrupted = (
        "<p><b>Interrupted: this is what the finished runs say.</b></p>"
        if summary["interrupted"]
        else ""
    )
    tables = _tables(summary, "<h3>What it comes to</h3>")
    sentences = _sentences(lines) + interrupted
    return answer_header(_title(summary), clean(question, 600), sentences, basis, tables)


def _settings(summary: Json) -> MarkedTable:
    """A row for each parameter: its values at the start and as recommended, and those that are not
    distinguishable from the best."""
    heads = [
        "parameter",
        "start",
        "recommended",
        "searched",
        "cannot be told from the best",
        "remark",
    ]
    rows, units = [], parameter_units(summary)
    for row in summary["parameters"]:
        unit = units[row["name"]]
        remarks = [
            *(["flat"] if row["flat"] else []),
            *([f"at the {row['border']} end"] if row["border"] else []),
            *([] if row["counts"] else ["no effect here"]),
        ]
        cells = [
            row["name"],
            setting_text(row["start"], unit),
            setting_text(row["recommended"], unit),
            *(_extent(row[key], "log" in row, unit) for key in ("range", "good")),
            ", ".join(remarks),
        ]
        rows.append([Cell(clean(text, 120)) for text in cells])
    return MarkedTable(heads, rows)


def _extent(values: list[Any], is_range: bool, unit: str) -> str:
    texts = [setting_text(value, unit) for value in values]
    if len(set(texts)) == 1:
        return f"{texts[0]} only"
    return f"{texts[0]} to {texts[-1]}" if is_range and texts else ", ".join(texts)


def _figures(summary: Json) -> MarkedTable:
    """Figures of each setting in fresh weather, or in the search where nothing was confirmed."""
    stage = figures.stage(summary)
    measured = summary["start"][stage][summary["scenarios"][0]]
    metrics = [
        metric
        for metric in dict.fromkeys([*figures.metrics(summary), *ALWAYS_SHOWN])
        if metric in measured
    ]
    others = [(clean(row["policy"], 40), row) for row in summary["against"]]
    settings = [("start", summary["start"]), ("recommended", summary["recommended"]), *others]
    several = len(summary["scenarios"]) > 1
    rows = [
        [
            Cell(f"{name}{f' in {clean(scenario, 40)}' if several else ''}"),
            *(_figure(setting, stage, scenario, metric) for metric in metrics),
        ]
        for name, setting in settings
        for scenario in (summary["scenarios"] if setting.get(stage) else ())
    ]
    heads = [answer.COLUMNS.get(metric, (metric, ""))[0] for metric in metrics]
    return MarkedTable(["setting", *heads], rows)


def _figure(setting: Json, stage: str, scenario: str, metric: str) -> Cell:
    """A metric, with the mark "yes", "no" or "open" where it has a bound."""
    states = [
        row["state"]
        for row in setting["constraints"]
        if row["constraint"].startswith((f"{metric}<", f"{metric}>"))
        and row["scenario"] == scenario
    ]
    mark = next((mark for state, mark in STATES.items() if state in states), "")
    return Cell(span(**setting[stage][scenario][metric], unit=METRICS[metric][0]), mark)


def _difference(row: Json, objective: str) -> str:
    unit = METRICS[search.metric_of(objective)][0]
    return difference_span(**row, unit=unit).replace("$-", "-$")


def _standing(summary: Json, charts: dict[str, Json]) -> str:
    return _panels("standing", figures.standing(summary), charts)


def _luck(summary: Json, charts: dict[str, Json]) -> str:
    """The objectives in the search beside those in fresh weather."""
    rows = []
    for objective, row in summary["optimism"].items():
        unit, gain = METRICS[search.metric_of(objective)][0], summary["gain"][objective]
        rows.append(
            [
                clean(objective, 60),
                *(span(row[stage], None, None, unit) for stage in ("training", "fresh")),
                *(_difference(gain[stage], objective) for stage in ("search", "fresh")),
            ]
        )
    text = (
        "The best of many looks better than it is. What is recommended was run again in weather "
        "that the search had not seen; what it loses there "
        "was luck. The difference from the start is paired, so that the weather's own luck "
        "cancels in it."
    )
    heads = [
        "objective",
        "in the search",
        "in fresh weather",
        "minus the start, in the search",
        "minus the start, in fresh weather",
    ]
    leaders = len(summary["tried"])
    remark = (
        small(f"{leaders} leaders were tried there, one after another.")
        if leaders > 1 and len(summary["front"]) < 2
        else ""
    )
    return f"<p>{escape(text)}</p>{render_table(Table(heads, rows))}{remark}"


def _front(summary: Json, charts: dict[str, Json]) -> str:
    if len(summary["front"]) < 2:
        return ""
    stage, units = figures.stage(summary), parameter_units(summary)
    rows = [
        [
            f"setting {point['candidate']}",
            ", ".join(
                f"{key}={setting_text(value, units.get(key, ''))}"
                for key, value in point["settings"].items()
            ),
            *(_difference(point["gain"][each][stage], each) for each in summary["gain"]),
        ]
        for point in summary["front"]
    ]
    heads = ["setting", "values", *(f"{each}, minus the start" for each in summary["gain"])]
    table = render_table(Table(heads, rows))
    return f"<p>None of these beats another in all objectives.</p>{table}"


def _effects(summary: Json, charts: dict[str, Json]) -> str:
    panels = _panels("main_effects", figures.main_effects(summary), charts)
    return (
        paragraphs(_importance(summary)) + panels + _panels("pairs", figures.pairs(summary), charts)
    )


def _importance(summary: Json) -> Iterator[str]:
    """A sentence for each objective: which parameters mattered, in order."""
    for objective in summary["gain"]:
        rows = [row for row in summary.get("importance", ()) if row["objective"] == objective]
        strong = [row for row in rows if figures.matters(row)]
        weak = [clean(row["parameter"], 60) for row in rows if row not in strong]
        named = joined(
            f"{clean(row['parameter'], 60)} ({100 * row['share']:.0f} %)" for row in strong
        )
        of = "of the differences between settings"
        if strong:
            rest = f"; {joined(weak)}: no effect to be told from chance" if weak else ""
            yield f"What mattered for {clean(objective, 60)}, by its share {of}: {named}{rest}."
        elif weak:
            yield f"Nothing mattered for {clean(objective, 60)}, as far as these runs tell."


def _search(summary: Json, charts: dict[str, Json]) -> str:
    pictures = search.draw_pictures(summary)
    charts.update({name: picture.figure for name, picture in pictures.items()})
    return "".join(render_picture(*each) for each in pictures.items())


SECTIONS: dict[str, Callable[[Json, dict[str, Json]], str]] = {
    "Side by side": _standing,
    "Was it luck?": _luck,
    "The front": _front,
    "What matters": _effects,
    "The search": _search,
}
"""Title -> renderer, which adds its figures to the charts of the page."""


def _panels(name: str, pictures: list[Picture], charts: dict[str, Json]) -> str:
    if not pictures:
        return ""
    panels = {f"{name}-{index}": picture for index, picture in enumerate(pictures)}
    charts.update({key: picture.figure for key, picture in panels.items()})
    return render_panels(name, panels)


def _rerun(summary: Json, config: str) -> str:
    """How to get the same bits again. `config`: the text of config.yaml, or nothing."""
    versions = (
        f"simroute {summary['simroute']}, seed {summary['seed']}, fingerprint of the machine's "
        f"arithmetic, on which the last bits depend, {summary['fingerprint']}"
    )
    resolved = (
        folded("The resolved configuration", preformatted(config.split("\n"))) if config else ""
    )
    return (
        "<p>The recommended policy is in <code>tuned.yaml</code>, every run in "
        "<code>trials.parquet</code>, beside this report. The search:</p>"
        f"<pre>{escape(clean(summary['command_line'], 4000))}</pre><p>or, with the files as they "
        f"were, <code>simroute tune --config config.yaml</code>; with "
        f"{escape(clean(versions, 200))}.</p>{file_digests(summary['files'])}{resolved}"
    )
