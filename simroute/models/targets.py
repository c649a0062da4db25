"""A scenario's deployments as policies know them."""

from __future__ import annotations

from simroute.core import Target
from simroute.models import spec


def as_target(name: str, deployment: spec.Deployment) -> Target:
    """What a policy may know of a deployment."""
    family = deployment.family or deployment.model.split("/")[-1].split("-")[0].lower()
    limits = deployment.limits
    return Target(name, deployment.provider, deployment.model, family, limits.rpm, limits.tpm)
