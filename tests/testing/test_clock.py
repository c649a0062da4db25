"""Runs in virtual time."""

import asyncio

import pytest

from simroute.testing import clock


def test_what_a_run_has_begun_is_given_up_where_it_fails():
    """At that moment, before its loop is closed."""
    ends = []

    async def wait():
        try:
            await asyncio.sleep(9.0)
        finally:
            ends.append(asyncio.get_running_loop().time())

    async def main():
        waiting = asyncio.create_task(wait())
        await asyncio.sleep(1.0)
        raise ValueError(waiting)

    with pytest.raises(ValueError, match="wait"):
        clock.run(main())
    assert ends == [1.0]
