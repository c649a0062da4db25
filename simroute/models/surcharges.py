"""What a deployment costs and takes beside its list price and its own speed: the provider's service
tier, what a gateway's account adds, and the fee on credits that are bought in advance."""

from __future__ import annotations

from dataclasses import replace

from simroute.core import Price
from simroute.models import spec

TIER_FACTORS: dict[spec.ServiceTier, float] = {
    "standard": 1.0,
    "batch": 0.5,
    "flex": 0.5,
    "priority": 2.0,
}
"""Tier -> its price by the standard price, where the catalogue does not state it, as it does batch
prices of most models from October 2026 on: batch half at OpenAI, Anthropic and Google, flex half at
OpenAI and Azure; priority twice at OpenAI for GPT-5 to GPT-5.4 (1.75 for GPT-4.1, 2.5 for GPT-5.5:
openai.com/api-priority-processing)."""


def surcharged(price: Price, deployment: spec.Deployment, account: spec.Account | None) -> Price:
    """A list price of the tier as it is paid, fees included."""
    factor, call = deployment.price_factor, 0.0
    if isinstance(account, spec.Account):  # rates alone cost nothing
        paid_in = 1.0 + credit_fee(account)
        factor *= (1.0 + account.markup) * paid_in
        call = account.call_fee * paid_in
    return price if factor == 1.0 and not call else _scaled(price, factor, call)


def at_tier(price: Price, tier: spec.ServiceTier) -> Price:
    """A standard price at a tier."""
    return price if tier == "standard" else _scaled(price, TIER_FACTORS[tier], 0.0)


def _scaled(price: Price, factor: float, call: float) -> Price:
    """Every part of a price so many times as high, and so many USD a call more."""
    cached, written = (
        None if usd is None else usd * factor for usd in (price.cached, price.written)
    )
    tiers = tuple((above, _scaled(tier, factor, call)) for above, tier in price.tiers)
    return Price(
        price.input * factor,
        price.output * factor,
        cached,
        written,
        price.call * factor + call,
        tiers,
    )


def credit_fee(account: spec.RateLimits) -> float:
    """What a dollar of credits costs above a dollar: the share, or the least fee by what it
    buys."""
    paid = account.credits if isinstance(account, spec.Account) else None
    return 0.0 if paid is None else max(paid.fee, paid.least_fee / paid.purchase)


def costs_more(account: spec.Account) -> bool:
    """Whether it has fees, or credits."""
    return bool(account.markup or account.call_fee or account.credits)


def fee_words(deployment: spec.Deployment, account: spec.Account | None) -> str:
    """What is in a deployment's price beside the list price: `batch tier, markup of 5 %`."""
    words = [] if deployment.service_tier == "standard" else [f"{deployment.service_tier} tier"]
    if account is not None and account.markup:
        words.append(f"markup of {account.markup * 100:.4g} %")
    if account is not None and account.call_fee:
        words.append(f"${account.call_fee:.4g} a call")
    if account is not None and (fee := credit_fee(account)):
        words.append(f"{fee * 100:.4g} % for credits")
    return ", ".join(words)


def tiered(deployment: spec.Deployment) -> spec.Deployment:
    """The same with the times of its tier."""
    factor, latency = deployment.latency_factor, deployment.latency
    if factor == 1.0:
        return deployment
    times = {
        key: getattr(latency, key) * factor
        for key in ("base", "per_1k_input", "per_output_token", "error", "floor")
    }
    return replace(deployment, latency=replace(latency, **times), latency_factor=1.0)


def runs_dry(limits: spec.RateLimits) -> bool:
    """Whether it has credits that may be used up before there are new ones."""
    paid = limits.credits if isinstance(limits, spec.Account) else None
    return paid is not None and paid.delay > 0
