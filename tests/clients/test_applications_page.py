"""The examples of docs/applications.md: an application's test against fake providers, and a
transport over the anthropic SDK in front of fake and of scripted Messages."""

import asyncio
import importlib.util
import json
import os
import re
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from optional import later
from servers import mock, run
from simroute.core import Price
from simroute.live import Gateway
from upstreams import Upstream, http, stream

anthropic = later("anthropic", "no anthropic SDK: pip install anthropic")
later("openai", "no openai SDK: pip install openai")
pytestmark = pytest.mark.live_clients

PAGE = Path(__file__).parents[2] / "docs" / "applications.md"
FILES = dict(
    re.findall(r'```python title="([\w.]+)"\n(.*?)```', PAGE.read_text(encoding="utf-8"), re.S)
)
HELLO = {"messages": [{"role": "user", "content": "hello"}], "max_tokens": 50}
TOOL = {"type": "tool_use", "id": "call_7", "name": "add", "input": {"a": 1}}
USED = {"input_tokens": 8, "cache_read_input_tokens": 2, "output_tokens": 5}
MESSAGE = {"id": "m", "type": "message", "role": "assistant", "model": "claude", "content": []}
MESSAGE |= {"stop_reason": "tool_use", "stop_sequence": None, "usage": USED}
DEPLOYMENTS = {
    "claude": {
        "provider": "anthropic",
        "model": "claude-sonnet-4-0",
        "base_url": "https://x.org/v1",
    }
}
EXACT = (10 - 2) * 3000 + 2 * 300 + 5 * 15000
"""Nano-dollars at 3, 0.3 and 15 USD a million tokens."""


@pytest.fixture
def folder(tmp_path):
    """Where the page's files are."""
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


async def printed(folder, *words):
    """What Python prints in the folder."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    there = await asyncio.create_subprocess_exec(
        sys.executable,
        *words,
        cwd=folder,
        env={**os.environ, "PATH": path},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await there.communicate()
    return out.decode(), there.returncode


def test_an_application_s_test_passes_and_could_fail(folder):
    """As on the page; and without the SDK's retries the application does not survive."""
    text = FILES["test_application.py"]
    _, _, body = text.partition("def test_an_answer")
    frail = f"def test_nothing{body}".replace("max_retries=4", "max_retries=0")
    (folder / "test_application.py").write_text(f"{text}\n\n{frail}", encoding="utf-8")
    words = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "test_application.py")
    out, status = run(printed(folder, *words), 120)
    assert status == 1, out
    assert "1 failed, 1 passed" in out
    assert "openai.RateLimitError" in out
    assert "def test_nothing" in out


def test_the_transport_of_the_page_answers(folder):
    """Whole and streamed."""

    async def main():
        async with mock() as url:
            return await printed(folder, "main.py", f"{url}/claude-sonnet")

    assert run(main(), 60) == ("200 True True\nTrue\n", 0)


@asynccontextmanager
async def behind(folder, said, total="5s"):
    """A gateway whose transport is that of the page, and the scripted provider behind it."""
    spec = importlib.util.spec_from_file_location("messages", folder / "messages.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    upstream = await Upstream(said).start()
    url = upstream.url.removesuffix("/v1")
    async with anthropic.AsyncAnthropic(base_url=url, api_key="none", max_retries=0) as client:
        transport = module.Messages(client, claude=("claude", Price(3.0, 15.0, 0.3)))
        policy = {"timeout": {"total": total}}
        async with Gateway(policy, DEPLOYMENTS, transport=transport) as made:
            yield made, upstream


def answered(folder, said, body=HELLO):
    async def main():
        async with behind(folder, said) as (made, upstream):
            return await made.complete(body), upstream.bodies

    return run(main())


def test_tools_are_asked_for_and_called(folder):
    """In Anthropic's words there, in OpenAI's here; input read from a cache costs what it does."""
    tools = [{"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}]
    system = {"role": "system", "content": "be brief"}
    body = {**HELLO, "messages": [system, *HELLO["messages"]], "tools": tools, "temperature": 0}
    message = {**MESSAGE, "content": [TOOL]}
    answer, (sent,) = answered(folder, http(json.dumps(message).encode()), body)
    (choice,) = json.loads(answer.body)["choices"]
    (call,) = choice["message"]["tool_calls"]
    assert choice["finish_reason"] == "tool_calls"
    assert call["function"] == {"name": "add", "arguments": '{"a": 1}'}
    assert sent == {
        "model": "claude",
        "max_tokens": 50,
        "stream": False,
        "system": "be brief",
        "messages": HELLO["messages"],
        "temperature": 0,
        "tools": [{"name": "add", "input_schema": {"type": "object"}}],
    }
    assert answer.usd == EXACT / 1e9


def events(*kinds):
    said = [
        f"event: {kind}\ndata: {json.dumps({'type': kind, **data})}\n\n".encode()
        for kind, data in kinds
    ]
    return stream(*said)


BEGIN = ("message_start", {"message": {**MESSAGE, "stop_reason": None}})
BLOCK = ("content_block_start", {"index": 0, "content_block": {**TOOL, "input": {}}})
PARTS = [
    ("content_block_delta", {"index": 0, "delta": {"type": "input_json_delta", "partial_json": p}})
    for p in ('{"a"', ": 1}")
]
END = [
    ("content_block_stop", {"index": 0}),
    ("message_delta", {"delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 5}}),
    ("message_stop", {}),
]


@pytest.mark.parametrize("asks", [False, True])
def test_a_stream_of_a_tool_s_arguments_arrives(folder, asks):
    """Piece by piece, with usage for who asks, and billed alike."""

    async def main():
        rows = []
        async with behind(folder, events(BEGIN, BLOCK, *PARTS, *END)) as (made, _):
            made._requests = rows.append
            body = {**HELLO, "stream_options": {"include_usage": asks}}
            raw = b"".join([chunk async for chunk in made.stream(body)])
            return raw, rows[0].request.nano

    raw, nano = run(main())
    *said, last = [part.removeprefix(b"data: ") for part in raw.strip().split(b"\n\n")]
    deltas = [json.loads(part)["choices"][0]["delta"] for part in said]
    arguments = [d["tool_calls"][0]["function"]["arguments"] for d in deltas if d]
    assert arguments == ["", '{"a"', ": 1}"]
    assert last == b"[DONE]"
    assert (b"cached_tokens" in raw) == asks
    assert nano == EXACT


@pytest.mark.parametrize(
    ("said", "status", "error"),
    [
        (http(b"{}", "529 Overloaded"), 529, "http 529"),
        (http(b"{}", "429 Slow", "Retry-After: 7\r\n"), 429, "http 429"),
        (http(b'{"error": {"message": "too long"}}', "400 Bad"), 400, "http 400"),
        (http(b"{}", "401 Who"), 502, "upstream 401"),
        (b"", 503, "connection"),
    ],
)
def test_a_failure_is_the_outcome_that_it_is_over_http(folder, said, status, error):
    """Its Retry-After, and the message of what is the caller's mistake."""

    async def refuse(reader, writer):
        writer.close()

    answer, _ = answered(folder, said or refuse)
    assert (answer.status, answer.error) == (status, error)
    assert answer.retry_after == (7.0 if status == 429 else None)
    assert ("too long" in answer.body.decode()) == (status == 400)


def test_a_stream_that_is_cut_is_told_and_one_that_nobody_wants_is_closed(folder):
    """At the provider, too."""

    async def broken(reader, writer):
        writer.write(events(BEGIN, BLOCK, PARTS[0]).removesuffix(b"0\r\n\r\n"))
        await writer.drain()
        if len(upstream.bodies) == 1:
            writer.close()
        else:
            await reader.read(1)  # nothing comes; the connection ends
            gone.set()

    async def main():
        nonlocal upstream
        async with behind(folder, broken) as (made, upstream):
            with pytest.raises(Exception, match="truncated"):
                _ = [chunk async for chunk in made.stream(HELLO)]
            given_up = made.stream(HELLO)
            await anext(given_up)
            await given_up.aclose()
            await asyncio.wait_for(gone.wait(), 5)

    upstream, gone = None, asyncio.Event()
    run(main())
