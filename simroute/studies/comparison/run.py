"""Which of these policies keeps the promise at least cost, in the same weather?"""

from __future__ import annotations

from contextlib import ExitStack, closing
from pathlib import Path

from simroute.config.configuration import Configuration
from simroute.errors import InputError
from simroute.execution.cached import Cached, ReplicationCache
from simroute.execution.collected import CollectedRuns
from simroute.execution.options import LOCAL, ExecutionOptions
from simroute.execution.partitions import Partitions
from simroute.execution.pool import ProcessPool
from simroute.execution.progress import StudyListener, delay_interrupts
from simroute.experiment.job import Executor, Job
from simroute.metrics import Evidence, Figures
from simroute.storage.folder import RunDescription
from simroute.storage.run_folder import RunFolder
from simroute.studies.bound.gap import clairvoyant_bound, has_bound
from simroute.studies.bound.quality import is_graded, quality_trade
from simroute.studies.comparison.stopping import stages
from simroute.studies.comparison.study import Study
from simroute.studies.comparison.yearly import strata, yearly_figures


def compare(
    configuration: Configuration,
    *,
    options: ExecutionOptions = LOCAL,
    rows: bool | None = None,
    watch: StudyListener | None = None,
    kind: type[Study] = Study,
) -> Study:
    """Play every policy in every replication.

    What is finished is kept in a journal in the folder of `options` until all is: Ctrl-C, a lost
    worker or a full disk lose nothing. After Ctrl-C the study is over the replications that all
    policies have finished. `rows`: with row files; None: if the run that is resumed was begun with
    them. `kind`: the class of the result. Raises InputError, WorkerLostError, ReplicationError
    (which names it), KeyboardInterrupt when no replication is whole.
    """
    watch = watch or StudyListener()
    is_split = configuration.study.windows is not None
    if configuration.study.yearly:
        strata(configuration.scenario, configuration.seed)  # refused before anything runs
    if is_split and (rows or options.cache or options.executor is not None):
        raise InputError(
            "--windows: parts are played here, and without row files: leave out --rows, "
            "--cache and --executor"
        )
    description = RunDescription.of(configuration)
    with ExitStack() as stack:
        folder = stack.enter_context(
            RunFolder.open(description, options.out, watch.warn, resume=options.resume, rows=rows)
        )
        executor = options.executor or stack.enter_context(ProcessPool(options.workers))
        if is_split:
            executor = parts = Partitions(executor, options.out)
        if options.cache:
            executor = _read_back(executor, stack, description, watch)
        gathered, interrupted = _play_stages(configuration, executor, folder, watch)
        study = _conclude(configuration, gathered, interrupted, options.out, kind)
        if configuration.study.yearly and not interrupted:
            _add_year(study, Cached(executor, [folder]), watch)
        study.complete(lambda made: _play_alone(made, executor, watch))
        study.unwritten, study.problems = folder.finish(
            study.outputs(options.report), gathered.complete_replications(), study.interrupted
        )
        if is_split and not interrupted:
            parts.discard()
    return study


def _read_back(
    executor: Executor, stack: ExitStack, description: RunDescription, watch: StudyListener
) -> Executor:
    store = stack.enter_context(ReplicationCache(description, watch.warn))
    return Cached(
        executor,
        [store],
        lambda read, total: watch.warn(
            f"{read} of {total} runs are read back from {store.path}/: nothing that they depend "
            f"on has changed"
        ),
    )


def _play_stages(
    configuration: Configuration, executor: Executor, folder: RunFolder, watch: StudyListener
) -> tuple[CollectedRuns, bool]:
    """Everything that is finished when all is, or Ctrl-C is pressed; and whether it was."""
    gathered = CollectedRuns(configuration.policies)
    for key, figures in folder.finished_runs():
        gathered.add(key, figures)
    try:
        for numbers in stages(configuration, gathered):
            jobs = [
                Job(configuration, policy, replication, folder.rows_folder(policy, replication))
                for replication in numbers
                for policy in configuration.policies
            ]
            left = [job for job in jobs if (job.policy, job.replication) not in gathered.figures]
            watch.started(len(jobs), len(jobs) - len(left))
            with closing(executor.run(left, watch.progress)) as results:
                for result in results:
                    with delay_interrupts():
                        folder.keep(result)
                        gathered.add((result.job.policy, result.job.replication), result.figures)
                    watch.finished(result.job, result.figures)
    except KeyboardInterrupt:
        return gathered, True
    return gathered, False


def _conclude(
    configuration: Configuration,
    gathered: CollectedRuns,
    interrupted: bool,
    out: Path | None,
    kind: type[Study],
) -> Study:
    """The study of the replications that are whole. Raises KeyboardInterrupt if none is."""
    whole = gathered.complete_replications()
    if not whole:
        raise KeyboardInterrupt
    bound = trade = None
    if gathered.evidence and has_bound(configuration.scenario):
        bound = clairvoyant_bound(configuration, whole)
        if is_graded(configuration.scenario):
            trade = quality_trade(configuration, whole, bound.runs[0])
    runs, evidence, first = gathered.runs(), gathered.evidence, gathered.first
    return kind(configuration, runs, interrupted, out, evidence, first, bound, whole, trade)


def _add_year(study: Study, executor: Executor, watch: StudyListener) -> None:
    try:
        study.yearly = yearly_figures(
            study.configuration, study.runs, executor, study.confidence, watch=watch
        )
    except KeyboardInterrupt:
        watch.warn("interrupted: the yearly figures are left out")
        study.interrupted = True


def _play_alone(
    configuration: Configuration, executor: Executor, watch: StudyListener
) -> tuple[list[Figures], Evidence]:
    """The replications of a configuration with one policy, kept nowhere."""
    (policy,) = configuration.policies
    gathered = CollectedRuns([policy])
    jobs = [Job(configuration, policy, n) for n in configuration.replication_numbers]
    watch.started(len(jobs), 0)
    with closing(executor.run(jobs, watch.progress)) as results:
        for result in results:
            gathered.add((policy, result.job.replication), result.figures)
            watch.finished(result.job, result.figures)
    return gathered.runs()[policy], gathered.evidence[policy]
