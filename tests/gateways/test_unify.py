"""Unify's strings, and what they choose."""

import re

import pytest

from fakes import Ask, FakeWorld, Reply
from simroute.config.names import target_mistakes
from simroute.config.schema import build
from simroute.config.yaml_reader import Document
from simroute.core import Target
from simroute.errors import InputError
from simroute.gateways.unify.router import Unify
from simroute.gateways.unify.strings import Bound, Rule, parse
from simroute.live.inert import inert_layers
from simroute.models.spec import Deployment, Scenario
from simroute.policies.timeout import Timeout
from simroute.testing import check_policy
from simroute.testing.script import Step, play
from simroute.worlds.live import ExpertFunctions

LATENCY = {"itl": 1.0}


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        # one metric, by each of its names, with and without what is wanted of it
        ("claude-3-opus@quality", Rule("claude-3-opus", {"quality": -1.0})),
        ("claude-3-opus@highest-q", Rule("claude-3-opus", {"quality": -1.0})),
        ("claude-3-opus@time-to-first-token", Rule("claude-3-opus", {"ttft": 1.0})),
        ("gpt-4o@lowest-ttft", Rule("gpt-4o", {"ttft": 1.0})),
        ("gpt-4o@t", Rule("gpt-4o", {"ttft": 1.0})),
        ("claude-3-opus@lowest-inter-token-latency", Rule("claude-3-opus", LATENCY)),
        ("claude-3-opus@inter-token-latency", Rule("claude-3-opus", LATENCY)),
        ("mixtral-8x22b-instruct-v0.1@i", Rule("mixtral-8x22b-instruct-v0.1", LATENCY)),
        ("gpt-4o@lowest-c", Rule("gpt-4o", {"cost": 1.0})),
        ("gpt-4o@highest-input-cost", Rule("gpt-4o", {"input-cost": -1.0})),
        ("gpt-4o@lowest-quality", Rule("gpt-4o", {"quality": 1.0})),
        ("gpt-4o@oc", Rule("gpt-4o", {"output-cost": 1.0})),
        # thresholds
        (
            "llama-3.1-405b-chat@inter-token-latency|c<5",
            Rule("llama-3.1-405b-chat", LATENCY, (Bound("cost", "<", 5.0),)),
        ),
        (
            "llama-3.1-70b-chat@quality|input-cost<=0.8|output-cost<=0.8|itl>1|itl<20",
            Rule(
                "llama-3.1-70b-chat",
                {"quality": -1.0},
                (
                    Bound("input-cost", "<=", 0.8),
                    Bound("output-cost", "<=", 0.8),
                    Bound("itl", ">", 1.0),
                    Bound("itl", "<", 20.0),
                ),
            ),
        ),
        # any model, and weights
        (
            "router@quality|input-cost<0.8|output-cost<0.6|itl<20",
            Rule(
                "",
                {"quality": -1.0},
                (
                    Bound("input-cost", "<", 0.8),
                    Bound("output-cost", "<", 0.6),
                    Bound("itl", "<", 20.0),
                ),
            ),
        ),
        (
            "router@q:1|i:0.5|t:2|c:0.7",
            Rule("", {"quality": -1.0, "itl": 0.5, "ttft": 2.0, "cost": 0.7}),
        ),
        (
            "router@q:1|c:1.71e-03|t:1.10e-05|i:1.09e-03|models:gpt-4-turbo,mixtral-8x7b-instruct-v0.1",
            Rule(
                "",
                {"quality": -1.0, "cost": 1.71e-3, "ttft": 1.1e-5, "itl": 1.09e-3},
                (),
                {"models": ("gpt-4-turbo", "mixtral-8x7b-instruct-v0.1")},
            ),
        ),
        # search space
        (
            "llama-3.1-405b-chat@itl|providers:groq,fireworks-ai,together-ai",
            Rule(
                "llama-3.1-405b-chat",
                LATENCY,
                (),
                {"providers": ("groq", "fireworks-ai", "together-ai")},
            ),
        ),
        (
            "llama-3.1-405b-chat@itl|skip_providers:vertex-ai,aws-bedrock",
            Rule(
                "llama-3.1-405b-chat", LATENCY, (), {"skip_providers": ("vertex-ai", "aws-bedrock")}
            ),
        ),
        # the oldest form: thresholds appended, the metric last; tokens a second as 1000 / itl
        ("m@lowest-itl<0.5input-cost", Rule("m", LATENCY, (Bound("input-cost", "<", 0.5),))),
        ("m@highest-tks-per-sec<1oc", Rule("m", LATENCY, (Bound("output-cost", "<", 1.0),))),
        ("m@tks-per-sec", Rule("m", LATENCY)),
        ("m@lowest-ots", Rule("m", {"itl": -1.0})),
        (
            "m@ttft<0.5ic<15itl",
            Rule("m", {"ttft": 1.0}, (Bound("input-cost", "<", 0.5), Bound("itl", "<", 15.0))),
        ),
        # a single endpoint
        (
            "llama-2-13b-chat@anyscale",
            Rule("llama-2-13b-chat", {}, (), {"providers": ("anyscale",)}),
        ),
    ],
)
def test_the_documented_strings_are_understood(text, rule):
    """Each as its documentation says; quality the highest, all else the lowest, unless said."""
    assert parse(text) == rule


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("gpt-4o", "is not MODEL@METRIC"),
        ("@cost", "is not MODEL@METRIC"),
        ("gpt-4o@", "is not MODEL@METRIC"),
        ("router@openai", "'openai' is neither"),
        ("gpt-4o@lowest-cots", "did you mean cost?"),
        ("gpt-4o@cost|itl<fast", "'fast' is no number"),
        ("gpt-4o@cost|itl<nan", "is not finite"),
        ("gpt-4o@cost|speed<5", "'speed' is no metric"),
        ("gpt-4o@cost|q:1", "'q:1' is neither"),
        ("gpt-4o@cost|provider:groq", "did you mean providers?"),
        ("gpt-4o@cost|itl<1_0", "'1_0' is no number"),
        ("gpt-4o@cost|itl<0.5input-cost", "'0.5input-cost' is no number"),
        ("gpt-4o@itl<0.5speed", "'speed' is no metric"),
        ("gpt-4o@itl<0.5ic<", "is no number"),
        ("router@q:1|quality:2", "'quality:2': quality has a weight already"),
        ("router@cost|providers:", "'providers:' names nobody"),
        ("router@cost|skip_models: , ", "names nobody"),
    ],
)
def test_what_is_not_of_the_grammar_is_refused_with_a_remedy(text, said):
    """The older form, whose thresholds have no bar, within the later one as well."""
    with pytest.raises(ValueError, match=re.escape(said)):
        parse(text)


def test_a_file_is_told_at_its_key():
    """One line, with where it stands."""
    data = {"endpoint": "gpt-4o@lowest-cots"}
    with pytest.raises(InputError) as told:
        build(Unify, data, Document("policy.yaml", data))
    assert "endpoint: 'lowest-cots': 'cots' is no metric; did you mean cost?" in str(told.value)


@pytest.mark.parametrize("endpoint", ["gtp-4o@cost", "router@cost|providers:opnai", "gpt-4o@azrue"])
def test_a_string_that_fits_no_deployment_is_told(endpoint):
    """Each call would be refused; in a simulation and in front of real providers."""
    layers = {"mine": Unify(endpoint=endpoint), "timeout": Timeout(30.0)}
    scenario = Scenario(deployments={"a": Deployment("openai", "gpt-4o")})
    said = f"'{endpoint}' fits no deployment; there are gpt-4o@openai"
    assert target_mistakes(layers, scenario) == [(("mine", "endpoint"), said)]
    targets = {"a": Target("a", "openai", "gpt-4o", "gpt")}
    assert inert_layers(layers, targets, {}, ExpertFunctions(), False) == [f"mine.endpoint: {said}"]
    fits = {"mine": Unify(endpoint="gpt-4o@cost"), "timeout": Timeout(30.0)}
    inert = inert_layers(fits, targets, {}, ExpertFunctions(), False)
    assert target_mistakes(fits, scenario) == inert


def test_a_rule_admits_endpoints_of_its_model_within_its_space():
    """A model by name, providers that are named, and those that are left out."""
    targets = [Target(f"{m} {p}", p, m, m) for m in ("m", "n") for p in ("x", "y")]

    def admitted(text):
        return [target.name for target in targets if parse(text).admits(target)]

    assert admitted("router@c") == ["m x", "m y", "n x", "n y"]
    assert admitted("m@c") == ["m x", "m y"]
    assert admitted("m@y") == ["m y"]
    assert admitted("router@c|skip_providers:x|models:n") == ["n y"]
    assert admitted("router@c|endpoints:m@x,n@y") == ["m x", "n y"]
    assert admitted("router@c|skip_endpoints:m@x|providers:x") == ["n x"]


def asked(endpoint, *asks, **world):
    """Whom the fake world is asked: a big-1 for $15 a million tokens, b big-2 for $7.5, c small for
    $1.25."""
    made = FakeWorld(lambda call, n: Reply(), **world)
    outcomes = made.play(Unify(endpoint=endpoint), *(asks or (Ask(),)))
    return [target for _, target in made.sent], [outcome.status for _, outcome in outcomes]


def test_costs_decide_and_bound():
    """The cheapest of all, of those above $5, of a model; the dearest below $10; nobody."""
    assert asked("router@c")[0] == ["c"]
    assert asked("router@lowest-cost|c>5")[0] == ["b"]
    assert asked("big-1@c")[0] == ["a"]
    assert asked("router@highest-cost|c<10")[0] == ["b"]
    assert asked("router@c|c<1") == ([], [404])


def test_whom_a_request_forbids_is_not_asked():
    """c's provider; the next cheapest is b."""
    assert asked("router@c", Ask(forbids=frozenset({"cat"})))[0] == ["b"]


def test_quality_is_that_of_the_task_s_evaluation():
    """c is right in 60 %, b in 90, a in 95: the best, the cheapest above 80 %, and by weights: a
    point of quality is worth 5 cents a million, then 1 USD."""
    shares = {("chat", "a"): [0.95], ("chat", "b"): [0.9], ("chat", "c"): [0.6]}
    assert asked("router@quality", shares=shares)[0] == ["a"]
    assert asked("router@lowest-cost|quality>.8", shares=shares)[0] == ["b"]
    assert asked("router@q:1|c:0.2", shares=shares)[0] == ["c"]
    assert asked("router@q:1|c:0.001", shares=shares)[0] == ["a"]


def test_times_are_those_of_the_last_measurement():
    """a begins after 2 s, b after 1 s, so b is asked; from its fifth call on b needs 9 s, but is
    asked until the measurement at 100.5 s, and a from then on. Both are pinged, side by side, at
    .5 and at 100.5 s."""
    script = {"a": [Step(3.0, first=2.0)], "b": [Step(2.0, first=1.0)] * 4 + [Step(9.0, first=8.0)]}
    layers = {
        "unify": Unify(endpoint="router@ttft", every=100.0, samples=1),
        "timeout": Timeout(30.0),
    }
    log = play(layers, script, [10.0, 20.0, 30.0, 40.0, 90.0, 120.0, 130.0], streamed=True)
    assert [target for _, target, _ in log.requests.values()] == ["b"] * 5 + ["a"] * 2
    pings = [(at, name) for at, name, *_ in log.attempts if at in (0.5, 100.5)]
    assert sorted(pings) == [(0.5, "a"), (0.5, "b"), (100.5, "a"), (100.5, "b")]


def test_keeps_the_rules_of_a_layer():
    """With its default, a threshold of a time, and weights."""
    assert check_policy(Unify()) == []
    assert check_policy(Unify(endpoint="router@c|ttft<1e9", every=5.0)) == []
    assert check_policy(Unify(endpoint="router@t:1|i:10|c:3", samples=5)) == []
