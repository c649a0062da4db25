"""What a reader sees of each kind of page, wide and on a phone, in both themes: no label over
another, no empty panel, no text cut, text that can be read, and policies in their own colours."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

import simroute as sr
from made_logs import arrivals
from report.chromium import MARKS, thorough
from report.conftest import SHORT
from simroute.cli import cli
from simroute.models import spec
from simroute.report.colors import policy_looks
from simroute.report.html import skeleton

pytestmark = thorough
LAYOUT = (Path(__file__).parent / "layout.js").read_text(encoding="utf-8")
ASSUMED = {
    "vary": ["morning.error_share=0.1..1.0:3"],
    "vary two": ["morning.error_share=0.1..1.0:3", "morning.slow_down=1..4:2"],
    "tornado": [],
}
POLICIES = ["direct", "failover", "circuit_breaker", "cascade", "cached"]
KINDS = ["compare", "replay", "tune", *ASSUMED, "fit", "forecast", "yearly"]


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    """Twenty minutes at 2/s of two models, of which one fails."""
    when = arrivals(spec.Workload(rate=2.0), 1200.0)
    rows = [
        f"{int(1e9 * t)},{300 + 7 * (k % 90)},{50 + k % 40},p,m-{k % 2},{1 + k % 7 / 4},"
        f"{'true' if k % 20 == 3 else 'false'}"
        for k, t in enumerate(when.tolist())
    ]
    path = tmp_path_factory.mktemp("log") / "log.csv"
    head = "arrival_ns,input_tokens,output_tokens,provider,model,latency_s,failed"
    path.write_text("\n".join([head, *rows]), encoding="utf-8")
    return path


def assumed(kind, path):
    """The page of a study of assumptions."""
    scenario = sr.load_scenario("demo", *SHORT, "scenario.workload.rate=0.2")
    vary = [f"scenario.outages.{text}" for text in ASSUMED[kind]]
    study = sr.sensitivity(
        scenario, ["direct", "failover"], vary, "vary" if vary else "tornado", replications=2
    )
    path.write_text(study.report(), encoding="utf-8")


def called(*words):
    """Runs a command."""
    result = CliRunner().invoke(cli, list(words), standalone_mode=False)
    assert result.exception is None, result.exception


@pytest.fixture(scope="module", params=KINDS)
def page(request, tmp_path_factory):
    """A page of each kind."""
    kind = request.param
    known = {"compare": "ordinary", "replay": "replayed", "tune": "searched"}
    if kind in known:
        made = request.getfixturevalue(known[kind])
        return (made if kind == "tune" else made.out) / "report.html"
    folder = tmp_path_factory.mktemp("page")
    path = folder / "report.html"
    if kind in ASSUMED:
        assumed(kind, path)
    elif kind == "fit":
        words = ("-o", str(folder / "fitted.yaml"), "--report", str(path), "--quiet")
        called("fit", str(request.getfixturevalue("log")), *words)
    elif kind == "forecast":
        words = ("--out", str(folder), "--replications", "10", "--quiet")
        called("forecast", str(request.getfixturevalue("log")), *words)
    else:
        words = ["scenario=demo", "policy=direct,failover", "scenario.horizon=900s"]
        words += ["scenario.workload.rate=1", "scenario.outages.morning.per_year=12"]
        words += ["scenario.outages.morning.start=30%", "scenario.outages.morning.end=60%"]
        called(
            "compare", *words, "--yearly", "--replications", "3", "--out", str(folder), "--quiet"
        )
    return path


@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_overlaps_nothing_is_cut_and_no_panel_is_empty(browse, page, width):
    """Nor does an error bar leave its panel; text has a contrast of at least 4.5 : 1 on its page in
    both themes (WCAG 2.2, 1.4.3)."""
    browse.open(page, width)
    browse.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    assert browse.evaluate(LAYOUT, MARKS) == []
    for dark in (False, True):
        if dark:
            before = browse.evaluate("return getComputedStyle(document.body).color")
            browse.set_theme(dark=True)
            browse.wait(f"getComputedStyle(document.body).color !== '{before}'")
            browse.evaluate("return new Promise(done => setTimeout(done, 200))")
        paper, inks = browse.evaluate(
            "return [getComputedStyle(document.body).backgroundColor, [...new Set("
            "[...document.querySelectorAll('.xtick text, .ytick text, .legendtext, .xtitle, "
            ".ytitle, .annotation-text')].map(text => getComputedStyle(text).fill))]]"
        )
        assert inks
        assert [ink for ink in inks if contrast(paper, ink) < 4.5] == []
    assert browse.complaints() == []
    assert browse.requests() == []


def contrast(one, other):
    """Of two CSS colours (WCAG 2.2)."""
    dark, light = sorted(map(luminance, (one, other)))
    return (light + 0.05) / (dark + 0.05)


def luminance(color):
    parts = [int(part) / 255 for part in color[color.index("(") + 1 : -1].split(",")[:3]]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_a_policy_has_its_own_colour_in_each_legend(browse, page):
    """Whichever picture and page: that of its name."""
    browse.open(page)
    entries = browse.evaluate(
        "const filled = (fill) => fill.startsWith('url') ? document.getElementById("
        "fill.slice(6, -2)).firstElementChild.getAttribute('fill') : fill;"
        "return [...document.querySelectorAll('.legend .traces')].map(each => ["
        "each.querySelector('.legendtext').textContent, "
        "[...each.querySelectorAll('.layers path')].flatMap(path => [path.style.stroke, "
        "filled(path.style.fill)])])"
    )
    wrong = [
        (name, colors)
        for name, colors in entries
        if name in POLICIES and rgb(policy_looks([name])[name].color) not in colors
    ]
    assert wrong == []


def rgb(color):
    """#rrggbb as a browser writes it."""
    return f"rgb({', '.join(str(int(color[k : k + 2], 16)) for k in (1, 3, 5))})"


def test_the_check_sees_what_it_looks_for(browse, tmp_path):
    """A page with one of each fault: a label over another, an empty panel, a title that is cut, a
    bar of errors that leaves its panel, a paragraph beyond the window."""
    note = {"x": 1, "y": 2, "showarrow": False, "text": "a label"}
    point = {"type": "scatter", "mode": "markers", "x": [1], "y": [2]}
    plain = {"height": 200}
    charts = {
        "labels": ([point], {**plain, "annotations": [note, note | {"text": "another"}]}),
        "panel": ([point | {"yaxis": "y2"}], {**plain, **TWO_PANELS}),
        "title": ([point], {**plain, "yaxis": {"title": {"text": "a title " * 9}}}),
        "bars": (
            [point | {"error_y": {"type": "data", "array": [9]}}],
            {**plain, "yaxis": {"range": [1, 3]}},
        ),
        "sight": ([point], {**plain, "yaxis": {"range": [5, 6]}}),
        "sound": ([point], plain),
    }
    places = "".join(f'<div data-figure="{name}" style="width:600px"></div>' for name in charts)
    wide = '<p style="width:3000px">wide</p>'
    figures = {name: {"data": data, "layout": layout} for name, (data, layout) in charts.items()}
    path = tmp_path / "page.html"
    path.write_text(skeleton("", f"{places}{wide}", figures), encoding="utf-8")
    browse.open(path)
    found = browse.evaluate(LAYOUT, MARKS)
    assert [line for line in found if line.startswith("sound")] == []
    for words in (
        "labels: overlap: a label / another",
        "panel: empty panel y",
        "title: cut: a title",
        "sight: nothing in sight in panel xy",
        "bars: error bar leaves its panel",
        "P: beyond the window",
        "page: wider than the window",
    ):
        assert any(line.startswith(words) for line in found), (words, found)


TWO_PANELS = {
    "yaxis": {"domain": [0, 0.4], "range": [0, 1]},
    "yaxis2": {"domain": [0.6, 1], "anchor": "x"},
}
