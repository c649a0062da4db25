"""Classifiers, predictors and evaluations of the simulated world: what they would say of a request,
as badly as they are said to be. What they say belongs to the question, whoever asks."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from simroute.core import Call, Classifier, Evaluation, Outcome, Predictor
from simroute.models.questions import BLOCK
from simroute.models.weather import Weather
from simroute.worlds.sim.kernel import Kernel

HALF = 0.5**0.5
"""Standard deviation of one target's score: two of them differ by N(0, 1)."""


class Experts:
    """Of one run. A draw belongs to a question and who is asked about it."""

    def __init__(self, kernel: Kernel, weather: Weather) -> None:
        self._kernel, self._weather = kernel, weather
        self._codes = {name: code for code, name in enumerate(weather.tasks)}
        self._shares: dict[tuple[str, int | None], float] = {}
        self._weights: dict[tuple[Any, ...], tuple[list[tuple[str, float]], float]] = {}
        self._evaluated: dict[tuple[Any, ...], tuple[float, int]] = {}
        self._found: dict[tuple[Any, ...], dict[str, tuple[float, int]]] = {}

    async def classify(self, layer: str, call: Call, classifier: Classifier) -> str:
        request: Any = call.request
        key = ("classified", layer)
        said: str | None = (request.asked or {}).get(key)
        if said is None:
            charge(request, classifier.usd)
            await self._kernel.sleep(classifier.latency)
            coin = self._of_block(request, ("classifier",), self._coins)
            said = classifier.says(request.task, self._weather.tasks, coin)
            if request.asked is None:
                request.asked = {}
            request.asked[key] = said
        return said

    async def predict(
        self, call: Call, targets: Sequence[str], predictor: Predictor
    ) -> Mapping[str, float]:
        request: Any = call.request
        charge(request, predictor.usd)
        await self._kernel.sleep(predictor.latency)
        block, i = request.block, request.i
        task = block.task[i] if predictor.knows_tasks else None
        usual, weight = self._weigh(tuple(targets), predictor, task)
        key = ("surprises", predictor.skill, predictor.knows_tasks)
        surprises = block.draws.get(key)
        if surprises is None:
            surprises = block.draws[key] = {}
        said, bias = {}, predictor.bias
        for name, share in usual:
            column = surprises.get(name)
            if column is None:
                column = surprises[name] = self._surprises(block.block, name, predictor)
            said[name] = share + weight * column[i] + bias.get(name, 0.0)
        return said

    def _weigh(
        self, names: tuple[str, ...], predictor: Predictor, task: int | None
    ) -> tuple[list[tuple[str, float]], float]:
        """The usual quality of each of the targets, and how far a score moves it."""
        key = names, task, predictor.skill
        known = self._weights.get(key)
        if known is None:
            usual = [self._usual(name, task) for name in names]
            weight = predictor.weight(sum(p * (1 - p) for p in usual) / len(usual))
            known = self._weights[key] = list(zip(names, usual, strict=True)), weight
        return known

    def _surprises(self, block: Any, name: str, predictor: Predictor) -> list[float]:
        """What the scores of a target say beyond the usual, of all requests of a block."""
        usual: Any = self._usual(name, None)
        if predictor.knows_tasks:
            shares = [self._usual(name, task) for task in range(len(self._weather.tasks))]
            usual = np.array(shares)[block.task]
        quality = self._weather.deployments[name].answers.scores(block, 0)
        noise = self._weather.questions.normals(block.question, block.questions, "predictor", name)
        surprises: list[float] = (predictor.skill * (quality - usual) + noise * HALF).tolist()
        return surprises

    def _usual(self, name: str, task: int | None) -> float:
        """The share of right answers when the run began, to a task or to all work."""
        share = self._shares.get((name, task))
        if share is None:
            shares = self._weather.deployments[name].answers.shares(0.0)
            mean = sum(a * b for a, b in zip(shares, self._weather.task_shares, strict=True))
            share = self._shares[name, task] = mean if task is None else shares[task]
        return share

    async def evaluated(
        self, layer: str, call: Call, task: str, targets: Sequence[str], evaluation: Evaluation
    ) -> Mapping[str, tuple[float, int]]:
        code = self._codes.get(task)
        if code is None:
            return {}
        epoch = int(self._kernel.env.now // evaluation.every)
        whole = layer, task, tuple(targets), epoch
        found = self._found.get(whole)
        if found is None:
            found = self._found[whole] = {}
            for name in targets:
                if self._weather.deployments[name].answers.is_graded[code]:
                    found[name] = self._evaluate(layer, call, task, name, epoch, evaluation)
        return found

    def _evaluate(
        self, layer: str, call: Call, task: str, name: str, epoch: int, evaluation: Evaluation
    ) -> tuple[float, int]:
        """What the layer's evaluation of this epoch says; the first who asks pays for it."""
        key = layer, task, name, epoch
        if key not in self._evaluated:
            charge(call.request, evaluation.usd * evaluation.examples)
            code, answers = self._codes[task], self._weather.deployments[name].answers
            share = answers.shares(epoch * evaluation.every)[code]
            source = self._weather.streams.block("evaluation", task, name, block=epoch)
            right = source.binomial(evaluation.examples, share)
            self._evaluated[key] = right / evaluation.examples, evaluation.examples
        return self._evaluated[key]

    async def conclusion(self, call: Call, outcome: Outcome, common: float) -> Hashable:
        request: Any = call.request
        if is_right(request, outcome):
            return "right"
        key = ("mistake", outcome.target or "")
        number = count(request, key)
        coin = self._of_block(request, (*key, number), self._coins_of_calls)
        return "usual mistake" if coin < common else (outcome.target, number)

    # -- draws, for a whole block of requests at once ----------------------------------------------

    def _of_block(self, request: Any, key: tuple[Any, ...], draw: Any) -> float:
        block = request.block
        draws = block.draws.get(key)
        if draws is None:
            draws = block.draws[key] = draw(block.block, *key).tolist()
        return draws[request.i]  # type: ignore[no-any-return]

    def _coins(self, block: Any, *key: str) -> np.ndarray:
        return self._weather.questions.uniforms(block.question, block.questions, *key)

    def _coins_of_calls(self, block: Any, *key: Any) -> np.ndarray:
        draws: np.ndarray = self._weather.streams.block(*key, block=block.number).random(BLOCK)
        return draws[: block.size]


def is_right(request: Any, outcome: Outcome) -> bool:
    """Whether a complete answer is right, and to the question that was asked. One that a layer made
    up is neither."""
    if outcome.answer is None:
        return False
    question, quality, _ = outcome.answer
    return bool(quality >= 0.5 and question == request.question)


def charge(request: Any, usd: float) -> None:
    """Bills a request for who was asked about it."""
    nano = round(usd * 1e9)
    request.nano += nano
    request.judge_nano += nano
    request.special = True


def count(request: Any, key: tuple[str, ...]) -> int:
    """Counts and returns how often this was asked for this request, this time included."""
    if request.asked is None:
        request.asked = {}
    k: int = request.asked.get(key, 0) + 1
    request.asked[key] = k
    return k
