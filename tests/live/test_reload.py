"""What a gateway keeps over a reload, and what it does not."""

import asyncio
import os
from pathlib import Path

import pytest

from simroute.config import yaml_reader
from simroute.errors import InputError
from simroute.live import Gateway
from upstreams import HELLO, PLAIN, Upstream, deployments, whole


def written(path: Path, entries, **limits):
    entries["a"]["limits"] = limits
    path.write_text(yaml_reader.dump(entries))
    return path


@pytest.mark.parametrize(
    ("now", "status", "after"),
    [
        ({"concurrency": 1}, 503, 1),  # the one under way has the only slot
        ({"concurrency": 1, "rpm": 5}, 503, 1),
        ({"concurrency": 2}, 200, 0),
        ({}, 200, 0),
    ],
)
def test_calls_under_way_go_on_counting_where_limits_did_not_change(tmp_path, now, status, after):
    """The old connections are closed with their last call; all slots are free in the end."""
    answered = asyncio.Event()

    async def slowly(reader, writer):
        a.answer = whole()
        await answered.wait()
        writer.write(whole())

    a = Upstream(slowly)

    async def main():
        await a.start()
        entries = deployments(a=a)
        path = written(tmp_path / "d.yaml", entries, concurrency=1)
        async with Gateway(PLAIN, path) as gateway:
            first = asyncio.ensure_future(gateway.complete(HELLO))
            while not a.bodies:
                await asyncio.sleep(0.01)
            written(path, entries, **now)
            await gateway.reload()
            second = await gateway.complete(HELLO)
            busy = gateway.serving.transport.pools["a"].slots.busy
            answered.set()
            third = (await first).status, (await gateway.complete(HELLO)).status
            return second.status, busy, third, gateway.serving.transport.pools["a"].slots.busy

    assert asyncio.run(asyncio.wait_for(main(), 20)) == (status, after, (200, 200), 0)


def test_a_file_that_became_a_pipe_holds_nobody(tmp_path):
    """The reload is refused at once, and the gateway goes on with what it had."""

    async def main():
        a = await Upstream().start()
        path = written(tmp_path / "d.yaml", deployments(a=a))
        async with Gateway(PLAIN, path) as gateway:
            path.unlink()
            os.mkfifo(path)
            with pytest.raises(InputError, match="read only once"):
                await gateway.reload()
            return (await gateway.complete(HELLO)).status

    assert asyncio.run(asyncio.wait_for(main(), 20)) == 200
