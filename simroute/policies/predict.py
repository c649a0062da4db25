"""Choose by how good each answer is predicted to be."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from simroute.core import Call, Predictor, World, layer
from simroute.core.params import Doc
from simroute.policies.valued import ValuedChoice


@layer("predict")
@dataclass
class Predict(ValuedChoice):
    """Sends each prompt to the target of the highest predicted quality - cost / willingness to pay,
    of those that are expected to cost at most `max_cost`.

    How good the predictor is decides the outcome, so look at several values of its `skill`. What it
    knows in general it learned before the run began: it does not see quality drift. Live it is an
    async function of the user's own, `Gateway(predictor=…)`; where it fails or says nothing of a
    target, that one is taken only if no other is left. With `skill: 0` and `knows_tasks` it is a
    table of how good targets are at each task. Sources: Martian (`willingness_to_pay`, `max_cost`),
    RouteLLM (Ong et al. 2024), RouterBench (Hu et al. 2024), and for `pace` PORT (arXiv 2509.02718)
    and ParetoBandit.

    Example:

        predict:  {willingness_to_pay: 0.01, predictor: {skill: 0.3}}
        fallback: {targets: [first, other_company]}
        timeout:  {total: 30s, first_token: 10s}

    Interplay: `willingness_to_pay` w says that one right answer more for each USD 1/w is worth it:
    a target that is better by g wins if it costs at most g x w more. Without it the best predicted
    target is asked whatever it costs. With little `skill` what is predicted hardly differs from
    prompt to prompt, so a small change of w moves all of the traffic from one target to another:
    `pace` moves it by itself, until its budget is spent evenly, and a `hard` one refuses what is
    beyond. What retries and fallbacks inside cost is counted where it was aimed.
    """

    predictor: Annotated[Predictor, Doc("how well it is predicted, and what that costs")] = field(
        default_factory=Predictor
    )

    @property
    def asks(self) -> tuple[str, ...]:
        return (*super().asks, "predictor")

    async def qualities(self, call: Call, names: list[str], world: World) -> dict[str, float]:
        return dict(await world.predict(call, names, self.predictor))
