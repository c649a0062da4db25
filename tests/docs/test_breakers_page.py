"""The page of breakers by name, and that of conformance, say what there is."""

from pathlib import Path

import pytest
from walk import walk

from simroute.policies.presets.breakers import PRESETS
from simroute.testing.conformance.breakers.families import FAMILIES

DOCS = Path(__file__).parent.parent.parent / "docs"


@pytest.mark.slow
def test_the_outage_under_each_preset_is_as_the_page_shows_it(tmp_path):
    """Its commands, with their figures."""
    assert walk(DOCS / "breakers.md", tmp_path).problems == []


def test_each_preset_is_played_and_each_family_is_named():
    """None is forgotten when one comes."""
    page = (DOCS / "breakers.md").read_text(encoding="utf-8")
    assert f"policy=none,{','.join(PRESETS)}" in page
    told = (DOCS / "conformance.md").read_text(encoding="utf-8")
    assert [family for family in FAMILIES if family not in told] == []
