"""Runs of the LiteLLM Router, played on ours: the same sends at the same milliseconds, and the same
ends."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from simroute.core import Outcome, Request, Rest, Target
from simroute.gateways.litellm.bounds import COUNTING
from simroute.gateways.litellm.settings import Profile
from simroute.testing import clock
from simroute.testing.conformance.router.asked import (
    ASKED,
    LIMIT,
    AskedRouter,
    SeededLots,
    Told,
)
from simroute.testing.conformance.router.errors import named
from simroute.testing.conformance.router.items import (
    BODIES,
    MOCKS,
    check_known,
    deployments_of,
    limited_by_info,
    prompt_tokens,
    provider_of,
    question_of,
    retry_after,
    settings_of,
)
from simroute.testing.conformance.verdict import (
    Config,
    Differs,
    skip_if_nothing,
    skip_unknown,
)
from simroute.worlds.live import LiveRequest, LiveWorld
from simroute.worlds.live.streams import HeardRest

REFERENCE = "1.83.14"
"""The version of a run that does not say."""
TOKENS = 10, 20
"""Of a call whose answer does not say."""
AT_ONCE = 1e-9
"""Seconds that the loop of a recorded run does not tell apart."""
A_CHUNK = 2
"""Tokens in a chunk: LiteLLM counts those of a stream itself, as no chunk says what was used."""
SYNC, LOGGED = 0.1, 20.0
"""Seconds of timers that nobody waits for."""
OF_MOCKS = 3
"""Letters in a chunk of a mocked answer."""
UNKNOWN_PRICE = 5.0
"""USD a token, for cost-based routing."""


def play_litellm(item: Config) -> None:
    """Raises Differs at the first send or end that is not as recorded."""
    version = item.get("litellm_version", REFERENCE)
    compare_run(item, item["expected"], profile_of(version))


def compare_run(item: Config, expected: Mapping[str, Any], profile: Profile) -> None:
    """The same on a version's profile."""
    skip_unknown(expected, ("attempts", "finals"), "what is expected")
    skip_unknown(item.get("compare") or {}, ("skip_requests",), "compare")
    run = Run(item, profile)
    clock.run(run.play(), together=AT_ONCE)
    skipped = set((item.get("compare") or {}).get("skip_requests", ()))
    first = min(
        (ms(each.get("t", 0.0)) for i, each in enumerate(item["requests"]) if i not in skipped),
        default=0,
    )
    wanted = sorted(
        (start, name, str(end)) for start, name, end in expected["attempts"] if start >= first
    )
    ours = sorted(
        (ms(start), name, end) for start, name, end, request in run.sends if request not in skipped
    )
    slack = slack_of(item, expected, profile)
    _compare("send", wanted, ours, slack)
    skip_if_nothing(run.ends.keys() - skipped)
    ends = sorted((tuple(end[:4]) for end in expected["finals"]), key=lambda end: end[1])
    _compare(
        "end",
        [end for end in ends if end[1] not in skipped],
        [run.ends[i] for i in sorted(run.ends) if i not in skipped],
        slack,
    )
    for end in expected["finals"]:
        if len(end) > 4 and end[1] not in skipped:
            _compare(f"stream of request {end[1]}", [end[4]], [run.streams.get(end[1])])


def slack_of(item: Config, expected: Mapping[str, Any], profile: Profile) -> int:
    """Milliseconds by which chance may move a run: the HTTP client's own pauses, which are up to a
    quarter shorter."""
    if profile != "1.83":
        return 0
    retries: list[int] = [
        entry["litellm_params"].get("num_retries") or 0 for entry in item["model_list"]
    ]
    pauses = sum(125 * 1 << tries for most in retries for tries in range(most))
    return pauses * len(expected["attempts"])


def _compare(what: str, wanted: list[Any], ours: list[Any], slack: int = 0) -> None:
    for place in range(max(len(wanted), len(ours))):
        theirs: Any = wanted[place] if place < len(wanted) else None
        mine: Any = ours[place] if place < len(ours) else None
        if theirs != mine and not (slack and theirs and mine and is_near(theirs, mine, slack)):
            raise Differs(f"{what} {place}: expected {theirs}, got {mine}")


def is_near(theirs: Any, mine: Any, slack: int) -> bool:
    """Whether two events are the same but for their milliseconds."""
    return bool(theirs[1:] == mine[1:] and abs(theirs[0] - mine[0]) <= slack)


def profile_of(version: str) -> Profile:
    """The latest profile that is not newer."""
    number = tuple(int(part) for part in version.split(".")[:2])
    return "1.83" if number < (1, 106) else "1.106" if number < (1, 109) else "1.109"


def ms(seconds: float) -> int:
    return round(seconds * 1000)


# -- the run ---------------------------------------------------------------------------------------


class Text(bytes):
    """Of a stream: first, when its first chunk was there."""

    first: float = 0.0


class Run:
    """One item: sends as upstreams saw them, ends as callers had them."""

    def __init__(self, item: Config, profile: Profile) -> None:
        self._item, self._profile = item, profile
        self.sends: list[tuple[float, str, str, int]] = []
        self.ends: dict[int, tuple[int, int, str, int | None]] = {}
        self.streams: dict[int, dict[str, int]] = {}
        self._asked: dict[str, int] = {}
        self._mocks: dict[str, tuple[str, float | None]] = {}
        self._chunks: dict[int, tuple[float, int]] = {}
        check_known(item)
        lots = SeededLots(int(item.get("seed") or 0))
        told, groups = Told(lots), dict[str, tuple[str, ...]]()
        deployments, prices, targets = {}, {}, {}
        for name, entry, parameters, price in deployments_of(item):
            group, given = entry["model_name"], entry["litellm_params"]
            groups[group] = (*groups.get(group, ()), name)
            deployments[name], prices[name] = parameters, price
            targets[name] = Target(name, provider_of(entry), group, "")
            told.models[name] = str(given["model"])
            told.tags[name] = tuple(given.get("tags") or ())
            told.prices[name] = sum(
                given.get(f"{way}_cost_per_token") or UNKNOWN_PRICE for way in ("input", "output")
            )
            if limited_by_info(entry):
                told.unslotted.add(name)
            if given.get("mock_response") is not None:
                self._mocks[name] = given["mock_response"], given.get("mock_delay")
        settings, told.matching, told.shared = settings_of(item)
        told.chunks = self._chunks
        jitter = float((item.get("env") or {}).get("JITTER", 0.75))
        self._layer = AskedRouter(
            groups=groups, deployments=deployments, profile=profile, jitter=jitter, **settings
        )
        self._layer.told = told
        self._world = LiveWorld(
            targets,
            prices,
            self,
            [{"litellm": self._layer}],
            chance=lambda *_: lots.chance.random(),
        )

    async def play(self) -> None:
        callers = (self._caller(i, each) for i, each in enumerate(self._item["requests"]))
        sync = asyncio.create_task(self._sync())
        await asyncio.gather(*callers)
        sync.cancel()

    async def _sync(self) -> None:
        """What usage-based-routing-v2 does all the while: it changes nothing but the order in which
        timers of one moment are due."""
        while self._layer.routing_strategy == COUNTING:
            await asyncio.sleep(SYNC)

    async def _caller(self, number: int, asked: Config) -> None:
        await asyncio.sleep(asked.get("t", 0.0) - now())
        ASKED.set(dict(asked.get("kwargs") or {}))
        streamed = bool(asked.get("stream"))
        request = LiveRequest(
            number,
            question_of(asked, number),
            now(),
            task=asked["model"],
            input_tokens=prompt_tokens(str(asked.get("content", number))),
            streamed=streamed,
            is_repeatable=True,
            is_kept=True,
        )
        outcome = await self._world.begin(request)
        handle, begun = now(), outcome.rest is not None
        if outcome.rest is not None:
            outcome = await outcome.rest
        self._world.end(request)
        asked_of = self._world.known.get(outcome.target or "")
        provider = "" if asked_of is None else asked_of.provider
        name = named(outcome, self._profile, provider, begun)
        self.ends[number] = (ms(now()), number, *name)
        if streamed and outcome.ok:
            first, chunks = self._chunks.get(number, (now(), 1))  # a kept answer is one chunk
            self.streams[number] = {
                "handle_ms": ms(handle),
                "first_token_ms": ms(first),
                "chunks": chunks,
            }

    # -- the upstreams: a transport of the live world

    async def send(self, call: Any) -> Outcome:
        name, request = call.target, call.request
        if (mocked := await self._mocked(name, request)) is not None:
            return mocked
        answers, asked = self._item["upstream"][name], self._asked.get(name, 0)
        answers = [answers] if isinstance(answers, dict) else answers
        self._asked[name] = asked + 1
        answer, began = answers[min(asked, len(answers) - 1)], now()
        end = "timeout"
        try:
            if not await heard_in(answer.get("latency", 0.0)):
                return Outcome(408, name, "timeout", limit="timeout")
            if answer.get("error"):
                end = f"{answer['error']}_error"
                error = "refused" if answer["error"] == "connect" else "reset"
                return Outcome(503, name, error)
            status = answer.get("status", 200)
            if status != 200:
                end = str(status)
                error = BODIES.get(answer.get("body", ""), "error")
                return Outcome(status, name, error, retry_after(answer, now()))
            if not request.streamed:
                end = "200"
                await asyncio.sleep(0)  # who comes at the same moment does not know of it
                return self._whole(name, answer, answer.get("tokens", TOKENS))
            outcome, told = await self._stream(name, request, answer)
            end = ""
            outcome.then(lambda final: self.sends.append((began, name, told(final), request.id)))
            return outcome
        finally:
            if end:
                self.sends.append((began, name, end, request.id))

    async def _mocked(self, name: str, request: Request) -> Outcome | None:
        """What LiteLLM says itself, where it is to ask nobody. A mocked timeout blocks a thread,
        for which no virtual time passes."""
        own = ASKED.get()
        if own.get("mock_timeout"):
            return Outcome(408, name, "timeout", limit="timeout")
        text, delay = self._mocks.get(name, (None, None))
        text = own.get("mock_response", text)
        if text is None:
            return None
        await asyncio.sleep(own.get("mock_delay", delay) or 0.0)
        if failure := MOCKS.get(text):
            return Outcome(failure[0], name, failure[1])
        if request.streamed:
            self._chunks.setdefault(request.id, (now(), math.ceil(len(text) / OF_MOCKS)))
        return self._whole(name, {}, TOKENS)

    def _whole(self, name: str, answer: Config, tokens: Sequence[int]) -> Outcome:
        asyncio.get_running_loop().call_later(LOGGED, bool).cancel()
        into, out = tokens
        price = self._world.price(name)
        finish = answer.get("finish", answer.get("finish_reason", answer.get("body")))
        return Outcome(
            200,
            name,
            "content_filter" if finish == "content_filter" else "",
            usd=price.of(into, out),
            input_tokens=into,
            output_tokens=out,
            answer=b"text",
        )

    async def _stream(
        self, name: str, request: Request, answer: Config
    ) -> tuple[Outcome, Callable[[Outcome], str]]:
        """An answer whose chunks come one after another; 1.109 hands it on at the first of them,
        earlier versions at its head."""
        gap, first = answer.get("gap", 0.0), answer.get("first_chunk", 0.0)
        chunks, cut, number = answer.get("chunks", 1), answer.get("break_after"), request.id
        heard, text = now(), Text(b"text")

        async def read_on() -> Outcome:
            nonlocal heard
            already = self._chunks[number][1] if at_chunk else 0
            for place in range(already, chunks):
                await asyncio.sleep(gap if place else first)
                if place == cut:
                    return Outcome(500, name, "truncated", output_tokens=place)
                heard = now()
                text.first = text.first or now()
                begun, count = self._chunks.get(number, (now(), 0))  # of the stream that it mends
                self._chunks[number] = begun, count + 1
            await asyncio.sleep(0)  # who comes at the same moment does not know that it has ended
            self._chunks.setdefault(number, (0.0, 0))  # none came
            used = request.input_tokens, A_CHUNK * chunks
            return replace(self._whole(name, answer, used), answer=text)

        at_chunk = self._profile == "1.109" and chunks > 0
        if at_chunk:
            if not await heard_in(first):
                return Outcome(408, name, "stalled", limit="timeout"), told
            await asyncio.sleep(0)  # who comes at the same moment does not know how it began
            if cut == 0:
                failed = Outcome(500, name, "truncated")
                return failed, told
            heard = text.first = now()
            self._chunks[number] = now(), 1
        rest: Rest = HeardRest(read_on, lambda: heard)
        return Outcome(200, name, answer=b"stream", rest=rest), told


async def heard_in(seconds: float) -> bool:
    """Whether a read that takes so long ends within the limit; after the shorter of both."""
    limit = LIMIT.get()
    await asyncio.sleep(min(seconds, limit))
    return seconds < limit


def told(final: Outcome) -> str:
    """What an upstream saw of a stream."""
    if final.ok:
        return "200"
    return "stream:broken" if final.error == "truncated" else "timeout"


def now() -> float:
    """Seconds of the virtual clock."""
    return asyncio.get_running_loop().time()
