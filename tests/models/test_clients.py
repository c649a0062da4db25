"""A mixture of clients as arrivals: rates and unevenness as a file says, against ServeGen's."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simroute.models import spec
from simroute.models.blocks import Inputs
from simroute.models.clients import ClientWindows, client_arrivals
from simroute.models.random import Streams
from simroute.models.weather import Weather
from simroute.traces import TraceError
from simroute.traces.client_windows import read_clients

HEAD = "category,model,client,t_s,rate_rps,cv,pattern,p1,p2\n"


def one(rate: float, cv: float, weibull: bool, windows: int = 40) -> ClientWindows:
    """A client at an even rate."""
    size = np.ones(windows)
    start = 600.0 * np.arange(windows)
    codes = np.zeros(windows, np.int64)
    return ClientWindows(["c"], codes, start, rate * size, cv * size, size > 2 - weibull, 600.0)


def moments(windows: ClientWindows, horizon: float, **options: float) -> np.ndarray:
    known = client_arrivals(windows, spec.ClientOptions(None, **options), Streams(1, 0), horizon)
    return np.concatenate([np.zeros(0), *(block["arrival"] for block in known)])


@settings(max_examples=25, deadline=None)
@given(st.floats(0.5, 5), st.floats(0.3, 6), st.booleans())
def test_a_client_has_the_stated_rate_and_unevenness(rate: float, cv: float, weibull: bool) -> None:
    """Counts of 24,000 s within 5 sd of a renewal process (cv times the root), the coefficient of
    variation of some ten thousand gaps within a third (its error grows with cv)."""
    when = moments(one(rate, cv, weibull), 24_000.0)
    expected = rate * 24_000
    assert len(when) == pytest.approx(expected, abs=5 * max(cv, 1) * np.sqrt(expected))
    assert (np.diff(when) >= 0).all()
    gaps = np.diff(when)
    assert gaps.std() / gaps.mean() == pytest.approx(cv, rel=0.33)


def test_a_longer_horizon_and_a_later_start_change_no_arrival_of_a_window() -> None:
    """A function of time; and half the rate keeps the unevenness."""
    windows = one(2.0, 3.0, False)
    short, long = moments(windows, 6000.0), moments(windows, 12_000.0)
    assert np.array_equal(short, long[: len(short)])
    half = moments(windows, 24_000.0, factor=0.5)
    assert len(half) == pytest.approx(24_000, abs=5 * 3 * np.sqrt(24_000))
    gaps = np.diff(half)
    assert gaps.std() / gaps.mean() == pytest.approx(3.0, rel=0.2)


def test_servegens_clients_keep_their_shares_rates_and_bursts(shared: Path) -> None:
    """Six hours of m-large at a hundredth: requests of each of the ten busiest clients within 5 sd
    of its rates (of its mean cv), and together as uneven at 60 s as their windows say: more than a
    Poisson process of the same rates by hour."""
    path = shared / "data/servegen_client_windows.csv.gz"
    if not path.exists():
        pytest.skip("no data")
    clients = read_clients(path, "m-large")
    options = spec.ClientOptions("m-large", factor=0.01, start=12 * 3600.0)
    load = spec.Workload(clients=str(path), client_options=options)
    weather = Weather(
        spec.Scenario({}, horizon=21_600.0, workload=load), 1, 0, Inputs(clients=clients)
    )
    blocks = list(weather.blocks())
    user = np.concatenate([block.user for block in blocks])
    when = np.concatenate([block.arrival for block in blocks])
    assert (np.diff(when) >= 0).all()
    inside = (clients.start >= 12 * 3600) & (clients.start < 18 * 3600)
    for code in range(10):
        mine = inside & (clients.client == code)
        expected = float(clients.rate[mine].sum() * 600 * 0.01)
        spread = float(clients.cv[mine].max(initial=1.0))
        assert (user == code).sum() == pytest.approx(
            expected, abs=5 * spread * np.sqrt(expected) + 1
        )
    counts = np.histogram(when, bins=np.arange(0, 21_601, 60))[0]
    assert counts.var() / counts.mean() > 2


def test_a_small_file_is_read_as_clients(tmp_path: Path) -> None:
    """The busiest first; an unknown model is refused with the nearest."""
    file = tmp_path / "clients.csv"
    file.write_text(
        HEAD
        + "language,m-large,7,0,0.5,2,Gamma,1,1\nlanguage,m-large,9,600,3,1,Weibull,1,1\n"
        + "language,m-mid,1,0,9,1,Gamma,1,1\n",
        encoding="utf-8",
    )
    found = read_clients(file, None)
    assert found.names == ["client-9", "client-7"]
    assert found.start.tolist() == [600.0, 0.0]
    assert found.expected(spec.ClientOptions(), 900.0) == 0.5 * 600 + 3 * 300
    with pytest.raises(TraceError, match="m-large"):
        read_clients(file, "m-larg")
