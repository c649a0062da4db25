"""Spend outlives a gateway, is shared between processes, and errs towards caution."""

import asyncio
import multiprocessing
import os
import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simroute.errors import InputError
from simroute.gauges.meter import SpendMeter
from simroute.live import Gateway
from simroute.live.money import DurableMeter, Ledger
from upstreams import HELLO, Upstream, deployments

NOON = 1_790_000_000.0
CALL = 105e-6
"""USD of a call of 10 + 5 tokens at 3 and 15 USD a million."""


def meter(path, scope="budget"):
    made = DurableMeter(Ledger(path), scope, lambda: NOON)
    made.turn(0.0, 0.0)
    return made


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["reserve", "within", "settle", "turn"]),
        st.integers(0, 10**9),
        st.integers(0, 5),
    ),
    max_size=30,
)


@given(STEPS)
def test_a_meter_that_lasts_counts_as_one_that_does_not(tmp_path_factory, steps):
    """The same reservations, settlements and turns give the same nano-dollars."""
    ours = meter(tmp_path_factory.mktemp("state") / "s.sqlite")
    plain = SpendMeter()
    plain.turn(0.0, 0.0)
    pairs, slot = [], 0.0
    for kind, nano, which in steps:
        usd = nano / 1e9
        if kind == "reserve":
            pairs.append((ours.reserve(usd), plain.reserve(usd)))
        elif kind == "within":
            both = ours.reserve_within(usd, 1.5), plain.reserve_within(usd, 1.5)
            assert (both[0] is None) == (both[1] is None)
            if both[0] is not None:
                pairs.append(both)
        elif kind == "settle" and which < len(pairs):
            a, b = pairs[which]
            pairs[which] = ours.settle(a, usd), plain.settle(b, usd)
        elif kind == "turn":
            slot += which
            ours.turn(slot, slot - 4)
            plain.turn(slot, slot - 4)
        assert ours.spent == plain.spent


def test_what_was_reserved_by_one_who_is_gone_stays_spent(tmp_path):
    """Another process finds it, settled or not."""
    first = meter(tmp_path / "s.sqlite")
    first.settle(first.reserve(0.5), 0.25)
    first.reserve(0.125)
    assert meter(tmp_path / "s.sqlite").spent == 0.375
    assert meter(tmp_path / "s.sqlite", "other").spent == 0.0


def spend(path, limit, count, ready):
    own = meter(path)
    ready.wait()
    got = 0
    for _ in range(2000):
        busy, ticket = -1, None
        while ticket is None and own._ledger.failures != busy:  # refused for a busy file: again
            busy, ticket = own._ledger.failures, own.reserve_within(1e-6, limit)
        if ticket is not None:
            own.settle(ticket, 1e-6)
            got += 1
    count.put(got)


def test_processes_together_never_spend_more_than_there_is(tmp_path):
    """Three that spend as fast as they can, to the nano-dollar."""
    Ledger(tmp_path / "s.sqlite").close()
    context = multiprocessing.get_context("spawn")
    count, ready = context.Queue(), context.Event()
    limit = 3000e-6
    tasks = [
        context.Process(target=spend, args=(tmp_path / "s.sqlite", limit, count, ready))
        for _ in range(3)
    ]
    for task in tasks:
        task.start()
    ready.set()
    total = sum(count.get(timeout=60) for _ in tasks)
    for task in tasks:
        task.join()
    spent = meter(tmp_path / "s.sqlite").spent
    assert round(spent * 1e9) == total * 1000
    assert total == 3000


POLICY = {
    "budget": {"usd": 3.5 * CALL, "period": "day", "at_limit": "reject", "reserve": "max"},
    "timeout": {"total": "5s"},
}


def serve(path, calls):
    """Statuses of calls through a gateway whose budget counts in a file."""

    async def main():
        a = await Upstream().start()
        gateway = Gateway(POLICY, deployments(a=a), state=path, clock=lambda: NOON)
        async with gateway:
            body = {**HELLO, "max_tokens": 5}
            return [(await gateway.complete(body)).status for _ in range(calls)], len(a.bodies)

    return asyncio.run(asyncio.wait_for(main(), 30))


def test_a_gateway_that_starts_again_goes_on_with_what_is_left(tmp_path):
    """Three calls fit into the day; the second gateway has one of them."""
    assert serve(tmp_path / "s.sqlite", 2) == ([200, 200], 2)
    assert serve(tmp_path / "s.sqlite", 3) == ([200, 402, 402], 1)


def test_a_store_that_fails_refuses_where_a_budget_is_hard(tmp_path):
    """And lets all else go on; both are counted."""
    path = tmp_path / "s.sqlite"
    own = meter(path)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert own.reserve_within(0.1, 1.0) is None
    assert own.settle(own.reserve(0.1), 0.2).nano == 200_000_000
    assert own._ledger.failures >= 2
    other.execute("ROLLBACK")
    assert own.reserve_within(0.1, 1.0) is not None


@pytest.mark.parametrize(
    "content", [b"no database at all, but some text that is long enough", None]
)
def test_a_file_that_is_none_of_ours_is_refused(tmp_path, content):
    """Text, and a later version."""
    path = tmp_path / "s.sqlite"
    if content is not None:
        path.write_bytes(content * 100)
    else:
        base = sqlite3.connect(path)
        base.execute("PRAGMA user_version = 99")
        base.close()
    with pytest.raises(InputError, match="--state"):
        Ledger(path)
    assert os.path.exists(path)
