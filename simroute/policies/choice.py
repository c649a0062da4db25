"""What layers have in common that choose a target by how good its answers are: `classify`,
`quality_bar`, `predict` and `bandit`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from simroute.core import Call, Classifier, Outcome, Send, World, resolve
from simroute.core.params import Doc, TargetName
from simroute.core.target import permits
from simroute.gauges.latency import Recent

HOUR = 3600.0
MOST_TASKS = 1000
UNSEEN = 1 / 8
"""Of what the caller allows: so long is an answer taken to be before there was one of its task."""


@dataclass
class Choice:
    """Aims a call. One that an outer layer has aimed stays aimed; providers that the request
    forbids are never chosen, and where it forbids all the call is refused (403)."""

    targets: Annotated[
        tuple[TargetName, ...], Doc("whom to choose from; empty: every deployment")
    ] = ()
    classifier: Annotated[
        Classifier | None,
        Doc("who tells the task of a request; default: its own label"),
    ] = None

    @property
    def asks(self) -> tuple[str, ...]:
        """Experts that are functions of the user's own, live."""
        return () if self.classifier is None else ("classifier",)

    def __post_init__(self) -> None:
        self._names: list[str] = []
        self._lengths: dict[str, Recent] = {}

    async def __call__(self, call: Call, send: Send, world: World) -> Outcome:
        known, forbids = world.targets(), call.request.forbids
        if call.target is not None and permits(forbids, known[call.target]):
            return await send(call)
        if not self._names:
            self._names = resolve(self.targets, known, world.price) or list(known)
        allowed = [name for name in self._names if permits(forbids, known[name])]
        if not allowed:
            return Outcome.rejected(self.kind, 403)  # type: ignore[attr-defined]
        return await self.serve(call, allowed, send, world)

    async def serve(self, call: Call, allowed: list[str], send: Send, world: World) -> Outcome:
        """Sends to one of these targets."""
        raise NotImplementedError

    async def task_of(self, call: Call, world: World) -> str:
        """The task of a request, as far as it is known here."""
        if self.classifier is None:
            return call.request.task
        return await world.classify(call, self.classifier)

    def costs(self, names: list[str], call: Call, world: World) -> dict[str, float]:
        """USD that the call is expected to cost at each of these."""
        request = call.request
        seen = self._lengths.get(request.task)
        length = request.max_output_tokens * UNSEEN if seen is None else seen.mean or 0.0
        return {name: world.price(name).of(request.input_tokens, length) for name in names}

    def learn_length(self, call: Call, world: World, final: Outcome) -> None:
        """How long answers are, from an answer."""
        if final.ok and final.output_tokens:
            task = call.request.task
            self._lengths.setdefault(task, Recent(HOUR)).add(world.now(), final.output_tokens)
            if len(self._lengths) > MOST_TASKS:  # callers of a gateway name them
                del self._lengths[next(iter(self._lengths))]
