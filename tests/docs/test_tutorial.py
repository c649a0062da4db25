"""The tutorial can be followed, command by command."""

from pathlib import Path

import pytest
from walk import compared, walk

from pages import hurried

DOCS = Path(__file__).parent.parent.parent / "docs"


def test_the_commands_of_the_tutorial_are_understood(tmp_path, monkeypatch):
    """In order, each with less weather: they end as it says, and print tables with the columns that
    it shows."""
    monkeypatch.chdir(tmp_path)
    assert hurried(DOCS / "tutorial.md") == []


def test_a_command_that_is_none_is_found(tmp_path, monkeypatch):
    """Another name, another option, another column."""
    monkeypatch.chdir(tmp_path)
    page = tmp_path / "page.md"
    for command, column in (("campare", "kept"), ("compare --sead 3", "kept"), ("compare", "held")):
        block = (
            f"```sh\nsimroute {command} scenario=demo policy=direct "
            f"--no-report\n```\n\n```text\n…\npolicy {column} …\n```\n"
        )
        page.write_text(block, encoding="utf-8")
        assert len(hurried(page)) >= 1


@pytest.mark.slow
def test_the_tutorial_can_be_followed(tmp_path):
    """Its commands run in order in an empty folder and end as it says; the outputs that it shows
    are those that came."""
    assert walk(DOCS / "tutorial.md", tmp_path).problems == []


def test_an_output_that_has_become_stale_is_found():
    """Another figure, another word, a missing line; but not the last digit, the columns' widths, or
    what stands for `…`."""
    output = "head\npolicy  kept\na       yes 99.68 %  1,514 s\nend\n3 passed in 0.2s\n"
    same = "…\na yes 99.69 % 1,510 s\n…\n3 passed …\n"
    assert compared(same, output)[1] == []
    assert compared(same, output)[0] == "…\na       yes 99.68 %  1,514 s\n…\n3 passed …\n"
    for stale in (
        "a yes 97.00 % 1,514 s\n",
        "a no 99.68 % 1,514 s\n",
        "b yes 99.68 % 1,514 s\n",
        "4 passed …\n",
    ):
        assert compared(stale, output)[1] != []
