"""OpenAI's and Anthropic's SDKs, and LangChain's fallbacks over OpenAI's, beside the presets of
these names, send by send, over upstreams and settings that are made up.

In the environments that SIMROUTE_SDKS names (several with a colon between them), by the interpreter
of each, in virtual time; docs/conformance.md says how to make one.
"""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from simroute.config.loading import load_layers
from simroute.testing import Step, play
from tests.originals.foreign import Process, versions
from tests.originals.scripted_provider import pauses

SCRIPT = Path(__file__).parent / "sdks_in_virtual_time.py"
NAMED = [each for each in os.environ.get("SIMROUTE_SDKS", "").split(os.pathsep) if each]
PACKAGES = "openai", "anthropic", "langchain-core", "langchain-openai"
CLIENTS = {"openai": "openai_sdk", "anthropic": "anthropic_sdk", "langchain": "langchain"}
SINCE = {"openai": (2, 52), "anthropic": (1, 6), "langchain": (2, 52)}
"""Versions (of the SDK) from which on Retry-After over 60 s is no longer passed over."""
STATUSES = (400, 401, 403, 404, 408, 409, 413, 422, 429, 500, 501, 502, 503, 504, 505, 520, 529)
RETRIED = (408, 409, 429, 500, 503, 529)
SLOW, LIMIT = 1000.0, 30.0
"""Seconds: longer than all limits, and a limit that is set."""
BROKEN, LATE, UNREACHED, GARBLED = 507, 408, 503, 502
"""What stands for a status where there is none (as in the script)."""
EXACT = 1e-6
pytestmark = pytest.mark.slow


class Original(Process):
    """The SDKs of one environment."""

    def __init__(self, python, found):
        super().__init__(python, SCRIPT)
        self.versions = dict(zip(PACKAGES, found, strict=True))

    def number(self, package):
        return tuple(int(part) for part in self.versions[package].split(".")[:2])


@pytest.fixture(scope="module", params=NAMED or [None])
def original(request):
    if request.param is None:
        pytest.skip("no environment with the SDKs: SIMROUTE_SDKS names none")
    python = Path(request.param).absolute() / "bin" / "python"
    found, fault = versions(python, *PACKAGES)
    if fault:
        pytest.skip(f"the SDKs are not installed there: {fault}")
    process = Original(python, found)
    yield process
    process.close()


# -- what is made up -------------------------------------------------------------------------------

HEADERS = [
    ({}, None),
    ({"retry-after": "2"}, 2.0),
    ({"retry-after": "1.5"}, 1.5),
    ({"retry-after": "0"}, None),
    ({"retry-after": "-3"}, None),
    ({"retry-after": "soon"}, None),
    ({"retry-after": "60"}, 60.0),
    ({"retry-after": "60.5"}, 60.5),
    ({"retry-after": "120"}, 120.0),
    ({"retry-after": "121"}, 121.0),
    ({"retry-after": "7200"}, 7200.0),
    ({"retry-after-ms": "250"}, 0.25),
    ({"retry-after-ms": "250", "retry-after": "7"}, 0.25),
    ({"retry-after-ms": "much", "retry-after": "7"}, 7.0),
]
DATES = [5, 30, 90, 200]
KINDS = ["status"] * 4 + ["date", "good", "quota", "garbled", "refused", "reset", "unreachable"]


def plain(**more):
    return {"status": 200, "delay": 0.0, "gap": 0.0, "fault": None, "asks": None, **more}


@st.composite
def answers(draw, streamed):
    delay = draw(st.sampled_from([0.0, 0.0, 0.0, 0.4, SLOW]))
    kind = draw(st.sampled_from(KINDS))
    if kind == "status":
        status = draw(st.sampled_from(STATUSES + RETRIED))
        headers, asks = draw(st.sampled_from(HEADERS))
        return plain(status=status, delay=delay, headers=headers, asks=asks)
    if kind == "date":
        date = draw(st.sampled_from(DATES))
        return plain(status=draw(st.sampled_from(RETRIED)), date=date, asks=date)
    if kind == "quota":
        return plain(status=429, code="insufficient_quota", error="insufficient_quota")
    if kind not in ("good", "garbled"):
        return plain(fault=kind, delay=delay)
    if not streamed:
        return plain(delay=delay, garbled=kind == "garbled")
    gap, fault = draw(st.sampled_from([0.0, 2.0, SLOW])), draw(st.sampled_from([None, "cut"]))
    return plain(delay=delay, gap=gap, fault=fault)


@st.composite
def items(draw, client):
    streamed = draw(st.booleans())
    names = ["a", "b", "c"][: draw(st.integers(1, 3))] if client == "langchain" else ["a"]
    script = st.lists(answers(streamed), min_size=1, max_size=4)
    limits = [None, LIMIT]
    return {
        "client": client,
        "asynchronous": draw(st.booleans()),
        "streamed": streamed,
        "retries": draw(st.sampled_from([None, 0, 1, 2, 4, 6])),
        "limit": draw(st.sampled_from(limits)),
        "scripts": {name: draw(script) for name in names},
    }


# -- the same by the preset ------------------------------------------------------------------------


def layers_of(item, original, share):
    """The preset's, set as the item says, with pauses of so much of the longest."""
    client = item["client"]
    layers = load_layers(CLIENTS[client])
    retry, timeout, limit = layers["retry"], layers["timeout"], item["limit"]
    if "fallback" in layers:
        layers["fallback"] = replace(layers["fallback"], targets=tuple(item["scripts"]))
    bounds = replace(retry.backoff, low=share, high=share)
    assert (retry.backoff.low, retry.backoff.high) == (0.75, 1.0)
    tries = retry.attempts if item["retries"] is None else item["retries"] + 1
    package = "anthropic" if client == "anthropic" else "openai"
    layers["retry"] = replace(retry, attempts=tries, backoff=bounds)
    if original.number(package) < SINCE[client]:
        rule = replace(retry.retry_after_rule, beyond="ignore")
        layers["retry"] = replace(layers["retry"], max_retry_after=60.0, retry_after_rule=rule)
    if limit is not None:
        limits = dict.fromkeys(("unstreamed", "first_token", "between_chunks"), limit)
        layers["timeout"] = timeout = replace(timeout, **limits)
    if client == "langchain" and not bounds_streams(item, original):
        layers["timeout"] = replace(timeout, between_chunks=limit)
    return layers


def bounds_streams(item, original):
    """Whether LangChain ends streams that are silent for two minutes."""
    return item["asynchronous"] and original.number("langchain-openai") >= (1, 2)


def step(answer, item, layers, share):
    """For our upstreams. A date is in whole seconds, and so up to one too early."""
    silence, delay, gap = layers["timeout"].between_chunks, answer["delay"], answer["gap"]
    limit = item["limit"]
    if answer["fault"] == "refused":
        return Step(0.0, UNREACHED)
    if answer["fault"] == "unreachable":
        return Step(limit or layers["timeout"].connect, LATE)
    if answer["fault"] == "reset":
        return Step(delay, UNREACHED)
    if answer["status"] != 200:
        asks = answer["asks"]
        asks = asks - 1 if answer.get("date") and share < 1 else asks
        return Step(delay, answer["status"], asks, error=answer.get("error", "error"))
    if answer.get("garbled"):
        return Step(delay, GARBLED, error="invalid_body")
    if not item["streamed"]:
        return Step(delay)
    if silence is not None and gap >= silence:
        return Step(9 * SLOW, BROKEN, first=delay, stall=delay)
    return Step(delay + gap, BROKEN if answer["fault"] else 200, first=delay)


def ours(item, original, share):
    """(start, target) of each send, how it ends and when, by the preset's layers."""
    layers = layers_of(item, original, share)
    steps = {
        name: [step(answer, item, layers, share) for answer in script]
        for name, script in item["scripts"].items()
    }
    log = play(layers, steps, streamed=item["streamed"])
    outcome, _, seconds = log.requests[0]
    statuses = [status for _, name, _, status, _ in log.attempts if name == "a"]
    if outcome == "ok":
        ending = 200
    elif begun(log, steps, layers["timeout"].first_token):
        ending = BROKEN
    else:  # the first error, of one target the only one
        ending = LATE if statuses[-1] == 499 else statuses[-1]
    return [(start, name) for start, name, *_ in log.attempts], ending, seconds


def begun(log, steps, most):
    """Whether the last send had a first token, within so many seconds (None: any), and so what
    follows is the caller's."""
    name = log.attempts[-1][1]
    number = sum(row[1] == name for row in log.attempts)
    last = steps[name][min(number, len(steps[name])) - 1]
    return last.status == BROKEN and (most is None or last.first < most)


def differs(item, made, original):
    (least, ending, soonest), (most, _, latest) = (ours(item, original, s) for s in (0.75, 1.0))
    sends = made["sends"]
    if [name for _, name in sends] != [name for _, name in least] or made["end"] != ending:
        return True
    times = [
        [at for at, _ in each] + [end]
        for each, end in ((sends, made["at"]), (least, soonest), (most, latest))
    ]
    return any(
        not low - EXACT <= took <= high + EXACT
        for took, low, high in zip(*map(pauses, times), strict=True)
    )


@pytest.mark.parametrize("client", CLIENTS)
def test_made_up_runs_are_the_same_send_by_send(original, client):
    """Order and number of sends, each pause within the bounds of its jitter, the end and its
    moment."""
    found, seen = [], []

    @settings(max_examples=250, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(items(client))
    def collect(item):
        made = original.play(item)
        seen.append(len(made["sends"]))
        if differs(item, made, original):
            found.append(f"{item}: {made}, not {ours(item, original, 1.0)}")

    collect()
    assert set(seen) >= {1, 2, 3, 5, 7}
    assert not found, "\n".join([*found[:5], f"{len(found)} of {len(seen)}"])


# -- one thing at a time ---------------------------------------------------------------------------


def item_of(client, *script, **more):
    """A plain one, with LangChain's second model well."""
    scripts = {"a": list(script)} | ({"b": [plain()]} if client == "langchain" else {})
    usual = {"asynchronous": True, "streamed": False, "retries": None, "limit": None}
    return usual | {"client": client, "scripts": scripts} | more


def places(made):
    return "".join(name for _, name in made["sends"])


@pytest.mark.parametrize("client", ["openai", "anthropic"])
def test_pauses_are_uniform_from_three_quarters_of_the_back_off_to_all_of_it(original, client):
    """Of .5, 1, 2, 4, 8, 8 s; 240 of them, as shares of the way: as many in each quarter, within
    four sigma."""
    most = (0.5, 1, 2, 4, 8, 8)
    runs = [original.play(item_of(client, plain(status=500), retries=6)) for _ in range(40)]
    waits = [pauses([at for at, _ in made["sends"]]) for made in runs]
    shares = [4 * (w / d - 0.75) for each in waits for w, d in zip(each, most, strict=True)]
    assert all(0 <= share <= 1 for share in shares)
    counts = [sum(int(4 * share) == place for share in shares) for place in range(4)]
    sigma = (len(shares) * 0.25 * 0.75) ** 0.5
    assert counts == pytest.approx([len(shares) / 4] * 4, abs=4 * sigma)


@pytest.mark.parametrize("client", CLIENTS)
def test_limits_of_time_are_those_of_the_preset(original, client):
    """As each send is given to the HTTP client; LangChain gives none."""
    limits = original.play(item_of(client, plain()))["limits"]
    timeout = load_layers(CLIENTS[client])["timeout"]
    if client == "langchain":
        assert set(limits.values()) == {None}
        assert (timeout.first_token, timeout.unstreamed) == (None, None)
    else:
        assert limits["connect"] == timeout.connect
        assert limits["read"] == timeout.first_token == timeout.between_chunks
        assert limits["read"] == timeout.unstreamed


def test_with_retry_tries_three_times_around_all_that(original):
    """After 1 to 2 s and after 2 to 3 s, whatever the status; of streams nothing is tried again."""
    bad = plain(status=400)
    again = {"again": True, "scripts": {"a": [bad], "b": [bad]}}
    made = original.play(item_of("langchain", **again))
    assert (places(made), made["end"]) == ("ababab", 400)
    rounds = pauses([at for at, name in made["sends"] if name == "a"])
    assert 1 <= rounds[0] <= 2
    assert 2 <= rounds[1] <= 3
    streamed = original.play(item_of("langchain", **again, streamed=True))
    assert places(streamed) == "ab"


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize(
    ("answer", "sends", "more"),
    [
        # a provider's own word on whether to try again
        (plain(status=503, headers={"x-should-retry": "false"}), 1, {}),
        (plain(status=400, headers={"x-should-retry": "true"}), 3, {}),
        # whose head has come is not asked again
        (plain(headless=True, fault="cut"), 1, {"streamed": True}),
    ],
)
def test_what_is_not_imitated(original, client, answer, sends, more):
    """What the presets' words tell of."""
    made = original.play(item_of(client, answer, **more))
    assert places(made).count("a") == sends
    assert made["end"] == (200 if client == "langchain" else BROKEN if more else answer["status"])
