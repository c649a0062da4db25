"""What does an evaluation of `tune` cost beside the run that it asks for?

A search over three parameters (the problem "breaker" of
`benchmarks/tuning.py`), confirmation included, in one process: processor time of the runs, and of
all else: proposals, surrogate, ranking, the journal.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Generator, Sequence
from pathlib import Path

from tuning import PROBLEMS

from simroute.execution.options import ExecutionOptions
from simroute.execution.pool import ProcessPool
from simroute.experiment.job import Job, Progress, Replicated, silent
from simroute.studies.tuning import plan_search, tune


class Timed(ProcessPool):
    """One process, with the processor time of its runs."""

    seconds, runs = 0.0, 0

    def run(
        self, jobs: Sequence[Job], progress: Progress = silent
    ) -> Generator[Replicated, None, None]:
        played = super().run(jobs, progress)
        while True:
            start = time.process_time()
            one = next(played, None)
            self.seconds += time.process_time() - start
            if one is None:
                return
            self.runs += 1
            yield one


def main() -> None:
    plan, executor = plan_search(PROBLEMS["breaker"]), Timed()
    with tempfile.TemporaryDirectory() as folder:
        start, clock = time.process_time(), time.perf_counter()
        tune(plan, options=ExecutionOptions(executor=executor, out=Path(folder)))
        took, clock = time.process_time() - start, time.perf_counter() - clock
    print(
        f"{executor.runs} runs: {1000 * executor.seconds / executor.runs:.1f} ms of the processor "
        f"each, and {1000 * (took - executor.seconds) / executor.runs:.1f} ms for all else; "
        f"{clock:.1f} s by the clock"
    )


if __name__ == "__main__":
    main()
