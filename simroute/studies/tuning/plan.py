"""What a search is asked to do, read and checked before anything runs: all mistakes at once."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from simroute.config import catalogue, yaml_reader
from simroute.config.configuration import Configuration
from simroute.config.loading import load
from simroute.config.variation import Variation
from simroute.errors import InputError
from simroute.studies.tuning.outcome.confirmation import fresh_seed
from simroute.studies.tuning.problem.goals import Goals, Robust, goals
from simroute.studies.tuning.problem.space import Space
from simroute.studies.tuning.problem.syntax import flat, space
from simroute.studies.tuning.search.evaluations import FRESH, SEARCH
from simroute.studies.tuning.search.loop import LEAST
from simroute.studies.tuning.search.proposers import Proposer, Sobol

EVALUATIONS, CONFIRM = 400, 20
PROPOSERS = ("sobol", "tpe", "cmaes", "gp")


@dataclass(frozen=True)
class Wanted:
    """The words of a search. `entries`: LAYER.KEY -> range; those of the policy's own `tune:` block
    are added.

    `evaluations`: runs of one setting in one scenario that the search may make; `confirm`: fresh
    replications of what it recommends; `against`: policies that are run in the same fresh weather,
    as they are.
    """

    scenarios: Sequence[str]
    policy: str
    entries: Mapping[str, Any]
    objectives: Sequence[str]
    constraints: Sequence[str] = ()
    overrides: Sequence[str] = ()
    robust: Robust = "mean"
    evaluations: int = EVALUATIONS
    confirm: int = CONFIRM
    seed: int = 1
    proposer: str = "sobol"
    plugins: tuple[Path, ...] = ()
    against: Sequence[str] = ()


@dataclass(frozen=True)
class Plan:
    """The same, understood. `configurations`: one for each scenario."""

    wanted: Wanted
    entries: dict[str, str]
    configurations: list[Configuration]
    space: Space
    goals: Goals
    about: str

    @property
    def policy(self) -> str:
        return next(iter(self.configurations[0].policies))

    @property
    def against(self) -> list[str]:
        """Policies beside it."""
        return list(self.configurations[0].policies)[1:]

    @property
    def scenarios(self) -> list[str]:
        return [made.scenario_name for made in self.configurations]

    @property
    def variation(self) -> Variation:
        return Variation(self.configurations[0], self.policy)

    @property
    def fresh_seed(self) -> int:
        """That of the weather in which the recommendation is confirmed."""
        return fresh_seed(self.wanted.seed)

    @property
    def stages(self) -> dict[str, list[Configuration]]:
        """For the search, and for the confirmation."""
        return {
            SEARCH: self.configurations,
            FRESH: [replace(made, seed=self.fresh_seed) for made in self.configurations],
        }

    @property
    def command(self) -> str:
        """The command line that does it again, without folders."""
        wanted = self.wanted
        words = [
            "simroute",
            "tune",
            f"scenario={','.join(self.scenarios)}",
            f"policy={self.policy}",
        ]
        words += [_without_folder(text) for text in wanted.overrides] + [
            f"tune.{name}={text}" for name, text in self.entries.items()
        ]
        words += [word for each in self.goals.objectives for word in ("--objective", str(each))]
        words += [word for each in self.goals.constraints for word in ("--subject-to", str(each))]
        words += ["--against", ",".join(self.against)] if self.against else []
        words += ["--robust", wanted.robust] if len(self.scenarios) > 1 else []
        words += ["--proposer", wanted.proposer] if wanted.proposer != "sobol" else []
        return shlex.join(
            [
                *words,
                "--evaluations",
                str(wanted.evaluations),
                "--confirm",
                str(wanted.confirm),
                "--seed",
                str(wanted.seed),
            ]
        )

    def proposer(self) -> Proposer:
        """A new one. Raises InputError when it is not installed."""
        if self.wanted.proposer == "sobol":
            return Sobol(self.wanted.seed)
        from simroute.studies.tuning.search.optuna_proposer import Advisor

        return Advisor(self.wanted.proposer, self.space, self.goals, self.wanted.seed)


def planned(wanted: Wanted) -> Plan:
    """Understand it. Raises InputError with every mistake; nothing is evaluated."""
    problems = asked(wanted)
    document = _read(wanted.policy, problems)
    entries = _entries(wanted, document, problems)
    made = _configurations(wanted, problems)
    return understood(
        wanted,
        entries,
        made,
        "" if document is None else str(document.data.get("about", "")).strip(),
        problems,
    )


def understood(
    wanted: Wanted,
    entries: dict[str, str],
    made: list[Configuration],
    about: str,
    problems: list[str],
) -> Plan:
    """The plan of words that have been read. Raises InputError with the `problems` so far, and
    those of space and goals."""
    aims, found = _goals(wanted, problems), None
    if made:
        try:
            found = space(entries, Variation(made[0], next(iter(made[0].policies))))
            for other in made[1:]:
                # its deployments may have other names
                space(entries, Variation(other, next(iter(other.policies))))
        except InputError as error:
            problems += error.lines
    if problems or aims is None or found is None:
        raise InputError(*dict.fromkeys(problems))
    plan = Plan(wanted, entries, made, found, aims, about)
    plan.proposer()
    return plan


def asked(wanted: Wanted) -> list[str]:
    """What is wrong with its numbers and words."""
    problems = []
    if wanted.robust not in ("mean", "worst", "cvar"):
        problems.append(f"--robust {wanted.robust!r}: is not one of mean, worst, cvar")
    if wanted.proposer not in PROPOSERS:
        problems.append(f"--proposer {wanted.proposer!r}: is not one of {', '.join(PROPOSERS)}")
    if wanted.confirm < 2:
        problems.append(
            f"--confirm {wanted.confirm}: at least 2 replications, or there is no interval"
        )
    names = [Path(name).stem for name in wanted.scenarios]
    problems += [
        f"scenario {name!r} is named twice"
        for name in sorted({name for name in names if names.count(name) > 1})
    ]
    least = LEAST * max(1, len(names))
    if wanted.evaluations < least:
        problems.append(
            f"--evaluations {wanted.evaluations}: too few to compare anything; at least {least}, "
            f"some hundreds are sensible"
        )
    return problems


def _read(policy: str, problems: list[str]) -> yaml_reader.Document | None:
    try:
        return yaml_reader.read(catalogue.find("policies", policy))
    except InputError as error:
        problems += error.lines
        return None


def _entries(
    wanted: Wanted, document: yaml_reader.Document | None, problems: list[str]
) -> dict[str, str]:
    """Those of the file, then those of the command line, as text."""
    block: dict[str, Any] = {}
    if document is not None and document.data.get("tune") is not None:
        try:
            block = flat(document.data["tune"])
        except InputError as error:
            problems += [f"{document.where(('tune',))}: {line}" for line in error.lines]
    return {name: _text(value) for name, value in {**block, **wanted.entries}.items()}


def _text(value: Any) -> str:
    return (
        " | ".join(json.dumps(each) for each in value)
        if isinstance(value, (list, tuple))
        else str(value)
    )


def _configurations(wanted: Wanted, problems: list[str]) -> list[Configuration]:
    made = []
    for name in wanted.scenarios:
        try:
            made.append(
                load(
                    "tune",
                    name,
                    [wanted.policy, *wanted.against],
                    list(wanted.overrides),
                    wanted.seed,
                    wanted.confirm,
                )
            )
            made[-1].plugins = wanted.plugins
        except InputError as error:
            problems += error.lines
    return made if len(made) == len(wanted.scenarios) else []


def _goals(wanted: Wanted, problems: list[str]) -> Goals | None:
    try:
        return goals(list(wanted.objectives), list(wanted.constraints), wanted.robust)
    except InputError as error:
        problems += error.lines
        return None


def _without_folder(text: str) -> str:
    key, equals, value = text.partition("=")
    return f"{key}{equals}{value.rsplit('/', 1)[-1]}" if "/" in value else text
