"""Who reads requests and answers in real time: functions of the user's own. What they raise costs
no call its answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from simroute.core import Call, Classifier, Evaluation, Judge, Outcome, Predictor
from simroute.worlds.live import kernel
from simroute.worlds.live.seams import JudgeFunction

PAUSE_S = 60.0
"""After an evaluation that failed, the next one is tried no sooner."""
MOST_EVALUATIONS = 10_000


class ExpertFunctions(NamedTuple):
    """Async functions. judge: of (call, outcome), whether it accepts the answer; classifier: of a
    call, its task; predictor: of (call, targets), how good each answer will be (0 … 1) by target;
    evaluator: of (target, task, number of examples), the share that it answers rightly;
    conclusion: of (call, outcome), what the answer comes to, equal for two that say the same."""

    judge: JudgeFunction | None = None
    classifier: Callable[[Call], Awaitable[str]] | None = None
    predictor: Callable[[Call, Sequence[str]], Awaitable[Mapping[str, float]]] | None = None
    evaluator: Callable[[str, str, int], Awaitable[float]] | None = None
    conclusion: Callable[[Call, Outcome], Awaitable[Hashable]] | None = None


@dataclass(eq=False)
class Evaluated:
    """A target on a task. due: when it is evaluated again (s); share: of right answers, as far as
    is known; work: the latest evaluation."""

    due: float = -1.0
    share: float | None = None
    work: asyncio.Future[None] | None = None


class Experts:
    """Asks them; a failure is told by `emit(layer, replica, event, call, error=…)`."""

    def __init__(self, functions: ExpertFunctions, emit: Callable[..., None]) -> None:
        self._functions, self._emit = functions, emit
        self._evaluations: dict[tuple[str, str], Evaluated] = {}

    async def judge(
        self,
        layer: str,
        replica: int,
        call: Call,
        outcome: Outcome,
        judge: Judge,
        stream: str = "",
    ) -> bool:
        """What the caller's own judge says; one that raises has not accepted."""
        ask = self._function("judge")
        _charge(call, judge.usd)
        return bool(await self._asked("judge", (layer, replica, call), ask(call, outcome), False))

    async def conclusion(
        self, layer: str, replica: int, call: Call, outcome: Outcome, common: float
    ) -> Hashable:
        """One that raises makes an answer like no other."""
        ask, alone = self._function("conclusion"), object()
        said: Hashable = await self._asked(
            "conclusion", (layer, replica, call), ask(call, outcome), alone
        )
        return said

    async def classify(self, layer: str, replica: int, call: Call, classifier: Classifier) -> str:
        """One that raises leaves the task that the request came with."""
        request: Any = call.request
        said: str | None = request.classified.get(layer)
        if said is None:
            ask = self._function("classifier")
            _charge(call, classifier.usd)
            place = layer, replica, call
            said = str(await self._asked("classifier", place, ask(call), request.task))
            request.classified[layer] = said
        return said

    async def predict(
        self, layer: str, replica: int, call: Call, targets: Sequence[str], predictor: Predictor
    ) -> Mapping[str, float]:
        """One that raises says nothing."""
        ask = self._function("predictor")
        _charge(call, predictor.usd)
        said = await self._asked("predictor", (layer, replica, call), ask(call, targets), {})
        return {name: float(said[name]) for name in targets if name in said}

    async def evaluated(
        self,
        layer: str,
        replica: int,
        call: Call,
        task: str,
        targets: Sequence[str],
        evaluation: Evaluation,
    ) -> Mapping[str, tuple[float, int]]:
        """The first calls wait for it; later ones go by the one before while the next is made."""
        found = {}
        for name in targets:
            known = self._evaluations.setdefault((name, task), Evaluated())
            if kernel.now() >= known.due:
                known.due = kernel.now() + evaluation.every
                _charge(call, evaluation.usd * evaluation.examples)
                work = self._evaluate(known, (name, task, evaluation), (layer, replica, call))
                known.work = asyncio.ensure_future(work)
            if known.share is None and known.work is not None:
                await asyncio.shield(known.work)
            if known.share is not None:
                found[name] = known.share, evaluation.examples
        while len(self._evaluations) > MOST_EVALUATIONS:  # callers of a gateway name tasks
            del self._evaluations[next(iter(self._evaluations))]
        return found

    async def _evaluate(
        self, known: Evaluated, what: tuple[str, str, Evaluation], place: tuple[str, int, Call]
    ) -> None:
        name, task, evaluation = what
        work = self._function("evaluator")(name, task, evaluation.examples)
        share = await self._asked("evaluator", place, work, None)
        if share is None:
            known.due = kernel.now() + min(PAUSE_S, evaluation.every)
        else:
            known.share = float(share)

    def _function(self, name: str) -> Any:
        function = getattr(self._functions, name)
        if function is None:
            raise RuntimeError(f"no {name}: Gateway({name}=…) takes an async function")
        return function

    async def _asked(
        self, name: str, place: tuple[str, int, Call], work: Awaitable[Any], otherwise: Any
    ) -> Any:
        layer, replica, call = place
        try:
            return await work
        except Exception as error:
            self._emit(layer, replica, f"{name}_failed", call, error=type(error).__name__)
            return otherwise


def _charge(call: Call, usd: float) -> None:
    call.request.nano += round(usd * 1e9)  # type: ignore[attr-defined]
