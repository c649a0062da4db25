"""Who may be asked about a request or an answer besides a judge, how well they do it, and what that
costs: in a simulation by these figures, live by functions of the user's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated

from simroute.core.params import (
    Doc,
    Period,
    Positive,
    Range,
    Seconds,
    Share,
    TargetName,
    TaskName,
    Unit,
    Usd,
)


@dataclass(frozen=True)
class Classifier:
    """Tells the task of a request from its words: a share `accuracy` of them rightly, where
    `confusion` does not say more of a task. Other errors are spread evenly over the other tasks.

    Defaults are assumptions, of a small model beside the gateway; rules that look for words cost
    nothing and take no time, and are right less often.
    """

    accuracy: Annotated[Share, Doc("requests whose task it tells rightly")] = 0.9
    confusion: Annotated[
        dict[TaskName, dict[TaskName, Share]],
        Doc("of a task, the share of requests taken for another; all else is told rightly"),
    ] = field(default_factory=dict)
    latency: Annotated[Seconds, Doc("time for one request")] = 0.02
    usd: Annotated[Usd, Doc("price of one request")] = 0.00001

    def says(self, task: str, tasks: Sequence[str], coin: float) -> str:
        """What it takes a request of `task` for, one of `tasks`; `coin`: uniform in [0, 1)."""
        mistakes = self.confusion.get(task)
        if mistakes is None:
            others = [name for name in tasks if name != task]
            share = (1 - self.accuracy) / len(others) if others else 0.0
            mistakes = dict.fromkeys(others, share)
        for name, share in mistakes.items():
            coin -= share
            if coin < 0 and name != task:
                return name
        return task


@dataclass(frozen=True)
class Predictor:
    """Tells before a request is sent how good each target's answer will be. Of two targets it sees
    score = skill x gain + N(0, 1), gain being the difference in quality (-1, 0 or 1) of their
    answers; it knows how good each target was on average when the run began, and weighs the two.

    Published routers are poor: skills of .08 to .31 on MMLU (AUC .52 to .59 for "the strong model
    helps").
    """

    skill: Annotated[
        float,
        Unit("standard deviations"),
        Range(low=0),
        Doc("by which its score is higher where the answer is right; 0: it knows averages alone"),
    ] = 0.2
    knows_tasks: Annotated[
        bool, Doc("the averages that it knows are those of the request's task, not of all work")
    ] = False
    bias: Annotated[
        dict[TargetName, Annotated[float, Unit("share"), Range(-1, 1)]],
        Doc("by how much it rates a target too high"),
    ] = field(default_factory=dict)
    latency: Annotated[Seconds, Doc("time for one request")] = 0.02
    usd: Annotated[Usd, Doc("price of one request")] = 0.00001

    def weight(self, variance: float) -> float:
        """How far a score moves what it predicts: the slope of quality on score, where the quality
        of an answer has this variance."""
        noise = 0.5  # of one target's score: two of them differ by N(0, 1)
        informed = self.skill * variance
        return informed / (self.skill * informed + noise) if informed else 0.0


@dataclass(frozen=True)
class Evaluation:
    """A test of a target on examples of a task, made again every so often. Until then, what it said
    holds, whatever has become of the target."""

    examples: Annotated[Positive, Doc("of each task")] = 200
    every: Annotated[Period, Doc("time between two")] = 86_400.0
    usd: Annotated[Usd, Doc("price of one example at one target, its grading included")] = 0.0
