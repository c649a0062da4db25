"""A run by what its figures depend on: where such are kept, and how one that is kept stands in for
playing it again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Generator
from pathlib import Path
from typing import Any, Protocol

from simroute.config.configuration import Configuration
from simroute.execution.progress import delay_interrupts
from simroute.experiment.job import Job, Progress, Replicated, Work, strip_evidence


class Store(Protocol):
    """Where runs are kept, each under a job: a text that says what was run, and the replication."""

    def keys(self) -> set[Job]:
        """Of what is kept."""

    def read(self, job: Job) -> Replicated | None:
        """What is kept of one, None if it cannot be read."""

    def add(self, done: Replicated) -> None:
        """Keep one, at once. Never fails."""


def digest(made: Configuration, policy: str) -> str:
    """Of weather and layers: whoever has the same one has the same figures."""
    plain = made.plain()
    text = json.dumps(
        _alike([made.seed, plain["files"], plain["scenario"], plain["policies"][policy]])
    )
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _alike(value: Any) -> Any:
    """1 is 1.0, as it is once it has been written and read again."""
    if isinstance(value, dict):
        return {str(key): _alike(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_alike(one) for one in value]
    return (
        float(value)
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**53
        else value
    )


def kept(perform: Work, store: Store) -> Work:
    """As `perform`, for runs beside a study's own: those in the store are read back, and what is
    played is put there (without evidence)."""

    def work(
        made: Configuration, jobs: list[Job], workers: int, parts: Path | None, reached: Progress
    ) -> Generator[Replicated, None, None]:
        names, known, left = (
            {policy: digest(made, policy) for policy in made.policies},
            store.keys(),
            [],
        )
        for policy, replication in jobs:
            job = names[policy], replication
            found = store.read(job) if job in known else None
            if found is None:
                left.append((policy, replication))
            else:
                yield Replicated((policy, replication), found.figures)
        for done in perform(made, left, workers, parts, reached) if left else ():
            with delay_interrupts():
                store.add(
                    Replicated((names[done.job[0]], done.job[1]), strip_evidence(done.figures))
                )
            yield done

    return work
