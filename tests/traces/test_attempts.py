"""Rows that are attempts at one request: what belongs together, and how many sends that makes as
far as the log tells."""

import json
from pathlib import Path
from typing import Any

import pytest

from figures import lines, table
from simroute.traces import attempts
from simroute.traces.analysis.profile import profile_lines, summarize


def portkey(second: float, ok: bool, **more: Any) -> dict[str, Any]:
    """A row of Portkey's export, so many seconds after noon."""
    return {
        "id": f"p{second}-{more.get('ai_org')}",
        "trace_id": "t",
        "created_at": f"2026-05-04T12:{int(second) // 60:02d}:{second % 60:06.3f}Z",
        "is_success": int(ok),
        "ai_org": "openai",
        "ai_model": "gpt-4o",
        "req_units": 400 if ok else 0,
        "res_units": 50 if ok else 0,
        "cost": 0.1,
        "response_time": 1000,
        "response_status_code": 200 if ok else 503,
        "mode": "fallback",
        "cache_status": "DISABLED",
        "stream_mode": 0,
        "retry_success_count": 0,
        "last_used_option_index": 0,
        **more,
    }


def counted(tmp_path: Path, log: list[dict[str, Any]]) -> tuple[int, int, int, bool]:
    """Requests, failed ones, sends, and whether these are a lower bound."""
    said = summarize(table(tmp_path, lines(log)))
    return said["requests"], said["failed"], said["attempts"], said["attempts_at_least"]


ATTEMPTS = {
    "a fallback has a row for each target, and its index is not added to them": (
        [portkey(0, False), portkey(1, True, ai_org="anthropic", last_used_option_index=1)],
        (1, 0, 2, True),
    ),
    "the newest stands first, and both have the same second": (
        [portkey(1, True, ai_org="anthropic", last_used_option_index=1), portkey(1, False)],
        (1, 0, 2, True),
    ),
    "retries have no rows": (
        [portkey(0, True, mode="single", retry_success_count=3)],
        (1, 0, 4, False),
    ),
    "retries of both targets": (
        [
            portkey(0, False, retry_success_count=-1),
            portkey(4, True, ai_org="x", retry_success_count=1, last_used_option_index=1),
        ],
        (1, 0, 3, True),
    ),
    "an export filtered to successes": (
        [portkey(1, True, last_used_option_index=2)],
        (1, 0, 3, True),
    ),
    "a conversation with one trace": (
        [portkey(second, True) for second in (0, 5, 10)],
        (3, 0, 3, False),
    ),
    "a conversation whose second turn failed for good": (
        [portkey(0, True), portkey(30, False), portkey(90, True, req_units=900)],
        (3, 1, 3, False),
    ),
    "after a failure something longer was asked at once": (
        [portkey(0, False, req_units=400), portkey(2, True, req_units=600)],
        (2, 1, 2, False),
    ),
    "another provider counts the same prompt a little differently": (
        [
            portkey(0, False, req_units=400),
            portkey(2, True, req_units=412, ai_org="x", last_used_option_index=1),
        ],
        (1, 0, 2, True),
    ),
    "times are those of the end": (
        [
            portkey(10, False, response_time=200),
            portkey(55, True, response_time=44_000, last_used_option_index=1),
        ],
        (1, 0, 2, True),
    ),
    "all targets failed": (
        [portkey(0, False), portkey(1, False, ai_org="x", last_used_option_index=1)],
        (1, 1, 2, True),
    ),
    "after all targets failed something else is asked": (
        [
            portkey(0, False),
            portkey(1, False, ai_org="x", last_used_option_index=1),
            portkey(9, True, req_units=900),
            portkey(30, True, req_units=1000),
        ],
        (3, 1, 4, True),
    ),
    "an answer at the first target stands between another's two": (
        [
            portkey(0, False, response_time=3000),
            portkey(1, True, req_units=900),
            portkey(3.2, True, ai_org="x", last_used_option_index=1),
        ],
        (2, 0, 3, True),
    ),
    "a second failure at the first target is another's": (
        [
            portkey(0, False),
            portkey(1, False, id="b"),
            portkey(2, True, ai_org="x", last_used_option_index=1),
        ],
        (2, 1, 3, True),
    ),
    "two whose first targets both fail, side by side": (
        [
            portkey(0, False),
            portkey(0.5, False, id="b"),
            portkey(1, True, ai_org="x", last_used_option_index=1),
            portkey(1.5, True, ai_org="x", id="c", last_used_option_index=1),
        ],
        (2, 0, 4, True),
    ),
    "the second is over first, and asks for less": (
        [
            portkey(0, False, req_units=400),
            portkey(0.5, False, id="b", req_units=90),
            portkey(1, True, req_units=92, last_used_option_index=1),
            portkey(1.5, False, ai_org="x", id="c", req_units=410, last_used_option_index=1),
            portkey(2.5, True, ai_org="y", id="d", req_units=400, last_used_option_index=2),
        ],
        (2, 0, 5, True),
    ),
    "of two one is never answered": (
        [
            portkey(0, False),
            portkey(0.5, False, id="b"),
            portkey(1, True, ai_org="x", last_used_option_index=1),
            portkey(30, True, mode="single"),
        ],
        (3, 1, 4, True),
    ),
    "another was asked for while one failed": (
        [
            portkey(0, False, response_time=3000, req_units=400),
            portkey(1, True, mode="", last_used_option_index=None, req_units=900),
            portkey(3.2, True, ai_org="x", last_used_option_index=1, req_units=400),
        ],
        (2, 0, 3, True),
    ),
    "without a fallback each row is a request": (
        [portkey(second, second != 2, mode="single") for second in (0, 2, 4)],
        (3, 1, 3, False),
    ),
    "a balancer sends to one target": (
        [portkey(second, second > 0, mode="loadbalance") for second in (0, 2)],
        (2, 1, 2, False),
    ),
    "an answer of the cache": ([portkey(0, True, cache_status="HIT")], (1, 0, 0, False)),
    "a guardrail refused it": ([portkey(0, False, response_status_code=446)], (1, 1, 0, True)),
}


@pytest.mark.parametrize("case", ATTEMPTS)
def test_portkeys_rows_are_targets_of_a_fallback(tmp_path: Path, case: str) -> None:
    """Within seconds, after a failure, up to a success, of the same size; what has no row is told
    by the row."""
    log, expected = ATTEMPTS[case]
    assert counted(tmp_path, log) == expected


def spent(second: int, ok: bool, session: str = "s", **metadata: Any) -> dict[str, Any]:
    """A row of LiteLLM's SpendLogs."""
    return {
        "request_id": f"r{session}{second}",
        "spend": 0.001,
        "prompt_tokens": 100 if ok else 0,
        "completion_tokens": 10 if ok else 0,
        "startTime": f"2026-09-02T09:00:{second:02d}.000Z",
        "endTime": f"2026-09-02T09:00:{second + 1:02d}.000Z",
        "model": "m",
        "model_group": "g",
        "custom_llm_provider": "p",
        "session_id": session,
        "status": "success" if ok else "failure",
        "cache_hit": "False",
        "metadata": json.dumps(metadata),
    }


SPENT = {
    "neither retries nor fallbacks": (
        [spent(0, True, attempted_retries=0, attempted_fallbacks=0)],
        (1, 0, 1, False),
    ),
    "retries at the group that was asked for": (
        [spent(0, True, attempted_retries=2, attempted_fallbacks=0)],
        (1, 0, 3, False),
    ),
    "a fallback, after retries that are not told": (
        [spent(0, True, attempted_retries=1, attempted_fallbacks=1, original_model_group="h")],
        (1, 0, 3, True),
    ),
    "a version that tells no fallbacks": ([spent(0, True, attempted_retries=0)], (1, 0, 1, True)),
    "a version that tells nothing": ([spent(0, True)], (1, 0, 1, True)),
    "failures with rows of their own are not counted twice": (
        [
            spent(0, False, attempted_retries=0, attempted_fallbacks=0),
            spent(2, False, attempted_retries=1, attempted_fallbacks=0),
            spent(5, True, attempted_retries=2, attempted_fallbacks=0),
        ],
        (1, 0, 3, False),
    ),
    "a failure before a row that had none before it": (
        [
            spent(second, second != 20, attempted_retries=0, attempted_fallbacks=0)
            for second in (0, 20, 25)
        ],
        (3, 1, 3, False),
    ),
    "a session that tells nothing asks again after 18 s": (
        [spent(second, second != 20) for second in (0, 20, 40)],
        (3, 1, 3, True),
    ),
    "a slow answer follows no sooner": (
        [spent(0, False), spent(20, True) | {"endTime": "2026-09-02T09:00:50.000Z"}],
        (2, 1, 2, True),
    ),
    "a session that tells nothing repeats it at once": (
        [spent(0, False), spent(3, True)],
        (1, 0, 2, True),
    ),
    "a retry after a long wait": (
        [spent(0, False), spent(40, True, attempted_retries=1, attempted_fallbacks=0)],
        (1, 0, 2, True),
    ),
    "retries start anew at the group after": (
        [
            spent(0, False, attempted_retries=0, attempted_fallbacks=0),
            spent(2, False, attempted_retries=1, attempted_fallbacks=0),
            spent(4, True, attempted_retries=0, attempted_fallbacks=1),
        ],
        (1, 0, 3, True),
    ),
    "a session of several requests": (
        [spent(second, True, attempted_retries=0, attempted_fallbacks=0) for second in (0, 20)],
        (2, 0, 2, False),
    ),
}


@pytest.mark.parametrize("case", SPENT)
def test_spend_logs_tell_retries_and_fallbacks_in_their_metadata(tmp_path: Path, case: str) -> None:
    """Rows and what the last of them says are one count; where fallbacks are not told it is a lower
    bound."""
    log, expected = SPENT[case]
    assert counted(tmp_path, log) == expected


def first_of(second: float, took: float, model: str, ok: bool, place: int) -> dict[str, Any]:
    """A row of LiteLLM's SpendLogs with its times to the millisecond, the first or the second
    target of a fallback."""
    start, end = (f"2026-09-02T09:00:{moment:06.3f}Z" for moment in (second, second + took))
    row = spent(0, ok, attempted_retries=0, attempted_fallbacks=place)
    return row | {
        "request_id": f"{second}{model}",
        "startTime": start,
        "endTime": end,
        "model": model,
        "custom_llm_provider": model,
    }


@pytest.mark.parametrize("swapped", [False, True])
def test_of_two_failures_side_by_side_a_row_goes_on_with_the_one_that_had_ended(
    tmp_path: Path, swapped: bool
) -> None:
    """A fails from 0 to 2 s and B from 1 to 3 s (or to 1.5 s); who goes on then is whose turn it
    was, and that is no guess."""
    rows = [first_of(0, 2, "a", False, 0), first_of(1, 0.5 if swapped else 2, "b", False, 0)]
    rows += [first_of(2.01, 1, "x", True, 1), first_of(1.51 if swapped else 3.01, 1, "y", True, 1)]
    found = table(tmp_path, lines(rows))
    tries = found.rows(
        "SELECT list_transform(tries, lambda t: t.provider) FROM requests ORDER BY arrival_ns"
    )
    assert [each for (each,) in tries] == [["a", "x"], ["b", "y"]]
    assert not any("side by side" in note for note in found.notes)


def test_what_only_the_order_of_failures_tells_is_noted(tmp_path: Path) -> None:
    """Both had ended when either went on, and neither tells what it asked for."""
    rows = [portkey(0, False), portkey(0.5, False, id="b")]
    rows += [
        portkey(second, True, ai_org="x", id=f"{second}", last_used_option_index=1)
        for second in (2, 2.5)
    ]
    assert [
        note.rsplit(": ")[-1]
        for note in table(tmp_path, lines(rows)).notes
        if "side by side" in note
    ] == ["1"]


def test_a_long_log_is_joined_in_parts_as_if_it_were_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Traces are whole in each part, and rows without one are anywhere: what a request had is held
    in memory for one part at a time."""
    rows = [
        row | {"trace_id": f"{case} {place % 3}", "id": f"{case} {place} {row['id']}"}
        for case in ATTEMPTS
        for place in range(9)
        for row in ATTEMPTS[case][0]
    ]
    rows += [
        portkey(60 + place, place % 4 > 0, trace_id=None, id=f"alone {place}")
        for place in range(40)
    ]
    columns = "arrival_ns, request_id, failed, attempts, tries, input_tokens, cost_usd"
    found = []
    for size in (100_000, 50):
        monkeypatch.setattr(attempts, "BATCH", size)
        found.append(
            table(tmp_path, lines(rows)).rows(f"SELECT {columns} FROM requests ORDER BY ALL")
        )
    assert found[0] == found[1]
    assert len(found[0]) > 100


def test_a_lower_bound_is_called_so(tmp_path: Path) -> None:
    """Two requests, one of which may have had more sends."""
    found = table(
        tmp_path,
        lines(
            [
                spent(0, True, "a", attempted_retries=0, attempted_fallbacks=0),
                spent(9, True, "b", attempted_retries=1),
            ]
        ),
    )
    assert dict(profile_lines(found))["attempts"] == "at least 3, at least 1.500 a request"
    assert found.rows("SELECT attempts, attempts_at_least FROM requests") == [(1, False), (2, True)]
