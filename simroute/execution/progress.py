"""Whoever watches a study, and Ctrl-C in the moments in which it has to wait."""

from __future__ import annotations

import signal
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from simroute.experiment.job import Job
from simroute.metrics import Figures


class StudyListener:
    """Is told what a study is at; this one shows nothing, and warns of what is noted."""

    def started(self, total: int, finished: int) -> None:
        """So many replications in all, over all policies, so many of them finished before."""

    def progress(self, job: Job, seconds: float) -> None:
        """A replication has played another block of requests, and come to this simulated time."""

    def finished(self, job: Job, figures: Figures) -> None:
        """A replication is finished, and kept."""

    def warn(self, line: str) -> None:
        """Something that is not as it should be, though the study goes on."""
        warnings.warn(line, stacklevel=2)


@contextmanager
def delay_interrupts() -> Iterator[None]:
    """Ctrl-C waits until this is done; a second one does not."""
    if threading.current_thread() is not threading.main_thread() or not callable(
        before := signal.getsignal(signal.SIGINT)
    ):
        yield
        return
    caught: list[Any] = []

    def remember(number: int, frame: Any) -> None:
        caught.append((number, frame))
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, remember)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if caught:
        before(*caught[0])
