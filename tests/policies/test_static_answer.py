"""A fixed text instead of a failure."""

import asyncio
import json

import numpy as np
import pytest

from fakes import Ask, FakeWorld, Reply
from simroute.core import Outcome
from simroute.ledger import CACHED
from simroute.live import Gateway
from simroute.metrics.definitions import DEFINITIONS
from simroute.policies.static_answer import StaticAnswer
from simroute.testing import clock
from simroute.testing.script import Step, play


@pytest.mark.parametrize(
    ("reply", "status", "cached"),
    [
        (Reply(503), 200, "static"),
        (Reply(403, by="fallback"), 200, "static"),
        (Reply(400), 400, "no"),
        (Reply(200), 200, "no"),
    ],
)
def test_a_failure_is_replaced_and_an_answer_is_not(reply, status, cached):
    """Nor what the caller did wrong; what a layer inside refused is a failure."""
    ((_, outcome),) = FakeWorld(lambda call, n: reply).play(StaticAnswer(text="Later."), Ask())
    assert (outcome.status, outcome.cached) == (status, cached)
    if cached == "static":
        assert (outcome.answer, outcome.by, outcome.usd) == ("Later.", "static_answer", 0.0)


@pytest.mark.parametrize(("task", "status"), [("chat", 200), ("extract", 503)])
def test_only_the_named_work_is_answered_so(task, status):
    """A program that reads JSON gets its error."""
    world = FakeWorld(lambda call, n: Reply(503))
    ((_, outcome),) = world.play(StaticAnswer(work=("chat",)), Ask(task=task))
    assert outcome.status == status


def test_a_ping_gets_its_failure():
    """It is to be sent once."""
    world = FakeWorld(lambda call, n: Reply(503))

    async def once(call, send, world):
        return await StaticAnswer()(call.as_probe(once=True), send, world)

    ((_, outcome),) = world.play(once, Ask())
    assert outcome.status == 503


@pytest.mark.parametrize("streamed", [False, True])
def test_it_counts_as_a_success_of_its_own_quality_that_is_told_apart(streamed):
    """Two of three fail: three successes, qualities 1, .2 and .2, and two that are static."""
    script = {"a": [Step(1.0), Step(1.0, 503), Step(1.0, 503)]}
    layers = {"static_answer": StaticAnswer(quality=0.2)}
    log = play(layers, script, [0.0, 5.0, 10.0], streamed=streamed)
    (rows,) = log.rows["requests"]
    assert [outcome for outcome, *_ in log.requests.values()] == ["ok"] * 3
    order = np.argsort(rows["request_id"])
    assert rows["quality"][order].tolist() == [1.0, 0.2, 0.2]
    assert (rows["cached"] == CACHED["static"]).sum() == 2
    assert "degraded_share" in DEFINITIONS


class Down:
    async def send(self, call):
        await asyncio.sleep(0.1)
        return Outcome(503, call.target, "error")


def test_live_it_comes_in_the_form_that_was_asked_for():
    """Whole, and as a stream; with the word in the answer's head."""
    fleet = {
        "a": {
            "provider": "a",
            "model": "m",
            "base_url": "https://example.com/v1",
            "price": {"input": 1.0, "output": 1.0},
        }
    }
    policy = {"static_answer": {"text": "Later."}, "timeout": {"total": 30.0}}
    hello = [{"role": "user", "content": "hello"}]

    async def main():
        async with Gateway(policy, fleet, transport=Down()) as gateway:
            whole = await gateway.complete(messages=hello)
            pieces = [piece async for piece in gateway.stream(messages=hello)]
        return whole, pieces

    whole, pieces = clock.run(main())
    assert (whole.status, whole.text, whole.cached, whole.usd) == (200, "Later.", "static", 0.0)
    assert json.loads(whole.body)["choices"][0]["finish_reason"] == "stop"
    assert "".join(piece.text for piece in pieces) == "Later."
    assert pieces[-1].endswith(b"data: [DONE]\n\n")
