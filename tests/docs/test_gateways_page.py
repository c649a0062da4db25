"""The page that compares clients and gateways."""

import re
from pathlib import Path

import pytest
from surprises import PICTURES, PLAYED, path
from walk import walk

from pages import hurried
from simroute.config import catalogue
from simroute.config.loading import load_layers

PAGE = Path(__file__).parent.parent.parent / "docs" / "gateways.md"
TEXT = PAGE.read_text(encoding="utf-8")


def test_its_commands_are_understood(tmp_path, monkeypatch):
    """With less weather: they end as the page says, with the columns that it shows."""
    monkeypatch.chdir(tmp_path)
    assert hurried(PAGE) == []


def test_it_compares_every_preset_in_both_scenarios():
    """Each file of policies/gateways is in both commands, and has its row."""
    presets = {path.stem for path in catalogue.find("policies", "litellm").parent.glob("*.yaml")}
    tables = [
        {line.split()[0] for line in block.splitlines() if line.strip()}
        for block in re.findall(r"```text\n(.*?)```", TEXT, re.S)
    ]
    asked = [set(words.split(",")) for words in re.findall(r"policy=(\S+)", TEXT)]
    assert sum(presets <= rows for rows in tables) == 2
    assert sum(presets <= names for names in asked) == 2


def test_each_surprise_has_its_picture_its_paired_figure_and_its_remedy():
    """And says whether it was seen at the original."""
    parts = re.split(r"^### \d\. ", TEXT, flags=re.M)[1:]
    assert len(parts) == len(PICTURES) == 5
    for part, name in zip(parts, PICTURES, strict=True):
        assert f"](assets/{path(name).name})" in part
        assert "paired over the same weather" in part
        assert "**Remedy**" in part
        assert re.search(r"\*\*(only simulated|confirmed on the originals?)\*\*", part, re.I)


@pytest.mark.parametrize(
    ("own", "preset", "changed"),
    [
        ("long_count", "portkey_hosted", {"breaker"}),
        ("kong_by_latency", "kong", {"balance"}),
        ("kong_asked_again", "kong", {"retry"}),
        ("two_tries", "cloudflare", {"retry"}),
        ("one_try", "cloudflare", {"retry"}),
        ("listed", "envoy_ai", {"breaker"}),
        ("with_reset", "envoy_ai", {"breaker", "fallback"}),
    ],
)
def test_a_remedy_is_the_preset_but_for_what_it_changes(own, preset, changed, tmp_path):
    """So that a comparison tells what that is worth, also when a preset is mended."""
    (text,) = re.findall(rf'title="policies/{own}.yaml"\n(.*?)```', TEXT, re.S)
    file = tmp_path / "own.yaml"
    file.write_text(text, encoding="utf-8")
    found, usual = load_layers(str(file)), load_layers(preset)
    assert {key for key in {*found, *usual} if found.get(key) != usual.get(key)} == changed


@pytest.mark.parametrize("name", PLAYED)
def test_pictures_show_what_happens(name):
    """Those that take no time; the others are drawn again by hand."""
    assert PICTURES[name]() == path(name).read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted({*PICTURES} - {*PLAYED}))
def test_pictures_of_studies_show_what_happens(name):
    """To the last digit that is drawn."""
    assert PICTURES[name]() == path(name).read_text(encoding="utf-8")


@pytest.mark.slow
def test_its_figures_come_out(tmp_path):
    """In an empty folder, command by command."""
    assert walk(PAGE, tmp_path).problems == []
