"""Asking somebody else."""

import pytest

from simroute.core import Outcome
from simroute.gauges.backoff import Backoff
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


# -- kinds of failure ----------------------------------------------------------------


def failing(error: str, status: int, *targets: str) -> FakeWorld:
    return FakeWorld(
        lambda call, n: Reply(status, error=error) if call.target in targets else Reply()
    )


@pytest.mark.parametrize(
    ("error", "status", "by", "kind"),
    [
        ("", 408, "", "timeout"),
        ("hang", 504, "", "timeout"),
        ("rate_limited", 429, "", "rate_limit"),
        ("insufficient_quota", 429, "", "quota"),
        ("context_length", 400, "", "context_length"),
        ("content_filter", 200, "", "content_filter"),
        ("content_filter", 400, "", "content_filter"),
        ("", 529, "", "server_error"),
        ("", 400, "", "client_error"),
        ("rejected", 503, "breaker", "refused"),
        ("", 200, "", None),
    ],
)
def test_failures_are_told_apart(error, status, by, kind):
    """By their error word where that says more than the status."""
    assert Outcome(status, error=error, by=by).failure == kind


@pytest.mark.parametrize(
    ("error", "status", "then"),
    [
        ("context_length", 400, ["a", "c"]),
        ("content_filter", 200, ["a", "b", "c"]),
        ("", 503, ["a", "b"]),
        ("", 400, ["a"]),
    ],
)
def test_each_kind_of_failure_has_its_own_list(error, status, then):
    """A prompt that is too long goes to c alone, a filtered answer to b and c, an error of the
    server to the ordinary list, and a bad request nowhere."""
    world = failing(error, status, "a", "b")
    lists = {"context_length": ("c",), "content_filter": ("b", "c")}
    world.play(Fallback(("a", "b"), after=lists), Ask())
    assert asked(world) == then


def test_without_a_list_a_filtered_answer_is_an_answer():
    """As gateways hand it on."""
    world = failing("content_filter", 200, "a")
    ((_, outcome),) = world.play(Fallback(("a", "b")), Ask())
    assert (outcome.status, outcome.target, asked(world)) == (200, "a", ["a"])


def test_a_further_failure_is_looked_at_anew():
    """a is limited, so c; c finds the prompt too long, so b; b is down, and nobody is left."""
    replies = [Reply(429), Reply(400, error="context_length"), Reply(503)]
    world = FakeWorld(lambda call, n: replies[n])
    lists = {"rate_limit": ("c",), "context_length": ("b",)}
    ((_, outcome),) = world.play(Fallback(("a",), after=lists), Ask())
    assert (outcome.status, asked(world)) == (503, ["a", "c", "b"])


def test_down_a_family_after_whom_was_asked():
    """a and b are siblings: same_family after a limit at a is b, and then nobody."""
    world = down("a", "b", status=429)
    family = {"rate_limit": ("same_family", "same_family")}
    world.play(Fallback(("a", "c"), after=family), Ask())
    assert asked(world) == ["a", "b"]


def test_the_last_resort_stands_behind_every_list():
    """`degrade_to` is asked when a list of its kind is at its end, too."""
    world = down("a", "b", status=429)
    world.play(Fallback(("a",), after={"rate_limit": ("b",)}, degrade_to="cheapest"), Ask())
    assert asked(world) == ["a", "b", "c"]


@pytest.mark.parametrize(("error", "status"), [("first", 503), ("last", 429), ("ranked", 403)])
def test_the_error_of_the_highest_rank_can_be_returned(error, status):
    """503, 403 and 429 in this order; 403 is the most telling of Helicone's five."""
    world = FakeWorld(lambda call, n: Reply((503, 403, 429)[n]))
    ((_, outcome),) = world.play(Fallback(("a", "b", "c"), any_failure=True, error=error), Ask())
    assert outcome.status == status


def test_any_failure_goes_on_when_that_is_asked_for():
    """Portkey without `on_status_codes`: a 400 as well."""
    world = down("a", status=400)
    ((_, outcome),) = world.play(Fallback(("a", "b"), any_failure=True), Ask())
    assert (outcome.target, asked(world)) == ("b", ["a", "b"])


# -- who is asked ------------------------------------------------------------------


@pytest.mark.parametrize(("most", "then"), [(None, ["a", "b", "c"]), (1, ["a", "b"]), (0, ["a"])])
def test_no_more_are_asked_than_is_allowed(most, then):
    """AgentCore: at most two after the first."""
    world = down("a", "b", "c")
    world.play(Fallback(("a", "b", "c"), most=most), Ask())
    assert asked(world) == then


def test_a_call_that_is_to_be_sent_once_is_sent_once():
    """A ping, or a breaker's trial of a single send, asks its target alone."""
    world = down("a")

    async def once(call, send, world):
        return await Fallback(("a", "b"))(call.as_probe(once=True), send, world)

    world.play(once, Ask())
    assert asked(world) == ["a"]


@pytest.mark.parametrize(
    ("task", "feature", "then"),
    [("extract", "help", ["c", "a"]), ("chat", "search", ["b"]), ("chat", "help", ["a", "b"])],
)
def test_a_task_or_a_feature_has_its_own_order(task, feature, then):
    """The task's before the feature's."""
    world = down("a", "b", "c")
    orders = {"extract": ("c", "a"), "search": ("b",)}
    world.play(Fallback(("a", "b"), tasks=orders), Ask(task=task, feature=feature))
    assert asked(world) == then


@pytest.mark.parametrize(
    ("windows", "then"),
    [
        ({}, ["a", "b", "c"]),
        ({"a": 999}, ["b", "c"]),
        ({"a": 999, "b": 1000}, ["b", "c"]),
        ({"a": 1, "b": 1, "c": 1}, ["a"]),
    ],
)
def test_who_cannot_read_the_prompt_is_left_out(windows, then):
    """Of 1000 tokens; if nobody can, the first one says so. A window of just that size will do."""
    world = down("a", "b", "c")
    world.windows = windows
    world.play(Fallback(("a", "b", "c"), fits=True), Ask())
    assert asked(world) == then


def test_after_a_prompt_that_is_too_long_only_those_are_asked_who_can_read_it():
    """`fits` holds for lists of a kind, too: b cannot, c can."""
    world = failing("context_length", 400, "a")
    world.windows = {"b": 100}
    world.play(Fallback(("a",), after={"context_length": ("b", "c")}, fits=True), Ask())
    assert asked(world) == ["a", "c"]


# -- a switch that lasts -----------------------------------------------------------


def test_a_switch_holds_for_so_long():
    """a fails at 0 (1 s), b answers at 2 s and stays first for 10 s; at 12 s it is a's turn
    again."""
    world = FakeWorld(lambda call, n: Reply(503 if n == 0 else 200))
    world.play(
        Fallback(("a", "b"), sticky=10.0),
        *[Ask(id=i, arrival=at) for i, at in enumerate([0.0, 5.0, 11.9, 12.0])],
    )
    assert asked(world) == ["a", "b", "b", "b", "a"]
    assert world.events == [(1.0, "fell_back"), (2.0, "shifted"), (12.0, "returned")]


def test_by_default_each_request_begins_at_the_first():
    """Not sticky."""
    world = down("a")
    world.play(Fallback(("a", "b")), Ask(), Ask(id=1, arrival=5.0))
    assert asked(world) == ["a", "b", "a", "b"]


def test_who_fails_in_anothers_place_gives_it_back():
    """b took a's place and fails at 5 s: a answers and is first again at once."""
    world = FakeWorld(lambda call, n: Reply(503 if n in (0, 2) else 200))
    world.play(
        Fallback(("a", "b"), sticky=100.0),
        *[Ask(id=i, arrival=at) for i, at in enumerate([0.0, 5.0, 10.0])],
    )
    assert asked(world) == ["a", "b", "b", "a", "a"]
    assert [event for _, event in world.events if event != "fell_back"] == ["shifted", "returned"]


def test_a_switch_takes_nobody_where_he_must_not_go():
    """b took a's place; a request that forbids bob goes to a. One that begins at b because it
    forbids ann says nothing about a when b fails."""
    world = FakeWorld(lambda call, n: Reply(503 if n in (0, 3) else 200))
    world.play(
        Fallback(("a", "b", "c"), sticky=100.0),
        Ask(),
        Ask(id=1, arrival=5.0, forbids=frozenset({"bob"})),
        Ask(id=2, arrival=200.0, forbids=frozenset({"ann"})),
        Ask(id=3, arrival=210.0),
    )
    assert asked(world) == ["a", "b", "a", "b", "c", "a"]


def test_pauses_stand_before_each_further_target_that_a_provider_makes_necessary():
    """.1 s and .3 s without jitter, after answers of 1 s."""
    pauses = Backoff(0.1, factor=3.0, jitter="none")
    world = down("a", "b")
    world.play(Fallback(("a", "b", "c"), backoff=pauses), Ask())
    assert [at for at, _ in world.sent] == pytest.approx([0.0, 1.1, 2.4])


def test_a_refusal_further_in_costs_no_pause():
    """Nobody was asked, so nobody is spared by waiting."""
    world = FakeWorld(
        lambda call, n: Reply(503, by="breaker") if call.target == "a" else Reply(200)
    )
    world.play(Fallback(("a", "b"), backoff=Backoff(5.0, jitter="none")), Ask())
    assert [at for at, _ in world.sent] == [0.0, 1.0]
