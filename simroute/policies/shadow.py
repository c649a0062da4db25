"""Ask another one the same, and drop what it says."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Annotated

from simroute.core import Call, Gate, Outcome, Send, World, layer, resolve
from simroute.core.call import Key, key_of
from simroute.core.outcome import complete
from simroute.core.params import Doc, Period, Positive, Share, TargetName
from simroute.core.target import permits
from simroute.gauges.choice import ranking


@layer("shadow")
@dataclass
class Shadow:
    """Sends a copy of a share of the calls to one more target, in the background: nobody gets its
    answer, nobody waits for it, and it is billed.

    Which calls are copied is a matter of their key alone, so that with `key: user` all calls of
    some users are, and a larger share adds users and drops none. A copy goes through the layers
    inside, is sent once, never where its request forbids, and leaves an event with the status of
    its end (`shadowed`), or one that says that `most` were under way and none was sent
    (`not_shadowed`). Pings and trials are not copied. What is still under way when a run or a
    gateway ends is given up.

    Source: traffic mirroring of proxies (Envoy's `request_mirror_policies`, nginx's `mirror`).

    Example:

        shadow:   {target: other_company, share: 0.05}
        fallback: {targets: [first, other_company]}
        timeout:  {total: 30s, first_token: 10s}

    Interplay: A copy costs what a call costs, so `share` is the price of the look, by the prices of
    its target. It is load there: with a tight rate limit it takes room from those who wait for
    their answer. Inside a cache only what was not answered is copied; inside a budget copies are
    not counted. Outside a budget, a breaker, a limit or a health check they count there as calls of
    their target, and what fails is learnt from them.
    """

    target: Annotated[TargetName, Doc("who is asked as well")] = "other_company"
    share: Annotated[Share, Doc("of calls that are copied, by key")] = 0.05
    key: Annotated[Key, Doc("what is copied together")] = "request"
    most: Annotated[Positive, Doc("copies under way; beyond it none is sent")] = 20
    limit: Annotated[Period, Doc("a copy is given up after this")] = 60.0

    def __post_init__(self) -> None:
        self._idle: list[Gate] = []
        self._target: str | None = None

    def __call__(self, call: Call, send: Send, world: World) -> Awaitable[Outcome]:
        target = self._of(call, world)
        if target is not None and self._idle:
            self._idle.pop().open(world.copy(call, target))
        elif target is not None:
            world.emit("not_shadowed", call, target=target)
        return send(call)

    async def background(self, send: Send, world: World) -> None:
        """Sends copies side by side."""
        works = [self._work(send, world) for _ in range(self.most)]
        await world.first(*works, until=lambda outcome: False)

    async def _work(self, send: Send, world: World) -> Outcome:
        while True:
            gate = world.gate()
            self._idle.append(gate)
            copy: Call = await gate
            outcome = await world.within(self.limit, complete(send(copy)), "shadow")
            world.emit("shadowed", target=copy.target, status=outcome.status)

    def _of(self, call: Call, world: World) -> str | None:
        """Who gets a copy of this call, if anybody."""
        known = world.targets()
        if self._target is None:
            self._target = next(iter(resolve([self.target], known, world.price)), next(iter(known)))
        if call.probe or self.share == 0 or not permits(call.request.forbids, known[self._target]):
            return None
        key = key_of(call.request, self.key) or key_of(call.request, "request")
        shares = {"copied": self.share, "not": 1.0 - self.share}
        return self._target if ranking(key, shares)[0] == "copied" else None
