"""Every layer has a page that shows what it does, by a command whose output is there."""

import re
from itertools import pairwise
from pathlib import Path

import pytest
from walk import FENCE, walk

from pages import hurried
from simroute import gateways as _registers_layers
from simroute.core import registry

ROOT = Path(__file__).parent.parent.parent
FOLDER = ROOT / "docs" / "layers"
assert _registers_layers
KINDS = sorted(
    kind
    for kind, cls in registry.items()
    if cls.__module__.startswith(("simroute.policies", "simroute.gateways"))
)
PAGES = sorted(path for path in FOLDER.glob("*.md") if path.stem != "index")
INTERVAL = re.compile(r"\([+-]?[\d.,]+ to [+-]?[\d.,]+\)|±")


def test_every_layer_has_its_page():
    """One for each registered kind, named in the overview and in the menu."""
    overview = (FOLDER / "index.md").read_text(encoding="utf-8")
    menu = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    missing = {kind for kind in KINDS if not (FOLDER / f"{kind}.md").is_file()}
    assert missing == set()
    names = [path.stem for path in PAGES]
    assert [name for name in names if f"]({name}.md)" not in overview] == []
    assert [name for name in names if f"layers/{name}.md" not in menu] == []


def test_the_table_of_layers_is_complete():
    """The guide says of each when it is the right one, with a link to its page."""
    guide = (ROOT / "docs" / "policy.md").read_text(encoding="utf-8")
    table = guide.split("\n## Which layer?\n")[1].split("\n## ")[0]
    rows = [line for line in table.splitlines() if line.startswith("| ")]
    linked = [re.findall(r"\[`(\w+)`\]\(layers/(\w+)\.md\)", row) for row in rows[1:]]
    assert [row for row, found in zip(rows[1:], linked, strict=True) if not found] == []
    assert [pair for found in linked for pair in found if pair[0] != pair[1]] == []
    assert sorted(kind for found in linked for kind, _ in found) == KINDS


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_a_page_shows_an_effect_with_its_interval(page):
    """It has a command, and an output with an interval behind it."""
    parts = FENCE.findall(page.read_text(encoding="utf-8"))
    shown = [
        body
        for (before, *_), (language, _, body) in pairwise(parts)
        if (before, language) == ("sh", "text")
    ]
    assert any(INTERVAL.search(body) for body in shown)


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_its_commands_are_understood(page, tmp_path, monkeypatch):
    """With less weather: they end as the page says, with the columns that it shows."""
    monkeypatch.chdir(tmp_path)
    assert hurried(page) == []


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_its_figures_come_out(page, tmp_path):
    """In an empty folder, command by command."""
    assert walk(page, tmp_path).problems == []
