"""Our own files are traces: the row files of a run, and the canonical table in all its
containers."""

import json
from pathlib import Path

import duckdb
import pytest

from simroute.cli import main
from simroute.traces import TraceError, read
from simroute.traces.analysis.profile import summarize
from simroute.traces.columns import COLUMNS, VERSION


def parquet(path: Path, query: str, more: str = "") -> Path:
    with duckdb.connect() as base:
        base.execute(f"COPY ({query}) TO '{path}' (FORMAT parquet{more})")
    return path


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run") / "out"
    words = [
        "scenario=demo",
        "policy=failover",
        "scenario.horizon=400s",
        "scenario.workload.rate=1",
        "scenario.outages.morning.start=30%",
        "scenario.outages.morning.end=60%",
    ]
    with pytest.raises(SystemExit) as left:
        main(["run", *words, "--rows", "--no-report", "--quiet", "--out", str(folder)])
    assert left.value.code == 0
    return folder


def test_the_rows_of_a_run_are_a_trace(run: Path) -> None:
    """Requests, failures, attempts, tokens and money as in summary.json, and each request's tries
    as in attempts.parquet."""
    table, found = (
        read([run / "requests.parquet"]),
        json.loads((run / "summary.json").read_text(encoding="utf-8")),
    )
    metrics = {
        name: figure["mean"] for name, figure in found["policies"]["failover"]["metrics"].items()
    }
    said = summarize(table)
    assert (said["format"], said["requests"], said["skipped"]) == ("rows", metrics["requests"], {})
    assert 1 - said["failed"] / said["requests"] == pytest.approx(metrics["success_rate"])
    assert said["attempts"] / said["requests"] == pytest.approx(metrics["attempts_per_request"])
    with duckdb.connect() as base:
        sent = f"read_parquet('{run / 'attempts.parquet'}')"
        attempts, statuses = (
            base.execute(f"SELECT count(*), list(status ORDER BY status) FROM {sent}").fetchone()
            or ()
        )
    assert table.value("SELECT sum(len(tries)) FROM requests") == attempts
    assert (
        table.value(
            "SELECT list(t.status ORDER BY t.status) FROM (SELECT unnest(tries) AS t FROM requests)"
        )
        == statuses
    )


def test_rows_of_several_runs_are_no_trace(run: Path, tmp_path: Path) -> None:
    """Their arrivals would lie over each other."""
    both = f"SELECT * FROM read_parquet('{run / 'requests.parquet'}')"
    path = parquet(
        tmp_path / "requests.parquet",
        f"{both} UNION ALL SELECT * REPLACE ('other' AS policy) FROM ({both})",
    )
    with pytest.raises(TraceError, match=r"holds 2 runs .*; a trace is one"):
        read([path])


def test_the_canonical_table_is_read_from_csv_and_json_lines_too(tmp_path: Path) -> None:
    """With the columns that are there; nanoseconds are exact; tries keep their fields."""
    tries = [
        {
            "offset_s": 0.25,
            "latency_s": 1.5,
            "provider": "p",
            "model": "m",
            "status": 500,
            "error": "x",
        }
    ]
    line = {
        "arrival_ns": 1_700_000_000_123_456_789,
        "input_tokens": 1,
        "output_tokens": 2,
        "tries": tries,
        "blocks": [4, 5],
    }
    (tmp_path / "t.jsonl").write_text(json.dumps(line), encoding="utf-8")
    (tmp_path / "t.csv").write_text(
        'arrival_ns,input_tokens,output_tokens,blocks\n1700000000123456789,1,2,"[4, 5]"\n',
        encoding="utf-8",
    )
    one, other = read([tmp_path / "t.jsonl"]), read([tmp_path / "t.csv"])
    assert one.rows("SELECT arrival_ns, blocks, tries FROM requests") == [
        (1_700_000_000_123_456_789, [4, 5], tries)
    ]
    assert other.rows("SELECT arrival_ns, blocks FROM requests") == [
        (1_700_000_000_123_456_789, [4, 5])
    ]


def test_a_small_clock_counts_from_the_traces_own_start(tmp_path: Path) -> None:
    """Nothing was logged before 1973."""
    (tmp_path / "t.csv").write_text(
        "arrival_ns,input_tokens,output_tokens\n5000000000,1,2\n7000000000,1,2\n", encoding="utf-8"
    )
    said = summarize(read([tmp_path / "t.csv"]))
    assert (said["first_arrival_utc"], said["span_s"]) == (None, 2.0)


def test_a_table_of_a_later_version_is_refused(tmp_path: Path) -> None:
    """It may mean something else by its columns."""
    path = parquet(
        tmp_path / "t.parquet",
        "SELECT 1 AS arrival_ns, 1 AS input_tokens, 1 AS output_tokens",
        f", KV_METADATA {{simroute_trace_version: '{VERSION + 1}'}}",
    )
    with pytest.raises(
        TraceError, match=f"version {VERSION + 1}; this simroute reads up to {VERSION}"
    ):
        read([path])


def test_a_converted_table_says_what_it_is(run: Path, tmp_path: Path) -> None:
    """Columns in their order with their types, version, clock and source; compressed with zstd."""
    out = tmp_path / "out.parquet"
    with pytest.raises(SystemExit):
        main(["trace", "convert", str(run / "requests.parquet"), str(out)])
    with duckdb.connect() as base:
        shape = base.execute(f"DESCRIBE SELECT * FROM read_parquet('{out}')").fetchall()
        said = dict(
            base.execute(
                f"SELECT decode(key), decode(value) FROM parquet_kv_metadata('{out}')"
            ).fetchall()
        )
        packed = base.execute(
            f"SELECT DISTINCT compression FROM parquet_metadata('{out}')"
        ).fetchall()
    assert [(row[0], row[1].replace('"', "")) for row in shape] == [
        (name, column.kind) for name, column in COLUMNS.items()
    ]
    assert said == {
        "simroute_trace_version": str(VERSION),
        "simroute_trace_clock": "relative",
        "simroute_trace_source": "rows",
    }
    assert packed == [("ZSTD",)]


def test_a_status_tells_failures_and_a_negative_first_token_is_none(tmp_path: Path) -> None:
    """Where nobody says what failed, and where a log writes -1 for what it does not know."""
    path = tmp_path / "t.csv"
    path.write_text(
        "arrival_ns,input_tokens,output_tokens,status,ttft_s\n"
        "5000000000,1,2,200,0.5\n7000000000,1,2,503,-1\n",
        encoding="utf-8",
    )
    assert read([path]).rows("SELECT failed, ttft_s FROM requests") == [(False, 0.5), (True, None)]


def test_half_a_letter_costs_no_more_than_itself(tmp_path: Path) -> None:
    """A lone surrogate, which JSON can write and UTF-8 cannot, becomes a question mark."""
    path = tmp_path / "log.jsonl"
    path.write_text(
        '{"arrival_ns": 1, "input_tokens": 5, "output_tokens": 2, "user": '
        '"a\\ud800b"}\n{"arrival_ns": 9, "input_tokens": 5, "output_tokens": 2}\n'
    )
    assert read([path]).rows('SELECT "user" FROM requests ORDER BY arrival_ns') == [
        ("a?b",),
        (None,),
    ]
