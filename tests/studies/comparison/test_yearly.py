"""Yearly figures by conditional simulation: against closed forms, and against brute force over many
short years."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from simroute.config.configuration import Configuration, StudyOptions
from simroute.config.loading import restore
from simroute.errors import InputError
from simroute.execution.options import ExecutionOptions
from simroute.execution.pool import ProcessPool
from simroute.execution.progress import StudyListener
from simroute.experiment.job import Job
from simroute.experiment.run import replicate
from simroute.metrics import Figures
from simroute.models.spec import Deployment, Outage, PriceList, Scenario, Workload
from simroute.policies.retry import Retry
from simroute.statistics.intervals import interval
from simroute.studies.comparison.run import compare
from simroute.studies.comparison.yearly import strata, yearly_figures, yearly_sentences
from simroute.testing import ScriptedExecutor

YEAR, HORIZON = 43_200.0, 2400.0
"""A year of twelve hours, and a horizon of forty minutes."""
X = Outage(provider="p", start=600.0, end=1200.0, error_share=0.5, per_year=6.0)
Y = Outage(provider="p", start=600.0, end=900.0, error_share=0.8, per_year=4.0)
SCENARIO = Scenario(
    {"a": Deployment("p", "m", price=PriceList(1.0, 1.0))},
    horizon=HORIZON,
    workload=Workload(rate=0.5),
    outages={"x": X, "y": Y},
)
POLICIES = {"direct": {}, "retry": {"retry": Retry(attempts=2, statuses=(503,))}}


def made(scenario: Scenario = SCENARIO, replications: int = 20) -> Configuration:
    """Both policies in it."""
    return Configuration("compare", "test", scenario, POLICIES, 1, replications)


def test_strata_are_poisson_s_and_add_up_to_a_year() -> None:
    """6 and 4 a year of 600 and 300 s: pairs x-x 6²·600/T = .5, x-y 24·900/T = .5, y-y 16·300/T =
    .111; alone 6 - .5 - 1 and 4 - .5 - .222."""
    found = {one.outages: one.horizons for one in strata(SCENARIO, 1, YEAR)}
    assert found["x", "x"] == pytest.approx(0.5)
    assert found["x", "y"] == pytest.approx(0.5)
    assert found["y", "y"] == pytest.approx(16 * 300 / YEAR)
    assert found[("x",)] == pytest.approx(4.5)
    assert found[("y",)] == pytest.approx(4 - 0.5 - 2 * 16 * 300 / YEAR)
    assert sum(found.values()) == pytest.approx(YEAR / HORIZON)


def test_overlapping_outages_overlap_and_keep_their_lengths() -> None:
    """Whatever the way: both last as long as they do, meet, and lie within the horizon."""
    for one in strata(SCENARIO, 3, YEAR)[3:]:
        for way in one.ways:
            (a, b), spans = way.values(), [outage.end - outage.start for outage in way.values()]
            assert spans == pytest.approx([{"x": 600.0, "y": 300.0}[name] for name in one.outages])
            assert max(a.start, b.start) < min(a.end, b.end)
            assert max(a.end, b.end) <= HORIZON


@pytest.fixture(scope="module")
def conditional() -> dict:
    """What conditional simulation says of the short year."""
    configuration = made()
    runs = {policy: [replicate(configuration, policy, r) for r in range(6)] for policy in POLICIES}
    return yearly_figures(configuration, runs, ProcessPool(), year=YEAR)


def test_without_a_policy_a_year_succeeds_as_often_as_the_closed_form_says(
    conditional: dict,
) -> None:
    """Outages at once are Poisson, each lets 1 - share through: exp(-Σ rate · duration · share / T)
    = 93.8 %; within the interval of 1.5 points."""
    truth = math.exp(-(6 * 600 * 0.5 + 4 * 300 * 0.8) / YEAR)
    found = conditional["policies"]["direct"]["success_rate"]
    assert found["high"] - found["low"] < 0.015
    slack = (found["high"] - found["low"]) / 2 + conditional["three_at_once"]
    assert found["mean"] == pytest.approx(truth, abs=slack)


def short_year(number: int) -> Scenario:
    """A whole year with outages at Poisson times, those that began before it included."""
    chance = np.random.Generator(np.random.Philox(number))
    outages = {}
    for name, outage in SCENARIO.outages.items():
        lasts = outage.end - outage.start
        for i in range(chance.poisson(outage.per_year * (YEAR + lasts) / YEAR)):
            start = chance.uniform(-lasts, YEAR)
            outages[f"{name}{i}"] = replace(outage, start=max(0.0, start), end=start + lasts)
    return replace(SCENARIO, horizon=YEAR, outages=outages)


@pytest.mark.slow
def test_brute_force_over_many_short_years_agrees(conditional: dict) -> None:
    """Twelve whole years, for both policies: success, minutes and money differ by less than 1.5
    times both half-widths together."""
    for policy in POLICIES:
        years = [replicate(made(short_year(number)), policy, number) for number in range(12)]
        for name in ("success_rate", "availability", "cost_usd"):
            found, brute = (
                conditional["policies"][policy][name],
                interval([year.metrics[name] for year in years]),
            )
            widths = (found["high"] - found["low"]) / 2 + (brute.high - brute.low) / 2
            assert abs(found["mean"] - brute.mean) <= 1.5 * widths, (policy, name)


def test_a_year_without_a_failure_has_no_bounds() -> None:
    """Nothing went wrong in any horizon: that does not prove that nothing does."""
    spotless = made(replace(SCENARIO, outages={"x": replace(X, error_share=0.0, slow_down=2.0)}), 3)
    runs = {policy: [replicate(spotless, policy, r) for r in range(3)] for policy in POLICIES}
    assert yearly_figures(spotless, runs, ProcessPool(), year=YEAR)["policies"]["direct"][
        "success_rate"
    ] == {
        "mean": 1.0,
        "low": None,
        "high": None,
    }


class Play:
    """Runs as they are, until Ctrl-C is pressed at the start of the one after `stop`."""

    def __init__(self) -> None:
        self.stop: int | None = None
        self.count = 0

    def __call__(self, job: Job) -> Figures:
        if self.count == self.stop:
            raise KeyboardInterrupt
        self.count += 1
        return replicate(job.configuration, job.policy, job.replication)


def test_a_year_is_remembered_and_goes_on_where_it_was(tmp_path: Path) -> None:
    """Cut among the runs of a year: those and the study's own are kept, config.yaml knows that it
    was asked for, and the bits are the same."""
    executor = ScriptedExecutor(play := Play())
    short = replace(
        SCENARIO,
        horizon=1800.0,
        workload=Workload(rate=0.02),
        outages={"x": replace(X, per_year=3.0)},
    )
    wanted = replace(made(short, 2), study=StudyOptions(yearly=True))
    for name in ("whole", "cut"):
        (tmp_path / name).mkdir()
    whole = compare(wanted, options=ExecutionOptions(out=tmp_path / "whole", executor=executor))
    many, play.stop, play.count = play.count, 9, 0
    assert compare(
        wanted, options=ExecutionOptions(out=tmp_path / "cut", executor=executor), watch=Quiet()
    ).interrupted
    play.stop, play.count = None, 0
    again = restore(tmp_path / "cut" / "config.yaml")
    assert again.study.yearly
    found = compare(
        again, options=ExecutionOptions(out=tmp_path / "cut", resume=True, executor=executor)
    )
    assert play.count == many - 9 > 0
    assert found.to_json() == whole.to_json()
    assert "In a year" in found.report()
    assert {path.name for path in (tmp_path / "cut").iterdir()} == {
        path.name for path in (tmp_path / "whole").iterdir()
    }


class Quiet(StudyListener):
    """Hears that the year was interrupted."""

    def warn(self, line: str) -> None:
        assert "interrupted" in line


def test_it_is_said_in_sentences(conditional: dict) -> None:
    """Of each policy, requests, minutes and money."""
    told = yearly_sentences(conditional)
    assert "without an outage" in told[0]
    assert told[1].startswith("  direct: 9")
    assert "of minutes succeed, for $" in told[1]


@pytest.mark.parametrize(
    "outages",
    [
        {},
        {"x": replace(X, per_year=None)},
        {"r": Outage(provider="p", mean_between=60.0, per_year=3.0)},
    ],
)
def test_an_outage_without_a_rate_is_refused(outages: dict) -> None:
    """With the keys that are wanted."""
    with pytest.raises(InputError, match="per_year"):
        strata(replace(SCENARIO, outages=outages), 1)


def test_outages_that_are_hardly_ever_alone_are_refused() -> None:
    """Sixty a year of ten minutes in twelve hours overlap nearly always."""
    with pytest.raises(InputError, match="mean_between"):
        strata(replace(SCENARIO, outages={"x": replace(X, per_year=60.0)}), 1, YEAR)
