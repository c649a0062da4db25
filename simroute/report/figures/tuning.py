"""What a search has found, from its summary.json: settings side by side, effects of parameters and
of pairs of them."""

from __future__ import annotations

import math
from typing import Any

from simroute.metrics import METRICS
from simroute.report.colors import DARK, KINDS, LATE, PALE, Look, policy_looks
from simroute.report.figures import search
from simroute.report.figures.search import (
    add_bound,
    dashed_line,
    figure_text,
    first_objective,
    metric_of,
)
from simroute.report.picture import (
    Json,
    Picture,
    Table,
    asymmetric_bars,
    axis,
    label,
    layout_axis,
)
from simroute.text import clean
from simroute.units import span

PANEL_HEIGHT, COLUMNS = 240, 3
MARGIN = {"t": 24, "b": 56}
SETTINGS = {
    "start": Look(KINDS[4], "solid", "square", ""),
    "recommended": Look(KINDS[3], "solid", "star", ""),
}
"""The two settings of a search; other policies have their own looks."""
GOOD, WORSE = KINDS[0], LATE
MIN_BAR = 3
"""Candidates from which on a mean has an interval: with two it is 12.7 standard errors wide."""
UNITS = {1.0: "", 100.0: ", %"}
"""Scale of a metric -> unit in the title of an axis; of a difference in `DIFFERENCE_UNITS`."""
DIFFERENCE_UNITS = {1.0: "", 100.0: ", points"}


def draw_pictures(summary: Json) -> dict[str, Picture]:
    """The pictures by name, several panels as one, for a notebook."""
    panels = {"main_effects": main_effects(summary), "pairs": pairs(summary)}
    return {name: _grid(each) for name, each in panels.items() if each} | search.draw_pictures(
        summary
    )


def stage(summary: Json) -> str:
    """Where settings are compared: in fresh weather if anything was confirmed there."""
    return "fresh" if summary["replications"]["fresh"] else "search"


def metrics(summary: Json) -> list[str]:
    """The metrics of objectives and constraints."""
    objectives = map(metric_of, summary["gain"])
    return list(dict.fromkeys([*objectives, *(row["metric"] for row in summary["constraints"])]))


def standing(summary: Json) -> list[Picture]:
    """A panel for each metric and scenario: the start, the recommended setting, and other policies
    in the same weather."""
    settings = {"start": summary["start"], "recommended": summary["recommended"]}
    if summary["start"]["candidate"] == summary["recommended"]["candidate"]:
        settings = {"start, recommended": summary["start"]}
    named = [*settings.items(), *((clean(row["policy"], 28), row) for row in summary["against"])]
    return [
        _standing(summary, metric, scenario, named)
        for metric in metrics(summary)
        for scenario in summary["scenarios"]
    ]


def _standing(
    summary: Json, metric: str, scenario: str, settings: list[tuple[str, Json]]
) -> Picture:
    scale = _scale(metric)
    figures = [(name, setting[stage(summary)][scenario][metric]) for name, setting in settings]
    looks = SETTINGS | policy_looks(name for name, _ in settings if name not in SETTINGS)
    data = [
        _point(name, figure, metric, looks[name])
        for name, figure in figures
        if figure["mean"] is not None
    ]
    place = f" in {scenario}" if len(summary["scenarios"]) > 1 else ""
    layout: Json = {
        "height": 100 + 34 * len(settings),
        "margin": {"t": 36, "b": 48},
        "xaxis": {"title": {"text": label(f"{metric}{place}{UNITS[scale]}", 70)}},
        "yaxis": {
            "type": "category",
            "autorange": "reversed",
            "automargin": True,
            "range": [len(settings) - 0.5, -0.5],
        },
    }
    drawn = [
        scale * each[end]
        for _, each in figures
        for end in ("low", "mean", "high")
        if each[end] is not None
    ]
    for row in summary["constraints"]:
        if row["metric"] == metric:
            add_bound(layout, row["bound"] * scale, drawn)
    caption = (
        "Means with 95 % intervals; a dashed line is the bound that must be kept. All met the same "
        "weather, so that differences are surer than these "
        "intervals look: they are told above."
    )
    rows = [
        [metric, clean(scenario, 40), name, _interval(figure, metric)] for name, figure in figures
    ]
    table = Table(["figure", "scenario", "setting", "value"], rows)
    return Picture("How do they compare?", caption, data, layout, table)


def _point(name: str, figure: Json, metric: str, look: Look) -> Json:
    """A setting's figure with its interval."""
    scale = _scale(metric)
    return {
        "type": "scatter",
        "mode": "markers",
        "name": label(name),
        "x": [figure["mean"] * scale],
        "y": [label(name)],
        "showlegend": False,
        "marker": {"color": look.color, "size": 11, "symbol": look.symbol},
        "error_x": _error_bars([figure], scale),
        "hovertemplate": f"{_interval(figure, metric)}<extra></extra>",
    }


def _error_bars(intervals: list[Json], scale: float) -> Json:
    """plotly's error bars, of no length where a bound is unknown."""
    known = [
        each if each["high"] is not None else {"mean": 0.0, "low": 0.0, "high": 0.0}
        for each in intervals
    ]
    return asymmetric_bars(known, scale) | {"visible": True, "thickness": 1.5}


def main_effects(summary: Json) -> list[Picture]:
    """One panel for each parameter and objective, those of what matters most first."""
    good = {row["name"]: row for row in summary["parameters"]}
    importance = summary.get("importance", ())
    order = [(row["objective"], row["parameter"]) for row in importance]
    effects = [effect for effect in summary["main_effects"] if effect["bins"]]
    if order:
        effects.sort(key=lambda each: order.index((each["objective"], each["parameter"])))
    first = "The parameter that matters most comes first. " * any(map(matters, importance))
    return [_effect(effect, good.get(effect["parameter"]), first) for effect in effects]


LEAST = 0.01
"""Share of the variance between settings below which a parameter's effect is not told from
chance."""


def matters(row: Json) -> bool:
    """Whether the effect of a parameter on an objective, a row of `importance`, is more than
    chance."""
    return (row["share"] or 0.0) >= LEAST


def _effect(effect: Json, parameter: Json | None, first: str) -> Picture:
    """`parameter`: what is known of its good values. `first`: how panels are ordered."""
    bins, scale = effect["bins"], _scale(effect["objective"])
    sure = [row if row["count"] >= MIN_BAR else row | {"high": None} for row in bins]
    data = [
        {
            "type": "scatter",
            "mode": "lines+markers",
            "showlegend": False,
            "x": [label(_bin_name(row)) for row in bins],
            "y": [_times(row["mean"], scale) for row in bins],
            "error_y": _error_bars(sure, scale),
            "line": {"color": KINDS[0]},
            "marker": {
                "size": 8,
                "symbol": ["circle" if row["count"] >= MIN_BAR else "circle-open" for row in bins],
            },
        }
    ]
    y_title = label(f"{metric_of(effect['objective'])}{DIFFERENCE_UNITS[scale]}", 34)
    layout = {
        "height": PANEL_HEIGHT,
        "margin": MARGIN,
        "xaxis": _categories(effect["parameter"]),
        "yaxis": {"title": {"text": y_title}, "automargin": True},
        "shapes": [*_flat_region(bins, parameter), dashed_line("y", 0)],
    }
    caption = (
        f"{first}Mean difference from the starting setting "
        "(dashed) over all candidates with such a value, with 95 % intervals; of the first "
        "round of the search, which fills the space evenly. The other parameters vary within each "
        "mean. Shaded: where settings cannot be told from the best. Open marks: too few candidates "
        "for an interval."
    )
    return Picture("What does each parameter do?", caption, data, layout, _effect_table(effect))


def _flat_region(bins: list[Json], parameter: Json | None) -> list[Json]:
    """Shades of the classes in which settings cannot be told from the best."""
    return [
        {
            "type": "rect",
            "x0": place - 0.5,
            "x1": place + 0.5,
            "y0": 0,
            "y1": 1,
            "yref": "paper",
            "fillcolor": GOOD,
            "opacity": 0.14,
            "line": {"width": 0},
            "layer": "below",
        }
        for place in range(len(bins))
        if parameter is not None and _is_good(bins, place, parameter)
    ]


def _is_good(bins: list[Json], place: int, parameter: Json) -> bool:
    """Whether values that cannot be told from the best belong to a class. One between two classes
    belongs to the nearer."""
    good = parameter["good"]
    if not good or "log" not in parameter:
        return bins[place]["from"] in good
    low = (bins[place - 1]["to"] + bins[place]["from"]) / 2 if place else -math.inf
    is_last = place == len(bins) - 1
    high = math.inf if is_last else (bins[place]["to"] + bins[place + 1]["from"]) / 2
    return bool(low <= good[-1] and high >= good[0])


def _effect_table(effect: Json) -> Table:
    scale = _scale(effect["objective"])
    rows = [
        [
            clean(effect["parameter"], 60),
            effect["objective"],
            _bin_name(row),
            str(row["count"]),
            _difference(row, scale),
        ]
        for row in effect["bins"]
    ]
    return Table(["parameter", "objective", "values", "candidates", "difference"], rows)


def _categories(key: str) -> Json:
    return {"title": {"text": label(key, 40)}, "type": "category", "automargin": True}


def pairs(summary: Json) -> list[Picture]:
    """One map for each pair of parameters, of the first objective."""
    maps = [
        each
        for each in summary["pairs"]
        if each["objective"] == first_objective(summary)
        and any(cell["mean"] is not None for cell in each["cells"])
    ]
    sizes = sorted(
        abs(cell["mean"]) for each in maps for cell in each["cells"] if cell["mean"] is not None
    )
    # the 90th percentile: one setting that fails must not make all others pale
    most = sizes[int(0.9 * (len(sizes) - 1))] if sizes else 0.0
    return [_pair(each, most or 1.0) for each in maps]


def _pair(pair: Json, most: float) -> Picture:
    """`most`: the difference, in size, that has the strongest colour."""
    scale = _scale(pair["objective"])
    across, up = ([_bin_name(row) for row in pair[key]] for key in ("across", "along"))
    z: list[list[float | None]] = [[None] * len(across) for _ in up]
    for cell in pair["cells"]:
        z[cell["y"]][cell["x"]] = _times(cell["mean"], scale)
    is_max = pair["objective"].startswith("max")
    data = _heatmap(list(map(label, across)), list(map(label, up)), z, most * scale, is_max)
    layout = {
        "height": PANEL_HEIGHT + 40,
        "margin": MARGIN,
        "xaxis": _categories(pair["x"]) | {"showgrid": False},
        "yaxis": _categories(pair["y"]) | {"showgrid": False},
    }
    caption = (
        "Mean difference from the starting setting by classes of two parameters: blue is better "
        "than the start, orange worse, empty where no candidate "
        "was. Where rows differ in the same way in all columns, the two act each for itself."
    )
    rows = [
        [
            clean(pair["x"], 60),
            across[cell["x"]],
            clean(pair["y"], 60),
            up[cell["y"]],
            str(cell["count"]),
            figure_text(_times(cell["mean"], scale)),
        ]
        for cell in pair["cells"]
    ]
    table = Table(["across", "values", "up", "values", "candidates", "difference"], rows)
    return Picture("Which parameters work together?", caption, [data], layout, table)


def _heatmap(
    x: list[str], y: list[str], z: list[list[float | None]], most: float, is_max: bool
) -> Json:
    """A map of differences; `most`: the difference of the strongest colour; `is_max`: more is
    better."""
    low, high = (WORSE, GOOD) if is_max else (GOOD, WORSE)
    return {
        "type": "heatmap",
        "z": z,
        "x": x,
        "y": y,
        "xgap": 2,
        "ygap": 2,
        "zmin": -most,
        "zmax": most,
        "colorscale": [[0, low], [0.5, PALE], [1, high]],
        "text": [["" if value is None else f"{value:.2g}" for value in row] for row in z],
        "texttemplate": "%{text}",
        "textfont": {"color": DARK, "size": 11},
        "showscale": False,
        "hovertemplate": "%{x}, %{y}: %{z:.4g}<extra></extra>",
    }


def _bin_name(row: Json) -> str:
    """A class of values: "5 to 20", or its only value."""
    low, high = (_end_text(row[end]) for end in ("from", "to"))
    return low if low == high else f"{low} to {high}"


def _end_text(value: Any) -> str:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return f"{value:.3g}"
    return clean(str(value), 28)


def _grid(panels: list[Picture]) -> Picture:
    """Panels side by side in one figure."""
    rows = -(-len(panels) // COLUMNS)
    grid = {"rows": rows, "columns": min(len(panels), COLUMNS), "pattern": "independent"}
    layout: Json = {"grid": grid, "height": PANEL_HEIGHT * rows + 60}
    data = []
    for index, panel in enumerate(panels):
        data += [
            {**trace, "xaxis": axis("x", index), "yaxis": axis("y", index)} for trace in panel.data
        ]
        for letter in "xy":
            layout[layout_axis(letter, index)] = panel.layout[f"{letter}axis"]
    first = panels[0]
    table = Table(first.table.heads, [row for panel in panels for row in panel.table.rows])
    return Picture(first.title, first.caption, data, layout, table)


def _scale(objective: str) -> float:
    """100 for shares, which are shown in points, else 1."""
    return 100.0 if METRICS[metric_of(objective)][0] == "share" else 1.0


def _times(value: float | None, scale: float) -> float | None:
    return None if value is None else value * scale


def _difference(row: Json, scale: float) -> str:
    mean, low, high = (_times(row[end], scale) for end in ("mean", "low", "high"))
    return span(mean, low, high)


def _interval(figure: Json, metric: str) -> str:
    return span(**figure, unit=METRICS[metric][0])
