"""The page of a search: what is recommended, what it was compared with, every figure as text, and
nothing that acts."""

import copy
import json
import re
from html import unescape

import pytest

from simroute.cli import main
from simroute.report.figures.search import settings
from simroute.report.figures.tuning import main_effects, pairs, standing
from simroute.report.tuning_page import render_page
from simroute.studies.tuning.outcome.sentences import sentences


@pytest.fixture(scope="module")
def found(searched):
    return json.loads((searched / "summary.json").read_text(encoding="utf-8"))


def text(html):
    """What a reader without JavaScript sees."""
    visible = re.sub(r"<(style|script)[^>]*>.*?</\1>", "", html, flags=re.S)
    return unescape(re.sub(r"<[^>]+>", " ", visible))


def rebuilt(folder, status=0):
    """The exit status of `simroute report`."""
    with pytest.raises(SystemExit) as left:
        main(["report", str(folder), "--quiet"])
    assert left.value.code == status


def test_the_page_is_built_again_byte_for_byte(searched):
    """From summary.json and config.yaml alone."""
    before = (searched / "report.html").read_bytes()
    (searched / "report.html").unlink()
    rebuilt(searched)
    assert (searched / "report.html").read_bytes() == before


def test_a_summary_that_was_edited_is_one_line(searched, tmp_path, capsys, found):
    """With what to do."""
    (tmp_path / "summary.json").write_text(json.dumps({**found, "space": 3}), encoding="utf-8")
    rebuilt(tmp_path, 2)
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert "is not as it was written" in line
    assert "simroute tune --config" in line


def test_the_answer_names_settings_and_figures_of_all_that_were_compared(searched, found):
    """Start, recommended and the other policy, each with its interval; which of them keep the
    bound; optimism."""
    shown = text((searched / "report.html").read_text(encoding="utf-8"))
    for name in (
        "start",
        "recommended",
        "failover",
        "breaker.failures",
        "breaker.scope",
        "in fresh weather",
        found["command_line"],
    ):
        assert name in shown
    for setting in (found["start"], found["recommended"], *found["against"]):
        row = setting["fresh"]["demo"]["cost_per_1k_requests_usd"]
        assert re.search(rf"\${row['mean']:.2f}\s+\({row['low']:.2f} to {row['high']:.2f}\)", shown)


def test_each_picture_has_its_figures_in_a_table(searched, found):
    """One panel a parameter, one a pair, one an objective or constraint; tables of each."""
    assert [len(made(found)) for made in (main_effects, pairs, standing)] == [3, 3, 2]
    html = (searched / "report.html").read_text(encoding="utf-8")
    figures = re.findall(r"<figure.*?</figure>", html, flags=re.S)
    assert len(figures) == 5
    assert all("<table" in figure for figure in figures)
    assert html.count('class="chart"') == html.count('class="without"') == 3 + 3 + 2 + 2


def test_the_page_allows_its_own_scripts_only(searched):
    """The policy of every report."""
    html = (searched / "report.html").read_text(encoding="utf-8")
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', html)[1]
    assert "default-src 'none'; script-src 'sha256-" in policy
    assert set(
        re.findall(
            r"""\b(?:src|href)=["']?(.)""", re.sub(r"<script.*?</script>", "", html, flags=re.S)
        )
    ) == {"#"}


def test_a_search_that_was_cut_short_says_so(found):
    """Without fresh weather the figures of the search stand there, and it is said that nothing was
    confirmed."""
    cut = {
        **found,
        "interrupted": True,
        "against": [],
        "replications": {**found["replications"], "fresh": 0},
    }
    shown = text(render_page(cut, ["so far"], ""))
    assert "Interrupted" in shown
    assert "nothing was confirmed in fresh weather" in shown


def test_hostile_names_stay_text(hostile_search):
    """No tag of a name gets into the page, in tables or sentences."""
    html = (hostile_search / "report.html").read_text(encoding="utf-8")
    body = re.sub(r"<script.*?</script>\n", "", html.partition("<body>")[2], flags=re.S)
    assert "<img" not in body
    assert "<image" not in body
    assert "<script>pwned" not in html
    assert "\u202e" not in html
    assert "onerror=pwned=2" in text(html)


def test_values_have_their_unit_and_one_value_is_no_range(found):
    """cooldown is in seconds, failures is a count; of a good range from one value to the same
    only that is told, and candidates stand with their values."""
    changed = copy.deepcopy(found)
    good = {"breaker.cooldown": [72.9, 72.9], "breaker.failures": [4, 9]}
    for row in changed["parameters"]:
        row["good"] = good.get(row["name"], row["good"])
    shown = " ".join(text(render_page(changed, [], "")).split())
    assert " 5 s to 300 s 72.9 s only " in shown
    assert " 2 to 20 4 to 9 " in shown
    table = settings(changed).table
    assert table.heads[1:4] == ["breaker.failures", "breaker.cooldown", "breaker.scope"]
    drawn = {row[0]: row for row in table.rows}
    for row in changed["candidates"]:
        if str(row["number"]) in drawn and "breaker.cooldown" in row["settings"]:
            assert drawn[str(row["number"])][2] == f"{row['settings']['breaker.cooldown']:g} s"


@pytest.mark.parametrize(
    ("count", "exhausted", "said"), [(6, False, True), (6, True, False), (10, False, False)]
)
def test_a_search_of_few_settings_is_a_hint(found, count, exhausted, said):
    """Unless there are no more than these; every number in the recommendation has its unit."""
    changed = copy.deepcopy(found)
    changed["evaluations"] |= {"candidates": count, "space_exhausted": exhausted}
    for name, cooldown in (("start", 30.0), ("recommended", 72.9)):
        changed[name]["settings"]["breaker.cooldown"] = cooldown
    changed["recommended"]["candidate"] = changed["start"]["candidate"] + 1
    lines = sentences(changed)
    assert "breaker.cooldown=72.9 s (was 30 s)" in lines[0]
    assert (f"Only {count} settings were tried: take this as a hint." in lines) == said
