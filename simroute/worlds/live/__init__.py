"""The live world: the same policies on asyncio, in front of real providers."""

from simroute.worlds.live.experts import ExpertFunctions
from simroute.worlds.live.request import LiveRequest
from simroute.worlds.live.rows import Row
from simroute.worlds.live.seams import Transport
from simroute.worlds.live.world import LiveWorld

__all__ = ["ExpertFunctions", "LiveRequest", "LiveWorld", "Row", "Transport"]
