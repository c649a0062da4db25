"""Items of limiters as anybody may write them: by hand from sources, with other names, with much
left out, and such as are none."""

import copy
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simroute.testing.conformance import judge, read_items
from simroute.testing.conformance.limits.items import WHOLE
from simroute.testing.conformance.limits.kinds import KINDS

BY_HAND = read_items(Path(__file__).with_name("limits_by_hand.json"))


@pytest.mark.parametrize("item", BY_HAND, ids=[item["id"] for item in BY_HAND])
def test_what_was_written_by_hand_from_the_sources_holds(item):
    """Expectations by arithmetic, or as the originals' own tests have them."""
    (verdict,) = judge([item])
    assert str(verdict) == f"pass {item['id']}"


def test_every_kind_has_items_that_were_written_by_hand():
    """At least ten of each that the public items have."""
    count = {}
    for item in BY_HAND:
        count[item["kind"]] = count.get(item["kind"], 0) + 1
    public = "aimd aws_delay aws_quota backoff cubic dual_limit finagle_budget fixed_window"
    public = f"{public} gradient2 grpc_throttle hedge sliding_log token_bucket vegas"
    assert all(count[kind] >= 10 for kind in public.split())


def test_the_page_names_every_kind():
    """As items write it."""
    page = (Path(__file__).parents[2] / "docs" / "conformance.md").read_text(encoding="utf-8")
    assert [kind for kind in {*KINDS, *WHOLE} if f"`{kind}`" not in page] == []


LEFT_OUT = {
    "a bucket of two a second holds a minute's": (
        ("token_bucket", {"refill": 2}),
        [["take*120", [0], {"return": True}], ["take", [0], {"return": False}]],
    ),
    "a bucket of 120 gains two a second": (
        ("token_bucket", {"capacity": 120}),
        [["take", [0, 120], {"n": 0}], ["take", [0.5], {"return": True, "n": 0}]],
    ),
    "a bucket of which nothing is said, neither": (
        ("token_bucket", {}),
        [["take*1000", [0, 5], {"return": True}], ["settle", [1, 5, 9]], ["wait", [1, 9]]],
    ),
    "no limit limits nothing": (
        ("sliding_log", {"window": 1}),
        [["take*1000", [0], {"return": True}]],
    ),
    "no limit of a window, either": (
        ("fixed_window", {}),
        [["take*1000", [0], {"return": True}]],
    ),
    "what was used is what was reserved": (
        ("token_bucket", {"capacity": 10, "refill": 0}),
        [["take", [0, 4]], ["settle", [1, 4]], ["wait", [1, 6], {"return": 0, "n": 6}]],
    ),
    "so it is with two limits": (
        ("dual_limit", {"tpm": 600}),
        [["reserve", [0, "a", 600]], ["finish", [0, "a"], {"tokens": 0}]],
    ),
    "a retry costs 14 tokens and a success returns one": (
        ("aws_quota", {}),
        [["acquire*2", [], {"return": True, "n": 472}], ["release", None, {"n": 473}]],
    ),
    "a sample has used its limit and was not dropped": (
        ("aimd", {}),
        [["sample", [1.0], {"return": 21}]],
    ),
    "what is said without expectation is done": (
        ("grpc_throttle", {}),
        [["failure*5"], ["n", None, {"return": 5000}]],
    ),
}
"""What is left out -> (kind, config), steps with what is expected then."""


@pytest.mark.parametrize("what", LEFT_OUT)
def test_what_an_item_leaves_out_is_a_default(what):
    """By the arithmetic of a minute, or of a library's own default."""
    (kind, config), steps = LEFT_OUT[what]
    (verdict,) = judge([{"id": what, "kind": kind, "config": config, "steps": steps}])
    assert (verdict.word, verdict.why) == ("pass", "")


def test_pauses_without_draws_are_the_longest():
    """As the coin 1."""
    delays = {"kind": "backoff", "expect": [1.0, 2.0, 4.0]}
    aws = {"kind": "aws_delay", "cases": [{}, {"attempt": 3}], "expect": [0.05, 0.2]}
    verdicts = judge([{"id": "delays", **delays}, {"id": "aws", **aws}])
    assert [verdict.word for verdict in verdicts] == ["pass", "pass"]


# -- pauses, once more -----------------------------------------------------------------------------

SECONDS = st.integers(1, 400).map(lambda n: n / 16)
DRAWS = st.integers(0, 16).map(lambda n: n / 16)


def plain_pauses(jitter, base, cap, factor, draws):
    """Of the article's formulas, one after another."""
    pauses, before = [], base
    for number, u in enumerate(draws):
        most = min(cap, base * factor**number)
        before = min(cap, base + (3 * before - base) * u)
        pauses.append(
            {"none": most, "full": u * most, "equal": most / 2 + u * most / 2}.get(jitter, before)
        )
        before = max(before, base)
    return pauses


@given(
    st.sampled_from(["none", "full", "equal", "decorrelated"]),
    SECONDS,
    SECONDS,
    st.sampled_from([1, 1.5, 2, 3]),
    st.lists(DRAWS, min_size=1, max_size=30),
)
@settings(max_examples=100)
def test_backoff_agrees_with_its_formulas(jitter, base, cap, factor, draws):
    """Whatever the jitter, with a cap above the base or below it."""
    config = {"jitter": jitter, "base": base, "cap": cap, "factor": factor}
    item = {"kind": "backoff", "config": config, "u": draws}
    expect = plain_pauses(jitter, base, cap, factor, draws)
    (verdict,) = judge([{"id": "made", **item, "expect": expect}])
    assert str(verdict) == "pass made"
    (verdict,) = judge([{"id": "made", **item, "expect": [*expect[:-1], expect[-1] + 0.25]}])
    assert verdict.word == "fail"


@given(DRAWS, st.integers(1, 12), st.none() | SECONDS, st.sampled_from([0.05, 0.025, 1.0]))
def test_pauses_of_two_kinds_of_clients_agree_with_their_rules(u, attempt, asked, base):
    """botocore's, raised by at most five seconds, and the SDKs', which obey up to a minute."""
    case = {"u": u, "attempt": attempt, "retry_after": asked}
    aws = u * min(20, base * 2 ** (attempt - 1))
    sdk = min(8, 0.5 * 2 ** (attempt - 1)) * (1 - 0.25 * u)
    if asked is not None:
        aws, sdk = max(aws, min(asked, aws + 5)), asked if asked <= 60 else sdk
    told = {"aws_delay": ({**case, "base": base}, aws), "openai_delay": (case, sdk)}
    for kind, (each, expected) in told.items():
        item = {"id": "made", "kind": kind, "cases": [each], "expect": [expected]}
        assert [str(verdict) for verdict in judge([item])] == ["pass made"]


# -- what is none ----------------------------------------------------------------------------------

BUCKET = {"id": "A", "kind": "token_bucket", "config": {"capacity": 5, "refill": 1}}
GOOD = {**BUCKET, "steps": [["take", [0], {"return": True}]]}
WRONG = {
    "there is no `steps`": {},
    "`steps` is no list": {"steps": "take"},
    "step 1: not [operation, arguments, expected]": {"steps": [["take", [0], None, 1]]},
    "step 1: it does not take [0, 1, 2, 3]": {"steps": [["take", [0, 1, 2, 3]]]},
    "step 2: it does not take ['x']": {"steps": [["take", [0]], ["take", ["x"]]]},
    "step 1: the arguments are no list": {"steps": [["take", 0]]},
    "step 1: the operation 5 is no word": {"steps": [[5, [0]]]},
    "step 1: take*0: not 1 to 1000000 times": {"steps": [["take*0", [0]]]},
    "step 1: take*99999999999: not 1 to 1000000 times": {"steps": [["take*99999999999", [0]]]},
    "step 1: an argument is no number that can be reckoned with": {
        "steps": [["take", [float("nan")]]]
    },
    "step 1: an argument is neither number nor word": {"steps": [["take", [[0]]]]},
    "capacity: five is not a number": {"config": {"capacity": "five"}, "steps": []},
    "capacity: nan is not a number": {"config": {"capacity": float("nan")}, "steps": []},
    "capacity: a number beyond 1e+300": {"config": {"capacity": 10**400}, "steps": []},
    "the field burst stands twice": {"config": {"capacity": 1, "burst": 2}, "steps": []},
    "the config is no object": {"config": [1], "steps": []},
    "the kind 5 is no word": {"kind": 5},
    "the family [1] is no word": {"family": [1]},
    "2 draws `u` for 1 expected pauses": {
        "kind": "backoff",
        "config": {},
        "u": [1, 1],
        "expect": [1],
    },
    "case 1 is no object": {"kind": "aws_delay", "config": {}, "cases": [1], "expect": [1]},
    "1 cases, 2 expected pauses": {
        "kind": "aws_delay",
        "config": {},
        "cases": [{}],
        "expect": [1, 2],
    },
    "attempt 0: -1 s": {"kind": "hedge", "config": {}, "attempts": [[-1, "ok"]], "expect": {}},
    "max_attempts: 0 is out of range": {
        "kind": "hedge",
        "config": {"max_attempts": 0},
        "attempts": [[1, "ok"]],
        "expect": {},
    },
}
"""What is said -> what is wrong with the item."""


@pytest.mark.parametrize("said", WRONG)
def test_an_item_that_is_none_says_what_is_wrong_with_it(said):
    """In one line, and the next one is played."""
    verdicts = list(judge([BUCKET | WRONG[said], GOOD]))
    assert [str(each) for each in verdicts] == [f"fail A: malformed: {said}", "pass A"]


@pytest.mark.parametrize(
    ("expected", "word"),
    [("error", "pass"), (False, "pass"), (True, "fail"), (0, "fail"), ("later", "fail")],
)
def test_what_can_never_be_had_may_be_said_in_several_ways(expected, word):
    """A refusal or an error; no success, nor a number."""
    (verdict,) = judge([BUCKET | {"steps": [["take", [0, 6], {"return": expected}]]}])
    assert verdict.word == word


@pytest.mark.parametrize(
    ("expected", "word"),
    [(float("inf"), "pass"), (None, "pass"), ("never", "pass"), (1e9, "fail"), (True, "fail")],
)
def test_a_wait_without_end_may_be_said_in_several_ways(expected, word):
    """No long one is meant by it."""
    (verdict,) = judge([BUCKET | {"steps": [["wait", [0, 6], {"return": expected}]]}])
    assert verdict.word == word


@pytest.mark.parametrize(
    ("expected", "word"),
    [(0.667, "pass"), (0.66666667, "pass"), (0.6668, "fail"), (0.67, "fail"), (1, "fail")],
)
def test_numbers_are_compared_to_the_places_to_which_they_are_written(expected, word):
    """Three of them, or more: two seconds' gain of a third a second."""
    bucket = {"capacity": 5, "refill": 1 / 3, "initial": 0}
    step = ["take", [2], {"return": False, "n": expected}]
    (verdict,) = judge([BUCKET | {"config": bucket, "steps": [step]}])
    assert verdict.word == word


def test_arguments_may_be_left_out_before_an_expectation():
    """What stands second is an object, so it can be no list of arguments."""
    throttle = {"id": "A", "kind": "grpc_throttle", "config": {"max_tokens": 2}}
    steps = [["failure", {"return": False}], ["allowed", {"return": True}]]
    assert [each.why for each in judge([throttle | {"steps": steps}])] == [
        "step 2: return: expected True, came False"
    ]


@pytest.mark.parametrize(
    "config",
    [{"window_ms": 1500}, {"windowMillis": 1500}, {"window": "1.5s"}, {"per": "PT1.5S"}],
)
def test_a_time_may_have_another_unit(config):
    """At the end of its name, or in a text; not what is no time."""
    item = {"id": "A", "kind": "sliding_log", "config": {"limit": 1} | config}
    steps = [["take", [0], True], ["take", [1.499], False], ["take", [1.5], True]]
    assert [str(each) for each in judge([item | {"steps": steps}])] == ["pass A"]
    (verdict,) = judge([item | {"config": {"limit_ms": 1}, "steps": steps}])
    assert verdict.why == "not expressible here: the field limit_ms"


def test_of_a_step_that_is_repeated_the_last_result_counts():
    """Five failures of ten tokens stop retries, four do not; or each, where each is listed."""
    throttle = {"id": "A", "kind": "grpc_throttle", "config": {"max_tokens": 10}}
    each = [True, True, True, True, False]
    for expected, word in ((False, "pass"), (True, "fail"), (each, "pass"), (each[1:], "fail")):
        (verdict,) = judge([throttle | {"steps": [["failure*5", [], {"return": expected}]]}])
        assert verdict.word == word


@pytest.mark.parametrize("expected", [False, True, "error"])
def test_a_bare_expectation_is_that_of_the_result(expected):
    """No result is left unread because it is falsy."""
    (verdict,) = judge([BUCKET | {"steps": [["take", [0], expected]]}])
    assert verdict.word == ("pass" if expected is True else "fail")


def test_a_configuration_that_the_original_refuses_can_only_be_an_error():
    """Finagle's time to live is from a second to a minute."""
    budget = {"id": "A", "kind": "finagle_budget", "config": {"ttl": 61}}
    steps = [[["balance", [0], {"return": came}]] for came in ("error", 610)]
    assert [str(each) for each in judge([budget | {"steps": each} for each in steps])] == [
        "pass A",
        "fail A: step 1: an error is all there is, since ttl: 61 is out of range",
    ]


def test_what_belongs_to_another_form_is_not_ignored():
    """An expectation beside the steps would be read by nobody."""
    (verdict,) = judge([GOOD | {"expect": [1]}])
    assert verdict.why == "not expressible here: expect of a kind that is played in steps"


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["take", "take*7", "ok", "none", "error", -1, 0, 1, 1e300]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)


def places(value, path=()):
    """Ways to everything within an item."""
    yield path
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in pairs if isinstance(value, (dict, list)) else ():
        if isinstance(inner, (dict, list)):
            yield from places(inner, (*path, key))
        else:
            yield (*path, key)


@given(st.data())
@settings(max_examples=400)
def test_whatever_stands_in_an_item_it_has_one_line_and_the_next_is_played(data):
    """Anything in the place of anything, of any kind."""
    short = [item for item in BY_HAND if len(str(item)) < 3000]
    item = copy.deepcopy(data.draw(st.sampled_from(short)))
    *path, last = data.draw(st.sampled_from([each for each in places(item) if each]))
    inner = item
    for key in path:
        inner = inner[key]
    inner[last] = data.draw(ANYTHING)
    verdict, after = judge([item, GOOD])
    assert verdict.word in ("pass", "fail", "skip")
    assert str(verdict).isprintable()
    assert len(str(verdict)) < 1000
    assert str(after) == "pass A"
