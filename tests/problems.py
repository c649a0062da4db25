"""Problems of tuning whose answer is known: they stand in for the simulator."""

import math

from simroute.config.variation import Variation
from simroute.metrics import Figures
from simroute.models.random import Streams
from simroute.studies.tuning.search.evaluations import POLICY, Run, RunTask
from simroute.testing import ScriptedExecutor

COST, SUCCESS = "cost_per_1k_requests_usd", "success_rate"


def known(cost, success=lambda values: 1.0, noise=0.3, own=0.02):
    """Stands in for the simulator: `cost(values)` and `success(values)`, with weather that all
    settings share and a little that they do not."""

    def evaluate(tasks, settings):
        for task in tasks:
            values = settings[task.candidate]
            seed = 1 if task.stage == "search" else 2
            shared = (
                Streams(seed, task.replication).block("weather", task.scenario, block=0).normal()
            )
            alone = (
                Streams(seed, task.replication)
                .block("luck", task.scenario, task.candidate, block=0)
                .normal()
            )
            kept = min(1.0, max(0.0, success(values) + 0.001 * shared))
            yield task, Run({COST: cost(values) + noise * shared + own * alone, SUCCESS: kept}, {})

    return evaluate


def scripted(plan, evaluate):
    """An executor that plays the jobs of a search with a stand-in for the simulator."""

    def play(job):
        made = job.configuration
        stage = "search" if made.seed == plan.request.seed else "fresh"
        if job.policy in plan.against:
            number, values = -1 - plan.against.index(job.policy), {POLICY: job.policy}
        else:
            number, layers = int(job.policy.split()[-1]), Variation(made, job.policy)
            values = {each.name: layers.current_value(each.name) for each in plan.space.parameters}
        task = RunTask(number, plan.scenarios.index(made.scenario_name), stage, job.replication)
        ((_, run),) = evaluate([task], {number: values})
        return Figures(run.metrics, run.pooled, {}, [], {})

    return ScriptedExecutor(play)


def bowl(values):
    """Least, 1, at seven failures and forty seconds."""
    failures, cooldown = values.get("breaker.failures", 3), values.get("breaker.cooldown", 30.0)
    return 1 + ((failures - 7) / 9) ** 2 + (math.log(cooldown / 40) / 2) ** 2
