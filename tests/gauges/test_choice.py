"""Rules of choosing against their closed forms."""

import math
import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simroute.gauges.choice import (
    Chooser,
    Turns,
    best,
    best_of_two,
    by_chance,
    inverse_powers,
    ranking,
)


def grid(n):
    """So many numbers, evenly spread over [0, 1)."""
    return [(i + 0.5) / n for i in range(n)]


def test_chances_are_shares_of_the_weights():
    """1 : 2 : 0 : 1 over evenly spread numbers, exactly; without any weight all alike."""
    chosen = Counter(by_chance([1.0, 2.0, 0.0, 1.0], u) for u in grid(400))
    assert chosen == {0: 100, 1: 200, 3: 100}
    assert Counter(by_chance([0.0, 0.0], u) for u in grid(10)) == {0: 5, 1: 5}


def test_a_dollar_against_three_is_nine_to_one_by_the_inverse_square():
    """OpenRouter's example: weights 1/price², so $1 is chosen nine times as often as $3."""
    weights = inverse_powers([1.0, 3.0], [1.0, 1.0], 2.0)
    assert weights[0] / weights[1] == pytest.approx(9.0)
    assert Counter(by_chance(weights, u) for u in grid(1000)) == {0: 900, 1: 100}


@given(
    st.lists(st.floats(0.01, 100.0), min_size=1, max_size=6),
    st.floats(0.0, 4.0),
)
def test_inverse_powers_are_that_up_to_a_factor(values, exponent):
    """For any values and exponent."""
    weights = inverse_powers(values, [1.0] * len(values), exponent)
    for weight, value in zip(weights, values, strict=True):
        assert weight / weights[0] == pytest.approx((values[0] / value) ** exponent)


def test_what_costs_nothing_takes_all_and_what_never_ends_nothing():
    """Both ends of the scale."""
    assert inverse_powers([0.0, 1.0], [1.0, 1.0], 1.0)[1] < 1e-11
    assert inverse_powers([1.0, math.inf], [1.0, 1.0], 1.0) == [1.0, 0.0]


def test_the_best_are_all_within_the_slack():
    """Those of the least value, and those that are hardly worse."""
    assert best([2.0, 1.0, 1.1, 1.0]) == [1, 3]
    assert best([2.0, 1.0, 1.1, 1.0], 0.1) == [1, 2, 3]
    assert best([0.0, 1.0], 0.5) == [0]  # a share of nothing is nothing


def test_of_two_at_random_the_better_one_is_taken():
    """Of five with values 0 … 4 the k-th is the better of its pair in 4 - k of 10 pairs."""
    chosen = Counter(best_of_two([0.0, 1.0, 2.0, 3.0, 4.0], u, v) for u in grid(5) for v in grid(4))
    assert chosen == {0: 8, 1: 6, 2: 4, 3: 2}
    assert best_of_two([7.0], 0.9, 0.9) == 0
    assert [best_of_two([1.0, 1.0], u, 0.0) for u in (0.1, 0.9)] == [0, 1]


def test_two_choices_keep_the_fullest_bin_far_emptier_than_one():
    """10,000 balls in as many bins: by one choice the fullest has (1 + o(1)) ln n / ln ln n, 4.1,
    and in practice 6 to 8; by two ln ln n / ln 2 + O(1), 3.2 (Azar et al. 1994)."""
    n, chance = 10_000, random.Random(1)
    one, two = [0] * n, [0] * n
    for _ in range(n):
        one[int(chance.random() * n)] += 1
        two[best_of_two(Loads(two), chance.random(), chance.random())] += 1
    assert max(one) >= 6
    assert max(two) <= 4


class Loads(list):
    """Read without a copy."""

    def __init__(self, loads):
        self.loads = loads

    def __len__(self):
        return len(self.loads)

    def __getitem__(self, place):
        return self.loads[place]


@pytest.mark.parametrize("gone", ["a", "c", "e"])
def test_when_one_leaves_only_its_keys_move(gone):
    """And they are a fifth of all, within four standard deviations; each goes to the second in its
    own order."""
    names, keys = "abcde", [f"session-{i}" for i in range(4000)]
    full = {key: ranking(key, dict.fromkeys(names, 1.0)) for key in keys}
    rest = dict.fromkeys(set(names) - {gone}, 1.0)
    moved = 0
    for key, order in full.items():
        after = ranking(key, rest)
        assert after == [name for name in order if name != gone]
        moved += order[0] == gone
    assert moved == pytest.approx(800, abs=4 * math.sqrt(4000 * 0.2 * 0.8))


def test_keys_are_shared_by_weight():
    """A canary of 5 %, within four standard deviations; who weighs nothing has no key."""
    weights = {"main": 0.95, "canary": 0.05, "off": 0.0}
    chosen = Counter(ranking(str(i), weights)[0] for i in range(8000))
    assert chosen["off"] == 0
    assert chosen["canary"] == pytest.approx(400, abs=4 * math.sqrt(8000 * 0.05 * 0.95))


def test_a_larger_share_takes_keys_and_gives_none_back():
    """From 5 to 20 %: whoever was with the canary stays with it."""
    small, large = {"main": 0.95, "canary": 0.05}, {"main": 0.8, "canary": 0.2}
    for i in range(2000):
        if ranking(str(i), small)[0] == "canary":
            assert ranking(str(i), large)[0] == "canary"


def test_turns_are_smooth():
    """nginx's published example: weights 5, 1, 1 give a a b a c a a, and so on."""
    turns = Turns()
    weights = {"a": 5.0, "b": 1.0, "c": 1.0}
    assert "".join(turns.take(weights) for _ in range(14)) == "aabacaa" * 2


def chooser(rule, bound=None):
    return Chooser(rule, 1.0, 0.0, bound)


def test_bounded_loads_hold_and_keys_stay_where_there_is_room():
    """1,000 keys one after another, nothing ends: nobody has more than 1.25 times the mean, rounded
    up; without a bound a weight of 10 takes most."""
    weights, busy, rule = {"a": 10.0, "b": 1.0, "c": 1.0}, Counter(), chooser("hash", 1.25)
    for i in range(1000):
        name = rule.choose(weights, str(i), lambda _: 1.0, busy.__getitem__, lambda: 0.0)
        busy[name] += 1
        assert busy[name] <= math.ceil(1.25 * (i + 1) / 3)
        if name != ranking(str(i), weights)[0]:
            assert busy[ranking(str(i), weights)[0]] + 1 > 1.25 * (i + 1) / 3
    assert busy["a"] == math.ceil(1.25 * 1000 / 3)


def test_without_a_key_a_hash_is_left_to_chance():
    """In proportion to weights."""
    drawn = iter(grid(100))
    chosen = Counter(
        chooser("hash").choose(
            {"a": 1.0, "b": 3.0}, "", lambda _: 1.0, lambda _: 0, lambda: next(drawn)
        )
        for _ in range(100)
    )
    assert chosen == {"a": 25, "b": 75}


def test_a_share_of_calls_looks_at_any():
    """A tenth of evenly spread draws explores; the rest takes the best."""
    rule = Chooser("best", 1.0, 0.0, None, 0.1)
    chosen = Counter()
    for first in grid(100):
        drawn = iter([first, 0.99])
        values = {"a": 1.0, "b": 2.0}.__getitem__
        chosen[
            rule.choose({"a": 1.0, "b": 1.0}, "", values, lambda _: 0, lambda d=drawn: next(d))
        ] += 1
    assert chosen == {"a": 90, "b": 10}
