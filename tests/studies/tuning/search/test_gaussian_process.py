"""The surface that is fitted to runs: kriging as the textbooks have it, and common random numbers
that cancel."""

import math

import numpy as np
import pytest

from problems import COST, known
from simroute.studies.tuning.problem.goals import parse_goals
from simroute.studies.tuning.problem.space import NumberParameter, Space
from simroute.studies.tuning.search.evaluations import SEARCH, Evaluations
from simroute.studies.tuning.search.gaussian_process import (
    GaussianProcess,
    TrainingData,
    cholesky_in_place,
    fit,
)
from simroute.studies.tuning.search.surrogate import Surrogate

THETA = np.log([0.4, 0.7, 0.5, 0.2, 0.1])  # two lengths, weather, turn, noise


def matern(a, b):
    """5/2, over two parameters with the lengths of THETA."""
    r = math.sqrt(5 * (((a[0] - b[0]) / 0.4) ** 2 + ((a[1] - b[1]) / 0.7) ** 2))
    return (1 + r + r * r / 3) * math.exp(-r)


@pytest.fixture
def runs():
    """Six settings of two parameters, each in replications 0 and 1."""
    chance = np.random.default_rng(3)
    x = np.repeat(chance.random((6, 2)), 2, axis=0)
    return TrainingData(x, np.array([0, 1] * 6), chance.normal(size=12), (False, False))


def test_the_posterior_is_that_of_kriging_with_an_unknown_mean(runs):
    """Means, deviations and the scale equal those of the system of equations of Rasmussen and
    Williams (2006), 2.7, solved by LAPACK."""
    where = np.array([[0.3, 0.8], [0.9, 0.1]])
    pairs = [(i, j) for i in range(12) for j in range(12)]
    k = np.array([matern(runs.x[i], runs.x[j]) for i, j in pairs]).reshape(12, 12)
    same = np.equal.outer(runs.replications, runs.replications)
    whole = np.linalg.inv(k + same * (0.5 + 0.2 * k) + (0.1 + 1e-8) * np.eye(12))
    near = np.array([[matern(w, x) for x in runs.x] for w in where])
    mean = whole.sum(axis=0) @ runs.y / whole.sum()
    rest = runs.y - mean
    scale = rest @ whole @ rest / 12
    leans = 1 - near @ whole.sum(axis=1)
    variances = [
        scale * (1 - near[i] @ whole @ near[i] + leans[i] ** 2 / whole.sum()) for i in range(2)
    ]
    means, deviations = GaussianProcess(runs, THETA).predict(where)
    assert means == pytest.approx(mean + near @ whole @ rest)
    assert deviations == pytest.approx(np.sqrt(variances))


def test_draws_are_as_wide_as_the_posterior_says(runs):
    """Of 4,000 draws the means lie within four standard errors, the deviations within 5 % (their
    standard error is 1.1 %)."""
    where = np.array([[0.3, 0.8], [0.9, 0.1], [0.91, 0.1]])
    surface = GaussianProcess(runs, THETA)
    drawn = surface.sample(where, np.random.default_rng(1).normal(size=(4000, 3)))
    means, deviations = surface.predict(where)
    assert (abs(drawn.mean(axis=0) - means) < 4 * deviations / math.sqrt(4000)).all()
    assert drawn.std(axis=0) == pytest.approx(deviations, rel=0.05)
    assert np.corrcoef(drawn.T)[1, 2] > 0.99  # neighbours go together


def test_elimination_is_cholesky_s():
    """The root is LAPACK's, and a further column is what solves the triangle."""
    half = np.random.default_rng(2).normal(size=(5, 5))
    matrix, right = half @ half.T + np.eye(5), np.arange(5.0)
    found = np.column_stack([matrix, right])
    cholesky_in_place(found)
    root = np.linalg.cholesky(matrix)
    assert np.triu(found[:, :5]) == pytest.approx(root.T)
    assert found[:, 5] == pytest.approx(np.linalg.solve(root, right))


def test_who_ran_in_bad_weather_only_is_not_taken_for_worse():
    """The figure is x; replication 1 costs 10 more, and only some settings met it: they are still
    ordered by x."""
    x = np.array([0.1, 0.3, 0.5, 0.7, 0.9, 0.1, 0.5])
    replications = np.array([0, 0, 0, 0, 0, 1, 1])
    surface = fit(TrainingData(x[:, None], replications, x + 10 * replications, (False,)))
    means, _ = surface.predict(np.array([[0.1], [0.5], [0.9]]))
    assert means[1] - means[0] == pytest.approx(0.4, abs=0.1)
    assert means[2] - means[1] == pytest.approx(0.4, abs=0.1)


def test_one_lucky_setting_among_worse_neighbours_is_not_believed():
    """Of forty settings that are all the same but for noise the one that looks best is believed at
    most half of its luck."""
    space = Space((NumberParameter("breaker.cooldown", 30.0, low=5, high=300, log=True),))
    archive = Evaluations(space, 1, known(lambda values: 5.0, noise=0.0, own=1.0))
    for place in range(40):
        point = ((place + 0.5) / 40,)
        archive.add(space.values(point), point, 1)
    archive.run(archive, SEARCH, 2)
    means = {each.number: sum(each.series(SEARCH, 0, COST, 2)) / 2 for each in archive}
    luck = 5.0 - min(means.values())
    surface = Surrogate(archive, parse_goals([f"min {COST}"], [])).processes[COST, 0]
    believed, _ = surface.predict(np.array([space.point(each.values) for each in archive]))
    assert luck > 1
    assert 5.0 - believed.min() < luck / 2
