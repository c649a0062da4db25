"""The listener of a study, and Ctrl-C held back for a moment."""

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
    """Hears how far a study is. This one shows nothing, and passes warnings to Python."""

    def started(self, total: int, finished: int) -> None:
        """A stage begins: replications over all policies, and how many were finished before."""

    def progress(self, job: Job, seconds: float) -> None:
        """A replication has played another block of requests, up to these simulated seconds."""

    def finished(self, job: Job, figures: Figures) -> None:
        """A replication is finished, and kept."""

    def warn(self, line: str) -> None:
        """Something is not as it should be, or was read back; the study goes on."""
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
