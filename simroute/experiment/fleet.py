"""The layers of a gateway's replicas: made, shared, and made anew when a replica forgets."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

from simroute.models import spec
from simroute.worlds.sim.gateway_slots import GatewaySlots

Layers = dict[str, Any]
SLOTS = "gateway"
"""What the place before all layers is called in rows."""


class Fleet:
    """The layers of each state of a policy: one of each replica, or one that all share.

    layers: as configured; never used themselves. wrap: puts the layers of one replica into objects
    that forward, if not None. own: the layers of each state as they are now.
    """

    def __init__(
        self,
        gateway: spec.Gateway,
        layers: Mapping[str, Any],
        wrap: Callable[[Layers], Layers] | None = None,
    ) -> None:
        self._gateway, self._layers, self._wrap = gateway, dict(layers), wrap
        states = 1 if gateway.shared else gateway.replicas
        self.own = [copy.deepcopy(self._layers) for _ in range(states)]
        self._slots = [self._slot() for _ in range(gateway.replicas)]

    def _slot(self) -> Layers:
        gateway = self._gateway
        if gateway.concurrency is None:
            return {}
        return {SLOTS: GatewaySlots(gateway.concurrency, gateway.queue, gateway.line)}

    def stacks(self) -> list[Layers]:
        """The layers of each replica, outermost first."""
        return [self.stack(replica) for replica in range(self._gateway.replicas)]

    def stack(self, replica: int) -> Layers:
        """The layers of one replica as they are now."""
        own = self.own[0 if self._gateway.shared else replica]
        wrapped = own if self._wrap is None else self._wrap(own)
        return {**self._slots[replica], **wrapped} if self._slots[replica] else wrapped

    def forget(self, state: int, forgets: Callable[[str], bool]) -> None:
        """Makes the layers of a state anew; those for whose kind `forgets` is false are kept."""
        made, own = copy.deepcopy(self._layers), self.own[state]
        self.own[state] = {
            name: layer if forgets(layer.kind) else own[name] for name, layer in made.items()
        }
