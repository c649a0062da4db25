"""`latency` as it is written: how long answers take."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from simroute.core.params import Doc, Factor, Name, Period, Positive, Seconds, Share
from simroute.models.spec.kinds import Correlation, Sigma


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
class Drift:
    """All times of a deployment drift together: a factor over time, lognormal with median 1, whose
    log is an Ornstein-Uhlenbeck process. It is a function of time alone, the same for all policies.

    In a third of measured series the logs of successive times correlate, by .45 to .61.
    """

    sigma: Annotated[Sigma, Doc("of the factor; 0: no drift")] = 0.0
    memory: Annotated[
        Period, Doc("how long it stays as it is: after so long its log correlates by 1/e")
    ] = 600.0


@dataclass(frozen=True)
class Load:
    """Times that grow with the calls under way, as seen when a call begins."""

    per_call: Annotated[
        Seconds, Doc("added to the time to the first token for each other call under way")
    ] = 0.0
    full_speed: Annotated[
        Positive | None,
        Doc("calls that are served at full speed; n times as many take n times as long"),
    ] = None


@dataclass(frozen=True)
class ColdStart:
    """A model that nobody has asked for a while must be loaded first: calls wait until it is."""

    after: Annotated[Period | None, Doc("seconds without a call; none: it never goes cold")] = None
    seconds: Annotated[Seconds, Doc("until it answers again")] = 10.0


@dataclass(frozen=True)
class Latency:
    """Median time to the first token (base + per input token), then a median time for each output
    token; random around both, for each attempt anew.

    `family` says how: lognormal, or gamma, with `sigma` and `token_sigma`; exponential, whose sd of
    log is 1.28; fixed, always the median; empirical, by `quantiles` and `token_quantiles`. `floor`
    is added to the time to the first token (a shifted lognormal), `slow` makes it a mixture of two,
    lognormal in the slow part.
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
    family: Annotated[
        Literal["lognormal", "gamma", "exponential", "fixed", "empirical"],
        Doc("distribution of both times around their medians"),
    ] = "lognormal"
    quantiles: Annotated[
        dict[Name, Factor],
        Doc(
            "of family empirical: p0, p50, p99 … p100: the time to the first token over its median "
            "that so many % of calls do not exceed; lines between"
        ),
    ] = field(default_factory=dict)
    token_quantiles: Annotated[
        dict[Name, Factor],
        Doc("the same of the time per output token; default: its median"),
    ] = field(default_factory=dict)
    shared: Annotated[
        Share,
        Doc(
            "correlation of log times of two deployments that have it, on one prompt (measured: "
            ".54); of different ones the root of their product"
        ),
    ] = 0.0
    drift: Annotated[Drift, Doc("times that drift")] = field(default_factory=Drift)
    load: Annotated[Load, Doc("times that grow with load")] = field(default_factory=Load)
    cold: Annotated[ColdStart, Doc("a model that must be loaded")] = field(
        default_factory=ColdStart
    )
