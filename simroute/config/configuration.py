"""Everything that a run is made from: scenario, policies, seed. Built from names and overrides, or
read back from a run's `config.yaml`."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from simroute.config import schema, yaml_reader
from simroute.config.inputs import open_trace, run_calendar
from simroute.config.reach import expected_requests
from simroute.core import formula
from simroute.models import spec
from simroute.models.calendar import Calendar
from simroute.models.playback import Partition
from simroute.models.price_notes import describe_prices
from simroute.traces.playback.columns import PlaybackColumns


@dataclass(frozen=True)
class StudyOptions:
    """What a study does with a configuration beyond playing its first replications.

    replication: the number of the only one that is played; None: all.
    until: when to stop adding replications: its `criterion`, how many come `first`, and at `most`.
    yearly: whether a year's figures are estimated as well.
    windows: number of parts in which a trace is played, each with fresh policies; None: one piece.
    """

    replication: int | None = None
    until: dict[str, Any] | None = None
    yearly: bool = False
    windows: int | None = None

    def plain(self) -> dict[str, Any]:
        """As plain data, without what is not asked for."""
        return {
            f.name: value for f in fields(self) if (value := getattr(self, f.name)) != f.default
        }


@dataclass
class Configuration:
    """What a command runs.

    policies: for each policy its layers by name, outermost first. files: path -> SHA-256 of what is
    read besides. study: what is done beyond the first `replications`. part: the part of a trace
    that is played, None for all of it.
    """

    command: str
    scenario_name: str
    scenario: spec.Scenario
    policies: dict[str, dict[str, Any]]
    seed: int = 1
    replications: int = 1
    files: dict[str, str] = field(default_factory=dict)
    plugins: tuple[Path, ...] = ()
    notes: list[str] = field(default_factory=list)
    study: StudyOptions = StudyOptions()
    part: Partition | None = None

    @property
    def replication_numbers(self) -> range:
        """The replications that are run."""
        only = self.study.replication
        return range(self.replications) if only is None else range(only, only + 1)

    def only_replication(self, replication: int) -> Configuration:
        """The same, with only this replication."""
        study = StudyOptions(replication, windows=self.study.windows)
        return replace(self, replications=1, study=study)

    def formula(self, policy: str) -> str:
        """The nesting of a policy in words."""
        return formula(self.policies[policy])

    def plain(self) -> dict[str, Any]:
        """As plain data with every key; `restore` reads it back."""
        policies = {
            name: {
                key: {"kind": layer.kind, **schema.plain(layer)} for key, layer in layers.items()
            }
            for name, layers in self.policies.items()
        }
        head: dict[str, Any] = {
            "command": self.command,
            "seed": self.seed,
            "replications": self.replications,
            "files": self.files,
            **self.study.plain(),
        }
        scenario = {
            "scenario_name": self.scenario_name,
            "scenario": schema.plain(self.scenario),
            "prices": describe_prices(self.scenario, self.calendar),
        }
        return {**head, **scenario, "policies": policies}

    def to_yaml(self) -> str:
        """The text of `config.yaml`."""
        return yaml_reader.dump(self.plain())

    @property
    def expected_requests(self) -> float:
        """Requests of a replication, about."""
        return expected_requests(self.scenario)

    @property
    def calendar(self) -> Calendar:
        """The date and hour of its seconds."""
        return run_calendar(self.scenario)

    @property
    def trace(self) -> PlaybackColumns | None:
        """The columns of its trace, None without one."""
        return open_trace(self.scenario.workload)
