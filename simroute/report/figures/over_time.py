"""What happened: success, latency, breakers and targets over time, under the same outages."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from simroute.report.picture import (
    Picture,
    RunDocuments,
    Table,
    axis,
    clock,
    filled,
    label,
    log_seconds,
    note,
    panels,
    target_style,
)
from simroute.text import clean, duration, percent, seconds

NAMED = 6
THROTTLED = 0.05
"""A slice counts as throttled from this share of 429s on."""


def success(run: RunDocuments) -> Picture | str:
    """Share of requests that succeed."""
    shares = {
        policy: [_share(ok, all_) for ok, all_ in _pairs(run, policy, "ok", "arrivals")]
        for policy in run.policies
    }
    known = [100 * value for values in shares.values() for value in values if value is not None]
    if not known:
        return "No request arrived, so there is no success to show."
    low = min(99.0, min(known))
    layout = _panels(run)
    data = []
    for place, policy in enumerate(run.policies):
        y = [None if value is None else 100 * value for value in shares[policy]]
        data.append(_line(run, policy, place, y, "%{y:.1f} %", run.style(policy)["line"]))
        layout[_yaxis(place)] |= {
            "range": [max(-3.0, low - 5), 103],
            "ticksuffix": " %",
            "nticks": 4,
        }
    promise = run.evidence["slo"]["success"]
    rows = [
        [when, *(percent(shares[policy][i]) for policy in run.policies)]
        for i, when in enumerate(_slices(run))
    ]
    return Picture(
        "When did requests succeed?",
        f"Share of the requests that arrived in each slice of time and got an answer; the "
        f"promise is {percent(promise)}. {_source(run)}",
        {"data": data, "layout": layout},
        Table(["from", *run.policies], rows),
    )


def latency(run: RunDocuments) -> Picture | str:
    """Median and 95th percentile."""
    if not any(value for policy in run.policies for value in run.of(policy)["p95_s"]):
        return "No request succeeded, so there is no latency to show."
    layout, data = _panels(run), []
    for place, policy in enumerate(run.policies):
        found, line = run.of(policy), run.style(policy)["line"]
        data.append(
            _line(run, policy, place, found["p95_s"], "p95 %{y:.1f} s", line | {"dash": "solid"})
        )
        data.append(
            _line(
                run,
                policy,
                place,
                found["p50_s"],
                "median %{y:.1f} s",
                line | {"dash": "dot"},
            )
        )
        layout[_yaxis(place)] |= log_seconds(coarse=True) | ({"matches": "y"} if place else {})
    heads = ["from"] + [
        f"{policy}, {what}" for policy in run.policies for what in ("median", "p95")
    ]
    columns = [run.of(policy)[key] for policy in run.policies for key in ("p50_s", "p95_s")]
    rows = [
        [when, *(seconds(column[i]) for column in columns)] for i, when in enumerate(_slices(run))
    ]
    caption = (
        "Seconds from arrival to the complete answer, by time of arrival: 95th percentile "
        "(solid) and median (dotted), on a log scale."
    )
    return Picture(
        "When were answers slow?", caption, {"data": data, "layout": layout}, Table(heads, rows)
    )


def breakers(run: RunDocuments) -> Picture | str:
    """States of every breaker in the first replication."""
    spells = {policy: found for policy in run.policies if (found := _spells(run, policy))}
    if not spells:
        return (
            "No breaker opened in the first replication, or no policy has one, so there are "
            "no breaker states to show."
        )
    lanes = [(policy, lane) for policy, found in spells.items() for lane in found]
    data = []
    for place, (state, color) in ((1, ("half-open", "#f89c20")), (0, ("open", "#e42536"))):
        picked = [
            (row, spell)
            for row, (policy, lane) in enumerate(lanes)
            for spell in spells[policy][lane]
            if spell[2] == state
        ]
        unit, name = clock(run.summary["horizon_s"])
        data.append(
            {
                "type": "bar",
                "orientation": "h",
                "name": state,
                "y": [row for row, _ in picked],
                "base": [spell[0] / unit for _, spell in picked],
                "x": [(spell[1] - spell[0]) / unit for _, spell in picked],
                "marker": filled(color, place) | {"line": {"width": 0}},
                "width": 0.7,
                "hovertemplate": f"{state} for %{{x:.2f}} {name} from %{{base:.2f}} "
                f"{name}<extra></extra>",
            }
        )
    layout = _weather(run, {"height": 130 + 40 * len(lanes), "annotations": [], "shapes": []}, [])
    # cut, so that two may read alike
    words = [f"{label(policy, 18)}<br>{label(lane, 24)}" for policy, lane in lanes]
    layout |= {
        "barmode": "overlay",
        "yaxis": {
            "autorange": "reversed",
            "automargin": True,
            "tickvals": [*range(len(lanes))],
            "ticktext": words,
        },
    }
    rows = [
        _opened(policy, lane, [spell for spell in spells[policy][lane] if spell[2] == "open"])
        for policy, lane in lanes
    ]
    caption = (
        "Each breaker of the first replication, by what it guards: open (nothing passes), "
        "half-open (a trial passes), otherwise closed."
    )
    heads = ["policy", "breaker", "times open", "open in all", "first opened at"]
    return Picture(
        "When did breakers open?", caption, {"data": data, "layout": layout}, Table(heads, rows)
    )


def targets(run: RunDocuments) -> Picture | str:
    """Share of sends that went to each target."""
    names = list(run.of(run.policies[0])["sends"])
    if not any(any(row) for policy in run.policies for row in run.of(policy)["sends"].values()):
        return "Nothing was sent to any provider, so there are no shares to show."
    layout, data = _panels(run), []
    for shape in layout["shapes"]:  # the areas would hide what is shaded below them
        shape |= {
            "layer": "above",
            "fillcolor": "rgba(0,0,0,0)",
            "line": {"width": 1.5, "dash": "dash", "color": "#1b1f24"},
        }
    for place, policy in enumerate(run.policies):
        sends, middles = run.of(policy)["sends"], _middles(run)
        for number, name in enumerate(names):
            style = target_style(number)
            data.append(
                {
                    "type": "scatter",
                    "mode": "lines",
                    "x": middles,
                    "y": sends[name],
                    "stackgroup": f"s{place}",
                    "groupnorm": "percent",
                    "yaxis": axis("y", place),
                    "name": label(name),
                    "legendgroup": str(number),
                    "showlegend": place == 0,
                    "line": {"color": style["color"], "width": 0},
                    "fillcolor": style["color"],
                    "fillpattern": {
                        "shape": style["pattern"],
                        "fillmode": "overlay",
                        "fgcolor": "#fff",
                        "fgopacity": 0.5,
                        "size": 7,
                    },
                    "hovertemplate": "%{y:.0f} %<extra>%{fullData.name}</extra>",
                }
            )
        layout[_yaxis(place)] |= {"range": [0, 100], "ticksuffix": " %", "nticks": 3}
    heads = ["from"] + [f"{policy}: {name}" for policy in run.policies for name in names]
    columns = [_of_all(run, policy, name) for policy in run.policies for name in names]
    rows = [
        [when, *(percent(column[i]) for column in columns)] for i, when in enumerate(_slices(run))
    ]
    caption = (
        "Share of all sends (retries and trials included) that went to each deployment, by "
        "the time at which they were sent."
    )
    return Picture(
        "Where did requests go?", caption, {"data": data, "layout": layout}, Table(heads, rows)
    )


def _of_all(run: RunDocuments, policy: str, name: str) -> list[float | None]:
    sends = run.of(policy)["sends"]
    return [
        _share(part, sum(row[i] for row in sends.values())) for i, part in enumerate(sends[name])
    ]


def _spells(run: RunDocuments, policy: str) -> dict[str, list[tuple[float, float, str]]]:
    """(start, end, state) of each breaker that ever opened, by its name; one lane for each layer,
    breaker of it and replica."""
    found: dict[str, list[tuple[float, float, str]]] = {}
    began: dict[str, tuple[float, str]] = {}
    turns = run.of(policy)["turns"]
    replicas = {turn[2] for turn in turns}
    stop = run.summary["horizon_s"]
    for t, event, replica, layer, whose in turns:
        state = {"opened": "open", "half_opened": "half-open", "closed": "closed"}.get(event)
        if state is None:
            continue
        lane = " ".join(
            [
                *([layer] if layer != "breaker" else []),
                whose or "?",
                *([f"#{replica}"] if len(replicas) > 1 else []),
            ]
        )
        if lane in began and began[lane][1] != "closed":
            found.setdefault(lane, []).append((began[lane][0], t, began[lane][1]))
        began[lane] = t, state
    for lane, (start, state) in began.items():
        if state != "closed" and start < stop:
            found.setdefault(lane, []).append((start, stop, state))
    return found


def _opened(policy: str, lane: str, opened: list[tuple[float, float, str]]) -> list[str]:
    first = duration(opened[0][0]) if opened else "never"
    return [
        clean(policy, 40),
        clean(lane, 40),
        str(len(opened)),
        duration(sum(end - start for start, end, _ in opened)),
        first,
    ]


def _panels(run: RunDocuments) -> dict[str, Any]:
    layout = panels(run.policies)
    return _weather(run, layout, run.policies)


def _weather(run: RunDocuments, layout: dict[str, Any], policies: list[str]) -> dict[str, Any]:
    """Time on the x axis; outages and price steps shaded and named, throttling shaded where a
    panel's policy met it."""
    unit, name = clock(run.summary["horizon_s"])
    layout["xaxis"] = layout.get("xaxis", {}) | {
        "title": {"text": f"time ({name})"},
        "range": [0, run.summary["horizon_s"] / unit],
    }
    for place, one in enumerate(run.evidence["weather"]):
        span = {
            "x0": one["start_s"] / unit,
            "x1": min(one["end_s"], run.summary["horizon_s"]) / unit,
            "y0": 0,
            "y1": 1,
            "yref": "paper",
        }
        if one["kind"] == "outage":
            layout["shapes"].append(
                {
                    "type": "rect",
                    "fillcolor": "rgba(128,128,128,0.22)",
                    "line": {"width": 0},
                    "layer": "below",
                    **span,
                }
            )
        else:
            layout["shapes"].append(
                {"type": "line", "line": {"color": "#964a8b", "dash": "dash", "width": 1.5}, **span}
            )
        if place < NAMED:
            text, high = label(one["name"], 22), 1.0
            shift = 18 + 14 * (place % 2)
            where = (span["x0"] + span["x1"]) / 2
            layout["annotations"].append(
                note(
                    text,
                    where,
                    high,
                    yref="paper",
                    yanchor="bottom",
                    yshift=shift,
                    font={"size": 11},
                )
            )
    for place, policy in enumerate(policies):
        layout["shapes"] += [
            {
                "type": "rect",
                "x0": start / unit,
                "x1": end / unit,
                "y0": 0,
                "y1": 1,
                "yref": f"{axis('y', place)} domain",
                "layer": "below",
                "fillcolor": "rgba(248,156,32,0.22)",
                "line": {"width": 0},
            }
            for start, end, _ in throttled(run, policy)
        ]
    return layout


def throttled(run: RunDocuments, policy: str) -> list[tuple[float, float, str]]:
    """(start, end, target) of spells in which a target answered more than a twentieth of its calls
    with 429."""
    found: list[tuple[float, float, str]] = []
    edges, evidence = run.of(policy)["edges_s"], run.of(policy)
    for target, limited in evidence["limited"].items():
        for i, count in enumerate(limited):
            if count and count > THROTTLED * evidence["sends"][target][i]:
                if found and found[-1][2] == target and found[-1][1] == edges[i]:
                    found[-1] = (found[-1][0], edges[i + 1], target)
                else:
                    found.append((edges[i], edges[i + 1], target))
    return found


def _line(
    run: RunDocuments, policy: str, place: int, y: list[Any], hover: str, line: dict[str, Any]
) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines",
        "x": _middles(run),
        "y": y,
        "yaxis": axis("y", place),
        "line": line,
        "showlegend": False,
        "name": label(policy),
        "hovertemplate": hover + "<extra>%{fullData.name}</extra>",
    }


def _yaxis(place: int) -> str:
    return axis("y", place).replace("y", "yaxis")


def _middles(run: RunDocuments) -> list[float]:
    edges, (unit, _) = (
        run.of(run.policies[0])["edges_s"],
        clock(run.summary["horizon_s"]),
    )
    return [round((a + b) / 2 / unit, 6) for a, b in pairwise(edges)]


def _slices(run: RunDocuments) -> list[str]:
    unit, name = clock(run.summary["horizon_s"])
    return [f"{start / unit:.4g} {name}" for start in run.of(run.policies[0])["edges_s"][:-1]]


def _pairs(run: RunDocuments, policy: str, part: str, whole: str) -> list[tuple[int, int]]:
    found = run.of(policy)
    return list(zip(found[part], found[whole], strict=True))


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _source(run: RunDocuments) -> str:
    if run.evidence["random_weather"]:
        return "Outages are random: this is the first replication."
    many = run.summary["replications"]
    return f"All {many} replications together." if many > 1 else "One replication."
