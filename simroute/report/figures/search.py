"""A search as a whole: its settings by objective and constraint, and its rounds."""

from __future__ import annotations

from simroute.report.colors import GREY, KINDS
from simroute.report.picture import Json, Picture, Table, label, note
from simroute.text import clean
from simroute.units import parameter_units, percent, setting_text


def draw_pictures(summary: Json) -> dict[str, Picture]:
    """The pictures by name, without those that have nothing to show."""
    pictures = {"objective_and_constraint": settings(summary), "race": rounds(summary)}
    return {name: picture for name, picture in pictures.items() if picture is not None}


def settings(summary: Json) -> Picture | None:
    """Settings by objective and constraint; without constraints by the second objective, without
    that by replications."""
    objective = first_objective(summary)
    rows = [
        row
        for row in summary["candidates"]
        if row["replications"] and row["gain"][objective] is not None
    ]
    if not rows:
        return None
    x, title, bound = _x_axis(summary, rows)
    named = {
        summary["start"]["candidate"]: ("start", "square", KINDS[4]),
        summary["recommended"]["candidate"]: ("recommended", "star", KINDS[3]),
    }
    others = [row for row in rows if row["number"] not in named]
    data = [_points(others, x, objective, "candidates", "circle", GREY)]
    data += [
        _points([row for row in rows if row["number"] == number], x, objective, *style)
        for number, style in named.items()
    ]
    gain = f"{label(metric_of(objective), 40)}, difference"
    layout: Json = {
        "height": 420,
        "xaxis": {"title": {"text": title}},
        "yaxis": {"title": {"text": gain}},
    }
    if bound is not None:
        add_bound(layout, bound, [value for value in x.values() if value is not None])
    caption = (
        "Each point is a setting, by its means over the replications of the search that it has "
        "run, and its mean difference from the start; the dashed line is the constraint's bound, "
        "or an arrow shows where it lies."
    )
    table = _settings_table(summary, rows, x, title)
    return Picture("What does keeping the promise cost?", caption, data, layout, table)


def _settings_table(
    summary: Json, rows: list[Json], x: dict[int, float | None], title: str
) -> Table:
    """A row for each setting: the values of its parameters, and its figures."""
    objective, units = first_objective(summary), parameter_units(summary)
    cells = [
        [
            str(row["number"]),
            *(
                setting_text(row["settings"][name], unit) if name in row["settings"] else ""
                for name, unit in units.items()
            ),
            str(row["replications"]),
            figure_text(x[row["number"]]),
            figure_text(row["gain"][objective]),
        ]
        for row in rows
    ]
    heads = [clean(name, 60) for name in units]
    return Table(["candidate", *heads, "replications", title, "difference"], cells)


def rounds(summary: Json) -> Picture | None:
    """How many settings entered each round of the search, and how many stayed."""
    rows = summary["race"]
    if not rows:
        return None
    names = [f"{row['generation']}: {row['replications']}" for row in rows]
    data = [
        {
            "type": "bar",
            "name": key,
            "x": names,
            "y": [len(row[key]) for row in rows],
            "marker": {"color": color},
        }
        for key, color in (("came", GREY), ("stayed", KINDS[0]))
    ]
    layout = {
        "height": 360,
        "barmode": "overlay",
        "xaxis": {"title": {"text": "round: replications"}, "type": "category"},
        "yaxis": {"title": {"text": "settings"}},
    }
    table = [
        [name, str(len(row["came"])), str(len(row["stayed"]))]
        for name, row in zip(names, rows, strict=True)
    ]
    return Picture(
        "How was the budget spent?",
        "Each round of the search begins with many settings and few replications; those that fall "
        "behind in the same weather leave, the others run more.",
        data,
        layout,
        Table(["round: replications", "came", "stayed"], table),
    )


def _x_axis(summary: Json, rows: list[Json]) -> tuple[dict[int, float | None], str, float | None]:
    """x of each candidate by its number, the axis' title, and the bound of a constraint."""
    if summary["constraints"]:
        first = summary["constraints"][0]
        worst = min if first["sign"].startswith(">") else max
        x = {
            row["number"]: worst(
                (value for value in row["constraints"][0] if value is not None), default=None
            )
            for row in rows
        }
        return x, first["metric"], first["bound"]
    others = list(summary["gain"])[1:]
    if others:
        return {row["number"]: row["gain"][others[0]] for row in rows}, others[0], None
    return {row["number"]: float(row["replications"]) for row in rows}, "replications", None


def _points(rows: list[Json], x: dict[int, float | None], objective: str, *style: str) -> Json:
    name, symbol, color = style
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": [x[row["number"]] for row in rows],
        "y": [row["gain"][objective] for row in rows],
        "text": [
            label(", ".join(f"{key}={value}" for key, value in row["settings"].items()), 200)
            for row in rows
        ],
        "marker": {"symbol": symbol, "color": color, "size": 7 if symbol == "circle" else 12},
    }


def first_objective(summary: Json) -> str:
    """The first objective, such as "min cost_usd"."""
    return str(next(iter(summary["gain"])))


def metric_of(objective: str) -> str:
    """The metric of an objective."""
    return objective.split()[-1]


def add_bound(layout: Json, bound: float, drawn: list[float]) -> None:
    """Adds a bound of the x axis to a layout: a dashed line, or an arrow at the edge where the line
    would squeeze what is drawn into less than half of the width."""
    low, high = min(drawn, default=bound), max(drawn, default=bound)
    if not drawn or low == high or 2 * low - high <= bound <= 2 * high - low:
        layout.setdefault("shapes", []).append(dashed_line("x", bound))
        return
    left = bound < low
    text = f"← bound {bound:g}" if left else f"bound {bound:g} →"
    edge: Json = {"xref": "paper", "xanchor": "left" if left else "right"}
    edge |= {"yref": "paper", "yanchor": "bottom", "font": {"size": 11}}
    layout.setdefault("annotations", []).append(note(text, 0 if left else 1, 1, **edge))


def dashed_line(letter: str, value: float) -> Json:
    """plotly's shape at a value of the x or y axis, across the whole plot."""
    other = "y" if letter == "x" else "x"
    ends = {
        f"{letter}0": value,
        f"{letter}1": value,
        f"{other}0": 0,
        f"{other}1": 1,
        f"{other}ref": "paper",
    }
    return {"type": "line", **ends, "line": {"dash": "dash", "width": 1.5, "color": GREY}}


def figure_text(value: float | None) -> str:
    """A figure with four digits."""
    return percent(None) if value is None else f"{value:.4g}"
