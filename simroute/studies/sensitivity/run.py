"""What both studies of assumptions have in common: how they run, what they keep while they do, and
what they leave."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace

from simroute.execution.cached import Cached, ReplicationCache, RunStore
from simroute.execution.options import LOCAL, ExecutionOptions
from simroute.execution.pool import ProcessPool
from simroute.execution.progress import StudyListener
from simroute.experiment.job import Executor
from simroute.storage.folder import RunDescription
from simroute.storage.run_folder import REPORT, SENSITIVITY, RunFolder, text_output
from simroute.studies.sensitivity import sweep, tornado
from simroute.studies.sensitivity.grid import play_grid
from simroute.studies.sensitivity.plan import SensitivityPlan
from simroute.studies.sensitivity.result import SensitivityResult

Progress = Callable[[int, int], None]


def silent(done: int, total: int) -> None:
    """Progress that nobody hears."""


def run_sensitivity(
    plan: SensitivityPlan,
    *,
    options: ExecutionOptions = LOCAL,
    progress: Progress = silent,
    warn: Callable[[str], None] | None = None,
) -> SensitivityResult:
    """Run a plan of --vary or --tornado. After Ctrl-C: of the settings that are whole. Raises
    InputError, WorkerLostError, ReplicationError, KeyboardInterrupt when nothing can be said.
    """
    warn = warn or StudyListener().warn
    with ExitStack() as stack:
        folder = stack.enter_context(
            RunFolder.open(plan.description, options.out, warn, resume=options.resume)
        )
        executor = options.executor or stack.enter_context(ProcessPool(options.workers))
        stores: list[RunStore] = [folder] if options.out is not None else []
        if options.cache:
            description = RunDescription.of(replace(plan.base, command=plan.kind, replications=1))
            store = stack.enter_context(ReplicationCache(description, warn))
            stores.append(store)
            if many := len(store.keys()):
                warn(
                    f"{many} runs of this comparison are kept in {store.path}/; those of them that "
                    f"are asked for are read back"
                )
        result = _conclude(plan, Cached(executor, stores), progress)
        outputs = {SENSITIVITY: text_output(result.to_json)}
        outputs |= {REPORT: text_output(result.report)} if options.report else {}
        result.unwritten, result.problems = folder.finish(outputs, interrupted=result.interrupted)
        return result


def _conclude(plan: SensitivityPlan, executor: Executor, progress: Progress) -> SensitivityResult:
    if plan.kind == "vary":
        return sweep.conclude_sweep(plan, *play_grid(plan.numbered, executor, progress))
    (base, *sides), interrupted = play_grid([plan.base, *plan.numbered], executor, progress)
    return tornado.conclude_tornado(plan, base, sides, interrupted)
