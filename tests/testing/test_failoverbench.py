"""failoverbench's published scorecard, and what must not pass for it."""

import re
from itertools import islice

import failovers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simroute.testing.conformance import judge, read_items
from simroute.testing.conformance.failoverbench import cells
from simroute.testing.conformance.failoverbench.cells import results
from simroute.testing.conformance.failoverbench.faults import SetUp, fault_of, read_setup


@pytest.fixture(scope="module")
def items(shared):
    return read_items(shared / "vectors" / "failoverbench.json")


@pytest.fixture(scope="module")
def verdicts(items):
    return {verdict.id: verdict for verdict in judge(items)}


def test_all_cells_hold(verdicts):
    """160 cells: attempts, verdict, gap and total."""
    assert [str(each) for each in verdicts.values() if each.word != "pass"] == []
    assert len(verdicts) == 160


def test_our_reference_passes_all_sixteen_faults(items):
    """At the middle of its jitter and at other draws, whatever was published of another one."""
    for item in items:
        if item["system"] == "reference_client":
            few = islice(results(item), 6)
            assert {result.verdict for result in few} == {"pass"}, item["id"]


def test_what_was_not_published_does_not_pass(items, monkeypatch):
    """A cell with another verdict, one attempt more, a longer gap or a later end."""
    monkeypatch.setattr(cells, "DRAWS", 6)
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
    item = {"fault": "S06", "system": system, "setup": setup}
    found = [result.total for result in islice(results(item), 8)]
    assert min(found) >= low - 1e-9
    assert max(found) <= high + 1e-9
    assert len(found) == (1 if low == high else 8)


def test_what_a_file_does_not_say_is_as_published(items):
    """The words of the published file give the defaults; a fault is known by its number, too."""
    text = items[0]["setup"]
    assert read_setup(text) == read_setup("") == SetUp()
    for item in items[::10]:
        told = fault_of(item["fault"], item["title"], text)
        assert fault_of(item["fault"], "", "") == fault_of("S99", item["title"], "") == told


@pytest.mark.parametrize(
    ("title", "setup", "figures"),
    [
        ("stream stalls after 7 tokens for 20 s", "stall 30 s", {"stalled": 7, "stall": 20.0}),
        ("stream stalls after 20 tokens for 30 s", "stall 20 s", {"stall": 20.0}),
        ("stream cut after 11 of 30 tokens", "60 tokens 15 ms apart", {"cut": 11, "tokens": 30}),
        ("429 with Retry-After 5 s, then healthy", "retry_after 2 s", {"retry_after": 5.0}),
        ("slow first token (9 s)", "", {"slow": 9.0}),
        ("no response at all (45 s)", "1 retry, 10 s timeout", {"silence": 45.0, "retries": 1}),
        ("primary down 30 s; 9 requests, one every 5 s", "", {"outage": 30.0, "requests": 9}),
        ("malformed chunk at token 3", "90 tokens 30 ms apart", {"malformed": 3, "gap": 0.03}),
    ],
)
def test_a_fault_says_its_own_figures(title, setup, figures):
    """And where the set-up speaks of them too, that counts which is not as published."""
    made = fault_of("S99", title, setup).setup
    assert {name: getattr(made, name) for name in figures} == figures


def test_a_cell_that_is_none_is_told():
    """As are faults and systems that are unknown."""
    base = {"id": "x", "setup": "", "fault": "S04", "system": "direct", "published": "well"}
    strange = [base, base | {"fault": "S99", "published": "safe 1p/0f 0.0"}]
    strange.append(base | {"system": "elsewhere", "published": "safe 1p/0f 0.0"})
    assert [(each.word, each.why) for each in judge(strange)] == [
        ("fail", "malformed: no cell: 'well'"),
        ("skip", "not expressible here: the fault S99"),
        ("skip", "not expressible here: a system without a preset: elsewhere"),
    ]


def test_what_its_harness_does_in_a_shared_session_is_known_too():
    """DeepSeek's harness keeps the replaced model on the session: never back, which fails."""
    item = {
        "fault": "S15",
        "system": "dsh-shared-session",
        "published": "fail 15/15 served, back on primary never",
    }
    (found,) = results(item)
    assert (found.verdict, found.served, found.back) == ("fail", (15, 15), None)
    assert [each.word for each in judge([item | {"id": "x"}])] == ["pass"]


# -- the same once more, plainly -------------------------------------------------------------------

TRIES = {"direct": 0, "dsh": 0, "portkey": 1, "openai_sdk": 1, "langchain": 1}
"""Which systems try again as often as the set-up says."""
TITLES = {
    "429 with Retry-After": "429 with Retry-After {retry_after} s, then healthy",
    "once": "500 once, then healthy",
    "persistent": "503 persistent",
    "reset": "TCP reset before headers, once",
    "silent": "no response at all ({silence} s)",
    "slow": "slow first token ({slow} s)",
    "cut": "stream cut after {cut} of {tokens} tokens",
    "stalled": "stream stalls after {cut} tokens for {stall} s",
    "malformed": "malformed chunk at token {cut}",
    "too long": "context length exceeded (400)",
    "filtered": "content-filter rejection (400)",
}


def plain(system, kind, given):
    """Attempts at the primary and at the fallback, and the least and most seconds: of clients whose
    rules are short (two SDKs, Portkey, DeepSeek's harness, none)."""
    tries = given["retries"] * TRIES[system] + 1
    answer, backup = given["tokens"] * given["gap"], system in ("portkey", "langchain", "dsh")
    starts, limit = (0.95 if system == "dsh" else 0.0), given["timeout"]
    waits = [min(0.5 * 2**k, 8.0) if system != "portkey" else 2.0**k for k in range(tries - 1)]
    low = 1.0 if system == "portkey" else 0.75

    def ends(tries, each, pauses, least=low):
        """After so many failed tries of `each` seconds: the fallback, or the error."""
        more = tries * each + starts + (answer if backup else 0.0)
        return tries, int(backup), more + least * sum(pauses), more + sum(pauses)

    def second(pause, least=low):
        if tries == 1:
            return ends(1, 0.0, [])
        return 2, 0, starts + answer + least * pause, starts + answer + pause

    if kind == "429 with Retry-After":
        return second(given["retry_after"], 1.0)
    if kind in ("once", "reset"):
        return second(waits[0] if waits else 0.0)
    if kind == "persistent":
        return ends(tries, 0.0, waits)
    if kind == "silent":
        times_out = limit < given["silence"]
        if system == "portkey" and times_out:
            return ends(1, limit, [])
        return ends(tries, min(limit, given["silence"]), waits)
    if kind in ("slow", "stalled", "cut", "malformed"):
        return in_the_stream(system, kind, given, answer, starts)
    if system in ("portkey", "langchain") or (system == "dsh" and kind == "too long"):
        return ends(1, 0.0, [])
    return 1, 0, starts, starts


def in_the_stream(system, kind, given, answer, starts):
    """After the head: nobody tries again, and only the harness repairs."""
    limit, repairs = given["timeout"], system == "dsh"
    watches = system != "portkey"
    begun = starts + given["cut"] * given["gap"]
    if kind == "slow":
        late = given["slow"] + given["gap"] > limit and watches
        total = starts + (limit if late else given["slow"] + answer)
        moves = late and system in ("dsh", "langchain")
    elif kind == "malformed":
        heard = system != "portkey" and system != "direct"
        total, moves = (begun if heard else starts + answer), False
    else:
        stalls = given["stall"] if kind == "stalled" else 0.0
        total, moves = begun + (min(stalls, limit) if watches else stalls), repairs
    total += answer if moves else 0.0
    return 1, int(moves), total, total


@given(
    st.sampled_from(sorted(TRIES)),
    st.sampled_from(sorted(TITLES)),
    st.fixed_dictionaries(
        {
            "retries": st.integers(0, 3),
            "timeout": st.integers(5, 9),
            "retry_after": st.integers(1, 12),
            "silence": st.integers(2, 30),
            "slow": st.integers(1, 30),
            "stall": st.integers(1, 30),
            "tokens": st.integers(20, 100),
            "cut": st.integers(2, 19),
            "gap": st.sampled_from((0.01, 0.015, 0.03)),
        }
    ),
)
@settings(max_examples=150)
def test_other_figures_give_what_plain_rules_give(system, kind, given):
    """Attempts exact, the end within the jitter, for faults with figures of their own."""
    title = TITLES[kind].format(**given)
    setup = "{tokens} tokens {ms} ms apart; {retries} retries, {timeout} s timeout".format(
        ms=given["gap"] * 1000, **given
    )
    primary, fallback, low, high = plain(system, kind, given)
    for result in islice(
        results({"fault": "X1", "title": title, "system": system, "setup": setup}), 3
    ):
        assert (result.primary, result.fallback) == (primary, fallback), (result, low, high)
        assert low - 1e-6 <= result.total <= high + 1e-6


def test_the_page_is_what_its_script_writes(shared):
    """All cells, sums and differences."""
    page = (failovers.ROOT / "failoverbench.md").read_text(encoding="utf-8")
    assert failovers.page() == page


def test_a_fault_that_would_be_played_for_hours_is_refused():
    """What its name says is named."""
    with pytest.raises(ValueError, match="'cut after 5 of 10000000 tokens' is beyond"):
        read_setup("", "S20 cut after 5 of 10000000 tokens")
