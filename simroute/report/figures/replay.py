"""How far a replay can be trusted: its own routing held against the log, what is decided in spite
of that, and what was observed."""

from __future__ import annotations

from typing import Any

from simroute.report.picture import Listing, Picture, RunDocuments, Table, clock, panels
from simroute.text import clean, percent, span

FIGURES = {
    "success_rate": ("success", "share"),
    "latency_p50_s": ("median latency", "s"),
    "latency_p95_s": ("p95 latency", "s"),
    "cost_usd": ("cost", "USD"),
}
DRAWN = ("success_rate", "latency_p95_s", "cost_usd")
RESTS = {"success": "sends", "latency": "answers", "cost": "cost"}
"""What is told of -> of what the observed share is taken."""
UNTOLD = (
    "The log tells neither how its requests ended nor what they cost, so nothing can be "
    "held against it: all figures are modelled."
)


def calibration(run: RunDocuments) -> Listing | str:
    """Each figure, logged and replayed."""
    found = run.summary["replay"]
    if not found["calibration"]:
        return UNTOLD
    rows = [
        [
            FIGURES[name][0],
            _one(name, row["logged"]),
            span(**row["replayed"], unit=FIGURES[name][1]),
            residual(name, row),
        ]
        for name, row in found["calibration"].items()
    ]
    caption = (
        f"{found['requests']:,} requests, sent where the log says they went, to deployments that "
        f"behave as the log says they did. "
        "Brackets are 95 % intervals over replications. The residual is what the replay gets "
        "wrong: no difference smaller than it can be believed."
    )
    if found["laid_over"]:
        caption += (
            f" Without what is laid over the trace below: "
            f"{', '.join(clean(text, 60) for text in found['laid_over'])}."
        )
    return Listing(
        "Does the replay reproduce the log?",
        caption,
        Table(["figure", "logged", "replayed", "residual"], rows),
    )


def hours(run: RunDocuments) -> Picture | str:
    """Logged and replayed, hour by hour."""
    found = run.summary["replay"]
    if not found["calibration"]:
        return UNTOLD
    rows = found["hours"]
    if len(rows) < 2:
        return (
            "By hour there is nothing to draw: fewer than two hours of the trace have twenty "
            "requests."
        )
    unit, name = clock(rows[-1]["stop_s"])
    shown = [metric for metric in DRAWN if metric in found["calibration"]]
    titles = {"success_rate": "success", "latency_p95_s": "p95 latency", "cost_usd": "USD"}
    layout = panels([titles[metric] for metric in shown])
    layout["xaxis"] |= {"title": {"text": f"time ({name})"}}
    data = [
        {
            "type": "scatter",
            "mode": "lines+markers",
            "name": which,
            "legendgroup": which,
            "showlegend": place == 0,
            "x": [(row["start_s"] + row["stop_s"]) / 2 / unit for row in rows],
            "y": [_scaled(metric, row[metric][which]) for row in rows],
            "xaxis": "x",
            "yaxis": "y" if place == 0 else f"y{place + 1}",
            "line": {"color": color, "width": 2, "dash": dash},
            "marker": {"color": color, "symbol": symbol, "size": 7},
            "hovertemplate": f"%{{y:.4g}} {_sign(metric)}<extra>{which}</extra>",
        }
        for place, metric in enumerate(shown)
        for which, color, dash, symbol in (
            ("logged", "#9c9ca1", "solid", "square"),
            ("replayed", "#5790fc", "dot", "circle"),
        )
    ]
    for place, metric in enumerate(shown):
        own = layout["yaxis" if place == 0 else f"yaxis{place + 1}"]
        own |= (
            {"ticksuffix": " %"}
            if metric == "success_rate"
            else {"ticksuffix": " s"}
            if metric.endswith("_s")
            else {"tickprefix": "$"}
        )
        own |= {"rangemode": "normal" if metric == "success_rate" else "tozero", "nticks": 4}
    cells = [
        [
            f"{row['start_s'] / unit:.3g} to {row['stop_s'] / unit:.3g} {name}",
            f"{row['requests']:,}",
            *(
                _one(metric, row[metric][which])
                for metric in found["calibration"]
                for which in ("logged", "replayed")
            ),
        ]
        for row in rows
    ]
    heads = [
        f"{FIGURES[metric][0]}, {which}"
        for metric in found["calibration"]
        for which in ("logged", "replayed")
    ]
    caption = (
        "The log, and its own routing replayed (all replications together), by when "
        "requests came. Spells with fewer than 20 requests are left out."
    )
    return Picture(
        "Does it do so hour by hour?",
        caption,
        {"data": data, "layout": layout},
        Table(["when", "requests", *heads], cells),
    )


def differences(run: RunDocuments) -> Listing | str:
    """From the log's own routing to each policy."""
    rows = [row for row in run.summary["replay"]["differences"] if row["mean"] is not None]
    if not rows:
        return "No policy is held against the log's own routing."
    cells = [
        [
            clean(row["policy"], 40),
            FIGURES[row["metric"]][0],
            change(row),
            _size(row),
            "decided" if row["decided"] else "undecided",
        ]
        for row in rows
    ]
    caption = (
        "Each policy less the log's own routing, both replayed, paired over the same requests, "
        "with 95 % intervals. Undecided is what may be "
        "chance, or is smaller than the residual above."
    )
    heads = ["policy", "figure", "difference", "residual", "verdict"]
    return Listing("What would be different, and is it decided?", caption, Table(heads, cells))


def origin(run: RunDocuments) -> Listing | str:
    """Which share of each figure was observed."""
    found = run.summary["replay"]["origin"]
    cells = [
        [
            clean(policy, 40),
            what,
            *(
                ("n/a", "n/a")
                if shares[of] is None
                else (percent(shares[of]), percent(1 - shares[of]))
            ),
            of,
        ]
        for policy, shares in found.items()
        for what, of in RESTS.items()
    ]
    caption = (
        "Observed: resampled from the log's own calls of that deployment in that hour. Modelled: "
        "from its calls of other hours where it has few, "
        "or from what a scenario says of it. That a call went elsewhere is always an assumption: "
        "the answer's length is taken to be the same."
    )
    return Listing(
        "What was observed, and what is modelled?",
        caption,
        Table(["policy", "figure", "observed", "modelled", "share of"], cells),
    )


def sentence(run: RunDocuments) -> str | None:
    """The calibration in one line, for above the answer."""
    found = run.summary.get("replay")
    if found is None:
        return None
    if not found["calibration"]:
        return UNTOLD
    parts = [
        f"{FIGURES[name][0]} {residual(name, row)}" for name, row in found["calibration"].items()
    ]
    return (
        f"How far to trust this: the log's own routing, replayed, is off the log by "
        f"{', '.join(parts)}. Smaller differences are undecided."
    )


def residual(name: str, row: dict[str, Any]) -> str:
    """Replayed less logged: in points for a share, else in per cent of the logged one."""
    if row["residual"] is None:
        return "not known"
    if FIGURES[name][1] == "share":
        return f"{100 * row['residual']:+.3f} points"
    return (
        f"{100 * row['relative']:+.2f} %"
        if row["relative"] is not None
        else f"{row['residual']:+.4g}"
    )


def change(row: dict[str, Any]) -> str:
    """A difference in words."""
    unit = FIGURES[row["metric"]][1]
    text = span(row["mean"], row["low"], row["high"], unit)
    return ("+" if row["mean"] > 0 else "") + (
        text.replace(" %", " points") if unit == "share" else text
    )


def _size(row: dict[str, Any]) -> str:
    if row["residual"] is None:
        return "not known"
    return (
        f"{100 * row['residual']:.3f} points"
        if FIGURES[row["metric"]][1] == "share"
        else _one(row["metric"], row["residual"])
    )


def _one(name: str, value: float | None) -> str:
    unit = FIGURES[name][1]
    return f"{value:.3g} s" if unit == "s" and value is not None else span(value, None, None, unit)


def _scaled(name: str, value: float | None) -> float | None:
    return None if value is None else 100 * value if FIGURES[name][1] == "share" else value


def _sign(name: str) -> str:
    return {"share": "%", "s": "s", "USD": "USD"}[FIGURES[name][1]]
