"""`outages` as it is written: when providers fail, and how."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from simroute.core.params import (
    Doc,
    File,
    Name,
    Period,
    Positive,
    ProviderName,
    Range,
    Seconds,
    Share,
    Start,
    Unit,
    Weight,
    When,
)
from simroute.models.spec.kinds import AnyError, Sigma


@dataclass(frozen=True)
class Depth:
    """How much the outages of one schedule differ in depth, which is drawn apart from how long they
    last. Observed: of 916 Anthropic incidents reviewed by hand 26 were full, 718 partial."""

    full: Annotated[Share, Doc("outages in which every call fails; the others are partial")] = 0.0
    spread: Annotated[
        Share,
        Doc(
            "0: all partial ones have error_share and slow_down; more: these are their means, of "
            "Beta shares with variance spread x mean x (1 - mean) and gamma slow-downs"
        ),
    ] = 0.0


@dataclass(frozen=True)
class Flapping:
    """An outage that comes and goes while it lasts: bad and fair spells by turns."""

    bad: Annotated[Seconds, Doc("mean length of a bad spell, exponential; 0: bad all the time")] = (
        0.0
    )
    fair: Annotated[Seconds, Doc("mean length of a fair spell between two")] = 60.0


@dataclass(frozen=True)
class Starts:
    """When in the week random outages begin. Observed (2023-2026): three quarters from 06 to 18 h
    Pacific, and on a day of the weekend .15 to .24 of what a weekday has."""

    hours: Annotated[
        tuple[Weight, ...], Doc("24 weights, from midnight; none: all hours alike")
    ] = ()
    days: Annotated[tuple[Weight, ...], Doc("7 weights, from Monday; none: all days alike")] = ()
    utc_offset: Annotated[
        float, Unit("h"), Range(-14, 14), Doc("of the clock of both: -8 is Pacific standard time")
    ] = 0.0


PresetName = Literal[
    "openai_2023_11_08", "openai_2024_11_25", "openai_2024_12_04", "vertex_2026_02_03"
]
ASSUMED_DEPTH = {
    "critical": 0.8,
    "major_outage": 0.8,
    "major": 0.3,
    "partial_outage": 0.3,
    "minor": 0.05,
    "degraded_performance": 0.05,
}
"""Impact on a status page -> share of calls that fail: assumptions, since pages do not tell it. The
few published depths (13 %, 18 %, 25 % at a peak) were of incidents that were called major."""


@dataclass(frozen=True)
class Incidents:
    """Incidents that happened, from a CSV file with the columns provider, start_utc, end_utc,
    impact and services. Each becomes a scheduled outage."""

    file: Annotated[File, Doc("the CSV file")]
    since: Annotated[
        Start | None, Doc("the day that is t = 0, such as 2026-05-01; default: the run's own date")
    ] = None
    until: Annotated[
        Start | None, Doc("no incident from here on; default: to the end of the run")
    ] = None
    company: Annotated[
        Name | None, Doc("the provider's name in the file; default: the outage's provider")
    ] = None
    impact: Annotated[tuple[Name, ...], Doc("only of these impacts; none: of all")] = ()
    component: Annotated[
        Name | None,
        Doc("only those whose services contain this word, such as api; not those that name none"),
    ] = None
    depth: Annotated[
        dict[Name, Share],
        Doc(
            "impact -> share of calls that fail, times error_share; an assumption. Others are left "
            "out"
        ),
    ] = field(default_factory=lambda: dict(ASSUMED_DEPTH))


@dataclass(frozen=True)
class Outage:
    """A spell of bad weather over a deployment, a provider or a domain: scheduled (start, end) or
    random (mean_between, repair).

    Sources of presets, which tell depth and length: status.openai.com/incidents/ 00fpy0yxrx1q
    (2023-11-08, near total, taken as .95), 3pn6gclf1cjx (2024-11-25, 13 % of paid ChatGPT requests
    at its peak), 55qs3vq1m35z (2024-12-04, 45 % of callers left after up to 30 s without a token);
    Google Cloud's report on Vertex AI in us-east4 (2026-02-03, 17.92 %; an hour is assumed).

    Example:

        outages:
          morning:
            {provider: anthropic, start: 30%, end: 50%, error_share: 0.6, status: 529,
             slow_down: 3, hang_share: 0.05}
          now_and_then: {deployment: gpt-terra, mean_between: 8h, repair: 10m, error_share: 0.3}
          as_in_2024: {preset: openai_2024_12_04, start: 70%}

    Interplay: Exactly one of `provider`, `deployment` and `domain` says where, and either `start`
    and `end` or `mean_between` and `repair` say when: a scheduled outage is one case, random ones
    differ by replication and so give a forecast. `error_share` is answered with `status`, quickly;
    of the rest `hang_share` never answers and all else takes `slow_down` times as long. Errors cost
    a retry or a fallback little, hangs and slowness as much as the timeout allows, and a stall
    (`stall_share`) the answer itself, which nobody can repair after its first token: the mix
    decides which policy is best, more than the length does.
    """

    preset: Annotated[
        PresetName | None,
        Doc(
            "one that happened, as deep and as long: keys that are written beside it hold instead "
            "of its own; with start alone it is whole"
        ),
    ] = None
    provider: Annotated[Name | None, Doc("all deployments of this company")] = None
    deployment: Annotated[Name | None, Doc("this one alone")] = None
    domain: Annotated[Name | None, Doc("all deployments in this failure domain")] = None
    start: Annotated[When | None, Doc("scheduled: from here, 40m or 30%")] = None
    end: Annotated[When | None, Doc("scheduled: until here")] = None
    incidents: Annotated[
        Incidents | None, Doc("as they happened, from a file: one scheduled outage for each")
    ] = None
    mean_between: Annotated[
        Period | None, Doc("mean fair time from the end of one outage to the start of the next")
    ] = None
    shape: Annotated[
        float,
        Unit("Weibull shape"),
        Range(0.05, 50),
        Doc("Weibull shape of that time; 1 is exponential"),
    ] = 1.0
    repair: Annotated[
        Period, Doc("duration: the median if lognormal, the mean if exponential, else each one's")
    ] = 4764.0
    repair_sigma: Annotated[Sigma, Doc("spread of lognormal durations")] = 1.32
    repair_law: Annotated[Literal["lognormal", "exponential", "fixed"], Doc("of the durations")] = (
        "lognormal"
    )
    stationary: Annotated[
        bool,
        Doc("random: as if they had always come; false: fair at t = 0, where a fair time begins"),
    ] = False
    starts: Annotated[Starts, Doc("hours and days at which random ones begin")] = field(
        default_factory=Starts
    )
    after_requests: Annotated[
        Positive | None,
        Doc("begins behind the n-th request since t = 0, and since it ended; lasts as repair says"),
    ] = None
    also: Annotated[
        tuple[ProviderName, ...], Doc("other companies that it reaches as well: a shared shock")
    ] = ()
    also_share: Annotated[
        Share, Doc("of the outages, those that do reach them: the beta factor of common causes")
    ] = 1.0
    error_share: Annotated[Share, Doc("calls that are answered with an error")] = 1.0
    status: Annotated[AnyError, Doc("of those errors, or their kind, such as refused or quota")] = (
        503
    )
    slow_down: Annotated[
        float, Unit("factor"), Range(low=1), Doc("all times are multiplied by this")
    ] = 1.0
    hang_share: Annotated[Share, Doc("calls that never answer, among those that do not fail")] = 0.0
    stall_share: Annotated[
        Share,
        Doc(
            "streamed answers that begin and then stop, of those that are not cut; one that no "
            "timeout ends breaks off after hang_limit, billed as far as it came"
        ),
    ] = 0.0
    depth: Annotated[Depth, Doc("how much one differs from the next")] = field(
        default_factory=Depth
    )
    ramp: Annotated[
        Seconds, Doc("it grows for so long, and fades for so long before its end (a brown-out)")
    ] = 0.0
    flapping: Annotated[Flapping, Doc("fair spells within")] = field(default_factory=Flapping)
    per_year: Annotated[
        float | None,
        Unit("1/year"),
        Range(0, 10_000),
        Doc("how often such a scheduled one comes, for --yearly"),
    ] = None
