"""What a cache remembers."""

import json
from math import inf, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simroute.gauges.store import Shelves, Store


def test_an_entry_is_gone_once_it_is_ttl_old():
    """At exactly 10 s it no longer holds."""
    store = Store(5, 10.0)
    store.put(0.0, "x", 1)
    assert (store.get_at(9.9, "x"), store.get_at(10.0, "x"), len(store)) == (1, None, 0)


def test_use_prolongs_a_sliding_lifetime_only():
    """Used at 6 s, it lives to 16 s if sliding and to 10 s if not."""
    for sliding, found in ((True, 1), (False, None)):
        store = Store(5, 10.0, sliding=sliding)
        store.put(0.0, "x", 1)
        store.get_at(6.0, "x")
        assert store.get_at(15.9, "x") == found
        assert store.get_at(30.0, "x") is None


def test_storing_again_begins_a_new_life():
    """The value and the age are the new ones."""
    store = Store(5, 10.0)
    store.put(0.0, "x", 1)
    store.put(8.0, "x", 2)
    assert (store.get_at(17.9, "x"), store.get_at(18.0, "x")) == (2, None)


@pytest.mark.parametrize(("eviction", "victim"), [("fifo", "a"), ("lru", "b"), ("lfu", "c")])
def test_eviction_takes_whom_it_says(eviction, victim):
    """a is the oldest, b the longest unused, c the least used."""
    store = Store(3, inf, eviction)
    for key in "abc":
        store.put(0.0, key, key)
    for key in "bbbaac":
        store.get_at(1.0, key)
    if eviction == "lfu":
        store.get_at(1.0, "a")
    store.put(2.0, "d", "d")
    assert set("abcd") - set(store) == {victim}


def test_it_reads_as_a_mapping():
    """Keys and values, without counting as a use."""
    store = Store(2, inf)
    store.put(0.0, "x", 1)
    store.put(0.0, "y", 2)
    assert (dict(store), store["x"], "z" in store) == ({"x": 1, "y": 2}, 1, False)
    store.put(0.0, "z", 3)
    assert set(store) == {"y", "z"}


class Plain:
    """The same by looking through everything."""

    def __init__(self, size: int, ttl: float, eviction: str, sliding: bool) -> None:
        self.size, self.ttl, self.eviction, self.sliding = size, ttl, eviction, sliding
        self.rows: dict[int, dict[str, float]] = {}
        self.step = 0

    def expire(self, now: float) -> None:
        self.rows = {key: row for key, row in self.rows.items() if now - row["born"] < self.ttl}

    def put(self, now: float, key: int) -> None:
        self.step += 1
        self.rows.pop(key, None)
        self.expire(now)
        if len(self.rows) >= self.size:
            order = {"fifo": ("made",), "lru": ("used",), "lfu": ("uses", "used")}[self.eviction]
            del self.rows[
                min(self.rows, key=lambda other: [self.rows[other][name] for name in order])
            ]
        self.rows[key] = {"born": now, "made": self.step, "used": self.step, "uses": 1}

    def get(self, now: float, key: int) -> None:
        self.step += 1
        self.expire(now)
        if key in self.rows:
            row = self.rows[key]
            row["used"], row["uses"] = self.step, row["uses"] + 1
            row["born"] = now if self.sliding else row["born"]


STEPS = st.lists(
    st.tuples(st.sampled_from(["put", "get"]), st.floats(0.0, 4.0), st.integers(0, 7)), max_size=80
)


@given(STEPS, st.sampled_from(["fifo", "lru", "lfu"]), st.booleans(), st.integers(1, 5))
def test_it_holds_what_a_plain_one_would_hold(steps, eviction, sliding, size):
    """Whatever is stored and read, in whatever order, the same keys remain."""
    store, plain, now = (
        Store(size, 10.0, eviction, sliding),
        Plain(size, 10.0, eviction, sliding),
        0.0,
    )
    for kind, gap, key in steps:
        now += gap
        if kind == "put":
            store.put(now, key, key)
            plain.put(now, key)
        else:
            store.get_at(now, key)
            plain.get(now, key)
        assert set(store) == set(plain.rows)


def test_memory_is_bounded_by_its_size():
    """Storing the same few keys again and again keeps nothing of the past."""
    store = Store(10, 1.0, "lfu")
    for i in range(20_000):
        store.put(i * 0.01, i % 7, i)
    assert len(store._heap) <= 64 + 4 * 10 + 1


def hits(store: Store, keys: np.ndarray, times: np.ndarray, warm: int) -> float:
    found = 0
    for i, (key, now) in enumerate(zip(keys.tolist(), times.tolist(), strict=True)):
        if store.get_at(now, key) is not None:
            found += i >= warm
        else:
            store.put(now, key, True)
    return found / (len(keys) - warm)


def zipf(rng: np.random.Generator, size: int, exponent: float, count: int) -> np.ndarray:
    weights = np.arange(1, size + 1) ** -exponent
    return rng.choice(size, size=count, p=weights / weights.sum())


@pytest.fixture(scope="module")
def forms(shared):
    return {
        item["id"]: item
        for item in json.loads((shared / "vectors/closed_forms.json").read_text())["oracles"]
    }


def test_lru_under_zipf_hits_as_often_as_che_says(forms):
    """K02: 10,000 keys, 1,000 places; Che's approximation, within the stated four standard
    deviations. LFU comes nearer to the bound."""
    form = forms["K02"]
    size, places, check = form["params"]["N"], form["params"]["C"], form["check"]["hit_ratio"]
    count, warm = 220_000, 20_000
    keys, times = (
        zipf(np.random.default_rng(2), size, form["params"]["alpha"], count),
        np.arange(count, dtype=float),
    )
    lru = hits(Store(places, inf, "lru"), keys, times, warm)
    tolerance = check["tol_abs"] * sqrt(check["n"] / (count - warm))
    assert lru == pytest.approx(form["expected"]["hit_ratio"], abs=tolerance)
    assert (
        lru
        < hits(Store(places, inf, "lfu"), keys, times, warm)
        < form["expected"]["top_C_bound"] + tolerance
    )


def test_lifetimes_hit_as_often_as_renewal_theory_says(forms):
    """K04: fixed lifetime l T / (1 + l T), sliding 1 - exp(-l T), summed over Zipf popularity; four
    standard deviations."""
    form = forms["K04"]
    rng, count, rate, ttl = (
        np.random.default_rng(4),
        400_000,
        form["params"]["lam"],
        form["params"]["ttl"],
    )
    times = np.cumsum(rng.exponential(1 / rate, count))
    keys = zipf(rng, form["params"]["N"], form["params"]["alpha"], count)
    warm = int(3 * ttl * rate)
    for sliding, name in ((False, "hit_no_reset"), (True, "hit_sliding")):
        check = form["check"][name]
        share = hits(Store(10**9, ttl, "lru", sliding), keys, times, warm)
        assert share == pytest.approx(
            form["expected"][name], abs=check["tol_abs"] * sqrt(check["n"] / (count - warm))
        )


def test_a_random_eviction_takes_whom_the_number_says():
    """Of the entries as they came; one that was dropped leaves its place to the last."""
    store = Store(3, inf, "random")
    for key in "abc":
        store.put(0.0, key, key)
    store.put(1.0, "d", "d", 0.0)
    store.put(2.0, "e", "e", 0.99)
    assert set(store) == {"b", "c", "e"}


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 99)), max_size=60))
def test_random_evictions_keep_their_books(steps):
    """Whatever is put, as many are kept as there is room for, and each can be found."""
    store = Store(4, 10.0, "random")
    for now, (key, chance) in enumerate(steps):
        store.put(now / 2, key, key, chance / 100)
        assert store.get_at(now / 2, key) == key
        assert len(store) <= 4
        assert sorted(store._keys) == sorted(store) == sorted(store._places)


def test_stores_of_a_name_are_apart_and_not_too_many():
    """The one that was opened first goes."""
    shelves = Shelves(5, inf, most=2)
    for name in "abc":
        shelves.of(name).put(0.0, "x", name)
    assert [shelves.of(name).get("x") for name in "cba"] == ["c", "b", None]
