"""`slo` and `budget` as they are written: what was promised, and what may be spent."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Annotated, Literal

from simroute.core.params import Clock, Doc, Period, Share, TaskName, Usd, Zone

IN_TIME = 30.0
"""Seconds until which an answer counts as in time where a scenario promises nothing about it."""


@dataclass(frozen=True)
class Budget:
    """What may be spent, promised where the horizon covers a period: a budget layer without a sum
    of its own keeps to it; nothing else does.

    Example:

        budget: {usd: 200, period: day}

    Interplay: It binds only where a policy has a `budget` layer, and only if `usd` is less than the
    traffic of a `period` costs: a run shorter than that meets it in part. A `period` begins at
    `reset` o'clock in `zone`: each day, on Mondays, on the first of the month. A replay has the
    dates of its log, a scenario begins at `workload.profile.starts`; where that is no date, the
    clock is that of the zone, and a month has 30 days from t = 0. `rolling` counts the last
    `window` at any time.
    """

    usd: Annotated[Usd, Doc("for a period")]
    period: Annotated[
        Literal["day", "week", "month", "rolling"], Doc("after which it begins anew")
    ] = "month"
    zone: Annotated[Zone, Doc("time zone in which a period begins")] = "UTC"
    reset: Annotated[Clock, Doc("time of day at which a period begins")] = "00:00"
    window: Annotated[
        Period,
        Doc("length of a rolling period; older spending leaves it at most a thousandth of it late"),
    ] = 86_400.0


@dataclass(frozen=True)
class TaskSlo:
    """What is promised of one task's requests; what it leaves out is as for all of them."""

    success: Annotated[Share | None, Doc("its requests that must get an answer")] = None
    latency: Annotated[Period | None, Doc("to the complete answer")] = None
    ttft: Annotated[Period | None, Doc("to the first token, for streamed requests")] = None


@dataclass(frozen=True)
class Slo:
    """The promise: share of requests that succeed, and how fast.

    Example:

        slo:
          success: 0.995
          latency: 30s
          ttft: 10s
          tasks:
            extract: {success: 0.99, latency: 5s}

    Interplay: The verdict asks whether `success` is kept, on the unfavourable bound of the
    interval. Where `latency` or `ttft` is stated, only successes in time count for it
    (slo_attainment): a policy that waits long and then succeeds does not keep it. A task under
    `tasks` has a promise of its own beside it, and its requests are in time by its own limits, for
    the promise of all requests too. A `budget` of the
    scenario whose period, or window, the horizon covers is part of the promise too.
    `minute_success` is only for availability, which counts minutes.
    """

    success: Annotated[Share, Doc("requests that must get an answer")] = 0.999
    latency: Annotated[
        Period | None,
        Doc(
            "to the complete answer; default: none is promised, and 30 s count as in time for "
            "slo_attainment"
        ),
    ] = None
    ttft: Annotated[Period | None, Doc("to the first token, for streamed requests")] = None
    minute_success: Annotated[Share, Doc("a minute counts as available from this share on")] = 0.95
    tasks: Annotated[
        dict[TaskName, TaskSlo], Doc("promises of single tasks, beside that of all requests")
    ] = field(default_factory=dict)

    @property
    def is_timed(self) -> bool:
        """Whether the promise is of success in time."""
        return any(each.latency is not None or each.ttft is not None for each in self._parts)

    @property
    def _parts(self) -> list[Slo | TaskSlo]:
        return [self, *self.tasks.values()]

    @property
    def in_time(self) -> float:
        """How late a complete answer counts as in time, s, for tasks without a promise of their
        own. Where only other times are promised there is no such limit."""
        if self.latency is not None:
            return self.latency
        return math.inf if self.is_timed else IN_TIME

    def of_task(self, task: str) -> TaskSlo:
        """The whole promise of a task: its own, and for the rest that of all requests."""
        own = self.tasks.get(task, TaskSlo())
        return TaskSlo(
            self.success if own.success is None else own.success,
            self.latency if own.latency is None else own.latency,
            self.ttft if own.ttft is None else own.ttft,
        )

    def limits(self, task: str) -> tuple[float, float]:
        """Within how many seconds an answer of this task is in time, complete and begun; infinite
        where there is no limit."""
        promised = self.of_task(task)
        return (
            self.in_time if promised.latency is None else promised.latency,
            math.inf if promised.ttft is None else promised.ttft,
        )
