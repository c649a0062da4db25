"""How often the reported intervals hold a truth that is known by theory, and that the published
figures are these."""

import math
import re

import coverages
import numpy as np
import pytest

from simroute.statistics.intervals import interval

WIDTH = 3 * math.sqrt(0.95 * 0.05 / coverages.TRIALS)
"""Three standard deviations of a coverage near 95 %: ± 0.46 points of 20,000 trials."""
CASES = {case.name: case for case in coverages.CASES}


def published(section: str = "coverage") -> dict[str, list[str]]:
    """A table of docs/statistics.md, by case."""
    page = coverages.PAGE.read_text(encoding="utf-8")
    table = page.partition(f"<!-- {section}: made by")[2].partition(f"<!-- {section}: end")[0]
    rows = re.findall(r"^\| ([^|]+) \| ([\d.| ]+) \|$", table, re.M)
    return {name: [figure.strip() for figure in figures.split("|")] for name, figures in rows}


@pytest.mark.parametrize("replications", coverages.MANY)
def test_normal_means_are_held_exactly_as_often_as_stated(replications: int) -> None:
    """Student's t is exact: 95 % lies in coverage ± 0.46 points."""
    assert coverages.cell(CASES["mean, normal"], replications) == pytest.approx(0.95, abs=WIDTH)


@pytest.mark.parametrize("replications", coverages.MANY)
@pytest.mark.parametrize(
    "name",
    ["p95 difference, lognormal", "p95 difference, lognormal, 3,600 requests, true quantiles"],
)
def test_differences_of_p95_are_held_within_a_point(name: str, replications: int) -> None:
    """Order statistics of 200 lognormals are nearly normal: coverage ± 0.46 points meets 94 to 96
    %."""
    found = coverages.cell(CASES[name], replications)
    assert 0.94 - WIDTH <= found <= 0.96 + WIDTH


@pytest.mark.parametrize("replications", coverages.MANY)
@pytest.mark.parametrize("name", [name for name in CASES if name.startswith("success rate")])
def test_success_rates_of_few_failures_are_held_at_least_as_often(
    name: str, replications: int
) -> None:
    """Clopper and Pearson's bounds are exact below 30 failures, t nearly so above: coverage + 0.46
    points reaches 95 %."""
    assert coverages.cell(CASES[name], replications) + WIDTH >= 0.95


def test_few_failures_are_not_held_by_t_alone() -> None:
    """With 4 failures expected and none or one seen (a Poisson chance of 9 %) t ends below the
    truth: it holds it in under 93 %."""
    case = CASES["success rate, 0.4 failures a replication"]
    values = case.draw(np.random.Generator(np.random.Philox(1)), coverages.TRIALS, 10)
    assert coverages.held(coverages.student(values), case.truth) < 0.93 - WIDTH


def test_a_mean_of_very_skewed_replications_is_held_less_often_and_that_is_published() -> None:
    """Ten lognormals with sd of log 1: t falls below 90 %, the bootstrap-t comes nearer; both are
    in the table."""
    figures = published()["mean, lognormal (sd of log 1)"]
    assert float(figures[0]) < 90.0 < float(figures[3]) < 95.0


@pytest.mark.parametrize("name", ["mean, normal", "success rate, 0.4 failures a replication"])
def test_the_study_of_many_makes_the_intervals_that_are_reported(name: str) -> None:
    """Vectorised or one by one: the same bounds, to rounding."""
    case = CASES[name]
    values = case.draw(np.random.Generator(np.random.Philox(1)), 50, 10)
    trials = 10 * case.requests
    for row, low, high in zip(values, *coverages.student(values, case.requests), strict=True):
        pooled = (round(row.sum() * case.requests), trials) if case.requests else None
        found = interval(row.tolist(), pooled)
        assert (found.low, found.high) == (
            pytest.approx(low, abs=1e-12),
            pytest.approx(high, abs=1e-12),
        )


def test_a_published_figure_is_the_measured_one() -> None:
    """One cell, made again with its seed, to the printed digit."""
    name = "p95 difference, 4 % ten times as slow"
    assert published()[name][1] == f"{100 * coverages.cell(CASES[name], 20):.1f}"


@pytest.mark.slow
def test_all_published_figures_are_the_measured_ones() -> None:
    """Both tables, made again."""
    assert published() == {name: list(figures) for name, *figures in coverages.rows()}
    outages = coverages.outage_rows()
    assert published("outages") == {name: list(figures) for name, *figures in outages}
