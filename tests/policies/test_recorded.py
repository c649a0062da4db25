"""What was done is done again."""

from simroute.core import Call, Logged
from simroute.policies.recorded import Recorded
from tests.fakes import Ask, FakeWorld, Reply


def world(logged: Logged | None, *down: str) -> FakeWorld:
    """One in which the log says that of each request."""
    return FakeWorld(
        lambda call, n: Reply(503 if call.target in down else 200), log=lambda call: logged
    )


def asked(world: FakeWorld) -> list[str | None]:
    return [target for _, target in world.sent]


def test_attempts_are_followed_in_their_order_until_one_answers():
    """The log has b, a and c; b is down, so a answers, and c is not asked."""
    here = world(Logged(("b", "a", "c")), "b")
    ((end, outcome),) = here.play(Recorded(), Ask())
    assert (outcome.status, outcome.target, asked(here)) == (200, "a", ["b", "a"])
    assert [event for _, event in here.events] == ["fell_over"]
    assert end == 2.0


def test_when_all_attempts_fail_the_last_one_is_the_answer():
    """As in the log, nobody else is asked."""
    here = world(Logged(("b", "a")), "a", "b")
    ((_, outcome),) = here.play(Recorded(), Ask())
    assert (outcome.status, outcome.target, asked(here)) == (503, "a", ["b", "a"])


def test_what_a_cache_of_the_gateway_answered_is_answered_at_once():
    """Nothing is sent, no time passes, and it counts as a hit."""
    here = world(Logged((), True))
    ((end, outcome),) = here.play(Recorded(), Ask())
    assert (outcome.ok, outcome.cached, asked(here), end) == (True, "exact", [], 0.0)
    assert [event for _, event in here.events] == ["hit"]


def test_a_request_of_which_the_log_says_nothing_goes_on_unchanged():
    """Where the call was aimed, or to nobody in particular."""
    for logged in (None, Logged(())):
        here = world(logged)
        here.play(Recorded(), Ask(), aim="c")
        assert asked(here) == ["c"]


def test_layers_inside_it_act_upon_each_send():
    """A layer further in sees the logged targets one after the other."""
    here, seen = world(Logged(("b", "c")), "b"), []

    async def policy(call, send, world):
        async def inner(call: Call):
            seen.append(call.target)
            return await send(call)

        return await Recorded()(call, inner, world)

    here.play(policy, Ask())
    assert seen == ["b", "c"]
