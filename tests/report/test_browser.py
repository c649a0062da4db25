"""The report in a real browser: no error, no request, no code from names; every chart drawn, in
both themes, wide and on a phone."""

import pytest

import simroute as sr
from report.chromium import MARKS, browser
from report.conftest import SHORT

pytestmark = browser


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_loads_and_draws_every_chart(browse, ordinary, width, dark):
    """No console message, no request; each chart has marks; nothing is wider than the window; ink
    and paper differ in either theme."""
    browse.open(ordinary.out / "report.html", width, dark)
    charts = browse.evaluate(
        "return [...document.querySelectorAll('[data-figure]')].map(c => [c.dataset.figure, "
        "c.querySelectorAll(arguments[0]).length])",
        MARKS,
    )
    assert len(charts) >= 10
    assert [name for name, marks in charts if marks == 0] == []
    assert browse.evaluate("return document.querySelectorAll('.strip .lane i').length") > 5
    assert browse.evaluate("return document.documentElement.scrollWidth") <= width
    paper, ink, drawn = browse.evaluate(
        "const style = getComputedStyle(document.body), text = document.querySelector('.xtick "
        "text');"
        "return [style.backgroundColor, style.color, getComputedStyle(text).fill]"
    )
    bright = [
        sum(map(int, color[color.index("(") + 1 : -1].split(",")[:3])) > 382
        for color in (paper, ink, drawn)
    ]
    assert bright == ([False, True, True] if dark else [True, False, False])
    assert browse.complaints() == []
    assert browse.requests() == []


@pytest.mark.parametrize(
    ("width", "dark"), [(1280, False), (390, True)], ids=["wide", "phone, dark"]
)
def test_the_page_of_a_search_draws_every_panel(browse, searched, width, dark):
    """Side by side where there is room, one below another on a phone; no console message, no
    request."""
    browse.open(searched / "report.html", width, dark)
    charts = browse.evaluate(
        "return [...document.querySelectorAll('[data-figure]')].map(c => [c.dataset.figure, "
        "c.querySelectorAll(arguments[0]).length])",
        MARKS,
    )
    assert len(charts) == 10
    assert [name for name, marks in charts if marks == 0] == []
    lefts = browse.evaluate(
        "return [...document.querySelectorAll('#main_effects .chart')].map(c => "
        "c.getBoundingClientRect().left)"
    )
    assert len(set(lefts)) == (3 if width == 1280 else 1)
    assert browse.evaluate("return document.documentElement.scrollWidth") <= width
    assert browse.complaints() == []
    assert browse.requests() == []


def test_hostile_names_in_a_search_execute_nothing(browse, hostile_search):
    """Parameters, values, policies and scenarios stand in charts as text."""
    browse.open(hostile_search / "report.html")
    assert browse.evaluate("return window.pwned") is None
    assert (
        browse.evaluate("return document.querySelectorAll('img, image[href=x], svg script').length")
        == 0
    )
    drawn = browse.evaluate(
        "return [...document.querySelectorAll('svg text')].map(t => t.textContent).join('\\n')"
    )
    assert "breaker<image" in drawn
    assert browse.complaints() == []
    assert browse.requests() == []


def test_a_change_of_theme_redraws_the_charts(browse, ordinary):
    """The reader's setting is followed without loading again."""
    browse.open(ordinary.out / "report.html")
    ink = "getComputedStyle(document.querySelector('.xtick text')).fill"
    before = browse.evaluate(f"return {ink}")
    browse.set_theme(dark=True)
    browse.wait(f"{ink} !== '{before}'")
    assert browse.complaints() == []


@pytest.mark.parametrize("width", [1280, 390])
def test_hostile_names_execute_nothing_and_are_shown_as_text(browse, hostile, width):
    """R04: no script, image or handler of a name runs; its text stands in charts and tables."""
    browse.open(hostile.out / "report.html", width)
    assert browse.evaluate("return window.pwned") is None
    assert (
        browse.evaluate(
            "return document.querySelectorAll('img, image[href=x], svg image, svg script').length"
        )
        == 0
    )
    drawn = browse.evaluate(
        "return [...document.querySelectorAll('svg text')].map(t => t.textContent).join('\\n')"
    )
    assert "<script>" in drawn
    assert "<img src=x" in drawn
    assert "\u202e" not in browse.evaluate("return document.body.innerText")
    assert browse.complaints() == []
    assert browse.requests() == []


@pytest.mark.parametrize(
    ("width", "dark"), [(1280, False), (390, True)], ids=["wide", "phone, dark"]
)
def test_the_page_of_a_replay_shows_hostile_names_as_text(browse, replayed, width, dark):
    """R04, R10: every chart drawn, nothing executed, nothing wider than the window; users and
    features are text in charts and tables."""
    browse.open(replayed.out / "report.html", width, dark)
    charts = browse.evaluate(
        "return [...document.querySelectorAll('[data-figure]')].map(c => [c.dataset.figure, "
        "c.querySelectorAll(arguments[0]).length])",
        MARKS,
    )
    assert {
        "calibration_by_hour",
        "spend_by_model",
        "spend_by_feature",
        "spend_by_user",
        "spend_by_team",
        "spend_by_day",
    } <= {name for name, _ in charts}
    assert [name for name, marks in charts if marks == 0] == []
    assert browse.evaluate("return window.pwned") is None
    assert (
        browse.evaluate(
            "return document.querySelectorAll('img, image[href=x], svg image, svg script').length"
        )
        == 0
    )
    assert "<image href=x" in browse.evaluate(
        "return document.querySelector('#spend_by_user svg').textContent"
    )
    assert "\u202e" not in browse.evaluate("return document.body.textContent")
    assert browse.evaluate("return document.documentElement.scrollWidth") <= width
    assert browse.complaints() == []
    assert browse.requests() == []


def test_folded_sections_are_drawn_when_they_open(browse, ordinary):
    """The page is at most 6,000 pixels high before; a section's link opens it, and its charts have
    marks then."""
    browse.open(ordinary.out / "report.html", unfold=False)
    assert browse.evaluate("return document.documentElement.scrollHeight") <= 6000
    mark = f"document.querySelector('#latency {MARKS.split(',')[0]}')"
    assert browse.evaluate(f"return {mark}") is None
    browse.evaluate("document.querySelector('nav a[href=\"#how-slow\"]').click()")
    browse.wait(f"{mark} !== null")
    browse.evaluate("document.getElementById('unfold').click()")
    closed = "return document.querySelectorAll('section > details:not([open])').length"
    assert browse.evaluate(closed) == 0
    assert browse.complaints() == []


def test_no_button_sends_a_figure_anywhere(browse, ordinary):
    """plotly's cloud buttons are off."""
    browse.open(ordinary.out / "report.html")
    titles = browse.evaluate(
        "return [...document.querySelectorAll('.modebar-btn')].map(b => b.dataset.title || '')"
    )
    assert titles
    assert [
        title
        for title in titles
        if any(word in title.lower() for word in ("cloud", "share", "studio", "edit"))
    ] == []
    assert browse.evaluate("return document.querySelectorAll('a[href^=\"http\"]').length") == 0


def test_without_javascript_the_tables_carry_the_page(browse, ordinary):
    """Details open by hand, each picture says where its figures are."""
    browse.open(ordinary.out / "report.html", script=False)
    assert browse.evaluate("return document.querySelectorAll('.without').length") >= 10
    text = browse.evaluate(
        "const details = document.querySelector('figure details');"
        "details.querySelector('summary').click(); return details.innerText"
    )
    assert "100.00 %" in text


def test_without_javascript_a_replay_says_how_far_to_trust_it(browse, replayed):
    """Calibration, differences and shares stand in tables, in sections that open by hand."""
    browse.open(replayed.out / "report.html", script=False)
    for name, words in {
        "calibration": "residual",
        "counterfactuals": "verdict",
        "observed": "modelled",
        "caching": "assumed",
        "shifts": "saves",
    }.items():
        text = browse.evaluate(
            "const table = document.querySelector(arguments[0]);"
            "if (!table.checkVisibility())"
            "  table.closest('section').querySelector('summary').click();"
            "return table.checkVisibility() ? table.innerText : ''",
            f"#{name} table",
        )
        assert words in text


def test_the_page_is_used_with_a_keyboard(browse, ordinary):
    """Tab reaches the skip link, the sections, and every table; Enter opens one."""
    browse.open(ordinary.out / "report.html")
    active = (
        "const e = document.activeElement;"
        "return e.tagName + ' ' + (e.textContent || '').slice(0, 30)"
    )
    reached = []
    while not reached or (not reached[-1].startswith("SUMMARY Differences") and len(reached) < 60):
        browse.press("Tab")
        reached.append(browse.evaluate(active))
    assert reached[0] == "A Skip to the answer"
    assert any(one.startswith("A What happened") for one in reached)
    browse.press("Enter", "\r")
    assert browse.evaluate("return document.activeElement.parentElement.open") is True
    browse.press("Tab", shift=True)
    assert browse.evaluate(active) == reached[-2]


ASSUMED = {
    "one way": ["morning.error_share=0.1..1.0:3"],
    "two ways": ["morning.error_share=0.1..1.0:3", "morning.slow_down=1..4:2"],
    "tornado": [],
}


@pytest.fixture(scope="module", params=ASSUMED)
def assumed(request, tmp_path_factory):
    """The page of a study of assumptions, of each kind."""
    vary, path = (
        [f"scenario.outages.{text}" for text in ASSUMED[request.param]],
        tmp_path_factory.mktemp("assumed") / "report.html",
    )
    scenario = sr.load_scenario("demo", *SHORT, "scenario.workload.rate=0.2")
    found = sr.sensitivity(
        scenario, ["direct", "failover"], vary, "vary" if vary else "tornado", replications=2
    )
    path.write_text(found.report(), encoding="utf-8")
    return path


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True)], ids=["wide", "phone"])
def test_a_page_of_assumptions_draws_its_picture(browse, assumed, width, dark):
    """No console message, no request, marks in the chart, nothing wider than the window; the same
    figures in a table."""
    browse.open(assumed, width, dark)
    marks = "return document.querySelectorAll(arguments[0]).length"
    assert browse.evaluate(marks, f"{MARKS}, .heatmaplayer image") > 0
    assert browse.evaluate(marks, "figure table tr") > 2
    assert browse.evaluate("return document.documentElement.scrollWidth") <= width
    assert browse.complaints() == []
    assert browse.requests() == []
