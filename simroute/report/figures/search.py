"""Pictures of a search as a whole: how it went, and what stands against what."""

from __future__ import annotations

from typing import Any

from simroute.report.picture import PETROFF, Picture, Table, label
from simroute.text import clean, percent

Found = dict[str, Any]


def against(found: Found) -> Picture | None:
    """Objective by constraint; by the second objective or the replications where there is none."""
    rows = [
        each
        for each in found["candidates"]
        if each["replications"] and each["gain"][_first(found)] is not None
    ]
    if not rows:
        return None
    x, title, bound = _across(found, rows)
    chosen = {
        found["start"]["candidate"]: ("start", "square", PETROFF[1]),
        found["recommended"]["candidate"]: ("recommended", "star", PETROFF[2]),
    }
    data = [
        _points(
            "candidates",
            "circle",
            PETROFF[4],
            [r for r in rows if r["number"] not in chosen],
            x,
            found,
        )
    ]
    data += [
        _points(*look, [r for r in rows if r["number"] == number], x, found)
        for number, look in chosen.items()
    ]
    gain = f"{label(_metric(_first(found)), 40)}, difference"
    layout: Found = {
        "height": 420,
        "xaxis": {"title": {"text": title}},
        "yaxis": {"title": {"text": gain}},
    }
    if bound is not None:
        layout["shapes"] = [_bound("x", bound)]
    table = [
        [
            str(r["number"]),
            str(r["replications"]),
            _figure(x[r["number"]]),
            _figure(r["gain"][_first(found)]),
        ]
        for r in rows
    ]
    return Picture(
        "What does keeping the promise cost?",
        "Each point is a setting, by its means over the replications of the search that it has "
        "run, and its mean difference from the start; the "
        "dashed line is the constraint's bound.",
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
        {
            "type": "bar",
            "name": name,
            "x": names,
            "y": [len(rung[key]) for rung in rungs],
            "marker": {"color": color},
        }
        for name, key, color in (("came", "came", PETROFF[4]), ("stayed", "stayed", PETROFF[0]))
    ]
    layout = {
        "height": 360,
        "barmode": "overlay",
        "xaxis": {"title": {"text": "generation: replications"}, "type": "category"},
        "yaxis": {"title": {"text": "settings"}},
    }
    rows = [
        [name, str(len(rung["came"])), str(len(rung["stayed"]))]
        for name, rung in zip(names, rungs, strict=True)
    ]
    return Picture(
        "How was the budget spent?",
        "Each generation begins with many settings and few replications; those that fall behind "
        "in the same weather leave, the others run more.",
        {"data": data, "layout": layout},
        Table(["generation: replications", "came", "stayed"], rows),
    )


def _across(found: Found, rows: list[Found]) -> tuple[dict[int, float | None], str, float | None]:
    if found["constraints"]:
        first = found["constraints"][0]
        worst = min if first["sign"].startswith(">") else max
        x = {
            r["number"]: worst((v for v in r["constraints"][0] if v is not None), default=None)
            for r in rows
        }
        return x, first["metric"], first["bound"]
    others = list(found["gain"])[1:]
    if others:
        return {r["number"]: r["gain"][others[0]] for r in rows}, others[0], None
    return {r["number"]: float(r["replications"]) for r in rows}, "replications", None


def _points(
    name: str, symbol: str, color: str, rows: list[Found], x: dict[int, float | None], found: Found
) -> Found:
    words = [
        label(", ".join(f"{key}={value}" for key, value in r["settings"].items()), 200)
        for r in rows
    ]
    marker = {"symbol": symbol, "color": color, "size": 7 if symbol == "circle" else 12}
    y = [r["gain"][_first(found)] for r in rows]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": [x[r["number"]] for r in rows],
        "y": y,
        "text": words,
        "marker": marker,
    }


def _first(found: Found) -> str:
    return str(next(iter(found["gain"])))


def _class(row: Found) -> str:
    ends = [
        f"{end:.3g}"
        if isinstance(end, (int, float)) and not isinstance(end, bool)
        else clean(str(end), 28)
        for end in (row["from"], row["to"])
    ]
    return ends[0] if ends[0] == ends[1] else f"{ends[0]} to {ends[1]}"


def _error(rows: list[Found], scale: float = 1.0) -> Found:
    """Bars from the bounds, which need not lie evenly about the mean."""
    known = [
        row if row["high"] is not None else {"mean": 0.0, "low": 0.0, "high": 0.0} for row in rows
    ]
    up, down = ([scale * abs(row[end] - row["mean"]) for row in known] for end in ("high", "low"))
    return {
        "type": "data",
        "symmetric": False,
        "array": up,
        "arrayminus": down,
        "visible": True,
        "thickness": 1.5,
    }


def _bound(letter: str, value: float) -> Found:
    other = "y" if letter == "x" else "x"
    ends = {
        f"{letter}0": value,
        f"{letter}1": value,
        f"{other}0": 0,
        f"{other}1": 1,
        f"{other}ref": "paper",
    }
    return {"type": "line", **ends, "line": {"dash": "dash", "width": 1.5, "color": PETROFF[4]}}


def _metric(wish: str) -> str:
    return wish.split()[-1]


def _figure(value: float | None) -> str:
    return percent(None) if value is None else f"{value:.4g}"
