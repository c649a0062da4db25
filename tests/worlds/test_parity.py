"""The same stack against the same scripted upstream: virtual time and asyncio give the same
sequence of attempts."""

import asyncio
import copy
from dataclasses import dataclass
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simroute.core import Call, Judge, Outcome, Price, Target
from simroute.policies.breaker import Breaker
from simroute.policies.budget import Budget
from simroute.policies.cache import Cache
from simroute.policies.cascade import Cascade
from simroute.policies.fallback import Fallback
from simroute.policies.hedge import Hedge
from simroute.policies.limit import Limit
from simroute.policies.retry import Backoff, Retry
from simroute.policies.route import Route
from simroute.policies.timeout import Timeout
from simroute.testing import clock
from simroute.testing.script import Step, play
from simroute.worlds.live import ExpertFunctions, LiveRequest, LiveWorld, kernel
from simroute.worlds.live.streams import HeardRest


class Scripted:
    """A transport that answers as it is told."""

    def __init__(self, script):
        self.script, self.asked = script, dict.fromkeys(script, 0)

    async def send(self, call: Call) -> Outcome:
        steps = self.script[call.target]
        step = steps[min(self.asked[call.target], len(steps) - 1)]
        self.asked[call.target] += 1
        if call.request.streamed and (step.first is not None or step.status == 200):
            first = step.seconds if step.first is None else step.first
            await asyncio.sleep(first)

            async def read_on() -> Outcome:
                await asyncio.sleep(step.seconds - first)
                return self.outcome(call, step)

            now = asyncio.get_running_loop().time
            heard = partial(last_token, now() - first, first, step, now)
            return Outcome(200, call.target, rest=HeardRest(read_on, heard))
        await asyncio.sleep(step.seconds)
        return self.outcome(call, step)

    def outcome(self, call: Call, step: Step) -> Outcome:
        usd = Price(1.0, 2.0).of(1000, 100) if step.status == 200 else 0.0
        return Outcome(
            step.status,
            call.target,
            retry_after=step.retry_after,
            usd=usd,
            input_tokens=1000,
            output_tokens=100,
            answer="text",
        )


def last_token(began, first, step, now):
    """When the last of a stream's 100 tokens came, which follow the first at equal distances up to
    the end, or to where it stalls."""
    place = now() - began if step.stall is None else min(now() - began, step.stall)
    gap = (step.seconds - first) / 100
    return began + first + gap * int((place - first) / gap + 1e-6)


async def accepts(call, outcome):
    await asyncio.sleep(0.417)
    return True


def live(layers, script, arrivals, streamed=False):
    """(start, target, attempt, status) of each attempt, in order of start."""
    rows = []

    async def main():
        targets = {
            name: Target(name, f"company-{name}", f"model-{name}", "model") for name in script
        }
        prices = dict.fromkeys(script, Price(1.0, 2.0))
        world = LiveWorld(
            targets,
            prices,
            Scripted(script),
            [copy.deepcopy(layers)],
            rows=rows.append,
            experts=ExpertFunctions(judge=accepts),
            takes=kernel.sleep,  # the model's time, which real time has paid already
        )

        async def request(number, when):
            await asyncio.sleep(when)
            return await world.serve(
                LiveRequest(number, number, when, input_tokens=1000, streamed=streamed)
            )

        await asyncio.gather(*(request(number, when) for number, when in enumerate(arrivals)))

    clock.run(main())
    return sorted(
        (row.start_s, row.request_id, row.attempt, row.target, row.status) for row in rows
    )


def simulated(layers, script, arrivals, streamed=False):
    log = play(layers, script, arrivals, streamed=streamed)
    names = list(script)
    found = []
    for chunk in log.rows["attempts"]:
        columns = (
            chunk[name].tolist()
            for name in ("start_s", "request_id", "attempt", "target", "status")
        )
        found += [
            (start, request, attempt, names[target], status)
            for start, request, attempt, target, status in zip(*columns, strict=True)
        ]
    return sorted(found)


def same(layers, script, arrivals, streamed=False):
    """Compare the two worlds; the first row that differs is in the message."""
    ours, theirs = (
        simulated(layers, script, arrivals, streamed),
        live(layers, script, arrivals, streamed),
    )
    for place, (a, b) in enumerate(zip(ours, theirs, strict=False)):
        assert (a[1:], round(a[0], 7)) == (b[1:], round(b[0], 7)), (
            f"row {place}: simulated {a}, live {b}"
        )
    assert len(ours) == len(theirs), (
        f"simulated {len(ours)} rows, live {len(theirs)}: "
        f"{(ours + theirs)[min(len(ours), len(theirs))]}"
    )
    return ours


PLAIN = Backoff(0.53, 2.0, 20.0, "none")
LAYERS = {
    "fallback": Fallback(("a", "b")),
    "switching": Fallback(("a", "b"), after={"rate_limit": ("b",)}, sticky=3.7, any_failure=True),
    "breaker": Breaker(failures=2, cooldown=4.1),
    "hedge": Hedge(delay=0.613, attempts=3, targets=("b",), max_extra=None),
    "retry": Retry(attempts=3, backoff=PLAIN),
    "timeout": Timeout(2.7, 1.3),
    "route": Route(by="task", default="b"),
    "budget": Budget(usd=1.0, to="b"),
    "cache": Cache(lookup=0.003),
    "limit": Limit(rpm=20.0, wait=2.0),
    "cascade": Cascade(cheap="b", strong="a", judge=Judge(1.0, 0.0, latency=0.417)),
}
SCRIPT = {
    "a": [
        Step(0.31, 503),
        Step(0.37, 429, 1.9),
        Step(1.13),
        Step(6.1),
        Step(0.17, 500),
        Step(0.41, first=0.11),
        Step(3.3, 502, first=0.7),
    ],
    "b": [Step(0.71), Step(0.29, 529), Step(1.51, first=0.23)],
}
ARRIVALS = [0.0, 0.903, 1.711, 2.957, 4.409, 7.001, 11.83, 12.02, 13.7]


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("name", LAYERS)
def test_every_layer_does_the_same_in_both_worlds(name, streamed):
    """Failures, a Retry-After, a slow answer and a cut stream, at times that do not tie."""
    assert same({name: LAYERS[name]}, SCRIPT, ARRIVALS, streamed)


latencies = st.integers(1, 400).map(lambda n: n * 0.0137 + 0.00071)
steps = st.builds(
    lambda seconds, status, wait, share: Step(
        seconds, status, wait, seconds * share if share is not None else None
    ),
    latencies,
    st.sampled_from([200, 200, 429, 500, 503]),
    st.one_of(st.none(), st.integers(1, 30).map(lambda n: n * 0.1013)),
    st.one_of(st.none(), st.sampled_from([0.31, 0.67])),
)


@settings(max_examples=120)
@given(
    names=st.permutations(list(LAYERS)).flatmap(
        lambda order: st.integers(0, 5).map(lambda n: order[:n])
    ),
    a=st.lists(steps, min_size=1, max_size=6),
    b=st.lists(steps, min_size=1, max_size=6),
    gaps=st.lists(st.integers(1, 300).map(lambda n: n * 0.01931), min_size=1, max_size=12),
    streamed=st.booleans(),
)
def test_any_stack_does_the_same_in_both_worlds(names, a, b, gaps, streamed):
    """Layers in any order over any script: the same attempts at the same times."""
    arrivals = [sum(gaps[: i + 1]) for i in range(len(gaps))]
    same({name: LAYERS[name] for name in names}, {"a": a, "b": b}, arrivals, streamed)


@pytest.mark.parametrize("around", [None, "fallback", "breaker", "retry", "limit"])
@pytest.mark.parametrize("silence", [0.4, 1.9])
def test_a_limit_of_silence_is_the_same_in_both_worlds(silence, around):
    """Streams that stall, that are slower than the limit, that go on, and that are cut."""
    script = {
        "a": [
            Step(9.1, 504, first=0.7, stall=1.83),
            Step(3.3, first=0.31),
            Step(60.7, first=0.9),
            Step(8.3, 502, first=0.7),
            Step(30.3, 504, first=1.1, stall=1.1),
        ],
        "b": [Step(1.51, first=0.23)],
    }
    layers = {} if around is None else {around: LAYERS[around]}
    layers |= {"timeout": Timeout(20.7, 5.1, between_chunks=silence)}
    rows = same(layers, script, [0.0, 30.3, 61.1, 90.7, 120.3], streamed=True)
    assert 499 in {row[4] for row in rows}


def test_a_single_deployment_may_be_forbidden_live_as_simulated():
    """By name, where others of its provider are allowed: the send is refused, and asks nobody."""

    async def main():
        targets = {name: Target(name, "openai", "m", "m") for name in ("us", "eu")}
        script = {"us": [Step(0.1)], "eu": [Step(0.1)]}
        world = LiveWorld(targets, dict.fromkeys(script, Price(1.0, 2.0)), Scripted(script), [{}])
        request = LiveRequest(0, 0, 0.0, forbids=frozenset({"deployment us"}))
        refused = await world.send(Call(request, "us"))
        allowed = await world.send(Call(request, "eu"))
        return refused, allowed.status, request.attempts

    refused, status, sends = clock.run(main())
    assert (refused.status, refused.cause, refused.target) == (403, "refused: forbids", "us")
    assert (status, sends) == (200, 1)


def test_ties_go_to_the_reply_in_both_worlds():
    """An answer at exactly the deadline counts, in virtual time and on the loop."""
    assert same({"timeout": Timeout(2.0)}, {"a": [Step(2.0)]}, [0.0]) == [(0.0, 0, 1, "a", 200)]


@dataclass
class Race:
    async def __call__(self, call, send, world):
        async def late():
            await world.sleep(0.5)
            return await send(call.to("b"))

        return await world.first(send(call.to("a")), late())


def test_a_race_and_its_loser_are_the_same_in_both_worlds():
    """A slow primary loses to the backup, a failing one is outlived by it, a quick one never sees
    it sent."""
    script = {"a": [Step(3.1), Step(0.7, 500), Step(0.2)], "b": [Step(1.03)]}
    rows = same({"race": Race()}, script, [0.0, 10.0, 20.0])
    assert [(row[3], row[4]) for row in rows] == [
        ("a", 499),
        ("b", 200),
        ("a", 500),
        ("b", 200),
        ("a", 200),
    ]
