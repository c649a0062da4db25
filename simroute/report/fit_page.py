"""The page of a fit: the log and the model over each other, how far they are apart, and the
scenario that came of it."""

from __future__ import annotations

from html import escape
from typing import Any

from simroute.report.html import _anchor, _figure, _html, _table
from simroute.report.picture import PETROFF, Picture, Table, clock, label
from simroute.text import clean

SHOWN = ((0.05, "5 %"), (0.5, "50 %"), (0.9, "90 %"), (0.95, "95 %"), (0.99, "99 %"))


def _cleaned(lines: list[str]) -> str:
    return "\n".join(clean(line, 400) for line in lines)


def render_page(found: dict[str, Any], curves: dict[str, Any], text: str, name: str) -> str:
    """The HTML. `found`: what `fit --json` prints; `curves`: of data and model; `text`: the
    scenario's file; `name`: of the trace."""
    drawn = {
        f"curve-{place}": _drawn(what, curve) for place, (what, curve) in enumerate(curves.items())
    }
    sections = {
        "How well it fits": f"{_badly(found)}{_table(table(found))}",
        "Log and model": "".join(_figure(key, picture) for key, picture in drawn.items()),
        "Arrivals compared": _table(_families(found)),
        "The scenario": f"<pre>{escape(_cleaned(_kept(text)))}</pre>",
    }
    links = "".join(
        f'<a href="#{_anchor(title)}">{escape(title)}</a>' for title in ("Answer", *sections)
    )
    body = "".join(
        f'<section id="{_anchor(title)}"><h2>{escape(title)}</h2>{inner}</section>'
        for title, inner in sections.items()
    )
    notes = "".join(f"<p>{escape(clean(line, 400))}</p>" for line in found["notes"])
    head = (
        f'<header id="answer"><h1>{escape(clean(name, 80))}, fitted</h1><div '
        f'class="said">{notes}</div></header>'
    )
    charts = {key: picture.figure for key, picture in drawn.items()}
    return _html(
        f"{clean(name, 80)}, fitted",
        f'<nav aria-label="Sections">{links}</nav>{head}{body}',
        charts,
    )


def table(found: dict[str, Any]) -> Table:
    """The rows of the goodness of fit, the log's figure before the model's."""
    heads = [
        "what",
        "n",
        "KS",
        "p95: log",
        "model",
        "p99: log",
        "model",
        "dispersion: log",
        "model",
    ]
    rows = []
    for row in found["goodness"]:
        pairs = [
            each for key in ("p95", "p99", "dispersion") for each in (row[key] or (None, None))
        ]
        ks = "" if row["ks"] is None else f"{row['ks']:.3f}"
        rows.append(
            [
                clean(row["what"], 80),
                f"{row['n']:,}",
                ks,
                *("" if value is None else f"{value:.4g}" for value in pairs),
            ]
        )
    return Table(heads, rows)


def _badly(found: dict[str, Any]) -> str:
    said = [row["said"] for row in found["goodness"] if row["said"]]
    if not said:
        return "<p>No row is far off.</p>"
    return f"<ul>{''.join(f'<li>{escape(clean(line, 300))}</li>' for line in said)}</ul>"


def _families(found: dict[str, Any]) -> Table:
    when = found["arrivals"]
    scales = [f"dispersion at {scale:g} s" for scale in when["scales_s"]]
    rows = [["the log", "", *(_digits(value) for value in when["dispersion"])]]
    best = min(family["bic"] for family in when["families"].values())
    for name, family in when["families"].items():
        words = f"{name} (chosen)" if family["chosen"] else name
        rows.append(
            [
                words,
                f"{family['bic'] - best:+.0f}",
                *(_digits(value) for value in family["dispersion"]),
            ]
        )
    return Table(["family", "BIC over the best", *scales], rows)


def _digits(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


def _kept(text: str) -> list[str]:
    return text.rstrip().split("\n")[:2000]


def _drawn(what: str, curve: dict[str, Any]) -> Picture:
    if "t" not in curve:
        return _distribution(what, curve)
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
    return _over_time(f"{_capital(what)}: how many calls failed?", caption, curve, curve["unit"])


def _capital(what: str) -> str:
    """As the first word of a title, unless it is a deployment's name."""
    text = clean(what, 80)
    return text if ": " in text else f"{text[:1].upper()}{text[1:]}"


def _over_time(title: str, caption: str, curve: dict[str, Any], unit: str) -> Picture:
    size, name_of_size = clock(max(curve["t"], default=0.0))
    times = [t / size for t in curve["t"]]
    data = [
        _line(name, times, curve[key], place)
        for place, (name, key) in enumerate((("log", "log"), ("model", "model")))
    ]
    layout = {
        "height": 320,
        "xaxis": {"title": {"text": f"{name_of_size} from the start"}},
        "yaxis": {"title": {"text": unit}, "rangemode": "tozero"},
    }
    rows = [
        [f"{t:,.0f} s", f"{a:.3g}", f"{b:.3g}"]
        for t, a, b in zip(curve["t"], curve["log"], curve["model"], strict=True)
    ]
    return Picture(
        title, caption, {"data": data, "layout": layout}, Table(["t", "log", "model"], rows)
    )


def _distribution(what: str, curve: dict[str, Any]) -> Picture:
    data = [
        _line(name, curve[name], curve["share"], place)
        for place, name in enumerate(("log", "model"))
    ]
    positive = min(curve["log"][1:] + curve["model"][1:], default=0) > 0
    axis = {"type": "log" if positive else "linear", "title": {"text": curve["unit"]}}
    layout = {
        "height": 320,
        "xaxis": axis,
        "yaxis": {"title": {"text": "share of at most that"}, "range": [0, 1.01]},
    }
    rows = []
    for share, words in SHOWN:
        place = min(range(len(curve["share"])), key=lambda k: abs(curve["share"][k] - share))
        rows.append([words, f"{curve['log'][place]:.4g}", f"{curve['model'][place]:.4g}"])
    return Picture(
        f"{_capital(what)}: the log and the model",
        "Where the lines part, the model is wrong.",
        {"data": data, "layout": layout},
        Table(["share", "log", "model"], rows),
    )


def _line(name: str, x: list[float], y: list[float], place: int) -> dict[str, Any]:
    style = {"color": PETROFF[place], "dash": ("solid", "dash")[place], "width": 2}
    return {"type": "scatter", "mode": "lines", "name": label(name), "x": x, "y": y, "line": style}
