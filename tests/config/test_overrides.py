"""Overrides are read and made as Hydra does both."""

import pytest
from hydra import compose, initialize
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from simroute.config import catalogue, override_words, overrides, yaml_reader
from simroute.config.override_words import read_override
from simroute.errors import InputError


def by_hydra(data, words):
    """Hydra's own composition, as JSON-like data."""
    GlobalHydra.instance().clear()
    ConfigStore.instance().store(name="whole", node=OmegaConf.create(data))
    with initialize(version_base=None, config_path=None):
        return OmegaConf.to_container(compose("whole", overrides=words), resolve=False)


def made_by_hydra(data, words):
    """The same without its own settings, which take it longest."""
    composed = OmegaConf.create(data)
    parsed = OverridesParser.create().parse_overrides(words)
    ConfigLoaderImpl._apply_overrides_to_config(parsed, composed)
    return OmegaConf.to_container(composed, resolve=False)


def by_simroute(data, words):
    """The same by our own."""
    read = [read_override(word) for word in words]
    changes = [overrides.Change(each, tuple(each.key.split("."))) for each in read]
    return overrides.changed(data, changes)


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
    assert repr(by_simroute(data, words)) == repr(by_hydra(data, words))


SMALL = {"a": {"a": 1, "b": [1, {"a": 2}], "c": {"a": {}, "b": None}}, "b": "text", "c": [3]}
KEYS = st.lists(st.sampled_from("abcd"), min_size=1, max_size=4).map(".".join)
VALUES = st.sampled_from(
    [
        "7",
        "x",
        "null",
        "[]",
        "[1, {a: 2}]",
        "{}",
        "{a: 1}",
        "{d: {c: 5}, a: [2]}",
        "{c: {b: {a: 1}}}",
    ]
)
SET = st.tuples(KEYS, VALUES).map(lambda pair: "++scenario.{}={}".format(*pair))
REMOVE = KEYS.map("~scenario.{}".format)


@given(st.lists(SET | REMOVE, min_size=1, max_size=3))
def test_any_overrides_have_the_effect_that_they_have_in_hydra(words):
    """Values, types and the order of keys; or both refuse them. Hydra takes a key that is null for
    none when it is to be removed, and so may refuse more."""
    data = {"scenario": SMALL}
    try:
        expected = made_by_hydra(data, words)
    except (HydraException, ValueError, TypeError) as error:  # a name below a list is a place to it
        if "Could not delete" not in str(error):
            with pytest.raises(InputError):
                by_simroute(data, words)
        return
    assert repr(by_simroute(data, words)) == repr(expected)


CHARS = st.text("01.5es_-+aN%", max_size=5)
NAMES = st.sampled_from(["true", "False", "inf", "Null", "nan", "1e5", "10ms", "infs", "1e", "yes"])
PLACES = st.lists(st.text("abZ_19", min_size=1, max_size=2), min_size=1, max_size=2).map(".".join)


@given(st.sampled_from(["", "+", "++"]), PLACES, CHARS | NAMES)
def test_a_plain_word_is_read_as_hydra_s_grammar_reads_it(sign, place, value):
    """Key, value, type and sign; what is not plain is left to the grammar."""
    word = f"{sign}policy.{place}={value}"
    plain = override_words.read_plain(word)
    if plain is not None:
        parsed = OverridesParser.create().parse_override(word)
        expected = word, parsed.key_or_group, parsed.value(), parsed.is_add(), parsed.is_delete()
        assert repr(tuple(plain)) == repr(expected)


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("=3", 3),
        ("=-3", -3),
        ("=0.50", 0.5),
        ("=30s", "30s"),
        ("=1.5h", "1.5h"),
        ("=spend", "spend"),
    ],
)
def test_the_plainest_words_are_read_without_hydra(word, value):
    """It takes a tenth of a second to load."""
    assert override_words.read_plain(f"policy.retry.x{word}") == (
        f"policy.retry.x{word}",
        "policy.retry.x",
        value,
        False,
        False,
    )


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
