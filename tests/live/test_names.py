"""Callers name their work as they like: what is remembered by name has a bound."""

import asyncio

from simroute.core import Outcome
from simroute.gauges import newest
from simroute.live import Gateway
from simroute.live.metrics import MOST_BREAKERS, Metrics
from simroute.live.status import Recent
from simroute.policies import breaker
from simroute.worlds.live.answers import Usage, Whole
from upstreams import HELLO

ENTRY = {"provider": "x", "model": "m", "base_url": "http://127.0.0.1:1/v1"}
ENTRIES = {"a": {**ENTRY, "price": {"input": 3.0, "output": 15.0}}}
POLICY = {
    "budget": {"usd": 1000},
    "breaker": {"scope": "task", "failures": 1, "cooldown": "60s"},
    "timeout": {"total": "5s"},
}
MOST = 50
ANSWER = Whole(b'{"choices": [{"message": {"content": "x"}}]}', Usage(10, 5), "stop")


class Transport:
    """Fails at tasks of an odd number."""

    async def send(self, call):
        if int(call.request.task) % 2:
            return Outcome(503, call.target, "down")
        return Outcome(200, call.target, input_tokens=10, output_tokens=5, answer=ANSWER)


def test_a_task_of_its_own_for_each_call_fills_no_memory(monkeypatch):
    """A thousand of them: the last are known, the first begin anew."""
    monkeypatch.setattr(breaker, "MOST_NAMES", MOST)
    monkeypatch.setattr(newest, "MOST_NAMES", MOST)
    recent, metrics = Recent(), Metrics()

    def events(*event):
        recent.add_event(*event)
        metrics.add_event(*event)

    async def main():
        gateway = Gateway(POLICY, ENTRIES, transport=Transport(), events=events)

        async def ask(task):
            return (await gateway.complete(HELLO, metadata={"task": str(task)})).status

        async with gateway:
            seen = [await ask(task) for task in range(1000)]
            assert seen == [200, 503] * 500
            layers = gateway.serving.layers
            held = (
                len(layers["budget"]._lengths._seen),
                len(layers["breaker"]._states),
                len(layers["breaker"]._breakers._shared),
                len(layers["breaker"]._breakers.names),
            )
            again = await gateway.complete(HELLO, metadata={"task": "999"})
            anew = await gateway.complete(HELLO, metadata={"task": "1"})
            return held, again.by, anew.by

    assert asyncio.run(asyncio.wait_for(main(), 30)) == ((MOST,) * 4, "breaker", "")
    assert len(recent.told(0.0, {})["breakers"]) == MOST_BREAKERS
    lines = metrics.text(0, {}, 0, 0).decode().splitlines()
    assert sum(line.startswith("simroute_breaker_state{") for line in lines) == MOST_BREAKERS


def test_a_breaker_is_forgotten_once_under_both_of_its_names(monkeypatch):
    """That of a call that was aimed, and of one that was not; a call under way tells it all the
    same."""
    monkeypatch.setattr(breaker, "MOST_NAMES", 4)
    gate = asyncio.Event()

    class Slow(Transport):
        async def send(self, call):
            if call.request.task == "1":
                await gate.wait()
            return await super().send(call)

    told = []

    async def main():
        entries = {**ENTRIES, "b": ENTRIES["a"]}
        gateway = Gateway(
            POLICY, entries, transport=Slow(), events=lambda *e: told.append((e[2], e[-1]))
        )

        async def ask(task, target):
            request = gateway.request({**HELLO, "metadata": {"task": str(task)}})
            async with gateway.open(request, target) as opened:
                return (await opened.whole()).status

        async with gateway:
            late = asyncio.ensure_future(ask(1, None))
            await asyncio.sleep(0)
            for task in range(2, 20):
                await ask(task, "a")
                await ask(task, None)
            gate.set()
            await late
            return len(gateway.serving.layers["breaker"]._breakers._shared)

    assert asyncio.run(asyncio.wait_for(main(), 30)) <= 4
    assert ("opened", {"breaker": "a (1)", "status": 503}) in told


def test_the_bound_is_beyond_what_anybody_has_of_tasks():
    """So that no policy of a scenario meets it."""
    assert newest.MOST_NAMES >= 10_000
