"""When requests arrive: Poisson, by a weekly profile, or as in a trace."""

import json
import tracemalloc
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from simroute.models import spec
from simroute.models.questions import BLOCK
from simroute.models.rate_profile import ArrivalProfile
from simroute.models.weather import Weather
from simroute.traces import Trace, read_trace

Make = Callable[..., Weather]
HOUR, DAY, WEEK = 3600.0, 86_400.0, 604_800.0


def arrivals(weather: Weather) -> np.ndarray:
    return np.concatenate([block.arrival for block in weather.blocks()] or [np.zeros(0)])


def test_arrivals_are_poisson(weather: Make, shared: Path) -> None:
    """Vector S02: gaps pass Kolmogorov-Smirnov against Exp(10) at 1 %; counts a second have
    dispersion 1 within 4 sd (0.057)."""
    vector = next(
        v
        for v in json.loads((shared / "vectors/closed_forms.json").read_text())["oracles"]
        if v["id"] == "S02"
    )
    rate, n = vector["params"]["lam"], vector["params"]["n"]
    times = arrivals(weather(spec.Workload(rate=rate), horizon=1.05 * n / rate))[:n]
    model = -np.expm1(-rate * np.sort(np.diff(times, prepend=0.0)))
    steps = np.arange(n + 1) / n
    assert (
        max((model - steps[:-1]).max(), (steps[1:] - model).max())
        < vector["expected"]["ks_crit_1pct"]
    )
    counts = np.histogram(times, bins=np.arange(0, 9_900))[0]
    assert counts.var() / counts.mean() == pytest.approx(
        vector["expected"]["dispersion"], abs=4 * np.sqrt(2 / len(counts))
    )


def test_the_number_of_arrivals_has_the_rate_as_its_mean(weather: Make) -> None:
    """Over 50 replications of 1,000 s at 2/s: within 4 sd of the mean of Poisson counts (25.3 of
    2,000)."""
    counts = [
        len(arrivals(weather(spec.Workload(rate=2), horizon=1000.0, replication=r)))
        for r in range(50)
    ]
    assert np.mean(counts) == pytest.approx(2000, abs=4 * np.sqrt(2000 / 50))


def test_all_arrive_in_order_within_the_horizon_in_whole_blocks(weather: Make) -> None:
    """Every block but the last is full, and says how many requests came before it."""
    blocks = list(weather(horizon=2000.0).blocks())
    assert [block.first for block in blocks] == [i * BLOCK for i in range(len(blocks))]
    assert all(block.size == BLOCK for block in blocks[:-1])
    times = np.concatenate([block.arrival for block in blocks])
    assert (np.diff(times) > 0).all()
    assert 0 < times[0] < times[-1] < 2000


def test_a_longer_horizon_changes_no_earlier_arrival(weather: Make) -> None:
    """The first 1,000 s are the same in a run of 1,000 s and in one of 5,000 s."""
    short, long = arrivals(weather(horizon=1000.0)), arrivals(weather(horizon=5000.0))
    assert np.array_equal(short, long[: len(short)])


def test_nothing_arrives_at_rate_zero(weather: Make) -> None:
    """A rate of 0 is legal."""
    assert len(arrivals(weather(spec.Workload(rate=0)))) == 0


def test_blocks_are_made_when_asked_for(weather: Make) -> None:
    """A horizon of thirty thousand years costs nothing until it is played; memory at 60 blocks is
    that at 10 (within 10 %)."""
    scene = weather(horizon=1e12)
    peaks = []
    for count in (10, 60):
        tracemalloc.start()
        for _ in islice(scene.blocks(), count):
            pass
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.1 * peaks[0]


def test_a_flat_profile_is_no_profile() -> None:
    """Equal weights give count / rate to rounding (a relative 1e-12)."""
    counts = np.linspace(0, 10_000, 101)
    flat = ArrivalProfile(spec.Profile(hours=(2.0,) * 24, days=(5.0,) * 7), 0.01)
    assert flat.when(counts) == pytest.approx(counts / 0.01, rel=1e-12)


def test_the_inverse_of_the_integrated_rate_is_exact() -> None:
    """Eight working hours with all of a mean of 1/s: 3/s from 9 to 17 h, so arrival 1 is expected
    at 9 h + 1/3 s, 10,800 at 10 h, 86,400 at 17 h."""
    hours = tuple(float(9 <= hour < 17) for hour in range(24))
    when = ArrivalProfile(spec.Profile(hours=hours), 1.0).when(
        np.array([1.0, 10_800.0, 86_401.5, 7 * 86_400.0 + 3])
    )
    assert when == pytest.approx(
        [9 * HOUR + 1 / 3, 10 * HOUR, DAY + 9 * HOUR + 0.5, WEEK + 9 * HOUR + 1], abs=1e-6
    )


def test_a_profile_may_start_in_the_middle_of_the_week() -> None:
    """Weekdays only, from Saturday noon: the first expected arrival at 7/5 per second comes 36 h
    later."""
    profile = spec.Profile(days=(1, 1, 1, 1, 1, 0, 0), starts=5 * 24 + 12.0)
    assert ArrivalProfile(profile, 1.0).when(np.array([1.4]))[0] == pytest.approx(
        36 * HOUR + 1, abs=1e-6
    )


def test_arrivals_follow_the_profile(weather: Make) -> None:
    """Over 4 weeks: the 168 counts by hour of the week, scaled, have a chi-square of 168 within 4
    sd (73.3); the mean rate is kept within 4 sd."""
    hours, days = np.r_[np.ones(12), 3 * np.ones(12)], np.array([1, 1, 1, 1, 1, 0.5, 0.25])
    profile = spec.Profile(hours=tuple(hours.tolist()), days=tuple(days.tolist()))
    times = arrivals(weather(spec.Workload(rate=0.05, profile=profile), horizon=4 * WEEK))
    weights = np.outer(days, hours).ravel()
    expected = weights / weights.mean() * 0.05 * HOUR * 4
    counts = np.histogram(times % WEEK, bins=np.arange(169) * HOUR)[0]
    assert ((counts - expected) ** 2 / expected).sum() == pytest.approx(
        168, abs=4 * np.sqrt(2 * 168)
    )
    assert len(times) == pytest.approx(0.05 * 4 * WEEK, abs=4 * np.sqrt(0.05 * 4 * WEEK))


TRACE = Trace(
    np.array([0.0, 1.0, 4.0, 4.0, 10.0]),
    np.array([10, 20, 30, 40, 50]),
    np.array([1, 2, 3, 4, 9000]),
)


def test_a_trace_replaces_arrivals_and_lengths(weather: Make) -> None:
    """Its rows come as they are, the last one at the horizon included; answers are cut to what
    callers allow."""
    (block,) = weather(spec.Workload(trace="t"), horizon=10.0, files={"trace": TRACE}).blocks()
    assert block.lists.arrival == [0, 1, 4, 4, 10]
    assert block.lists.input_tokens == [10, 20, 30, 40, 50]
    assert block.lists.output_tokens == [1, 2, 3, 4, 4096]


def test_a_trace_can_be_played_faster_and_in_part(weather: Make) -> None:
    """From 1 s to 4 s of it, twice as fast: t = 0 is the start of the window."""
    load = spec.Workload(trace="t", rate_scale=2.0, trace_from=1.0, trace_to=4.0)
    (block,) = weather(load, horizon=10.0, files={"trace": TRACE}).blocks()
    assert block.lists.arrival == [0, 1.5, 1.5]
    assert block.lists.input_tokens == [20, 30, 40]


def test_the_azure_trace_is_replayed_row_by_row(weather: Make, shared: Path) -> None:
    """All 19,366 requests of the conversation trace, in order, whatever the seed."""
    trace = read_trace(shared / "data/azure2023_conv.csv")
    times = [
        arrivals(
            weather(
                spec.Workload(trace="t"),
                seed=s,
                horizon=float(trace.arrival[-1]),
                files={"trace": trace},
            )
        )
        for s in (1, 2)
    ]
    assert len(times[0]) == 19_366
    assert np.array_equal(times[0], times[1])


@pytest.mark.parametrize("rate", [0.0, 2.0])
def test_arrivals_alone_are_those_of_the_blocks(weather: Make, rate: float) -> None:
    """To the bit, over several blocks."""
    drawn = weather(spec.Workload(rate=rate), horizon=3 * BLOCK / 2)
    assert np.array_equal(drawn.arrivals(), arrivals(drawn))
    assert (len(drawn.arrivals()) > 2 * BLOCK) == (rate > 0)
