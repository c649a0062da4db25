"""Spells in which far more calls failed, or took far longer, than before and after: a binomial
scan, its level found by permutation."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from simroute.fitting.sample import Calls
from simroute.statistics.estimate import Estimate

FALSE_ALARMS = 0.01
"""Chance that a deployment without any outage shows one."""
PERMUTATIONS = 199
SHORTEST = 60.0
"""Seconds of a bin: what is shorter is no outage, but errors that cluster."""
MOST_BINS, MOST_OUTAGES = 1000, 20
LEAST_ERRORS = 5
LONG, LEAST_SLOW = 2.0, 1.5
"""A call is slow that takes so many times the median; a spell of slow calls is an outage from this
slow-down on: smaller ones are the hours' own."""
SURE = 10.0
"""A fair spell within an outage must be likelier by so much (log) to part it."""


class DetectedOutage(NamedTuple):
    """Seconds from the start, each with where it may have been too (95 %, from the likelihood);
    `chance`: of as large a spell by luck."""

    start: Estimate
    end: Estimate
    error_share: Estimate
    status: int
    slow_down: float
    chance: float


def find_outages(calls: Calls, span: float) -> list[DetectedOutage]:
    """Of one deployment, in order of time: spells of errors, then of slow answers elsewhere. 429s
    are no outage."""
    seen = calls.where((calls.status != 499) & (calls.status != 429))
    found = _scanned(seen, span)
    answered = seen.where((seen.status == 200) & (seen.latency > 0))
    if len(answered.t) < LEAST_ERRORS:
        return found
    pace = _pace(answered)
    late = replace(answered, status=np.where(pace > LONG * np.median(pace), 500, 200))
    for spell in _scanned(late, span):
        if any(
            spell.start.value < one.end.value and one.start.value < spell.end.value for one in found
        ):
            continue
        inside = (seen.t >= spell.start.value) & (seen.t <= spell.end.value)
        slow_down = _slow(seen.where(~inside), seen.where(inside))
        if slow_down >= LEAST_SLOW:
            lost = Estimate.of_share(int(seen.failed[inside].sum()), int(inside.sum()))
            found.append(spell._replace(error_share=lost, slow_down=slow_down))
    return sorted(found, key=lambda outage: outage.start.value)


def _scanned(seen: Calls, span: float) -> list[DetectedOutage]:
    """Spells of calls that failed."""
    if seen.failed.sum() < LEAST_ERRORS:
        return []
    width = max(SHORTEST, span / MOST_BINS)
    place = np.minimum((seen.t / width).astype(np.int64), int(span / width))
    many = int(span / width) + 1
    n = np.bincount(place, minlength=many).astype(float)
    k = np.bincount(place, seen.failed, many)
    keep = np.flatnonzero(n > 0)
    source = np.random.Generator(np.random.Philox(key=0))
    found: list[DetectedOutage] = []
    while len(keep) >= 4 and len(found) < MOST_OUTAGES:
        best, first, last = _scan(n[keep], k[keep])
        if best <= 0:
            break
        orders = source.permuted(np.tile(keep, (PERMUTATIONS, 1)), axis=1)
        chance = (1 + int((_highest(n[orders], k[orders]) >= best).sum())) / (1 + PERMUTATIONS)
        if chance > FALSE_ALARMS:
            break
        start, end = keep[first] * width, (keep[last] + 1) * width
        pieces = _settled(seen, start - width, end + width, width, chance)
        found += pieces
        hit = (keep >= keep[first]) & (keep <= keep[last])
        for piece in pieces:  # the bins at its ends are partly in it
            hit |= ((keep + 1) * width > piece.start.value) & (keep * width < piece.end.value)
        keep = keep[~hit]
    return found


def _scan(n: np.ndarray, k: np.ndarray) -> tuple[float, int, int]:
    """(log-likelihood ratio, first bin, last bin) of the spell whose share of errors stands out
    most; at least two bins."""
    calls, bad = np.concatenate([[0.0], np.cumsum(n)]), np.concatenate([[0.0], np.cumsum(k)])
    best = (0.0, 0, 0)
    for length in _lengths(len(n)):
        inside, wrong = calls[length:] - calls[:-length], bad[length:] - bad[:-length]
        gain = _gain(inside, wrong, calls[-1], bad[-1])
        place = int(gain.argmax())
        if gain[place] > best[0]:
            best = (float(gain[place]), place, place + length - 1)
    return best


def _highest(n: np.ndarray, k: np.ndarray) -> np.ndarray:
    """The ratio that `_scan` finds, for each row of bins."""
    start = np.zeros((len(n), 1))
    calls, bad = (
        np.concatenate([start, np.cumsum(n, axis=1)], axis=1),
        np.concatenate([start, np.cumsum(k, axis=1)], axis=1),
    )
    best = np.zeros(len(n))
    for length in _lengths(n.shape[1]):
        inside, wrong = calls[:, length:] - calls[:, :-length], bad[:, length:] - bad[:, :-length]
        best = np.maximum(best, _gain(inside, wrong, calls[0, -1], bad[0, -1]).max(axis=1))
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
        return np.asarray(
            np.nan_to_num(k * np.log(k / n)) + np.nan_to_num((n - k) * np.log1p(-k / n))
        )


def _settled(
    seen: Calls, low: float, high: float, width: float, chance: float
) -> list[DetectedOutage]:
    """The most likely first and last call within a bin or so of where the scan found it; a fair
    spell inside parts it in two."""
    wide = max(2 * width, 0.5 * (high - low))
    near = seen.where((seen.t >= low - wide) & (seen.t <= high + wide))
    bad = near.failed.astype(float)
    calls, wrong = np.arange(len(bad) + 1.0), np.concatenate([[0.0], np.cumsum(bad)])
    first, last = (int(np.searchsorted(near.t, edge)) for edge in (low + width, high - width))
    for _ in range(4):
        first = int(
            _gain(last - calls[:last], wrong[last] - wrong[:last], calls[-1], wrong[-1]).argmax()
        )
        last = (
            first
            + 1
            + int(
                _gain(
                    calls[first + 1 :] - first,
                    wrong[first + 1 :] - wrong[first],
                    calls[-1],
                    wrong[-1],
                ).argmax()
            )
        )
    fair = (wrong[-1] - wrong[last] + wrong[first] + 0.5) / (calls[-1] - (last - first) + 1)
    return [
        _told(seen, near, *piece, fair, chance) for piece in _pieces(near.t, bad, first, last, fair)
    ]


def _pieces(
    t: np.ndarray, bad: np.ndarray, first: int, last: int, fair: float
) -> list[tuple[int, int]]:
    """Calls first … last - 1 without spells of at least `SHORTEST` seconds in which errors are as
    rare as in fair weather, each piece as long."""
    own = bad[first:last]
    if last - first < 2 or t[last - 1] - t[first] < SHORTEST or own.sum() < LEAST_ERRORS:
        return []
    score = np.concatenate([[0.0], np.cumsum(-_weights(own, float(own.mean()), fair))])
    least = np.minimum.accumulate(score)
    stop = int((score - least).argmax())
    start = int(score[: stop + 1].argmin())
    if score[stop] - score[start] < SURE or t[first + stop - 1] - t[first + start] < SHORTEST:
        return [(first, last)]
    return _pieces(t, bad, first, first + start, fair) + _pieces(t, bad, first + stop, last, fair)


def _weights(bad: np.ndarray, share: float, fair: float) -> np.ndarray:
    """How much likelier each call's end is in the outage than outside (log)."""
    share, fair = (min(max(value, 1e-6), 1 - 1e-6) for value in (max(share, fair), fair))
    return np.where(bad > 0, math.log(share / fair), math.log((1 - share) / (1 - fair)))


def _told(
    seen: Calls, near: Calls, first: int, last: int, fair: float, chance: float
) -> DetectedOutage:
    t, bad = near.t, near.failed.astype(float)
    inner = near.where((np.arange(len(t)) >= first) & (np.arange(len(t)) < last))
    weights = _weights(bad, float(inner.failed.mean()), fair)
    begins = _around(np.cumsum(weights[::-1])[::-1], first)
    ends = _around(np.cumsum(weights), last - 1)
    n = last - first
    start = Estimate(float(t[first]), float(t[max(begins[0] - 1, 0)]), float(t[begins[1]]), n)
    end = Estimate(float(t[last - 1]), float(t[ends[0]]), float(t[min(ends[1] + 1, len(t) - 1)]), n)
    outer = seen.where((seen.t < start.value) | (seen.t > end.value))
    statuses, counts = np.unique(inner.status[inner.failed], return_counts=True)
    return DetectedOutage(
        start,
        end,
        Estimate.of_share(int(inner.failed.sum()), n),
        int(statuses[counts.argmax()]),
        _slow(outer, inner),
        chance,
    )


def _around(likelihood: np.ndarray, place: int) -> tuple[int, int]:
    """The first and last place in a row around this one whose likelihood is within 1.92 of it."""
    far = np.flatnonzero(likelihood < likelihood[place] - 1.92)
    before, after = far[far < place], far[far > place]
    return (int(before[-1]) + 1 if len(before) else 0), (
        int(after[0]) - 1 if len(after) else len(likelihood) - 1
    )


def _slow(outer: Calls, inner: Calls) -> float:
    """How many times as long answers took in it: medians of seconds, reduced by what output tokens
    take; 1 where it cannot be told."""

    own, usual = _pace(inner), _pace(outer)
    if len(own) < 10 or len(usual) < 50:
        return 1.0
    ratio = float(np.median(own) / np.median(usual))
    return ratio if ratio > 1 + 2 * float(np.log(usual).std()) / math.sqrt(len(own)) else 1.0


def _pace(calls: Calls) -> np.ndarray:
    """Seconds of answered calls, reduced by what output tokens take."""
    good = calls.where((calls.status == 200) & (calls.latency > 0))
    return np.asarray(good.latency / (1 + good.output_tokens / 100))
