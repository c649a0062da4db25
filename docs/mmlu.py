"""A cascade, random and perfect routing at 95 % of the strong model's accuracy on RouteLLM's MMLU
table: closed forms, and what the simulator says.

With p the weak model's accuracy, and a judge that accepts T of the right and F of the wrong
answers, the share 1 - pT - (1-p)F is asked twice, and p T + both (1-T) + strong_only (1-F) of all
answers are right (each count as a share of the table).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from findings import ROOT, cell
from generated import table

from simroute.config.configuration import Configuration
from simroute.config.loading import load
from simroute.core import Judge
from simroute.execution.options import ExecutionOptions
from simroute.studies.comparison.run import compare

BOTH, WEAK_ONLY, STRONG_ONLY, NEITHER = 8816, 742, 2496, 1983
N = BOTH + WEAK_ONLY + STRONG_ONLY + NEITHER
WEAK, STRONG = (BOTH + WEAK_ONLY) / N, (BOTH + STRONG_ONLY) / N
GOAL = 0.95 * STRONG
AUROCS = (0.6, 0.7, 0.75, 0.8, 0.9)
WHERE = "../shared/data/outcomes_mmlu_routellm.csv.gz"
PLACE = ROOT.parent / "shared" / "data" / "outcomes_mmlu_routellm.csv.gz"
TABLE = PLACE if PLACE.is_file() else None
COST, RIGHT, SENDS = "cost_per_1k_requests_usd", "quality_mean", "attempts_per_request"
REPLICATIONS = 5


def accuracy(judge: Judge) -> float:
    """Of a cascade on the whole table."""
    right, wrong = judge.accepts(True), judge.accepts(False)
    return WEAK * right + (BOTH * (1 - right) + STRONG_ONLY * (1 - wrong)) / N


def twice(judge: Judge) -> float:
    """The share of requests that the strong model is asked as well."""
    return 1 - WEAK * judge.accepts(True) - (1 - WEAK) * judge.accepts(False)


def threshold(auroc: float, goal: float = GOAL) -> float:
    """The false_accept at which a judge's cascade reaches the goal at the least cost: accuracy
    falls with it beyond its maximum."""
    low, high = (
        max((accuracy(Judge(auroc=auroc, false_accept=f / 1000)), f / 1000) for f in range(1000))[
            1
        ],
        1.0,
    )
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (
            (middle, high)
            if accuracy(Judge(auroc=auroc, false_accept=middle)) >= goal
            else (low, middle)
        )
    return low


def random_share(goal: float = GOAL) -> float:
    """The share of requests that random routing must send to the strong model."""
    return (goal - WEAK) / (STRONG - WEAK)


def oracle_share(goal: float = GOAL) -> float:
    """The same for one that knows where only the strong model is right, and asks only one model."""
    return goal - WEAK


def measured() -> dict[str, Any]:
    """The strong model alone, the weak one alone, both ways of mixing them, and cascades with
    judges of several AUROCs, on the table."""
    words = [f"scenario.workload.outcomes={TABLE}"]
    scenario, cascade, direct = (
        str(ROOT / name)
        for name in ("scenarios/cascade_mmlu.yaml", "policies/cascade.yaml", "policies/direct.yaml")
    )
    strong = load("compare", scenario, [direct], words, 1, REPLICATIONS)
    found = {"strong": figures(strong, "direct"), "weak": figures(weak_alone(strong), "direct")}
    high, low = (found[name][COST]["mean"] for name in ("strong", "weak"))
    for name, share in (("random", random_share()), ("oracle", oracle_share())):
        values = {COST: share * high + (1 - share) * low, RIGHT: GOAL, SENDS: 1.0, "share": share}
        found[name] = {
            metric: {"mean": value, "low": None, "high": None} for metric, value in values.items()
        }
    for auroc in AUROCS:
        passes = round(threshold(auroc), 4)
        more = [
            f"policy.cascade.judge.auroc={auroc}",
            f"policy.cascade.judge.false_accept={passes}",
        ]
        found[f"judge@{auroc}"] = figures(
            load("compare", scenario, [cascade], [*words, *more], 1, REPLICATIONS), "cascade"
        )
        found[f"judge@{auroc}"]["false_accept"] = {"mean": passes, "low": None, "high": None}
    return found


def weak_alone(made: Configuration) -> Configuration:
    """The same weather without the strong model."""
    weak = list(made.scenario.deployments.items())[1:]
    return replace(made, scenario=replace(made.scenario, deployments=dict(weak)))


def figures(made: Configuration, policy: str) -> dict[str, Any]:
    return {
        metric: found.plain()
        for metric, found in compare(made, options=ExecutionOptions(workers=2))
        .intervals[policy]
        .items()
        if metric in (COST, RIGHT, SENDS)
    }


def shown(record: dict[str, Any]) -> str:
    """The table, and how to get one of its rows."""
    found = record["figures"]
    heads = (
        "at 95 % of the strong model's accuracy",
        "wrong answers that pass",
        "asked twice, or the strong one alone",
        "right",
        "$ per 1,000 requests",
    )
    names = {
        "strong": "strong model alone",
        "random": "random routing",
        "oracle": "oracle",
        "weak": "weak model alone",
    }
    names |= {f"judge@{auroc}": f"cascade, judge of AUROC {auroc:g}" for auroc in AUROCS}
    rows = []
    for name in ("strong", "random", *(f"judge@{auroc}" for auroc in AUROCS), "oracle", "weak"):
        row = found[name]
        passes = f"{100 * row['false_accept']['mean']:.1f} %" if "false_accept" in row else ""
        asked = (
            row["share"]["mean"]
            if "share" in row
            else row[SENDS]["mean"] - 1
            if "@" in name
            else float(name == "strong")
        )
        rows.append(
            (
                names[name],
                passes,
                f"{100 * asked:.1f} %",
                *(cell(metric, row[metric]) for metric in (RIGHT, COST)),
            )
        )
    least = f"{100 * GOAL:.2f}"
    said = (
        f"The strong model is right in {100 * STRONG:.2f} %, so {least} % are wanted. "
        f"Thresholds, random routing and the oracle are closed forms; "
    )
    said += "what the cascades then come to is simulated on the table."
    command = (
        "simroute compare scenario=cascade_mmlu policy=direct,cascade "
        "scenario.workload.outcomes=TABLE \\\n"
    )
    command += (
        f"  policy.cascade.judge.auroc=0.75 "
        f"policy.cascade.judge.false_accept={found['judge@0.75']['false_accept']['mean']:g}"
    )
    return "\n\n".join(
        [said, table(heads, rows), f"```sh\n{command} --seed 1 --replications {REPLICATIONS}\n```"]
    )
