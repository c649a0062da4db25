"""What a provider grants, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from simroute.models import spec
from simroute.models.surcharges import runs_dry
from simroute.units import duration

SHORT = {axis: axis for axis in ("rpm", "tpm", "itpm", "otpm", "rpd", "tpd")} | {
    "concurrency": "at a time"
}
LONG = {
    "rpm": "requests/min",
    "tpm": "tokens/min",
    "itpm": "tokens in/min",
    "otpm": "tokens out/min",
    "rpd": "requests/day",
    "tpd": "tokens/day",
    "concurrency": "at once",
}
"""Axis -> its unit, for a table of many columns and for one with room."""


def describe_limits(
    deployment: spec.Deployment, scenario: spec.Scenario, units: Mapping[str, str]
) -> list[str]:
    """Each limit of a deployment, its account's after it."""
    texts = list(_texts(deployment.limits, units))
    if deployment.account is not None:
        shared = scenario.accounts[deployment.account]
        texts += [f"{text} of account {deployment.account}" for text in _texts(shared, units)]
    return texts


def _texts(limits: spec.RateLimits, units: Mapping[str, str]) -> Iterator[str]:
    for axis, unit in units.items():
        value = getattr(limits, axis, None)
        if value is not None:
            span = {"rpm": limits.window}.get(axis, limits.token_window)
            counted = axis.endswith("pm") and span != 60.0
            yield f"{value:,.10g} {unit}" + (f" (by {duration(span)})" if counted else "")
    if limits.quota is not None:
        yield f"${limits.quota:,.10g} in all"
    paid = limits.credits if isinstance(limits, spec.Account) else None
    if paid is not None and runs_dry(limits):
        late, below = duration(paid.delay), f"${paid.below:,.10g}"
        yield f"credits of ${paid.purchase:,.10g}, the next {late} after {below} is left"
