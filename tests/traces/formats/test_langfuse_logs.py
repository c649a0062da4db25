"""Langfuse's observations in both spellings and all containers: figures worked out by hand from
rows in the shape that its field reference gives."""

import gzip
import json
from pathlib import Path
from typing import Any

import duckdb
import pytest

from figures import figures, lines, near, sheet, table


def row(number: int, **more: Any) -> dict[str, Any]:
    """An observation of the enriched export; its texts must never be seen again."""
    return {
        "id": f"o{number}",
        "trace_id": "t1",
        "project_id": "p",
        "environment": "production",
        "type": "GENERATION",
        "parent_observation_id": "",
        "start_time": f"2026-05-29 13:46:{number:02}.000000",
        "end_time": None,
        "name": "answer",
        "metadata": {},
        "level": "DEFAULT",
        "status_message": "",
        "input": "my secret prompt",
        "output": "my secret answer",
        "provided_model_name": "gpt-4o",
        "usage_details": {},
        "cost_details": {},
        "completion_start_time": None,
        "total_cost": None,
        "latency": None,
        "time_to_first_token": None,
        "model_id": "m1",
        "session_id": "s1",
        "user_id": "ann",
        "trace_name": "support",
        "tags": ["a"],
        **more,
    }


ROWS = [
    row(
        50, type="SPAN", end_time="2026-05-29 13:46:55.000000", latency=5.0, provided_model_name=""
    ),
    row(
        40,
        type="EMBEDDING",
        end_time="2026-05-29 13:46:40.100000",
        latency=0.1,
        provided_model_name="text-embedding-3-small",
        usage_details={"input": 8, "total": 8},
        total_cost=0.0001,
        session_id="s2",
        user_id="bob",
    ),
    # it failed: no usage, and a message that quotes the prompt
    row(
        30,
        level="ERROR",
        status_message="Error code: 429 for: my secret prompt",
        end_time="2026-05-29 13:46:31.000000",
        latency=1.0,
    ),
    # the total has 600 tokens beside input and output: the cached ones are not in `input`, nor the
    # reasoning in `output`
    row(
        20,
        end_time="2026-05-29 13:46:23.000000",
        latency=3.0,
        provided_model_name="claude-sonnet-4",
        time_to_first_token=0.5,
        completion_start_time="2026-05-29 13:46:20.500000",
        cost_details={"input": 0.001, "output": 0.002, "total": 0.003},
        total_cost=0.003,
        usage_details={
            "input": 100,
            "cache_read_input_tokens": 500,
            "input_cache_creation": 60,
            "output": 30,
            "output_reasoning_tokens": 40,
            "total": 730,
        },
        user_id="",
    ),
    row(15, type="TOOL", end_time="2026-05-29 13:46:16.000000", provided_model_name=""),
    row(  # the total is input and output: the cached ones and the reasoning are in them
        10,
        end_time="2026-05-29 13:46:12.000000",
        latency=2.0,
        completion_start_time="2026-05-29 13:46:10.250000",
        time_to_first_token=0.25,
        usage_details={
            "input": 300,
            "input_cached_tokens": 200,
            "output": 50,
            "output_reasoning_tokens": 20,
            "total": 350,
        },
        total_cost=0.002,
    ),
]

FIGURES = {
    "format": "langfuse",
    "requests": 4,
    "skipped": {"observation that is no generation": 2},
    "first": "2026-05-29 13:46:10.000",
    "last": "2026-05-29 13:46:40.000",
    "input": 300 + 660 + 8,
    "cached": 200 + 500,
    "written": 60,
    "output": 50 + 70 + 0,
    "cost": 0.0051,
    "attempts": None,
    "failed": 1,
    "users": 2,
    "sessions": 2,
    "models": 3,
    "latency": (2 + 3 + 1 + 0.1) / 4,
    "ttft": (0.25 + 0.5) / 2,
}


def camel(name: str) -> str:
    """As the API writes it."""
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def answered(one: dict[str, Any]) -> dict[str, Any]:
    """A row as the API gives it: camelCase, times of ISO 8601 with Z and milliseconds."""
    return {
        camel(name): f"{cell[:10]}T{cell[11:23]}Z" if name.endswith("_time") and cell else cell
        for name, cell in one.items()
    }


def parquet(folder: Path) -> bytes:
    """The rows as Parquet with maps and timestamps."""
    source, made = folder / "rows.json", folder / "rows.parquet"
    source.write_text(lines(ROWS))
    columns = dict.fromkeys(ROWS[0], "VARCHAR") | {
        "start_time": "TIMESTAMP",
        "end_time": "TIMESTAMP",
        "completion_start_time": "TIMESTAMP",
        "usage_details": "MAP(VARCHAR, UBIGINT)",
        "cost_details": "MAP(VARCHAR, DOUBLE)",
        "total_cost": "DOUBLE",
        "latency": "DOUBLE",
        "time_to_first_token": "DOUBLE",
        "tags": "VARCHAR[]",
    }
    duckdb.sql(
        f"COPY (SELECT * FROM read_json('{source}', columns = {columns})) TO '{made}' (FORMAT "
        f"parquet)"
    )
    return made.read_bytes()


CONTAINERS = {
    "jsonl": lambda _: lines(ROWS),
    "json": lambda _: json.dumps(ROWS),
    "csv": lambda _: sheet(ROWS),
    "parquet": parquet,
    "gzip": lambda _: gzip.compress(lines(ROWS).encode()),
    "answer of the API": lambda _: json.dumps(
        {"data": [answered(one) for one in ROWS], "meta": {"cursor": None}}
    ),
    "answers of the API, one a line": lambda _: lines(
        {"data": [answered(one)], "meta": {}} for one in ROWS
    ),
    "camel case": lambda _: lines(answered(one) for one in ROWS),
}


@pytest.mark.parametrize("container", CONTAINERS)
def test_generations_are_read_alike_from_every_container(tmp_path: Path, container: str) -> None:
    """730 = 100 + 500 + 60 + 30 + 40, but 350 = 300 + 50; what is no generation is counted; newest
    first is sorted."""
    assert figures(table(tmp_path, CONTAINERS[container](tmp_path))) == near(FIGURES)


def test_no_text_is_kept(tmp_path: Path) -> None:
    """Neither prompts nor a failure's message, which quotes one."""
    found = table(tmp_path, lines(ROWS))
    assert "secret" not in str(found.rows("SELECT * FROM requests"))
    assert found.rows(
        "SELECT request_id, failed, status, error, streamed, feature FROM requests WHERE failed"
    ) == [("o30", True, None, None, None, "support")]


@pytest.mark.parametrize("scale", [1, 1000], ids=["s", "ms"])
@pytest.mark.parametrize("spelling", [dict, answered], ids=["snake", "camel"])
def test_the_dates_settle_the_unit_of_latency(tmp_path: Path, scale: int, spelling: Any) -> None:
    """2 s passed between them: 2.0 are seconds and 2000 milliseconds, and the time to the first
    token is in the same unit."""
    one = row(
        10,
        end_time="2026-05-29 13:46:12.000000",
        latency=2.0 * scale,
        time_to_first_token=0.25 * scale,
        usage_details={"input": 3, "output": 5, "total": 8},
    )
    assert table(tmp_path, lines([spelling(one)])).rows(
        "SELECT latency_s, ttft_s FROM requests"
    ) == [(2.0, pytest.approx(0.25))]


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        ({"input": 10, "output": 5, "total": 15}, (10, None, 5)),
        ({"input": 10, "output": 5}, (10, None, 5)),
        # no total: buckets are apart
        ({"input": 10, "input_cached_tokens": 4, "output": 5}, (14, 4, 5)),
        # 40 are not in 10, whatever the total
        ({"input": 10, "input_cached_tokens": 40, "output": 5, "total": 15}, (50, 40, 5)),
        (
            {
                "input": 10,
                "input_cached_tokens": 4,
                "output": 5,
                "output_reasoning": 3,
                "total": 19,
            },
            (14, 4, 5),
        ),
        (
            {
                "input": 10,
                "input_cached_tokens": 4,
                "output": 5,
                "output_reasoning": 3,
                "total": 18,
            },
            (10, 4, 8),
        ),
        ({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}, (10, None, 5)),
        ({"cache_read_input_tokens": 40, "output": 5, "total": 45}, (40, 40, 5)),
    ],
)
def test_the_total_settles_what_the_buckets_of_usage_mean(
    tmp_path: Path, usage: dict[str, int], tokens: tuple[int | None, ...]
) -> None:
    """Input with cached ones, cached ones, output with reasoning."""
    assert table(tmp_path, lines([row(10, usage_details=usage)])).rows(
        "SELECT input_tokens, cached_tokens, output_tokens FROM requests"
    ) == [tokens]


def test_the_older_api_calls_the_model_model(tmp_path: Path) -> None:
    """It has its usage in an object of its own and as promptTokens and completionTokens, and the
    cost as calculatedTotalCost."""
    old = {
        "id": "o1",
        "traceId": "t1",
        "type": "GENERATION",
        "startTime": "2025-05-29T13:46:10.000Z",
        "endTime": "2025-05-29T13:46:12.000Z",
        "level": "DEFAULT",
        "model": "gpt-4o",
        "modelId": "m1",
        "completionStartTime": None,
        "calculatedTotalCost": 0.002,
        "latency": 2000,
        "usage": {"unit": "TOKENS", "input": 10, "output": 5, "total": 15},
        "promptTokens": 10,
        "completionTokens": 5,
        "totalTokens": 15,
        "usageDetails": None,
    }
    bare = {name: cell for name, cell in old.items() if name != "usage"} | {"id": "o2"}
    found = table(tmp_path, lines([old, bare]))
    assert (
        found.rows("SELECT model, input_tokens, output_tokens, cost_usd, latency_s FROM requests")
        == [("gpt-4o", 10, 5, 0.002, 2.0)] * 2
    )
