"""A search from its plan to what it recommends."""

from __future__ import annotations

from contextlib import ExitStack
from functools import cache
from pathlib import Path

from simroute.errors import InputError
from simroute.execution.cached import Cached, ReplicationCache, RunStore
from simroute.execution.options import LOCAL, ExecutionOptions
from simroute.execution.pool import ProcessPool
from simroute.storage.folder import REMEDY
from simroute.storage.run_folder import RunFolder
from simroute.studies.comparison.random_outages import (
    OutageExposure,
    expected_exposures,
    outage_exposure,
)
from simroute.studies.tuning.config_file import describe_search, describe_weather
from simroute.studies.tuning.outcome.confirmation import confirm
from simroute.studies.tuning.outcome.tuning import Tuning
from simroute.studies.tuning.plan import SearchPlan
from simroute.studies.tuning.search.evaluate import Simulator
from simroute.studies.tuning.search.evaluations import (
    FRESH,
    POLICY,
    Candidate,
    Evaluate,
    Evaluations,
    FaultExposure,
    RunTask,
)
from simroute.studies.tuning.search.loop import Search
from simroute.studies.tuning.search.progress import SearchListener


def tune(
    plan: SearchPlan,
    *,
    options: ExecutionOptions = LOCAL,
    watch: SearchListener | None = None,
) -> Tuning:
    """Search, then confirm in fresh weather. After Ctrl-C: from what is there. Raises
    KeyboardInterrupt before anything is there, InputError, WorkerLostError, ReplicationError.
    """
    watch = watch or SearchListener()
    with ExitStack() as stack:
        folder = stack.enter_context(
            RunFolder.open(describe_search(plan), options.out, watch.warn, resume=options.resume)
        )
        _refuse_earlier_names(folder, options.out)
        executor = options.executor or stack.enter_context(ProcessPool(options.workers))
        stores: list[RunStore] = [folder] if options.out is not None else []
        if options.cache:
            store = stack.enter_context(ReplicationCache(describe_weather(plan), watch.warn))
            stores.append(store)
            stack.callback(_tell_reads, store, watch)
        evaluate = Simulator(plan.stages, plan.policy, Cached(executor, stores))
        result = _search(plan, evaluate, watch)
        _run_others(result, evaluate, watch)
        outputs = result.outputs(options.report)
        result.unwritten, result.problems = folder.finish(outputs, interrupted=result.interrupted)
        return result


def _refuse_earlier_names(folder: RunFolder, out: Path | None) -> None:
    """Raises InputError if the runs of a resumed search are named by their values, as they were
    once."""
    keys = folder.keys()
    if any(name.startswith("[") for name, _ in keys):
        raise InputError(
            f"{out}: cannot be resumed: it was begun by a simroute that named its runs otherwise; "
            f"continue with that one, or {REMEDY}"
        )


def _tell_reads(store: ReplicationCache, watch: SearchListener) -> None:
    if store.reads:
        watch.warn(f"{store.reads} runs are read back from {store.path}/")


def _search(plan: SearchPlan, evaluate: Evaluate, watch: SearchListener) -> Tuning:
    evaluations = Evaluations(
        plan.space, len(plan.scenarios), evaluate, watch.ran, _fault_exposure(plan)
    )
    race = Search(
        evaluations,
        plan.goals,
        plan.proposer(),
        plan.request.evaluations,
        plan.request.seed,
        watch=watch,
    )
    watch.started(
        plan.request.evaluations
        + (2 + len(plan.against)) * plan.request.confirm * len(plan.scenarios)
    )
    interrupted = _run_until_interrupted(race)
    return Tuning(
        plan,
        evaluations,
        race.rounds,
        confirm(evaluations, plan.goals, plan.request.confirm, interrupted),
        race.exhausted,
    )


def _fault_exposure(plan: SearchPlan) -> FaultExposure | None:
    known = {
        (stage, place): (expected_exposures(configuration), configuration)
        for stage, each in plan.stages.items()
        for place, configuration in enumerate(each)
    }
    if all(exposures is None for exposures, _ in known.values()):
        return None

    @cache
    def seen(stage: str, scenario: int, count: int) -> OutageExposure | None:
        exposures, configuration = known[stage, scenario]
        return outage_exposure(exposures, range(count), {}, lambda: configuration.expected_requests)

    return seen


def _run_others(tuning: Tuning, evaluate: Evaluate, watch: SearchListener) -> None:
    """Run the policies of --against in the weather of the confirmation."""
    if tuning.interrupted:
        return
    plan = tuning.plan
    others = {
        -place: Candidate(-place, {POLICY: name}, (), 0, sky=tuning.evaluations.start.sky)
        for place, name in enumerate(plan.against, 1)
    }
    tasks = [
        RunTask(n, place, FRESH, k)
        for k in range(plan.request.confirm)
        for n in others
        for place in range(len(plan.scenarios))
    ]
    try:
        for task, run in (
            evaluate(tasks, {number: each.values for number, each in others.items()})
            if tasks
            else ()
        ):
            others[task.candidate].runs[task.stage, task.scenario, task.replication] = run
            watch.ran(task, run)
    except KeyboardInterrupt:
        tuning.interrupted = True
    else:
        tuning.against = list(others.values())


def _run_until_interrupted(race: Search) -> bool:
    try:
        race.run()
    except KeyboardInterrupt:
        return True
    return False
