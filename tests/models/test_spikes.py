"""Flash crowds: a rate that is multiplied for a while."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simroute.models import spec
from simroute.models.rate_profile import ArrivalProfile
from simroute.models.spikes import SpikedArrivals, mean_arrivals
from simroute.models.weather import Weather

Make = Callable[..., Weather]


def arrivals(weather: Weather) -> np.ndarray:
    return np.concatenate([block.arrival for block in weather.blocks()] or [np.zeros(0)])


def test_requests_come_so_many_times_as_fast_while_a_spike_lasts(weather: Make) -> None:
    """At 5/s, four times as many from 30 to 40 % of 2,000 s: counts within 4 sd of Poisson means
    3,000, 4,000 and 6,000, and even within the spike (dispersion 1 within 4 sd)."""
    load = spec.Workload(rate=5, spikes={"news": spec.Spike("30%", 800.0, 4.0)})
    times = arrivals(weather(load, horizon=2000.0))
    counts = np.histogram(times, bins=[0, 600, 800, 2000])[0]
    assert counts == pytest.approx([3000, 4000, 6000], abs=4 * np.sqrt(6000))
    assert abs(counts[1] - 4000) < 4 * np.sqrt(4000)
    seconds = np.histogram(times, bins=np.arange(600, 801))[0]
    assert seconds.var() / seconds.mean() == pytest.approx(1, abs=4 * np.sqrt(2 / 200))


def test_what_comes_before_a_spike_is_what_comes_without_it(weather: Make) -> None:
    """Bit by bit; and a factor of 1 changes nothing beyond rounding."""
    plain = arrivals(weather(spec.Workload(rate=5), horizon=1000.0))
    load = spec.Workload(rate=5, spikes={"crowd": spec.Spike(600.0, 700.0, 10.0)})
    crowded = arrivals(weather(load, horizon=1000.0))
    before = int(np.searchsorted(plain, 600.0))
    assert np.array_equal(plain[:before], crowded[:before])
    load = spec.Workload(rate=5, spikes={"crowd": spec.Spike(600.0, 700.0, 1.0)})
    assert arrivals(weather(load, horizon=1000.0)) == pytest.approx(plain, rel=1e-12)


def test_busy_spells_go_on_within_a_spike(weather: Make) -> None:
    """Ten times as many over the whole horizon are the arrivals of ten times the rate."""
    bursts = spec.Burstiness(peak=20.0, busy_share=0.1, spell=30.0)
    spiked = spec.Workload(rate=2, burstiness=bursts, spikes={"all": spec.Spike(0.0, "100%", 10.0)})
    times = arrivals(weather(spiked, horizon=500.0))
    fast = arrivals(weather(spec.Workload(rate=20, burstiness=bursts), horizon=500.0))
    assert times == pytest.approx(fast, rel=1e-9)


@given(
    st.lists(st.tuples(st.floats(0, 5e4), st.floats(1, 5e4), st.floats(0.01, 100)), max_size=5),
    st.floats(0, 2e5),
)
def test_the_way_back_is_exact(spans: list[tuple[float, float, float]], t: float) -> None:
    """Any spikes, overlapping ones too, over a profile with closed hours: the time at which as many
    are expected as until t has as many expected before it."""
    hours = tuple(float(8 <= hour < 20) for hour in range(24))
    spikes = {str(k): spec.Spike(a, a + b, f) for k, (a, b, f) in enumerate(spans)}
    law = SpikedArrivals(spikes, ArrivalProfile(spec.Profile(hours=hours), 0.5), 2e5)
    count = law.count(np.array([t]))
    assert law.count(law.when(count)) == pytest.approx(count, rel=1e-9, abs=1e-6)


def test_overlapping_spikes_multiply() -> None:
    """Two doublings share 50 of their 100 s: 150 s bring as many as 50 x 2 + 50 x 4 + 50 x 2 s; the
    rest of 1,000 s come as ever."""
    spikes = {"a": spec.Spike(100.0, 200.0, 2.0), "b": spec.Spike(150.0, 250.0, 2.0)}
    law = mean_arrivals(spec.Workload(spikes=spikes), 1.0, 1000.0)
    assert law.count(np.array(1000.0)) == pytest.approx(850 + 400)
