"""The page of a fit: log and model in the same charts, their distance, and the fitted scenario."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from simroute.report.colors import GREY, KINDS
from simroute.report.html import (
    answer_header,
    document,
    led_paragraphs,
    preformatted,
    render_marked_table,
    render_picture,
    render_table,
    small,
)
from simroute.report.picture import (
    Cell,
    Json,
    MarkedTable,
    Picture,
    Table,
    clock,
    grade_cell,
    label,
)
from simroute.text import clean
from simroute.units import duration, percent

SHARES = ((0.05, "5 %"), (0.5, "50 %"), (0.9, "90 %"), (0.95, "95 %"), (0.99, "99 %"))
"""Quantiles of the tables beneath distributions."""
MOST_LINES = 2000
"""Lines of the scenario that are shown."""


QUESTION = "What can a scenario fitted to this log be trusted for?"
CRITERIA = (
    "good: the share beyond any value is right to 5 points (KS, the distance of Kolmogorov and "
    "Smirnov); p95, p99 and failures are right to a factor of 1.2, dispersion (the variance of "
    "counts by their mean) to one of 1.5. fair: to 10 points, 1.5 and 2.25; or farther off, where "
    "chance alone explains it; or too few to tell. bad: all else."
)


def render_page(fit: Json, curves: Json, scenario: str, name: str) -> str:
    """The HTML. `fit`: what `fit --json` prints; `curves`: of log and model, by subject;
    `scenario`: the text of the fitted scenario's file; `name`: of the trace."""
    pictures = {
        f"curve-{index}": _picture(subject, curve)
        for index, (subject, curve) in enumerate(curves.items())
    }
    lines = scenario.rstrip().split("\n")[:MOST_LINES]
    notes = "".join(f"<li>{escape(clean(line, 400))}</li>" for line in fit["notes"])
    sections = {
        "How well it fits": f"{_misfits(fit)}{render_marked_table(_marked(goodness_table(fit)))}"
        f"{small(CRITERIA)}",
        "Log and model": "".join(render_picture(*each) for each in pictures.items()),
        "Arrivals compared": render_table(_families(fit["arrivals"])),
        "Notes": f"<ul>{notes}</ul>",
        "The scenario": preformatted(lines, 400),
    }
    title = f"{clean(name, 80)}, fitted"
    verdict = led_paragraphs([clean(fit["verdict"], 1000)])
    basis = f"{fit['requests']:,} requests over {duration(fit['span_s'])}."
    header = answer_header(title, QUESTION, verdict, basis)
    charts = {key: picture.figure for key, picture in pictures.items()}
    return document(title, header, sections, charts)


def goodness_table(fit: Json) -> Table:
    """A row for each fitted part: its grade, number of observations, Kolmogorov-Smirnov distance,
    and figures of log and model."""
    heads = {"p95": "p95", "p99": "p99", "dispersion": "dispersion", "share": "failures"}
    pairs = {key: head for key, head in heads.items() if any(row[key] for row in fit["goodness"])}
    ends = [text for name in pairs.values() for text in (f"{name}: log", "model")]
    rows = [
        [
            clean(row["what"], 80),
            row["grade"],
            f"{row['n']:,}",
            "" if row["ks"] is None else f"{row['ks']:.3f}",
            *(_figure(key, value) for key in pairs for value in (row[key] or (None, None))),
        ]
        for row in fit["goodness"]
    ]
    return Table(["what", "fit", "n", "KS", *ends], rows)


def _figure(key: str, value: float | None) -> str:
    if value is None:
        return ""
    return percent(value) if key == "share" else f"{value:.4g}"


def _marked(table: Table) -> MarkedTable:
    """The same with a mark for each grade."""
    rows = [
        [Cell(row[0]), grade_cell(row[1]), *(Cell(text) for text in row[2:])] for row in table.rows
    ]
    return MarkedTable(table.heads, rows)


def _misfits(fit: Json) -> str:
    lines = [row["said"] for row in fit["goodness"] if row["said"]]
    if not lines:
        return "<p>No row is far off.</p>"
    return f"<ul>{''.join(f'<li>{escape(clean(line, 300))}</li>' for line in lines)}</ul>"


def _families(arrivals: Json) -> Table:
    """Families of arrivals by BIC, with the dispersion of counts on each time scale."""
    families = arrivals["families"]
    best = min(family["bic"] for family in families.values())
    rows = [["the log", "", *_dispersions(arrivals["dispersion"])]]
    rows += [
        [
            f"{name} (chosen)" if family["chosen"] else name,
            f"{family['bic'] - best:+.0f}",
            *_dispersions(family["dispersion"]),
        ]
        for name, family in families.items()
    ]
    scales = [f"dispersion at {scale:g} s" for scale in arrivals["scales_s"]]
    return Table(["family", "BIC over the best", *scales], rows)


def _dispersions(values: Iterable[float | None]) -> list[str]:
    return ["" if value is None else f"{value:.3g}" for value in values]


def _picture(subject: str, curve: Json) -> Picture:
    if "t" not in curve:
        return _distribution(subject, curve)
    if curve["unit"] == "1/s":
        caption = (
            "One run of the model. Its bursts come at other moments than the log's; what "
            "should agree is how high and how often."
        )
        return _over_time("How many requests came?", caption, curve, "requests/s")
    caption = (
        "Outages stand where they were found; shorter spells of errors come at other "
        "moments than the log's."
    )
    title = f"{_capitalize(subject)}: how many calls failed?"
    return _over_time(title, caption, curve, curve["unit"])


def _capitalize(subject: str) -> str:
    """The subject as the first word of a title, unless it is the name of a deployment."""
    text = clean(subject, 80)
    return text if ": " in text else f"{text[:1].upper()}{text[1:]}"


def _over_time(title: str, caption: str, curve: Json, unit: str) -> Picture:
    unit_s, unit_name = clock(max(curve["t"], default=0.0))
    times = [t / unit_s for t in curve["t"]]
    data = [_line(name, times, curve[name], index) for index, name in enumerate(("log", "model"))]
    layout = {
        "height": 320,
        "xaxis": {"title": {"text": f"{unit_name} from the start"}},
        "yaxis": {"title": {"text": unit}, "rangemode": "tozero"},
    }
    rows = [
        [f"{t:,.0f} s", f"{log:.3g}", f"{model:.3g}"]
        for t, log, model in zip(curve["t"], curve["log"], curve["model"], strict=True)
    ]
    return Picture(title, caption, data, layout, Table(["t", "log", "model"], rows))


def _distribution(subject: str, curve: Json) -> Picture:
    shares = curve["share"]
    data = [_line(name, curve[name], shares, index) for index, name in enumerate(("log", "model"))]
    positive = min(curve["log"][1:] + curve["model"][1:], default=0) > 0
    layout = {
        "height": 320,
        "xaxis": _axis(positive, curve),
        "yaxis": {"title": {"text": "share of at most that"}, "range": [0, 1.01]},
    }
    rows = []
    for share, text in SHARES:
        index = min(range(len(shares)), key=lambda k: abs(shares[k] - share))
        rows.append([text, f"{curve['log'][index]:.4g}", f"{curve['model'][index]:.4g}"])
    return Picture(
        f"{_capitalize(subject)}: the log and the model",
        "Where the lines part, the model is wrong.",
        data,
        layout,
        Table(["share", "log", "model"], rows),
    )


def _axis(is_log: bool, curve: Json) -> Json:
    """Logarithmic with a label at each power of ten, where there are two of them."""
    unit = {"s": "seconds"}.get(curve["unit"], curve["unit"])
    values = [value for value in curve["log"] + curve["model"] if value > 0]
    powers = {"dtick": 1} if is_log and max(values) >= 100 * min(values) else {}
    return {"type": "log" if is_log else "linear", "title": {"text": unit}, **powers}


def _line(name: str, x: list[float], y: list[float], index: int) -> Json:
    style = {"color": (GREY, KINDS[0])[index], "width": (6, 2)[index]}  # the model lies on the log
    return {"type": "scatter", "mode": "lines", "name": label(name), "x": x, "y": y, "line": style}
