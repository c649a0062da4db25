"""Do not ask for more than is granted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from simroute.core import Call, Outcome, Send, World, layer
from simroute.core.params import Doc, PerMinute, Seconds, Share
from simroute.gauges.bucket import Bucket
from simroute.gauges.latency import Recent


class Meters:
    """Requests and tokens a minute of one target, both or nothing."""

    def __init__(self, rpm: float | None, tpm: float | None, now: float) -> None:
        self.requests = Bucket(rpm, rpm / 60) if rpm is not None else None
        self.tokens = Bucket(tpm, tpm / 60) if tpm is not None else None
        self.output = Recent(3600.0)
        self.shut_until = now

    def take(self, now: float, tokens: float) -> float:
        """0 if it was there and is taken, else the seconds until it will be."""
        wait = max(0.0, self.shut_until - now)
        if self.requests is not None:
            wait = max(wait, self.requests.wait(now, 1.0))
        if self.tokens is not None:
            wait = max(wait, self.tokens.wait(now, min(tokens, self.tokens.capacity)))
        if wait == 0 and self.requests is not None:
            self.requests.take(now, 1.0)
        if wait == 0 and self.tokens is not None:
            self.tokens.take(now, min(tokens, self.tokens.capacity))
        return wait


@layer("limit")
@dataclass
class Limit:
    """Keeps below each target's rate limit, so as not to meet its 429: waits for room up to `wait`, else refuses with the exact time.

    Reserves input tokens and the output seen lately, and settles what was used. A 429 with Retry-After shuts the target until then.
    """

    rpm: Annotated[PerMinute | None, Doc("requests a minute for each target; default: what the target grants")] = None
    tpm: Annotated[PerMinute | None, Doc("tokens a minute for each target; default: what the target grants")] = None
    wait: Annotated[Seconds, Doc("at most so long for room")] = 5.0
    headroom: Annotated[Share, Doc("share of the limit that is left unused")] = 0.0

    def __post_init__(self) -> None:
        self._meters: dict[str, Meters] = {}

    async def __call__(self, call: Call, send: Send, world: World) -> Outcome:
        target = call.target if call.target is not None else next(iter(world.targets()))
        meters = self._of(target, world)
        output = meters.output.mean
        reserved = call.request.input_tokens + (output if output is not None else call.request.max_output_tokens / 8)
        patience = world.now() + self.wait
        while (wait := meters.take(world.now(), reserved)) > 0:
            if world.now() + wait > patience:
                return Outcome.rejected(by="limit", status=429, target=target, retry_after=wait)
            await world.sleep(wait)
        outcome = await send(call)
        return outcome.then(lambda final: self._settle(meters, reserved, final, world))

    def _of(self, target: str, world: World) -> Meters:
        if target not in self._meters:
            known = world.targets()[target]
            rpm, tpm = (own if own is not None else granted for own, granted in ((self.rpm, known.rpm), (self.tpm, known.tpm)))
            left = 1.0 - self.headroom
            self._meters[target] = Meters(rpm and rpm * left, tpm and tpm * left, world.now())
        return self._meters[target]

    def _settle(self, meters: Meters, reserved: float, outcome: Outcome, world: World) -> None:
        now = world.now()
        if outcome.status == 429 and outcome.retry_after is not None and not outcome.by:
            meters.shut_until = max(meters.shut_until, now + outcome.retry_after)
        if outcome.ok and meters.tokens is not None:
            meters.output.add(now, outcome.output_tokens)
            meters.tokens.settle(now, min(reserved, meters.tokens.capacity), outcome.input_tokens + outcome.output_tokens)
