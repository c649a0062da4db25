"""`limits` as it is written: what a provider grants, how it counts, and what it says when that is
used up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from simroute.core.params import (
    Count,
    Doc,
    Factor,
    Period,
    PerMinute,
    Positive,
    Range,
    Seconds,
    Share,
    Unit,
    Usd,
)

PerDay = Annotated[float, Unit("1/d"), Range(low=0, above=True)]
Quota = Annotated[float, Unit("USD"), Range(low=0)]
Purchase = Annotated[float, Unit("USD"), Range(low=0.01)]


@dataclass(frozen=True)
class RateLimits:
    """Rates that a provider grants, to one deployment or to an account of several. A call must fit
    all of them, and is charged to all or to none.

    As real ones count: OpenAI `rpm`, `tpm`, `rpd` with `charge: reserve` and `counts: all`;
    Anthropic `rpm`, `itpm`, `otpm` with `charge: generated` and `cached: free`; Azure `tpm`, and
    `rpm` with `window: 10s` or `1s`; Groq `rpm`, `tpm`, `rpd`, `tpd`.
    """

    rpm: Annotated[PerMinute | None, Doc("requests a minute; further ones get 429")] = None
    tpm: Annotated[
        PerMinute | None,
        Doc(
            "tokens a minute; further ones get 429, and a call that is charged more than all of "
            "them always (error too_large)"
        ),
    ] = None
    charge: Annotated[
        Literal["reserve", "correct", "estimate", "generated"],
        Doc(
            "tokens charged at once: input + max_output_tokens; the same, corrected when the "
            "answer is there; input + true output; input, the output when generated"
        ),
    ] = "estimate"
    itpm: Annotated[PerMinute | None, Doc("input tokens a minute")] = None
    otpm: Annotated[PerMinute | None, Doc("output tokens a minute, charged as `charge` says")] = (
        None
    )
    rpd: Annotated[PerDay | None, Doc("requests a day")] = None
    tpd: Annotated[PerDay | None, Doc("tokens a day, charged as `charge` says")] = None
    cached: Annotated[
        Literal["counted", "free"], Doc("input tokens that the provider reads from its cache")
    ] = "counted"
    counts: Annotated[
        Literal["admitted", "answered", "all"],
        Doc(
            "which calls count: those let in, failed or not; only those answered; all, so that "
            "asking again and again is never let in"
        ),
    ] = "admitted"
    refill: Annotated[
        Literal["continuous", "fixed", "sliding"],
        Doc(
            "what is used comes back continuously, up to a window's worth; all of it when the next "
            "window begins, counted from t = 0; each call's share a window after it"
        ),
    ] = "continuous"
    window: Annotated[
        Period,
        Doc(
            "over which rpm is counted: at 10s a sixth of it is granted for each 10 s; with "
            "continuous refill that much at once"
        ),
    ] = 60.0
    token_window: Annotated[Period, Doc("the same for tokens a minute")] = 60.0
    retry_after: Annotated[
        Literal["exact", "absent"], Doc("whether a 429 says in how many seconds the call would fit")
    ] = "exact"
    retry_after_factor: Annotated[Factor, Doc("what it says by what is true: 1440, days")] = 1.0
    quota: Annotated[
        Quota | None,
        Doc(
            "USD billed in the whole run, from which on each call gets 429 without Retry-After "
            "(error insufficient_quota), which no layer asks again"
        ),
    ] = None


@dataclass(frozen=True)
class Limits(RateLimits):
    """What the provider grants: rates, and calls in flight.

    A call that waits for a slot meets the outages, errors, slowness and price of the moment when it
    gets it, not of the moment when it was sent.
    """

    concurrency: Annotated[Positive | None, Doc("calls at a time")] = None
    queue: Annotated[Count, Doc("calls that may wait for a slot; further ones get 503")] = 0


@dataclass(frozen=True)
class Credits:
    """Money that is paid in before it can be used. When it is used up, calls fail until more has
    been bought.

    The fee of a purchase is part of what each call costs, in proportion: credits that the end of a
    run leaves are no cost of that run. OpenRouter: fee .055, least_fee .8, status 402.
    """

    purchase: Annotated[
        Purchase, Doc("USD of credits that are bought at a time, for the first time at t = 0")
    ]
    fee: Annotated[Share, Doc("on each purchase, by what it buys: 0.055 for 5.5 %")] = 0.0
    least_fee: Annotated[Usd, Doc("on each purchase, if that is more")] = 0.0
    below: Annotated[Usd, Doc("the next are bought when no more than this is left")] = 0.0
    delay: Annotated[
        Seconds, Doc("from then until they can be used; 0: at once, so that they never run out")
    ] = 0.0
    status: Annotated[
        Literal[402, 429], Doc("of calls without credits (error insufficient_quota)")
    ] = 429


@dataclass(frozen=True)
class Account(RateLimits):
    """What deployments share that are asked with one key: rates, and what the provider or gateway
    behind it adds to prices. Its fees are in each call's cost, and in the prices that policies and
    budgets know.

    Example:

        accounts:
          openrouter:
            {credits: {purchase: 20, fee: 0.055, least_fee: 0.8, delay: 10m, status: 402}}
          own-keys: {markup: 0.05}
        deployments:
          gpt-terra: {account: openrouter}
          claude-sonnet: {account: own-keys}
    """

    markup: Annotated[
        Share, Doc("of all prices, on top: 0.05, OpenRouter's with keys of one's own")
    ] = 0.0
    call_fee: Annotated[Usd, Doc("for each call that is billed, besides")] = 0.0
    credits: Annotated[Credits | None, Doc("bought in advance; default: paid afterwards")] = None
