"""What a page says of an outage that does not last at one depth, and of all else that happens."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

import simroute as sr
from simroute.config.loading import load
from simroute.experiment.run import build_weather
from simroute.models import spec
from simroute.report.figures.weather import add_weather
from simroute.report.picture import RunDocuments
from simroute.studies.comparison.scenario_facts import deployment_rows, workload_rows
from simroute.studies.comparison.verdict import _condition
from simroute.studies.comparison.weather_facts import weather_events


def events(*words):
    """What happens in the demo changed by these words."""
    configuration = load("compare", "demo", ["direct"], [*words])
    study = SimpleNamespace(configuration=configuration)
    return weather_events(study, build_weather(configuration, 0))


def outage(*words):
    (event,) = [event for event in events(*words) if event["kind"] == "outage"]
    return event


def test_an_outage_that_ramps_and_flaps_is_told_so():
    """Beside how deep it is, with the mean lengths of its spells; nothing of it where it does
    neither."""
    keys = "{ramp: 5m, flapping: {bad: 2m, fair: 3m}}"
    plain = outage()["what"]
    assert outage(f"+scenario.outages.morning={keys}")["what"] == (
        f"{plain}, growing for 5 min and fading for as long, in bad spells of 2 min with fair ones "
        f"of 3 min between, on average"
    )


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        ("529", "100 % of calls fail with 529"),
        ("refused", "100 % of connections are refused"),
        ("reset", "100 % of connections break"),
        ("hang", "100 % of calls are never answered"),
        ("invalid_body", "100 % of answers are what nobody can read"),
        ("content_filter", "100 % of answers are withheld by a content filter"),
        ("context_length", "100 % of calls are refused as too long"),
        ("quota", "100 % of calls are refused because the quota is used up"),
    ],
)
def test_what_fails_is_a_sentence_for_each_kind(status, sentence):
    """As the only thing that fails, in the words for its kind."""
    words = f"scenario.outages.morning={{error_share: 1, status: {status}}}"
    assert outage(words)["what"].split(", ")[0] == sentence


def test_an_outage_in_which_nothing_fails_does_not_say_so():
    """It is slow and hangs; a share of 0 % that fails would be a riddle."""
    words = "scenario.outages.morning={error_share: 0, slow_down: 3, hang_share: 0.5}"
    assert outage(words)["what"] == "answers take 3 times as long, 50 % of calls hang"


@pytest.mark.parametrize("ramp", ["2m", "10m", "60m"])
def test_the_shade_of_a_ramp_is_as_deep_as_it_is(ramp):
    """The integral of the depth over an outage of 40 min with ramps of r at both ends is 40 - r, at
    most half of it where it has no time to hold."""
    minutes = min(float(ramp[:-1]), 20.0)
    parts = outage(f"+scenario.outages.morning.ramp={ramp}")["parts"]
    area = sum((end - start) * level for start, end, level in parts)
    assert area == pytest.approx(60 * (40 - minutes))


@pytest.mark.parametrize("bad", ["2m", "5s"])
def test_a_flapping_outage_is_shaded_where_it_is_down(bad):
    """As long in all as the outage's own parts say, whether they are shown one by one or, being
    too many, as means of slices; none of it outside."""
    configuration = load(
        "compare",
        "demo",
        ["direct"],
        [f"+scenario.outages.morning.flapping={{bad: {bad}, fair: {bad}}}"],
    )
    weather = build_weather(configuration, 0)
    (event,) = [
        event
        for event in weather_events(SimpleNamespace(configuration=configuration), weather)
        if event["kind"] == "outage"
    ]
    down = sum(part.end - part.start for part in weather.spells)
    shaded = sum((end - start) * level for start, end, level in event["parts"])
    whole = event["end_s"] - event["start_s"]
    # a slice's mean is rounded to a sixteenth, so off by a 32nd of a slice at most, by chance
    assert shaded == pytest.approx(down, abs=0 if bad == "2m" else whole / 100)
    assert 0.25 * whole < down < 0.75 * whole
    assert min(start for start, *_ in event["parts"]) >= event["start_s"]
    assert max(end for _, end, _ in event["parts"]) <= event["end_s"] + weather.horizon / 240


def test_outages_of_a_random_schedule_tell_how_deep_each_was():
    """A spread of 1 makes a share of 0.4 either none or all of the calls."""
    keys = "{provider: anthropic, mean_between: 5m, repair: 2m, error_share: 0.4, status: 500, "
    keys += "depth: {spread: 1}}"
    happened = events("~scenario.outages.morning", f"+scenario.outages.now={keys}")
    told = {event["what"] for event in happened if event["kind"] == "outage"}
    assert told == {
        "0 % of calls fail with 500 (40 % on average)",
        "100 % of calls fail with 500 (40 % on average)",
    }


@pytest.mark.parametrize(("replicas", "shared"), [(1, "false"), (3, "false"), (3, "true")])
def test_restarts_are_told_when_they_happen(replicas, shared):
    """At the times before the horizon at which the rows of a run have them."""
    words = f"scenario.gateway={{replicas: {replicas}, shared: {shared}, restart_every: 30m}}"
    result = sr.simulate(sr.load_scenario("demo", words), "circuit_breaker")
    rows = result.events[(result.events.event == "restarted") & (result.events.t_s < 7200)]
    (event,) = [event for event in events(words) if event["kind"] == "restart"]
    assert event["at_s"] == pytest.approx(sorted(set(rows.t_s)))


def test_crowds_flushes_and_changes_of_quality_are_told():
    """With their times: 25 % and 50 % of 2 h, each 45 min, and half of 2 h for 10 min."""
    told = {
        event["kind"]: event
        for event in events(
            "+scenario.workload.spikes.launch={start: 25%, end: 50%, factor: 3}",
            "+scenario.gateway.flush_every=45m",
            "scenario.deployments.claude-haiku.quality=0.8",
            "+scenario.deployments.claude-haiku.quality_steps.worse="
            "{at: 50%, quality: 0.6, over: 10m}",
        )
    }
    crowd, flush, quality = told["crowd"], told["flush"], told["quality"]
    assert (crowd["start_s"], crowd["end_s"]) == (1800, 3600)
    assert crowd["what"] == "3 times as many requests"
    assert flush["at_s"] == [2700, 5400]
    assert (quality["start_s"], quality["end_s"]) == (3600, 4200)
    assert quality["what"] == "right answers: 80.00 % to 60.00 %, over 10 min"


def test_a_picture_marks_every_restart_and_every_part():
    """A line for each restart and a shade for each part, in hours of a day."""
    weather = [
        {"kind": "restart", "name": "r", "start_s": 3600.0, "end_s": 7200.0}
        | {"at_s": [3600.0, 7200.0]},
        {"kind": "outage", "name": "o", "start_s": 0.0, "end_s": 90_000.0}
        | {"parts": [[0.0, 3600.0, 1.0], [7200.0, 90_000.0, 0.5]]},
    ]
    run = RunDocuments({"horizon_s": 86_400.0, "policies": {}}, {"weather": weather})
    shapes = add_weather(run, {"shapes": [], "annotations": []}, [])["shapes"]
    assert [(each["type"], each["x0"], each["x1"]) for each in shapes] == [
        ("line", 1, 1),
        ("line", 2, 2),
        ("rect", 0, 1),
        ("rect", 2, 24),
    ]
    assert [each.get("opacity", 1) for each in shapes[2:]] == [1, 0.5]


def test_the_page_s_assumptions_name_conversations_gateways_and_what_fails():
    """All that the scenario says beside the defaults, in words."""
    words = [
        "scenario.workload.sessions={turns: 4, think: {mean: 10s}}",
        "scenario.gateway={replicas: 2, restart_every: 10m, concurrency: 60, queue: 5}",
        "scenario.deployments.claude-haiku={stalled: 0.01, clustered: {share: 0.1}}",
    ]
    configuration = load("compare", "demo", ["direct"], words)
    rows = dict(workload_rows(SimpleNamespace(configuration=configuration)))
    assert rows["conversations"] == "4 turns on average, 10 s on average (exponential) between them"
    assert rows["gateway"] == (
        "2 replicas, 1 ms overhead a send, restarts every 10 min, 60 requests at a time in each, "
        "5 wait"
    )
    (haiku,) = [
        row
        for row in deployment_rows(build_weather(configuration, 0))
        if row["deployment"] == "claude-haiku"
    ]
    assert haiku["errors in fair weather"].endswith(
        "100 % 500 in spells of 10 s, 10 % of the time, 1 % of streams stalled"
    )


def test_names_above_a_picture_stand_over_no_other():
    """Of four at one moment two have a row each, outages before lines; one elsewhere has room."""
    kinds = ("restart", "outage", "price", "outage")
    here = [
        {"kind": kind, "name": f"{kind} {place}", "start_s": 40_000.0, "end_s": 40_000.0}
        for place, kind in enumerate(kinds)
    ]
    far = {"kind": "flush", "name": "far", "start_s": 80_000.0, "end_s": 80_000.0}
    run = RunDocuments({"horizon_s": 86_400.0, "policies": {}}, {"weather": [*here, far]})
    notes = add_weather(run, {"shapes": [], "annotations": []}, [])["annotations"]
    placed = {note["text"]: note["yshift"] for note in notes}
    assert set(placed) == {"outage 1", "outage 3", "far"}
    assert placed["outage 1"] != placed["outage 3"]


@pytest.mark.parametrize(
    ("count", "words"), [(0, ""), (1, ", given this outage"), (2, ", given these outages")]
)
def test_the_verdict_is_given_as_many_outages_as_there_are(count, words):
    """In the plural where there are two."""
    outages = {
        str(number): spec.Outage(provider="a", start=0.1, end=0.2) for number in range(count)
    }
    scenario = load("compare", "demo", ["direct"], []).scenario
    assert _condition(replace(scenario, outages=outages)) == words
