"""Items of breakers that are none say so in words."""

import json

import pytest

from simroute.testing.conformance import judge
from simroute.testing.conformance.__main__ import main

FAILS = {"t": 0, "event": "failure", "expect": {"state": "closed"}}
GOOD = {"id": "B", "family": "pybreaker", "steps": [FAILS]}
WRONG = {
    "there is no `steps`": {"family": "hyx"},
    "`steps` is no list": {"steps": {}},
    "the config is no object": {"config": [1], "steps": []},
    "step 2 is no object": {"steps": [FAILS, 5]},
    "step 1: what is expected is no object": {"steps": [FAILS | {"expect": ["closed"]}]},
    "step 1: ['a'] is no name": {"steps": [FAILS | {"host": ["a"]}]},
    "step 1: the time [0] is none": {"steps": [FAILS | {"t": [0]}]},
    "step 1: nan is no number": {"steps": [FAILS | {"t": float("nan")}]},
    "step 1: True is no number": {"steps": [FAILS | {"t": True}]},
    "step 1: abc is no number": {"family": "litellm", "steps": [FAILS | {"status": "abc"}]},
    "step 1: repeat 0: not 1 to 1000000 times": {"steps": [FAILS | {"repeat": 0}]},
    "fail_max: [1] is no value of it": {"config": {"fail_max": [1]}, "steps": [FAILS]},
    "fail_max: 2.5 is no value of it": {"config": {"fail_max": 2.5}, "steps": [FAILS]},
    "fail_max: True is no value of it": {"config": {"fail_max": True}, "steps": [FAILS]},
    "fail_max: nan is no value of it": {"config": {"fail_max": float("nan")}, "steps": [FAILS]},
    "snapshot_s: 0 is no value of it": {
        "family": "hystrix",
        "config": {"snapshot_s": 0},
        "steps": [FAILS],
    },
    "reset_timeout_s: is no list of times": {
        "config": {"reset_timeout_s": [1]},
        "steps": [FAILS],
    },
    "wait_s: [] is no value of it": {
        "family": "resilience4j",
        "config": {"wait_s": []},
        "steps": [FAILS],
    },
    "mark_dead_s: is no list of times": {
        "family": "finagle",
        "config": {"mark_dead_s": [[1]]},
        "steps": [FAILS],
    },
    "of: x is no value of it": {
        "family": "failsafe_go",
        "config": {"of": "x"},
        "steps": [FAILS],
    },
    "moons is no unit of time": {
        "config": {"reset_timeout_s": {"moons": 1}},
        "steps": [FAILS],
    },
    "failure_status_codes: 500 is no value of it": {
        "family": "portkey",
        "config": {"failure_status_codes": 500},
        "steps": [FAILS],
    },
}
"""What is said -> what is wrong with the item."""


@pytest.mark.parametrize("said", WRONG)
def test_an_item_that_is_none_says_what_is_wrong_with_it(said):
    """In one line, and the next one is played."""
    item = {"id": "A", "family": "pybreaker"} | WRONG[said]
    verdicts = [str(verdict) for verdict in judge([item, GOOD])]
    assert verdicts == [f"fail A: malformed: {said}", "pass B"]


@pytest.mark.parametrize(
    ("family", "config", "said"),
    [
        ("resilience4j", {"window": "moon"}, "the window moon"),
        ("bifrost", {"window": "moon"}, "the window moon"),
        ("gobreaker", {"interval_s": 10, "bucket_s": 1e-9}, "10000000000 buckets"),
    ],
)
def test_what_is_not_understood_is_skipped_by_name(family, config, said):
    """No word is taken for another; and nothing is played for hours."""
    (verdict,) = judge([{"id": "A", "family": family, "config": config, "steps": [FAILS]}])
    assert verdict == ("A", "skip", f"not expressible here: {said}")


def test_what_came_instead_of_a_quirk_is_told_beside_the_verdicts(tmp_path, capsys):
    """The verdict's line is as it was; the difference stands on standard error."""
    item = GOOD | {"config": {"fail_max": 1}, "quirk": "odd"}
    file = tmp_path / "own.json"
    file.write_text(json.dumps({"vectors": [item]}))
    assert main([str(file)]) == 0
    told = capsys.readouterr()
    assert told.out == "pass B (quirk not imitated)\n1 passed, 0 failed, 0 skipped\n"
    assert told.err == f"{file}: B: step 1: state: expected closed, came open\n"
