"""Curves of routers, on published tables where these are there."""

import io
import json
import subprocess
import sys
import zipfile

import numpy as np
import pytest

from simroute.statistics.routing import RoutingCurve, best_quality, cost_of, upper_hull
from simroute.traces import read_outcomes

BOTH, WEAK_ONLY, STRONG_ONLY, NEITHER = 8816, 742, 2496, 1983
"""Of RouteLLM's MMLU table."""


@pytest.fixture(scope="module")
def counts():
    """Answers of the weak and the strong model, from the four counts."""
    weak = [1] * (BOTH + WEAK_ONLY) + [0] * (STRONG_ONLY + NEITHER)
    strong = [1] * BOTH + [0] * WEAK_ONLY + [1] * STRONG_ONLY + [0] * NEITHER
    return weak, strong


@pytest.fixture(scope="module", params=["counts", "table"])
def answers(request, counts):
    """From the counts, and from the table itself, where it is there."""
    if request.param == "counts":
        return counts
    shared = request.getfixturevalue("shared")
    columns = read_outcomes(shared / "data/outcomes_mmlu_routellm.csv.gz").columns
    return [columns[name].tolist() for name in ("mixtral-8x7b", "gpt-4-1106")]


def test_the_oracle_has_the_published_curve(answers):
    """Accuracies, ceiling, CPT and APGR of quality-model.md, to the digits given there."""
    curve = RoutingCurve.oracle(*answers)
    assert 100 * curve.accuracies[0] == pytest.approx(68.091473, abs=5e-7)
    assert 100 * curve.accuracies[-1] == pytest.approx(80.587020, abs=5e-7)
    best, share = curve.ceiling
    assert (100 * best, 100 * share) == pytest.approx((85.873050, 17.7816), abs=6e-5)
    found = [100 * curve.cpt(q) for q in (0.2, 0.5, 0.8, 0.95, 1.0)]
    assert found == pytest.approx([2.4991, 6.2478, 9.9964, 11.8708, 12.4955], abs=6e-5)
    assert curve.apgr == pytest.approx(1.296514, abs=6e-7)


def test_a_router_without_knowledge_has_the_straight_line(answers):
    """Equal scores: 71.215, 74.339 and 77.463 % at 25, 50 and 75 %; APGR 1/2, CPT(q) = q."""
    curve = RoutingCurve.of(*answers, [0] * len(answers[0]))
    found = [100 * curve.accuracy(share) for share in (0.25, 0.5, 0.75)]
    assert found == pytest.approx([71.215, 74.339, 77.463], abs=6e-4)
    assert curve.apgr == pytest.approx(0.5)
    assert [curve.cpt(q) for q in (0.2, 0.5, 1.0)] == pytest.approx([0.2, 0.5, 1.0])


def test_a_router_that_knows_the_wrong_way_round_takes_all_calls(counts):
    """The oracle's scores turned: it closes the gap only at the very end."""
    weak, strong = counts
    turned = RoutingCurve.of(weak, strong, [a - b for a, b in zip(weak, strong, strict=True)])
    assert turned.cpt(1.0) == pytest.approx(1.0)
    # it is better than the weak model only in the last of the calls that help, one for one
    assert turned.apgr == pytest.approx((STRONG_ONLY - WEAK_ONLY) / len(weak) / 2)


@pytest.mark.parametrize(("skill", "least", "most"), [(0.08, 0.51, 0.56), (0.31, 0.55, 0.68)])
def test_a_predictor_of_published_skill_lies_little_above_random(counts, skill, least, most):
    """score = skill x gain + N(0, 1): RouteLLM's routers close 51 to 68 % of the gap on average."""
    weak, strong = (np.array(column, float) for column in counts)
    source = np.random.Generator(np.random.Philox(3))
    scores = skill * (strong - weak) + source.standard_normal(len(weak))
    curve = RoutingCurve.of(weak.tolist(), strong.tolist(), scores.tolist())
    assert least < curve.apgr < most


# -- the best for a mean cost ----------------------------------------------------------------------


def test_the_best_for_a_mean_cost_is_that_of_the_linear_program():
    """scipy's, over random tables of five prompts and three models."""
    from scipy.optimize import linprog

    source = np.random.Generator(np.random.Philox(11))
    for _ in range(40):
        quality, cost = source.random((5, 3)), source.random((5, 3))
        ceiling = float(cost.min(axis=1).mean() + 0.3 * source.random())
        one = np.kron(np.eye(5), np.ones(3))
        found = linprog(
            -quality.ravel() / 5,
            cost.ravel()[None] / 5,
            [ceiling],
            A_eq=one,
            b_eq=np.ones(5),
            bounds=(0, 1),
        )
        best, spent = best_quality(quality.tolist(), cost.tolist(), ceiling)
        assert best == pytest.approx(-found.fun, abs=1e-8)
        assert spent <= ceiling + 1e-12


def test_with_two_models_of_fixed_costs_it_is_the_oracle_s_curve(counts):
    """USD 1 and 2: a ceiling of 1 + s is a share s of strong calls."""
    weak, strong = counts
    curve = RoutingCurve.oracle(weak, strong)
    rows, costs = list(zip(weak, strong, strict=True)), [(1.0, 2.0)] * len(weak)
    for share in (0.0, 0.05, 0.12, 0.5):
        best, _ = best_quality(rows, costs, 1.0 + share)
        assert best == pytest.approx(curve.accuracy(min(share, curve.ceiling[1])), abs=1e-9)


@pytest.fixture(scope="module")
def holdout(tmp_path_factory):
    """ParetoBandit's: rewards and costs of three models for 1,824 prompts."""
    folder = tmp_path_factory.mktemp("paretobandit")
    words = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "paretobandit==0.1.1"]
    try:
        subprocess.run([*words, "-d", str(folder)], check=True, capture_output=True, timeout=120)
        (wheel,) = folder.glob("*.whl")
    except (subprocess.SubprocessError, ValueError, OSError) as error:
        pytest.skip(f"paretobandit 0.1.1 cannot be had from PyPI: {error}")
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith("test_holdout.jsonl")]
        with archive.open(name) as lines:
            rows = [json.loads(line)["arms"] for line in io.TextIOWrapper(lines, "utf-8")]
    rewards = [[arm["reward"] for arm in row.values()] for row in rows]
    costs = [[arm["cost"] for arm in row.values()] for row in rows]
    assert len({tuple(row) for row in rows}) == 1
    return rewards, costs


@pytest.mark.slow
def test_paretobandit_s_holdout_gives_its_published_figures(holdout):
    """Means .7931, .92306, .9322; P(second >= .8 | first < .8) .8041; clairvoyant .96333 for
    $.0050293; at mean-cost ceilings .8881, .9364, .9501, .9602."""
    rewards, costs = holdout
    table = np.array(rewards)
    assert len(table) == 1824
    assert table.mean(axis=0) == pytest.approx([0.7931, 0.92306, 0.9322], abs=6e-5)
    low = table[:, 0] < 0.8
    assert (table[low, 1] >= 0.8).mean() == pytest.approx(0.8041, abs=6e-5)
    best, spent = best_quality(rewards, costs, 1.0)
    assert (best, spent) == pytest.approx((0.96333, 0.0050293), abs=6e-6)
    found = [best_quality(rewards, costs, ceiling)[0] for ceiling in (1e-4, 3e-4, 1e-3, 3e-3)]
    assert found == pytest.approx([0.8881, 0.9364, 0.9501, 0.9602], abs=6e-5)


def test_a_random_mix_reaches_the_hull_and_nothing_above():
    """Of five models the one that is dearer and worse, and the one below the line between its
    neighbours, are not worth mixing."""
    models = [(1.0, 0.6), (2.0, 0.8), (3.0, 0.82), (4.0, 0.9), (5.0, 0.85)]
    assert upper_hull(models) == [(1.0, 0.6), (2.0, 0.8), (4.0, 0.9)]


def test_the_cost_of_a_quality_lies_on_straight_lines():
    """Halfway in cost where it is halfway in quality; none beyond the best, and at or below the
    first the first."""
    line = [(1.0, 0.6), (2.0, 0.8), (4.0, 0.9)]
    assert [cost_of(quality, line) for quality in (0.5, 0.6, 0.9)] == [1.0, 1.0, 4.0]
    assert cost_of(0.7, line) == pytest.approx(1.5)
    assert cost_of(0.85, line) == pytest.approx(3.0)
    assert cost_of(0.91, line) is None
    assert cost_of(0.5, []) is None
