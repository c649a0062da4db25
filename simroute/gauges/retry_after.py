"""What a provider's Retry-After makes of a pause: every client has a rule of its own."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Literal

from simroute.core.params import Doc, Seconds, Status
from simroute.gauges.backoff import raised


@dataclass(frozen=True)
class RetryAfterRule:
    """How Retry-After is obeyed.

    As clients do (each with `max_retry_after: 60s`): OpenAI's and Anthropic's SDKs until summer
    2026 {sets: pause, beyond: ignore}, since then {sets: pause} up to 120 s (openai 2.52), or
    whatever is asked (anthropic 1.6); LiteLLM's router {sets: pause, beyond: ignore, whole: true};
    Portkey {sets: pause, total: 60s, statuses: [429], ends_backoff: true, last_pause: true};
    botocore {adds: 5s, beyond: cap}.
    """

    sets: Annotated[
        Literal["least", "pause"],
        Doc("the least that a pause lasts, or the pause itself, however long the back-off were"),
    ] = "least"
    beyond: Annotated[
        Literal["give_up", "ignore", "cap"],
        Doc("when it asks for too much: no retry, the back-off alone, or a pause of the most"),
    ] = "give_up"
    adds: Annotated[
        Seconds | None, Doc("it lengthens the back-off by at most so much; default: by any time")
    ] = None
    total: Annotated[
        Seconds | None, Doc("no retry once the pauses asked for add up to more than that")
    ] = None
    statuses: Annotated[tuple[Status, ...], Doc("failures of which it is read; none: of all")] = ()
    whole: Annotated[
        bool, Doc("only whole seconds are read, as by clients that parse integers")
    ] = False
    ends_backoff: Annotated[
        bool, Doc("once obeyed, later tries of the same call have no pause of the back-off's own")
    ] = False
    last_pause: Annotated[
        bool, Doc("obeyed after the last of several tries too, before the failure is told")
    ] = False

    def asked(self, status: int, seconds: float | None, most: float) -> float:
        """The pause that counts as asked for: 0 for none, infinite where none would do. most: what
        is obeyed, in seconds."""
        if not seconds or (self.statuses and status not in self.statuses):
            return 0.0
        if self.whole and seconds != math.floor(seconds):
            return 0.0
        if seconds <= most:
            return seconds
        return {"give_up": math.inf, "ignore": 0.0, "cap": most}[self.beyond]

    def pause(self, own: float, asked: float) -> float:
        """The pause, where the back-off alone is `own` seconds."""
        if self.adds is not None:
            return raised(own, asked, self.adds)
        return asked if asked > 0 and self.sets == "pause" else max(own, asked)
