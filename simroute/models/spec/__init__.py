"""A scenario as it is written: every key of a scenario file, with its unit, range and default, a
file for each section. No behaviour here."""

from simroute.models.spec.callers import AskAgain, Callers, ClientOptions, Pause, Sessions, Spike
from simroute.models.spec.deployments import (
    Clustered,
    Deployment,
    PriceList,
    PriceStep,
    QualityStep,
    ServiceTier,
)
from simroute.models.spec.latency import ColdStart, Drift, Latency, Load, Slow
from simroute.models.spec.limits import Account, Credits, Limits, RateLimits
from simroute.models.spec.outages import Depth, Flapping, Incidents, Outage, Starts
from simroute.models.spec.promise import IN_TIME, Budget, Slo, TaskSlo
from simroute.models.spec.prompt_cache import PromptCache
from simroute.models.spec.scenario import Gateway, Scenario
from simroute.models.spec.workload import (
    Burstiness,
    Lengths,
    Profile,
    ReadOptions,
    Repeats,
    Task,
    Workload,
)

__all__ = [
    "IN_TIME",
    "Account",
    "AskAgain",
    "Budget",
    "Burstiness",
    "Callers",
    "ClientOptions",
    "Clustered",
    "ColdStart",
    "Credits",
    "Deployment",
    "Depth",
    "Drift",
    "Flapping",
    "Gateway",
    "Incidents",
    "Latency",
    "Lengths",
    "Limits",
    "Load",
    "Outage",
    "Pause",
    "PriceList",
    "PriceStep",
    "Profile",
    "PromptCache",
    "QualityStep",
    "RateLimits",
    "ReadOptions",
    "Repeats",
    "Scenario",
    "ServiceTier",
    "Sessions",
    "Slo",
    "Slow",
    "Spike",
    "Starts",
    "Task",
    "TaskSlo",
    "Workload",
]
