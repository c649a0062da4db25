"""The outcome, time and bill of a call to a deployment, for whole blocks of requests at once: the
rules of the simulated world, without its limits.

Each call is sent when its request arrives. Rate limits and slots depend on what else is sent, so
they are left out.
"""

from __future__ import annotations

from math import inf
from operator import attrgetter
from typing import NamedTuple

import numpy as np

from simroute.models.deployment import DeploymentModel
from simroute.models.workload import Block


class Prospect(NamedTuple):
    """For each request: whether it succeeds; seconds to the first token and to the end (infinite
    for a failure); nano-USD if it runs to its end, and if it is abandoned at once."""

    ok: np.ndarray
    first: np.ndarray
    seconds: np.ndarray
    bill: np.ndarray
    bill_if_abandoned: np.ndarray
    quality: np.ndarray


def foresee_calls(model: DeploymentModel, block: Block, n: int) -> Prospect:
    """Of the n-th call (from 0) of each request, the same draws that a simulation makes; a failure
    takes for ever and costs nothing."""
    drawn = model.draw_arrays(block, n)
    bad, slow = (
        model.timeline.figures(block.arrival, attrgetter(name))
        for name in ("failure_share", "slow_down")
    )
    answers = (drawn.u_outcome >= bad) & (block.invalid == 0)
    cut = answers & block.streamed & (drawn.u_truncation < model.spec.truncated)
    first, decode = drawn.ttft * slow, drawn.decode * slow
    seconds = first + decode
    stop = np.where(
        cut, first + decode * drawn.u_truncation / (model.spec.truncated or 1.0), seconds
    )
    whole = np.where(answers, _bill(model, block, first, decode, stop), 0)
    dropped = np.where(
        answers, _nano(model, block, np.where(seconds > 0, 0, block.output_tokens)), 0
    )
    return Prospect(
        answers & ~cut, first, np.where(answers & ~cut, seconds, inf), whole, dropped, drawn.quality
    )


def _bill(
    model: DeploymentModel, block: Block, first: np.ndarray, decode: np.ndarray, stop: np.ndarray
) -> np.ndarray:
    """At the price when it was sent, for the tokens that have come by its end: to the bit what the
    simulated world bills."""
    end = block.arrival + stop
    share = (end - block.arrival - first) / np.where(decode > 0, decode, 1.0)
    partly = (end < block.arrival + (first + decode)) & (decode > 0)
    tokens = np.where(
        partly, (block.output_tokens * np.maximum(share, 0.0)).astype(np.int64), block.output_tokens
    )
    return _nano(model, block, tokens)


def _nano(model: DeploymentModel, block: Block, output_tokens: np.ndarray) -> np.ndarray:
    return model.tariff.bill_many(
        block.arrival, block.input_tokens, output_tokens, block.cached_tokens, block.written_tokens
    )
