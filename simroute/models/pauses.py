"""How long people wait: for an answer, before they ask again, before the next turn."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from simroute.models import spec


def draw_pauses(pause: spec.Pause, source: np.random.Generator, size: int) -> np.ndarray:
    """So many waits, s."""
    return _waits(pause, source.standard_normal(size), source.standard_exponential(size))


def mean_pause(pause: spec.Pause) -> float:
    """The mean wait, s."""
    if pause.mean is not None:
        return pause.mean
    assert pause.median is not None
    return float(pause.median * np.exp(pause.sigma**2 / 2))


def describe_pause(pause: spec.Pause) -> str:
    """In words."""
    if pause.mean is not None:
        return f"{pause.mean:g} s on average (exponential)"
    assert pause.median is not None
    spread = f" (lognormal, sigma {pause.sigma:g})" if pause.sigma else ""
    return f"{pause.median:g} s{spread}"


def check_pause(pause: spec.Pause) -> None:
    """Raises ValueError unless it says one of median and mean."""
    if (pause.median is None) == (pause.mean is None):
        raise ValueError("give one of median (lognormal) and mean (exponential)")
    if pause.mean is not None and pause.sigma:
        raise ValueError("sigma is of a lognormal with a median; an exponential has none")


def patience(load: spec.Workload, tasks: Sequence[str]) -> list[spec.Pause | None] | None:
    """By task code, how long its callers wait; None where all wait for ever."""
    known = (load.tasks.get(name) for name in tasks)
    own = (None if task is None else task.patience for task in known)
    waits = [load.patience if pause is None else pause for pause in own]
    return waits if any(waits) else None


def draw_patience(
    waits: Sequence[spec.Pause | None], task: np.ndarray, source: np.random.Generator, size: int
) -> np.ndarray:
    """How long the caller of each request waits, s; infinite for ever. A request's draw is the same
    whatever the others' tasks are."""
    spread, times = source.standard_normal(size), source.standard_exponential(size)
    seconds = np.full(len(task), np.inf)
    for code, pause in enumerate(waits):
        if pause is not None:
            mine = task == code
            seconds[mine] = _waits(pause, spread[: len(task)][mine], times[: len(task)][mine])
    return seconds


def _waits(pause: spec.Pause, normal: np.ndarray, exponential: np.ndarray) -> np.ndarray:
    if pause.mean is not None:
        return exponential * pause.mean
    assert pause.median is not None
    return np.asarray(pause.median * np.exp(pause.sigma * normal))
