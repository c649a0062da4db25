"""Real processes on loopback, of which providers are killed, hang, break, flood, lie and slow down,
one after another and two at a time; and gateways are killed. `make chaos`: three minutes.

SIMROUTE_CHAOS_S: seconds for each disturbance, ten.
"""

import asyncio
import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import urllib.request
from collections import Counter
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import aiohttp
import pytest

from simroute.config import yaml_reader

PHASE_S = float(os.environ.get("SIMROUTE_CHAOS_S", "10"))
ANSWER_S, RATE = 0.1, 40.0
"""How long a healthy provider takes; requests a second."""
CALL_USD, STREAM_USD = 105e-6, 75e-6
"""10 + 5 tokens at 3 and 15 USD a million; 10 + 3."""
ASKED = {"messages": [{"role": "user", "content": "ten tokens" * 4}], "max_tokens": 5}
"""As many tokens by the estimate as the provider bills, so that a reservation is the most that a
call can cost."""
UNRULY = Path(__file__).with_name("unruly.py")
POLICY = {
    "fallback": {"targets": ["a", "b", "c"]},
    "breaker": {"failures": 3, "window": "10s", "cooldown": "1s"},
    "timeout": {"total": "3s", "first_token": "1s"},
}
SINGLE = ("kill", "hang", "reset", "flood", "lie", "slow")
DOUBLE = (("kill", "hang"), ("reset", "flood"), ("lie", "slow"), ("hang", "lie"), ("flood", "kill"))

pytestmark = pytest.mark.slow


def free_port():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


class Provider:
    """A process of `unruly.py`, and its mood."""

    def __init__(self, seconds=ANSWER_S):
        self.seconds, self.port = seconds, free_port()
        self.start()

    def start(self):
        words = [sys.executable, str(UNRULY), str(self.seconds), str(self.port)]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(words, stdin=pipe, stdout=pipe, text=True)
        assert self.process.stdout.readline() == "listens\n"
        self.mood = "ok"

    def feel(self, mood):
        if mood == self.mood:
            return
        if self.mood == "kill":
            self.start()
        if mood == "kill":
            self.end()
        else:
            self.process.stdin.write(mood + "\n")
            self.process.stdin.flush()
        self.mood = mood

    @property
    def billed(self):
        """USD."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", timeout=10) as answer:
            return int(answer.read()) / 1e9

    def end(self):
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            with suppress(OSError):
                pipe.close()


@contextmanager
def providers(*names, seconds=ANSWER_S):
    with ExitStack() as stack:
        made = {}
        for name in names:
            made[name] = Provider(seconds)
            stack.callback(made[name].end)
        yield made


class Served:
    """A process of `simroute serve`."""

    def __init__(self, folder, policy, made, *words):
        entries = {
            name: {
                "provider": f"company-{name}",
                "model": "m",
                "base_url": f"http://127.0.0.1:{provider.port}/v1",
                "price": {"input": 3.0, "output": 15.0},
            }
            for name, provider in made.items()
        }
        (folder / "policy.yaml").write_text(yaml_reader.dump(policy))
        (folder / "deployments.yaml").write_text(yaml_reader.dump(entries))
        self.words = [
            *(sys.executable, "-m", "simroute", "serve"),
            f"policy={folder / 'policy.yaml'}",
            f"deployments={folder / 'deployments.yaml'}",
            *("--listen", "127.0.0.1:0"),
            *words,
        ]

    def __enter__(self):
        self.process = subprocess.Popen(self.words, stderr=subprocess.PIPE, text=True)
        line = self.process.stderr.readline()
        self.url = re.search(r"http://[^/\s]+", line)[0]
        return self

    def __exit__(self, *_):
        self.end(signal.SIGTERM)

    def end(self, how):
        self.process.send_signal(how)
        self.process.communicate()


class Seen(NamedTuple):
    """What a caller saw. begun: the first token of a stream had come."""

    model: str
    streamed: bool
    status: int
    target: str
    usd: float
    seconds: float
    begun: bool
    whole: bool


async def ask(session, model, streamed, now):
    """One request, to its end. model: who is asked first, or the address of a provider."""
    begun, got, start = False, b"", now()
    path = f"{model if '://' in model else ''}/v1/chat/completions"
    body = {**ASKED, "model": model, "stream": streamed}
    try:
        async with session.post(path, json=body) as response:
            status, heads = response.status, response.headers
            with suppress(aiohttp.ClientError):  # of a stream that is cut
                async for piece in response.content.iter_any():
                    got += piece
            begun = status == 200 and b'"content"' in got
            whole = got.endswith(b"[DONE]\n\n") if streamed else b'"hello"' in got
            target, usd = heads.get("x-simroute-target", ""), heads.get("x-simroute-usd", "0")
    except aiohttp.ClientError:  # the gateway is gone
        status, target, usd, whole = 0, "", "0", False
    return Seen(model, streamed, status, target, float(usd), now() - start, begun, whole)


async def load(url, seconds, models=("policy", "c"), rate=RATE):
    """Requests at an even pace, streamed and not, for so long; what all of their callers saw."""
    loop = asyncio.get_running_loop()
    tasks, begun = [], loop.time()
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(url, connector=connector) as session:
        while (due := begun + len(tasks) / rate) < begun + seconds:
            await asyncio.sleep(max(0.0, due - loop.time()))
            number = len(tasks)
            model, streamed = models[number % len(models)], number // len(models) % 2 == 1
            tasks.append(asyncio.ensure_future(ask(session, model, streamed, loop.time)))
        return await asyncio.gather(*tasks)


def p99(seen, model="c"):
    """Of whole answers to those who asked this one first."""
    times = sorted(each.seconds for each in seen if each.model == model and each.whole)
    return times[int(0.99 * len(times))]


def unserved(seen, disturbed):
    """Requests that ended otherwise than an unaffected target would have ended them: all but
    streams that were cut, by one that was disturbed, when it had begun to answer."""
    return [
        each
        for each in seen
        if not each.whole and not (each.streamed and each.begun and each.target in disturbed)
    ]


def tell(line):
    sys.stdout.write(line + "\n")


def test_no_request_fails_that_an_unaffected_target_could_serve(tmp_path):
    """Nor does the healthy one become slow: over all disturbances its p99 is not twice what it is
    when all is calm, or what callers see meanwhile who ask it without a gateway: the machine has
    other things to do."""
    plans = [{}, *({"a": mood} for mood in SINGLE), *({"a": x, "b": y} for x, y in DOUBLE)]
    with providers("a", "b", "c") as made, Served(tmp_path, POLICY, made) as served:
        direct = f"http://127.0.0.1:{made['c'].port}"
        asyncio.run(load(served.url, 1.0))  # all of it is warm
        phases = []
        for plan in plans:
            for name, provider in made.items():
                provider.feel(plan.get(name, "ok"))
            seen = asyncio.run(load(served.url, PHASE_S, ("policy", "c", direct, "policy", "c")))
            phases.append(seen)
            targets = Counter(each.target for each in seen if each.model != direct)
            times = f"{1e3 * p99(seen):.0f} ms ({1e3 * p99(seen, direct):.0f} without a gateway)"
            tell(f"{plan or 'calm'}: p99 {times}, answers {dict(targets)}")
            assert unserved(seen, plan) == [], plan
            assert {each.target for each in seen if each.model == "c"} == {"c"}
        disturbed = [each for seen in phases[1:] for each in seen]
        assert p99(disturbed) < 2 * max(p99(phases[0]), p99(disturbed, direct))
        status = json.load(urllib.request.urlopen(f"{served.url}/status", timeout=10))
        assert status["in_flight"] == 0
        assert status["state_failures"] == 0


MONEY = {
    **POLICY,
    "fallback": {"targets": ["a"]},
    "budget": {"usd": 1000, "period": "month", "at_limit": "reject", "reserve": "max"},
}


def spent(path):
    with sqlite3.connect(path) as base:
        return base.execute("SELECT sum(nano) FROM spend").fetchone()[0] / 1e9


def test_a_gateway_that_is_killed_loses_no_recorded_spend(tmp_path):
    """Thrice under load: what callers were billed is in the file, and beside it no more than what
    was reserved for calls under way."""
    path = tmp_path / "state.sqlite"
    billed = under_way = 0.0
    with providers("a") as made:
        served = Served(tmp_path, MONEY, made, "--state", str(path))
        for turn in range(3):
            served.__enter__()

            async def killed(served=served):
                asked = asyncio.ensure_future(load(served.url, PHASE_S / 3, ("policy",)))
                await asyncio.sleep(PHASE_S / 6)
                served.end(signal.SIGKILL)
                return await asked

            seen = asyncio.run(killed())
            assert {each.status for each in seen} == {200, 0}
            billed += sum(STREAM_USD if each.streamed else CALL_USD for each in seen if each.whole)
            under_way += sum(CALL_USD for each in seen if each.status == 0 or not each.whole)
            tell(f"turn {turn}: callers {billed:.6f} USD, file {spent(path):.6f} USD")
            assert billed - 1e-9 <= spent(path) <= billed + under_way + 1e-9
        with served:
            status = json.load(urllib.request.urlopen(f"{served.url}/status", timeout=10))
            assert status["budgets"]["budget"]["spent_usd"] == pytest.approx(spent(path))


def test_two_gateways_never_spend_more_than_their_budget(tmp_path):
    """One file, both under load, one of them killed: what the provider answered costs no more."""
    path, calls = tmp_path / "state.sqlite", round(PHASE_S * RATE / 2)
    policy = {**MONEY, "budget": {**MONEY["budget"], "usd": round(calls * CALL_USD, 6)}}
    with providers("a") as made:
        folders = [tmp_path / name for name in ("one", "two")]
        for folder in folders:
            folder.mkdir()
        one, two = (Served(folder, policy, made, "--state", str(path)) for folder in folders)
        with two:
            one.__enter__()

            async def both():
                loads = [
                    asyncio.ensure_future(load(each.url, PHASE_S / 2, ("policy",)))
                    for each in (one, two)
                ]
                await asyncio.sleep(PHASE_S / 4)
                one.end(signal.SIGKILL)
                first, second = await asyncio.gather(*loads)
                return [*first, *second, *await load(two.url, PHASE_S, ("policy",))]

            seen = asyncio.run(both())
        statuses = Counter(each.status for each in seen)
        billed = made["a"].billed
        tell(f"{billed:.6f} USD billed of {calls * CALL_USD:.6f}; {dict(statuses)}")
        assert statuses.keys() == {200, 402, 0}
        assert sum(each.usd for each in seen if each.whole and not each.streamed) <= spent(path)
        assert billed <= spent(path) + 1e-9
        assert spent(path) <= calls * CALL_USD + 1e-9
