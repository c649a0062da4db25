"""`prompt_cache` of a deployment as it is written: what the provider keeps of prompts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from simroute.core.params import Count, Doc, Period, Positive, Range, Share, Unit


@dataclass(frozen=True)
class PromptCache:
    """The provider keeps beginnings of prompts: what was sent to this deployment a while ago need
    not be read again. It costs what the price list says for cached and written tokens.

    Anthropic: lifetime 5m (or 1h), minimum 512 to 4,096 by model. OpenAI: 5 to 10 minutes, minimum
    1,024, step 128. A server of one's own: a `size`, a long lifetime, minimum 0.
    """

    lifetime: Annotated[Period, Doc("for which it is kept after its last use")] = 300.0
    minimum: Annotated[Count, Unit("tokens"), Doc("shorter beginnings are not kept")] = 1024
    step: Annotated[Positive, Unit("tokens"), Doc("only whole steps of it are read")] = 1
    size: Annotated[
        float | None,
        Unit("tokens"),
        Range(low=1),
        Doc("all that fits; what was used longest ago goes first; default: all is kept"),
    ] = None
    saves: Annotated[
        Share,
        Doc("of the time for an input token (latency.per_1k_input), where it is read"),
    ] = 0.4
