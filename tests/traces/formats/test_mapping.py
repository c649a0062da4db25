"""A log of any other form is read with a mapping, which is data: its names are quoted and nothing
of it is executed."""

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest

from figures import lines, sheet
from simroute.cli import main
from simroute.config.inputs import read_mapping
from simroute.traces import ReadOptions, TraceError, read
from simroute.traces.analysis.profile import summarize
from simroute.traces.formats.mapping import MappingError, parse_mapping

MAPPING = {
    "time": {"column": "ts", "unit": "ms"},
    "request_id": "line",
    "provider": {"value": "openai"},
    "model": 'na"me',
    "input_tokens": {"column": "in tok", "includes_cached": False},
    "cached_tokens": "cached",
    "output_tokens": "out",
    "latency_s": {"column": "took", "unit": "ms"},
    "cost_usd": {"column": "price", "unit": "cents"},
    "status": "st",
}
LOG = (
    'ts,line,"na""me",in '
    "tok,cached,out,took,price,st\n1700000000000,a,gpt,10,5,3,1500,2,200\n"
    "1700000001000,b,gpt,10,,3,100,,503\n"
)


def test_a_mapping_gives_columns_their_meaning(tmp_path: Path) -> None:
    """Milliseconds, cents, tokens without the cached ones, a status that tells failures, and a
    value for all rows."""
    path = tmp_path / "log.csv"
    path.write_text(LOG, encoding="utf-8")
    table = read([path], ReadOptions(mapping=parse_mapping(MAPPING)))
    columns = (
        "arrival_ns, request_id, provider, model, input_tokens, cached_tokens, latency_s, "
        "cost_usd, failed"
    )
    assert table.rows(f"SELECT {columns} FROM requests") == [
        (1_700_000_000_000_000_000, "a", "openai", "gpt", 15, 5, 1.5, 0.02, False),
        (1_700_000_001_000_000_000, "b", "openai", "gpt", 10, None, 0.1, None, True),
    ]


def test_a_dotted_name_looks_into_nested_objects(tmp_path: Path) -> None:
    """Unless a field is called so itself."""
    path = tmp_path / "log.jsonl"
    path.write_text(
        json.dumps({"at": "2024-01-01T00:00:00Z", "usage": {"in": 3}, "a.b": 5}), encoding="utf-8"
    )
    table = read(
        [path],
        ReadOptions(
            mapping=parse_mapping(
                {"time": "at", "input_tokens": "usage.in", "output_tokens": "a.b"}
            )
        ),
    )
    assert table.rows("SELECT input_tokens, output_tokens FROM requests") == [(3, 5)]


TOKENS = {
    "gen_ai.usage": {"input.tokens": 3},
    "gen_ai": {"usage.output_tokens": 5},
    "deep": json.dumps({"model": json.dumps({"name.of": "m"})}),
}
DOTTED = {
    "dots in keys are found": {
        "input_tokens": "attributes.gen_ai.usage.input.tokens",
        "output_tokens": "attributes.gen_ai.usage.output_tokens",
    },
    "a list of keys": {
        "input_tokens": ["attributes", "gen_ai.usage", "input.tokens"],
        "output_tokens": ["attributes", "gen_ai", "usage.output_tokens"],
    },
    "keys in quotation marks": {
        "input_tokens": 'attributes."gen_ai.usage"."input.tokens"',
        "output_tokens": {"column": 'attributes.gen_ai."usage.output_tokens"'},
    },
}


@pytest.mark.parametrize("case", DOTTED)
@pytest.mark.parametrize("text", [False, True], ids=["objects", "text"])
def test_keys_may_contain_dots_and_cells_objects_as_text(
    tmp_path: Path, case: str, text: bool
) -> None:
    """Whichever way the key is written, in objects and in a cell that holds one as text, and in a
    text within it."""
    path = tmp_path / "log"
    told = DOTTED[case] | {"time": "at", "model": "attributes.deep.model.name.of"}
    if text:
        path.write_text(
            "at,attributes\n1700000000," + '"' + json.dumps(TOKENS).replace('"', '""') + '"\n',
            encoding="utf-8",
        )
    else:
        path.write_text(json.dumps({"at": 1_700_000_000, "attributes": TOKENS}), encoding="utf-8")
    assert read([path], ReadOptions(mapping=parse_mapping(told))).rows(
        "SELECT input_tokens, output_tokens, model FROM requests"
    ) == [(3, 5, "m")]


def test_a_key_that_comes_late_is_found_however_its_dots_are_meant(tmp_path: Path) -> None:
    """The first records, from which names are understood, have none of it."""
    path = tmp_path / "log.jsonl"
    rows: list[dict[str, Any]] = [
        {"at": 1_700_000_000 + second, "in": 1, "out": 1, "u": {"x": 0}} for second in range(50)
    ]
    rows[40]["u"] = {"cache.read": {"tokens": 7}}
    path.write_text(lines(rows), encoding="utf-8")
    told = {
        "time": "at",
        "input_tokens": "in",
        "output_tokens": "out",
        "cached_tokens": "u.cache.read.tokens",
    }
    assert (
        read([path], ReadOptions(mapping=parse_mapping(told))).value(
            "SELECT sum(cached_tokens) FROM requests"
        )
        == 7
    )


ROWS = [
    {
        "at": 1_700_000_000,
        "in": 5,
        "out": 2,
        "errorCode": None,
        "kind": "chat",
        "level": "INFO",
        "code": 200,
    },
    {
        "at": 1_700_000_001,
        "in": 6,
        "out": 0,
        "errorCode": "throttled",
        "kind": "Chat",
        "level": "ERROR",
        "code": 429,
    },
    {
        "at": 1_700_000_002,
        "in": 7,
        "out": 0,
        "errorCode": "",
        "kind": "embedding",
        "level": "INFO",
        "code": 200,
    },
]
FAILURES = {
    "a cell that says something": {"when": "errorCode"},
    "a word, in any case": {"column": "level", "equals": "error"},
    "a number": {"when": "code", "equals": [429, 503]},
    "a text of a number": {"column": "code", "equals": "429"},
}


@pytest.mark.parametrize(
    "content",
    [lines(ROWS), sheet(ROWS), json.dumps({"success": True, "result": {"logs": ROWS}})],
    ids=["jsonl", "csv", "wrapped"],
)
@pytest.mark.parametrize("case", FAILURES)
def test_failures_are_told_by_any_column_and_rows_may_be_wrapped(
    tmp_path: Path, content: str, case: str
) -> None:
    """An empty cell is no error code."""
    path = tmp_path / "log"
    path.write_text(content, encoding="utf-8")
    told = {"time": "at", "input_tokens": "in", "output_tokens": "out", "failed": FAILURES[case]}
    made = parse_mapping(
        told | ({"records": "result.logs"} if content.startswith('{"success') else {})
    )
    assert read([path], ReadOptions(mapping=made)).rows("SELECT failed FROM requests") == [
        (False,),
        (True,),
        (False,),
    ]


def test_a_document_with_a_row_a_line_is_one_document(tmp_path: Path) -> None:
    """Its last row has no comma after it, and could be taken for a line of its own; it is the
    example of the docs."""
    text = (
        (Path(__file__).parents[3] / "docs" / "traces.md")
        .read_text(encoding="utf-8")
        .split("A worked example")[1]
    )
    for name, kind in (("log.json", "json"), ("map.yaml", "yaml")):
        (tmp_path / name).write_text(
            text.split(f"```{kind}\n")[1].split("```")[0], encoding="utf-8"
        )
    found = read([tmp_path / "log.json"], ReadOptions(mapping=read_mapping(tmp_path / "map.yaml")))
    assert found.rows(
        "SELECT input_tokens, output_tokens, latency_s, provider, model, failed, error FROM "
        "requests"
    ) == [
        (2286, 410, 5.52, "openai", "gpt-4o", False, None),
        (None, None, 0.3, "openai", "gpt-4o", True, "RateLimitError"),
    ]
    assert found.skipped == {"not what `where` asks for": 1}


WHERE = {
    "a value in any case": ({"kind": "chat"}, [5, 6]),
    "one of several": ({"kind": ["embedding", "rerank"]}, [7]),
    "not a value": ({"kind": {"not": "embedding"}}, [5, 6]),
    "there at all": ({"errorCode": {"present": True}}, [6]),
    "not there": ({"errorCode": {"present": False}}, [5, 7]),
    "a number": ({"code": 200}, [5, 7]),
    "all of them": ({"kind": "chat", "code": 200}, [5]),
    "listed": ([{"column": ["kind"], "equals": "chat"}, {"column": "code", "not": 200}], [6]),
}


@pytest.mark.parametrize("case", WHERE)
def test_only_rows_that_are_asked_for_are_requests(tmp_path: Path, case: str) -> None:
    """The others are counted, and are no loss."""
    where, expected = WHERE[case]
    path = tmp_path / "log.jsonl"
    path.write_text(lines(ROWS), encoding="utf-8")
    found = read(
        [path],
        ReadOptions(
            mapping=parse_mapping(
                {"time": "at", "input_tokens": "in", "output_tokens": "out", "where": where}
            )
        ),
    )
    assert [row[0] for row in found.rows("SELECT input_tokens FROM requests")] == expected
    assert (sum(found.skipped.values()), found.lost) == (3 - len(expected), "")


def test_a_condition_that_nothing_meets_is_an_error(tmp_path: Path) -> None:
    """Not an empty trace."""
    path = tmp_path / "log.jsonl"
    path.write_text(lines(ROWS), encoding="utf-8")
    with pytest.raises(TraceError, match="`where` leaves none of 3 rows"):
        read(
            [path],
            ReadOptions(
                mapping=parse_mapping(
                    {"time": "at", "input_tokens": "in", "where": {"kind": "completion"}}
                )
            ),
        )


EMPTY = {
    "always empty": ("nothing", "'nothing', which the mapping names for cost_usd, holds no value"),
    "no number": (
        "kind",
        "'kind', which the mapping names for cost_usd, holds no value that can be used in any of "
        "3 rows",
    ),
    "misspelled": ("kost", r"did you mean cost\?"),
}


@pytest.mark.parametrize("case", EMPTY)
def test_a_column_that_never_holds_a_value_is_an_error(tmp_path: Path, case: str) -> None:
    """With its name, and the nearest that is there; of errors that is not asked."""
    name, message = EMPTY[case]
    path = tmp_path / "log.jsonl"
    path.write_text(
        lines([row | {"nothing": None, "cost": 1, "wrong": ""} for row in ROWS]), encoding="utf-8"
    )
    told = {"time": "at", "input_tokens": "in", "output_tokens": "out", "error": "wrong"}
    assert read([path], ReadOptions(mapping=parse_mapping(told))).requests == 3
    with pytest.raises(TraceError, match=message):
        read([path], ReadOptions(mapping=parse_mapping(told | {"cost_usd": name})))


ABSENT: dict[str, tuple[dict[str, Any], str]] = {
    "failures told by a misspelt key": (
        {"failed": {"when": "erorCode"}},
        r"'erorCode', .* for failed, is in none .*; did you mean errorCode\?",
    ),
    "a value of a key of nowhere": (
        {"failed": {"column": "nope", "equals": 1}},
        "'nope', .* for failed, is in none of 3 rows; name",
    ),
    "hits of a misspelt key": (
        {"cached": {"column": "levl", "equals": "INFO"}},
        r"for cached, .*; did you mean level\?",
    ),
    "a condition on a misspelt key": (
        {"where": {"knd": {"not": "chat"}}},
        r"'knd', which the mapping names for where, .*; did you mean kind\?",
    ),
    "a condition that nothing meets": (
        {"where": {"knd": "chat"}},
        r"'knd', which the mapping names for where, .*; did you mean kind\?",
    ),
    "errors of a misspelt key": (
        {"error": "erorCode"},
        r"'erorCode', which the mapping names for error, is in none .*; did you mean errorCode\?",
    ),
    "a nested key": (
        {"failed": {"when": "more.wrongs"}},
        r"'more.wrongs', .*; did you mean more.wrong\?",
    ),
    "a key in a text of JSON": (
        {"failed": {"when": "text.wrongs"}},
        r"'text.wrongs', .*; did you mean text.wrong\?",
    ),
}


@pytest.mark.parametrize("case", ABSENT)
def test_a_compared_column_that_no_row_has_is_an_error(tmp_path: Path, case: str) -> None:
    """Although a comparison with nothing has an answer, and would hide every failure."""
    extra, message = ABSENT[case]
    path = tmp_path / "log.jsonl"
    path.write_text(
        lines([row | {"more": {"wrong": None}, "text": '{"wrong": 1}'} for row in ROWS]),
        encoding="utf-8",
    )
    with pytest.raises(TraceError, match=message):
        read(
            [path],
            ReadOptions(
                mapping=parse_mapping(
                    {"time": "at", "input_tokens": "in", "output_tokens": "out"} | extra
                )
            ),
        )


def test_a_key_that_only_failed_rows_would_have_is_noted(tmp_path: Path) -> None:
    """No row has it, and nothing is called alike; one whose rows all say nothing is there, and so
    is one that comes late."""
    rows: list[dict[str, Any]] = [
        {"at": 1_700_000_000 + second, "in": 1, "out": 1, "none": None, "code": 200}
        for second in range(40)
    ]
    rows[39]["late"] = "Timeout"
    path = tmp_path / "log.jsonl"
    path.write_text(lines(rows), encoding="utf-8")
    told = {"time": "at", "input_tokens": "in", "output_tokens": "out"}
    for extra, failed, note in (
        (
            {"failed": {"when": "errorCode"}},
            0,
            "'errorCode', which the mapping names for failed, is in none of 40 rows: none counts "
            "as failed",
        ),
        (
            {"where": {"parent": {"present": False}}},
            0,
            "'parent', which the mapping names for where, is in none of 40 rows: all meet that "
            "condition",
        ),
        (
            {"error": "errorCode"},
            0,
            "'errorCode', which the mapping names for error, is in none of 40 rows: no error has "
            "a name",
        ),
        ({"error": "none"}, 0, ""),
        ({"error": "late"}, 0, ""),
        ({"failed": {"when": "none"}}, 0, ""),
        ({"failed": {"when": "late"}}, 1, ""),
    ):
        table = read([path], ReadOptions(mapping=parse_mapping(told | extra)))
        assert table.value("SELECT count(*) FILTER (failed) FROM requests") == failed
        assert [one for one in table.notes if "in none of" in one] == ([note] if note else [])


@pytest.mark.parametrize(
    ("records", "message"),
    [
        (
            "page.results.logs",
            r"`records: page.results.logs` finds no list of rows: page has result; did you mean "
            r"page.result.logs\?",
        ),
        ("rows", "`records: rows` finds no list of rows: the document has ok, page$"),
        ("page.result.total", "finds no list of rows: what stands there is no list of objects"),
    ],
)
def test_where_no_rows_stand_is_told_with_what_is_there(
    tmp_path: Path, records: str, message: str
) -> None:
    """Not as a column that they lack."""
    path = tmp_path / "log.json"
    path.write_text(
        json.dumps({"ok": 1, "page": {"result": {"logs": ROWS, "total": 3}}}), encoding="utf-8"
    )
    with pytest.raises(TraceError, match=message):
        read(
            [path],
            ReadOptions(
                mapping=parse_mapping({"time": "at", "input_tokens": "in", "records": records})
            ),
        )


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_where_rows_stand_is_not_asked_of_a_table(tmp_path: Path, ending: str) -> None:
    """Its rows are the records, also where a cell holds what could be some."""
    path, cell = tmp_path / f"log.{ending}", json.dumps({"at": 1})
    if ending == "csv":
        path.write_text(sheet([row | {"result": cell} for row in ROWS]), encoding="utf-8")
    else:
        duckdb.execute(
            f"COPY (SELECT 1700000000 AS \"at\", 5 AS \"in\", '{cell}' AS result) TO '{path}'"
        )
    kind = {"csv": "CSV", "parquet": "Parquet"}[ending]
    with pytest.raises(
        TraceError,
        match=f"log.{ending}: `records: result` is for documents of JSON; each row of a {kind} "
        f"file is a record",
    ):
        read(
            [path],
            ReadOptions(
                mapping=parse_mapping({"time": "at", "input_tokens": "in", "records": "result"})
            ),
        )


def test_that_most_rows_are_lost_is_said_first(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Before the figures, and on stderr; with what they lack."""
    path, told = tmp_path / "log.jsonl", tmp_path / "map.yaml"
    path.write_text(
        lines(
            [{"at": 1_700_000_000 + place, "in": 3 if place < 2 else "three"} for place in range(5)]
        ),
        encoding="utf-8",
    )
    told.write_text("time: at\ninput_tokens: in\n", encoding="utf-8")
    with pytest.raises(SystemExit) as left:
        main(["trace", "inspect", str(path), "--mapping", str(told)])
    out, err = capfd.readouterr()
    assert left.value.code in (0, None)
    assert err.startswith("simroute: 3 of 5 rows are left out, mostly for: no token counts (")
    assert out.splitlines()[2].startswith("left out")


CASES = Path(__file__).parents[4] / "shared" / "cases"


@pytest.mark.skipif(not CASES.is_dir(), reason="no ../shared")
@pytest.mark.parametrize(
    "name",
    ["l02/activity.csv", "l04/openinference.json.gz", "l07/logfire.json.gz", "l07/logfire.csv.gz"],
)
def test_the_cases_mappings_give_the_cases_figures(name: str) -> None:
    """Of what each of them maps."""
    folder = (CASES / name).parent
    want = json.loads((folder / "want.json").read_text(encoding="utf-8"))
    said = summarize(read([CASES / name], ReadOptions(mapping=read_mapping(folder / "map.yaml"))))
    figures = {
        "requests": "requests",
        "input": "input_tokens",
        "cached": "cached_tokens",
        "output": "output_tokens",
        "cost": "cost_usd",
        "failed": "failed",
        "lat": "latency_mean_s",
    }
    known = {
        key: said[column]
        for key, column in figures.items()
        if key in want and said[column] is not None
    }
    assert known == {
        key: pytest.approx(want[key], rel=1e-3) if isinstance(want[key], float) else want[key]
        for key in known
    }
    assert {"requests", "input"} <= known.keys()


HOSTILE = (
    'x"); DROP TABLE raw; --',
    "x'); SELECT 1; --",
    'a.b"c',
    "$.x",
    "read_text('/etc/passwd')",
    "file",
    "reason",
    "line",
)


@pytest.mark.parametrize("hostile", HOSTILE)
def test_names_and_values_of_a_mapping_are_never_executed(tmp_path: Path, hostile: str) -> None:
    """Whatever a column is called, it is a column; whatever a value says, it is a text."""
    path = tmp_path / "log.jsonl"
    path.write_text(json.dumps({"at": 1_700_000_000, hostile: 7, "out": 1}), encoding="utf-8")
    made = parse_mapping(
        {"time": "at", "input_tokens": hostile, "output_tokens": "out", "user": {"value": hostile}}
    )
    assert read([path], ReadOptions(mapping=made)).rows(
        'SELECT input_tokens, "user" FROM requests'
    ) == [(7, hostile)]


BAD = {
    "an unknown column": (
        {"time": "t", "input_token": "x"},
        ("input_token",),
        "did you mean input_tokens?",
    ),
    "no time": ({"input_tokens": "x"}, (), "time is missing"),
    "a unit of another kind": (
        {"time": {"column": "t", "unit": "min"}},
        ("time", "unit"),
        "expected one of s, ms, us, ns",
    ),
    "a unit where none is": (
        {"time": "t", "user": {"column": "u", "unit": "s"}},
        ("user", "unit"),
        "has no unit",
    ),
    "several clocks": (
        {"time": {"column": "t", "unit": "s"}, "end": {"column": "e", "unit": "ms"}},
        ("time",),
        "several units (ms, s)",
    ),
    "cached tokens unnamed": (
        {"time": "t", "input_tokens": {"column": "i", "includes_cached": False}},
        ("input_tokens", "includes_cached"),
        "needs cached_tokens",
    ),
    "neither name nor value": (
        {"time": "t", "model": {}},
        ("model",),
        "needs either column (a name) or value",
    ),
    "an empty list": ({"time": []}, ("time",), "expected the name of a column, or a list of keys"),
    "when at a number": (
        {"time": "t", "cost_usd": {"when": "c"}},
        ("cost_usd", "when"),
        "is for a column at failed, streamed, cached",
    ),
    "equal to nothing": (
        {"time": "t", "failed": {"column": "c", "equals": {}}},
        ("failed", "equals"),
        "expected a text, a number, true or false",
    ),
    "rows of nowhere": ({"time": "t", "records": {}}, ("records",), "such as `records: result`"),
    "a condition that asks nothing": (
        {"time": "t", "where": {"kind": None}},
        ("where", "kind"),
        "expected a text, a number, true or false",
    ),
    "a condition with another word": (
        {"time": "t", "where": {"kind": {"like": "x"}}},
        ("where", "kind"),
        "one of {equals: …}",
    ),
    "a delay of nobody": ({"time": "t", "delay": "d"}, ("delay",), "needs session"),
    "no mapping at all": (["time"], (), "expected lines such as"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_mistake_in_a_mapping_is_told_with_its_key(case: str) -> None:
    """And with what would be right."""
    data, key, message = BAD[case]
    with pytest.raises(MappingError) as caught:
        parse_mapping(data)
    assert [(found, message in text) for found, text in caught.value.problems] == [(key, True)]


def test_a_column_that_the_log_lacks_is_told_with_the_nearest(tmp_path: Path) -> None:
    """Before anything is read."""
    path = tmp_path / "log.csv"
    path.write_text(LOG, encoding="utf-8")
    with pytest.raises(
        TraceError, match=r"has no column 'tss', which the mapping names; did you mean ts\?"
    ):
        read([path], ReadOptions(mapping=parse_mapping(MAPPING | {"time": "tss"})))


def test_prompts_and_messages_are_not_kept_and_hits_are_told_by_yes_or_no(tmp_path: Path) -> None:
    """Prompts are only told apart, a message is no error's name, and False is no hit of a cache."""
    path = tmp_path / "log.csv"
    rows = [
        "1700000000,1,1,my secret,True,RateLimitError",
        "1700000001,1,1,my secret,False,my secret words",
        "1700000002,1,1,other,semantic,",
    ]
    path.write_text("\n".join(["ts,in,out,prompt,hit,wrong", *rows]), encoding="utf-8")
    told = {
        "time": "ts",
        "input_tokens": "in",
        "output_tokens": "out",
        "question": "prompt",
        "cached": "hit",
        "error": "wrong",
    }
    table = read([path], ReadOptions(mapping=parse_mapping(told)))
    assert table.rows("SELECT cached, error FROM requests") == [
        ("exact", "RateLimitError"),
        ("no", None),
        ("semantic", None),
    ]
    assert table.value("SELECT count(DISTINCT question) FROM requests") == 2
    assert "secret" not in str(table.rows("SELECT * FROM requests"))


@pytest.mark.parametrize(
    ("began", "ended"),
    [
        ("2024-10-27 01:59:59", "2024-10-27 02:00:01"),
        ("2024-03-31 01:59:59", "2024-03-31 03:00:01"),
    ],
)
def test_a_call_over_a_change_of_clocks_is_no_hour_longer(
    tmp_path: Path, began: str, ended: str
) -> None:
    """Two seconds by local dates, in autumn as in spring."""
    path = tmp_path / "log.csv"
    path.write_text(f"ts,end,in,out\n{began},{ended},1,1\n", encoding="utf-8")
    made = parse_mapping({"time": "ts", "end": "end", "input_tokens": "in", "output_tokens": "out"})
    assert (
        read([path], ReadOptions(mapping=made, zone="Europe/Berlin")).value(
            "SELECT latency_s FROM requests"
        )
        == 2.0
    )
