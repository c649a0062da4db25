"""The outcome, time and bill of a call to a deployment, for whole blocks of requests at once: the
rules of the simulated world, without its limits.

Each call is sent when its request arrives. Rate limits, slots, load and cold starts depend on what
else is sent, so they are left out.
"""

from __future__ import annotations

from math import inf
from operator import attrgetter
from typing import NamedTuple

import numpy as np

from simroute.models.blocks import Block
from simroute.models.deployment import DeploymentModel
from simroute.models.draws import DrawArrays
from simroute.models.error_kinds import nature_of
from simroute.models.prompt_cache import most_known, time_factor

Rows = np.ndarray | slice
ALL = slice(None)


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


class Answer(NamedTuple):
    """Of each call: whether it is answered, and whether that is of use; seconds to the first token,
    from there to the last, and to where it ends; the tokens that are billed."""

    answered: np.ndarray
    ok: np.ndarray
    first: np.ndarray
    decode: np.ndarray
    stop: np.ndarray
    tokens: np.ndarray
    quality: np.ndarray


def foresee_calls(model: DeploymentModel, block: Block, n: int, rows: Rows = ALL) -> Prospect:
    """Of the n-th call (from 0) of these requests of a block, the same draws that a simulation
    makes; a failure takes for ever and costs nothing but what it was billed for."""
    asked = Asked(*(getattr(block, name)[rows] for name in Asked._fields))
    asked = asked._replace(output_tokens=model.sizes.cut(asked.output_tokens))
    drawn = DrawArrays(*(column[rows] for column in model.draw_arrays(block, n)))
    if model.spec.prompt_cache is not None:
        asked, drawn = _nothing_forgotten(model, block, asked, drawn, rows)
    bad, slow, stalled = (
        model.timeline.figures(asked.arrival, attrgetter(name))
        for name in ("failure_share", "slow_down", "stall_share")
    )
    answered = (drawn.u_outcome >= bad) & (asked.invalid == 0)
    first, decode = drawn.ttft * slow, drawn.decode * slow
    seconds = first + decode
    call = Answer(answered, answered, first, decode, seconds, asked.output_tokens, drawn.quality)
    if model.spec.truncated or stalled.any():
        call = _broken_off(call, asked, drawn.u_truncation, model.spec.truncated, stalled)
    if model.timeline.has_kinds:
        call = _failed_by_kind(call, asked, drawn, model)
    whole = np.where(seconds > 0, 0, asked.output_tokens)
    return Prospect(
        call.ok,
        first,
        np.where(call.ok, seconds, inf),
        np.where(call.answered, _bill(model, asked, call.tokens), 0),
        np.where(call.answered, _bill(model, asked, whole), 0),
        call.quality,
    )


def least_bills(model: DeploymentModel, block: Block) -> np.ndarray:
    """What an answer to each request of a block costs there at least, whatever is drawn, in
    nano-USD. Not known, so nothing, where failures may pass for answers or prompts be kept."""
    if model.timeline.has_kinds or model.spec.prompt_cache is not None:
        return np.zeros(block.size, np.int64)
    asked = Asked(*(getattr(block, name) for name in Asked._fields))
    return _bill(model, asked, model.sizes.cut(asked.output_tokens))


def _nothing_forgotten(
    model: DeploymentModel, block: Block, asked: Asked, drawn: DrawArrays, rows: Rows
) -> tuple[Asked, DrawArrays]:
    """At best, all that was ever sent is read from the provider's cache, and nothing is written."""
    rules = model.spec.prompt_cache
    assert rules is not None
    read = most_known(rules, block)[rows]
    asked = asked._replace(cached_tokens=read, written_tokens=np.zeros_like(read))
    if model.spec.recorded is not None:
        return asked, drawn
    factor = time_factor(model.spec.latency, rules, asked.input_tokens, read)
    return asked, drawn._replace(ttft=drawn.ttft * factor)


def _broken_off(
    call: Answer, asked: Asked, coin: np.ndarray, truncated: float, stalled: np.ndarray
) -> Answer:
    """Streams that are cut or stall."""
    stalled = (1.0 - truncated) * stalled
    is_cut = coin < truncated
    broken = call.ok & asked.streamed & (is_cut | (coin - truncated < stalled))
    place = np.where(is_cut, coin, coin - truncated)
    share = call.decode * place / np.where(broken, np.where(is_cut, truncated, stalled), 1.0)
    stop = np.where(broken, call.first + share, call.stop)
    tokens = _produced(asked, call.first, call.decode, stop)
    return call._replace(ok=call.ok & ~broken, stop=stop, tokens=tokens)


def _failed_by_kind(
    call: Answer, asked: Asked, drawn: DrawArrays, model: DeploymentModel
) -> Answer:
    """Failures that are billed, and those that pass for answers."""
    failed = ~call.answered & (asked.invalid == 0) & (drawn.u_outcome >= 0)
    bills = np.full(len(failed), "", "<U16")
    passes = np.zeros(len(failed), bool)
    for i in np.flatnonzero(failed).tolist():
        failure = model.timeline.at(float(asked.arrival[i]))[0].failure_status(drawn.u_outcome[i])
        if isinstance(failure, str):
            nature = nature_of(failure)
            bills[i], passes[i] = nature.bills, nature.status == 200
    stop = np.where(bills == "so far", drawn.u_truncation * (call.first + call.decode), call.stop)
    part = _produced(asked, call.first, call.decode, stop)
    so_far = (bills == "so far") & (stop >= call.first)
    whole = bills == "whole"
    return call._replace(
        answered=call.answered | whole | so_far,
        ok=call.ok | passes,
        tokens=np.where(so_far, part, np.where(whole, asked.output_tokens, call.tokens)),
        quality=np.where(passes, 0.0, call.quality),
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
