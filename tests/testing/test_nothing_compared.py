"""What an item says that nobody reads, or does not say at all, is no reason to pass."""

import pytest

from simroute.testing.conformance import judge

TAKE = {
    "id": "A",
    "kind": "sliding_log",
    "config": {"limit": 1},
    "steps": [["take", [0], {"return": True}]],
}
ROUTED = {
    "id": "A",
    "model_list": [{"model_name": "a", "litellm_params": {"model": "m"}}],
    "upstream": {"a-0": {"latency": 0.1}},
    "requests": [{"model": "a"}],
    "expected": {"attempts": [[0, "a-0", 200]], "finals": [[100, 0, "ok", 200]]},
}
PERMIT = {"t": 0, "event": "permit", "expect": {"permitted": True}}
PYBREAKER = {"id": "A", "family": "pybreaker", "steps": [PERMIT | {"why": "new"}]}


@pytest.mark.parametrize(
    "item",
    [
        {"family": "gobreaker", "steps": []},
        {"family": "gobreaker", "steps": [{"t": 0, "event": "failure"}]},
        {"family": "gobreaker", "steps": [PERMIT | {"expect": {}}]},
        TAKE | {"steps": []},
        TAKE | {"steps": [["take", [0]], ["take", [0], None]]},
        {"kind": "backoff", "expect": []},
        {"kind": "sdk_delay", "cases": [], "expect": []},
        {"kind": "hedge", "attempts": [[1, "ok"]], "expect": {}},
        {
            "model_list": [],
            "requests": [],
            "upstream": {},
            "expected": {"attempts": [], "finals": []},
        },
    ],
)
def test_an_item_that_expects_nothing_does_not_pass(item):
    """Whatever we do would be as it says."""
    (verdict,) = judge([item | {"id": "A"}])
    assert verdict == ("A", "skip", "not expressible here: an item that expects nothing")


@pytest.mark.parametrize(
    ("item", "key"),
    [
        ({"family": "pybreaker", "steps": [PERMIT | {"expected": {"state": "open"}}]}, "expected"),
        ({"family": "pybreaker", "steps": [PERMIT | {"state": "open"}]}, "state"),
        ({"family": "pybreaker", "steps": [PERMIT | {"count": 9}]}, "count"),
        ({"family": "pybreaker", "steps": [PERMIT], "expect": {"state": "open"}}, "expect"),
        (TAKE | {"final": {"n": 9}}, "final"),
        (TAKE | {"step": ["take"]}, "step"),
        ({"kind": "backoff", "expect": [1], "expected": [9]}, "expected"),
        ({"kind": "backoff", "expect": [1], "steps": []}, "steps"),
        ({"kind": "hedge", "attempts": [[1, "ok"]], "expect": {"done": 1}, "sent": [9]}, "sent"),
        (ROUTED | {"expected": ROUTED["expected"] | {"cooldowns": [9]}}, "cooldowns"),
        (ROUTED | {"compare": {"skip": [0]}}, "skip"),
        (ROUTED | {"cooldowns": [9]}, "cooldowns"),
        (ROUTED | {"model_list": [ROUTED["model_list"][0] | {"rmp": 1}]}, "rmp"),
    ],
)
def test_what_nobody_reads_is_no_pass(item, key):
    """An expectation, or something to be done, under a word that is not known; it would pass
    without, and does with a note."""
    (verdict,) = judge([item | {"id": "A"}])
    assert verdict.word == "skip"
    assert verdict.why.startswith(f"not expressible here: {key} of ")
    noted = ROUTED if "model_list" in item else TAKE if "kind" in item else PYBREAKER
    assert [
        each.word
        for each in judge([noted | {"note": "why", "_comment": "so", "origin": ["a", "b"]}])
    ] == ["pass"]


@pytest.mark.parametrize("times", [0, -1, 2.5, True, 10**9, "2"])
def test_a_step_happens_once_at_least(times):
    """Such a step would do nothing, or go on for hours, and compare all the same."""
    (verdict,) = judge([PYBREAKER | {"steps": [PERMIT | {"repeat": times}]}])
    assert verdict.word == "fail"
    assert "1 to 1000000 times" in verdict.why


def test_a_rule_in_code_is_not_taken_for_the_default():
    """gobreaker's ReadyToTrip says when it opens, in the place of five failures in a row."""
    item = PYBREAKER | {"family": "gobreaker", "config": {"ReadyToTrip": "TotalFailures > 1"}}
    (verdict,) = judge([item])
    assert str(verdict) == "skip A: not expressible here: the field ReadyToTrip of gobreaker"


@pytest.mark.parametrize(
    ("config", "word"),
    [
        ({"fail_max": 5, "FailMax": 5}, "pass"),
        ({"fail_max": 5, "FailMax": None}, "pass"),
        ({"fail_max": 5, "FailMax": 1}, "fail"),
        ({"reset_timeout_s": 60, "reset_timeout_ms": 60_000}, "pass"),
        ({"reset_timeout_s": 60, "breaker": {"reset_timeout": 5}}, "fail"),
    ],
)
def test_a_field_in_two_spellings_says_one_thing(config, word):
    """Which of two would count is nobody's to guess."""
    (verdict,) = judge([PYBREAKER | {"config": config}])
    assert verdict.word == word
    assert word == "pass" or "stands twice, and not alike" in verdict.why
