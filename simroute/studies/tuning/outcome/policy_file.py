"""The tuned policy as a file, and every run as a row of a table."""

from __future__ import annotations

import math
import textwrap
from typing import Any

from simroute import version
from simroute.config import yaml_reader
from simroute.metrics import METRICS
from simroute.studies.tuning.plan import SearchPlan
from simroute.studies.tuning.problem.space import Values
from simroute.studies.tuning.search.evaluations import FRESH, SEARCH, Evaluations
from simroute.text import clean


def text(plan: SearchPlan, values: Values, lines: list[str]) -> str:
    """A policy file, where it comes from in its head."""
    head = [
        f"Tuned by simroute {version.__version__}:",
        plan.command,
        "",
        f"Scenario: {', '.join(plan.scenarios)}. Seed {plan.request.seed}, confirmed with seed "
        f"{plan.fresh_seed}. "
        f"Budget: {plan.request.evaluations} runs, and {plan.request.confirm} fresh replications.",
        "",
        *lines,
    ]
    about = f"{plan.about or f'{plan.policy}.'} Tuned for {', '.join(plan.scenarios)}."
    body = {"about": about, **plan.variation.file_form(values)}
    return "".join(f"{line}\n" for line in _comments(head)) + yaml_reader.dump(_plain(body))


def _comments(lines: list[str]) -> list[str]:
    wrapped = [
        part
        for line in lines
        for part in textwrap.wrap(
            clean(line, 2000), 118, break_long_words=False, break_on_hyphens=False
        )
        or [""]
    ]
    return [f"# {line}".rstrip() for line in wrapped]


def _plain(value: Any) -> Any:
    """Whole numbers of seconds without their point."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return (
        int(value)
        if isinstance(value, float)
        and math.isfinite(value)
        and value == int(value)
        and abs(value) < 1e15
        else value
    )


def run_columns(plan: SearchPlan, evaluations: Evaluations) -> dict[str, list[Any]]:
    """Every run as a row: who, where, with what values, and all its figures."""
    seeds = {SEARCH: plan.request.seed, FRESH: plan.fresh_seed}
    rows = [
        (each, key)
        for each in evaluations
        for key in sorted(each.runs, key=lambda key: ((SEARCH, FRESH).index(key[0]), *key[1:]))
    ]
    columns: dict[str, list[Any]] = {
        "candidate": [each.number for each, _ in rows],
        "generation": [each.generation for each, _ in rows],
        "stage": [stage for _, (stage, _, _) in rows],
        "scenario": [plan.scenarios[scenario] for _, (_, scenario, _) in rows],
        "seed": [seeds[stage] for _, (stage, _, _) in rows],
        "replication": [replication for _, (_, _, replication) in rows],
    }
    for parameter in evaluations.space.parameters:
        columns[parameter.name] = [
            evaluations.space.effective(each.values)[parameter.name] for each, _ in rows
        ]
    return columns | {
        metric: [each.runs[key].metrics.get(metric) for each, key in rows] for metric in METRICS
    }
