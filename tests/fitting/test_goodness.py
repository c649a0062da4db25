"""Marks of a fit: tolerances, and what chance alone does."""

import math

import numpy as np
import pytest

from made_logs import PRICE, log
from simroute.fitting.criteria import (
    Fault,
    factor,
    grade_faults,
    is_another_run,
    ks_by_chance,
    quantile_interval,
    share_is_chance,
)
from simroute.fitting.goodness import GoodnessRow, compare_with_model, describe_trust
from simroute.fitting.sample import Sample
from simroute.models import spec


def test_a_large_fault_is_bad_unless_chance_explains_it() -> None:
    """The worst counts."""
    small, large, lucky = (
        Fault("", *kind) for kind in ((False, False), (True, False), (True, True))
    )
    assert [grade_faults(each) for each in ([], [small], [lucky], [small, large])] == [
        "good",
        "fair",
        "fair",
        "bad",
    ]


def test_a_factor_is_the_same_both_ways() -> None:
    """3 for 2 and 2 for 3; none of nothing is as it should be, something for nothing never."""
    assert (factor(2, 3), factor(3, 2), factor(0, 0), factor(0, 1)) == (1.5, 1.5, 1.0, math.inf)


def test_the_distance_by_chance_is_that_of_the_tables() -> None:
    """Two samples of 100: .192 at 5 % (Massey 1952; 1.36 times the root of 2/100)."""
    assert ks_by_chance(100, 100) == pytest.approx(0.192, abs=0.001)


def test_quantiles_by_chance_hold_as_often_as_they_say() -> None:
    """The p95 of a second sample of 1,000 lies within in 95 of 100 pairs (400 pairs: at least 365,
    at most 396 with a certainty of 99.9 %; the ranks are whole, so somewhat more than 95)."""
    source = np.random.Generator(np.random.Philox(key=5))
    held = 0
    for _ in range(400):
        one, two = source.lognormal(size=(2, 1000))
        low, high = quantile_interval(one, 0.95, 1000)
        held += low <= np.quantile(two, 0.95) <= high
    assert 365 <= held <= 396


def test_a_tail_of_few_has_no_upper_end() -> None:
    """Of 30 values the 99th percentile has none beyond: ranks 29.7 +- 1.5."""
    low, high = quantile_interval(np.arange(30.0), 0.99, 30)
    assert high == math.inf
    assert low < 29


def test_a_log_like_a_further_run_is_chance() -> None:
    """By Student's t with three degrees of freedom, 3.182: runs of e^(0, 1, 0, 1) have a spread of
    .577 and a further one lies within .5 +- 3.182 * .577 * sqrt(1.25) = 2.05 of e^.5."""
    runs = [1.0, math.e, 1.0, math.e]
    assert is_another_run(math.exp(0.5 + 2.04), runs)
    assert not is_another_run(math.exp(0.5 + 2.07), runs)
    assert not is_another_run(0.0, runs)


def test_a_share_within_its_exact_interval_is_chance() -> None:
    """0 of 100: up to 3.6 % (1 - .025^(1/100))."""
    assert share_is_chance(0, 100, 0.036)
    assert not share_is_chance(0, 100, 0.037)


def row(topic: str, item: str, grade: str) -> GoodnessRow:
    return GoodnessRow("", 0, None, None, None, None, None, "", grade, topic, item)  # type: ignore[arg-type]


def test_a_topic_is_named_where_its_items_agree() -> None:
    """Else its items; each as good as its worst row."""
    rows = [
        row("cost", "input", "good"),
        row("cost", "output", "good"),
        row("latency", "latency of a", "good"),
        row("latency", "latency of a", "bad"),
        row("latency", "latency of b", "good"),
    ]
    assert describe_trust(rows) == (
        "This scenario can be trusted for cost and latency of b, not for latency of a."
    )


def failures(name: str, n: int, log: float, model: float) -> GoodnessRow:
    topic = "failures", f"failures of {name}"
    return GoodnessRow(
        f"{name}: failures", n, None, None, None, None, (log, model), "", "good", *topic
    )


def test_failures_that_a_log_has_not_are_bounded_and_not_trusted() -> None:
    """None of 3,000: below 1 - .05^(1/3000) = .0998 %; of 100: below 2.95 %."""
    cost = row("cost", "input", "good")
    assert describe_trust([cost, failures("a", 3000, 0.0, 0.0)]) == (
        "This scenario can be trusted for cost. No failure in the log among calls of a (3,000): "
        "how often they fail is known to be below 0.10 % (95 %), how they fail is not."
    )
    both = describe_trust([cost, failures("a", 100, 0.0, 0.0), failures("b", 3000, 0.01, 0.01)])
    assert "trusted for cost and failures. No failure in the log among calls of a (100)" in both
    assert "below 2.95 %" in both


def sampled(rate: float, horizon: float = 2000.0) -> Sample:
    """A log of one deployment that fails 5 % of its calls, at this rate."""
    calls = log(horizon, rate, errors={500: 0.05})
    ok = calls.status == 200
    tokens = calls.input_tokens[ok], calls.output_tokens[ok]
    task = np.zeros(int(ok.sum()), np.int64)
    sample = Sample(calls.t, horizon, 0.0, None, calls.t[ok], *tokens, task)
    sample.calls = {("p", "m"): calls}
    return sample


def graded(rate: float, errors: float) -> dict[str, str]:
    """Each row's grade: such a log beside a model of this rate and share of errors."""
    deployment = spec.Deployment("p", "m", price=PRICE, errors={500: errors})
    scenario = spec.Scenario({"a": deployment}, horizon=2000.0, workload=spec.Workload(rate=rate))
    rows, _ = compare_with_model(sampled(2.0), scenario, ["a"], seed=7)
    return {row.what: row.grade for row in rows}


def test_the_scenario_that_made_a_log_fits_it() -> None:
    """Another seed; every row is good, or fair where chance is said to explain it."""
    grades = graded(2.0, 0.05)
    assert "bad" not in grades.values()
    assert grades["gaps between arrivals"] == grades["a: failures"] == "good"


def test_twice_the_rate_or_the_failures_is_bad() -> None:
    """Gaps of 2/s and of 4/s have a distance of 1/4 (e^-2x - e^-4x at x = log(2)/2); 10 % of
    failures is twice 5 %."""
    assert graded(4.0, 0.05)["gaps between arrivals"] == "bad"
    assert graded(2.0, 0.10)["a: failures"] == "bad"
    assert graded(2.0, 0.10)["a: whole time"] == "good"


def test_few_calls_are_never_good() -> None:
    """Of 200 gaps chance alone moves shares by 1.358 / 10 = 14 points, more than is fair."""
    scenario = spec.Scenario({}, horizon=100.0, workload=spec.Workload(rate=2.0))
    rows, _ = compare_with_model(sampled(2.0, 100.0), scenario, [])
    (gaps,) = [row for row in rows if row.what == "gaps between arrivals"]
    assert gaps.n < 250
    assert gaps.grade == "fair"
    assert "too few" in gaps.said or "chance" in gaps.said
