"""Worker processes that stay: several configurations, several calls, the same bits; a lost one is
named."""

import gc
import os
import signal

import pytest

from simroute.config.loading import load
from simroute.execution import pool
from simroute.execution.pool import ProcessPool
from simroute.experiment.job import WorkerLostError
from simroute.storage.journal import encode_figures
from simroute.worlds.sim import SimWorld

HORIZON = ["scenario.horizon=60"]


@pytest.fixture(scope="module")
def made():
    """Two weathers with two policies each."""
    return [load("compare", "steady", ["direct", "failover"], HORIZON, seed, 2) for seed in (1, 2)]


JOBS = [
    (number, (policy, replication))
    for replication in range(2)
    for policy in ("direct", "failover")
    for number in range(2)
]


def played(crew, made, jobs):
    return {
        (number, *done.job): encode_figures(done.figures) for number, done in crew.play(made, jobs)
    }


def test_workers_stay_and_change_no_bit(made):
    """A second call, with the configurations the other way round, finds the same processes; figures
    are those of this process."""
    expected = played(ProcessPool(1), made, JOBS)
    with ProcessPool(2) as crew:
        assert played(crew, made, JOBS) == expected
        workers = {process.pid for process in crew._processes.values()}
        turned = played(crew, made[::-1], JOBS)
        assert {(1 - number, *job): text for (number, *job), text in turned.items()} == expected
        assert {process.pid for process in crew._processes.values()} == workers
        assert len(workers) == 2
    assert not any(alive(pid) for pid in workers)


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_bare_figures_lack_what_pictures_need_and_nothing_else(made):
    """Metrics, counts and which targets were asked are the same; evidence, minutes and the other
    splits are left out."""
    whole, bare = (
        {(n, d.job): d.figures for n, d in ProcessPool(1, metrics_only=bare).play(made, JOBS[:2])}
        for bare in (False, True)
    )
    for job, figures in whole.items():
        assert (bare[job].metrics, bare[job].pooled) == (figures.metrics, figures.pooled)
        assert (bare[job].evidence, bare[job].by, bare[job].minutes) == (
            None,
            {"target": figures.by["target"]},
            [],
        )


def test_a_lost_worker_is_named_and_the_next_call_has_new_ones(made):
    """With the job that went with it; nobody of the old crew is left."""
    with ProcessPool(2) as crew:
        runs = crew.play(made, JOBS)
        next(runs)
        for process in crew._processes.values():
            os.kill(process.pid, signal.SIGKILL)
        with pytest.raises(
            WorkerLostError, match=r"during policy (direct|failover), replication \d, seed [12]"
        ):
            list(runs)
        assert crew._processes == {}
        assert len(played(crew, made, JOBS)) == len(JOBS)


def test_worlds_of_replications_that_ended_do_not_pile_up() -> None:
    """Fifty runs of a small scenario: no more worlds are alive than are cleared away together."""
    made = load("compare", "demo", ["direct"], ["scenario.workload.rate=0.002"], 1, 50)
    for number in made.replication_numbers:
        pool._done(made, ("direct", number), None, lambda seconds: None, True)
    alive = sum(isinstance(one, SimWorld) for one in gc.get_objects())
    assert alive <= pool.EVERY
