"""The unmodified SDKs of OpenAI and Anthropic, and LangChain's fallbacks over OpenAI's, in virtual
time, against upstreams that follow a script.

Run by another interpreter, that of an environment with them: reads items from standard input, one a
line, and writes what came of each, one a line, to standard output. An item: {client, asynchronous,
streamed, retries, limit, again, scripts: {host: [answer, ...]}}, an answer: {status, code, headers,
date, delay, gap, headless, garbled, fault}. What is left out is the client's own default.
"""

import asyncio
import contextlib
import email.utils
import importlib
import json
import os
import sys
import time

import anthropic
import openai
from virtual_time import BEGIN, Clock, Loop, bend_time

BROKEN, LATE, UNREACHED, GARBLED = 507, 408, 503, 502
"""What stands for a status where there is none: a stream that broke, a time limit, a connection, a
body that nobody can read."""
KERNEL = 120.0
"""Seconds after which a connection is given up where the client has no limit: LangChain says so to
the kernel (TCP_USER_TIMEOUT)."""
ASKED = [{"role": "user", "content": "hello"}]
PIECE = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m"}
MESSAGE = {
    "id": "x",
    "type": "message",
    "role": "assistant",
    "model": "m",
    "stop_sequence": None,
    "usage": {"input_tokens": 1, "output_tokens": 1},
}
TEXT = [{"type": "text", "text": "hello"}]


class Scripts:
    """What hosts answer, and what they were sent: (seconds, host); limits: of the first send."""

    def __init__(self, scripts):
        self.scripts, self.sends, self.limits = scripts, [], None

    def next(self, request):
        host = request.url.host.removesuffix(".upstream")
        script = self.scripts[host]
        before = sum(name == host for _, name in self.sends)
        self.sends.append((Clock.now, host))
        self.limits = self.limits or request.extensions["timeout"]
        return script[min(before, len(script) - 1)]


def moments(http, request, answer):
    """Seconds to wait and what then comes of it: an exception to raise, or a response."""
    limits, fault, delay = request.extensions["timeout"], answer.get("fault"), answer["delay"]
    if fault == "refused":
        return 0.0, http.ConnectError("scripted", request=request)
    if fault == "unreachable":
        return limits["connect"] or KERNEL, http.ConnectTimeout("scripted", request=request)
    most = limits["read"]
    if most is not None and delay >= most:
        return most, http.ReadTimeout("scripted", request=request)
    if fault == "reset":
        return delay, http.ReadError("scripted", request=request)
    return delay, None


def headers_of(answer):
    told = dict(answer.get("headers") or {})
    if answer.get("date") is not None:
        told["retry-after"] = email.utils.formatdate(
            BEGIN + Clock.now + answer["date"], usegmt=True
        )
    return told


def response(http, request, answer):
    status, asked = answer.get("status", 200), json.loads(request.content)
    if status != 200:
        error = {"message": "scripted", "type": "made_up", "code": answer.get("code")}
        body = {"type": "error", "error": error}
        return http.Response(status, json=body, headers=headers_of(answer), request=request)
    if answer.get("garbled"):
        told = {"content-type": "application/json"}
        return http.Response(200, content=b'{"id": ', headers=told, request=request)
    of_anthropic = "max_tokens" in asked
    if not asked.get("stream"):
        body = {**MESSAGE, "content": TEXT, "stop_reason": "end_turn"}
        return http.Response(200, json=body if of_anthropic else completion(), request=request)
    made = stream_of(http, request, answer, list(messages() if of_anthropic else pieces()))
    told = {"content-type": "text/event-stream"}
    # HTTP/2: of which a client reads nothing after its end
    more = {"http_version": b"HTTP/2"}
    return http.Response(200, headers=told, stream=made, request=request, extensions=more)


def completion():
    choice = {"index": 0, "message": {"role": "assistant", "content": "hello"}}
    about = {"id": "x", "object": "chat.completion", "created": 1, "model": "m"}
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    return {**about, "choices": [{**choice, "finish_reason": "stop"}], "usage": usage}


def pieces():
    for delta, finish in (({"role": "assistant", "content": "hello"}, None), ({}, "stop")):
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        yield f"data: {json.dumps({**PIECE, 'choices': [choice]})}\n\n".encode()
    yield b"data: [DONE]\n\n"


def messages():
    empty = {**MESSAGE, "content": [], "stop_reason": None}
    delta = {"type": "text_delta", "text": "hello"}
    ended = {"stop_reason": "end_turn", "stop_sequence": None}
    for event in (
        {"type": "message_start", "message": empty},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": delta},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": ended, "usage": {"output_tokens": 1}},
        {"type": "message_stop"},
    ):
        yield f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()


def stream_of(http, request, answer, events):
    """Its first event comes with the head (`headless`: a gap later), the second after the gap."""
    most, gap = request.extensions["timeout"]["read"], answer.get("gap", 0.0)
    place = 0 if answer.get("headless") else 1
    failure = http.RemoteProtocolError("scripted") if answer["fault"] == "cut" else None
    if most is not None and gap >= most:
        gap, failure = most, http.ReadTimeout("scripted")

    class Stream(http.AsyncByteStream, http.SyncByteStream):
        async def __aiter__(self):
            for number, event in enumerate(events):
                if number == place:
                    await asyncio.sleep(gap)
                    if failure:
                        raise failure
                yield event

        def __iter__(self):
            for number, event in enumerate(events):
                if number == place:
                    Clock.now += gap
                    if failure:
                        raise failure
                yield event

    return Stream()


def bend_transports(scripts):
    """Of the HTTP clients that the SDKs have by themselves, in each library that is there."""

    def both(http):
        async def waiting(transport, request):
            answer = scripts().next(request)
            seconds, failure = moments(http, request, answer)
            await asyncio.sleep(seconds)
            if failure:
                raise failure
            return response(http, request, answer)

        def blocking(transport, request):
            answer = scripts().next(request)
            seconds, failure = moments(http, request, answer)
            Clock.now += seconds
            if failure:
                raise failure
            return response(http, request, answer)

        http.AsyncHTTPTransport.handle_async_request = waiting
        http.HTTPTransport.handle_request = blocking

    for name in ("httpx", "httpx2"):
        with contextlib.suppress(ImportError):
            both(importlib.import_module(name))


# -- the clients -----------------------------------------------------------------------------------


def options(item, **more):
    given = {"max_retries": item.get("retries"), "timeout": item.get("limit")}
    return {"api_key": "none", **more, **{key: v for key, v in given.items() if v is not None}}


def sdk(item):
    """What makes the call of an SDK."""
    asynchronous, words = item["asynchronous"], {"model": "m", "messages": ASKED}
    words["stream"] = item["streamed"]
    if item["client"] == "anthropic":
        kind = anthropic.AsyncAnthropic if asynchronous else anthropic.Anthropic
        made = kind(**options(item, base_url="http://a.upstream"))
        return lambda: made.messages.create(max_tokens=100, **words)
    kind = openai.AsyncOpenAI if asynchronous else openai.OpenAI
    made = kind(**options(item, base_url="http://a.upstream/v1"))
    return lambda: made.chat.completions.create(**words)


def chain(item):
    """LangChain's models, the first with the others as its fallbacks."""
    from langchain_openai import ChatOpenAI

    hosts = [f"http://{host}.upstream/v1" for host in item["scripts"]]
    first, *others = (ChatOpenAI(model="m", **options(item, base_url=host)) for host in hosts)
    made = first.with_fallbacks(others) if others else first
    return made.with_retry() if item.get("again") else made


class Caller:
    """Of one item. started: whether the answer, or a first piece of it, is there."""

    def __init__(self, item):
        self.item, self.started = item, False

    async def waiting(self):
        if self.item["client"] == "langchain":
            made = chain(self.item)
            if not self.item["streamed"]:
                return await made.ainvoke("hello")
            pieces = made.astream("hello")
        else:
            pieces = await sdk(self.item)()
            self.started = True
        if self.item["streamed"]:
            async for _ in pieces:
                self.started = True
        return None

    def blocking(self):
        if self.item["client"] == "langchain":
            made = chain(self.item)
            if not self.item["streamed"]:
                return made.invoke("hello")
            pieces = made.stream("hello")
        else:
            pieces = sdk(self.item)()
            self.started = True
        if self.item["streamed"]:
            for _ in pieces:
                self.started = True
        return None

    def status(self, error):
        if self.started:
            return BROKEN
        if isinstance(error, TimeoutError | openai.APITimeoutError | anthropic.APITimeoutError):
            return LATE
        if isinstance(error, openai.APIConnectionError | anthropic.APIConnectionError):
            return UNREACHED
        if isinstance(error, json.JSONDecodeError):
            return GARBLED
        return getattr(error, "status_code", None) or f"{type(error).__name__}: {error}"


def play(item, loop):
    caller = Caller(item)
    try:
        if item["asynchronous"]:
            loop.run_until_complete(caller.waiting())
        else:
            caller.blocking()
    except Exception as error:
        return caller.status(error)
    return 200


def main():
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    current = []
    bend_transports(lambda: current[-1])
    importlib.import_module("langchain_openai")
    bend_time("openai", "anthropic", "httpx", "httpx2", "langchain_core", "langchain_openai")
    time.sleep = lambda seconds: setattr(Clock, "now", Clock.now + seconds)
    loop = Loop()
    asyncio.set_event_loop(loop)
    for line in sys.stdin:
        item = json.loads(line)
        current[:], Clock.now = [Scripts(item["scripts"])], 0.0
        ending = play(item, loop)
        told = {"sends": current[0].sends, "end": ending, "at": Clock.now}
        out.write(json.dumps({**told, "limits": current[0].limits}) + "\n")
        out.flush()


main()
