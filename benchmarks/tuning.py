"""How many runs does a good setting cost: our default search, the same race with optuna's TPE, TPE alone, random search, a grid?

Five problems of the simulator with short horizons. All meet the same weather (common random numbers); random search, TPE alone and the grid
run every setting eight times. Regret is measured in 32 fresh replications, against the best setting that anybody has chosen or the
grid has ranked among its first five; 1 is the distance of the grid's median setting, and what misses a constraint pays by how far. Medians over
problems and seeds.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from simroute.studies.tuning import Plan, Wanted, planned
from simroute.studies.tuning.advisor import Advisor
from simroute.studies.tuning.archive import FRESH, SEARCH, Archive, Candidate, Run, Settings, Task
from simroute.studies.tuning.confirm import leading
from simroute.studies.tuning.judge import Field
from simroute.studies.tuning.proposers import Proposer, Sobol
from simroute.studies.tuning.race import Race
from simroute.studies.tuning.simulator import Simulator
from simroute.studies.tuning.sobol import points
from simroute.studies.tuning.space import Point

EACH, TRUTH, SIDE = 8, 32, 5
BUDGETS = (50, 100, 200)
OUTAGE = ["scenario.horizon=4m", "scenario.outages.morning.start=30%", "scenario.outages.morning.end=60%", "scenario.slo.latency=8s"]
TARGETS = "[first, other_company] | [other_company, first] | [cheapest, first] | [first, cheapest] | [first, other_company, cheapest]"
BREAKER = {"breaker.failures": "1..15", "breaker.cooldown": "5s..300s log", "timeout.total": "3s..40s log"}
PROBLEMS: dict[str, Wanted] = {
    "breaker, in time": Wanted(["demo"], "circuit_breaker", BREAKER, ["max slo_attainment"], (), OUTAGE),
    "breaker, cheap": Wanted(["demo"], "circuit_breaker", BREAKER, ["min cost_per_1k_requests_usd"], ["slo_attainment>=0.93"], OUTAGE),
    "retry into a limit": Wanted(
        ["rate_limit_storm"], "retry_only",
        {"retry.attempts": "1..6", "retry.backoff.initial": "0.1s..20s log", "retry.max_retry_after": "1s..120s log"},
        ["max slo_attainment"], (), ["scenario.horizon=2m"],
    ),
    "cache": Wanted(
        ["steady"], "cached", {"cache.threshold": "0.7..0.99", "cache.ttl": "10s..1h log", "cache.size": "10..10000 log"},
        ["min cost_per_1k_requests_usd"], ["cache_false_hit_rate<=0.01"], ["scenario.horizon=3m"],
    ),
    "failover, fast": Wanted(
        ["demo"], "failover", {"timeout.total": "3s..40s log", "timeout.first_token": "0.5s..15s log", "fallback.targets": TARGETS},
        ["min latency_p95_s"], ["success_rate>=0.97"], OUTAGE,
    ),
}  # fmt: skip


@dataclass
class Memory:
    """The simulator, asked once for each run."""

    simulator: Simulator
    known: dict[tuple[str, Task], Run] = field(default_factory=dict)

    def __call__(self, tasks: list[Task], settings: Settings) -> Iterator[tuple[Task, Run]]:
        names = {task: (json.dumps(settings[task.candidate], sort_keys=True), task._replace(candidate=0)) for task in tasks}
        for task, run in self.simulator([task for task in tasks if names[task] not in self.known], settings):
            self.known[names[task]] = run
        for task in tasks:
            yield task, self.known[names[task]]


def raced(plan: Plan, memory: Memory, proposer: Callable[[], Proposer]) -> dict[int, Candidate]:
    """What a race recommends with each budget."""
    chosen = {}
    for budget in BUDGETS:
        archive = Archive(plan.space, 1, memory)
        Race(archive, plan.goals, proposer(), budget).run()
        chosen[budget] = leading(archive, plan.goals).order(sure=True)[0]
    return chosen


def listed(plan: Plan, memory: Memory, places: list[Point]) -> dict[int, Candidate]:
    """What eight runs of each of these settings recommend, for as many of them as each budget allows, and for all."""
    archive = Archive(plan.space, 1, memory)
    made = [archive.add(plan.space.values(point), point, 1) for point in places]
    archive.run(made, SEARCH, EACH)
    budgets = [budget for budget in BUDGETS if budget < EACH * len(made)]
    found = {budget: Field(made[: budget // EACH], plan.goals, 1, EACH).order()[0] for budget in budgets}
    return found | {EACH * len(made): Field(made, plan.goals, 1, EACH).order()[0]}


def advised(plan: Plan, memory: Memory, seed: int) -> dict[int, Candidate]:
    """optuna's TPE alone, one setting after another."""
    archive, advisor = Archive(plan.space, 1, memory), Advisor("tpe", plan.space, plan.goals, seed)
    archive.run([archive.start], SEARCH, EACH)
    made: list[Candidate] = []
    for _ in range(BUDGETS[-1] // EACH):
        for values, point in advisor.ask(archive, 1, 1, ()):
            made.append(archive.add(values, point, 1))
            archive.run([made[-1]], SEARCH, EACH)
            advisor.tell(Field([made[-1], archive.start], plan.goals, 1, EACH), [made[-1]])
    return {budget: Field(made[: budget // EACH], plan.goals, 1, EACH).order()[0] for budget in BUDGETS}


def grid(plan: Plan) -> list[Point]:
    """Five classes of each parameter, by their middles."""
    middles = [(2 * place + 1) / (2 * SIDE) for place in range(SIDE)]
    return list(itertools.product(middles, repeat=len(plan.space.parameters)))


def losses(plan: Plan, candidates: list[Candidate], stage: str, count: int) -> list[tuple[float, float]]:
    """(loss, by how much constraints are missed) of each."""
    wish = plan.goals.objectives[0]
    found = []
    for each in candidates:
        value = _mean(each.series(stage, 0, wish.metric, count))
        missed = sum(max(0.0, -bound.margin(_mean(each.series(stage, 0, bound.metric, count)))) for bound in plan.goals.constraints)
        found.append((wish.sign * value, missed))
    return found


def _mean(values: list[float | None]) -> float:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else 1e9


def problem(wanted: Wanted, seed: int, workers: int) -> dict[str, dict[int, float]]:
    """Method -> budget -> regret."""
    plan = planned(Wanted(**{**wanted.__dict__, "seed": seed}))
    memory = Memory(Simulator(plan.stages, plan.policy, workers))
    whole = Archive(plan.space, 1, memory)
    cells = [whole.add(plan.space.values(point), point, 1) for point in grid(plan)]
    whole.run(cells, SEARCH, EACH)
    chosen: dict[str, dict[int, Candidate]] = {
        "default": raced(plan, memory, lambda: Sobol(seed)),
        "TPE + our race": raced(plan, memory, lambda: Advisor("tpe", plan.space, plan.goals, seed)),
        "TPE alone": advised(plan, memory, seed),
        "random": listed(plan, memory, points(len(plan.space.parameters), 0, BUDGETS[-1] // EACH, seed + 1000)),
        "grid": {EACH * len(cells): Field(cells, plan.goals, 1, EACH).order()[0]},
    }
    ranked = Field(cells, plan.goals, 1, EACH).order()
    every = [each for found in chosen.values() for each in found.values()] + ranked[:5] + [ranked[len(ranked) // 2]]
    truth = Archive(plan.space, 1, memory)
    judged = [truth.add(each.values, each.point, 1) for each in every]
    truth.run(judged, FRESH, TRUTH)
    memory.simulator.close()
    found = losses(plan, judged, FRESH, TRUTH)
    best = min(loss for loss, missed in found if missed <= min(m for _, m in found))
    width = abs(found[-1][0] - best) or 1.0
    scale = max(missed for _, missed in found) or 1.0
    regrets = iter([max(0.0, loss - best) / width + missed / scale if missed else (loss - best) / width for loss, missed in found])
    return {method: {budget: next(regrets) for budget in budgets} for method, budgets in chosen.items()}


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--seeds", type=int, default=1)
    words.add_argument("--workers", type=int, default=min(4, os.cpu_count() or 1))
    words.add_argument("--only", help="problems whose name contains this")
    given = words.parse_args()
    began, rows = time.monotonic(), []
    for name, wanted in PROBLEMS.items():
        if given.only is None or given.only in name:
            for seed in range(1, given.seeds + 1):
                rows.append(problem(wanted, seed, given.workers))
                told = {method: {budget: round(regret, 3) for budget, regret in found.items()} for method, found in rows[-1].items()}
                print(f"{name}, seed {seed}: {told}", flush=True)
    print(f"\nmedian regret over {len(rows)} problems and seeds, by runs ({time.monotonic() - began:.0f} s)")
    for method in rows[0]:
        print(f"  {method:<16}" + "".join(f"{budget:>6}: {_middle(rows, method, budget):.3f}" for budget in rows[0][method]))
    verdict(rows)


def _middle(rows: list[dict[str, dict[int, Any]]], method: str, budget: int) -> float:
    return statistics.median(row[method][budget] for row in rows)


def verdict(rows: list[dict[str, dict[int, float]]]) -> None:
    """Does the default reach the grid's regret with a tenth of its runs?"""
    size = next(iter(rows[0]["grid"]))
    budget = max(budget for budget in BUDGETS if budget <= size / 10)
    ours, theirs = _middle(rows, "default", budget), _middle(rows, "grid", size)
    won = sum(row["default"][budget] <= row["grid"][size] for row in rows)
    print(f"default with {budget} runs {ours:.3f}, grid with {size} runs {theirs:.3f}: ", end="")
    print(f"{'reached' if ours <= theirs else 'not reached'} with a tenth (as good or better in {won} of {len(rows)} cases)")


if __name__ == "__main__":
    main()
