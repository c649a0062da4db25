"""How configurations may be written."""

from fractions import Fraction
from typing import Any

import pytest

from simroute.testing.conformance import judge
from simroute.testing.conformance.breakers.families import FAMILIES, configuration_of, family_named
from simroute.testing.conformance.breakers.fields import FIELDS
from simroute.testing.conformance.spelling import to_seconds, to_value
from simroute.testing.conformance.verdict import Inexpressible

ANY = {
    **{"mode": "disabled", "window": "time", "after_half_open": "closed", "initial": "open"},
    **{"failure_status_codes": [500], "allowed_fails_policy": {"TimeoutErrorAllowedFails": 1}},
}
"""What fields take that take no numbers."""
SPELLINGS = [
    (family, name, spelt)
    for family, fields in FIELDS.items()
    for name, field in fields.items()
    for spelt in (name, *field.others)
]


def read(family: str, **config: Any) -> dict[str, Any]:
    found = configuration_of(family, config)
    del found["given"]
    return found


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        (60, 60),
        (0.1, Fraction(1, 10)),
        ("60", 60),
        ("60s", 60),
        ("500ms", Fraction(1, 2)),
        ("1m30s", 90),
        ("1.5h", 5400),
        ("2 minutes", 120),
        ("5.seconds", 5),
        ("PT1M30S", 90),
        ("PT0.5S", Fraction(1, 2)),
        ("P1D", 86_400),
        ("00:01:30", 90),
        ("00:00:00.500", Fraction(1, 2)),
        ("1.00:00:00", 86_400),
        ({"seconds": 5, "ms": 250}, Fraction(21, 4)),
        ([5, "7s"], [5, 7]),
        (None, None),
    ],
)
def test_a_time_is_read_in_any_notation(written, seconds):
    """Go's, Java's, .NET's, Scala's, and plain words."""
    assert to_seconds(written) == seconds


def test_times_add_up_as_they_are_written():
    """Binary fractions would not: .1 + .2 > .3."""
    assert to_seconds(0.1) + to_seconds(0.2) == to_seconds(0.3)


@pytest.mark.parametrize("written", ["soon", "5 parsecs", "1:2", "s", ""])
def test_what_is_no_time_is_said(written):
    """The item is skipped, and not played with another one."""
    with pytest.raises(Inexpressible, match="the time"):
        to_seconds(written)


@pytest.mark.parametrize(
    ("written", "value"), [("True", True), ("7", 7), ("0.5", 0.5), ("COUNT", "count"), (3, 3)]
)
def test_a_value_may_be_text(written, value):
    """As configurations of properties have it."""
    assert to_value(written) == value


@pytest.mark.parametrize(("family", "name", "spelt"), SPELLINGS)
def test_every_spelling_is_the_same_field(family, name, spelt):
    """Each name in capitals, with dashes, and with what stands before its dot; a time with each
    unit at its end."""
    bare, _, unit = spelt.partition(" ")
    if not name.endswith("_s"):
        given = ANY.get(name, 7)
        expected = read(family, **{name: given})
        assert expected != read(family), "else this tells nothing"
        for written in (bare, bare.upper(), bare.replace("_", "-"), f"some.group.{bare}"):
            assert read(family, **{written: given}) == expected
        return
    expected = read(family, **{name: 7})
    native = 7000 if unit == "ms" else 7
    stem = bare.removesuffix("_s")
    if not bare.endswith("_s"):
        assert read(family, **{bare: native}) == expected
        assert read(family, **{bare: "7s"}) == expected
    assert read(family, **{f"{stem}_ms": 7000}) == expected
    assert read(family, **{f"{stem}InMilliseconds": 7000}) == expected
    assert read(family, **{f"{stem}_s": 7}) == expected
    assert read(family, **{f"{stem}Seconds": "7"}) == expected


@pytest.mark.parametrize("family", FAMILIES)
def test_nothing_null_and_what_says_nothing_are_the_defaults(family):
    """No configuration, empty ones, and names and listeners."""
    plain = read(family)
    assert plain == read(family, **dict.fromkeys(FIELDS[family]))
    assert plain == read(family, name="x", listeners=[], exceptions=["RuntimeError"])
    bare = {"id": "A", "family": family}
    bare["steps"] = [{"event": "permit", "expect": {"permitted": True}}]
    for item in (bare, bare | {"config": None}, bare | {"config": {}}):
        assert [verdict.word for verdict in judge([item])] == ["pass"]


@pytest.mark.parametrize(
    "name", ["Resilience4j", "polly", "failsafe-go", "sony/gobreaker", "Bedrock-AgentCore"]
)
def test_a_family_may_be_written_otherwise(name):
    """By its letters and digits, or as its project is called."""
    assert family_named(name) in FAMILIES


@pytest.mark.parametrize(
    ("config", "skipped"),
    [
        ({"fail_max": 1}, "the field fail_max of hyx"),
        ({"group": {"fail_max": 1}}, "the field fail_max of hyx"),
        ({"recovery_s": "soon"}, "the time 'soon'"),
    ],
)
def test_what_cannot_be_read_is_skipped_by_name(config, skipped):
    """Also inside a group of fields."""
    item = {"id": "A", "family": "hyx", "config": config, "steps": []}
    assert [str(verdict) for verdict in judge([item])] == [
        f"skip A: not expressible here: {skipped}"
    ]


@pytest.mark.parametrize(
    ("rate", "word"),
    [
        (33.333332, "pass"),  # single precision
        (33.333333333333336, "pass"),
        (33.33, "pass"),
        (33.3, "pass"),
        (33.0, "fail"),
        (33.4, "fail"),
    ],
)
def test_rates_are_compared_as_far_as_they_are_written(rate, word):
    """A third."""
    steps = [
        {"t": 0, "event": "failure"},
        {"t": 0, "event": "success", "repeat": 2, "expect": {"failure_rate": rate}},
    ]
    config = {"size": 3, "failure_rate": 90}
    item = {"id": "A", "family": "resilience4j", "config": config, "steps": steps}
    assert [verdict.word for verdict in judge([item])] == [word]


def test_a_step_without_a_time_is_at_that_of_the_one_before_whoever_it_is_at():
    """The second target's own last step was 40 s earlier."""
    steps = [
        {"t": 0, "event": "failure", "target": "a"},
        {"t": 0, "event": "failure", "target": "b", "expect": {"state": "open"}},
        {"t": 40, "event": "observe", "target": "a"},
        {"event": "permit", "target": "b", "expect": {"permitted": True}},
    ]
    config = {"failure_threshold": 1}
    item = {"id": "A", "family": "portkey", "config": config, "steps": steps}
    assert [verdict.word for verdict in judge([item])] == ["pass"]


def test_states_go_by_their_usual_names_and_by_the_familys_own():
    """And no name goes for another state."""
    for state, word in (
        ("dead", "pass"),
        ("Open", "pass"),
        ("alive", "fail"),
        ("half-open", "fail"),
    ):
        step = {"t": 0, "event": "failure", "repeat": 5, "expect": {"state": state}}
        item = {"id": "A", "family": "finagle", "steps": [step]}
        assert [verdict.word for verdict in judge([item])] == [word]
