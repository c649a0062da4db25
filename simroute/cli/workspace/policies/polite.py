"""A layer of your own: what it does to a call is its one method, what it can be told are its
fields.

Time, waiting and chance belong to `world` (now, sleep, within, first, uniform), so that the same
code runs in a simulation and against real providers. Failures are values: look at `outcome.status`,
nothing is raised.
"""

from dataclasses import dataclass

from simroute import layer
from simroute.core import Call, Outcome, Send, World
from simroute.core.params import Seconds


@layer("polite")  # the name in a policy file
@dataclass
class Polite:
    """When a provider says that it is overloaded (529), waits and asks once more."""

    wait: Seconds = 2.0  # `polite: {wait: 3s}` sets it

    async def __call__(self, call: Call, send: Send, world: World) -> Outcome:
        outcome = await send(call)  # one layer further in
        if outcome.status != 529:
            return outcome
        # shown by --explain, and written to events.parquet
        world.emit("waited", call, target=outcome.target, seconds=self.wait)
        await world.sleep(self.wait)
        return await send(call)
