"""The page that compares clients and gateways."""

from pathlib import Path

import pytest
from walk import walk

from pages import hurried
from simroute.config import catalogue

PAGE = Path(__file__).parent.parent.parent / "docs" / "gateways.md"


def test_its_commands_are_understood(tmp_path, monkeypatch):
    """With less weather: they end as the page says, with the columns that it shows."""
    monkeypatch.chdir(tmp_path)
    assert hurried(PAGE) == []


def test_it_compares_every_preset():
    """Each file of policies/gateways is in its command, and has its row."""
    text = PAGE.read_text(encoding="utf-8")
    table = text.split("```text\n")[1].split("```")[0]
    rows = {line.split()[0] for line in table.splitlines() if line.strip()}
    folder = catalogue.find("policies", "litellm").parent
    assert {path.stem for path in folder.glob("*.yaml")} <= rows


@pytest.mark.slow
def test_its_figures_come_out(tmp_path):
    """In an empty folder, command by command."""
    assert walk(PAGE, tmp_path).problems == []
