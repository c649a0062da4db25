"""`outages` as it is written: when providers fail, and how."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from simroute.core.params import Doc, Name, Period, Range, Share, Unit, When
from simroute.models.spec.kinds import AnyError, Sigma


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
    a retry or a fallback little, hangs and slowness as much as the timeout allows, and a stall
    (`stall_share`) the answer itself, which nobody can repair after its first token: the mix
    decides which policy is best, more than the length does.
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
    per_year: Annotated[
        float | None,
        Unit("1/year"),
        Range(0, 10_000),
        Doc("how often such a scheduled one comes, for --yearly"),
    ] = None
