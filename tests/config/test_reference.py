"""The reference: complete, true to the code, and every example in it runs."""

import re

import pytest

from simroute.config import reference
from simroute.config.loading import load
from simroute.core import registry
from simroute.experiment.run import replicate
from simroute.metrics import METRICS
from simroute.metrics.definitions import DEFINITIONS

LAYERS = {
    found.kind: found
    for found in reference.layer_references()
    if registry[found.kind].__module__.startswith("simroute.policies")
}
SECTIONS = {found.key: found for found in reference.section_references()}
SHORT = [
    "scenario.horizon=60s",
    "scenario.outages.morning.start=10%",
    "scenario.outages.morning.end=60%",
]


def sentences(text):
    """How many there are."""
    return len(re.findall(r"[.?!](?= [A-Z`]|$)", text))


def test_every_layer_of_the_package_is_there():
    """Those of the policies' own files, and none is left out."""
    assert set(LAYERS) == {
        kind for kind, cls in registry.items() if cls.__module__.startswith("simroute.policies")
    }
    assert len(LAYERS) >= 9


def test_each_alternative_of_a_union_is_told():
    """As declared: a weight, or one for each feature; a bound, or one for each quantile."""
    weight = {row.key: row.kind for row in SECTIONS["workload"].parameters}
    bound = {row.key: row.kind for row in LAYERS["balance"].parameters}
    assert weight["workload.tasks.NAME.share"] == "weight or feature → weight"
    assert bound["prefer"].endswith(" → (float or p50 | p75 | p90 | p95 | p99 → float)")


@pytest.mark.parametrize("kind", LAYERS)
def test_a_layer_tells_what_its_parameters_do_to_each_other(kind):
    """Two to five sentences or so, which name at least two of its parameters, and no parameter that
    it does not have."""
    found = LAYERS[kind]
    assert 2 <= sentences(found.interplay) <= 6
    own = {row.key.split(".")[-1] for row in found.parameters}
    if getattr(registry[kind], "takes_only", False):  # which every layer has
        own.discard("only")
    assert len({name for name in own if re.search(rf"\b{name}\b", found.interplay)}) >= min(
        2, len(own)
    )
    assert not re.search("Example:|Interplay:", found.doc)


@pytest.mark.parametrize("name", [*LAYERS, *SECTIONS])
def test_every_parameter_says_what_it_does(name):
    """Each key of layers and scenarios, nested ones included, has its line."""
    found = LAYERS.get(name) or SECTIONS[name]
    assert [row.key for row in found.parameters if not row.doc] == []
    assert found.doc


@pytest.mark.parametrize("kind", LAYERS)
def test_a_layer_s_example_runs_as_it_stands(kind, tmp_path):
    """Written to a file it is a policy with that layer in it, without a warning about the order,
    and serves a minute of the demo."""
    path = tmp_path / "example.yaml"
    path.write_text(LAYERS[kind].example, encoding="utf-8")
    made = load("run", "demo", [str(path)], SHORT)
    assert kind in {layer.kind for layer in made.policies["example"].values()}
    assert made.notes == []
    assert replicate(made, "example", 0).metrics["success_rate"] > 0.5


@pytest.mark.parametrize("key", [key for key, found in SECTIONS.items() if found.example])
def test_a_section_s_example_is_part_of_a_scenario_that_runs(key, tmp_path):
    """With the demo's other sections it loads and serves a minute."""
    import yaml

    from simroute.config import catalogue

    data = yaml.safe_load(catalogue.find("scenarios", "demo").read_text(encoding="utf-8")) | {
        "horizon": "60s"
    }
    data.pop("outages")
    data |= yaml.safe_load(SECTIONS[key].example)
    if key == "workload":
        assert data["workload"]["tasks"].keys() == {"chat", "extract"}
    path = tmp_path / "s.yaml"
    path.write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
    made = load("run", str(path), ["failover"])
    assert replicate(made, "failover", 0).metrics["requests"] > 0


def test_nested_defaults_are_those_of_the_section():
    """A task's answers have a median of 129 tokens, not that of lengths in general."""
    assert {row.key: row.default for row in SECTIONS["workload"].parameters}[
        "workload.tasks.NAME.output_tokens.median"
    ] == "129"


def test_what_a_stranger_s_layer_does_not_say_is_empty():
    """No example, no interplay, no error."""

    class Silent:
        pass

    class Brief:
        """One line.

        Example:

            brief: {}
        """

    assert reference.docstring_parts(Silent) == ("", "", "")
    assert reference.docstring_parts(Brief) == ("One line.", "brief: {}", "")


def test_every_metric_has_a_definition():
    """One sentence each, and utilisation besides."""
    assert set(DEFINITIONS) == {*METRICS, "utilisation"}
    assert all(text.endswith(".") for text in DEFINITIONS.values())
