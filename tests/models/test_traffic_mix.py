"""Who asks for what: users by Zipf's law, tasks by feature, streams by task."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from simroute.config.loading import load, restore
from simroute.errors import InputError
from simroute.experiment.run import replicate
from simroute.models import spec
from simroute.models.questions import UNIQUE
from simroute.models.traffic_mix import streamed_share, task_shares, user_weights
from simroute.models.weather import Weather
from tests.logs import calls, written
from tests.models.test_questions import columns, share

Make = Callable[..., Weather]
TASKS = {
    "chat": spec.Task(share={"search": 1, "mail": 3}, streamed=1.0),
    "extract": spec.Task(share={"search": 1}),
    "note": spec.Task(share=2, streamed=0.1),
}
MIX = spec.Workload(rate=100, streamed=0.5, features={"search": 3, "mail": 1}, tasks=TASKS)
IN = {"search": [1 / 4, 1 / 4, 2 / 4], "mail": [3 / 5, 0, 2 / 5]}
"""Shares of the tasks in each feature, by hand."""


@pytest.mark.parametrize("exponent", [0.0, 1.0, 1.4])
def test_a_number_of_users_asks_by_zipf_s_law(weather: Make, exponent: float) -> None:
    """Of 100,000 requests each of the first ten of 200 users has its share k^-s / H within 4 sd."""
    made = weather(spec.Workload(rate=100, users=200, users_exponent=exponent), horizon=1000.0)
    assert made.users[0] == "user-001"
    assert made.users[-1] == "user-200"
    user = columns(made)["user"]
    law = np.arange(1, 201) ** -exponent
    for place, expected in enumerate((law / law.sum())[:10]):
        assert (user == place).mean() == share(user, float(expected))
    assert set(user.tolist()) <= set(range(200))


def test_names_of_users_are_as_wide_as_their_number() -> None:
    """In the order of their names they are in that of their weights."""
    names = list(user_weights(spec.Workload(users=1200)))
    assert (names[0], names[-1]) == ("user-0001", "user-1200")
    assert names == sorted(names)
    assert list(user_weights(spec.Workload(users=1))) == ["user-001"]


def test_a_number_of_users_is_the_same_users_by_name(weather: Make) -> None:
    """To the bit: a number is no more than names and weights."""
    number = spec.Workload(rate=20, users=7)
    named = spec.Workload(rate=20, users=user_weights(number))
    one, other = (columns(weather(each, horizon=300.0))["user"] for each in (number, named))
    assert one.tolist() == other.tolist()


def test_tasks_have_the_shares_of_their_feature(weather: Make) -> None:
    """Each feature's own mixture within 4 sd; a feature that a task leaves out has none of it; the
    features keep their weights."""
    made = weather(MIX, horizon=1000.0)
    drawn = columns(made)
    for code, feature in enumerate(made.features):
        here = drawn["task"][drawn["feature"] == code]
        for task, expected in enumerate(IN[feature]):
            assert (here == task).mean() == share(here, expected)
    assert (drawn["feature"] == 0).mean() == share(drawn["feature"], 0.75)


def test_tasks_stream_as_they_say_and_else_as_the_workload(weather: Make) -> None:
    """All of chat, half of extract, a tenth of note, within 4 sd."""
    drawn = columns(weather(MIX, horizon=1000.0))
    for task, expected in enumerate((1.0, 0.5, 0.1)):
        here = drawn["streamed"][drawn["task"] == task]
        assert here.mean() == share(here, expected)


def test_shares_of_the_whole_are_told_by_hand() -> None:
    """3/4 of the traffic is search."""
    whole = [0.75 * a + 0.25 * b for a, b in zip(IN["search"], IN["mail"], strict=True)]
    assert list(task_shares(MIX).values()) == pytest.approx(whole)
    assert streamed_share(MIX) == pytest.approx(whole[0] + 0.5 * whole[1] + 0.1 * whole[2])
    plain = spec.Workload(streamed=0.3, tasks={"a": spec.Task(share=1), "b": spec.Task(share=3)})
    assert task_shares(plain) == {"a": 0.25, "b": 0.75}
    assert streamed_share(plain) == 0.3


def test_a_question_that_is_asked_again_is_of_the_same_feature_and_task(weather: Make) -> None:
    """Whoever repeats it: what belongs to a prompt is drawn by the question."""
    repeats = spec.Repeats(share=0.8, questions=50)
    load = spec.Workload(rate=50, features=MIX.features, tasks=TASKS, repeats=repeats)
    drawn = columns(weather(load, horizon=400.0))
    again = drawn["question"] < UNIQUE
    asked = drawn["question"][again]
    for name in ("feature", "task"):
        kinds = set(zip(asked.tolist(), drawn[name][again].tolist(), strict=True))
        assert len(kinds) == len(set(asked.tolist())) > 40


def test_shares_that_are_the_same_in_each_feature_draw_the_same_tasks(weather: Make) -> None:
    """A task by feature has the draw that it has without: common random numbers hold."""
    both = {"a": spec.Task(share=1), "b": spec.Task(share=3)}
    split = {name: spec.Task(share={"x": t.share, "y": t.share}) for name, t in both.items()}
    loads = (spec.Workload(rate=20, features={"x": 1, "y": 1}, tasks=t) for t in (both, split))
    one, other = (columns(weather(each, horizon=300.0)) for each in loads)
    for name in ("task", "input_tokens", "output_tokens", "user", "streamed"):
        assert one[name].tolist() == other[name].tolist()


def scenario(**load: Any) -> dict[str, Any]:
    """A file's content."""
    return {
        "horizon": 120,
        "workload": {
            "rate": 5,
            "features": {"search": 3, "mail": 1},
            "tasks": {"chat": {"share": {"search": 1, "mail": 3}, "streamed": 1}, "note": {}},
        }
        | load,
        "deployments": {"a": {"provider": "x", "model": "m", "price": {"input": 1, "output": 2}}},
    }


def path_of(folder: Path, data: dict[str, Any]) -> str:
    """The file."""
    (folder / "s.yaml").write_text(yaml.safe_dump(data), encoding="utf-8")
    return str(folder / "s.yaml")


def test_a_run_from_its_config_has_the_same_figures(tmp_path: Path) -> None:
    """Numbers of users, shares by feature and streams by task come back as they were; an override
    of one of them is another run."""
    given = path_of(tmp_path, scenario(users=30, users_exponent=0.5))
    made = load("run", given, ["direct"])
    (tmp_path / "config.yaml").write_text(made.to_yaml(), encoding="utf-8")
    again = restore(tmp_path / "config.yaml")
    assert again.scenario == made.scenario
    figures = [replicate(each, "direct", 0) for each in (made, again)]
    assert figures[0].by == figures[1].by
    other = load("run", given, ["direct"], ["scenario.workload.tasks.chat.share.mail=0"])
    assert other.scenario.workload.tasks["chat"].share == {"search": 1.0, "mail": 0.0}
    assert replicate(other, "direct", 0).by["task"] != figures[0].by["task"]


def test_a_log_s_feature_without_a_share_has_the_tasks_of_all(tmp_path: Path) -> None:
    """Nothing is left out: a log names more features than a scenario knows."""
    rows = [row | {"feature": "search" if n % 2 else "new"} for n, row in enumerate(calls(2000))]
    trace = written(tmp_path / "log.csv", rows)
    tasks = {"a": {"share": {"search": 1}}, "b": {"share": {"search": 1}}, "c": {"share": 0}}
    data = scenario(trace=str(trace), tasks=tasks)
    del data["horizon"]
    figures = replicate(load("run", path_of(tmp_path, data), ["direct"]), "direct", 0)
    by_task = {name: row["requests"] for name, row in figures.by["task"].items()}
    assert by_task["c"] == 0
    assert by_task["a"] + by_task["b"] == 2000
    assert by_task["a"] == pytest.approx(1000, abs=4 * 500**0.5)


MISTAKES = {
    "no user": ({"users": 0}, "workload.users: 0 is out of range; expected at least 1"),
    "fewer": ({"users": -1}, "workload.users: -1 is out of range"),
    "a part": ({"users": 1.5}, "workload.users: expected a whole number, found 1.5"),
    "a flag": ({"users": True}, "workload.users: expected a number, found true"),
    "too many": ({"users": 20_000}, "workload.users: at most 10,000"),
    "weights of zero": ({"users": {"ann": 0}}, "the weights are all zero"),
    "a law for names": (
        {"users": {"ann": 1}, "users_exponent": 2},
        "workload.users_exponent: is of a number of users",
    ),
    "a slip": ({"tasks": {"a": {"share": {"serch": 1}}, "b": {}}}, "did you mean search?"),
    "a feature of nothing": (
        {"tasks": {"a": {"share": {"search": 1}}}},
        "workload.tasks: no task has a share of the feature 'mail'",
    ),
    "no share": ({"tasks": {"a": {"share": {"search": 0, "mail": 0}}}}, "shares are all zero"),
    "per cent": ({"tasks": {"a": {"streamed": 70}}}, "it looks like a percentage: use 0.7"),
    "no features": (
        {"features": {}, "tasks": {"a": {"share": {"search": 1}}}},
        "there is no such feature; there are no features",
    ),
}


@pytest.mark.parametrize("kind", MISTAKES)
def test_what_makes_no_traffic_is_refused_in_one_line(kind: str, tmp_path: Path) -> None:
    """With file, line, key and what would be right."""
    keys, right = MISTAKES[kind]
    with pytest.raises(InputError) as found:
        load("run", path_of(tmp_path, scenario(**keys)), ["direct"])
    (line,) = found.value.lines
    assert right in line
    assert line.startswith(f"{tmp_path / 's.yaml'}:")
