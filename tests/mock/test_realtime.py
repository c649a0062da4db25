"""Fake providers behave as in the simulation with their seed, call by call."""

import asyncio
from dataclasses import replace

import numpy as np
import pytest

from simroute.config.loading import load
from simroute.errors import InputError
from simroute.experiment.run import build_world
from simroute.mock.realtime import Providers
from simroute.models import spec
from simroute.testing import clock

STORM = [
    "scenario.horizon=10m",
    "scenario.outages={o: {provider: anthropic, start: 3m, end: 6m, error_share: 0.5, "
    "status: 529, slow_down: 2, hang_share: 0.1}}",
]


def simulated(configuration):
    """(arrival, seconds, status, Retry-After) of each attempt of the first deployment."""
    chunks = []

    def keep(table, chunk):
        if table == "attempts":
            chunks.append(chunk)

    build_world(configuration, "direct", 0, [keep]).run()
    columns = [
        np.concatenate([chunk[name] for chunk in chunks])
        for name in ("request_id", "start_s", "end_s", "status", "retry_after_s")
    ]
    return sorted(zip(*(column.tolist() for column in columns), strict=True))


def faked(configuration, rows, streamed):
    """The same calls to fake providers at the same moments, in virtual time."""

    async def call(providers, row):
        loop = asyncio.get_running_loop()
        await asyncio.sleep(row[1])
        target = next(iter(providers.scenario.deployments))
        exchange = providers.exchange(target, streamed(row[0]), row[0])
        outcome = await exchange.first()
        if outcome.rest is not None:
            outcome = await exchange.rest(outcome)
        return row[0], row[1], loop.time(), outcome.status, outcome.retry_after

    async def main():
        providers = Providers(configuration, "direct")
        return await asyncio.gather(*(call(providers, row) for row in rows))

    return clock.run(main())


@pytest.mark.parametrize(
    ("scenario", "words"),
    [
        ("steady", [*STORM, "scenario.workload.streamed=0"]),
        ("steady", [*STORM, "scenario.workload.streamed=1"]),
        ("rate_limit_storm", ["scenario.horizon=5m", "scenario.workload.streamed=0"]),
        ("flaky_provider", ["scenario.horizon=20m", "scenario.workload.streamed=0.5"]),
        (
            "steady",
            [
                "scenario.horizon=5m",
                "scenario.workload.rate=8",
                "scenario.deployments.claude-sonnet.limits={concurrency: 4, queue: 6}",
            ],
        ),
    ],
)
def test_a_call_ends_when_and_as_it_does_in_the_simulation(scenario, words):
    """Outage, hangs, cuts, limits with their waits, slots with their line: every call."""
    configuration = load("mock", scenario, ["direct"], words, 7, 1)
    configuration = replace(configuration, policies={"direct": {}})  # nobody gives up
    rows = simulated(configuration)
    block = next(iter(build_world(configuration, "direct", 0, []).weather.blocks()))
    assert len({row[3] for row in rows}) > 1 or scenario == "steady"
    theirs = faked(configuration, rows, lambda number: bool(block.lists.streamed[number]))
    for ours, fake in zip(rows, sorted(theirs), strict=True):
        assert (ours[0], ours[3]) == (fake[0], fake[3])
        assert fake[2] == pytest.approx(ours[2], abs=1e-6)
        wait = None if np.isnan(ours[4]) else ours[4]
        assert fake[4] == (None if wait is None else pytest.approx(wait, abs=1e-6))


def test_calls_without_a_number_are_those_of_the_scenario_in_turn():
    """The n-th at a deployment is the n-th request; after the last comes the first."""
    configuration = load("mock", "steady", ["direct"], ["scenario.horizon=10s"], 3, 1)
    count = sum(
        block.size for block in build_world(configuration, "direct", 0, []).weather.blocks()
    )

    async def main():
        providers = Providers(configuration, "direct")
        names = list(providers.scenario.deployments)
        first = [providers.exchange(names[0], False, None).tokens for _ in range(count + 1)]
        other = providers.exchange(names[1], False, None).tokens
        named = providers.exchange(names[0], False, 0).tokens
        return first, other, named

    first, other, named = clock.run(main())
    assert first[0] == first[count] == other == named
    assert len(set(first)) > 1


def test_an_outage_from_outside_begins_at_once_and_ends_by_itself():
    """All calls fail for ten seconds, none before or after."""
    words = ["scenario.horizon=60s", "~scenario.deployments.claude-sonnet.errors"]
    configuration = load("mock", "steady", ["direct"], words, 3, 1)

    async def main():
        providers, statuses = Providers(configuration, "direct"), []

        async def call():
            target = next(iter(providers.scenario.deployments))
            statuses.append((await providers.exchange(target, False, None).first()).status)

        await call()
        outage = spec.Outage(provider="anthropic", start=0.0, end=10.0, status=529)
        names = providers.begin_outage(outage, 10.0)
        await call()
        await asyncio.sleep(10.0)
        await call()
        providers.begin_outage(outage, 1000.0)
        await call()
        providers.end_outages()
        await call()
        return names, statuses

    names, statuses = clock.run(main())
    assert names == ("claude-sonnet", "claude-haiku")
    assert statuses == [200, 529, 200, 529, 200]


def test_a_scenario_in_which_nobody_comes_is_nothing_to_fake():
    """One sentence."""

    async def main():
        Providers(configuration, "direct")

    words = ["scenario.horizon=1s", "scenario.workload.rate=0.0001"]
    configuration = load("mock", "steady", ["direct"], words, 3, 1)
    with pytest.raises(InputError, match="no request"):
        clock.run(main())
