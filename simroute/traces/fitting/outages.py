"""Spells in which far more calls failed than before and after: a binomial scan, its level found by permutation."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from simroute.traces.fitting.interval import Estimate, share
from simroute.traces.fitting.sample import Calls

FALSE_ALARMS = 0.01
"""Chance that a deployment without any outage shows one."""
PERMUTATIONS = 199
SHORTEST = 60.0
"""Seconds of a bin: what is shorter is no outage, but errors that cluster."""
MOST_BINS, MOST_OUTAGES = 1000, 20
LEAST_ERRORS = 5


class Outage(NamedTuple):
    """Seconds from the start, each with where it may have been too (95 %, from the likelihood); `chance`: of as large a spell by luck."""

    start: Estimate
    end: Estimate
    error_share: Estimate
    status: int
    slow_down: float
    chance: float


def outages(calls: Calls, span: float) -> list[Outage]:
    """Of one deployment, in order of time. 429s are no outage."""
    seen = calls.where((calls.status != 499) & (calls.status != 429))
    if seen.failed.sum() < LEAST_ERRORS:
        return []
    width = max(SHORTEST, span / MOST_BINS)
    place = np.minimum((seen.t / width).astype(np.int64), int(span / width))
    many = int(span / width) + 1
    n = np.bincount(place, minlength=many).astype(float)
    k = np.bincount(place, seen.failed, many)
    keep = np.flatnonzero(n > 0)
    source = np.random.Generator(np.random.Philox(key=0))
    found: list[Outage] = []
    while len(keep) >= 4 and len(found) < MOST_OUTAGES:
        best, first, last = _scan(n[keep], k[keep])
        if best <= 0:
            break
        orders = (source.permutation(len(keep)) for _ in range(PERMUTATIONS))
        beaten = sum(_scan(n[keep][order], k[keep][order])[0] >= best for order in orders)
        chance = (1 + beaten) / (1 + PERMUTATIONS)
        if chance > FALSE_ALARMS:
            break
        start, end = keep[first] * width, (keep[last] + 1) * width
        found.append(_settled(seen, start - width, end + width, width, chance))
        # the bins at its ends are partly in it
        keep = keep[((keep + 1) * width <= found[-1].start.value) | (keep * width >= found[-1].end.value)]
    return sorted(found, key=lambda outage: outage.start.value)


def _scan(n: np.ndarray, k: np.ndarray) -> tuple[float, int, int]:
    """(log-likelihood ratio, first bin, last bin) of the spell whose share of errors stands out most; at least two bins."""
    calls, bad = np.concatenate([[0.0], np.cumsum(n)]), np.concatenate([[0.0], np.cumsum(k)])
    best = (0.0, 0, 0)
    for length in _lengths(len(n)):
        inside, wrong = calls[length:] - calls[:-length], bad[length:] - bad[:-length]
        gain = _gain(inside, wrong, calls[-1], bad[-1])
        place = int(gain.argmax())
        if gain[place] > best[0]:
            best = (float(gain[place]), place, place + length - 1)
    return best


def _lengths(many: int) -> list[int]:
    found, length = [], 2.0
    while length <= many * 0.7:
        found.append(int(length))
        length = max(length + 1, length * 1.2)
    return found


def _gain(n: np.ndarray, k: np.ndarray, all_n: float, all_k: float) -> np.ndarray:
    """Binomial log-likelihood ratio of two shares over one, where the inner share is the larger."""
    rest, others = all_n - n, all_k - k
    gain = _loglik(k, n) + _loglik(others, rest) - _loglik(np.array(all_k), np.array(all_n))
    return np.where(k * rest > others * n, gain, 0.0)


def _loglik(k: np.ndarray, n: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.nan_to_num(k * np.log(k / n)) + np.nan_to_num((n - k) * np.log1p(-k / n)))


def _settled(seen: Calls, low: float, high: float, width: float, chance: float) -> Outage:
    """The most likely first and last call within a bin or so of where the scan found it."""
    wide = max(2 * width, 0.5 * (high - low))
    near = seen.where((seen.t >= low - wide) & (seen.t <= high + wide))
    bad = near.failed.astype(float)
    calls, wrong = np.arange(len(bad) + 1.0), np.concatenate([[0.0], np.cumsum(bad)])
    first, last = (int(np.searchsorted(near.t, edge)) for edge in (low + width, high - width))
    for _ in range(4):
        gains = _gain(last - calls[:last], wrong[last] - wrong[:last], calls[-1], wrong[-1])
        first = int(gains.argmax())
        begins = np.flatnonzero(gains >= gains[first] - 1.92)
        gains = _gain(calls[first + 1 :] - first, wrong[first + 1 :] - wrong[first], calls[-1], wrong[-1])
        last = first + 1 + int(gains.argmax())
        ends = first + 1 + np.flatnonzero(gains >= gains.max() - 1.92)
    t, n = near.t, last - first
    start = Estimate(float(t[first]), float(t[max(begins[0] - 1, 0)]), float(t[begins[-1]]), n)
    end = Estimate(float(t[last - 1]), float(t[ends[0] - 1]), float(t[min(ends[-1], len(t) - 1)]), n)
    inside = (np.arange(len(t)) >= first) & (np.arange(len(t)) < last)
    inner, outer = near.where(inside), seen.where((seen.t < start.value) | (seen.t > end.value))
    statuses, counts = np.unique(inner.status[inner.failed], return_counts=True)
    return Outage(start, end, share(int(inner.failed.sum()), n), int(statuses[counts.argmax()]), _slow(outer, inner), chance)


def _slow(outer: Calls, inner: Calls) -> float:
    """How many times as long answers took in it: medians of seconds, reduced by what output tokens take; 1 where it cannot be told."""

    def pace(calls: Calls) -> np.ndarray:
        good = calls.where((calls.status == 200) & (calls.latency > 0))
        return np.asarray(good.latency / (1 + good.output_tokens / 100))

    own, usual = pace(inner), pace(outer)
    if len(own) < 10 or len(usual) < 50:
        return 1.0
    ratio = float(np.median(own) / np.median(usual))
    return ratio if ratio > 1 + 2 * float(np.log(usual).std()) / math.sqrt(len(own)) else 1.0
