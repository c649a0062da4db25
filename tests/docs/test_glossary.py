"""The glossary has the words that tables and reports use."""

import re
from pathlib import Path

import pytest

from simroute.cli.render.comparison import LEGEND

TEXT = (Path(__file__).parent.parent.parent / "docs" / "glossary.md").read_text(encoding="utf-8")
HEADINGS = re.findall(r"^## (.+)$", TEXT, re.M)


def test_entries_are_in_order_and_have_a_text():
    """By the alphabet, each once, with at least one sentence."""
    assert [name.lower() for name in HEADINGS] == sorted({name.lower() for name in HEADINGS})
    parts = re.split(r"^## .+$", TEXT, flags=re.M)[1:]
    assert all(part.strip().endswith(".") for part in parts)


@pytest.mark.parametrize(
    "word",
    [
        *LEGEND,
        *("kept", "in time", "p95", "ttft", "pp", "send", "clairvoyant", "made good", "horizon"),
        *("fingerprint", "generation", "KS", "dispersion", "residual", "replication"),
    ],
)
def test_a_word_of_a_table_or_a_report_is_told(word):
    """As a heading, or emphasised or in brackets in one."""
    assert re.search(rf"^## .*\b{word}|\*{word}\*|\({word}\)|: {word}\b", TEXT, re.I | re.M)
