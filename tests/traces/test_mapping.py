"""A log of any other form is read with a mapping, which is data: its names are quoted and nothing of it is executed."""

import json
from pathlib import Path

import pytest

from simroute.traces import TraceError, Wish, read
from simroute.traces.mapping import MappingError, mapped

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
LOG = 'ts,line,"na""me",in tok,cached,out,took,price,st\n1700000000000,a,gpt,10,5,3,1500,2,200\n1700000001000,b,gpt,10,,3,100,,503\n'


def test_a_mapping_gives_columns_their_meaning(tmp_path: Path) -> None:
    """Milliseconds, cents, tokens without the cached ones, a status that tells failures, and a value for all rows."""
    path = tmp_path / "log.csv"
    path.write_text(LOG, encoding="utf-8")
    table = read([path], Wish(mapping=mapped(MAPPING)))
    columns = "arrival_ns, request_id, provider, model, input_tokens, cached_tokens, latency_s, cost_usd, failed"
    assert table.rows(f"SELECT {columns} FROM requests") == [
        (1_700_000_000_000_000_000, "a", "openai", "gpt", 15, 5, 1.5, 0.02, False),
        (1_700_000_001_000_000_000, "b", "openai", "gpt", 10, None, 0.1, None, True),
    ]


def test_a_dotted_name_looks_into_nested_objects(tmp_path: Path) -> None:
    """Unless a field is called so itself."""
    path = tmp_path / "log.jsonl"
    path.write_text(json.dumps({"at": "2024-01-01T00:00:00Z", "usage": {"in": 3}, "a.b": 5}), encoding="utf-8")
    table = read([path], Wish(mapping=mapped({"time": "at", "input_tokens": "usage.in", "output_tokens": "a.b"})))
    assert table.rows("SELECT input_tokens, output_tokens FROM requests") == [(3, 5)]


HOSTILE = ('x"); DROP TABLE raw; --', "x'); SELECT 1; --", 'a.b"c', "$.x", "read_text('/etc/passwd')", "file", "reason", "line")


@pytest.mark.parametrize("hostile", HOSTILE)
def test_names_and_values_of_a_mapping_are_never_executed(tmp_path: Path, hostile: str) -> None:
    """Whatever a column is called, it is a column; whatever a value says, it is a text."""
    path = tmp_path / "log.jsonl"
    path.write_text(json.dumps({"at": 1_700_000_000, hostile: 7, "out": 1}), encoding="utf-8")
    made = mapped({"time": "at", "input_tokens": hostile, "output_tokens": "out", "user": {"value": hostile}})
    assert read([path], Wish(mapping=made)).rows('SELECT input_tokens, "user" FROM requests') == [(7, hostile)]


BAD = {
    "an unknown column": ({"time": "t", "input_token": "x"}, ("input_token",), "did you mean input_tokens?"),
    "no time": ({"input_tokens": "x"}, (), "time is missing"),
    "a unit of another kind": ({"time": {"column": "t", "unit": "min"}}, ("time", "unit"), "expected one of s, ms, us, ns"),
    "a unit where none is": ({"time": "t", "user": {"column": "u", "unit": "s"}}, ("user", "unit"), "has no unit"),
    "several clocks": ({"time": {"column": "t", "unit": "s"}, "end": {"column": "e", "unit": "ms"}}, ("time",), "several units (ms, s)"),
    "cached tokens unnamed": (
        {"time": "t", "input_tokens": {"column": "i", "includes_cached": False}}, ("input_tokens", "includes_cached"), "needs cached_tokens",
    ),
    "neither name nor value": ({"time": "t", "model": {}}, ("model",), "needs either column (a name) or value"),
    "a list": ({"time": ["t"]}, ("time",), "expected the name of a column"),
    "no mapping at all": (["time"], (), "expected lines such as"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_a_mistake_in_a_mapping_is_told_with_its_key(case: str) -> None:
    """And with what would be right."""
    data, key, message = BAD[case]
    with pytest.raises(MappingError) as caught:
        mapped(data)
    assert [(found, message in text) for found, text in caught.value.problems] == [(key, True)]


def test_a_column_that_the_log_lacks_is_told_with_the_nearest(tmp_path: Path) -> None:
    """Before anything is read."""
    path = tmp_path / "log.csv"
    path.write_text(LOG, encoding="utf-8")
    with pytest.raises(TraceError, match=r"has no column 'tss', which the mapping names; did you mean ts\?"):
        read([path], Wish(mapping=mapped(MAPPING | {"time": "tss"})))


def test_prompts_and_messages_are_not_kept_and_hits_are_told_by_yes_or_no(tmp_path: Path) -> None:
    """Prompts are only told apart, a message is no error's name, and False is no hit of a cache."""
    path = tmp_path / "log.csv"
    rows = ["1700000000,1,1,my secret,True,RateLimitError", "1700000001,1,1,my secret,False,my secret words", "1700000002,1,1,other,semantic,"]
    path.write_text("\n".join(["ts,in,out,prompt,hit,wrong", *rows]), encoding="utf-8")
    told = {"time": "ts", "input_tokens": "in", "output_tokens": "out", "question": "prompt", "cached": "hit", "error": "wrong"}
    table = read([path], Wish(mapping=mapped(told)))
    assert table.rows("SELECT cached, error FROM requests") == [("exact", "RateLimitError"), ("no", None), ("semantic", None)]
    assert table.one("SELECT count(DISTINCT question) FROM requests") == 2
    assert "secret" not in str(table.rows("SELECT * FROM requests"))


@pytest.mark.parametrize(("began", "ended"), [("2024-10-27 01:59:59", "2024-10-27 02:00:01"), ("2024-03-31 01:59:59", "2024-03-31 03:00:01")])
def test_a_call_over_a_change_of_clocks_is_no_hour_longer(tmp_path: Path, began: str, ended: str) -> None:
    """Two seconds by local dates, in autumn as in spring."""
    path = tmp_path / "log.csv"
    path.write_text(f"ts,end,in,out\n{began},{ended},1,1\n", encoding="utf-8")
    made = mapped({"time": "ts", "end": "end", "input_tokens": "in", "output_tokens": "out"})
    assert read([path], Wish(mapping=made, tz="Europe/Berlin")).one("SELECT latency_s FROM requests") == 2.0
