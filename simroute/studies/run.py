"""The study that a configuration asks for."""

from __future__ import annotations

from typing import Any

from simroute.config.configuration import Configuration
from simroute.studies.comparison.run import compare
from simroute.studies.comparison.study import Study
from simroute.studies.replay.run import ReplayStudy


def run_study(configuration: Configuration, **options: Any) -> Study:
    """A comparison, or of a log's traffic a replay; options and errors are those of `compare`."""
    kind = ReplayStudy if configuration.command == "replay" else Study
    return compare(configuration, kind=kind, **options)
