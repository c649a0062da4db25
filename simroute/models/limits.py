"""What a provider grants: requests and tokens a minute, refilled continuously, both or nothing."""

from __future__ import annotations

from simroute.gauges.bucket import Bucket
from simroute.models import spec


class RateLimit:
    """RPM and TPM of one deployment.

    Retry-After is exact: (used + requested - limit) / (limit / 60), as in real 429 messages.
    """

    def __init__(self, limits: spec.Limits) -> None:
        self._requests = (
            Bucket(max(1.0, limits.rpm), limits.rpm / 60) if limits.rpm is not None else None
        )
        self._tokens = Bucket(limits.tpm, limits.tpm / 60) if limits.tpm is not None else None
        self._charge = limits.charge

    def take(
        self, now: float, input_tokens: int, output_tokens: int, max_output_tokens: int
    ) -> float | None:
        """None if the call may pass (and is charged), else the seconds until it may: infinite if it
        is charged more than a minute grants."""
        tokens = float(
            input_tokens
            + {"reserve": max_output_tokens, "estimate": output_tokens, "generated": 0}[
                self._charge
            ]
        )
        wait = 0.0
        if self._requests is not None:
            wait = self._requests.wait(now, 1.0)
        if self._tokens is not None:
            wait = max(wait, self._tokens.wait(now, tokens))
        if wait > 0:
            return wait
        if self._requests is not None:
            self._requests.take(now, 1.0)
        if self._tokens is not None:
            self._tokens.take(now, tokens)
        return None

    def charge_output(self, now: float, output_tokens: int) -> None:
        """Charge the output once it is there, where the provider does so."""
        if self._charge == "generated" and self._tokens is not None:
            self._tokens.settle(now, 0.0, float(output_tokens))
