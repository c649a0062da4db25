"""How far to trust a replay: its own routing against the log, which differences are decided, and
which share of each figure was observed."""

from __future__ import annotations

from simroute.report.colors import GREY, KINDS
from simroute.report.picture import (
    Json,
    Listing,
    Picture,
    RunDocuments,
    Table,
    axis,
    clock,
    layout_axis,
    panels,
)
from simroute.text import clean
from simroute.units import difference_span, percent, span

FIGURES = {
    "success_rate": ("success", "share"),
    "latency_p50_s": ("median latency", "s"),
    "latency_p95_s": ("p95 latency", "s"),
    "cost_usd": ("cost", "USD"),
}
"""Metric -> name and unit."""
PANELS = {"success_rate": "success", "latency_p95_s": "p95 latency", "cost_usd": "USD"}
"""Metric -> title of its panel."""
SERIES = (("logged", GREY, "solid", "square"), ("replayed", KINDS[0], "dot", "circle"))
Y_AXES: dict[str, Json] = {
    "share": {"ticksuffix": " %", "rangemode": "normal"},
    "s": {"ticksuffix": " s", "rangemode": "tozero"},
    "USD": {"tickprefix": "$", "rangemode": "tozero"},
}
DENOMINATORS = {"success": "sends", "latency": "answers", "cost": "cost"}
"""Figure -> what the observed share is a share of."""
NOT_CALIBRATED = (
    "The log tells neither how its requests ended nor what they cost, so nothing can be "
    "held against it: all figures are modelled."
)


def calibration(run: RunDocuments) -> Listing | str:
    """Each figure in the log, and in the replay of its own routing."""
    replay = run.summary["replay"]
    if not replay["calibration"]:
        return NOT_CALIBRATED
    rows = [
        [
            FIGURES[metric][0],
            _value(metric, row["logged"]),
            span(**row["replayed"], unit=FIGURES[metric][1]),
            _residual(metric, row),
        ]
        for metric, row in replay["calibration"].items()
    ]
    caption = (
        f"{replay['requests']:,} requests, sent where the log says they went, to deployments that "
        f"behave as the log says they did. "
        "Brackets are 95 % intervals over replications. The residual is what the replay gets "
        "wrong: no difference smaller than it can be believed."
    )
    if replay["laid_over"]:
        changes = ", ".join(clean(text, 60) for text in replay["laid_over"])
        caption += f" Without what is laid over the trace below: {changes}."
    table = Table(["figure", "logged", "replayed", "residual"], rows)
    return Listing("Does the replay reproduce the log?", caption, table)


def hours(run: RunDocuments) -> Picture | str:
    """Figures of the log, and of its own routing replayed, hour by hour."""
    replay = run.summary["replay"]
    if not replay["calibration"]:
        return NOT_CALIBRATED
    rows = replay["hours"]
    if len(rows) < 2:
        return (
            "By hour there is nothing to draw: fewer than two hours of the trace have twenty "
            "requests."
        )
    metrics = [metric for metric in PANELS if metric in replay["calibration"]]
    unit, unit_name = clock(rows[-1]["stop_s"])
    layout = panels([PANELS[metric] for metric in metrics])
    layout["xaxis"] |= {"title": {"text": f"time ({unit_name})"}}
    for index, metric in enumerate(metrics):
        layout[layout_axis("y", index)] |= Y_AXES[FIGURES[metric][1]] | {"nticks": 4}
    data = [
        _hourly_line(rows, metric, index, unit, *style)
        for index, metric in enumerate(metrics)
        for style in SERIES
    ]
    caption = (
        "The log, and its own routing replayed (all replications together), by when "
        "requests came. Spells with fewer than 20 requests are left out."
    )
    table = _hourly_table(rows, list(replay["calibration"]), unit, unit_name)
    return Picture("Does it do so hour by hour?", caption, data, layout, table)


def _hourly_line(rows: list[Json], metric: str, index: int, unit: float, *style: str) -> Json:
    """A metric of the log or of its replay over time, in the panel of this index."""
    series, color, dash, symbol = style
    metric_unit = FIGURES[metric][1]
    suffix = "%" if metric_unit == "share" else metric_unit
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": series,
        "legendgroup": series,
        "showlegend": index == 0,
        "x": [(row["start_s"] + row["stop_s"]) / 2 / unit for row in rows],
        "y": [_scale(metric, row[metric][series]) for row in rows],
        "xaxis": "x",
        "yaxis": axis("y", index),
        "line": {"color": color, "width": 2, "dash": dash},
        "marker": {"color": color, "symbol": symbol, "size": 7},
        "hovertemplate": f"%{{y:.4g}} {suffix}<extra>{series}</extra>",
    }


def _hourly_table(rows: list[Json], metrics: list[str], unit: float, unit_name: str) -> Table:
    columns = [(metric, series) for metric in metrics for series, *_ in SERIES]
    heads = [f"{FIGURES[metric][0]}, {series}" for metric, series in columns]
    cells = [
        [
            f"{row['start_s'] / unit:.3g} to {row['stop_s'] / unit:.3g} {unit_name}",
            f"{row['requests']:,}",
            *(_value(metric, row[metric][series]) for metric, series in columns),
        ]
        for row in rows
    ]
    return Table(["when", "requests", *heads], cells)


def differences(run: RunDocuments) -> Listing | str:
    """Each policy less the log's own routing, both replayed."""
    rows = [row for row in run.summary["replay"]["differences"] if row["mean"] is not None]
    if not rows:
        return "No policy is held against the log's own routing."
    cells = [
        [
            clean(row["policy"], 40),
            FIGURES[row["metric"]][0],
            _difference(row),
            _absolute_residual(row),
            "the same" if row.get("same") else "decided" if row["decided"] else "undecided",
        ]
        for row in rows
    ]
    caption = (
        "Each policy less the log's own routing, both replayed, paired over the same requests, "
        "with 95 % intervals. Undecided is what may be "
        "chance, or is smaller than the residual above; the same is what differs in no replication."
    )
    heads = ["policy", "figure", "difference", "residual", "verdict"]
    return Listing("What would be different, and is it decided?", caption, Table(heads, cells))


def origin(run: RunDocuments) -> Listing:
    """Which share of each figure was observed."""
    cells = [
        [clean(policy, 40), figure, *_observed_modelled(shares[denominator]), denominator]
        for policy, shares in run.summary["replay"]["origin"].items()
        for figure, denominator in DENOMINATORS.items()
    ]
    caption = (
        "Observed: resampled from the log's own calls of that deployment in that hour. Modelled: "
        "from its calls of other hours where it has few, "
        "or from what a scenario says of it. That a call went elsewhere is always an assumption: "
        "the answer's length is taken to be the same."
    )
    table = Table(["policy", "figure", "observed", "modelled", "share of"], cells)
    return Listing("What was observed, and what is modelled?", caption, table)


def _observed_modelled(share: float | None) -> tuple[str, str]:
    return ("n/a", "n/a") if share is None else (percent(share), percent(1 - share))


def calibration_sentence(run: RunDocuments) -> str | None:
    """The residuals in one sentence, for above the answer; None where the run is no replay."""
    replay = run.summary.get("replay")
    if replay is None:
        return None
    if not replay["calibration"]:
        return NOT_CALIBRATED
    residuals = ", ".join(
        f"{FIGURES[metric][0]} {_residual(metric, row)}"
        for metric, row in replay["calibration"].items()
    )
    return (
        f"How far to trust this: the log's own routing, replayed, is off the log by "
        f"{residuals}. Smaller differences are undecided."
    )


def _residual(metric: str, row: Json) -> str:
    """Replayed less logged: in points for a share, else in per cent of the logged figure."""
    if row["residual"] is None:
        return "not known"
    if FIGURES[metric][1] == "share":
        return f"{100 * row['residual']:+.3f} points"
    if row["relative"] is None:
        return f"{row['residual']:+.4g}"
    return f"{100 * row['relative']:+.2f} %"


def _difference(row: Json) -> str:
    unit = FIGURES[row["metric"]][1]
    text = difference_span(row["mean"], row["low"], row["high"], unit)
    return f"{'+' if row['mean'] > 0 else ''}{text}"


def _absolute_residual(row: Json) -> str:
    if row["residual"] is None:
        return "not known"
    if FIGURES[row["metric"]][1] == "share":
        return f"{100 * row['residual']:.3f} points"
    return _value(row["metric"], row["residual"])


def _value(metric: str, value: float | None) -> str:
    unit = FIGURES[metric][1]
    return f"{value:.3g} s" if unit == "s" and value is not None else span(value, None, None, unit)


def _scale(metric: str, value: float | None) -> float | None:
    return None if value is None else 100 * value if FIGURES[metric][1] == "share" else value
