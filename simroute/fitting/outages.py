"""Spells in which far more calls failed, or took far longer, than before and after: a binomial
scan with a level from permutations."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from simroute.fitting.sample import Calls
from simroute.statistics.estimate import Estimate
from simroute.traces.failures import ABANDONED

FALSE_ALARMS = 0.01
"""Probability that a deployment without any outage shows one."""
PERMUTATIONS = 199
SHORTEST = 60.0
"""Seconds of a bin: what is shorter is no outage, but errors that cluster."""
MAX_BINS, MAX_OUTAGES = 1000, 20
MIN_ERRORS = 5
SLOW_CALL, MIN_SLOW_DOWN = 2.0, 1.5
"""A call is slow if it takes this many times the median. A spell of slow calls is an outage from
this slow-down on: smaller ones belong to the hour."""
MIN_GAIN = 10.0
"""Log-likelihood by which a fair spell within an outage must be likelier, to split it."""


class DetectedOutage(NamedTuple):
    """start, end: seconds from the start, with where they may also have been (95 %, from the
    likelihood). chance: probability of as large a spell without an outage."""

    start: Estimate
    end: Estimate
    error_share: Estimate
    status: int
    slow_down: float
    chance: float


def find_outages(calls: Calls, span: float) -> list[DetectedOutage]:
    """The outages of a deployment in order of time: spells of errors, and spells of slow answers
    outside of these. 429s are no outage."""
    calls = calls.where((calls.status != ABANDONED) & (calls.status != 429))
    outages = _scan_failures(calls, span)
    answered = calls.where((calls.status == 200) & (calls.latency > 0))
    if len(answered.t) < MIN_ERRORS:
        return outages
    pace = _pace(answered)
    late = replace(answered, status=np.where(pace > SLOW_CALL * np.median(pace), 500, 200))
    for spell in _scan_failures(late, span):
        start, end = spell.start.value, spell.end.value
        if any(start < known.end.value and known.start.value < end for known in outages):
            continue
        inside = (calls.t >= start) & (calls.t <= end)
        slow_down = _slow_down(calls.where(~inside), calls.where(inside))
        if slow_down >= MIN_SLOW_DOWN:
            failed = Estimate.of_share(int(calls.failed[inside].sum()), int(inside.sum()))
            outages.append(spell._replace(error_share=failed, slow_down=slow_down))
    return sorted(outages, key=lambda outage: outage.start.value)


def _scan_failures(calls: Calls, span: float) -> list[DetectedOutage]:
    """Spells of failed calls, the clearest first, until one could be chance."""
    if calls.failed.sum() < MIN_ERRORS:
        return []
    width = max(SHORTEST, span / MAX_BINS)
    index = np.minimum((calls.t / width).astype(np.int64), int(span / width))
    bins = int(span / width) + 1
    n = np.bincount(index, minlength=bins).astype(float)
    k = np.bincount(index, calls.failed, bins)
    left = np.flatnonzero(n > 0)
    source = np.random.Generator(np.random.Philox(key=0))
    outages: list[DetectedOutage] = []
    while len(left) >= 4 and len(outages) < MAX_OUTAGES:
        ratio, first, last = _best_spell(n[left], k[left])
        if ratio <= 0:
            break
        orders = source.permuted(np.tile(left, (PERMUTATIONS, 1)), axis=1)
        exceeded = int((_best_ratios(n[orders], k[orders]) >= ratio).sum())
        chance = (1 + exceeded) / (1 + PERMUTATIONS)
        if chance > FALSE_ALARMS:
            break
        start, end = left[first] * width, (left[last] + 1) * width
        pieces = _locate(calls, start - width, end + width, width, chance)
        outages += pieces
        covered = (left >= left[first]) & (left <= left[last])
        for piece in pieces:  # the bins at its ends are partly in it
            covered |= ((left + 1) * width > piece.start.value) & (left * width < piece.end.value)
        left = left[~covered]
    return outages


# -- the scan --------------------------------------------------------------------------------------


def _best_spell(n: np.ndarray, k: np.ndarray) -> tuple[float, int, int]:
    """(log-likelihood ratio, first bin, last bin) of the spell with the most outstanding share of
    errors; at least two bins. n, k: calls and errors by bin."""
    calls, errors = np.concatenate([[0.0], np.cumsum(n)]), np.concatenate([[0.0], np.cumsum(k)])
    best = (0.0, 0, 0)
    for length in _spell_lengths(len(n)):
        inside, failed = calls[length:] - calls[:-length], errors[length:] - errors[:-length]
        ratio = _log_ratio(inside, failed, calls[-1], errors[-1])
        first = int(ratio.argmax())
        if ratio[first] > best[0]:
            best = (float(ratio[first]), first, first + length - 1)
    return best


def _best_ratios(n: np.ndarray, k: np.ndarray) -> np.ndarray:
    """The ratio that `_best_spell` finds, for each row of bins."""
    start = np.zeros((len(n), 1))
    calls, errors = (
        np.concatenate([start, np.cumsum(values, axis=1)], axis=1) for values in (n, k)
    )
    best = np.zeros(len(n))
    for length in _spell_lengths(n.shape[1]):
        inside = calls[:, length:] - calls[:, :-length]
        failed = errors[:, length:] - errors[:, :-length]
        ratio = _log_ratio(inside, failed, calls[0, -1], errors[0, -1])
        best = np.maximum(best, ratio.max(axis=1))
    return best


def _spell_lengths(bins: int) -> list[int]:
    lengths, length = [], 2.0
    while length <= bins * 0.7:
        lengths.append(int(length))
        length = max(length + 1, length * 1.2)
    return lengths


def _log_ratio(n: np.ndarray, k: np.ndarray, all_n: float, all_k: float) -> np.ndarray:
    """Binomial log-likelihood ratio of two shares over one, where the inner share is the larger."""
    outer_n, outer_k = all_n - n, all_k - k
    ratio = _log_likelihood(k, n) + _log_likelihood(outer_k, outer_n)
    ratio = ratio - _log_likelihood(np.array(all_k), np.array(all_n))
    return np.where(k * outer_n > outer_k * n, ratio, 0.0)


def _log_likelihood(k: np.ndarray, n: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(
            np.nan_to_num(k * np.log(k / n)) + np.nan_to_num((n - k) * np.log1p(-k / n))
        )


# -- start and end ---------------------------------------------------------------------------------


def _locate(
    calls: Calls, low: float, high: float, width: float, chance: float
) -> list[DetectedOutage]:
    """Find the likeliest first and last call near the bins of a spell, from `low` to `high`; a fair
    spell inside splits it in two."""
    margin = max(2 * width, 0.5 * (high - low))
    near = calls.where((calls.t >= low - margin) & (calls.t <= high + margin))
    failed = near.failed.astype(float)
    n, k = np.arange(len(failed) + 1.0), np.concatenate([[0.0], np.cumsum(failed)])
    first, last = (int(np.searchsorted(near.t, edge)) for edge in (low + width, high - width))
    for _ in range(4):
        ratio = _log_ratio(last - n[:last], k[last] - k[:last], n[-1], k[-1])
        first = int(ratio.argmax())
        ratio = _log_ratio(n[first + 1 :] - first, k[first + 1 :] - k[first], n[-1], k[-1])
        last = first + 1 + int(ratio.argmax())
    fair = (k[-1] - k[last] + k[first] + 0.5) / (n[-1] - (last - first) + 1)
    return [
        _describe_outage(calls, near, piece, fair, chance)
        for piece in _split(near.t, failed, first, last, fair)
    ]


def _split(
    t: np.ndarray, failed: np.ndarray, first: int, last: int, fair: float
) -> list[tuple[int, int]]:
    """Calls first … last - 1 without spells of at least `SHORTEST` seconds in which errors are as
    rare as in fair weather; each piece is at least as long."""
    inside = failed[first:last]
    if last - first < 2 or t[last - 1] - t[first] < SHORTEST or inside.sum() < MIN_ERRORS:
        return []
    weights = -_log_weights(inside, float(inside.mean()), fair)
    score = np.concatenate([[0.0], np.cumsum(weights)])
    stop = int((score - np.minimum.accumulate(score)).argmax())
    start = int(score[: stop + 1].argmin())
    if score[stop] - score[start] < MIN_GAIN or t[first + stop - 1] - t[first + start] < SHORTEST:
        return [(first, last)]
    before = _split(t, failed, first, first + start, fair)
    return before + _split(t, failed, first + stop, last, fair)


def _log_weights(failed: np.ndarray, share: float, fair: float) -> np.ndarray:
    """Log of how much likelier each call's end is in the outage than outside."""
    share, fair = (min(max(value, 1e-6), 1 - 1e-6) for value in (max(share, fair), fair))
    return np.where(failed > 0, math.log(share / fair), math.log((1 - share) / (1 - fair)))


def _describe_outage(
    calls: Calls, near: Calls, piece: tuple[int, int], fair: float, chance: float
) -> DetectedOutage:
    """piece: the first call of the outage in `near`, and the first after it."""
    (first, last), t = piece, near.t
    inner = near.where((np.arange(len(t)) >= first) & (np.arange(len(t)) < last))
    weights = _log_weights(near.failed.astype(float), float(inner.failed.mean()), fair)
    begins = _likely_range(np.cumsum(weights[::-1])[::-1], first)
    ends = _likely_range(np.cumsum(weights), last - 1)
    n = last - first
    start = Estimate(float(t[first]), float(t[max(begins[0] - 1, 0)]), float(t[begins[1]]), n)
    end = Estimate(float(t[last - 1]), float(t[ends[0]]), float(t[min(ends[1] + 1, len(t) - 1)]), n)
    outer = calls.where((calls.t < start.value) | (calls.t > end.value))
    statuses, counts = np.unique(inner.status[inner.failed], return_counts=True)
    return DetectedOutage(
        start,
        end,
        Estimate.of_share(int(inner.failed.sum()), n),
        int(statuses[counts.argmax()]),
        _slow_down(outer, inner),
        chance,
    )


def _likely_range(likelihood: np.ndarray, index: int) -> tuple[int, int]:
    """The first and last index in a row around this one with a log-likelihood within 1.92 of its
    own."""
    far = np.flatnonzero(likelihood < likelihood[index] - 1.92)
    before, after = far[far < index], far[far > index]
    low = int(before[-1]) + 1 if len(before) else 0
    return low, int(after[0]) - 1 if len(after) else len(likelihood) - 1


def _slow_down(outer: Calls, inner: Calls) -> float:
    """How many times as long answers took in an outage: the ratio of median paces; 1 where it
    cannot be told."""
    inside, usual = _pace(inner), _pace(outer)
    if len(inside) < 10 or len(usual) < 50:
        return 1.0
    ratio = float(np.median(inside) / np.median(usual))
    noise = 2 * float(np.log(usual).std()) / math.sqrt(len(inside))
    return ratio if ratio > 1 + noise else 1.0


def _pace(calls: Calls) -> np.ndarray:
    """Seconds of answered calls, reduced by what output tokens take."""
    good = calls.where((calls.status == 200) & (calls.latency > 0))
    return np.asarray(good.latency / (1 + good.output_tokens / 100))
