"""What cells hold that are neither numbers nor names, and times that clocks never showed, is told,
and never taken for something else."""

import json
from pathlib import Path

import pytest

from figures import lines
from simroute.traces import ReadOptions, TraceError, read
from simroute.traces.formats.mapping import parse_mapping

HEAD = "arrival_ns,request_id,input_tokens,output_tokens,cost_usd,user,latency_s"


def written(tmp_path: Path, *rows: str, head: str = HEAD) -> Path:
    """Rows of a CSV file."""
    path = tmp_path / "log.csv"
    path.write_text("\n".join((head, *rows)) + "\n", encoding="utf-8")
    return path


def test_a_cell_of_a_number_that_is_none_is_counted_and_told(tmp_path: Path) -> None:
    """A decimal comma, null, None and nan: by column, with the first; the row stands where it
    can."""
    path = written(
        tmp_path,
        '1700000000000000000,a,10,1,"1,5",u,1',
        "1700000001000000000,b,10,1,nan,u,None",
        "1700000002000000000,c,null,1,1,u,1",
    )
    found = read([path])
    assert found.rows("SELECT request_id, cost_usd, latency_s FROM requests") == [
        ("a", None, 1.0),
        ("b", None, None),
    ]
    assert (found.unusable, found.skipped) == (
        {"cost_usd": 2, "input_tokens": 1, "latency_s": 1},
        {"no token counts": 1},
    )
    assert (
        f"2 cells of cost_usd hold no number (the first: {path}: row 2): taken as not told"
        in found.notes
    )


def test_what_a_csv_file_has_for_nothing_is_no_name(tmp_path: Path) -> None:
    """Neither a user, nor an id by which rows would be the same; NA, 007 and 1e3 are names as they
    stand."""
    rows = [
        f"17000000{place:02d}000000000,{name},1,1,1,{name},1"
        for place, name in enumerate(("null", "null", "None", "NA", "007", "1e3"))
    ]
    found = read([written(tmp_path, *rows)])
    assert [row[0] for row in found.rows('SELECT "user" FROM requests')] == [
        None,
        None,
        None,
        "NA",
        "007",
        "1e3",
    ]
    assert (found.unusable, found.skipped) == ({"request_id": 3, "user": 3}, {})


def test_a_text_of_json_is_the_name_that_it_is(tmp_path: Path) -> None:
    """JSON has a word for nothing; as an id that comes twice such a text names no request."""
    names = ("null", "null", "NA", "007", "1e3", "None")
    path = tmp_path / "log.jsonl"
    path.write_text(
        lines(
            [
                {
                    "arrival_ns": 1_700_000_000_000_000_000 + place,
                    "request_id": name,
                    "input_tokens": 1,
                    "output_tokens": 1,
                    "user": name,
                    "cost_usd": None,
                }
                for place, name in enumerate(names)
            ]
        ),
        encoding="utf-8",
    )
    found = read([path])
    assert [row[0] for row in found.rows('SELECT "user" FROM requests')] == list(names)
    assert (found.unusable, found.skipped) == ({}, {})


def test_a_negative_cost_refuses_the_row(tmp_path: Path) -> None:
    """It is counted, and strictly it is an error."""
    path = written(
        tmp_path, "1700000000000000000,a,10,1,0.5,u,1", "1700000001000000000,b,10,1,-0.5,u,1"
    )
    assert (read([path]).requests, read([path]).skipped) == (1, {"negative cost": 1})
    with pytest.raises(TraceError, match="row 3: negative cost; expected USD from 0"):
        read([path], ReadOptions(strict=True))


TIMES = {
    "that clocks skipped": (
        "2024-03-31 02:30:00",
        "local times that do not exist in Europe/Berlin, as clocks were put forward: 1,",
        "2024-03-31 01:30:00",
    ),
    "that came twice": (
        "2024-10-27 02:30:00",
        "local times that exist twice in Europe/Berlin, as clocks were put back: 1,",
        "2024-10-27 01:30:00",
    ),
    "of any other day": ("2024-07-01 02:30:00", "", "2024-07-01 00:30:00"),
    "just after clocks went forward": ("2024-03-31 03:00:00", "", "2024-03-31 01:00:00"),
    "just before clocks go back": ("2024-10-27 01:59:59", "", "2024-10-26 23:59:59"),
    "just after the hour that came twice": ("2024-10-27 03:00:00", "", "2024-10-27 02:00:00"),
}


@pytest.mark.parametrize("case", TIMES)
def test_local_times_that_do_not_exist_or_exist_twice_are_told(tmp_path: Path, case: str) -> None:
    """Once for each kind, with what they are taken as."""
    written_, message, utc = TIMES[case]
    path = written(tmp_path, f"{written_},1,1", "2024-06-01 12:00:00,1,1", head="at,in,out")
    made = parse_mapping({"time": "at", "input_tokens": "in", "output_tokens": "out"})
    found = read([path], ReadOptions(mapping=made, zone="Europe/Berlin"))
    told = [note for note in found.notes if "local times" in note]
    assert [note.startswith(message) for note in told] == [True] * bool(message)
    assert (
        found.value(
            "SELECT count(*) FROM requests WHERE arrival_ns = epoch_ns(?::TIMESTAMP)", [utc]
        )
        == 1
    )


def test_a_format_that_is_told_and_does_not_fit_says_what_is_missing(tmp_path: Path) -> None:
    """What it cannot do without is an error, anything else that it reads a note."""
    path = tmp_path / "log.jsonl"
    path.write_text(
        json.dumps(
            {
                "created_at": "2026-01-01T00:00:00Z",
                "tokens_prompt": 5,
                "tokens_completion": 1,
                "cost": 3,
            }
        ),
        encoding="utf-8",
    )
    notes = read([path], ReadOptions("openrouter")).notes
    assert [note.partition("reads as ")[0] for note in notes] == [
        "log.jsonl has nothing that openrouter "
    ]
    assert {"cost_usd", "latency_s", "model"} <= {*notes[0].partition("reads as ")[2].split(", ")}
    with pytest.raises(
        TraceError,
        match="is not read as portkey: it has no 'req_units', of which portkey makes its input "
        "tokens; it has: cost, created_at",
    ):
        read([path], ReadOptions("portkey"))


@pytest.mark.parametrize(
    ("name", "field"),
    [("otel", "startTimeUnixNano"), ("logfire", "start_timestamp"), ("bedrock", "timestamp")],
)
def test_rows_of_another_format_are_told_by_what_they_have(
    tmp_path: Path, name: str, field: str
) -> None:
    """Where a format finds nothing of its own in them, their own keys are shown beside the log's
    name for what is missing."""
    path = tmp_path / "log.jsonl"
    path.write_text(
        lines(
            [{"time": "2026-07-06T09:00:00Z", "input_tokens": 10, "output_tokens": 5, "model": "m"}]
            * 3
        ),
        encoding="utf-8",
    )
    with pytest.raises(
        TraceError,
        match=f"it has no .*'{field}'.* makes the time of a request; it has: input_tokens, "
        f"model, output_tokens, time$",
    ):
        read([path], ReadOptions(format=name))
