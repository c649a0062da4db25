"""Layers that hold for some targets alone: where that cannot be, and where nobody is left whom they
hold for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from simroute.config.chooser_notes import AIMING, is_own, leaves
from simroute.config.shared_fate import fallback_chains, resolve_each
from simroute.core.only import only_of
from simroute.core.target import CHEAPEST, FIRST, ROLES
from simroute.models import spec

DECIDING = (*AIMING, "cascade", "litellm", "recorded")
"""Layers that say whom calls go to."""
SHIFTING = ("budget", "health")
"""Layers that may send calls elsewhere by themselves."""


def meet(one: Any, other: Any) -> bool:
    """Whether there may be a call that both layers hold for, in whatever scenario."""
    first, second = only_of(one), only_of(other)
    if not first or not second:
        return True
    return any(not _apart(here, there) for here in first for there in second)


def _apart(here: str, there: str) -> bool:
    """Whether these cannot be the same deployment. A role may be that of any name."""
    if here in ROLES and there in ROLES:
        return here != there and FIRST in (here, there) and CHEAPEST not in (here, there)
    return here != there and here not in ROLES and there not in ROLES


def misplaced(layers: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(layer, what would be right) of those that stand where nobody has chosen a target yet."""
    order = list(layers.items())
    for place, (key, layer) in enumerate(order):
        if not only_of(layer) or any(_decides(each) for _, each in order[:place]):
            continue
        if layer.kind in DECIDING:
            yield (
                key,
                f"{key} itself chooses the target, and no layer outside has before; leave it out, "
                f"or put {key} inside the layer that chooses first",
            )
            continue
        for name, each in order[place + 1 :]:
            if each.kind in DECIDING:
                yield (
                    key,
                    f"{name} inside chooses the target, so no call has one here yet; put "
                    f"{key} inside {name}",
                )
                break


def _decides(layer: Any) -> bool:
    return layer.kind in DECIDING or is_own(layer)


def only_notes(layers: dict[str, Any], scenario: spec.Scenario) -> Iterator[str]:
    """A note for each layer whose targets nobody is, or are never asked from where it stands."""
    chains = fallback_chains(layers, scenario)
    order = list(layers.items())
    for place, (key, layer) in enumerate(order):
        only = only_of(layer)
        if not only:
            continue
        names = resolve_each(only, scenario)
        asked = _asked(order[:place], chains, scenario)
        if not names:
            yield (
                f"{key}.only: there is no {' or '.join(only)} here, so it never acts; name a "
                f"deployment, or leave the layer out"
            )
        elif asked is not None and names.isdisjoint(asked):
            yield (
                f"{key}.only: never acts, since calls go to {' and '.join(asked)} here; name one "
                f"of those"
            )


def _asked(
    outside: list[tuple[str, Any]], chains: dict[str, list[str]], scenario: spec.Scenario
) -> list[str] | None:
    """Whom calls are for that come from these layers; None where that is not known."""
    asked: list[str] = []
    for key, layer in outside:
        if layer.kind == "fallback" and not (layer.after or layer.tasks):
            asked += [name for name in chains[key] if name not in asked]
        elif _decides(layer) or leaves(layer) or layer.kind in SHIFTING:
            return None
    return asked or list(scenario.deployments)[:1]
