"""Hydra is shown what overrides name; what it is not shown stays as it would have left it."""

import pytest
from hydra import compose, initialize
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf

from simroute.config import catalogue, overrides, yaml_reader
from simroute.errors import InputError


def by_hydra(data, words):
    """Hydra's own composition of all of it, as JSON-like data."""
    GlobalHydra.instance().clear()
    ConfigStore.instance().store(name="whole", node=OmegaConf.create(data))
    with initialize(version_base=None, config_path=None):
        return OmegaConf.to_container(compose("whole", overrides=words), resolve=False)


@pytest.fixture(scope="module")
def data():
    """A scenario and two policies, as their files say."""
    read = yaml_reader.read
    policies = [
        read(catalogue.find("policies", name)).data for name in ("circuit_breaker", "martian")
    ]
    return {
        "scenario": read(catalogue.find("scenarios", "anthropic_outage")).data,
        "policies": {f"p{i}": policy for i, policy in enumerate(policies)},
    }


@pytest.mark.parametrize(
    "words",
    [
        ["++scenario.workload.rate=3"],
        ["++scenario.seed_of_none=3", "++policies.p1.retry.attempts=2"],
        ["++scenario.workload={rate: 2, users: {new: 1}}"],
        ["++scenario.workload.users.new=4", "++scenario.workload.users.acme=1"],
        ["~scenario.outages.september"],
        ["~scenario.outages", "++scenario.outages.other={start: 1m, end: 2m}"],
        ["~scenario.workload.users.acme", "++scenario.workload.users.acme=2"],
        ["++scenario.workload={rate: 2}", "++scenario.workload.rate=9"],
        ["++scenario.workload.rate=9", "++scenario.workload={rate: 2}"],
        ["++scenario.workload.rate=9", "~scenario.workload"],
        ["++scenario.slo=null"],
        ["++scenario.horizon={a: {b: 1}}", "++scenario.horizon.a.c=2"],
        ["~policies.p0.retry", "++policies.p0.timeout.total=5s"],
        ["++policies.p1.predict.predictor.bias={first: 0.1}", "~policies.p1.timeout"],
        ["++policies.p0.fallback.targets=[a, b]", "++policies.p0.fallback.targets=[c]"],
    ],
)
def test_what_an_override_does_not_name_stays_in_its_place(data, words):
    """Values, types, and the order of keys, which is the order of layers."""
    assert repr(overrides._hydra(data, words)) == repr(by_hydra(data, words))


def test_a_name_with_a_dot_is_told_to_stand_in_braces_and_may():
    """Keys are parted at dots, so nothing else can name it."""
    deployments = {"gpt-4.1": {"price": {"input": 1.0, "output": 2.0}}, "gpt-4.1-mini": {}}
    scenario = {"deployments": deployments}
    with pytest.raises(InputError) as told:
        overrides.compose(scenario, {}, ["scenario.deployments.gpt-4.1.price.input=3"])
    assert "as deployments={gpt-4.1: {…}}" in str(told.value)
    assert "did you mean" not in str(told.value)
    braces = "scenario.deployments={gpt-4.1: {price: {input: 3}}}"
    composed, _, _ = overrides.compose(scenario, {}, [braces])
    changed = {"gpt-4.1": {"price": {"input": 3, "output": 2.0}}}
    assert composed["deployments"] == deployments | changed


@pytest.mark.parametrize("below", ["0", "first"])
def test_what_stands_below_a_list_has_no_name(below):
    """One line, which says what would be right."""
    policy = {"fallback": {"targets": ["a", "b"]}}
    with pytest.raises(InputError, match=r"a list has no keys below it; write all of it") as told:
        overrides.compose({}, {"p": policy}, [f"~policy.fallback.targets.{below}"])
    assert len(told.value.lines) == 1


@pytest.mark.parametrize("word", ["~policy.retry.only", "~policy.retry.backoff.max"])
def test_what_a_policy_does_not_say_cannot_be_removed(word):
    """In words of the command line, not of the tree that Hydra is shown."""
    with pytest.raises(InputError) as told:
        overrides.compose({}, {"p": {"retry": {"attempts": 2}}}, [word])
    assert told.value.lines == (f"override {word!r}: there is no such key to remove",)


@pytest.mark.parametrize("word", ["scenario.workload@rate=1", "policy.retry@timeout.attempts=2"])
def test_a_package_is_refused(word):
    """Hydra's `key@package` would move a group, of which there are none."""
    with pytest.raises(InputError, match=r"expected scenario.KEY="):
        overrides.compose({"workload": {"rate": 1}}, {"p": {"retry": {}}}, [word])
