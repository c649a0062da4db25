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
from simroute.studies.tuning.problem.goals import Goals, Robust, parse_goals
from simroute.studies.tuning.problem.space import Space
from simroute.studies.tuning.problem.syntax import flatten, parse_space
from simroute.studies.tuning.search.evaluations import FRESH, SEARCH
from simroute.studies.tuning.search.loop import MIN_EVALUATIONS
from simroute.studies.tuning.search.proposers import Proposer, SobolProposer

EVALUATIONS, CONFIRM = 400, 20
PROPOSERS = ("sobol", "tpe", "cmaes", "gp")


@dataclass(frozen=True)
class SearchRequest:
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
class SearchPlan:
    """The same, understood. `configurations`: one for each scenario."""

    request: SearchRequest
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
        return [configuration.scenario_name for configuration in self.configurations]

    @property
    def variation(self) -> Variation:
        return Variation(self.configurations[0], self.policy)

    @property
    def fresh_seed(self) -> int:
        """That of the weather in which the recommendation is confirmed."""
        return fresh_seed(self.request.seed)

    @property
    def stages(self) -> dict[str, list[Configuration]]:
        """For the search, and for the confirmation."""
        return {
            SEARCH: self.configurations,
            FRESH: [
                replace(configuration, seed=self.fresh_seed)
                for configuration in self.configurations
            ],
        }

    @property
    def command(self) -> str:
        """The command line that does it again, without folders."""
        request = self.request
        words = [
            "simroute",
            "tune",
            f"scenario={','.join(self.scenarios)}",
            f"policy={self.policy}",
        ]
        words += [_strip_folder(text) for text in request.overrides] + [
            f"tune.{name}={text}" for name, text in self.entries.items()
        ]
        words += [word for each in self.goals.objectives for word in ("--objective", str(each))]
        words += [word for each in self.goals.constraints for word in ("--subject-to", str(each))]
        words += ["--against", ",".join(self.against)] if self.against else []
        words += ["--robust", request.robust] if len(self.scenarios) > 1 else []
        words += ["--proposer", request.proposer] if request.proposer != "sobol" else []
        return shlex.join(
            [
                *words,
                "--evaluations",
                str(request.evaluations),
                "--confirm",
                str(request.confirm),
                "--seed",
                str(request.seed),
            ]
        )

    def proposer(self) -> Proposer:
        """A new one. Raises InputError when it is not installed."""
        if self.request.proposer == "sobol":
            return SobolProposer(self.request.seed)
        from simroute.studies.tuning.search.optuna_proposer import OptunaProposer

        return OptunaProposer(self.request.proposer, self.space, self.goals, self.request.seed)


def plan_search(request: SearchRequest) -> SearchPlan:
    """Understand it. Raises InputError with every mistake; nothing is evaluated."""
    problems = check_request(request)
    document = _read_policy(request.policy, problems)
    entries = _read_entries(request, document, problems)
    configurations = _load_configurations(request, problems)
    return make_plan(
        request,
        entries,
        configurations,
        "" if document is None else str(document.data.get("about", "")).strip(),
        problems,
    )


def make_plan(
    request: SearchRequest,
    entries: dict[str, str],
    configurations: list[Configuration],
    about: str,
    problems: list[str],
) -> SearchPlan:
    """The plan of words that have been read. Raises InputError with the `problems` so far, and
    those of space and goals."""
    goals, space = _parse_goals(request, problems), None
    if configurations:
        try:
            space = parse_space(
                entries, Variation(configurations[0], next(iter(configurations[0].policies)))
            )
            for other in configurations[1:]:
                # its deployments may have other names
                parse_space(entries, Variation(other, next(iter(other.policies))))
        except InputError as error:
            problems += error.lines
    if problems or goals is None or space is None:
        raise InputError(*dict.fromkeys(problems))
    plan = SearchPlan(request, entries, configurations, space, goals, about)
    plan.proposer()
    return plan


def check_request(request: SearchRequest) -> list[str]:
    """What is wrong with its numbers and words."""
    problems = []
    if request.robust not in ("mean", "worst", "cvar"):
        problems.append(f"--robust {request.robust!r}: is not one of mean, worst, cvar")
    if request.proposer not in PROPOSERS:
        problems.append(f"--proposer {request.proposer!r}: is not one of {', '.join(PROPOSERS)}")
    if request.confirm < 2:
        problems.append(
            f"--confirm {request.confirm}: at least 2 replications, or there is no interval"
        )
    names = [Path(name).stem for name in request.scenarios]
    problems += [
        f"scenario {name!r} is named twice"
        for name in sorted({name for name in names if names.count(name) > 1})
    ]
    least = MIN_EVALUATIONS * max(1, len(names))
    if request.evaluations < least:
        problems.append(
            f"--evaluations {request.evaluations}: too few to compare anything; at least {least}, "
            f"some hundreds are sensible"
        )
    return problems


def _read_policy(policy: str, problems: list[str]) -> yaml_reader.Document | None:
    try:
        return yaml_reader.read(catalogue.find("policies", policy))
    except InputError as error:
        problems += error.lines
        return None


def _read_entries(
    request: SearchRequest, document: yaml_reader.Document | None, problems: list[str]
) -> dict[str, str]:
    """Those of the file, then those of the command line, as text."""
    block: dict[str, Any] = {}
    if document is not None and document.data.get("tune") is not None:
        try:
            block = flatten(document.data["tune"])
        except InputError as error:
            problems += [f"{document.where(('tune',))}: {line}" for line in error.lines]
    return {name: _text(value) for name, value in {**block, **request.entries}.items()}


def _text(value: Any) -> str:
    return (
        " | ".join(json.dumps(each) for each in value)
        if isinstance(value, (list, tuple))
        else str(value)
    )


def _load_configurations(request: SearchRequest, problems: list[str]) -> list[Configuration]:
    configurations = []
    for name in request.scenarios:
        try:
            configurations.append(
                load(
                    "tune",
                    name,
                    [request.policy, *request.against],
                    list(request.overrides),
                    request.seed,
                    request.confirm,
                )
            )
            configurations[-1].plugins = request.plugins
        except InputError as error:
            problems += error.lines
    return configurations if len(configurations) == len(request.scenarios) else []


def _parse_goals(request: SearchRequest, problems: list[str]) -> Goals | None:
    try:
        return parse_goals(list(request.objectives), list(request.constraints), request.robust)
    except InputError as error:
        problems += error.lines
        return None


def _strip_folder(text: str) -> str:
    key, equals, value = text.partition("=")
    return f"{key}{equals}{value.rsplit('/', 1)[-1]}" if "/" in value else text
