"""Spend outlives a gateway, is shared between processes, and errs towards caution: in a file and in
Redis."""

import asyncio
import multiprocessing
import os
import sqlite3

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simroute.errors import InputError
from simroute.gauges.meter import SpendMeter
from simroute.live import Gateway, ledgers
from simroute.live.ledgers import FileLedger, open_ledger
from simroute.live.money import DurableMeter
from upstreams import HELLO, Upstream, deployments

NOON = 1_790_000_000.0
CALL = 105e-6
"""USD of a call of 10 + 5 tokens at 3 and 15 USD a million."""


@pytest.fixture(params=["file", "redis"])
def state(request, tmp_path):
    """Where money is kept."""
    if request.param == "file":
        return str(tmp_path / "s.sqlite")
    return request.getfixturevalue("redis_server").url


def with_ledgers(play, *states):
    """Runs `play(ledger, …)`, with a ledger for each state."""

    async def main():
        ledgers = [open_ledger(state) for state in states]
        for ledger in ledgers:
            await ledger.open()
        try:
            return await play(*ledgers)
        finally:
            for ledger in ledgers:
                await ledger.close()

    return asyncio.run(asyncio.wait_for(main(), 60))


def meter(ledger, scope="budget"):
    made = DurableMeter(ledger, scope, lambda: NOON)
    made.turn(0.0, 0.0)
    return made


async def spent(ledger, scope="budget"):
    """What somebody finds who comes anew."""
    made = meter(ledger, scope)
    await made.look()
    return made.spent


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["reserve", "within", "settle", "turn"]),
        st.integers(0, 10**9),
        st.integers(0, 5),
    ),
    max_size=30,
)


async def play(steps, ledger, scope):
    """The same reservations, settlements and turns give the same nano-dollars."""
    ours, plain = meter(ledger, scope), SpendMeter()
    plain.turn(0.0, 0.0)
    pairs, slot = [], 0.0
    for kind, nano, which in steps:
        usd = nano / 1e9
        if kind == "reserve":
            pairs.append((await ours.reserve(usd, float("inf")), plain.reserve(usd)))
        elif kind == "within":
            both = await ours.reserve(usd, 1.5), plain.reserve_within(usd, 1.5)
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
        await ours.look()
        assert ours.spent == plain.spent
    await asyncio.sleep(0)
    again = DurableMeter(ledger, scope, lambda: NOON)
    again.turn(slot, slot - 4)
    while True:  # what was settled is written behind the caller's back
        await again.look()
        if again.spent == plain.spent:
            return
        again._seen = float("-inf")
        await asyncio.sleep(0.001)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.lists(STEPS, max_size=3))
def test_a_meter_that_lasts_counts_as_one_that_does_not(state, histories):
    """Each history in a scope of its own, which others that came before do not touch."""

    async def main(ledger):
        for history in histories:
            made = f"scope {next(NUMBERS)}"
            await asyncio.wait_for(play(history, ledger, made), 10)

    with_ledgers(main, state)


NUMBERS = iter(range(10**9))


def test_what_was_reserved_by_one_who_is_gone_stays_spent(state):
    """Another process finds it, settled or not."""

    async def main(ledger):
        first = meter(ledger)
        first.settle(await first.reserve(0.5, 1.0), 0.25)
        await first.reserve(0.125, 1.0)
        await asyncio.sleep(0.05)

    with_ledgers(main, state)

    async def after(ledger):
        return await spent(ledger), await spent(ledger, "other")

    assert with_ledgers(after, state) == (0.375, 0.0)


def spend(state, limit, count, ready):
    """Spends as fast as it can; in Redis, by eight hands."""
    got = []

    async def hand(own, ledger):
        for _ in range(1200):
            busy, ticket = -1, None
            while ticket is None and ledger.failures != busy:  # refused for a busy file: again
                busy, ticket = ledger.failures, await own.reserve(1e-6, limit)
            if ticket is None:
                return
            own.settle(ticket, 1e-6)
            got.append(1)

    async def main(ledger):
        ready.wait()
        hands = 8 if "://" in state else 1
        await asyncio.gather(*(hand(meter(ledger), ledger) for _ in range(hands)))

    with_ledgers(main, state)
    count.put(len(got))


def test_processes_together_never_spend_more_than_there_is(state):
    """Three that spend as fast as they can, to the nano-dollar."""
    with_ledgers(spent, state)
    context = multiprocessing.get_context("spawn")
    count, ready = context.Queue(), context.Event()
    limit = 3000e-6
    tasks = [context.Process(target=spend, args=(state, limit, count, ready)) for _ in range(3)]
    for task in tasks:
        task.start()
    ready.set()
    total = sum(count.get(timeout=60) for _ in tasks)
    for task in tasks:
        task.join()
    assert round(with_ledgers(spent, state) * 1e9) == total * 1000
    assert total == 3000


POLICY = {
    "budget": {"usd": 3.5 * CALL, "period": "day", "at_limit": "reject", "reserve": "max"},
    "timeout": {"total": "5s"},
}


def serve(path, calls):
    """Statuses of calls through a gateway whose budget counts in a state."""

    async def main():
        a = await Upstream().start()
        gateway = Gateway(POLICY, deployments(a=a), state=path, clock=lambda: NOON)
        async with gateway:
            body = {**HELLO, "max_tokens": 5}
            return [(await gateway.complete(body)).status for _ in range(calls)], len(a.bodies)

    return asyncio.run(asyncio.wait_for(main(), 30))


def test_a_gateway_that_starts_again_goes_on_with_what_is_left(state):
    """Three calls fit into the day; the second gateway has one of them."""
    assert serve(state, 2) == ([200, 200], 2)
    assert serve(state, 3) == ([200, 402, 402], 1)


def test_a_gateway_may_be_closed_twice(state):
    """As `serve` does: it waits for calls first, and leaves its `async with` then."""

    async def main():
        async with Gateway(POLICY, deployments(a=await Upstream().start()), state=state) as made:
            await made.close()
        return made.ledger.failures

    assert asyncio.run(asyncio.wait_for(main(), 30)) == 0


def test_before_its_first_call_a_gateway_tells_what_the_day_has_cost(state):
    """And nothing of the day before, nor, at midnight, of a day that is over."""
    times = [NOON]

    async def main():
        a = await Upstream().start()
        told = []
        for _ in range(2):
            gateway = Gateway(
                POLICY, deployments(a=a), state=state, clock=lambda: times[0], seed=len(told)
            )
            async with gateway:
                budget = gateway.serving.layers["budget"]
                await gateway.look()
                told.append(budget.spent_usd)
                await gateway.complete({**HELLO, "max_tokens": 5})
                await gateway.look()
                told.append(budget.spent_usd)
        times[0] += 86_400
        async with Gateway(POLICY, deployments(a=a), state=state, clock=lambda: times[0]) as new:
            await new.look()
            told.append(new.serving.layers["budget"].spent_usd)
        return told

    told = asyncio.run(asyncio.wait_for(main(), 30))
    assert told == pytest.approx([0, CALL, CALL, 2 * CALL, 0])


def test_a_window_that_rolls_forgets_step_by_step_and_never_early(state):
    """A call of each of 200 seconds: what the last 100 have spent, and at most a step more."""

    async def main(ledger):
        own = DurableMeter(ledger, "rolling", lambda: NOON + 0.3)
        for second in range(200):
            own.turn(float(second), float(second) - 100.0)
            await own.reserve(1.0, float("inf"))
            assert min(second + 1, 100) <= own.spent <= min(second + 1, 102)

    with_ledgers(main, state)


def test_a_bill_forgets_nothing_of_a_long_window(state):
    """Ten days of a window of twenty, a call a day, each settled: all of them count."""

    async def main(ledger):
        own = DurableMeter(ledger, "long", lambda: NOON)
        for day in range(10):
            own.turn(day * 86_400.0, (day - 20) * 86_400.0)
            own.settle(await own.reserve(1.0, float("inf")), 0.5)
        again = DurableMeter(ledger, "long", lambda: NOON)
        again.turn(9 * 86_400.0, -11 * 86_400.0)
        for _ in range(200):  # what was settled is written behind the caller's back
            again._seen = float("-inf")
            await again.look()
            if again.spent == 5.0:
                break
            await asyncio.sleep(0.01)
        return again.spent

    assert with_ledgers(main, state) == 5.0


def test_a_file_that_another_process_holds_keeps_nobody_else_waiting(tmp_path, monkeypatch):
    """While one call waits for the file, another gateway of the same loop answers; then the first
    is answered and counted."""
    monkeypatch.setattr(ledgers, "PATIENCE_S", 5.0)
    path = tmp_path / "s.sqlite"

    async def main():
        a = await Upstream().start()
        plain = Gateway({"timeout": {}}, deployments(a=a))
        gateway = Gateway(POLICY, deployments(a=a), state=path, clock=lambda: NOON)
        async with gateway, plain:
            assert (await gateway.complete(HELLO, max_tokens=5)).status == 200
            other = sqlite3.connect(path, isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            waits = asyncio.ensure_future(gateway.complete(HELLO, max_tokens=5))
            meanwhile = [(await plain.complete(HELLO)).status for _ in range(5)]
            is_done = waits.done()
            other.execute("ROLLBACK")
            return meanwhile, is_done, (await waits).status, gateway.ledger.failures

    got = asyncio.run(asyncio.wait_for(main(), 30))
    assert got == ([200] * 5, False, 200, 0)


def test_a_store_that_fails_refuses_where_a_budget_is_hard(tmp_path):
    """And lets all else go on, which counts by itself; both are counted, and told once."""
    path = tmp_path / "s.sqlite"

    async def main(ledger):
        told = []
        ledger.tell = lambda: told.append(ledger.fails)
        own = meter(ledger)
        assert await own.reserve(0.1, 1.0) is not None
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        assert await own.reserve(0.1, 1.0) is None
        assert own.settle(await own.reserve(0.1, float("inf")), 0.2).nano == 200_000_000
        assert own.spent == pytest.approx(0.3)
        while ledger.failures < 3:
            await asyncio.sleep(0.01)
        other.execute("ROLLBACK")
        assert await own.reserve(0.1, 1.0) is not None
        assert own.spent == pytest.approx(0.2)
        assert told == [True, False]

    with_ledgers(main, str(path))


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
        FileLedger(path)
    assert os.path.exists(path)
