"""What is said of layers that hold for some targets alone: where they cannot stand, and where
nobody is left whom they hold for."""

import json

import pytest
import yaml
from jsonschema import Draft202012Validator

from simroute.config.json_schema import policy_schema
from simroute.config.loading import build_layers, load, load_layers, restore
from simroute.core.only import only_of
from simroute.errors import InputError
from simroute.live import Gateway
from simroute.policies.fallback import Fallback

SCENARIO = "anthropic_outage"
"""Deployments claude-sonnet, gpt-terra, gemini-flash and others; the first is claude-sonnet."""
CHAIN = "fallback: {targets: [first, other_company]}"
LIMIT = "timeout: {total: 60s}"


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (
            ["retry: {only: [first]}", CHAIN, LIMIT],
            "./p.yaml:1: retry.only: fallback inside chooses the target, so no call has one here "
            "yet; put retry inside fallback",
        ),
        (
            ["mine: {kind: timeout, only: [first]}", "balance: {}", LIMIT],
            "./p.yaml:1: mine.only: balance inside chooses the target, so no call has one here "
            "yet; put mine inside balance",
        ),
        (
            ["fallback: {targets: [first], only: [first]}", LIMIT],
            "./p.yaml:1: fallback.only: fallback itself chooses the target, and no layer outside "
            "has before; leave it out, or put fallback inside the layer that chooses first",
        ),
    ],
)
def test_a_layer_where_no_target_is_chosen_yet_is_refused(policy, lines, said):
    """One line, which says where it belongs."""
    with pytest.raises(InputError) as found:
        load_layers(policy(*lines))
    assert found.value.lines == (said,)


@pytest.mark.parametrize(
    "lines",
    [
        [CHAIN, "retry: {only: [first]}", LIMIT],
        ["route: {default: cheapest}", "retry: {only: [first]}", CHAIN, LIMIT],
        [CHAIN, "balance: {group: model, only: [first]}", LIMIT],
        ["retry: {only: [first]}", LIMIT],
        ["litellm: {groups: {main: [first]}}", "limit: {rpm: 5, only: [first]}"],
    ],
)
def test_elsewhere_it_may_stand(policy, lines):
    """Behind a layer that chooses, or where nobody chooses and the first deployment is asked."""
    assert any(only_of(each) == ("first",) for each in load_layers(policy(*lines)).values())


def test_layers_that_are_objects_count_as_those_of_files_do():
    """In front of real providers a policy may have both."""
    layers = build_layers(
        {"fallback": Fallback(), "balance": {"group": "model", "only": ["first"]}}
    )
    assert only_of(layers["balance"]) == ("first",)
    with pytest.raises(InputError, match="fallback: expected keys and values, found type"):
        build_layers({"fallback": Fallback})


def test_it_can_be_set_on_the_command_line_and_a_run_remembers_it(policy, tmp_path):
    """With the names of the layers, whichever kind they are of."""
    name = policy(CHAIN, "again: {kind: retry, attempts: 3}", LIMIT)
    made = load("run", SCENARIO, [name], ["policy.again.only=[first]"])
    assert only_of(made.policies["p"]["again"]) == ("first",)
    kept = tmp_path / "config.yaml"
    kept.write_text(made.to_yaml(), encoding="utf-8")
    assert restore(kept).policies == made.policies


@pytest.mark.parametrize(
    ("override", "said"),
    [
        (
            "policy.timeout.only=[gpt-tera]",
            "override 'policy.timeout.only=[gpt-tera]': timeout.only: no deployment is called "
            "'gpt-tera'; did you mean gpt-terra?",
        ),
        (
            "policy.timeout.only=gpt-terra",
            "override 'policy.timeout.only=gpt-terra': timeout.only: expected a list, found "
            "'gpt-terra'",
        ),
        (
            "policy.fallback.only=[first]",
            "override 'policy.fallback.only=[first]': fallback.only: fallback itself chooses",
        ),
    ],
)
def test_a_mistake_on_the_command_line_is_one_clear_line(policy, override, said):
    """It names the override."""
    with pytest.raises(InputError) as found:
        load("run", SCENARIO, [policy(CHAIN, LIMIT)], [override])
    (line,) = found.value.lines
    assert line.startswith(said)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (
            [CHAIN, "retry: {only: [gemini-flash]}", LIMIT],
            "retry.only: never acts, since calls go to claude-sonnet and gpt-terra here; name one "
            "of those",
        ),
        (
            ["retry: {only: [gpt-terra]}", LIMIT],
            "retry.only: never acts, since calls go to claude-sonnet here; name one of those",
        ),
        (
            [CHAIN, "retry: {only: [same_model]}", LIMIT],
            "retry.only: there is no same_model here, so it never acts; name a deployment, or "
            "leave the layer out",
        ),
        ([CHAIN, "retry: {only: [gpt-terra]}", LIMIT], None),
        # whom these send calls to is not known
        ([CHAIN, "budget: {usd: 9}", "retry: {only: [gemini-flash]}", LIMIT], None),
        ([CHAIN, "hedge: {targets: [cheapest]}", "retry: {only: [gemini-flash]}", LIMIT], None),
        # both are needed, since they never hold for the same call
        (
            [CHAIN, "retry: {only: [claude-sonnet]}", "timeout: {total: 60s, only: [gpt-terra]}"],
            "retry has no timeout inside it",
        ),
        ([CHAIN, "retry: {only: [first]}", "timeout: {total: 60s, only: [gpt-terra]}"], None),
        # five sends to the one and four to the other, not forty
        (
            [
                "fallback: {targets: [claude-sonnet, gpt-terra]}",
                "retry: {attempts: 5, only: [claude-sonnet]}",
                "more: {kind: retry, attempts: 4, only: [gpt-terra]}",
                LIMIT,
            ],
            None,
        ),
        (
            [
                "fallback: {targets: [claude-sonnet, gpt-terra]}",
                "retry: {attempts: 5, only: [claude-sonnet]}",
                "more: {kind: retry, attempts: 4, only: [first]}",
                LIMIT,
            ],
            "retry.attempts: one request may become 21 sends where all fail (fallback 2, retry 5, "
            "more 4)",
        ),
        # a, b and c, each three times: not twice two
        (
            [
                "fallback: {targets: [claude-sonnet, gpt-terra]}",
                "inner: {kind: fallback, targets: [claude-sonnet, gpt-luna], only: [first]}",
                "retry: {attempts: 3}",
                LIMIT,
            ],
            None,
        ),
        # half of claude's answers take more than a second, and nothing is said of those of others
        (
            [CHAIN, "timeout: {total: 1s, only: [gpt-terra]}"],
            "timeout.total: 1 s is less than the median answer of gpt-terra",
        ),
    ],
)
def test_what_never_acts_is_noted_and_what_never_meets_is_not(policy, lines, said):
    """Each with what to write."""
    notes = load("check", SCENARIO, [policy(*lines)]).notes
    found = [each for each in notes if "p: " in each and "keeps" not in each]
    assert len(found) == (said is not None), found
    if said is not None:
        assert said in found[0]


def test_an_editor_s_schema_knows_it(policy):
    """For every layer; a word in place of the list is underlined."""
    validator = Draft202012Validator(json.loads(json.dumps(policy_schema())))
    good = yaml.safe_load(f"{CHAIN}\nretry: {{only: [first, b]}}")
    assert validator.is_valid(good)
    assert not validator.is_valid({**good, "retry": {"only": "first"}})


DEPLOYMENT = {
    "provider": "openai",
    "model": "m",
    "base_url": "https://api.example.com/v1",
    "price": {"input": 1, "output": 2},
}


@pytest.mark.parametrize(
    ("limits", "left"),
    [
        ({"timeout": {"only": ["a"]}}, "b"),
        ({"timeout": {"only": ["first"]}}, "b"),
        ({"timeout": {"only": ["a"]}, "other": {"kind": "timeout", "only": ["b"]}}, None),
        ({"timeout": {"only": ["a"]}, "other": {"kind": "timeout"}}, None),
    ],
)
def test_live_every_call_has_a_limit_of_time(limits, left):
    """One that holds for some targets is none for the others."""
    policy = {"fallback": {"targets": ["a", "b"]}, **limits}
    deployments = {"a": DEPLOYMENT, "b": DEPLOYMENT}
    if left is None:
        Gateway(policy, deployments)
        return
    with pytest.raises(InputError, match=f"no layer limits the time of a call to {left}; add"):
        Gateway(policy, deployments)


def test_live_an_unknown_target_is_told():
    """As in a scenario."""
    policy = {"fallback": {"targets": ["a"]}, "timeout": {}, "retry": {"only": ["bb"]}}
    with pytest.raises(InputError, match=r"retry\.only: no deployment is called 'bb'"):
        Gateway(policy, {"a": DEPLOYMENT})
