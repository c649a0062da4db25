"""A deployment of a log, on the clock of a run."""

from __future__ import annotations

import numpy as np

from simroute.models.blocks import Block
from simroute.models.faults import ErrorSteps
from simroute.models.logged_behaviour import LoggedBehaviour
from simroute.models.playback import PlaybackClock
from simroute.models.questions import BLOCK
from simroute.models.random import Streams


class EmpiricalDeployment:
    """Service times and failures resampled from the calls that a log has of one deployment."""

    def __init__(
        self, name: str, behaviour: LoggedBehaviour, clock: PlaybackClock, streams: Streams
    ) -> None:
        self._name, self._streams = name, streams
        self.behaviour, self.clock = behaviour, clock

    def draw_times(
        self, block: Block, n: int, source: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """As `deployment.ServiceTimes`; draws from a stream of its own."""
        number = block.first // BLOCK
        own = self._streams.block("recorded", self._name, n, block=number)
        return self.behaviour.draw_times(
            self.clock.trace_time(block.arrival),
            block.input_tokens,
            block.output_tokens,
            own.random((2, BLOCK))[:, : block.size],
        )

    def has_enough_calls(self, when: np.ndarray) -> np.ndarray:
        """`LoggedBehaviour.has_enough_calls` at these seconds of the run."""
        return self.behaviour.has_enough_calls(self.clock.trace_time(when))

    def error_steps(self, horizon: float) -> ErrorSteps:
        """Its errors, in seconds of the run."""
        start, scale, length = self.clock
        steps, turn = [], 0
        while turn * length < horizon * scale:
            # of those before the start, the last holds
            shares_at = {
                max(when, start): shares
                for when, shares in self.behaviour.errors
                if when < start + length
            }
            steps += [
                ((when - start + turn * length) / scale, shares)
                for when, shares in shares_at.items()
            ]
            turn += 1
        return steps
