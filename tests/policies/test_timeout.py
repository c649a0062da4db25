"""Not waiting for ever."""

import pytest

from simroute.gauges.time_limits import TimeLimits
from simroute.ledger import Ledger
from simroute.models import spec
from simroute.models.blocks import Inputs
from simroute.models.weather import Weather
from simroute.policies.fallback import Fallback
from simroute.policies.timeout import Timeout
from simroute.worlds.sim import SimWorld
from tests.fakes import Ask, FakeWorld, Reply


def outcome_of(policy: Timeout, reply: Reply, streamed: bool = False) -> tuple[float, int]:
    ((end, outcome),) = FakeWorld(lambda call, n: reply).play(policy, Ask(streamed=streamed))
    return end, outcome.status


def test_an_answer_must_be_complete_in_time():
    """29 s pass, 31 s do not, and a reply in the very moment counts as in time."""
    assert outcome_of(Timeout(30.0), Reply(seconds=29.0)) == (29.0, 200)
    assert outcome_of(Timeout(30.0), Reply(seconds=30.0)) == (30.0, 200)
    assert outcome_of(Timeout(30.0), Reply(seconds=31.0)) == (30.0, 408)


def test_the_first_token_of_a_stream_must_be_there_in_time():
    """The shorter of both bounds; it is no bound for an answer that comes whole."""
    assert outcome_of(Timeout(30.0, 5.0), Reply(seconds=6.0, rest=1.0), streamed=True) == (5.0, 408)
    assert outcome_of(Timeout(3.0, 5.0), Reply(seconds=4.0, rest=1.0), streamed=True) == (3.0, 408)
    assert outcome_of(Timeout(30.0, 5.0), Reply(seconds=6.0)) == (6.0, 200)


def test_an_answer_that_is_not_streamed_may_have_a_limit_of_its_own():
    """In place of `total`, longer or shorter; a stream keeps to the others."""
    assert outcome_of(Timeout(30.0, unstreamed=5.0), Reply(seconds=6.0)) == (5.0, 408)
    assert outcome_of(Timeout(3.0, unstreamed=5.0), Reply(seconds=4.0)) == (4.0, 200)
    stream = Reply(seconds=6.0, rest=1.0)
    assert outcome_of(Timeout(30.0, unstreamed=5.0), stream, streamed=True) == (7.0, 200)
    assert outcome_of(Timeout(30.0, 2.0, unstreamed=5.0), stream, streamed=True) == (2.0, 408)
    grows = Timeout(30.0, unstreamed=5.0, per_1k_input=1.0, tasks={"slow": TimeLimits(total=9.0)})
    for task, end in (("chat", 7.0), ("slow", 11.0)):
        world = FakeWorld(lambda call, n: Reply(seconds=99.0))
        ((then, outcome),) = world.play(grows, Ask(task=task, input_tokens=2000))
        assert (then, outcome.status) == (end, 408)


def test_the_total_counts_from_the_start_of_a_stream():
    """First token after 4 s: 26 s are left for the rest."""
    assert outcome_of(Timeout(30.0, 5.0), Reply(seconds=4.0, rest=25.0), streamed=True) == (
        29.0,
        200,
    )
    assert outcome_of(Timeout(30.0, 5.0), Reply(seconds=4.0, rest=27.0), streamed=True) == (
        30.0,
        408,
    )


def test_limits_may_differ_by_task():
    """Chat has 10 s, the rest 30 s; what a task leaves out is that of all."""
    policy = Timeout(30.0, 5.0, tasks={"chat": TimeLimits(total=10.0), "batch": TimeLimits()})
    for task, end in (("chat", 10.0), ("batch", 30.0), ("other", 30.0)):
        world = FakeWorld(lambda call, n: Reply(seconds=99.0))
        ((then, outcome),) = world.play(policy, Ask(task=task))
        assert (then, outcome.status) == (end, 408)
        world = FakeWorld(lambda call, n: Reply(seconds=99.0, rest=1.0))
        ((then, _),) = world.play(policy, Ask(task=task, streamed=True))
        assert then == 5.0


def test_limits_may_grow_with_prompt_and_answer():
    """2 s, 1 s for each 1,000 tokens of input, 10 ms for each of 800 that are allowed: 12 s with
    2,000 tokens of input; to the first token 1 s and those 2 s."""
    policy = Timeout(2.0, 1.0, per_1k_input=1.0, per_output_token=0.01)
    ask = {"input_tokens": 2000, "max_output_tokens": 800}
    for seconds, status in ((12.0, 200), (12.1, 408)):
        world = FakeWorld(lambda call, n, s=seconds: Reply(seconds=s))
        ((_, outcome),) = world.play(policy, Ask(**ask))
        assert outcome.status == status
    for seconds, status in ((3.0, 200), (3.1, 408)):
        world = FakeWorld(lambda call, n, s=seconds: Reply(seconds=s, rest=1.0))
        ((_, outcome),) = world.play(policy, Ask(**ask, streamed=True))
        assert outcome.status == status


@pytest.mark.parametrize(("connect", "seconds"), [(None, 5.0), (1.5, 1.5)])
def test_who_cannot_be_reached_is_given_up_as_soon_as_is_said(connect, seconds):
    """No connection is made: 503 after five seconds, or after those of the layer; the next company
    is asked then."""
    scenario = spec.Scenario(
        deployments={
            name: spec.Deployment(
                name, "m", price=spec.PriceList(1.0, 1.0), errors={"unreachable": share}
            )
            for name, share in (("a", 1.0), ("b", 0.0))
        },
        workload=spec.Workload(rate=0.1),
        gateway=spec.Gateway(overhead=0.0),
        horizon=600.0,
    )
    rows = []
    ledger = Ledger([lambda table, chunk: rows.append(chunk) if table == "attempts" else None])
    layers = {"fallback": Fallback(("a", "b")), "timeout": Timeout(30.0, connect=connect)}
    SimWorld(Weather(scenario, 1, 0, Inputs()), [layers], ledger).run()
    took = [
        (status, round(end - start, 6))
        for chunk in rows
        for status, target, start, end in zip(
            *(chunk[name].tolist() for name in ("status", "target", "start_s", "end_s")),
            strict=True,
        )
        if target == 0
    ]
    assert len(took) > 30
    assert set(took) == {(503, seconds)}
