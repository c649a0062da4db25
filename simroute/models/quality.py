"""Whether a model's answer is right: one latent difficulty for each prompt, shared by all models; or a measured table.

    U = Phi^-1(p) + lambda z + tau v + sqrt(1 - lambda^2 - tau^2) e,  right iff U > 0

z belongs to the question, v to question and model, e to the call, so that errors of models are alike, and of retries more so.
One-factor Gaussian copula; the mean error of P(strong right | weak wrong) on eight public tables is 3.0 points (independence: 9 to 23).
"""

from __future__ import annotations

from math import sqrt
from statistics import NormalDist

import numpy as np

from simroute.models import spec
from simroute.models.random import Streams
from simroute.models.workload import BLOCK, UNIQUE, Block

LOADING = 0.80
SAME_MODEL = 0.85  # lambda^2 + tau^2: how alike two answers of one model to one prompt are
TAU = sqrt(SAME_MODEL - LOADING**2)
NOISE = sqrt(1 - SAME_MODEL)


class Copula:
    """Answers of one model, with the stated accuracy by task."""

    def __init__(self, streams: Streams, name: str, model: str, quality: float | dict[str, float], tasks: dict[str, spec.Task]) -> None:
        self._streams, self._name, self._model = streams, name, model
        self._threshold = np.array([_threshold(quality, task, kind) for task, kind in tasks.items()])

    def scores(self, block: Block, n: int) -> np.ndarray:
        """1.0 for a right answer, 0.0 for a wrong one, for each request of the block at its n-th call (from 0)."""
        shared = LOADING * self._of_question(block, "z") + TAU * self._of_question(block, "v", self._model)
        noise = self._streams.block("answer", self._name, n, block=block.first // BLOCK).standard_normal(BLOCK)[: block.size]
        return (self._threshold[block.task] + shared + NOISE * noise > 0).astype(float)

    def _of_question(self, block: Block, *key: str) -> np.ndarray:
        """A standard normal for each question: from the request's own block for one asked once, else from the question's."""
        question = block.question
        if int(question.min()) >= UNIQUE:
            return self._streams.block("question", *key, block=block.first // BLOCK).standard_normal(BLOCK)[: block.size]
        out = np.empty(block.size)
        for number in np.unique(np.where(question >= UNIQUE, question - UNIQUE, question) // BLOCK + (question >= UNIQUE) * UNIQUE).tolist():
            unique = number >= UNIQUE
            base = number - UNIQUE if unique else number
            here = (question // BLOCK == base) if not unique else (question >= UNIQUE) & ((question - UNIQUE) // BLOCK == base)
            kind = ("question",) if unique else ("catalogue",)
            normal = self._streams.block(*kind, *key, block=base).standard_normal(BLOCK)
            out[here] = normal[(question[here] - (UNIQUE if unique else 0)) % BLOCK]
        return out


class Table:
    """Answers as they were measured: one column of a prompt × model table."""

    def __init__(self, column: np.ndarray) -> None:
        self._column = column

    def scores(self, block: Block, n: int) -> np.ndarray:  # the table holds one answer to each prompt: every call gives that one
        return self._column[block.question]


def _threshold(quality: float | dict[str, float], task: str, kind: spec.Task) -> float:
    share = quality if isinstance(quality, float) else quality.get(task, sum(quality.values()) / len(quality))
    if share in (0.0, 1.0):
        return -np.inf if share == 0 else np.inf
    return NormalDist().inv_cdf(share) - (kind.difficulty if isinstance(quality, float) else 0.0)
