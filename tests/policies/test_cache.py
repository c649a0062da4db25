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
