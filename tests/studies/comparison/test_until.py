"""Stopping rules: Stein's number, fixed looks, and that intervals hold although the data said when
to stop."""

import math
from pathlib import Path

import numpy as np
import pytest

from simroute.config.configuration import Configuration, StudyOptions
from simroute.config.loading import restore
from simroute.errors import InputError
from simroute.execution import pool
from simroute.execution.options import ExecutionOptions
from simroute.metrics import METRICS, Evidence, Figures
from simroute.models.spec import Deployment, Scenario, Slo
from simroute.statistics.intervals import (
    Confidence,
    half_width,
    interval,
    replications_needed,
    t_quantile,
)
from simroute.statistics.sequential import (
    Standing,
    StoppingRule,
    flawless_replications,
    is_decided,
    replications_to_decide,
    stein_replications,
)
from simroute.studies.comparison.run import compare
from simroute.studies.comparison.stopping import next_replications, parse_stopping_rule

TRIALS = 3000
WIDTH = 3 * math.sqrt(0.95 * 0.05 / TRIALS)
"""Three standard deviations of a coverage near 95 %: ± 1.2 points."""


def test_both_ways_to_write_a_precision_are_read() -> None:
    """± and +-, with blanks."""
    assert (
        parse_stopping_rule("success_rate±0.0005")
        == parse_stopping_rule(" success_rate +- 0.0005 ")
        == StoppingRule("success_rate±0.0005", 20, 1000, "success_rate", 0.0005)
    )
    assert parse_stopping_rule("decided").metric is None


@pytest.mark.parametrize(
    "text",
    [
        "success_rate",
        "sucess_rate±0.1",
        "success_rate±0",
        "success_rate±nan",
        "success_rate±-1",
        "",
        "success_rate±1e",
    ],
)
def test_what_is_no_criterion_is_refused(text: str) -> None:
    """With the form that is expected."""
    with pytest.raises(InputError, match="--until"):
        parse_stopping_rule(text)


def test_the_looks_double_up_to_the_most() -> None:
    """20, 40 … 640, 1000: seven looks, each with a seventh of 5 %."""
    goal = parse_stopping_rule("decided")
    assert goal.looks == [20, 40, 80, 160, 320, 640, 1000]
    assert goal.confidence.level == pytest.approx(1 - 0.05 / 7)
    assert parse_stopping_rule("decided", 20, 20).confidence.level == pytest.approx(0.95)


def test_stein_s_number_is_the_published_formula() -> None:
    """Ten values with standard deviation 1, half-width .5: (2.262 / .5)² = 20.47, so 21."""
    assert stein_replications([-math.sqrt(0.9), math.sqrt(0.9)] * 5, 0.5) == 21
    assert stein_replications([-math.sqrt(0.9), math.sqrt(0.9)] * 5, 5.0) == 10


def test_flawless_replications_are_repeated_until_the_exact_bound_is_near_enough() -> None:
    """n successes of n have the bound .025^(1/n); it is within .001 (± .0005) from 3,688 requests
    on."""
    assert (
        flawless_replications(1000, 0.0005)
        == math.ceil(math.log(0.025) / math.log(0.999) / 1000)
        == 4
    )


def held_with_stopping(
    draw: np.ndarray, truth: float, goal: StoppingRule
) -> tuple[float, float, float]:
    """Shares of studies that hold the truth and that are as narrow as wanted, and the mean number
    of replications."""
    held, narrow, used = 0, 0, 0
    for row in draw.tolist():
        many = min(stein_replications(row[: goal.first], goal.half), goal.most)
        found = interval(row[:many], confidence=goal.confidence)
        held += found.low <= truth <= found.high
        narrow += half_width(row[:many], goal.confidence) <= goal.half * (1 + 1e-9)
        used += many
    return held / len(draw), narrow / len(draw), used / len(draw)


def test_stein_s_intervals_hold_as_often_as_stated_and_are_as_narrow_as_wanted() -> None:
    """Normal figures: at least 95 % (less 1.2 points), all within ± .25; the mean number is about
    (2.262 / .25)² = 82."""
    draw = np.random.Generator(np.random.Philox(1)).normal(5.0, 1.0, (TRIALS, 400))
    held, narrow, used = held_with_stopping(draw, 5.0, StoppingRule("x", 10, 400, "x", 0.25))
    assert held >= 0.95 - WIDTH
    assert narrow == 1.0
    assert used == pytest.approx((t_quantile(9) / 0.25) ** 2, rel=0.03)


def test_a_limit_below_stein_s_number_widens_the_interval_and_keeps_the_guarantee() -> None:
    """With at most 30 replications coverage is exactly 95 % (± 1.2 points), though not all are
    narrow enough."""
    draw = np.random.Generator(np.random.Philox(2)).normal(5.0, 1.0, (TRIALS, 30))
    held, narrow, _ = held_with_stopping(draw, 5.0, StoppingRule("x", 10, 30, "x", 0.25))
    assert held == pytest.approx(0.95, abs=WIDTH)
    assert narrow < 0.5


def test_intervals_hold_at_whatever_look_it_was_decided() -> None:
    """Stopping as soon as 0 lies outside, true mean .15: in at least 95 % of studies (less 1.2
    points) the reported interval holds it."""
    goal = parse_stopping_rule("decided", 10, 160)
    held = naive = 0
    for row in np.random.Generator(np.random.Philox(3)).normal(0.15, 1.0, (TRIALS, 160)).tolist():
        held += _stopped(row, goal.looks, goal.confidence.level, 0.15)
        naive += _stopped(row, goal.looks, 0.95, 0.15)
    assert held / TRIALS >= 0.95 - WIDTH
    assert naive / TRIALS < 0.95 - WIDTH  # what peeking without a price would do


def _stopped(row: list[float], looks: list[int], level: float, truth: float) -> bool:
    for many in looks:
        found = interval(row[:many], confidence=Confidence(level))
        if not found.low <= 0 <= found.high:
            break
    return found.low <= truth <= found.high


def figures(success: float, cost: float = 1.0) -> Figures:
    """A replication of 1,000 requests."""
    metrics = {
        **dict.fromkeys(METRICS, 1.0),
        "success_rate": success,
        "cost_per_1k_requests_usd": cost,
    }
    return Figures(metrics, {"success_rate": (round(success * 1000), 1000)}, {}, [[], []], {})


def promised(success: float) -> Scenario:
    """A scenario that promises it, at any latency."""
    return Scenario(
        {"a": Deployment("anthropic", "claude-sonnet-4-0", price_date="2025-07-01")},
        slo=Slo(success=success),
    )


def test_a_precision_has_two_stages_and_no_third() -> None:
    """The spread of the first four decides; afterwards nothing more is asked."""
    goal = parse_stopping_rule("success_rate±0.01", 4, 50)
    runs = [figures(0.5 + shift) for shift in (-0.03, 0.03, -0.03, 0.03)]
    wanted = math.ceil((3.1824 * 0.03 * math.sqrt(4 / 3) / 0.01) ** 2)
    assert (
        next_replications(goal, {"a": runs}, promised(0.9), goal.confidence)
        == min(wanted, 50)
        == 50
    )
    wider = parse_stopping_rule("success_rate±0.02", 4, 50)
    assert next_replications(wider, {"a": runs}, promised(0.9), wider.confidence) == math.ceil(
        (3.1824 * 0.03 * math.sqrt(4 / 3) / 0.02) ** 2
    )
    assert next_replications(goal, {"a": runs * 5}, promised(0.9), goal.confidence) is None


def test_it_goes_on_until_promise_and_cheapest_are_known() -> None:
    """Far from the promise and far apart by cost is decided at once; a cost that varies more than
    it differs is not."""
    goal = parse_stopping_rule("decided", 4, 16)
    good = [figures(0.95, 1.0 + shift) for shift in (0.0, 0.01, 0.0, 0.01)]
    dear = [figures(0.95, 3.0 + shift) for shift in (0.01, 0.0, 0.0, 0.01)]
    wild = [figures(0.95, 1.0 + shift) for shift in (-2.0, 2.0, 2.0, -2.1)]
    assert next_replications(goal, {"a": good, "b": dear}, promised(0.5), goal.confidence) is None
    assert next_replications(goal, {"a": good, "b": wild}, promised(0.5), goal.confidence) == 8
    # sixteen are the most
    assert (
        next_replications(goal, {"a": good * 4, "b": wild * 4}, promised(0.5), goal.confidence)
        is None
    )


def test_how_many_it_would_take_is_about_t_deviations_by_the_gap_squared() -> None:
    """Sd .01 around a distance of .002: (z · 5)² replications at the looks' level, within the
    search's 12 %."""
    goal = parse_stopping_rule("decided", 10, 10)
    success = {"a": [0.9 + 0.002 + shift * math.sqrt(0.9) * 0.01 for shift in (-1.0, 1.0) * 5]}
    standing = Standing(
        {"a": None},
        success,
        {"a": [1.0] * 10},
        needed={"a": replications_needed(success["a"], 0.002, goal.confidence)},
    )
    assert not is_decided(standing, goal.confidence)
    found = replications_to_decide(standing, goal.confidence)
    assert found is not None
    assert (1.96 * 5) ** 2 <= found <= (1.96 * 5) ** 2 * 1.14


def test_a_study_reaches_its_number_and_its_configuration_gives_it_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four first; their spread of 200 requests in 1,000 wants more, at most nine: nine are made,
    kept in config.yaml, and made again by it."""
    monkeypatch.setattr(
        pool,
        "replicate",
        lambda made, policy, replication, *_, **__: figures(0.5 + 0.1 * (-1) ** replication),
    )
    weather = Scenario({"a": Deployment("anthropic", "claude-sonnet-4-0", price_date="2025-07-01")})
    made = Configuration(
        "compare",
        "test",
        weather,
        {"p": {}},
        1,
        4,
        study=StudyOptions(until=parse_stopping_rule("success_rate±0.01", 4, 9).plain()),
    )
    study = compare(made, options=ExecutionOptions(out=tmp_path))
    assert (study.replications, study.summary["until"]["reached"]) == (9, False)
    assert study.summary["until"]["would_take"] > 9
    again = restore(tmp_path / "config.yaml")
    assert (again.replications, again.study) == (9, made.study)
    assert compare(again).to_json() == study.to_json()


def test_a_study_that_is_interrupted_in_its_second_stage_goes_on_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After Ctrl-C at the seventh replication six are kept; resumed, only three are played, and the
    bits are those of an unbroken study."""
    played: list[int] = []

    def replicate(
        made: Configuration, policy: str, replication: int, *_: object, **__: object
    ) -> Figures:
        if len(played) == 6:
            played.append(-1)
            raise KeyboardInterrupt
        played.append(replication)
        found = figures(0.5 + 0.1 * (-1) ** replication)
        found.evidence = Evidence()
        return found

    monkeypatch.setattr(pool, "replicate", replicate)
    weather = Scenario({"a": Deployment("anthropic", "claude-sonnet-4-0", price_date="2025-07-01")})

    def begun() -> Configuration:
        return Configuration(
            "compare",
            "test",
            weather,
            {"p": {}},
            1,
            4,
            study=StudyOptions(until=parse_stopping_rule("success_rate±0.01", 4, 9).plain()),
        )

    assert compare(begun(), options=ExecutionOptions(out=tmp_path)).interrupted
    study = compare(begun(), options=ExecutionOptions(out=tmp_path, resume=True))
    assert played == [0, 1, 2, 3, 4, 5, -1, 6, 7, 8]
    assert study.to_json() == compare(begun()).to_json()
