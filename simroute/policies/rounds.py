"""What a layer does by itself, every so often."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

from simroute.core import Outcome, World


async def rounds(
    work: Callable[[str], Awaitable[Outcome]],
    names: Iterable[str],
    every: float,
    world: World,
    wait: float,
) -> None:
    """Works for all names side by side, first after `wait` seconds, then `every` so many, or at
    once where a round took longer. Without names never."""
    due, named = world.now() + wait, list(names)
    while named:
        await world.sleep(max(0.0, due - world.now()))
        await world.first(*map(work, named), until=lambda outcome: False)
        due += every
