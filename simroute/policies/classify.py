"""Choose by the task that a request seems to be."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from simroute.core import Call, Classifier, Outcome, Send, World, layer, resolve
from simroute.core.params import Doc, TargetName, TaskName
from simroute.policies.choice import Choice


@layer("classify")
@dataclass
class Classify(Choice):
    """Aims a call by its task, as a classifier tells it from the words: rules, or a small model,
    which errs. `route: {by: task}` goes by the label that a request comes with instead.

    Each request is classified once. Live, the classifier is an async function of the user's own,
    `Gateway(classifier=…)`; one that fails leaves the request's own label. Without `classifier` the
    label counts and nothing is asked. Where the request forbids the task's target, the first of
    `targets` that it permits is asked. Source: the task routers of the field (Kong's and vLLM's
    semantic routing, Martian), as a confusion matrix.

    Example:

        classify: {tasks: {extract: cheapest}, default: first, classifier: {accuracy: 0.9}}
        fallback: {targets: [first, other_company]}
        timeout:  {total: 30s, first_token: 10s}

    Interplay: Every request pays the classifier's `latency` and `usd`, and no error of it is seen
    in success or latency: only in quality, where hard work went to a weak target, and in cost,
    where easy work went to a dear one. The share of traffic that goes wrong is the smaller class's
    problem: at `accuracy` a of two tasks, of which one has a share s of the traffic, s x a of the
    calls that are aimed at its target are its own and (1 - s) x (1 - a) are not. `confusion` says
    it task by task, as measured.
    """

    classifier: Annotated[Classifier | None, Doc("who tells the task; none: its own label")] = (
        field(default_factory=Classifier)
    )
    tasks: Annotated[dict[TaskName, TargetName], Doc("who gets which task")] = field(
        default_factory=dict
    )
    default: Annotated[TargetName, Doc("for tasks that are not listed")] = "first"

    async def serve(self, call: Call, allowed: list[str], send: Send, world: World) -> Outcome:
        wanted = self.tasks.get(await self.task_of(call, world), self.default)
        found = resolve([wanted], world.targets(), world.price)
        return await send(call.to(next((name for name in found if name in allowed), allowed[0])))
