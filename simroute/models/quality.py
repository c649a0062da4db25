"""Whether a model's answer is right: one latent difficulty for each prompt, shared by all models; or a measured table.

    U = Phi^-1(p) + lambda z + tau v + sqrt(1 - lambda^2 - tau^2) e,  right iff U > 0

z belongs to the question, v to question and model, e to the call, so that errors of models are alike, and of retries more so.
One-factor Gaussian copula; the mean error of P(strong right | weak wrong) on eight public tables is 3.0 points (independence: 9 to 23).
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np

from simroute.models import spec
from simroute.models.questions import Questions
from simroute.models.random import Streams
from simroute.models.workload import BLOCK, Block

LOADING = 0.80
SAME_MODEL = 0.85  # lambda^2 + tau^2: how alike two answers of one model to one prompt are
TAU = math.sqrt(SAME_MODEL - LOADING**2)
NOISE = math.sqrt(1 - SAME_MODEL)
UNKNOWN = 0.85
"""What judges go by where a model's quality is not known; it is not reported."""


class Copula:
    """Answers of one model, with the stated accuracy by task."""

    def __init__(
        self,
        streams: Streams,
        questions: Questions,
        name: str,
        model: str,
        quality: float | dict[str, float] | None,
        tasks: dict[str, spec.Task],
    ) -> None:
        self._streams, self._questions, self._name, self._model = streams, questions, name, model
        self._threshold = np.array([_threshold(quality, task, kind) for task, kind in tasks.items()])

    def scores(self, block: Block, n: int) -> np.ndarray:
        """1.0 for a right answer, 0.0 for a wrong one, for each request of the block at its n-th call (from 0)."""
        number = block.first // BLOCK
        shared = self._questions.normals(block.question, number, "z")
        own = self._questions.normals(block.question, number, "v", self._model)
        noise = self._streams.block("answer", self._name, n, block=number).standard_normal(BLOCK)[: block.size]
        return np.asarray(self._threshold[block.task] + LOADING * shared + TAU * own + NOISE * noise > 0, float)


class Table:
    """Answers as they were measured: one column of a prompt × model table."""

    def __init__(self, column: np.ndarray) -> None:
        self._column = column

    def scores(self, block: Block, n: int) -> np.ndarray:  # the table holds one answer to each prompt: every call gives that one
        return np.asarray(self._column[block.row], float)


def _threshold(quality: float | dict[str, float] | None, task: str, kind: spec.Task) -> float:
    if quality is None:
        quality = UNKNOWN
    if isinstance(quality, dict):
        return _probit(quality.get(task, sum(quality.values()) / len(quality)))
    return _probit(quality) - kind.difficulty


def _probit(share: float) -> float:
    return NormalDist().inv_cdf(share) if 0 < share < 1 else math.copysign(math.inf, share - 0.5)
