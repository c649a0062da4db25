"""What an HTTP client does when a connection ends before anything was answered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from simroute.core import Call, Outcome, Send, World, layer
from simroute.core.params import Count, Doc


@layer("reconnect")
@dataclass
class Reconnect:
    """Sends a call once more, at once, when its connection ended before anything was answered.

    A connection that is refused, and one that a host lets hang, are none of it. Pings and single
    sends are not sent again. Source: failoverbench's runs of Bifrost 2.1.1 (2026-09), whose second
    attempt after a reset comes with no pause, and whose second attempt after a silence of 120 s
    comes when the host hangs up.

    Example:

        retry:     {attempts: 3, backoff: {initial: 0.5s, jitter: proportional}}
        reconnect: {times: 1}

    Interplay: A connection that had been kept open too long costs nobody a failure this way. What
    had arrived and was being worked on is asked, and billed, twice; a host that hangs up on
    everybody gets twice the load without a pause, and `retry` outside multiplies it.
    """

    times: Annotated[Count, Doc("sends after the first, of each call")] = 1

    async def __call__(self, call: Call, send: Send, world: World) -> Outcome:
        outcome = await send(call)
        for _ in range(0 if call.once else self.times):
            if outcome.error != "reset" or outcome.by:
                break
            world.emit("retried", call, target=call.target, status=outcome.status, wait=0.0)
            outcome = await send(call)
        return outcome
