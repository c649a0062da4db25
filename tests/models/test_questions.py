"""What is asked, by whom, how long, and how often again."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from simroute.models import spec
from simroute.models.questions import UNIQUE, Questions
from simroute.models.random import Streams
from simroute.models.weather import Weather
from simroute.traces import Trace

Make = Callable[..., Weather]
COLUMNS = (
    "question",
    "wording",
    "task",
    "user",
    "feature",
    "input_tokens",
    "output_tokens",
    "streamed",
    "replica",
)


def columns(weather: Weather) -> dict[str, Any]:
    blocks = list(weather.blocks())
    return {name: np.concatenate([getattr(block, name) for block in blocks]) for name in COLUMNS}


def share(chosen: np.ndarray, expected: float) -> Any:
    """The expected share within 4 binomial standard deviations."""
    return pytest.approx(expected, abs=4 * np.sqrt(expected * (1 - expected) / len(chosen)))


def test_repeats_are_zipf_popular(weather: Make) -> None:
    """Of 200,000 requests 40 % repeat; each of the ten most popular of 1,000 questions has its
    share r^-1.2 / H within 4 sd."""
    load = spec.Workload(rate=100, repeats=spec.Repeats(share=0.4, questions=1000, exponent=1.2))
    question = columns(weather(load, horizon=2000.0))["question"]
    again = question[question < UNIQUE]
    assert len(again) / len(question) == share(question, 0.4)
    popularity = np.arange(1, 1001) ** -1.2
    for rank, expected in enumerate((popularity / popularity.sum())[:10]):
        assert (again == rank).mean() == share(again, float(expected))
    assert again.max() < 1000


def test_questions_that_are_not_repeats_are_asked_once(weather: Make) -> None:
    """Their numbers, and those of their wordings, are distinct."""
    got = columns(weather(spec.Workload(rate=50, repeats=spec.Repeats(share=0.3)), horizon=400.0))
    fresh = got["question"] >= UNIQUE
    assert len(np.unique(got["question"][fresh])) == fresh.sum()
    assert np.array_equal(got["wording"][fresh], got["question"][fresh])


def test_a_paraphrase_means_the_same_in_words_of_its_own(weather: Make) -> None:
    """A quarter of the repeats (within 4 sd) has a wording that stands nowhere else; the others are
    the same to the letter."""
    got = columns(
        weather(
            spec.Workload(rate=50, repeats=spec.Repeats(share=0.5, questions=20, paraphrased=0.25)),
            horizon=400.0,
        )
    )
    again = got["question"] < UNIQUE
    anew = again & (got["wording"] != got["question"])
    assert anew[again].mean() == share(anew[again], 0.25)
    words, times = np.unique(got["wording"], return_counts=True)
    assert (times[np.isin(words, got["wording"][anew])] == 1).all()


def test_what_belongs_to_a_question_repeats_with_it(weather: Make) -> None:
    """The same question has one task, one input length and one output length, however often it is
    asked."""
    load = spec.Workload(
        rate=50,
        tasks={"a": spec.Task(), "b": spec.Task()},
        repeats=spec.Repeats(share=0.9, questions=300),
    )
    got = columns(weather(load, horizon=400.0))
    for name in ("task", "input_tokens", "output_tokens"):
        pairs = np.unique(np.stack([got["question"], got[name]]), axis=1)
        assert pairs.shape[1] == len(np.unique(got["question"]))


def test_the_most_popular_question_is_of_any_task(weather: Make) -> None:
    """Over 400 seeds its task is the second one in 30 % (within 4 sd, 9.2 points): popularity does
    not favour a task."""
    tasks = {"a": spec.Task(share=0.7), "b": spec.Task(share=0.3)}
    load = spec.Workload(
        rate=50, tasks=tasks, repeats=spec.Repeats(share=0.9, questions=10, exponent=2)
    )
    found = []
    for seed in range(400):
        block = next(weather(load, seed=seed, horizon=10.0).blocks())
        found.append(block.task[np.argmax(block.question == 0)])
    assert np.mean(found) == share(np.array(found), 0.3)


def test_tasks_users_features_and_streaming_have_their_shares(weather: Make) -> None:
    """50,000 requests, each share within 4 sd; weights need not add up to one; users and features
    are drawn independently."""
    tasks, users, features = (
        {"a": spec.Task(share=3), "b": spec.Task(share=1)},
        {"u": 5.0, "v": 3.0, "w": 2.0},
        {"f": 1.0, "g": 0.0, "h": 3.0},
    )
    load = spec.Workload(rate=50, streamed=0.7, tasks=tasks, users=users, features=features)
    scene = weather(load, horizon=1000.0)
    got = columns(scene)
    assert (scene.tasks, scene.users, scene.features) == (
        ["a", "b"],
        ["u", "v", "w"],
        ["f", "g", "h"],
    )
    for name, shares in (
        ("task", (0.75, 0.25)),
        ("user", (0.5, 0.3, 0.2)),
        ("feature", (0.25, 0, 0.75)),
    ):
        for code, expected in enumerate(shares):
            assert (got[name] == code).mean() == share(got[name], expected)
    both = (got["user"] == 0) & (got["feature"] == 2)
    assert both.mean() == share(both, 0.375)
    assert got["streamed"].mean() == share(got["streamed"], 0.7)


def test_requests_spread_evenly_over_replicas(weather: Make) -> None:
    """Each of 5 replicas gets a fifth, within 4 sd."""
    replica = columns(weather(horizon=2000.0, gateway=spec.Gateway(replicas=5)))["replica"]
    for number in range(5):
        assert (replica == number).mean() == share(replica, 0.2)


def test_lengths_are_lognormal_whole_and_at_least_one(weather: Make) -> None:
    """Mean and sd of the log of 50,000 lengths within 4 sd (sigma / sqrt(n), sigma / sqrt(2n)), and
    1e-4 for rounding."""
    task = spec.Task(
        input_tokens=spec.Lengths(median=5000, sigma=0.5),
        output_tokens=spec.Lengths(median=1.2, sigma=1, max=3),
    )
    got = columns(weather(spec.Workload(rate=50, tasks={"a": task}), horizon=1000.0))
    logs = np.log(got["input_tokens"])
    assert logs.mean() == pytest.approx(np.log(5000), abs=4 * 0.5 / np.sqrt(len(logs)) + 1e-4)
    assert logs.std() == pytest.approx(0.5, abs=4 * 0.5 / np.sqrt(2 * len(logs)) + 1e-4)
    assert set(got["output_tokens"]) == {1, 2, 3}
    assert got["output_tokens"].dtype == np.int64


def test_each_task_has_lengths_of_its_own(weather: Make) -> None:
    """With sigma 0 a task's lengths are its medians."""
    tasks = {
        name: spec.Task(input_tokens=spec.Lengths(m, 0), output_tokens=spec.Lengths(m / 10, 0))
        for name, m in (("a", 100), ("b", 700))
    }
    got = columns(weather(spec.Workload(tasks=tasks)))
    assert np.array_equal(got["input_tokens"], np.where(got["task"] == 0, 100, 700))
    assert np.array_equal(got["output_tokens"], np.where(got["task"] == 0, 10, 70))


def test_measured_lengths_are_resampled_in_pairs(weather: Make) -> None:
    """Every (input, output) is a row of the file, each as often as any other (within 4 sd)."""
    pairs = Trace(np.zeros(4), np.array([10, 20, 30, 40]), np.array([4, 3, 2, 1]))
    got = columns(weather(spec.Workload(lengths="l"), files={"lengths": pairs}))
    assert np.array_equal(got["input_tokens"], 10 * (5 - got["output_tokens"]))
    for length in (10, 20, 30, 40):
        assert (got["input_tokens"] == length).mean() == share(got["input_tokens"], 0.25)


def test_no_answer_is_longer_than_callers_allow(weather: Make) -> None:
    """`max_output_tokens` cuts what the model would have said."""
    assert columns(weather(spec.Workload(max_output_tokens=100)))["output_tokens"].max() == 100


def test_a_catalogue_that_fits_no_memory_is_refused(weather: Make) -> None:
    """A thousand million popular questions: one line, before anything is allocated."""
    with pytest.raises(ValueError, match=r"workload\.repeats\.questions: at most 1,000,000"):
        weather(spec.Workload(repeats=spec.Repeats(share=0.1, questions=10**9)))


def test_a_catalogue_of_any_size_costs_nothing_when_nobody_repeats(weather: Make) -> None:
    """Its size is unused while the share is 0."""
    assert next(weather(spec.Workload(repeats=spec.Repeats(questions=10**12))).blocks()).size > 0


def test_what_belongs_to_a_question_is_the_same_whatever_was_asked_for_before() -> None:
    """Three blocks of repeats and of questions of their own, asked for in turn, again, and each for
    the first time."""
    asked = [np.array([3, UNIQUE + 4096 * n, 5, 3, UNIQUE + 4096 * n + 4]) for n in range(3)]
    known = Questions(Streams(1, 0), catalogue=10)
    for number in (0, 0, 1, 0, 2, 1):
        fresh = Questions(Streams(1, 0), catalogue=10)
        for name in ("z", "v"):
            drawn = known.normals(asked[number], number, name)
            assert drawn.tolist() == fresh.normals(asked[number], number, name).tolist()
            assert drawn[0] == drawn[3], "asked twice"
