"""What a provider grants: requests and tokens a minute, refilled continuously, both or nothing."""

from __future__ import annotations

from simroute.gauges.bucket import DualLimit
from simroute.models import spec


class RateLimit:
    """RPM and TPM of one deployment.

    Retry-After is exact: (used + requested - limit) / (limit / 60), as in real 429 messages.
    """

    def __init__(self, limits: spec.Limits) -> None:
        self._limit = DualLimit(limits.rpm, limits.tpm)
        self._charge = limits.charge

    def take(
        self, now: float, input_tokens: int, output_tokens: int, max_output_tokens: int
    ) -> float | None:
        """None if the call may pass (and is charged), else the seconds until it may: infinite if it
        is charged more than a minute grants."""
        charged = {"reserve": max_output_tokens, "estimate": output_tokens, "generated": 0}
        wait = self._limit.take(now, float(input_tokens + charged[self._charge]))
        return wait if wait > 0 else None

    def charge_output(self, now: float, output_tokens: int) -> None:
        """Charge the output once it is there, where the provider does so."""
        if self._charge == "generated":
            self._limit.settle(now, 0.0, float(output_tokens))

    def left(self, now: float) -> dict[str, tuple[float, float, float]]:
        """By "requests" and "tokens": what a minute grants, what is left now, and seconds until all
        of it is there again."""
        return self._limit.left(now)
