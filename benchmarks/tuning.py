"""How many runs does a good setting cost: our default search, optuna's TPE in our race and alone,
random search, a grid of 1,000 runs?

Five problems of the simulator, hundreds of requests a run; each search with several seeds, each
seed with weather of its own, which all methods meet alike. A run is one setting in one replication.
TPE alone, random search and the grid run every setting eight times; whatever a method recommends
must keep the constraints on the unfavourable 95 % bound. Regret is measured in 32 fresh
replications, the same for all methods and seeds of a problem, against the best setting that any of
them has recommended or a grid has ranked among its first five; 1 is the distance of the median of
the grid's settings that keep the constraints, and what misses one pays by how far. `--long`: ten
seeds, and 200 runs as well.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from simroute.execution.pool import ProcessPool
from simroute.studies.tuning import SearchPlan, SearchRequest, plan_search
from simroute.studies.tuning.outcome.confirmation import find_leaders, fresh_seed
from simroute.studies.tuning.problem.space import Point
from simroute.studies.tuning.search.evaluate import Simulator
from simroute.studies.tuning.search.evaluations import (
    FRESH,
    SEARCH,
    Candidate,
    CandidateValues,
    Evaluations,
    Run,
    RunTask,
)
from simroute.studies.tuning.search.loop import Search
from simroute.studies.tuning.search.optuna_proposer import OptunaProposer
from simroute.studies.tuning.search.proposers import Proposer, SobolProposer
from simroute.studies.tuning.search.ranking import Ranking
from simroute.studies.tuning.search.sobol import sobol_points
from simroute.studies.tuning.search.surrogate import Surrogate

EACH, TRUTH, SIDE = 8, 32, 5
BUDGETS = (50, 100)
OUTAGE = [
    "scenario.outages.morning.start=30%",
    "scenario.outages.morning.end=60%",
    "scenario.slo.latency=8s",
]
TIMEOUTS = {"timeout.total": "3s..40s log", "timeout.first_token": "0.5s..15s log"}
TARGETS = (
    "[first, other_company] | [other_company, first] | [cheapest, first] | [first, "
    "cheapest] | [first, other_company, cheapest]"
)
PROBLEMS: dict[str, SearchRequest] = {
    "breaker": SearchRequest(
        ["demo"],
        "circuit_breaker",
        {
            "breaker.failures": "1..15",
            "breaker.cooldown": "5s..300s log",
            "timeout.total": "3s..40s log",
        },
        ["max slo_attainment"],
        (),
        [*OUTAGE, "scenario.horizon=10m"],
    ),
    "timeout": SearchRequest(
        ["demo"],
        "failover",
        {**TIMEOUTS, "fallback.targets": TARGETS},
        ["min latency_p95_s"],
        ["success_rate>=0.97"],
        [*OUTAGE, "scenario.horizon=10m"],
    ),
    "attempts": SearchRequest(
        ["rate_limit_storm"],
        "retry_only",
        {
            "retry.attempts": "1..6",
            "retry.backoff.initial": "0.1s..20s log",
            "retry.max_retry_after": "1s..120s log",
        },
        ["max slo_attainment"],
        (),
        ["scenario.horizon=2m"],
    ),
    "cache": SearchRequest(
        ["steady"],
        "cached",
        {"cache.threshold": "0.7..0.99", "cache.ttl": "10s..1h log", "cache.size": "10..10000 log"},
        ["min cost_per_1k_requests_usd"],
        ["cache_false_hit_rate<=0.01"],
        ["scenario.horizon=4m"],
    ),
    "budget shift": SearchRequest(
        ["demo"],
        "budget_shift",
        {"budget.shift_at": "0.05..1", **TIMEOUTS},
        ["max quality_mean"],
        ["cost_per_1k_requests_usd<=5", "success_rate>=0.97"],
        [*OUTAGE, "scenario.horizon=8m", "scenario.budget.usd=2.4"],
    ),
}

Chosen = dict[tuple[str, int], Candidate]
"""(method, runs) -> what it recommends."""


@dataclass
class Memory:
    """The simulator, asked once for each run."""

    simulator: Simulator
    known: dict[tuple[str, RunTask], Run] = field(default_factory=dict)

    def __call__(
        self, tasks: list[RunTask], settings: CandidateValues
    ) -> Iterator[tuple[RunTask, Run]]:
        names = {
            task: (json.dumps(settings[task.candidate], sort_keys=True), task._replace(candidate=0))
            for task in tasks
        }
        for task, run in self.simulator(
            [task for task in tasks if names[task] not in self.known], settings
        ):
            self.known[names[task]] = run
        for task in tasks:
            yield task, self.known[names[task]]


def raced(
    plan: SearchPlan,
    memory: Memory,
    method: str,
    proposer: Callable[[], Proposer],
    budgets: tuple[int, ...],
) -> Chosen:
    """What a race recommends with each budget."""
    chosen = {}
    for budget in budgets:
        archive = Evaluations(plan.space, 1, memory)
        Search(archive, plan.goals, proposer(), budget, plan.request.seed).run()
        chosen[method, budget] = Surrogate(archive, plan.goals).order(
            find_leaders(archive), sure=True
        )[0]
    return chosen


def best(plan: SearchPlan, made: list[Candidate]) -> Candidate:
    return Ranking(made, plan.goals, 1, EACH).order(sure=True)[0]


def listed(
    plan: SearchPlan, memory: Memory, method: str, places: list[Point], budgets: tuple[int, ...]
) -> Chosen:
    """What eight runs of each of these settings recommend, for as many of them as a budget
    allows."""
    archive = Evaluations(plan.space, 1, memory)
    made = [archive.add(plan.space.values(point), point, 1) for point in places]
    archive.run(made, SEARCH, EACH)
    return {(method, budget): best(plan, made[: budget // EACH]) for budget in budgets}


def advised(plan: SearchPlan, memory: Memory, budgets: tuple[int, ...]) -> Chosen:
    """optuna's TPE alone, one setting after another."""
    archive, advisor = (
        Evaluations(plan.space, 1, memory),
        OptunaProposer("tpe", plan.space, plan.goals, plan.request.seed),
    )
    archive.run([archive.start], SEARCH, EACH)
    made: list[Candidate] = []
    for _ in range(budgets[-1] // EACH):
        for values, point in advisor.ask(archive, 1, 1, None):
            made.append(archive.add(values, point, 1))
            archive.run([made[-1]], SEARCH, EACH)
            advisor.tell(Ranking([made[-1], archive.start], plan.goals, 1, EACH), [made[-1]])
    return {("TPE alone", budget): best(plan, made[: budget // EACH]) for budget in budgets}


def grid(plan: SearchPlan) -> list[Point]:
    """Five classes of each parameter, by their middles."""
    middles = [(2 * place + 1) / (2 * SIDE) for place in range(SIDE)]
    return list(itertools.product(middles, repeat=len(plan.space.parameters)))


def searched(
    plan: SearchPlan, memory: Memory, budgets: tuple[int, ...]
) -> tuple[Chosen, list[Candidate]]:
    """What every method recommends, and the grid's settings that keep the constraints, in its
    order."""
    archive = Evaluations(plan.space, 1, memory)
    cells = [archive.add(plan.space.values(point), point, 1) for point in grid(plan)]
    archive.run(cells, SEARCH, EACH)
    everything, seed = Ranking(cells, plan.goals, 1, EACH), plan.request.seed
    order = everything.order(sure=True)
    ranked = [each for each in order if everything.shortfall(each, sure=True) == 0] or order
    drawn = sobol_points(len(plan.space.parameters), 0, budgets[-1] // EACH, seed + 1000)
    chosen = {
        **raced(plan, memory, "default", lambda: SobolProposer(seed), budgets),
        **raced(
            plan,
            memory,
            "TPE, our race",
            lambda: OptunaProposer("tpe", plan.space, plan.goals, seed),
            budgets,
        ),
        **advised(plan, memory, budgets),
        **listed(plan, memory, "random", drawn, budgets),
        ("grid", EACH * len(cells)): ranked[0],
    }
    return chosen, ranked


def losses(plan: SearchPlan, candidates: list[Candidate]) -> list[tuple[float, float]]:
    """(loss, by how much constraints are missed) of each in fresh weather."""
    [wish], found = plan.goals.objectives, []
    for each in candidates:
        missed = sum(
            max(0.0, -bound.margin(_mean(each, bound.metric))) for bound in plan.goals.constraints
        )
        found.append((wish.sign * _mean(each, wish.metric), missed))
    return found


def _mean(each: Candidate, metric: str) -> float:
    known = [value for value in each.series(FRESH, 0, metric, TRUTH) if value is not None]
    return sum(known) / len(known) if known else 1e9


def problem(
    wanted: SearchRequest, seeds: int, workers: int, budgets: tuple[int, ...]
) -> list[dict[tuple[str, int], float]]:
    """For each seed the regret of every method and budget."""
    rounds, others, middle = [], [], None
    for seed in range(1, seeds + 1):
        plan = plan_search(replace(wanted, seed=seed))
        fresh = [replace(made, seed=fresh_seed(0)) for made in plan.configurations]
        memory = Memory(
            Simulator(
                {SEARCH: plan.configurations, FRESH: fresh}, plan.policy, ProcessPool(workers)
            )
        )
        chosen, ranked = searched(plan, memory, budgets)
        rounds.append(chosen)
        others += ranked[:SIDE]
        middle = middle or ranked[len(ranked) // 2]
        if seed < seeds:
            memory.simulator.close()
    assert middle is not None
    truth, known = Evaluations(plan.space, 1, memory), {}
    for each in [middle, *others, *(each for chosen in rounds for each in chosen.values())]:
        name = json.dumps(plan.space.effective(each.values))
        known[name] = known.get(name) or truth.add(each.values, each.point, 1)
    truth.run(known.values(), FRESH, TRUTH)
    memory.simulator.close()
    told = dict(zip(known, losses(plan, list(known.values())), strict=True))
    least, far = (
        min(missed for _, missed in told.values()),
        max(missed for _, missed in told.values()) or 1.0,
    )
    top = min(loss for loss, missed in told.values() if missed <= least)
    width = abs(told[json.dumps(plan.space.effective(middle.values))][0] - top) or 1.0

    def regret(each: Candidate) -> float:
        loss, missed = told[json.dumps(plan.space.effective(each.values))]
        return max(0.0, loss - top) / width + missed / far

    return [{key: regret(each) for key, each in chosen.items()} for chosen in rounds]


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--seeds", type=int)
    words.add_argument("--long", action="store_true")
    words.add_argument("--workers", type=int, default=min(4, os.cpu_count() or 1))
    words.add_argument("--only", help="problems whose name contains this")
    given = words.parse_args()
    began, found = time.monotonic(), {}
    for name, wanted in PROBLEMS.items():
        if given.only is None or given.only in name:
            found[name] = problem(
                wanted,
                given.seeds or (10 if given.long else 3),
                given.workers,
                (*BUDGETS, 200) if given.long else BUDGETS,
            )
            table(name, found[name])
    rows = [row for every in found.values() for row in every]
    table(f"all ({time.monotonic() - began:.0f} s)", rows)
    verdict(found)


def table(name: str, rows: list[dict[tuple[str, int], float]]) -> None:
    """Regrets of a problem, or of all."""
    print(
        f"\n{name}: regret over {len(rows)} "
        f"searches\n{'':16}{'runs':>6}{'quartile':>10}{'median':>8}{'quartile':>10}"
    )
    for method, runs in rows[0]:
        low, middle, high = np.quantile([row[method, runs] for row in rows], [0.25, 0.5, 0.75])
        print(f"{method:16}{runs:6}{low:10.3f}{middle:8.3f}{high:10.3f}", flush=True)


def verdict(found: dict[str, list[dict[tuple[str, int], float]]]) -> None:
    """Does the default reach the grid's regret with a tenth of its runs?"""
    grids = next(key for key in next(iter(found.values()))[0] if key[0] == "grid")
    ours = "default", grids[1] // 10
    rows = [row for every in found.values() for row in every]
    won = sum(np.median([row[ours] - row[grids] for row in every]) <= 0 for every in found.values())
    cases = sum(row[ours] <= row[grids] for row in rows)
    medians = [float(np.median([row[key] for row in rows])) for key in (ours, grids)]
    print(
        f"\ndefault with {ours[1]} runs {medians[0]:.3f}, grid with {grids[1]} runs "
        f"{medians[1]:.3f}: ",
        end="",
    )
    told = "reached" if medians[0] <= medians[1] else "not reached"
    print(
        f"{told}; as good or better in {won} of {len(found)} problems, {cases} of {len(rows)} "
        f"searches"
    )


if __name__ == "__main__":
    main()
