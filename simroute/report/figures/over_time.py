"""What policies did: latency, breakers and targets over time, under the same outages."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

from simroute.report.colors import CLEAR, HALF_OPEN, OPEN, PALE, Look, deployment_looks
from simroute.report.figures.weather import Spell, add_weather
from simroute.report.picture import (
    BUTTONS,
    PANEL,
    TOP,
    Json,
    Picture,
    RunDocuments,
    Table,
    axis,
    clock,
    fill,
    label,
    layout_axis,
    log_seconds,
    panels,
    weave,
)
from simroute.text import clean
from simroute.units import duration, percent, seconds

STATES = {"opened": "open", "half_opened": "half-open", "closed": "closed"}
"""Event of a breaker -> its state from then on."""


def latency(run: RunDocuments) -> Picture | str:
    """Median and 95th percentile of latency."""
    if not any(value for policy in run.policies for value in run.evidence_of(policy)["p95_s"]):
        return "No request succeeded, so there is no latency to show."
    layout, data = time_panels(run), []
    for index, policy in enumerate(run.policies):
        evidence, line = run.evidence_of(policy), run.style(policy)["line"]
        solid, dotted = line | {"dash": "solid"}, line | {"dash": "dot"}
        data.append(_line(run, policy, index, evidence["p95_s"], "p95 %{y:.1f} s", solid))
        data.append(_line(run, policy, index, evidence["p50_s"], "median %{y:.1f} s", dotted))
        same = {"matches": "y"} if index else {}
        layout[layout_axis("y", index)] |= log_seconds(coarse=True) | same
    heads = [f"{policy}, {what}" for policy in run.policies for what in ("median", "p95")]
    columns = [
        run.evidence_of(policy)[key] for policy in run.policies for key in ("p50_s", "p95_s")
    ]
    caption = (
        "Seconds from arrival to the complete answer, by time of arrival: 95th percentile "
        "(solid) and median (dotted), on a log scale."
    )
    table = slice_table(run, heads, columns, seconds)
    return Picture("When were answers slow?", caption, data, layout, table)


def breakers(run: RunDocuments) -> Picture | str:
    """States of every breaker in the first replication."""
    lanes = [
        (policy, breaker, spells)
        for policy in run.policies
        for breaker, spells in _breaker_spells(run, policy).items()
    ]
    if not lanes:
        return (
            "No breaker opened in the first replication, or no policy has one, so there are "
            "no breaker states to show."
        )
    data = [
        _state_bars(run, [spells for *_, spells in lanes], *style)
        for style in (("half-open", HALF_OPEN, "/"), ("open", OPEN, ""))
    ]
    layout = add_weather(
        run, {"height": 150 + 40 * len(lanes), "annotations": [], "shapes": []}, []
    )
    # names are cut, so two lanes may read the same: they are told apart by their index
    names = [f"{label(policy, 18)}<br>{label(breaker, 24)}" for policy, breaker, _ in lanes]
    layout |= {
        "barmode": "overlay",
        "margin": {"t": 84},  # names of outages stand below the legend
        "yaxis": {
            "autorange": "reversed",
            "automargin": True,
            "tickvals": [*range(len(lanes))],
            "ticktext": names,
        },
    }
    caption = (
        "Each breaker of the first replication, by what it guards: open (nothing passes), "
        "half-open (a trial passes), otherwise closed."
    )
    heads = ["policy", "breaker", "times open", "open in all", "first opened at"]
    table = Table(heads, [_breaker_row(*lane) for lane in lanes])
    return Picture("When did breakers open?", caption, data, layout, table)


def _state_bars(
    run: RunDocuments, lanes: list[list[Spell]], state: str, color: str, pattern: str
) -> Json:
    """The spells of one state, on the lanes of their breakers."""
    unit, unit_name = clock(run.summary["horizon_s"])
    spells = [
        (lane, start, end)
        for lane, each in enumerate(lanes)
        for start, end, name in each
        if name == state
    ]
    return {
        "type": "bar",
        "orientation": "h",
        "name": state,
        "y": [lane for lane, *_ in spells],
        "base": [start / unit for _, start, _ in spells],
        "x": [(end - start) / unit for _, start, end in spells],
        "marker": fill(color, pattern),
        "width": 0.7,
        "hovertemplate": f"{state} for %{{x:.2f}} {unit_name} from %{{base:.2f}} "
        f"{unit_name}<extra></extra>",
    }


def _breaker_spells(run: RunDocuments, policy: str) -> dict[str, list[Spell]]:
    """Open and half-open spells of each breaker that ever opened, by its name; a breaker of each
    layer, key and replica."""
    spells: dict[str, list[Spell]] = {}
    current: dict[str, tuple[float, str]] = {}
    of_replica: dict[int, set[str]] = {}
    turns = run.evidence_of(policy)["turns"]
    replicas = {turn[2] for turn in turns}
    stop = run.summary["horizon_s"]
    for t, event, replica, layer, key in turns:
        if event == "restarted":
            for breaker in of_replica.pop(replica, ()):
                start, before = current.pop(breaker)
                if before != "closed":
                    spells.setdefault(breaker, []).append((start, t, before))
        state = STATES.get(event)
        if state is None:
            continue
        prefix = f"{layer} " if layer != "breaker" else ""
        suffix = f" #{replica}" if len(replicas) > 1 else ""
        breaker = f"{prefix}{key or '?'}{suffix}"
        start, before = current.get(breaker, (t, "closed"))
        if before != "closed":
            spells.setdefault(breaker, []).append((start, t, before))
        current[breaker] = t, state
        of_replica.setdefault(replica, set()).add(breaker)
    for breaker, (start, state) in current.items():
        if state != "closed" and start < stop:
            spells.setdefault(breaker, []).append((start, stop, state))
    return spells


def _breaker_row(policy: str, breaker: str, spells: list[Spell]) -> list[str]:
    opened = [(start, end) for start, end, state in spells if state == "open"]
    return [
        clean(policy, 40),
        clean(breaker, 40),
        str(len(opened)),
        duration(sum(end - start for start, end in opened)),
        duration(opened[0][0]) if opened else "never",
    ]


def targets(run: RunDocuments) -> Picture | str:
    """Share of sends that went to each target."""
    sends = {policy: run.evidence_of(policy)["sends"] for policy in run.policies}
    names = list(sends[run.policies[0]])
    if not any(any(counts) for each in sends.values() for counts in each.values()):
        return "Nothing was sent to any provider, so there are no shares to show."
    layout = time_panels(run, whole=True)
    layout["height"] += BUTTONS  # names of many deployments are as wide as the page
    layout |= {
        "margin": {"t": TOP + BUTTONS},
        "legend": {"y": 1 - BUTTONS / layout["height"]},
    }
    for shape in layout["shapes"]:  # the areas would cover a shade that lies below them
        shape |= {
            "layer": "above",
            "fillcolor": CLEAR,
            "line": {"width": 1.5, "dash": "dash", "color": PALE},
        }
    looks, data = deployment_looks(names), []
    for index, policy in enumerate(run.policies):
        data += [_area(run, name, sends[policy][name], looks[name], index) for name in names]
        layout[layout_axis("y", index)] |= {"range": [0, 100], "ticksuffix": " %", "nticks": 3}
    columns = [
        list(map(_share, each[name], map(sum, zip(*each.values(), strict=True))))
        for each in sends.values()
        for name in names
    ]
    heads = [f"{policy}: {name}" for policy in run.policies for name in names]
    caption = (
        "Share of all sends (retries and trials included) that went to each deployment, by "
        "the time at which they were sent."
    )
    table = slice_table(run, heads, columns, percent)
    return Picture("Where did requests go?", caption, data, layout, table)


def _area(run: RunDocuments, name: str, counts: list[int], look: Look, index: int) -> Json:
    """Sends to a target in the stack of the panel with this index."""
    return {
        "type": "scatter",
        "mode": "lines",
        "x": middles(run),
        "y": counts,
        "stackgroup": f"s{index}",
        "groupnorm": "percent",
        "yaxis": axis("y", index),
        "name": label(name),
        "legendgroup": look.color + look.pattern,
        "showlegend": index == 0,
        "line": {"color": look.color, "width": 0},
        "fillcolor": look.color,
        "fillpattern": weave(look.pattern),
        "hovertemplate": "%{y:.0f} %<extra>%{fullData.name}</extra>",
    }


def time_panels(run: RunDocuments, height: int = PANEL, whole: bool = False) -> Json:
    """A layout of a panel for each policy, over one axis of time. whole: see `add_weather`."""
    return add_weather(run, panels(run.policies, height), run.policies, whole)


def _line(run: RunDocuments, policy: str, index: int, y: list[Any], hover: str, line: Json) -> Json:
    return {
        "type": "scatter",
        "mode": "lines",
        "x": middles(run),
        "y": y,
        "yaxis": axis("y", index),
        "line": line,
        "showlegend": False,
        "name": label(policy),
        "hovertemplate": f"{hover}<extra>%{{fullData.name}}</extra>",
    }


def middles(run: RunDocuments) -> list[float]:
    """Middles of the slices of time, in the unit of the axis."""
    unit, _ = clock(run.summary["horizon_s"])
    return [round((a + b) / 2 / unit, 6) for a, b in pairwise(_edges(run))]


def _edges(run: RunDocuments) -> list[float]:
    """Edges of the slices of time (s), the same for all policies."""
    edges: list[float] = run.evidence_of(run.policies[0])["edges_s"]
    return edges


def slice_table(
    run: RunDocuments,
    heads: list[str],
    columns: list[list[float | None]],
    format_value: Callable[[float | None], str],
) -> Table:
    """A row for each slice of time, by its start."""
    unit, unit_name = clock(run.summary["horizon_s"])
    rows = [
        [f"{start / unit:.4g} {unit_name}", *(format_value(column[i]) for column in columns)]
        for i, start in enumerate(_edges(run)[:-1])
    ]
    return Table(["from", *heads], rows)


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def replications_note(run: RunDocuments) -> str:
    """Which replications a picture over time shows."""
    if run.evidence["random_weather"]:
        return "Outages are random: this is the first replication."
    count = run.summary["replications"]
    return f"All {count} replications together." if count > 1 else "One replication."
