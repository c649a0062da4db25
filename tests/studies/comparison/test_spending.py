"""What a month costs, and when a longer budget is used up, by hand."""

import json
from pathlib import Path

import numpy as np
import pytest
import yaml

from simroute.config.loading import load
from simroute.execution.options import ExecutionOptions
from simroute.metrics import Context, Fold
from simroute.report import render_page
from simroute.studies.comparison.spending import spending_sentences
from simroute.studies.comparison.study import Study
from simroute.studies.run import run_study
from simroute.units import about_usd, large
from tests.logs import calls, written
from tests.metrics.test_metrics import attempts, requests

CENTS = 0.002
"""USD of each request of `played`: 1,000 tokens in at 1 USD, 500 out at 2 USD per million."""
EVENINGS = [0] * 12 + [2] * 12
"""A day that begins at noon."""


def scenario(**changes: object) -> dict[str, object]:
    """An hour of requests that all cost the same, one a second."""
    lengths = {"input_tokens": {"median": 1000, "sigma": 0}}
    chat = {**lengths, "output_tokens": {"median": 500, "sigma": 0}}
    return {
        "horizon": "1h",
        "workload": {"rate": 1, "tasks": {"chat": chat}},
        "deployments": {"a": {"provider": "x", "model": "m", "price": {"input": 1, "output": 2}}},
    } | changes


def played(folder: Path, replications: int = 2, **changes: object) -> Study:
    """That scenario, with `changes`, straight to its deployment."""
    path = folder / "s.yaml"
    data = scenario(**changes)
    path.write_text(yaml.safe_dump(data), encoding="utf-8")
    made = load("compare", str(path), ["direct"], [], 1, replications)
    return run_study(made, options=ExecutionOptions(workers=1))


def evening(**starts: object) -> dict[str, object]:
    """The workload in which requests come from noon to midnight, and t = 0 is a Monday at 15:00."""
    load = scenario()["workload"]
    assert isinstance(load, dict)
    return load | {"profile": {"hours": EVENINGS, "starts": 15, **starts}}


def test_a_month_has_the_mean_rate_of_the_profile_and_the_run_s_cost_of_a_request(
    tmp_path: Path,
) -> None:
    """An hour of an evening, at twice the mean rate: a month is 30 days at the mean, to the cent,
    and does not vary where each request costs the same."""
    study = played(tmp_path, workload=evening())
    arrivals = study.intervals["direct"]["requests"].mean
    assert arrivals == pytest.approx(2 * 3600, rel=0.05)
    assert study.intervals["direct"]["cost_per_month_usd"] == pytest.approx([2_592_000 * CENTS] * 3)
    assert study.summary["month"]["requests"] == 2_592_000
    assert (
        "the mean of the week's profile: 2.59 million requests" in study.summary["month"]["words"]
    )
    assert "direct about $5,180" in "\n".join(study.verdict_lines())
    assert "budget_pace" not in study.summary


def test_a_month_of_a_trace_has_its_own_mean_rate(tmp_path: Path) -> None:
    """A hundred calls are 30 days of as many a second; played twice as fast, of twice as many."""
    trace = written(tmp_path / "log.csv", calls(100))
    span = max(row["arrival_ns"] for row in calls(100)) - min(
        row["arrival_ns"] for row in calls(100)
    )
    for faster in (1, 2):
        study = played(tmp_path, workload={"trace": str(trace), "rate_scale": faster})
        costs = study.intervals["direct"]
        horizon = study.configuration.scenario.horizon
        assert horizon == pytest.approx(span / 1e9 / faster, rel=1e-6)
        assert costs["cost_usd"].mean is not None
        expected = costs["cost_usd"].mean * 2_592_000 / horizon
        assert costs["cost_per_month_usd"].mean == pytest.approx(expected)


BUDGETS = {
    "day": ({"usd": 86_400 * CENTS / 2}, 2.0, "at 18:00"),
    "another clock": (
        {"usd": 86_400 * CENTS / 2, "zone": "Asia/Tokyo"},
        2.0,
        "at 18:00",
    ),
    "week": ({"usd": 3.5 * 86_400 * CENTS, "period": "week"}, 2.0, "on Thursday"),
    "month": ({"usd": 10.25 * 86_400 * CENTS, "period": "month"}, 30 / 10.25, "on day 11"),
    "rolling": (
        {"usd": 4 * 3600 * CENTS, "period": "rolling", "window": "9h"},
        2 * 9 / 4,
        "after 2 h",
    ),
    "enough": ({"usd": 86_400 * CENTS * 1.25, "period": "day"}, 0.8, None),
}


@pytest.mark.parametrize("kind", BUDGETS)
def test_a_longer_budget_is_used_up_when_the_profile_says(kind: str, tmp_path: Path) -> None:
    """Half of a day's requests have come at 18:00, those of 3.5 days on Thursday; a month without
    dates begins with the run, and a window too."""
    budget, share, reached = BUDGETS[kind]
    study = played(tmp_path, workload=evening(), budget={"period": "day", **budget})
    assert study.intervals["direct"]["budget_used"].mean is None
    assert study.intervals["direct"]["budget_pace"].mean == pytest.approx(share)
    assert study.summary["budget_pace"]["policies"]["direct"]["reached"] == reached
    line = next(line for line in study.verdict_lines() if line.startswith("Budget of"))
    assert f"direct uses {100 * share:.3g} % of it" in line
    assert ("all of it" in line) is (reached is not None)


def test_a_month_with_dates_names_the_date(tmp_path: Path) -> None:
    """February 2026 has 28 days, and half of them have passed on the 15th."""
    study = played(
        tmp_path,
        workload=evening(starts="2026-02-20T15:00"),
        budget={"usd": 14 * 86_400 * CENTS - 1, "period": "month"},
    )
    pace = study.summary["budget_pace"]["policies"]["direct"]
    assert study.intervals["direct"]["budget_pace"].mean == pytest.approx(2.0, rel=1e-3)
    assert pace["reached"] == "on 2026-02-14"
    assert pace["reached_s"]["mean"] < 0


def test_a_budget_that_the_run_covers_is_judged_and_not_extrapolated(tmp_path: Path) -> None:
    """A window of half an hour lies within the run."""
    study = played(tmp_path, budget={"usd": 3, "period": "rolling", "window": "30m"})
    assert study.intervals["direct"]["budget_used"].mean is not None
    assert "budget_pace" not in study.summary


def test_a_month_at_a_hundredth_of_rate_and_budget_uses_the_share_of_an_hour_s_pace(
    tmp_path: Path,
) -> None:
    """1.5 of the budget, but for the chance of 26,000 arrivals (four standard deviations)."""
    budget = {"usd": 20 * 86_400 * CENTS, "period": "month"}
    pace = played(tmp_path, workload=evening(), budget=budget)
    assert pace.intervals["direct"]["budget_pace"].mean == pytest.approx(1.5)
    scaled = budget | {"usd": 20 * 864 * CENTS}
    low = evening() | {"rate": 0.01}
    month = played(tmp_path, 1, horizon="30d", workload=low, budget=scaled)
    used = month.intervals["direct"]["budget_used"].mean
    assert used == pytest.approx(1.5, rel=4 / 25_920**0.5)
    assert month.intervals["direct"]["budget_pace"].mean == pytest.approx(1.5)


def test_without_a_request_there_is_no_month(tmp_path: Path) -> None:
    """No rate, no cost, no pace, and nothing is said."""
    load = {"rate": 0}
    study = played(tmp_path, workload=load, budget={"usd": 3, "period": "day"})
    assert study.intervals["direct"]["cost_per_month_usd"].mean is None
    assert not {"month", "budget_pace"} & set(study.summary)


def test_pings_cost_by_time_and_requests_by_number() -> None:
    """Four requests of 1 USD and a ping of 2 USD in an hour: at twice their rate a month costs
    twice the requests, and the pings of 720 hours."""
    names = {"target": ["a", "b"], "task": ["chat"], "user": ["ann"], "feature": ["help"]}
    made = Context(
        3600.0, 10.0, None, 0.95, [], names, ["p", "q"], ["m", "n"], [None, 4], rate=8 / 3600
    )
    fold = Fold(made)
    fold("requests", requests("oooo", cost_nano=np.full(4, 10**9)))
    fold("attempts", attempts([0.0], request_id=np.array([-1]), cost_nano=np.array([2 * 10**9])))
    assert fold.finish([], [0.0, 0.0]).metrics["cost_per_month_usd"] == pytest.approx(720 * (8 + 2))


def test_the_page_shows_a_share_instead_of_a_flat_line(tmp_path: Path) -> None:
    """With the moment of each policy; and an older run, without these figures, as before."""
    study = played(tmp_path, budget={"usd": 100, "period": "month"})
    page = study.report()
    assert "at this traffic would use" in page
    assert "on day 1" in page
    older = json.loads(study.to_json())
    del older["month"], older["budget_pace"]
    for policy in older["policies"].values():
        del policy["metrics"]["cost_per_month_usd"]
    page = render_page(older, study.page_evidence)
    assert "at this traffic would use" not in page
    assert "USD a month" not in page


@pytest.mark.parametrize(
    ("usd", "text"),
    [
        (164_321, "$164,000"),
        (7.2, "$7.20"),
        (99.5, "$99.50"),
        (999_500, "$1,000,000"),
        (-1234, "-$1,230"),
        (None, "n/a"),
    ],
)
def test_about_is_three_digits_that_matter(usd: float | None, text: str) -> None:
    """Cents below a hundred dollars."""
    assert about_usd(usd) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [(31_104_000, "31.1 million"), (2_592, "2,592"), (1.2e9, "1.2 billion"), (0.25, "0.25")],
)
def test_large_counts_are_read_at_a_glance(count: float, text: str) -> None:
    """Millions and billions with three digits."""
    assert large(count) == text


def test_callers_who_wait_have_a_month_of_their_own_under_each_policy(tmp_path: Path) -> None:
    """Requests depend on answers: the sum of a policy is of its own requests, and the words say so
    instead of one rate for all."""
    tasks = scenario()["workload"]["tasks"]  # type: ignore[index]
    made = played(tmp_path, workload={"callers": {"count": 5}, "tasks": tasks})
    (figures,) = made.intervals.values()
    asked = figures["requests"].mean
    assert asked is not None
    text = "\n".join(spending_sentences(made.configuration.scenario, made.intervals))
    each = large(asked / 3600 * 30 * 86_400)
    assert f"callers whose requests depend on their answers: {each} requests" in text
    assert f"direct about {about_usd(asked / 3600 * 30 * 86_400 * CENTS)}" in text
