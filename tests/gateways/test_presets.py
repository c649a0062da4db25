"""Presets of clients and gateways: that they run, and that they do what was measured or documented
of their originals."""

from dataclasses import replace

import pytest

from simroute import api
from simroute.config import catalogue, yaml_reader
from simroute.config.loading import load_layers
from simroute.gauges.backoff import Backoff
from simroute.gauges.retry_after import RetryAfterRule
from simroute.policies.fallback import Fallback
from simroute.policies.timeout import Timeout
from simroute.testing import Step, play

FOLDER = catalogue.find("policies", "litellm").parent
NAMES = sorted(path.stem for path in FOLDER.glob("*.yaml"))
WELL = (Step(0.0),)
NEAR = 0.05
"""Seconds: what the originals took for each of their calls on the machine where they were run."""


def layers_of(name, **retry):
    """A preset's layers in front of two scripted targets, its retries changed."""
    layers = load_layers(name)
    if "fallback" in layers:
        layers["fallback"] = replace(layers["fallback"], targets=("a", "b"))
    if retry:
        layers["retry"] = replace(layers["retry"], **retry)
    return layers


def sends(layers, a, b=WELL, **more):
    """When which target is asked, and how it ends."""
    log = play(layers, {"a": list(a), "b": list(b)}, **more)
    return [(round(start, 3), name) for start, name, *_ in sorted(log.attempts)], log


@pytest.mark.parametrize("name", NAMES)
def test_a_preset_is_short_and_says_whose_it_is(name):
    """At most 40 lines; what it is, where that is known from, and what is left out or assumed."""
    lines = (FOLDER / f"{name}.yaml").read_text(encoding="utf-8").splitlines()
    about = yaml_reader.read(FOLDER / f"{name}.yaml").data["about"]
    assert len(lines) <= 40
    assert name == "reference" or "Source: " in about
    assert name == "reference" or "Left out: " in about or "Assumed: " in about or "found" in about


@pytest.mark.parametrize("scenario", ["anthropic_outage", "demo", "several_providers"])
@pytest.mark.parametrize("name", NAMES)
def test_a_preset_runs_in_scenarios_that_it_has_never_seen(name, scenario):
    """With little traffic: each request has its row."""
    made = api.simulate(api.load_scenario(scenario, "scenario.workload.rate=0.05"), name)
    assert len(made.requests) > 100


# -- Portkey 1.15.2, repaired, against a scripted upstream -----------------------------------------

ALWAYS = {status: [Step(0.0, status)] for status in (400, 408, 429, 500, 502, 503, 529)}
ALONE = {"fallback": Fallback(targets=("a",), any_failure=True)}


@pytest.mark.parametrize(
    ("retries", "answers", "measured"),
    [
        (3, [*ALWAYS[429], *ALWAYS[429], Step(0.0)], (0, 1.003, 3.008)),
        (3, ALWAYS[503], (0, 1.004, 3.008, 7.014)),
        (6, ALWAYS[503], (0, 1.004, 3.012, 7.020, 15.029, 31.035, 63.042)),
        (2, ALWAYS[400], (0,)),
        (2, ALWAYS[529], (0,)),
        (2, ALWAYS[408], (0,)),
        (3, [Step(0.0, 429, 3.0), Step(0.0)], (0, 3.008)),
        (2, [Step(0.0, 429, 3.0)], (0, 3.007, 6.011)),
        (2, [Step(0.0, 429, 120.0)], (0,)),
        (2, [Step(0.0, 429, 0.5), Step(0.0)], (0, 0.505)),
        (2, [Step(0.0, 429, 60.0), Step(0.0)], (0,)),
        (2, [Step(0.0, 429, 1.0), Step(0.0, 503)], (0, 1.00, 1.01)),
    ],
)
def test_portkey_asks_again_when_its_gateway_did(retries, answers, measured):
    """Seconds of the calls that a scripted upstream saw."""
    layers = {**layers_of("portkey", attempts=retries + 1), **ALONE}
    found, _ = sends(layers, answers)
    assert [name for _, name in found] == ["a"] * len(measured)
    assert [start for start, _ in found] == pytest.approx(measured, abs=NEAR)


@pytest.mark.parametrize(
    ("retries", "answers", "others", "measured", "status"),
    [
        (0, ALWAYS[500], [Step(0.0)], [(0, "a"), (0.004, "b")], 200),
        (0, ALWAYS[400], [Step(0.0)], [(0, "a"), (0.003, "b")], 200),
        (0, ALWAYS[503], ALWAYS[502], [(0, "a"), (0.002, "b")], 502),
        (2, ALWAYS[500], [Step(0.0)], [(0, "a"), (1.005, "a"), (3.011, "a"), (3.015, "b")], 200),
        (1, [Step(0.0, 429, 1.0)], [Step(0.0)], [(0, "a"), (1.0, "a"), (2.0, "b")], 200),
        (0, [Step(0.0, 429, 1.0)], [Step(0.0)], [(0, "a"), (0.0, "b")], 200),
        (1, ALWAYS[503], ALWAYS[503], [(0, "a"), (1.003, "a"), (1.005, "b"), (2.009, "b")], 503),
    ],
)
def test_portkey_falls_back_when_its_gateway_did(retries, answers, others, measured, status):
    """After anything but 2xx, with retries for each target; the last response is returned."""
    found, log = sends(layers_of("portkey", attempts=retries + 1), answers, others)
    assert [name for _, name in found] == [name for _, name in measured]
    assert [start for start, _ in found] == pytest.approx([at for at, _ in measured], abs=NEAR)
    assert [row[3] for row in sorted(log.attempts)][-1] == status


def test_portkey_limits_the_time_to_the_headers_alone():
    """A hung call is given up after request_timeout and not tried again; a stream that has begun
    may take longer."""
    layers = layers_of("portkey") | {"timeout": Timeout(total=3600.0, first_token=0.3)}
    found, _ = sends(layers, [Step(9.0, first=8.0)], streamed=True)
    assert found == [(0.0, "a"), (pytest.approx(0.301, abs=NEAR), "b")]
    found, log = sends(layers, [Step(1.2, first=0.1)], streamed=True)
    assert found == [(0.0, "a")]
    assert log.requests[0][0] == "ok"


# -- others ----------------------------------------------------------------------------------------


def test_tensorzero_waits_as_its_embedded_gateway_did():
    """Three runs with three retries: each wait that was measured is one that the preset may draw,
    and what it draws is uniform from 2^k to 2^(k+1) s."""
    runs = [(1.24, 3.68, 5.87), (1.17, 2.29, 7.30), (1.18, 2.24, 7.29)]
    backoff: Backoff = load_layers("tensorzero")["retry"].backoff
    bounds = [(backoff.delay(n, 0.0), backoff.delay(n, 1.0)) for n in (1, 2, 3)]
    assert bounds == [(1, 2), (2, 4), (4, 8)]
    assert all(
        low <= wait < high for run in runs for wait, (low, high) in zip(run, bounds, strict=True)
    )


@pytest.mark.parametrize("name", ["openai_sdk", "anthropic_sdk", "langchain"])
@pytest.mark.parametrize("status", [408, 409, 429, 500, 503, 529])
def test_sdks_try_twice_more_with_pauses_of_three_quarters_to_all_of_a_half_and_one_second(
    name, status
):
    """Of .5 s, doubled, up to a quarter less."""
    layers = layers_of(name)
    layers.pop("fallback", None)
    found, _ = sends(layers, [Step(0.0, status)])
    starts = [start for start, _ in found]
    assert len(starts) == 3
    assert 0.375 <= starts[1] <= 0.5
    assert 0.75 <= starts[2] - starts[1] <= 1.0


FORMER = {"max_retry_after": 60.0, "retry_after_rule": RetryAfterRule("pause", "ignore")}
"""What the presets' words say of versions before openai 2.52 and anthropic 1.6."""


@pytest.mark.parametrize(
    ("name", "changed", "asked", "low", "high"),
    [
        ("openai_sdk", {}, 2.0, 2.0, 2.0),
        ("openai_sdk", {}, 120.0, 120.0, 120.0),
        ("langchain", {}, 120.0, 120.0, 120.0),
        ("anthropic_sdk", {}, 7200.0, 7200.0, 7200.0),
        ("openai_sdk", FORMER, 60.0, 60.0, 60.0),
        ("openai_sdk", FORMER, 61.0, 0.375, 0.5),
        ("anthropic_sdk", FORMER, 61.0, 0.375, 0.5),
    ],
)
def test_sdks_obey_retry_after(name, changed, asked, low, high):
    """It replaces the pause: up to two minutes, or however long; formerly one over a minute was
    passed over."""
    found, _ = sends(layers_of(name, **changed), [Step(0.0, 429, asked), Step(0.0)])
    assert low <= found[1][0] <= high


def test_openais_sdk_gives_up_where_it_is_to_wait_over_two_minutes():
    """LangChain asks its fallback then."""
    answers = [Step(0.0, 429, 121.0), Step(0.0)]
    assert sends(layers_of("openai_sdk"), answers)[0] == [(0.0, "a")]
    assert sends(layers_of("langchain"), answers)[0] == [(0.0, "a"), (0.0, "b")]


@pytest.mark.parametrize("status", [400, 401, 404, 422])
def test_sdks_hand_a_callers_mistake_back(status):
    """Nothing is asked again; LangChain asks its fallback, whatever it was."""
    found, _ = sends(layers_of("openai_sdk"), [Step(0.0, status)])
    assert found == [(0.0, "a")]
    found, _ = sends(layers_of("langchain"), [Step(0.0, status)])
    assert found == [(0.0, "a"), (0.0, "b")]


def test_bifrost_gives_each_target_all_retries_and_returns_the_first_error():
    """Pauses of .5 and 1 s, a fifth more or less, at each of two targets."""
    found, log = sends(layers_of("bifrost"), [Step(0.0, 503)], [Step(0.0, 529)])
    assert [name for _, name in found] == ["a"] * 3 + ["b"] * 3
    starts = [start for start, _ in found]
    assert 0.4 <= starts[1] <= 0.6
    assert 0.8 <= starts[2] - starts[1] <= 1.2
    assert log.requests[0][:2] == ("failed", "a")


@pytest.mark.parametrize(
    ("gap", "share"), [(1.0, 0.17), (5.0, 0.72), (7.0, 1.0), (8.0, 1.0), (15.0, 1.0)]
)
def test_portkeys_breaker_never_opens_below_one_request_in_seven_seconds(gap, share):
    """Of an outage's requests so many reach the dead target: the published shares, for a threshold
    of five and 30 s from the first failure."""
    arrivals = [gap * number for number in range(int(3600 / gap))]
    layers = layers_of("portkey_hosted")
    layers = {kind: layers[kind] for kind in ("fallback", "breaker")}
    found, _ = sends(layers, [Step(0.0, 503)], arrivals=arrivals)
    asked = sum(name == "a" for _, name in found)
    assert asked / len(arrivals) == pytest.approx(share, abs=0.015)


@pytest.mark.parametrize("name", ["openrouter", "vercel", "helicone_cloud"])
def test_hosted_gateways_ask_the_next_provider_of_a_model(name):
    """And come back to the first model's second provider before the second model."""
    layers = layers_of(name)
    layers["balance"] = replace(layers["balance"], group="targets", targets=("a", "b"))
    layers.pop("fallback")
    _, log = sends(layers, [Step(0.1, 503)], [Step(0.1)], arrivals=[0.0, 1.0, 2.0, 3.0])
    assert {outcome for outcome, *_ in log.requests.values()} == {"ok"}


def test_helicones_cloud_returns_the_most_telling_error():
    """403 before 401, 400, 500 and 429, whatever came last."""
    layers = layers_of("helicone_cloud")
    layers.pop("balance")
    _, log = sends(layers, [Step(0.1, 401)], [Step(0.1, 429)])
    assert [row[3] for row in sorted(log.attempts)] == [401, 429]
    assert log.requests[0][:2] == ("failed", "a")


@pytest.mark.parametrize(("status", "sent"), [(503, 2), (429, 2), (529, 1)])
def test_kong_knows_no_529(status, sent):
    """Its failover_criteria end at 504, so an overload is returned as it came."""
    layers = load_layers("kong")
    layers["balance"] = replace(layers["balance"], targets=("a", "b"))
    found, _ = sends(layers, [Step(0.0, status)], [Step(0.0, status)])
    assert len(found) == sent


def test_kong_leaves_out_a_target_after_three_failures_and_lets_one_call_try():
    """Each in turn; after fail_timeout one request looks: another failure shuts it for as long
    again, a success brings it back (its documentation of the circuit breaker)."""
    layers = load_layers("kong")
    layers["balance"] = replace(layers["balance"], targets=("a", "b"))
    down, up = Step(0.0, 503), Step(0.0)
    arrivals = [0.0, 1.0, 2.0, 3.0, 4.0, 8.0, 16.0, 17.0, 20.0, 27.0, 28.0, 29.0]
    found, _ = sends(layers, [down] * 4 + [up] * 9, [up], arrivals=arrivals)
    asked = [start for start, name in found if name == "a"]
    assert len([start for start in asked if start <= 4.0]) == 3
    assert [start for start in asked if 4.0 < start < 26.0] == [16.0]
    assert [start for start in asked if start >= 26.0]


@pytest.mark.parametrize(
    ("status", "names"),
    [(529, ["a", "b"]), (503, ["a", "b"]), (501, ["a", "b"]), (429, ["a"]), (400, ["a"])],
)
def test_agentcore_falls_back_after_its_default_triggers_alone(status, names):
    """5xx; a rate limit is none of them."""
    layers = {"fallback": replace(layers_of("bedrock_agentcore")["fallback"], targets=("a", "b"))}
    assert [name for _, name in sends(layers, [Step(0.0, status)])[0]] == names


@pytest.mark.parametrize("name", ["bedrock_agentcore", "cloudflare", "envoy_ai", "bifrost"])
@pytest.mark.parametrize("streamed", [True, False])
def test_a_limit_to_the_first_byte_ends_an_answer_that_is_not_streamed(name, streamed):
    """After 30 s; a stream that has begun goes on."""
    layers = {"timeout": load_layers(name)["timeout"]}
    _, log = sends(layers, [Step(40.0, first=5.0)], streamed=streamed)
    assert log.requests[0][0] == ("ok" if streamed else "failed")


def test_envoys_route_has_a_minute_for_all_of_its_tries():
    """Not for each of them: a stream that begins in time is cut, too."""
    found, log = sends(layers_of("envoy_ai"), [Step(70.0, first=5.0)], streamed=True)
    assert found == [(0.0, "a")]
    assert log.requests[0][0] != "ok"


def test_envoy_pauses_a_little_before_the_next_priority_and_puts_a_target_out_at_once():
    """Anywhere up to .1 s; the next request begins at the second for 30 s."""
    found, _ = sends(layers_of("envoy_ai"), [Step(0.0, 503)] * 9, arrivals=[0.0, 5.0, 29.0, 45.0])
    assert [name for _, name in found] == ["a", "b", "b", "b", "a", "b"]
    assert 0.0 < found[1][0] < 0.1
    assert 45.0 < found[5][0] < 45.1


def test_the_hosted_portkey_tries_an_overload_again_and_the_open_one_does_not():
    """529 is in the list of its documentation, not in the code of the open gateway."""
    overloaded = [Step(0.0, 529)] * 9
    assert [name for _, name in sends(layers_of("portkey"), overloaded)[0]] == ["a", "b"]
    hosted = layers_of("portkey_hosted")
    del hosted["balance"]
    assert [name for _, name in sends(hosted, overloaded)[0]] == ["a", "a", "a", "b"]


OVERLOAD = [501, 503, 520, 529]


@pytest.mark.parametrize("name", ["openrouter", "vercel", "helicone_cloud"])
@pytest.mark.parametrize("status", [401, *OVERLOAD])
def test_a_providers_failure_goes_to_the_models_other_provider_before_another_model(name, status):
    """As 5xx all of them, and a key that is refused."""
    down, models = [Step(0.1, status)], {"a": "m", "b": "m", "c": "n"}
    log = play(load_layers(name), {"a": down, "b": down, "c": WELL}, models=models)
    *both, last = [target for _, target, *_ in sorted(log.attempts)]
    assert (sorted(both), last) == (["a", "b"], "c")


@pytest.mark.parametrize("name", ["openrouter", "vercel"])
def test_what_the_request_is_to_blame_for_is_asked_of_another_model_alone(name):
    """A 400 of one provider is not tried at the model's others."""
    bad, models = [Step(0.1, 400)], {"a": "m", "b": "m", "c": "n"}
    log = play(load_layers(name), {"a": bad, "b": bad, "c": WELL}, models=models)
    assert [target for _, target, *_ in sorted(log.attempts)][1:] == ["c"]


@pytest.mark.parametrize("status", [400, 401, 404, 405, 409, 418, 422, 429, *OVERLOAD])
def test_tensorzero_tries_again_after_any_status(status):
    """Three times, and then the second variant."""
    found, _ = sends(layers_of("tensorzero"), [Step(0.0, status)])
    assert [name for _, name in found] == ["a", "a", "a", "b"]


@pytest.mark.parametrize(("name", "tries"), [("bifrost", 3), ("cloudflare", 5)])
def test_a_429_is_tried_again_whatever_it_is_for(name, tries):
    """A quota that is used up is not told apart by either."""
    found, _ = sends(layers_of(name), [Step(0.0, 429, error="insufficient_quota")])
    assert [name for _, name in found] == ["a"] * tries + ["b"]


def test_what_nobody_can_read_is_asked_elsewhere_at_once_by_bifrost():
    """An error of its own operation, which its retries pass over."""
    found, _ = sends(layers_of("bifrost"), [Step(0.5, 502, error="invalid_body")])
    assert found == [(0.0, "a"), (0.5, "b")]


@pytest.mark.parametrize(
    ("answer", "streamed", "asked", "outcome"),
    [
        (Step(90.0, first=5.0), True, ["a"], "ok"),
        (Step(900.0, 504, None, 5.0, 6.0), True, ["a"], "truncated"),
        (Step(900.0, 504), True, ["a", "b"], "ok"),
        (Step(900.0, 504), False, ["a", "b"], "ok"),
    ],
)
def test_kongs_minute_is_that_between_two_reads(answer, streamed, asked, outcome):
    """A stream that goes on is not cut; one that stalls is; a hang goes elsewhere after 60 s."""
    layers = load_layers("kong")
    layers["balance"] = replace(layers["balance"], targets=("a", "b"))
    found, log = sends(layers, [answer], streamed=streamed)
    assert [name for _, name in found] == asked
    assert log.requests[0][0] == outcome
    assert [start for start, _ in found][1:] in ([], [60.0])


def test_a_call_that_hangs_is_lost_under_envoys_triggers():
    """A try whose time is over is retried by reset, 5xx or gateway-error, and none is there."""
    found, log = sends(layers_of("envoy_ai"), [Step(900.0, 504)])
    assert found == [(0.0, "a")]
    assert log.requests[0][0] == "failed"


def test_envoys_example_looks_every_two_seconds_whether_a_target_is_back():
    """So one is asked again 30 to 32 s after it was put out, and not up to 40 s as by default."""
    arrivals = [0.0, 29.0, 33.0]
    found, _ = sends(layers_of("envoy_ai"), [Step(0.0, 503), *WELL], arrivals=arrivals)
    assert [name for _, name in found] == ["a", "b", "b", "a"]
