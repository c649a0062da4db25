"""What a fit writes is read back as it was by our own reader, whatever a log calls its models,
tasks and users."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simroute.config import yaml_reader
from simroute.errors import InputError
from simroute.fitting.annotated_yaml import Annotated, render, strip_notes

HOSTILE = [
    "${x}",
    "${oc.env:HOME}",
    "???",
    "a: b",
    "a #b",
    "null",
    "~",
    "1e3",
    "0x1f",
    "- a",
    "? a",
    '"',
    "'",
    "\\",
    "\\${x}",
    "a\tb",
    "a\nb",
    "\x00",
    "\x85",
    "\u2028",
    "\ufeff",
    "a  b",
    " a ",
    "",
    "{a}",
    "[a",
    "&a",
    "*a",
    "!a",
    "%a",
    "@a",
    "`a",
    "😀",
    "a" * 400,
    "é",
    "yes",
    "<<",
]
NAMES = st.sampled_from(HOSTILE) | st.text(st.characters(exclude_categories=["Cs"]), max_size=300)
VALUES = (
    NAMES
    | st.dictionaries(NAMES, st.integers(1, 99), max_size=40)
    | st.lists(NAMES, max_size=30)
    | NAMES.map(lambda text: Annotated(text, text))
)
TREES = st.dictionaries(NAMES, VALUES, max_size=5)


@given(TREES, st.lists(NAMES, max_size=3))
def test_what_a_fit_writes_is_read_back(tree, head):
    """Keys, values and lists, plain or with a comment, long ones over several lines."""
    made = {"deployments": {"m": tree}}
    assert yaml_reader.parse(render(head, made).encode(), "x.yaml").data == strip_notes(made)


@given(TREES)
@settings(max_examples=50)
def test_what_a_run_writes_is_read_back(tree):
    """`config.yaml`, from which a run is repeated, with a name of any length."""
    made = {"deployments": strip_notes(tree), "m" * 5000: {"\u00a0" * 5000: 1}}
    assert yaml_reader.parse(yaml_reader.dump(made).encode(), "x.yaml").data == made


@pytest.mark.parametrize("text", ["${x}", "'${x}'", '"${x}"', "a${x}b", "???"])
def test_a_written_interpolation_is_still_refused(text):
    """Quotes alone do not say that these characters are meant."""
    with pytest.raises(InputError, match="interpolation is not done"):
        yaml_reader.parse(f"a: {text}\n".encode(), "x.yaml")
