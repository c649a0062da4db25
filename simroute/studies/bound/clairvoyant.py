"""What a policy that knows the weather would do with each request, and what that comes to: no
policy can do better.

It may ask each deployment `TRIES` times, all on the arrival of the request, and takes the cheapest
answer that comes in time; if none does, the fastest that comes at all; if none does, the cheapest
failure. Calls that it knows to fail or to be late it gives up at once: an error costs nothing then,
an answer what the scenario says of abandoned calls. Providers that a request forbids are never
asked.

The figures are exact without rate limits and slots: of policies that send on arrival, at most
`TRIES` times to each deployment, and answer nothing from a cache, none answers more requests, in
time or at all, and none that answers the same requests in time costs less. (One that waits for an
outage to end, or keeps answers, is another kind.) Limits depend on what is sent: with them it is a
bound without rate limits, which may be out of reach. With slots it is what would be if no call
waited for one: a call that waits meets the weather and the price of the moment when its service
begins, so that a queue may even carry it past the end of an outage. Nothing is simulated: blocks of
the weather are looked at as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

from simroute.config.configuration import Configuration
from simroute.experiment.run import build_context, build_weather
from simroute.ledger import OUTCOMES
from simroute.metrics import Fold
from simroute.models import spec
from simroute.models.prospects import Prospect, foresee_calls
from simroute.models.weather import Weather
from simroute.models.workload import Block

TRIES = 3
"""Calls of one request to one deployment; no packaged policy makes more."""
NEVER = np.iinfo(np.int64).max
OK, FAILED, REJECTED = (OUTCOMES.index(word) for word in ("ok", "failed", "rejected"))
BOUND_METRICS = (
    "requests",
    "success_rate",
    "availability",
    "slo_attainment",
    "latency_p50_s",
    "latency_p95_s",
    "latency_p99_s",
    "ttft_p95_s",
    "cost_usd",
    "cost_per_1k_requests_usd",
    "wasted_usd",
    "quality_mean",
)
"""The metrics that make sense for it."""
Metrics = dict[str, float | None]


class Preference(NamedTuple):
    """What an answer is worth: USD for a success at most (else it is left), and USD for each second
    by which it comes sooner."""

    success: float = float("inf")
    second: float = 0.0


NEUTRAL = Preference()


class Option(NamedTuple):
    """The n-th call to a target, where those before it are given up: what comes of it for each
    request of a block.

    rank: 2 in time, 1 an answer, 0 none, -1 forbidden; nano: all that is billed; wasted: of it,
    what was paid for the calls given up.
    """

    target: int
    n: int
    rank: np.ndarray
    first: np.ndarray
    seconds: np.ndarray
    nano: np.ndarray
    wasted: np.ndarray
    quality: np.ndarray


class Decision(NamedTuple):
    """For each request: the target (-1: nobody is asked) and the number of the call that answers,
    and what comes of it."""

    target: np.ndarray
    n: np.ndarray
    ok: np.ndarray
    first: np.ndarray
    seconds: np.ndarray
    nano: np.ndarray
    wasted: np.ndarray
    quality: np.ndarray


def is_exact(scenario: spec.Scenario) -> bool:
    """Whether no deployment limits what may be sent to it."""
    limits = [each.limits for each in scenario.deployments.values()]
    return all(
        limit.rpm is None and limit.tpm is None and limit.concurrency is None for limit in limits
    )


def options(sky: Weather, block: Block) -> list[Option]:
    """All that can be done with the requests of a block; a target is asked again only while some
    request has no answer in time from it."""
    found: list[Option] = []
    for code, (name, model) in enumerate(sky.deployments.items()):
        allowed = _allowed(sky, block, model.target.provider)
        spent, done = np.zeros(block.size, np.int64), ~allowed
        for n in range(TRIES):
            way, given_up = _way(
                sky, block, code, n, foresee_calls(sky.deployments[name], block, n), allowed, spent
            )
            found.append(way)
            done = done | (way.rank == 2)
            if done.all():
                break
            spent = spent + given_up
    return found


def _allowed(sky: Weather, block: Block, provider: str) -> np.ndarray:
    closed = [
        sky.features.index(name)
        for name, who in sky.scenario.workload.forbid.items()
        if provider in who and name in sky.features
    ]
    return ~np.isin(block.feature, closed)


def _way(
    sky: Weather,
    block: Block,
    code: int,
    n: int,
    here: Prospect,
    allowed: np.ndarray,
    spent: np.ndarray,
) -> tuple[Option, np.ndarray]:
    """One way, and what this call costs when it is given up for a later one."""
    slo = sky.scenario.slo
    seconds = np.where(here.ok, (block.arrival + here.seconds) - block.arrival, np.inf)
    first = (block.arrival + here.first) - block.arrival
    quick = here.ok & (seconds <= slo.in_time)
    if slo.ttft is not None:
        quick &= ~block.streamed | (first <= slo.ttft)
    rank = np.where(allowed, quick.astype(np.int8) + here.ok, -1)
    wasted = spent + np.where(here.ok, 0, here.bill)
    given_up = here.bill if sky.scenario.abandoned == "runs_on" else here.bill_if_abandoned
    return Option(code, n, rank, first, seconds, spent + here.bill, wasted, here.quality), given_up


def decide(found: list[Option], stance: Preference = NEUTRAL) -> Decision:
    """The best way for each request."""
    rank, seconds, nano = (
        np.array([getattr(way, name) for way in found]) for name in ("rank", "seconds", "nano")
    )
    best = rank.max(axis=0)
    price = nano.astype(float)
    if stance.second > 0:
        price = price + np.where(
            rank > 0, stance.second * 1e9 * np.where(rank > 0, seconds, 0.0), 0.0
        )
    aim = np.where(
        best == 1, np.where(rank == 1, seconds, np.inf), np.where(rank == best, price, np.inf)
    )
    place, column = aim.argmin(axis=0), np.arange(rank.shape[1])
    sent = (best >= 0) & ((best == 0) | (nano[place, column] <= stance.success * 1e9))
    taken = {
        name: np.array([getattr(way, name) for way in found])[place, column]
        for name in ("first", "quality")
    }
    target, number, wasted = (
        np.array([np.broadcast_to(getattr(way, name), column.shape) for way in found])[
            place, column
        ]
        for name in HOW
    )
    return Decision(
        np.where(sent, target, -1),
        number,
        sent & (best > 0),
        taken["first"],
        seconds[place, column],
        np.where(sent, nano[place, column], 0),
        np.where(sent, wasted, 0),
        taken["quality"],
    )


HOW = ("target", "n", "wasted")


def decisions(configuration: Configuration, replication: int) -> Iterator[tuple[Block, Decision]]:
    """Block by block, what it does with each request."""
    sky = build_weather(configuration, replication)
    for block in sky.blocks():
        yield block, decide(options(sky, block))


def clairvoyant_figures(
    configuration: Configuration, replication: int, stances: Sequence[Preference] = (Preference(),)
) -> list[Metrics]:
    """The figures of one replication for each stance, from one look at the weather."""
    sky = build_weather(configuration, replication)
    seen: Any = SimpleNamespace(weather=sky, models=list(sky.deployments.values()))
    known = build_context(configuration, seen)
    folds = [Fold(known) for _ in stances]
    graded = np.array([model.is_graded for model in sky.deployments.values()])
    for block in sky.blocks():
        found = options(sky, block)
        for fold, stance in zip(folds, stances, strict=True):
            fold("requests", _rows(block, decide(found, stance), graded))
    done = [fold.finish([], [0.0] * len(sky.deployments)).metrics for fold in folds]
    return [{name: metrics[name] for name in BOUND_METRICS} for metrics in done]


def _rows(block: Block, choice: Decision, graded: np.ndarray) -> dict[str, np.ndarray]:
    """As the ledger has them, so that one definition of each figure holds for both. `graded`: by
    target and task."""
    size, sent = block.size, choice.target >= 0
    unknown = choice.ok & ~graded[choice.target, block.task]
    nothing = np.zeros(size, np.int8)
    latency = np.where(choice.ok, choice.seconds, 0.0)
    return {
        "arrival_s": block.arrival,
        "task": block.task,
        "user": block.user,
        "feature": block.feature,
        "team": block.team,
        "latency_s": latency,
        "outcome": np.where(choice.ok, OK, np.where(sent, FAILED, REJECTED)),
        "attempts": np.where(sent, choice.n + 1, 0),
        "ttft_s": np.where(choice.ok & block.streamed, choice.first, np.nan),
        "failover_s": np.full(size, np.nan),
        "cost_nano": choice.nano,
        "wasted_nano": choice.wasted,
        "quality": np.where(choice.ok & ~unknown, choice.quality, np.nan),
        "ungraded": unknown,
        "cached": nothing,
        "false_hit": nothing.astype(bool),
        "forbidden": nothing.astype(bool),
    }


def reservation_prices(
    configuration: Configuration, replication: int, shares: Sequence[float]
) -> list[float]:
    """The USD that an answer must be worth so that these shares of the requests of the first block
    are answered."""
    for _, choice in decisions(configuration, replication):
        costs = choice.nano[choice.ok]
        return [float(np.quantile(costs, share)) / 1e9 for share in shares] if len(costs) else []
    return []
