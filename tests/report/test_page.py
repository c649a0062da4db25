"""The report as a file: self-contained, honest about what it leaves out, and every picture's
figures in a table."""

import base64
import gzip
import hashlib
import json
import re
from html.parser import HTMLParser

import pytest

import simroute as sr
from report.conftest import BREAKOUT, FORMULA, IMAGE, LONG, MARKS, SCRIPT, SHORT
from simroute.config.loading import load
from simroute.report import SECTIONS, Picture, RunDocuments, draw_pictures, render_page
from simroute.report.answer import outage_table
from simroute.studies.comparison.evidence import page_evidence
from simroute.studies.run import run_study
from simroute.units import span


class Seen(HTMLParser):
    """Tags with their attributes, and the text that a reader sees."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.text, self._inside = [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._inside.append(tag)

    def handle_endtag(self, tag):
        while self._inside and self._inside.pop() != tag:
            pass

    def handle_data(self, data):
        if not {"script", "style"} & set(self._inside):
            self.text.append(data)

    @property
    def words(self):
        return "".join(self.text)


@pytest.fixture(scope="module")
def html(ordinary):
    return (ordinary.out / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def seen(html):
    return Seen(html)


def drawn(study):
    """Its pictures by name."""
    return draw_pictures(RunDocuments(study.summary, page_evidence(study)))


def figures(html):
    """plotly's data, unpacked from the page."""
    packed = re.search(r'id="figures">([^<]*)</script>', html)[1]
    return json.loads(gzip.decompress(base64.b64decode(packed)))


def test_the_page_names_nothing_outside_itself(seen, html):
    """No link, image, style sheet, font or script of another address; at most 2.5 MB."""
    outside = [
        value
        for _, attrs in seen.tags
        for key, value in attrs.items()
        if key in ("src", "href", "srcset", "action") and value[:1] != "#"
    ]
    assert outside == []
    assert "url(" not in html.split("</style>")[0]
    assert "@import" not in html.split("</style>")[0]
    assert len(html.encode()) <= 2_500_000


def test_the_policy_of_the_page_allows_its_two_scripts_and_nothing_else(seen, html):
    """A strict Content-Security-Policy by hash, of the loader and of plotly as it is unpacked."""
    (policy,) = [
        attrs["content"]
        for tag, attrs in seen.tags
        if tag == "meta" and attrs.get("http-equiv") == "Content-Security-Policy"
    ]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    loader = html.rsplit("<script>", 1)[1].split("</script>")[0]
    plotly = gzip.decompress(base64.b64decode(re.search(r'id="plotly">([^<]*)</script>', html)[1]))
    wanted = {
        f"'sha256-{base64.b64encode(hashlib.sha256(text).digest()).decode()}'"
        for text in (loader.encode(), plotly)
    }
    assert set(rules["script-src"].split()) == wanted
    assert not any(key.startswith("on") for _, attrs in seen.tags for key in attrs)


def test_the_sections_come_as_question_answer_evidence_assumptions(seen):
    """Headings in the order in which a reader asks."""
    found = [attrs["id"] for tag, attrs in seen.tags if tag in ("header", "section")]
    assert found == [
        "answer",
        "what-happened",
        "what-failed-and-why",
        "what-policies-did",
        "what-it-costs",
        "how-slow",
        "how-good",
        "one-request-explained",
        "assumptions",
    ]


def test_every_picture_has_its_figures_in_a_table(ordinary, seen, html):
    """As many charts as tables behind them; for the lines of success and spend each point is a
    cell."""
    found = {
        name: picture for name, picture in drawn(ordinary).items() if isinstance(picture, Picture)
    }
    assert (
        set(figures(html))
        == set(found)
        == {attrs["data-figure"] for _, attrs in seen.tags if "data-figure" in attrs}
    )
    assert all(
        len(picture.table.rows) > 0
        and all(len(row) == len(picture.table.heads) for row in picture.table.rows)
        for picture in found.values()
    )
    for name in ("success_over_time", "latency_over_time", "targets_over_time"):
        points = {len(trace["y"]) for trace in found[name].figure["data"]}
        assert points == {len(found[name].table.rows)}
    said = seen.words
    assert all(cell in said for cell in found["success_over_time"].table.rows[3])


def test_the_figures_of_the_answer_are_those_of_the_summary(ordinary, seen):
    """Mean and bounds of success, rounded, stand in the text; the first table names every
    policy."""
    for policy in ordinary.runs:
        found = ordinary.summary["policies"][policy]["metrics"]["success_rate"]
        mean, low, high = (
            float(text) for text in re.findall(r"\d+\.\d+", span(**found, unit="share"))
        )
        assert [mean, low, high] == pytest.approx(
            [100 * found[key] for key in ("mean", "low", "high")], abs=(high - low) / 20 + 1e-4
        )
        shown, bounds = span(**found, unit="share").split(" (")
        assert shown in seen.words
        assert f"({bounds}" in seen.words
        assert policy in seen.words


def test_no_figure_is_shown_with_a_float_s_digits(seen):
    """Nothing like 0.9973218: at most five decimals anywhere outside the resolved configuration, or
    three digits where money begins later ($0.000607)."""
    text = "|".join(seen.text).split("The resolved configuration")[0]
    assert re.findall(r"\d+\.(?!0*[1-9]\d{0,2}(?!\d))\d{6,}", text) == []


def test_best_and_undecided_values_are_marked(ordinary):
    """The best mean of a column, and those whose paired difference to it may be chance."""
    marks = page_evidence(ordinary)["marks"]["success_rate"]
    means = {policy: ordinary.intervals[policy]["success_rate"].mean for policy in ordinary.runs}
    (best,) = [policy for policy, mark in marks.items() if mark == "best"]
    assert best == max(means, key=means.get)
    assert "direct" not in marks  # two fifths of its calls fail for a third of the time


def test_what_would_be_empty_is_left_out_with_the_reason():
    """Without outage, breaker, budget, users or cache the page says so instead of showing empty
    charts."""
    plain = [
        "scenario.horizon=300s",
        "~scenario.outages",
        "~scenario.budget",
        "~scenario.workload.users",
        "~scenario.workload.features",
    ]
    study = run_study(load("compare", "demo", ["direct", "failover"], plain, 1, 2))
    found = drawn(study)
    assert {name for name, picture in found.items() if isinstance(picture, str)} >= {
        "breakers",
        "spend_by_feature",
        "spend_by_user",
        "budget",
        "shortcuts",
    }
    words = Seen(render_page(study.summary, page_evidence(study))).words
    assert all(picture in words for picture in found.values() if isinstance(picture, str))
    assert "The weather was fair" in words


def test_r12_a_run_without_requests_says_so():
    """No mean over nothing: n/a (0 requests), every chart left out or drawn empty-handed with a
    sentence, null in JSON."""
    study = run_study(
        load(
            "compare",
            "demo",
            ["direct", "failover"],
            ["scenario.horizon=60s", "scenario.workload.rate=0", "~scenario.outages"],
            1,
            2,
        )
    )
    words = Seen(render_page(study.summary, page_evidence(study))).words
    assert "n/a (0 requests)" in words
    assert "NaN" not in json.dumps([study.summary, page_evidence(study)], allow_nan=False)


def test_hostile_names_are_text(hostile):
    """R04, R10: scripts and images in names are shown, not made; bidi marks escaped; long names cut
    with an ellipsis."""
    html = (hostile.out / "report.html").read_text(encoding="utf-8")
    seen = Seen(html)
    assert [tag for tag, _ in seen.tags if tag in ("image", "img", "b") and tag != "b"] == []
    assert sum(tag == "script" for tag, _ in seen.tags) == 4
    assert SCRIPT in seen.words
    assert IMAGE[:20] in seen.words
    assert BREAKOUT[:20] in seen.words
    assert "\u202e" not in html
    assert "evil\\u202etxt.exe" in seen.words
    shown = seen.words.split("The resolved configuration")[0]
    assert LONG not in shown
    assert "longlonglong" in shown
    assert MARKS[:10] not in shown
    assert json.dumps(LONG)[1:-1] in (hostile.out / "summary.json").read_text(encoding="utf-8")


def test_no_label_in_a_chart_can_be_markup(hostile):
    """plotly reads a little HTML in its texts: every text that holds a user's word is escaped."""
    html = (hostile.out / "report.html").read_text(encoding="utf-8")

    def texts(value):
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            yield from (text for item in value.values() for text in texts(item))
        elif isinstance(value, list):
            yield from (text for item in value for text in texts(item))

    found = [text for text in texts(figures(html)) if "<" in text]
    assert {
        re.sub(r"<extra>%\{fullData\.name\}</extra>|<extra></extra>|<br>", "", text).count("<")
        for text in found
    } == {0}
    assert any("&lt;script&gt;" in text for text in texts(figures(html)))


def test_twelve_policies_still_make_a_page_of_at_most_two_and_a_half_megabytes(tmp_path):
    """Slices are made coarser where there are many panels."""
    for number in range(12):
        (tmp_path / f"policy_{number}.yaml").write_text(
            f"fallback: {{}}\ntimeout: {{total: {10 + number}s}}\n", encoding="utf-8"
        )
    names = [str(tmp_path / f"policy_{number}.yaml") for number in range(12)]
    made = load("compare", "demo", names, [*SHORT, "scenario.workload.rate=0.5"], 1, 2)
    study = run_study(made)
    assert len(render_page(study.summary, page_evidence(study)).encode()) <= 2_500_000


def test_the_same_run_gives_the_same_page(ordinary):
    """Byte for byte, so that reports can be compared."""
    again = run_study(load("compare", "demo", list(ordinary.runs), SHORT, 1, 3))
    assert render_page(again.summary, page_evidence(again)) == (
        ordinary.out / "report.html"
    ).read_text(encoding="utf-8")


def test_a_study_gives_plotly_figures_by_name(ordinary):
    """study.figures holds plotly's own objects, under the names of the page."""
    import plotly.graph_objects as go

    assert set(ordinary.figures) <= {name for section in SECTIONS.values() for name in section}
    assert all(isinstance(figure, go.Figure) for figure in ordinary.figures.values())
    named = {trace.name for trace in ordinary.figures["success_over_time"].data}
    assert named == set(ordinary.runs)


def test_a_study_and_a_result_show_themselves_in_a_notebook(ordinary):
    """_repr_html_ holds the verdict and a table, and escapes what users wrote."""
    shown = ordinary._repr_html_()
    assert "circuit_breaker" in shown
    assert "<table" in shown
    assert "success" in sr.simulate(sr.load_scenario("demo", *SHORT), "direct")._repr_html_()


def test_data_keep_the_names_of_a_log_whole(replayed):
    """R10: ten thousand characters, bidi and combining marks are cut and escaped on the page, and
    whole in the summary and for a spreadsheet."""
    sheet = (replayed.out / "spend.csv").read_text(encoding="utf-8")
    html = (replayed.out / "report.html").read_text(encoding="utf-8")
    for name in (LONG, MARKS):
        assert name in replayed.replay["spend"]["user"]["names"]
        assert name in sheet
        assert name not in html.split('<script type="text/plain"')[0]
    assert f"'{FORMULA}".replace('"', '""') in sheet
    assert "\u202e" not in html


def test_the_breakers_picture_has_a_lane_for_each_breaker(tmp_path):
    """Two deployments share a provider's breaker: one lane under its name, open from its first
    opening to its last closing, whoever was asked."""
    deployment = {"model": "m", "price": {"input": 1, "output": 2}, "latency": {"base": "100ms"}}
    scenario = {
        "horizon": "600s",
        "workload": {"rate": 5},
        "deployments": {
            name: deployment | {"provider": "big corp" if name != "c" else "y"} for name in "abc"
        },
        "outages": {
            "o": {"provider": "big corp", "start": "100s", "end": "300s", "error_share": 1.0}
        },
    }
    policy = {
        "route": {"weights": {"a": 1, "b": 1}},
        "fallback": {"targets": ["a", "c"]},
        "breaker": {"scope": "provider", "cooldown": "10s"},
    }
    for name, data in (("s", scenario), ("p", policy)):
        (tmp_path / f"{name}.yaml").write_text(json.dumps(data), encoding="utf-8")
    study = run_study(
        load("compare", str(tmp_path / "s.yaml"), [str(tmp_path / "p.yaml")], [], 1, 1)
    )
    turns = page_evidence(study)["policies"]["p"]["turns"]
    assert {whose for *_, whose in turns} == {"big corp"}
    words = [word for _, word, *_ in turns]
    assert words[:2] == ["opened", "half_opened"]
    assert words[-1] == "closed"
    assert words.count("closed") == 1
    picture = drawn(study)["breakers"]
    ((_, lane, times, *_),) = picture.table.rows
    assert (lane, int(times)) == ("big corp", words.count("opened"))
    ends = [
        base + length
        for bar in picture.figure["data"]
        for base, length in zip(bar["base"], bar["x"], strict=True)
    ]
    starts = [base for bar in picture.figure["data"] for base in bar["base"]]
    minute = 60.0
    assert 100.0 <= min(starts) * minute < 103.0
    assert 300.0 <= max(ends) * minute < 312.0


def test_a_replay_without_weather_of_its_own_does_not_call_the_log_s_weather_fair(replayed):
    """Nothing is laid over the log, whose own failures stay: the page says which it means."""
    words = Seen((replayed.out / "report.html").read_text(encoding="utf-8")).words
    assert "The weather was fair" not in words
    assert "Nothing was laid over the log" in words


def test_the_table_of_an_outage_has_when_it_was_noticed_and_how_long_a_failover_takes(ordinary):
    """A policy without a breaker notices nothing and has no failover."""
    run = RunDocuments(ordinary.summary, page_evidence(ordinary))
    table = outage_table(run)
    assert table is not None
    cells = {row[0].text: [cell.text for cell in row[1:]] for row in table.rows}
    assert cells["direct"][::2] == ["never", "none"]
    metrics = ordinary.intervals["circuit_breaker"]
    assert cells["circuit_breaker"][0].startswith(span(*metrics["detection_s"], unit="s"))
    assert cells["circuit_breaker"][2] == span(*metrics["failover_p95_s"], unit="s")


def test_without_an_outage_there_is_no_such_table():
    """Though some calls fall over even then."""
    fair = run_study(load("compare", "steady", ["failover"], ["scenario.horizon=300s"], 1, 2))
    assert outage_table(RunDocuments(fair.summary, page_evidence(fair))) is None
