"""How far an answer carries: the part of similar questions to which it may be given."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simroute.gauges.verified import VerifiedEntries

SIMILARITY = st.integers(50, 100).map(lambda n: n / 100)


def learned(error: float, *seen: tuple[float, bool]) -> VerifiedEntries:
    entries = VerifiedEntries(error)
    for similarity, right in seen:
        entries.add("x", similarity, right)
    return entries


@pytest.mark.parametrize(
    ("right", "wrong", "share"),
    [(0, 0, 0.02), (1, 0, 0.04), (24, 0, 0.5), (49, 0, 1.0), (0, 9, 0.02), (9, 9, 0.038)],
)
def test_the_part_follows_from_how_often_it_was_right(right, wrong, share):
    """.02 (n + 1) / (w + 1): a blind one in fifty, all after 49 right ones."""
    entries = learned(0.02, *[(0.9, True)] * right, *[(0.9, False)] * wrong)
    assert entries.share("x", 0.9) == pytest.approx(share)
    assert entries.share("another", 0.9) == pytest.approx(0.02)


def test_only_what_was_no_more_similar_says_something():
    """Nine right ones at .8 count at .9 and not at .7."""
    entries = learned(0.02, *[(0.8, True)] * 9)
    assert (entries.share("x", 0.9), entries.share("x", 0.7)) == pytest.approx((0.2, 0.02))


def test_the_nearest_are_looked_at():
    """Of an error of 10 % nine: ten wrong ones at .6 are forgotten beside nine right ones at
    .95."""
    entries = learned(0.1, *[(0.6, False)] * 10, *[(0.95, True)] * 9)
    assert (entries.share("x", 0.96), entries.share("x", 0.7)) == pytest.approx((1.0, 0.1))


@pytest.mark.parametrize("p", [0.001, 0.02, 0.3, 0.999, 1.0])
@pytest.mark.parametrize("n", [0, 1, 7, 19])
def test_what_is_given_wrongly_is_what_theory_says(p, n):
    """Over all outcomes of n comparisons that are wrong with p: error (1 - (1 - p)^(n + 1)), which
    is at most the error."""
    total = 0.0
    for wrong in range(n + 1):
        entries = learned(0.05, *[(0.9, False)] * wrong, *[(0.9, True)] * (n - wrong))
        chance = math.comb(n, wrong) * p**wrong * (1 - p) ** (n - wrong)
        total += chance * p * entries.share("x", 0.9)
    assert total == pytest.approx(0.05 * (1 - (1 - p) ** (n + 1)))


@given(st.lists(st.tuples(SIMILARITY, st.booleans()), max_size=40), SIMILARITY)
def test_a_right_one_never_makes_less_of_it(seen, similarity):
    """Whatever was seen before."""
    entries = learned(0.02, *seen)
    before = entries.share("x", similarity)
    entries.add("x", similarity, True)
    assert 0 < before <= entries.share("x", similarity) <= 1


@pytest.mark.parametrize("error", [0.02, 0.1])
@pytest.mark.parametrize("steep", [5.0, 20.0, 1000.0])
def test_the_bound_holds_while_it_learns(error, steep):
    """200 entries, each right with a chance that grows with similarity around a threshold of its
    own (from a step to nearly nothing), asked 300 times: at most `error` of all questions get a
    wrong answer (4 sigma), and more get one than if nothing were learned."""
    source, entries = random.Random(11), VerifiedEntries(error)
    wrong = answered = asked = 0
    for entry in range(200):
        threshold = source.uniform(0.4, 1.0)
        for _ in range(300):
            similarity = source.uniform(0.5, 1.0)
            right = source.random() < 1 / (1 + math.exp(-steep * (similarity - threshold)))
            asked += 1
            if source.random() < entries.share(entry, similarity):
                answered += 1
                wrong += not right
            else:
                entries.add(entry, similarity, right)
    assert wrong / asked <= error + 4 * math.sqrt(error / asked)
    assert answered / asked > 2 * error


def test_only_the_latest_are_remembered():
    """Of an error of 10 % eighteen: they push out what was wrong before; and an entry that is gone
    begins anew."""
    entries = learned(0.1, (0.9, False), *[(0.9, True)] * 18)
    assert entries.share("x", 0.9) == 1.0
    entries.forget("x")
    assert entries.share("x", 0.9) == pytest.approx(0.1)
