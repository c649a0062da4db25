"""What a run leaves in memory: nothing of its world."""

import gc
import weakref
from dataclasses import dataclass, field, replace

import pytest

from simroute.config.loading import load
from simroute.experiment.run import MAX_WORLDS, build_world, replicate
from simroute.worlds.sim import SimWorld

SMALL = ["scenario.workload.rate=0.05"]


@dataclass
class Ring:
    """A layer that refers to itself, and to the world by the call that it remembers."""

    kept: list = field(default_factory=list)

    def __call__(self, call, send, world):
        self.kept = [self, call]
        return send(call)


def worlds_alive():
    return sum(isinstance(one, SimWorld) for one in gc.get_objects())


@pytest.mark.parametrize("policy", ["direct", "failover", "layered", "cascade", "budget_shift"])
def test_a_world_is_freed_with_its_run_without_a_search_for_garbage(policy):
    """What its layers remember of calls, and deadlines that never fired, included."""
    made = load("compare", "demo", [policy], SMALL)
    world = build_world(made, policy, 0, [])
    left = weakref.ref(world)
    gc.disable()
    try:
        world.run()
        world.close()
        del world
        assert left() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("layers", [{}, {"ring": Ring()}], ids=["plain", "ring"])
def test_worlds_of_replications_that_ended_do_not_pile_up(layers):
    """Fifty short runs, also of a layer that keeps its world alive by a ring of references."""
    made = replace(load("compare", "demo", ["direct"], SMALL), policies={"own": layers})
    before = worlds_alive()
    for number in range(50):
        replicate(made, "own", number)
    assert worlds_alive() - before <= MAX_WORLDS
