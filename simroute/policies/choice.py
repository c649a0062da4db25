"""What layers have in common that choose among targets, and those that do so by how good answers
are: `classify`, `quality_bar`, `predict` and `bandit`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Annotated

from simroute.core import Call, Classifier, Outcome, Send, World, resolve
from simroute.core.params import Doc, TargetName
from simroute.core.target import permits
from simroute.gauges.estimate import OutputLengths


@dataclass
class Aim(ABC):
    """Aims a call. One that an outer layer has aimed stays aimed; providers that the request
    forbids are never chosen, and where it forbids all the call is refused (403)."""

    targets: Annotated[
        tuple[TargetName, ...], Doc("whom to choose from; empty: every deployment")
    ] = ()

    def __post_init__(self) -> None:
        self._names: list[str] = []

    async def __call__(self, call: Call, send: Send, world: World) -> Outcome:
        known, forbids = world.targets(), call.request.forbids
        if call.target is not None and permits(forbids, known[call.target]):
            return await send(call)
        if not self._names:
            self._names = resolve(self.targets, known, world.price) or list(known)
        allowed = self._names
        if forbids:
            allowed = [name for name in allowed if permits(forbids, known[name])]
        if not allowed:
            return Outcome.rejected(self.kind, 403)  # type: ignore[attr-defined]
        return await self.serve(call, allowed, send, world)

    @abstractmethod
    async def serve(self, call: Call, allowed: list[str], send: Send, world: World) -> Outcome:
        """Sends to these targets, or one of them."""


@dataclass
class Choice(Aim):
    """Chooses by what is known of the request's task, and of how long answers to it are."""

    classifier: Annotated[
        Classifier | None,
        Doc("who tells the task of a request; default: its own label"),
    ] = None

    @property
    def asks(self) -> tuple[str, ...]:
        """Experts that are functions of the user's own, live."""
        return () if self.classifier is None else ("classifier",)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._lengths = OutputLengths()

    async def task_of(self, call: Call, world: World) -> str:
        """The task of a request, as far as it is known here."""
        if self.classifier is None:
            return call.request.task
        return await world.classify(call, self.classifier)

    def costs(self, names: list[str], call: Call, world: World) -> dict[str, float]:
        """USD that the call is expected to cost at each of these."""
        request, price = call.request, world.price
        tokens = request.input_tokens
        length = self._lengths.expected(request.task, request.max_output_tokens)
        return {name: price(name).of(tokens, length) for name in names}

    def learn_length(self, call: Call, world: World, final: Outcome) -> None:
        """How long answers are, from an answer."""
        if final.ok and final.output_tokens:
            self._lengths.add(world.now(), call.request.task, final.output_tokens)
