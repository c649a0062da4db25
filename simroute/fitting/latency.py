"""How long answers take: linear in tokens, lognormal around it, with a floor or a second, slower
kind of call where that is likelier."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from simroute.fitting.likelihood import (
    bic,
    descend,
    inverse_logit,
    minimize_from,
    share_estimate,
    standard_errors,
)
from simroute.fitting.sample import Calls
from simroute.statistics.estimate import Estimate

MAX_CALLS, SEARCH_CALLS = 20_000, 2_000
"""Calls looked at, evenly taken; and those with which the families are searched for."""
MIN_ANSWERS = 30
"""Answers from which on times are fitted."""
MIN_ERRORS = 5
MIN_GAIN = 10.0
"""BIC by which a more complicated family must be better."""
LOG_ROOT = 0.5 * math.log(2 * math.pi)


class TimesFit(NamedTuple):
    """Times that are linear in tokens.

    family: "lognormal", "shifted" or "mixture". slopes: base (s) and seconds per token of each
    kind. slow: share, factor and sigma of slower calls, of a mixture. bics: by family.
    """

    family: str
    slopes: list[Estimate]
    sigma: Estimate
    floor: Estimate | None
    slow: dict[str, Estimate]
    bics: dict[str, float]
    n: int


class LatencyFit(NamedTuple):
    """keys, slow: of `latency` and its `slow` in a scenario. basis: what was fitted, in words.
    families: what was fitted -> BIC by family."""

    keys: dict[str, Estimate]
    slow: dict[str, Estimate]
    basis: str
    families: dict[str, dict[str, float]]


def fit_latency(calls: Calls, outage_errors: np.ndarray | None = None) -> LatencyFit | None:
    """Fit the answered calls of a deployment; None where there are too few.

    outage_errors: seconds until errors in outages, used where fair weather has few.
    """
    answered = calls.where((calls.status == 200) & (calls.latency > 0))
    failed = calls.where(calls.failed & (calls.latency > 0))
    few = len(failed.t) < MIN_ERRORS and outage_errors is not None
    waits = np.asarray(outage_errors) if few else failed.latency
    error = {"error": Estimate.of_median(waits)} if len(waits) >= MIN_ERRORS else {}
    streamed = answered.where((answered.ttft > 0) & (answered.ttft <= answered.latency))
    if len(streamed.t) >= MIN_ANSWERS and len(streamed.t) >= 0.02 * len(answered.t):
        return _fit_streamed(_thin(streamed), error)
    if len(answered.t) < MIN_ANSWERS:
        return None
    return _fit_whole(_thin(answered), error)


def _thin(calls: Calls) -> Calls:
    n = len(calls.t)
    if n <= MAX_CALLS:
        return calls
    return calls.where(_evenly(n, MAX_CALLS))


def _evenly(n: int, most: int) -> np.ndarray:
    """Indices of `most` of n, evenly taken."""
    return (np.arange(most) * (n / most)).astype(np.int64)


def _fit_streamed(calls: Calls, error: dict[str, Estimate]) -> LatencyFit:
    """The time to the first token and the time per token, each by itself."""
    first = fit_times(calls.ttft, [calls.input_tokens])
    timed = (calls.output_tokens > 0) & (calls.latency > calls.ttft)
    log = np.log((calls.latency - calls.ttft)[timed] / calls.output_tokens[timed])
    keys = {
        "base": first.slopes[0],
        "per_1k_input": _scale(first.slopes[1], 1000.0),
        "sigma": first.sigma,
    }
    if len(log) >= MIN_ANSWERS:
        mean, sigma, n = float(log.mean()), float(log.std(ddof=1)), len(log)
        half, relative = 1.96 * sigma / math.sqrt(n), 1.96 / math.sqrt(2 * n)
        keys["per_output_token"] = Estimate(
            math.exp(mean), math.exp(mean - half), math.exp(mean + half), n
        )
        keys["token_sigma"] = Estimate(sigma, sigma * (1 - relative), sigma * (1 + relative), n)
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


def _fit_whole(calls: Calls, error: dict[str, Estimate]) -> LatencyFit:
    """Only the whole time is known: one spread for all of it."""
    whole = fit_times(calls.latency, [calls.input_tokens, calls.output_tokens])
    keys = {
        "base": whole.slopes[0],
        "per_1k_input": _scale(whole.slopes[1], 1000.0),
        "per_output_token": whole.slopes[2],
        "sigma": whole.sigma,
        "token_sigma": whole.sigma,
        "correlation": Estimate(1.0, None, None, whole.n),
    }
    keys |= {"floor": whole.floor} if whole.floor is not None else {}
    slow = whole.slow
    if slow:
        slow = slow | {"token_factor": slow["factor"], "token_sigma": slow["sigma"]}
    return LatencyFit(
        keys | error,
        slow,
        "the whole time of answers, as the log has no time to first token",
        {"whole time": whole.bics},
    )


def _scale(estimate: Estimate, factor: float) -> Estimate:
    low, high = (None if x is None else x * factor for x in (estimate.low, estimate.high))
    return Estimate(estimate.value * factor, low, high, estimate.n)


def fit_times(seconds: np.ndarray, tokens: list[np.ndarray]) -> TimesFit:
    """seconds = floor + (base + slope · tokens …) · lognormal, by maximum likelihood; the simplest
    family that is not clearly worse.

    Tokens that hardly vary tell no slope: it is 0, and the base includes their mean.
    """
    n = len(seconds)
    varied = [k for k, counts in enumerate(tokens) if counts.std() > 0.02 * max(counts.mean(), 1.0)]
    model = _LinearTimes(seconds, [tokens[k] for k in varied])
    fits = model.fit_families()
    bics = {family: bic(cost, len(theta), n) for family, (theta, cost) in fits.items()}
    family = min(bics, key=lambda name: bics[name] + MIN_GAIN * (name != "lognormal"))
    theta, m = fits[family][0], model.slopes
    errors = standard_errors(lambda at: getattr(model, family)(at)[0], theta)

    def on_log_scale(k: int) -> Estimate:
        value = math.exp(theta[k])
        if not errors[k] < 3:
            return Estimate(value, None, None, n)
        low, high = math.exp(-1.96 * errors[k]), math.exp(1.96 * errors[k])
        return Estimate(value, value * low, value * high, n)

    zero = Estimate(0.0, None, None, n)
    slopes = [
        on_log_scale(1 + varied.index(k)) if k in varied else zero for k in range(len(tokens))
    ]
    floor, slow = None, dict[str, Estimate]()
    if family == "shifted":
        floor = share_estimate(theta[m + 1], errors[m + 1], n, model.largest_floor)
    if family == "mixture":
        share = share_estimate(theta[m + 3], errors[m + 3], n)
        slow = {"share": share, "factor": on_log_scale(m + 2), "sigma": on_log_scale(m + 1)}
    return TimesFit(family, [on_log_scale(0), *slopes], on_log_scale(m), floor, slow, bics, n)


class _LinearTimes:
    """Costs (minus log-likelihoods) of the families with their gradients, of parameters in this
    order: logs of base and slopes, log of sigma; then the logit of the floor's share of
    `largest_floor`, or the logs of the slow sigma and factor and the logit of the slow share.

    columns: tokens of each kind that varies.
    """

    def __init__(self, seconds: np.ndarray, columns: list[np.ndarray]) -> None:
        self.seconds = seconds
        self.factors = np.stack([np.ones(len(seconds)), *columns])
        self.log = np.log(seconds)
        self.log_sum = float(self.log.sum())
        self.slopes = len(self.factors)
        self.largest_floor = 0.98 * float(seconds.min())

    def _centre(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Log of the centre of each call, and its derivatives by the logs of base and slopes."""
        terms = np.exp(np.minimum(theta[: self.slopes], 50.0))[:, None] * self.factors
        centre = terms.sum(axis=0)
        return np.log(centre), terms / centre

    def lognormal(self, theta: np.ndarray) -> tuple[float, np.ndarray]:
        centre, by_slopes = self._centre(theta)
        cost, pull, by_sigma = _normal_cost(self.log - centre, theta[self.slopes])
        return cost + self.log_sum, np.append(-(by_slopes * pull).sum(axis=1), by_sigma)

    def shifted(self, theta: np.ndarray) -> tuple[float, np.ndarray]:
        share = inverse_logit(theta[-1])
        rest = self.seconds - self.largest_floor * share
        log, (centre, by_slopes) = np.log(rest), self._centre(theta)
        cost, pull, by_sigma = _normal_cost(log - centre, theta[self.slopes])
        by_floor = -float(((pull + 1) / rest).sum())
        by_share = by_floor * self.largest_floor * share * (1 - share)
        by_slopes = -(by_slopes * pull).sum(axis=1)
        return cost + float(log.sum()), np.concatenate([by_slopes, [by_sigma, by_share]])

    def mixture(self, theta: np.ndarray) -> tuple[float, np.ndarray]:
        centre, by_slopes = self._centre(theta)
        distance = self.log - centre
        log_sigmas = theta[self.slopes : self.slopes + 2]
        sigma, slow = np.exp(np.clip(log_sigmas, -7, 3))
        late, share = distance - min(theta[-2], 7.0), inverse_logit(theta[-1])
        usual = -0.5 * (distance / sigma) ** 2 - math.log(sigma) + math.log1p(-share)
        slower = -0.5 * (late / slow) ** 2 - math.log(slow) + math.log(share)
        rarer = np.exp(-np.abs(slower - usual))
        cost = -float((np.maximum(usual, slower) + np.log(1 + rarer)).sum())
        is_slow = np.where(slower > usual, 1.0, rarer) / (1 + rarer)  # the chance that it is
        is_usual = 1 - is_slow
        pull, late_pull = is_usual * distance / sigma**2, is_slow * late / slow**2
        by_sigmas = (is_usual - pull * distance).sum(), (is_slow - late_pull * late).sum()
        gradient = np.concatenate(
            [
                -(by_slopes * (pull + late_pull)).sum(axis=1),
                np.where(np.abs(log_sigmas + 2) < 5, by_sigmas, 0.0),  # -7 to 3
                [-late_pull.sum(), share * len(is_slow) - is_slow.sum()],
            ]
        )
        return cost + len(self.seconds) * LOG_ROOT + self.log_sum, gradient

    def fit_families(self) -> dict[str, tuple[np.ndarray, float]]:
        """Family -> (parameters, cost)."""
        m = self.slopes
        plain, cost = self._minimize("lognormal", [self._start()])
        fits = {"lognormal": (plain, cost)}
        if len(self.seconds) < 4 * MIN_ANSWERS:
            return fits
        half = np.append(plain, 0.0)
        half[0] += math.log(0.5)
        fits["shifted"] = self._minimize("shifted", [half, np.append(plain, -2.0)])
        sigmas = [plain[m] - 0.3, plain[m] + 0.3]
        starts = [
            np.concatenate([plain[:m], [*sigmas, math.log(factor), logit]])
            for factor, logit in ((3.0, -3.0), (1.5, -1.0))
        ]
        fits["mixture"] = self._minimize("mixture", starts)
        return fits

    def _minimize(self, family: str, starts: list[np.ndarray]) -> tuple[np.ndarray, float]:
        """(parameters, cost): searched for with few calls, which is where most costs are asked for,
        then followed down the gradient with all."""
        search = getattr(self._few(), family)
        tries = 250 * (self.slopes + 1)
        rough, _ = minimize_from(lambda theta: search(theta)[0], starts, tries)
        if len(self.seconds) <= SEARCH_CALLS:  # the search was of all calls
            return descend(getattr(self, family), [rough])
        # no gradient leads away from a slope of nothing: also from a hundredth of the times
        least = 0.01 * np.median(self.seconds) / np.maximum(self.factors.mean(axis=1), 1e-12)
        raised = np.append(np.maximum(rough[: self.slopes], np.log(least)), rough[self.slopes :])
        places = [rough] if (raised == rough).all() else [rough, raised]
        return descend(getattr(self, family), places)

    def _few(self) -> _LinearTimes:
        """The same of at most `SEARCH_CALLS` calls, evenly taken."""
        if len(self.seconds) <= SEARCH_CALLS:
            return self
        taken = _evenly(len(self.seconds), SEARCH_CALLS)
        few = _LinearTimes(self.seconds[taken], list(self.factors[1:, taken]))
        few.largest_floor = self.largest_floor
        return few

    def _start(self) -> np.ndarray:
        """Logs of base and slopes by non-negative least squares, and of the spread."""
        from scipy.optimize import nnls

        matrix = self.factors.T
        weights = 1 / np.maximum(self.seconds, 1e-9)  # errors grow with the time itself
        slopes = np.asarray(nnls(matrix * weights[:, None], self.seconds * weights)[0])
        median = float(np.median(self.seconds))
        slopes = np.maximum(slopes, 1e-4 * median / np.maximum(matrix.mean(axis=0), 1e-12))
        distance = self.log - np.log(matrix @ slopes)
        slopes = slopes * math.exp(float(np.median(distance)))
        return np.append(np.log(slopes), math.log(max(float(distance.std()), 1e-3)))


def _normal_cost(distance: np.ndarray, log_sigma: float) -> tuple[float, np.ndarray, float]:
    """The cost, and its derivatives by each distance and by the log of sigma."""
    n, sigma = len(distance), math.exp(min(max(log_sigma, -9.0), 4.0))
    pull = distance / sigma**2
    squares = float((pull * distance).sum())
    by_sigma = n - squares if -9 < log_sigma < 4 else 0.0
    return 0.5 * squares + n * (math.log(sigma) + LOG_ROOT), pull, by_sigma
