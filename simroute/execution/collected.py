"""Results as they arrive, in any order; a replication counts once all policies have finished it."""

from __future__ import annotations

from collections.abc import Iterable

from simroute.metrics import Evidence, Figures
from simroute.storage.replication_journal import RunKey


class CollectedRuns:
    """Figures by policy and replication. Evidence is added up as soon as all policies have finished
    a replication, and not kept beside its figures."""

    def __init__(self, policies: Iterable[str]) -> None:
        self.policies = list(policies)
        self.figures: dict[RunKey, Figures] = {}
        self.evidence: dict[str, Evidence] = {}
        self.first: dict[str, Evidence] = {}
        self._lowest: dict[str, int] = {}

    def add(self, key: RunKey, figures: Figures) -> None:
        """Add the figures of a run (policy, replication)."""
        self.figures[key] = figures
        if self._is_complete(replication := key[1]):
            for policy in self.policies:
                self._merge(policy, replication, self.figures[policy, replication])

    def _is_complete(self, replication: int) -> bool:
        return all((policy, replication) in self.figures for policy in self.policies)

    def _merge(self, policy: str, replication: int, figures: Figures) -> None:
        evidence, figures.evidence = figures.evidence, None
        if evidence is None:
            return
        merged = self.evidence.setdefault(policy, Evidence())
        merged.merge(evidence)
        if replication < self._lowest.get(policy, replication + 1):
            self._lowest[policy], self.first[policy], merged.story = (
                replication,
                evidence,
                evidence.story,
            )

    def complete_replications(self) -> list[int]:
        """Replications that all policies have finished, in order."""
        return sorted(
            r for policy, r in self.figures if policy == self.policies[0] and self._is_complete(r)
        )

    def runs(self) -> dict[str, list[Figures]]:
        """Policy -> figures of the complete replications, in order."""
        return {
            policy: [self.figures[policy, r] for r in self.complete_replications()]
            for policy in self.policies
        }
