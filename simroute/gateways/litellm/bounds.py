"""What bounds a choice before any strategy: budgets, and the checks before a call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from simroute.core import Call, Outcome, World
from simroute.gateways.litellm.cooldowns import MINUTE, Lasting, minute_of
from simroute.gateways.litellm.deployment import Deployment
from simroute.gateways.litellm.errors import OVER_BUDGET, OVER_RPM
from simroute.gateways.litellm.settings import Settings

LAYER = "litellm"
PLAIN = "usage-based-routing"
"""The strategy that no budget bounds."""
COUNTING = "usage-based-routing-v2"
"""The strategy that keeps to rpm itself."""


class Bounds:
    """Money spent, and calls of a minute."""

    def __init__(self, settings: Settings, known: Mapping[str, Deployment]) -> None:
        self._known = known
        self._checks_rpm = settings.profile != "1.109" and settings.routing_strategy != COUNTING
        self._is_plain = settings.routing_strategy == PLAIN
        self._providers = settings.provider_budget_config
        self._own = {
            name: (each.max_budget, each.budget_duration)
            for name, each in known.items()
            if each.max_budget is not None and each.budget_duration is not None
        }
        self.has_budgets = bool(self._own or self._providers)
        self._checks = settings.enable_pre_call_checks
        self.enforces = settings.enforce_model_rate_limits
        self._asked, self._spent, self._used = Lasting(), Lasting(), Lasting()
        for provider, budget in self._providers.items():
            self._spent.add(0.0, ("provider", provider), 0.0, budget.time_period)

    def allow(self, world: World, call: Call, names: list[str]) -> list[str] | Outcome:
        """Those of them that may be asked, or what the Router says where none may."""
        now, targets = world.now(), world.targets()
        if self.has_budgets and not self._is_plain:
            names = [each for each in names if self._has_budget(now, each, targets[each].provider)]
            if not names:
                return refused(OVER_BUDGET)
        if self._checks:
            fitting = [each for each in names if self._fits(each, call)]
            names = [each for each in fitting if self._keeps_rpm(now, each)]
            if not names:
                too_long = Outcome(400, None, "context_length", by=LAYER)
                return refused(OVER_RPM) if fitting else too_long
        return names

    def asked(self, now: float, name: str) -> None:
        """A deployment has been chosen."""
        if self._checks:
            self._asked.add(now, name, 1.0, MINUTE)

    def spent(self, now: float, name: str, provider: str, usd: float) -> None:
        """What an answer has cost."""
        budget, own = self._providers.get(provider), self._own.get(name)
        if budget is not None:
            self._spent.add(now, ("provider", provider), usd, budget.time_period)
        if own is not None:
            self._spent.add(now, ("deployment", name), usd, own[1])

    def admits(self, now: float, name: str) -> bool:
        """Whether a call keeps to its deployment's limits of this minute, where they are enforced;
        a refused one counts as well."""
        limits, minute = self._known[name], minute_of(now)
        if limits.tpm is not None and self._used.get(now, ("tokens", name, minute)) >= limits.tpm:
            return False
        if limits.rpm is None:
            return True
        return self._used.add(now, ("calls", name, minute), 1.0, MINUTE) <= limits.rpm

    def used(self, now: float, name: str, tokens: int) -> None:
        """What an answer has used of its minute."""
        self._used.add(now, ("tokens", name, minute_of(now)), tokens, MINUTE)

    def _has_budget(self, now: float, name: str, provider: str) -> bool:
        budget, own = self._providers.get(provider), self._own.get(name)
        limits = {
            ("provider", provider): budget.budget_limit if budget else None,
            ("deployment", name): own[0] if own else None,
        }
        return all(not limit or self._spent.get(now, key) < limit for key, limit in limits.items())

    def _fits(self, name: str, call: Call) -> bool:
        window = self._known[name].max_input_tokens
        return window is None or call.request.input_tokens <= window

    def _keeps_rpm(self, now: float, name: str) -> bool:
        rpm = self._known[name].rpm
        return not self._checks_rpm or rpm is None or self._asked.get(now, name) < rpm


def refused(error: str) -> Outcome:
    """Nobody was asked. Its status, which 1.83 does not give, is that of 1.109."""
    return replace(Outcome.rejected(LAYER, 429), error=error)
