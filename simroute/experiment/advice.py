"""Policies that can be written and would not do what they seem to: refused where a figure would be wrong, else a note that says what to write."""

from __future__ import annotations

from typing import Any

NESTING = (
    ("breaker", "cache", "a cached answer is refused while the breaker is open; put cache outside breaker"),
    ("retry", "cache", "every retry looks into the cache again; put cache outside retry"),
    ("retry", "fallback", "every retry walks the whole chain again; put retry inside fallback"),
    ("timeout", "fallback", "one deadline covers all targets, so a slow first one leaves no time for the next; put timeout inside fallback"),
    ("breaker", "fallback", "the breaker sees only the chain's last error and guards no single target; put breaker inside fallback"),
)


def refused(layers: dict[str, Any]) -> list[tuple[str, str]]:
    """Layers that cannot stand where they do, each with what would be right."""
    found = []
    cascades = {key: set(layer.tasks) for key, layer in layers.items() if layer.kind == "cascade"}
    for place, (key, tasks) in enumerate(cascades.items()):
        outer = next((other for other, own in list(cascades.items())[:place] if not (own and tasks) or own & tasks), None)
        if outer is not None:
            found.append((key, f"stands inside the cascade {outer!r}, and the two together would leave out one of their targets: {MANY}"))
    return found


MANY = "a cascade of more than two steps comes in a later version; keep one of them, or give each `tasks` that the other has not"


def nesting(layers: dict[str, Any]) -> list[str]:
    """Orders of layers that are known to disappoint."""
    kinds = [layer.kind for layer in layers.values()]
    found = [
        f"{inner} stands inside {outer}: {why}"
        for outer, inner, why in NESTING
        if outer in kinds and inner in kinds and kinds.index(outer) < kinds.index(inner)
    ]
    if "retry" in kinds and "timeout" not in kinds[kinds.index("retry") :]:
        found.append("retry has no timeout inside it: one hung call is never retried; add timeout after retry")
    return found
