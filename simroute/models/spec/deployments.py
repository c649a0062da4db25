"""`deployments` as it is written: models, their prices, speed, limits and errors."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from simroute.core.params import (
    Doc,
    Factor,
    Name,
    Period,
    Positive,
    Range,
    Seconds,
    Share,
    TaskName,
    Unit,
    When,
)
from simroute.models.spec.kinds import AnyError
from simroute.models.spec.latency import Latency
from simroute.models.spec.limits import Limits
from simroute.models.spec.prompt_cache import PromptCache

UsdPerMillion = Annotated[float, Unit("USD/1M tokens"), Range(low=0)]
ServiceTier = Literal["standard", "batch", "flex", "priority"]


@dataclass(frozen=True)
class PriceList:
    """What tokens cost."""

    input: Annotated[UsdPerMillion, Doc("for tokens sent")]
    output: Annotated[UsdPerMillion, Doc("for tokens received")]
    cached: Annotated[
        UsdPerMillion | None,
        Doc(
            "for tokens sent that are read from the provider's cache (prompt_cache, or as a "
            "trace says); default: as any"
        ),
    ] = None
    written: Annotated[
        UsdPerMillion | None,
        Doc("for tokens sent that are written to it; default: as any"),
    ] = None


@dataclass(frozen=True)
class PriceStep:
    """From `at` on, the deployment costs this. A call is billed at the price when it was sent on to
    the model, however long its answer takes."""

    at: Annotated[When, Doc("when it begins to hold: 2h, or 50%")]
    input: Annotated[UsdPerMillion, Doc("for tokens sent")]
    output: Annotated[UsdPerMillion, Doc("for tokens received")]


@dataclass(frozen=True)
class QualityStep:
    """From `at` on, a model answers so well: a new version under the same name, or one that was
    made cheaper to run. With `over` it drifts there in a straight line."""

    at: Annotated[When, Doc("when it begins to change: 2h, or 50%")]
    quality: Annotated[
        Share | dict[TaskName, Share],
        Doc("share of right answers then, overall or by task; tasks not listed stay as they were"),
    ]
    over: Annotated[Seconds, Doc("how long the change takes; 0: at once")] = 0.0


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
    status: Annotated[AnyError, Doc("of those errors, or their kind")] = 500


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
    service_tier: Annotated[
        ServiceTier,
        Doc(
            "the provider's: batch as the catalogue states it, else half; flex half; priority "
            "twice (1.75 to 2.5 by model, as price_factor says besides); how long they take is "
            "latency_factor"
        ),
    ] = "standard"
    price_steps: Annotated[dict[Name, PriceStep], Doc("changes of the price during the run")] = (
        field(default_factory=dict)
    )
    latency: Annotated[Latency, Doc("how long answers take in fair weather")] = field(
        default_factory=Latency
    )
    latency_factor: Annotated[
        Factor,
        Doc("all times of `latency` times this, as of a service_tier: 0.5 is twice as fast"),
    ] = 1.0
    limits: Annotated[Limits, Doc("what the provider grants")] = field(default_factory=Limits)
    account: Annotated[
        Name | None,
        Doc(
            "one of `accounts`, whose rates, fees and credits it shares with others, besides its "
            "own limits"
        ),
    ] = None
    errors: Annotated[
        dict[AnyError, Share],
        Doc(
            "share of calls that fail with a status, or in a way that has a name (refused, "
            "unreachable, reset, hang, invalid_body, content_filter, context_length, quota), in "
            "fair weather"
        ),
    ] = field(default_factory=dict)
    clustered: Annotated[Clustered, Doc("errors that come in short spells")] = field(
        default_factory=Clustered
    )
    max_input_tokens: Annotated[
        Positive | None,
        Doc(
            "longest prompt; a longer one is refused at once, free, with 400 (context_length). "
            "Default: the catalogue's context window where it knows one (in a replay not below the "
            "longest prompt that the log shows answered), else none"
        ),
    ] = None
    max_output_tokens: Annotated[
        Positive | None,
        Doc(
            "longest answer; a longer one ends there, billed so far, with a quality of 0 (error "
            "length beside status 200)"
        ),
    ] = None
    truncated: Annotated[Share, Doc("share of streamed answers cut after the first token")] = 0.0
    stalled: Annotated[
        Share,
        Doc(
            "share of streamed answers that stop after the first token and never end by themselves "
            "(until hang_limit), of those that are not cut"
        ),
    ] = 0.0
    idempotency_keys: Annotated[
        bool,
        Doc(
            "a send that is repeated with the same key (retry.idempotency_key) gets the answer of "
            "the first one and is billed once, as long as that was answered or will be"
        ),
    ] = False
    prompt_cache: Annotated[
        PromptCache | None,
        Doc("beginnings of prompts that the provider keeps; default: none, or a trace's own"),
    ] = None
    quality: Annotated[
        Share | dict[TaskName, Share] | None,
        Doc(
            "share of right answers at difficulty 0, overall or by task; what null, or a task "
            "not listed, leaves unknown is not reported"
        ),
    ] = 0.85
    quality_steps: Annotated[
        dict[Name, QualityStep], Doc("changes of the quality during the run, for whoever measures")
    ] = field(default_factory=dict)
    outcomes: Annotated[
        Name | None, Doc("column of workload.outcomes that holds this model's answers")
    ] = None
    recorded: Annotated[
        Name | None,
        Doc("provider/model in the trace: times and failures are resampled from its calls there"),
    ] = None
