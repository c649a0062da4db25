"""Likelihoods of times: each gradient is that of its cost."""

import numpy as np
import pytest

from simroute.fitting.latency import _LinearTimes


@pytest.mark.parametrize("family", ["lognormal", "shifted", "mixture"])
def test_the_gradient_is_the_slope_of_the_cost(family: str) -> None:
    """To one part in a million of the steepest, by central differences, at ten random places."""
    source = np.random.default_rng(1)
    tokens = source.integers(1, 2000, (2, 300)).astype(float)
    seconds = (0.4 + tokens.T @ [2e-4, 1e-2]) * np.exp(0.5 * source.normal(size=300))
    cost = getattr(_LinearTimes(seconds, list(tokens)), family)
    sizes = {"lognormal": 4, "shifted": 5, "mixture": 7}
    usual = np.array([-1.0, -8.0, -5.0, -0.5, -1.0, 1.0, -1.5])[: sizes[family]]
    for _ in range(10):
        place = usual + source.uniform(-0.5, 0.5, len(usual))
        steps = 1e-5 * np.eye(len(place))
        slopes = [(cost(place + step)[0] - cost(place - step)[0]) / 2e-5 for step in steps]
        gradient = cost(place)[1]
        np.testing.assert_allclose(gradient, slopes, rtol=0, atol=1e-6 * np.abs(slopes).max())
