"""Who may be sent where: providers that a feature forbids, and places that a user's or a feature's
requests must not leave."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from simroute.core.target import forbidden_name
from simroute.models import spec

NOBODY: frozenset[str] = frozenset()


class Residency:
    """What the requests of each user and feature forbid."""

    def __init__(
        self, scenario: spec.Scenario, users: Sequence[str], features: Sequence[str]
    ) -> None:
        load = scenario.workload
        by_name = {name: frozenset(providers) for name, providers in load.forbid.items()}
        self.by_feature = _by_code(features, by_name)
        only = {name: outside(scenario.deployments, places) for name, places in load.only.items()}
        self.by_user = _by_code(users, only)
        for code, names in _by_code(features, only).items():
            self.by_feature[code] = self.by_feature.get(code, NOBODY) | names
        self._known: dict[tuple[int, int], frozenset[str]] = {}

    def __bool__(self) -> bool:
        return bool(self.by_feature or self.by_user)

    def forbids(self, user: int, feature: int) -> frozenset[str]:
        """As `core.Request.forbids`, by codes."""
        known = self._known.get((user, feature))
        if known is None:
            known = self.by_user.get(user, NOBODY) | self.by_feature.get(feature, NOBODY)
            self._known[user, feature] = known
        return known

    def is_allowed(
        self, user: np.ndarray, feature: np.ndarray, provider: str, name: str
    ) -> np.ndarray:
        """By request, whether it may be sent to a deployment."""
        closed = {provider, forbidden_name(name)}
        users, features = (
            [code for code, names in table.items() if names & closed]
            for table in (self.by_user, self.by_feature)
        )
        return ~(np.isin(user, users) | np.isin(feature, features))


def outside(deployments: dict[str, spec.Deployment], places: Sequence[str]) -> frozenset[str]:
    """What is forbidden where only these places, providers, domains or deployments by name, are
    allowed: whole providers, and single deployments of the others."""
    wanted = set(places)
    away = {
        name
        for name, each in deployments.items()
        if not wanted & {name, each.provider, each.domain}
    }
    near = {each.provider for name, each in deployments.items() if name not in away}
    return frozenset(
        forbidden_name(name) if deployments[name].provider in near else deployments[name].provider
        for name in away
    )


def _by_code(words: Sequence[str], table: dict[str, frozenset[str]]) -> dict[int, frozenset[str]]:
    return {code: table[word] for code, word in enumerate(words) if table.get(word)}
