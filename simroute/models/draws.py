"""What the weather does to the calls of a block at one deployment."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class DrawLists(NamedTuple):
    """For each request of a block, at its n-th call to this target.

    ttft: seconds to the first token; decode: from there to the last; error_s: until an error is
        answered. u_outcome, u_truncation: uniforms in [0, 1) that decide whether it succeeds, and
        where its answer is cut; the first is below 0 where the prompt does not fit. quality: of
        the answer, 0 … 1.
    """

    ttft: list[float]
    decode: list[float]
    error_s: list[float]
    u_outcome: list[float]
    u_truncation: list[float]
    quality: list[float]


class DrawArrays(NamedTuple):
    """`DrawLists` as arrays, for work on whole blocks."""

    ttft: np.ndarray
    decode: np.ndarray
    error_s: np.ndarray
    u_outcome: np.ndarray
    u_truncation: np.ndarray
    quality: np.ndarray
