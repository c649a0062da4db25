"""When requests come: a profile by hour of the week, and how unevenly within the hours (Poisson,
gamma gaps, or busy and quiet spells)."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from simroute.fitting import two_state
from simroute.fitting.likelihood import bic, minimize, standard_errors
from simroute.models import spec
from simroute.models.profile import HOUR, ArrivalProfile
from simroute.models.weather import Weather
from simroute.statistics.estimate import Estimate

SCALES = (1.0, 10.0, 60.0)
"""Seconds for which requests are counted together."""
ROUGH, FINE = 4_000, 40_000
"""Gaps that the modulated family is searched with, and settled with."""
BATCHES = 20
CLOSE = math.log(1.5)
"""A likelier family is chosen as long as its dispersion, at the worst scale, is at most so much
(log) farther from the trace's than another's."""
MOST_PLAYED = 60_000
ENOUGH_HOURS = 4
SHAPES = (50.0**-2, 0.05**-2)
"""Of gamma gaps: a scenario's `cv` is .05 to 50."""
WEEK = 7 * 24


class Family(NamedTuple):
    """One way in which arrivals may be uneven. `cost`: minus the log-likelihood over `n` gaps;
    parameters by their key in `burstiness`."""

    name: str
    cost: float
    n: int
    parameters: dict[str, Estimate]

    @property
    def bic(self) -> float:
        return bic(self.cost, len(self.parameters), self.n)


class ArrivalFit(NamedTuple):
    """`families`: the chosen one first, then by likelihood; `seen`: the trace's dispersion at
    `SCALES`, `given`: what each family gives."""

    rate: Estimate
    hours: tuple[float, ...]
    days: tuple[float, ...]
    starts: float
    families: list[Family]
    seen: list[float | None]
    given: dict[str, list[float | None]]
    coarse: float

    @property
    def best(self) -> Family:
        return self.families[0]

    def keys(self) -> dict[str, Any]:
        """`rate`, `profile` and `burstiness` of a workload, as plain data."""
        profile = {"hours": list(self.hours), "days": list(self.days), "starts": self.starts}
        held: dict[str, Any] = {"rate": self.rate.value}
        held |= (
            {"profile": {key: value for key, value in profile.items() if value}}
            if self.hours or self.days
            else {}
        )
        if self.best.parameters:
            held["burstiness"] = {key: found.value for key, found in self.best.parameters.items()}
        return held


def fit_arrivals(when: np.ndarray, span: float, starts: float = 0.0) -> ArrivalFit:
    """Fitted to arrivals (s from the start, in order) over `span` seconds that begin at hour
    `starts` of the week."""
    hours, days = _profile(when, span, starts)
    shape = spec.Profile(hours=hours, days=days, starts=starts)
    one = ArrivalProfile(shape, 1.0)
    exposure = float(one.count(np.array([span]))[0])
    rate = len(when) / exposure
    expected = one.count(when) * rate
    gap, due = np.diff(when), np.diff(expected)
    coarse = float((gap == 0).mean())
    gap, due = _parted(gap), _parted(due)
    families = sorted(
        (poisson(due), gamma(due), modulated(gap, due)), key=lambda family: family.bic
    )
    seen = [dispersion(when, span, scale) for scale in SCALES]
    load = spec.Workload(rate=rate, profile=shape)
    given = {family.name: _given(family, load, span) for family in families}
    off = {
        name: max(
            (abs(math.log(a / b)) for a, b in zip(seen, told, strict=True) if a and b), default=0.0
        )
        for name, told in given.items()
    }
    chosen = next(family for family in families if off[family.name] <= min(off.values()) + CLOSE)
    families.sort(key=lambda family: family is not chosen)
    return ArrivalFit(
        _rate(expected, rate, len(when)), hours, days, starts, families, seen, given, coarse
    )


def dispersion(when: np.ndarray, span: float, scale: float) -> float | None:
    """Variance over mean of counts in windows of `scale` seconds; 1 for a Poisson process, None
    with fewer than ten windows."""
    many = int(span // scale)
    if many < 10:
        return None
    counts = np.bincount((when[when < many * scale] / scale).astype(np.int64), minlength=many)
    return float(counts.var() / counts.mean()) if counts.any() else None


def _given(family: Family, load: spec.Workload, span: float) -> list[float | None]:
    """The dispersion of what a family simulates, the mean of three replications."""
    load = replace(
        load,
        burstiness=spec.Burstiness(
            **{key: found.value for key, found in family.parameters.items()}
        ),
    )
    span = min(span, MOST_PLAYED / load.rate)
    scene = spec.Scenario(deployments={}, horizon=span, workload=load)
    runs = [
        np.concatenate([np.zeros(0), *(block.arrival for block in Weather(scene, 1, k).blocks())])
        for k in range(3)
    ]
    each = [[dispersion(run, span, scale) for run in runs] for scale in SCALES]
    return [None if None in found else float(np.mean(np.array(found, float))) for found in each]


def _parted(gap: np.ndarray) -> np.ndarray:
    """Gaps of a clock too coarse to part them: half the smallest one that it shows."""
    some = gap[gap > 0]
    return np.asarray(np.maximum(gap, some.min() / 2 if len(some) else 1.0))


def _rate(expected: np.ndarray, rate: float, n: int) -> Estimate:
    """From counts in 20 equal parts, which need not be Poisson."""
    from scipy.special import stdtrit

    parts = min(BATCHES, max(2, n // 10))
    counts = np.histogram(expected, np.linspace(0, n, parts + 1))[0] * parts / n
    half = float(stdtrit(parts - 1, 0.975)) * float(counts.std(ddof=1)) / math.sqrt(parts)
    half = max(half, 1.96 / math.sqrt(n)) if parts < 10 else half
    return Estimate(rate, rate * max(0.0, 1 - half), rate * (1 + half), n)


def _profile(
    when: np.ndarray, span: float, starts: float
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """(24 weights, 7 weights), each empty where the trace is too short for it, or no better with
    it."""
    edges = (
        np.arange(math.floor(starts), math.ceil(starts + span / HOUR) + 1) * HOUR - starts * HOUR
    )
    length = np.diff(np.clip(edges, 0, span))
    counts = np.histogram(when, edges)[0].astype(float)
    place = (np.arange(len(counts)) + math.floor(starts)) % WEEK
    hour, day = place % 24, place // 24
    if len(counts) < ENOUGH_HOURS:
        return (), ()
    h, d = np.ones(24), np.ones(7)
    mean = counts.sum() / length.sum()
    several = span >= 7 * 24 * HOUR
    for _ in range(30):
        h = _weights(counts, length * d[day] * mean, hour, 24)
        if several:
            d = _weights(counts, length * h[hour] * mean, day, 7)
    noise = max(1.0, dispersion(when, span, 60.0) or 1.0)
    flat, full = length * mean, length * mean * h[hour] * d[day]
    gain = float((counts * np.log(np.maximum(full, 1e-12) / flat) - full + flat).sum())
    if gain / noise < 0.5 * (len(np.unique(hour)) + 6 * several) * math.log(len(counts)):
        return (), ()
    return tuple(round(float(w), 4) for w in h), tuple(
        round(float(w), 4) for w in d
    ) if several else ()


def _weights(counts: np.ndarray, expected: np.ndarray, kind: np.ndarray, many: int) -> np.ndarray:
    seen = np.bincount(kind, expected, many)
    found = np.where(
        seen > 0, np.bincount(kind, counts, many) / np.where(seen > 0, seen, 1.0), np.nan
    )
    return np.asarray(np.nan_to_num(found / np.nanmean(found), nan=1.0))


def poisson(due: np.ndarray) -> Family:
    """Exponential gaps. due: arrivals expected in each gap."""
    mean = due.mean()
    return Family("Poisson", float((due / mean + math.log(mean)).sum()), len(due), {})


def gamma(due: np.ndarray) -> Family:
    """Gamma gaps by maximum likelihood: log k - digamma(k) is the log of the mean minus the mean of
    the logs."""
    from scipy.optimize import brentq
    from scipy.special import digamma, gammaln, polygamma

    n, mean = len(due), due.mean()
    apart = math.log(mean) - float(np.log(due).mean())
    off = [math.log(k) - float(digamma(k)) - apart for k in SHAPES]
    k = (
        SHAPES[0]
        if off[0] <= 0
        else SHAPES[1]
        if off[1] >= 0
        else float(brentq(lambda k: math.log(k) - digamma(k) - apart, *SHAPES))
    )
    cost = float((due * k / mean - (k - 1) * np.log(due)).sum()) + n * (
        k * math.log(mean / k) + float(gammaln(k))
    )
    spread = 1 / math.sqrt(n * (float(polygamma(1, k)) - 1 / k)) / k / 2
    return Family("gamma gaps", cost, n, {"cv": Estimate.on_log_scale(k**-0.5, spread, n)})


def modulated(gap: np.ndarray, due: np.ndarray) -> Family:
    """Busy and quiet spells: a two-state modulated Poisson process, by the exact likelihood of its
    gaps (Fischer and Meier-Hellstern 1993).

    gap: seconds; due: arrivals expected in each.
    """

    def cost(theta: np.ndarray, gap: np.ndarray, due: np.ndarray) -> float:
        peak, busy, spell = _told(theta)
        quiet = 1 / (1 - busy + busy * peak)
        if not (peak <= 1000 and 0.001 <= busy <= 0.999 and spell <= 1e9):
            return 1e18
        steps = two_state.arrival_densities(busy, spell, (peak * quiet, quiet), gap, due)
        return -two_state.log_likelihood((busy, 1 - busy), steps)

    rough = gap[:ROUGH], due[:ROUGH]
    typical = float(gap.mean())
    starts = [np.array([math.log(3.0), -1.5, math.log(typical * many)]) for many in (5, 50, 500)]
    tried = [minimize(lambda x: cost(x, *rough), start, 120, 0.7) for start in starts]
    middle = max(0, (len(gap) - FINE) // 2)
    fine = gap[middle : middle + FINE], due[middle : middle + FINE]
    best = min(
        (
            minimize(lambda x: cost(x, *fine), start, 160)
            for start, _ in sorted(tried, key=lambda one: one[1])[:2]
        ),
        key=lambda one: one[1],
    )
    theta, found = best
    peak, busy, spell = _told(theta)
    spread = np.minimum(standard_errors(lambda x: cost(x, *fine), theta, 1e-2), 1e9)
    n = len(fine[0])
    bound = [
        (_told(theta - 1.96 * spread * axis), _told(theta + 1.96 * spread * axis))
        for axis in np.eye(3)
    ]
    each = [
        Estimate(value, bound[k][0][k], bound[k][1][k], n)
        if spread[k] < 3 and peak < 990
        else Estimate(value, None, None, n)
        for k, value in enumerate((peak, busy, spell))
    ]
    return Family(
        "busy and quiet spells",
        found * len(gap) / n,
        len(gap),
        dict(zip(("peak", "busy_share", "spell"), each, strict=True)),
    )


def _told(theta: np.ndarray) -> tuple[float, float, float]:
    """(peak, busy share, spell in s) from log(peak - 1), logit and log."""
    bounded = np.clip(theta, -30, 30)
    return 1 + math.exp(bounded[0]), 1 / (1 + math.exp(-bounded[1])), math.exp(bounded[2])
