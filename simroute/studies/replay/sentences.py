"""A replay in sentences, from `replay` of summary.json."""

from __future__ import annotations

from typing import Any

from simroute.config.documents import RECORDED
from simroute.metrics import METRICS
from simroute.units import difference_span, percent, seconds, usd

WORDS = {
    "success_rate": "success",
    "latency_p50_s": "median latency",
    "latency_p95_s": "p95 latency",
    "cost_usd": "cost",
}
MOVED = 0.2
"""A share of all calls that a policy sends elsewhere; from here on it is said beside the
differences."""


def calibration_sentences(replay: dict[str, Any]) -> list[str]:
    """How far the log's own routing, replayed, is from the log: what stands above all else."""
    compared = replay["calibration"]
    if not compared:
        return [
            "Calibration: the log tells neither how its requests ended nor what they cost; all "
            "figures are modelled."
        ]
    lines = [
        f"Calibration: the log's own routing, replayed, against the log ({replay['requests']:,} "
        f"requests):"
    ]
    for name, row in compared.items():
        lines.append(
            f"  {WORDS[name]}: {_figure(name, row['replayed']['mean'])}, logged "
            f"{_figure(name, row['logged'])} ({_residual(name, row)})"
        )
    worst = _largest_residuals(replay["hours"], compared)
    return lines + ([f"  by hour: {worst}"] if worst else [])


def replay_sentences(replay: dict[str, Any]) -> list[str]:
    """What is decided in spite of the residual, what was observed, and why no saving is known."""
    lines = []
    for policy, shares in replay["origin"].items() if replay["calibration"] else ():
        if policy != RECORDED and shares["answers"] is not None:
            lines.append(
                f"{policy}: {percent(shares['answers'])} of its answers are the log's own (that "
                f"model, that hour), the others modelled"
            )
            lines += _moved_calls(policy, replay["sends"])
            lines += [
                f"  {_difference(row)}"
                for row in replay["differences"]
                if row["policy"] == policy and row["mean"] is not None
            ]
    if not replay["shifts"]:
        lines.append(
            f"No shift of work to a cheaper deployment is known: "
            f"{'; '.join(replay['shifts_missing'])}."
        )
    return lines + savings_sentences(replay)


def savings_sentences(replay: dict[str, Any]) -> list[str]:
    """Whose change pays most; nothing in a summary of an earlier version."""
    most = replay.get("pays_most", {"shift": None, "cache": None, "policies": {}})
    texts = [most["shift"], most["cache"], *most["policies"].values()]
    return [text for text in texts if text is not None]


def _moved_calls(policy: str, sends: dict[str, dict[str, float]]) -> list[str]:
    """Says where a policy sends far more calls than the log did: then its figures are those of
    other models, whatever fails."""
    was = sends.get(RECORDED, {})
    more = (
        {name: share - was.get(name, 0.0) for name, share in sends[policy].items()} if was else {}
    )
    name = max(more, key=lambda each: more[each], default=None)
    if name is None or more[name] < MOVED:
        return []
    shares = (
        f"{percent(sends[policy][name])} of its calls go to {name}, in the log "
        f"{percent(was.get(name, 0.0))}"
    )
    return [
        f"  {shares}: these differences are of models, too; `recorded: {{}}` as its first layer "
        f"keeps the log's"
    ]


def _difference(row: dict[str, Any]) -> str:
    name, unit = row["metric"], METRICS[row["metric"]][0]
    if row.get("same"):
        return f"{row['policy']} - {RECORDED}, {WORDS[name]}: the same"
    change = ("+" if row["mean"] > 0 else "") + difference_span(
        row["mean"], row["low"], row["high"], unit
    )
    size = row["residual"]
    allowed = (
        " (the log does not tell it)"
        if size is None
        else f" (residual {f'{100 * size:.3f} points' if unit == 'share' else _figure(name, size)})"
    )
    return (
        f"{row['policy']} - {RECORDED}, {WORDS[name]}: "
        f"{change}{'' if row['decided'] else f', undecided{allowed}'}"
    )


def _figure(name: str, value: float | None) -> str:
    unit = METRICS[name][0]
    return percent(value) if unit == "share" else seconds(value) if unit == "s" else usd(value)


def _residual(name: str, row: dict[str, Any]) -> str:
    if row["residual"] is None:
        return "not known"
    if METRICS[name][0] == "share":
        return f"{row['residual'] * 100:+.3f} points"
    return (
        f"{row['relative'] * 100:+.2f} %"
        if row["relative"] is not None
        else f"{row['residual']:+g}"
    )


def _largest_residuals(hours: list[dict[str, Any]], calibration: dict[str, Any]) -> str:
    """The largest residual of each figure over the hours, in words."""
    residuals = []
    for name in calibration:
        gaps = [
            (row[name]["replayed"] - row[name]["logged"], row[name]["logged"])
            for row in hours
            if row[name]["replayed"] is not None and row[name]["logged"] is not None
        ]
        if not gaps:
            continue
        gap, was = max(gaps, key=lambda pair: abs(pair[0]))
        shown = (
            f"{gap * 100:+.2f} points"
            if METRICS[name][0] == "share"
            else f"{gap / was * 100:+.1f} %"
            if was
            else _figure(name, gap)
        )
        residuals.append(f"{WORDS[name]} {shown}")
    return f"at most {', '.join(residuals)} off" if residuals else ""
