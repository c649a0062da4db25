"""What the Router is told, in its own words."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from simroute.core.params import (
    Count,
    Doc,
    Name,
    Period,
    Positive,
    ProviderName,
    Seconds,
    Share,
    TargetName,
    Usd,
)
from simroute.gateways.litellm.deployment import Deployment
from simroute.gateways.litellm.errors import AllowedFailsKey, RetriesKey

Profile = Literal["1.83", "1.106", "1.109"]
StrategyName = Literal[
    "simple-shuffle",
    "least-busy",
    "usage-based-routing-v2",
    "usage-based-routing",
    "latency-based-routing",
    "cost-based-routing",
]


@dataclass(frozen=True)
class ProviderBudget:
    """What may be spent at a provider."""

    budget_limit: Annotated[Usd, Doc("in each period")] = 0.0
    time_period: Annotated[Period, Doc("from the start, then from spending on")] = 86_400.0


@dataclass
class Settings:
    """`router_settings` and `model_list`."""

    groups: Annotated[
        dict[Name, tuple[TargetName, ...]],
        Doc("deployments by model_name; default: main, the first one"),
    ] = field(default_factory=dict)
    deployments: Annotated[
        dict[TargetName, Deployment], Doc("litellm_params, where they are not the default")
    ] = field(default_factory=dict)
    profile: Annotated[Profile, Doc("the version that is imitated where they differ")] = "1.83"
    routing_strategy: Annotated[StrategyName, Doc("which deployment of a group is asked")] = (
        "simple-shuffle"
    )
    lowest_latency_buffer: Annotated[
        Share, Doc("latency-based: within so much of the best is as good")
    ] = 0.0
    ttl: Annotated[
        Seconds, Doc("latency-based: all that is known is forgotten so long after its begin")
    ] = 3600.0
    max_latency_list_size: Annotated[
        Positive, Doc("latency-based: so many answers of a deployment are remembered")
    ] = 10
    num_retries: Annotated[Count, Doc("tries in a group after the first")] = 2
    retry_policy: Annotated[dict[RetriesKey, Count], Doc("the same by class of error")] = field(
        default_factory=dict
    )
    model_group_retry_policy: Annotated[
        dict[Name, dict[RetriesKey, Count]], Doc("instead of retry_policy, by model_name")
    ] = field(default_factory=dict)
    retry_after: Annotated[Seconds, Doc("no pause of the back-off is shorter")] = 0.0
    jitter: Annotated[Seconds, Doc("up to so much longer is each pause, at random")] = 0.75
    timeout: Annotated[Period, Doc("of one send, for each read")] = 6000.0
    stream_timeout: Annotated[Period | None, Doc("the same of streams; default: timeout")] = None
    fallbacks: Annotated[
        dict[Name, tuple[Name, ...]], Doc("groups that are tried after it, by model_name")
    ] = field(default_factory=dict)
    context_window_fallbacks: Annotated[
        dict[Name, tuple[Name, ...]], Doc("instead of them, where the prompt is too long")
    ] = field(default_factory=dict)
    content_policy_fallbacks: Annotated[
        dict[Name, tuple[Name, ...]], Doc("instead of them, where the content was refused")
    ] = field(default_factory=dict)
    default_fallbacks: Annotated[tuple[Name, ...], Doc("of groups without their own")] = ()
    max_fallbacks: Annotated[Count, Doc("how deep fallbacks of fallbacks are followed")] = 5
    model_group_alias: Annotated[dict[Name, Name], Doc("other names of groups")] = field(
        default_factory=dict
    )
    allowed_fails: Annotated[
        Count | None, Doc("failures within cooldown_time that do not cool; 3 is as none in 1.83")
    ] = None
    allowed_fails_policy: Annotated[dict[AllowedFailsKey, Count], Doc("the same by class")] = field(
        default_factory=dict
    )
    cooldown_time: Annotated[Seconds, Doc("without Retry-After; 0 is 5 s, as there")] = 5.0
    disable_cooldowns: Annotated[bool, Doc("never leave one out")] = False
    enable_pre_call_checks: Annotated[
        bool, Doc("leave out who is over rpm (not 1.109), or whose window is too small")
    ] = False
    enforce_model_rate_limits: Annotated[
        bool, Doc("refuse (429, no retry) what is over a deployment's rpm or tpm in a minute")
    ] = False
    default_max_parallel_requests: Annotated[
        Positive | None, Doc("calls in flight of deployments without rpm or tpm")
    ] = None
    cache_responses: Annotated[bool, Doc("give the same answer to the same question")] = False
    provider_budget_config: Annotated[
        dict[ProviderName, ProviderBudget], Doc("leave a provider out whose budget is spent")
    ] = field(default_factory=dict)
