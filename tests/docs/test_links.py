"""No page points into nothing: relative links and anchors of every Markdown file, on disk or
generated."""

import re
from pathlib import Path

import pytest
from generated import pages
from markdown.extensions.toc import slugify

ROOT = Path(__file__).parent.parent.parent
DOCS = ROOT / "docs"
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
FENCED = re.compile(r"^```.*?^```", re.M | re.S)
HEADING = re.compile(r"^#{1,6} (.+?)\s*$", re.M)


def markdown():
    """Every page: path -> text without its code blocks."""
    written = [*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *(ROOT / "reports").glob("*.md")]
    texts = {path: path.read_text(encoding="utf-8") for path in written}
    texts |= {DOCS / name: text for name, text in pages().items()}
    return {path: FENCED.sub("", text) for path, text in texts.items()}


PAGES = markdown()


def anchors(text):
    """What a page's headings are called in links."""
    return {slugify(re.sub(r"[`*]", "", heading), "-") for heading in HEADING.findall(text)}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_relative_links_and_anchors_exist(path):
    """Each leads to a file of the checkout or a generated page, and to a heading in it."""
    broken = []
    for target in LINK.findall(PAGES[path]):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        there = (path.parent / name).resolve() if name else path
        if there not in PAGES and not there.exists():
            broken.append(f"{target}: no such file")
        elif anchor and anchor not in anchors(PAGES.get(there, "")):
            broken.append(f"{target}: no such heading")
    assert broken == []


def test_pages_of_the_site_link_within_it():
    """A link out of docs/ works in the checkout but not in the site; pages say `in the checkout` in
    words instead."""
    outside = [
        f"{path.name}: {target}"
        for path, text in PAGES.items()
        if DOCS in path.parents
        for target in LINK.findall(text)
        if not re.match(r"[a-z]+:|#", target)
        and DOCS not in (path.parent / target.partition("#")[0]).resolve().parents
    ]
    assert outside == []
