"""Breakers by the names that people know."""

from dataclasses import fields, replace
from typing import get_args

import pytest

from simroute.config.advice import setting_notes
from simroute.config.configuration import Configuration
from simroute.config.loading import build_layers, load, restore_document
from simroute.config.variation import Variation
from simroute.config.yaml_reader import Document
from simroute.errors import InputError
from simroute.gauges.breaker import CLOSED, OPEN, BreakerState
from simroute.policies.breaker import RULES, Breaker
from simroute.policies.presets.breakers import PRESETS, BreakerName
from simroute.testing import check_policy


def configured(*overrides: str) -> Configuration:
    """The demo under a policy whose breaker is taken from resilience4j."""
    return load(
        "run",
        "demo",
        ["circuit_breaker"],
        ["~policy.breaker", "+policy.breaker.preset=resilience4j", *overrides],
    )


def test_each_name_is_a_row_and_each_row_has_its_version_and_source():
    """What may be written is what there is."""
    assert get_args(BreakerName) == tuple(PRESETS)
    assert all(row.version and row.source and row.differs for row in PRESETS.values())


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_these_parameters_and_no_others(name):
    """The same as written by hand, and the contract holds."""
    preset, by_hand = Breaker(preset=name), Breaker(**PRESETS[name].settings)
    assert replace(preset, preset=None) == by_hand
    assert check_policy(Breaker(preset=name)) == []


@pytest.mark.parametrize("name", PRESETS)
def test_no_parameter_of_a_preset_is_idle(name):
    """What `check` says of contradictions and of parameters that change nothing, it says of
    none."""
    assert setting_notes({"breaker": Breaker(preset=name)}, {}, None) == []


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"slow_rate": 0.5}, "slow_rate"),
        ({"retry_after_extra": 5.0}, "retry_after_extra"),
        ({"after_half_open": "closed"}, "after_half_open"),
        ({"buckets": 5, "count_window": 9}, "buckets"),
        ({"window_kind": "first_failure", "consecutive": True}, "window_kind"),
        ({"buckets": 5, "window_kind": "tumbling"}, "buckets"),
        ({"judged": "result", "judged_every": 5.0}, "judged"),
        ({"probes": 2, "recovery": "time"}, "probes"),
        ({"cooldown": 9.0, "recovery": "window"}, "cooldown"),
        ({"consecutive": True, "recovery": "window"}, "recovery"),
        ({"max_cooldown": 90.0}, "max_cooldown"),
        ({"cooldown_step": 5.0, "max_cooldown": 10.0}, "max_cooldown"),
        ({"cooldown_step": 5.0, "recovery": "time"}, "cooldown_factor, cooldown_step"),
    ],
)
def test_a_parameter_that_changes_nothing_is_told(settings, key):
    """One note, by the name of the key."""
    (note,) = setting_notes({"breaker": Breaker(**settings)}, {}, None)
    assert note.startswith(f"breaker.{key}: ")


def test_a_cap_that_lets_none_open_is_told_with_the_number_of_deployments():
    """Envoy's tenth of the demo's deployments is none; and each is the only one of its model."""
    for name, key in (("envoy", "max_open"), ("litellm", "spare_alone")):
        notes = configured(f"policy.breaker.preset={name}").notes
        assert [note for note in notes if f"breaker.{key}: " in note]


def test_an_outage_whose_status_is_no_failure_to_a_breaker_is_told_by_name():
    """Kong's list has no 529, with which the demo's outage answers; the other presets' have."""
    told = {
        name: [
            note
            for note in configured(f"policy.breaker.preset={name}").notes
            if "breaker.statuses: outage morning answers 529" in note
        ]
        for name in PRESETS
    }
    assert [name for name, notes in told.items() if notes] == ["kong"]
    spared = configured("policy.breaker.preset=kong", "scenario.outages.morning.error_share=0")
    assert not [note for note in spared.notes if "breaker.statuses" in note]


def test_what_is_told_of_a_breaker_for_some_targets_is_of_these_alone():
    """The demo's outage is one company's, and a cap counts whom the breaker is for."""

    def notes(only: str, *settings: str) -> list[str]:
        given = [f"policy.breaker.only=[{only}]", *(f"policy.breaker.{each}" for each in settings)]
        return [note for note in configured(*given).notes if "breaker." in note]

    scenario = configured().scenario
    here = scenario.outages["morning"].provider
    hit = next(name for name, each in scenario.deployments.items() if each.provider == here)
    spared = next(name for name, each in scenario.deployments.items() if each.provider != here)
    assert [note for note in notes(hit, "preset=kong") if "outage morning answers" in note]
    assert not [note for note in notes(spared, "preset=kong") if "outage morning" in note]
    (told,) = [
        note for note in notes(hit, "max_open=0.5", "scope=deployment") if "max_open" in note
    ]
    assert "max_open: 0.5 of 1 is less than one" in told
    assert not [note for note in notes(f"{hit},{spared}", "max_open=0.5") if "max_open" in note]


def test_a_given_parameter_beats_the_preset_even_where_it_is_the_default():
    """30 s is the default and not resilience4j's 60 s."""
    assert Breaker(preset="resilience4j").cooldown == 60.0
    assert Breaker(preset="resilience4j", cooldown=30.0).cooldown == 30.0
    layer = build_layers({"breaker": {"preset": "resilience4j", "cooldown": "30s"}})["breaker"]
    assert (layer.cooldown, layer.rate) == (30.0, 0.5)


@pytest.mark.parametrize(
    ("name", "given", "follows"),
    [
        ("resilience4j", {"failures": 5}, {"either": True, "rate": 0.5}),
        ("resilience4j", {"window": 20.0}, {"count_window": None}),
        ("resilience4j", {"successes": 2}, {"trial_calls": None}),
        ("pybreaker", {"rate": 0.3}, {"consecutive": False}),
        ("pybreaker", {"count_window": 10}, {"consecutive": False}),
    ],
)
def test_what_would_keep_a_given_parameter_from_acting_gives_way(name, given, follows):
    """Five failures open a resilience4j, though it counts a share as well."""
    layer = Breaker(preset=name, **given)
    assert {key: getattr(layer, key) for key in given | follows} == given | follows


@pytest.mark.parametrize("name", PRESETS)
def test_five_failures_open_each_of_them_where_that_is_asked_for(name):
    """And four do not, whatever share, window or row the preset has; where it looks every so often,
    at the next look."""
    for number, state in ((4, CLOSED), (5, OPEN)):
        rules = Breaker(preset=name, failures=5)
        breaker = BreakerState(**{key: getattr(rules, key) for key in RULES})
        for _ in range(number):
            breaker.tell(breaker.ask(1.0), True, 1.0)
        breaker.settle(1.0 + (rules.judged_every or 0.0))
        assert (breaker.state, number) == (state, number)


def test_an_unknown_preset_is_one_line_with_the_nearest_name():
    """In a file, and in Python."""
    with pytest.raises(InputError) as caught:
        build_layers({"breaker": {"preset": "litelm"}})
    (line,) = caught.value.lines
    assert line.endswith("did you mean litellm?")
    with pytest.raises(ValueError, match="there is no 'litelm'"):
        Breaker(preset="litelm")  # type: ignore[arg-type]


def test_an_override_beats_the_preset():
    """policy.breaker.failures=5 beside a preset in the file."""
    breaker = configured("+policy.breaker.failures=5").policies["circuit_breaker"]["breaker"]
    assert (breaker.preset, breaker.failures, breaker.either) == ("resilience4j", 5, True)


def test_a_run_is_restored_as_it_was():
    """Its config.yaml says every parameter, so that a later version changes nothing."""
    first = configured("+policy.breaker.cooldown=30s")
    again = restore_document(Document("config.yaml", first.plain()))
    assert again.policies["circuit_breaker"] == first.policies["circuit_breaker"]


def test_a_search_varies_what_the_preset_says():
    """The file that it writes has the preset and what differs from it; another preset takes its own
    values along."""
    variation = Variation(configured("+policy.breaker.failures=5"), "circuit_breaker")
    assert variation.current_value("breaker.cooldown") == 60.0
    written = variation.file_form({"breaker.cooldown": 30.0})["breaker"]
    assert written == {"preset": "resilience4j", "failures": 5, "either": True, "cooldown": 30.0}
    assert build_layers({"breaker": written})["breaker"].cooldown == 30.0
    other = variation.build_layers({"breaker.preset": "polly"})["breaker"]
    assert (other.cooldown, other.failures, other.window) == (5.0, 5, 30.0)


def test_every_parameter_is_declared_once_with_its_words():
    """Those of the state and those of the layer."""
    assert len({field.name for field in fields(Breaker)}) == len(fields(Breaker))


@pytest.mark.parametrize(
    ("name", "counted", "passed"),
    [
        ("portkey", (500, 501, 520, 529), (408, 429)),
        ("helicone", (500, 501, 520, 529), (408,)),
        ("bifrost", (429, 500, 501, 520, 529), (408,)),
        ("envoy", (408, 500, 501, 520, 529), (429,)),
        ("litellm", (408, 500, 501, 520, 529), (403, 409)),
        ("bedrock_agentcore", (408, 500, 501, 520, 529), (429,)),
        ("kong", (403, 404, 408, 429, 500, 502, 503, 504), (501, 529)),
    ],
)
def test_a_gateways_breaker_counts_what_its_source_says(name, counted, passed):
    """From 500 on without gaps, 408 where the caller's own limit counts; Kong by its list."""
    statuses = PRESETS[name].settings["statuses"]
    assert set(counted) <= set(statuses)
    assert not set(passed) & set(statuses)
