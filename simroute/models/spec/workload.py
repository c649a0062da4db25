"""`workload` as it is written: who asks what, and when."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from simroute.core.params import (
    Count,
    Doc,
    Factor,
    FeatureName,
    File,
    Name,
    Period,
    Positive,
    ProviderName,
    Range,
    Rate,
    Seconds,
    Share,
    Start,
    Unit,
    Weight,
)
from simroute.models.spec.callers import AskAgain, Callers, ClientOptions, Pause, Sessions, Spike
from simroute.models.spec.kinds import Correlation, ErrorStatus, Sigma

Tokens = Annotated[float, Unit("tokens"), Range(low=1)]


@dataclass(frozen=True)
class Lengths:
    """Token counts, rounded to whole tokens, at least 1: lognormal, or as a table of `quantiles`
    says."""

    median: Annotated[Tokens, Doc("half of all texts are longer")] = 500.0
    sigma: Annotated[
        Sigma, Doc("spread: at 0.8 one text in six is more than 2.2 times the median")
    ] = 0.8
    max: Annotated[Tokens, Doc("longer ones are cut to this")] = 200_000.0
    quantiles: Annotated[
        dict[Name, Tokens],
        Doc(
            "p0, p50, p99 … p100: tokens that so many % of texts do not exceed; lines between; "
            "replaces median, sigma"
        ),
    ] = field(default_factory=dict)


@dataclass(frozen=True)
class Task:
    """One kind of work. `difficulty` shifts every model's accuracy on it, stated for all work or
    for this task: 1 lowers the probit by one standard deviation, so that of .9 (.85, .5) right
    answers .61 (.51, .16) are left."""

    share: Annotated[
        Weight | dict[FeatureName, Weight],
        Doc(
            "how much of the traffic it is, relative to the others; by feature, of that feature's "
            "traffic, none of one not listed"
        ),
    ] = 1.0
    streamed: Annotated[
        Share | None, Doc("its requests whose answers arrive token by token; default: workload's")
    ] = None
    difficulty: Annotated[
        float,
        Unit("probit"),
        Range(-5, 5),
        Doc("0 leaves the models' quality, overall or by task, as stated; at 1, .61 of .9 is left"),
    ] = 0.0
    input_tokens: Annotated[Lengths, Doc("length of the prompts")] = field(
        default_factory=lambda: Lengths(median=1020.0, sigma=0.9)
    )
    output_tokens: Annotated[Lengths, Doc("length of the answers")] = field(
        default_factory=lambda: Lengths(median=129.0, sigma=1.0)
    )
    correlation: Annotated[
        Correlation,
        Doc(
            "of prompts' and answers' lengths, as normal scores: 1, the longest prompt has the "
            "longest answer"
        ),
    ] = 0.0
    patience: Annotated[
        Pause | None, Doc("how long its callers wait before they give up; default: workload's")
    ] = None
    system_prompt: Annotated[
        Count, Unit("tokens"), Doc("instructions that all its prompts begin with, before the input")
    ] = 0


@dataclass(frozen=True)
class Profile:
    """How the rate varies: relative weights by hour of day and by day of week (Monday first),
    normalised to a mean of 1 over the week."""

    hours: Annotated[tuple[Weight, ...], Doc("24 weights, or none")] = ()
    days: Annotated[tuple[Weight, ...], Doc("7 weights, Monday first, or none")] = ()
    starts: Annotated[
        Start,
        Doc(
            "t = 0 as hour of the week (0 is Monday 00:00), or as a date such as "
            "2026-08-03T15:00; UTC"
        ),
    ] = 0.0


@dataclass(frozen=True)
class Burstiness:
    """Arrivals that are less even than a Poisson process: gamma gaps (`cv`), and busy spells in
    which the rate is `peak` times that of quiet ones."""

    cv: Annotated[
        float,
        Unit("sd/mean"),
        Range(0.05, 50),
        Doc("variation of the gaps between arrivals, gamma, at an even rate; 1: Poisson process"),
    ] = 1.0
    peak: Annotated[
        float,
        Unit("factor"),
        Range(1, 1000),
        Doc("rate in a busy spell over that in a quiet one; 1: no spells"),
    ] = 1.0
    busy_share: Annotated[
        float, Unit("share"), Range(0.001, 0.999), Doc("share of the time that is busy")
    ] = 0.1
    spell: Annotated[Period, Doc("mean length of a busy spell, exponential")] = 60.0


@dataclass(frozen=True)
class Repeats:
    """Requests that ask again: a `share` of them is drawn from a catalogue by Zipf popularity; some
    of those are worded anew."""

    share: Annotated[Share, Doc("requests that ask something from the catalogue")] = 0.0
    questions: Annotated[Positive, Doc("size of the catalogue")] = 10_000
    exponent: Annotated[
        float,
        Unit("Zipf exponent"),
        Range(0, 5),
        Doc("0: all are asked equally often; 1: a few make up most"),
    ] = 1.0
    paraphrased: Annotated[
        Share, Doc("share of repeats with other words: an exact cache misses them")
    ] = 0.0
    other_case: Annotated[
        Share,
        Doc("share of repeats in the same words that nobody else writes in such letters"),
    ] = 0.0
    other_space: Annotated[
        Share, Doc("the same of white space: an exact cache misses both unless it ignores them")
    ] = 0.0


@dataclass(frozen=True)
class ReadOptions:
    """How a trace is to be read where its content does not say: format, mapping file, zone of dates
    without one, unit of times that are numbers."""

    format: Annotated[
        Name | None, Doc("one of `simroute list formats`; default: found by content")
    ] = None
    mapping: Annotated[
        File | None, Doc("a file that says which column is what, for logs of another form")
    ] = None
    zone: Annotated[Name, Doc("of dates without one, such as Europe/Berlin")] = "UTC"
    unit: Annotated[
        Literal["s", "ms", "us", "ns"] | None,
        Doc("unit of times that are numbers; default: recognised by their size"),
    ] = None


@dataclass(frozen=True)
class Workload:
    """Who asks what, and when. A trace replaces arrivals and token lengths.

    Example:

        workload:
          rate: 5
          streamed: 0.5
          tasks:
            chat: {share: 0.7, output_tokens: {median: 129, sigma: 1.0}}
            extract: {share: 0.3, streamed: 0, output_tokens: {median: 40, sigma: 0.8}}
          users: 200
          repeats: {share: 0.25, questions: 5000, paraphrased: 0.5}

    Interplay: `rate` times the horizon is the number of requests: a run's time and its certainty
    grow with it. `profile` moves them within days and weeks without changing the mean; `spikes`
    come on top. With `callers` there is no rate: each waits for its answer, thinks, and asks again,
    so that a slow policy gets fewer requests. `patience` makes callers give up (status 499, no
    success), and `again` some of them press again. `tasks` decide lengths (and so times and money)
    and difficulty; `users` and `features` are labels, by which figures are split, budgets shift
    work and `forbid` closes providers. A task whose `share` is by feature makes features differ in
    what they ask. `repeats` is all that a cache can save. A `trace` replaces rate, profile and
    lengths by what really happened; `rate_scale`, `trace_from` and `trace_to` choose how fast and
    which part.
    """

    rate: Annotated[Rate, Doc("mean arrivals, Poisson unless `burstiness` says otherwise")] = 1.0
    profile: Annotated[Profile, Doc("how the rate varies over day and week")] = field(
        default_factory=Profile
    )
    burstiness: Annotated[Burstiness, Doc("how unevenly requests come within an hour")] = field(
        default_factory=Burstiness
    )
    spikes: Annotated[
        dict[Name, Spike], Doc("crowds that come and go, on top of the mean rate")
    ] = field(default_factory=dict)
    callers: Annotated[
        Callers, Doc("a fixed number of callers who wait for their answers, instead of a rate")
    ] = field(default_factory=Callers)
    sessions: Annotated[
        Sessions, Doc("conversations of several turns; `rate` still counts requests")
    ] = field(default_factory=Sessions)
    clients: Annotated[
        File | None,
        Doc(
            "rates of clients by ten minutes (ServeGen's form: client, t_s, rate_rps, cv, pattern) "
            "instead of a rate; each is a user"
        ),
    ] = None
    client_options: Annotated[ClientOptions, Doc("which of them, and how many requests")] = field(
        default_factory=ClientOptions
    )
    patience: Annotated[
        Pause | None,
        Doc(
            "how long callers wait for the first token, or an answer that is not streamed, before "
            "they give up; default: for ever"
        ),
    ] = None
    again: Annotated[AskAgain, Doc("users who press again when there was no answer")] = field(
        default_factory=AskAgain
    )
    trace: Annotated[
        File | None, Doc("arrivals, lengths and whatever else a log says (`simroute list formats`)")
    ] = None
    reading: Annotated[ReadOptions, Doc("how the trace is to be read, where it does not say")] = (
        field(default_factory=ReadOptions)
    )
    rate_scale: Annotated[Factor, Doc("2 plays the trace twice as fast")] = 1.0
    trace_from: Annotated[
        Seconds, Doc("start of the window of the trace, from its first arrival")
    ] = 0.0
    trace_to: Annotated[Period | None, Doc("end of the window of the trace")] = None
    trace_loop: Annotated[Positive, Doc("how many times the trace is played, end to end")] = 1
    trace_jitter: Annotated[
        bool,
        Doc(
            "a bootstrap of its sessions: each replication plays other ones, 5 minutes earlier "
            "or later"
        ),
    ] = False
    lengths: Annotated[
        File | None,
        Doc("resample (input, output) token pairs from this file, same columns as a trace"),
    ] = None
    max_output_tokens: Annotated[Positive, Doc("what callers allow at most")] = 4096
    streamed: Annotated[Share, Doc("requests whose answers arrive token by token")] = 0.0
    invalid: Annotated[
        dict[ErrorStatus, Share],
        Doc(
            "share of requests that every deployment refuses with a status: malformed, too long, "
            "not allowed"
        ),
    ] = field(default_factory=dict)
    tasks: Annotated[dict[Name, Task], Doc("the kinds of work")] = field(
        default_factory=lambda: {"chat": Task()}
    )
    users: Annotated[
        Positive | dict[Name, Weight],
        Doc("who asks, by weight; or how many: user-001, user-002 … by Zipf's law"),
    ] = field(default_factory=dict)
    users_exponent: Annotated[
        float,
        Unit("Zipf exponent"),
        Range(0, 5),
        Doc("of a number of users; 0: all ask equally often; 1: the k-th a k-th of the first"),
    ] = 1.0
    features: Annotated[dict[Name, Weight], Doc("which parts of a product ask, by weight")] = field(
        default_factory=dict
    )
    forbid: Annotated[
        dict[FeatureName, tuple[ProviderName, ...]],
        Doc("providers that a feature's requests must never reach"),
    ] = field(default_factory=dict)
    only: Annotated[
        dict[Name, tuple[Name, ...]],
        Doc(
            "user or feature whose requests must stay with these: providers, domains (regions) or "
            "deployments"
        ),
    ] = field(default_factory=dict)
    repeats: Annotated[Repeats, Doc("requests that ask what was asked before")] = field(
        default_factory=Repeats
    )
    sibling_correlation: Annotated[
        float,
        Unit("correlation"),
        Range(0.64, 0.85),
        Doc(
            "how alike two models of one family are in which prompts they get right (latent; "
            "0.64: as any two models, 0.85: as one model asked twice)"
        ),
    ] = 0.64
    outcomes: Annotated[
        File | None,
        Doc(
            "prompt × model table (prompt_id, task, 0/1 columns); replaces tasks and the quality "
            "model"
        ),
    ] = None
