"""How fast a deployment is from moment to moment: a factor over time, whatever is sent."""

from __future__ import annotations

import math

import numpy as np

from simroute.models import spec
from simroute.models.random import Streams

STEPS_A_MEMORY = 8
MOST_STEPS = 100_000
BLOCK = 4096


class DriftSteps:
    """exp(sigma X) for an Ornstein-Uhlenbeck process X that begins in its equilibrium, constant for
    an eighth of its memory at a time; the last value holds after the horizon."""

    def __init__(self, name: str, drift: spec.Drift, streams: Streams, horizon: float) -> None:
        self.step = drift.memory / STEPS_A_MEMORY
        count = min(math.ceil(horizon / self.step), MOST_STEPS)
        blocks = [
            streams.block("drift", name, block=number).standard_normal(BLOCK)
            for number in range(-(-count // BLOCK))
        ]
        normal = np.concatenate(blocks)[:count]
        keep = math.exp(-1 / STEPS_A_MEMORY)
        fresh, x = math.sqrt(1 - keep**2), float(normal[0])
        logs = [x]
        for draw in normal[1:].tolist():
            x = keep * x + fresh * draw
            logs.append(x)
        self.factors = np.exp(drift.sigma * np.array(logs)).tolist()

    def at(self, t: float) -> tuple[int, float]:
        """The number of the step at `t` (s), and until when it holds."""
        last = len(self.factors) - 1
        place = max(0, int(t // self.step))
        return (place, (place + 1) * self.step) if place < last else (last, math.inf)

    def places(self, times: np.ndarray) -> np.ndarray:
        """The numbers of the steps at these moments (s)."""
        return np.clip((times // self.step).astype(np.int64), 0, len(self.factors) - 1)


def check_drift(drift: spec.Drift, horizon: float) -> None:
    """Raises ValueError where it has more steps than are kept."""
    steps = horizon / drift.memory * STEPS_A_MEMORY
    if drift.sigma and steps > MOST_STEPS:
        raise ValueError(
            f"makes {steps:,.0f} steps over the horizon, at most {MOST_STEPS:,} are kept; write at "
            f"least {horizon * STEPS_A_MEMORY / MOST_STEPS:.4g}s"
        )
