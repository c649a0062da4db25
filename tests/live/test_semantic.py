"""Semantic caches in front of real providers: what is compared, what it costs, and what becomes of
an embedder that fails."""

import asyncio
import json
import math
from types import SimpleNamespace

import pytest

import simroute as sr
from simroute.core import Outcome
from simroute.errors import InputError
from simroute.live import Gateway
from simroute.live.forms import same_text
from simroute.live.semantics import LIMIT_S, MOST_CHARACTERS, MOST_TEXTS, PAUSE_S
from simroute.testing import clock
from simroute.worlds.live.answers import Usage, Whole, whole_of
from upstreams import Upstream, deployments, http, whole

POLICY = {
    "cache": {"match": "semantic", "threshold": 0.9, "ttl": "1d"},
    "timeout": {"total": "30s"},
}
NOBODY = SimpleNamespace(url="http://127.0.0.1:9/v1")
VECTORS = {"cat": [1.0, 0.0], "feline": [1.0, 0.1], "dog": [0.0, 1.0]}


class Scripted:
    """A provider that answers with a number, after `seconds`."""

    def __init__(self, seconds=1.0):
        self.sent, self.seconds = 0, seconds

    async def send(self, call):
        self.sent += 1
        await asyncio.sleep(self.seconds)
        body = b'{"choices":[{"message":{"content":"%d"},"finish_reason":"stop"}]}' % self.sent
        return Outcome(200, call.target, answer=Whole(body, Usage(1, 1), "stop"))


class Embedder:
    """Gives each text its vector, after `seconds`; the calls are kept."""

    def __init__(self, seconds=0.1, vectors=VECTORS):
        self.calls, self.seconds, self.vectors = [], seconds, vectors

    async def __call__(self, texts):
        self.calls.append(texts)
        await asyncio.sleep(self.seconds)
        return [self.vectors[text] for text in texts]


def body(text, **more):
    return {"messages": [{"role": "user", "content": text}], "temperature": 0, **more}


def served(test, embedder, policy=POLICY, **options):
    """Runs `test(gateway, events)` in virtual time; events: (seconds, event, words)."""
    events = []

    async def main():
        async with Gateway(
            policy,
            deployments(a=NOBODY),
            transport=options.pop("transport", Scripted()),
            embedder=embedder,
            events=lambda at, replica, event, *detail: events.append((at, event, detail[3])),
            **options,
        ) as gateway:
            await test(gateway, events)

    clock.run(main())


def test_what_means_the_same_is_answered_with_the_earlier_answer():
    """The cosine of cat and feline is 1 / sqrt(1.01) = .995; that of cat and dog is 0."""

    async def test(gateway, events):
        said = [await gateway.complete(body(text)) for text in ("cat", "feline", "dog", "cat")]
        assert [each.cached for each in said] == ["no", "semantic", "no", "exact"]
        assert [each.text for each in said] == ["1", "1", "2", "1"]
        assert events == []

    served(test, Embedder())


@pytest.mark.parametrize(
    "other",
    [
        body("feline", max_tokens=7),
        body("feline", seed=1),
        body("feline", model="b"),
        {
            **body("feline"),
            "messages": [{"role": "system", "content": "x"}, *body("cat")["messages"]],
        },
        {
            **body("feline"),
            "messages": [*body("feline")["messages"], {"role": "tool", "content": "1"}],
        },
        body("feline", temperature=0.7),
        body(
            [{"type": "text", "text": "feline"}, {"type": "image_url", "image_url": {"url": "x"}}]
        ),
        body("x" * (MOST_CHARACTERS + 1)),
        body(""),
    ],
)
def test_only_what_is_equal_but_for_the_last_user_message_is_compared(other):
    """Other parameters, an instruction, a result of a tool, another answer each time; a picture, a
    text that is too long, none at all. Stored or not, no other's answer is given."""

    async def test(gateway, events):
        await gateway.complete(body("cat"))
        assert (await gateway.complete(other)).cached == "no"
        assert events == []

    served(test, Embedder())


def test_stream_user_and_metadata_make_no_difference_and_a_text_may_come_in_parts():
    """As for an exact cache."""

    async def test(gateway, events):
        await gateway.complete(body("cat", user="u", metadata={"task": "chat"}))
        parts = body([{"type": "text", "text": "feline"}], user="v")
        assert (await gateway.complete(parts)).cached == "semantic"
        streamed = [chunk.text async for chunk in gateway.stream(body("feline"))]
        assert streamed == ["1"]

    served(test, Embedder())


def test_clients_do_not_share_answers():
    """The same words of another client are asked anew, and so is what means the same."""

    async def test(gateway, events):
        kinds = []
        for client, text in (("x", "cat"), ("y", "cat"), ("y", "feline"), ("z", "feline")):
            async with gateway.open(gateway.request(body(text), client)) as opened:
                kinds.append((await opened.whole()).cached)
        assert kinds == ["no", "no", "semantic", "no"]

    served(test, Embedder())


def test_what_goes_no_further_asks_for_no_embedding():
    """An exact hit, and a request whose answer could not be kept."""
    embedder = Embedder()

    async def test(gateway, events):
        for text, temperature in (("cat", 0), ("cat", 0), ("dog", 0.7)):
            await gateway.complete(body(text, temperature=temperature))
        assert embedder.calls == [["cat"]]

    served(test, embedder)


def test_texts_of_one_moment_go_together():
    """70 at once are two calls, of at most 64 texts; each of them waits for one."""
    embedder = Embedder(vectors={str(n): [math.cos(n), math.sin(n)] for n in range(70)})

    async def test(gateway, events):
        await asyncio.gather(*(gateway.complete(body(str(n))) for n in range(70)))
        assert [len(texts) for texts in embedder.calls] == [MOST_TEXTS, 70 - MOST_TEXTS]
        assert asyncio.get_running_loop().time() < 1.2

    served(test, embedder)


def test_an_embedding_is_billed_by_its_tokens():
    """At 1,000 USD a million tokens, 400 characters are 100 tokens: 0.1 USD, which a budget outside
    of the cache counts."""
    policy = {"budget": {"usd": 0.15, "period": "day", "at_limit": "reject"}, **POLICY}
    text = "cat " * 100
    embedder = Embedder(vectors={text: [1, 0], "f" + text: [1, 0]})
    rows = []

    async def test(gateway, events):
        said = [await gateway.complete(body(prefix + text)) for prefix in ("", "", "f")]
        assert [(each.status, each.cached) for each in said[:2]] == [(200, "no"), (200, "exact")]
        assert said[0].usd == pytest.approx(0.1)
        assert said[1].usd == 0.0
        assert [row.request.nano for row in rows[:2]] == [100_000_000, 0]
        assert gateway.serving.layers["budget"].spent_usd == pytest.approx(0.2, rel=0.01)
        assert (await gateway.complete(body("dog"))).status == 402

    served(test, embedder, policy, embedder_price=1000.0, requests=rows.append)


async def fails(texts):
    raise RuntimeError("secret")


async def hangs(texts):
    while True:
        try:
            await asyncio.sleep(1000)
        except asyncio.CancelledError:
            if asyncio.get_running_loop().time() < 50:
                continue
            raise


@pytest.mark.parametrize(
    ("embedder", "word", "waits"),
    [
        (fails, "RuntimeError", 0.0),
        (hangs, "TimeoutError", LIMIT_S),
        (lambda texts: None, "TypeError", 0.0),
        (Embedder(0, {"cat": [math.nan, 1]}), "ValueError", 0.0),
        (Embedder(0, {"cat": [0, 0]}), "ValueError", 0.0),
        (Embedder(0, {"cat": "text"}), "ValueError", 0.0),
        (Embedder(0, {"cat": [[1], [2]]}), "ValueError", 0.0),
    ],
)
def test_an_embedder_that_fails_is_a_miss_and_one_event(embedder, word, waits):
    """Nobody waits for it again for ten seconds; then it is asked anew, and there is a second
    event."""

    async def test(gateway, events):
        loop = asyncio.get_running_loop()
        at_once = [gateway.complete(body("cat", seed=n)) for n in range(3)]
        said = [*await asyncio.gather(*at_once), await gateway.complete(body("cat", seed=4))]
        assert [(each.status, each.cached) for each in said] == [(200, "no")] * 4
        assert loop.time() == pytest.approx(waits + 2.0, abs=0.01)
        assert [(event, words) for _, event, words in events] == [
            ("embedder_failed", {"error": word})
        ]
        await asyncio.sleep(PAUSE_S)
        assert (await gateway.complete(body("cat", seed=5))).status == 200
        assert len(events) == 2

    served(test, embedder)


def test_whoever_goes_away_spoils_no_batch():
    """The first of two callers leaves while the embedder works; the other has its answer."""

    async def test(gateway, events):
        gone = asyncio.create_task(gateway.complete(body("dog")))
        stays = asyncio.create_task(gateway.complete(body("cat")))
        await asyncio.sleep(0.05)
        gone.cancel()
        assert (await stays).text == "1"
        assert (await gateway.complete(body("feline"))).cached == "semantic"

    served(test, Embedder())


def test_what_was_embedded_outlives_a_reload():
    """As the answers do, while the layer is the same."""

    async def test(gateway, events):
        await gateway.complete(body("cat"))
        await gateway.reload()
        assert (await gateway.complete(body("feline"))).cached == "semantic"

    served(test, Embedder())


def test_what_the_cache_has_forgotten_is_not_found():
    """With room for one answer, the second one takes its place; what is next to the first is
    asked."""
    policy = {**POLICY, "cache": {**POLICY["cache"], "size": 1}}

    async def test(gateway, events):
        said = [await gateway.complete(body(text)) for text in ("cat", "dog", "feline", "cat")]
        assert [each.cached for each in said] == ["no", "no", "no", "semantic"]

    served(test, Embedder(), policy)


# -- a deployment that embeds ----------------------------------------------------------------------


def embeddings(*vectors, tokens=100):
    """An answer of /embeddings, in another order than asked."""
    data = [{"index": n, "embedding": each} for n, each in reversed([*enumerate(vectors)])]
    return http(json.dumps({"data": data, "usage": {"prompt_tokens": tokens}}).encode())


def test_a_deployment_embeds(monkeypatch):
    """Asked at /embeddings with its model and key, billed what it says: 100 tokens at 2 USD a
    million. It is no target."""
    monkeypatch.setenv("SIMROUTE_KEY", "sk-x")

    async def main():
        answers = iter([embeddings([1.0, 0.0]), embeddings([1.0, 0.1])])

        async def embed(reader, writer):
            writer.write(next(answers))

        a, e = await Upstream(whole("meow")).start(), await Upstream(embed).start()
        entries = deployments(a=a)
        entries["e"] = {
            "provider": "openai",
            "model": "small",
            "base_url": e.url,
            "price": {"input": 2, "output": 0},
            "api_key_env": "SIMROUTE_KEY",
            "embeddings": True,
        }
        async with Gateway(POLICY, entries) as gateway:
            assert [*gateway.serving.fleet.targets] == ["a"]
            assert "threshold" in gateway.notes[0]
            await gateway.complete(body("cat"))
            found = await gateway.complete(body("feline"))
        assert (found.cached, found.text, found.usd) == ("semantic", "meow", 0.0002)
        assert e.heads[0].startswith(b"POST /v1/embeddings ")
        assert b"Bearer sk-x" in e.heads[0]
        assert e.bodies[0] == {"model": "small", "input": ["cat"], "encoding_format": "float"}

    asyncio.run(asyncio.wait_for(main(), 20))


@pytest.mark.parametrize(
    "said",
    [
        http(b"{}", "500 Oops"),
        http(b"<html>"),
        http(b"[]"),
        http(b'{"data": [{"index": 0}]}'),
        http(b'{"data": []}'),
        embeddings([1.0], [2.0]),
        None,
    ],
)
def test_whatever_an_embedding_deployment_says_the_caller_is_answered(said):
    """An error, no JSON, no vector, one too many, nobody there: a miss, and one event."""

    async def main():
        a, e = await Upstream(whole("meow")).start(), await Upstream(said or b"").start()
        if said is None:
            await e.stop()
        entries = deployments(a=a)
        entries["e"] = {**entries["a"], "base_url": e.url, "embeddings": True}
        events = []
        async with Gateway(POLICY, entries, events=lambda *event: events.append(event)) as gateway:
            answer = await gateway.complete(body("cat"))
        assert (answer.status, answer.cached) == (200, "no")
        assert [event[2] for event in events] == ["embedder_failed"]

    asyncio.run(asyncio.wait_for(main(), 20))


@pytest.mark.parametrize(
    ("entries", "options", "says"),
    [
        ({"e": {"embeddings": True}, "f": {"embeddings": True}}, {}, "one embeds"),
        ({"e": {"embeddings": True}}, {"embedder": Embedder()}, "embeds already"),
        ({}, {"embedder": 3}, "async function"),
        ({}, {"embedder": Embedder(), "embedder_price": -1}, "embedder_price"),
        ({}, {}, "an embedder is needed"),
    ],
)
def test_a_contradiction_stops_the_start(entries, options, says):
    """Two of them, one that cannot be called, none."""
    known = deployments(a=NOBODY)
    known |= {name: {**known["a"], **more} for name, more in entries.items()}
    with pytest.raises(InputError, match=says):
        Gateway(POLICY, known, **options)


def test_a_fleet_that_only_embeds_answers_nobody():
    """One line."""
    known = deployments(a=NOBODY)
    with pytest.raises(InputError, match="that answers"):
        sr.live.Gateway(POLICY, {"e": {**known["a"], "embeddings": True}}, embedder=None)


@pytest.mark.parametrize(("agrees", "sent"), [(True, 3), (False, 4)])
def test_a_verified_cache_compares_what_the_model_says(agrees, sent):
    """An error of one half: a first similar question is asked (chance .6 of .5), and compared; if
    the two agree all later ones get the stored answer, else half of them, which .6 is not in."""
    asked = []

    def same(kept, fresh):
        asked.append((kept.text, fresh.text))
        return agrees

    policy = {
        **POLICY,
        "cache": {"match": "verified", "threshold": 0.9, "error": 0.5, "together": True},
    }
    provider = Scripted()
    texts = ["cat", "feline", "dog", "kitten"]

    async def test(gateway, events):
        answers = [await gateway.complete(body(text)) for text in texts]
        assert [answer.cached for answer in answers][:3] == ["no"] * 3
        assert (answers[3].cached == "semantic") == agrees

    vectors = VECTORS | {"kitten": [1.0, 0.1]}
    options = {"transport": provider, "chance": lambda *who: 0.6, "agrees": same}
    served(test, Embedder(vectors=vectors), policy, **options)
    assert (asked[0], provider.sent) == (("1", "2"), sent)


def test_two_answers_are_the_same_if_their_words_are():
    """But for case and white space; nothing says the same as nothing."""
    said = [whole_of(text) for text in ("It is  4.", "it is 4.\n", "It is 5.", "")]
    assert same_text(said[0], said[1])
    assert not same_text(said[0], said[2])
    assert not same_text(said[3], said[3])
