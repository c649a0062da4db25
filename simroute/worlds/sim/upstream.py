"""One provider endpoint on SimPy's clock: slots and their queue around what its model says of each call."""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING

from simroute.worlds.sim.kernel import Kernel, Wake

if TYPE_CHECKING:
    from simroute.models.deployment import DeploymentModel
    from simroute.worlds.sim.request import SimRequest

PICO = 1_000_000
"""Pico-USD per token for one USD per million tokens: money is counted in integers."""


class Attempt(Wake):
    """One send to one upstream, and the event of its end. Seconds count from `began`, when the provider took it up."""

    request: SimRequest
    upstream: Upstream
    number: int  # of the request's attempts, from 1
    target_number: int  # of the request's attempts at this target, from 1
    start: float
    status: int
    seconds: float
    probe: bool
    began: float = -1.0
    first: float = 0.0  # seconds to the first token
    decode: float = -1.0  # seconds from the first token to the last; negative: there will be no answer
    quality: float = 0.0
    error: str = ""
    retry_after: float | None = None
    first_token: Wake | None = None
    abandoned: bool = False
    left: float = 0.0  # when whoever waited for an abandoned one stopped waiting
    held: bool = False  # it has a slot
    queued: bool = False  # it waits for one


class Upstream:
    """One deployment while a run lasts. What becomes of a call is its model's word; what has to wait for what is decided here."""

    def __init__(self, kernel: Kernel, index: int, model: DeploymentModel, slots: int | None, room: int) -> None:
        self.kernel = kernel
        self.index = index
        self.model = model
        self.target = model.target
        self.name = model.target.name
        self.limits = model.limits
        self.slots, self.room = slots, room
        self.busy = 0
        self.busy_seconds = 0.0
        self._waiting: deque[Attempt] = deque()
        self.until = -math.inf
        self.refresh(0.0)

    def refresh(self, now: float) -> None:
        """Look up the weather and the price; both hold until `until`."""
        self.conditions, fair = self.model.conditions(now)
        self.price, listed = self.model.price_at(now)
        self.until = min(fair, listed)
        self.input_pico, self.output_pico = round(self.price.input * PICO), round(self.price.output * PICO)
        self.saved_pico = 0 if self.price.cached is None else self.input_pico - round(self.price.cached * PICO)

    def nano_usd(self, input_tokens: int, output_tokens: int, cached_tokens: int) -> int:
        """The bill in nano-USD, rounded half up; `cached_tokens` of the input were read from the provider's cache."""
        return (input_tokens * self.input_pico - cached_tokens * self.saved_pico + output_tokens * self.output_pico + 500) // 1000

    def full(self) -> bool:
        """No slot is free, and no place to wait for one."""
        return self.slots is not None and self.busy >= self.slots and len(self._waiting) >= self.room

    def admit(self, attempt: Attempt) -> None:
        """Begin the work now, or when a slot is free."""
        if self.slots is None:
            self._begin(attempt)
        elif self.busy < self.slots:
            self._hold(attempt)
        else:
            attempt.queued = True
            self._waiting.append(attempt)

    def leave(self, attempt: Attempt) -> None:
        """Give the slot back; the next in the queue takes it."""
        attempt.held = False
        self.busy -= 1
        self.busy_seconds += self.kernel.now() - attempt.began
        if self._waiting:
            self._hold(self._waiting.popleft())

    def forget(self, attempt: Attempt) -> None:
        """Take a call that has not begun out of the queue."""
        self._waiting.remove(attempt)

    def _hold(self, attempt: Attempt) -> None:
        self.busy += 1
        attempt.held, attempt.queued = True, False
        self._begin(attempt)

    def _begin(self, attempt: Attempt) -> None:
        kernel = self.kernel
        attempt.began = now = kernel.env._now
        if attempt.first_token is not None:
            kernel.schedule(attempt.first_token, now + attempt.first)
        kernel.schedule(attempt, now + attempt.seconds)
