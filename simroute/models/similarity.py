"""How similar the nearest earlier question is, right or wrong: what a semantic cache stands or
falls with.

The right neighbour (same meaning, other words): 1 - cosine is Weibull. Least squares over the three
published rows of search queries (hits and wrong answers at .80, .95 and .99), with the share of
requests that have a right neighbour (.735) and the density of wrong ones (.995 at .8, reach 1.62)
left free: rms .40, at most .69 percentage points, from six figures and five parameters. The scale
depends on corpus and embedder: the same fit gives .025 for LM Arena and .17 for Quora.

The best wrong one among n entries: P(none above s) = exp(-wrong n^growth ((1-s)/.2)^reach). `wrong`
and `growth` by least squares of log hazards on Quora pairs at s = .8 (0.3 / 1.1 / 3.6 / 7.7 / 12.3
% with 1 k / 5 k / 20 k / 60 k / 134 k entries): within 11 % of each figure, at most 1.2 points.
`reach` likewise on Quora's 18.2 / 2.3 / .26 % at .80 / .95 / .99: within 10 % of each, at most .9
points.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

UNIT = 0.2
"""1 - s at which `wrong` is stated."""


@dataclass(frozen=True)
class Similarity:
    """The nearest neighbour by two uniforms in [0, 1)."""

    right_shape: float = 0.80
    right_scale: float = 0.099
    wrong: float = 1.427e-5
    growth: float = 0.7814
    reach: float = 1.448

    def nearest(self, entries: int, same: bool, right: float, wrong: float) -> tuple[bool, float]:
        """(whether it means the same, cosine) among `entries` ≥ 1, one of which means the same if
        `same`."""
        good = (
            1 - self.right_scale * (-math.log1p(-right)) ** (1 / self.right_shape) if same else -1.0
        )
        bad = 1 - UNIT * (-math.log1p(-wrong) / (self.wrong * entries**self.growth)) ** (
            1 / self.reach
        )
        return (True, max(good, -1.0)) if same and good >= bad else (False, max(bad, -1.0))

    def false_share(self, entries: int, cosine: float) -> float:
        """P(a wrong neighbour at least so similar) among so many entries."""
        return -math.expm1(-self.wrong * entries**self.growth * ((1 - cosine) / UNIT) ** self.reach)
