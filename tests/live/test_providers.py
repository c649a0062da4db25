"""Whatever a provider sends, the caller has an answer or an outcome, and nothing else happens."""

import asyncio
import json

import pytest

from simroute.live import Gateway, GatewayError
from upstreams import (
    BOTH,
    DONE,
    HELLO,
    PLAIN,
    USAGE,
    Upstream,
    chunk,
    deployments,
    http,
    stream,
    whole,
)


def ask(answer, policy=PLAIN, body=HELLO, streamed=False, **options):
    """The answer (or the text so far and the error), the attempts, and the provider."""

    async def main():
        a, rows = await Upstream(answer).start(), []
        async with Gateway(policy, deployments(a=a), rows=rows.append, **options) as gateway:
            if not streamed:
                return await gateway.complete(body), rows, a
            text = ""
            try:
                async for piece in gateway.stream(body):
                    text += piece.text
            except GatewayError as error:
                return (text, error.answer), rows, a
            return (text, None), rows, a

    return asyncio.run(asyncio.wait_for(main(), 20))


def test_the_body_is_the_provider_s_own_bytes():
    """Calls of tools and fields that nobody here knows are in it; the bill is 10 x 3 + 5 x 15."""
    said = whole(None, next_year={"x": [1, 2]})
    answer, rows, _ = ask(said)
    assert (answer.status, answer.target, answer.attempts) == (200, "a", 1)
    assert said.endswith(answer.body)
    assert rows[0].nano == 105_000
    assert not rows[0].estimated


DAILY = (
    b'[{"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "details": [7, {"violations": '
    b'[{"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}]}]}}]'
)
"""As Google's OpenAI-compatible address has it, a list."""
TOO_LONG = b'{"error": {"code": "context_length_exceeded", "message": "x"}}'


@pytest.mark.parametrize(
    ("said", "status", "error"),
    [
        (http(b"<html>", kind="text/html"), 502, "malformed"),
        (http(b""), 502, "malformed"),
        (http(b'{"choices": []}'), 502, "malformed"),
        (http(b'{"error": {"message": "x"}}'), 502, "malformed"),
        (http(b"[" * 100_000), 502, "malformed"),
        (http(b"x", "201 Created"), 502, "upstream 201"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 502, "upstream 204"),
        (http(b"x", "301 Moved", "Location: http://127.0.0.1:1/v1\r\n"), 502, "upstream 301"),
        (http(b"x", "308 Moved", "Location: http://127.0.0.1:1/v1\r\n"), 502, "upstream 308"),
        (http(b"x", "401 Unauthorized"), 502, "upstream 401"),
        (http(b"x", "404 Not Found"), 502, "upstream 404"),
        (http(b"x", "999 What"), 502, "upstream 999"),
        (http(b"x", "429 Slow", "Retry-After: 7\r\n"), 429, "http 429"),
        (http(b"x", "529 Overloaded"), 529, "http 529"),
        (
            http(b'{"error": {"code": "insufficient_quota"}}', "429 Quota", "Retry-After: 7\r\n"),
            429,
            "insufficient_quota",
        ),
        (
            http(b'{"error": "insufficient_quota"}', "429 Quota", "Retry-After: 7\r\n"),
            429,
            "http 429",
        ),
        (http(DAILY, "429 Quota", "Retry-After: 7\r\n"), 429, "insufficient_quota"),
        (http(DAILY.replace(b"Day", b"Minute"), "429 Quota"), 429, "http 429"),
        (http(TOO_LONG, "400 Bad Request"), 400, "context_length"),
        (http(TOO_LONG, "422 Unprocessable Entity"), 422, "http 422"),
        (http(b'{"mine": 1}', "422 Unprocessable"), 422, "http 422"),
        (b"nonsense\r\n\r\n", 502, "malformed"),
        (http(b"\x1f\x8b", headers="Content-Encoding: gzip\r\n"), 502, "encoded"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", 502, "truncated"),
        (stream(chunk("a")), 502, "malformed"),
        (http(b" " * 10_000_001), 502, "malformed"),
    ],
)
def test_what_is_no_answer_is_an_outcome(said, status, error):
    """The status says whose fault it was."""

    async def once(reader, writer):
        writer.write(said)
        await writer.drain()
        writer.close()

    answer, _, a = ask(once)
    assert (answer.status, answer.error, answer.usd) == (status, error, 0.0)
    assert len(a.bodies) == 1  # and nobody was asked twice, or elsewhere
    if status in (400, 422):
        assert answer.body == said.partition(b"\r\n\r\n")[2]
    if b"Retry-After" in said:
        assert answer.retry_after == 7.0


def test_a_provider_that_nobody_reaches_is_503():
    """Refused at once."""

    async def main():
        a = await Upstream().start()
        await a.stop()
        async with Gateway(PLAIN, deployments(a=a)) as gateway:
            return await gateway.complete(HELLO)

    answer = asyncio.run(asyncio.wait_for(main(), 20))
    assert (answer.status, answer.error) == (503, "refused")


def test_a_connection_that_the_provider_had_closed_is_replaced_within_the_attempt():
    """Two calls, two answers, two attempts; the second found a closed connection."""

    async def main():
        a, rows = await Upstream().start(), []
        a.keep = False
        async with Gateway(PLAIN, deployments(a=a), rows=rows.append) as gateway:
            first = await gateway.complete(HELLO)
            second = await gateway.complete(HELLO)
            return first.status, second.status, len(rows), len(a.bodies)

    assert asyncio.run(asyncio.wait_for(main(), 20)) == (200, 200, 2, 2)


ANSWER = (chunk("one "), chunk("two"), chunk(finish="stop"), USAGE, DONE)


def test_a_stream_is_handed_on_event_by_event():
    """The usage was asked for by us, and is taken out again."""
    (text, error), rows, a = ask(stream(*ANSWER), streamed=True)
    assert (text, error) == ("one two", None)
    assert a.bodies[0]["stream_options"] == {"include_usage": True}
    assert (rows[0].status, rows[0].nano) == (200, 10 * 3000 + 3 * 15000)


@pytest.mark.parametrize(
    ("said", "text", "status"),
    [
        (stream(chunk("one"), chunk(finish="stop")), "one", 200),  # no [DONE]
        (stream(chunk("one", finish="stop"), DONE, chunk("more")), "one", 200),
        (stream(b": hi\n\n", chunk("one"), chunk(finish="stop"), DONE), "one", 200),
        (stream(chunk("one"), DONE), "one", 502),  # it never ended
        (stream(chunk("one"), ends=False), "one", 502),
        (stream(chunk("one"), b'data: {"error": {"message": "x"}}\n\n'), "one", 502),
        (stream(chunk("one"), b"data: {\n\n"), "one", 502),
        (stream(DONE), "", 502),
        (stream(), "", 502),
        (stream(b": hi\n\n"), "", 502),
        (stream(b"data: " + b"x" * (1 << 21)), "", 502),
        (whole(), "", 502),  # JSON where a stream was asked for
    ],
)
def test_a_stream_is_whole_with_a_reason_and_an_end(said, text, status):
    """Else it is 502, with what had come."""

    async def once(reader, writer):
        events = said.index(b"}\n\n\r\n") + 5 if b"}\n\n\r\n" in said else len(said)
        writer.write(said[:events])
        await writer.drain()
        await asyncio.sleep(0.05)  # the first event has been handed on
        writer.write(said[events:])
        await writer.drain()
        writer.close()

    (got, error), rows, _ = ask(once, streamed=True)
    assert got == text
    assert (200 if error is None else error.status) == status
    assert rows[0].status == status


def test_before_the_first_token_a_stream_may_go_elsewhere():
    """A says who it is and breaks off; B answers; nothing of A's is seen."""

    async def main():
        role = b'data: {"choices": [{"index": 0, "delta": {"role": "assistant"}}]}\n\n'
        a = await Upstream(stream(role)).start()
        b = await Upstream(stream(*ANSWER)).start()
        async with Gateway(BOTH, deployments(a=a, b=b)) as gateway:
            raw = b"".join([piece async for piece in gateway.stream(HELLO)])
        return raw

    assert asyncio.run(asyncio.wait_for(main(), 20)) == b"".join(
        event for event in ANSWER if event != USAGE
    )


def test_a_caller_who_goes_away_is_billed_for_what_came():
    """One token was sent, eight characters came: two tokens; its connection is closed."""

    async def forever(reader, writer):
        writer.write(stream(chunk("12345678"), ends=False))
        await reader.read()

    async def main():
        a, rows = await Upstream(forever).start(), []
        async with Gateway(PLAIN, deployments(a=a), rows=rows.append) as gateway:
            pieces = gateway.stream(HELLO)
            await anext(pieces)
            await pieces.aclose()
            await asyncio.sleep(0.1)
            return rows, a.closed

    rows, closed = asyncio.run(asyncio.wait_for(main(), 20))
    assert [(row.status, row.nano, row.estimated) for row in rows] == [
        (499, 1 * 3000 + 2 * 15000, True)
    ]
    assert closed == 1


def test_a_target_s_calls_wait_for_its_slots_and_no_other_s():
    """One at a time, one in the line, the third is refused; another target answers at once."""

    async def slowly(reader, writer):
        await asyncio.sleep(0.3)
        writer.write(whole())

    async def main():
        a, b = await Upstream(slowly).start(), await Upstream().start()
        entries = deployments(a=a, b=b)
        entries["a"]["limits"] = {"concurrency": 1, "queue": 1}
        async with Gateway(PLAIN, entries) as gateway:
            answers = await asyncio.gather(*(gateway.complete(HELLO) for _ in range(3)))
            return sorted((answer.status, answer.error) for answer in answers)

    assert asyncio.run(asyncio.wait_for(main(), 20)) == [
        (200, ""),
        (200, ""),
        (503, "overloaded"),
    ]


def test_sinks_that_raise_cost_no_answer():
    """The answer arrives, and an event says so."""
    events = []

    def fail(row):
        raise OSError("the disk is full")

    async def main():
        a = await Upstream().start()
        gateway = Gateway(
            PLAIN, deployments(a=a), rows=fail, requests=fail, events=lambda *e: events.append(e)
        )
        async with gateway:
            return await gateway.complete(HELLO)

    assert asyncio.run(asyncio.wait_for(main(), 20)).status == 200
    assert [event[2] for event in events] == ["row_lost", "row_lost"]


def nested(depth):
    return whole(json.loads("[" * depth + "]" * depth))


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (http(b"x", "429 Slow", "Retry-After: Fri, 01 Jan 99999999999 00:00:00 GMT\r\n"), 429),
        (nested(900), 200),
        (http(nested(10).split(b"\r\n\r\n")[1].replace(b"[", b"[" * 9999)), 502),
    ],
)
def test_depths_and_dates_that_nobody_has_do_not_raise(said, status):
    """An outcome, so that others may be asked."""
    answer, rows, _ = ask(said)
    assert (answer.status, rows[0].status) == (status, status)


def test_a_stream_of_any_temperature_is_kept_whole_or_not_at_all():
    """The second asking has the bytes of the first."""

    async def main():
        a = await Upstream(stream(*ANSWER)).start()
        policy = {"cache": {"any_temperature": True}, **PLAIN}
        async with Gateway(policy, deployments(a=a)) as gateway:
            both = [[piece async for piece in gateway.stream(HELLO)] for _ in range(2)]
            whole_one = await gateway.complete(HELLO)
            return b"".join(both[0]), b"".join(both[1]), whole_one.text, len(a.bodies)

    first, second, text, asked = asyncio.run(asyncio.wait_for(main(), 20))
    assert (first, text, asked) == (second, "one two", 1)


def test_what_comes_unasked_on_a_kept_connection_is_nobody_s_answer():
    """The second caller gets his own."""

    async def chatty(reader, writer):
        writer.write(whole("yours"))
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.write(whole("somebody else's"))

    async def main():
        a = await Upstream(chatty).start()
        async with Gateway(PLAIN, deployments(a=a)) as gateway:
            first = await gateway.complete(HELLO)
            await asyncio.sleep(0.15)
            return first.text, (await gateway.complete(HELLO)).text

    assert asyncio.run(asyncio.wait_for(main(), 20)) == ("yours", "yours")


def test_a_provider_that_a_request_forbids_never_sees_it():
    """Whatever the layers know of that."""

    async def main():
        a = await Upstream().start()
        async with Gateway(PLAIN, deployments(a=a)) as gateway:
            answer = await gateway.complete(HELLO, forbids=frozenset({"company-a"}))
            return answer.status, len(a.bodies)

    assert asyncio.run(asyncio.wait_for(main(), 20)) == (403, 0)


@pytest.mark.parametrize("kept_alive", [False, True])
def test_a_stream_that_says_nothing_more_ends_after_the_limit_between_chunks(kept_alive):
    """Two tokens, then silence, or comments that keep the connection: neither is a token."""

    async def stall(reader, writer):
        writer.write(stream(chunk("one"), chunk("two"), ends=False))
        for _ in range(30):
            await asyncio.sleep(0.1)
            if kept_alive:
                writer.write(b"8\r\n: ping\n\n\r\n")
            await writer.drain()

    policy = {"timeout": {"total": "20s", "between_chunks": "0.3s"}}
    (text, end), rows, _ = ask(stall, policy, streamed=True)
    assert (text, end.status, end.error) == ("onetwo", 408, "timeout")
    assert [row.status for row in rows] == [499]


def test_a_slow_stream_goes_on_as_long_as_no_gap_reaches_the_limit():
    """Nine tokens 0.3 s apart take longer than the limit of 2 s between two of them."""

    async def drip(reader, writer):
        head, *rest = (chunk("x") for _ in range(9))
        writer.write(stream(head, ends=False))
        for event in (*rest, chunk(finish="stop"), USAGE, DONE):
            await asyncio.sleep(0.3)
            writer.write(b"%x\r\n%s\r\n" % (len(event), event))
            await writer.drain()
        writer.write(b"0\r\n\r\n")

    policy = {"timeout": {"total": "20s", "between_chunks": "2s"}}
    (text, error), rows, _ = ask(drip, policy, streamed=True)
    assert (text, error, [row.status for row in rows]) == ("xxxxxxxxx", None, [200])


def test_a_stream_that_a_judge_wants_whole_reaches_its_caller_whole():
    """200 KB, three times what may wait for a slow reader: the judge sees the text of all of it,
    then the caller does."""
    words, heard = "x" * 1000, []

    async def judge(call, outcome):
        heard.append(outcome.answer.text)
        return True

    said = stream(*[chunk(words)] * 200, chunk(finish="stop"), USAGE, DONE)
    policy = {"cascade": {"cheap": "a", "strong": "b"}, **PLAIN}

    async def main():
        a, b = await Upstream(said).start(), await Upstream().start()
        async with Gateway(policy, deployments(a=a, b=b), judge=judge) as gateway:
            return "".join([piece.text async for piece in gateway.stream(HELLO)]), len(b.bodies)

    text, escalated = asyncio.run(asyncio.wait_for(main(), 20))
    assert (len(text), escalated) == (200_000, 0)
    assert heard == [text]
