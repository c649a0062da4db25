"""Portkey's npm gateway, repaired, beside the layers of its preset, attempt by attempt, over
configurations and providers that are made up.

In the folder that SIMROUTE_PORTKEY names; docs/conformance.md says how to make it. Time is real
there, so all runs are made at once.
"""

import asyncio
import os
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from simroute.config.loading import load_layers
from simroute.testing import play
from tests.originals.portkey_gateway import PortkeyGateway, fault
from tests.originals.scripted_provider import Answer, ScriptedProvider, pauses

FOLDER = os.environ.get("SIMROUTE_PORTKEY", "")
RUNS = 300
AT_ONCE = 25
WARM = "warm"
"""A run before the others, which loads what is loaded with the first call."""
NEAR = 0.2
"""Seconds by which a pause may be longer or shorter on a machine that does so many things at once;
pauses that are meant to differ do so by .3 s or more."""
SLOW = 2.0
"""Seconds of an answer that a time limit cuts."""
LIMIT = 0.7
RETRIED = (429, 500, 502, 503, 504)
CUT = 0
pytestmark = pytest.mark.slow

ASKING = [
    Answer(429, headers=f"{name}: {said}\r\n", asks=asked)
    for name, said, asked in [
        ("Retry-After", "1", 1.0),
        ("Retry-After", "2", 2.0),
        ("Retry-After", "0", 0.0),
        ("Retry-After", "60", 60.0),
        ("Retry-After", "120", 120.0),
        ("Retry-After-Ms", "300", 0.3),
        ("X-Ms-Retry-After-Ms", "300", 0.3),
    ]
] + [Answer(503, headers="Retry-After: 3\r\n", asks=3.0)]
STATUSES = (400, 401, 404, 408, 429, 500, 502, 503, 504, 529)


CODES = st.none() | st.lists(st.sampled_from(STATUSES), max_size=4, unique=True)


@st.composite
def configurations(draw):
    """What is set, the targets in the order in which they are to be asked, and their scripts.

    Neither connections that are cut where 500 is not tried again, nor, where Retry-After is obeyed,
    429 without it: see the last test.
    """
    made = {
        "names": ["a", "b", "c"][: draw(st.integers(1, 3))],
        "shape": draw(st.sampled_from(["flat", "flat", "weights", "inner weights", "inner"])),
        "codes": draw(CODES),
        "retries": draw(st.sampled_from([0, 1, 1, 2])),
        "again": draw(CODES),
        "obeys": draw(st.booleans()),
        "limit": draw(st.none() | st.just(LIMIT)),
        "streamed": draw(st.booleans()),
    }
    if made["shape"] == "inner":
        made["codes"] = None  # only then is a fallback within a fallback the same as one list
    cut = [CUT] if made["again"] is None or 500 in made["again"] else []
    plain = st.tuples(
        st.sampled_from([*cut, 200, *STATUSES, *RETRIED, *RETRIED]),
        st.sampled_from([0.0, 0.0, SLOW] if made["limit"] else [0.0]),
    ).map(lambda drawn: _said(*drawn, made["obeys"]))
    answers = st.lists(plain | st.sampled_from(ASKING), min_size=1, max_size=3)
    return made, {name: draw(answers) for name in made["names"]}


def _said(status, delay, obeys):
    return Answer(status, delay, "Retry-After: 0\r\n" if obeys and status == 429 else "")


def original_config(made, url):
    """As the gateway reads it."""
    targets = [
        {"provider": "openai", "api_key": "none", "custom_host": url(name)}
        for name in made["names"]
    ]
    codes = {} if made["codes"] is None else {"on_status_codes": made["codes"]}
    strategy = {"mode": "fallback", **codes}
    others = [{"provider": "openai", "api_key": "none", "custom_host": url("x"), "weight": 0}]
    if made["shape"] == "weights":
        strategy, targets = {"mode": "loadbalance"}, [*others, {**targets[0], "weight": 1}]
    elif made["shape"] == "inner weights":
        inner = [*others, {**targets[0], "weight": 1}]
        targets[0] = {"strategy": {"mode": "loadbalance"}, "targets": inner}
    elif made["shape"] == "inner":
        targets = [{"strategy": {"mode": "fallback"}, "targets": targets[:2]}, *targets[2:]]
    config = {"strategy": strategy, "targets": targets}
    if made["retries"]:
        again = {} if made["again"] is None else {"on_status_codes": made["again"]}
        obeyed = {"use_retry_after_header": True} if made["obeys"] else {}
        config["retry"] = {"attempts": made["retries"], **again, **obeyed}
    if made["limit"]:
        config["request_timeout"] = round(made["limit"] * 1000)
    return config


def ours(made, script):
    """(start, target) of each send by the preset's layers, and the last status."""
    layers = load_layers("portkey")
    names = made["names"][:1] if made["shape"] == "weights" else made["names"]
    codes = made["codes"]
    layers["fallback"] = replace(
        layers["fallback"],
        targets=tuple(names),
        any_failure=codes is None,
        statuses=tuple(codes or ()),
    )
    again = layers["retry"].statuses if made["again"] is None else tuple(made["again"])
    layers["retry"] = replace(
        layers["retry"],
        attempts=made["retries"] + 1,
        statuses=again,
        retry_after=made["obeys"],
    )
    limit = made["limit"] or 3600.0
    layers["timeout"] = replace(layers["timeout"], unstreamed=limit, first_token=limit)
    steps = {name: [answer.step() for answer in script[name]] for name in names}
    log = play(layers, steps, streamed=made["streamed"])
    sends = sorted(log.attempts)
    ending = sends[-1][3]
    return [(start, name) for start, name, *_ in sends], 408 if ending == 499 else ending


def made_up():
    """Runs by number."""
    found = []

    @settings(max_examples=RUNS, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(configurations())
    def collect(run):
        found.append(run)

    collect()
    return {str(number): run for number, run in enumerate(found)}


async def originals(runs):
    """Run -> its sends and the status that the caller had."""
    warm = {name: [Answer()] for name in "abc"}
    scripts = {WARM: warm} | {number: script for number, (_, script) in runs.items()}
    async with ScriptedProvider(scripts) as provider, PortkeyGateway(FOLDER) as gateway:

        async def one(number, made):
            config = original_config(made, lambda target: provider.url(number, target))
            async with few:
                return await gateway.ask(config, made["streamed"])

        few = asyncio.Semaphore(AT_ONCE)

        await one(WARM, runs["0"][0])
        answered = await asyncio.gather(*(one(n, made) for n, (made, _) in runs.items()))
        provider.sends.pop(WARM)
        return dict(zip(runs, zip(provider.sends.values(), answered, strict=True), strict=True))


@pytest.fixture
def gateway():
    why = fault(FOLDER) if FOLDER else "SIMROUTE_PORTKEY names none"
    if why:
        pytest.skip(f"no repaired Portkey gateway: {why}")


def differs(found, expected):
    """Whether sends or the end are others, or a pause is."""
    (sends, status), (planned, ending) = found, expected
    if [name for _, name in sends] != [name for _, name in planned] or status != ending:
        return True
    pairs = zip(pauses([at for at, _ in sends]), pauses([at for at, _ in planned]), strict=True)
    return any(abs(took - meant) > NEAR for took, meant in pairs)


@pytest.mark.usefixtures("gateway")
def test_made_up_runs_are_the_same_send_by_send():
    """Order and number of sends, the pauses between them, and the status at the end."""
    runs = made_up()
    played = asyncio.run(asyncio.wait_for(originals(runs), 100))
    lengths = {len(sends) for sends, _ in played.values()}
    assert len(runs) > RUNS / 2
    assert lengths >= {1, 2, 3, 4, 5, 6}
    found = [
        f"{run}: {played[number]}, not {ours(*run)}"
        for number, run in runs.items()
        if differs(played[number], ours(*run))
    ]
    assert not found, "\n".join([*found[:5], f"{len(found)} of {len(runs)}"])


USUAL = {
    "names": ["a", "b"],
    "shape": "flat",
    "codes": [429],
    "retries": 1,
    "again": [429],
    "obeys": True,
    "limit": None,
    "streamed": False,
}


@pytest.mark.usefixtures("gateway")
@pytest.mark.parametrize(
    ("answer", "changed", "asked", "status"),
    [
        # a header that is not there is read by an empty name, which node refuses
        (Answer(429), {}, "aa", 500),
        (Answer(429), {"obeys": False}, "aab", 200),
        # what is no answer is tried again, whatever is listed
        (Answer(CUT), {}, "aa", 500),
        # a fallback takes it for a 500
        (Answer(CUT), {"codes": [500]}, "aab", 200),
    ],
)
def test_what_is_not_imitated(answer, changed, asked, status):
    """What the preset's words tell of."""
    runs = {"0": (USUAL | changed, {"a": [answer], "b": [Answer()]})}
    sends, ending = asyncio.run(asyncio.wait_for(originals(runs), 30))["0"]
    assert "".join(name for _, name in sends) == asked
    assert ending == status
