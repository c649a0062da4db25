"""Layers that ask classifiers, predictors, judges and the like: the same in virtual time, where
these are models, and live, where they are functions of the user's own."""

import asyncio
from dataclasses import replace

import pytest

from simroute.core import Classifier, Evaluation, Judge, Predictor
from simroute.errors import InputError
from simroute.gauges.dual_price import Pace
from simroute.live import Gateway
from simroute.policies.bandit import Bandit
from simroute.policies.cascade import Cascade
from simroute.policies.classify import Classify
from simroute.policies.fan_out import FanOut
from simroute.policies.predict import Predict
from simroute.policies.quality_bar import QualityBar
from simroute.policies.retry import Retry
from simroute.testing.script import Step
from twins import JUDGE_S, PATIENCE, Play, entry, live, same

ASKED_S = 0.0317
SURE, NEVER = Judge(1.0, 1.0, JUDGE_S, 0.0003), Judge(0.0, 0.0, JUDGE_S, 0.0003)
OTHERWISE = Classifier(confusion={"chat": {"other": 1.0}}, latency=ASKED_S, usd=0.0001)
FOR_B = Predictor(0.0, bias={"b": 0.1}, latency=ASKED_S, usd=0.0002)
PACE = Pace(0.01, {"a": 0.004}, period=10.0, ahead=1.0, hard=True)


async def classifier(call):
    await asyncio.sleep(ASKED_S)
    return "other"


async def predictor(call, targets):
    await asyncio.sleep(ASKED_S)
    return {name: 0.85 + 0.1 * (name == "b") for name in targets}


async def refuses(call, outcome):
    await asyncio.sleep(JUDGE_S)
    return False


async def conclusion(call, outcome):
    return "the same"


async def evaluator(target, task, examples):
    return {"a": 0.9, "b": 0.95}[target]


EXPERTS = {"classifier": classifier, "predictor": predictor, "conclusion": conclusion}
LAYERS = {
    "classify": Classify(tasks={"other": "b"}, classifier=OTHERWISE),
    "quality_bar": QualityBar(table={"chat": {"a": 0.8, "b": 0.97}}),
    "quality_bar of a class": QualityBar(table={"other": {"b": 0.97}}, classifier=OTHERWISE),
    "predict": Predict(predictor=FOR_B),
    "predict, paced": Predict(predictor=FOR_B, pace=PACE),
    "bandit": Bandit(method="ucb", judge=SURE, judged=1.0, memory=5.0, explore=2.0),
    "cascade of samples": Cascade(samples=3, cheap="b", strong="a"),
    "cascade of steps": Cascade(steps=("b", "a"), judges=(SURE,)),
    "first": FanOut(("a", "b")),
    "majority": FanOut(("a", "b"), take="majority"),
    "accepted": FanOut(("b", "a"), take="accepted", judge=SURE),
}
NOBODY_PLEASES = {
    "cascade": Cascade(steps=("b", "a"), judge=NEVER, max_escalated=0.4),
    "accepted": FanOut(("b", "a"), take="accepted", judge=NEVER),
}
SCRIPT = {
    "a": [Step(1.13), Step(0.31, 503), Step(6.1), Step(0.41), Step(0.37, 429, 1.9), Step(2.03)],
    "b": [Step(0.71), Step(0.29, 529), Step(1.51), Step(0.17, 500)],
}
STREAMS = {
    "a": [Step(1.13, first=0.4), Step(0.31, 503), Step(6.1, first=0.2), Step(0.9, first=0.3)],
    "b": [Step(0.71, first=0.13), Step(0.29, 529), Step(1.51, first=1.1)],
}
CALM = {name: [Step(step.seconds) for step in steps] for name, steps in SCRIPT.items()}
ARRIVALS = [0.0, 0.903, 1.711, 2.957, 4.409, 7.001, 11.83, 12.02, 13.7, 40.3, 41.1]


def play(layer, streamed, **more):
    raced = isinstance(layer, FanOut)  # what a failure that lost is billed, its provider knows
    script = STREAMS if streamed else CALM if raced else SCRIPT
    if raced and streamed:
        script = {name: [step for step in steps if step.first] for name, steps in script.items()}
    layers = {"layer": layer} if raced else {"layer": layer, "again": Retry(attempts=1)}
    return Play(layers, script, ARRIVALS, streamed, experts=EXPERTS, **more)


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("name", LAYERS)
def test_experts_of_both_worlds_make_the_same_calls(name, streamed):
    """Sends, ends, bills and events are the same where both say the same, in the same time."""
    assert same(play(LAYERS[name], streamed)).sends


@pytest.mark.parametrize("name", NOBODY_PLEASES)
def test_a_judge_who_accepts_nothing_refuses_the_same_in_both_worlds(name):
    """The cascade goes on to its last step, for as many as it may; the panel's first is given."""
    played = replace(play(NOBODY_PLEASES[name], False), experts=EXPERTS | {"judge": refuses})
    words = {event for _, event, _, _ in same(played).events}
    assert words >= ({"escalated", "kept"} if name == "cascade" else {"chosen"})


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("leaves", [0.0137, 0.2371, 0.9001])
def test_callers_who_go_away_meanwhile_end_the_same(name, leaves):
    """While a classifier, a target or a judge is asked."""
    gone = dict.fromkeys(range(0, len(ARRIVALS), 2), leaves)
    same(replace(play(LAYERS[name], False, leaves=gone), script=CALM))


MISSING = {
    "classify": (LAYERS["classify"], r"tasks of requests; Gateway\(classifier=…\)"),
    "predict": (LAYERS["predict"], r"how good answers will be; Gateway\(predictor=…\)"),
    "bandit": (LAYERS["bandit"], r"nobody judges answers; Gateway\(judge=…\)"),
    "quality_bar": (QualityBar(), r"nobody evaluates .* table .*; Gateway\(evaluator=…\)"),
    "majority": (LAYERS["majority"], r"answers say the same; Gateway\(conclusion=…\)"),
    "samples": (LAYERS["cascade of samples"], r"say the same; Gateway\(conclusion=…\)"),
}


@pytest.mark.parametrize("name", MISSING)
def test_who_is_not_there_live_is_missed_at_the_start_in_one_line(name):
    """Before anything is asked, with the word that a gateway takes."""
    layer, line = MISSING[name]
    with pytest.raises(InputError, match=line) as found:
        Gateway({"layer": layer, **PATIENCE}, {"a": entry("a"), "b": entry("b")})
    assert len(found.value.lines) == 1


def test_what_needs_nobody_runs_live_without_them():
    """A panel of whom the first counts, a table, and labels."""
    for layer in (FanOut(), LAYERS["quality_bar"], Classify(classifier=None)):
        assert Gateway({"layer": layer, **PATIENCE}, {"a": entry("a"), "b": entry("b")})


def told_live(layer, **experts):
    played = Play({"layer": layer}, CALM, [0.0, 10.0, 20.0], experts=experts)
    return live(played)


def test_evaluations_live_are_a_function_of_the_user_s_own():
    """The bar of .9 is cleared by b alone: .95 of 500 examples, at 95 %."""
    layer = QualityBar(bar=0.92, evaluation=Evaluation(500, every=3600.0, usd=0.001))
    told = told_live(layer, evaluator=evaluator)
    assert [row.target for row in told.sends] == ["b", "b", "b"]
    bills = [told.requests[number].nano for number in range(3)]
    assert bills[0] - bills[1] == 2 * 500 * 1_000_000  # two targets, USD .001 an example, once


@pytest.mark.parametrize(
    ("layer", "expert", "target"),
    [
        (LAYERS["classify"], "classifier", "a"),
        (LAYERS["predict"], "predictor", "a"),
        (QualityBar(), "evaluator", "a"),
        (replace(LAYERS["bandit"], targets=("a", "b")), "judge", "a"),
    ],
)
def test_an_expert_who_fails_costs_no_answer(layer, expert, target):
    """Its failure is an event, and the first target, or the request's own label, counts."""

    async def broken(*_):
        raise ValueError("no")

    told = told_live(layer, **{expert: broken})
    assert all(request.cause == "" for request in told.requests.values())
    assert {event for _, event, _, _ in told.events} >= {f"{expert}_failed"}
    assert told.sends[0].target == target
