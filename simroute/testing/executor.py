"""An executor that simulates nothing: for tests of what is done with replications."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence

from simroute.experiment.job import Job, Progress, Replicated, silent
from simroute.metrics import Figures


class ScriptedExecutor:
    """Gives the figures that a function says, and remembers in `jobs` what was played.

    >>> executor = ScriptedExecutor(lambda job: figures[job.policy])
    >>> compare(configuration, executor=executor)
    >>> [(job.policy, job.replication) for job in executor.jobs]

    What the function raises ends the run, as a failure or Ctrl-C does.
    """

    def __init__(self, play: Callable[[Job], Figures]) -> None:
        self._play = play
        self.jobs: list[Job] = []

    def run(
        self, jobs: Sequence[Job], progress: Progress = silent
    ) -> Generator[Replicated, None, None]:
        """As `Executor.run`, in order and without progress."""
        for job in jobs:
            figures = self._play(job)
            self.jobs.append(job)
            yield Replicated(job, figures)
