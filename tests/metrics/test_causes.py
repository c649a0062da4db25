"""Why requests failed: causes that are known by construction, and sums that come out."""

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from digests import OWN, WEATHER
from simroute.config import loading
from simroute.config.configuration import Configuration
from simroute.core import Outcome
from simroute.experiment.run import replicate
from simroute.metrics import Context, Figures
from simroute.metrics.causes import FAILED, LATE, NO_TARGET, REPAIRED, CauseCounts, Causes
from simroute.models import spec
from simroute.policies.breaker import Breaker
from simroute.policies.budget import Budget
from simroute.policies.fallback import Fallback
from simroute.policies.limit import Limit
from simroute.policies.retry import Backoff, Retry
from simroute.policies.timeout import Timeout
from simroute.testing.script import Step, scripted_world

TIMES = (0.0, 1.0, 2.0)
NO_PAUSE = Backoff(0.0, jitter="none")


@dataclass
class Hedge:
    """Sends to both targets at once."""

    async def __call__(self, call: Any, send: Any, world: Any) -> Outcome:
        return await world.first(*(send(call.to(name)) for name in world.targets()))


@dataclass
class Closed:
    """Refuses everything."""

    async def __call__(self, call: Any, send: Any, world: Any) -> Outcome:
        return Outcome.rejected("closed", 403)


@dataclass
class Patience:
    """A limit of time that has no name."""

    async def __call__(self, call: Any, send: Any, world: Any) -> Outcome:
        return await world.within(2.0, send(call))


def counted(layers: Any, script: Any, **scenario: Any) -> dict[str, dict[tuple[str, str], int]]:
    """Kind -> (cause, target) -> number, of requests at 0, 1 and 2 s to a scripted upstream."""
    scenario = {"streamed": False} | scenario
    world, log = scripted_world(layers, script, TIMES, **scenario)
    world.run()
    names = {"target": list(script), "task": world.weather.tasks}
    context = Context(100.0, np.inf, None, 0.95, [], names, list(script), list(script))
    fold = Causes(context)
    for table in ("attempts", "events", "requests"):
        for chunk in log.rows[table]:
            fold.add(table, chunk)
    counts = fold.finish(world.ledger.causes.words)
    return {
        kind: {(cause, target): number for cause, target, _, number in rows}
        for kind, rows in counts.items()
        if rows
    }


SLOW = {"a": [Step(5.0)], "b": [Step(5.0)]}


@pytest.mark.parametrize(
    ("layers", "script", "scenario", "causes"),
    [
        ({}, {"a": [Step(1.0, 529)]}, {}, {("provider 529", "a"): 3}),
        ({}, {"a": [Step(1.0, 429)]}, {}, {("rate limited", "a"): 3}),
        ({}, {"a": [Step(1.0, 408)]}, {}, {("provider 408", "a"): 3}),
        ({"timeout": Timeout(2.0)}, SLOW, {}, {("timed out here: total", "a"): 3}),
        ({"patience": Patience()}, SLOW, {}, {("timed out here", "a"): 3}),
        (
            {"timeout": Timeout(9.0, 2.0)},
            SLOW,
            {"streamed": True},
            {("timed out here: first token", "a"): 3},
        ),
        (
            {"timeout": Timeout(2.0, 2.0)},
            SLOW,
            {"streamed": True},
            {("timed out here: total", "a"): 3},
        ),
        (
            {"timeout": Timeout(3.0, 2.0)},
            {"a": [Step(9.0, first=1.0)]},
            {"streamed": True},
            {("timed out here: total", "a"): 3},
        ),
        (
            {"timeout": Timeout(7.0), "fallback": Fallback(("a", "b"))},
            {"a": [Step(1.0, 503)], "b": [Step(60.0)]},
            {},
            {("timed out here: total", "b"): 3},
        ),
        (
            {"breaker": Breaker(failures=1, cooldown=60.0)},
            {"a": [Step(0.5, 503)]},
            {},
            {("provider 503", "a"): 1, ("refused: breaker", "a"): 2},
        ),
        (
            {"budget": Budget(usd=0.0, at_limit="reject")},
            {"a": [Step()]},
            {},
            {("refused: budget", NO_TARGET): 3},
        ),
        (
            {"fallback": Fallback(("a", "b")), "budget": Budget(usd=0.0, at_limit="reject")},
            {"a": [Step()], "b": [Step()]},
            {},
            {("refused: budget", NO_TARGET): 3},
        ),
        (
            {"limit": Limit(rpm=1.0, wait=0.0)},
            {"a": [Step(0.1)]},
            {},
            {("refused: limit", "a"): 2},
        ),
        ({"closed": Closed()}, {"a": [Step()]}, {}, {("refused: closed", NO_TARGET): 3}),
        (
            {},
            {"a": [Step(60.0)]},
            {"limits": spec.Limits(concurrency=1, queue=0)},
            {("overloaded", "a"): 2},
        ),
        ({}, {"a": [Step(0.1)]}, {"limits": spec.Limits(rpm=1.0)}, {("rate limited", "a"): 2}),
        (
            {},
            {"a": [Step(0.1)]},
            {"limits": spec.Limits(tpm=10.0)},
            {("rate limited: too large", "a"): 3},
        ),
        (
            {"fallback": Fallback(("a", "b"), error="first")},
            {"a": [Step(1.0, 500)], "b": [Step(1.0, 503)]},
            {},
            {("provider 500", "a"): 3},
        ),
    ],
)
def test_what_ended_a_request_is_told_with_its_target(
    layers: Any, script: Any, scenario: Any, causes: Any
) -> None:
    """One cause each, of three requests; nothing is repaired, since no other send helped."""
    assert counted(layers, script, **scenario) == {FAILED: causes}


@pytest.mark.parametrize("abandoned", ["runs_on", "stops"])
@pytest.mark.parametrize(
    ("layers", "script", "repaired"),
    [
        (
            {"retry": Retry(3, backoff=NO_PAUSE)},
            {"a": [Step(0.1, 500), Step(0.1, 529), Step(0.1)] * 3},
            {("provider 500", "a"): 3, ("provider 529", "a"): 3},
        ),
        (
            {"fallback": Fallback(("a", "b")), "timeout": Timeout(2.0)},
            {"a": [Step(5.0)], "b": [Step(1.0)]},
            {("timed out here: total", "a"): 3},
        ),
        (
            {"fallback": Fallback(("a", "b")), "hedge": Hedge()},
            {"a": [Step(1.0, 503)], "b": [Step(2.0)]},
            {("provider 503", "a"): 3},
        ),
        ({"hedge": Hedge()}, {"a": [Step(1.0)], "b": [Step(2.0)]}, None),
    ],
)
def test_sends_that_failed_and_were_repaired_are_told_by_what_ended_them(
    layers: Any, script: Any, repaired: Any, abandoned: str
) -> None:
    """A send that lost a race has not failed."""
    told = counted(layers, script, abandoned=abandoned)
    assert told == ({} if repaired is None else {REPAIRED: repaired})


def test_a_limit_of_time_ends_both_sends_of_a_race_within_it() -> None:
    """Two sends for each of three requests reach the limit; the fallback's third one answers."""
    layers = {"fallback": Fallback(("a", "c")), "timeout": Timeout(2.0), "hedge": RaceForA()}
    script = {"a": [Step(9.0)], "b": [Step(9.0)], "c": [Step(0.5)]}
    both = {("timed out here: total", "a"): 3, ("timed out here: total", "b"): 3}
    assert counted(layers, script) == {REPAIRED: both}


@dataclass
class RaceForA:
    """Sends what is aimed at a to b as well."""

    async def __call__(self, call: Any, send: Any, world: Any) -> Outcome:
        if call.target != "a":
            return await send(call)
        return await world.first(send(call), send(call.to("b")))


# -- with models of providers ----------------------------------------------------------------------

CLEAN: Any = {"a": spec.Deployment("ann", "big", price=spec.PriceList(1.0, 2.0))}


def played(
    layers: Any, deployments: Any = CLEAN, **scenario: Any
) -> tuple[Figures, dict[str, np.ndarray]]:
    """The figures and the requests of five minutes at 5 requests/s."""
    load = scenario.pop("workload", spec.Workload(rate=5.0))
    made = spec.Scenario(
        deployments,
        horizon=300.0,
        workload=load,
        gateway=spec.Gateway(overhead=0.0),
        **scenario,
    )
    return kept(Configuration("run", "test", made, {"policy": layers}), "policy")


def kept(configuration: Configuration, policy: str) -> tuple[Figures, dict[str, np.ndarray]]:
    """Figures, and columns of requests and (after "sent.") of sends, of one replication."""
    chunks: dict[str, list[Any]] = {"requests": [], "attempts": [], "events": []}
    figures = replicate(
        configuration, policy, 0, lambda world: lambda table, chunk: chunks[table].append(chunk)
    )
    columns = {
        prefix + name: np.concatenate([chunk[name] for chunk in chunks[table]])
        for table, prefix in (("requests", ""), ("attempts", "sent."))
        for name in (chunks[table][0] if chunks[table] else ())
    }
    return figures, columns


def causes(counts: CauseCounts, kind: str) -> dict[str, int]:
    total: Counter[str] = Counter()
    for cause, _, _, number in counts[kind]:
        total[cause] += number
    return dict(total)


def test_an_outage_of_529_is_the_only_cause_within_its_window() -> None:
    """Every request that arrives in the minute fails with 529, and no other one fails."""
    outage = spec.Outage(deployment="a", start=100.0, end=160.0, error_share=1.0, status=529)
    figures, rows = played({}, outages={"down": outage})
    arrived = int(((rows["arrival_s"] >= 100.0) & (rows["arrival_s"] < 160.0)).sum())
    assert causes(figures.causes, FAILED) == {"provider 529": arrived}
    assert arrived > 200


def test_hangs_and_broken_streams_and_requests_that_are_wrong_have_causes_of_their_own() -> None:
    """Each in a run in which nothing else can happen."""
    outage = spec.Outage(deployment="a", start=0.0, end=300.0, error_share=0.0, hang_share=1.0)
    broken = {"a": replace(CLEAN["a"], truncated=1.0)}
    stalled = {"a": replace(CLEAN["a"], stalled=1.0)}
    silent = {"timeout": Timeout(total=500.0, between_chunks=5.0)}
    streams = spec.Workload(rate=5.0, streamed=1.0)
    wrong = spec.Workload(rate=5.0, invalid={400: 0.5, 422: 0.5})
    for cause, (figures, rows) in {
        "hang": played({}, outages={"down": outage}),
        "truncated": played({}, broken, workload=spec.Workload(rate=5.0, streamed=1.0)),
        "stalled": played({}, stalled, workload=streams),
        "timed out here: between chunks": played(silent, stalled, workload=streams),
        "timed out here: unstreamed": played({"timeout": Timeout(500.0, unstreamed=0.001)}),
        "client error": played({}, workload=wrong),
    }.items():
        assert causes(figures.causes, FAILED) == {cause: len(rows["outcome"])}


def test_late_answers_are_those_that_succeed_outside_the_promise() -> None:
    """Streamed: the first token later than `ttft`, else the whole answer later than `latency`."""
    slo = spec.Slo(latency=4.0, ttft=0.5)
    figures, rows = played({}, workload=spec.Workload(rate=5.0, streamed=0.5), slo=slo)
    first = rows["ttft_s"] > 0.5
    late = {
        "late: first token": int(first.sum()),
        "late: complete answer": int(((rows["latency_s"] > 4.0) & ~first).sum()),
    }
    assert min(late.values()) > 0
    assert causes(figures.causes, LATE) == late


STORMY = {
    "forbidden and invalid": ("failover", "layered"),
    "hangs": ("failover", "circuit_breaker"),
    "streams that stop": ("first token", "impatient", "hedge outside"),
    "queue": ("two timeouts", "trials", "reject"),
    "three replicas": ("limit", "gate"),
}


@pytest.mark.parametrize(
    ("weather", "policy"), [(name, each) for name, both in STORMY.items() for each in both]
)
def test_every_failed_request_and_every_repaired_send_has_one_cause(
    weather: str, policy: str
) -> None:
    """Sums over causes, targets and tasks are the failed requests, the late ones, and the failed
    sends of those that succeeded: exactly, in all kinds of weather."""
    scenario, overrides = WEATHER[weather]
    packaged = policy not in OWN
    made = loading.load("run", scenario, [policy if packaged else "direct"], overrides, 3)
    if not packaged:
        made = replace(made, policies={policy: OWN[policy]()})
    figures, rows = kept(made, policy)
    ok = rows["outcome"] == 0
    hits, requests = figures.pooled["success_rate"]
    assert (len(ok), int(ok.sum())) == (requests, hits)
    assert ((rows["cause"] == 0) == ok).all()
    total = {kind: sum(causes(figures.causes, kind).values()) for kind in figures.causes}
    failed_sends = (rows["sent.cause"] > 0) & (rows["sent.request_id"] >= 0)
    assert total == {
        FAILED: requests - hits,
        LATE: hits - figures.pooled["slo_attainment"][0],
        REPAIRED: int(ok[rows["sent.request_id"][failed_sends]].sum()),
    }
    tasks = Counter[str]()
    for _, _, task, number in figures.causes[FAILED]:
        tasks[task] += number
    for task, row in figures.by["task"].items():
        asked = row["requests"] or 0.0
        assert tasks[task] == pytest.approx(asked - asked * (row["success_rate"] or 0.0))


def test_counts_do_not_depend_on_how_rows_are_chunked() -> None:
    """Sends come in many chunks before their requests, or in one."""
    made = loading.load("run", "demo", ["failover"], ["scenario.workload.rate=0.5"], 3)
    chunks: list[Any] = []
    figures = replicate(made, "failover", 0, lambda w: lambda *each: chunks.append((w, *each)))
    world = chunks[0][0]
    names = {"target": [m.target.name for m in world.models], "task": world.weather.tasks}
    slo = made.scenario.slo
    context = Context(1.0, slo.in_time, slo.ttft, 0.95, [], names, names["target"], names["target"])
    fold = Causes(context)
    for _, table, chunk in chunks:
        size = len(next(iter(chunk.values())))
        step = 7 if table == "attempts" else size
        for start in range(0, size, step):
            part = slice(start, start + step)
            fold.add(table, {name: column[part] for name, column in chunk.items()})
    assert fold.finish(world.ledger.causes.words) == figures.causes
    assert figures.causes[REPAIRED]
