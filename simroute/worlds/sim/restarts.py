"""What gateways forget: restarts of replicas, and caches that are emptied."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from simroute.models import spec

if TYPE_CHECKING:
    from simroute.worlds.sim.world import SimWorld

KEPT = ("budget",)
"""Kinds of layers that a restart leaves alone: what was spent is kept on disk."""
CACHES = ("cache",)


class Renewable(Protocol):
    """The layers of the replicas: `stack` of one as they are, `forget` makes those of a state
    anew for whose kind `forgets` is true."""

    def stack(self, replica: int) -> Mapping[str, Any]: ...

    def forget(self, state: int, forgets: Callable[[str], bool]) -> None: ...


class Restarts:
    """Lets the replicas of a world forget, as `gateway` says.

    Requests under way end under the layers with which they began.
    """

    def __init__(self, gateway: spec.Gateway, fleet: Renewable) -> None:
        self._gateway, self._fleet = gateway, fleet

    def start(self, world: SimWorld) -> None:
        """Schedules all of it."""
        gateway = self._gateway
        states = 1 if gateway.shared else gateway.replicas
        for state in range(states):
            if gateway.restart_every is not None:
                # one after another, so that never all of them are new
                first = gateway.restart_every * (state + 1) / states
                world.env.process(self._restart(world, state, first, gateway.restart_every))
            if gateway.flush_every is not None:
                world.env.process(self._flush(world, state, gateway.flush_every))

    def _restart(
        self, world: SimWorld, state: int, first: float, every: float
    ) -> Generator[Any, Any, None]:
        yield world.env.timeout(first)
        while True:
            self._forget(world, state, lambda kind: kind not in KEPT, "restarted")
            yield world.env.timeout(every)

    def _flush(self, world: SimWorld, state: int, every: float) -> Generator[Any, Any, None]:
        while True:
            yield world.env.timeout(every)
            self._forget(world, state, lambda kind: kind in CACHES, "flushed")

    def _forget(
        self, world: SimWorld, state: int, forgets: Callable[[str], bool], event: str
    ) -> None:
        self._fleet.forget(state, forgets)
        for replica in range(self._gateway.replicas) if self._gateway.shared else (state,):
            world.renew(replica, self._fleet.stack(replica))
            world.emit("gateway", replica, event)
