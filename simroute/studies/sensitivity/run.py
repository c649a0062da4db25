"""What both studies of assumptions have in common: how they run, what they keep while they do, and
what they leave."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import simroute
from simroute.execution.cached import Cache
from simroute.execution.progress import Watch
from simroute.execution.runs import Store
from simroute.experiment.job import Work
from simroute.storage.run_folder import REPORT, SENSITIVITY, RunStore, text
from simroute.studies.comparison.promise import share, words
from simroute.studies.sensitivity.grid import studies
from simroute.studies.sensitivity.plan import Settings

VERSION = 1
Told = Callable[[int, int], None]


def silent(done: int, total: int) -> None:
    """Whoever wants to know nothing."""


@dataclass(kw_only=True)
class _Ended:
    unwritten: set[str] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)


@dataclass
class Assumptions(_Ended, ABC):
    """What came out of one. `unwritten`: files that could not be written, with one line for each
    reason in `problems`."""

    plan: Settings
    interrupted: bool

    @abstractmethod
    def lines(self) -> list[str]:
        """The finding in sentences."""

    @abstractmethod
    def told(self) -> dict[str, Any]:
        """Its own part of the summary."""

    @abstractmethod
    def columns(self) -> dict[str, list[Any]]:
        """The figures as a table."""

    @cached_property
    def summary(self) -> dict[str, Any]:
        """`sensitivity.json`: no time of day, path or number of workers."""
        made, scenario = self.plan.as_asked(self.plan.base), self.plan.base.scenario
        return {
            "schema_version": VERSION,
            "simroute": simroute.__version__,
            "command": made.command,
            "kind": self.plan.kind,
            "scenario": made.scenario_name,
            "question": " ".join(scenario.about.split()),
            "seed": made.seed,
            "replications": made.replications,
            "horizon_s": scenario.horizon,
            "promise": scenario.slo.success,
            "share": share(scenario),
            "promised": words(scenario),
            "policies": list(made.policies),
            "config": made.to_yaml(),
            "interrupted": self.interrupted,
            **self.told(),
            "lines": self.lines(),
        }

    def to_json(self) -> str:
        return json.dumps(self.summary, indent=2, allow_nan=False, ensure_ascii=False) + "\n"

    @property
    def frame(self) -> Any:
        """`columns` as a data frame."""
        from simroute.storage.tables import frame

        return frame(self.columns())

    @property
    def figures(self) -> dict[str, Any]:
        """plotly's figures by name."""
        from simroute.report.sensitivity_page import drawn

        return {name: picture.drawn() for name, picture in drawn(self.summary).items()}

    def report(self) -> str:
        """The page, as HTML."""
        from simroute.report.sensitivity_page import page

        return page(self.summary)

    def _repr_html_(self) -> str:
        from simroute.report.sensitivity_page import brief

        return brief(self.summary)


def assumed(
    plan: Settings,
    *,
    workers: int = 1,
    told: Told = silent,
    noted: Callable[[str], None] | None = None,
    out: Path | None = None,
    resume: bool = False,
    report: bool = True,
    perform: Work | None = None,
    cache: bool = False,
) -> Assumptions:
    """Run a plan of --vary or --tornado. With `out`, a folder that is there, every run is kept as
    it is finished, and `resume` goes on with those.

    `perform`: plays elsewhere than here; `cache`: runs of earlier studies are read back. After
    Ctrl-C: of the settings that are whole. Raises InputError, WorkerLostError, ReplicationError,
    KeyboardInterrupt when nothing can be said.
    """
    noted = noted or Watch().noted
    begin = (
        RunStore.begun(plan, out, False, noted)
        if not resume or out is None
        else RunStore.resumed(plan, out, None, noted)
    )
    with ExitStack() as stack:
        folder = stack.enter_context(begin)
        stores: list[Store] = [folder]
        if cache:
            shelf = Cache(replace(plan.base, command=plan.kind, replications=1), noted)
            stack.callback(shelf.close)
            stores.append(shelf)
            _counted(shelf, plan, noted)
        found = _concluded(plan, workers, told, stores, perform)
        outputs = {SENSITIVITY: text(found.to_json)}
        folder.finish(found, outputs | ({REPORT: text(found.report)} if report else {}))
        return found


def _counted(shelf: Cache, plan: Settings, noted: Callable[[str], None]) -> None:
    many = len(shelf.keys())
    if many:
        noted(
            f"{many} runs of this comparison are kept in {shelf.place}/; those of them that are "
            f"asked for are read back"
        )


def _concluded(
    plan: Settings, workers: int, told: Told, stores: list[Store], perform: Work | None
) -> Assumptions:
    from simroute.studies.sensitivity import sweep, tornado

    if plan.kind == "vary":
        return sweep.concluded(plan, *studies(plan.numbered, workers, told, stores, perform))
    (base, *sides), interrupted = studies(
        [plan.as_asked(plan.base), *plan.numbered], workers, told, stores, perform
    )
    return tornado.concluded(plan, base, sides, interrupted)
