"""Ask somebody else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from simroute.core import Call, Outcome, Send, World, layer, resolve
from simroute.core.params import Doc, Status, TargetName

FAILED: tuple[int, ...] = (408, 409, 429, 500, 502, 503, 504, 529)


@layer("fallback")
@dataclass
class Fallback:
    """Tries targets in order until one answers. A call that an outer layer has aimed goes there first.

    When all fail, the last error is returned (Portkey, OpenRouter), or the first (Bifrost). Never sends a request where it forbids.
    """

    targets: tuple[TargetName, ...] = ("first", "other_company")
    statuses: Annotated[tuple[Status, ...], Doc("outcomes that are worth asking the next one for")] = FAILED
    degrade_to: Annotated[TargetName | None, Doc("a cheaper target, when all others have failed")] = None
    error: Literal["last", "first"] = "last"

    def __post_init__(self) -> None:
        self._chain: list[str] = []

    async def __call__(self, call: Call, send: Send, world: World) -> Outcome:
        failed: Outcome | None = None
        for target in self._order(call, world):
            outcome = await send(call.to(target))
            if outcome.ok or outcome.status not in self.statuses:
                return outcome
            world.emit("fell_back", call, target=target, status=outcome.status)
            failed = outcome if failed is None or self.error == "last" else failed
        return failed or Outcome.rejected(by="fallback", status=403)

    def _order(self, call: Call, world: World) -> list[str]:
        if not self._chain:
            wanted = self.targets if self.degrade_to is None else (*self.targets, self.degrade_to)
            self._chain = resolve(wanted, world.targets(), world.price)
        chain = self._chain
        if call.target is not None and call.target != chain[0]:
            chain = [call.target, *(target for target in chain if target != call.target)]
        forbids = call.request.forbids
        return [target for target in chain if world.targets()[target].provider not in forbids] if forbids else chain
