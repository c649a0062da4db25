"""Whether answers are right, jointly over models: the shared-latent copula, and a measured
table."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import ndtr, ndtri

from simroute.models import spec
from simroute.models.blocks import OutcomeTable
from simroute.models.weather import Weather
from simroute.traces import read_outcomes

Make = Callable[..., Weather]
PRICE = spec.PriceList(3, 15)
# latent correlation of two models, and of two calls of one, by quality-model's defaults
SHARED, SAME = 0.64, 0.85
# weak right, strong right: RouteLLM's MMLU table
ROUTELLM = {(1, 1): 8816, (1, 0): 742, (0, 1): 2496, (0, 0): 1983}


def model(name: str, quality: Any, provider: str = "acme", **fields: Any) -> spec.Deployment:
    return spec.Deployment(provider, name, price=PRICE, quality=quality, **fields)


def answers(scene: Weather, *asked: tuple[str, int]) -> list[np.ndarray]:
    """Quality of every request's answer at each (target, n)."""
    blocks = list(scene.blocks())
    return [
        np.concatenate([scene.deployments[name].draw_lists(block, n).quality for block in blocks])
        for name, n in asked
    ]


def both_right(p: float, q: float, correlation: float) -> float:
    """P(both right) of two marginals under a Gaussian copula, by integrating over the shared latent
    (Gauss-Hermite, 120 nodes)."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(120)
    load, rest = math.sqrt(correlation), math.sqrt(1 - correlation)
    return float(
        (
            weights
            / weights.sum()
            * ndtr((ndtri(p) + load * nodes) / rest)
            * ndtr((ndtri(q) + load * nodes) / rest)
        ).sum()
    )


def share(expected: float, n: int) -> Any:
    """Within 4 binomial standard deviations."""
    return pytest.approx(expected, abs=4 * math.sqrt(expected * (1 - expected) / n))


def test_accuracy_by_task_is_exactly_as_stated(weather: Make) -> None:
    """About 100,000 answers to each task, by the first call and by the third, within 4 sd (at most
    .63 points)."""
    quality = {"easy": 0.99, "fair": 0.86, "even": 0.5, "hard": 0.05}
    load = spec.Workload(rate=100, tasks=dict.fromkeys(quality, spec.Task()))
    scene = weather(load, deployments={"a": model("m", quality)}, horizon=4000.0)
    tasks = np.concatenate([block.task for block in scene.blocks()])
    for right in answers(scene, ("a", 0), ("a", 2)):
        for code, expected in enumerate(quality.values()):
            assert right[tasks == code].mean() == share(expected, (tasks == code).sum())


@pytest.mark.parametrize(
    "stated", [0.85, {"plain": 0.85, "hard": 0.6, "easy": 0.95}], ids=["overall", "by task"]
)
def test_difficulty_shifts_accuracy_by_probits(weather: Make, stated: Any) -> None:
    """Phi(Phi^-1(p) - d) on a task of difficulty d, whether p is stated for all work or for the
    task, within 4 sd."""
    tasks = {
        "plain": spec.Task(),
        "hard": spec.Task(difficulty=1.0),
        "easy": spec.Task(difficulty=-0.5),
    }
    scene = weather(
        spec.Workload(rate=100, tasks=tasks), deployments={"a": model("m", stated)}, horizon=2000.0
    )
    codes = np.concatenate([block.task for block in scene.blocks()])
    (right,) = answers(scene, ("a", 0))
    for code, (name, task) in enumerate(tasks.items()):
        share_of = stated[name] if isinstance(stated, dict) else stated
        assert right[codes == code].mean() == share(
            float(ndtr(ndtri(share_of) - task.difficulty)), (codes == code).sum()
        )


def test_difficulty_changes_neither_never_nor_always(weather: Make) -> None:
    """A probit of plus or minus infinity less any number is itself."""
    tasks = {"sure": spec.Task(difficulty=5.0), "lost": spec.Task(difficulty=-5.0)}
    scene = weather(
        spec.Workload(rate=10, tasks=tasks),
        deployments={"a": model("m", {"sure": 1.0, "lost": 0.0})},
    )
    codes = np.concatenate([block.task for block in scene.blocks()])
    (right,) = answers(scene, ("a", 0))
    assert (right == (codes == 0)).all()


@pytest.mark.parametrize(("quality", "expected"), [(0.0, 0.0), (1.0, 1.0), (1, 1.0), (0, 0.0)])
def test_never_and_always_right_are_legal(weather: Make, quality: float, expected: float) -> None:
    """Accuracies of 0 and 1, also when written as whole numbers."""
    (right,) = answers(weather(deployments={"a": model("m", quality)}), ("a", 0))
    assert set(right) == {expected}


def test_errors_of_two_models_go_together(weather: Make) -> None:
    """P(both right) at .5 and .5 is 1/4 + asin(.64) / 2 pi (Sheppard), at .7 and .9 the copula's
    integral: within 4 sd; independent: .25, .63."""
    deployments = {
        "a": model("m", 0.5),
        "b": model("n", 0.5, "other"),
        "c": model("o", 0.7),
        "d": model("p", 0.9),
    }
    scene = weather(spec.Workload(rate=100), deployments=deployments, horizon=2000.0)
    a, b, c, d = answers(scene, ("a", 0), ("b", 0), ("c", 0), ("d", 0))
    assert (a * b).mean() == share(0.25 + math.asin(SHARED) / (2 * math.pi), len(a))
    assert (c * d).mean() == share(both_right(0.7, 0.9, SHARED), len(c))


def test_a_retry_of_one_model_is_more_alike_than_a_second_model(weather: Make) -> None:
    """Two calls of one model, at one deployment or at two: 1/4 + asin(.85) / 2 pi within 4 sd, and
    never a mere copy."""
    scene = weather(
        spec.Workload(rate=100),
        deployments={"a": model("m", 0.5), "b": model("m", 0.5, "other")},
        horizon=2000.0,
    )
    first, second, elsewhere = answers(scene, ("a", 0), ("a", 1), ("b", 0))
    expected = 0.25 + math.asin(SAME) / (2 * math.pi)
    assert (first * second).mean() == share(expected, len(first))
    assert (first * elsewhere).mean() == share(expected, len(first))


def test_a_repeat_is_the_same_question(weather: Make) -> None:
    """Pairs of requests with one question agree as two calls of one model do; 20,000 such pairs,
    one each a question, within 4 sd."""
    repeats = spec.Repeats(share=1.0, questions=100_000, exponent=0.0)
    scene = weather(
        spec.Workload(rate=100, repeats=repeats), deployments={"a": model("m", 0.5)}, horizon=1500.0
    )
    (right,) = answers(scene, ("a", 0))
    question = np.concatenate([block.question for block in scene.blocks()])
    order = np.argsort(question, kind="stable")
    starts = np.flatnonzero(np.diff(question[order], prepend=-1))
    starts = starts[starts + 1 < len(order)]
    pairs = starts[question[order][starts] == question[order][starts + 1]]
    both = right[order][pairs] * right[order][pairs + 1]
    assert len(both) > 20_000
    assert both.mean() == share(0.25 + math.asin(SAME) / (2 * math.pi), len(both))


def cascade(
    right: dict[tuple[int, int], float], accept: float, wrongly: float
) -> tuple[float, float]:
    """(escalation, accuracy) of a two-step cascade by the closed form, from shares of (weak right,
    strong right)."""
    p = right[1, 1] + right[1, 0]
    s1, s0 = right[1, 1] / p, right[0, 1] / (1 - p)
    return p * (1 - accept) + (1 - p) * (1 - wrongly), p * accept + p * (1 - accept) * s1 + (
        1 - p
    ) * (1 - wrongly) * s0


def joint(weak: np.ndarray, strong: np.ndarray) -> dict[tuple[int, int], float]:
    return {(i, j): float(((weak == i) & (strong == j)).sum()) for i, j in ROUTELLM}


def table_scene(weather: Make, shared: Path, horizon: float) -> tuple[Weather, OutcomeTable]:
    table = read_outcomes(shared / "data/outcomes_mmlu_routellm.csv.gz")
    deployments = {
        "weak": model("x", 0.5, outcomes="mixtral-8x7b"),
        "strong": model("y", 0.5, outcomes="gpt-4-1106"),
    }
    load = spec.Workload(rate=10, outcomes="table")
    return weather(load, deployments=deployments, files={"outcomes": table}, horizon=horizon), table


def test_the_measured_table_is_reproduced_exactly(weather: Make, shared: Path) -> None:
    """As many requests as RouteLLM's table has rows ask each row once: 8,816 / 742 / 2,496 / 1,983,
    and accuracies of 68.091473 / 80.587020 %."""
    scene, table = table_scene(weather, shared, 2000.0)
    weak, strong = (
        right[: len(table.task)] for right in answers(scene, ("weak", 0), ("strong", 0))
    )
    assert joint(weak, strong) == ROUTELLM
    assert (100 * weak.mean(), 100 * strong.mean()) == pytest.approx(
        (68.091473, 80.587020), abs=5e-7
    )


def test_a_table_gives_its_tasks_and_one_answer_to_each_prompt(weather: Make, shared: Path) -> None:
    """57 subjects of MMLU; a request's task is its row's, and a retry changes nothing."""
    scene, table = table_scene(weather, shared, 1000.0)
    assert len(scene.tasks) == 57
    block = next(scene.blocks())
    assert np.array_equal(block.task, table.task[block.row])
    first, again = answers(scene, ("weak", 0), ("weak", 1))
    assert np.array_equal(first, again)


@pytest.mark.parametrize(
    ("accept", "wrongly", "escalation", "accuracy"),
    [(0.9, 0.1, 35.5268, 83.5663), (0.8, 0.2, 39.1451, 81.2595)],
)
def test_a_cascade_over_the_table_meets_its_acceptance_points(
    weather: Make, shared: Path, accept: float, wrongly: float, escalation: float, accuracy: float
) -> None:
    """quality-model's points by the closed form, to the last digit given; a judge's coins over the
    table agree within 4 sd (1.6 and 1.3 points)."""
    scene, table = table_scene(weather, shared, 2000.0)
    weak, strong = (
        right[: len(table.task)] for right in answers(scene, ("weak", 0), ("strong", 0))
    )
    counts = joint(weak, strong)
    exact = cascade({key: count / len(weak) for key, count in counts.items()}, accept, wrongly)
    assert [100 * value for value in exact] == pytest.approx([escalation, accuracy], abs=1e-4)
    coin = scene.streams.block("judge", block=0).random(len(weak))
    kept = coin < np.where(weak == 1, accept, wrongly)
    assert 1 - kept.mean() == share(exact[0], len(weak))
    assert np.where(kept, weak, strong).mean() == share(exact[1], len(weak))


def test_the_copula_comes_within_its_stated_error_of_the_table(weather: Make) -> None:
    """Given the two accuracies alone: P(strong right | weak wrong) within 3.0 points of the
    measured 55.73 % (independence: 24.9 off) plus 4 sd of 40,000 requests (1.8); so cascade
    accuracy within 3.0 * .319 * (.9 - .1) = .77 points of 83.5663 % plus 4 sd (.74; independence:
    6.3 off)."""
    deployments = {"weak": model("x", 0.68091473), "strong": model("y", 0.80587020)}
    scene = weather(spec.Workload(rate=100), deployments=deployments, horizon=400.0)
    weak, strong = answers(scene, ("weak", 0), ("strong", 0))
    measured = ROUTELLM[0, 1] / (ROUTELLM[0, 1] + ROUTELLM[0, 0])
    given = strong[weak == 0].mean()
    assert given == pytest.approx(
        measured, abs=0.030 + 4 * math.sqrt(measured * (1 - measured) / (weak == 0).sum())
    )
    shares = {key: count / len(weak) for key, count in joint(weak, strong).items()}
    assert 100 * cascade(shares, 0.9, 0.1)[1] == pytest.approx(83.5663, abs=0.77 + 0.74)
