"""Nearest neighbours, against the published hit rates of semantic caches (figures: see
quality-model, Caches)."""

from math import sqrt

import numpy as np
import pytest

from simroute.models.similarity import Similarity

QUORA_SIZES = {1_000: 0.003, 5_000: 0.011, 20_000: 0.036, 60_000: 0.077, 134_000: 0.123}
QUORA_STATIC = {0.80: 0.182, 0.95: 0.023, 0.99: 0.0026}
SEARCH = {0.80: (0.856, 0.343), 0.95: (0.390, 0.079), 0.99: (0.109, 0.014)}
GRID = (np.arange(300) + 0.5) / 300


@pytest.mark.parametrize(("entries", "published"), QUORA_SIZES.items())
def test_false_hits_grow_with_the_entries_as_on_quora(entries, published):
    """At a cosine of .8, each published share within 11 % of itself and 1.2 points."""
    assert Similarity().false_share(entries, 0.8) == pytest.approx(published, rel=0.11)
    assert abs(Similarity().false_share(entries, 0.8) - published) < 0.012


@pytest.mark.parametrize(("cosine", "published"), QUORA_STATIC.items())
def test_false_hits_fall_with_the_threshold_as_on_quora(cosine, published):
    """At the size where .80 gives what the fit says (191 k entries), each published share within 11
    % of itself."""
    assert Similarity().false_share(191_000, cosine) == pytest.approx(published, rel=0.11)


@pytest.mark.parametrize("cosine", [0.7, 0.8, 0.95])
def test_draws_follow_the_stated_law(cosine):
    """The share of 40,000 drawn wrong neighbours at least so similar, within four standard
    deviations of the closed form."""
    model, draws = Similarity(), np.random.default_rng(3).random(40_000)
    share = np.mean([model.nearest(20_000, False, 0.5, u)[1] >= cosine for u in draws])
    expected = model.false_share(20_000, cosine)
    assert share == pytest.approx(expected, abs=4 * sqrt(expected * (1 - expected) / len(draws)))


def test_search_queries_hit_and_err_as_published():
    """With that corpus's own share of repeats and density of neighbours, hits and wrong answers of
    all three rows within 1 point."""
    corpus = Similarity(wrong=0.995, growth=0.0, reach=1.622)
    repeated = [corpus.nearest(1, True, right, wrong) for right in GRID for wrong in GRID]
    new = [corpus.nearest(1, False, 0.5, wrong) for wrong in GRID]
    for cosine, (hit, false) in SEARCH.items():
        hits = [np.mean([found >= cosine for _, found in draws]) for draws in (repeated, new)]
        wrongs = [
            np.mean([found >= cosine and not same for same, found in draws])
            for draws in (repeated, new)
        ]
        shares = np.array([0.735, 0.265])
        assert (shares @ hits, shares @ wrongs) == pytest.approx((hit, false), abs=0.01)


def test_without_a_right_neighbour_the_nearest_is_wrong():
    """However near it is; and a cosine stays within -1 … 1."""
    model = Similarity()
    found = [
        model.nearest(entries, False, u, v)
        for entries in (1, 10**6)
        for u in GRID[::30]
        for v in (0.0, *GRID[::30])
    ]
    assert not any(same for same, _ in found)
    assert all(-1.0 <= cosine <= 1.0 for _, cosine in found)


def test_a_nearer_wrong_question_hides_the_right_one():
    """The cache answers with the nearest entry, so wrong neighbours also take right answers away as
    entries grow."""
    model = Similarity()
    shares = [
        np.mean([model.nearest(entries, True, u, v)[0] for u in GRID for v in GRID])
        for entries in (100, 10_000, 1_000_000)
    ]
    assert shares[0] > shares[1] > shares[2]
