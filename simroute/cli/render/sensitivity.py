"""A study of assumptions on a terminal: a table along one, a map over two, bars for all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from simroute.cli.terminal import brief, clean, print_table
from simroute.metrics import METRICS
from simroute.report.figures.sensitivity import (
    COST,
    describe_winner,
    winner_letters,
    winner_sign,
)
from simroute.studies.sensitivity.result import SensitivityResult
from simroute.text import money, percent, quantity, seconds, short_key

SIDE_BY_SIDE = 4
"""Policies that have columns of their own."""
MOST_BARS = 20
ENDS = ("low", "high")

Summary = dict[str, Any]
"""`sensitivity.json`, or a part of it."""


def print_result(result: SensitivityResult, folder: Path, metrics: list[str]) -> None:
    """Prints the figures and the sentences. `metrics`: those of --show, for each policy."""
    summary = result.summary
    click.echo(f"\n{clean(summary['question'], 300)}\n")
    if summary["kind"] == "tornado":
        _print_bars(summary)
    elif metrics:
        _print_metrics(summary, metrics)
    elif len(summary["axes"]) == 1:
        _print_values(summary)
    else:
        _print_map(summary)
    click.echo("")
    for line in result.lines():
        click.echo(clean(line, 400))
    click.echo(f"\nwritten to {brief(str(folder))}/")


def _print_values(summary: Summary) -> None:
    """A row for each value of the assumption."""
    (assumption,) = summary["axes"]
    policies = summary["policies"] if len(summary["policies"]) <= SIDE_BY_SIDE else []
    heads = [head for policy in policies for head in (clean(policy, 14), "$/1k")]
    rows: list[tuple[str, ...]] = [(clean(short_key(assumption["key"]), 44), *heads, "winner")]
    for cell in summary["cells"]:
        figures = [
            text for policy in policies for text in _figures(cell, policy, [summary["share"], COST])
        ]
        winner = cell["winner"]
        text = clean(winner["policy"] or "none", 16) + ("" if winner["sure"] else " ?")
        rows.append((quantity(cell["at"][0], assumption["unit"]), *figures, text))
    print_table(rows)


def _print_metrics(summary: Summary, metrics: list[str]) -> None:
    """A row for each setting and policy."""
    axes = summary["axes"]
    keys = (clean(short_key(each["key"]), 30) for each in axes)
    rows: list[tuple[str, ...]] = [(*keys, "policy", *metrics, "winner")]
    for cell in summary["cells"]:
        values = [quantity(at, each["unit"]) for at, each in zip(cell["at"], axes, strict=True)]
        winner = cell["winner"]
        for policy in cell["policies"]:
            wins = "" if policy != winner["policy"] else "wins" if winner["sure"] else "wins ?"
            rows.append((*values, clean(policy, 18), *_figures(cell, policy, metrics), wins))
    print_table(rows)


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


def _print_map(summary: Summary) -> None:
    """The winners by the values of two assumptions."""
    first, second = summary["axes"]
    policies = summary["policies"]
    winners = {tuple(cell["at"]): cell["winner"] for cell in summary["cells"]}
    rows: list[tuple[str, ...]] = [("", *(quantity(x, first["unit"]) for x in first["values"]))]
    for y in reversed(second["values"]):
        signs = (winner_sign(winners.get((x, y)), policies) for x in first["values"])
        rows.append((quantity(y, second["unit"]), *(sign and f"{sign:2}" for sign in signs)))
    print_table(rows)
    across, up = short_key(first["key"]), short_key(second["key"])
    click.echo(f"\nacross: {across}; up: {up}; ?: undecided")
    click.echo(", ".join(winner_letters(policies, 30).values()))


def _print_bars(summary: Summary) -> None:
    """A row for each assumption: its two ends with the difference between the best two policies."""
    base = summary["base"]
    in_money = base["metric"] == COST
    rows: list[tuple[str, ...]] = [
        ("assumption", "low", "difference", "high", "difference", "another wins")
    ]
    for assumption in summary["assumptions"][:MOST_BARS]:
        ends = [assumption[end] for end in ENDS]
        figures = [
            text for end in ends for text in (f"{end['value']:.3g}", _difference(end, in_money))
        ]
        others = [
            clean(describe_winner(end["winner"]), 20)
            for end in ends
            if end["winner"]["policy"] != base["pair"][0]
        ]
        flips = ", ".join(others) if assumption["flips"] else ""
        rows.append((clean(short_key(assumption["key"]), 40), *figures, flips))
    print_table(rows)


def _difference(end: Summary, in_money: bool) -> str:
    mean = end["difference"]["mean"]
    if mean is None:
        return "n/a"
    if not in_money:
        return f"{100 * mean:+.2f} pp"
    return f"{money(mean, signed=True)} {_relative(mean, end['first'])}".strip()
