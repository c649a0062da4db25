"""A figure as a smooth function of the setting: a Gaussian process over (setting, replication),
fitted to single runs.

run(x, r) = mean + f(x) + weather(r) + turn(x, r) + noise: f is what counts; the weather of a
replication is common to all settings that met it, its turn to neighbouring ones. So differences are
paired, neighbours lend each other their replications, and one lucky run moves little. Source:
Ankenman, Nelson, Staum (2010), stochastic kriging; here the common random numbers are in the
kernel.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

LENGTH, WEATHER, TURN, NOISE = (0.5, 0.7), (0.3, 2.0), (0.03, 1.5), (0.03, 1.5)
"""Log-normal priors (median, sigma): of lengths as shares of a range, of the others as shares of
the variance of f."""
STEPS, SWEEPS, WORTH = (1.0, 0.5, 0.25), 3, 0.1
"""By which parameters are moved, in logarithms; how often all of them; and the gain in likelihood
below which that is enough."""
FAR = 3.0
"""Sigmas from its median beyond which no parameter is moved: the matrices stay well conditioned."""
LEARNT_FROM = 100
"""About so many runs the parameters are learnt from; the posterior is that of all."""
JITTER = 1e-8


@dataclass(frozen=True)
class TrainingData:
    """By setting: x (runs x parameters) in [0, 1], the replication and the figure of each. `apart`:
    which parameters only differ, far or near."""

    x: Array
    replications: NDArray[np.int64]
    y: Array
    apart: tuple[bool, ...]

    def subsample(self, most: int) -> TrainingData:
        """Those of every k-th setting, about so many."""
        settings = np.cumsum(np.any(np.diff(self.x, axis=0, prepend=self.x[:1]) != 0, axis=1))
        is_in = settings % max(1, math.ceil(len(self.y) / most)) == 0
        return TrainingData(self.x[is_in], self.replications[is_in], self.y[is_in], self.apart)


@dataclass(frozen=True)
class GaussianProcess:
    """The posterior of a figure given runs. `theta`: logarithms of a length for each parameter, of
    weather, turn and noise.

    The mean has a flat prior; the variance of f is the likeliest one.
    """

    runs: TrainingData
    theta: Array

    def predict(self, points: Array) -> tuple[Array, Array]:
        """Means and standard deviations (points) of the figure over all weather."""
        means, scale, rows, unknown, total = self._posterior(points)
        variances = scale * (1 - (rows * rows).sum(axis=0) + unknown**2 / total)
        return means, np.sqrt(np.maximum(variances, 0.0))

    def sample(self, points: Array, normals: Array) -> Array:
        """Surfaces at points (draws x points) that are possible, made of as many standard normal
        numbers."""
        means, scale, rows, unknown, total = self._posterior(points)
        root = (
            _kernel(points, self.theta, self.runs.apart)
            - np.einsum("ri,rj->ij", rows, rows)
            + unknown[:, None] * unknown / total
        )
        root[range(len(points)), range(len(points))] += JITTER
        cholesky_in_place(root)
        drawn: Array = means + math.sqrt(scale) * np.einsum("dp,pq->dq", normals, np.triu(root))
        return drawn

    def likelihood(self) -> float:
        """Its logarithm, but for a constant."""
        root = self._factorize(self.runs.x[:0])
        return -0.5 * len(root) * math.log(self._mean_and_variance(root)[1]) - float(
            np.log(np.diag(root)).sum()
        )

    def _posterior(self, points: Array) -> tuple[Array, float, Array, Array, float]:
        """Means; the variance of f; the root's rows of the points; how far each leans on the mean;
        and how well that is known."""
        root = self._factorize(points)
        mean, scale = self._mean_and_variance(root)
        ones, y, rows = root[:, len(root)], root[:, len(root) + 1], root[:, len(root) + 2 :]
        leaning = (ones[:, None] * rows).sum(axis=0)
        return (
            mean + (y[:, None] * rows).sum(axis=0) - mean * leaning,
            scale,
            rows,
            1 - leaning,
            float((ones * ones).sum()),
        )

    def _factorize(self, points: Array) -> Array:
        """Cholesky's root of the runs' covariances, and beside it a column of ones, of y, and of
        each point, divided by it."""
        runs, count = self.runs, len(self.runs.y)
        weather, turn, noise = np.exp(self.theta[-3:])
        near = _kernel(np.concatenate([runs.x, points]), self.theta, runs.apart)[:count]
        same = np.equal.outer(runs.replications, runs.replications)
        root = np.concatenate(
            [
                near[:, :count] * (1 + turn * same) + weather * same,
                np.ones((count, 1)),
                runs.y[:, None],
                near[:, count:],
            ],
            axis=1,
        )
        root[range(count), range(count)] += noise + JITTER
        cholesky_in_place(root)
        return root

    @staticmethod
    def _mean_and_variance(root: Array) -> tuple[float, float]:
        """The mean, and the variance of f."""
        count = len(root)
        ones, y = root[:, count], root[:, count + 1]
        mean = float((ones * y).sum() / (ones * ones).sum())
        return mean, max(float(((y - mean * ones) ** 2).sum()) / count, 1e-300)


def fit(runs: TrainingData, theta: Array | None = None) -> GaussianProcess:
    """The likeliest surface under the priors; from `theta` only small steps are tried."""
    some = runs.subsample(LEARNT_FROM)
    medians, sigmas = (
        np.log([LENGTH[0]] * runs.x.shape[1] + [WEATHER[0], TURN[0], NOISE[0]]),
        _sigmas(runs.x.shape[1]),
    )

    def worth(tried: Array) -> float:
        return GaussianProcess(some, tried).likelihood() - 0.5 * float(
            (((tried - medians) / sigmas) ** 2).sum()
        )

    theta_best = medians if theta is None else theta
    best = worth(theta_best)
    for step in STEPS if theta is None else STEPS[1:]:
        for _ in range(SWEEPS):
            before = best
            for place in range(len(theta_best)):
                for sign in (step, -step):
                    tried = theta_best.copy()
                    tried[place] += sign
                    if (
                        abs(tried[place] - medians[place]) <= FAR * sigmas[place]
                        and (value := worth(tried)) > best
                    ):
                        theta_best, best = tried, value
                        break
            if best < before + WORTH:
                break
    return GaussianProcess(runs, theta_best)


def _sigmas(parameters: int) -> Array:
    return np.array([LENGTH[1]] * parameters + [WEATHER[1], TURN[1], NOISE[1]])


def _kernel(x: Array, theta: Array, apart: tuple[bool, ...]) -> Array:
    """Matérn 5/2 between all points."""
    squares = np.zeros((len(x), len(x)))
    for column, length, is_apart in zip(x.T, np.exp(theta[:-3]), apart, strict=True):
        gaps = np.subtract.outer(column, column) / length
        squares += (gaps != 0) / length**2 if is_apart else gaps * gaps
    r = np.sqrt(5 * squares)
    kernel: Array = (1 + r + r * r / 3) * np.exp(-r)
    return kernel


def cholesky_in_place(matrix: Array) -> None:
    """Cholesky's root (rows x rows) of a symmetric matrix, in place above its diagonal; further
    columns are divided by it.

    Ours, since a library's threads would decide the last bit, and stand in each other's way on a
    busy machine.
    """
    count = len(matrix)
    for place in range(count):
        matrix[place, place] = root = math.sqrt(max(matrix[place, place], JITTER))
        row = matrix[place, place + 1 :]
        row /= root
        matrix[place + 1 :, place + 1 :] -= row[: count - place - 1, None] * row
