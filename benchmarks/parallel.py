"""What does a second worker bring?

The same replications with --workers 1 and 2, at least ten seconds of work. Efficiency is the time
of one over twice the time of two; wanted: .95. It needs two idle cores: on a machine that others
use too, compare the seconds of CPU instead, which say how much more work two workers make of it.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from simroute.config.configuration import Configuration
from simroute.config.loading import load
from simroute.execution.pool import ProcessPool
from simroute.experiment.job import Job

SECONDS = 10.0


def measured(made: Configuration, workers: int) -> tuple[float, float]:
    """Seconds by the clock and of CPU, children included."""
    jobs = [
        Job(made, policy, number) for number in made.replication_numbers for policy in made.policies
    ]
    before, start = os.times(), time.perf_counter()
    with ProcessPool(workers) as pool:
        for _ in pool.run(jobs):
            pass
    took, after = time.perf_counter() - start, os.times()
    return took, sum(after[:4]) - sum(before[:4])


def main() -> None:
    made = load("compare", "demo", ["layered"], [], 1, 2)
    measured(made, 1)  # warm
    _, one = measured(made, 1)
    made.replications = 2 * max(1, round(SECONDS * 1.2 / one))
    (alone, cpu), (both, cpus) = measured(made, 1), measured(made, 2)
    print(
        f"{made.replications} replications: {alone:.1f} s with one worker, {both:.1f} s with "
        f"two: efficiency {alone / (2 * both):.2f}"
    )
    load_average = (
        f"; load before: {Path('/proc/loadavg').read_text().split()[0]}"
        if Path("/proc/loadavg").exists()
        else ""
    )
    print(
        f"  CPU: {cpu:.1f} s and {cpus:.1f} s: {cpu / cpus:.2f} of it is the work itself, start "
        f"of processes included{load_average}"
    )


if __name__ == "__main__":
    main()
