"""Asking somebody else."""

import pytest

from simroute.policies.fallback import Fallback
from tests.fakes import Ask, FakeWorld, Reply


def down(*targets: str, status: int = 503) -> FakeWorld:
    return FakeWorld(lambda call, n: Reply(status if call.target in targets else 200))


def asked(world: FakeWorld) -> list[str | None]:
    return [target for _, target in world.sent]


def test_it_stops_at_the_first_that_answers():
    """a and b are down, c answers; each is asked once, and moving on is told once each."""
    world = down("a", "b")
    ((_, outcome),) = world.play(Fallback(("a", "b", "c")), Ask())
    assert (outcome.status, outcome.target, asked(world)) == (200, "c", ["a", "b", "c"])
    assert [event for _, event in world.events] == ["fell_back", "fell_back"]


@pytest.mark.parametrize(("error", "status"), [("first", 500), ("last", 502)])
def test_when_all_fail_the_stated_error_is_returned(error, status):
    """Three statuses, and nobody is left to move on to after the third."""
    world = FakeWorld(lambda call, n: Reply((500, 501, 502)[n]))
    ((_, outcome),) = world.play(Fallback(("a", "b", "c"), (500, 501, 502), error=error), Ask())
    assert outcome.status == status
    assert len(world.events) == 2


def test_an_error_that_others_would_give_as_well_is_returned_at_once():
    """A bad request stays bad."""
    world = down("a", status=400)
    ((_, outcome),) = world.play(Fallback(("a", "b")), Ask())
    assert (outcome.status, asked(world)) == (400, ["a"])


def test_a_refusal_further_in_moves_on_whatever_the_statuses():
    """An open breaker says 503, which is not among the listed ones."""
    world = FakeWorld(lambda call, n: Reply(503, by="breaker") if n == 0 else Reply())
    ((_, outcome),) = world.play(Fallback(("a", "b"), statuses=(529,)), Ask())
    assert outcome.target == "b"


def test_whoever_was_aimed_at_comes_first():
    """An outer layer chose c; then the chain without it."""
    world = down("a", "c")
    world.play(Fallback(("a", "c", "b")), Ask(), aim="c")
    assert asked(world) == ["c", "a", "b"]


@pytest.mark.parametrize("aim", [None, "a"])
def test_a_request_never_goes_where_it_forbids(aim):
    """Not even when an outer layer aimed it there; with everybody forbidden nobody is asked."""
    world = FakeWorld()
    (_, served), (_, refused) = world.play(
        Fallback(("a", "b")),
        Ask(forbids=frozenset({"ann"})),
        Ask(id=1, forbids=frozenset({"ann", "bob"})),
        aim=aim,
    )
    assert (served.target, refused.status, refused.by, asked(world)) == (
        "b",
        403,
        "fallback",
        ["b"],
    )


def test_a_cheaper_one_is_the_last_resort():
    """Big models are down: c, the cheapest, after all others, and not twice."""
    world = down("a", "b")
    ((_, outcome),) = world.play(Fallback(("first", "other_company"), degrade_to="cheapest"), Ask())
    assert (outcome.target, asked(world)) == ("c", ["a", "b", "c"])


def test_after_the_first_token_nothing_is_repaired():
    """A stream that breaks stays with its target; one that never begins does not."""
    world = FakeWorld(lambda call, n: Reply(502, rest=3.0) if n == 0 else Reply())
    ((_, outcome),) = world.play(Fallback(("a", "b")), Ask(streamed=True))
    assert (outcome.status, outcome.target, asked(world)) == (502, "a", ["a"])
