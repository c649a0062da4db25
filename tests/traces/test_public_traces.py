"""The public traces are read as published: their figures are those of the papers and of the
provider figures beside this checkout."""

import json
from pathlib import Path

import pytest

from simroute.traces import TraceError, read
from simroute.traces.analysis.prefixes import shared_prefix_share as prefixes
from simroute.traces.analysis.profile import dispersion, summarize
from simroute.traces.analysis.rate_windows import read_windows
from simroute.traces.analysis.rate_windows import summarize_models as clients


def written(folder: Path, content: str, name: str = "trace.csv") -> Path:
    path = folder / name
    path.write_text(content, encoding="utf-8")
    return path


PUBLISHED = {
    "azure2023_code.csv": (
        "azure",
        8_819,
        2.57,
        {1: 13, 10: 72, 60: 164},
        (1469, 5187, 7436),
        (13, 55, 251),
    ),
    "azure2023_conv.csv": (
        "azure",
        19_366,
        5.53,
        {1: 1.4, 10: 3.9, 60: 16},
        (1020, 2734, 4142),
        (129, 424, 601),
    ),
    "mooncake_conversation.jsonl": (
        "mooncake",
        12_031,
        3.40,
        {1: None, 10: None},
        (6909, 27367, 85400),
        (350, 597, 1118),
    ),
    "ragpulse.jsonl": (
        "ragpulse",
        7_106,
        0.0118,
        {1: 1.0, 10: 1.1, 60: 1.7},
        (3139, 3958, 5438),
        (234, 563, 891),
    ),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_public_traces_have_the_published_figures(shared: Path, name: str) -> None:
    """Format, rows, rate, index of dispersion at 1, 10 and 60 s, and quantiles of tokens (whole
    ones), of which none is skipped."""
    form, rows, rate, burstiness, inputs, outputs = PUBLISHED[name]
    table = read([shared / "data" / name])
    said = summarize(table)
    assert (said["format"], said["requests"], said["skipped"]) == (form, rows, {})
    assert rows / said["span_s"] == pytest.approx(rate, rel=0.005)
    for window, published in burstiness.items():
        found = dispersion(table, window)
        assert (
            found is None
            if published is None
            else found == pytest.approx(published, abs=0.5 if published >= 10 else 0.05)
        )
    for column, quantiles in (("input_tokens", inputs), ("output_tokens", outputs)):
        found = table.value(f"SELECT quantile_cont({column}, [0.5, 0.9, 0.99]) FROM requests")
        assert found == pytest.approx(quantiles, abs=1.5)


def test_mooncakes_prompts_share_the_published_part(shared: Path) -> None:
    """37 % of input tokens with a cache that forgets nothing, 29 % where a beginning is forgotten
    five minutes after its last use."""
    table = read([shared / "data/mooncake_conversation.jsonl"])
    assert round(100 * (prefixes(table) or 0)) == 37
    assert round(100 * (prefixes(table, lifetime=300) or 0)) == 29


def test_ragpulses_sessions_have_the_published_length(shared: Path) -> None:
    """1.78 requests on average."""
    table = read([shared / "data/ragpulse.jsonl"])
    assert round(table.requests / summarize(table)["sessions"], 2) == 1.78


def test_mooncakes_requests_are_spread_over_its_ticks(tmp_path: Path) -> None:
    """Three requests of a tick come a second apart, and times that stand on no ticks stay as they
    are."""
    line = '{{"timestamp": {}, "input_length": 5, "output_length": 1, "hash_ids": [1]}}\n'
    ticks = read(
        [written(tmp_path, "".join(line.format(ms) for ms in (0, 0, 0, 2999, 6000)), "a.jsonl")]
    )
    assert [ns / 1e9 for (ns,) in ticks.rows("SELECT arrival_ns FROM requests")] == [0, 1, 2, 3, 6]
    exact = read([written(tmp_path, "".join(line.format(ms) for ms in (0, 1500, 1500)), "b.jsonl")])
    assert [ns / 1e9 for (ns,) in exact.rows("SELECT arrival_ns FROM requests")] == [0, 1.5, 1.5]


BURST = (
    "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log "
    "Type\n5,ChatGPT,472,18,490,Conversation log\n1106,GPT-4,0,0,0,Conversation log\n"
)
BURST_3 = (
    "Timestamp,Session ID,Elapsed time,Model,Request tokens,Response tokens,Total tokens,Log Type\n"
    "2.5,,1.25,GPT-4,300,20,320,API log\n3,7,4.5,ChatGPT,10,30,40,Conversation "
    "log\n9,7,0.5,ChatGPT,55,0,55,Conversation log\n"
)


def test_burstgpt_marks_a_failure_by_an_empty_answer(tmp_path: Path) -> None:
    """The first release, whose failures may have no input tokens either."""
    said = summarize(read([written(tmp_path, BURST)]))
    assert (said["format"], said["requests"], said["failed"], said["models"], said["skipped"]) == (
        "burstgpt",
        2,
        1,
        2,
        {},
    )
    assert (said["span_s"], said["first_arrival_utc"], said["sessions"]) == (1101, None, None)


def test_burstgpts_third_release_tells_sessions_and_times(tmp_path: Path) -> None:
    """The same format, by its columns' names; API calls have no session."""
    table = read([written(tmp_path, BURST_3)])
    assert (table.format, summarize(table)["failed"]) == ("burstgpt", 1)
    assert table.rows("SELECT session, latency_s, feature FROM requests") == [
        (None, 1.25, "API log"),
        ("7", 4.5, "Conversation log"),
        ("7", 0.5, "Conversation log"),
    ]


def test_bailians_turns_are_one_session(tmp_path: Path) -> None:
    """A turn belongs to the chat that its chain of parents began with, whose own parent may be
    missing from the file."""
    chats = [(1, -1), (2, 1), (3, 2), (4, -1), (5, 99), (6, 5)]
    lines = [
        {
            "chat_id": chat,
            "parent_chat_id": parent,
            "timestamp": 61.1 + chat,
            "input_length": 40,
            "output_length": 2,
            "type": "text",
            "turn": 1,
            "hash_ids": [11, 12, 13],
        }
        for chat, parent in chats
    ]
    table = read([written(tmp_path, "\n".join(map(json.dumps, lines)), "trace.jsonl")])
    assert (table.format, summarize(table)["sessions"]) == ("bailian", 3)
    assert table.rows(
        "SELECT session, list(request_id ORDER BY request_id) FROM requests GROUP BY 1 ORDER BY 1"
    ) == [
        ("1", ["1", "2", "3"]),
        ("4", ["4"]),
        ("5", ["5", "6"]),
    ]
    assert prefixes(table) == pytest.approx(5 / 6)


def test_servegens_windows_are_described_and_no_requests(shared: Path) -> None:
    """Clients' variation, the ten largest ones' share and gamma's share within the published
    ranges; what wants requests is told so."""
    path = shared / "data/servegen_client_windows.csv.gz"
    models = clients(read_windows([path]))
    assert len(models) == 5
    assert all(
        1.03 <= model["cv_p50"] < 1.385 and 3.95 <= model["cv_p90"] < 5.55 for model in models
    )
    assert all(
        0.63 <= model["top_ten"] < 0.935 and 0.695 <= model["gamma"] < 0.845 for model in models
    )
    with pytest.raises(TraceError, match="holds rates, not requests; `simroute trace inspect`"):
        read([path])


def test_windows_add_up_to_expected_requests(tmp_path: Path) -> None:
    """Two windows of ten minutes at 1 and 0.5 requests a second are 900 requests; a negative rate
    is none."""
    head = "category,model,client,t_s,rate_rps,cv,pattern,p1,p2\n"
    found = read_windows(
        [
            written(
                tmp_path,
                head
                + "a,m,0,0,1,1,Gamma,1,1\na,m,1,600,0.5,1,Weibull,1,1\na,m,1,1200,-1,1,Gamma,1,1\n",
            )
        ]
    )
    assert (found.count, found.skipped) == (2, {"negative rate": 1})
    assert clients(found)[0] | {"cv_p50": 0, "cv_p90": 0} == {
        "category": "a",
        "model": "m",
        "clients": 2,
        "expected_requests": 900,
        "top_ten": 1,
        "cv_p50": 0,
        "cv_p90": 0,
        "gamma": 0.5,
    }
