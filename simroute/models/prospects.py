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

from simroute.models.blocks import Block
from simroute.models.deployment import DeploymentModel

Rows = np.ndarray | slice
ALL = slice(None)
STALLED = attrgetter("stall_share")


class Prospect(NamedTuple):
    """For each request: whether it succeeds; seconds to the first token and to the end (infinite
    for a failure); nano-USD if it runs to its end, and if it is abandoned at once."""

    ok: np.ndarray
    first: np.ndarray
    seconds: np.ndarray
    bill: np.ndarray
    bill_if_abandoned: np.ndarray
    quality: np.ndarray


class Asked(NamedTuple):
    """Of the requests of a block, what their outcome and bill depend on."""

    arrival: np.ndarray
    streamed: np.ndarray
    invalid: np.ndarray
    input_tokens: np.ndarray
    output_tokens: np.ndarray
    cached_tokens: np.ndarray
    written_tokens: np.ndarray


def foresee_calls(model: DeploymentModel, block: Block, n: int, rows: Rows = ALL) -> Prospect:
    """Of the n-th call (from 0) of these requests of a block, the same draws that a simulation
    makes; a failure takes for ever and costs nothing."""
    asked = Asked(*(getattr(block, name)[rows] for name in Asked._fields))
    ttft, decode, _, u_outcome, u_truncation, quality = (
        column[rows] for column in model.draw_arrays(block, n)
    )
    bad, slow = (
        model.timeline.figures(asked.arrival, attrgetter(name))
        for name in ("failure_share", "slow_down")
    )
    answers = (u_outcome >= bad) & (asked.invalid == 0)
    first, decode = ttft * slow, decode * slow
    stop = seconds = first + decode
    ok, tokens = answers, asked.output_tokens
    truncated, stalled = model.spec.truncated, model.timeline.figures(asked.arrival, STALLED)
    if truncated or stalled.any():
        stalled = (1.0 - truncated) * stalled
        is_cut = u_truncation < truncated
        broken = answers & asked.streamed & (is_cut | (u_truncation - truncated < stalled))
        place = np.where(is_cut, u_truncation, u_truncation - truncated)
        among = np.where(is_cut, truncated, stalled)
        share = decode * place / np.where(broken, among, 1.0)
        stop = np.where(broken, first + share, seconds)
        ok, tokens = answers & ~broken, _produced(asked, first, decode, stop)
    return Prospect(
        ok,
        first,
        np.where(ok, seconds, inf),
        np.where(answers, _bill(model, asked, tokens), 0),
        np.where(answers, _bill(model, asked, np.where(seconds > 0, 0, asked.output_tokens)), 0),
        quality,
    )


def _produced(asked: Asked, first: np.ndarray, decode: np.ndarray, stop: np.ndarray) -> np.ndarray:
    """The tokens that have come by the end of each answer: to the bit as the simulated world has
    them."""
    end = asked.arrival + stop
    share = (end - asked.arrival - first) / np.where(decode > 0, decode, 1.0)
    partly = (end < asked.arrival + (first + decode)) & (decode > 0)
    return np.where(
        partly, (asked.output_tokens * np.maximum(share, 0.0)).astype(np.int64), asked.output_tokens
    )


def _bill(model: DeploymentModel, asked: Asked, output_tokens: np.ndarray) -> np.ndarray:
    """At the price when it was sent."""
    return model.tariff.bill_many(
        asked.arrival, asked.input_tokens, output_tokens, asked.cached_tokens, asked.written_tokens
    )
