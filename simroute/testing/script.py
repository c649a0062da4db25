"""A scripted upstream: what each target answers to its first, second, … call, and what a stack of
layers makes of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from simroute.ledger import OUTCOMES, Chunk, Ledger
from simroute.models import spec
from simroute.models.blocks import Inputs
from simroute.models.weather import Weather
from simroute.traces import Trace
from simroute.worlds.sim import SimWorld
from simroute.worlds.sim.attempt import FILTERED, ODD, STALLED, Attempt
from simroute.worlds.sim.request import OpenBlock
from simroute.worlds.sim.upstream import Upstream


class Step(NamedTuple):
    """One answer: seconds until it is complete (or cut), status, Retry-After, seconds to the first
    token of a streamed one, and to where it stalls: no token comes from there on. error: the word
    for what went wrong; with status 200, `content_filter` is an answer that a filter stopped."""

    seconds: float = 1.0
    status: int = 200
    retry_after: float | None = None
    first: float | None = None
    stall: float | None = None
    error: str = "error"


Script = Mapping[str, Sequence[Step]]
"""Target -> its answers in the order of its calls; the last one goes on for ever."""


@dataclass
class PlayLog:
    """What happened. attempts: (start, target, attempt, status, end); requests: (outcome, target,
    latency); events: (t, event, target)."""

    attempts: list[tuple[float, str, int, int, float]] = field(default_factory=list)
    requests: dict[int, tuple[str, str, float]] = field(default_factory=dict)
    events: list[tuple[float, str, str]] = field(default_factory=list)
    rows: dict[str, list[Chunk]] = field(
        default_factory=lambda: {"requests": [], "attempts": [], "events": []}
    )


NO_TIME: Mapping[int, float] = defaultdict(float)
NEVER_ANSWERED: Mapping[int, float] = defaultdict(lambda: -1.0)
"""A refusal takes none, whichever request it is."""


class ScriptedUpstream(Upstream):
    """An upstream that answers by a script: its n-th answer belongs to the n-th call that is sent
    to it, refused or not."""

    steps: Sequence[Step] = ()
    asked = 0

    def draw(self, block: OpenBlock, number: int) -> Any:
        step = self.steps[min(self.asked, len(self.steps) - 1)]
        self.asked += 1
        return None, None, NO_TIME, NEVER_ANSWERED, step, None  # as `draws` has its columns

    def fail(self, attempt: Attempt) -> None:
        """What becomes of any call, answered or not, is its step, whatever the weather."""
        step: Step = attempt.draws[4]
        streamed = attempt.request.streamed
        attempt.status, attempt.seconds, attempt.retry_after = (
            step.status,
            step.seconds,
            step.retry_after,
        )
        if step.status == 200:
            attempt.first = step.seconds if step.first is None else step.first
            attempt.decode = step.seconds - attempt.first
            attempt.quality = 1.0
            if step.error == FILTERED:
                attempt.quality, attempt.error, attempt.callbacks = 0.0, FILTERED, ODD
            if streamed:
                self.stream(attempt, 1.0)
        else:
            attempt.error = step.error
            if streamed and step.first is not None:  # cut after its first token
                attempt.first, attempt.decode = step.first, step.seconds - step.first
                if step.stall is not None:
                    attempt.error, attempt.stops = STALLED, step.stall
                self.stream(attempt, 1.0)


class ScriptedWorld(SimWorld):
    """A simulated world whose upstreams answer as they are told."""

    endpoint = ScriptedUpstream

    def script(self, script: Script) -> None:
        for name, steps in script.items():
            upstream: Any = self.upstreams[name]
            upstream.steps = steps


def play(
    layers: Mapping[str, Any],
    script: Script,
    arrivals: Sequence[float] = (0.0,),
    *,
    streamed: bool = False,
    replicas: int = 1,
    **scenario: Any,
) -> PlayLog:
    """Send a request at each arrival through the layers, to scripted upstreams, in virtual time.
    Extra words go to the scenario, `limits` and `idempotency_keys` to each target; `models` are
    targets' (default: `model-` and the target's name); of `questions`, equal numbers are the same
    (default: none); `forbids` are providers (`company-` and the target's name) that must not see
    any request."""
    scripted = scripted_world(
        layers, script, arrivals, streamed=streamed, replicas=replicas, **scenario
    )
    scripted[0].run()
    return collect_log(*scripted)


def scripted_world(
    layers: Mapping[str, Any],
    script: Script,
    arrivals: Sequence[float],
    *,
    streamed: bool,
    replicas: int = 1,
    env: Any = None,
    **scenario: Any,
) -> tuple[ScriptedWorld, PlayLog]:
    """The same, not yet run."""
    import copy

    price, limits = spec.PriceList(1.0, 2.0), scenario.pop("limits", spec.Limits())
    keys = scenario.pop("idempotency_keys", False)
    questions = scenario.pop("questions", None)
    models = {name: f"model-{name}" for name in script} | scenario.pop("models", {})
    deployments = {
        name: spec.Deployment(
            f"company-{name}", models[name], price=price, limits=limits, idempotency_keys=keys
        )
        for name in script
    }
    load = spec.Workload(streamed=float(streamed))
    if forbids := scenario.pop("forbids", ()):
        load = replace(load, features={"all": 1.0}, forbid={"all": tuple(forbids)})
    gateway = spec.Gateway(replicas=replicas, overhead=0.0, shared=scenario.pop("shared", False))
    bare = spec.Scenario(
        deployments=deployments,
        workload=load,
        gateway=gateway,
        horizon=max(arrivals) + 1.0,
        **scenario,
    )
    count = len(arrivals)
    trace = Trace(np.array(arrivals, float), np.full(count, 1000), np.full(count, 100))
    if questions is not None:
        trace.ask(questions)
    log = PlayLog()
    ledger = Ledger([lambda table, chunk: log.rows[table].append(chunk)])
    shared = copy.deepcopy(dict(layers))
    stacks = [shared if gateway.shared else copy.deepcopy(dict(layers)) for _ in range(replicas)]
    world = ScriptedWorld(Weather(bare, 1, 0, Inputs(trace)), stacks, ledger, env)
    world.script(script)
    return world, log


def collect_log(world: ScriptedWorld, log: PlayLog) -> PlayLog:
    """The log in words, attempts in the order in which they were sent."""
    targets = [model.target.name for model in world.models]
    for chunk in log.rows["attempts"]:
        columns = (
            chunk[name].tolist()
            for name in ("start_s", "target", "attempt", "status", "end_s", "request_id")
        )
        rows = sorted(zip(*columns, strict=True), key=lambda row: (row[0], row[5], row[2]))
        log.attempts += [
            (start, targets[target], attempt, status, end)
            for start, target, attempt, status, end, _ in rows
        ]
    log.attempts.sort(key=lambda row: row[0])
    for chunk in log.rows["requests"]:
        for row in zip(
            *(chunk[name].tolist() for name in ("request_id", "outcome", "target", "latency_s")),
            strict=True,
        ):
            log.requests[row[0]] = (
                OUTCOMES[row[1]],
                targets[row[2]] if row[2] >= 0 else "",
                row[3],
            )
    names = world.ledger.event_names.words
    for chunk in log.rows["events"]:
        for t, event, target in zip(
            *(chunk[name].tolist() for name in ("t_s", "event", "target")), strict=True
        ):
            log.events.append((t, names[event], targets[target] if target >= 0 else ""))
    return log
