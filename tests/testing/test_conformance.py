"""Recorded behaviour of other libraries, played on our gauges."""

import json
import subprocess
import sys

import pytest

from simroute.testing.conformance import judge, read_items
from simroute.testing.conformance.__main__ import main

FILES = ("breaker.json", "limits_and_retries.json")
LEAST = {"breaker.json": 44, "limits_and_retries.json": 32}


@pytest.mark.parametrize("name", FILES)
def test_what_our_parameters_can_express_behaves_as_recorded(shared, name):
    """No item fails; those that pass are as many as were expressible when this was written, or
    more."""
    verdicts = list(judge(read_items(shared / "vectors" / name)))
    assert [str(verdict) for verdict in verdicts if verdict.word == "fail"] == []
    assert sum(verdict.word == "pass" for verdict in verdicts) >= LEAST[name]


@pytest.mark.parametrize("name", FILES)
def test_what_is_skipped_says_which_behaviour_we_do_not_have(shared, name):
    """Each item has a verdict, and a skip is no excuse without its reason."""
    found = read_items(shared / "vectors" / name)
    verdicts = list(judge(found))
    assert [verdict.id for verdict in verdicts] == [item["id"] for item in found]
    assert all(
        verdict.why.startswith("not expressible here: ")
        for verdict in verdicts
        if verdict.word == "skip"
    )


def changed(value: object) -> object:
    if isinstance(value, list):
        return [*value[:-1], changed(value[-1])] if value else [9.0]
    return (
        (not value)
        if isinstance(value, bool)
        else value + 1
        if isinstance(value, (int, float))
        else f"not {value}"
    )


def spoilt(item: dict) -> list[dict]:
    """The item with one recorded result changed, once for each of them."""
    copies = []
    for number, step in enumerate(item.get("steps", ())):
        expect = step.get("expect") if isinstance(step, dict) else step[2]
        for figure in expect or ():
            copy = json.loads(json.dumps(item))
            other = copy["steps"][number]
            wrong = other["expect"] if isinstance(other, dict) else other[2]
            wrong[figure] = changed(wrong[figure])
            copies.append(copy)
    expect = item.get("expect", {})  # of a whole item: pauses, or figures of a race
    for figure in expect if isinstance(expect, dict) else range(len(expect)):
        copy = json.loads(json.dumps(item))
        copy["expect"][figure] = changed(copy["expect"][figure])
        copies.append(copy)
    return copies


@pytest.mark.parametrize("name", FILES)
def test_every_recorded_result_is_looked_at(shared, name):
    """Of the items that pass, changing any single expectation makes the item fail: nothing passes
    unread."""
    found = read_items(shared / "vectors" / name)
    passed = [
        item for item, verdict in zip(found, judge(found), strict=True) if verdict.word == "pass"
    ]
    copies = [
        copy for item in passed if item["id"] not in ("TB08", "TB09") for copy in spoilt(item)
    ]
    assert len(copies) > 50
    unread = [verdict for verdict in judge(copies) if verdict.word != "fail"]
    marked = {item["id"] for item in passed if item.get("quirk")}
    assert {verdict.id for verdict in unread} <= marked
    assert all(str(verdict).endswith("(quirk not imitated)") for verdict in unread)


def test_the_command_prints_a_line_an_item_and_says_by_its_status_whether_one_failed(
    tmp_path, capsys
):
    """0 when nothing fails, 1 when something does, with the step and both values."""
    good = {
        "id": "A",
        "kind": "sliding_log",
        "config": {"limit": 1, "window": 60.0},
        "steps": [["take", [0.0], {"return": True}]],
    }
    bad = {**good, "id": "B", "steps": [["take", [0.0], None], ["take", [1.0], {"return": True}]]}
    other = {"id": "C", "kind": "song", "config": {}}
    file = tmp_path / "own.json"
    file.write_text(json.dumps({"vectors": [good, other]}))
    assert main([str(file)]) == 0
    file.write_text(json.dumps({"vectors": [good, bad, other]}))
    capsys.readouterr()
    assert main([str(file)]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "pass A",
        "fail B: step 2: return: expected True, came False",
        "skip C: not expressible here: the kind song",
        "1 passed, 1 failed, 1 skipped",
    ]


@pytest.mark.parametrize(
    "content", [None, "{", "[]", '{"vectors": 3}', '{"vectors": [{"name": "no id"}]}']
)
def test_what_is_no_file_of_vectors_is_one_line_and_status_2(tmp_path, capsys, content):
    """No traceback; and an item that lacks what its kind needs is a failure, not a crash."""
    file = tmp_path / "none.json"
    if content is not None:
        file.write_text(content)
    assert main([str(file)]) == 2
    assert capsys.readouterr().err.count(str(file)) == 1


def test_what_is_not_read_is_told_in_words_with_what_to_do(tmp_path, capsys):
    """A folder, nothing, no JSON, no text; and how it is used."""
    (tmp_path / "empty.json").write_text("")
    (tmp_path / "cut.json").write_text("{")
    (tmp_path / "bytes.json").write_bytes(b"\xff\xfe\x00")
    names = {
        ".": "is a folder; name its files",
        "empty.json": "is empty",
        "cut.json": "is no JSON",
        "bytes.json": "is not text",
        "away.json": "there is no such file",
    }
    assert main([str(tmp_path / name) for name in names]) == 2
    for line, told in zip(capsys.readouterr().err.splitlines(), names.values(), strict=True):
        assert told in line
    assert main(["--help"]) == 0
    assert "One line an item" in capsys.readouterr().out


def test_a_quirk_may_differ_and_says_so():
    """The same item fails without its mark."""
    item = {
        "id": "A",
        "family": "hyx",
        "config": {"failure_threshold": 1},
        "steps": [{"t": 0, "event": "failure", "expect": {"state": "closed"}}],
    }
    assert [str(verdict) for verdict in judge([item, item | {"quirk": "odd"}])] == [
        "fail A: step 1: state: expected closed, came open",
        "pass A (quirk not imitated)",
    ]


def test_a_field_that_its_family_does_not_have_is_skipped_by_name():
    """What cannot be read is not ignored."""
    item = {"id": "A", "family": "hyx", "config": {"fail_max": 1}, "steps": []}
    assert [str(verdict) for verdict in judge([item])] == [
        "skip A: not expressible here: the field fail_max of hyx"
    ]


def test_a_malformed_item_fails(tmp_path):
    """It says what is missing, and the items after it are still played."""
    file = tmp_path / "own.json"
    file.write_text(
        json.dumps(
            {
                "vectors": [
                    {"id": "A", "kind": "token_bucket", "config": {}},
                    {"id": "B", "kind": "song"},
                ]
            }
        )
    )
    assert [(verdict.id, verdict.word) for verdict in judge(read_items(file))] == [
        ("A", "fail"),
        ("B", "skip"),
    ]
    run = {"id": "A", "model_list": [], "upstream": {}, "requests": []}
    assert [str(each) for each in judge([run])] == ["fail A: malformed: there is no 'expected'"]


@pytest.mark.parametrize(
    ("item", "word"),
    [
        (
            {
                "kind": "grpc_throttle",
                "config": {"max_tokens": None, "ratio": None},
                "steps": [["failure*4", [], {"return": True}], ["failure", [], {"return": False}]],
            },
            "pass",
        ),
        ({"kind": "backoff", "config": {"base": None}, "u": [1], "expect": [1]}, "pass"),
        ({"kind": "backoff", "config": {"jitter": None}, "u": [0], "expect": [1]}, "pass"),
        (
            {
                "kind": "hedge",
                "config": {"delay": None},
                "attempts": [[0.1, "ok"]] * 5,
                "expect": {"sent": [0] * 5},
            },
            "pass",
        ),
        (
            {
                "family": "hystrix",
                "config": {"snapshot_s": 0},
                "steps": [{"t": 0, "event": "failure"}],
            },
            "fail",
        ),
        (
            {
                "family": "gobreaker",
                "steps": [
                    {"t": 0, "event": "manual", "what": "metrics_only"},
                    {"t": 1, "event": "failure", "expect": {"state": "metrics_only"}},
                ],
            },
            "pass",
        ),
    ],
)
def test_null_is_the_default_and_no_item_ends_the_others(item, word):
    """gRPC's default is ten tokens, so that the fifth failure stops retries; a hedge without a
    delay sends all five copies at once."""
    (verdict,) = judge([{"id": "A", **item}])
    assert verdict.word == word


@pytest.mark.parametrize(
    "text",
    [
        '{"scorecard": {"": {"direct": "pass 1p/0f total 1.0"}}}',
        '{"scorecard": {"S01 once": 5}}',
        "[" * 100_000,
    ],
)
def test_a_file_that_is_none_is_one_line(tmp_path, capsys, text):
    """A fault without a name, or without cells, and one that nobody can read to its end."""
    file = tmp_path / "hostile.json"
    file.write_text(text, encoding="utf-8")
    assert main([str(file)]) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert said[0].startswith(f"{file}: ")


TAKE = {
    "id": "A",
    "kind": "sliding_log",
    "config": {"limit": 1},
    "steps": [["take", [0], {"return": True}]],
}


def test_items_that_are_none_do_not_end_the_others(tmp_path, capsys):
    """Each has a line, by its place where it has no id; whatever it is, on one line."""
    strange = [{"kind": "aimd"}, 5, None, [TAKE], {"id": "B\n\x1b[31m", "kind": "c\ud800"}]
    file = tmp_path / "own.json"
    file.write_text(json.dumps({"vectors": [*strange, TAKE]}), encoding="utf-8-sig")
    assert main([str(file)]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "fail item 1: malformed: an item has an `id`",
        *(f"fail item {number}: malformed: an item is an object" for number in (2, 3, 4)),
        r"skip B\n\x1b[31m: not expressible here: the kind c\ud800",
        "pass A",
        "1 passed, 4 failed, 1 skipped",
    ]


def test_all_lists_of_a_file_are_played_and_repeated_ids_told(tmp_path, capsys):
    """Vectors, items and a scorecard in one file; nothing of it is left out."""
    file = tmp_path / "own.json"
    card = {"S04 503 persistent": {"direct": "safe 1p/0f 0.0"}}
    file.write_text(json.dumps({"vectors": [TAKE], "items": [TAKE], "scorecard": card}))
    assert main([str(file)]) == 0
    told = capsys.readouterr()
    assert told.out.splitlines() == [
        "pass A",
        "pass A",
        "pass S04/direct",
        "3 passed, 0 failed, 0 skipped",
    ]
    assert told.err.splitlines() == [f"{file}: the id 'A' stands for several items"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"vectors": []}', "no items"),
        ('{"scorecard": {}}', "no items"),
        ('{"vectors": {}}', "`vectors` is no list of items"),
        ('{"scorecard": [1]}', "`scorecard` is no object of faults"),
        ('{"setup": 5, "scorecard": {}}', "`setup` is no text"),
        ('{"vectors": [], "vectors": [{"id": 1}]}', "the key 'vectors' stands twice"),
        ("", "is empty"),
        ("NaN", "no items"),
    ],
)
def test_a_file_without_items_is_no_success(tmp_path, capsys, text, said):
    """Nothing that was played is no proof of anything."""
    file = tmp_path / "none.json"
    file.write_text(text, encoding="utf-8")
    assert main([str(file)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"{file}: ")
    assert said in line


def test_the_command_may_be_asked_how_it_is_called_and_its_reader_may_leave(tmp_path, capsys):
    """Status 0 for help; and no traceback where nobody reads on."""
    assert main(["--help"]) == 0
    assert capsys.readouterr().out.startswith("usage: ")
    file = tmp_path / "own.json"
    file.write_text(json.dumps({"vectors": [TAKE | {"id": str(n)} for n in range(20_000)]}))
    command = [sys.executable, "-m", "simroute.testing.conformance", str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
