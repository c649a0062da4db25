"""simroute from Python: the same as the commands, with data frames."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simroute.experiment.configuration import Configuration, load
from simroute.experiment.run import replicate
from simroute.studies.compare import Study
from simroute.studies.compare import compare as _compare

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class ScenarioFile:
    """A scenario by name or path, and overrides such as "scenario.workload.rate=5"."""

    name: str
    overrides: list[str] = field(default_factory=list)

    def configuration(self, command: str, policies: list[str], seed: int, replications: int) -> Configuration:
        return load(command, self.name, policies, self.overrides, seed, replications)


@dataclass
class Result:
    """One replication of one policy: summary, and the rows as data frames."""

    summary: dict[str, Any]
    requests: pd.DataFrame
    attempts: pd.DataFrame
    events: pd.DataFrame


def load_scenario(name: str, *overrides: str) -> ScenarioFile:
    """A scenario by name or path. Raises InputError (with every mistake) if it cannot be used."""
    scenario = ScenarioFile(name, list(overrides))
    scenario.configuration("run", [], 1, 1)
    return scenario


def simulate(scenario: ScenarioFile | str, policy: str, seed: int = 1, replication: int = 0) -> Result:
    """Run one policy once."""
    from simroute.results import Frames

    made = _file(scenario).configuration("run", [policy], seed, 1)
    name = next(iter(made.policies))
    frames: list[Frames] = []

    def rows(world: Any) -> Frames:
        frames.append(Frames(world, name, replication))
        return frames[0]

    figures = replicate(made, name, replication, rows)
    summary = Study(made, {name: [figures]}).summary
    return Result(summary, *(frames[0].frame(table) for table in ("requests", "attempts", "events")))


def compare(
    scenario: ScenarioFile | str, policies: list[str], replications: int = 20, seed: int = 1, workers: int = 1, out: str | Path | None = None
) -> Study:
    """All policies in the same weather."""
    made = _file(scenario).configuration("compare", policies, seed, replications)
    return _compare(made, workers=workers, out=None if out is None else Path(out))


def _file(scenario: ScenarioFile | str) -> ScenarioFile:
    return scenario if isinstance(scenario, ScenarioFile) else ScenarioFile(scenario)
