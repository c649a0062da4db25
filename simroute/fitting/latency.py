"""How long answers take: linear in tokens, lognormal around it, with a floor or a second, slower
kind of call where that is likelier."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from simroute.fitting.likelihood import bic, minimize, standard_errors
from simroute.fitting.sample import Calls
from simroute.statistics.estimate import Estimate

MOST = 20_000
"""Calls looked at, evenly taken."""
ENOUGH = 30
"""Answers from which on times are fitted."""
GAIN = 10.0
"""A more complicated family must be better by so much (BIC)."""
LOG_ROOT = 0.5 * math.log(2 * math.pi)


class TimesFit(NamedTuple):
    """Fitted to times that are linear in tokens: `family` "lognormal", "shifted" or "mixture";
    `slopes`: base and seconds per token of each kind."""

    family: str
    slopes: list[Estimate]
    sigma: Estimate
    floor: Estimate | None
    slow: dict[str, Estimate]
    bics: dict[str, float]
    n: int


class LatencyFit(NamedTuple):
    """`keys`: of `latency` in a scenario, with estimates; `what`: how it was seen, in words;
    `families`: BIC of each, by what was fitted."""

    keys: dict[str, Estimate]
    slow: dict[str, Estimate]
    what: str
    families: dict[str, dict[str, float]]


def fit_latency(calls: Calls, ill: np.ndarray | None = None) -> LatencyFit | None:
    """Of the answered calls of one deployment; None where there are too few. `ill`: seconds until
    errors in outages, where fair weather has few."""
    good = calls.where((calls.status == 200) & (calls.latency > 0))
    failed = calls.where(calls.failed & (calls.latency > 0))
    waits = failed.latency if len(failed.t) >= 5 or ill is None else ill
    error = {"error": Estimate.of_median(waits)} if len(waits) >= 5 else {}
    streamed = good.where((good.ttft > 0) & (good.ttft <= good.latency))
    if len(streamed.t) >= ENOUGH and len(streamed.t) >= 0.02 * len(good.t):
        return _streamed(_thinned(streamed), error)
    if len(good.t) < ENOUGH:
        return None
    return _whole(_thinned(good), error)


def _thinned(calls: Calls) -> Calls:
    n = len(calls.t)
    return calls if n <= MOST else calls.where((np.arange(MOST) * (n / MOST)).astype(np.int64))


def _streamed(calls: Calls, error: dict[str, Estimate]) -> LatencyFit:
    """The time to the first token, and then the time per token, each for itself."""
    first = fit_times(calls.ttft, [calls.input_tokens])
    some = (calls.output_tokens > 0) & (calls.latency > calls.ttft)
    log = np.log((calls.latency - calls.ttft)[some] / calls.output_tokens[some])
    keys = {
        "base": first.slopes[0],
        "per_1k_input": _scaled(first.slopes[1], 1000.0),
        "sigma": first.sigma,
    }
    if len(log) >= ENOUGH:
        pace = float(log.mean())
        spread, n = float(log.std(ddof=1)), len(log)
        half = 1.96 * spread / math.sqrt(n)
        keys["per_output_token"] = Estimate(
            math.exp(pace), math.exp(pace - half), math.exp(pace + half), n
        )
        keys["token_sigma"] = Estimate(
            spread,
            spread * (1 - 1.96 / math.sqrt(2 * n)),
            spread * (1 + 1.96 / math.sqrt(2 * n)),
            n,
        )
    keys |= {"floor": first.floor} if first.floor is not None else {}
    slow = first.slow | (
        {"token_sigma": keys["token_sigma"]} if first.slow and "token_sigma" in keys else {}
    )
    return LatencyFit(
        keys | error,
        slow,
        "time to first token and time per token of streamed answers",
        {"time to first token": first.bics},
    )


def _whole(calls: Calls, error: dict[str, Estimate]) -> LatencyFit:
    """Only the whole time is known: one spread for all of it."""
    all_of = fit_times(calls.latency, [calls.input_tokens, calls.output_tokens])
    sigma = all_of.sigma
    keys = {
        "base": all_of.slopes[0],
        "per_1k_input": _scaled(all_of.slopes[1], 1000.0),
        "per_output_token": all_of.slopes[2],
        "sigma": sigma,
        "token_sigma": sigma,
        "correlation": Estimate(1.0, None, None, all_of.n),
    }
    keys |= {"floor": all_of.floor} if all_of.floor is not None else {}
    slow = all_of.slow
    if slow:
        slow = slow | {"token_factor": slow["factor"], "token_sigma": slow["sigma"]}
    return LatencyFit(
        keys | error,
        slow,
        "the whole time of answers, as the log has no time to first token",
        {"whole time": all_of.bics},
    )


def _scaled(found: Estimate, by: float) -> Estimate:
    low, high = (None if bound is None else bound * by for bound in (found.low, found.high))
    return Estimate(found.value * by, low, high, found.n)


def fit_times(seconds: np.ndarray, tokens: list[np.ndarray]) -> TimesFit:
    """seconds = floor + (base + slope · tokens …) · lognormal, by maximum likelihood; the simplest
    family that is not clearly worse.

    Tokens that hardly vary tell no slope: it is 0, and the base has their mean in it.
    """
    n = len(seconds)
    varied = [k for k, each in enumerate(tokens) if each.std() > 0.02 * max(each.mean(), 1.0)]
    columns = [tokens[k] for k in varied]
    start = _started(seconds, columns)
    log = np.log(seconds)

    def centre(theta: np.ndarray) -> np.ndarray:
        return np.asarray(
            np.exp(theta[0])
            + sum((np.exp(b) * x for b, x in zip(theta[1:], columns, strict=True)), np.zeros(n))
        )

    many = 1 + len(columns)

    def lognormal(theta: np.ndarray) -> float:
        return _normal_cost(log - np.log(centre(theta[:many])), theta[many]) + float(log.sum())

    def shifted(theta: np.ndarray) -> float:
        rest = seconds - least * _share(theta[-1])
        return _normal_cost(np.log(rest) - np.log(centre(theta[:many])), theta[many]) + float(
            np.log(rest).sum()
        )

    def mixture(theta: np.ndarray) -> float:
        apart = log - np.log(centre(theta[:many]))
        sigma, slow = np.exp(np.clip(theta[many : many + 2], -7, 3))
        factor, share = math.exp(min(theta[-2], 7)), _share(theta[-1])
        one = -0.5 * (apart / sigma) ** 2 - math.log(sigma) + math.log1p(-share)
        two = -0.5 * ((apart - math.log(factor)) / slow) ** 2 - math.log(slow) + math.log(share)
        return float(-np.logaddexp(one, two).sum()) + n * LOG_ROOT + float(log.sum())

    least = 0.98 * float(seconds.min())
    tries = 250 * (many + 1)
    plain, cost = _lowest(lognormal, [start], tries)
    found: dict[str, tuple[Callable[[np.ndarray], float], np.ndarray, float]] = {
        "lognormal": (lognormal, plain, cost)
    }
    if n >= 4 * ENOUGH:
        half = np.append(plain, 0.0)
        half[0] += math.log(0.5)
        found["shifted"] = (shifted, *_lowest(shifted, [half, np.append(plain, -2.0)], tries))
        low = plain[many] - 0.3
        mixed = [
            np.concatenate([plain[:many], [low, plain[many] + 0.3, math.log(far), odds]])
            for far, odds in ((3.0, -3.0), (1.5, -1.0))
        ]
        found["mixture"] = (mixture, *_lowest(mixture, mixed, tries))
    bics = {name: bic(cost, len(theta), n) for name, (_, theta, cost) in found.items()}
    name = min(bics, key=lambda one: bics[one] + GAIN * (one != "lognormal"))
    return _times(name, *found[name][:2], varied, len(tokens), least, bics, n)


def _times(
    name: str,
    cost: Callable[[np.ndarray], float],
    theta: np.ndarray,
    varied: list[int],
    kinds: int,
    least: float,
    bics: dict[str, float],
    n: int,
) -> TimesFit:
    spread = standard_errors(cost, theta)
    many = 1 + len(varied)

    def told(place: int, by: float = 1.0) -> Estimate:
        value = by * math.exp(theta[place])
        if not spread[place] < 3:
            return Estimate(value, None, None, n)
        return Estimate(
            value,
            value * math.exp(-1.96 * spread[place]),
            value * math.exp(1.96 * spread[place]),
            n,
        )

    def part(place: int, of: float) -> Estimate:
        if not spread[place] < 5:
            return Estimate(of * _share(theta[place]), None, None, n)
        value, low, high = (
            of * _share(theta[place] + sign * 1.96 * spread[place]) for sign in (0, -1, 1)
        )
        return Estimate(value, low, high, n)

    slopes = [
        told(0),
        *(
            told(1 + varied.index(k)) if k in varied else Estimate(0.0, None, None, n)
            for k in range(kinds)
        ),
    ]
    floor = part(many + 1, least) if name == "shifted" else None
    slow: dict[str, Estimate] = {}
    sigma = told(many)
    if name == "mixture":
        slow = {"share": part(many + 3, 1.0), "factor": told(many + 2), "sigma": told(many + 1)}
    return TimesFit(name, slopes, sigma, floor, slow, bics, n)


def _started(seconds: np.ndarray, columns: list[np.ndarray]) -> np.ndarray:
    """Logs of base and slopes by least squares that know no negative ones, and of the spread."""
    from scipy.optimize import nnls

    made = np.stack([np.ones(len(seconds)), *columns], axis=1)
    weights = 1 / np.maximum(seconds, 1e-9)  # errors grow with the time itself
    found = np.asarray(nnls(made * weights[:, None], seconds * weights)[0])
    smallest = 1e-4 * float(np.median(seconds)) / np.maximum(made.mean(axis=0), 1e-12)
    slopes = np.maximum(found, smallest)
    apart = np.log(seconds) - np.log(made @ slopes)
    slopes = slopes * math.exp(float(np.median(apart)))
    return np.append(np.log(slopes), math.log(max(float(apart.std()), 1e-3)))


def _lowest(
    cost: Callable[[np.ndarray], float], starts: list[np.ndarray], tries: int
) -> tuple[np.ndarray, float]:
    found = min((minimize(cost, start, tries) for start in starts), key=lambda one: one[1])
    return minimize(cost, found[0], tries, 0.05)


def _normal_cost(apart: np.ndarray, log_sigma: float) -> float:
    sigma = math.exp(min(max(log_sigma, -9.0), 4.0))
    return float(0.5 * np.square(apart / sigma).sum()) + len(apart) * (math.log(sigma) + LOG_ROOT)


def _share(x: float) -> float:
    return 1 / (1 + math.exp(-min(max(x, -30.0), 30.0)))


def latency_keys(found: LatencyFit) -> dict[str, Any]:
    """As `latency` stands in a scenario."""
    keys: dict[str, Any] = {name: each.value for name, each in found.keys.items()}
    return keys | (
        {"slow": {name: each.value for name, each in found.slow.items()}} if found.slow else {}
    )
