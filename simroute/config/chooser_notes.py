"""Layers that choose by how good answers are, which look at no failure: who is to leave a target
that fails, and who has chosen before them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

CHOOSERS = ("classify", "quality_bar", "predict", "bandit", "unify")
"""They leave a call where an outer layer has aimed it, and ask one target without a second."""
AIMING = ("fallback", "balance", "route", "fan_out", *CHOOSERS)
"""Every call that passes one of them is aimed."""
LEAVING = ("fallback", "cascade", "litellm")
"""They may send an aimed call to another target when it fails."""


def chooser_notes(layers: Mapping[str, Any]) -> Iterator[str]:
    """For each chooser that never chooses, or whose choice nobody leaves."""
    order = list(layers.items())
    for place, (key, layer) in enumerate(order):
        if layer.kind not in CHOOSERS:
            continue
        aimed = [name for name, each in order[:place] if each.kind in AIMING]
        if aimed:
            yield (
                f"{key} never chooses: {aimed[-1]} outside has aimed every call before; put "
                f"{aimed[-1]} inside {key}, where it begins with whom {key} chose"
            )
        elif not any(leaves(each) for _, each in order):
            yield (
                f"{key} looks at no failure, and no layer leaves a target that fails: while whom "
                f"it chose is out, calls go there and are lost; add fallback inside {key}"
            )


def leaves(layer: Any) -> bool:
    """Whether it may ask somebody else than whom a call is aimed at."""
    if layer.kind == "retry":
        return bool(layer.where != "same")
    if layer.kind == "hedge":
        return bool(layer.targets)
    if layer.kind == "balance":
        return bool(layer.group != "targets")
    return is_own(layer) or layer.kind in LEAVING


def is_own(layer: Any) -> bool:
    """Whether it is a user's own; nobody knows what that does."""
    return not type(layer).__module__.startswith("simroute.")
