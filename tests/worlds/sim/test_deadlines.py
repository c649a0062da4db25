"""A send that is known to end in time has no deadline, and nobody can tell."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simpy import Environment

import digests
from simroute.config import loading
from simroute.core import Outcome
from simroute.models.spec import Limits
from simroute.policies.fallback import Fallback
from simroute.policies.retry import Backoff, Retry
from simroute.policies.timeout import Timeout
from simroute.testing.script import PlayLog, Step, play
from simroute.worlds.sim.events import Wake


@dataclass
class Hidden:
    """Passes every call on in a coroutine, so that a timeout outside cannot know when it ends."""

    async def __call__(self, call: Any, send: Any, world: Any) -> Outcome:
        return await send(call)


@dataclass
class Race:
    """Sends to both targets, to the second `delay` later; the first answer wins."""

    delay: float

    async def __call__(self, call: Any, send: Any, world: Any) -> Outcome:
        async def late() -> Outcome:
            await world.sleep(self.delay)
            return await send(call.to("b"))

        return await world.first(send(call.to("a")), late())


def happened(log: PlayLog) -> list[Any]:
    """Every column of every row."""
    return [
        (table, name, column.tobytes())
        for table, chunks in log.rows.items()
        for chunk in chunks
        for name, column in chunk.items()
        if table != "events"
    ]


QUARTERS = st.integers(0, 16).map(lambda n: n / 4)
"""Seconds of which many coincide."""
STEPS = st.lists(
    st.builds(
        Step,
        QUARTERS,
        st.sampled_from([200, 200, 503]),
        first=st.none() | st.just(0.0) | st.sampled_from([0.25, 0.5, 1.0]),
    ).filter(lambda step: step.first is None or step.first <= step.seconds),
    min_size=1,
    max_size=6,
)
OUTSIDE: list[dict[str, Any]] = [
    {},
    {"fallback": Fallback(("a", "b"))},
    {"outer": Timeout(2.0), "fallback": Fallback(("a", "b"))},
    {"race": Race(0.5)},
    {"outer": Timeout(1.5), "race": Race(0.25)},
    {"retry": Retry(3, backoff=Backoff(0.25, jitter="none"))},
]


@settings(max_examples=120, deadline=None)
@given(
    first=STEPS,
    second=STEPS,
    arrivals=st.lists(QUARTERS, min_size=1, max_size=8).map(sorted),
    total=st.sampled_from([0.25, 1.0, 1.5, 2.0]),
    first_token=st.none() | st.sampled_from([0.25, 0.5]),
    outside=st.sampled_from(OUTSIDE),
    streamed=st.booleans(),
    abandoned=st.sampled_from(["stops", "runs_on"]),
    slots=st.sampled_from([None, 1, 2]),
)
def test_with_and_without_a_deadline_the_rows_are_the_same(
    first: list[Step],
    second: list[Step],
    arrivals: Sequence[float],
    total: float,
    first_token: float | None,
    outside: dict[str, Any],
    streamed: bool,
    abandoned: str,
    slots: int | None,
) -> None:
    """Queued or not, streamed or not, too long, at the same instant, under an outer deadline, in a
    lost race: once with a timeout that sees the send, once with one that does not."""
    logs = [
        play(
            outside | {"timeout": Timeout(total, first_token)} | inside,
            {"a": first, "b": second},
            arrivals,
            streamed=streamed,
            abandoned=abandoned,
            limits=Limits(concurrency=slots, queue=3),
        )
        for inside in ({}, {"hidden": Hidden()})
    ]
    assert happened(logs[0]) == happened(logs[1])


@pytest.mark.parametrize(
    "weather",
    ["price step in a queue", "streams in a queue", "stops in a queue", "hangs", "bursts"],
)
def test_so_they_are_in_weather_that_changes_while_calls_wait(weather: str) -> None:
    """Slow-downs, price steps, rate limits and outages that begin while calls stand in the line."""
    scenario, overrides = digests.WEATHER[weather]
    configuration = loading.load("run", scenario, ["direct"], overrides, 3)
    rows = []
    for inside in ({}, {"hidden": Hidden()}):
        layers = {"fallback": Fallback(), "timeout": Timeout(6.0, 1.5)} | inside
        rows.append(digests.digest_run(replace(configuration, policies={"known": layers}), "known"))
    assert rows[0] == rows[1]


@dataclass
class Twice:
    """Awaits one send twice, the second time inside `within`."""

    limit: float

    async def __call__(self, call: Any, send: Any, world: Any) -> Outcome:
        work = send(call)
        await work
        return await (world.within(self.limit, work) if self.limit else work)


@pytest.mark.parametrize("limit", [0.0, 5.0])
def test_a_send_that_is_awaited_twice_raises(limit: float) -> None:
    """It is one attempt, however it is awaited; whoever wants another calls `send` again."""
    with pytest.raises(RuntimeError, match="awaited twice"):
        play({"twice": Twice(limit)}, {"a": [Step(1.0)]})


def test_a_simpy_process_cannot_wait_for_an_event_of_ours() -> None:
    """It fails at once, instead of being woken with all who wait for events of that kind."""
    env = Environment()

    def process() -> Any:
        yield Wake()

    env.process(process())
    with pytest.raises(AttributeError, match="append"):
        env.run()


@dataclass
class Failing:
    """A layer with a bug, or one that is interrupted."""

    error: BaseException

    async def __call__(self, call: Any, send: Any, world: Any) -> Outcome:
        raise self.error


@pytest.mark.parametrize("error", [ValueError("a bug of its own"), KeyboardInterrupt()])
def test_what_ends_a_copy_by_exception_is_told_as_it_is(error):
    """The race that gives up its copies then does not hide it behind an error of its own."""
    with pytest.raises(type(error)) as told:
        play({"race": Race(1.0), "failing": Failing(error)}, {"a": [Step()], "b": [Step()]})
    assert told.value.args == error.args
