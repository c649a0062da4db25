"""The page of a search, from its summary.json and the sentences and configuration that belong to
it."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any

from simroute.metrics import METRICS
from simroute.report import answer
from simroute.report.figures import search
from simroute.report.figures import tuning as figures
from simroute.report.html import _anchor, _figure, _html, _table
from simroute.report.picture import Picture, Table
from simroute.report.run_page import _marked
from simroute.text import clean, setting_text, span

Found = dict[str, Any]
Charts = dict[str, Any]
ALSO = ("success_rate", "latency_p95_s", "cost_per_1k_requests_usd", "quality_mean")
"""Figures that are told in any case."""
STATES = {"met": "yes", "broken": "no", "not shown": "open", "unknown": "open"}


def render_page(found: Found, lines: list[str], config: str) -> str:
    """The HTML. `config`: the text of config.yaml, empty if it is not known."""
    charts: Charts = {}
    made = {name: part(found, charts) for name, part in SECTIONS.items()}
    made["The same bits again"] = _again(found, config)
    sections = {name: inner for name, inner in made.items() if inner}
    links = "".join(
        f'<a href="#{_anchor(name)}">{escape(name)}</a>' for name in ("Answer", *sections)
    )
    body = "".join(
        f'<section id="{_anchor(name)}"><h2>{escape(name)}</h2>{inner}</section>'
        for name, inner in sections.items()
    )
    return _html(
        _title(found),
        f'<nav aria-label="Sections">{links}</nav>{_answer(found, lines)}{body}',
        charts,
    )


def render_answer(found: Found, lines: list[str]) -> str:
    """Sentences, settings and figures, for a notebook."""
    return f"<div>{_said(lines)}{_marked(*_settings(found))}{_marked(*_standing(found))}</div>"


def _title(found: Found) -> str:
    return (
        f"{clean(found['policy'], 40)} tuned for "
        f"{', '.join(clean(name, 40) for name in found['scenarios'])}"
    )


def _said(lines: list[str]) -> str:
    return "".join(f"<p>{escape(clean(line, 1000))}</p>" for line in lines)


def _answer(found: Found, lines: list[str]) -> str:
    wishes = " and ".join(found["gain"])
    bounds = ", ".join(
        f"{row['metric']} {row['sign']} {row['bound']:g}" for row in found["constraints"]
    )
    names = ", ".join(row["name"] for row in found["space"])
    question = f"Which values of {names} give {wishes}{f', with {bounds}' if bounds else ''}?"
    runs, many = found["evaluations"], found["replications"]
    given = (
        f"{runs['candidates']} settings, {runs['search']} runs of the search with seed "
        f"{found['seed']}; "
        + (
            f"{many['fresh']} fresh replications with seed {found['fresh_seed']}."
            if many["fresh"]
            else "nothing was confirmed in fresh weather."
        )
        + " Brackets hold 95 % intervals over replications."
    )
    cut = (
        "<p><b>Interrupted: this is what the finished runs say.</b></p>"
        if found["interrupted"]
        else ""
    )
    tables = f"{_marked(*_settings(found))}<h3>What it comes to</h3>{_marked(*_standing(found))}"
    return (
        f'<header id="answer"><h1>{escape(_title(found))}</h1><p '
        f'class="question">{escape(clean(question, 600))}</p>'
        f'<div class="said">{_said(lines)}{cut}</div><p '
        f'class="small">{escape(given)}</p>{tables}</header>'
    )


def _settings(found: Found) -> tuple[list[str], list[list[answer.Cell]]]:
    """The start and what is recommended, parameter by parameter, and where other good values
    lie."""
    rows = []
    for row in found["parameters"]:
        reach, good = (_extent(row[key], "log" in row) for key in ("range", "good"))
        remarks = (
            ["flat"] * row["flat"]
            + ([f"at the {row['border']} end"] if row["border"] else [])
            + ["no effect here"] * (not row["counts"])
        )
        cells = [
            row["name"],
            setting_text(row["start"]),
            setting_text(row["recommended"]),
            reach,
            good,
            ", ".join(remarks),
        ]
        rows.append([answer.Cell(clean(text, 120)) for text in cells])
    return [
        "parameter",
        "start",
        "recommended",
        "searched",
        "cannot be told from the best",
        "remark",
    ], rows


def _extent(values: list[Any], is_range: bool) -> str:
    return (
        f"{setting_text(values[0])} to {setting_text(values[-1])}"
        if is_range and values
        else ", ".join(map(setting_text, values))
    )


def _standing(found: Found) -> tuple[list[str], list[list[answer.Cell]]]:
    """Each setting's figures in fresh weather, or those of the search where nothing was
    confirmed."""
    stage = "fresh" if found["replications"]["fresh"] else "search"
    known = found["start"][stage][found["scenarios"][0]]
    metrics = [metric for metric in _metrics(found) if metric in known]
    several = len(found["scenarios"]) > 1
    rows = []
    for name, setting in named(found):
        for scenario in found["scenarios"] if setting.get(stage) else ():
            place = f" in {clean(scenario, 40)}" if several else ""
            told = {
                metric: span(**setting[stage][scenario][metric], unit=METRICS[metric][0])
                for metric in metrics
            }
            cells = [
                answer.Cell(text, _mark(setting, metric, scenario)) for metric, text in told.items()
            ]
            rows.append([answer.Cell(f"{name}{place}"), *cells])
    return ["setting", *(answer.COLUMNS.get(metric, (metric, ""))[0] for metric in metrics)], rows


def named(found: Found) -> list[tuple[str, Found]]:
    """The settings that are told of, the start first."""
    others = [(clean(row["policy"], 40), row) for row in found["against"]]
    return [("start", found["start"]), ("recommended", found["recommended"]), *others]


def _metrics(found: Found) -> list[str]:
    """Those that matter to the search, then those that always do."""
    return list(
        dict.fromkeys(
            [
                *(wish.split()[-1] for wish in found["gain"]),
                *(row["metric"] for row in found["constraints"]),
                *ALSO,
            ]
        )
    )


def _mark(setting: Found, metric: str, scenario: str) -> str:
    """Whether a bound is kept: "yes", "no", "open", nothing where there is none."""
    own = [
        row
        for row in setting["constraints"]
        if row["constraint"].startswith((f"{metric}<", f"{metric}>"))
    ]
    states = [row["state"] for row in own if row["scenario"] == scenario]
    return next(
        (STATES[state] for state in ("broken", "not shown", "unknown", "met") if state in states),
        "",
    )


def _difference(row: Found, unit: str) -> str:
    text = span(**row, unit=unit).replace("$-", "-$")
    return text.replace(" %", " points") if unit == "share" else text


# -- sections --------------------------------------------------------------------------------------


def _against(found: Found, charts: Charts) -> str:
    return _panels("standing", figures.standing(found), charts)


def _luck(found: Found, charts: Charts) -> str:
    rows = []
    for wish, row in found["optimism"].items():
        unit, gain = METRICS[wish.split()[-1]][0], found["gain"][wish]
        ends = [span(row[stage], None, None, unit) for stage in ("training", "fresh")]
        rows.append(
            [
                clean(wish, 60),
                *ends,
                *(_difference(gain[stage], unit) for stage in ("search", "fresh")),
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
    tried = len(found["tried"])
    more = (
        f"<p class='small'>{tried} leaders were tried there, one after another.</p>"
        if tried > 1 and len(found["front"]) < 2
        else ""
    )
    return f"<p>{escape(text)}</p>{_table(Table(heads, rows))}{more}"


def _front(found: Found, charts: Charts) -> str:
    if len(found["front"]) < 2:
        return ""
    stage = "fresh" if found["replications"]["fresh"] else "search"
    rows = []
    for each in found["front"]:
        gains = [
            _difference(each["gain"][wish][stage], METRICS[wish.split()[-1]][0])
            for wish in found["gain"]
        ]
        rows.append(
            [
                f"setting {each['candidate']}",
                ", ".join(
                    f"{key}={setting_text(value)}" for key, value in each["settings"].items()
                ),
                *gains,
            ]
        )
    heads = ["setting", "values", *(f"{wish}, minus the start" for wish in found["gain"])]
    return f"<p>None of these beats another in all objectives.</p>{_table(Table(heads, rows))}"


def _effects(found: Found, charts: Charts) -> str:
    return _panels("main_effects", figures.main_effects(found), charts) + _panels(
        "pairs", figures.pairs(found), charts
    )


def _search(found: Found, charts: Charts) -> str:
    made = {"objective_and_constraint": search.against(found), "race": search.race(found)}
    charts.update({name: picture.figure for name, picture in made.items() if picture is not None})
    return "".join(_figure(name, picture) for name, picture in made.items() if picture is not None)


def _again(found: Found, config: str) -> str:
    versions = (
        f"simroute {found['simroute']}, seed {found['seed']}, numeric fingerprint "
        f"{found['fingerprint']}"
    )
    files = "".join(
        f"<li><code>{escape(clean(name, 80))}</code> SHA-256 {escape(clean(digest, 80))}</li>"
        for name, digest in found["files"].items()
    )
    text = "\n".join(clean(line, 2000) for line in config.split("\n"))
    resolved = (
        f"<details><summary>The resolved configuration</summary><pre>{escape(text)}</pre></details>"
        if config
        else ""
    )
    return (
        "<p>The recommended policy is in <code>tuned.yaml</code>, every run in "
        "<code>trials.parquet</code>, beside this report. The search:</p>"
        f"<pre>{escape(clean(found['command_line'], 4000))}</pre><p>or, with the files as they "
        f"were, <code>simroute tune --config "
        f"config.yaml</code>; with "
        f"{escape(clean(versions, 200))}.</p>{f'<ul>{files}</ul>' if files else ''}{resolved}"
    )


SECTIONS: dict[str, Callable[[Found, Charts], str]] = {
    "Side by side": _against,
    "Was it luck?": _luck,
    "The front": _front,
    "What matters": _effects,
    "The search": _search,
}


def _panels(name: str, pictures: list[Picture], charts: Charts) -> str:
    """Pictures of one kind side by side, as many as there is room for; one table of all of them."""
    if not pictures:
        return ""
    drawn = ""
    for place, picture in enumerate(pictures):
        charts[f"{name}-{place}"] = picture.figure
        drawn += (
            f'<div class="chart" data-figure="{name}-{place}" role="img" '
            f'aria-label="{escape(picture.title)} The table below has the figures." '
            f'style="min-height:{int(picture.figure["layout"]["height"])}px"><p '
            f'class="without">The picture needs JavaScript; the table below '
            f"carries its figures.</p></div>"
        )
    table = _table(
        Table(pictures[0].table.heads, [row for picture in pictures for row in picture.table.rows])
    )
    first = pictures[0]
    return (
        f'<figure id="{name}"><h3>{escape(first.title)}</h3>'
        f"<figcaption>{escape(first.caption)}</figcaption><div "
        f'class="panels">{drawn}</div>'
        f"<details><summary>The figures as a table</summary>{table}</details></figure>"
    )
