"""The LiteLLM Router against what the unmodified one did, and against arithmetic."""

import math
from itertools import product

import pytest

from fakes import Ask, FakeWorld, Reply
from simroute.config.advice import own_mistakes
from simroute.config.loading import load_layers
from simroute.gateways.litellm.deployment import Deployment
from simroute.gateways.litellm.router import LiteLLM
from simroute.policies.breaker import Breaker
from simroute.policies.health import Health
from simroute.testing import Step, play
from simroute.testing.conformance import read_items
from simroute.testing.conformance.router.runs import compare_run, profile_of
from simroute.testing.conformance.verdict import Differs

LATER = ("1.106.2", "1.109.1")


def differs(item, expected, version):
    try:
        compare_run(item, expected, profile_of(version))
    except Differs as difference:
        return f"{item['id']} {version}: {difference}"
    return None


@pytest.fixture
def runs(shared):
    return read_items(shared / "vectors" / "litellm_runs.json")


def test_every_run_of_the_router_comes_out_to_the_millisecond(runs):
    """Version 1.83.14: sends, ends, classes of errors, streams."""
    found = [differs(item, item["expected"], item["litellm_version"]) for item in runs]
    assert [each for each in found if each] == []
    assert len(found) >= 66


def test_later_versions_differ_where_they_were_seen_to(runs):
    """Where a run was made with a later version its result is that; where it drifted in one version
    only, the others are as before."""
    found = []
    for item, version in product(runs, LATER):
        drift = item.get("drift", {})
        if version in drift or (not drift and not item.get("seeded")):
            expected = drift.get(version, item["expected"])
            found.append(differs(item, expected, version))
    assert [each for each in found if each] == []
    assert len(found) >= 100


def test_half_of_a_pair_is_dead_and_cooldowns_are_off():
    """Each of three tries meets the dead one with 1/2, so 1/8 of requests fail (4 sigma)."""
    pair = LiteLLM(groups={"g": ("a", "b")}, disable_cooldowns=True)
    arrivals = [i * 5.0 for i in range(4000)]
    log = play({"litellm": pair}, {"a": [Step(0.1, 500)], "b": [Step(0.1)]}, arrivals)
    failed = sum(outcome != "ok" for outcome, *_ in log.requests.values()) / 4000
    assert failed == pytest.approx(0.125, abs=4 * math.sqrt(0.125 * 0.875 / 4000))


def test_a_fallback_waits_for_three_timeouts_and_three_pauses():
    """With a timeout of 10 s: 30 s, and pauses of .5, 1 and 2 s, each up to .75 s longer: between
    33.5 and 35.75 s, 34.625 on average (sd of the sum .375; 4 sigma of 400)."""
    layer = LiteLLM(
        groups={"g": ("a",), "h": ("b",)},
        fallbacks={"g": ("h",)},
        timeout=10.0,
    )
    arrivals = [i * 100.0 for i in range(400)]
    log = play({"litellm": layer}, {"a": [Step(60.0)], "b": [Step(0.1)]}, arrivals)
    starts = [start % 100.0 for start, target, *_ in log.attempts if target == "b"]
    assert len(starts) == 400
    assert 33.5 <= min(starts) <= max(starts) <= 35.75
    assert sum(starts) / 400 == pytest.approx(34.625, abs=4 * 0.375 / 20)


def test_one_that_is_alone_cools_after_a_thousand_failures_of_a_minute():
    """All of them must have failed; the 1,001st is refused."""
    layer = LiteLLM(groups={"g": ("a",)}, num_retries=0)
    arrivals = [i * 0.05 for i in range(1003)]
    log = play({"litellm": layer}, {"a": [Step(0.01, 500)]}, arrivals)
    assert len(log.attempts) == 1000


def test_rpm_is_a_weight_of_the_shuffle():
    """3 to 1 (4 sigma of 4,000)."""
    layer = LiteLLM(
        groups={"g": ("a", "b")},
        deployments={"a": Deployment(rpm=30.0), "b": Deployment(rpm=10.0)},
    )
    arrivals = [i * 2.0 for i in range(4000)]
    log = play({"litellm": layer}, {"a": [Step(0.1)], "b": [Step(0.1)]}, arrivals)
    share = sum(target == "a" for _, target, *_ in log.attempts) / 4000
    assert share == pytest.approx(0.75, abs=4 * math.sqrt(0.75 * 0.25 / 4000))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (
            {"fallbacks": {"main": ("backup",)}},
            "fallbacks: there is no group 'backup'; groups has main",
        ),
        ({"default_fallbacks": ("x",)}, "default_fallbacks: there is no group 'x'"),
        ({"model_group_alias": {"al": "x"}}, "model_group_alias.al: there is no group 'x'"),
        ({"model_group_alias": {"al": "main"}, "fallbacks": {"main": ("al",)}}, None),
    ],
)
def test_a_group_that_there_is_not_is_named(settings, said):
    """Before anything runs."""
    found = own_mistakes({"litellm": LiteLLM(**settings)})
    assert [text[: len(said or "")] for _, text in found] == ([said] if said else [])


def test_a_group_of_nobody_is_a_mistake():
    """Else its requests would go to a deployment that nobody named."""
    (mistake,) = own_mistakes({"litellm": LiteLLM(groups={"g": ("a",), "h": ()})})
    assert "groups.h: nobody is in it" in str(mistake)


def test_its_cache_gives_no_answer_of_who_must_not_see_the_request():
    """The second forbids a's company, and is asked at b's; that answer then holds for all."""
    world = FakeWorld(lambda call, n: Reply())
    forbids = frozenset({world.targets()["a"].provider})
    requests = [
        Ask(id=0, key="x"),
        Ask(id=1, key="x", arrival=10.0, forbids=forbids),
        Ask(id=2, key="x", arrival=20.0, forbids=forbids),
        Ask(id=3, key="x", arrival=30.0),
    ]
    groups = {"main": ("a",), "b": ("b",)}
    policy = LiteLLM(groups=groups, default_fallbacks=("b",), cache_responses=True, num_retries=0)
    ends = world.play(policy, *requests)
    assert [outcome.cached for _, outcome in ends] == ["no", "no", "exact", "exact"]
    assert [target for _, target in world.sent] == ["a", "b"]


@pytest.mark.parametrize("written", ["1.109", '"1.109"'])
def test_a_profile_may_be_written_as_the_number_that_it_looks_like(tmp_path, written):
    """YAML and overrides read 1.109 as a number."""
    file = tmp_path / "p.yaml"
    file.write_text(f"litellm: {{groups: {{g: [a]}}, profile: {written}}}\n", encoding="utf-8")
    assert load_layers(str(file))["litellm"].profile == "1.109"


@pytest.mark.parametrize("version", ["1.83.14", *LATER])
def test_a_trial_of_a_single_send_is_not_answered_by_another_group(version):
    """`a` fails at 0 and its breaker opens; the trial at 6 s is one send to `a`, and `b`, which is
    well, says nothing of it."""
    router = LiteLLM(
        groups={"main": ("a",), "backup": ("b",)},
        fallbacks={"main": ("backup",)},
        num_retries=0,
        profile=profile_of(version),
    )
    breaker = Breaker(failures=1, cooldown=5.0, trial="send", scope="deployment")
    script = {"a": [Step(0.1, 500)], "b": [Step(0.1, 500), Step(0.1)]}
    log = play({"breaker": breaker, "litellm": router}, script, [0.0, 6.0])
    sent = [(start, target) for start, target, *_ in log.attempts]
    assert sent == [(0.0, "a"), (0.1, "b"), (6.0, "a")]
    assert log.requests[1][0] == "failed"


@pytest.mark.parametrize("strategy", ["simple-shuffle", "least-busy", "latency-based-routing"])
def test_a_ping_goes_to_the_deployment_that_it_names_and_no_further(strategy):
    """Of two in a group the dead one is taken out at its second ping, and asked each time, though
    the Router has cooled it."""
    router = LiteLLM(
        groups={"main": ("a", "b"), "backup": ("c",)},
        fallbacks={"main": ("backup",)},
        routing_strategy=strategy,
        cooldown_time=60.0,
    )
    script = {"a": [Step(0.1, 401)], "b": [Step(0.1)], "c": [Step(0.1)]}
    health = Health(every=2.0, failures=2, statuses=(401,))
    log = play({"health": health, "litellm": router}, script, [9.0])
    pings = [(start, target) for start, target, *_ in log.attempts if start < 9.0]
    assert pings == [(each, name) for each in (2.0, 4.0, 6.0, 8.0) for name in "abc"]
    removed = [(pytest.approx(4.1), "removed", "a")]
    assert [event for event in log.events if event[1] == "removed"] == removed
