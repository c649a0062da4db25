"""Limits of time stand still while a caller does not read: in virtual time, to the instant."""

import asyncio
from functools import partial

import pytest

from simroute.core import Outcome
from simroute.testing.clock import run
from simroute.worlds.live import kernel


async def work(*steps):
    """Waits so many seconds by turns: for a provider, for the caller, for a provider …"""
    for place, seconds in enumerate(steps):
        sleep = asyncio.sleep(seconds)
        await (kernel.held(sleep) if place % 2 else sleep)
    return Outcome(200)


async def ended(*limits, steps):
    """Status, limit and second of work within these limits, the first of which is innermost."""
    made = partial(work, *steps)()
    for seconds in limits:
        made = kernel.within(seconds, made, str(seconds))
    outcome = await made
    assert not kernel.HELD or len(kernel.HELD) == 1  # this task's own
    return outcome.status, outcome.limit, asyncio.get_running_loop().time()


@pytest.mark.parametrize(
    ("limits", "steps", "status", "limit", "second"),
    [
        ([10], (4, 100, 5), 200, "", 109),
        ([10], (4, 100, 7), 408, "10", 110),  # 4 + 100 + 6
        ([10], (4, 3, 5, 100, 2), 408, "10", 113),  # 4 + 3 + 5 + 100 + 1
        ([10], (4, 3, 5, 100, 1), 200, "", 113),  # at the very instant a reply comes first
        ([10], (11,), 408, "10", 10),
        ([10, 12], (4, 100, 7), 408, "10", 110),
        ([12, 10], (4, 100, 7), 408, "10", 110),
        ([10], (0, 100, 9, 100, 0.5, 100, 0.5), 200, "", 310),
    ],
)
def test_time_of_the_caller_is_none_of_the_provider(limits, steps, status, limit, second):
    """Whichever limit is due meanwhile, and however often."""
    assert run(ended(*limits, steps=steps)) == (status, limit, second)
    assert not kernel.HELD  # nothing is left of a task that has ended


def test_a_later_limit_of_the_same_task_counts_no_earlier_wait():
    """Held for 100 s in the first; the second has its own ten."""

    async def both():
        await kernel.within(10, work(1, 100, 1))
        return await kernel.within(10, work(11))

    async def main():
        outcome = await both()
        return outcome.status, asyncio.get_running_loop().time()

    assert run(main()) == (408, 112)


def test_who_is_cancelled_while_he_is_held_leaves_nothing():
    """No deadline fires afterwards."""

    async def main():
        task = asyncio.ensure_future(kernel.within(10, work(1, 100)))
        await asyncio.sleep(50)
        task.cancel()
        await asyncio.sleep(100)
        return task.cancelled()

    assert run(main())
    assert not kernel.HELD
