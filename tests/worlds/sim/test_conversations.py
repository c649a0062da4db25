"""Conversations whose next turn waits for the answer, in the simulated world."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simroute.models import spec
from simroute.studies.bound.gap import has_bound
from tests.worlds.sim.test_callers import LAYERS, UNEVEN, played

TALK = spec.Sessions(5.0, think=spec.Pause(median=8.0, sigma=0.7))
TASKS = {"chat": spec.Task(system_prompt=500), "code": spec.Task(share=0.5)}


def by_session(asked: dict[str, np.ndarray]) -> Any:
    """Rows in order of session and number."""
    order = np.lexsort((asked["request_id"], asked["session"]))
    return {name: column[order] for name, column in asked.items()}


@pytest.mark.parametrize("count", [0, 12])
def test_the_next_turn_comes_a_time_to_think_after_the_answer(count: int) -> None:
    """With conversations that come by the rate, and with callers who hold one after the other: the
    pause before a turn is the same under both policies, its moment is not."""
    load = spec.Workload(
        rate=2.0, callers=spec.Callers(count, spec.Pause(mean=30.0)), sessions=TALK, tasks=TASKS
    )
    pauses = []
    for layers in ({}, LAYERS):
        asked = by_session(played(load, layers, deployments=UNEVEN)[1]["requests"])
        same = asked["session"][1:] == asked["session"][:-1]
        waited = (asked["arrival_s"][1:] - asked["end_s"][:-1])[same]
        assert (waited > 0).all()
        numbers = asked["request_id"][1:][same].tolist()
        pauses.append(dict(zip(numbers, waited.tolist(), strict=True)))
    both = pauses[0].keys() & pauses[1].keys()
    assert len(both) > 400
    assert all(pauses[0][number] == pytest.approx(pauses[1][number]) for number in both)
    assert not has_bound(spec.Scenario({}, workload=load))


def test_turns_by_the_clock_are_the_same_requests_under_every_policy() -> None:
    """Numbers, moments and lengths; so the clairvoyant bound holds."""
    load = spec.Workload(
        rate=2.0,
        sessions=spec.Sessions(5.0, think=TALK.think, next="clock"),
        patience=spec.Pause(median=5.0),
        tasks=TASKS,
    )
    one, other = (
        played(load, layers, deployments=UNEVEN)[1]["requests"] for layers in ({}, LAYERS)
    )
    for name in ("request_id", "arrival_s", "session", "input_tokens", "task", "user"):
        assert np.array_equal(one[name], other[name]), name
    assert has_bound(spec.Scenario({}, workload=load))


@settings(max_examples=20, deadline=None)
@given(
    turns=st.floats(1.0, 40.0),
    shape=st.floats(0.3, 12.0),
    median=st.floats(0.0, 20.0),
    follows=st.sampled_from(["answer", "clock"]),
    count=st.integers(0, 30),
    again=st.floats(0, 1),
)
def test_conversations_are_conserved(
    turns: float, shape: float, median: float, follows: Any, count: int, again: float
) -> None:
    """Any parameters: each request once, in one conversation of one task, and prompts grow by at
    least a token a turn, whoever presses again."""
    load = spec.Workload(
        rate=3.0,
        callers=spec.Callers(count, spec.Pause(mean=10.0)),
        sessions=spec.Sessions(turns, shape, spec.Pause(median=median), follows),
        again=spec.AskAgain(again),
        tasks=TASKS,
    )
    figures, rows = played(load, deployments=UNEVEN, horizon=60.0)
    if not rows:
        assert figures.metrics["requests"] == 0
        return
    asked = by_session(rows["requests"])
    assert figures.metrics["requests"] == len(np.unique(asked["request_id"]))
    if turns == 1.0:
        return
    first = asked["presses"] == 0 if again else np.ones(len(asked["session"]), bool)
    kept = {name: column[first] for name, column in asked.items()}
    same = kept["session"][1:] == kept["session"][:-1]
    assert (kept["task"][1:] == kept["task"][:-1])[same].all()
    assert (np.diff(kept["input_tokens"])[same] > 0).all()
    assert (np.diff(kept["arrival_s"])[same] >= 0).all()
