"""Callers who go away, cached answers, money and pings: the same in virtual time and on asyncio."""

from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simroute.core import Judge, Outcome
from simroute.policies.breaker import Breaker
from simroute.policies.budget import Budget
from simroute.policies.cache import Cache
from simroute.policies.cascade import Cascade
from simroute.policies.fallback import Fallback
from simroute.policies.health import Health
from simroute.policies.limit import Limit
from simroute.policies.retry import Backoff, Retry
from simroute.policies.route import Route
from simroute.policies.timeout import Timeout
from simroute.testing.script import Step
from twins import JUDGE_S, PRICE, TOKENS_IN, TOKENS_OUT, Play, live, same, simulated

PAUSE = Backoff(0.53, 2.0, 20.0, "none")
LAYERS = {
    "fallback": Fallback(("a", "b")),
    "breaker": Breaker(failures=2, cooldown=4.1),
    "retry": Retry(attempts=3, backoff=PAUSE),
    "timeout": Timeout(2.7, 1.3),
    "route": Route(by="task", default="b"),
    "budget": Budget(usd=0.006, to="b"),
    "cache": Cache(lookup=0.0),
    "limit": Limit(rpm=20.0, wait=2.0),
    "cascade": Cascade(cheap="b", strong="a", judge=Judge(1.0, 0.0, JUDGE_S, 0.0003)),
}
SCRIPT = {
    "a": [Step(1.13), Step(6.1), Step(0.41, first=0.11), Step(3.3, first=0.7), Step(2.03)],
    "b": [Step(0.71), Step(1.51, first=0.23), Step(2.9, first=0.5)],
}
ERRORS = {
    "a": [Step(0.31, 503), Step(0.37, 429, 1.9), Step(1.13), Step(0.17, 500), *SCRIPT["a"]],
    "b": [Step(0.71), Step(0.29, 529), *SCRIPT["b"]],
}
ARRIVALS = [0.0, 0.903, 1.711, 2.957, 4.409, 7.001, 11.83, 12.02, 13.7]
LEAVES = {0: 0.617, 2: 1.2071, 3: 0.0513, 5: 2.2307, 7: 0.9011}
QUESTIONS = [0, 1, 0, 1, 2, 0, 2, 2, 1]
BILL = round(PRICE.of(TOKENS_IN, TOKENS_OUT) * 1e9)
"""Nano-USD of a whole answer."""


def in_one_piece(script):
    """Answers of which nothing is made before the end: what a provider has made of one that is not
    streamed, nobody else knows."""
    return {name: [step._replace(first=None) for step in steps] for name, steps in script.items()}


@dataclass
class Coalesce:
    """Single flight: calls with the same question wait at a gate for the first of them."""

    open: dict[Any, Any] = field(default_factory=dict)
    kind = "coalesce"

    async def __call__(self, call, send, world):
        key = call.request.key
        if key in self.open:
            return await self.open[key]
        gate = self.open[key] = world.gate()
        outcome = Outcome(499, error="given up")
        try:
            outcome = await send(call)
            if outcome.rest is not None:
                outcome = await outcome.rest
            return outcome
        finally:
            del self.open[key]
            gate.open(outcome)


@dataclass
class Pinger:
    """Asks each target now and then, outside any request, and tells what it heard."""

    every: float = 1.9
    kind = "pinger"

    async def __call__(self, call, send, world):
        return await send(call)

    async def background(self, send, world):
        while True:
            for target in world.targets():
                outcome = await world.within(0.97, send(world.ping(target)))
                world.emit("pinged" if outcome.ok else "unreached", target=target)
            await world.sleep(self.every)


OWN = {"coalesce": Coalesce(), "pinger": Pinger()}


# -- callers who go away ---------------------------------------------------------------------------


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("name", [*LAYERS, *OWN])
def test_a_caller_who_goes_away_ends_the_same_sends_with_the_same_bill(name, streamed):
    """At moments before, between and after first tokens: 499, and what had arrived is billed."""
    layers = {name: {**LAYERS, **OWN}[name]}
    script = SCRIPT if streamed else in_one_piece(SCRIPT)
    told = same(Play(layers, script, ARRIVALS, streamed, QUESTIONS, LEAVES))
    given_up = [row for row in told.sends if row.status == 499 and row.request >= 0]
    assert {told.requests[number].cause for number in LEAVES} >= {"given up"}
    assert given_up
    assert all(row.nano < BILL for row in given_up)
    whole = [row for row in told.sends if row.status == 200]
    assert {row.nano for row in whole if not row.probe} <= {BILL}


def test_what_runs_on_is_billed_whole_in_the_one_world_and_as_known_in_the_other():
    """abandoned: runs_on. The same sends end at the same times. A simulated provider bills all of
    an answer that nobody waits for, once it is done; of a real one only what had arrived is known.
    """
    layers = {"fallback": LAYERS["fallback"], "timeout": LAYERS["timeout"]}
    play = Play(layers, SCRIPT, ARRIVALS, True, None, LEAVES, "runs_on")
    ours, theirs = simulated(play), live(play)
    for a, b in zip(ours.sends, theirs.sends, strict=True):
        assert (a[1:4], a[5:8]) == (b[1:4], b[5:8])
        assert (a.start, a.end) == pytest.approx((b.start, b.end), abs=1e-7)
        assert a.nano == BILL  # all of them, given up or not
        known = round(PRICE.of(TOKENS_IN, 0) * 1e9) <= b.nano < BILL
        assert known if b.abandoned else b.nano == BILL
    stopped = {row[:4]: row.nano for row in live(replace(play, abandoned="stops")).sends}
    assert stopped == {row[:4]: row.nano for row in theirs.sends}
    assert sum(row.abandoned for row in theirs.sends) >= len(LEAVES)


@pytest.mark.parametrize(
    ("step", "simulated_tokens"),
    [
        (Step(2.0, 503), (0, 0)),  # it would have failed, and cost nothing
        (Step(2.0, first=0.2), (TOKENS_IN, 50)),  # half of it is made, and nothing told before all
        (Step(2.0, 200), (TOKENS_IN, 0)),
    ],
)
def test_what_only_the_provider_knows_of_a_call_that_was_given_up(step, simulated_tokens):
    """Not streamed, and left after 1.1 s: the simulated provider bills what it knows, the gateway
    the input. That is the whole difference."""
    play = Play({}, {"a": [step], "b": [Step(1.0)]}, [0.0], leaves={0: 1.1})
    (ours,), (theirs,) = simulated(play).sends, live(play).sends
    assert ours._replace(nano=0) == theirs._replace(nano=0)
    assert ours.nano == round(PRICE.of(*simulated_tokens) * 1e9)
    assert theirs.nano == round(PRICE.of(TOKENS_IN, 0) * 1e9)


# -- providers that a request forbids --------------------------------------------------------------


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("name", ["nothing", *LAYERS, *OWN])
def test_whom_a_request_forbids_is_never_asked_in_either_world(name, streamed):
    """By no layer, not even by none: who would ask the first is refused with the same word. A ping
    is nobody's request, and goes where it is sent."""
    layers = {} if name == "nothing" else {name: {**LAYERS, **OWN}[name]}
    script = SCRIPT if streamed else in_one_piece(SCRIPT)
    play = Play(layers, script, ARRIVALS, streamed, QUESTIONS, forbids=frozenset({"company-a"}))
    told = same(play)
    assert {row.target for row in told.sends if not row.probe} <= {"b"}
    choosing = {"fallback", "route", "cascade"}
    cause = "" if name in choosing else "refused: forbids"
    assert {request.cause for request in told.requests.values()} == {cause}
    assert {row.target for row in told.sends if row.probe} == ({"a", "b"} & pinged(name))


def pinged(name):
    return {"a", "b"} if name == "pinger" else set()


# -- cached answers --------------------------------------------------------------------------------


@pytest.mark.parametrize("streamed", [False, True])
def test_a_cache_gives_the_same_answers_in_both_worlds(streamed):
    """Two thirds of the questions come again; a hit costs no send and nothing."""
    told = same(Play({"cache": LAYERS["cache"]}, SCRIPT, ARRIVALS, streamed, QUESTIONS))
    hits = [request for request in told.requests.values() if request.cached]
    assert hits
    assert all((hit.attempts, hit.nano, hit.cause) == (0, 0, "") for hit in hits)
    assert len(told.sends) == len(ARRIVALS) - len(hits)


@pytest.mark.parametrize("streamed", [False, True])
def test_a_single_flight_is_the_same_in_both_worlds(streamed):
    """Those who ask the same while it is under way wait for the first; when its caller goes away,
    they hear of it at the same moment."""
    step = Step(2.0, first=0.4 if streamed else None)
    play = Play({"coalesce": Coalesce()}, {"a": [step]}, [0, 0.31, 0.9, 5], streamed)
    together = replace(play, questions=[0, 0, 1, 0])
    told = same(together)
    assert [row.request for row in told.sends] == [0, 2, 3]
    assert told.requests[1].end == pytest.approx(2.0)
    left = same(replace(together, leaves={0: 1.1}))
    assert [left.requests[number].end for number in (0, 1)] == pytest.approx([1.1, 1.1])
    assert left.requests[1].cause == "given up"


# -- money -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("at_limit", ["reject", "shift", "allow"])
@pytest.mark.parametrize("reserve", ["expected", "max"])
def test_budgets_decide_the_same_and_bills_are_equal_to_the_nano_dollar(
    at_limit, reserve, streamed
):
    """A budget of four answers, eight tenths of which are spent soon: what is shifted or refused,
    when, and at which share of it."""
    budget = Budget(usd=4 * BILL / 1e9, to="b", at_limit=at_limit, reserve=reserve)
    layers = {"budget": budget, "retry": LAYERS["retry"]}
    told = same(Play(layers, ERRORS, ARRIVALS, streamed))
    words = {event for _, event, _, _ in told.events}
    assert "exhausted" in words
    assert sum(row.nano for row in told.sends) == sum(
        request.nano for request in told.requests.values()
    )
    refused = [request for request in told.requests.values() if request.cause == "refused: budget"]
    assert bool(refused) == (at_limit == "reject")


def test_an_estimate_that_stays_counts_the_input_once():
    """abandoned: runs_on, and answers that nobody waits for are long under way. In both worlds a
    budget counts one estimate for each, the input in it once, and so refuses the same calls."""
    budget = Budget(usd=6 * BILL / 1e9, at_limit="reject", reserve="expected")
    layers = {"budget": budget, "timeout": Timeout(1.0)}
    script = {"a": [Step(0.5), Step(0.5), Step(300.0)]}
    arrivals = [0.0, 1.0, 2.0, 4.0, 6.0, 8.0, 10.0, 12.0]
    play = Play(layers, script, arrivals, abandoned="runs_on")
    ours, theirs = simulated(play), live(play)
    causes = [[told.requests[i].cause for i in range(8)] for told in (ours, theirs)]
    assert causes[0] == causes[1]
    assert causes[0] == ["", "", *["timed out here: total"] * 4, *["refused: budget"] * 2]
    assert ours.events == theirs.events


@pytest.mark.parametrize("ahead", ["pace", "forecast"])
@pytest.mark.parametrize("at_limit", ["shift", "reject"])
def test_a_budget_that_looks_ahead_does_so_alike(ahead, at_limit):
    """Of a day that begins at the same moment in both: five calls of it are there at once."""
    usd, start = (BILL / 1e9 * 100, 0.05) if ahead == "pace" else (BILL / 1e9 * 20_000, 0.05)
    budget = Budget(
        usd=usd,
        period="day",
        ahead=ahead,
        head_start=start,
        to="b",
        at_limit=at_limit,
        shift_back=0.5,
        memory=20.0,
    )
    told = same(Play({"budget": budget}, SCRIPT, ARRIVALS))
    assert {event for _, event, _, _ in told.events} & {"shifted", "exhausted"}


# -- pings -----------------------------------------------------------------------------------------


def test_pings_go_out_at_the_same_times_beside_the_same_requests():
    """They belong to no request, take their turn at the script, and are billed one token each
    way."""
    play = Play({"pinger": Pinger(), "fallback": LAYERS["fallback"]}, ERRORS, ARRIVALS)
    told = same(play)
    pings = [row for row in told.sends if row.probe]
    assert {row.target for row in pings} == {"a", "b"}
    assert len(pings) > 4
    assert {row.nano for row in pings if row.status == 200} == {round(PRICE.of(1, 1) * 1e9)}
    assert {event for _, event, _, _ in told.events} >= {"pinged", "unreached"}


def test_health_checks_take_targets_out_and_back_at_the_same_times():
    """Pings that hang beyond their limit, that fail and that succeed, and ordinary calls."""
    checks = Health(every=2.3, passive=True, failures=2, successes=1, limit=0.97)
    layers = {"fallback": LAYERS["fallback"], "health": checks}
    told = same(Play(layers, ERRORS, ARRIVALS))
    assert {event for _, event, _, _ in told.events} >= {"removed", "restored", "alerted"}


# -- all of it at once -----------------------------------------------------------------------------

seconds = st.integers(1, 400).map(lambda n: n * 0.0137 + 0.00071)
answers = st.builds(
    lambda length, share: Step(length, 200, None, None if share is None else length * share),
    seconds,
    st.sampled_from([None, 0.31, 0.67]),
)
failures = st.builds(
    lambda length, status, wait: Step(length, status, wait),
    seconds,
    st.sampled_from([429, 500, 503]),
    st.one_of(st.none(), st.integers(1, 30).map(lambda n: n * 0.1013)),
)
gaps = st.lists(st.integers(1, 300).map(lambda n: n * 0.01931), min_size=1, max_size=12)
moments = st.integers(1, 500).map(lambda n: n * 0.01163 + 0.00037)
stacks = st.permutations([*LAYERS, *OWN]).flatmap(
    lambda order: st.integers(0, 5).map(lambda n: order[:n])
)


@settings(max_examples=120)
@given(
    names=stacks,
    a=st.lists(answers, min_size=1, max_size=6),
    b=st.lists(answers, min_size=1, max_size=6),
    waits=gaps,
    streamed=st.booleans(),
    leaves=st.dictionaries(st.integers(0, 11), moments, max_size=6),
)
def test_any_stack_bears_callers_who_go_away_in_the_same_way(names, a, b, waits, streamed, leaves):
    """Whoever leaves, whenever: sends, ends, bills and what budgets say of them."""
    same(play_of(names, {"a": a, "b": b}, waits, streamed, leaves))


@settings(max_examples=120)
@given(
    names=stacks.map(lambda order: [name for name in order if name not in ("timeout", "pinger")]),
    a=st.lists(st.one_of(answers, failures), min_size=1, max_size=6),
    b=st.lists(st.one_of(answers, failures), min_size=1, max_size=6),
    waits=gaps,
    streamed=st.booleans(),
)
def test_any_stack_spends_the_same(names, a, b, waits, streamed):
    """Errors, retries and judges, and nothing that is given up."""
    same(play_of(names, {"a": a, "b": b}, waits, streamed, {}))


def play_of(names, script, waits, streamed, leaves):
    arrivals = [sum(waits[: i + 1]) for i in range(len(waits))]
    questions = [i % 3 for i in range(len(waits))]
    layers = {name: {**LAYERS, **OWN}[name] for name in names}
    script = script if streamed else in_one_piece(script)
    return Play(layers, script, arrivals, streamed, questions, leaves)
