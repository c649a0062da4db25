"""The report in a real browser: no error, no request, no code from names; every chart drawn, in
both themes, wide and on a phone."""

import json
import os
import shutil
import time

import pytest

import simroute as sr
from report.conftest import SHORT

CHROMIUM = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)
DRIVER = shutil.which("chromedriver")
MISSING = (
    "no chromium with chromedriver: install Debian's chromium and chromium-driver to check "
    "reports in a browser"
)
IS_REQUIRED = os.environ.get("SIMROUTE_BROWSER") == "required"
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not ((CHROMIUM and DRIVER) or IS_REQUIRED), reason=MISSING),
]
QUIET = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)
MARKS = (
    ".scatterlayer .trace path, .scatterlayer .trace .point, .barlayer .point path, "
    ".heatmaplayer image"
)
UNFOLD = "document.querySelectorAll('section > details').forEach(fold => fold.open = true)"


@pytest.fixture(scope="module")
def driver(tmp_path_factory):
    """One browser for all of them."""
    if not (CHROMIUM and DRIVER):
        pytest.fail(MISSING)
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for word in (
        *QUIET,
        "--window-size=1280,1000",
        f"--user-data-dir={tmp_path_factory.mktemp('browser')}",
    ):
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    made = webdriver.Chrome(options=options, service=Service(DRIVER))
    yield made
    made.quit()


@pytest.fixture
def browse(driver):
    """Opens a page afresh: width, theme, with or without JavaScript, with its sections unfolded."""

    def opens(path, width=1280, dark=False, script=True, unfold=True):
        driver.get("about:blank")
        driver.get_log("browser"), driver.get_log("performance")  # what earlier pages left
        driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": not script})
        driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": 1000, "deviceScaleFactor": 1, "mobile": width < 600},
        )
        theme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": theme})
        driver.get(path.as_uri())
        deadline = time.monotonic() + 30
        while (
            script
            and driver.execute_script("return document.documentElement.dataset.ready") != "yes"
        ):
            assert time.monotonic() < deadline, driver.get_log("browser")
            time.sleep(0.1)
        if script and unfold:
            driver.execute_script(UNFOLD)
            time.sleep(0.3)  # the charts are drawn when a section has opened
        return driver

    yield opens
    driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def requested(driver):
    """Addresses that the page asked for, beside itself."""
    entries = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    sent = [entry["params"] for entry in entries if entry["method"] == "Network.requestWillBeSent"]
    # not the browser's own first page
    asked = [one["request"]["url"] for one in sent if one["documentURL"].startswith("file:")]
    assert asked, "the log holds the page itself"
    return [url for url in asked if not url.startswith(("file:", "data:", "blob:"))]


def complaints(driver):
    return [entry for entry in driver.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_loads_and_draws_every_chart(browse, ordinary, width, dark):
    """No console message, no request; each chart has marks; nothing is wider than the window; ink
    and paper differ in either theme."""
    driver = browse(ordinary.out / "report.html", width, dark)
    charts = driver.execute_script(
        "return [...document.querySelectorAll('[data-figure]')].map(c => [c.dataset.figure, "
        "c.querySelectorAll(arguments[0]).length])",
        MARKS,
    )
    assert len(charts) >= 10
    assert [name for name, marks in charts if marks == 0] == []
    assert driver.execute_script("return document.querySelectorAll('.strip .lane i').length") > 5
    assert driver.execute_script("return document.documentElement.scrollWidth") <= width
    paper, ink, drawn = driver.execute_script(
        "const style = getComputedStyle(document.body), text = document.querySelector('.xtick "
        "text');"
        "return [style.backgroundColor, style.color, getComputedStyle(text).fill]"
    )
    bright = [
        sum(map(int, color[color.index("(") + 1 : -1].split(",")[:3])) > 382
        for color in (paper, ink, drawn)
    ]
    assert bright == ([False, True, True] if dark else [True, False, False])
    assert complaints(driver) == []
    assert requested(driver) == []


@pytest.mark.parametrize(
    ("width", "dark"), [(1280, False), (390, True)], ids=["wide", "phone, dark"]
)
def test_the_page_of_a_search_draws_every_panel(browse, searched, width, dark):
    """Side by side where there is room, one below another on a phone; no console message, no
    request."""
    driver = browse(searched / "report.html", width, dark)
    charts = driver.execute_script(
        "return [...document.querySelectorAll('[data-figure]')].map(c => [c.dataset.figure, "
        "c.querySelectorAll(arguments[0]).length])",
        MARKS,
    )
    assert len(charts) == 10
    assert [name for name, marks in charts if marks == 0] == []
    lefts = driver.execute_script(
        "return [...document.querySelectorAll('#main_effects .chart')].map(c => "
        "c.getBoundingClientRect().left)"
    )
    assert len(set(lefts)) == (3 if width == 1280 else 1)
    assert driver.execute_script("return document.documentElement.scrollWidth") <= width
    assert complaints(driver) == []
    assert requested(driver) == []


def test_hostile_names_in_a_search_execute_nothing(browse, hostile_search):
    """Parameters, values, policies and scenarios stand in charts as text."""
    driver = browse(hostile_search / "report.html")
    time.sleep(0.5)
    assert driver.execute_script("return window.pwned") is None
    assert (
        driver.execute_script(
            "return document.querySelectorAll('img, image[href=x], svg script').length"
        )
        == 0
    )
    drawn = driver.execute_script(
        "return [...document.querySelectorAll('svg text')].map(t => t.textContent).join('\\n')"
    )
    assert "breaker<image" in drawn
    assert complaints(driver) == []
    assert requested(driver) == []


def test_a_change_of_theme_redraws_the_charts(browse, ordinary):
    """The reader's setting is followed without loading again."""
    driver = browse(ordinary.out / "report.html")
    ink = "return getComputedStyle(document.querySelector('.xtick text')).fill"
    before = driver.execute_script(ink)
    driver.execute_cdp_cmd(
        "Emulation.setEmulatedMedia",
        {"features": [{"name": "prefers-color-scheme", "value": "dark"}]},
    )
    time.sleep(1)
    assert driver.execute_script(ink) != before
    assert complaints(driver) == []


@pytest.mark.parametrize("width", [1280, 390])
def test_hostile_names_execute_nothing_and_are_shown_as_text(browse, hostile, width):
    """R04: no script, image or handler of a name runs; its text stands in charts and tables."""
    driver = browse(hostile.out / "report.html", width)
    time.sleep(0.5)
    assert driver.execute_script("return window.pwned") is None
    assert (
        driver.execute_script(
            "return document.querySelectorAll('img, image[href=x], svg image, svg script').length"
        )
        == 0
    )
    drawn = driver.execute_script(
        "return [...document.querySelectorAll('svg text')].map(t => t.textContent).join('\\n')"
    )
    assert "<script>" in drawn
    assert "<img src=x" in drawn
    assert "\u202e" not in driver.execute_script("return document.body.innerText")
    assert complaints(driver) == []
    assert requested(driver) == []


@pytest.mark.parametrize(
    ("width", "dark"), [(1280, False), (390, True)], ids=["wide", "phone, dark"]
)
def test_the_page_of_a_replay_shows_hostile_names_as_text(browse, replayed, width, dark):
    """R04, R10: every chart drawn, nothing executed, nothing wider than the window; users and
    features are text in charts and tables."""
    driver = browse(replayed.out / "report.html", width, dark)
    time.sleep(0.5)
    charts = driver.execute_script(
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
    assert driver.execute_script("return window.pwned") is None
    assert (
        driver.execute_script(
            "return document.querySelectorAll('img, image[href=x], svg image, svg script').length"
        )
        == 0
    )
    assert "<image href=x" in driver.execute_script(
        "return document.querySelector('#spend_by_user svg').textContent"
    )
    assert "\u202e" not in driver.execute_script("return document.body.textContent")
    assert driver.execute_script("return document.documentElement.scrollWidth") <= width
    assert complaints(driver) == []
    assert requested(driver) == []


def test_folded_sections_are_drawn_when_they_open(browse, ordinary):
    """The page is at most 6,000 pixels high before; a section's link opens it, and its charts have
    marks then."""
    driver = browse(ordinary.out / "report.html", unfold=False)
    assert driver.execute_script("return document.documentElement.scrollHeight") <= 6000
    marks = "return document.querySelectorAll(`#latency ${arguments[0]}`).length"
    first = MARKS.split(",")[0]
    assert driver.execute_script(marks, first) == 0
    driver.execute_script("document.querySelector('nav a[href=\"#how-slow\"]').click()")
    time.sleep(0.5)
    assert driver.execute_script(marks, first) > 0
    driver.execute_script("document.getElementById('unfold').click()")
    closed = "return document.querySelectorAll('section > details:not([open])').length"
    assert driver.execute_script(closed) == 0
    assert complaints(driver) == []


def test_no_button_sends_a_figure_anywhere(browse, ordinary):
    """plotly's cloud buttons are off."""
    driver = browse(ordinary.out / "report.html")
    titles = driver.execute_script(
        "return [...document.querySelectorAll('.modebar-btn')].map(b => b.dataset.title || '')"
    )
    assert titles
    assert [
        title
        for title in titles
        if any(word in title.lower() for word in ("cloud", "share", "studio", "edit"))
    ] == []
    assert (
        driver.execute_script("return document.querySelectorAll('a[href^=\"http\"]').length") == 0
    )


def test_without_javascript_the_tables_carry_the_page(browse, ordinary):
    """Details open by hand, each picture says where its figures are."""
    from selenium.webdriver.common.by import By

    driver = browse(ordinary.out / "report.html", script=False)
    assert len(driver.find_elements(By.CSS_SELECTOR, ".without")) >= 10
    details = driver.find_elements(By.CSS_SELECTOR, "figure details")
    details[0].find_element(By.TAG_NAME, "summary").click()
    assert "100.00 %" in details[0].text


def test_without_javascript_a_replay_says_how_far_to_trust_it(browse, replayed):
    """Calibration, differences and shares stand in tables, in sections that open by hand."""
    from selenium.webdriver.common.by import By

    driver = browse(replayed.out / "report.html", script=False)
    for name, words in {
        "calibration": "residual",
        "counterfactuals": "verdict",
        "observed": "modelled",
        "caching": "assumed",
        "shifts": "saves",
    }.items():
        table = driver.find_element(By.CSS_SELECTOR, f"#{name} table")
        if not table.is_displayed():
            table.find_element(By.XPATH, "ancestor::section//summary").click()
        assert table.is_displayed()
        assert words in table.text


def test_the_page_is_used_with_a_keyboard(browse, ordinary):
    """Tab reaches the skip link, the sections, and every table; Enter opens one."""
    from selenium.webdriver import ActionChains
    from selenium.webdriver.common.keys import Keys

    driver = browse(ordinary.out / "report.html")
    reached = []
    for _ in range(12):
        ActionChains(driver).send_keys(Keys.TAB).perform()
        reached.append(
            driver.execute_script(
                "const e = document.activeElement; return e.tagName + ' ' + (e.textContent || "
                "'').slice(0, 30)"
            )
        )
    assert reached[0] == "A Skip to the answer"
    assert any(one.startswith("A What happened") for one in reached)
    (place,) = [i for i, one in enumerate(reached) if one.startswith("SUMMARY Differences")][:1]
    for _ in range(len(reached) - 1 - place):
        ActionChains(driver).key_down(Keys.SHIFT).send_keys(Keys.TAB).key_up(Keys.SHIFT).perform()
    ActionChains(driver).send_keys(Keys.ENTER).perform()
    assert driver.execute_script("return document.activeElement.parentElement.open") is True


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
    driver = browse(assumed, width, dark)
    marks = "return document.querySelectorAll(arguments[0]).length"
    assert driver.execute_script(marks, f"{MARKS}, .heatmaplayer image") > 0
    assert driver.execute_script(marks, "figure table tr") > 2
    assert driver.execute_script("return document.documentElement.scrollWidth") <= width
    assert complaints(driver) == []
    assert requested(driver) == []
