"""How long prompts and answers may be at a deployment: a context window, given or the catalogue's,
and a largest output."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from simroute.models import spec
from simroute.models.blocks import Block
from simroute.models.draws import DrawArrays
from simroute.models.prices import catalogue_window

SMALLEST = 4000
"""Tokens; the catalogue (genai-prices 0.2.3) knows smaller windows of models for embeddings only,
so shorter prompts need no look at it."""
TOO_LONG = -1.0
"""In the place of the coin that decides whether a call succeeds, where the prompt does not fit."""


class SizeLimits:
    """Of one deployment. answered: the longest prompt that a log shows answered there."""

    def __init__(self, deployment: spec.Deployment, answered: int = 0) -> None:
        self._spec, self._answered = deployment, answered

    @cached_property
    def window(self) -> int | None:
        """Tokens that a prompt may have; None where that is not known."""
        if self._spec.max_input_tokens is not None:
            return self._spec.max_input_tokens
        known = catalogue_window(self._spec.provider, self._spec.model)
        return None if known is None else max(known, self._answered)

    def cut(self, output_tokens: np.ndarray) -> np.ndarray:
        """The tokens of answers that are worth so many."""
        most = self._spec.max_output_tokens
        return output_tokens if most is None else np.minimum(output_tokens, most)

    def fit(self, drawn: DrawArrays, block: Block) -> DrawArrays:
        """The draws of a block's calls, by what fits."""
        least = self._spec.max_input_tokens or SMALLEST
        longest = int(block.input_tokens.max(initial=0))
        if longest > least and self.window is not None and longest > self.window:
            over = block.input_tokens > self.window
            drawn = drawn._replace(u_outcome=np.where(over, TOO_LONG, drawn.u_outcome))
        if (most := self._spec.max_output_tokens) is not None:
            share = np.minimum(1.0, most / np.maximum(block.output_tokens, 1))
            quality = np.where(block.output_tokens > most, 0.0, drawn.quality)
            drawn = drawn._replace(decode=drawn.decode * share, quality=quality)
        return drawn
