"""A study of assumptions as a table: along one, a map over two, bars for all."""

from __future__ import annotations

from typing import Any

from simroute.layout import Column
from simroute.metrics import METRICS
from simroute.report.figures.sensitivity import COST, describe_winner, winner_letters, winner_sign
from simroute.report.figures.tornado import ENDS, is_open, lead, unkept_ends
from simroute.text import clean, shortened
from simroute.units import money, percent, quantity, seconds, short_key

SIDE_BY_SIDE = 4
"""Policies that have columns of their own."""
MOST_BARS = 20

Summary = dict[str, Any]
"""`sensitivity.json`, or a part of it."""
Table = tuple[str, list[str], list[Column]]
"""The head of the names, the names, and the other columns."""


def short_table(summary: Summary) -> Table:
    """The table of a study of this kind."""
    if summary["kind"] == "tornado":
        return _bar_table(summary)
    return _value_table(summary) if len(summary["axes"]) == 1 else _winner_map(summary)


def map_legend(summary: Summary) -> str:
    """What the sides and the letters of a map stand for."""
    across, up = (short_key(axis["key"]) for axis in summary["axes"])
    letters = ", ".join(winner_letters(summary["policies"], 30).values())
    return f"across: {across}; up: {up}; ?: undecided; {letters}"


def _value_table(summary: Summary) -> Table:
    """A row for each value of the assumption."""
    (assumption,) = summary["axes"]
    policies = summary["policies"] if len(summary["policies"]) <= SIDE_BY_SIDE else []
    heads = shortened(policies, 14)
    body = []
    for number, policy in enumerate(policies, 1):
        success, cost = zip(
            *(_figures(cell, policy, [summary["share"], COST]) for cell in summary["cells"]),
            strict=True,
        )
        cost_name = f"$/1k of {heads[policy]}"
        body += [Column(heads[policy], success, number)]
        body += [Column("$/1k", cost, len(policies) + number, cost_name)]
    winners = [
        clean(cell["winner"]["policy"] or "none", 16) + ("" if cell["winner"]["sure"] else " ?")
        for cell in summary["cells"]
    ]
    values = [quantity(cell["at"][0], assumption["unit"]) for cell in summary["cells"]]
    return short_key(assumption["key"]), values, [*body, Column("winner", winners)]


def metric_table(summary: Summary, metrics: list[str]) -> Table:
    """A row for each setting and policy."""
    axes = summary["axes"]
    rows: list[list[str]] = []
    for cell in summary["cells"]:
        values = [quantity(at, each["unit"]) for at, each in zip(cell["at"], axes, strict=True)]
        winner = cell["winner"]
        for policy in cell["policies"]:
            wins = "" if policy != winner["policy"] else "wins" if winner["sure"] else "wins ?"
            rows.append([*values, clean(policy, 18), *_figures(cell, policy, metrics), wins])
    keys = [clean(short_key(each["key"]), 30) for each in axes]
    fixed = len(keys) + 1
    heads = [*keys, "policy", *metrics, "winner"]
    ranks = [0] * fixed + list(range(1, len(metrics) + 1)) + [0]
    names, *columns = (list(cells) for cells in zip(*rows, strict=True))
    return heads[0], names, list(map(Column, heads[1:], columns, ranks[1:]))


def _figures(cell: Summary, policy: str, metrics: list[str]) -> list[str]:
    """Formatted means; money also relative to the first policy's."""
    first_policy, first = next(iter(cell["policies"].items()))
    texts = []
    for metric in metrics:
        unit, mean = METRICS[metric][0], cell["policies"][policy][metric]["mean"]
        text = {"share": percent, "s": seconds, "USD": money}.get(unit, _plain)(mean)
        base = first[metric]["mean"]
        if unit == "USD" and policy != first_policy and mean and base:
            text = f"{text} {_relative(mean - base, base)}"
        texts.append(text)
    return texts


def _plain(value: float | None) -> str:
    return "n/a" if value is None else f"{value:,.4g}"


def _relative(difference: float, base: float | None) -> str:
    return f"({100 * difference / base:+.3g} %)" if base else ""


def _winner_map(summary: Summary) -> Table:
    """The winners by the values of two assumptions."""
    first, second = summary["axes"]
    policies = summary["policies"]
    winners = {tuple(cell["at"]): cell["winner"] for cell in summary["cells"]}
    ups = list(reversed(second["values"]))
    body = []
    for number, x in enumerate(first["values"]):
        signs = [winner_sign(winners.get((x, y)), policies) for y in ups]
        cells = [sign and f"{sign:2}" for sign in signs]
        # where there is no room, every other value is left out first
        body.append(Column(quantity(x, first["unit"]), cells, 1 + number % 2))
    return "", [quantity(y, second["unit"]) for y in ups], body


def _bar_table(summary: Summary) -> Table:
    """A row for each assumption: its two ends with the lead of the best policy over the second."""
    base = summary["base"]
    assumptions = summary["assumptions"][:MOST_BARS]
    body = []
    for end, *_ in ENDS:
        ends = [assumption[end] for assumption in assumptions]
        values = [f"{each['value']:.3g}" for each in ends]
        body += [Column(end, values, 1, f"{end} value")]
        body += [Column("lead", [_lead(each, base["metric"]) for each in ends])]
    flips = [_others(assumption, base["pair"][0]) for assumption in assumptions]
    body += [Column("another wins", flips, 2)]
    unkept = [", ".join(unkept_ends(assumption)) for assumption in assumptions]
    if any(unkept):
        body += [Column("nobody keeps it", unkept, 3)]
    return "assumption", [short_key(each["key"]) for each in assumptions], body


def _others(assumption: Summary, winner: str) -> str:
    """Who wins at the ends of an assumption where it is another than `winner`; "open" where these
    replications do not tell."""
    if not assumption["flips"]:
        return "open" if is_open(assumption) else ""
    ends = [assumption[end]["winner"] for end, *_ in ENDS]
    return ", ".join(clean(describe_winner(each), 20) for each in ends if each["policy"] != winner)


def _lead(end: Summary, metric: str) -> str:
    mean = lead(end["difference"], metric)["mean"]
    if mean is None:
        return "n/a"
    if metric != COST:
        return f"{100 * mean:+.2f} pp"
    return f"{money(mean, signed=True)} {_relative(mean, end['first'])}".strip()
