"""What a policy's author is told of layers that would not do what they seem to."""

from pathlib import Path

import pytest

from simroute.config import advice
from simroute.config.loading import load, load_layers
from simroute.config.yaml_reader import read
from simroute.errors import InputError

OUTER = "outer: {kind: cascade, cheap: two, strong: three}"
INSIDE = "fallback: {}"
INNER = "inner: {kind: cascade, cheap: one, strong: two}"


@pytest.mark.parametrize("order", [(OUTER, INNER), (INNER, OUTER), (OUTER, "timeout: {}", INNER)])
def test_a_cascade_inside_a_cascade_is_refused(policy, order):
    """It would leave out a target; the line names file, place, layer and what to write instead."""
    with pytest.raises(InputError) as found:
        load_layers(policy(*order))
    (line,) = found.value.lines
    inner, outer = order[-1].split(":")[0], order[0].split(":")[0]
    assert f"p.yaml:{len(order)}" in line
    assert f"{inner}: stands inside the cascade '{outer}'" in line
    assert "write one with `steps: [CHEAPEST, …, BEST]`" in line


@pytest.mark.parametrize(
    ("one", "other", "stands"),
    [
        ("[chat]", "[extract]", True),
        ("[chat, code]", "[extract, code]", False),
        ("[chat]", "[]", False),
    ],
)
def test_cascades_of_different_tasks_may_stand_together(policy, one, other, stands):
    """No request meets both; where a task is in both, or one takes every task, they are refused."""
    name = policy(f"a: {{kind: cascade, tasks: {one}}}", f"b: {{kind: cascade, tasks: {other}}}")
    if stands:
        assert list(load_layers(name)) == ["a", "b"]
    else:
        with pytest.raises(InputError):
            load_layers(name)


def notes(
    policy, *lines: str, scenario: str = "demo", overrides: tuple[str, ...] = ()
) -> list[str]:
    """What is noted of a policy of these lines, in the traffic of a scenario."""
    return [
        note.removeprefix("p: ")
        for note in load("check", scenario, [policy(*lines)], list(overrides)).notes
    ]


@pytest.mark.parametrize(
    ("line", "key", "meant"),
    [
        ("timeout: {total: 30000}", "timeout.total: 30000 is 8:20 h", "30s"),
        ("timeout: {first_token: 1500, total: 40m}", "timeout.first_token: 1500 is 25 min", "1.5s"),
        ("retry: {backoff: {initial: 500}}", "retry.backoff.initial: 500 is 8:20 min", "0.5s"),
        ("breaker: {cooldown: 30000.0}", "breaker.cooldown: 30000.0 is 8:20 h", "30s"),
        ("cascade: {judge: {latency: 1700}}", "cascade.judge.latency: 1700 is 28:20 min", "1.7s"),
        ("cache: {ttl: 3600000}", "cache.ttl: 3600000 is 41 d 16 h", "3600s"),
    ],
)
def test_a_duration_that_looks_like_milliseconds_is_noted(policy, line, key, meant):
    """A number without a unit is in seconds; the note says how long that is, and what was probably
    meant."""
    found = [
        note
        for note in notes(policy, line, "timeout: {}" if "retry" in line else "about: x")
        if "unit" in note
    ]
    assert found[0].startswith(key)
    assert found[0].endswith(f"did you mean {meant}?")


@pytest.mark.parametrize(
    "line",
    [
        "timeout: {total: 30}",
        "timeout: {total: 8h}",
        "timeout: {total: 30000ms}",
        "cache: {ttl: 604800}",
        "breaker: {cooldown: 3600}",
        "timeout: {}",
        "b: {kind: budget, usd: 1, period: rolling, window: 604800}",
    ],
)
def test_a_duration_that_was_meant_is_not_noted(policy, line):
    """Whoever writes a unit means it; caches may last for days."""
    assert notes(policy, line) == []


def test_an_override_and_a_scenario_are_read_alike(policy, tmp_path):
    """`policy.timeout.total=30000` is noted too, and so are a scenario's latencies and promises."""
    assert (
        "did you mean 30s?"
        in notes(policy, "timeout: {}", overrides=("policy.timeout.total=30000",))[0]
    )
    latency = "latency: {base: 800, per_output_token: 12}"
    text = (
        f"slo: {{latency: 20000}}\ndeployments:\n  a: {{provider: x, model: m, price: "
        f"{{input: 1, output: 2}}, {latency}}}\n"
    )
    (tmp_path / "s.yaml").write_text(text, encoding="utf-8")
    found = notes(policy, "timeout: {}", scenario="./s.yaml")
    keys = ("slo.latency", "deployments.a.latency.base", "deployments.a.latency.per_output_token")
    assert [any(f"{key}: " in note for note in found) for key in keys] == [True] * 3


@pytest.mark.parametrize(
    ("layer", "said"),
    [
        (
            "failures: 5, count_window: 3",
            "count_window: the last 3 calls never hold failures: 5, so it cannot open; write at "
            "least 5",
        ),
        ("failures: 5, count_window: 5", None),
        ("failures: 5, count_window: 3, consecutive: true", None),
        ("failures: 5, min_calls: 3", "min_calls: counts only beside rate"),
        ("failures: 5, rate: 0.5", "failures: is not looked at beside rate"),
        (
            "rate: 0.05, min_calls: 10",
            "min_calls: one failure of 10 calls is already more than rate: 0.05, so a single one "
            "opens it; write at least 20",
        ),
        (
            "rate: 0.05, count_window: 8",
            "count_window: one failure of 8 calls is already more than rate: 0.05",
        ),
        ("rate: 0.1, min_calls: 10", None),
        ("rate: 0.5, count_window: 8", None),
    ],
)
def test_a_breaker_that_cannot_do_what_it_says_is_noted(policy, layer, said):
    """Windows that never hold enough, keys that are not looked at, shares below a single
    failure."""
    found = notes(policy, f"breaker: {{{layer}}}")
    assert [note.startswith(f"breaker.{said}") for note in found] == ([True] if said else [])


@pytest.mark.parametrize(
    ("layer", "overrides", "said"),
    [
        (
            "window: 30s",
            ("scenario.workload.rate=0.005",),
            "window: holds 0.15 calls at the scenario's rate, so failures: 3 hardly ever",
        ),
        ("window: 30s", ("scenario.workload.rate=0.1",), None),
        (
            "window: 30s",
            ("scenario.workload.rate=0.1", "scenario.gateway.replicas=20"),
            "window: holds 0.15 calls at the scenario's rate, spread",
        ),
        (
            "window: 30s",
            (
                "scenario.workload.rate=0.1",
                "scenario.gateway.replicas=20",
                "scenario.gateway.shared=true",
            ),
            None,
        ),
        (
            "window: 30s, rate: 0.5",
            ("scenario.workload.rate=0.05",),
            "window: holds 1.5 calls at the scenario's rate, so min_calls: 10 hardly ever",
        ),
        ("window: 30s, consecutive: true", ("scenario.workload.rate=0.001",), None),
        ("window: 30s", ("scenario.workload.rate=0",), None),
    ],
)
def test_a_window_that_the_traffic_never_fills_is_noted(policy, layer, overrides, said):
    """Mean calls in a window of one replica against what must come together in it; no word where
    there is no window, or no traffic."""
    found = notes(policy, f"breaker: {{{layer}}}", overrides=overrides)
    assert [note.startswith(f"breaker.{said}") for note in found] == ([True] if said else [])


def test_retries_outside_a_breaker_fill_its_window(policy):
    """Then one request alone makes several calls, so nothing is said of the traffic."""
    assert (
        notes(
            policy,
            "retry: {attempts: 3}",
            "breaker: {}",
            "timeout: {}",
            overrides=("scenario.workload.rate=0.001",),
        )
        == []
    )


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["timeout: {total: 10s, first_token: 10s}"], "timeout.first_token: never acts"),
        (
            ["budget: {usd: 1, at_limit: reject, reserve: max}", "fallback: {}"],
            "budget.reserve: fallback inside",
        ),
        (["fallback: {}", "budget: {usd: 1, at_limit: reject, reserve: max}"], None),
        (["budget: {usd: 1, at_limit: reject}", "fallback: {}"], None),
        (["cascade: {steps: [cheapest, first], strong: cheapest}"], "cascade.steps: stands for"),
        (["cascade: {steps: [first]}"], "cascade.steps: one is no cascade"),
        (["cascade: {judges: [{}, {}]}"], "cascade.judges: only 1 of the steps"),
        (["cascade: {samples: 3, judge: {usd: 1}}"], "cascade.samples: their agreement"),
        (["cascade: {agreement: 0.5}"], "cascade.agreement: one answer"),
        (["cascade: {steps: [cheapest, first], judges: [{}]}"], None),
        (["bandit: {judge: {true_accept: 0.4}}", INSIDE], "bandit.judge: accepts wrong answers"),
        (["bandit: {judged: 0}", INSIDE], "bandit.judged: 0"),
        (["fan_out: {judge: {usd: 1}}"], "fan_out.judge: is not asked"),
        (["fan_out: {common: 1}"], "fan_out.common: is not looked at"),
        (
            ["retry: {pause_elsewhere: false}", "timeout: {}"],
            "retry.pause_elsewhere: no retry goes elsewhere",
        ),
        (["retry: {takes: 2s}", "timeout: {}"], "retry.takes: is only looked at with a deadline"),
        (
            ["retry: {budget: {cost: 5}}", "timeout: {}"],
            "retry.budget.cost: is only looked at with rule: costs",
        ),
        (
            ["retry: {budget: {rule: half_full, reserve: 1}}", "timeout: {}"],
            "retry.budget.reserve: is not looked at beside rule: half_full",
        ),
        (["fan_out: {take: majority, common: 1}"], None),
        (
            ["quality_bar: {table: {chat: {first: 1}}, evaluation: {every: 1h}}", INSIDE],
            "quality_bar.evaluation: nothing is evaluated",
        ),
        (["predict: {pace: {hard: true}}", INSIDE], "predict.pace: has no sum"),
        (["predict: {pace: {usd: 1}}", INSIDE], None),
    ],
)
def test_other_settings_that_cannot_hold_are_noted(policy, lines, said):
    """A first-token time that the total is over before; a budget that should hold to the cent and
    does not see the sends inside."""
    found = notes(policy, *lines)
    assert [note.startswith(said) for note in found] == ([True] if said else [])


def test_packaged_policies_are_sensible_in_packaged_scenarios():
    """Nothing is to be said of the order and the settings of any of them."""
    root = Path(__file__).parent.parent.parent
    written = {path.stem: read(path).data for path in sorted((root / "policies").glob("*.yaml"))}
    for scenario in sorted((root / "scenarios").glob("*.yaml")):
        made = load("check", scenario.stem, list(written))
        assert list(advice.millisecond_notes(made.scenario, read(scenario).data)) == []
        for name, layers in made.policies.items():
            assert [
                *advice.nesting_notes(layers),
                *advice.setting_notes(layers, written[name], made.scenario),
            ] == [], (scenario.stem, name)


@pytest.mark.parametrize(
    ("line", "said"),
    [("timeout: 30000", "write timeout: {total: …}"), ("recorded: 3", "write recorded: {}")],
)
def test_a_layer_that_is_a_single_value_is_told_how_to_be_written(policy, line, said):
    """With the first of its keys."""
    with pytest.raises(InputError) as found:
        load_layers(policy(line))
    assert said in found.value.lines[0]


@pytest.mark.parametrize(("inside", "told"), [("retry: {}", True), ("timeout: {}", False)])
def test_a_deadline_around_a_fallback_leaves_time_where_each_target_has_its_own(
    policy, inside, told
):
    """As Envoy's route and its tries have it."""
    layers = load_layers(policy("route: {kind: timeout, total: 60s}", INSIDE, inside))
    assert any("one deadline covers" in note for note in advice.nesting_notes(layers)) is told


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("hystrix", "is not known; as a breaker it is breaker: {preset: hystrix}"),
        ("envoy", "did you mean envoy_ai? as a breaker it is breaker: {preset: envoy}"),
        ("bedrock", "did you mean bedrock_agentcore?"),
        ("bed", "known: "),
    ],
)
def test_a_policy_that_is_a_breaker_or_the_beginning_of_a_name_is_told(name, told):
    """One line, and no list of what else there is."""
    with pytest.raises(InputError) as found:
        load_layers(name)
    (line,) = found.value.lines
    assert told in line


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("kong: {max_fails: 5}", "it is a whole policy: policy=kong runs it"),
        ("preset: litellm", "a preset stands in its layer, as breaker: {preset: kong}"),
        ("fallback: {preset: kong}", "presets are of breaker; a whole gateway is a policy"),
        ("litellm: {preset: tuned}", "presets are of breaker; a whole gateway is a policy"),
        ("breakr: {preset: kong}", "did you mean breaker?"),
        ("breaker: kong", "write breaker: {preset: kong}"),
        ("breaker: konk", "write breaker: {failures: …}"),
    ],
)
def test_where_a_preset_cannot_stand_the_line_says_where_it_can(policy, line, told):
    """A gateway as a layer, a preset as one or in a layer that has none."""
    with pytest.raises(InputError) as found:
        load_layers(policy(line))
    assert told in found.value.lines[0]
