"""Worker processes that stay: several configurations, several calls, the same bits; a lost one is
named."""

import os
import signal

import pytest

from simroute.config.loading import load
from simroute.execution.pool import ProcessPool
from simroute.experiment.job import Job, WorkerLostError
from simroute.storage.replication_journal import encode_figures

HORIZON = ["scenario.horizon=60"]


@pytest.fixture(scope="module")
def made():
    """Two weathers with two policies each."""
    return [load("compare", "steady", ["direct", "failover"], HORIZON, seed, 2) for seed in (1, 2)]


@pytest.fixture
def jobs(made):
    """Two replications of each policy in each weather."""
    return asked(made)


def asked(made, **words):
    return [
        Job(each, policy, replication, **words)
        for replication in range(2)
        for policy in ("direct", "failover")
        for each in made
    ]


def played(pool, jobs):
    """Figures as text, by weather, policy and replication."""
    return {
        (job.configuration.seed, job.policy, job.replication): encode_figures(figures)
        for job, figures, _ in pool.run(jobs)
    }


def test_workers_stay_and_change_no_bit(made, jobs):
    """A second call, with the configurations the other way round, finds the same processes; figures
    are those of this process."""
    expected = played(ProcessPool(1), jobs)
    with ProcessPool(2) as pool:
        assert played(pool, jobs) == expected
        workers = {process.pid for process in pool._processes.values()}
        assert played(pool, asked(made[::-1])) == expected
        assert {process.pid for process in pool._processes.values()} == workers
        assert len(workers) == 2
    assert not any(alive(pid) for pid in workers)


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_figures_for_metrics_lack_what_pictures_need_and_nothing_else(made):
    """Metrics, counts and which targets were asked are the same; evidence, minutes and the other
    splits are left out."""
    whole, bare = (
        [result.figures for result in ProcessPool().run(asked(made, metrics_only=only)[:2])]
        for only in (False, True)
    )
    for figures, fewer in zip(whole, bare, strict=True):
        assert (fewer.metrics, fewer.pooled) == (figures.metrics, figures.pooled)
        assert (fewer.evidence, fewer.by, fewer.minutes, fewer.causes) == (
            None,
            {"target": figures.by["target"]},
            [],
            {},
        )


def test_a_lost_worker_is_named_and_the_next_call_has_new_ones(jobs):
    """With the job that went with it; none of the old workers is left."""
    with ProcessPool(2) as pool:
        runs = pool.run(jobs)
        next(runs)
        for process in pool._processes.values():
            os.kill(process.pid, signal.SIGKILL)
        with pytest.raises(
            WorkerLostError, match=r"during policy (direct|failover), replication \d, seed [12]"
        ):
            list(runs)
        assert pool._processes == {}
        assert len(played(pool, jobs)) == len(jobs)
