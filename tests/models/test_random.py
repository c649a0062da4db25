"""Streams of chance are functions of (seed, replication, key, block)."""

import itertools
import re

import numpy as np

from simroute.models.random import Streams, fingerprint

N = 100_000


def draws(seed: int = 1, replication: int = 0, *key: str | int, block: int = 0) -> np.ndarray:
    return Streams(seed, replication).block(*(key or ("x",)), block=block).random(N)


def test_a_block_is_the_same_whatever_was_drawn_before() -> None:
    """Order of access, and other streams, change nothing."""
    streams = Streams(1, 0)
    for key, block in (("y", 0), ("x", 5), ("x", 1), ("x", 0)):
        streams.block(key, block=block).random(17)
    assert np.array_equal(streams.block("x", block=0).random(N), draws())


def test_seed_replication_key_and_block_all_matter_and_are_independent() -> None:
    """Correlations of any two streams of 100,000 stay within 4.5 standard deviations, 4.5 / sqrt(n)
    = 0.0142."""
    several = [
        draws(),
        draws(2),
        draws(1, 1),
        draws(1, 0, "z"),
        draws(1, 0, "x", 1),
        draws(block=1),
        draws(block=2),
    ]
    for one, other in itertools.combinations(several, 2):
        assert abs(np.corrcoef(one, other)[0, 1]) < 4.5 / np.sqrt(N)


def test_keys_are_not_run_together() -> None:
    """("ab", "c") and ("a", "bc") are different streams, and so are 1 and "1"."""
    assert draws(1, 0, "ab", "c")[0] != draws(1, 0, "a", "bc")[0]
    assert draws(1, 0, "a", 1)[0] != draws(1, 0, "a", "1")[0]


def test_blocks_do_not_overlap() -> None:
    """The end of one block is not the start of the next."""
    assert len(np.intersect1d(draws(block=0), draws(block=1))) == 0


def test_the_numeric_fingerprint_is_one_short_word() -> None:
    """It is a hash, and the same each time."""
    assert re.fullmatch("[0-9a-f]{16}", fingerprint())
    assert fingerprint.__wrapped__() == fingerprint()
