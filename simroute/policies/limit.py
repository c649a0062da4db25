"""Do not ask for more than is granted."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from functools import partial
from typing import Annotated

from simroute.core import Call, Gate, Outcome, Request, Send, World, layer
from simroute.core.params import Doc, Period, PerMinute, Range, Seconds, Unit
from simroute.gauges.bucket import Bucket
from simroute.gauges.latency import Recent


class Meters:
    """Requests and tokens a minute of one target, both or nothing, and the line of those who wait
    for them."""

    def __init__(self, rpm: float | None, tpm: float | None, window: float = 60.0) -> None:
        self.requests = None
        if rpm is not None:
            at_once = rpm if window == 60.0 else rpm * window / 60
            self.requests = Bucket(max(1.0, at_once), rpm / 60)
        self.tokens = Bucket(max(1.0, tpm), tpm / 60) if tpm is not None else None
        self.output = Recent(3600.0)
        self.shut_until = 0.0
        self.line: OrderedDict[Gate, int] = OrderedDict()
        self.asked = 0

    def estimate(self, request: Request) -> int:
        """Tokens: the input and the output seen lately; a request beyond the whole limit takes all
        of it."""
        output = self.output.mean
        tokens = round(
            request.input_tokens + (output if output is not None else request.max_output_tokens / 8)
        )
        return tokens if self.tokens is None else min(tokens, int(self.tokens.capacity))

    def wait(self, now: float, requests: int, tokens: int) -> float:
        """Seconds until there has been room for so many, one after another; together they may be
        more than a bucket holds."""
        wait = max(0.0, self.shut_until - now)
        for bucket, amount in ((self.requests, requests), (self.tokens, tokens)):
            if bucket is not None:
                full = bucket.capacity
                wait = max(
                    wait,
                    bucket.wait(now, min(amount, full)) + max(0.0, amount - full) / bucket.refill,
                )
        return wait

    def take(self, now: float, tokens: int) -> float:
        """0 if there is room for one more request, which is now taken, else the seconds until there
        will be."""
        wait = self.wait(now, 1, tokens)
        if wait == 0:
            self.give(now, -1, -tokens)
        return wait

    def give(self, now: float, requests: int, tokens: int) -> None:
        """Give back what was reserved and not used; negative: take, or owe."""
        for bucket, amount in ((self.requests, requests), (self.tokens, tokens)):
            if bucket is not None:
                bucket.settle(now, amount, 0)

    def join(self, turn: Gate, tokens: int) -> None:
        """Stand in line; whoever is first has his turn."""
        self.line[turn] = tokens
        self.asked += tokens
        next(iter(self.line)).open()

    def leave(self, turn: Gate) -> None:
        """Go, with or without; the next has his turn."""
        self.asked -= self.line.pop(turn)
        if self.line:
            next(iter(self.line)).open()


@layer("limit")
@dataclass
class Limit:
    """Keeps below each target's rate limit, so as not to meet its 429: waits for room up to `wait`,
    first come first served, else refuses with the time that it would take. Stands inside whatever
    chooses the target.

    Reserves input tokens and the output seen lately, and settles what an answer used. What failed
    or was given up stays charged, as providers count it; what an inner layer refused or answered
    itself does not. A 429 with Retry-After shuts the target until then.

    Example:

        fallback: {targets: [first, other_company]}
        limit:    {rpm: 120, wait: 2s, headroom: 0.05}
        timeout:  {total: 30s, first_token: 10s}

    Interplay: `rpm` and `tpm` (of the provider, unless given here) are both needed for a call; the
    scarcer one decides. `wait` chooses between lateness and refusal: up to so long a call stands in
    line, beyond it is refused at once, so that a fallback outside can send it elsewhere; with
    `wait: 0` all excess goes there. `headroom` keeps a share unused, since token counts are
    estimated before the answer is there: too little of it and the provider's 429 comes all the
    same, too much and calls wait for room that was there. With several gateway replicas each keeps
    the whole limit to itself, unless state is shared: divide by their number.
    """

    rpm: Annotated[
        PerMinute | None, Doc("requests a minute for each target; default: what the target grants")
    ] = None
    tpm: Annotated[
        PerMinute | None, Doc("tokens a minute for each target; default: what the target grants")
    ] = None
    window: Annotated[
        Period | None,
        Doc("as much of rpm at once as is granted in so long; default: as the target counts"),
    ] = None
    wait: Annotated[Seconds, Doc("at most so long for room")] = 5.0
    headroom: Annotated[
        float, Unit("share"), Range(0, 0.99), Doc("share of the limit that is left unused")
    ] = 0.0

    def __post_init__(self) -> None:
        self._meters: dict[str, Meters] = {}

    async def __call__(self, call: Call, send: Send, world: World) -> Outcome:
        target = call.target if call.target is not None else next(iter(world.targets()))
        meters = self._of(target, world)
        tokens = meters.estimate(call.request)
        wait = await self._room(meters, tokens, world)
        if wait > 0:
            return Outcome.rejected(by="limit", status=429, target=target, retry_after=wait)
        outcome = await send(call)
        return outcome.then(partial(self._settle, meters, tokens, world))

    async def _room(self, meters: Meters, tokens: int, world: World) -> float:
        """0 when there is room and it is taken, at once or after a wait; else the seconds that were
        too long."""
        now = world.now()
        if not meters.line and meters.take(now, tokens) == 0:
            return 0.0
        wait = meters.wait(now, len(meters.line) + 1, meters.asked + tokens)
        return wait if wait > self.wait else await self._turn(meters, tokens, world)

    async def _turn(self, meters: Meters, tokens: int, world: World) -> float:
        until = world.now() + self.wait + 1e-6  # rounding must not refuse whoever has waited
        turn = world.gate()
        meters.join(turn, tokens)
        try:
            await turn
            while (wait := meters.take(world.now(), tokens)) > 0 and world.now() + wait <= until:
                await world.sleep(wait)
            return wait
        finally:
            meters.leave(turn)

    def _of(self, target: str, world: World) -> Meters:
        if target not in self._meters:
            known = world.targets()[target]
            rpm, tpm = (
                own if own is not None else granted
                for own, granted in ((self.rpm, known.rpm), (self.tpm, known.tpm))
            )
            left = 1.0 - self.headroom
            window = known.window if self.window is None else self.window
            self._meters[target] = Meters(rpm and rpm * left, tpm and tpm * left, window)
        return self._meters[target]

    def _settle(self, meters: Meters, reserved: int, world: World, outcome: Outcome) -> None:
        now = world.now()
        if outcome.status == 429 and outcome.retry_after is not None and not outcome.by:
            meters.shut_until = max(meters.shut_until, now + outcome.retry_after)
        if outcome.error == "rejected" or outcome.cached != "no":
            meters.give(now, 1, reserved)
        elif outcome.ok:
            meters.output.add(now, outcome.output_tokens)
            meters.give(now, 0, reserved - outcome.input_tokens - outcome.output_tokens)
