"""How much of the traffic meets which random faults: held against renewal theory, and against what
replications meet."""

import math

import numpy as np
import pytest

from simroute.models.exposure import Exposures, rare_faults
from simroute.models.spec import Clustered, Deployment, Outage, Scenario

HOUR = 3600.0


def even(when):
    """Arrivals at a constant rate."""
    return when / HOUR


def scenario(**outages: Outage) -> Scenario:
    """Two targets, and these outages."""
    return Scenario(
        {"a": Deployment("p", "m"), "b": Deployment("q", "m")}, horizon=HOUR, outages=outages
    )


def often(
    target: str, between: float = 20_000.0, sigma: float = 0.0, repair: float = 600.0
) -> Outage:
    """Outages of about ten minutes."""
    return Outage(deployment=target, mean_between=between, repair=repair, repair_sigma=sigma)


def test_the_exposure_to_outages_of_one_length_is_that_of_renewal_theory() -> None:
    """Down at t is 1 - e^(-rt) for t < d, as the first outage began less than d ago; the second is
    then no nearer than d. For one length d and exponential gaps the k-th outage begins at k - 1
    lengths plus a gamma(k) time, so that the exposure is a sum of gamma probabilities."""
    from scipy.special import gammainc

    rate, length, times = 1 / 2000.0, 600.0, np.linspace(0, HOUR, 36_001)
    down = np.zeros(len(times))
    for k in range(1, 8):
        began = gammainc(k, rate * np.maximum(times - (k - 1) * length, 0))
        ended = gammainc(k, rate * np.maximum(times - k * length, 0))
        down += began - ended
    exact = float(down.mean())
    (state,) = Exposures(scenario(x=often("a", 2000.0)), 1, even).states
    assert state.expected == pytest.approx(exact, rel=0.004)
    assert state.faults == ("x",)
    assert state.targets == {"a"}


def test_replications_meet_what_is_expected_each_alone_and_both_at_once() -> None:
    """The means over 1,500 replications, within four standard errors."""
    sky = Exposures(scenario(x=often("a", 5000.0), y=often("b", 4000.0, sigma=0.5)), 3, even)
    seen = np.array([sky.episodes(replication).shares for replication in range(1500)])
    assert {state.faults for state in sky.states} == {("x",), ("y",), ("x", "y")}
    for place, state in enumerate(sky.states):
        assert seen[:, place].mean() == pytest.approx(
            state.expected, abs=4 * seen[:, place].std() / math.sqrt(len(seen))
        )


def test_a_scheduled_outage_is_a_state_and_clustered_errors_are_known_exactly() -> None:
    """A bad share of .1 in and out of a scheduled quarter of the hour: .025 and .075."""
    made = Scenario(
        {"a": Deployment("p", "m", clustered=Clustered(share=0.1, spell=60.0))},
        horizon=HOUR,
        outages={"planned": Outage(deployment="a", start=900.0, end=1800.0)},
    )
    found = {state.faults: state.expected for state in Exposures(made, 1, even).states}
    assert found[("planned", "clustered errors of a")] == pytest.approx(0.025)
    assert found[("clustered errors of a",)] == pytest.approx(0.075)


def test_what_every_replication_meets_or_nobody_feels_is_no_fault_of_chance() -> None:
    """Spells by the thousand, outages that change nothing, and scheduled ones."""
    harmless = Outage(deployment="a", mean_between=2000.0, error_share=0.0)
    made = scenario(
        none=harmless,
        much=often("a", 1.0, repair=1.0),
        planned=Outage(deployment="a", start=0.0, end=9.0),
    )
    assert rare_faults(made) == []
    assert Exposures(made, 1, even).states == []
