"""One request's way through the layers: the right nesting, every cent, and no influence on what is
watched."""

from dataclasses import dataclass

import numpy as np
import pytest

from simroute.config.loading import load
from simroute.core import Outcome
from simroute.errors import InputError
from simroute.experiment.explain import (
    Event,
    Judgement,
    LayerSpan,
    RequestTracer,
    SendRecord,
    explain,
)
from simroute.experiment.run import build_world

POLICIES = [
    "direct",
    "failover",
    "circuit_breaker",
    "cascade",
    "cached",
    "layered",
    "budget_shift",
    "retry_only",
]
SHORT = [
    "scenario.horizon=10m",
    "scenario.outages.morning.start=10%",
    "scenario.outages.morning.end=90%",
]
SCENARIO = """
about: Which way does a call go?
horizon: 100s
workload: {{rate: 0.2, streamed: {streamed}}}
deployments:
  a:
    {{provider: x, model: m, price: {{input: 1, output: 2}}, latency: {{error: 0.5, sigma: 0}},
      errors: {errors}}}
  b:
    {{provider: y, model: n, price: {{input: 3, output: 4}},
      latency: {{base: 1, per_1k_input: 0, sigma: 0, token_sigma: 0}}}}
"""


@pytest.fixture
def made(tmp_path):
    """A configuration: a fails (always with 503, unless told otherwise), b answers; with the
    policy's layers as given."""

    def make(policy, streamed=0, errors="{503: 1.0}", *overrides):
        (tmp_path / "s.yaml").write_text(
            SCENARIO.format(streamed=streamed, errors=errors), encoding="utf-8"
        )
        (tmp_path / "p.yaml").write_text(policy, encoding="utf-8")
        return load("run", str(tmp_path / "s.yaml"), [str(tmp_path / "p.yaml")], list(overrides))

    return make


def names(inside):
    """The nesting in words."""
    found = []
    for each in inside:
        if isinstance(each, LayerSpan):
            found.append((each.name, names(each.inside)))
        elif isinstance(each, Event):
            found.append(each.event)
        else:
            found.append("judge" if isinstance(each, Judgement) else each.target)
    return found


def flat(inside):
    """All spans, sends, verdicts and events."""
    return [found for each in inside for found in (each, *flat(getattr(each, "inside", [])))]


def test_the_tree_is_the_way_that_the_call_went(made):
    """a is asked twice and refuses, then b answers: two tries under retry, each with its time
    limit, then the other branch."""
    story = explain(
        made(
            "fallback: {targets: [a, b]}\nretry: {backoff: {jitter: none, initial: "
            "2s}}\ntimeout: {}\n"
        ),
        "p",
        3,
    )
    tries = [("timeout", ["a"]), "retried", ("timeout", ["a"])]
    assert names(story.inside) == [
        ("fallback", [("retry", tries), "fell_back", ("retry", [("timeout", ["b"])])])
    ]
    sends = [each for each in flat(story.inside) if isinstance(each, SendRecord)]
    arrival = story.request["arrival_s"]
    assert [(each.number, each.status, round(each.began - arrival, 2)) for each in sends[:2]] == [
        (1, 503, 0.0),
        (2, 503, pytest.approx(2.5, abs=0.01)),
    ]
    (root,) = story.inside
    assert (root.outcome.status, root.outcome.target, root.ended - arrival) == (
        200,
        "b",
        pytest.approx(story.request["latency_s"]),
    )


FOR_SOME = """
fallback: {targets: [a, b]}
retry: {backoff: {jitter: none, initial: 2s}, only: [a]}
timeout: {only: [b]}
"""


def test_a_layer_is_not_on_the_way_of_a_call_that_it_does_not_hold_for(made):
    """a is tried again without a limit of time, b is not and has one; sends are counted through."""
    story = explain(made(FOR_SOME), "p", 3)
    assert names(story.inside) == [
        ("fallback", [("retry", ["a", "retried", "a"]), "fell_back", ("timeout", ["b"])])
    ]
    sends = [each for each in flat(story.inside) if isinstance(each, SendRecord)]
    assert [(each.number, each.status) for each in sends] == [(1, 503), (2, 503), (3, 200)]


def test_a_policy_without_layers_has_sends_only(made):
    """The call goes straight to the first deployment."""
    story = explain(made("{}"), "p", 0)
    assert names(story.inside) == ["a"]
    assert story.request["outcome"] == "failed"


@pytest.mark.parametrize("policy", POLICIES)
def test_costs_of_sends_and_judges_add_up_to_the_request_s(policy):
    """To the nano-dollar, for requests throughout an outage; every attempt of the ledger is there,
    and every outcome is known."""
    made = load("run", "demo", [policy], SHORT)
    for request_id in (5, 100, 101, 250, 333, 480):
        story = explain(made, policy, request_id)
        every = flat(story.inside)
        billed = sum(
            round(each.usd * 1e9) for each in every if isinstance(each, SendRecord | Judgement)
        )
        assert billed == story.request["cost_nano"], request_id
        sends = [each for each in every if isinstance(each, SendRecord)]
        assert [each.number for each in sorted(sends, key=lambda each: each.began)] == list(
            range(1, story.request["attempts"] + 1)
        )
        assert all(each.status and each.ended >= each.began for each in sends)
        assert all(each.ended >= each.began for each in every if isinstance(each, LayerSpan))


def chunks(made, policy, around):
    """Everything that the ledger of replication 0 was told."""
    told = []
    build_world(
        made, policy, 0, [lambda table, chunk: told.append((table, chunk))], wrap=around
    ).run()
    return told


@pytest.mark.parametrize("policy", POLICIES)
def test_watching_changes_no_bit(policy):
    """All three tables are the same with and without a witness, for a request in the outage."""
    unchanged(load("run", "demo", [policy], SHORT), policy, 200)


def test_watching_layers_for_some_targets_changes_no_bit(made):
    """Whether calls pass the innermost one or not."""
    unchanged(made(FOR_SOME), "p", 3)


def unchanged(made, policy, request_id):
    """A request that is watched."""
    watched, plain = (
        chunks(made, policy, around) for around in (RequestTracer(request_id).wrap, None)
    )
    assert [table for table, _ in watched] == [table for table, _ in plain]
    for (_, one), (_, other) in zip(watched, plain, strict=True):
        assert [
            name
            for name in one
            if not np.array_equal(one[name], other[name], equal_nan=one[name].dtype.kind == "f")
        ] == []


def test_a_call_that_is_given_up_says_so_and_what_it_still_cost(made):
    """b takes longer than the time limit: the span inside the limit has no outcome, the send is
    abandoned, runs on and is billed."""
    story = explain(made("timeout: {total: 0.5s}\nfallback: {targets: [b]}\n"), "p", 0)
    (limit,) = story.inside
    (chain,) = limit.inside
    (sent,) = chain.inside
    assert (limit.outcome.status, chain.outcome, sent.abandoned) == (408, None, True)
    assert chain.ended == sent.left == pytest.approx(story.request["arrival_s"] + 0.5)
    assert sent.ended > sent.left
    assert sent.usd == story.request["cost_usd"] > 0


def test_a_streamed_answer_has_its_first_token_and_ends_later(made):
    """The layers hand the stream on at one second and are over when it is."""
    story = explain(made("fallback: {targets: [b]}\ntimeout: {}\n", streamed=1), "p", 0)
    *spans, sent = flat(story.inside)
    arrival, end = story.request["arrival_s"], story.request["end_s"]
    assert all(
        span.streaming - arrival == pytest.approx(1.001) and span.ended == end for span in spans
    )
    assert sent.first_token == pytest.approx(1.001)
    assert story.request["ttft_s"] == pytest.approx(1.001)


@dataclass
class Race:
    """Asks both at once, and takes the first answer."""

    kind = "race"

    async def __call__(self, call, send, world):
        return await world.first(send(call.to("a")), send(call.to("b")))


@dataclass
class Curious:
    """Pings now and then, and asks itself what layers may ask."""

    kind = "curious"
    ticks: int = 0

    async def __call__(self, call, send, world):
        assert world.targets()["a"].provider == "x"
        assert 0 <= world.uniform("x", call) < 1
        outcome = await send(call)
        return outcome if self.ticks else Outcome.rejected("curious")

    async def background(self, send, world):
        for _ in range(20):
            await send(world.ping("b"))
            self.ticks += 1
            await world.sleep(1.0)


def test_of_a_race_both_ways_are_shown(made):
    """Two branches that began together; the loser's send was abandoned."""
    configuration = made("timeout: {}\n", 0, "{}")
    configuration.policies["p"] = {"race": Race(), **configuration.policies["p"]}
    story = explain(configuration, "p", 0)
    (race,) = story.inside
    assert names(race.inside) == [("timeout", ["a"]), ("timeout", ["b"])]
    lost, won = sorted(race.inside, key=lambda span: span.outcome is not None)
    assert (lost.outcome, lost.inside[0].abandoned, won.outcome.status) == (None, True, 200)
    assert lost.ended == won.ended


def test_work_in_the_background_goes_on_and_is_not_part_of_a_request(made):
    """A watched layer still pings; the request's tree has its own send alone."""
    configuration = made("timeout: {}\n", 0, "{}")
    configuration.policies["p"] = {"curious": Curious(), **configuration.policies["p"]}
    story = explain(configuration, "p", 8)
    assert names(story.inside) == [("curious", [("timeout", ["a"])])]
    assert story.request["outcome"] == "ok"


def test_a_judge_s_verdict_stands_where_it_was_asked():
    """Between the cheap answer and what followed from it, with its price."""
    made = load("run", "demo", ["cascade"], SHORT)
    judged = next(
        story
        for story in (explain(made, "cascade", number) for number in range(20))
        if "judge" in str(names(story.inside))
    )
    cheap, verdict, *_ = judged.inside[0].inside
    assert (verdict.began, verdict.usd) == (cheap.ended, pytest.approx(0.0002))
    assert isinstance(verdict.accepted, bool)


def test_layers_of_every_replica_are_watched():
    """With four replicas a request goes to one of them, whichever it is."""
    made = load("run", "demo", ["failover"], [*SHORT, "scenario.gateway.replicas=4"])
    stories = [explain(made, "failover", number) for number in range(12)]
    assert len({story.request["replica"] for story in stories}) > 1
    assert all(story.inside[0].name == "fallback" for story in stories)


def test_an_unknown_request_is_refused_with_the_range(made):
    """One line that names the last one."""
    with pytest.raises(
        InputError,
        match=r"--explain 5000: there is no such request; requests of this run are numbered 0 to "
        r"\d+",
    ):
        explain(made("{}"), "p", 5000)
    with pytest.raises(InputError, match="no request arrives"):
        explain(made("{}", 0, "{}", "scenario.workload.rate=0"), "p", 0)
