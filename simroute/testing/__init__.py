"""For authors of policies: a check of the contract, scripted upstreams, virtual time, conformance
vectors. For tests of studies: a scripted executor."""

from simroute.testing.check import check_policy
from simroute.testing.executor import ScriptedExecutor
from simroute.testing.script import Step, play

__all__ = ["ScriptedExecutor", "Step", "check_policy", "play"]
