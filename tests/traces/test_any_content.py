"""Whatever stands in a log, reading it ends with a table or with one line; memory does not grow
with its length."""

import json
import tracemalloc
from pathlib import Path

import pytest
import zstandard

from hostile import VALUES
from simroute.traces import ReadOptions, TraceError, json_records, raw_text, read, records
from simroute.traces.analysis.profile import profile_lines, summarize
from simroute.traces.formats import FORMAT_NAMES, find_format


@pytest.mark.parametrize("name", FORMAT_NAMES)
def test_no_value_of_a_field_breaks_the_reading(tmp_path: Path, name: str) -> None:
    """Each field of each format meets each of these values, beside others in every row; nothing but
    the log is blamed."""
    form = find_format(name)
    lines = [
        {
            field: VALUES[(start + 3 * place) % len(VALUES)]
            for place, field in enumerate(form.FIELDS)
        }
        for start in range(len(VALUES))
    ]
    refused: list[str] = []
    for first in range(0, len(lines), 11):
        path = tmp_path / "log.jsonl"
        path.write_text("\n".join(map(json.dumps, lines[first : first + 11])), encoding="utf-8")
        try:
            table = read([path], ReadOptions(format=name))
        except TraceError as error:
            refused.append(str(error))
        else:
            assert json.loads(json.dumps(summarize(table), allow_nan=False))["requests"] > 0
            assert list(profile_lines(table))
    assert [line for line in refused if "cannot be read" in line or "\n" in line] == []


@pytest.mark.parametrize("packed", [True, False])
def test_zstandard_is_known_by_its_first_bytes(tmp_path: Path, packed: bool) -> None:
    """Whatever the file is called."""
    content = b"arrival_s,input_tokens,output_tokens\n0,7,1\n"
    path = tmp_path / "trace.csv.zst"
    path.write_bytes(zstandard.compress(content) if packed else content)
    assert summarize(read([path]))["input_tokens"] == 7


@pytest.mark.parametrize("form", ["csv", "jsonl", "json"])
def test_a_file_ten_times_as_long_takes_no_more_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    """Python's share of it: records are handed on in chunks and forgotten; what the database holds
    is on disk from 64 MiB on."""
    monkeypatch.setattr(records, "CHUNK", 500)
    for module in (raw_text, json_records):
        monkeypatch.setattr(module, "BLOCK", 1 << 14)
    fields = ("arrival_s", "input_tokens", "output_tokens")
    peaks = []
    for many in (2_000, 20_000):
        path = tmp_path / "trace"
        if form == "csv":
            path.write_text(
                ",".join(fields) + "\n" + "".join(f"{row}.5,{row},7\n" for row in range(many)),
                encoding="utf-8",
            )
        else:
            lines = [
                json.dumps({"arrival_s": row, "input_tokens": row, "output_tokens": 7})
                for row in range(many)
            ]
            path.write_text(
                "\n".join(lines) if form == "jsonl" else f"[{','.join(lines)}]", encoding="utf-8"
            )
        tracemalloc.start()
        assert (
            sum(
                len(chunk.lines) for chunk in records.read_chunks(path, fields, records.unwrap_data)
            )
            == many
        )
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0]
