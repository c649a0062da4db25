"""What a gateway keeps over a reload, and what it does not."""

import asyncio
import os
import threading
from pathlib import Path

import pytest

from simroute.config import yaml_reader
from simroute.errors import InputError
from simroute.live import Gateway, reloading, setup
from simroute.live.clients import Clients
from simroute.live.server import Server
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


@pytest.mark.parametrize("what", ["read_fleet", "read_clients"])
def test_calls_go_on_while_files_are_read(tmp_path, monkeypatch, what):
    """Here one takes until a call has been answered; a long list of clients takes seconds."""
    answered = threading.Event()
    module = setup if what == "read_fleet" else reloading
    read = getattr(module, what)

    def slowly(source):
        assert answered.wait(10)
        return read(source)

    async def main():
        a = await Upstream().start()
        path, told = written(tmp_path / "d.yaml", deployments(a=a)), []
        async with Gateway(PLAIN, path) as gateway:
            server = Server(Clients({}), "mine")
            server.serve(gateway)
            watch = reloading.Reloading(gateway, server, None, [path], told.append)
            monkeypatch.setattr(module, what, slowly)
            reload = asyncio.ensure_future(watch.reload())
            await asyncio.sleep(0)
            answer = await gateway.complete(HELLO)
            answered.set()
            await reload
            return answer.status, told

    assert asyncio.run(asyncio.wait_for(main(), 20)) == (200, ["reloaded"])


def test_a_reload_that_fails_in_a_way_nobody_thought_of_is_told(tmp_path):
    """By the kind of its error alone; the files before stay, and the next change is looked at."""

    async def main():
        a, told = await Upstream().start(), []
        async with Gateway(PLAIN, written(tmp_path / "d.yaml", deployments(a=a))) as gateway:
            server = Server(Clients({}), "mine")
            server.serve(gateway)
            watch = reloading.Reloading(gateway, server, None, [], told.append)
            good = gateway._read
            gateway._read = lambda: {}["secret"]
            await watch.reload()
            wrong = server.not_reloaded
            gateway._read = good
            await watch.reload()
            return wrong, server.not_reloaded, server.reload_errors, told

    wrong, after, errors, told = asyncio.run(asyncio.wait_for(main(), 20))
    assert (after, errors, told[1:]) == ((), 1, ["reloaded"])
    assert "KeyError" in wrong[0]
    assert "secret" not in wrong[0] + told[0]
