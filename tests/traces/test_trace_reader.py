"""Real logs are read as they are; what cannot be used is refused in one line, what is skipped is
said."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from simroute.traces import ReadOptions, TraceError, read, read_outcomes, read_trace

HEADER = "arrival_s,input_tokens,output_tokens\n"
AZURE = "TIMESTAMP,ContextTokens,GeneratedTokens\n"


def written(folder: Path, content: str | bytes, name: str = "trace.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    ("name", "rows", "inputs", "outputs", "rate"),
    [
        ("azure2023_conv.csv", 19_366, (1020, 2734, 4142), (129, 424, 601), 5.53),
        ("azure2023_code.csv", 8_819, (1469, 5187, 7436), (13, 55, 251), 2.57),
    ],
)
def test_azures_traces_have_the_published_figures(
    shared: Path,
    name: str,
    rows: int,
    inputs: tuple[int, ...],
    outputs: tuple[int, ...],
    rate: float,
) -> None:
    """Rows, p50 / p90 / p99 of tokens (whole ones) and requests a second as in the provider
    figures; nothing skipped."""
    trace = read_trace(shared / "data" / name)
    assert len(trace.arrival) == rows
    assert np.floor(np.percentile(trace.input_tokens, [50, 90, 99])).tolist() == list(inputs)
    assert np.floor(np.percentile(trace.output_tokens, [50, 90, 99])).tolist() == list(outputs)
    assert round(rows / trace.arrival[-1], 2) == rate
    assert trace.notes == []


def test_times_count_from_the_first_arrival_to_the_hundredth_microsecond(shared: Path) -> None:
    """18:15:46.6805900 and 18:15:50.9951690 are 4.3145790 s apart, and the last row came at
    19:14:08.4025270."""
    trace = read_trace(shared / "data/azure2023_conv.csv")
    assert trace.arrival[0] == 0
    assert trace.arrival[1] == pytest.approx(4.314579, abs=1e-9)
    assert trace.arrival[-1] == pytest.approx(3501.721937, abs=1e-9)


def test_the_plain_format_needs_its_columns_in_any_order(tmp_path: Path) -> None:
    """Further columns are of no concern; times are shifted to 0."""
    trace = read_trace(
        written(tmp_path, "output_tokens,who,arrival_s,input_tokens\n5,a,100.5,10\n6,b,101,20\n")
    )
    assert (trace.arrival.tolist(), trace.input_tokens.tolist(), trace.output_tokens.tolist()) == (
        [0, 0.5],
        [10, 20],
        [5, 6],
    )


def test_what_windows_editors_add_changes_nothing(tmp_path: Path) -> None:
    """A byte order mark, CRLF and an empty last line."""
    content = HEADER + "0,10,5\n1,20,6\n"
    plain = read_trace(written(tmp_path, content))
    edited = read_trace(
        written(tmp_path, "\ufeff" + content.replace("\n", "\r\n") + "\r\n", "edited.csv")
    )
    assert np.array_equal(plain.arrival, edited.arrival)
    assert np.array_equal(plain.input_tokens, edited.input_tokens)


@pytest.mark.parametrize(
    ("name", "zipped"), [("trace.csv.gz", True), ("trace.csv", True), ("plain.gz", False)]
)
def test_gzip_is_known_by_its_first_bytes_not_by_its_name(
    tmp_path: Path, name: str, zipped: bool
) -> None:
    """A zipped file without .gz is read, and so is a plain one with it."""
    content = (HEADER + "0,10,5\n").encode()
    assert read_trace(
        written(tmp_path, gzip.compress(content) if zipped else content, name)
    ).input_tokens.tolist() == [10]


def test_rows_out_of_order_are_sorted_and_it_is_said(tmp_path: Path) -> None:
    """Equal times keep the order of the file."""
    trace = read_trace(written(tmp_path, HEADER + "5,1,1\n3,2,2\n5,3,3\n"))
    assert trace.arrival.tolist() == [0, 2, 2]
    assert trace.input_tokens.tolist() == [2, 1, 3]
    assert len(trace.notes) == 1
    assert "sorted" in trace.notes[0]


def test_rows_that_ask_nothing_are_skipped_and_counted(tmp_path: Path) -> None:
    """Without input tokens there is no request; an empty answer is one."""
    trace = read_trace(written(tmp_path, HEADER + "0,0,5\n1,10,0\n2,0,0\n"))
    assert trace.output_tokens.tolist() == [0]
    assert trace.notes[1:] == ["2 rows skipped: nothing asked (row 2 …)"]
    assert trace.notes[0].startswith("2 of 3 rows are left out, mostly for: nothing asked")


def test_azures_later_traces_carry_utc(tmp_path: Path) -> None:
    """Those of 2024 end in +00:00, with six digits or none."""
    trace = read_trace(
        written(
            tmp_path,
            AZURE + "2024-05-10 00:00:00.009930+00:00,10,5\n2024-05-10 00:00:01+00:00,20,6\n",
        )
    )
    assert trace.arrival.tolist() == pytest.approx([0, 0.99007], abs=1e-9)


REFUSED = {
    "nothing at all": (b"", "no rows"),
    "a header alone": (HEADER.encode(), "no rows"),
    "only rows that ask nothing": (
        (HEADER + "0,0,5\n").encode(),
        "no rows; a trace needs at least one request (1 skipped: nothing asked)",
    ),
    "columns of another kind": (b"ts,model\n1,a\n", "row 1: unknown columns 'model, ts'"),
    "a column twice": (
        b"arrival_s,arrival_s,input_tokens,output_tokens\n",
        "row 1: column 'arrival_s' stands twice",
    ),
    "a NUL byte": ((HEADER + "0,1,1\n1,2\0,3\n").encode(), "row 3: holds a NUL byte"),
    "negative tokens": (
        (HEADER + "0,1,1\n1,-5,3\n").encode(),
        "row 3: token counts must not be negative",
    ),
    "Latin-1": (HEADER.encode() + b"0,1,1\n1,caf\xe9,2\n", "row 3: not valid UTF-8"),
    "half a zip file": (
        gzip.compress((HEADER + "0,1,1\n" * 1000).encode())[:40],
        "cannot be unpacked",
    ),
    "a field of a megabyte": (
        (HEADER + "0,1,1\n0," + "9" * 1_000_000 + ",1\n").encode(),
        "row 3: not a readable CSV file",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_trace_is_refused_in_one_line(tmp_path: Path, case: str) -> None:
    """File, row and what is wrong; it is a ValueError and never a traceback of another kind."""
    content, message = REFUSED[case]
    path = written(tmp_path, content)
    with pytest.raises(TraceError) as caught:
        read_trace(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


BROKEN = {
    "absurd tokens": ("2,1,1000000000000", "more than 10,000,000 tokens"),
    "no number": ("soon,2,3", "no readable time"),
    "half a token": ("2,1.5,1", "no token counts"),
    "not a time": ("nan,1,1", "no readable time"),
    "an infinite time": ("inf,1,1", "no readable time"),
    "a number that no clock holds": ("1e300,1,1", "no readable time"),
    "a short row": ("2,1", "broken line"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_line_costs_that_line_and_is_counted(tmp_path: Path, case: str) -> None:
    """The lines before and after it are read, and its number is told."""
    line, reason = BROKEN[case]
    table = read([written(tmp_path, f"{HEADER}0,1,1\n{line}\n3,4,5\n")])
    assert (table.requests, table.skipped) == (2, {reason: 1})
    assert table.examples[reason][0].endswith("trace.csv: row 3")


@pytest.mark.parametrize("case", BROKEN)
def test_strict_reading_stops_at_the_first_broken_line(tmp_path: Path, case: str) -> None:
    """With file, row, and what was expected."""
    line, reason = BROKEN[case]
    path = written(tmp_path, f"{HEADER}0,1,1\n{line}\n3,x,5\n")
    with pytest.raises(TraceError, match=rf"^{path}: row 3: {reason}.*; expected \w"):
        read([path], ReadOptions(strict=True))


def test_times_with_other_zones_are_turned_into_utc(tmp_path: Path) -> None:
    """01:00 an hour east of Greenwich is midnight there."""
    rows = "2024-05-10 01:00:00+01:00,1,1\n2024-05-10 00:00:02Z,2,2\n2024-05-09T19:00:01-0500,3,3\n"
    trace = read_trace(written(tmp_path, AZURE + rows))
    assert (trace.arrival.tolist(), trace.input_tokens.tolist()) == ([0, 1, 2], [1, 3, 2])


def test_a_file_that_is_not_there_is_refused_in_one_line(tmp_path: Path) -> None:
    """So is a folder."""
    for path in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(TraceError, match="cannot be read"):
            read_trace(path)


def test_a_table_of_outcomes_is_read_with_its_tasks(shared: Path) -> None:
    """RouteLLM's: 14,037 prompts, 57 subjects, two models; MMLU-Pro's: 12,002 prompts, 28
    models."""
    table = read_outcomes(shared / "data/outcomes_mmlu_routellm.csv.gz")
    assert (len(table.task), len(table.tasks), list(table.columns)) == (
        14_037,
        57,
        ["mixtral-8x7b", "gpt-4-1106"],
    )
    wide = read_outcomes(shared / "data/outcomes_mmlu_pro.csv.gz")
    assert (len(wide.task), len(wide.columns)) == (12_002, 28)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("prompt,task,m\n1,a,1\n", "row 1: expected columns prompt_id,task,MODEL"),
        ("prompt_id,task\n1,a\n", "row 1: expected columns"),
        ("prompt_id,task,m\n", "no rows"),
        ("prompt_id,task,m\n1,a,yes\n", "a number from 0 to 1"),
        ("prompt_id,task,m\n1,a,2\n", "one number from 0 to 1"),
        ("prompt_id,task,m\n1,a,nan\n", "one number from 0 to 1"),
        ("prompt_id,task,m,n\n1,a,1,0\n2,a,1\n", "a number from 0 to 1"),
        ("prompt_id,task,m,m\n1,a,1,0\n", "stands twice"),
    ],
)
def test_what_is_no_table_of_outcomes_is_refused_in_one_line(
    tmp_path: Path, content: str, message: str
) -> None:
    """Wrong columns, no rows, or scores outside 0 to 1."""
    with pytest.raises(TraceError, match=message) as caught:
        read_outcomes(written(tmp_path, content))
    assert "\n" not in str(caught.value)


def test_a_stated_unit_is_held_against_every_time(tmp_path: Path) -> None:
    """Seconds beside milliseconds are refused where the unit is given, too: read as milliseconds
    they would lie in 1970."""
    rows = "1756684800000,1,2\n1756684801000,1,2\n1756684802,1,2\n"
    path = written(tmp_path, "arrival_s,input_tokens,output_tokens\n" + rows)
    with pytest.raises(
        TraceError,
        match="row 4: in ms some times lie before 1973, others after; write all in one unit",
    ):
        read([path], ReadOptions(unit="ms"))


def test_a_json_file_that_was_cut_off_is_not_called_empty(tmp_path: Path) -> None:
    """What is wrong is its form."""
    with pytest.raises(TraceError, match="holds no whole object of JSON"):
        read([written(tmp_path, '{"data": [{"id": "a", "traceId": ', "cut.json")])
