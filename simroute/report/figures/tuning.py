"""Pictures of a search, from its tune.json: what each parameter does, which pairs do, what the objective costs, how the race went."""

from __future__ import annotations

from typing import Any

from simroute.report.picture import PETROFF, Picture, Table, axis, label
from simroute.words import percent

Found = dict[str, Any]
HEIGHT, COLUMNS = 230, 3


def pictures(found: Found) -> dict[str, Picture]:
    """By name."""
    made = {"main_effects": main_effects(found), "pairs": pairs(found), "objective_and_constraint": against(found), "race": race(found)}
    return {name: picture for name, picture in made.items() if picture is not None}


def drawn(found: Found) -> dict[str, Any]:
    """As plotly's own objects."""
    return {name: picture.drawn() for name, picture in pictures(found).items()}


def main_effects(found: Found) -> Picture | None:
    """One panel for each parameter and objective."""
    effects = [each for each in found["main_effects"] if each["bins"]]
    if not effects:
        return None
    data: list[Any] = []
    layout = _grid([f"{each['parameter']}: {each['objective']}" for each in effects])
    rows = []
    for place, each in enumerate(effects):
        bins = each["bins"]
        names = [_class(row) for row in bins]
        error = {"type": "data", "array": [_half(row) for row in bins], "visible": True}
        data.append(
            {
                "type": "scatter", "mode": "lines+markers", "x": names, "y": [row["mean"] for row in bins], "error_y": error, "showlegend": False,
                "line": {"color": PETROFF[0]}, "xaxis": axis("x", place), "yaxis": axis("y", place),
            }
        )  # fmt: skip
        rows += [
            [label(each["parameter"]), each["objective"], name, str(row["count"]), _figure(row["mean"])]
            for name, row in zip(names, bins, strict=True)
        ]
    return Picture(
        "What does each parameter do?",
        "Mean difference from the starting setting over all candidates with such a value, with 95 % intervals; of the first generation, which fills "
        "the space evenly. The other parameters vary within each mean.",
        {"data": data, "layout": layout},
        Table(["parameter", "objective", "values", "candidates", "difference"], rows),
    )


def pairs(found: Found) -> Picture | None:
    """One map for each pair of parameters, of the first objective."""
    first = _first(found)
    maps = [each for each in found["pairs"] if each["objective"] == first and any(cell["count"] for cell in each["cells"])]
    if not maps:
        return None
    data: list[Any] = []
    layout = _grid([f"{each['x']} → , {each['y']} ↑" for each in maps])
    layout["coloraxis"] = {"colorscale": "Cividis", "colorbar": {"title": {"text": label(first, 60)}}}
    rows = []
    for place, each in enumerate(maps):
        size = [max(cell[way] for cell in each["cells"]) + 1 for way in ("x", "y")]
        z: list[list[float | None]] = [[None] * size[0] for _ in range(size[1])]
        for cell in each["cells"]:
            z[cell["y"]][cell["x"]] = cell["mean"]
            rows.append([label(each["x"]), label(each["y"]), f"{cell['x'] + 1}, {cell['y'] + 1}", str(cell["count"]), _figure(cell["mean"])])
        data.append({"type": "heatmap", "z": z, "coloraxis": "coloraxis", "xaxis": axis("x", place), "yaxis": axis("y", place)})
    return Picture(
        "Which parameters work together?",
        "Mean difference from the starting setting by classes of two parameters, from the low end to the high; white: no candidate there. "
        "Where rows differ in the same way in all columns, the two act each for itself.",
        {"data": data, "layout": layout},
        Table(["x", "y", "class", "candidates", "difference"], rows),
    )


def against(found: Found) -> Picture | None:
    """Objective by constraint; by the second objective or the replications where there is none."""
    rows = [each for each in found["candidates"] if each["replications"] and each["gain"][_first(found)] is not None]
    if not rows:
        return None
    x, title, bound = _across(found, rows)
    chosen = {found["start"]["candidate"]: ("start", "square", PETROFF[1]), found["recommended"]["candidate"]: ("recommended", "star", PETROFF[2])}
    data = [_points("candidates", "circle", PETROFF[4], [r for r in rows if r["number"] not in chosen], x, found)]
    data += [_points(*look, [r for r in rows if r["number"] == number], x, found) for number, look in chosen.items()]
    layout: Found = {"xaxis": {"title": {"text": title}}, "yaxis": {"title": {"text": f"{label(_first(found), 60)}, difference from the start"}}}
    if bound is not None:
        layout["shapes"] = [{"type": "line", "x0": bound, "x1": bound, "yref": "paper", "y0": 0, "y1": 1, "line": {"dash": "dash", "width": 1}}]
    table = [[str(r["number"]), str(r["replications"]), _figure(x[r["number"]]), _figure(r["gain"][_first(found)])] for r in rows]
    return Picture(
        "What does keeping the promise cost?",
        "Each point is a setting, by its means over the replications of the search that it has run; the dashed line is the constraint's bound.",
        {"data": data, "layout": layout},
        Table(["candidate", "replications", title, "difference"], table),
    )


def race(found: Found) -> Picture | None:
    """How many came to each rung, and how many stayed."""
    rungs = found["race"]
    if not rungs:
        return None
    names = [f"{rung['generation']}: {rung['replications']}" for rung in rungs]
    data = [
        {"type": "bar", "name": name, "x": names, "y": [len(rung[key]) for rung in rungs], "marker": {"color": color}}
        for name, key, color in (("came", "came", PETROFF[4]), ("stayed", "stayed", PETROFF[0]))
    ]
    layout = {
        "barmode": "overlay",
        "xaxis": {"title": {"text": "generation: replications"}, "type": "category"},
        "yaxis": {"title": {"text": "settings"}},
    }
    rows = [[name, str(len(rung["came"])), str(len(rung["stayed"]))] for name, rung in zip(names, rungs, strict=True)]
    return Picture(
        "How was the budget spent?",
        "Each generation begins with many settings and few replications; those that fall behind in the same weather leave, the others run more.",
        {"data": data, "layout": layout},
        Table(["generation: replications", "came", "stayed"], rows),
    )


def _across(found: Found, rows: list[Found]) -> tuple[dict[int, float | None], str, float | None]:
    if found["constraints"]:
        first = found["constraints"][0]
        worst = min if first["sign"].startswith(">") else max
        x = {r["number"]: worst((v for v in r["constraints"][0] if v is not None), default=None) for r in rows}
        return x, first["metric"], first["bound"]
    others = list(found["gain"])[1:]
    if others:
        return {r["number"]: r["gain"][others[0]] for r in rows}, others[0], None
    return {r["number"]: float(r["replications"]) for r in rows}, "replications", None


def _points(name: str, symbol: str, color: str, rows: list[Found], x: dict[int, float | None], found: Found) -> Found:
    words = [label(", ".join(f"{key}={value}" for key, value in r["settings"].items()), 200) for r in rows]
    marker = {"symbol": symbol, "color": color, "size": 7 if symbol == "circle" else 12}
    y = [r["gain"][_first(found)] for r in rows]
    return {"type": "scatter", "mode": "markers", "name": name, "x": [x[r["number"]] for r in rows], "y": y, "text": words, "marker": marker}


def _first(found: Found) -> str:
    return str(next(iter(found["gain"])))


def _class(row: Found) -> str:
    ends = [f"{end:.3g}" if isinstance(end, (int, float)) and not isinstance(end, bool) else label(str(end)) for end in (row["from"], row["to"])]
    return ends[0] if ends[0] == ends[1] else f"{ends[0]} to {ends[1]}"


def _half(row: Found) -> float:
    return 0.0 if row["high"] is None else (row["high"] - row["low"]) / 2


def _figure(value: float | None) -> str:
    return percent(None) if value is None else f"{value:.4g}"


def _grid(titles: list[str]) -> Found:
    """Panels in rows of three, each titled."""
    rows = -(-len(titles) // COLUMNS)
    layout: Found = {"height": HEIGHT * rows + 60, "annotations": []}
    for place, title in enumerate(titles):
        row, column = divmod(place, COLUMNS)
        left, top = column / COLUMNS, 1 - row / rows
        right, bottom = left + 0.82 / COLUMNS, top - 0.68 / rows
        layout["xaxis" if place == 0 else f"xaxis{place + 1}"] = {"domain": [left, right], "anchor": axis("y", place), "automargin": True}
        layout["yaxis" if place == 0 else f"yaxis{place + 1}"] = {"domain": [max(0.0, bottom), top], "anchor": axis("x", place), "automargin": True}
        heading = {"text": label(title, 60), "x": left, "y": top, "xref": "paper", "yref": "paper", "xanchor": "left", "yanchor": "bottom"}
        layout["annotations"].append({**heading, "showarrow": False})
    return layout
