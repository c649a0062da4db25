"""How similar the nearest earlier question is, right or wrong: what a semantic cache stands or falls with.

The right neighbour (same meaning, other words): 1 - cosine is Weibull, fitted to the published hits less wrong answers of search queries.
The best wrong one among n entries: P(none above s) = exp(-c n^0.77 ((1-s)/0.2)^1.45), fitted to Quora pairs: 0.3 / 1.1 / 3.6 / 7.7 / 12.3 %
of requests wrong at s = .8 with 1 k / 5 k / 20 k / 60 k / 134 k entries.
"""

from __future__ import annotations

import math

RIGHT_SHAPE, RIGHT_SCALE = 0.8, 0.074
WRONG, GROWTH, REACH, UNIT = 1.46e-5, 0.77, 1.45, 0.2


class Similarity:
    """The nearest neighbour by two uniforms in [0, 1)."""

    def nearest(self, entries: int, same: bool, right: float, wrong: float) -> tuple[bool, float]:
        """(whether it means the same, cosine)."""
        good = 1 - RIGHT_SCALE * (-math.log1p(-right)) ** (1 / RIGHT_SHAPE) if same else -1.0
        bad = 1 - UNIT * (-math.log1p(-wrong) / (WRONG * entries**GROWTH)) ** (1 / REACH)
        return (True, max(good, -1.0)) if good >= bad else (False, max(bad, -1.0))

    def false_share(self, entries: int, cosine: float) -> float:
        """P(a wrong neighbour at least so similar) among so many entries."""
        return -math.expm1(-WRONG * entries**GROWTH * ((1 - cosine) / UNIT) ** REACH)
