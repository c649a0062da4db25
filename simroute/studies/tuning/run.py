"""A search from its plan to what it recommends."""

from __future__ import annotations

from contextlib import ExitStack
from functools import cache
from pathlib import Path

from simroute.execution.cached import Cache
from simroute.experiment.job import Work
from simroute.storage.run_folder import (
    RunStore,
)
from simroute.studies.comparison.random_outages import (
    OutageExposure,
    expected_exposures,
    outage_exposure,
)
from simroute.studies.tuning.config_file import ground, sheet
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
from simroute.studies.tuning.search.recall import Recall


def tune(
    plan: SearchPlan,
    *,
    workers: int = 1,
    evaluate: Evaluate | None = None,
    watch: SearchListener | None = None,
    out: Path | None = None,
    resume: bool = False,
    report: bool = True,
    perform: Work | None = None,
    cache: bool = False,
) -> Tuning:
    """Search, then confirm in fresh weather. After Ctrl-C: from what is there.

    `evaluate` stands in for the simulator, `perform` plays its runs elsewhere. With `out`, a folder
    that is there, every run is kept as it is finished; `resume` goes on with those of an unfinished
    search. `cache`: runs of earlier searches are read back. Raises KeyboardInterrupt before
    anything is there, InputError, WorkerLostError, ReplicationError.
    """
    watch = watch or SearchListener()
    made = sheet(plan)
    begin = (
        RunStore.begin(made, out, False, watch.warn)
        if not resume or out is None
        else RunStore.resume(made, out, None, watch.warn)
    )
    with ExitStack() as stack:
        folder = stack.enter_context(begin)
        if evaluate is None:
            simulator = Simulator(plan.stages, plan.policy, workers, perform)
            stack.callback(simulator.close)
            evaluate = simulator
        beside = evaluate
        if cache:
            shelf = Cache(ground(plan), watch.warn)
            stack.callback(shelf.close)
            evaluate = again = Recall(evaluate, shelf, plan.space)
            stack.callback(
                lambda: (
                    watch.warn(f"{again.count} runs are read back from {shelf.place}/")
                    if again.count
                    else None
                )
            )
        if out is not None:
            evaluate, beside = (Recall(each, folder, plan.space) for each in (evaluate, beside))
        found = _searched(plan, evaluate, watch)
        _beside(found, beside, watch)
        folder.finish(found, found.outputs(report))
        return found


def _searched(plan: SearchPlan, evaluate: Evaluate, watch: SearchListener) -> Tuning:
    evaluations = Evaluations(plan.space, len(plan.scenarios), evaluate, watch.ran, _sky(plan))
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
    interrupted = _interrupted(race)
    return Tuning(
        plan,
        evaluations,
        race.rounds,
        confirm(evaluations, plan.goals, plan.request.confirm, interrupted),
        race.exhausted,
    )


def _sky(plan: SearchPlan) -> FaultExposure | None:
    known = {
        (stage, place): (expected_exposures(made), made)
        for stage, each in plan.stages.items()
        for place, made in enumerate(each)
    }
    if all(exposures is None for exposures, _ in known.values()):
        return None

    @cache
    def seen(stage: str, scenario: int, count: int) -> OutageExposure | None:
        exposures, made = known[stage, scenario]
        return outage_exposure(exposures, range(count), {}, lambda: made.expected_requests)

    return seen


def _beside(found: Tuning, evaluate: Evaluate, watch: SearchListener) -> None:
    """Run the policies of --against in the weather of the confirmation."""
    if found.interrupted:
        return
    plan = found.plan
    others = {
        -place: Candidate(-place, {POLICY: name}, (), 0, sky=found.evaluations.start.sky)
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
        found.confirmation.interrupted = True
    else:
        found.against = list(others.values())


def _interrupted(race: Search) -> bool:
    try:
        race.run()
    except KeyboardInterrupt:
        return True
    return False
