"""Whether a model's answer is right: one latent difficulty for each prompt, shared by all models;
or a measured table.

    U = Phi^-1(p) - d + lambda z + phi f + tau v + sqrt(1 - lambda^2 - phi^2 - tau^2) e,
    right iff U > 0

p is the model's stated accuracy, d the difficulty of the task: the accuracy on it is Phi(Phi^-1(p)
- d), the same whether p is stated for all work or for the task. z belongs to the question, f to
question and family (phi is 0 unless siblings are told to be more alike), v to question and model, e
to the call, so that errors of models are alike, and of retries more so.
One-factor Gaussian copula; the mean error of P(strong right | weak wrong) on eight public tables is
3.0 points (independence: 9 to 23).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import NamedTuple, Protocol

import numpy as np

from simroute.models import spec
from simroute.models.blocks import Block
from simroute.models.questions import BLOCK, Questions
from simroute.models.random import Streams

LOADING = 0.80
SAME_MODEL = 0.85  # lambda^2 + tau^2: how alike two answers of one model to one prompt are
NOISE = math.sqrt(1 - SAME_MODEL)
UNKNOWN = 0.85
"""What judges go by where a model's quality is not known; it is not reported."""


class Thresholds(Protocol):
    """What a request's latent must exceed for a right answer, where it changes in time."""

    def thresholds(self, arrival: np.ndarray, task: np.ndarray) -> np.ndarray: ...

    def shares(self, t: float) -> Sequence[float]:
        """The share of right answers to each task, by code, at `t` (s)."""
        ...


class Kinship(NamedTuple):
    """A model, its family, and how alike two answers of siblings to one prompt are (correlation of
    the latent, from `LOADING`^2 for any two models to `SAME_MODEL` for one and the same)."""

    model: str
    family: str = ""
    correlation: float = LOADING**2


class AnswerCopula:
    """Answers of one model. `accuracies`: share of right answers by task code, None where it is not
    known (then judges go by `UNKNOWN`); `course`: what they are instead, where they change."""

    def __init__(
        self,
        streams: Streams,
        questions: Questions,
        name: str,
        kinship: Kinship,
        accuracies: Sequence[float | None],
        course: Thresholds | None = None,
    ) -> None:
        self._streams, self._questions, self._name, self._kin = streams, questions, name, kinship
        self.is_graded = [share is not None for share in accuracies]
        self._course, common = course, kinship.correlation
        self._phi = math.sqrt(max(0.0, common - LOADING**2))
        self._tau = math.sqrt(max(0.0, SAME_MODEL - max(common, LOADING**2)))
        self._threshold = np.array(
            [_probit(UNKNOWN if share is None else share) for share in accuracies]
        )

    def scores(self, block: Block, n: int) -> np.ndarray:
        """1.0 for a right answer, 0.0 for a wrong one, for each request of the block at its n-th
        call (from 0)."""
        shared = self._questions.normals(block.question, block.questions, "z")
        own = self._questions.normals(block.question, block.questions, "v", self._kin.model)
        noise = self._streams.block("answer", self._name, n, block=block.number).standard_normal(
            BLOCK
        )[: block.size]
        if self._course is None:
            least = self._threshold[block.task]
        else:
            least = self._course.thresholds(block.arrival, block.task)
        latent = least + LOADING * shared + self._tau * own + NOISE * noise
        if self._phi:
            latent += self._phi * self._questions.normals(
                block.question, block.questions, "f", self._kin.family
            )
        return np.asarray(latent > 0, float)

    def shares(self, t: float) -> list[float]:
        """The share of right answers to each task, by code, at `t` (s)."""
        if self._course is not None:
            return [float(share) for share in self._course.shares(t)]
        return [NormalDist().cdf(float(least)) for least in self._threshold]


class MeasuredAnswers:
    """Answers as they were measured: one column of a prompt × model table, with one answer to each
    prompt, which every call gives. task: code of each prompt's."""

    def __init__(self, column: np.ndarray, task: np.ndarray, tasks: int) -> None:
        self._column, self._task = column, task
        self.is_graded = [True] * tasks

    def shares(self, t: float) -> list[float]:
        """The share of right answers to each task, by code; time changes nothing."""
        number = np.bincount(self._task, minlength=len(self.is_graded))
        right = np.bincount(self._task, self._column, minlength=len(self.is_graded))
        return (right / np.maximum(number, 1)).tolist()  # type: ignore[no-any-return]

    def scores(self, block: Block, n: int) -> np.ndarray:
        return np.asarray(self._column[block.row], float)


def accuracy(
    quality: float | dict[str, float] | None, task: str, tasks: Mapping[str, spec.Task]
) -> float | None:
    """The share of right answers to a task: what `quality` says, one standard deviation of the
    probit lower for each unit of the task's difficulty.

    `tasks`: those that the scenario describes; a log may have others. None where it is not known:
    no quality is given, or none for this task; or one number for all work, while the scenario tells
    tasks apart by difficulty and does not know how difficult this one is.
    """
    described = tasks.get(task)
    share = quality.get(task) if isinstance(quality, dict) else quality
    if share is None or (
        described is None
        and not isinstance(quality, dict)
        and any(each.difficulty for each in tasks.values())
    ):
        return None
    difficulty = 0.0 if described is None else described.difficulty
    return (
        NormalDist().cdf(_probit(share) - difficulty)
        if difficulty and 0 < share < 1
        else float(share)
    )


def known_accuracies(
    quality: float | dict[str, float] | None, tasks: Mapping[str, spec.Task]
) -> dict[str, float]:
    """What is known, for a table: task -> share of right answers at its difficulty, or one share
    for all work (under "")."""
    if quality is None:
        return {}
    if not isinstance(quality, dict) and not any(each.difficulty for each in tasks.values()):
        return {"": quality}
    accuracies = {
        task: accuracy(quality, task, tasks)
        for task in {**tasks, **(quality if isinstance(quality, dict) else {})}
    }
    return {task: share for task, share in accuracies.items() if share is not None}


def _probit(share: float) -> float:
    return NormalDist().inv_cdf(share) if 0 < share < 1 else math.copysign(math.inf, share - 0.5)
