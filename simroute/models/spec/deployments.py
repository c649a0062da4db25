"""`deployments` as it is written: models, their prices, speed, limits and errors."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from simroute.core.params import (
    Count,
    Doc,
    Factor,
    Name,
    Period,
    PerMinute,
    Positive,
    Range,
    Seconds,
    Share,
    TaskName,
    Unit,
    When,
)
from simroute.models.spec.kinds import Correlation, ErrorStatus, Sigma

UsdPerMillion = Annotated[float, Unit("USD/1M tokens"), Range(low=0)]


@dataclass(frozen=True)
class Slow:
    """Some calls are slow for no visible reason: the second part of a mixture of two lognormals."""

    share: Annotated[Share, Doc("calls that are slow")] = 0.0
    factor: Annotated[
        Factor, Doc("their median time to the first token over that of the others")
    ] = 3.0
    sigma: Annotated[Sigma, Doc("spread of their time to the first token")] = 0.35
    token_factor: Annotated[
        Factor, Doc("their median time per output token over that of the others")
    ] = 1.0
    token_sigma: Annotated[Sigma, Doc("spread of their time per output token")] = 0.2


@dataclass(frozen=True)
class Latency:
    """Median time to the first token (base + per input token), then a median time for each output
    token; lognormal around both.

    `floor` is added to the time to the first token (a shifted lognormal), `slow` makes it a mixture
    of two.
    """

    base: Annotated[Seconds, Doc("median time to the first token of an empty prompt")] = 0.6
    per_1k_input: Annotated[Seconds, Doc("added to it for each 1,000 input tokens")] = 0.1
    per_output_token: Annotated[Seconds, Doc("median time for each token after the first")] = 0.012
    sigma: Annotated[Sigma, Doc("of the time to first token")] = 0.35
    token_sigma: Annotated[Sigma, Doc("of the time per output token, one draw an answer")] = 0.2
    error: Annotated[Seconds, Doc("median time until an error is answered")] = 0.3
    floor: Annotated[Seconds, Doc("added to each time to first token: no answer is faster")] = 0.0
    correlation: Annotated[
        Correlation, Doc("of the two times; 1: a call that is slow to begin is as slow to go on")
    ] = 0.0
    slow: Annotated[Slow, Doc("calls that are slow for no visible reason")] = field(
        default_factory=Slow
    )


@dataclass(frozen=True)
class Limits:
    """What the provider grants: requests and tokens a minute, refilled continuously, and calls in
    flight.

    A call that waits for a slot meets the outages, errors, slowness and price of the moment when it
    gets it, not of the moment when it was sent.
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
        Literal["reserve", "estimate", "generated"],
        Doc(
            "tokens charged at once: input + max_output_tokens; input + true output; input, the "
            "output when generated"
        ),
    ] = "estimate"
    concurrency: Annotated[Positive | None, Doc("calls at a time")] = None
    queue: Annotated[Count, Doc("calls that may wait for a slot; further ones get 503")] = 0


@dataclass(frozen=True)
class PriceList:
    """What tokens cost."""

    input: Annotated[UsdPerMillion, Doc("for tokens sent")]
    output: Annotated[UsdPerMillion, Doc("for tokens received")]
    cached: Annotated[
        UsdPerMillion | None,
        Doc(
            "for tokens sent that a trace says were read from the provider's cache; default: as any"
        ),
    ] = None
    written: Annotated[
        UsdPerMillion | None,
        Doc("for tokens sent that a trace says were written to it; default: as any"),
    ] = None


@dataclass(frozen=True)
class PriceStep:
    """From `at` on, the deployment costs this. A call is billed at the price when it was sent on to
    the model, however long its answer takes."""

    at: Annotated[When, Doc("when it begins to hold: 2h, or 50%")]
    input: Annotated[UsdPerMillion, Doc("for tokens sent")]
    output: Annotated[UsdPerMillion, Doc("for tokens received")]


@dataclass(frozen=True)
class Clustered:
    """Errors that come in spells (Gilbert's two states), beside those of fair weather: bad spells
    in which `error_share` of calls fail."""

    share: Annotated[
        float,
        Unit("share"),
        Range(0, 0.99),
        Doc("share of the time that is bad; 0: no such spells"),
    ] = 0.0
    spell: Annotated[Period, Doc("mean length of a bad spell, exponential")] = 10.0
    error_share: Annotated[Share, Doc("calls of a bad spell that fail")] = 1.0
    status: Annotated[ErrorStatus, Doc("of those errors")] = 500


@dataclass(frozen=True)
class Deployment:
    """One model at one provider. The first one in the file is where calls go that no layer has
    aimed.

    Example:

        deployments:
          claude-sonnet:
            {provider: anthropic, model: claude-sonnet-4-0, price_date: 2025-07-01,
             limits: {rpm: 4000}, quality: 0.9}
          gpt-4o:
            {provider: openai, model: gpt-4o, price_date: 2025-07-01, errors: {500: 0.001},
             quality: 0.87}
          in-house:
            {provider: us, model: llama-3, price: {input: 0.1, output: 0.1},
             limits: {concurrency: 8, queue: 20}, quality: 0.7}

    Interplay: Order and `provider` are what policies go by: roles such as `first` and
    `other_company` are found from them, and an outage of a provider (or a `domain`) reaches all
    that share it. `model` finds the price in the catalogue unless `price` gives it, and
    `price_steps` change it during the run. `latency` times the tokens of a task is how long an
    answer takes; with `limits.concurrency` below rate times that, calls queue, and beyond
    `limits.queue` they fail; what a queued call meets is decided when it gets its slot. `quality`
    counts against `price` in every cascade and every shift to a cheaper target.
    """

    provider: Annotated[Name, Doc("the company; what fails together")]
    model: Annotated[Name, Doc("as the price catalogue calls it; any name if a price is given")]
    family: Annotated[Name | None, Doc("siblings; default: the first word of the model's name")] = (
        None
    )
    domain: Annotated[Name | None, Doc("a failure domain shared with others, such as a region")] = (
        None
    )
    price: Annotated[
        PriceList | None,
        Doc(
            "default: the catalogue's, with its tiers by length of prompt and its hours of the "
            "day (UTC)"
        ),
    ] = None
    price_date: Annotated[
        Name | None,
        Doc(
            "YYYY-MM-DD: the catalogue's price of that day; default: of each request's own, "
            "without dates of the catalogue's release"
        ),
    ] = None
    price_factor: Annotated[Factor, Doc("all of it times this: 0.9 for a discount of 10 %")] = 1.0
    price_steps: Annotated[dict[Name, PriceStep], Doc("changes of the price during the run")] = (
        field(default_factory=dict)
    )
    latency: Annotated[Latency, Doc("how long answers take in fair weather")] = field(
        default_factory=Latency
    )
    limits: Annotated[Limits, Doc("what the provider grants")] = field(default_factory=Limits)
    errors: Annotated[
        dict[ErrorStatus, Share], Doc("share of calls answered with a status in fair weather")
    ] = field(default_factory=dict)
    clustered: Annotated[Clustered, Doc("errors that come in short spells")] = field(
        default_factory=Clustered
    )
    truncated: Annotated[Share, Doc("share of streamed answers cut after the first token")] = 0.0
    stalled: Annotated[
        Share,
        Doc(
            "share of streamed answers that stop after the first token and never end by themselves "
            "(until hang_limit), of those that are not cut"
        ),
    ] = 0.0
    quality: Annotated[
        Share | dict[TaskName, Share] | None,
        Doc(
            "share of right answers at difficulty 0, overall or by task; what null, or a task "
            "not listed, leaves unknown is not reported"
        ),
    ] = 0.85
    outcomes: Annotated[
        Name | None, Doc("column of workload.outcomes that holds this model's answers")
    ] = None
    recorded: Annotated[
        Name | None,
        Doc("provider/model in the trace: times and failures are resampled from its calls there"),
    ] = None
