"""A scenario while it is checked: what could be read of it, and the mistakes so far."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from simroute.config.yaml_reader import Document, KeyPath
from simroute.models import spec

SCOPES = ("provider", "deployment", "domain")
"""Where an outage may be."""


@dataclass(frozen=True)
class Unread:
    """What could not be read of a scenario: the paths of keys with mistakes of their own, and
    whether any of its files (trace, lengths, outcomes) could not."""

    keys: list[KeyPath] = field(default_factory=list)
    files: bool = False

    def hides(self, *paths: KeyPath) -> bool:
        """Whether one of these keys, or what it is part of, could not be read. A key with an
        unread one inside counts as well, but for outages, whose keys are checked one by one."""
        return any(
            out == path[: len(out)] or (path == out[: len(path)] and path[0] != "outages")
            for path in paths
            for out in self.keys
        )

    def hides_names(self, *kinds: str) -> bool:
        """Whether names of these kinds ("tasks", "features") under workload could not be read."""
        above = [("workload",), *(("workload", kind) for kind in kinds)]
        return any(path[:2] in above for path in self.keys)

    @property
    def hides_deployments(self) -> bool:
        """Whether a deployment, or what outages know it by, could not be read."""
        return any(
            path[0] == "deployments" and (len(path) < 3 or path[2] in SCOPES) for path in self.keys
        )


@dataclass
class ScenarioCheck:
    """A scenario while it is checked, and the mistakes so far."""

    scenario: spec.Scenario
    document: Document
    unread: Unread
    problems: list[str] = field(default_factory=list)

    def refuse(self, path: KeyPath, text: str, *also: KeyPath) -> None:
        """Add a mistake at `path`, unless it, or one of the keys `also` that it is compared with,
        could not be read."""
        if not self.unread.hides(path, *also):
            where = self.document.where(path, *also)
            self.problems.append(f"{where}: {'.'.join(path)}: {text}")

    def attempt(self, path: KeyPath, check: Callable[[], object], *also: KeyPath) -> None:
        """Add a model's own refusal, where `check` raises ValueError."""
        try:
            check()
        except ValueError as error:
            self.refuse(path, str(error), *also)
