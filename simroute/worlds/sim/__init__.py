"""The simulated world: policies run in virtual time on SimPy, against modelled providers."""

from simroute.worlds.sim.events import Wake
from simroute.worlds.sim.kernel import Kernel
from simroute.worlds.sim.world import SimWorld

__all__ = ["Kernel", "SimWorld", "Wake"]
