"""What would a policy do that knows the weather, and what figures would it reach? No policy can do
better.

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
begins, so that a queue may even carry it past the end of an outage. With times that grow with
load, and cold starts, it is what would be if each call were alone and none met a cold model.
Nothing is simulated: blocks of the weather are looked at as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from operator import attrgetter
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

from simroute.config.configuration import Configuration
from simroute.experiment.run import build_context, build_weather
from simroute.ledger import OUTCOMES
from simroute.metrics import Fold
from simroute.models import spec
from simroute.models.blocks import Block
from simroute.models.limits import is_limited
from simroute.models.pauses import draw_patience, patience
from simroute.models.prospects import Prospect, foresee_calls, least_bills
from simroute.models.questions import BLOCK
from simroute.models.residency import Residency
from simroute.models.strain import is_strained
from simroute.models.weather import Weather

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
"""The metrics that the bound has."""
MetricValues = dict[str, float | None]


class Preference(NamedTuple):
    """What an answer is worth in USD: at most `success` for any answer (a dearer one is left),
    `second` for each second by which it comes sooner, and `quality` more for a right one."""

    success: float = float("inf")
    second: float = 0.0
    quality: float = 0.0


NEUTRAL = Preference()


class Option(NamedTuple):
    """The n-th call to a target, when those before it are given up: what comes of it for each of
    some requests of a block.

    rows: places of those requests in the block. rank: 2 in time, 1 an answer, 0 none;
    first, seconds: to the first token and to the end; nano: all that is billed, in 1e-9 USD;
    wasted: of it, what the calls given up cost.
    """

    target: int
    n: int
    rows: np.ndarray
    rank: np.ndarray
    first: np.ndarray
    seconds: np.ndarray
    nano: np.ndarray
    wasted: np.ndarray
    quality: np.ndarray


class Decision(NamedTuple):
    """The best option of each request of a block: the target and the number of the call, and what
    comes of it, in the units of `Option`. target, rank: -1 where nobody is asked."""

    target: np.ndarray
    n: np.ndarray
    rank: np.ndarray
    first: np.ndarray
    seconds: np.ndarray
    nano: np.ndarray
    wasted: np.ndarray
    quality: np.ndarray

    @property
    def ok(self) -> np.ndarray:
        return (self.rank > 0) & (self.target >= 0)

    def at_most(self, usd: float) -> Decision:
        """The same, but nobody is asked for an answer that costs more."""
        asked = (self.rank >= 0) & ((self.rank == 0) | (self.nano <= usd * 1e9))
        return self._replace(target=np.where(asked, self.target, -1))


def is_exact(scenario: spec.Scenario) -> bool:
    """Whether nothing that a deployment does depends on what else is sent to it."""
    return all(
        not is_limited(each, scenario)
        and each.limits.concurrency is None
        and not is_strained(each.latency)
        and each.prompt_cache is None
        for each in scenario.deployments.values()
    )


def options(weather: Weather, block: Block, hurry: bool = False) -> list[Option]:
    """All calls that may be the best of a request of a block. A target is asked again for those
    that have no answer in time from it, or as long as there are such for all, since another answer
    may come sooner, or be right (`hurry`).

    Without hurry, the targets that cost least are looked at first, and the others only for requests
    that could have an answer from them as cheap as the cheapest in time so far: mostly none.
    """
    result: list[Option] = []
    residency = Residency(weather.scenario, weather.users, weather.features)
    runs_on = weather.scenario.abandoned == "runs_on"
    models = list(weather.deployments.values())
    floors = [least_bills(model, block) for model in models]
    cheapest = np.full(block.size, NEVER)  # in time, so far
    for code in sorted(range(len(models)), key=lambda code: int(floors[code].sum())):
        target, floor = models[code].target, floors[code]
        lacking = residency.is_allowed(block.user, block.feature, target.provider, target.name)
        if not hurry:
            lacking &= floor <= cheapest
        rows = np.flatnonzero(lacking)
        spent, lacking = np.zeros(len(rows), np.int64), lacking[rows]
        for n in range(TRIES):
            if not lacking.any():
                break
            prospect = foresee_calls(models[code], block, n, rows)
            option = Option(code, n, rows, *_outcome(weather, block, rows, prospect, spent))
            result.append(option)
            in_time = option.rank == 2
            places = rows[in_time]
            cheapest[places] = np.minimum(cheapest[places], option.nano[in_time])
            lacking = lacking & ~in_time
            spent = spent + (prospect.bill if runs_on else prospect.bill_if_abandoned)
            if not hurry:
                lacking &= spent + floor[rows] <= cheapest[rows]
                rows, spent, lacking = rows[lacking], spent[lacking], lacking[lacking]
    return sorted(result, key=attrgetter("target", "n"))


def _outcome(
    weather: Weather, block: Block, rows: np.ndarray, prospect: Prospect, spent: np.ndarray
) -> tuple[np.ndarray, ...]:
    """The arrays of an `Option`. `spent`: the bill of the calls before it."""
    slo, ok, arrival = weather.scenario.slo, prospect.ok, block.arrival[rows]
    seconds = np.where(ok, (arrival + prospect.seconds) - arrival, np.inf)
    first = (arrival + prospect.first) - arrival
    latency, ttft = np.array([slo.limits(name) for name in weather.tasks]).T
    task = block.task[rows]
    waits = patience(weather.scenario.workload, weather.tasks)
    if waits is not None:  # no answer comes after its caller has gone
        source = weather.streams.block("patience", block=block.number)
        gone = draw_patience(waits, block.task, source, BLOCK)[rows]
        ok = ok & (np.where(block.streamed[rows], first, prospect.seconds) <= gone)
        seconds = np.where(ok, seconds, np.inf)
    in_time = ok & (seconds <= latency[task]) & (~block.streamed[rows] | (first <= ttft[task]))
    wasted = spent + np.where(ok, 0, prospect.bill)
    rank = in_time.astype(np.int8) + ok
    return rank, first, seconds, spent + prospect.bill, wasted, prospect.quality


def decide(options: list[Option], size: int, second: float = 0.0, quality: float = 0.0) -> Decision:
    """The best option for each of the `size` requests of a block: in time the cheapest, else the
    fastest answer, else the cheapest failure; of equal ones the first. `second`,
    `quality`: as in `Preference`."""
    best = Decision(
        target=np.full(size, -1),
        n=np.zeros(size, np.int64),
        rank=np.full(size, -1, np.int8),
        first=np.zeros(size),
        seconds=np.zeros(size),
        nano=np.zeros(size, np.int64),
        wasted=np.zeros(size, np.int64),
        quality=np.zeros(size),
    )
    aim = np.zeros(size)
    for option in options:
        rows, rank, price = option.rows, option.rank, option.nano.astype(float)
        if second > 0:
            price += np.where(rank > 0, second * 1e9 * np.where(rank > 0, option.seconds, 0.0), 0.0)
        if quality > 0:
            price -= np.where(rank == 2, quality * 1e9 * option.quality, 0.0)
        wish = np.where(rank == 1, option.seconds, price)
        known = best.rank[rows]
        better = (rank > known) | ((rank == known) & (wish < aim[rows]))
        places = rows[better]
        aim[places] = wish[better]
        best.target[places], best.n[places] = option.target, option.n
        for name in ("rank", "first", "seconds", "nano", "wasted", "quality"):
            getattr(best, name)[places] = getattr(option, name)[better]
    return best


def decisions(configuration: Configuration, replication: int) -> Iterator[tuple[Block, Decision]]:
    """The decisions of one replication, block by block, whatever an answer costs."""
    weather = build_weather(configuration, replication)
    for block in weather.blocks():
        yield block, decide(options(weather, block), block.size).at_most(np.inf)


def clairvoyant_figures(
    configuration: Configuration,
    replication: int,
    preferences: Sequence[Preference] = (NEUTRAL,),
    alone: bool = False,
) -> list[MetricValues]:
    """The figures of one replication for each preference, from one look at the weather. `alone`:
    after them those of each deployment, if nobody else were ever asked."""
    weather = build_weather(configuration, replication)
    models = list(weather.deployments.values())
    world: Any = SimpleNamespace(weather=weather, models=models)
    context = build_context(configuration, world)
    # figures of the whole are all that is wanted, and none by user or day
    context = replace(context, names={"target": [], "task": weather.tasks}, day=None, budget=None)
    folds = [Fold(context) for _ in preferences]
    single = [Fold(context) for _ in models] if alone else []
    graded = np.array([model.is_graded for model in models])
    hurry = alone or any(each.second > 0 or each.quality > 0 for each in preferences)
    for block in weather.blocks():
        known = options(weather, block, hurry)
        best = {
            wish: decide(known, block.size, *wish) for wish in {each[1:] for each in preferences}
        }
        for fold, preference in zip(folds, preferences, strict=True):
            decision = best[preference[1:]].at_most(preference.success)
            fold("requests", _rows(block, decision, graded))
        for code, fold in enumerate(single):
            own = decide([each for each in known if each.target == code], block.size)
            fold("requests", _rows(block, own.at_most(np.inf), graded))
    metrics = [fold.finish([], [0.0] * len(models)).metrics for fold in [*folds, *single]]
    return [{name: values[name] for name in BOUND_METRICS} for values in metrics]


def _rows(block: Block, decision: Decision, graded: np.ndarray) -> dict[str, np.ndarray]:
    """Rows of requests as the ledger has them, so that each figure has one definition. `graded`: by
    target and task."""
    size, ok, sent = block.size, decision.ok, decision.target >= 0
    ungraded = ok & ~graded[decision.target, block.task]
    nothing = np.zeros(size, np.int8)
    return {
        "arrival_s": block.arrival,
        "task": block.task,
        "user": block.user,
        "feature": block.feature,
        "team": block.team,
        "latency_s": np.where(ok, decision.seconds, 0.0),
        "outcome": np.where(ok, OK, np.where(sent, FAILED, REJECTED)),
        "attempts": np.where(sent, decision.n + 1, 0),
        "ttft_s": np.where(ok & block.streamed, decision.first, np.nan),
        "failover_s": np.full(size, np.nan),
        "cost_nano": np.where(sent, decision.nano, 0),
        "wasted_nano": np.where(sent, decision.wasted, 0),
        "quality": np.where(ok & ~ungraded, decision.quality, np.nan),
        "ungraded": ungraded,
        "cached": nothing,
        "false_hit": nothing.astype(bool),
        "forbidden": nothing.astype(bool),
    }


def reservation_prices(
    configuration: Configuration, replication: int, shares: Sequence[float]
) -> list[float]:
    """The USD that an answer must be worth so that these shares of the answerable requests of the
    first block are answered."""
    for _, decision in decisions(configuration, replication):
        costs = decision.nano[decision.ok]
        return [float(np.quantile(costs, share)) / 1e9 for share in shares] if len(costs) else []
    return []
