"""A folder of small files, as loggers that write to object stores leave it, is one trace."""

import json
from pathlib import Path
from typing import Any

import pytest

from simroute.traces import ReadOptions, TraceError, read
from simroute.traces.records import find_files
from simroute.traces.table import RequestTable


def call(number: int, **more: Any) -> str:
    """A row of LiteLLM's table, so many seconds after nine."""
    return json.dumps(
        {
            "request_id": f"r{number}",
            "spend": 0.001,
            "prompt_tokens": 100 + number,
            "completion_tokens": 10,
            "session_id": f"s{number}",
            "startTime": f"2026-09-02T09:00:{number:02d}.000Z",
            "endTime": f"2026-09-02T09:00:{number:02d}.500Z",
            "model": "m",
            "custom_llm_provider": "p",
            "status": "success",
            "metadata": "{}",
            **more,
        }
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(6):
        path = tmp_path / "logs" / f"hour={number % 2}" / f"{number}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(call(number), encoding="utf-8")
    (tmp_path / "logs" / "_SUCCESS").touch()
    return tmp_path / "logs"


def test_a_folder_is_all_that_is_in_it(folder: Path) -> None:
    """As the pattern FOLDER/**/* gives it; an empty file, as some systems leave them, holds
    nothing."""
    names = [path.relative_to(folder).as_posix() for path in find_files([str(folder)])]
    assert names == [
        "hour=0/0.json",
        "hour=0/2.json",
        "hour=0/4.json",
        "hour=1/1.json",
        "hour=1/3.json",
        "hour=1/5.json",
    ]
    assert find_files([str(folder / "**" / "*.json")]) == find_files([str(folder)])


def test_one_object_a_file_is_read_as_one_file_of_lines(folder: Path, tmp_path: Path) -> None:
    """The same requests in the same order, whatever the order of the files."""
    lines = tmp_path / "lines.jsonl"
    lines.write_text("\n".join(call(number) for number in range(6)), encoding="utf-8")

    def rows(table: RequestTable) -> list[tuple[Any, ...]]:
        return table.rows("SELECT arrival_ns, request_id, input_tokens FROM requests")

    assert rows(read(find_files([str(folder)]))) == rows(read([lines]))


def test_what_is_wrong_is_told_with_its_own_file(folder: Path) -> None:
    """A broken line, a row without a time and an id seen before, each in a file of its own."""
    bad = folder / "hour=2"
    bad.mkdir()
    (bad / "a.json").write_text(call(7) + "\n{broken\n", encoding="utf-8")
    (bad / "b.json").write_text(call(8, startTime="soon"), encoding="utf-8")
    (bad / "c.json").write_text(call(0), encoding="utf-8")
    paths = find_files([str(folder)])
    assert read(paths).examples == {
        "broken line": [f"{bad / 'a.json'}: row 2"],
        "no readable time": [f"{bad / 'b.json'}: row 1"],
        "request id seen before": [f"{bad / 'c.json'}: row 1"],
    }
    with pytest.raises(TraceError, match=r"a\.json: row 2: broken line"):
        read(paths, ReadOptions(strict=True))


def test_of_a_run_s_folder_its_requests_are_the_log(folder: Path) -> None:
    """Not the figures, pages and other rows beside them."""
    requests = folder / "requests.parquet"
    requests.write_bytes(b"PAR1")
    assert len(find_files([str(folder)])) > 1
    (folder / "config.yaml").write_text("command: run\n", encoding="utf-8")
    assert find_files([str(folder)]) == [requests]


def test_a_folder_without_data_is_told(tmp_path: Path) -> None:
    """And so is one with another kind of file in it, by name."""
    with pytest.raises(TraceError, match="is a folder without a file that holds anything"):
        find_files([str(tmp_path)])
    (tmp_path / "a.json").write_text(call(1), encoding="utf-8")
    (tmp_path / "manifest.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(TraceError, match=r"manifest\.csv: row 1: unknown columns"):
        read(find_files([str(tmp_path)]))
