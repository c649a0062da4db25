"""When requests come: a profile by hour of the week, and how unevenly within the hours (Poisson,
gamma gaps, or busy and quiet spells)."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from simroute.fitting import two_state
from simroute.fitting.likelihood import bic, minimize, natural_estimates, standard_errors
from simroute.models import spec
from simroute.models.rate_profile import HOUR, ArrivalProfile
from simroute.models.weather import Weather
from simroute.statistics.estimate import Estimate
from simroute.statistics.intervals import t_quantile

SCALES = (1.0, 10.0, 60.0)
"""Seconds in which requests are counted for dispersions."""
SEARCH_GAPS, FINAL_GAPS = 4_000, 40_000
"""Gaps with which the modulated family is searched for, and then refined."""
BATCHES = 20
TOLERANCE = math.log(1.5)
"""A likelier family is chosen as long as its dispersion, at the worst scale, is farther from the
trace's than another's by no more than this (log)."""
MAX_SIMULATED = 60_000
"""Requests of a simulated replication."""
MIN_HOURS = 4
SHAPES = (50.0**-2, 0.05**-2)
"""Range of the shape of gamma gaps: a scenario's `cv` is .05 to 50."""
WEEK = 7 * 24


class Family(NamedTuple):
    """A way in which arrivals may be uneven. cost: minus the log-likelihood of `n` gaps.
    parameters: by their key in `burstiness`."""

    name: str
    cost: float
    n: int
    parameters: dict[str, Estimate]

    @property
    def bic(self) -> float:
        return bic(self.cost, len(self.parameters), self.n)

    @property
    def burstiness(self) -> spec.Burstiness:
        """As the models take it."""
        return spec.Burstiness(**{key: value.value for key, value in self.parameters.items()})


class ArrivalFit(NamedTuple):
    """Arrivals of a workload.

    rate: 1/s. hours, days: weights, empty where there is no profile; starts: hour of the week.
    families: the chosen one first, then by BIC. observed: the trace's dispersion at `SCALES`, None
    where too short; simulated: the same for each family. coarse: share of gaps of length 0.
    """

    rate: Estimate
    hours: tuple[float, ...]
    days: tuple[float, ...]
    starts: float
    families: list[Family]
    observed: list[float | None]
    simulated: dict[str, list[float | None]]
    coarse: float

    @property
    def best(self) -> Family:
        return self.families[0]


def fit_arrivals(arrival: np.ndarray, span: float, starts: float = 0.0) -> ArrivalFit:
    """Fit arrivals (s from the start, in order) over `span` seconds that begin at hour `starts` of
    the week."""
    hours, days = _fit_profile(arrival, span, starts)
    shape = spec.Profile(hours=hours, days=days, starts=starts)
    profile = ArrivalProfile(shape, 1.0)
    exposure = float(profile.count(np.array([span]))[0])
    rate = len(arrival) / exposure
    expected = profile.count(arrival) * rate
    gap = np.diff(arrival)
    coarse = float((gap == 0).mean())
    gap, due = _separate_ties(gap), _separate_ties(np.diff(expected))
    families = sorted(
        (fit_poisson(due), fit_gamma(due), fit_modulated(gap, due)), key=lambda family: family.bic
    )
    observed = [dispersion(arrival, span, scale) for scale in SCALES]
    load = spec.Workload(rate=rate, profile=shape)
    simulated = {family.name: _simulate_dispersion(family, load, span) for family in families}
    distance = {
        name: max(
            (abs(math.log(a / b)) for a, b in zip(observed, values, strict=True) if a and b),
            default=0.0,
        )
        for name, values in simulated.items()
    }
    close = min(distance.values()) + TOLERANCE
    chosen = next(family for family in families if distance[family.name] <= close)
    families.sort(key=lambda family: family is not chosen)
    estimate = _rate_estimate(expected, rate, len(arrival))
    return ArrivalFit(estimate, hours, days, starts, families, observed, simulated, coarse)


def dispersion(arrival: np.ndarray, span: float, scale: float) -> float | None:
    """Variance over mean of counts in windows of `scale` seconds; 1 for a Poisson process, None
    with fewer than ten windows."""
    windows = int(span // scale)
    if windows < 10:
        return None
    indices = (arrival[arrival < windows * scale] / scale).astype(np.int64)
    counts = np.bincount(indices, minlength=windows)
    return float(counts.var() / counts.mean()) if counts.any() else None


def _simulate_dispersion(family: Family, load: spec.Workload, span: float) -> list[float | None]:
    """The dispersion of what a family simulates at each scale, the mean of three replications."""
    load = replace(load, burstiness=family.burstiness)
    span = min(span, MAX_SIMULATED / load.rate)
    scene = spec.Scenario(deployments={}, horizon=span, workload=load)
    runs = [
        np.concatenate([np.zeros(0), *(block.arrival for block in Weather(scene, 1, k).blocks())])
        for k in range(3)
    ]
    scales = [[dispersion(run, span, scale) for run in runs] for scale in SCALES]
    return [
        None if None in values else float(np.mean(np.array(values, float))) for values in scales
    ]


def _separate_ties(gap: np.ndarray) -> np.ndarray:
    """Gaps with zeros, of a clock too coarse, replaced by half the smallest gap that it shows."""
    positive = gap[gap > 0]
    return np.asarray(np.maximum(gap, positive.min() / 2 if len(positive) else 1.0))


def _rate_estimate(expected: np.ndarray, rate: float, n: int) -> Estimate:
    """From counts in 20 equal parts, which need not be Poisson."""
    parts = min(BATCHES, max(2, n // 10))
    counts = np.histogram(expected, np.linspace(0, n, parts + 1))[0] * parts / n
    half = t_quantile(parts - 1) * float(counts.std(ddof=1)) / math.sqrt(parts)
    half = max(half, 1.96 / math.sqrt(n)) if parts < 10 else half
    return Estimate(rate, rate * max(0.0, 1 - half), rate * (1 + half), n)


def _fit_profile(
    arrival: np.ndarray, span: float, starts: float
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """(24 weights of hours, 7 weights of days), each empty where the trace is too short for it, or
    not likelier with it."""
    edges = (
        np.arange(math.floor(starts), math.ceil(starts + span / HOUR) + 1) * HOUR - starts * HOUR
    )
    length = np.diff(np.clip(edges, 0, span))
    counts = np.histogram(arrival, edges)[0].astype(float)
    hour_of_week = (np.arange(len(counts)) + math.floor(starts)) % WEEK
    hour, day = hour_of_week % 24, hour_of_week // 24
    if len(counts) < MIN_HOURS:
        return (), ()
    hours, days = np.ones(24), np.ones(7)
    mean = counts.sum() / length.sum()
    has_days = span >= 7 * 24 * HOUR
    for _ in range(30):
        hours = _weights(counts, length * days[day] * mean, hour, 24)
        if has_days:
            days = _weights(counts, length * hours[hour] * mean, day, 7)
    noise = max(1.0, dispersion(arrival, span, 60.0) or 1.0)
    flat, full = length * mean, length * mean * hours[hour] * days[day]
    gain = float((counts * np.log(np.maximum(full, 1e-12) / flat) - full + flat).sum())
    if gain / noise < 0.5 * (len(np.unique(hour)) + 6 * has_days) * math.log(len(counts)):
        return (), ()
    rounded = [tuple(round(float(weight), 4) for weight in weights) for weights in (hours, days)]
    return rounded[0], rounded[1] if has_days else ()


def _weights(counts: np.ndarray, expected: np.ndarray, kind: np.ndarray, size: int) -> np.ndarray:
    """Counts over expected counts by kind, with mean 1; 1 where nothing is expected."""
    total = np.bincount(kind, expected, size)
    ratio = np.where(
        total > 0, np.bincount(kind, counts, size) / np.where(total > 0, total, 1.0), np.nan
    )
    return np.asarray(np.nan_to_num(ratio / np.nanmean(ratio), nan=1.0))


def fit_poisson(due: np.ndarray) -> Family:
    """Exponential gaps. due: arrivals expected in each gap."""
    mean = due.mean()
    return Family("Poisson", float((due / mean + math.log(mean)).sum()), len(due), {})


def fit_gamma(due: np.ndarray) -> Family:
    """Gamma gaps by maximum likelihood: log k - digamma(k) is the log of the mean minus the mean of
    the logs."""
    from scipy.optimize import brentq
    from scipy.special import digamma, gammaln, polygamma

    n, mean = len(due), due.mean()
    log_ratio = math.log(mean) - float(np.log(due).mean())
    low, high = (math.log(k) - float(digamma(k)) - log_ratio for k in SHAPES)
    if low <= 0:
        k = SHAPES[0]
    elif high >= 0:
        k = SHAPES[1]
    else:
        k = float(brentq(lambda k: math.log(k) - digamma(k) - log_ratio, *SHAPES))
    cost = float((due * k / mean - (k - 1) * np.log(due)).sum()) + n * (
        k * math.log(mean / k) + float(gammaln(k))
    )
    error = 1 / math.sqrt(n * (float(polygamma(1, k)) - 1 / k)) / k / 2
    return Family("gamma gaps", cost, n, {"cv": Estimate.on_log_scale(k**-0.5, error, n)})


def fit_modulated(gap: np.ndarray, due: np.ndarray) -> Family:
    """Busy and quiet spells: a two-state modulated Poisson process, by the exact likelihood of its
    gaps (Fischer and Meier-Hellstern 1993).

    gap: seconds; due: arrivals expected in each.
    """
    middle = max(0, (len(gap) - FINAL_GAPS) // 2)
    final = slice(middle, middle + FINAL_GAPS)

    def search(theta: np.ndarray) -> float:
        return _modulated_cost(theta, gap[:SEARCH_GAPS], due[:SEARCH_GAPS])

    def cost(theta: np.ndarray) -> float:
        return _modulated_cost(theta, gap[final], due[final])

    typical = float(gap.mean())
    starts = [np.array([math.log(3.0), -1.5, math.log(typical * k)]) for k in (5, 50, 500)]
    candidates = sorted(
        (minimize(search, start, 120, 0.7) for start in starts), key=lambda item: item[1]
    )
    theta, least = min(
        (minimize(cost, start, 160) for start, _ in candidates[:2]), key=lambda item: item[1]
    )
    errors = np.minimum(standard_errors(cost, theta, 1e-2), 1e9)
    n = len(gap[final])
    estimates = [
        estimate
        if errors[k] < 3 and _modulated_parameters(theta)[0] < 990
        else Estimate(estimate.value, None, None, n)
        for k, estimate in enumerate(natural_estimates(_modulated_parameters, theta, errors, n))
    ]
    return Family(
        "busy and quiet spells",
        least * len(gap) / n,
        len(gap),
        dict(zip(("peak", "busy_share", "spell"), estimates, strict=True)),
    )


def _modulated_cost(theta: np.ndarray, gap: np.ndarray, due: np.ndarray) -> float:
    peak, busy, spell = _modulated_parameters(theta)
    quiet = 1 / (1 - busy + busy * peak)
    if not (peak <= 1000 and 0.001 <= busy <= 0.999 and spell <= 1e9):
        return 1e18
    steps = two_state.arrival_densities(busy, spell, (peak * quiet, quiet), gap, due)
    return -two_state.log_likelihood((busy, 1 - busy), steps)


def _modulated_parameters(theta: np.ndarray) -> tuple[float, float, float]:
    """(peak, busy share, spell in s) from log(peak - 1), logit and log, each cut at ±30."""
    bounded = np.clip(theta, -30, 30)
    return 1 + math.exp(bounded[0]), 1 / (1 + math.exp(-bounded[1])), math.exp(bounded[2])
