"""Alerts reach a function, or an address, and cost no call its answer."""

import asyncio
import json

import pytest

from simroute.core import Outcome
from simroute.errors import InputError
from simroute.live import Gateway
from simroute.live.alerts import Webhook
from simroute.testing import clock

POLICY = {
    "health": {"active": False, "passive": True, "failures": 1},
    "timeout": {"total": 30.0},
}
FLEET = {
    name: {
        "provider": name,
        "model": "m",
        "base_url": "https://example.com/v1",
        "price": {"input": 1.0, "output": 1.0},
    }
    for name in ("a", "b")
}


class Down:
    async def send(self, call):
        await asyncio.sleep(0.5)
        return Outcome(503, call.target, "error")


def served(alert):
    events = []

    async def main():
        gateway = Gateway(
            POLICY,
            FLEET,
            transport=Down(),
            alert=alert,
            events=lambda *row: events.append(row[2]),
        )
        async with gateway:
            answers = [await gateway.complete(messages=HELLO) for _ in range(3)]
        return answers

    return clock.run(main()), events


HELLO = [{"role": "user", "content": "hello"}]


def test_a_function_hears_who_was_taken_out():
    """One failure takes a out; the next two calls are refused, since b is in."""
    heard = []
    answers, events = served(heard.append)
    assert heard == [{"layer": "health", "target": "a", "status": 503, "held": 0}]
    assert [answer.by for answer in answers] == ["", "health", "health"]
    assert events == ["removed", "alerted"]


def test_a_function_that_fails_costs_nothing():
    """Calls, and the events of others, go on."""

    def fails(alert):
        raise OSError("no pager")

    answers, events = served(fails)
    assert [answer.status for answer in answers] == [503, 503, 503]
    assert events == ["removed", "alerted"]


@pytest.mark.parametrize("url", ["ftp://a/b", "http://example.com/x", "https://", "nothing", "//["])
def test_an_address_that_cannot_be_posted_to_is_refused(url):
    """Nothing but https, or this machine."""
    with pytest.raises(InputError, match="--alert: expected an address"):
        Webhook(url, print)


@pytest.mark.parametrize(("status", "said"), [(204, []), (500, ["alert: not taken, status 500"])])
def test_an_alert_is_posted_as_json(status, said):
    """To an address of this machine; one that is not taken is told."""
    bodies, lines = [], []

    async def talk(reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.split(b"content-length: ")[1].split(b"\r\n")[0])
        bodies.append(json.loads(await reader.readexactly(length)))
        writer.write(b"HTTP/1.1 %d X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" % status)
        writer.close()

    async def main():
        server = await asyncio.start_server(talk, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        webhook = Webhook(f"http://127.0.0.1:{port}/alert", lines.append)
        webhook({"target": "a", "held": 2})
        await webhook.close()
        server.close()

    asyncio.run(main())
    assert (bodies, lines) == ([{"target": "a", "held": 2}], said)


def test_an_address_that_nobody_answers_is_told():
    """A closed port."""
    lines = []

    async def main():
        server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        server.close()
        await server.wait_closed()
        webhook = Webhook(f"http://127.0.0.1:{port}/alert", lines.append)
        webhook({"target": "a"})
        await webhook.close()

    asyncio.run(main())
    assert len(lines) == 1
    assert lines[0].startswith("alert: not sent, ")
