"""One model at one provider: what a call sent to it meets, as draws for whole blocks of
requests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np

from simroute.core import Price, Target
from simroute.models import spec
from simroute.models.billing import Tariff
from simroute.models.faults import Timeline
from simroute.models.limits import RateLimit
from simroute.models.logged_behaviour import EmpiricalDeployment
from simroute.models.prices import PriceSteps
from simroute.models.questions import BLOCK
from simroute.models.random import Streams
from simroute.models.workload import Block


class Answers(Protocol):
    def scores(self, block: Block, n: int) -> np.ndarray: ...


class DrawLists(NamedTuple):
    """For each request of a block, at its n-th call to this target: seconds, and uniforms in [0,
    1)."""

    ttft: list[float]
    decode: list[float]
    error_s: list[float]
    u_outcome: list[float]
    u_truncation: list[float]
    quality: list[float]


class DrawArrays(NamedTuple):
    """The same as columns, for who looks at whole blocks."""

    ttft: np.ndarray
    decode: np.ndarray
    error_s: np.ndarray
    u_outcome: np.ndarray
    u_truncation: np.ndarray
    quality: np.ndarray


class DeploymentModel:
    """The weather at one target. `graded`: by task code, whether it is known how good its answers
    are."""

    def __init__(
        self,
        name: str,
        deployment: spec.Deployment,
        prices: PriceSteps,
        timeline: Timeline,
        scores: Answers,
        streams: Streams,
        overhead: float,
        recorded: EmpiricalDeployment | None = None,
        graded: Sequence[bool] = (),
    ) -> None:
        limits = deployment.limits
        family = deployment.family or deployment.model.split("/")[-1].split("-")[0].lower()
        self.target = Target(
            name, deployment.provider, deployment.model, family, limits.rpm, limits.tpm
        )
        self.spec = deployment
        self.limits = (
            RateLimit(limits) if limits.rpm is not None or limits.tpm is not None else None
        )
        self.conditions = timeline.at
        self.tariff = Tariff(prices)
        self._scores, self._streams, self._overhead = scores, streams, overhead
        self.empirical, self.graded = recorded, graded

    def price_at(self, t: float) -> tuple[Price, float]:
        """What tokens cost at `t` (s), and until when."""
        card, until = self.tariff.at(t)
        return card.price, until

    def draw_lists(self, block: Block, n: int) -> DrawLists:
        """What the n-th call (from 0) of each request of the block meets here: a pure function of
        seed, request, target and n."""
        return DrawLists(*(column.tolist() for column in self.draw_arrays(block, n)))

    def draw_arrays(self, block: Block, n: int) -> DrawArrays:
        """`draws` as columns."""
        latency, size = self.spec.latency, block.size
        source = self._streams.block("send", self.target.name, n, block=block.first // BLOCK)
        coin, cut = source.random((2, BLOCK))[:, :size]
        if self.empirical is not None:
            chosen = self._streams.block(
                "recorded", self.target.name, n, block=block.first // BLOCK
            ).random((2, BLOCK))[:, :size]
            ttft, decode, error = self.empirical.draw(
                block.arrival, block.input_tokens, block.output_tokens, chosen
            )
            return DrawArrays(ttft, decode, error, coin, cut, self._scores.scores(block, n))
        normal = source.standard_normal((2, BLOCK))[:, :size]
        if latency.correlation:
            normal[1] = (
                latency.correlation * normal[0] + np.sqrt(1.0 - latency.correlation**2) * normal[1]
            )
        around, pace = np.exp(latency.sigma * normal[0]), np.exp(latency.token_sigma * normal[1])
        error = latency.error * around + self._overhead
        if latency.slow.share:
            slow = latency.slow
            here = (
                self._streams.block("slow", self.target.name, n, block=block.first // BLOCK).random(
                    BLOCK
                )[:size]
                < slow.share
            )
            around = np.where(here, slow.factor * np.exp(slow.sigma * normal[0]), around)
            pace = np.where(here, slow.token_factor * np.exp(slow.token_sigma * normal[1]), pace)
        ttft = (latency.base + latency.per_1k_input * block.input_tokens / 1000) * around + (
            latency.floor + self._overhead
        )
        decode = block.output_tokens * latency.per_output_token * pace
        return DrawArrays(ttft, decode, error, coin, cut, self._scores.scores(block, n))
