"""What is written as YAML: the same by both writers, and read back as it was."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simroute.config import catalogue, yaml_reader
from simroute.config.loading import load

USUAL = st.from_regex(yaml_reader.USUAL, fullmatch=True)
FOLDED = st.lists(st.text("ab1.:-,'?(", min_size=1, max_size=9), max_size=40).map(" ".join)
WORDS = USUAL | FOLDED.filter(yaml_reader.USUAL.fullmatch)
VALUES = st.recursive(
    WORDS | st.integers() | st.floats(allow_nan=False) | st.booleans() | st.none(),
    lambda below: st.lists(below, max_size=4) | st.dictionaries(WORDS, below, max_size=4),
    max_leaves=12,
)
KEYS = WORDS.filter(lambda text: len(text) <= yaml_reader.LONGEST_KEY)


@settings(max_examples=40)
@given(st.dictionaries(KEYS, VALUES, max_size=5))
def test_texts_of_a_usual_form_are_written_alike_by_both_writers(plain):
    """libyaml's and PyYAML's, whatever mappings and lists hold; long keys are the other's."""
    try:
        fast = yaml_reader._written(plain, yaml_reader._FastDumper)
    except yaml_reader._Unusual:
        return
    assert fast == yaml_reader._written(plain, yaml_reader._Dumper)


@given(st.dictionaries(st.text(min_size=1, max_size=200), st.text(max_size=200), max_size=3))
def test_whatever_a_text_holds_it_is_read_back_as_it_was(plain):
    """Line breaks, interpolation, what looks like numbers, what nobody can see."""
    plain = {"data": plain}
    assert yaml_reader.parse(yaml_reader.dump(plain).encode(), "file").data == plain


@pytest.mark.parametrize("name", ["demo", "bad_month", "models_2025"])
def test_a_packaged_scenario_is_written_by_the_fast_one(name):
    """None of its texts is unusual."""
    assert name in catalogue.list_names("scenarios")
    plain = load("run", name, ["direct", "failover"]).plain()
    fast = yaml_reader._written(plain, yaml_reader._FastDumper)
    assert fast == yaml_reader._written(plain, yaml_reader._Dumper)
