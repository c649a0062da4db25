"""The site: it builds without complaint or network, and its reference leaves nothing out."""

import html
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from simroute import gateways as _registers_layers
from simroute.cli import COMMANDS, cli
from simroute.config import reference
from simroute.core import registry
from simroute.metrics import METRICS
from simroute.models import spec
from simroute.traces.columns import COLUMNS
from simroute.traces.formats import all_formats

ROOT = Path(__file__).parent.parent.parent
assert _registers_layers
PACKAGED = {kind: cls for kind, cls in registry.items() if cls.__module__.startswith("simroute.")}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site, built as `make docs` builds it."""
    folder = tmp_path_factory.mktemp("site")
    # with --quiet it would count no warnings
    command = [Path(sys.executable).with_name("mkdocs"), "build", "--strict", "--site-dir", folder]
    ended = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return folder


def text(page):
    """The text of a page, without markup."""
    return html.unescape(re.sub(r"<[^>]+>", "", page.read_text(encoding="utf-8")))


def section(page, heading):
    """The text from one heading of the second level to the next, one space between any two
    words."""
    found = re.search(
        rf'<h2 id="{heading}">.*?(?=<h2 |</article>)', page.read_text(encoding="utf-8"), re.S
    )
    assert found is not None, heading
    return words(html.unescape(re.sub(r"<[^>]+>", " ", found[0])))


def words(text):
    return " ".join(text.replace("`", " ").split())


def test_every_layer_has_its_section_with_every_parameter(site):
    """Each registered kind, each key, what it does, and an example."""
    for kind, cls in PACKAGED.items():
        shown = section(site / "reference" / "layers.html", kind)
        missing = [
            row.key
            for row in reference.parameters(cls)
            if row.key not in shown.split() or words(row.doc) not in shown
        ]
        assert missing == [], kind
        assert "For example:" in shown, kind
        assert "Interplay." in shown, kind


def test_every_key_of_a_scenario_is_there(site):
    """Nested ones with their whole path."""
    shown = text(site / "reference" / "scenario.html").split()
    assert [row.key for row in reference.parameters(spec.Scenario) if row.key not in shown] == []


def test_every_command_is_there_with_every_option(site):
    """Long names, as click knows them."""
    import click

    for name in COMMANDS:
        shown = section(site / "reference" / "commands.html", name)
        command = cli.get_command(click.Context(cli), name)
        options = [
            word
            for option in command.params
            if isinstance(option, click.Option) and not option.hidden
            for word in option.opts
        ]
        assert [word for word in options if word not in shown] == [], name


def test_every_metric_and_every_trace_format_is_there(site):
    """Names, definitions, columns."""
    shown = text(site / "reference" / "metrics.html").split()
    assert [name for name in METRICS if name not in shown] == []
    formats = text(site / "reference" / "traces.html")
    assert [
        field for form in all_formats().values() for field in form.FIELDS if field not in formats
    ] == []
    assert [name for name in COLUMNS if name not in formats] == []


def test_no_page_loads_anything_from_elsewhere(site):
    """No script, style, font or image comes from another server, so that the pages can be read
    without a network."""
    loads = re.compile(
        r'<(?:script|img|iframe|source)[^>]*\ssrc="?(?:https?:)?//|'
        r'<link[^>]*\brel="?(?:stylesheet|preload|preconnect)[^>]*href="?(?:https?:)?//'
    )
    found = [
        path.name for path in site.rglob("*.html") if loads.search(path.read_text(encoding="utf-8"))
    ]
    styles = [
        path.name
        for path in site.rglob("*.css")
        if re.search(r"(@import|url\()\s*[\"']?(https?:)?//", path.read_text(encoding="utf-8"))
    ]
    assert (found, styles) == ([], [])
