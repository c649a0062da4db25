"""The product of matrices behind hidden spells, against the textbook ways."""

import numpy as np
import pytest
from scipy.linalg import expm

from simroute.fitting import two_state

GAPS = np.array([0.0, 0.01, 0.5, 3.0, 40.0])
BUSY, SPELL = 0.2, 5.0
LEAVE = 1 / SPELL, BUSY / (SPELL * (1 - BUSY))
Q = np.array([[-LEAVE[0], LEAVE[0]], [LEAVE[1], -LEAVE[1]]])


def test_moves_between_states_are_the_matrix_exponential() -> None:
    """Of the generator times the gap, to 1e-12."""
    made = two_state.transitions(BUSY, SPELL, GAPS)
    for place, gap in enumerate(GAPS.tolist()):
        assert made[:, :, place] == pytest.approx(expm(Q * gap), abs=1e-12)


def test_gaps_of_a_modulated_process_are_the_matrix_exponential() -> None:
    """exp((Q - L) t) L with the rates on L's diagonal, to 1e-12."""
    rates = np.diag([6.0, 0.5])
    made = two_state.arrival_densities(BUSY, SPELL, (6.0, 0.5), GAPS, GAPS)
    for place, gap in enumerate(GAPS.tolist()):
        assert made[:, :, place] == pytest.approx(expm((Q - rates) * gap) @ rates, abs=1e-12)


@pytest.mark.parametrize("n", [1, 2, 3, 7, 64, 1001])
def test_pair_by_pair_is_one_after_the_other(n: int) -> None:
    """The forward recursion with scaling gives the same logarithm, to 1e-9, for any number of
    steps."""
    steps = np.random.Generator(np.random.Philox(key=n)).random((2, 2, n))
    state, total = np.array([0.3, 0.7]), 0.0
    for place in range(n):
        state = state @ steps[:, :, place]
        total += np.log(state.sum())
        state = state / state.sum()
    assert two_state.log_likelihood((0.3, 0.7), steps) == pytest.approx(total, abs=1e-9)
