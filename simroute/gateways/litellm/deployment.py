"""What the Router is told of one deployment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from simroute.core.params import Count, Doc, Period, PerMinute, Positive, Seconds, Usd, Weight


@dataclass(frozen=True)
class Deployment:
    """What the Router is told of one deployment (its `litellm_params`)."""

    order: Annotated[Positive | None, Doc("only the lowest of those that are left is asked")] = None
    weight: Annotated[Weight | None, Doc("share of a shuffle, beside the others' weights")] = None
    rpm: Annotated[
        PerMinute | None,
        Doc("weight of a shuffle, limit of usage-based routing, and calls in flight"),
    ] = None
    tpm: Annotated[PerMinute | None, Doc("the same in tokens; 6 calls in flight for 1,000")] = None
    max_parallel_requests: Annotated[Positive | None, Doc("calls in flight")] = None
    timeout: Annotated[Period | None, Doc("for each read; default: the Router's")] = None
    stream_timeout: Annotated[Period | None, Doc("the same of streams")] = None
    num_retries: Annotated[Count | None, Doc("instead of the Router's, where it fails")] = None
    cooldown_time: Annotated[Seconds | None, Doc("instead of Retry-After and the Router's")] = None
    max_budget: Annotated[
        Usd | None, Doc("what may be spent at it in budget_duration; 0: no matter how much")
    ] = None
    budget_duration: Annotated[Period | None, Doc("from the first spending on")] = None
    max_input_tokens: Annotated[Positive | None, Doc("for enable_pre_call_checks")] = None

    def slots(self, default: int | None) -> int | None:
        """Calls in flight that it may have."""
        if self.max_parallel_requests is not None:
            return self.max_parallel_requests
        if self.rpm is not None:
            return int(self.rpm)
        if self.tpm is not None:
            return max(1, int(self.tpm / 1000 * 6))
        return default
