"""What is written as YAML is read back as it was."""

from hypothesis import given
from hypothesis import strategies as st

from simroute.config import yaml_reader


@given(st.dictionaries(st.text(min_size=1, max_size=200), st.text(max_size=200), max_size=3))
def test_whatever_a_text_holds_it_is_read_back_as_it_was(plain):
    """Line breaks, interpolation, what looks like numbers, what nobody can see."""
    plain = {"data": plain}
    assert yaml_reader.parse(yaml_reader.dump(plain).encode(), "file").data == plain
