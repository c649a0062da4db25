"""For authors of policies: a check of the contract, scripted upstreams, virtual time, conformance
vectors."""

from simroute.testing.check import check_policy
from simroute.testing.script import Step, play

__all__ = ["Step", "check_policy", "play"]
