"""How a call waits for its turn: what layers with a line share."""

from __future__ import annotations

from collections.abc import Callable

from simroute.core import Gate, Outcome, Request, World
from simroute.gauges.meters import Turnstile

PATIENCE = "line"


async def wait_for_turn(
    line: Turnstile[Gate],
    take: Callable[[float], float],
    ahead: Callable[[float], float],
    patience: float,
    asks: tuple[Request, int],
    world: World,
) -> float:
    """0 when it has had its turn and taken what it needs, else the seconds that were too long.

    take(now): 0 if it was there and is taken, else the seconds until it will be. ahead(now): the
    seconds until there has been enough for all who wait, and for it. asks: whose call it is, and
    how much of a share it takes.
    """
    wait = ahead(world.now())
    if wait > patience and line.is_plain:  # else somebody may be let pass
        return wait
    until = world.now() + patience + 1e-6  # rounding must not refuse whoever has waited
    turn = world.gate()
    line.join(turn, *asks)
    try:
        # in order of arrival a wait is known before; in any other, it is bounded here
        if line.is_plain:
            await turn
        elif not (await world.within(patience, _told(turn), PATIENCE)).ok:
            return max(patience, 1e-6)
        while (wait := take(world.now())) > 0 and world.now() + wait <= until:
            await world.sleep(wait)
        return wait
    finally:
        line.leave(turn)


async def _told(turn: Gate) -> Outcome:
    return Outcome(200) if await turn else Outcome.rejected(PATIENCE)
