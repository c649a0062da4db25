"""Answers given twice."""

import pytest

from fakes import Ask, FakeWorld, Reply
from simroute.core import Match
from simroute.policies.cache import Cache


def asks(*keys: str, every: float = 10.0, **rest: object) -> list[Ask]:
    return [Ask(id=i, key=key, arrival=i * every, **rest) for i, key in enumerate(keys)]


def kinds(world: FakeWorld, policy: Cache, *requests: Ask) -> list[str]:
    return [outcome.cached for _, outcome in world.play(policy, *requests)]


def test_the_same_prompt_gets_the_same_answer():
    """The second time there is no send and nothing to pay; the answer is the first one's."""
    world = FakeWorld(lambda call, n: Reply(usd=1.0))
    (_, first), (_, again) = world.play(Cache(), *asks("x", "x"))
    assert (again.status, again.cached, again.by, again.usd, again.target) == (
        200,
        "exact",
        "cache",
        0.0,
        None,
    )
    assert again.answer == first.answer
    assert len(world.sent) == 1


def test_looking_takes_its_time_hit_or_miss():
    """A miss takes the look-up and the 1 s of the target, a hit the look-up alone."""
    ends = FakeWorld().play(Cache(lookup=0.25), *asks("x", "x"))
    assert [end for end, _ in ends] == [1.25, 10.25]


def test_an_answer_lives_for_its_ttl():
    """Stored at 1 s, it is there at 60 s and gone at 61 s, 60 s old."""
    world = FakeWorld()
    requests = [Ask(), Ask(arrival=60.0), Ask(arrival=61.0)]
    assert kinds(world, Cache(ttl=60.0, lookup=0.0), *requests) == ["no", "exact", "no"]


def test_a_sliding_lifetime_begins_anew_with_each_hit():
    """Asked every 50 s, an answer with 60 s to live is never forgotten."""
    requests = asks(*"xxxx", every=50.0)
    assert kinds(FakeWorld(), Cache(ttl=60.0, sliding=True), *requests) == [
        "no",
        "exact",
        "exact",
        "exact",
    ]
    assert kinds(FakeWorld(), Cache(ttl=60.0), *requests) == ["no", "exact", "no", "exact"]


def test_only_usable_answers_are_kept():
    """A failure is not remembered."""
    world = FakeWorld(lambda call, n: Reply(503 if n == 0 else 200))
    assert kinds(world, Cache(), *asks("x", "x", "x")) == ["no", "no", "exact"]


@pytest.mark.parametrize(("end", "kept"), [(200, "exact"), (502, "no")])
def test_a_stream_is_kept_at_its_end_if_it_comes_to_one(end, kept):
    """While it is still coming (first token at 1 s, end at 6 s) others miss; a stream that broke
    off is not kept."""
    world = FakeWorld(lambda call, n: Reply(end if n == 0 else 200, rest=5.0))
    requests = [Ask(streamed=True), Ask(arrival=3.0, key="other"), Ask(arrival=7.0)]
    assert kinds(world, Cache(), *requests) == ["no", "no", kept]


def test_an_answer_from_another_cache_is_not_stored_again():
    """That would give it a second lifetime: a short-lived cache outside a long-lived one asks it
    each time (0.5 s) after 5 s."""
    inner, outer = Cache(ttl=100.0, lookup=0.5), Cache(ttl=5.0, lookup=0.0)

    async def both(call, send, world):
        return await outer(call, lambda further: inner(further, send, world), world)

    ends = FakeWorld().play(both, Ask(), Ask(arrival=3.0), Ask(arrival=10.0), Ask(arrival=12.0))
    assert [end for end, _ in ends] == [1.5, 3.0, 10.5, 12.5]


def test_a_reader_who_leaves_leaves_nothing_behind():
    """An answer that is given up half-way is not stored."""
    world = FakeWorld(lambda call, n: Reply(seconds=5.0))
    assert [outcome.status for _, outcome in world.play(Cache(), Ask(), give_up=2.0)] == [408]
    world.play(Cache(), Ask(arrival=10.0))
    assert len(world.sent) == 2


@pytest.mark.parametrize(
    ("scale", "threshold", "cosine", "hit"),
    [
        ("cosine", 0.8, 0.8, True),
        ("cosine", 0.8, 0.79, False),
        ("gptcache", 0.8, 0.6, True),
        ("gptcache", 0.8, 0.59, False),
        ("gptcache", 0.95, 0.9, True),
        ("gptcache", 0.95, 0.89, False),
    ],
)
def test_a_threshold_is_on_its_named_scale(scale, threshold, cosine, hit):
    """GPTCache 0.1.44 hits from a cosine of 2 x threshold - 1 on: its 0.8 is 0.6, its 0.95 is 0.9
    (measured with unit vectors)."""
    world = FakeWorld(near=lambda call, keys: Match(next(iter(keys)), cosine) if keys else None)
    policy = Cache(match="semantic", scale=scale, threshold=threshold)
    assert kinds(world, policy, *asks("x", "y"))[1] == ("semantic" if hit else "no")


def test_exact_comes_before_semantic():
    """The same words are not looked up by meaning; other words give the nearest one's answer."""
    world = FakeWorld(near=lambda call, keys: Match("x", 0.99) if "x" in keys else None)
    ends = world.play(Cache(match="semantic"), *asks("x", "x", "y"))
    assert [outcome.cached for _, outcome in ends] == ["no", "exact", "semantic"]
    assert ends[2][1].answer == ends[0][1].answer


def test_what_has_expired_is_not_near():
    """The nearest question is looked for among answers that still hold."""
    shown: list[list[object]] = []
    world = FakeWorld(near=lambda call, keys: shown.append(list(keys)))
    world.play(Cache(match="semantic", ttl=15.0), *asks("x", "y", "z"))
    assert shown == [[], ["x"], ["y"]]


def test_an_exact_cache_never_asks_for_meaning():
    """A world without a sense of similarity can run it."""
    world = FakeWorld(near=lambda call, keys: pytest.fail("asked"))
    assert kinds(world, Cache(), *asks("x", "y")) == ["no", "no"]


def test_it_says_nothing():
    """The outcome tells of a hit; one event for each request would double the ledger."""
    world = FakeWorld()
    world.play(Cache(), *asks("x", "x"))
    assert world.events == []


# -- whose answers -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scope", "kept"),
    [("all", ["no", "exact", "exact"]), ("user", ["no", "no", "exact"]), ("feature", ["no"] * 3)],
)
def test_nobody_gets_an_answer_that_was_made_for_somebody_else(scope, kept):
    """ann, bob and ann again, each time for another feature, ask the same."""
    world = FakeWorld()
    who = [("ann", "x"), ("bob", "y"), ("ann", "z")]
    requests = [
        Ask(id=i, arrival=10.0 * i, user=user, feature=feature)
        for i, (user, feature) in enumerate(who)
    ]
    assert kinds(world, Cache(scope=scope), *requests) == kept


def test_a_semantic_neighbour_is_looked_for_among_one_s_own_answers():
    """What bob asked is not among the keys that ann's question is compared with."""
    looked = []

    def near(call, keys):
        looked.append(sorted(keys))

    world = FakeWorld(near=near)
    cache = Cache(match="semantic", scope="user")
    world.play(
        cache, *[Ask(id=i, key=str(i), arrival=10.0 * i, user="ab"[i % 2]) for i in range(4)]
    )
    assert looked == [[], [], ["0"], ["1"]]


# -- what is too old, and what would fail again ------------------------------------


@pytest.mark.parametrize(
    ("at", "status", "kind"), [(50.0, 200, "exact"), (100.0, 200, "stale"), (201.0, 503, "no")]
)
def test_an_answer_that_is_too_old_is_better_than_none(at, status, kind):
    """Stored at 1 s for 60 s and 140 more: fresh at 50 s, stale at 101 s, when asking has failed,
    and gone at 202 s."""
    world = FakeWorld(lambda call, n: Reply(200 if n == 0 else 503))
    cache = Cache(ttl=60.0, stale=140.0, lookup=0.0)
    _, (_, outcome) = world.play(cache, Ask(), Ask(id=1, arrival=at))
    assert (outcome.status, outcome.cached) == (status, kind)


def test_while_others_answer_nothing_stale_is_given():
    """The fresh answer replaces it."""
    world = FakeWorld()
    cache = Cache(ttl=60.0, stale=600.0, lookup=0.0)
    assert kinds(world, cache, Ask(), Ask(id=1, arrival=100.0), Ask(id=2, arrival=110.0)) == [
        "no",
        "no",
        "exact",
    ]


@pytest.mark.parametrize(("status", "sends"), [(400, 2), (503, 3)])
def test_a_refusal_that_would_come_again_is_remembered(status, sends):
    """For 30 s a bad request is not sent again, and gets its own status back; an outage is no such
    thing."""
    world = FakeWorld(lambda call, n: Reply(status))
    cache = Cache(failures_ttl=30.0, lookup=0.0)
    ends = world.play(cache, *[Ask(id=i, arrival=at) for i, at in enumerate((0.0, 10.0, 40.0))])
    assert len(world.sent) == sends
    assert [(outcome.status, outcome.by) for _, outcome in ends] == [(status, "")] * 3


# -- one flight --------------------------------------------------------------------


def test_equal_requests_wait_for_the_first_of_them():
    """Three within an answer's 1 s: one send; all end with it, and another question does not
    wait."""
    world = FakeWorld()
    requests = [Ask(id=i, arrival=at, key=key) for i, (at, key) in enumerate(FLIGHT)]
    ends = world.play(Cache(single_flight=True, lookup=0.0), *requests)
    assert [(end, outcome.cached) for end, outcome in ends] == [
        (1.0, "no"),
        (1.0, "exact"),
        (1.25, "no"),
        (1.0, "exact"),
    ]
    assert len(world.sent) == 2


FLIGHT = [(0.0, "x"), (0.125, "x"), (0.25, "y"), (0.5, "x")]


def test_if_the_first_fails_the_next_asks():
    """503 at 1 s: the second asks at 1 s, and the third gets its answer at 2 s."""
    world = FakeWorld(lambda call, n: Reply(503 if n == 0 else 200))
    requests = [Ask(id=i, arrival=0.125 * i) for i in range(3)]
    ends = world.play(Cache(single_flight=True, lookup=0.0), *requests)
    assert [(end, outcome.status) for end, outcome in ends] == [(1.0, 503), (2.0, 200), (2.0, 200)]
    assert [at for at, _ in world.sent] == [0.0, 1.0]


def test_if_the_first_is_given_up_the_next_asks():
    """Its caller leaves at 0.5 s, the others have 0.5 s from when they came: nobody waits for
    ever."""
    world = FakeWorld()
    requests = [Ask(id=i, arrival=0.25 * i) for i in range(3)]
    ends = world.play(Cache(single_flight=True, lookup=0.0), *requests, give_up=0.5)
    assert [outcome.status for _, outcome in ends] == [408] * 3
    assert [at for at, _ in world.sent] == [0.0, 0.5, 0.75]


def test_whoever_waits_gets_a_streamed_answer_at_its_end():
    """First token at 1 s, the end at 6 s."""
    world = FakeWorld(lambda call, n: Reply(rest=5.0))
    requests = [Ask(id=i, arrival=0.5 * i, streamed=True) for i in range(2)]
    ends = world.play(Cache(single_flight=True, lookup=0.0), *requests)
    assert [(end, outcome.cached) for end, outcome in ends] == [(6.0, "no"), (6.0, "exact")]


# -- eviction at random, and answers that were found right --------------------------


@pytest.mark.parametrize(("chance", "gone"), [(0.0, "a"), (0.4, "b"), (0.99, "c")])
def test_any_answer_may_be_evicted(chance, gone):
    """Of three, by a number in [0, 1)."""
    world = FakeWorld(chance=chance)
    cache = Cache(size=3, eviction="random")
    world.play(cache, *asks("a", "b", "c", "d"))
    assert set("abcd") - set(cache._fresh.of("")) == {gone}


def near_first(call, keys):
    return Match(next(iter(keys)), 0.9) if keys else None


@pytest.mark.parametrize(("chance", "kind"), [(0.015, "semantic"), (0.025, "no")])
def test_an_answer_that_was_not_found_right_yet_is_given_seldom(chance, kind):
    """In 2 % of the cases at an error of 2 %, and one below the threshold never."""
    for threshold, found in ((0.8, kind), (0.95, "no")):
        world = FakeWorld(near=near_first, chance=chance)
        cache = Cache(match="verified", error=0.02, threshold=threshold)
        assert kinds(world, cache, *asks("x", "y"))[1] == found


def test_it_learns_from_what_the_model_says_instead():
    """The fake's answers differ each time, so they never agree: of one comparison, which was wrong,
    follows .02 x 2 / 2, and the new question has an entry of its own."""
    world = FakeWorld(near=near_first, chance=0.05)
    cache = Cache(match="verified", error=0.02, threshold=0.8)
    world.play(cache, *asks("x", "y"))
    assert cache._verified.share("x", 0.9) == pytest.approx(0.02)
    assert list(cache._leads.of("")) == ["x", "y"]


def test_an_answer_that_agrees_makes_the_entry_carry_farther():
    """What was asked is found again by its own words, and compared with nothing."""
    world = FakeWorld(near=near_first, chance=0.05)
    world.agrees = lambda kept, fresh: True
    cache = Cache(match="verified", error=0.02, threshold=0.8)
    world.play(cache, *asks("x", "y"))
    assert cache._verified.share("x", 0.9) == pytest.approx(0.04)
    assert (list(cache._leads.of("")), list(cache._fresh.of(""))) == (["x"], ["x", "y"])


def test_what_is_ignored_of_the_form_makes_no_other_question():
    """Case, or white space, or both; the rest of the words still counts."""
    said = ["Hello  there", "hello  there", " Hello there\n", "HELLO THERE", "hello their"]
    found = {
        ignored: kinds(FakeWorld(), Cache(ignore=ignored), *asks(*said))
        for ignored in ((), ("case",), ("space",), ("case", "space"))
    }
    assert found == {
        (): ["no"] * 5,
        ("case",): ["no", "exact", "no", "no", "no"],
        ("space",): ["no", "no", "exact", "no", "no"],
        ("case", "space"): ["no", "exact", "exact", "exact", "no"],
    }


@pytest.mark.parametrize("match", ["exact", "semantic"])
def test_nobody_gets_an_answer_of_who_must_not_see_the_request(match):
    """The second forbids ann, who answered the first: it is asked elsewhere, and that answer holds
    from then on, for all."""
    world = FakeWorld(lambda call, n: Reply(usd=1.0))
    world.near = lambda call, keys: Match("x", 0.99)
    other = "x" if match == "exact" else "y"
    requests = [
        Ask(id=0, key="x"),
        Ask(id=1, key=other, arrival=10.0, forbids=frozenset({"ann"})),
        Ask(id=2, key=other, arrival=20.0, forbids=frozenset({"ann"})),
        Ask(id=3, key=other, arrival=30.0),
    ]
    cache = Cache(match=match)

    def policy(call, send, world):
        return cache(call, lambda c: send(c.to("b" if c.request.forbids else "a")), world)

    ends = world.play(policy, *requests)
    assert [outcome.cached for _, outcome in ends] == ["no", "no", "exact", "exact"]
    assert [target for _, target in world.sent] == ["a", "b"]


def test_a_stale_answer_of_a_forbidden_place_is_not_given_either():
    """Asking fails, and the only old answer is ann's."""
    world = FakeWorld(lambda call, n: Reply(200 if n == 0 else 503))
    policy = Cache(ttl=5.0, stale=100.0)
    requests = [Ask(), Ask(id=1, arrival=10.0, forbids=frozenset({"ann"})), Ask(id=2, arrival=20.0)]
    ends = world.play(policy, *requests, aim="a")
    assert [(each.status, each.cached) for _, each in ends] == [
        (200, "no"),
        (503, "no"),
        (200, "stale"),
    ]
