"""What several answers to one question come to."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from simroute.core.outcome import Outcome


class Votes:
    """Votes of voters who stand in an order, each with one conclusion, or none."""

    def __init__(self, voters: Sequence[str]) -> None:
        self._voters = voters
        self._said: dict[str, Hashable | None] = {}

    def add(self, voter: str, conclusion: Hashable | None) -> None:
        """One has voted; None: without a conclusion."""
        self._said[voter] = conclusion

    @property
    def counts(self) -> dict[Hashable, int]:
        """Votes by conclusion, in the order of who said it first in line."""
        counts: dict[Hashable, int] = {}
        for voter in self._voters:
            said = self._said.get(voter)
            if said is not None:
                counts[said] = counts.get(said, 0) + 1
        return counts

    @property
    def is_over(self) -> bool:
        """Whether who has not voted yet cannot change the winner."""
        pending = len(self._voters) - len(self._said)
        most, *others = [*sorted(self.counts.values(), reverse=True), 0]
        return not pending or most > (others[0] if others else 0) + pending

    @property
    def winner(self) -> str | None:
        """The first in line of those with the conclusion of most votes; at equal votes of the one
        whose first voter stands first; None without a conclusion."""
        counts = self.counts
        if not counts:
            return None
        best = max(counts.values())
        return next(v for v in self._voters if counts.get(self._said.get(v)) == best)


class Panel(Votes):
    """Votes with the answers that were given. enough: so many of one conclusion end it; None: as
    many as none of those who are left can change."""

    def __init__(self, voters: Sequence[str], enough: int | None = None) -> None:
        super().__init__(voters)
        self.answers: dict[str, Outcome] = {}
        self._enough = enough

    @property
    def is_over(self) -> bool:
        if self._enough is None:
            return super().is_over
        return max(self.counts.values(), default=0) >= self._enough

    @property
    def usable(self) -> str | None:
        """The first in line who has answered."""
        return next((voter for voter in self._voters if voter in self.answers), None)
