"""What a gateway writes is what `replay` reads; what operators look at says the same."""

import asyncio
import json
import random
import re
from contextlib import suppress

import aiohttp
import pytest

from commands import ran
from simroute.errors import InputError
from simroute.live import Gateway, GatewayError
from simroute.live.clients import Clients
from simroute.live.log import RowLog
from simroute.live.server import Server
from simroute.live.status import Recent
from simroute.sockets import Listener
from upstreams import DONE, HELLO, USAGE, Upstream, chunk, http, stream, whole

POLICY = {
    "cache": {"match": "exact"},
    "fallback": {"targets": ["a", "b"]},
    "breaker": {"failures": 3, "window": "30s", "cooldown": "0.05s"},
    "timeout": {"total": "5s"},
}
ANSWER = (chunk("one "), chunk("two"), chunk(finish="stop"), USAGE, DONE)


def entries(a, b):
    return {
        "a": {"provider": "anthropic", "model": "claude-sonnet-4-5", "base_url": a.url},
        "b": {"provider": "openai", "model": "gpt-4o", "base_url": b.url},
    }


def moody(share, seed):
    """A provider of which a share of calls fail."""
    chance = random.Random(seed)

    async def answer(reader, writer):
        failed = chance.random() < share
        writer.write(http(b"no", "529 Overloaded") if failed else whole())
        await writer.drain()

    return answer


def serve(folder, requests, most=64_000_000, share=0.3):
    """Sends requests through a server with a log; returns what each caller saw, and the pages."""

    async def main():
        a, b = await Upstream(moody(share, 1)).start(), await Upstream(moody(0.0, 2)).start()
        server = Server(Clients({}), "mine")
        gateway = Gateway(
            POLICY,
            entries(a, b),
            rows=server.watch_attempt,
            requests=server.watch_request,
            events=server.watch_event,
        )
        server.serve(gateway)
        server.log = RowLog(folder, lambda: gateway.serving.fleet.targets, 1_790_000_000.0, most)
        listener = Listener(server.app())
        port = await listener.start("127.0.0.1", 0)
        seen = []
        async with gateway, aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
            for number in range(requests):
                body = {**HELLO, "temperature": 0, "metadata": {"feature": f"f{number % 3}"}}
                body["messages"] = [{"role": "user", "content": f"secret {number % 50}"}]
                async with session.post("/v1/chat/completions", json=body) as response:
                    heads = response.headers
                    seen.append(
                        (
                            response.status,
                            int(heads["x-simroute-attempts"]),
                            float(heads["x-simroute-usd"]),
                            heads["x-simroute-cache"],
                        )
                    )
            pages = []
            for path in ("/metrics", "/status", "/", "/?tables"):
                async with session.get(path) as response:
                    pages.append(await response.text())
        await listener.close()
        server.log.close()
        return seen, pages

    return asyncio.run(asyncio.wait_for(main(), 120))


@pytest.mark.parametrize(
    ("requests", "share", "apart"),
    [(300, 0.0, 1e-12), (300, 0.3, 0.02), pytest.param(5000, 0.3, 0.01, marks=pytest.mark.slow)],
)
def test_a_log_replayed_is_the_log(tmp_path, requests, share, apart):
    """Requests, sends, failures and dollars of the replay's own baseline are the callers'; where
    sends fail, which ones is drawn anew in each replication, from as many."""
    folder = tmp_path / "log"
    seen, _ = serve(folder, requests, share=share)
    done = ran("trace", "inspect", str(folder), "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["requests"] == requests
    assert told["failed"] == sum(status != 200 for status, *_ in seen)
    assert told["attempts"] == sum(attempts for _, attempts, *_ in seen)
    assert told["cost_usd"] == pytest.approx(sum(usd for _, _, usd, _ in seen), abs=1e-9)
    done = ran(
        "replay",
        str(folder),
        "policy=recorded",
        "--json",
        "--no-report",
        "--out",
        str(tmp_path / "run"),
    )
    assert done.returncode == 0, done.stderr
    metrics = json.loads(done.stdout)["policies"]["recorded"]["metrics"]
    assert metrics["requests"]["mean"] == requests
    assert metrics["success_rate"]["mean"] == 1.0
    cost, sends = sum(usd for _, _, usd, _ in seen), sum(number for _, number, *_ in seen)
    assert metrics["cost_usd"]["mean"] == pytest.approx(cost, rel=apart)
    assert metrics["attempts_per_request"]["mean"] == pytest.approx(sends / requests, rel=apart)


def test_no_word_of_a_prompt_is_written(tmp_path):
    """Nor told anywhere; equal prompts have equal hashes, that no other log has."""
    seen, pages = serve(tmp_path / "log", 120)
    written = [path.read_text() for path in tmp_path.rglob("*.jsonl")]
    assert len(written) == 3
    assert not any("secret" in text for text in (*written, *pages))
    requests = [json.loads(line) for text in written for line in text.splitlines()]
    asked = [row["question"] for row in requests if "question" in row]
    assert len(set(asked)) == 50
    serve(tmp_path / "other", 1)
    other = (tmp_path / "other" / "requests-000001.jsonl").read_text()
    assert json.loads(other)["question"] not in asked
    assert any(cached == "exact" for *_, cached in seen)


def test_pages_tell_what_callers_saw(tmp_path):
    """Counts of requests and sends, in Prometheus's words and in ours; and one that needs no
    script."""
    seen, (metrics, status, page, tables) = serve(tmp_path / "log", 90)
    counts = re.findall(r"^simroute_requests_total\{.*\} ([0-9.]+)$", metrics, re.MULTILINE)
    assert sum(map(float, counts)) == 90
    sends = re.findall(r"^simroute_attempts_total\{.*\} ([0-9.]+)$", metrics, re.MULTILINE)
    attempts = sum(number for _, number, *_ in seen)
    assert sum(map(float, sends)) == attempts
    dollars = re.findall(r"^simroute_usd_total\{.*\} ([0-9.e-]+)$", metrics, re.MULTILINE)
    assert sum(map(float, dollars)) == pytest.approx(sum(usd for _, _, usd, _ in seen))
    told = json.loads(status)
    assert told["requests"] == 90
    assert sum(each["attempts"] for each in told["targets"].values()) == attempts
    assert told["breakers"]["anthropic"]["state"] in ("opened", "half_opened", "closed")
    assert f"<td>{told['targets']['a']['attempts']}</td>" in page
    assert {*re.findall("<h2>[^<]*", tables)} == {*re.findall("<h2>[^<]*", page)}


def test_files_are_begun_anew_when_they_are_full_and_when_a_gateway_starts(tmp_path):
    """Nothing is written over."""
    serve(tmp_path, 30, most=2000)
    first = {path.name: path.read_text() for path in tmp_path.glob("*.jsonl")}
    assert len([name for name in first if name.startswith("requests")]) > 2
    serve(tmp_path, 1)
    for name, text in first.items():
        assert (tmp_path / name).read_text() == text
    done = ran("trace", "inspect", str(tmp_path), "--json")
    assert json.loads(done.stdout)["requests"] == 31


def test_a_folder_that_cannot_be_written_is_told_at_the_start(tmp_path):
    """One line."""
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(InputError, match="--log"):
        RowLog(file / "log", dict, 0.0)


def test_rows_say_why_a_send_and_a_request_failed(tmp_path):
    """In a simulation's words: a provider's status, a limit of ours, a layer that refused."""

    async def late(reader, writer):
        if a.bodies[-1].get("stream"):
            writer.write(stream(chunk("one"), ends=False))
        await reader.read()

    a, b = Upstream(late), Upstream(http(b"no", "529 Overloaded"))

    async def main():
        await a.start()
        await b.start()
        policy = {
            "fallback": {"targets": ["a", "b"]},
            "breaker": {"failures": 1, "cooldown": "60s"},
            "timeout": {"total": "0.3s"},
        }
        rows = RowLog(tmp_path, lambda: gateway.serving.fleet.targets, 0.0)
        gateway = Gateway(policy, entries(a, b), rows=rows.add_attempt, requests=rows.add_request)
        async with gateway:
            for streamed in (False, True, False):
                gateway.serving.layers["breaker"].__post_init__()
                with suppress(GatewayError):
                    if streamed:
                        assert [piece async for piece in gateway.stream(HELLO)]
                    else:
                        await gateway.complete(HELLO)
            await gateway.complete(HELLO)
        rows.close()

    asyncio.run(asyncio.wait_for(main(), 20))
    told = {
        table: [json.loads(line) for line in (tmp_path / f"{table}-000001.jsonl").open()]
        for table in ("attempts", "requests")
    }
    late, refused = "timed out here: total", "provider 529"
    assert [row["cause"] for row in told["attempts"]] == [late, refused, late, late, refused]
    assert [row["cause"] for row in told["requests"]] == [
        refused,
        late,
        refused,
        "refused: breaker",
    ]


def test_numbers_of_events_are_short_on_the_page():
    """A wait has as many digits as people read; words stay as they are."""
    recent = Recent()
    recent.add_event(1.0, 0, "retried", 7, "retry", "a", {"status": 529, "wait": 0.4918065428})
    recent.add_event(2.0, 0, "opened", 7, "breaker", "a", {"breaker": "anthropic"})
    said = [event["detail"] for event in recent.told(3.0, {})["events"]]
    assert said == ["breaker=anthropic", "status=529, wait=0.492"]
