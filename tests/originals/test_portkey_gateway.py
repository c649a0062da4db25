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

from simroute.config.loading import load_layers
from simroute.policies.balance import Balance
from simroute.policies.breaker import Breaker
from simroute.policies.fallback import Fallback
from simroute.testing import Step, play
from tests.originals.portkey_gateway import PortkeyGateway, fault
from tests.originals.portkey_trees import (
    STATUSES,
    configurations,
    fallbacks,
    holds,
    lead,
    original_config,
)
from tests.originals.scripted_provider import BROKEN, Answer, ScriptedProvider, pauses

FOLDER = os.environ.get("SIMROUTE_PORTKEY", "")
RUNS = 400
AT_ONCE, FEW, AGAIN = 25, 5, 3
WARM = "warm"
"""A run before the others, which loads what is loaded with the first call."""
NEAR = 0.2
"""Seconds by which a pause may be longer or shorter on a machine that does so many things at once;
pauses that are meant to differ do so by .3 s or more."""
CUT = 0
OPENED, PASSED = 501, 418
"""Statuses that open a breaker and that do not, which nobody tries again."""
LATER = 1000.0
"""Seconds between what opens breakers and the run."""
pytestmark = pytest.mark.slow


def ours(made, script):
    """(start, target) of each send by the preset's layers, and the last status."""
    names, groups, opened = made["names"], made["groups"], made["open"]
    if made["nodes"] is not None:
        return played_by(each_its_own(made), made, script)
    layers = load_layers("portkey")
    layers["fallback"] = falling(made["codes"], [group[0] for group in groups or names], opened)
    if groups:
        layers = {"fallback": layers.pop("fallback"), "balance": within(made), **layers}
    if opened:
        layers = {"fallback": layers.pop("fallback"), "breaker": breaking(), **layers}
    layers["retry"] = retrying(layers["retry"], made)
    layers["timeout"] = limiting(layers["timeout"], made["limit"] or 3600.0)
    return played_by(layers, made, script)


def played_by(layers, made, script):
    """Of the last request; one before it opens the breakers that are to be open."""
    opened, groups = made["open"], made["groups"]
    arrivals = [0.0, LATER] if opened else [0.0]
    steps = {name: [answer.step() for answer in script[name]] for name in made["names"]}
    if opened:
        first = {name: Step(0.0, OPENED if name in opened else PASSED) for name in steps}
        steps = {name: [first[name], *answers] for name, answers in steps.items()}
    models = {name: group[0] for group in groups or [] for name in group}
    log = play(layers, steps, arrivals, streamed=made["streamed"], models=models)
    sends = [row for row in log.attempts if row[0] >= arrivals[-1]]
    ending = {499: 408, BROKEN: 200}.get(sends[-1][3], sends[-1][3])
    return [(start - arrivals[-1], name) for start, name, *_ in sends], ending


def retrying(usual, said):
    again = usual.statuses if said["again"] is None else tuple(said["again"])
    tries = said["retries"] + 1
    return replace(usual, attempts=tries, statuses=again, retry_after=said["obeys"])


def limiting(usual, seconds):
    return replace(usual, unstreamed=seconds, first_token=seconds)


def each_its_own(made):
    """The preset's layers, a fallback for each that is made up, and retries and limits for those
    targets for which they are set."""
    usual, layers = load_layers("portkey"), {}
    for number, node in enumerate(fallbacks(made["nodes"])):
        chain = falling(node["codes"], map(lead, node["targets"]), made["open"])
        layers[f"fallback {number}"] = replace(chain, only=(lead(node),)) if number else chain
    if made["open"]:
        layers |= {f"breaker {n}": each for n, each in enumerate(breakers(made["nodes"]))}
    for name, (retry, limit) in holds(made).items():
        layers[f"retry {name}"] = replace(retrying(usual["retry"], retry), only=(name,))
        if limit:
            layers[f"timeout {name}"] = replace(limiting(usual["timeout"], limit), only=(name,))
    return layers


def breakers(nodes):
    """One for the targets of each fallback. Where all are open, all are asked, unless a group is
    beside them, which never is."""
    for node in fallbacks(nodes):
        alone = tuple(each["target"] for each in node["targets"] if "target" in each)
        every = len(alone) == len(node["targets"])
        if alone:
            yield replace(breaking(), only=alone, when_all_open="try" if every else "refuse")


def breaking():
    """Opened by a status that no made-up answer has."""
    return Breaker(preset="portkey", failures=1, window=2 * LATER, statuses=(OPENED,))


def falling(codes, targets, opened):
    """The fallback; where breakers are opened first, by failures that it goes on for."""
    more = (OPENED, PASSED) if opened else ()
    return Fallback(
        targets=tuple(targets), any_failure=codes is None, statuses=(*(codes or ()), *more)
    )


def within(made):
    """Of a group the first that works."""
    levels = {name: place for place, name in enumerate(made["names"])}
    codes = STATUSES if made["inner"] is None else tuple(made["inner"])
    return Balance(group="model", pick="best", levels=levels, tries=9, statuses=codes)


def made_up():
    """Runs by number."""
    found = []

    @settings(max_examples=RUNS, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(configurations())
    def collect(run):
        found.append(run)

    collect()
    return {str(number): run for number, run in enumerate(found)}


def played(runs, at_once=AT_ONCE):
    return asyncio.run(asyncio.wait_for(originals(runs, at_once), 150))


async def originals(runs, at_once=AT_ONCE):
    """Run -> its sends and the status that the caller had."""
    warm = {name: [Answer()] for name in "abcdx"}
    scripts = {WARM: warm} | {number: script for number, (_, script) in runs.items()}
    async with ScriptedProvider(scripts) as provider, PortkeyGateway(FOLDER) as gateway:

        async def one(number, made):
            config = original_config(made, lambda target: provider.url(number, target))
            async with few:
                return await gateway.ask(config, made["streamed"])

        few = asyncio.Semaphore(at_once)

        await one(WARM, next(iter(runs.values()))[0])
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


def unlike(runs, found):
    return {number: run for number, run in runs.items() if differs(found[number], ours(*run))}


@pytest.mark.usefixtures("gateway")
def test_made_up_runs_are_the_same_send_by_send():
    """Order and number of sends, the pauses between them, and the status at the end. What differs
    is played again, with less at once: a pause may have been long because the machine was busy."""
    runs = made_up()
    found = played(runs)
    lengths = {len(sends) for sends, _ in found.values()}
    assert len(runs) > RUNS / 2
    assert lengths >= {1, 2, 3, 4, 5, 6}
    others = unlike(runs, found)
    for _ in range(AGAIN):
        found |= played(others, at_once=FEW) if others else {}
        others = unlike(others, found)
    told = [f"{run}: {found[number]}, not {ours(*run)}" for number, run in others.items()]
    assert not told, "\n".join([*told[:5], f"{len(told)} of {len(runs)}"])


USUAL = {
    "names": ["a", "b"],
    "tree": ["a", "b"],
    "groups": None,
    "nodes": None,
    "open": [],
    "place": "root",
    "codes": [429],
    "retries": 1,
    "again": [429],
    "obeys": True,
    "limit": None,
    "streamed": False,
}


def alone(name):
    return {"target": name, "own": {}}


def either(*targets, codes=None):
    return {"targets": targets, "codes": codes, "own": {}}


LAST_OPEN = either(either(alone("a"), alone("c")), alone("b"), codes=[500])


@pytest.mark.usefixtures("gateway")
@pytest.mark.parametrize(
    ("nodes", "asked"),
    [
        (either(alone("a"), alone("b")), "b"),
        (either(either(alone("a")), alone("b")), "ab"),
        (either(either(alone("a"), alone("c")), alone("b")), "acb"),
    ],
)
def test_a_group_whose_targets_are_all_open_is_asked_all_the_same(nodes, asked):
    """As one target is not, beside others; the layers of the preset's words do the same."""
    made = USUAL | {"names": ["a", "b", "c"], "open": ["a", "c"], "nodes": nodes}
    script = {"a": [Answer(503)], "b": [Answer()], "c": [Answer(500)]}
    sends, status = played({"0": (made, script)})["0"]
    assert "".join(name for _, name in sends) == asked
    assert not differs((sends, status), ours(made, script))


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
        # of an inner fallback's last target that is open nothing is heard further out
        (Answer(400), {"open": ["c"], "nodes": LAST_OPEN, "names": ["a", "c", "b"]}, "a", 400),
    ],
)
def test_what_is_not_imitated(answer, changed, asked, status):
    """What the preset's words tell of, beside what is."""
    runs = {"0": (USUAL | changed, {"a": [answer], "b": [Answer()], "c": [Answer()]})}
    sends, ending = played(runs)["0"]
    assert "".join(name for _, name in sends) == asked
    assert ending == status
