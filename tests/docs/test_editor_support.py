"""What an editor is told about scenario and policy files: the committed schemas, and the line in
each file that names them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from simroute.config import yaml_reader
from simroute.config.loading import load
from simroute.errors import InputError

ROOT = Path(__file__).parent.parent.parent
KINDS = {"scenarios": "scenario", "policies": "policy"}
FILES = [path for kind in KINDS for path in sorted((ROOT / kind).glob("*.yaml"))]

SCENARIO = """
horizon: 1h
workload: {rate: 2, tasks: {chat: {share: 1}}}
deployments:
  a: {provider: openai, model: gpt-4o, price_date: 2025-07-01, errors: {500: 0.01}}
  b: {provider: anthropic, model: claude-sonnet-4-0}
outages:
  one: {provider: openai, start: 10%, end: 30m, error_share: 0.5}
slo: {success: 0.99, latency: 20s}
"""
POLICY = """
about: Two timeouts.
fallback: {targets: [first, other_company]}
retry: {attempts: 2, backoff: {initial: 0.5s, jitter: full}}
timeout: {total: 30s, first_token: 10s}
"""
SCENARIO_MISTAKES = {
    "an unknown key": ("rate: 2", "ratee: 2"),
    "a percentage for a share": ("success: 0.99", "success: 99"),
    "a duration with a space": ("horizon: 1h", "horizon: 1 hour"),
    "a duration of two points": ("horizon: 1h", "horizon: 1.2.3h"),
    "text for a number": ("rate: 2", "rate: fast"),
    "true for a number": ("rate: 2", "rate: true"),
    "a negative rate": ("rate: 2", "rate: -2"),
    "no provider": ("provider: openai, model", "model"),
    "no deployment": (
        SCENARIO[SCENARIO.index("deployments:") : SCENARIO.index("outages:")],
        "deployments: {}\n",
    ),
    "a list for a mapping": ("tasks: {chat: {share: 1}}", "tasks: [chat]"),
    "a word for a status": ("errors: {500: 0.01}", "errors: {overloaded: 0.01}"),
    "a status out of range": ("errors: {500: 0.01}", "errors: {50: 0.01}"),
    "an outage of nobody": ("one: {provider: openai, start", "one: {start"),
    "an outage of two": ("one: {provider: openai,", "one: {provider: openai, deployment: a,"),
    "an outage without an end": ("end: 30m, ", ""),
    "a day of five hours": ("rate: 2,", "rate: 2, profile: {hours: [1, 2, 3, 2, 1]},"),
    "a date written the other way": ("2025-07-01", "01.07.2025"),
}
POLICY_MISTAKES = {
    "an unknown parameter": ("attempts: 2", "atempts: 2"),
    "an unknown layer": ("retry:", "retrys:"),
    "no attempt at all": ("attempts: 2", "attempts: 0"),
    "half an attempt": ("attempts: 2", "attempts: 2.5"),
    "a word that is none": ("jitter: full", "jitter: random"),
    "one target for a list": ("targets: [first, other_company]", "targets: first"),
    "no time": ("total: 30s", "total: 0s"),
    "a unit that is none": ("first_token: 10s", "first_token: 10sec"),
    "a kind that is none": ("timeout: {total", "outer: {kind: timeouts, total"),
    "another layer's parameter": ("first_token: 10s", "attempts: 2"),
}


def texts(value):
    """Keys as text, as JSON has them."""
    if isinstance(value, dict):
        return {str(key): texts(item) for key, item in value.items()}
    return [texts(item) for item in value] if isinstance(value, list) else value


def schema(kind):
    """A committed schema, ready to judge."""
    return Draft202012Validator(
        json.loads((ROOT / "docs" / "schema" / f"{kind}.json").read_text(encoding="utf-8"))
    )


def parsed(text):
    return texts(yaml_reader.parse(text.encode(), "file.yaml").data)


@pytest.mark.parametrize("kind", KINDS.values())
def test_the_committed_schema_is_the_generated_one(kind):
    """`simroute describe KIND --schema > docs/schema/KIND.json` would change nothing; run it when a
    parameter changes."""
    shown = subprocess.run(
        [Path(sys.executable).with_name("simroute"), "describe", kind, "--schema"],
        env={**os.environ, "PYTHONUTF8": "1"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
    ).stdout
    assert shown == (ROOT / "docs" / "schema" / f"{kind}.json").read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", KINDS.values())
def test_the_schema_is_one_and_explains_every_key_of_a_layer_or_section(kind):
    """It is valid itself, has an identifier and a title, and every object and every leaf of the
    policy's layers says what it does."""
    checker = schema(kind)
    Draft202012Validator.check_schema(checker.schema)
    assert checker.schema["$id"] == f"urn:simroute:schema:{kind}"
    assert checker.schema["title"] == f"simroute {kind}"
    for name, layer in checker.schema.get("$defs", {}).items():
        assert [
            key for key, value in layer["properties"].items() if not value.get("description")
        ] == [], name


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_packaged_file_names_its_schema_and_is_valid(path):
    """Its first line is the one that editors look for; the schema which it names exists, and takes
    the file."""
    first = path.read_text(encoding="utf-8").splitlines()[0]
    kind = KINDS[path.parent.name]
    assert first == f"# yaml-language-server: $schema=../docs/schema/{kind}.json"
    assert (path.parent / first.partition("$schema=")[2]).is_file()
    assert [
        error.message for error in schema(kind).iter_errors(texts(yaml_reader.read(path).data))
    ] == []


def test_what_is_right_is_taken_by_schema_and_reader(tmp_path):
    """The two files from which the mistakes below are made."""
    assert schema("scenario").is_valid(parsed(SCENARIO))
    assert schema("policy").is_valid(parsed(POLICY))
    assert refused(tmp_path, SCENARIO, POLICY) == []


def refused(folder, scenario, policy):
    """What the reader says against a pair of files."""
    (folder / "s.yaml").write_text(scenario, encoding="utf-8")
    (folder / "p.yaml").write_text(policy, encoding="utf-8")
    try:
        load("check", str(folder / "s.yaml"), [str(folder / "p.yaml")])
    except InputError as error:
        return error.lines
    return []


@pytest.mark.parametrize("mistake", SCENARIO_MISTAKES)
def test_a_mistake_in_a_scenario_is_marked(mistake, tmp_path):
    """Schema and reader both refuse it, so that an editor shows what a run would say."""
    wrong = SCENARIO.replace(*SCENARIO_MISTAKES[mistake])
    assert wrong != SCENARIO
    assert not schema("scenario").is_valid(parsed(wrong))
    assert refused(tmp_path, wrong, POLICY)


@pytest.mark.parametrize("mistake", POLICY_MISTAKES)
def test_a_mistake_in_a_policy_is_marked(mistake, tmp_path):
    """Schema and reader both refuse it."""
    wrong = POLICY.replace(*POLICY_MISTAKES[mistake])
    assert wrong != POLICY
    assert not schema("policy").is_valid(parsed(wrong))
    assert refused(tmp_path, SCENARIO, wrong)


@pytest.mark.parametrize(
    "right",
    [
        "timeout:",
        "outer: {kind: timeout, total: 1h30m}",
        "timeout: {total: 30}",
        "breaker: {rate: 0.5, count_window: null}",
        "route: {weights: {first: 1, other_company: 2}}",
    ],
)
def test_every_way_of_writing_a_layer_is_taken(right, tmp_path):
    """No parameters, another name, seconds as a number, two units, an explicit nothing, roles as
    keys."""
    assert schema("policy").is_valid(parsed(right))
    assert refused(tmp_path, SCENARIO, right) == []
