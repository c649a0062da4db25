"""A policy's layers as a mapping stand for a file that has them."""

import pandas as pd
import pytest
import yaml

import simroute as sr
from simroute.errors import InputError
from simroute.policies.timeout import Timeout

LAYERS = {
    "about": "Two companies.",
    "fallback": {"targets": ("first", "other_company")},
    "timeout": {"total": "30s", "first_token": 10},
}
SHORT = [
    "scenario.horizon=10m",
    "scenario.outages.morning.start=30%",
    "scenario.outages.morning.end=60%",
]


@pytest.fixture
def short():
    return sr.load_scenario("demo", *SHORT)


def test_a_mapping_does_what_its_file_does(short, tmp_path):
    """The same attempts, row by row."""
    path = tmp_path / "policy.yaml"
    layers = {**LAYERS, "fallback": {"targets": ["first", "other_company"]}}
    path.write_text(yaml.safe_dump(layers, sort_keys=False), encoding="utf-8")
    given, filed = (sr.simulate(short, policy).attempts for policy in (LAYERS, str(path)))
    assert len(given) > 400
    assert given["target"].nunique() == 2
    pd.testing.assert_frame_equal(given, filed)


def test_several_mappings_are_called_by_their_places(short):
    """One alone is `policy`; a name in place of a list is a list of one."""

    def named(policies):
        return list(sr.compare(short, policies, replications=1).summary["policies"])

    assert named(["direct", LAYERS, {"timeout": {}}]) == ["direct", "policy_2", "policy_3"]
    assert named(LAYERS) == named([LAYERS]) == ["policy"]
    assert named("direct") == ["direct"]


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        (5, "policy: expected a policy by name or path, or its layers as a mapping, found a int"),
        ({"timeout": Timeout()}, "policy: a policy as a mapping has what its file would have"),
        ({"timeot": {}}, "policy: timeot: no layer is called 'timeot'; did you mean timeout?"),
        ({"timeout": {"total": "x"}}, "policy: timeout.total: expected a duration"),
    ],
)
def test_a_mapping_that_is_no_policy_is_refused(short, policy, said):
    """With its place, by both, and by `tune`, which needs a file."""
    for run in (sr.simulate, sr.compare):
        with pytest.raises(InputError) as found:
            run(short, policy)
        assert str(found.value).startswith(said)
    with pytest.raises(InputError, match="tune: which policy"):
        sr.tune(short, policy, objective="max success_rate")
