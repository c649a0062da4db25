"""Money in Redis: what happens when it is stopped, killed, empty, foreign, or not there at all."""

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import traceback
from contextlib import asynccontextmanager

import aiohttp
import pytest
import yaml

from live.conftest import RedisServer
from simroute.errors import InputError
from simroute.live import Gateway
from simroute.live.clients import Clients
from simroute.live.ledgers import open_ledger
from simroute.live.money import LedgerFailed
from simroute.live.server import Server
from upstreams import HELLO, Upstream, deployments, whole

pytestmark = pytest.mark.live_clients

NOON = 1_790_000_000.0
BODY = {**HELLO, "max_tokens": 5}
CALL = 105e-6
"""USD of a call of 10 + 5 tokens at 3 and 15 USD a million."""
SECRET = "s3cr%2Fet"


@pytest.fixture(autouse=True)
def hurried(monkeypatch):
    """A second of rest, and of what was seen, is a fifth of one."""
    redis_ledger = pytest.importorskip("simroute.live.redis_ledger", reason="no redis-py")
    monkeypatch.setattr(redis_ledger, "REST_S", 0.2)
    monkeypatch.setattr(redis_ledger.RedisLedger, "fresh_s", 0.2)


def policy(at_limit, usd=3.5 * CALL):
    budget = {"usd": usd, "period": "day", "at_limit": at_limit, "reserve": "max"}
    return {"budget": budget, "timeout": {"total": "5s"}}


@asynccontextmanager
async def gateway(at_limit, url, upstream, events=None, **more):
    def told(at, replica, event, *detail):
        if events is not None:
            events.append((event, detail[-1]))

    made = Gateway(
        policy(at_limit, **more),
        deployments(a=upstream),
        state=url,
        clock=lambda: NOON,
        events=told,
    )
    async with made:
        yield made


async def status(made):
    return (await made.complete(BODY)).status


def played(scene):
    return asyncio.run(asyncio.wait_for(scene(), 60))


@pytest.mark.parametrize(
    ("at_limit", "statuses"), [("reject", [200, 402, 402, 200]), ("allow", [200] * 4)]
)
def test_a_redis_that_hangs_delays_no_call_for_long_and_is_asked_again(
    redis_server, at_limit, statuses
):
    """It is stopped between the first call and the second, and goes on after the third: hard
    budgets refuse meanwhile, the others go on; one event says so, one that it is back. Others have
    their turns while a call waits."""

    async def scene():
        events, got, turns = [], [], 0
        a = await Upstream().start()

        async def take_turns():
            nonlocal turns
            while True:
                await asyncio.sleep(0.001)
                turns += 1

        async with gateway(at_limit, redis_server.url, a, events, usd=1.0) as made:
            got.append(await status(made))
            await asyncio.sleep(0.25)  # what was seen of it is old
            redis_server.process.send_signal(signal.SIGSTOP)
            ticking = asyncio.ensure_future(take_turns())
            try:
                got.append(await status(made))
                failures, seen = made.ledger.failures, turns
                got.append(await status(made))  # at once: it is not asked
            finally:
                redis_server.process.send_signal(signal.SIGCONT)
            assert made.ledger.fails
            assert failures >= 1
            await asyncio.sleep(0.25)
            got.append(await status(made))
            assert not made.ledger.fails
            ticking.cancel()
        return got, events, seen, len(a.bodies)

    got, events, seen, asked = played(scene)
    assert got == statuses
    assert asked == statuses.count(200)
    assert [event for event, _ in events] == ["state_failed", "state_back"]
    assert events[0][1] == {"state": redis_server.url}
    assert seen > 20


def test_answers_that_come_too_late_are_taken_for_no_others(redis_server):
    """A reservation of 5 whose answer does not come in time; the next answer is that of the next
    question, and it knows of it: it was counted, to be cautious."""

    async def scene():
        ledger = open_ledger(redis_server.url)
        await ledger.open()
        assert await ledger.reserve("s", 10, 0, 7, None) == (True, 7)
        redis_server.process.send_signal(signal.SIGSTOP)
        try:
            with pytest.raises(LedgerFailed):
                await ledger.reserve("s", 10, 0, 5, None)
        finally:
            redis_server.process.send_signal(signal.SIGCONT)
        await asyncio.sleep(0.25)
        assert await ledger.look("s", 0) == 12
        assert await ledger.reserve("s", 10, 0, 100, 50) == (False, 12)
        await ledger.close()

    played(scene)


def test_a_redis_that_is_killed_and_starts_again_is_found_again(tmp_path, redis_server):
    """In mid-run, with calls under way; what it knew is gone with it, and nothing is taken away
    from what it does not know."""
    own = RedisServer(tmp_path)

    async def scene():
        held = asyncio.Event()

        async def slowly(reader, writer):
            await held.wait()
            writer.write(Upstream().answer)

        a = await Upstream(slowly).start()
        async with gateway("reject", own.url, a, usd=1.0) as made:
            calls = [asyncio.ensure_future(status(made)) for _ in range(20)]
            while len(a.bodies) < 20:
                await asyncio.sleep(0.01)
            own.kill()
            held.set()
            assert await asyncio.gather(*calls) == [200] * 20
            assert await status(made) == 402
            own.start()
            await asyncio.sleep(0.25)
            assert await status(made) == 200
            await asyncio.sleep(0.1)
            await made.look()
            spent = made.serving.layers["budget"].spent_usd
            other = open_ledger(own.url)
            nano = await other.look("budget", 0)
            await other.close()
        return spent, nano

    try:
        spent, nano = played(scene)
    finally:
        own.kill()
    assert nano == round(CALL * 1e9)
    assert spent == pytest.approx(CALL)


def test_gateways_of_two_hosts_spend_what_there_is(redis_server):
    """Forty calls at once through two gateways, of which 25 fit: a bill is what was reserved."""
    usage = {"prompt_tokens": 1, "completion_tokens": 5}
    usd = 25 * 78e-6

    async def scene():
        a = await Upstream(whole(usage=usage)).start()
        async with (
            gateway("reject", redis_server.url, a, usd=usd) as one,
            gateway("reject", redis_server.url, a, usd=usd) as two,
        ):
            return await asyncio.gather(*(status(made) for _ in range(20) for made in (one, two)))

    assert sorted(played(scene)) == [200] * 25 + [402] * 15


def test_a_caller_who_goes_away_leaves_nothing_reserved(redis_server):
    """While Redis is being asked: what it counts for him then is given back."""

    async def scene():
        a = await Upstream().start()
        async with gateway("reject", redis_server.url, a) as made:
            for turns in range(12):  # given up at each of the steps of a call
                call = asyncio.ensure_future(status(made))
                for _ in range(turns):
                    await asyncio.sleep(0)
                call.cancel()
                await asyncio.gather(call, return_exceptions=True)
            await asyncio.sleep(0.1)
            ledger = open_ledger(redis_server.url)
            reserved = await ledger.look("budget", 0)
            await ledger.close()
            return reserved, len(a.bodies)

    assert played(scene) == (0, 0)


KILLED = """
import asyncio, os, signal, sys
from simroute.live.ledgers import open_ledger
from simroute.live.money import DurableMeter
async def main():
    ledger = open_ledger(sys.argv[1])
    meter = DurableMeter(ledger, "budget", lambda: 1_790_000_000.0)
    meter.turn(0.0, 0.0)
    await meter.reserve(0.5, 1.0)
    os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(main())
"""


def test_what_a_process_had_reserved_that_was_killed_stays_spent(redis_server):
    """As in a file; and it goes by itself, some weeks after the day."""
    done = subprocess.run([sys.executable, "-c", KILLED, redis_server.url], check=False)
    assert done.returncode == -signal.SIGKILL

    async def scene():
        ledger = open_ledger(redis_server.url)
        spent = await ledger.look("budget", 1_790_000_000)
        left = await ledger._redis.ttl("simroute:spend:budget")
        await ledger.close()
        return spent, left

    spent, left = played(scene)
    assert spent == 500_000_000
    assert 31 * 86_400 < left <= 62 * 86_400


@pytest.mark.parametrize(
    ("ahead", "counted"), [(3600, 9_000_000_000), (30 * 86_400, 1_000_000_000)]
)
def test_a_clock_that_is_ahead_takes_no_day_from_the_others(redis_server, ahead, counted):
    """An hour: the day before is still there for who lives in it. A month: it is gone."""

    async def scene():
        ledger = open_ledger(redis_server.url)
        await ledger.reserve("s", 1000, 1000, 9_000_000_000, None)
        await ledger.reserve("s", 1000 + ahead, 1000 + ahead, 1_000_000_000, None)
        seen = await ledger.look("s", 1000)
        await ledger.close()
        return seen

    both = 1_000_000_000 if counted > 1_000_000_000 else 0
    assert played(scene) == counted + both


@pytest.mark.parametrize(
    ("url", "told"),
    [
        (f"postgres://u:{SECRET}@h/0", "postgres:// is nothing that money can be kept in"),
        (f"redis:u:{SECRET}@h/0", "redis: is nothing that money can be kept in"),
        (f"redis://u:{SECRET}@/0", "a host is missing"),
        (f"redis://u:{SECRET}@h:99999/0", "cannot be read"),
        (f"redis://u:{SECRET}@h:x{SECRET}/0", "cannot be read"),
        (f"redis://h/{SECRET}", "a number of a database"),
        (f"redis://u:p/{SECRET}@h/0", "cannot be read"),
        (f"redis://h/0#{SECRET}", "%23"),
        ("unix://", "a path is missing"),
        (f"redis://u:{SECRET}@127.0.0.1:1/0", "redis://127.0.0.1:1/0 cannot be reached"),
        (f"unix:///nowhere/{'x' * 9}?password={SECRET}", "unix:///nowhere/xxxxxxxxx cannot be"),
        (f"redis://u:{SECRET}@127.0.0.1:1/0?socket_timeout={SECRET}", "options cannot be read"),
        (f"redis://u:{SECRET}@127.0.0.1:1/0?nonsense={SECRET}", "does not know"),
    ],
)
def test_a_wrong_address_is_one_line_without_its_password(url, told):
    """Whatever is wrong with it."""

    async def scene():
        async with gateway("reject", url, await Upstream().start()):
            pass

    with pytest.raises(InputError) as caught:
        played(scene)
    (line,) = caught.value.lines
    assert told in line
    assert "s3cr" not in "".join(traceback.format_exception(caught.value))


def test_who_may_not_write_is_told_at_the_start(tmp_path, redis_server):
    """A wrong password, none, no such database; the right one serves, and is told nowhere."""
    own = RedisServer(tmp_path, "--databases", "4")
    with own.talk(b"CONFIG SET requirepass geheim") as there:
        there.recv(100)

    def told(url):
        with pytest.raises(InputError) as caught:
            played(lambda: entered(url))
        (line,) = caught.value.lines
        return line

    async def entered(url):
        a = await Upstream().start()
        async with gateway("reject", url, a) as made:
            server = Server(Clients({}), "mine")
            server.serve(made)
            return json.dumps(server._told()) + repr(made.ledger) + repr(vars(made))

    right = own.url.replace("unix://", "unix://:geheim@")
    try:
        assert "does not accept" in told(own.url)
        assert "does not accept" in told(own.url.replace("unix://", "unix://:falsch@"))
        assert "no database of that number" in told(f"{right}?db=9")
        seen = played(lambda: entered(f"{right}?db=3"))
    finally:
        own.kill()
    assert "geheim" not in seen
    assert own.url in seen


def test_serve_says_when_its_state_fails_and_when_it_is_back(tmp_path, redis_server):
    """In a line, at /ready and in the log; the password is in none of them, nor anywhere else."""
    port = free_port()
    own = RedisServer(tmp_path, "--requirepass", "geheim", port=port)
    (tmp_path / "policy.yaml").write_text(yaml.safe_dump(policy("reject", usd=1.0)))
    seen = []

    async def serve():
        a = await Upstream().start()
        (tmp_path / "deployments.yaml").write_text(yaml.safe_dump(deployments(a=a)))
        there = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "simroute", "serve", "policy=policy.yaml"),
            *("deployments=deployments.yaml", "--listen", "127.0.0.1:0", "--log", "log"),
            cwd=tmp_path,
            env={**os.environ, "SIMROUTE_STATE": f"redis://:geheim@127.0.0.1:{port}/0"},
            stderr=asyncio.subprocess.PIPE,
        )

        async def said(words):
            while words not in (line := (await there.stderr.readline()).decode()):
                assert line
                seen.append(line)
            seen.append(line)
            return line

        url = re.search(r"http://[\d.:]+", await said("serving"))[0]
        statuses = []
        async with aiohttp.ClientSession(url) as session:

            async def ask():
                async with session.post("/v1/chat/completions", json=BODY) as answer:
                    statuses.append(answer.status)
                for path in ("/ready", "/status", "/metrics", "/"):
                    async with session.get(path) as answer:
                        seen.append(await answer.text())

            await ask()
            own.kill()
            await ask()
            await said(f"state: redis://127.0.0.1:{port}/0 fails")
            assert '"state_fails": true' in "".join(seen)
            own.start()
            await asyncio.sleep(1.1)
            await ask()
            await said("is there again")
        there.terminate()
        seen.append((await there.stderr.read()).decode())
        return statuses, await there.wait()

    try:
        assert played(serve) == ([200, 402, 200], 0)
    finally:
        own.kill()
    rows = "".join(file.read_text("latin-1") for file in (tmp_path / "log").iterdir())
    assert "state_failed" in rows
    assert "geheim" not in rows + "".join(seen)


def free_port():
    with socket.socket() as there:
        there.bind(("127.0.0.1", 0))
        return there.getsockname()[1]


def test_without_redis_py_one_line_says_which_extra(monkeypatch):
    """And a file needs none."""
    monkeypatch.setitem(sys.modules, "redis", None)
    monkeypatch.delitem(sys.modules, "simroute.live.redis_ledger", raising=False)
    with pytest.raises(InputError, match=r"simroute\[redis\]"):
        open_ledger("redis://localhost")
