"""One model at one provider: what a call sent to it meets, drawn for whole blocks of requests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from simroute.core import Price, Target
from simroute.models import spec
from simroute.models.billing import Tariff
from simroute.models.blocks import Block
from simroute.models.draws import DrawArrays, DrawLists
from simroute.models.empirical import EmpiricalDeployment
from simroute.models.error_kinds import lasting_share
from simroute.models.faults import Timeline
from simroute.models.latency import ServiceTimes
from simroute.models.limits import Grant, RateLimit, has_rates
from simroute.models.questions import BLOCK
from simroute.models.random import Streams
from simroute.models.sizes import SizeLimits


class Answers(Protocol):
    """How good a model's answers are. is_graded: by task code, whether that is known."""

    is_graded: list[bool]

    def scores(self, block: Block, n: int) -> np.ndarray:
        """The quality (0 … 1) of each request's answer at its n-th call (from 0)."""
        ...

    def shares(self, t: float) -> Sequence[float]:
        """The share of right answers to each task, by code, at `t` (s)."""
        ...


@dataclass(eq=False)
class DeploymentModel:
    """The weather at one target. conditions(t): what holds at `t` seconds, and until when; limits:
    None without any; account: rates that it shares; is_graded: as of its `answers`."""

    target: Target
    spec: spec.Deployment
    timeline: Timeline
    tariff: Tariff
    times: ServiceTimes
    answers: Answers
    streams: Streams
    account: Grant | None = None

    def __post_init__(self) -> None:
        limits, account = self.spec.limits, self.account
        limited = has_rates(limits) or account is not None
        self.limits = RateLimit(limits, account) if limited else None
        self.conditions = self.timeline.at
        self.is_graded = self.answers.is_graded
        answered = 0 if self.empirical is None else self.empirical.behaviour.longest_prompt
        self.sizes = SizeLimits(self.spec, answered)
        self._lasting = lasting_share(self.spec.errors)

    @property
    def empirical(self) -> EmpiricalDeployment | None:
        """The deployment of a log that it is resampled from."""
        return self.times if isinstance(self.times, EmpiricalDeployment) else None

    def price_at(self, t: float) -> tuple[Price, float]:
        """What tokens cost at `t` (s), and until when."""
        card, until = self.tariff.at(t)
        return card.price, until

    def draw_lists(self, block: Block, n: int) -> DrawLists:
        """What the n-th call (from 0) of each request of the block meets here: a pure function of
        seed, request, target and n."""
        return DrawLists(*(column.tolist() for column in self.draw_arrays(block, n)))

    def draw_arrays(self, block: Block, n: int) -> DrawArrays:
        """`draw_lists` as arrays."""
        source = self.streams.block("send", self.target.name, n, block=block.first // BLOCK)
        u_outcome, u_truncation = source.random((2, BLOCK))[:, : block.size]
        times = self.times.draw_times(block, n, source)
        if n and self._lasting:
            first = self.streams.block("send", self.target.name, 0, block=block.first // BLOCK)
            same = first.random((2, BLOCK))[0, : block.size]
            fresh = self._lasting + (1.0 - self._lasting) * u_outcome
            u_outcome = np.where(same < self._lasting, same, fresh)
        scores = self.answers.scores(block, n)
        return self.sizes.fit(DrawArrays(*times, u_outcome, u_truncation, scores), block)
