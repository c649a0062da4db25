"""Pictures of a search, from its summary.json: what each parameter does, which pairs do, what the
objective costs, how the race went."""

from __future__ import annotations

from simroute.metrics import METRICS
from simroute.report.figures.search import (
    Found,
    _bound,
    _class,
    _error,
    _figure,
    _first,
    _metric,
    against,
    race,
)
from simroute.report.picture import MARKERS, PETROFF, Picture, Table, axis, label
from simroute.text import clean, span

PANEL_HEIGHT, COLUMNS = 240, 3
COLORS = (PETROFF[1], PETROFF[0], PETROFF[3], PETROFF[5], PETROFF[4])
GOOD, BAD = PETROFF[0], PETROFF[1]
POINTS = {1.0: "", 100.0: ", points"}


def draw_pictures(found: Found) -> dict[str, Picture]:
    """By name; several panels as one picture."""
    made = {
        "main_effects": _together(main_effects(found)),
        "pairs": _together(pairs(found)),
        "objective_and_constraint": against(found),
        "race": race(found),
    }
    return {name: picture for name, picture in made.items() if picture is not None}


def standing(found: Found) -> list[Picture]:
    """For each objective and constraint a panel: the start, what is recommended, and whatever else
    was measured in the same weather."""
    stage = "fresh" if found["replications"]["fresh"] else "search"
    metrics = list(
        dict.fromkeys(
            [
                *(wish.split()[-1] for wish in found["gain"]),
                *(row["metric"] for row in found["constraints"]),
            ]
        )
    )
    named = [("start", found["start"]), ("recommended", found["recommended"])]
    if found["start"]["candidate"] == found["recommended"]["candidate"]:
        named = [("start, recommended", found["start"])]
    named += [(clean(row["policy"], 28), row) for row in found["against"]]
    return [
        _standing(found, metric, scenario, stage, named)
        for metric in metrics
        for scenario in found["scenarios"]
    ]


def _standing(
    found: Found, metric: str, scenario: str, stage: str, named: list[tuple[str, Found]]
) -> Picture:
    data, rows, scale = [], [], _scale(metric)
    for place, (name, setting) in enumerate(named):
        figure = setting[stage][scenario][metric]
        rows.append([metric, clean(scenario, 40), name, _interval(figure, metric)])
        if figure["mean"] is None:
            continue
        data.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": label(name),
                "x": [figure["mean"] * scale],
                "y": [label(name)],
                "showlegend": False,
                "marker": {
                    "color": COLORS[place % len(COLORS)],
                    "size": 11,
                    "symbol": MARKERS[place % len(MARKERS)],
                },
                "error_x": _error([figure], scale),
                "hovertemplate": f"{_interval(figure, metric)}<extra></extra>",
            }
        )
    bounds = [row["bound"] * scale for row in found["constraints"] if row["metric"] == metric]
    many = f" in {scenario}" if len(found["scenarios"]) > 1 else ""
    layout: Found = {
        "height": 100 + 34 * len(named),
        "margin": {"t": 36, "b": 48},
        "xaxis": {"title": {"text": label(f"{metric}{many}{UNITS[scale]}", 70)}},
        "yaxis": {
            "type": "category",
            "autorange": "reversed",
            "automargin": True,
            "range": [len(named) - 0.5, -0.5],
        },
        "shapes": [_bound("x", bound) for bound in bounds],
    }
    return Picture(
        "How do they compare?",
        STANDING,
        {"data": data, "layout": layout},
        Table(["figure", "scenario", "setting", "value"], rows),
    )


STANDING = (
    "Means with 95 % intervals; a dashed line is the bound that must be kept. All met the same "
    "weather, so that differences are surer than these "
    "intervals look: they are told above."
)
UNITS = {1.0: "", 100.0: ", %"}


def main_effects(found: Found) -> list[Picture]:
    """One panel for each parameter and objective."""
    return [_effect(each) for each in found["main_effects"] if each["bins"]]


def _effect(each: Found) -> Picture:
    bins, metric = each["bins"], _metric(each["objective"])
    names, scale = [_class(row) for row in bins], _scale(each["objective"])
    data = [
        {
            "type": "scatter",
            "mode": "lines+markers",
            "showlegend": False,
            "x": list(map(label, names)),
            "y": [_times(row["mean"], scale) for row in bins],
            "error_y": _error(bins, scale),
            "line": {"color": PETROFF[0]},
            "marker": {"size": 8},
        }
    ]
    layout = {
        "height": PANEL_HEIGHT,
        "margin": {"t": 24, "b": 56},
        "xaxis": {
            "title": {"text": label(each["parameter"], 40)},
            "type": "category",
            "automargin": True,
        },
        "yaxis": {
            "title": {"text": label(f"{metric}{POINTS[scale]}", 34)},
            "automargin": True,
            "range": _reach(bins, scale),
        },
        "shapes": [_bound("y", 0)],
    }
    rows = [
        [
            clean(each["parameter"], 60),
            each["objective"],
            name,
            str(row["count"]),
            _interval_of_difference(row, scale),
        ]
        for name, row in zip(names, bins, strict=True)
    ]
    heads = ["parameter", "objective", "values", "candidates", "difference"]
    return Picture(
        "What does each parameter do?",
        EFFECTS,
        {"data": data, "layout": layout},
        Table(heads, rows),
    )


def _reach(bins: list[Found], scale: float) -> list[float]:
    """An axis that shows all means, the start and most of the bars; one of few candidates may be
    longer."""
    means = [0.0, *(row["mean"] * scale for row in bins if row["mean"] is not None)]
    halves = sorted(
        (row["high"] - row["low"]) / 2 * scale for row in bins if row["high"] is not None
    ) or [0.0]
    more = max(halves[len(halves) // 2], 0.15 * (max(means) - min(means))) or 1.0
    return [min(means) - 1.2 * more, max(means) + 1.2 * more]


EFFECTS = (
    "Mean difference from the starting setting (dashed) over all candidates with such a value, "
    "with 95 % intervals; of the first generation, which "
    "fills the space evenly. The other parameters vary within each mean; bars of few candidates "
    "may leave the panel."
)


def pairs(found: Found) -> list[Picture]:
    """One map for each pair of parameters, of the first objective."""
    first = _first(found)
    maps = [
        each
        for each in found["pairs"]
        if each["objective"] == first and any(cell["mean"] is not None for cell in each["cells"])
    ]
    sizes = sorted(
        abs(cell["mean"]) for each in maps for cell in each["cells"] if cell["mean"] is not None
    )
    # one setting that fails must not pale all others
    most = sizes[int(0.9 * (len(sizes) - 1))] if sizes else 0.0
    return [_pair(each, most or 1.0) for each in maps]


def _pair(each: Found, most: float) -> Picture:
    across, along, scale = (
        [_class(row) for row in each["across"]],
        [_class(row) for row in each["along"]],
        _scale(each["objective"]),
    )
    z: list[list[float | None]] = [[None] * len(across) for _ in along]
    rows = []
    for cell in each["cells"]:
        mean = z[cell["y"]][cell["x"]] = _times(cell["mean"], scale)
        rows.append(
            [
                clean(each["x"], 60),
                across[cell["x"]],
                clean(each["y"], 60),
                along[cell["y"]],
                str(cell["count"]),
                _figure(mean),
            ]
        )
    worse = not each["objective"].startswith("max")
    data = [
        {
            "type": "heatmap",
            "z": z,
            "x": list(map(label, across)),
            "y": list(map(label, along)),
            "xgap": 2,
            "ygap": 2,
            "zmin": -most * scale,
            "zmax": most * scale,
            "colorscale": [[0, GOOD], [0.5, "#d5d5d8"], [1, BAD]]
            if worse
            else [[0, BAD], [0.5, "#d5d5d8"], [1, GOOD]],
            "text": [["" if value is None else f"{value:.2g}" for value in row] for row in z],
            "texttemplate": "%{text}",
            "textfont": {"color": "#1b1f24", "size": 11},
            "showscale": False,
            "hovertemplate": "%{x}, %{y}: %{z:.4g}<extra></extra>",
        }
    ]
    layout = {
        "height": PANEL_HEIGHT + 40,
        "margin": {"t": 24, "b": 56},
        "xaxis": {
            "title": {"text": label(each["x"], 40)},
            "type": "category",
            "automargin": True,
            "showgrid": False,
        },
        "yaxis": {
            "title": {"text": label(each["y"], 40)},
            "type": "category",
            "automargin": True,
            "showgrid": False,
        },
    }
    heads = ["across", "values", "up", "values", "candidates", "difference"]
    return Picture(
        "Which parameters work together?",
        PAIRS,
        {"data": data, "layout": layout},
        Table(heads, rows),
    )


PAIRS = (
    "Mean difference from the starting setting by classes of two parameters: blue is better than "
    "the start, orange worse, empty where no candidate "
    "was. Where rows differ in the same way in all columns, the two act each for itself."
)


def _together(panels: list[Picture]) -> Picture | None:
    """Panels side by side in one figure, for a notebook."""
    if not panels:
        return None
    layout: Found = {
        "grid": {
            "rows": -(-len(panels) // COLUMNS),
            "columns": min(len(panels), COLUMNS),
            "pattern": "independent",
        }
    }
    layout |= {"height": PANEL_HEIGHT * layout["grid"]["rows"] + 60}
    data = []
    for place, panel in enumerate(panels):
        data += [
            {**trace, "xaxis": axis("x", place), "yaxis": axis("y", place)}
            for trace in panel.figure["data"]
        ]
        for letter in "xy":
            layout[f"{letter}axis{'' if place == 0 else place + 1}"] = panel.figure["layout"][
                f"{letter}axis"
            ]
    rows = [row for panel in panels for row in panel.table.rows]
    return Picture(
        panels[0].title,
        panels[0].caption,
        {"data": data, "layout": layout},
        Table(panels[0].table.heads, rows),
    )


def _scale(wish: str) -> float:
    """Shares are shown in points."""
    return 100.0 if METRICS[_metric(wish)][0] == "share" else 1.0


def _times(value: float | None, scale: float) -> float | None:
    return None if value is None else value * scale


def _interval(figure: Found, metric: str) -> str:
    return span(**figure, unit=METRICS[metric][0])


def _interval_of_difference(row: Found, scale: float) -> str:
    mean, low, high = (_times(row[end], scale) for end in ("mean", "low", "high"))
    return span(mean, low, high)
