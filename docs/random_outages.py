"""How often the intervals of shares hold the truth where outages come at random: a table of
docs/statistics.md, written by `coverages.py`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from simroute.models import spec
from simroute.models.exposure import Exposures
from simroute.statistics.intervals import Interval
from simroute.studies.comparison.random_outages import OutageExposure

HORIZON, RATE, FAIR = 3600.0, 1.0, 0.999
OUTAGES = (10, 20, 50)
"""Replications of the studies of random outages."""
STUDIES = 100
MARGIN = 0.3
"""The promise is nearer to 100 % than the truth, by this part of what is lost: whoever calls it
kept is wrong."""


@dataclass(frozen=True)
class Weather:
    """Outages that come so often a horizon at each of one or two targets. `fails`: the share of
    requests that fail under these outages."""

    name: str
    often: float
    fails: Callable[[tuple[str, ...]], float]
    sigma: float = 1.32
    targets: int = 1

    @property
    def scenario(self) -> spec.Scenario:
        repair = 600.0 if self.often < 5 else 200.0
        names = ("a", "b")[: self.targets]
        outages = {
            name: spec.Outage(
                deployment=name,
                mean_between=HORIZON / self.often,
                repair=repair,
                repair_sigma=self.sigma,
            )
            for name in names
        }
        return spec.Scenario(
            {name: spec.Deployment(name, name) for name in names}, horizon=HORIZON, outages=outages
        )


def weathers() -> list[Weather]:
    """Rates of .05 to 5 outages a horizon, error shares of .1 to 1; and two targets, both of which
    have to be out."""
    often = (0.05, 0.18, 0.5, 1.0, 5.0)
    single = [
        Weather(f"{each:g} a horizon, {share:.0%} of calls fail", each, _failing(share))
        for each in often
        for share in (1.0, 0.3, 0.1)
    ]
    even = [
        Weather(
            f"{each:g} a horizon, all of one length, all calls fail", each, _failing(1.0), sigma=0.0
        )
        for each in often
    ]
    both = [
        Weather(
            f"{each:g} a horizon at each of two, both have to be out",
            each,
            lambda here: float(len(here) == 2),
            targets=2,
        )
        for each in often
    ]
    return single + even + both


def _failing(share: float) -> Callable[[tuple[str, ...]], float]:
    return lambda here: share


@cache
def outages(
    weather: Weather, replications: int, studies: int = STUDIES
) -> tuple[float, float, float]:
    """Of so many studies, the shares whose interval holds the truth, that call a promise kept which
    is not, and that say it is missed.

    A surrogate of the simulator: requests arrive at random, and fail with the share of the state in
    which they do. The truth is by the law of the faults, which `tests/models/test_exposure.py`
    holds against renewal theory and against replications.
    """
    held = wrong = decided = 0
    scenario = weather.scenario
    for study in range(studies):
        sky = Exposures(scenario, 1000 + study, lambda when: when / HORIZON)
        lost = sum(
            state.expected * (FAIR - 1 + weather.fails(state.faults)) for state in sky.states
        )
        truth = FAIR - lost
        promise = truth + MARGIN * (1 - truth)
        chance = np.random.Generator(np.random.Philox(key=[study, replications]))
        found = surrogate(weather, sky, replications, chance)
        low, high = max(0.0, found.low or 0.0), min(1.0, 1.0 if found.high is None else found.high)
        held += low <= truth <= high
        wrong += low >= promise
        decided += high < promise
    return held / studies, wrong / studies, decided / studies


def surrogate(
    weather: Weather, sky: Exposures, replications: int, chance: np.random.Generator
) -> Interval:
    """The interval of one study."""
    episodes = [sky.episodes(replication) for replication in range(replications)]
    shares = np.array([one.shares for one in episodes])
    fair = 1 - shares.sum(axis=1, keepdims=True)
    arrivals = chance.poisson(RATE * HORIZON * np.hstack([np.maximum(fair, 0.0), shares]))
    success = [FAIR, *(1 - weather.fails(state.faults) for state in sky.states)]
    hits, total = chance.binomial(arrivals, success).sum(axis=1), arrivals.sum(axis=1)
    met = OutageExposure(
        tuple(sky.states), shares, np.array([one.squares for one in episodes]), RATE * HORIZON
    )
    return met.interval((hits / total).tolist(), total.tolist())


def outage_rows() -> list[tuple[str, ...]]:
    """The table of random outages."""
    return [
        (
            weather.name,
            *(
                f"{100 * figure:.0f}"
                for place in range(3)
                for n in OUTAGES
                for figure in [outages(weather, n)[place]]
            ),
        )
        for weather in weathers()
    ]
