"""A scenario as it is written: every key of a scenario file, with its unit, range and default. No
behaviour here."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Annotated, Literal

from simroute.core.params import (
    Clock,
    Count,
    Doc,
    Factor,
    FeatureName,
    File,
    Name,
    Period,
    PerMinute,
    Positive,
    ProviderName,
    Range,
    Rate,
    Seconds,
    Share,
    Start,
    TaskName,
    Unit,
    Usd,
    Weight,
    When,
    Zone,
)

Sigma = Annotated[float, Unit("sd of log"), Range(0, 5)]
Tokens = Annotated[float, Unit("tokens"), Range(low=1)]
UsdPerMillion = Annotated[float, Unit("USD/1M tokens"), Range(low=0)]
IN_TIME = 30.0
"""Seconds until which an answer counts as in time where a scenario promises nothing about it."""
ErrorStatus = Annotated[int, Unit("status"), Range(400, 599)]
Correlation = Annotated[float, Unit("correlation"), Range(-1, 1)]


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
    grow with it. `profile` moves them within days and weeks without changing the mean. `tasks`
    decide lengths (and so times and money) and difficulty; `users` and `features` are labels, by
    which figures are split, budgets shift work and `forbid` closes providers. A task whose `share`
    is by feature makes features differ in what they ask. `repeats` is all that
    a cache can save. A `trace` replaces rate, profile and lengths by what really happened;
    `rate_scale`, `trace_from` and `trace_to` choose how fast and which part.
    """

    rate: Annotated[Rate, Doc("mean arrivals, Poisson unless `burstiness` says otherwise")] = 1.0
    profile: Annotated[Profile, Doc("how the rate varies over day and week")] = field(
        default_factory=Profile
    )
    burstiness: Annotated[Burstiness, Doc("how unevenly requests come within an hour")] = field(
        default_factory=Burstiness
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
    repeats: Annotated[Repeats, Doc("requests that ask what was asked before")] = field(
        default_factory=Repeats
    )
    outcomes: Annotated[
        File | None,
        Doc(
            "prompt × model table (prompt_id, task, 0/1 columns); replaces tasks and the quality "
            "model"
        ),
    ] = None


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


@dataclass(frozen=True)
class Outage:
    """A spell of bad weather over a deployment, a provider or a domain: scheduled (start, end) or
    random (mean_between, repair).

    Example:

        outages:
          morning:
            {provider: anthropic, start: 30%, end: 50%, error_share: 0.6, status: 529,
             slow_down: 3, hang_share: 0.05}
          now_and_then: {deployment: gpt-4o, mean_between: 8h, repair: 10m, error_share: 0.3}

    Interplay: Exactly one of `provider`, `deployment` and `domain` says where, and either `start`
    and `end` or `mean_between` and `repair` say when: a scheduled outage is one case, random ones
    differ by replication and so give a forecast. `error_share` is answered with `status`, quickly;
    of the rest `hang_share` never answers and all else takes `slow_down` times as long. Errors cost
    a retry or a fallback little, hangs and slowness as much as the timeout allows: the mix decides
    which policy is best, more than the length does.
    """

    provider: Annotated[Name | None, Doc("all deployments of this company")] = None
    deployment: Annotated[Name | None, Doc("this one alone")] = None
    domain: Annotated[Name | None, Doc("all deployments in this failure domain")] = None
    start: Annotated[When | None, Doc("scheduled: from here, 40m or 30%")] = None
    end: Annotated[When | None, Doc("scheduled: until here")] = None
    mean_between: Annotated[
        Period | None, Doc("mean fair time from the end of one outage to the start of the next")
    ] = None
    shape: Annotated[
        float,
        Unit("Weibull shape"),
        Range(0.05, 50),
        Doc("Weibull shape of that time; 1 is exponential"),
    ] = 1.0
    repair: Annotated[Period, Doc("median duration, lognormal")] = 4764.0
    repair_sigma: Annotated[Sigma, Doc("spread of the durations")] = 1.32
    error_share: Annotated[Share, Doc("calls that are answered with an error")] = 1.0
    status: Annotated[ErrorStatus, Doc("of those errors")] = 503
    slow_down: Annotated[
        float, Unit("factor"), Range(low=1), Doc("all times are multiplied by this")
    ] = 1.0
    hang_share: Annotated[Share, Doc("calls that never answer, among those that do not fail")] = 0.0
    per_year: Annotated[
        float | None,
        Unit("1/year"),
        Range(0, 10_000),
        Doc("how often such a scheduled one comes, for --yearly"),
    ] = None


@dataclass(frozen=True)
class Budget:
    """What may be spent, promised where the horizon covers a period: a budget layer without a sum
    of its own keeps to it; nothing else does.

    Example:

        budget: {usd: 200, period: day}

    Interplay: It binds only where a policy has a `budget` layer, and only if `usd` is less than the
    traffic of a `period` costs: a run shorter than that meets it in part. A `period` begins at
    `reset` o'clock in `zone`: each day, on Mondays, on the first of the month. A replay has the
    dates of its log, a scenario begins at `workload.profile.starts`; where that is no date, the
    clock is that of the zone, and a month has 30 days from t = 0. `rolling` counts the last
    `window` at any time.
    """

    usd: Annotated[Usd, Doc("for a period")]
    period: Annotated[
        Literal["day", "week", "month", "rolling"], Doc("after which it begins anew")
    ] = "month"
    zone: Annotated[Zone, Doc("time zone in which a period begins")] = "UTC"
    reset: Annotated[Clock, Doc("time of day at which a period begins")] = "00:00"
    window: Annotated[
        Period,
        Doc("length of a rolling period; older spending leaves it at most a thousandth of it late"),
    ] = 86_400.0


@dataclass(frozen=True)
class TaskSlo:
    """What is promised of one task's requests; what it leaves out is as for all of them."""

    success: Annotated[Share | None, Doc("its requests that must get an answer")] = None
    latency: Annotated[Period | None, Doc("to the complete answer")] = None
    ttft: Annotated[Period | None, Doc("to the first token, for streamed requests")] = None


@dataclass(frozen=True)
class Slo:
    """The promise: share of requests that succeed, and how fast.

    Example:

        slo:
          success: 0.995
          latency: 30s
          ttft: 10s
          tasks:
            extract: {success: 0.99, latency: 5s}

    Interplay: The verdict asks whether `success` is kept, on the unfavourable bound of the
    interval. Where `latency` or `ttft` is stated, only successes in time count for it
    (slo_attainment): a policy that waits long and then succeeds does not keep it. A task under
    `tasks` has a promise of its own beside it, and its requests are in time by its own limits, for
    the promise of all requests too. A `budget` of the
    scenario whose period, or window, the horizon covers is part of the promise too.
    `minute_success` is only for availability, which counts minutes.
    """

    success: Annotated[Share, Doc("requests that must get an answer")] = 0.999
    latency: Annotated[
        Period | None,
        Doc(
            "to the complete answer; default: none is promised, and 30 s count as in time for "
            "slo_attainment"
        ),
    ] = None
    ttft: Annotated[Period | None, Doc("to the first token, for streamed requests")] = None
    minute_success: Annotated[Share, Doc("a minute counts as available from this share on")] = 0.95
    tasks: Annotated[
        dict[TaskName, TaskSlo], Doc("promises of single tasks, beside that of all requests")
    ] = field(default_factory=dict)

    @property
    def is_timed(self) -> bool:
        """Whether the promise is of success in time."""
        return any(each.latency is not None or each.ttft is not None for each in self._parts)

    @property
    def _parts(self) -> list[Slo | TaskSlo]:
        return [self, *self.tasks.values()]

    @property
    def in_time(self) -> float:
        """How late a complete answer counts as in time, s, for tasks without a promise of their
        own. Where only other times are promised there is no such limit."""
        if self.latency is not None:
            return self.latency
        return math.inf if self.is_timed else IN_TIME

    def of_task(self, task: str) -> TaskSlo:
        """The whole promise of a task: its own, and for the rest that of all requests."""
        own = self.tasks.get(task, TaskSlo())
        return TaskSlo(
            self.success if own.success is None else own.success,
            self.latency if own.latency is None else own.latency,
            self.ttft if own.ttft is None else own.ttft,
        )

    def limits(self, task: str) -> tuple[float, float]:
        """Within how many seconds an answer of this task is in time, complete and begun; infinite
        where there is no limit."""
        promised = self.of_task(task)
        return (
            self.in_time if promised.latency is None else promised.latency,
            math.inf if promised.ttft is None else promised.ttft,
        )


@dataclass(frozen=True)
class Gateway:
    """Where the policy runs: `replicas` processes, each with state of its own unless `shared`.

    Example:

        gateway: {replicas: 4, shared: false}

    Interplay: Each of the `replicas` sees its part of the traffic, so breakers open later, caches
    hit less and limits count less, the more there are; `shared` state undoes that, as if it were
    kept in one place at no cost. `overhead` lengthens every send and hardly matters.
    """

    replicas: Annotated[Positive, Doc("gateway processes; each request goes to one")] = 1
    shared: Annotated[bool, Doc("whether all replicas share one state of the policy")] = False
    overhead: Annotated[Seconds, Doc("the gateway's own time, added to each send")] = 0.001


@dataclass(frozen=True)
class Scenario:
    """The weather: everything that happens whatever the policy."""

    deployments: Annotated[dict[Name, Deployment], Doc("the models that can be asked")]
    about: Annotated[str, Unit("text"), Doc("the question that the scenario answers")] = ""
    horizon: Annotated[
        Period, Doc("how long requests arrive; what is under way then still ends")
    ] = 3600.0
    workload: Annotated[Workload, Doc("who asks what, and when")] = field(default_factory=Workload)
    outages: Annotated[dict[Name, Outage], Doc("when providers fail, and how")] = field(
        default_factory=dict
    )
    budget: Annotated[
        Budget | None, Doc("what may be spent, for a policy that has a budget layer")
    ] = None
    slo: Annotated[Slo, Doc("what was promised")] = field(default_factory=Slo)
    gateway: Annotated[Gateway, Doc("where the policy runs")] = field(default_factory=Gateway)
    abandoned: Annotated[
        Literal["runs_on", "stops"],
        Doc(
            "a call that nobody waits for runs on and is billed whole, or stops and is billed so "
            "far"
        ),
    ] = "runs_on"
    hang_limit: Annotated[Period, Doc("a hung call is cut after this")] = 600.0
