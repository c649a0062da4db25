"""`trace inspect` says what a trace holds, `trace convert` writes it as our own table, whole or not
at all."""

import json
from pathlib import Path

import pytest

from simroute.cli import main
from simroute.traces import read
from simroute.traces.analysis.profile import profile_lines, summarize

COLUMNS = (
    "arrival_ns,request_id,input_tokens,cached_tokens,output_tokens,provider,model,failed,"
    "status,latency_s,ttft_s,cost_usd,user,session,"
    "attempts,question"
)
LINES = (
    "1700000000000000000,a,1000,400,100,openai,gpt-4o,false,200,2.0,0.5,0.004,ann,s1,1,q1",
    "1700000004000000000,b,2000,0,200,openai,gpt-4o,false,200,4.0,0.7,0.007,bob,s1,2,q2",
    "1700000010000000000,c,500,0,0,openai,gpt-4o,true,429,0.3,,0.001,bob,s2,3,q1",
    "1700000020000000000,d,300,0,30,nobody,own-model,false,200,1.0,,0.5,ann,s2,1,",
    "soon,e,300,0,30,openai,gpt-4o,false,200,1.0,,0.5,ann,s2,1,",
)


@pytest.fixture
def trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "trace.csv"
    path.write_text("\n".join((COLUMNS, *LINES)) + "\n", encoding="utf-8")
    return path


def said(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """Exit status, stdout, stderr."""
    with pytest.raises(SystemExit) as left:
        main(list(words))
    return (int(left.value.code or 0), *capsys.readouterr())


def test_the_summary_is_flat_and_adds_up(trace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Sums, counts and means of the four lines that can be read; the fifth has no time."""
    code, out, _ = said(capsys, "trace", "inspect", str(trace), "--json")
    found = json.loads(out)
    assert (code, found.pop("cost_usd")) == (0, pytest.approx(0.512))
    assert found == {
        "format": "canonical",
        "requests": 4,
        "skipped": {"no readable time": 1},
        "unusable": {},
        "first_arrival_utc": "2023-11-14T22:13:20.000000Z",
        "last_arrival_utc": "2023-11-14T22:13:40.000000Z",
        "span_s": 20.0,
        "input_tokens": 3800,
        "cached_tokens": 400,
        "written_tokens": None,
        "output_tokens": 330,
        "embeddings": None,
        "embedding_tokens": None,
        "attempts": 7,
        "attempts_at_least": False,
        "failed": 1,
        "streamed": None,
        "failed_by_request": 0,
        "failed_given_up": 0,
        "failed_by_deployment": 1,
        "failed_without_status": 0,
        "known": {
            "streamed": 0,
            "failed": 4,
            "cached": 0,
            "cached_tokens": 4,
            "written_tokens": 0,
            "cost_usd": 4,
            "user": 4,
            "session": 4,
            "model": 4,
            "latency_s": 4,
            "ttft_s": 2,
            "attempts": 4,
        },
        "users": 2,
        "sessions": 2,
        "models": 2,
        "latency_mean_s": pytest.approx(1.825),
        "ttft_mean_s": pytest.approx(0.6),
    }


def test_what_a_format_does_not_say_is_null(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Never 0."""
    (tmp_path / "t.csv").write_text(
        "arrival_s,input_tokens,output_tokens\n0,1,1\n3,4,5\n", encoding="utf-8"
    )
    found = json.loads(said(capsys, "trace", "inspect", str(tmp_path / "t.csv"), "--json")[1])
    assert {name for name, value in found.items() if value is None} == {
        "first_arrival_utc",
        "last_arrival_utc",
        "cached_tokens",
        "written_tokens",
        "cost_usd",
        "attempts",
        "attempts_at_least",
        "failed",
        "streamed",
        "users",
        "sessions",
        "models",
        "latency_mean_s",
        "ttft_mean_s",
        "embeddings",
        "embedding_tokens",
        "failed_by_request",
        "failed_given_up",
        "failed_by_deployment",
        "failed_without_status",
    }


def test_a_log_without_cached_tokens_is_priced_in_full(tmp_path: Path) -> None:
    """A million tokens in at $2.50 and a hundred thousand out at $10: $3.50, as the log has it."""
    path = tmp_path / "full.csv"
    path.write_text(
        f"{COLUMNS}\n1700000000000000000,a,1000000,,100000,openai,gpt-4o,false,"
        "200,1.0,,3.5,ann,s1,1,\n",
        encoding="utf-8",
    )
    told = [
        text
        for name, text in profile_lines(read([path]))
        if name in ("spend as logged", "spend by catalogue", "")
    ]
    assert told == [
        "$3.50",
        "$3.50, at prices of 2023-11-14",
        "that is what the rest of the log says, too",
    ]


def test_a_log_of_models_without_a_price_leaves_nothing_unexplained(tmp_path: Path) -> None:
    """Sums of 0.1 and 0.2 differ from 0.3 in the last bit; that is no difference of prices."""
    path = tmp_path / "own.csv"
    rows = [
        f"170000000000000000{k},a,1000000,,100000,own,{model},false,200,1.0,,{cost},ann,s1,1,"
        for k, (model, cost) in enumerate((("x-1", 0.1), ("x-2", 0.2), ("x-3", 0.7)))
    ]
    path.write_text("\n".join([COLUMNS, *rows, ""]), encoding="utf-8")
    told = [text for name, text in profile_lines(read([path])) if name == ""]
    assert told[-1] == "that is what the rest of the log says, too"


def test_the_difference_between_log_and_catalogue_is_explained(trace: Path) -> None:
    """gpt-4o by its published prices, $2.50, $1.25 cached and $10: a cost $0.003, b $0.007; the log
    has $0.001 more, and others with causes."""
    told = [
        text
        for name, text in profile_lines(read([trace]))
        if name in ("spend as logged", "spend by catalogue", "")
    ]
    assert told == [
        "$0.51",
        "$0.0100, at prices of 2023-11-14",
        "no price is known for own-model (1): $0.50 of the log",
        "cached tokens at the full price would cost $0.000500 more",
        "$0.00100 of the log is for failed calls, which cost nothing here",
        "the rest of the log is $0.00100 (10 %) above the catalogue",
    ]


def test_the_text_says_what_was_left_out_and_where(
    trace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the file's line, and all that is known of the others."""
    code, out, _ = said(capsys, "trace", "inspect", str(trace))
    lines = {line.split("  ")[0]: line for line in out.splitlines()}
    assert code == 0
    assert "1: no readable time" in lines["skipped"]
    assert "trace.csv: row 6" in lines["skipped"]
    assert "429 1" in lines["errors"]
    assert "1.750 a request" in lines["attempts"]
    assert "33.33 %" in lines["exact repeats"]


def test_several_files_are_one_trace(trace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By a pattern too; a request id that came before is counted and not read again, and files that
    overlap are told."""
    (trace.parent / "more.csv").write_text(
        "\n".join((COLUMNS, LINES[1], LINES[3].replace(",d,", ",f,"))) + "\n", encoding="utf-8"
    )
    found = json.loads(said(capsys, "trace", "inspect", "*.csv", "--json")[1])
    assert (found["requests"], found["skipped"]) == (
        5,
        {"no readable time": 1, "request id seen before": 1},
    )
    assert "more.csv overlap in time" in said(capsys, "trace", "inspect", "*.csv")[1]


def test_a_converted_trace_says_the_same(trace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Row by row, but for what was skipped."""
    code, out, _ = said(capsys, "trace", "convert", str(trace), "out.parquet")
    assert (code, out) == (
        0,
        "4 requests in out.parquet; 1 rows skipped, see simroute trace inspect\n",
    )
    before, after = read([trace]), read([Path("out.parquet")])
    assert after.rows("SELECT * FROM requests") == before.rows("SELECT * FROM requests")
    assert summarize(after) == summarize(before) | {"skipped": {}}


def test_an_anonymised_trace_keeps_who_is_the_same_and_names_nobody(
    trace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Counts stay, words go; two conversions give different hashes, since the salt is fresh."""
    for name in ("one.parquet", "two.parquet"):
        assert said(capsys, "trace", "convert", str(trace), name, "--anonymize")[0] == 0
    one, two = read([Path("one.parquet")]), read([Path("two.parquet")])
    plain = summarize(read([trace])) | {"skipped": {}}
    assert summarize(one) == summarize(two) == plain
    for column in ('"user"', "session", "request_id", "question"):
        kept = f"SELECT list({column} ORDER BY arrival_ns) FROM requests"
        assert not {*one.value(kept)} & {
            *two.value(kept),
            "ann",
            "bob",
            "s1",
            "s2",
            "a",
            "b",
            "q1",
            "q2",
        } - {None}
        assert [one.value(kept).index(word) for word in one.value(kept)] == [
            two.value(kept).index(word) for word in two.value(kept)
        ]
    assert b"ann" not in Path("one.parquet").read_bytes()


def test_nothing_is_overwritten_and_nothing_half_written(
    trace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is there stays, unless --force; what cannot be read or written leaves no file."""
    Path("out.parquet").write_bytes(b"mine")
    code, _, err = said(capsys, "trace", "convert", str(trace), "out.parquet")
    assert (code, err, Path("out.parquet").read_bytes()) == (
        2,
        "simroute: out.parquet: is there already; --force overwrites it\n",
        b"mine",
    )
    assert said(capsys, "trace", "convert", "none.csv", "new.parquet")[0] == 2
    code, _, err = said(capsys, "trace", "convert", str(trace), "none/new.parquet")
    assert (code, err) == (
        2,
        "simroute: none/new.parquet: its folder is not there; make none first\n",
    )
    code, _, err = said(capsys, "trace", "convert", str(trace), "new.csv")
    assert (code, err) == (
        2,
        "simroute: new.csv: the table is written as Parquet; name it new.parquet\n",
    )
    assert sorted(path.name for path in trace.parent.iterdir()) == ["out.parquet", "trace.csv"]
    assert said(capsys, "trace", "convert", str(trace), "out.parquet", "--force")[0] == 0
    assert read([Path("out.parquet")]).requests == 4


def test_a_mapping_file_is_read_as_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its mistakes come all at once, each with file, line and key."""
    monkeypatch.chdir(tmp_path)
    Path("log.csv").write_text("at,asked,given\n2024-01-01T00:00:00Z,1,2\n", encoding="utf-8")
    Path("good.yaml").write_text(
        "time: at\ninput_tokens: asked\noutput_tokens: given\n", encoding="utf-8"
    )
    Path("bad.yaml").write_text(
        "time: at\ninput_token: asked\ncost_usd: {column: x, unit: euro}\n", encoding="utf-8"
    )
    found = json.loads(
        said(capsys, "trace", "inspect", "log.csv", "--mapping", "good.yaml", "--json")[1]
    )
    assert (found["format"], found["input_tokens"], found["output_tokens"]) == ("mapped", 1, 2)
    code, _, err = said(capsys, "trace", "inspect", "log.csv", "--mapping", "bad.yaml")
    assert (code, err.splitlines()) == (
        2,
        [
            "simroute: bad.yaml:2: input_token: is no column of a trace; did you mean "
            "input_tokens?",
            "simroute: bad.yaml:3: cost_usd.unit: expected one of usd, cents",
        ],
    )


def test_names_of_formats_are_completed() -> None:
    """Behind --format, each with what it is."""
    import click

    from simroute.cli.commands.trace import inspect_command
    from simroute.cli.log_options import complete_formats

    found = complete_formats(click.Context(inspect_command), inspect_command.params[1], "b")
    assert [item.value for item in found] == ["bailian", "bedrock", "burstgpt"]
    assert all(item.help for item in found)


def test_inspecting_a_trace_loads_no_data_frames(trace: Path) -> None:
    """Nor Hydra, SciPy or plotly, so that a small file takes a moment."""
    import subprocess
    import sys

    script = (
        "import sys, simroute.cli as c\ntry: c.main(['trace', 'inspect', sys.argv[1]])\nexcept "
        "SystemExit: pass\n"
        "print([m for m in ('pandas', 'hydra', 'scipy', 'plotly', 'simpy') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(trace)], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_share_is_of_the_rows_that_say_and_the_others_are_told(tmp_path: Path) -> None:
    """Known yes, known no and not known are three things: of three that say, one streamed, and 250
    of 400 input tokens were cached."""
    path = tmp_path / "log.csv"
    lines = [
        "arrival_ns,input_tokens,output_tokens,streamed,cached_tokens,cached,user",
        "1700000000000000000,100,1,true,50,no,a",
        "1700000001000000000,300,1,false,200,exact,",
        "1700000002000000000,500,1,false,,,",
        "1700000003000000000,700,1,,,,",
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    found = dict(profile_lines(read([path])))
    assert found["streamed"] == "1 (33.33 %) (1 do not say)"
    assert found["cached tokens"] == "250 (62.50 % of input) (2 do not say)"
    assert found["gateway's cache"] == "exact 1 (50.00 %) (2 do not say)"
    assert found["users"] == "1: a 100.00 % (3 do not say)"
    said = summarize(read([path]))
    assert (
        said["streamed"],
        said["known"]["streamed"],
        said["known"]["cached_tokens"],
        said["known"]["user"],
    ) == (1, 3, 2, 1)
