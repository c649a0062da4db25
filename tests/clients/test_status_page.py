"""The gateway's page in a browser: readable on a telephone and on a desk, by day and by night, and
without a script."""

import asyncio

import aiohttp
import pytest

from report.chromium import Chromium, browser
from servers import gateway, run
from upstreams import HELLO, http

pytestmark = [*browser, pytest.mark.live_clients]

POLICY = {
    "budget": {"usd": 20, "period": "day"},
    "fallback": {"targets": ["a", "a-deployment-with-quite-a-long-name"]},
    "breaker": {"scope": "deployment", "failures": 2},
    "timeout": {"total": "5s"},
}
HIDDEN = """
const found = [];
for (const cell of document.querySelectorAll("h2, th, td, p")) {
  const box = cell.getBoundingClientRect(), frame = cell.closest("div");
  const right = frame ? frame.getBoundingClientRect().left + frame.scrollWidth : innerWidth;
  if (box.width < 1 || box.left < 0 || box.right > right + 1) found.push(cell.textContent);
}
return found;
"""
CONTRAST = """
function light(color) {
  const [r, g, b] = color.match(/[\\d.]+/g).slice(0, 3).map(part => {
    const c = part / 255;
    return c <= 0.03928 ? c / 12.92 : Math.pow((c + 0.055) / 1.055, 2.4);
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
const page = getComputedStyle(document.documentElement), text = getComputedStyle(document.body);
const dark = matchMedia("(prefers-color-scheme: dark)").matches;
const behind = page.backgroundColor === "rgba(0, 0, 0, 0)" ? (dark ? 0.006 : 1)
                                                           : light(page.backgroundColor);
const front = light(text.color);
return (Math.max(front, behind) + 0.05) / (Math.min(front, behind) + 0.05);
"""
"""Of text and page, after WCAG 2; a page without a colour has the browser's own, white or
#121212."""


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    with Chromium(tmp_path_factory.mktemp("browser")) as made:
        yield made


def looked_at(look):
    """What `look(url)` returns, of a gateway that has seen failures; and what it says then."""

    async def main():
        down, name = http(b"{}", "503 Down"), "a-deployment-with-quite-a-long-name"
        async with gateway(POLICY, **{"a": down, name: None}) as (url, _):
            async with aiohttp.ClientSession(url) as session:
                for _ in range(4):
                    async with session.post("/v1/chat/completions", json=HELLO) as answer:
                        assert answer.status == 200
                async with session.get("/?tables") as answer:
                    before = await answer.text()
            return await asyncio.to_thread(look, url), before

    return run(main(), 120)


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [400, 1280])
def test_the_page_is_readable(chromium, width, dark):
    """Nothing is cut off, nothing is pale, nothing complains; the page never scrolls sideways, only
    a wide table in its own frame."""

    def look(url):
        chromium.visit(url, width, dark)
        wide = chromium.evaluate("return document.documentElement.scrollWidth")
        return (
            wide,
            chromium.evaluate(HIDDEN),
            chromium.evaluate(CONTRAST),
            chromium.evaluate("return document.body.innerText"),
            chromium.complaints(),
        )

    (wide, hidden, contrast, text, complaints), _ = looked_at(look)
    assert wide <= width
    assert hidden == []
    assert contrast >= 7
    assert complaints == []
    for words in (
        "mine",
        "policy ",
        "opened",
        "503: 2",
        "of, USD",
        "a-deployment-with-quite-a-long-name",
    ):
        assert words in text


def test_without_a_script_it_says_the_same(chromium):
    """As tables; and with one, it asks this gateway alone, again and again."""

    def look(url):
        chromium.visit(url, 1280, False, script=False)
        bare = chromium._send("DOM.getDocument", depth=-1, pierce=True)
        chromium.visit(url, 1280, False)
        chromium.wait("performance.getEntriesByType('resource').length > 1")
        asked = chromium.evaluate(
            "return performance.getEntriesByType('resource').map(each => each.name)"
        )
        return str(bare), [each.removeprefix(url) for each in asked]

    (bare, asked), _ = looked_at(look)
    assert "a-deployment-with-quite-a-long-name" in bare
    assert set(asked) == {"/?tables"}
