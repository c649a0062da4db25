"""Do not ask for more than is granted."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Annotated, Literal

from simroute.core import Call, Gate, Outcome, Send, World, layer
from simroute.core.params import Doc, Name, Period, PerMinute, Range, Seconds, Unit
from simroute.core.world import aimed_at
from simroute.gauges.line import Order
from simroute.gauges.meters import MINUTE, Meters
from simroute.gauges.newest import Newest
from simroute.policies.turns import wait_for_turn


@dataclass(frozen=True)
class Rates:
    """Of one user, feature or the like."""

    rpm: Annotated[PerMinute | None, Doc("requests a minute; none: any number")] = None
    tpm: Annotated[PerMinute | None, Doc("tokens a minute; none: any number")] = None


@layer("limit")
@dataclass
class Limit:
    """Keeps below each target's rate limit, so as not to meet its 429: waits for room up to `wait`,
    first come first served, else refuses with the time that it would take. Stands inside whatever
    chooses the target.

    Reserves input tokens and the output seen lately, and settles what an answer used. What failed
    or was given up stays charged, as providers count it; what an inner layer refused or answered
    itself does not. A 429 with Retry-After shuts the target until then. With `each: user` and the
    like it counts whose call it is instead of where it goes, and may stand anywhere; `rates` has
    those that differ, and who has none is not limited. Sources: OpenAI's and Anthropic's pages on
    rate limits, for how calls count and what headers say; Goyal, Vin and Cheng, start-time fair
    queueing (1996), for `line`.

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
    the whole limit to itself, unless state is shared: divide by their number, or let them believe
    what each answer says is left (`told`), which knows what others who use the account have taken,
    though not what they will.
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

    each: Annotated[
        Literal["deployment", "user", "feature", "task", "session", "all"],
        Doc("whose calls are counted together: with anything but deployment, rpm and tpm are ours"),
    ] = "deployment"
    rates: Annotated[dict[Name, Rates], Doc("other rates than rpm and tpm, by name")] = field(
        default_factory=dict
    )
    line: Annotated[Order, Doc("in which order those go who wait")] = field(default_factory=Order)
    told: Annotated[
        bool,
        Doc("believe what answers say is left (x-ratelimit-remaining and the like), if it is less"),
    ] = False

    def __post_init__(self) -> None:
        self._meters: Newest[str, Meters[Gate]] = Newest()

    async def __call__(self, call: Call, send: Send, world: World) -> Outcome:
        target = aimed_at(call, world)
        meters = self._of(target, call, world)
        tokens, line = meters.estimate(call.request), meters.line
        if line or meters.take(world.now(), tokens) > 0:
            take = partial(meters.take, tokens=tokens)
            ahead = partial(meters.wait, requests=len(line) + 1, tokens=line.asked + tokens)
            asks = call.request, tokens
            wait = await wait_for_turn(line, take, ahead, self.wait, asks, world)
            if wait > 0:
                return Outcome.rejected("limit", 429, target, wait)
        outcome = await send(call)
        return outcome.then(partial(self._settle, meters, tokens, target, world))

    def _of(self, target: str, call: Call, world: World) -> Meters[Gate]:
        key = target if self.each == "deployment" else getattr(call.request, self.each, "")
        if key not in self._meters:
            known = world.targets()[target]
            own = self.rates.get(key, Rates(self.rpm, self.tpm))
            rpm, tpm, window = own.rpm, own.tpm, self.window
            if self.each == "deployment":
                rpm = known.rpm if rpm is None else rpm
                tpm = known.tpm if tpm is None else tpm
                window = known.window if window is None else window
            left = 1.0 - self.headroom
            self._meters[key] = Meters(
                rpm and rpm * left, tpm and tpm * left, window or MINUTE, self.line
            )
        return self._meters[key]

    def _settle(
        self, meters: Meters[Gate], reserved: int, target: str, world: World, outcome: Outcome
    ) -> None:
        meters.settle(world.now(), reserved, outcome)
        if self.told and self.each == "deployment" and not outcome.by:
            meters.believe(world.now(), world.allowances(target))
