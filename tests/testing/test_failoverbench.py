"""failoverbench's published scorecard, and what must not pass for it."""

import re
from itertools import islice

import failovers
import pytest

from simroute.testing.conformance import failoverbench, judge, read_items
from simroute.testing.conformance.failoverbench import results
from simroute.testing.conformance.faults import SetUp, read_setup

COLD = {"S01/openai_sdk", "S01/litellm_router", "S01/litellm_router_tuned"}
"""Cells that differ: docs/failoverbench.md says why."""


@pytest.fixture(scope="module")
def items(shared):
    return read_items(shared / "vectors" / "failoverbench.json")


@pytest.fixture(scope="module")
def verdicts(items):
    return {verdict.id: verdict for verdict in judge(items)}


def test_all_cells_of_systems_that_have_presets_hold_but_three(verdicts):
    """144 cells: attempts, verdict, gap and total."""
    words = [verdict.word for verdict in verdicts.values()]
    assert {each.id for each in verdicts.values() if each.word == "fail"} == COLD
    assert {each.id.split("/")[1] for each in verdicts.values() if each.word == "skip"} == {"dsh"}
    assert words.count("pass") == 144 - len(COLD)


def test_our_reference_passes_all_sixteen_faults(items):
    """At the middle of its jitter and at other draws, whatever was published of another one."""
    for item in items:
        if item["system"] == "reference_client":
            few = islice(results(item["fault"], "reference", read_setup(item["setup"])), 6)
            assert {result.verdict for result in few} == {"pass"}, item["id"]


def test_what_was_not_published_does_not_pass(items, monkeypatch):
    """A cell with another verdict, one attempt more, a longer gap or a later end."""
    monkeypatch.setattr(failoverbench, "DRAWS", 6)
    fields = {
        r"^\w+": lambda found: "safe" if found[0] != "safe" else "pass",
        r"(\d)p/": lambda found: f"{int(found[1]) + 1}p/",
        r"(\d)f": lambda found: f"{int(found[1]) + 1}f",
        r"gap ([\d.]+)": lambda found: f"gap {float(found[1]) + 1.2:.1f}",
        r"(?<=total )([\d.]+)$": lambda found: f"{float(found[1]) * 1.1 + 5:.1f}",
        r"/(\d+) served": lambda found: f"/{int(found[1]) + 9} served",
        r"back \+(\d+)": lambda found: f"back +{int(found[1]) + 9}",
    }
    wrong = [
        item | {"id": f"{item['id']} {pattern}", "published": made}
        for item in items[::13]
        if item["system"] != "dsh"
        for pattern, change in fields.items()
        if (made := re.sub(pattern, change, item["published"])) != item["published"]
    ]
    assert len(wrong) > 30
    assert [each.id for each in judge(wrong) if each.word != "fail"] == []


@pytest.mark.parametrize(
    ("setup", "system", "low", "high"),
    [
        # three time limits, .75 to 1 of .5 and 1 s, and OpenAI's client has nobody else
        ("30 s timeout; no_response 120 s", "openai_sdk", 90 + 1.125, 90 + 1.5),
        ("30 s timeout; no_response 20 s", "openai_sdk", 3 * 20 + 1.125, 3 * 20 + 1.5),
        # a whole answer behind the time limit to the headers
        ("20 tokens 30 ms apart; no_response 90 s", "portkey", 30.6, 30.6),
        # 3 pauses of .5, 1 and 2 s, each up to .75 s longer, and the answer
        ("no_response 10 s", "litellm_router", 30 + 3.5 + 0.9, 30 + 3.5 + 2.25 + 0.9),
    ],
)
def test_the_set_up_is_read_from_the_file(setup, system, low, high):
    """Of a provider that says nothing (S06) the end follows from the figures alone."""
    found = [result.total for result in islice(results("S06", system, read_setup(setup)), 8)]
    assert min(found) >= low - 1e-9
    assert max(found) <= high + 1e-9
    assert len(found) == (1 if low == high else 8)


def test_what_a_file_does_not_say_is_as_published(shared):
    """The words of the published file give the defaults."""
    text = read_items(shared / "vectors" / "failoverbench.json")[0]["setup"]
    assert read_setup(text) == read_setup("") == SetUp()


def test_a_cell_that_is_none_is_told():
    """As are faults and systems that are unknown."""
    base = {"id": "x", "setup": "", "fault": "S04", "system": "direct", "published": "well"}
    strange = [base, base | {"fault": "S99", "published": "safe 1p/0f 0.0"}]
    strange.append(base | {"system": "elsewhere", "published": "safe 1p/0f 0.0"})
    assert [(each.word, each.why) for each in judge(strange)] == [
        ("fail", "malformed: ValueError no cell: 'well'"),
        ("skip", "not expressible here: the fault S99"),
        ("skip", "not expressible here: a system without a preset: elsewhere"),
    ]


def test_the_page_is_what_its_script_writes(shared):
    """All cells, sums and differences."""
    page = (failovers.ROOT / "failoverbench.md").read_text(encoding="utf-8")
    assert failovers.page() == page
