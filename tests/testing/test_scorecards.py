"""Scorecards of failoverbench's form that others write: other figures, names and tolerances, and
what is none."""

import json
from copy import deepcopy
from types import SimpleNamespace

import pytest

from simroute.config import yaml_reader
from simroute.testing.conformance import judge, read_file, read_items
from simroute.testing.conformance.failoverbench import cells as cell_runs
from simroute.testing.conformance.failoverbench import systems
from simroute.testing.conformance.failoverbench.faults import fault_of, read_setup
from simroute.testing.conformance.failoverbench.scorecard import cells, remarks


@pytest.fixture(scope="module")
def items(shared):
    return read_items(shared / "vectors" / "failoverbench.json")


def judged(setup, faults, tolerance=""):
    """Verdicts of a scorecard."""
    items = cells({"setup": setup, "tolerance": tolerance, "scorecard": faults})
    return {verdict.id: verdict for verdict in judge(items)}


def test_a_preset_that_does_something_else_fails(items, monkeypatch):
    """One try more, another back-off, another time limit, no fallback: each is seen in a cell, so
    what is compared is the preset's file."""
    of = {}
    for item in items:
        of.setdefault(item["system"], []).append(item)
    changes = [
        ("openai_sdk", lambda layers: layers["retry"].update(attempts=4)),
        ("langchain", lambda layers: layers["retry"]["backoff"].update(initial="2s")),
        ("langchain", lambda layers: layers.pop("fallback")),
        ("litellm_proxy", lambda layers: layers["litellm"].update(fallbacks={})),
        ("litellm_router", lambda layers: layers["litellm"].update(num_retries=3)),
        ("portkey_oss_1.15.2", lambda layers: layers["timeout"].update(first_token="20s")),
        ("bifrost_2.1.1", lambda layers: layers.pop("reconnect")),
        ("dsh", lambda layers: layers["timeout"].update(first_token="5s")),
        ("dsh", lambda layers: layers.pop("whole")),
        ("reference_client", lambda layers: layers["retry"].update(attempts=2)),
    ]
    monkeypatch.setattr(cell_runs, "DRAWS", 8)
    for system, change in changes:
        with monkeypatch.context() as patch:
            changed_file(patch, change)
            assert any(verdict.word == "fail" for verdict in judge(of[system])), system


def changed_file(patch, change):
    """As if the file of every preset had been changed so."""
    read = yaml_reader.read

    def changed(path):
        found = read(path)
        data = deepcopy(found.data)
        change(data)
        return SimpleNamespace(data=data)

    patch.setattr(systems, "yaml_reader", SimpleNamespace(read=changed))


@pytest.mark.parametrize(
    ("setup", "figures"),
    [
        ("timeout 10 s, retries 1", {"timeout": 10.0, "retries": 1}),
        ("500 ms timeout; 1 min no response", {"timeout": 0.5}),
        ("90 tokens 0.03 s apart", {"tokens": 90, "gap": 0.03}),
        ("2 retries, no fallback", {"fallbacks": 0}),
        ("0 fallbacks", {"fallbacks": 0}),
        ("no_response 2 min; flap: 30 s", {"silence": 120.0, "outage": 30.0}),
        ("Retry-After 7 s", {"retry_after": 7.0}),
        (
            "Bifrost back-off 1000 ms to 10 s without jitter",
            {"backoffs": (("bifrost", 1.0, 10.0, False, False),)},
        ),
    ],
)
def test_a_set_up_may_be_said_otherwise(setup, figures):
    """The number before the word or behind it, and other units."""
    made = read_setup(setup)
    assert {name: getattr(made, name) for name in figures} == figures


@pytest.mark.parametrize(
    ("title", "kind", "figures"),
    [
        ("500 three times, then healthy", "once", {"times": 3}),
        ("first 2 requests 502", "once", {"times": 2}),
        ("500 for 10 s, then healthy", "once", {"until": 10.0}),
        ("connection refused, once", "reset", {"times": 1}),
        ("TLS handshake failure", "reset", {"times": None}),
        ("DNS failure, twice", "reset", {"times": 2}),
        ("TCP reset mid-stream after 10 tokens", "cut", {"times": None}),
        ("rate limited without Retry-After", "persistent", {"times": None}),
        ("429 with Retry-After 7 s twice, then healthy", "limited", {"times": 2}),
    ],
)
def test_a_fault_says_how_often_it_happens(title, kind, figures):
    """Nothing in a name is read as something else."""
    fault = fault_of("S99", title, "")
    assert fault.kind == kind
    assert {name: getattr(fault, name) for name in figures} == figures


@pytest.mark.parametrize(
    "title",
    [
        "S17 503 persistent on both providers",
        "S18 500 on every second request",
        "S19 503 persistent, fallback down too",
        "S20 intermittent 500",
        "S21 429 for 30 % of requests",
    ],
)
def test_a_fault_that_is_not_the_primarys_from_its_first_call_on_is_skipped(title):
    """It would else be played as one that is."""
    (found,) = judged("", {title: {"direct": "safe 1p/0f"}}).values()
    assert (found.word, "a fault that is" in found.why) == ("skip", True)


def test_other_values_give_what_arithmetic_gives():
    """One retry after 1 s and a whole answer of .9 s; without anybody else the retries' time, of
    LiteLLM's Router also the pause after the last."""
    setup = "60 tokens 15 ms apart; baseline 1 retry, 10 s timeout, 1 fallback. "
    setup += "Bifrost back-off 1000 ms to 10 s without jitter, Retry-After ignored"
    found = judged(
        setup,
        {
            "S04 503 persistent": {
                "bifrost": "pass 2p/1f gap 1.0 total 1.9",
                "portkey": "pass 2p/1f gap 1.0 total 1.9",
            },
            "S06 no response at all (60 s)": {
                "direct": "safe 1p/0f 10.0",
                "dsh": "pass 1p/1f 11.9",
                "portkey": "pass 1p/1f 10.9",
            },
        },
    )
    found |= judged(
        "2 retries, no fallback",
        {
            "S44 503 persistent": {
                "portkey": "safe 3p/0f gap 1.0 total 3.0",
                "dsh": "safe 1p/0f 1.0",
                "litellm_router": "safe 3p/0f gap .9 total 4.6",
            }
        },
    )
    assert [str(each) for each in found.values() if each.word != "pass"] == []
    assert len(found) == 8


def test_a_cell_that_fails_says_what_was_expected_and_what_came():
    """Attempts, gap and total, by name; ids of faults without a number are their names."""
    found = judged(
        "",
        {
            "503 persistent": {
                "portkey_oss_2": "pass 4p/0f gap 2.0 total 3.9",
                "direct": "safe 1p/0f 3.0",
            }
        },
    )
    assert [str(each) for each in found.values()] == [
        "fail 503-persistent/portkey_oss_2: attempts at the primary: expected 4, came 3; attempts "
        "at the fallback: expected 0, came 1; gap: expected 2, came 1 (published pass 4p/0f gap "
        "2.0 total 3.9, simulated pass 3p/1f gap 1.0 total 3.9)",
        "fail 503-persistent/direct: total: expected 3, came 0 (published safe 1p/0f 3.0, "
        "simulated safe 1p/0f total 0.0)",
    ]


@pytest.mark.parametrize(
    ("tolerance", "word"),
    [
        ("", "fail"),
        ("total within 0.3 s or 5 %", "fail"),
        ("attempts exact; total within 0.3 s or 20 %", "pass"),
        ("total within 700 ms", "pass"),
        ("total within 16 %", "pass"),
        ("total within 0.5 s or 1 %", "fail"),
    ],
)
def test_a_file_states_its_own_tolerance(tolerance, word):
    """Portkey's two pauses and the answer take 3.9 s, not 4.5."""
    cell = {"S04 503 persistent": {"portkey": "pass 3p/1f gap 1.0 total 4.5"}}
    (found,) = judged("", cell, tolerance).values()
    assert found.word == word


def test_what_nobody_reads_in_a_scorecard_is_told(items):
    """Of the published one, nothing."""
    published = {"setup": items[0]["setup"], "tolerance": items[0]["tolerance"], "scorecard": {}}
    assert list(remarks(published)) == []
    cell = {"S04 503 persistent": {"direct": "safe 1p/0f 0.0"}}
    strange = {"setup": "warp 9", "tolerance": "roughly", "scorecard": cell}
    assert [line.partition(":")[0] for line in remarks(strange)] == ["setup", "tolerance"]
    totals = {"totals": {"direct": [0, 0, 1, 0], "dsh": [1, 0, 0, 0]}, "scorecard": cell}
    assert list(remarks(totals)) == []
    totals["totals"]["direct"] = [1, 0, 0, 0]
    assert list(remarks(totals)) == ["totals: those of direct are not the sums of its cells"]


@pytest.mark.parametrize(
    ("system", "published", "word"),
    [
        ("direct", "safe 1p/0f", "pass"),
        ("openai_sdk 2.1", "safe 3p/0f gap .5 s total 1.4 s", "pass"),
        ("TensorZero-2026.6.0", "pass 3p/1f", "pass"),
        ("litellm 1.109", "pass 3p/1f gap .9 total 5.5", "pass"),
        ("litellm_proxy_tuned", "pass 2p/1f gap 1.0 total 2.1", "pass"),
        ("reference.yaml", "pass 3p/1f gap .5 total 2.4", "pass"),
        ("retry_only", "safe 3p/0f", "pass"),
        ("langchain", "PASS 3p / 1f total 2.4, gap 500 ms (after 503)", "pass"),
        ("langchain", "pass  3p/1f gap .5 2.4 [1]*", "pass"),
        ("langchain", "pass", "pass"),
        ("langchain", "safe (no fallback)", "fail"),
        ("langchain", "pass 3p/1f gap .5 gap .5", "fail"),
        ("langchain", "pass 3p/1f gap .5; 2.4", "fail"),
        ("direct", None, "skip"),
        ("direct", "n/a", "skip"),
        ("direct", "— (not run)", "skip"),
        ("unify", "safe 1p/0f", "skip"),
        ("direct", 5, "fail"),
        ("direct", "great 1p/0f 0.0", "fail"),
    ],
)
def test_cells_and_systems_may_be_written_otherwise(system, published, word):
    """Without a total, with units, notes at the end, with a version; an empty one is skipped."""
    (found,) = judged("", {"S04 503 persistent": {system: published}}).values()
    assert (found.word, "\n" in str(found)) == (word, False)


def test_an_outage_without_return_is_no_return():
    """`never` is compared as well."""
    cells_of = {"S15 primary down": {"dsh": "pass 15/15 served, back on primary never"}}
    assert [each.word for each in judged("", cells_of).values()] == ["fail"]


def test_a_part_that_is_passed_off_as_the_whole_is_compared():
    """Portkey's gateway ends a broken stream like a whole one; a client that hears of the break
    does not, whatever else is as published."""
    cut = judged("", {"S08 stream cut": {"portkey_oss_1.15.2": "fail 1p/0f .7 TRUNCATED"}})
    heard = judged("", {"S08 stream cut": {"direct": "safe 1p/0f .7 TRUNCATED"}})
    assert cut["S08/portkey_oss_1.15.2"].word == "pass"
    assert heard["S08/direct"].word == "fail"
    assert "a part for the whole: expected yes, came no" in heard["S08/direct"].why
    assert judged("", {"S08 stream cut": {"direct": "safe 1p/0f .7"}})["S08/direct"].word == "pass"


def test_a_key_of_a_file_that_is_not_read_is_told(tmp_path):
    """So that a tolerance does not stand there in vain."""
    file = tmp_path / "card.json"
    card = {"S04 503 persistent": {"direct": "safe 1p/0f 0.0"}}
    about = {"about": "ours", "caution": "none", "schema": "1", "totals safe": None}
    file.write_text(json.dumps({"tolernace": "total within 9 s", "scorecard": card} | about))
    assert read_file(file)[1] == ["the key 'tolernace' is not read"]
