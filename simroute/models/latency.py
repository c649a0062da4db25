"""How long calls to a deployment take, drawn for whole blocks of requests.

A deployment that is resampled from a log draws its times in `empirical.py`.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from simroute.models import spec
from simroute.models.blocks import Block
from simroute.models.questions import BLOCK, Questions
from simroute.models.random import Streams
from simroute.models.spread import spread_times


class ServiceTimes(Protocol):
    """How long calls to a deployment take."""

    def draw_times(
        self, block: Block, n: int, source: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """For the n-th call (from 0) of each request, seconds: to the first token, from there to
        the last, and until an error is answered."""
        ...


class StatedTimes:
    """Times as `spec.Latency` states them, `overhead` seconds added."""

    def __init__(
        self, name: str, latency: spec.Latency, streams: Streams, overhead: float, asked: Questions
    ) -> None:
        self._name, self._latency = name, latency
        self._streams, self._overhead, self._asked = streams, overhead, asked

    def draw_times(
        self, block: Block, n: int, source: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """As `ServiceTimes`."""
        latency, size = self._latency, block.size
        normal = source.standard_normal((2, BLOCK))[:, :size]
        if latency.shared:
            own, common = np.sqrt(1.0 - latency.shared), np.sqrt(latency.shared)
            for row, key in enumerate(("first", "token")):
                of_prompt = self._asked.normals(block.question, block.questions, "speed", key)
                normal[row] = common * of_prompt + own * normal[row]
        if latency.correlation:
            rho = latency.correlation
            normal[1] = rho * normal[0] + np.sqrt(1.0 - rho**2) * normal[1]
        spread, pace = spread_times(latency, normal)
        error = latency.error * spread + self._overhead
        slow = latency.slow
        if slow.share:
            source = self._streams.block("slow", self._name, n, block=block.first // BLOCK)
            here = source.random(BLOCK)[:size] < slow.share
            spread = np.where(here, slow.factor * np.exp(slow.sigma * normal[0]), spread)
            pace = np.where(here, slow.token_factor * np.exp(slow.token_sigma * normal[1]), pace)
        median = latency.base + latency.per_1k_input * block.input_tokens / 1000
        ttft = median * spread + (latency.floor + self._overhead)
        return ttft, block.output_tokens * latency.per_output_token * pace, error
