"""A scenario as it is written: every key of a scenario file, with its unit, range and default. No behaviour here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from simroute.core.params import (
    Count,
    Doc,
    Factor,
    File,
    Name,
    Period,
    PerMinute,
    Positive,
    Range,
    Rate,
    Seconds,
    Share,
    Status,
    Unit,
    Usd,
    Weight,
    When,
)

Sigma = Annotated[float, Unit("sd of log"), Range(0, 5)]
Tokens = Annotated[float, Unit("tokens"), Range(low=1)]
UsdPerMillion = Annotated[float, Unit("USD/1M tokens"), Range(low=0)]


@dataclass(frozen=True)
class Lengths:
    """Token counts: lognormal, rounded to whole tokens, at least 1."""

    median: Tokens = 500.0
    sigma: Sigma = 0.8
    max: Annotated[Tokens, Doc("longer ones are cut to this")] = 200_000.0


@dataclass(frozen=True)
class Task:
    """One kind of work. `difficulty` shifts every model's accuracy on it: 1 lowers the probit by one standard deviation."""

    share: Weight = 1.0
    difficulty: Annotated[float, Unit("probit"), Range(-5, 5)] = 0.0
    input_tokens: Lengths = field(default_factory=lambda: Lengths(median=1020, sigma=0.9))
    output_tokens: Lengths = field(default_factory=lambda: Lengths(median=129, sigma=1.0))


@dataclass(frozen=True)
class Profile:
    """How the rate varies: relative weights by hour of day and by day of week (Monday first), normalised to a mean of 1 over the week."""

    hours: Annotated[tuple[Weight, ...], Doc("24 weights, or none")] = ()
    days: Annotated[tuple[Weight, ...], Doc("7 weights, Monday first, or none")] = ()
    starts: Annotated[float, Unit("h"), Range(0, 168), Doc("hour of the week at t = 0; 0 is Monday 00:00")] = 0.0


@dataclass(frozen=True)
class Repeats:
    """Requests that ask again: a `share` of them is drawn from a catalogue by Zipf popularity; some of those are worded anew."""

    share: Share = 0.0
    questions: Annotated[Positive, Doc("size of the catalogue")] = 10_000
    exponent: Annotated[float, Unit("Zipf exponent"), Range(0, 5)] = 1.0
    paraphrased: Annotated[Share, Doc("share of repeats with other words: an exact cache misses them")] = 0.0


@dataclass(frozen=True)
class Workload:
    """Who asks what, and when. A trace replaces arrivals and token lengths."""

    rate: Annotated[Rate, Doc("mean arrivals, Poisson")] = 1.0
    profile: Profile = field(default_factory=Profile)
    trace: Annotated[File | None, Doc("arrivals and lengths from a file: Azure's columns, or arrival_s,input_tokens,output_tokens")] = None
    rate_scale: Annotated[Factor, Doc("2 plays the trace twice as fast")] = 1.0
    trace_from: Annotated[Seconds, Doc("start of the window of the trace, from its first arrival")] = 0.0
    trace_to: Annotated[Period | None, Doc("end of the window of the trace")] = None
    lengths: Annotated[File | None, Doc("resample (input, output) token pairs from this file, same columns as a trace")] = None
    max_output_tokens: Annotated[Positive, Doc("what callers allow at most")] = 4096
    streamed: Share = 0.0
    tasks: dict[Name, Task] = field(default_factory=lambda: {"chat": Task()})
    users: dict[Name, Weight] = field(default_factory=dict)
    features: dict[Name, Weight] = field(default_factory=dict)
    forbid: Annotated[dict[Name, tuple[Name, ...]], Doc("providers that a feature's requests must never reach")] = field(default_factory=dict)
    repeats: Repeats = field(default_factory=Repeats)
    outcomes: Annotated[File | None, Doc("prompt × model table (prompt_id, task, 0/1 columns); replaces tasks and the quality model")] = None


@dataclass(frozen=True)
class Latency:
    """Median time to the first token (base + per input token), then a median time for each output token; lognormal around both."""

    base: Seconds = 0.6
    per_1k_input: Seconds = 0.1
    per_output_token: Seconds = 0.012
    sigma: Annotated[Sigma, Doc("of the time to first token")] = 0.35
    token_sigma: Annotated[Sigma, Doc("of the time per output token, one draw an answer")] = 0.2
    error: Annotated[Seconds, Doc("median time until an error is answered")] = 0.3


@dataclass(frozen=True)
class Limits:
    """What the provider grants: requests and tokens a minute, refilled continuously, and calls in flight."""

    rpm: PerMinute | None = None
    tpm: PerMinute | None = None
    charge: Annotated[
        Literal["reserve", "estimate", "generated"],
        Doc("tokens charged at once: input + max_output_tokens; input + true output; input, the output when generated"),
    ] = "estimate"
    concurrency: Positive | None = None
    queue: Annotated[Count, Doc("calls that may wait for a slot; further ones get 503")] = 0


@dataclass(frozen=True)
class PriceList:
    input: UsdPerMillion
    output: UsdPerMillion


@dataclass(frozen=True)
class PriceStep:
    """From `at` on, the deployment costs this."""

    at: When
    input: UsdPerMillion
    output: UsdPerMillion


@dataclass(frozen=True)
class Deployment:
    """One model at one provider."""

    provider: Name
    model: Name
    family: Annotated[Name | None, Doc("siblings; default: the first word of the model's name")] = None
    domain: Annotated[Name | None, Doc("a failure domain shared with others, such as a region")] = None
    price: Annotated[PriceList | None, Doc("default: the catalogue's price on price_date")] = None
    price_date: Annotated[Name | None, Doc("YYYY-MM-DD; default: the catalogue's latest")] = None
    price_steps: dict[Name, PriceStep] = field(default_factory=dict)
    latency: Latency = field(default_factory=Latency)
    limits: Limits = field(default_factory=Limits)
    errors: Annotated[dict[Status, Share], Doc("share of calls answered with a status in fair weather")] = field(default_factory=dict)
    truncated: Annotated[Share, Doc("share of streamed answers cut after the first token")] = 0.0
    quality: Annotated[Share | dict[Name, Share], Doc("share of right answers, overall or by task")] = 0.85
    outcomes: Annotated[Name | None, Doc("column of workload.outcomes that holds this model's answers")] = None


@dataclass(frozen=True)
class Outage:
    """A spell of bad weather over a deployment, a provider or a domain: scheduled (start, end) or random (mean_between, repair)."""

    provider: Name | None = None
    deployment: Name | None = None
    domain: Name | None = None
    start: When | None = None
    end: When | None = None
    mean_between: Annotated[Period | None, Doc("mean fair time from the end of one outage to the start of the next")] = None
    shape: Annotated[Factor, Doc("Weibull shape of that time; 1 is exponential")] = 1.0
    repair: Annotated[Period, Doc("median duration, lognormal")] = 4764.0
    repair_sigma: Sigma = 1.32
    error_share: Share = 1.0
    status: Status = 503
    slow_down: Annotated[float, Unit("factor"), Range(low=1), Doc("all times are multiplied by this")] = 1.0
    hang_share: Annotated[Share, Doc("calls that never answer, among those that do not fail")] = 0.0


@dataclass(frozen=True)
class Budget:
    usd: Usd
    period: Literal["day", "month"] = "month"


@dataclass(frozen=True)
class Slo:
    """The promise: share of requests that succeed, and how fast."""

    success: Share = 0.999
    latency: Annotated[Period, Doc("to the complete answer")] = 30.0
    ttft: Annotated[Period | None, Doc("to the first token, for streamed requests")] = None
    minute_success: Annotated[Share, Doc("a minute counts as available from this share on")] = 0.95


@dataclass(frozen=True)
class Gateway:
    """Where the policy runs: `replicas` processes, each with state of its own unless `shared`."""

    replicas: Positive = 1
    shared: bool = False
    overhead: Annotated[Seconds, Doc("the gateway's own time, added to each send")] = 0.001


@dataclass(frozen=True)
class Scenario:
    """The weather: everything that happens whatever the policy."""

    deployments: dict[Name, Deployment]
    about: Annotated[str, Unit("text")] = ""
    horizon: Period = 3600.0
    workload: Workload = field(default_factory=Workload)
    outages: dict[Name, Outage] = field(default_factory=dict)
    budget: Budget | None = None
    slo: Slo = field(default_factory=Slo)
    gateway: Gateway = field(default_factory=Gateway)
    abandoned: Annotated[
        Literal["runs_on", "stops"], Doc("a call that nobody waits for runs on and is billed whole, or stops and is billed so far")
    ] = "runs_on"
    hang_limit: Annotated[Period, Doc("a hung call is cut after this")] = 600.0
