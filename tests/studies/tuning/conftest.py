"""A search of a small policy in a small scenario."""

import pytest

from problems import COST, scripted
from simroute.execution.options import ExecutionOptions
from simroute.studies.tuning import SearchRequest, plan_search, tune

ENTRIES = {"breaker.failures": "2..20", "breaker.cooldown": "5s..300s log"}


@pytest.fixture(scope="session")
def wanted():
    """A search of two parameters of the circuit breaker in ten minutes of steady weather; keywords
    change it."""

    def make(**changes):
        asked = {
            "scenarios": ["steady"],
            "policy": "circuit_breaker",
            "entries": ENTRIES,
            "objectives": [f"min {COST}"],
            "overrides": ["scenario.horizon=2m"],
            "evaluations": 200,
            "confirm": 8,
        }
        return SearchRequest(**{**asked, **changes})

    return make


@pytest.fixture(scope="session")
def solved(wanted):
    """The result of a search with a stand-in for the simulator."""

    def solve(evaluate, around=lambda executor: executor, **changes):
        plan = plan_search(wanted(**changes))
        return tune(plan, options=ExecutionOptions(executor=around(scripted(plan, evaluate))))

    return solve
