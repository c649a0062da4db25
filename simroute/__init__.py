"""simroute: know what a routing policy does to availability, latency, cost and quality before a
provider fails.

import simroute as sr
scenario = sr.load_scenario("anthropic_outage")
result = sr.simulate(scenario, policy="circuit_breaker", seed=1)
study = sr.compare(scenario, policies=["failover", "cascade"], replications=20)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simroute.version import __version__

if TYPE_CHECKING:
    from simroute.api import (
        Result,
        compare,
        frontier,
        load_scenario,
        replay,
        sensitivity,
        simulate,
        tune,
    )
    from simroute.core import layer

__all__ = [
    "Result",
    "__version__",
    "compare",
    "frontier",
    "layer",
    "load_scenario",
    "replay",
    "sensitivity",
    "simulate",
    "tune",
]

WHERE = {"layer": "simroute.core"} | dict.fromkeys(
    ("load_scenario", "simulate", "compare", "tune", "replay", "sensitivity", "frontier", "Result"),
    "simroute.api",
)


def __getattr__(name: str) -> Any:
    """Names on demand, so that `import simroute` stays light."""
    from importlib import import_module

    if name in WHERE:
        return getattr(import_module(WHERE[name]), name)
    if name == "live":
        return import_module("simroute.live")
    raise AttributeError(f"module 'simroute' has no attribute {name!r}")
