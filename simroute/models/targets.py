"""A scenario's deployments as policies know them."""

from __future__ import annotations

from collections.abc import Mapping

from simroute.core import Target
from simroute.models import spec

NO_ACCOUNTS: Mapping[str, spec.RateLimits] = {}


def as_target(
    name: str, deployment: spec.Deployment, accounts: Mapping[str, spec.RateLimits] = NO_ACCOUNTS
) -> Target:
    """What a policy may know of a deployment: of its own limits and its account's, the lower."""
    family = deployment.family or deployment.model.split("/")[-1].split("-")[0].lower()
    shared = accounts.get(deployment.account or "")
    granted = [deployment.limits, *([shared] if shared is not None else [])]
    rpm, tpm = (
        min((rate for rate in rates if rate is not None), default=None)
        for rates in zip(*((limits.rpm, limits.tpm) for limits in granted), strict=True)
    )
    window = min(limits.window for limits in granted)
    domain = deployment.domain or ""
    provider, model, keys = deployment.provider, deployment.model, deployment.idempotency_keys
    return Target(name, provider, model, family, rpm, tpm, window, domain, keys)
