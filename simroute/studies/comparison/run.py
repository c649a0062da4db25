"""Which of these policies keeps the promise at least cost, in the same weather?"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from simroute.config.configuration import Configuration
from simroute.errors import InputError
from simroute.execution.collected import CollectedRuns
from simroute.execution.partitions import Partitions
from simroute.execution.pool import work
from simroute.execution.progress import StudyListener, delay_interrupts
from simroute.execution.runs import kept
from simroute.experiment.job import Work
from simroute.metrics import Evidence, Figures
from simroute.storage.run_folder import RunFolder
from simroute.studies.bound.gap import clairvoyant_bound
from simroute.studies.comparison.stopping import stages
from simroute.studies.comparison.study import Study
from simroute.studies.comparison.yearly import strata, yearly_figures


def compare(
    configuration: Configuration,
    *,
    workers: int = 1,
    rows: bool | None = None,
    out: Path | None = None,
    resume: bool = False,
    report: bool = True,
    watch: StudyListener | None = None,
    perform: Work = work,
    kind: type[Study] = Study,
) -> Study:
    """Run every policy in every replication; `out`, a folder that is there, gets the run's files
    (report.html if `report`).

    What is finished is kept in a journal in `out` until all is: Ctrl-C, a lost worker or a full
    disk lose nothing, and `resume` goes on from there (`rows` None: with row files if it was begun
    with them). After Ctrl-C the study is over the replications that all policies have finished.
    `perform`: plays the replications, here or elsewhere; the result does not depend on it. `kind`:
    what is made of them. Raises InputError, WorkerLostError, ReplicationError (which names it),
    KeyboardInterrupt when no replication is whole.
    """
    watch = watch or StudyListener()
    if configuration.study.yearly:
        strata(configuration.scenario, configuration.seed)  # refused before anything runs
    if out is not None and resume:
        folder = RunFolder.resume(configuration, out, rows, watch.warn)
    else:
        folder = RunFolder.begin(configuration, out, bool(rows), watch.warn)
    if configuration.study.windows is not None:
        if rows or perform is not work:
            raise InputError(
                "--windows: parts are played here, and without row files: leave out --rows, "
                "--cache and --executor"
            )
        windows = Partitions(out)
        perform = windows.work
    with folder:
        gathered, interrupted = _gathered(configuration, workers, folder, watch, perform)
        whole = gathered.whole()
        if not whole:
            raise KeyboardInterrupt
        ideal = clairvoyant_bound(configuration, whole) if gathered.evidence else None
        study = kind(
            configuration,
            gathered.runs(),
            interrupted,
            out,
            gathered.evidence,
            gathered.first,
            ideal,
            whole,
        )
        if configuration.study.yearly and not interrupted:
            try:
                study.yearly = yearly_figures(
                    configuration,
                    study.runs,
                    workers=workers,
                    perform=kept(perform, folder),
                    confidence=study.confidence,
                )
            except KeyboardInterrupt:
                watch.warn("interrupted: the yearly figures are left out")
                study.interrupted = True
        study.complete(lambda made: _alone(made, workers, perform))
        folder.finish(study, study.outputs(report), whole)
        if configuration.study.windows is not None and not interrupted:
            windows.done()
    return study


def _alone(
    configuration: Configuration, workers: int, perform: Work
) -> tuple[list[Figures], Evidence]:
    """The replications of a configuration with one policy, kept nowhere."""
    gathered = CollectedRuns(configuration.policies)
    jobs = [
        (policy, replication)
        for policy in configuration.policies
        for replication in configuration.replication_numbers
    ]
    with closing(perform(configuration, jobs, workers, None, lambda job, reached: None)) as results:
        for done in results:
            gathered.add(done.job, done.figures)
    (policy,) = configuration.policies
    return gathered.runs()[policy], gathered.evidence[policy]


def _gathered(
    configuration: Configuration,
    workers: int,
    folder: RunFolder,
    watch: StudyListener,
    perform: Work,
) -> tuple[CollectedRuns, bool]:
    """Everything that is finished when all is, or Ctrl-C is pressed; and whether it was."""
    gathered = CollectedRuns(configuration.policies)
    for job, figures in folder.finished_runs():
        gathered.add(job, figures)
    try:
        for numbers in stages(configuration, gathered):
            jobs = [
                (policy, replication)
                for replication in numbers
                for policy in configuration.policies
            ]
            left = [job for job in jobs if job not in gathered.figures]
            watch.started(len(jobs), len(jobs) - len(left))
            with closing(
                perform(configuration, left, workers, folder.parts, watch.progress)
            ) as results:
                for done in results:
                    with delay_interrupts():
                        folder.add(done)
                        gathered.add(done.job, done.figures)
                    watch.finished(done.job, done.figures)
    except KeyboardInterrupt:
        return gathered, True
    return gathered, False
