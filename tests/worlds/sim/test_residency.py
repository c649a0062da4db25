"""Requests that must not leave a place, whatever fails there."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simroute.config.configuration import Configuration
from simroute.ledger import OUTCOMES
from simroute.metrics.causes import FAILED
from simroute.models import spec
from simroute.models.residency import outside
from simroute.policies.breaker import Breaker
from simroute.policies.fallback import Fallback
from simroute.policies.hedge import Hedge
from simroute.policies.retry import Retry
from simroute.policies.route import Route
from simroute.policies.timeout import Timeout
from simroute.studies.bound.clairvoyant import decisions
from tests.worlds.sim.test_callers import deployment, played

PLACES = {
    "us": deployment("openai", domain="us-east"),
    "eu": deployment("openai", domain="eu-west"),
    "paris": deployment("mistral", domain="eu-west"),
    "house": deployment("us-inc"),
}
LOAD: dict[str, Any] = {
    "rate": 3.0,
    "users": {"acme": 1.0, "berlin": 1.0},
    "features": {"help": 1.0, "health": 1.0},
}


def test_what_lies_outside_is_whole_providers_and_single_deployments() -> None:
    """Of a provider with a deployment inside, the others by name."""
    assert outside(PLACES, ["eu-west"]) == {"deployment us", "us-inc"}
    assert outside(PLACES, ["openai", "house"]) == {"mistral"}
    assert outside(PLACES, ["us", "eu", "paris", "house"]) == set()


@pytest.mark.parametrize(
    "policy", [Fallback(tuple(PLACES)), Route(weights=dict.fromkeys(PLACES, 1.0))]
)
def test_requests_of_a_region_stay_there_when_it_fails(policy: Any) -> None:
    """Berlin's requests go to eu-west only, those about health to the house only, and those of
    both nowhere: they are refused. Everybody else is served elsewhere."""
    load = spec.Workload(**LOAD, only={"berlin": ("eu-west",), "health": ("house",)})
    outage = {"o": spec.Outage(domain="eu-west", start=300.0, end=600.0)}
    figures, rows = played(load, {"policy": policy}, deployments=PLACES, outages=outage)
    asked, sends = rows["requests"], rows["attempts"]
    place = np.searchsorted(asked["request_id"], sends["request_id"])
    berlin, health = asked["user"][place] == 1, asked["feature"][place] == 1
    assert np.isin(sends["target"][berlin & ~health], (1, 2)).all()
    assert (sends["target"][health & ~berlin] == 3).all()
    assert figures.metrics["forbidden_share"] == 0.0
    free = (asked["user"] == 0) & (asked["feature"] == 0)
    if isinstance(policy, Fallback):
        assert (asked["outcome"][free] == 0).all()


ALONE: dict[str, Any] = {
    "nothing": None,
    "retry": Retry(3),
    "timeout": Timeout(500.0),
    "breaker": Breaker(failures=1),
    "hedge": Hedge(delay=60.0, targets=("paris",), max_extra=None),
}


@pytest.mark.parametrize("name", ALONE)
def test_a_policy_that_chooses_nobody_is_refused_where_a_request_forbids_the_first(
    name: str,
) -> None:
    """Berlin's requests must not go to the first, `us`: they end as refusals, with a row of theirs
    and no send, and count for no breaker; acme's are served there. A hedge names a second that is
    allowed, and is served by it."""
    load = spec.Workload(**LOAD, only={"berlin": ("eu-west",)})
    layers = {} if ALONE[name] is None else {name: ALONE[name]}
    figures, rows = played(load, layers, deployments=PLACES, horizon=300.0)
    asked, sends = rows["requests"], rows["attempts"]
    berlin = asked["user"] == 1
    assert figures.metrics["forbidden_share"] == 0.0
    assert (asked["outcome"][~berlin] == 0).all()
    of_berlin = berlin[np.searchsorted(asked["request_id"], sends["request_id"])]
    if name == "hedge":
        assert (asked["outcome"][berlin] == 0).all()
        assert set(sends["target"][of_berlin].tolist()) == {2}
        return
    assert not of_berlin.any()
    assert (asked["outcome"][berlin] == OUTCOMES.index("rejected")).all()
    assert (asked["attempts"][berlin] == 0).all()
    assert {row[0] for row in figures.causes[FAILED]} == {"refused: forbids"}


@settings(max_examples=20, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["acme", "berlin", "help", "health"]),
        st.lists(
            st.sampled_from(["eu-west", "us-east", "openai", "mistral", "house"]),
            min_size=1,
            max_size=3,
        ).map(tuple),
    ),
    st.booleans(),
)
def test_no_policy_and_no_bound_leaves_where_a_request_must_stay(
    only: dict[str, tuple[str, ...]], forbid: bool
) -> None:
    """Any rules: no answer comes from elsewhere, of the simulation or of the clairvoyant."""
    load = spec.Workload(**LOAD, only=only, forbid={"help": ("mistral",)} if forbid else {})
    layers = {"fallback": Fallback(tuple(PLACES))}
    figures, rows = played(load, layers, deployments=PLACES, horizon=60.0)
    assert figures.metrics["forbidden_share"] in (0.0, None)

    def allowed(user: int, feature: int, name: str) -> bool:
        who = (list(LOAD["users"])[user], list(LOAD["features"])[feature])
        each = PLACES[name]
        if forbid and who[1] == "help" and each.provider == "mistral":
            return False
        return all({name, each.provider, each.domain} & set(only[w]) for w in who if w in only)

    asked = rows["requests"]
    answered = np.flatnonzero(asked["outcome"] == 0)
    names = list(PLACES)
    for k in answered.tolist():
        assert allowed(asked["user"][k], asked["feature"][k], names[asked["target"][k]])
    made = spec.Scenario(PLACES, horizon=60.0, workload=load)
    for block, decision in decisions(Configuration("run", "t", made, {"p": {}}), 0):
        for k in np.flatnonzero(decision.ok).tolist():
            assert allowed(block.user[k], block.feature[k], names[decision.target[k]])
