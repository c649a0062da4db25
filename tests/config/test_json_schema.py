"""The JSON Schema agrees with the validation: it takes every packaged file and refuses what is
refused."""

import json

import pytest
from jsonschema import Draft202012Validator

from simroute.config.catalogue import find, list_names
from simroute.config.json_schema import policy_schema, scenario_schema
from simroute.config.yaml_reader import read


def texts(value):
    """Keys as text, as JSON has them."""
    if isinstance(value, dict):
        return {str(key): texts(item) for key, item in value.items()}
    return [texts(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize(
    ("kind", "schema"), [("scenarios", scenario_schema), ("policies", policy_schema)]
)
def test_every_packaged_file_is_valid(kind, schema):
    """Seven scenarios and eight policies."""
    checker = Draft202012Validator(json.loads(json.dumps(schema(), allow_nan=False)))
    for name in list_names(kind):
        assert list(checker.iter_errors(texts(read(find(kind, name)).data))) == [], name


@pytest.mark.parametrize(
    "data",
    [
        {"deployments": {"a": {"provider": "x"}}},
        {"deployments": {}, "slo": {"success": 1.5}},
        {"deployments": {}, "horizonn": 3},
        {"deployments": {}, "horizon": "3 hours"},
        {"deployments": {}, "horizon": True},
        {"deployments": {}, "abandoned": "goes"},
    ],
)
def test_a_scenario_with_a_mistake_is_invalid(data):
    """A missing key, a share, an unknown key, a duration, a boolean, a word."""
    assert not Draft202012Validator(scenario_schema()).is_valid(data)


def test_a_layer_with_a_mistake_is_invalid():
    """An unknown parameter, and a layer of unknown kind."""
    checker = Draft202012Validator(policy_schema())
    assert checker.is_valid({"second": {"kind": "timeout", "total": "5s"}, "timeout": None})
    assert not checker.is_valid({"timeout": {"totall": 5}})
    assert not checker.is_valid({"whatever": {"total": 5}})
