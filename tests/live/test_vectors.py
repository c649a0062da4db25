"""The nearest earlier question, against a plain search through all of them."""

import asyncio

import numpy as np
import pytest

from simroute.live import vectors
from simroute.live.vectors import SWEPT, VectorIndex, unit


def plainly(held, vector):
    """(key, cosine) of the best one, by arithmetic on 64 bits."""
    best = max(held, key=lambda key: held[key] @ vector)
    return best, held[best] @ vector


@pytest.mark.parametrize("most_at_once", [0, 1 << 20])
def test_it_finds_what_a_plain_search_finds(monkeypatch, most_at_once):
    """300 steps of a cache that stores, forgets and stores anew, in two contexts, compared in the
    loop's thread and in another."""
    monkeypatch.setattr(vectors, "MOST_AT_ONCE", most_at_once)
    random = np.random.default_rng(7)
    index, held = VectorIndex(), [{}, {}]

    async def main():
        for step in range(300):
            context = int(random.integers(2))
            vector = unit(random.normal(size=12))
            there = held[0] | held[1]
            found = await index.nearest(context, vector, there)
            if held[context]:
                best, cosine = plainly(held[context], vector.astype(float))
                assert (found[0].key, found[0].cosine) == (best, pytest.approx(cosine, abs=1e-6))
                assert [match.cosine for match in found] == sorted(
                    (match.cosine for match in found), reverse=True
                )
                assert {match.key for match in found} <= held[context].keys()
            else:
                assert found == []
            key = context, int(random.integers(40))
            index.put(context, key, vector)
            held[context][key] = vector.astype(float)
            while len(held[context]) > 25:
                del held[context][list(held[context])[int(random.integers(26))]]
            if step == 200:
                held[0].clear()

    asyncio.run(main())


def test_what_nobody_holds_takes_no_room():
    """Each search looks at a few entries; a cache of ten that lives for 1,000 questions never has
    more than about twice as many here."""
    index, sizes = VectorIndex(), []

    async def main():
        for number in range(1000):
            held = range(number - 10, number)
            await index.nearest("c", unit([1.0, number]), held)
            index.put("c", number, unit([1.0, number]))
            sizes.append(len(index))

    asyncio.run(main())
    assert max(sizes) <= 10 * SWEPT + SWEPT


@pytest.mark.parametrize(
    "numbers", [[], [0.0], [np.nan], [np.inf, 1], [[1.0]], "text", None, ["x"]]
)
def test_what_has_no_direction_is_no_vector(numbers):
    """Nothing, zero, no numbers."""
    with pytest.raises((ValueError, TypeError)):
        unit(numbers)
