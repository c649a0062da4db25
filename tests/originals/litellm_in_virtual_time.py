"""The unmodified LiteLLM Router in virtual time, against upstreams that follow a script.

Run by another interpreter, that of an environment with LiteLLM: reads items of the form of
litellm_runs.json from standard input, one a line, and writes what came of each, one a line, to
standard output. Each item has a process of its own, since what is called back is global.
"""

import asyncio
import concurrent.futures
import contextlib
import json
import os
import random
import sys
import threading

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
os.environ.setdefault("JITTER", "0")
os.environ["LITELLM_LOG"] = "CRITICAL"

import httpx
import litellm
from litellm import Router
from virtual_time import Clock, Loop, bend_time

TOKENS = 10, 20
START = threading.Thread.start


def submit(pool, func, *args, **kwargs):
    """As a thread pool would, but done before anything else happens."""
    future = concurrent.futures.Future()

    def work():
        try:
            future.set_result(func(*args, **kwargs))
        except BaseException as error:
            future.set_exception(error)

    thread = threading.Thread(target=work)
    START(thread)
    thread.join()
    return future


async def run_sync(func, *args, **kwargs):
    return func(*args)


def no_threads():
    """Their work is done where it is started, so that its order is defined."""
    concurrent.futures.ThreadPoolExecutor.submit = submit
    with contextlib.suppress(ImportError):
        import anyio.to_thread

        anyio.to_thread.run_sync = run_sync

    def begin(thread):
        target = getattr(thread, "_target", None)
        if (getattr(target, "__module__", "") or "").startswith("litellm"):
            thread.run()
        else:
            START(thread)

    threading.Thread.start = begin


# -- the upstreams ---------------------------------------------------------------------------------


class Upstreams(httpx.AsyncBaseTransport):
    """A deployment is a host of its own; it gives the answers of its script in turn."""

    def __init__(self, scripts):
        self.scripts = {
            name: [each] if isinstance(each, dict) else each for name, each in scripts.items()
        }
        self.asked, self.seen = {}, []

    async def handle_async_request(self, request):
        name = request.url.host.removesuffix(".upstream")
        script, asked = self.scripts[name], self.asked.get(name, 0)
        self.asked[name] = asked + 1
        answer, start = script[min(asked, len(script) - 1)], Clock.now
        body = json.loads(request.content)
        place = len(self.seen)
        self.seen.append([start, name, "pending"])

        def end(word):
            self.seen[place][2] = word

        limit = (request.extensions.get("timeout") or {}).get("read") or 6000.0
        await self.wait(answer.get("latency", 0.0), limit, request, end)
        if answer.get("error"):
            end(f"{answer['error']}_error")
            kind = httpx.ConnectError if answer["error"] == "connect" else httpx.ReadError
            raise kind("scripted", request=request)
        status = answer.get("status", 200)
        headers = {str(key): str(value) for key, value in (answer.get("headers") or {}).items()}
        if status != 200:
            end(status)
            return httpx.Response(status, json=refusal(answer), headers=headers, request=request)
        if body.get("stream"):
            headers["content-type"] = "text/event-stream"
            stream = Stream(answer, limit, request, end, self.wait)
            more = {"http_version": b"HTTP/2"}  # of which a client reads nothing after [DONE]
            return httpx.Response(
                200, headers=headers, stream=stream, request=request, extensions=more
            )
        end(200)
        return httpx.Response(200, json=whole(answer), headers=headers, request=request)

    async def wait(self, seconds, limit, request, end):
        try:
            await asyncio.sleep(min(seconds, limit))
        except asyncio.CancelledError:
            end("cancelled")
            raise
        if seconds >= limit:
            end("timeout")
            raise httpx.ReadTimeout("scripted", request=request)


class Stream(httpx.AsyncByteStream):
    """Chunks at their distances; `break_after` so many the connection is gone."""

    def __init__(self, answer, limit, request, end, wait):
        self.parts = answer, limit, request, end, wait

    async def __aiter__(self):
        answer, limit, request, end, wait = self.parts
        cut, chunks = answer.get("break_after"), answer.get("chunks", 1)
        for place in range(chunks):
            await wait(answer.get("gap" if place else "first_chunk", 0.0), limit, request, end)
            if place == cut:
                end("stream:broken")
                raise httpx.ReadError("scripted", request=request)
            yield event({"role": "assistant", "content": f"w{place} "}, None)
        end(200)
        yield event({}, "stop")
        yield b"data: [DONE]\n\n"


def event(delta, finish):
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    made = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return f"data: {json.dumps({**made, 'choices': [choice]})}\n\n".encode()


def refusal(answer):
    bodies = {
        "context_window": (
            "context_length_exceeded",
            "This model's maximum context length is 10 tokens.",
        ),
        "content_policy": (
            "content_policy_violation",
            "invalid_request_error content_policy_violation: refused by our safety system.",
        ),
    }
    code, message = bodies.get(answer.get("body", ""), (None, "scripted"))
    kind = "invalid_request_error" if code else "error"
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def whole(answer):
    into, out = answer.get("tokens", TOKENS)
    message = {"role": "assistant", "content": "text"}
    choice = {"index": 0, "message": message, "finish_reason": answer.get("finish", "stop")}
    usage = {"prompt_tokens": into, "completion_tokens": out, "total_tokens": into + out}
    made = {"id": "x", "object": "chat.completion", "created": 1, "model": "m"}
    return {**made, "choices": [choice], "usage": usage}


# -- one item --------------------------------------------------------------------------------------


def ms(seconds):
    return round(seconds * 1000)


async def play(item, upstreams):
    litellm.aclient_session = httpx.AsyncClient(transport=upstreams)
    litellm.suppress_debug_info = True
    models = json.loads(json.dumps(item["model_list"]))
    for place, entry in enumerate(models):
        given, info = entry["litellm_params"], entry.setdefault("model_info", {})
        info.setdefault("id", f"{entry['model_name']}-{place}")
        given.setdefault("api_key", "none")
        given.setdefault("max_retries", 0)
        given["api_base"] = f"http://{info['id']}.upstream/v1"
    settings = dict(item.get("router_settings") or {})
    for name in ("fallbacks", "context_window_fallbacks", "content_policy_fallbacks"):
        if name in item:
            settings[name] = item[name]
    router = Router(model_list=models, **settings) if models else litellm  # a call without it
    random.seed(item.get("seed", 0))
    finals = await asyncio.gather(
        *(caller(router, number, asked) for number, asked in enumerate(item["requests"]))
    )
    await asyncio.sleep(0)
    seen = [[ms(start), name, end] for start, name, end in upstreams.seen]
    return {"attempts": seen, "finals": sorted(finals)}


async def caller(router, number, asked):
    await asyncio.sleep(asked.get("t", 0.0) - Clock.now)
    messages = [{"role": "user", "content": str(asked.get("content", number))}]
    more = dict(asked.get("kwargs") or {})
    streamed = bool(asked.get("stream"))
    try:
        answer = await router.acompletion(
            model=asked["model"], messages=messages, stream=streamed, **more
        )
        if not streamed:
            return [ms(Clock.now), number, "ok", 200]
        handle, first, chunks = Clock.now, None, 0
        async for chunk in answer:
            if chunk.choices and chunk.choices[0].delta.content:
                first, chunks = Clock.now if first is None else first, chunks + 1
        told = {"handle_ms": ms(handle), "first_token_ms": ms(first or 0.0), "chunks": chunks}
        return [ms(Clock.now), number, "ok", 200, told]
    except Exception as error:
        status = getattr(error, "status_code", None)
        return [ms(Clock.now), number, type(error).__name__, status]


def apart(item):
    """What came of it, in a process of its own."""
    read, write = os.pipe()
    child = os.fork()
    if child:
        os.close(write)
        with os.fdopen(read) as pipe:
            told = pipe.read()
        os.waitpid(child, 0)
        return told.strip() or json.dumps({"error": "it died"})
    try:
        os.close(read)
        bend_time("litellm", "openai", "httpx", "httpcore")
        no_threads()
        loop = Loop()
        asyncio.set_event_loop(loop)
        try:
            made = loop.run_until_complete(play(item, Upstreams(item["upstream"])))
        except Exception as error:
            made = {"error": f"{type(error).__name__}: {error}"}
        with os.fdopen(write, "w") as pipe:
            pipe.write(json.dumps(made))
    finally:
        os._exit(0)


if __name__ == "__main__":
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        out.write(apart(json.loads(line)) + "\n")
        out.flush()
