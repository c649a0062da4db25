"""Digests of simulated runs: has a change of the kernel changed a bit of what runs leave?

Plays runs of every kind that the simulated world has (`RUNS`) and digests every column of every
ledger table, the metrics, the evidence and the story of each.

    python tests/digests.py --out before.json          # digests of this tree
    python tests/digests.py --against before.json      # exit 1 and the differences, if any
    python tests/digests.py --against ../other-tree    # the same runs in another tree
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from logs import calls, written
from simroute.config import catalogue, from_trace, loading
from simroute.config.configuration import Configuration
from simroute.core import Outcome
from simroute.errors import InputError
from simroute.experiment.run import replicate
from simroute.metrics import Figures
from simroute.policies.breaker import Breaker
from simroute.policies.budget import Budget
from simroute.policies.cascade import Cascade
from simroute.policies.fallback import Fallback
from simroute.policies.limit import Limit
from simroute.policies.retry import Backoff, Retry
from simroute.policies.route import Route
from simroute.policies.timeout import Timeout
from simroute.testing.script import Step, play

Digest = dict[str, str]
"""What was digested ("attempts.end_s", "metrics", "story" …) -> its hash."""


class Columns:
    """A sink that digests each column of each table as one sequence, however it is chunked."""

    def __init__(self) -> None:
        self._hashes: dict[str, Any] = {}
        self._shapes: dict[str, str] = {}

    def __call__(self, table: str, chunk: dict[str, np.ndarray]) -> None:
        self._shapes.setdefault(table, " ".join(f"{n}:{c.dtype}" for n, c in chunk.items()))
        for name, column in chunk.items():
            text = "".join(f"{value!r}\n" for value in column) if column.dtype == object else None
            known = self._hashes.setdefault(f"{table}.{name}", hashlib.sha256())
            known.update(column.tobytes() if text is None else text.encode())

    def digest(self) -> Digest:
        """Names, order and types of the columns of each table, and the contents of each column."""
        contents = {name: known.hexdigest()[:16] for name, known in self._hashes.items()}
        return {f"{table}: columns": _hash(text) for table, text in self._shapes.items()} | contents


def digest_figures(figures: Figures) -> Digest:
    """Metrics with every split, counts of the evidence, and the story."""
    evidence = figures.evidence
    assert evidence is not None
    numbers = (figures.metrics, figures.pooled, figures.by, figures.minutes, figures.events)
    counts = {f"evidence.{name}": _hash(array) for name, array in evidence.counts.items()}
    return {"metrics": _hash(repr(numbers)), "story": _hash(json.dumps(evidence.story))} | counts


def _hash(value: str | np.ndarray) -> str:
    text = value if isinstance(value, str) else f"{value.dtype} {value.shape} {value.tolist()}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


# -- layers that do what no packaged one does ------------------------------------------------------


@dataclass
class Hedge:
    """Sends to the first target, and after `after` seconds to the second as well."""

    after: float = 1.0

    async def __call__(self, call: Any, send: Any, world: Any) -> Outcome:
        first, second = list(world.targets())[:2]

        async def late() -> Outcome:
            await world.sleep(self.after)
            return await send(call.to(second))

        return await world.first(send(call.to(first)), late())


@dataclass
class Coalesce:
    """Calls with the same question wait at a gate for the first of them."""

    open: dict[Any, Any] = field(default_factory=dict)

    async def __call__(self, call: Any, send: Any, world: Any) -> Outcome:
        key = call.request.key
        if key in self.open:
            return await self.open[key]
        gate = self.open[key] = world.gate()
        outcome = Outcome(499)
        try:
            outcome = await send(call)
            return outcome
        finally:
            del self.open[key]
            gate.open(whole(outcome))


def whole(outcome: Outcome) -> Outcome:
    """The same without what is still to come. (By constructor: another tree may have outcomes of
    another make.)"""
    return Outcome(
        outcome.status,
        outcome.target,
        outcome.error,
        outcome.retry_after,
        outcome.usd,
        outcome.input_tokens,
        outcome.output_tokens,
        outcome.by,
        outcome.cached,
        outcome.answer,
        limit=outcome.limit,
    )


@dataclass
class Ping:
    """Pings every target from time to time, each ping inside a timeout."""

    every: float = 20.0

    async def __call__(self, call: Any, send: Any, world: Any) -> Outcome:
        return await send(call)

    async def background(self, send: Any, world: Any) -> None:
        while True:
            for target in world.targets():
                outcome = await world.within(2.0, send(world.ping(target)))
                world.emit("pinged", target=target, status=outcome.status)
            await world.sleep(self.every)


@dataclass
class Impatient:
    """Leaves a streamed answer after its first token, and asks another target."""

    async def __call__(self, call: Any, send: Any, world: Any) -> Outcome:
        outcome = await send(call)
        if outcome.rest is None or world.uniform("leave", call) < 0.5:
            return outcome
        return await send(call.to(list(world.targets())[1]))


OWN: dict[str, Callable[[], dict[str, Any]]] = {
    "hedge": lambda: {"hedge": Hedge(), "timeout": Timeout(20.0, 8.0)},
    "hedge outside": lambda: {"timeout": Timeout(12.0), "hedge": Hedge(0.4)},
    "gate": lambda: {"coalesce": Coalesce(), "fallback": Fallback(), "timeout": Timeout(15.0)},
    "ping": lambda: {"fallback": Fallback(), "ping": Ping(), "timeout": Timeout(10.0)},
    "impatient": lambda: {"impatient": Impatient(), "timeout": Timeout(20.0, 5.0)},
    "two timeouts": lambda: {"outer": Timeout(6.0, 2.0), "retry": Retry(3), "inner": Timeout(2.5)},
    "no timeout": lambda: {"fallback": Fallback(), "breaker": Breaker(), "retry": Retry()},
    "first token": lambda: {"fallback": Fallback(), "timeout": Timeout(9.0, 0.8)},
    "limit": lambda: {"fallback": Fallback(), "limit": Limit(wait=2.0), "timeout": Timeout(9.0)},
    "trials": lambda: {
        "fallback": Fallback(degrade_to="cheapest", error="first"),
        "breaker": Breaker(rate=0.3, min_calls=5, probes=2, successes=2, trial="send"),
        "retry": Retry(3, backoff=Backoff(0.2, jitter="equal")),
        "timeout": Timeout(8.0, 3.0),
    },
    "by task": lambda: {
        "route": Route(by="latency"),
        "breaker": Breaker(consecutive=True, scope="task"),
        "timeout": Timeout(7.0),
    },
    "reject": lambda: {
        "cascade": Cascade(tasks=("extract",)),
        "fallback": Fallback(),
        "timeout": Timeout(9.0),
        "budget": Budget(usd=1.5, at_limit="reject", reserve="max"),
    },
}

# -- runs ------------------------------------------------------------------------------------------

RATES = dict.fromkeys(("agents", "brown_out", "flapping", "replicas", "residency"), 0.1) | {
    "bad_month": 0.0003, "cold_cache": 0.15, "flash_crowd": 0.2, "model_drift": 0.05,
    "falling_prices": 0.001, "shared_shock": 0.04, "stalled_streams": 0.06,
    "health_checks": 0.06, "late_answers": 0.1, "overloaded_model": 0.1, "own_slots": 0.1,
    "several_providers": 0.1, "learned_router": 0.1,
}  # fmt: skip
SHORT = {
    "budget_day": ["scenario.workload.rate=0.03", "scenario.budget.usd=9"],
    "budget_month": ["scenario.workload.rate=0.001", "scenario.budget.usd=8"],
    "demo": ["scenario.workload.rate=0.3"],
    "models_2025": ["scenario.workload.rate=0.3"],
    "openai_partial_2025_06": ["scenario.workload.rate=0.04"],
    "partial_outages": ["scenario.workload.rate=0.4"],
    "anthropic_outage": ["scenario.workload.rate=0.8"],
    "flaky_provider": ["scenario.workload.rate=0.8"],
    "slow_provider": ["scenario.workload.rate=0.8"],
    "cascade_mmlu": ["scenario.horizon=10m"],
    "price_cut": ["scenario.horizon=10m"],
    "rate_limit_storm": ["scenario.horizon=10m"],
    "semantic_cache": ["scenario.horizon=15m"],
    "steady": ["scenario.horizon=8m"],
    **{name: [f"scenario.workload.rate={rate}"] for name, rate in RATES.items()},
}
"""What makes a packaged scenario short, outages and budgets included. Those of a folder, such as
phenomena, have tests that know what comes out."""
PACKAGED = [name for name in catalogue.list_names("policies") if "/" not in name]

SLOTS = [
    f"scenario.deployments.{name}.limits.{key}={value}"
    for name, slots in (("claude-sonnet", 4), ("gpt-terra", 3))
    for key, value in (("concurrency", slots), ("queue", 12))
]
LONG_QUEUE = [
    "scenario.deployments.claude-sonnet.limits.concurrency=2",
    "scenario.deployments.claude-sonnet.limits.queue=600",
]
STREAMS = ["scenario.workload.streamed=1", "scenario.deployments.gpt-terra.truncated=0.2"]
STOPS = ["scenario.abandoned=stops"]
WEATHER: dict[str, tuple[str, list[str]]] = {
    "queue": ("demo", ["scenario.workload.rate=0.5", *SLOTS]),
    "streams in a queue": ("slow_provider", ["scenario.workload.rate=0.7", *SLOTS, *STREAMS]),
    "stops in a queue": ("slow_provider", ["scenario.workload.rate=0.9", *SLOTS, *STOPS]),
    "streams that stop": (
        "flaky_provider",
        ["scenario.workload.rate=0.8", *SLOTS, *STREAMS, *STOPS],
    ),
    "a long line": ("steady", ["scenario.horizon=6m", *LONG_QUEUE, *STOPS]),
    "price step in a queue": ("price_cut", ["scenario.horizon=8m", *SLOTS]),
    "three replicas": (
        "partial_outages",
        ["scenario.workload.rate=0.4", "scenario.gateway.replicas=3"],
    ),
    "shared replicas": (
        "partial_outages",
        [
            "scenario.workload.rate=0.4",
            "scenario.gateway.replicas=3",
            "scenario.gateway.shared=true",
        ],
    ),
    "forbidden and invalid": (
        "demo",
        [
            "scenario.workload.rate=0.3",
            "+scenario.workload.forbid.search=[anthropic]",
            "+scenario.workload.invalid.400=0.03",
            "+scenario.workload.invalid.422=0.02",
        ],
    ),
    "bursts": (
        "rate_limit_storm",
        [
            "scenario.horizon=8m",
            "scenario.workload.burstiness.cv=3",
            "scenario.workload.burstiness.peak=4",
            "scenario.deployments.gpt-terra.clustered.share=0.05",
        ],
    ),
    "hangs": (
        "slow_provider",
        [
            "scenario.workload.rate=0.5",
            "scenario.hang_limit=9s",
            "scenario.outages.slow.hang_share=0.3",
        ],
    ),
}
POLICIES = ("failover", "circuit_breaker", "cascade", "layered")


def packaged(scenario: str, policy: str, overrides: list[str]) -> Digest:
    """A packaged policy in a packaged scenario."""
    return digest_run(loading.load("run", scenario, [policy], overrides, 7), policy)


def own(layers: str, scenario: str, overrides: list[str]) -> Digest:
    """Layers of `OWN` in a packaged scenario."""
    configuration = loading.load("run", scenario, ["direct"], overrides, 3)
    return digest_run(replace(configuration, policies={layers: OWN[layers]()}), layers)


def replayed(policy: str, overrides: list[str]) -> Digest:
    """A log of two models, played back under a policy."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.csv"
        written(path, calls(1500, rate=2.0, fails=lambda model, t: 0.3 * (200 < t < 400)))
        outages = ["{provider: openai, start: 20%, end: 40%, error_share: 0.5, slow_down: 2}"]
        return digest_run(
            from_trace.load_replay(
                from_trace.TraceSource(str(path), outages), None, [policy], overrides
            ),
            policy,
        )


def digest_run(configuration: Configuration, policy: str) -> Digest:
    """Plays one replication and digests all that it leaves."""
    columns = Columns()
    figures = replicate(configuration, policy, 0, rows=lambda world: columns)
    return columns.digest() | digest_figures(figures)


def scripted(layers: str, streamed: bool, abandoned: str) -> Digest:
    """Replies and deadlines of the same instant, and stays in a queue of one slot."""
    from simroute.models.spec import Limits

    steps = [Step(2.0), Step(2.5), Step(1.0, 503), Step(2.5, 502, first=0.5), Step(6.0, first=2.5)]
    log = play(
        OWN[layers](),
        {"a": steps, "b": steps[::-1]},
        [0.5 * (k // 2) for k in range(60)],
        streamed=streamed,
        replicas=2,
        abandoned=abandoned,
        limits=Limits(concurrency=2, queue=5),
    )
    columns = Columns()
    for table, chunks in log.rows.items():
        for chunk in chunks:
            columns(table, chunk)
    return columns.digest()


def runs() -> Iterator[tuple[str, Callable[[], Digest]]]:
    """(name, how to play and digest it) of every run."""
    for scenario, short in SHORT.items():
        for policy in PACKAGED:
            yield f"{policy} in {scenario}", partial(packaged, scenario, policy, short)
    for name, (scenario, overrides) in WEATHER.items():
        for policy in POLICIES:
            yield f"{policy}, {name}", partial(packaged, scenario, policy, overrides)
    for layers in OWN:
        for name in ("queue", "streams in a queue", "streams that stop", "three replicas"):
            yield f"{layers}, {name}", partial(own, layers, *WEATHER[name])
    for layers in ("two timeouts", "hedge", "first token", "trials"):
        for streamed in (False, True):
            for abandoned in ("stops", "runs_on"):
                name = f"{layers}, scripted, streamed={streamed}, abandoned={abandoned}"
                yield name, partial(scripted, layers, streamed, abandoned)
    for policy in ("recorded", "circuit_breaker", "layered"):
        yield f"{policy}, replay", partial(replayed, policy, [])


RUNS = dict(runs())


# -- comparison ------------------------------------------------------------------------------------


def digest_all(names: list[str]) -> dict[str, Digest]:
    """The digests of these runs; of one that the package refuses, what it says."""
    found: dict[str, Digest] = {}
    for name in names:
        try:
            found[name] = RUNS[name]()
        except InputError as error:
            found[name] = {"refused": str(error)}
    return found


def differences(one: dict[str, Digest], other: dict[str, Digest]) -> list[str]:
    """A line for each run that differs: its name, and what of it."""
    lines = []
    for name in sorted({*one, *other}):
        mine, theirs = one.get(name, {}), other.get(name, {})
        parts = [part for part in {**mine, **theirs} if mine.get(part) != theirs.get(part)]
        if parts:
            lines.append(f"{name}: {', '.join(parts)}")
    return lines


def digest_tree(tree: Path, names: list[str]) -> dict[str, Digest]:
    """The digests of the same runs played by the package in another tree."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "digests.json"
        path = os.pathsep.join([str(tree.resolve()), str(Path(__file__).parent)])
        command = [sys.executable, __file__, "--out", str(out), "--only", *names]
        subprocess.run(command, env=os.environ | {"PYTHONPATH": path}, cwd=tree, check=True)
        return dict(json.loads(out.read_text()))


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    words.add_argument("--out", type=Path, help="write the digests here, as JSON")
    words.add_argument("--against", type=Path, help="such a file, or a tree to play the runs in")
    words.add_argument("--only", nargs="*", help="runs by name (default: all)")
    options = words.parse_args()
    names = options.only or list(RUNS)
    digests = digest_all(names)
    if options.out is not None:
        options.out.write_text(json.dumps(digests, indent=1))
    if options.against is None:
        return
    if options.against.is_dir():
        reference = digest_tree(options.against, names)
    else:
        reference = {n: d for n, d in json.loads(options.against.read_text()).items() if n in names}
    lines = differences(digests, reference)
    sys.stdout.write("\n".join(lines or [f"{len(names)} runs, every bit the same"]) + "\n")
    sys.exit(bool(lines))


if __name__ == "__main__":
    main()
