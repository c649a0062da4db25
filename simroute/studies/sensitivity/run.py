"""What both studies of assumptions have in common: how they run, what they keep while they do, and
what they leave."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from simroute.execution.cached import Cache
from simroute.execution.progress import StudyListener
from simroute.execution.runs import Store
from simroute.experiment.job import Work
from simroute.storage.run_folder import REPORT, SENSITIVITY, RunStore, text_output
from simroute.studies.sensitivity import sweep, tornado
from simroute.studies.sensitivity.grid import play_grid
from simroute.studies.sensitivity.plan import SensitivityPlan
from simroute.studies.sensitivity.result import SensitivityResult

Told = Callable[[int, int], None]


def silent(done: int, total: int) -> None:
    """Whoever wants to know nothing."""


def run_sensitivity(
    plan: SensitivityPlan,
    *,
    workers: int = 1,
    told: Told = silent,
    warn: Callable[[str], None] | None = None,
    out: Path | None = None,
    resume: bool = False,
    report: bool = True,
    perform: Work | None = None,
    cache: bool = False,
) -> SensitivityResult:
    """Run a plan of --vary or --tornado. With `out`, a folder that is there, every run is kept as
    it is finished, and `resume` goes on with those.

    `perform`: plays elsewhere than here; `cache`: runs of earlier studies are read back. After
    Ctrl-C: of the settings that are whole. Raises InputError, WorkerLostError, ReplicationError,
    KeyboardInterrupt when nothing can be said.
    """
    warn = warn or StudyListener().warn
    begin = (
        RunStore.begin(plan, out, False, warn)
        if not resume or out is None
        else RunStore.resume(plan, out, None, warn)
    )
    with ExitStack() as stack:
        folder = stack.enter_context(begin)
        stores: list[Store] = [folder]
        if cache:
            shelf = Cache(replace(plan.base, command=plan.kind, replications=1), warn)
            stack.callback(shelf.close)
            stores.append(shelf)
            _counted(shelf, plan, warn)
        found = _concluded(plan, workers, told, stores, perform)
        outputs = {SENSITIVITY: text_output(found.to_json)}
        folder.finish(found, outputs | ({REPORT: text_output(found.report)} if report else {}))
        return found


def _counted(shelf: Cache, plan: SensitivityPlan, warn: Callable[[str], None]) -> None:
    many = len(shelf.keys())
    if many:
        warn(
            f"{many} runs of this comparison are kept in {shelf.place}/; those of them that are "
            f"asked for are read back"
        )


def _concluded(
    plan: SensitivityPlan, workers: int, told: Told, stores: list[Store], perform: Work | None
) -> SensitivityResult:
    if plan.kind == "vary":
        return sweep.conclude_sweep(plan, *play_grid(plan.numbered, workers, told, stores, perform))
    (base, *sides), interrupted = play_grid(
        [plan.as_asked(plan.base), *plan.numbered], workers, told, stores, perform
    )
    return tornado.conclude_tornado(plan, base, sides, interrupted)
