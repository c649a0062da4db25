"""The parameters of a breaker: what is counted, what opens it, how it comes back, what is a
failure, how many may be out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from simroute.core.outcome import Outcome
from simroute.core.params import ILL, Count, Doc, Factor, Period, Positive, Seconds, Share, Status


@dataclass(kw_only=True, eq=False)
class BreakerRules:
    """Each is independent of the others as far as their words allow; the defaults are a breaker
    that three failures within 30 s open, and one trial closes after 30 s."""

    failures: Annotated[Positive, Doc("so many open it")] = 3
    window: Annotated[Period, Doc("within so long")] = 30.0
    cooldown: Annotated[Period, Doc("time until a trial may pass")] = 30.0
    probes: Annotated[Positive, Doc("trials at a time")] = 1
    successes: Annotated[Positive, Doc("trials that must succeed to close it")] = 1
    rate: Annotated[Share | None, Doc("open on this share of failures instead of their number")] = (
        None
    )
    min_calls: Annotated[Positive, Doc("calls before the share counts; at most count_window")] = 10
    count_window: Annotated[
        Positive | None, Doc("look at the last so many calls instead of a time")
    ] = None
    consecutive: Annotated[bool, Doc("count failures in a row, whenever they were")] = False
    probe_limit: Annotated[Period, Doc("a trial without an answer counts as failed after this")] = (
        120.0
    )
    either: Annotated[bool, Doc("failures and rate both open it, whichever comes first")] = False
    window_kind: Annotated[
        Literal["sliding", "tumbling", "first_failure", "first_of_kind"],
        Doc(
            "what is forgotten: each result when it is as old as window; all when window is over "
            "and the next begins; all, that long after the first failure; failures and successes, "
            "each that long after their own first one"
        ),
    ] = "sliding"
    buckets: Annotated[
        Positive | None, Doc("a sliding window in so many parts, each forgotten as a whole")
    ] = None
    slow_after: Annotated[
        Period | None, Doc("a call whose answer (or first token) takes longer is slow")
    ] = None
    slow_rate: Annotated[
        Share, Doc("open on this share of slow calls as well, from min_calls on")
    ] = 1.0
    judged: Annotated[
        Literal["failure", "result"],
        Doc("when it may open: at a failure, or at a success that completes min_calls too"),
    ] = "failure"
    judged_every: Annotated[
        Period | None, Doc("open only at a look so often, by the results until then")
    ] = None
    forgets: Annotated[
        Literal["closing", "opening", "never"],
        Doc("when it begins to count anew: once it has closed, as it opens, or not at all"),
    ] = "closing"
    recovery: Annotated[
        Literal["trials", "time", "window"],
        Doc(
            "what closes it: trials after cooldown; cooldown alone, with all traffic at once; or "
            "that the window no longer holds what opened it"
        ),
    ] = "trials"
    returns_every: Annotated[
        Period | None, Doc("cooldown is found to be over only at a look so often")
    ] = None
    cooldown_factor: Annotated[
        Factor, Doc("each opening without a closing between multiplies cooldown by this")
    ] = 1.0
    cooldown_step: Annotated[Seconds, Doc("and adds this to it")] = 0.0
    max_cooldown: Annotated[Period | None, Doc("the longest cooldown that may come of it")] = None
    forgiven_after: Annotated[
        Period | None,
        Doc("so long after closing one step of that growth is forgiven; none: all, at once"),
    ] = None
    trials_in_all: Annotated[
        bool, Doc("probes bounds the trials of a half-open spell, not those at a time")
    ] = False
    trial_calls: Annotated[
        Positive | None,
        Doc("judge so many trials together, by rate and slow_rate, instead of by successes"),
    ] = None
    trial_failures: Annotated[Count, Doc("failing trials that do not yet open it again")] = 0
    half_open_limit: Annotated[
        Period | None, Doc("a half-open spell that decides nothing ends after this")
    ] = None
    after_half_open: Annotated[Literal["open", "closed"], Doc("what it is then")] = "open"
    ramp: Annotated[
        Seconds, Doc("once it has closed, traffic comes back evenly over this time")
    ] = 0.0


@dataclass(kw_only=True, eq=False)
class StatusRules:
    """What an answer is to a breaker."""

    statuses: Annotated[tuple[Status, ...], Doc("what counts as a failure")] = ILL
    at_once: Annotated[
        tuple[Status, ...], Doc("failures of which a single one opens it, whatever is counted")
    ] = ()
    retry_after: Annotated[
        bool, Doc("a failure that asks to wait opens it for so long, instead of cooldown")
    ] = False
    retry_after_extra: Annotated[
        Seconds, Doc("and for this in addition; beside at_once where it does not ask, too")
    ] = 0.0

    def asked_wait(self, outcome: Outcome, cooldown: float) -> float | None:
        """For how long (s) a failure opens it, None where it says nothing of that."""
        if not self.retry_after or outcome.status == 200:
            return None
        if outcome.retry_after is not None:
            return outcome.retry_after + self.retry_after_extra
        alone = outcome.status in self.at_once and self.retry_after_extra > 0
        return cooldown + self.retry_after_extra if alone else None


@dataclass(kw_only=True, eq=False)
class GroupRules:
    """Breakers side by side."""

    max_open: Annotated[
        Share, Doc("of the breakers that calls have met, at most this share is open")
    ] = 1.0
    min_closed: Annotated[Count, Doc("and so many of them are not")] = 0
    when_all_open: Annotated[
        Literal["refuse", "try"], Doc("what becomes of a call when none of them is closed")
    ] = "refuse"
    spare_alone: Annotated[
        bool, Doc("the only deployment of its model never opens; for scopes below provider")
    ] = False
    mode: Annotated[
        Literal["on", "forced_open", "disabled", "metrics_only"],
        Doc("metrics_only: lets everything pass, and tells when it would open"),
    ] = "on"
