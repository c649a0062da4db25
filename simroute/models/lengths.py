"""Token counts from normal scores: lognormal, or by a table of quantiles."""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np

from simroute.models import spec

NAME = re.compile(r"p([0-9]{1,3}(?:\.[0-9]{1,6})?)")


def token_counts(kinds: list[spec.Lengths], task: np.ndarray, normal: np.ndarray) -> np.ndarray:
    """Whole tokens of each request: the quantile of its task's lengths at its normal score."""
    median, sigma, most = (
        np.array([getattr(kind, name) for kind in kinds])[task]
        for name in ("median", "sigma", "max")
    )
    tokens = np.asarray(np.clip(np.rint(median * np.exp(sigma * normal)), 1, most), np.int64)
    for place, kind in enumerate(kinds):
        if kind.quantiles:
            from scipy.special import ndtr

            mine = task == place
            tokens[mine] = np.clip(
                np.rint(np.interp(ndtr(normal[mine]), *quantile_table(kind.quantiles))), 1, kind.max
            )
    return tokens


def quantile_table(
    quantiles: dict[str, float], what: str = "tokens"
) -> tuple[np.ndarray, np.ndarray]:
    """(shares of texts, rising from 0 to 1; tokens, or `what`, that no more of them exceed). Raises
    ValueError."""
    points = []
    for name, tokens in quantiles.items():
        match = NAME.fullmatch(name)
        if match is None or float(match[1]) > 100:
            raise ValueError(f"{name!r} is no quantile; expected p0, p50, p99.9 … p100")
        points.append((float(match[1]) / 100, tokens))
    points.sort()
    if points[0][0] != 0 or points[-1][0] != 1:
        raise ValueError("must begin with p0 (the shortest) and end with p100 (the longest)")
    if any(before > after for (_, before), (_, after) in pairwise(points)):
        raise ValueError(f"{what} must not fall from one quantile to the next")
    return np.array([share for share, _ in points]), np.array([tokens for _, tokens in points])
