"""One policy through one replication: the place where weather, world, policy, ledger and metrics
meet."""

from __future__ import annotations

import gc
import math
from collections.abc import Callable
from typing import Any
from weakref import WeakSet

from simpy import Environment

from simroute.config.configuration import Configuration
from simroute.config.inputs import open_inputs
from simroute.experiment.fleet import Fleet
from simroute.experiment.trace_columns import (
    budget_periods,
    budget_span,
    observed_sends,
    trace_days,
)
from simroute.ledger import Ledger, Sink
from simroute.metrics import Context, EvidenceFold, Figures, Fold
from simroute.metrics.partials import merge_partials, partial_state
from simroute.models.closed_loop import stated_rate
from simroute.models.weather import Weather
from simroute.worlds.sim import SimWorld
from simroute.worlds.sim.exchange import Exchange
from simroute.worlds.sim.prompt_caching import CachingWorld
from simroute.worlds.sim.restarts import Restarts

MAX_WORLDS = 16
"""Worlds of earlier runs that may be left before garbage is collected. Python counts objects, not
the megabytes of arrays that a world holds, and would let hundreds pile up."""
_worlds: WeakSet[SimWorld] = WeakSet()
"""Those that are left: a world is freed with its run, unless a layer made a ring of references."""


class ReplicationError(RuntimeError):
    """A replication that failed, and which one it was."""

    def __init__(self, policy: str, replication: int, text: str) -> None:
        super().__init__(policy, replication, text)
        self.policy, self.replication = policy, replication

    def __str__(self) -> str:
        return str(self.args[2])


def build_world(
    configuration: Configuration,
    policy: str,
    replication: int,
    sinks: list[Sink],
    env: Any = None,
    wrap: Callable[..., Any] | None = None,
) -> SimWorld:
    """The simulated world of one replication, not yet run. Every replica gets layers of its own,
    unless they are shared.

    `around(layers)` may wrap the layers of a replica in something that forwards.
    """
    gateway = configuration.scenario.gateway
    fleet = Fleet(gateway, configuration.policies[policy], wrap)
    sky = build_weather(configuration, replication)
    if configuration.part is not None:
        env = Environment(sky.start_s)
    caches = any(each.prompt_cache for each in configuration.scenario.deployments.values())
    kind = CachingWorld if caches else SimWorld
    world = kind(sky, fleet.stacks(), Ledger(sinks), env)
    if gateway.restart_every is not None or gateway.flush_every is not None:
        Restarts(gateway, fleet).start(world)
    if gateway.sync_every is not None and len(fleet.own) > 1:
        Exchange(fleet.own, gateway.sync_every).start(world)
    return world


def build_weather(configuration: Configuration, replication: int) -> Weather:
    """The weather of a replication, the same for every policy."""
    scenario = configuration.scenario
    inputs = open_inputs(scenario.workload)
    return Weather(scenario, configuration.seed, replication, inputs, configuration.part)


def build_context(configuration: Configuration, world: SimWorld) -> Context:
    """What folds must know of a run."""
    slo, load = configuration.scenario.slo, configuration.scenario.workload
    models, sky = world.models, world.weather
    codes = {model.target.name: code for code, model in enumerate(models)}
    windows = [(w.start, w.end, tuple(codes[name] for name in w.targets)) for w in sky.windows]
    names = {
        "target": list(codes),
        "task": sky.tasks,
        "user": sky.users,
        "feature": sky.features,
    } | ({"team": sky.teams} if sky.teams else {})
    calendar = trace_days(configuration)
    return Context(
        sky.horizon,
        slo.in_time,
        slo.ttft,
        slo.minute_success,
        windows,
        names | ({} if calendar is None else {"day": calendar[0]}),
        [m.target.provider for m in models],
        [m.target.model for m in models],
        [m.spec.limits.concurrency for m in models],
        None if calendar is None else calendar[1],
        observed_sends(models),
        replicas=1
        if configuration.scenario.gateway.shared
        else configuration.scenario.gateway.replicas,
        budget=budget_periods(configuration.scenario),
        budget_span=budget_span(configuration.scenario),
        rate=stated_rate(load),
        slo_by_task={name: slo.limits(name) for name in slo.tasks},
    )


def replicate(
    configuration: Configuration,
    policy: str,
    replication: int,
    rows: Callable[[SimWorld], Sink] | None = None,
    progress: Any = None,
) -> Figures:
    """Run it and fold figures and evidence. `rows(world)` makes a sink that sees every chunk as
    well. Raises ReplicationError."""
    if len(_worlds) >= MAX_WORLDS:
        gc.collect()
    sinks: list[Sink] = []
    world = build_world(configuration, policy, replication, sinks)
    _worlds.add(world)
    context = build_context(configuration, world)
    fold, is_first = Fold(context), replication == configuration.replication_numbers[0]
    evidence = EvidenceFold(context, story=world.ledger.event_names if is_first else None)
    sinks += [fold, evidence]
    if rows is not None:
        sinks.append(rows(world))
    try:
        world.run(progress)
    except Exception as error:
        where = (
            f"policy {policy}, replication {replication}, seed {configuration.seed}, at "
            f"{world.env.now:.3f} s"
        )
        raise ReplicationError(
            policy, replication, f"{where}: {type(error).__name__}: {error}"
        ) from error
    world.close()
    busy = [world.upstreams[model.target.name].busy_seconds for model in world.models]
    saved = sum(getattr(upstream, "saved_nano", 0) for upstream in set(world.upstreams.values()))
    fold.saved = saved
    ledger = world.ledger
    words, causes = ledger.event_names.words, ledger.causes.words
    figures = (
        fold.finish(words, busy, causes)
        if configuration.part is None
        else merge_partials(context, [partial_state(fold, words, busy, causes)])
    )
    figures.evidence = evidence.finish(
        fold,
        {
            "event": words,
            "layer": ledger.layers.words,
            "error": ledger.errors.words,
            "cause": causes,
        },
    )
    assert all(value is None or math.isfinite(value) for value in figures.metrics.values())
    return figures
