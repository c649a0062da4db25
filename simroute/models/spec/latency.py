"""`latency` as it is written: how long answers take."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from simroute.core.params import Doc, Factor, Seconds, Share
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
