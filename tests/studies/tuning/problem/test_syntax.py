"""`tune.LAYER.KEY=…`: what may be written, what it means, and what is refused."""

import pytest

from simroute.errors import InputError
from simroute.studies.tuning import plan_search
from simroute.studies.tuning.problem.space import ChoiceParameter, Condition, NumberParameter
from simroute.studies.tuning.problem.syntax import flatten


def parameter(wanted, name, text, policy="circuit_breaker", **more):
    """The one parameter of a search."""
    return plan_search(wanted(entries={name: text}, policy=policy, **more)).space.parameters[0]


def test_a_range_of_a_whole_number_holds_its_ends(wanted):
    """2..20 is every number from 2 to 20."""
    found = parameter(wanted, "breaker.failures", "2..20")
    assert found == NumberParameter("breaker.failures", 3, None, 2, 20, False, True)
    assert {found.value(u / 1000) for u in range(1000)} == set(range(2, 21))


def test_a_logarithmic_range_is_even_by_factors(wanted):
    """Half-way between 5 s and 320 s lies 40 s; durations are read as such."""
    found = parameter(wanted, "breaker.cooldown", "5s..320s log")
    assert (found.value(0.0), found.value(0.5), found.value(1 - 1e-12)) == (5.0, 40.0, 320.0)


def test_values_have_four_digits_so_that_what_is_run_is_what_is_written(wanted):
    """A tuned number is short."""
    assert parameter(wanted, "breaker.cooldown", "1s..10s").value(1 / 3) == 4.0
    assert parameter(wanted, "cache.threshold", "0.8..0.99", "cached").value(0.123456) == 0.8235


def test_choices_may_be_lists_words_or_nothing(wanted):
    """`|` parts values; `none` leaves a parameter out."""
    lists = parameter(wanted, "fallback.targets", "[first, other_company] | [cheapest]")
    assert lists.options == (["first", "other_company"], ["cheapest"])
    assert parameter(wanted, "breaker.scope", "provider|task").options == ("provider", "task")
    assert parameter(wanted, "breaker.count_window", "none | 10 | 50 ordered") == ChoiceParameter(
        "breaker.count_window", None, None, (None, 10, 50), ordered=True
    )


def test_a_conditional_parameter_counts_only_while_its_condition_holds(wanted):
    """Elsewhere it keeps its starting value, and points that differ in it alone are one setting."""
    entries = {
        "breaker.count_window": "none | 20",
        "breaker.rate": "0.1..0.9 if breaker.count_window",
    }
    space = plan_search(wanted(entries=entries)).space
    assert space.values((0.1, 0.5)) == {"breaker.count_window": None}
    assert space.values((0.9, 0.5)) == {"breaker.count_window": 20, "breaker.rate": 0.5}
    assert space.effective(space.values((0.1, 0.5))) == space.effective(space.values((0.1, 0.7)))


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        (
            "1..5 if breaker.scope = task | provider",
            Condition("breaker.scope", ("task", "provider")),
        ),
        ("1..5 if breaker.scope!=task", Condition("breaker.scope", ("task",), negated=True)),
        ("1..5 if breaker.consecutive", Condition("breaker.consecutive")),
    ],
)
def test_conditions_name_values_or_none_of_them(wanted, text, condition):
    """`if KEY`, `if KEY = A | B`, `if KEY != A`."""
    assert parameter(wanted, "breaker.probes", text).condition == condition


def test_a_condition_on_what_is_not_tuned_asks_the_policy(wanted):
    """The scope is provider as the file stands."""
    entries = {
        "breaker.probes": "1..5 if breaker.scope=provider",
        "breaker.successes": "1..5 if breaker.scope=task",
    }
    assert list(plan_search(wanted(entries=entries)).space.values((0.5, 0.5))) == ["breaker.probes"]


def test_a_block_may_be_nested_or_dotted():
    """Both are the same entries."""
    assert flatten({"breaker": {"failures": "2..20"}, "cache.threshold": "0.8..0.9"}) == {
        "breaker.failures": "2..20",
        "cache.threshold": "0.8..0.9",
    }


def test_a_policy_file_may_hold_its_ranges(wanted, tmp_path):
    """The command line's entries come on top, and replace those of the same name."""
    file = tmp_path / "own.yaml"
    file.write_text(
        "about: Own.\nbreaker: {failures: 3}\ntimeout: {total: 30s}\n"
        "tune: {breaker: {failures: 2..9, cooldown: 5s..60s log}, timeout.total: [10s, 20s]}\n"
    )
    plan = plan_search(wanted(policy=str(file), entries={"breaker.failures": "4..6"}))
    first, second, third = plan.space.parameters
    assert (first.low, first.high, second.log, third.options) == (4, 6, True, (10.0, 20.0))
    assert "tmp" not in plan.command


BAD = {
    "layer": ("braker.failures", "2..20", "did you mean breaker?"),
    "key": ("breaker.failure", "2..20", "did you mean failures?"),
    "no key": ("breaker", "2..20", "expected breaker.KEY"),
    "deeper": ("breaker.failures.x", "2..20", "unknown key 'x'"),
    "range": ("breaker.failures", "0..20", "out of range; expected at least 1"),
    "empty": ("breaker.failures", "20..2", "is empty"),
    "fraction": ("breaker.failures", "2.5..20", "whole number"),
    "unit": ("breaker.cooldown", "5sec..20s", "duration"),
    "log of 0": ("retry.max_retry_after", "0..20 log", "log needs a range above 0"),
    "no range": ("breaker.failures", "7", "expected LOW..HIGH"),
    "nothing": ("breaker.failures", "", "expected LOW..HIGH"),
    "range of words": ("breaker.scope", "provider..task", "not a number"),
    "log of words": ("breaker.scope", "provider | task log", "log belongs to a range"),
    "word": ("breaker.scope", "provider | tsk", "not one of provider, deployment, task"),
    "target": ("fallback.targets", "[frst] | [cheapest]", "did you mean first?"),
    "twice": ("breaker.scope", "task | task", "stands twice"),
    "condition": ("breaker.rate", "0.1..0.9 if breaker.countwindow", "did you mean count_window?"),
    "condition's value": (
        "breaker.rate",
        "0.1..0.9 if breaker.scope=tsk",
        "not one of provider, deployment, task",
    ),
    "interpolation": ("breaker.scope", "${oc.env:HOME} | task", "interpolation is not done"),
    "alias": ("breaker.scope", "*a | task", "aliases are not read"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_mistake_is_refused_in_one_line_with_its_key_and_remedy(wanted, case):
    """Names, types, units and ranges are those that the layer declares."""
    name, text, words = BAD[case]
    with pytest.raises(InputError) as refused:
        plan_search(wanted(entries={name: text}))
    assert len(refused.value.lines) == 1
    assert refused.value.lines[0].startswith(f"tune.{name}: ")
    assert words in refused.value.lines[0]


def test_all_mistakes_come_at_once(wanted):
    """Of the space, of the goals, of the budget, of the policy's block."""
    with pytest.raises(InputError) as refused:
        plan_search(
            wanted(
                entries={"braker.failures": "2..20", "breaker.cooldown": "9s..5s"},
                objectives=["min cost"],
                constraints=["sucess_rate>=0.9"],
                evaluations=3,
            )
        )
    said = "\n".join(refused.value.lines)
    for words in (
        "did you mean breaker?",
        "is empty",
        "no metric is called 'cost'",
        "did you mean success_rate?",
        "--evaluations 3: too few",
    ):
        assert words in said


def test_conditions_may_not_lead_in_a_circle(wanted):
    """Neither of the two would ever count."""
    entries = {
        "breaker.rate": "0.1..0.9 if breaker.count_window",
        "breaker.count_window": "10 | 20 if breaker.rate",
    }
    with pytest.raises(InputError, match="leads back to itself"):
        plan_search(wanted(entries=entries))


GOALS = {
    "objective": ({"objectives": ["least cost_usd"]}, "expected min METRIC or max METRIC"),
    "no objective": ({"objectives": []}, "--objective is missing"),
    "twice": ({"objectives": ["min cost_usd", "max cost_usd"]}, "wanted twice"),
    "constraint": ({"constraints": ["success_rate=0.9"]}, "expected METRIC>=NUMBER"),
    "percentage": ({"constraints": ["success_rate>=99.9"]}, "use 0.999"),
    "number": ({"constraints": ["success_rate>=0.9e"]}, "not a number"),
    "robust": ({"robust": "best"}, "not one of mean, worst, cvar"),
    "proposer": ({"proposer": "random"}, "not one of sobol, tpe"),
    "confirm": ({"confirm": 1}, "at least 2"),
    "scenario": ({"scenarios": ["stedy"]}, "did you mean steady?"),
    "same scenario": ({"scenarios": ["steady", "steady"]}, "named twice"),
    "policy": ({"policy": "circuit_braker"}, "did you mean circuit_breaker?"),
    "nothing to tune": ({"entries": {}}, "nothing to tune"),
}


@pytest.mark.parametrize("case", GOALS)
def test_goals_that_cannot_be_understood_are_refused(wanted, case):
    """One line each, before anything runs."""
    changes, words = GOALS[case]
    with pytest.raises(InputError) as refused:
        plan_search(wanted(**changes))
    assert any(words in line for line in refused.value.lines)
