"""How an answer depends on what was assumed: every policy at every value of one or two assumptions,
in the same weather."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from typing import Any

from simroute.config.documents import Policy
from simroute.config.loading import load
from simroute.errors import InputError
from simroute.metrics import METRICS
from simroute.studies.comparison.promise import success_metric
from simroute.studies.comparison.study import Study
from simroute.studies.sensitivity.best_policy import (
    COST,
    BestPolicy,
    Crossing,
    best_policy,
    crossings,
)
from simroute.studies.sensitivity.plan import SensitivityPlan
from simroute.studies.sensitivity.ranges import ParameterRange, parse_ranges
from simroute.studies.sensitivity.result import SensitivityResult
from simroute.text import clean
from simroute.units import quantity, short_key


@dataclass(repr=False)
class Sweep(SensitivityResult):
    """The outcome of `--vary`: every policy at every value of one or two assumptions.

    >>> sweep = sr.sensitivity("demo", ["failover", "cascade"], "scenario.workload.rate=1..9:5")
    >>> sweep.lines()
    >>> sweep.frame[["scenario.workload.rate", "policy", "success_rate"]]

    `cells`: (value of each range, comparison), the last range fastest; those that were not finished
    are left out. `best_policies`: of each cell.
    """

    axes: list[ParameterRange] = field(default_factory=list)
    cells: list[tuple[tuple[float, ...], Study]] = field(default_factory=list)
    best_policies: list[BestPolicy] = field(init=False)

    def __post_init__(self) -> None:
        self.best_policies = [best_policy(study) for _, study in self.cells]

    @cached_property
    def crossings(self) -> list[Crossing]:
        """Along one assumption, where the winner changes; nothing for two."""
        if len(self.axes) > 1:
            return []
        return crossings(
            [at[0] for at, _ in self.cells],
            self.axes[0].log,
            [study for _, study in self.cells],
            self.best_policies,
        )

    @property
    def reference(self) -> str:
        """The policy whose differences from the others are told: the one that most changes of the
        winner are about, else that which wins most often."""
        turns = [name for turn in self.crossings for name in (turn.before, turn.after)]
        winners = [best.policy for best in self.best_policies if best.policy is not None]
        names = turns or winners or list(self.plan.base.policies)
        return max(dict.fromkeys(names), key=names.count)

    def lines(self) -> list[str]:
        """The finding in sentences."""
        return _one_way(self) if len(self.axes) == 1 else _two_way(self)

    def details(self) -> dict[str, Any]:
        """Its own part of the summary."""
        return {
            "axes": [
                {"key": axis.key, "unit": axis.unit, "log": axis.log, "values": list(axis.values)}
                for axis in self.axes
            ],
            "reference": self.reference,
            "cells": [
                _cell(at, study, best, self.reference)
                for (at, study), best in zip(self.cells, self.best_policies, strict=True)
            ],
            "crossings": [crossing.plain() for crossing in self.crossings],
        }

    def columns(self) -> dict[str, list[Any]]:
        """A row for each setting and policy: the values, mean, low and high of each metric, whether
        the promise is kept, who wins."""
        return columns(self.summary)


def columns(summary: dict[str, Any]) -> dict[str, list[Any]]:
    """The cells as a table."""
    table: dict[str, list[Any]] = {}
    for cell in summary["cells"]:
        for policy, figures in cell["policies"].items():
            row = dict(zip([axis["key"] for axis in summary["axes"]], cell["at"], strict=True)) | {
                "policy": policy
            }
            for metric in METRICS:
                row |= {
                    metric: figures[metric]["mean"],
                    f"{metric}_low": figures[metric]["low"],
                    f"{metric}_high": figures[metric]["high"],
                }
            promise = {True: "yes", False: "no", None: "undecided"}[figures["meets_slo"]]
            row |= {
                "kept": promise,
                "winner": cell["winner"]["policy"] or "",
                "sure": "yes" if cell["winner"]["sure"] else "no",
            }
            for name, value in row.items():
                table.setdefault(name, []).append(value)
    return table


def _cell(at: tuple[float, ...], study: Study, best: BestPolicy, reference: str) -> dict[str, Any]:
    keeps = {entry["policy"]: entry["meets_slo"] for entry in study.verdict}
    policies = {
        policy: {
            "meets_slo": keeps[policy],
            **{name: study.intervals[policy][name].plain() for name in METRICS},
        }
        for policy in study.runs
    }
    metrics = (success_metric(study.configuration.scenario), COST)
    differences = {
        policy: {name: study.difference(name, reference, policy).plain() for name in metrics}
        for policy in study.runs
        if policy != reference
    }
    return {
        "at": list(at),
        "policies": policies,
        "differences": differences,
        "winner": best.plain(),
    }


def plan_sweep(
    scenario: str,
    policies: Sequence[Policy],
    overrides: list[str],
    vary: list[str],
    seed: int,
    replications: int,
) -> SensitivityPlan:
    """One or two assumptions to be varied. Raises InputError with every mistake."""
    base = load("compare", scenario, policies, overrides, seed, replications)
    axes = parse_ranges(vary, base)
    configurations, problems = [], []
    for texts in product(*(axis.written for axis in axes)):
        words = [f"{axis.key}={value}" for axis, value in zip(axes, texts, strict=True)]
        try:
            configurations.append(
                load("compare", scenario, policies, [*overrides, *words], seed, replications)
            )
        except InputError as error:
            problems += [f"--vary, at {' '.join(words)}: {line}" for line in error.lines]
    if problems:
        raise InputError(
            problems[0],
            *([f"… and {len(problems) - 1} more such lines"] if len(problems) > 1 else []),
        )
    return SensitivityPlan(
        "vary",
        base,
        [
            {**vars(axis), "values": list(axis.values), "written": list(axis.written)}
            for axis in axes
        ],
        configurations,
    )


def conclude_sweep(plan: SensitivityPlan, done: list[Study | None], interrupted: bool) -> Sweep:
    """From the studies of a plan's settings. Raises KeyboardInterrupt when none is whole."""
    axes = [
        ParameterRange(
            **{**each, "values": tuple(each["values"]), "written": tuple(each["written"])}
        )
        for each in plan.varied
    ]
    cells = [
        (at, study)
        for at, study in zip(product(*(axis.values for axis in axes)), done, strict=True)
        if study is not None
    ]
    if not cells:
        raise KeyboardInterrupt
    return Sweep(plan, interrupted, axes=axes, cells=cells)


def _one_way(sweep: Sweep) -> list[str]:
    axis, crossings = sweep.axes[0], sweep.crossings
    winners = [best.policy for best in sweep.best_policies if best.policy is not None]
    if not winners:
        return ["No request arrived, so nothing can be said."]
    if not crossings:
        verb = "wins" if all(best.is_certain for best in sweep.best_policies) else "leads"
        lines = [
            f"{short_key(axis.key)} from {quantity(axis.values[0], axis.unit)} to "
            f"{quantity(axis.values[-1], axis.unit)}: {clean(winners[0], 40)} {verb}"
            f"{_reason(sweep, winners[0])}."
        ]
    else:
        parts = [f"{clean(crossings[0].before, 40)} wins below {_turn(crossings[0], axis)}"]
        parts += [
            f"{clean(turn.before, 40)} from there to {_turn(turn, axis)}" for turn in crossings[1:]
        ]
        lines = [
            f"{short_key(axis.key)}: {', '.join(parts)}, {clean(crossings[-1].after, 40)} above."
        ]
        lines += [
            f"  At {quantity(turn.at, axis.unit)} it is decided by: {clean(turn.by, 80)}."
            for turn in crossings
        ]
    return lines + _undecided(sweep)


def _reason(sweep: Sweep, winner: str) -> str:
    """Why one policy wins everywhere, where it alone surely keeps the promise."""
    kept = {
        entry["policy"] for _, study in sweep.cells for entry in study.verdict if entry["meets_slo"]
    }
    others = [policy for policy in sweep.plan.base.policies if policy != winner]
    if not others or kept != {winner} or any(best.by != "cost" for best in sweep.best_policies):
        return ""
    never = f"{clean(others[0], 40)} never" if len(others) == 1 else "no other policy ever"
    return f" because {never} surely keeps the promise"


def _turn(turn: Crossing, axis: ParameterRange) -> str:
    if turn.low is None and turn.high is None:
        return f"{quantity(turn.at, axis.unit)} (or anywhere: these replications do not tell)"
    ends = [
        quantity(value, axis.unit) if value is not None else f"{word} the range"
        for value, word in ((turn.low, "below"), (turn.high, "beyond"))
    ]
    return f"{quantity(turn.at, axis.unit)} ({ends[0]} to {ends[1]})"


def _two_way(sweep: Sweep) -> list[str]:
    names = [best.policy for best in sweep.best_policies if best.policy is not None]
    if not names:
        return ["No request arrived, so nothing can be said."]
    counts = {name: names.count(name) for name in dict.fromkeys(names)}
    shares = ", ".join(
        f"{clean(name, 40)} in {count} of {len(sweep.cells)}"
        for name, count in sorted(counts.items(), key=lambda each: -each[1])
    )
    return [
        f"{' and '.join(short_key(axis.key) for axis in sweep.axes)}: {shares} settings win.",
        *_undecided(sweep),
    ]


def _undecided(sweep: Sweep) -> list[str]:
    doubtful = [
        (at, best)
        for (at, _), best in zip(sweep.cells, sweep.best_policies, strict=True)
        if not best.is_certain
    ]
    if not doubtful:
        return []
    where = ", ".join(
        "/".join(quantity(value, axis.unit) for value, axis in zip(at, sweep.axes, strict=True))
        for at, _ in doubtful[:6]
    )
    return [
        f"Undecided in {len(doubtful)} of {len(sweep.cells)} settings "
        f"({where}{' …' if len(doubtful) > 6 else ''}); more replications may tell."
    ]
