"""Quality that changes in time, and models of one family that are right about the same prompts."""

import math

import numpy as np
import pytest

from simroute.config.configuration import Configuration
from simroute.config.loading import load
from simroute.errors import InputError
from simroute.experiment.run import build_weather
from simroute.models import spec

PRICE = spec.PriceList(1.0, 1.0)
HORIZON, RATE = 10_000.0, 4.0


def scored(deployments, **workload):
    """(arrivals, deployment -> score of each request's first call)."""
    scenario = spec.Scenario(
        deployments=deployments,
        horizon=HORIZON,
        workload=spec.Workload(rate=RATE, **workload),
    )
    weather = build_weather(Configuration("run", "test", scenario, {}), 0)
    blocks = list(weather.blocks())
    scores = {
        name: np.concatenate([model.answers.scores(block, 0) for block in blocks])
        for name, model in weather.deployments.items()
    }
    return np.concatenate([block.arrival for block in blocks]), scores


def model(provider="p", name="m", family=None, **more):
    return spec.Deployment(provider, name, family=family, price=PRICE, **more)


def within(values, share, sigmas=4.0):
    """A share of independent draws, within four standard deviations."""
    spread = math.sqrt(share * (1 - share) / len(values))
    return abs(np.mean(values) - share) <= sigmas * spread


def test_a_step_holds_from_its_moment_on():
    """.9 before half of the time, .6 after it; the luck of each request is the same as without."""
    steps = {"worse": spec.QualityStep("50%", 0.6)}
    when, found = scored({"a": model(quality=0.9, quality_steps=steps)})
    _, plain = scored({"a": model(quality=0.9)})
    early = when < HORIZON / 2
    assert within(found["a"][early], 0.9)
    assert within(found["a"][~early], 0.6)
    assert (found["a"][early] == plain["a"][early]).all()
    assert (found["a"] <= plain["a"]).all()


def test_a_drift_goes_in_a_straight_line():
    """From .9 to .5 over the second half: its last tenth has a mean of .52, its middle .7."""
    steps = {"drift": spec.QualityStep("50%", 0.5, over=HORIZON / 2)}
    when, found = scored({"a": model(quality=0.9, quality_steps=steps)})
    middle = (when > 0.7 * HORIZON) & (when < 0.8 * HORIZON)
    assert within(found["a"][middle], 0.7)
    assert within(found["a"][when > 0.9 * HORIZON], 0.54)


def test_tasks_that_a_step_does_not_name_stay_as_they_were():
    """Difficulty holds on: probit(.9) - 1 is .61."""
    tasks = {"easy": spec.Task(), "hard": spec.Task(difficulty=1.0)}
    steps = {"new": spec.QualityStep("50%", {"easy": 0.5})}
    quality = {"easy": 0.9, "hard": 0.9}
    when, found = scored({"a": model(quality=quality, quality_steps=steps)}, tasks=tasks)
    late = found["a"][when > HORIZON / 2]
    assert within(late, (0.5 + 0.6107) / 2)


@pytest.mark.parametrize(("correlation", "both"), [(0.64, 0.3606), (0.85, 0.4118)])
def test_siblings_are_right_together_as_often_as_their_correlation_says(correlation, both):
    """At .5 each: 1/4 + arcsin(rho) / 2 pi (Sheppard's formula for the orthant); strangers keep
    .64, and each share stays as stated."""
    made = {
        "a": model("p", "m-1", "m", quality=0.5),
        "b": model("p", "m-2", "m", quality=0.5),
        "c": model("q", "n-1", "n", quality=0.5),
    }
    _, found = scored(made, sibling_correlation=correlation)
    assert both == pytest.approx(0.25 + math.asin(correlation) / (2 * math.pi), abs=2e-4)
    assert within(found["a"] * found["b"], both)
    assert within(found["a"] * found["c"], 0.25 + math.asin(0.64) / (2 * math.pi))
    assert all(within(each, 0.5) for each in found.values())


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ("quality: null, quality_steps: {x: {at: 1h, quality: 0.5}}", "no quality is known"),
        (
            "quality: {chat: 0.9}, quality_steps: {x: {at: 1h, quality: {chat: 0.8, code: 0.5}}}",
            "not known before: code",
        ),
        (
            "quality: 0.9, quality_steps: {x: {at: 10m, quality: 0.5, over: 20m}, "
            "y: {at: 20m, quality: 0.6}}",
            "before the change before it has ended",
        ),
        ("quality: 0.9, quality_steps: {x: {at: 1h, quality: 1.5}}", "from 0 to 1"),
    ],
)
def test_changes_that_cannot_be_are_told_in_a_line(keys, says, tmp_path):
    """With the key."""
    file = tmp_path / "s.yaml"
    file.write_text(
        f"deployments:\n  a: {{provider: p, model: m, price: {{input: 1, output: 1}}, {keys}}}\n"
    )
    with pytest.raises(InputError) as refused:
        load("check", str(file), [])
    assert any(says in line and "quality_steps" in line for line in refused.value.lines)
