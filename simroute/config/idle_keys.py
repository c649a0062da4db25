"""Keys of limits and latency that change nothing as they stand, since another key is not there."""

from __future__ import annotations

from collections.abc import Iterator

from simroute.models import spec

NEEDS = {
    "window": ("rpm",),
    "token_window": ("tpm", "itpm", "otpm"),
    "charge": ("tpm", "otpm", "tpd"),
    "cached": ("tpm", "itpm", "tpd"),
    **dict.fromkeys(
        ("counts", "refill", "retry_after", "retry_after_factor"),
        ("rpm", "tpm", "itpm", "otpm", "rpd", "tpd"),
    ),
}
"""Key of limits -> the rates that it is about."""
SPREADS = {"sigma": "quantiles", "token_sigma": "token_quantiles"}
"""Key of latency -> what says the same in the family empirical."""


def idle_key_notes(scenario: spec.Scenario) -> list[str]:
    """A line for each, with what would give it a meaning."""
    notes: list[str] = []
    for name, deployment in scenario.deployments.items():
        notes += _of_limits(f"deployments.{name}.limits", deployment.limits)
        notes += _of_latency(f"deployments.{name}.latency", deployment.latency)
    for name, shared in scenario.accounts.items():
        notes += _of_limits(f"accounts.{name}", shared)
    return notes


def _of_limits(path: str, limits: spec.RateLimits) -> Iterator[str]:
    usual = spec.RateLimits()
    for key, rates in NEEDS.items():
        changed = getattr(limits, key) != getattr(usual, key)
        if changed and all(getattr(limits, rate) is None for rate in rates):
            yield f"{path}.{key}: changes nothing without a rate; give {' or '.join(rates)}"
    if limits.retry_after == "absent" and limits.retry_after_factor != 1.0:
        yield f"{path}.retry_after_factor: nothing is said that it could change; retry_after: exact"


def _of_latency(path: str, latency: spec.Latency) -> Iterator[str]:
    usual = spec.Latency()
    if latency.family in ("exponential", "fixed", "empirical"):
        for key, table in SPREADS.items():
            if getattr(latency, key) != getattr(usual, key):
                instead = f"; give {table}" if latency.family == "empirical" else ""
                yield f"{path}.{key}: the family {latency.family} has no such spread{instead}"
    if latency.cold.after is None and latency.cold != usual.cold:
        yield f"{path}.cold.seconds: it never goes cold; give after"
    if latency.drift.sigma == 0 and latency.drift != usual.drift:
        yield f"{path}.drift.memory: there is no drift; give sigma"
