"""What a search has found, in sentences."""

from __future__ import annotations

from typing import Any

from simroute.metrics import METRICS
from simroute.text import clean
from simroute.units import parameter_units, setting_text, span

STATES = {
    "met": "met",
    "not shown": "not shown to be met",
    "broken": "broken",
    "unknown": "not confirmed",
}

FEW = 10
"""Settings; with fewer a search says little."""


def sentences(summary: dict[str, Any]) -> list[str]:
    """From the recommendation to its doubts."""
    lines = [_describe_recommendation(summary), *_describe_few(summary["evaluations"])]
    if len(summary["front"]) > 1:
        lines.append(
            f"{len(summary['front'])} settings are on the front: none beats another in all "
            f"objectives. Recommended is the one in its middle."
        )
    lines += [_describe_objective(summary, wish) for wish in summary["gain"]]
    lines += [_describe_other(summary, row) for row in summary["against"]]
    lines += [_describe_constraint(row) for row in summary["recommended"]["constraints"]]
    if any(row["state"] == "broken" for row in summary["start"]["constraints"]):
        lines.append(
            "The starting setting breaks a constraint, so that costs and benefits are not those "
            "of equals."
        )
    lines += [text for wish in summary["gain"] if (text := _describe_optimism(summary, wish))]
    units = parameter_units(summary)
    return lines + [
        text
        for row in summary["parameters"]
        if (text := _describe_parameter(row, units[row["name"]]))
    ]


def _describe_few(evaluations: dict[str, Any]) -> list[str]:
    """A doubt where few settings were tried out of more."""
    count = evaluations["candidates"]
    if count >= FEW or evaluations["space_exhausted"]:
        return []
    settings = f"{count} settings were" if count != 1 else "1 setting was"
    return [f"Only {settings} tried: take this as a hint."]


def _describe_recommendation(summary: dict[str, Any]) -> str:
    if summary["recommended"]["candidate"] == summary["start"]["candidate"]:
        text = "Recommended: the starting setting; nothing better was found"
    else:
        units, start = parameter_units(summary), summary["start"]["settings"]
        changes = [
            f"{name}={setting_text(value, units[name])} {_before(value, start[name], units[name])}"
            for name, value in summary["recommended"]["settings"].items()
        ]
        text = f"Recommended: {', '.join(changes)}"
    if summary["interrupted"]:
        text += "; interrupted, so judge by what was finished"
    return f"{text}."


def _before(value: Any, start: Any, unit: str) -> str:
    return "(as before)" if value == start else f"(was {setting_text(start, unit)})"


def _describe_objective(summary: dict[str, Any], wish: str) -> str:
    metric = wish.split()[-1]
    unit = METRICS[metric][0]
    fresh = summary["replications"]["fresh"]
    stage = "fresh" if fresh else "search"
    figures = summary["recommended"][stage]
    each = "; ".join(
        f"{span(**values[metric], unit=unit)}{f' in {name}' if len(figures) > 1 else ''}"
        for name, values in figures.items()
    )
    gain = summary["gain"][wish][stage]
    text = f"{wish}: {each}"
    if summary["recommended"]["candidate"] == summary["start"]["candidate"] or gain["mean"] is None:
        return f"{text}."
    where = (
        f"over {fresh} fresh replications"
        if fresh
        else f"over {summary['replications']['search']} replications of the search, not confirmed"
    )
    text += f"; {_difference_text(gain, unit)} than the start, paired {where}"
    if gain["low"] is not None and gain["low"] <= 0 <= gain["high"]:
        text += "; by this the two cannot be told apart"
    return f"{text}."


def _describe_other(summary: dict[str, Any], row: dict[str, Any]) -> str:
    """What is recommended beside a policy as it is."""
    name = clean(row["policy"], 40)
    parts = [
        f"{wish.split()[-1]} {_difference_text(gain, METRICS[wish.split()[-1]][0])}"
        for wish, gain in row["gain"].items()
        if gain["mean"] is not None
    ]
    states = {each["state"] for each in row["constraints"]}
    constraints = (
        ", which breaks a constraint"
        if "broken" in states
        else ", which is not shown to keep the constraints"
        if "not shown" in states
        else ""
    )
    return (
        f"Than {name}{constraints}: {'; '.join(parts) or 'nothing can be said'}; paired over "
        f"{summary['replications']['fresh']} fresh replications."
    )


def _difference_text(gain: dict[str, Any], unit: str) -> str:
    """A difference as "$7.56 (7.41 to 7.71) less"."""
    more = gain["mean"] >= 0
    low, high = (
        (gain["low"], gain["high"])
        if more
        else (None if gain[end] is None else -gain[end] for end in ("high", "low"))
    )
    text = span(abs(gain["mean"]), low, high, unit)
    return (
        f"{text.replace(' %', ' points') if unit == 'share' else text} {'more' if more else 'less'}"
    )


def _describe_constraint(row: dict[str, Any]) -> str:
    metric = row["constraint"].split(">")[0].split("<")[0]
    figure = (
        f": {span(row['mean'], row['low'], row['high'], METRICS[metric][0])}"
        if "mean" in row
        else ""
    )
    return f"{row['constraint']} in {clean(row['scenario'], 40)}: {STATES[row['state']]}{figure}."


def _describe_optimism(summary: dict[str, Any], wish: str) -> str | None:
    row = summary["optimism"][wish]
    if row["difference"] is None:
        return None
    unit = METRICS[wish.split()[-1]][0]
    ends = [span(row[stage], None, None, unit) for stage in ("training", "fresh")]
    text = f"Optimism, {wish.split()[-1]}: {ends[0]} in the search, {ends[1]} in fresh weather"
    if (
        row["gain_difference"] is None
        or summary["recommended"]["candidate"] == summary["start"]["candidate"]
    ):
        return f"{text}."
    gain = summary["gain"][wish]
    return (
        f"{text}; {_difference_text(_mean(gain['search']), unit)} than the start there, "
        f"{_difference_text(_mean(gain['fresh']), unit)} here."
    )


def _mean(gain: dict[str, Any]) -> dict[str, Any]:
    return {"mean": gain["mean"], "low": None, "high": None}


def _describe_parameter(row: dict[str, Any], unit: str) -> str | None:
    good, parts = [setting_text(value, unit) for value in row["good"]], []
    if row["flat"] and "log" in row:
        parts.append(f"flat: from {good[0]} to {good[-1]} nothing can be told from the best")
    elif row["flat"]:
        parts.append(f"flat: {', '.join(good)} cannot be told apart")
    if row["advice"] and not row["flat"]:
        parts.append(row["advice"])
    if not row["counts"]:
        parts.append("has no effect in the recommended setting")
    return f"{row['name']}: {'; '.join(parts)}." if parts else None
