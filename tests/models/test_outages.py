"""Bad weather: functions of time, never of the number of calls."""

import json
import math
from collections.abc import Callable
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import ndtr

from simroute.models import spec
from simroute.models.faults import Conditions
from simroute.models.weather import Weather

Make = Callable[..., Weather]
PRICE = spec.PriceList(3, 15)


def fleet(**errors: Any) -> dict[str, spec.Deployment]:
    """Two deployments of one provider, one of which shares a region with another provider's."""
    return {
        "a": spec.Deployment("acme", "m-1", price=PRICE, domain="eu", **errors),
        "b": spec.Deployment("acme", "m-2", price=PRICE),
        "c": spec.Deployment("other", "n-1", price=PRICE, domain="eu"),
    }


def shares(conditions: Conditions, steps: int = 100_000) -> dict[int, float]:
    """Share of coins on an even grid that meet each status, 200 for those that pass."""
    grid = (np.arange(steps) + 0.5) / steps
    verdicts = [
        conditions.failure_status(coin) if coin < conditions.failure_share else 200
        for coin in grid.tolist()
    ]
    return {
        status: count / steps
        for status, count in zip(*np.unique(verdicts, return_counts=True), strict=True)
    }


def test_fair_weather_errors_have_exactly_their_shares() -> None:
    """10 % 500 and 5 % 529 leave 85 %, to the grid's 1e-5."""
    conditions = Conditions({500: 0.10, 529: 0.05}, {})
    assert shares(conditions) == pytest.approx({200: 0.85, 500: 0.10, 529: 0.05}, abs=1e-5)
    assert (conditions.slow_down, conditions.outages) == (1.0, ())


def test_an_outage_adds_its_errors_and_hangs_to_those_of_fair_weather() -> None:
    """Of the 90 % that are fair, 60 % fail; of the other 40 %, 25 % hang: .1, .54, .09, and .27
    pass."""
    conditions = Conditions(
        {500: 0.1}, {"o": spec.Outage(error_share=0.6, status=529, hang_share=0.25)}
    )
    assert shares(conditions) == pytest.approx({500: 0.1, 529: 0.54, 0: 0.09, 200: 0.27}, abs=2e-5)
    assert conditions.failure_share == pytest.approx(0.73, abs=1e-12)


def test_outages_that_overlap_combine() -> None:
    """Errors 1 - .5 * .8 = .6 with the heavier one's status, hangs 1 - .9 * .8 = .28 of the rest,
    slow-downs 2 * 3."""
    both = {
        "light": spec.Outage(error_share=0.2, status=500, slow_down=2, hang_share=0.1),
        "heavy": spec.Outage(error_share=0.5, status=529, slow_down=3, hang_share=0.2),
    }
    conditions = Conditions({}, both)
    assert shares(conditions) == pytest.approx({529: 0.6, 0: 0.4 * 0.28, 200: 0.4 * 0.72}, abs=2e-5)
    assert (conditions.slow_down, conditions.outages) == (6, ("light", "heavy"))


def test_worse_weather_never_saves_a_call() -> None:
    """A coin that fails in fair weather fails with the same status in an outage: weathers stay
    comparable call by call."""
    fair, foul = (
        Conditions({500: 0.1, 503: 0.1}, {}),
        Conditions({500: 0.1, 503: 0.1}, {"o": spec.Outage(error_share=0.5)}),
    )
    for coin in (0.0, 0.05, 0.1, 0.15, 0.199):
        assert fair.failure_status(coin) == foul.failure_status(coin)


def test_a_total_outage_lets_nothing_through() -> None:
    """Error share 1: every coin below 1 fails."""
    assert shares(Conditions({500: 0.01}, {"o": spec.Outage()})) == pytest.approx(
        {500: 0.01, 503: 0.99}, abs=1e-5
    )


def test_scheduled_windows_hold_from_their_start_to_before_their_end(weather: Make) -> None:
    """Start in seconds or as a share of the horizon; each look-up says until when it holds."""
    outages = {"o": spec.Outage(provider="acme", start="25%", end=2000.0, error_share=0.5)}
    at = weather(deployments=fleet(), outages=outages, horizon=4000.0).deployments["a"].conditions
    for t, bad, until in (
        (0, 0, 1000),
        (999.9, 0, 1000),
        (1000, 0.5, 2000),
        (1999.9, 0.5, 2000),
        (2000, 0, math.inf),
        (1e9, 0, math.inf),
    ):
        conditions, holds = at(t)
        assert (conditions.failure_share, holds) == (bad, until)


def test_figures_at_many_moments_are_those_at_each(weather: Make) -> None:
    """At the edges of outages and between them, in any order."""
    outages = {
        "o": spec.Outage(provider="acme", start=10.0, end=30.0, error_share=0.5),
        "p": spec.Outage(provider="acme", start=20.0, end=40.0, slow_down=3),
    }
    timeline = (
        weather(deployments=fleet(), outages=outages, horizon=100.0).deployments["a"].timeline
    )
    times = [40.0, 0.0, 10.0, 9.99, 20.0, 29.99, 30.0, 99.0]
    for name in ("failure_share", "slow_down"):
        each = [getattr(timeline.at(t)[0], name) for t in times]
        assert timeline.figures(np.array(times), attrgetter(name)).tolist() == each


def test_an_outage_may_begin_at_once(weather: Make) -> None:
    """From t = 0 on, and the weather turns fair at its end."""
    at = (
        weather(
            deployments=fleet(), outages={"o": spec.Outage(provider="acme", start=0.0, end=10.0)}
        )
        .deployments["a"]
        .conditions
    )
    assert at(0.0)[0].failure_share == 1
    assert at(10.0)[0].failure_share == 0


@pytest.mark.parametrize(
    ("scope", "hit"),
    [({"deployment": "b"}, "b"), ({"provider": "acme"}, "ab"), ({"domain": "eu"}, "ac")],
)
def test_an_outage_strikes_its_scope_and_nobody_else(
    weather: Make, scope: dict[str, str], hit: str
) -> None:
    """A deployment, all of a provider, or all that share a domain, at the same time."""
    scene = weather(
        deployments=fleet(),
        outages={"o": spec.Outage(**scope, start=10.0, end=20.0)},
        horizon=100.0,
    )
    assert [
        name
        for name, model in scene.deployments.items()
        if model.conditions(15.0)[0].failure_share == 1
    ] == list(hit)
    (window,) = scene.windows
    assert window == ("o", 10.0, 20.0, tuple(hit))
    for name in set("abc") - set(hit):
        assert scene.deployments[name].conditions(0.0)[1] == math.inf


def test_overlapping_windows_meet_in_time(weather: Make) -> None:
    """Conditions change at each start and each end."""
    outages = {
        "p": spec.Outage(provider="acme", start=10.0, end=30.0, slow_down=2),
        "d": spec.Outage(domain="eu", start=20.0, end=40.0, slow_down=3),
    }
    at = weather(deployments=fleet(), outages=outages, horizon=100.0).deployments["a"].conditions
    assert [at(t)[0].slow_down for t in (5, 10, 20, 30, 40)] == [1, 2, 6, 3, 1]
    assert [at(t)[1] for t in (5, 10, 20, 30)] == [10, 20, 30, 40]
    assert at(25)[0].outages == ("p", "d")


def spells(weather: Make, horizon: float, outage: spec.Outage, **fields: Any) -> np.ndarray:
    """(start, end) of a random outage."""
    scene = weather(deployments=fleet(), outages={"o": outage}, horizon=horizon, **fields)
    return np.array([(window.start, window.end) for window in scene.windows]).reshape(-1, 2)


RANDOM = spec.Outage(provider="acme", mean_between=100.0, repair=4.0, repair_sigma=0.7)


def test_random_outages_belong_to_seed_replication_and_name(weather: Make) -> None:
    """A longer horizon, another outage or another workload changes none; another seed, replication
    or name changes all."""
    short, long = spells(weather, 2000.0, RANDOM), spells(weather, 9000.0, RANDOM)
    assert np.array_equal(short, long[: len(short)])
    scene = weather(
        spec.Workload(rate=1),
        deployments=fleet(),
        outages={"x": RANDOM, "o": RANDOM},
        horizon=2000.0,
    )
    assert [(w.start, w.end) for w in scene.windows if w.name == "o"] == [
        tuple(pair) for pair in short.tolist()
    ]
    assert not {w.start for w in scene.windows if w.name == "x"} & set(short[:, 0])
    for fields in ({"seed": 2}, {"replication": 1}):
        assert not set(spells(weather, 2000.0, RANDOM, **fields)[:, 0]) & set(short[:, 0])


def test_random_outages_follow_one_another_and_begin_within_the_horizon(weather: Make) -> None:
    """Fair times and durations are positive; the last one may end after the horizon."""
    found = spells(weather, 50_000.0, RANDOM)
    assert (np.diff(found.ravel()) > 0).all()
    assert found[-1, 0] < 50_000


def test_repair_times_are_lognormal(weather: Make) -> None:
    """About 19,000 of them: median and sd of the log within 4 sd of their estimates."""
    found = spells(weather, 2e6, RANDOM)
    logs = np.log(found[:, 1] - found[:, 0])
    assert logs.mean() == pytest.approx(np.log(4), abs=4 * 0.7 / np.sqrt(len(logs)))
    assert logs.std() == pytest.approx(0.7, abs=4 * 0.7 / np.sqrt(2 * len(logs)))


@pytest.mark.parametrize("shape", [0.657, 1.0, 2.0])
def test_fair_times_are_weibull_with_the_stated_mean(weather: Make, shape: float) -> None:
    """Kolmogorov-Smirnov at 1 % (1.63 / sqrt(n), n about 19,000) against 1 - exp(-(t / scale)^k),
    scale = mean / Gamma(1 + 1/k)."""
    found = spells(
        weather,
        2e6,
        spec.Outage(provider="acme", mean_between=100.0, shape=shape, repair=4.0, repair_sigma=0.7),
    )
    fair = np.sort(found[1:, 0] - found[:-1, 1])
    model = -np.expm1(-((fair * math.gamma(1 + 1 / shape) / 100) ** shape))
    steps = np.arange(1, len(fair) + 1) / len(fair)
    assert abs(model - steps).max() < 1.63 / np.sqrt(len(fair)) + 1 / len(fair)


def test_availability_settles_at_mtbf_over_mtbf_plus_mttr(weather: Make) -> None:
    """2,000,000 s: within 4 sd, by the renewal central limit theorem sqrt((mu_u^2 var_d + mu_d^2
    var_u) / (mu_u + mu_d)^3 / T), about .0017."""
    horizon, up, sigma = 2e6, 100.0, 0.7
    down = 4.0 * math.exp(sigma**2 / 2)
    found = spells(weather, horizon, RANDOM)
    lost = (np.minimum(found[:, 1], horizon) - found[:, 0]).sum() / horizon
    variance = (
        (up**2 * down**2 * math.expm1(sigma**2) + down**2 * up**2) / (up + down) ** 3 / horizon
    )
    assert 1 - lost == pytest.approx(up / (up + down), abs=4 * math.sqrt(variance))


def availability(
    t: float, rate: float, repaired: Callable[[np.ndarray], np.ndarray], steps: int = 1500
) -> float:
    """P(fair at t) of an alternating renewal process with exponential fair times, from its renewal
    equation on a grid."""
    grid = np.linspace(0, t, steps + 1)
    middle = (grid[1:] + grid[:-1]) / 2
    begun = -np.diff(np.exp(-rate * grid))
    cycle = np.array([(begun[:k] * repaired(grid[k] - middle[:k])).sum() for k in range(steps + 1)])
    jump, fair = np.diff(cycle), np.exp(-rate * grid)
    for k in range(1, steps + 1):
        past = (fair[k - 1 :: -1][:k] + np.r_[0.0, fair[k - 1 : 0 : -1]][:k]) / 2
        fair[k] = (fair[k] + (jump[:k] * past).sum()) / (1 - jump[0] / 2)
    return float(fair[-1])


def test_the_renewal_equation_is_solved_rightly(shared: Path) -> None:
    """The tests' own solver against vector A02's closed form for exponential repairs, to 1e-4."""
    vector = next(
        v
        for v in json.loads((shared / "vectors/closed_forms.json").read_text())["oracles"]
        if v["id"] == "A02"
    )
    mtbf, mttr = vector["params"]["mtbf"], vector["params"]["mttr"]
    for t in (1, 5, 20):
        solved = availability(t, 1 / mtbf, lambda s: -np.expm1(-s / mttr))
        assert solved == pytest.approx(vector["expected"][f"A_{t}"], abs=1e-4)


def test_availability_falls_from_one_as_the_renewal_equation_says(weather: Make) -> None:
    """As vector A02 (means 100 and 5) with the model's lognormal repairs: at 1, 5, 20 s of 4,000
    replications, within 4 binomial sd."""
    sigma = 0.7
    outage = spec.Outage(
        provider="acme", mean_between=100.0, repair=5.0 / math.exp(sigma**2 / 2), repair_sigma=sigma
    )
    runs = [spells(weather, 20.5, outage, replication=r) for r in range(4000)]
    for t in (1.0, 5.0, 20.0):
        fair = np.mean([not ((run[:, 0] <= t) & (t < run[:, 1])).any() for run in runs])
        expected = availability(
            t, 0.01, lambda s: ndtr((np.log(np.maximum(s, 1e-300) / outage.repair)) / sigma)
        )
        assert fair == pytest.approx(
            expected, abs=4 * math.sqrt(expected * (1 - expected) / len(runs)) + 1e-4
        )


def test_independent_providers_are_rarely_down_together(weather: Make) -> None:
    """Vector A03's formula, 1 - (1 - A1)(1 - A2): each down a quarter of the time, both within 4
    standard errors of 200 replications."""
    outage = {"mean_between": 30.0, "repair": 10.0, "repair_sigma": 0.0}
    outages = {
        "x": spec.Outage(provider="acme", **outage),
        "y": spec.Outage(provider="other", **outage),
    }
    times = np.linspace(200, 400, 101)
    each = []
    for replication in range(200):
        models = weather(
            deployments=fleet(), outages=outages, horizon=401.0, replication=replication
        ).deployments
        states = np.array(
            [[models[name].conditions(t)[0].failure_share > 0 for t in times] for name in "ac"]
        )
        each.append(states.all(axis=0).mean())
    assert np.mean(each) == pytest.approx(
        0.25 * 0.25, abs=4 * np.std(each, ddof=1) / np.sqrt(len(each))
    )


def test_an_outage_without_any_time_is_refused(weather: Make) -> None:
    """Neither scheduled nor random: one line that names it."""
    with pytest.raises(ValueError, match=r"outages\.o: give start and end"):
        weather(deployments=fleet(), outages={"o": spec.Outage(provider="acme")})


def test_outages_without_number_are_refused(weather: Make) -> None:
    """One every microsecond for a day would fill the memory."""
    with pytest.raises(ValueError, match=r"mean_between and repair make about .* outages; at most"):
        weather(
            deployments=fleet(),
            outages={"o": spec.Outage(provider="acme", mean_between=1e-6, repair=1e-6)},
            horizon=86_400.0,
        )
