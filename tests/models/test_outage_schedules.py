"""Random outages: when they come, how long and how deep they are, and whom they reach together."""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from operator import attrgetter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simroute.models import spec
from simroute.models.exposure import Exposures
from simroute.models.outage_depth import STEPS
from simroute.models.outage_draws import draw_outages
from simroute.models.random import Streams
from simroute.models.weather import Weather

Make = Callable[..., Weather]
PRICE = spec.PriceList(3, 15)
FLEET = {
    "a": spec.Deployment("acme", "m-1", price=PRICE),
    "b": spec.Deployment("other", "m-2", price=PRICE),
}
HOUR, DAY, WEEK = 3600.0, 86_400.0, 604_800.0


def drawn(outages: Any, horizon: float, replication: int = 0, **scenario: Any) -> Any:
    """The windows of a replication."""
    if isinstance(outages, spec.Outage):
        outages = {"o": outages}
    made = spec.Scenario(FLEET, outages=outages, horizon=horizon, **scenario)
    return draw_outages(made, Streams(1, replication), horizon)


def down_at(windows: Any, t: float, target: str = "a") -> bool:
    return any(w.start <= t < w.end and target in w.targets for w in windows)


def oracle(shared: Any, name: str) -> Any:
    vectors = json.loads((shared / "vectors/closed_forms.json").read_text())["oracles"]
    return next(one for one in vectors if one["id"] == name)


def near(found: Any, expected: float, sigmas: float = 4.0) -> None:
    """The mean of independent values is what it should be, within so many standard errors."""
    values = np.asarray(found, float)
    error = values.std(ddof=1) / math.sqrt(len(values))
    assert abs(values.mean() - expected) <= sigmas * max(error, 1e-12), (values.mean(), error)


def test_availability_is_that_of_a_markov_chain_with_exponential_repairs(shared: Any) -> None:
    """Vector A02 at 1, 5 and 20 s of 8,000 replications, within 4 binomial sd."""
    vector = oracle(shared, "A02")
    outage = spec.Outage(
        provider="acme",
        mean_between=vector["params"]["mtbf"],
        repair=vector["params"]["mttr"],
        repair_law="exponential",
    )
    runs = [drawn(outage, 20.5, replication) for replication in range(8000)]
    for t in (1, 5, 20):
        up = np.mean([not down_at(run, t) for run in runs])
        expected = vector["expected"][f"A_{t}"]
        assert up == pytest.approx(expected, abs=4 * math.sqrt(expected * (1 - expected) / 8000))


@pytest.mark.parametrize("law", ["exponential", "fixed", "lognormal"])
def test_two_providers_are_as_available_as_the_product_says(shared: Any, law: Any) -> None:
    """Vector A03, in equilibrium from t = 0: both down .0002 of the time, 105 minutes a year,
    within 4 standard errors of 400 runs of 40 days."""
    vector = oracle(shared, "A03")
    median = 600.0 / (math.exp(0.5**2 / 2) if law == "lognormal" else 1.0)
    outages = {}
    for name, provider in (("x", "acme"), ("y", "other")):
        up = vector["params"]["A1" if name == "x" else "A2"]
        outages[name] = spec.Outage(
            provider=provider,
            mean_between=600.0 * up / (1 - up),
            repair=median,
            repair_sigma=0.5,
            repair_law=law,
            stationary=True,
        )
    horizon, lost = 40 * DAY, []
    for replication in range(400):
        windows = drawn(outages, horizon, replication)
        (a, b), (c, d) = (
            np.array([(w.start, min(w.end, horizon)) for w in windows if w.name == name]).T
            for name in "xy"
        )
        both = np.minimum.outer(b, d) - np.maximum.outer(a, c)
        lost.append(both.clip(0.0).sum() / horizon)
    near(lost, 1 - vector["expected"]["availability"])
    near(np.array(lost) * 525_960, vector["expected"]["annual_minutes_down"])


def test_shared_shocks_strike_as_marshall_and_olkin_say(shared: Any) -> None:
    """Vector A05: two rates of their own and one of a shock for both; the first failures of each
    are simultaneous with l12 / (l1 + l2 + l12), and correlated as much. 4 sd at 20,000 runs."""
    vector = oracle(shared, "A05")
    l1, l2, l12 = (vector["params"][name] for name in ("l1", "l2", "l12"))
    once = {"repair": 1e6, "repair_law": "fixed"}
    outages = {
        "one": spec.Outage(provider="acme", mean_between=1 / l1, **once),
        "two": spec.Outage(provider="other", mean_between=1 / l2, **once),
        "both": spec.Outage(provider="acme", also=("other",), mean_between=1 / l12, **once),
    }
    n = 20_000
    times = np.array(
        [
            [min(w.start for w in windows if target in w.targets) for target in "ab"]
            for windows in (drawn(outages, 5000.0, replication) for replication in range(n))
        ]
    )
    expected, check = vector["expected"], vector["check"]
    found = {
        "p_simultaneous": np.mean(times[:, 0] == times[:, 1]),
        "mean_first": times.min(axis=1).mean(),
        "mean_last": times.max(axis=1).mean(),
        "corr": np.corrcoef(times.T)[0, 1],
    }
    for name, value in found.items():
        tolerance = check[name]["tol_abs"] * math.sqrt(check[name]["n"] / n)
        assert value == pytest.approx(expected[name], abs=tolerance), name
    for column, mean in ((0, "mean_1"), (1, "mean_2")):
        near(times[:, column], expected[mean])


def test_a_beta_factor_is_the_share_of_outages_that_reach_others() -> None:
    """A fifth of the outages, within 4 sd, and never another company's own."""
    outage = spec.Outage(
        provider="acme", also=("other",), also_share=0.2, mean_between=50.0, repair=1.0
    )
    windows = drawn(outage, 1e5)
    both = np.mean([w.targets == ("a", "b") for w in windows])
    assert {w.targets for w in windows} == {("a",), ("a", "b")}
    assert both == pytest.approx(0.2, abs=4 * math.sqrt(0.16 / len(windows)))


@pytest.mark.parametrize("shape", [0.5, 0.657, 1.0, 3.0])
def test_a_stationary_process_has_its_rate_and_its_share_from_the_first_second_on(
    shape: float,
) -> None:
    """Renewal theory: down at any t with repair / (mean_between + repair), and t / cycle starts
    until t; a Weibull process that begins fresh has more, or fewer."""
    outage = spec.Outage(
        provider="acme",
        mean_between=300.0,
        shape=shape,
        repair=60.0,
        repair_sigma=0.8,
        stationary=True,
    )
    mean = 60.0 * math.exp(0.8**2 / 2)
    runs = [drawn(outage, 400.0, replication) for replication in range(5000)]
    for t in (0.0, 30.0, 399.0):
        near([down_at(run, t) for run in runs], mean / (300 + mean))
    for until in (20.0, 400.0):
        near([sum(0 < w.start < until for w in run) for run in runs], until / (300 + mean))
    fresh = [
        drawn(
            spec.Outage(
                provider="acme", mean_between=300.0, shape=shape, repair=60.0, repair_sigma=0.8
            ),
            20.0,
            r,
        )
        for r in range(5000)
    ]
    if shape != 1.0:
        early = np.mean([len(run) for run in fresh]) - 20.0 / (300 + mean)
        assert (early > 0.02) if shape < 1 else (early < -0.02)


OFFICE = spec.Starts(
    hours=tuple(3.0 if 6 <= hour < 18 else 1.0 for hour in range(24)),
    days=(1.0,) * 5 + (0.2,) * 2,
)


@pytest.mark.parametrize("stationary", [False, True])
@pytest.mark.parametrize(("begins", "offset"), [(0.0, 0.0), (80.0, -8.0)])
def test_outages_begin_at_the_hours_and_days_that_have_them(
    stationary: bool, begins: float, offset: float
) -> None:
    """Three quarters from 06 to 18 h, and .4 / 5.4 of all on a weekend; as many a week as without
    hours, all within 4 sd of a Poisson count over 600 weeks."""
    outage = spec.Outage(
        provider="acme",
        mean_between=12 * HOUR,
        repair=60.0,
        repair_law="fixed",
        starts=replace(OFFICE, utc_offset=offset),
        stationary=stationary,
    )
    load = spec.Workload(profile=spec.Profile(starts=begins))
    starts = np.array([w.start for w in drawn(outage, 600 * WEEK, workload=load)])
    n = len(starts)
    hour = (starts / HOUR + begins + offset) % 168
    office = np.mean((hour % 24 >= 6) & (hour % 24 < 18))
    weekend = np.mean(hour >= 120)
    for share, expected in ((office, 0.75), (weekend, 0.4 / 5.4)):
        assert share == pytest.approx(expected, abs=4 * math.sqrt(expected * (1 - expected) / n))
    cycle = 12 * HOUR + 60
    assert n == pytest.approx(600 * WEEK / cycle, abs=4 * math.sqrt(600 * WEEK / cycle))


def test_outages_of_two_providers_are_independent_given_the_hour(shared: Any) -> None:
    """Both have the same hours: in an hour of the week they meet as chance says, so the lift over
    independence is that of the hours, sum w^2 / (sum w)^2 x 168, within 4 standard errors."""
    outage = {
        "mean_between": 3 * HOUR,
        "repair": 300.0,
        "repair_law": "fixed",
        "starts": OFFICE,
        "stationary": True,
    }
    outages = {
        "x": spec.Outage(provider="acme", **outage),
        "y": spec.Outage(provider="other", **outage),
    }
    weights = np.repeat(OFFICE.days, 24) * np.tile(OFFICE.hours, 7)
    lift = (weights**2).mean() / weights.mean() ** 2
    grid = np.arange(0, 4 * WEEK, 60.0)
    single, together = [], []
    for replication in range(150):
        windows = drawn(outages, 4 * WEEK, replication)
        state = []
        for name in "xy":
            spells = np.array([(w.start, w.end) for w in windows if w.name == name])
            place = np.searchsorted(spells[:, 0], grid, "right") - 1
            state.append((place >= 0) & (grid < spells[place, 1]))
        single.append((state[0].mean() + state[1].mean()) / 2)
        together.append((state[0] & state[1]).mean())
    expected = np.mean(single) ** 2 * lift
    error = np.std(together, ddof=1) / math.sqrt(150)
    # a spell of 5 minutes reaches a little into the next hour
    assert np.mean(together) == pytest.approx(expected, abs=4 * error + 0.02 * expected)


def parts(outage: spec.Outage, horizon: float, replication: int = 0) -> Any:
    """(duration, error share, slow-down) of each outage of a run."""
    weather = Weather(spec.Scenario(FLEET, outages={"o": outage}, horizon=horizon), 1, replication)
    return weather, [
        (w.end - w.start, weather.outages[s.name].error_share, weather.outages[s.name].slow_down)
        for w, s in zip(weather.windows, weather.spells, strict=True)
    ]


def test_depth_is_drawn_apart_from_duration() -> None:
    """26 of 916 full; the others Beta with mean .3 and variance .2 x .3 x .7, slow-downs 1 + gamma
    with mean 2; no correlation with how long they last. All within 4 sd."""
    outage = spec.Outage(
        provider="acme",
        mean_between=100.0,
        repair=5.0,
        error_share=0.3,
        slow_down=3.0,
        depth=spec.Depth(full=26 / 916, spread=0.2),
    )
    length, share, slow = np.array(parts(outage, 4e5)[1]).T
    n, full = len(length), share == 1
    assert full.mean() == pytest.approx(26 / 916, abs=4 * math.sqrt(26 / 916 / n))
    part = share[~full]
    near(part, 0.3)
    near((part - 0.3) ** 2, 0.2 * 0.3 * 0.7)
    near(slow[~full], 3.0)
    near((slow[~full] - 3.0) ** 2, 0.2 * 2.0**2)
    for other in (share, slow):
        assert abs(np.corrcoef(np.log(length), other)[0, 1]) < 4 / math.sqrt(n)


def test_a_spread_of_1_is_all_or_nothing() -> None:
    """Beta with variance m (1 - m): a third fail all calls, the others none, within 4 sd."""
    outage = spec.Outage(
        provider="acme",
        mean_between=100.0,
        repair=5.0,
        error_share=1 / 3,
        depth=spec.Depth(spread=1.0),
    )
    share = np.array(parts(outage, 2e5)[1])[:, 1]
    assert set(share.tolist()) == {0.0, 1.0}
    near(share, 1 / 3)


def test_a_brown_out_grows_and_fades() -> None:
    """100 s long, 20 s up and 20 s down, in eight steps: on the whole 80 s of its depth; slow-downs
    of 5 grow from 1."""
    outage = spec.Outage(
        provider="acme", start=50.0, end=150.0, error_share=0.8, slow_down=5.0, ramp=20.0
    )
    made = spec.Scenario(FLEET, outages={"o": outage}, horizon=200.0)
    timeline = Weather(made, 1, 0).deployments["a"].timeline
    t = np.arange(0.05, 200, 0.1)
    share, slow = (timeline.figures(t, attrgetter(name)) for name in ("error_share", "slow_down"))
    assert share.sum() * 0.1 == pytest.approx(0.8 * 80, rel=1e-3)
    assert (slow - 1).sum() * 0.1 == pytest.approx(4 * 80, rel=1e-3)
    grows = share[(t > 50) & (t < 70)]
    assert len(set(grows.tolist())) == STEPS
    assert (np.diff(share[(t < 100)]) >= 0).all()
    assert (np.diff(share[(t > 100)]) <= 0).all()
    assert share[(t < 50) | (t > 150)].max() == 0


def test_an_outage_that_flaps_is_bad_for_its_share_of_the_time() -> None:
    """30 s bad, 10 s fair, exponential: three quarters of it, by renewal theory within 4 sd."""
    outage = spec.Outage(
        provider="acme", start=0.0, end=1e5, flapping=spec.Flapping(bad=30.0, fair=10.0)
    )
    made = spec.Scenario(FLEET, outages={"o": outage}, horizon=1e5)
    weather = Weather(made, 1, 0)
    bad = sum(s.end - s.start for s in weather.spells) / 1e5
    sd = math.sqrt((10**2 * 30**2 + 30**2 * 10**2) / 40**3 / 1e5)
    assert bad == pytest.approx(0.75, abs=4 * sd)
    assert len(weather.windows) == 1
    starts = np.array([s.start for s in weather.spells])
    assert len(starts) == pytest.approx(1e5 / 40, rel=0.1)


def test_an_outage_begins_behind_every_so_many_requests() -> None:
    """The tenth request is still answered, the eleventh meets it; ten more after its end the next
    one comes."""
    outage = spec.Outage(provider="acme", after_requests=10, repair=7.0, repair_law="fixed")
    made = spec.Scenario(
        FLEET, outages={"o": outage}, horizon=300.0, workload=spec.Workload(rate=1.0)
    )
    weather = Weather(made, 1, 0)
    arrivals = weather.arrivals()
    done = 0.0
    assert len(weather.windows) > 5
    for window in weather.windows:
        counted = arrivals[(arrivals >= done) & (arrivals < window.start)]
        assert len(counted) == 10
        assert window.start == np.nextafter(counted[-1], np.inf)
        assert window.end - window.start == pytest.approx(7.0)
        done = window.end
    assert len(arrivals[arrivals >= done]) < 10


KINDS = {
    "exponential": {"repair_law": "exponential"},
    "stationary": {"stationary": True, "shape": 0.6},
    "hours": {"starts": OFFICE},
    "stationary hours": {"starts": OFFICE, "stationary": True},
    "rarely full": {"depth": spec.Depth(full=0.2, spread=0.3), "error_share": 0.4},
    "at times with others": {"also": ("other",), "also_share": 0.3},
    "both": {
        "also": ("other",),
        "also_share": 0.3,
        "depth": spec.Depth(full=0.2),
        "error_share": 0.4,
    },
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_law_of_exposures_is_that_of_the_process(kind: str) -> None:
    """Each state's expected share of a week is the mean over 1,500 replications, within 4 standard
    errors and a thousandth; full ones, and those that reach others, are states of their own."""
    outage = spec.Outage(
        provider="acme", mean_between=30 * HOUR, repair=2 * HOUR, repair_sigma=0.7, **KINDS[kind]
    )
    made = spec.Scenario(FLEET, outages={"o": outage}, horizon=WEEK)
    exposures = Exposures(made, 1, lambda t: np.asarray(t) / WEEK)
    found = np.array([exposures.episodes(r).shares for r in range(1500)])
    total = found.sum(axis=1)
    expected = sum(state.expected for state in exposures.states)
    error = total.std(ddof=1) / math.sqrt(1500)
    assert total.mean() == pytest.approx(expected, abs=4 * error + 1e-3 * expected)
    names = [state.faults for state in exposures.states]
    assert all(len(faults) == 1 for faults in names)  # kinds of one outage never come together
    assert len(names) == {"rarely full": 2, "at times with others": 2, "both": 4}.get(kind, 1)
    for state, shares in zip(exposures.states, found.T, strict=True):
        if len(state.faults) == 1:
            error = shares.std(ddof=1) / math.sqrt(1500)
            slack = 2e-3 * state.expected
            assert shares.mean() == pytest.approx(state.expected, abs=4 * error + slack)


@settings(max_examples=60, deadline=None)
@given(
    between=st.floats(600, 1e5),
    shape=st.floats(0.3, 5),
    repair=st.floats(1, 1e5),
    law=st.sampled_from(["lognormal", "exponential", "fixed"]),
    stationary=st.booleans(),
    hours=st.booleans(),
    full=st.floats(0, 1),
    spread=st.floats(0, 1),
    share=st.floats(0, 1),
    slow=st.floats(1, 100),
    ramp=st.floats(0, 1e4),
    flap=st.one_of(st.just(0.0), st.floats(30, 1e4)),
    also=st.floats(0, 1),
)
def test_any_schedule_is_in_order_and_any_depth_in_its_range(
    between: float,
    shape: float,
    repair: float,
    law: Any,
    stationary: bool,
    hours: bool,
    full: float,
    spread: float,
    share: float,
    slow: float,
    ramp: float,
    flap: float,
    also: float,
) -> None:
    """Outages of one name follow one another from t = 0 on, and their parts lie within them;
    shares stay between 0 and 1, slow-downs at 1 or more; and twice is the same."""
    outage = spec.Outage(
        provider="acme",
        mean_between=between,
        shape=shape,
        repair=repair,
        repair_law=law,
        stationary=stationary,
        starts=OFFICE if hours else spec.Starts(),
        error_share=share,
        slow_down=slow,
        depth=spec.Depth(full, spread),
        ramp=ramp,
        flapping=spec.Flapping(flap),
        also=("other",),
        also_share=also,
    )
    made = spec.Scenario(FLEET, outages={"o": outage}, horizon=2 * DAY)
    one, two = Weather(made, 3, 1), Weather(made, 3, 1)
    assert (one.windows, one.spells, one.outages) == (two.windows, two.spells, two.outages)
    edges = [edge for w in one.windows for edge in (w.start, w.end)]
    assert edges == sorted(edges)
    assert all(0 <= w.start < 2 * DAY for w in one.windows)
    assert all(
        any(w.start - 1e-6 <= s.start <= s.end <= w.end + 1e-6 for w in one.windows)
        for s in one.spells
    )
    for part in one.outages.values():
        assert 0 <= part.error_share <= 1
        assert part.slow_down >= 1
    timeline = one.deployments["a"].timeline
    failing = timeline.figures(np.linspace(0, 3 * DAY, 500), attrgetter("failure_share"))
    assert ((failing >= 0) & (failing <= 1)).all()
