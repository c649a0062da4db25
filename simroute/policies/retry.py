"""Ask again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from simroute.core import Call, Outcome, Send, World, layer
from simroute.core.params import Doc, Factor, Positive, Rate, Seconds, Share, Status
from simroute.gauges.backoff import backoff
from simroute.gauges.retry_budget import RetryBudgetState


@dataclass(frozen=True)
class Backoff:
    """Pauses grow from `initial` by `factor` up to `max`. Jitter: full [0, d], equal [d/2, d], proportional d x [.8, 1.2], decorrelated."""

    initial: Seconds = 0.5
    factor: Factor = 2.0
    max: Seconds = 20.0
    jitter: Literal["none", "full", "equal", "decorrelated", "proportional"] = "full"


@dataclass(frozen=True)
class RetryBudget:
    """Retries may be this share of recent calls, and so many a second in any case (Finagle's RetryBudget)."""

    share: Share = 0.2
    reserve: Rate = 10.0


@layer("retry")
@dataclass
class Retry:
    """Sends a failed call again to the same target, after a pause. Obeys Retry-After; gives up at once if that is too long."""

    attempts: Annotated[Positive, Doc("sends in all, the first included")] = 2
    statuses: Annotated[tuple[Status, ...], Doc("outcomes worth another try")] = (408, 429, 500, 502, 503, 504, 529)
    backoff: Backoff = field(default_factory=Backoff)
    retry_after: Annotated[bool, Doc("wait at least as long as the provider asks")] = True
    max_retry_after: Annotated[Seconds, Doc("give up when it asks for more")] = 60.0
    budget: RetryBudget | None = None

    def __post_init__(self) -> None:
        self._budget = RetryBudgetState(self.budget.share, self.budget.reserve) if self.budget is not None else None

    async def __call__(self, call: Call, send: Send, world: World) -> Outcome:
        if self._budget is not None:
            self._budget.deposit(world.now())
        pause = 0.0
        for attempt in range(1, self.attempts):
            outcome = await send(call)
            if outcome.ok or outcome.status not in self.statuses or outcome.by:
                return outcome
            pause = self._pause(attempt, pause, call, world)
            wait = max(pause, outcome.retry_after or 0.0) if self.retry_after else pause
            if wait > max(self.max_retry_after, pause) or (self._budget is not None and not self._budget.withdraw(world.now())):
                return outcome
            world.emit("retried", call, target=call.target, status=outcome.status, wait=wait)
            await world.sleep(wait)
        return await send(call)

    def _pause(self, attempt: int, before: float, call: Call, world: World) -> float:
        shape = self.backoff
        u = 0.0 if shape.jitter == "none" else world.uniform("jitter", call)
        return backoff(attempt, u, shape.initial, shape.factor, shape.max, shape.jitter, before)
