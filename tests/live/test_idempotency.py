"""Idempotency keys on sockets: the gateway sends them, the fake providers know them, and what comes
of it is what the simulation says."""

import asyncio

import pytest

from simroute.config.loading import load
from simroute.errors import InputError
from simroute.live.deployments import read_fleet
from simroute.live.gateway import Gateway
from simroute.mock.fast_loop import run_still
from simroute.parity import play_both
from upstreams import http, whole

WEATHER = """
horizon: 20m
workload: {rate: 0.2}
deployments:
  a: {provider: one, model: m, price: {input: 1, output: 2}, idempotency_keys: true}
"""
ENTRY = {"provider": "one", "model": "m", "price": {"input": 1, "output": 2}}


def configured(folder, streamed, key=True):
    """Up to six sends, a second apart, of three seconds each, to the first token of a stream."""
    weather, stance = folder / "weather.yaml", folder / "keyed.yaml"
    weather.write_text(WEATHER)
    stance.write_text(
        f"retry: {{attempts: 6, idempotency_key: {str(key).lower()}, "
        "backoff: {initial: 1s, factor: 1, jitter: none}}\n"
        f"timeout: {{{'first_token' if streamed else 'total'}: 3s}}\n"
    )
    words = [f"scenario.workload.streamed={streamed}"]
    words += ["scenario.deployments.a.latency.base=2.5"] if streamed else []
    return load("keys", str(weather), [str(stance)], words, 3, 1)


@pytest.mark.parametrize("streamed", [0, 1])
def test_both_worlds_work_once_and_bill_once(tmp_path, streamed):
    """Some answers take 3 s and more: they are given up, asked for again with the same key, and
    billed once each. Who was answered paid the same to the nano-dollar, at the same time."""
    simulated, live = play_both(configured(tmp_path, streamed), "keyed", None)
    again = simulated.attempts > 1
    assert 10 < again.sum() < len(again) - 10
    assert (live.ok == simulated.ok).all()
    assert (live.attempts == simulated.attempts).all()
    ok = simulated.ok
    assert (again & ok).sum() > 10
    assert live.latency[ok] == pytest.approx(simulated.latency[ok], abs=1e-3)
    assert (live.nano[ok] == simulated.nano[ok]).all()
    without, _ = play_both(configured(tmp_path, streamed, key=False), "keyed", None)
    assert without.nano.sum() > 1.2 * simulated.nano.sum()


def heads_of(replies, attempts, **more):
    """(the heads of the requests that a provider gets for one call of a gateway, USD that the
    gateway counts), in virtual time; replies: seconds and bytes of each answer."""
    heads, usd = [], []

    async def talk(reader, writer):
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                length = int(head.lower().split("content-length: ")[1].split("\r\n")[0])
                await reader.readexactly(length)
                heads.append(head)
                seconds, answer = replies[min(len(heads), len(replies)) - 1]
                await asyncio.sleep(seconds)
                writer.write(answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def main():
        server = await asyncio.start_server(talk, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        entry = {**ENTRY, "base_url": f"http://127.0.0.1:{port}/v1", **more}
        layers = {
            "retry": {
                "attempts": attempts,
                "idempotency_key": True,
                "backoff": {"initial": "1s", "jitter": "none"},
            },
            "timeout": {"total": "3s"},
        }
        keep = lambda row: usd.append(row.request.nano / 1e9)  # noqa: E731
        async with Gateway(layers, {"a": entry}, requests=keep) as gateway:
            for _ in range(2):
                await gateway.complete(messages=[{"role": "user", "content": "hello"}])
        server.close()

    run_still(main())
    return heads, usd


def keys_of(heads, header="idempotency-key"):
    lines = [head.lower().split("\r\n") for head in heads]
    return [
        next((line.split(": ")[1] for line in each if line.startswith(f"{header}: ")), None)
        for each in lines
    ]


def test_tries_of_one_request_carry_one_key_and_other_requests_another():
    """503 first, then an answer; the second request is answered at once."""
    replies = [(0.1, http(b"{}", "503 No")), (0.1, whole())]
    heads, _ = heads_of(replies, 3, idempotency_header="X-Idem")
    first, again, other = keys_of(heads, "x-idem")
    assert first == again
    assert first
    assert other
    assert other != first
    assert keys_of(heads) == [None] * 3


def test_without_a_header_none_is_sent():
    """Whatever the policy says."""
    heads, _ = heads_of([(0.1, http(b"{}", "503 No")), (0.1, whole())], 3)
    assert keys_of(heads) == [None] * 3


@pytest.mark.parametrize("keyed", [False, True])
def test_the_bill_of_a_repeat_replaces_the_estimate_of_what_was_given_up(keyed):
    """The first send is given up after 3 s; what it will cost is counted by an estimate, its input
    at least, unless the answer that its repeat gets is the same work's."""
    replies = [(10.0, whole()), (0.1, whole())]
    _, (first, second) = heads_of(
        replies, 2, **({"idempotency_header": "Idempotency-Key"} if keyed else {})
    )
    assert (first == second) is keyed
    assert first >= second


@pytest.mark.parametrize("name", ["Content-Length", "two words", ""])
def test_a_header_that_cannot_be_sent_is_refused(name):
    """One of the gateway's own, or none."""
    entry = {**ENTRY, "base_url": "http://127.0.0.1:9/v1", "idempotency_header": name}
    with pytest.raises(InputError, match="idempotency_header"):
        read_fleet({"a": entry})


def test_a_key_is_sent_by_one_header_alone():
    """A fixed value of the same header would make all calls one to the provider."""
    headers = {"idempotency-key": "always"}
    entry = {**ENTRY, "base_url": "http://127.0.0.1:9/v1", "headers": headers}
    with pytest.raises(InputError, match="leave it out there"):
        read_fleet({"a": {**entry, "idempotency_header": "Idempotency-Key"}})
    assert read_fleet({"a": entry}).targets["a"].knows_repeats is False
