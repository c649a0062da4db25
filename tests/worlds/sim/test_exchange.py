"""Replicas that tell each other what they have seen, every so often."""

import math

import numpy as np
import pytest

from simroute.config.configuration import Configuration
from simroute.config.idle_keys import idle_key_notes
from simroute.config.loading import load
from simroute.errors import InputError
from simroute.experiment.run import build_world, replicate
from simroute.gauges.breaker import BreakerState
from simroute.gauges.meter import SpendMeter
from simroute.models import spec
from simroute.policies.breaker import Breaker
from simroute.policies.budget import Budget
from simroute.policies.cache import Cache
from simroute.worlds.sim.exchange import groups

QUICK = spec.Latency(0.5, 0.0, 0.0, 0.0, 0.0)
CENT = {"t": spec.Task(input_tokens=spec.Lengths(1000.0, 0.0))}
"""Work that costs a cent: a thousand tokens at $10 a million."""
REPLICAS = 4


def configured(gateway, layers, rate=2.0, horizon=1000.0, outages=None, repeats=None):
    price = spec.PriceList(10.0, 0.0)
    scenario = spec.Scenario(
        deployments={"a": spec.Deployment("p", "m", price=price, latency=QUICK)},
        horizon=horizon,
        workload=spec.Workload(rate=rate, tasks=CENT, repeats=repeats or spec.Repeats()),
        gateway=gateway,
        outages=outages or {},
    )
    return Configuration("run", "test", scenario, {"policy": layers})


def played(sync_every, layers, replicas=REPLICAS, shared=False, **more):
    """Requests and attempts of one replication, each with its replica."""
    gateway = spec.Gateway(replicas=replicas, shared=shared, sync_every=sync_every)
    chunks = {"requests": [], "attempts": [], "events": []}
    sink = lambda table, chunk: chunks[table].append(chunk)  # noqa: E731
    build_world(configured(gateway, layers, **more), "policy", 0, [sink]).run()
    requests, attempts = (
        {name: np.concatenate([each[name] for each in chunks[table]]) for name in chunks[table][0]}
        for table in ("requests", "attempts")
    )
    order = np.argsort(requests["request_id"])
    requests = {name: column[order] for name, column in requests.items()}

    return requests, attempts


# -- money -----------------------------------------------------------------------------------------


def sent_by_arithmetic(requests, every, most):
    """How many requests are sent when each replica knows its own and, from each exchange on, what
    all had sent until then; each sends as long as that is below `most`."""
    known, own = 0, [0] * REPLICAS
    exchange = every
    for t, replica in zip(requests["arrival_s"], requests["replica"], strict=True):
        while t > exchange:
            known, own = known + sum(own), [0] * REPLICAS
            exchange += every
        own[replica] += known + own[replica] < most
    return known + sum(own)


@pytest.mark.parametrize("every", [0.5, 10.0, 30.0, 100.0])
def test_a_budget_is_overspent_by_what_is_sent_between_two_exchanges(every):
    """A dollar at a cent a call and 2 calls a second: it is gone after 50 s."""
    layers = {"budget": Budget(usd=1.0, period="month", at_limit="reject")}
    requests, attempts = played(every, layers)
    sent = len(attempts["start_s"])
    assert sent == sent_by_arithmetic(requests, every, 100)
    # what arrives until the exchange that follows the hundredth request bounds it
    known = math.ceil(requests["arrival_s"][99] / every) * every
    assert 100 <= sent <= np.count_nonzero(requests["arrival_s"] <= known)


def test_without_an_exchange_each_replica_spends_all_of_it_and_with_shared_state_one_dollar_goes():
    """The two ends between which an exchange lies."""
    layers = {"budget": Budget(usd=1.0, period="month", at_limit="reject")}
    assert len(played(None, layers)[1]["start_s"]) == 100 * REPLICAS
    assert len(played(None, layers, shared=True)[1]["start_s"]) == 100


# -- breakers --------------------------------------------------------------------------------------

TOTAL = {"o": spec.Outage("p", start=100.0, end=1000.0, error_share=1.0)}
ONCE = {"breaker": Breaker(failures=3, window=900.0, cooldown=5000.0, scope="deployment")}


def test_a_breaker_opens_at_the_exchange_after_the_third_failure_of_all():
    """Of everything that would be sent without a breaker, each replica sends what comes until it
    has seen three failures itself, or has been told of three: in that moment it opens."""
    every = 7.0
    _, direct = played(None, {}, outages=TOTAL)
    _, guarded = played(every, ONCE, outages=TOTAL)
    failed = direct["status"] != 200
    third = np.sort(direct["end_s"][failed])[2]
    told = math.ceil(third / every) * every
    expected = set()
    for replica in range(REPLICAS):
        own = direct["replica"] == replica
        itself = np.sort(direct["end_s"][own & failed])[2]
        expected |= set(direct["request_id"][own & (direct["start_s"] <= min(told, itself))])
    assert set(guarded["request_id"]) == expected


def test_the_time_until_an_outage_is_noticed_grows_with_the_time_between_exchanges():
    """At once it is that of one breaker for all, without any that of the last replica."""
    last = []
    for every in (0.1, 20.0, 90.0, None):
        _, attempts = played(every, ONCE, outages=TOTAL, rate=0.5)
        last.append(attempts["start_s"].max())
    _, shared = played(None, ONCE, outages=TOTAL, rate=0.5, shared=True)
    assert shared["start_s"].max() <= last[0] <= shared["end_s"].max() + 0.1
    assert sorted(last) == last
    assert last[0] < last[1] < last[2] <= last[3]


# -- caches, restarts ------------------------------------------------------------------------------

SAME = spec.Repeats(share=1.0, questions=1)


def test_an_answer_that_one_replica_keeps_is_found_by_all_after_the_next_exchange():
    """All ask the same: those who ask before the first exchange at 5 s, and no others, may miss."""
    _, attempts = played(5.0, {"cache": Cache()}, repeats=SAME)
    assert len(attempts["start_s"]) >= REPLICAS
    assert attempts["start_s"].max() < 5.0


def test_a_replica_that_starts_anew_is_told_by_the_others():
    """Each forgets every 400 s, one each 100 s; until the next exchange, a second later, it may ask
    again, and nobody else."""
    gateway = spec.Gateway(replicas=REPLICAS, sync_every=1.0, restart_every=400.0)
    figures = replicate(configured(gateway, {"cache": Cache()}, repeats=SAME), "policy", 0)
    alone = spec.Gateway(replicas=REPLICAS, restart_every=400.0)
    without = replicate(configured(alone, {"cache": Cache()}, repeats=SAME), "policy", 0)
    hits = [each.metrics["cache_hit_rate"] for each in (figures, without)]
    assert hits[0] > hits[1]


# -- the same bits ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("every", "replicas", "shared"), [(5000.0, REPLICAS, False), (5.0, 1, False), (5.0, 4, True)]
)
def test_what_is_never_exchanged_changes_no_bit(every, replicas, shared):
    """An interval beyond the end, one replica alone, state that is shared anyway."""
    layers = {
        "cache": Cache(),
        "budget": Budget(usd=2.0, period="month", at_limit="reject"),
        **ONCE,
    }
    more = {"replicas": replicas, "shared": shared, "outages": TOTAL}
    for one, other in zip(played(every, layers, **more), played(None, layers, **more), strict=True):
        for name in one:
            np.testing.assert_array_equal(one[name], other[name])


def test_every_packaged_policy_runs_with_it_twice_alike():
    """An exchange depends on time alone."""
    names = ["direct", "retry_only", "failover", "circuit_breaker", "layered", "cached", "cascade"]
    overrides = ["scenario.gateway.sync_every=15s", "scenario.workload.rate=0.1"]
    gallery = ["gallery/hedged", "gallery/limited", "gallery/spread"]
    configuration = load("compare", "replicas", [*names, *gallery], overrides)
    for policy in configuration.policies:
        first, second = (replicate(configuration, policy, 0).metrics for _ in range(2))
        assert first == second


# -- finding gauges --------------------------------------------------------------------------------


def test_one_gauge_under_several_names_is_one_group():
    """A breaker of a provider is found by each of its deployments; replicas met others first."""
    first, second = Breaker(), Breaker()
    first._states, second._states = {"a": BreakerState()}, {"b": BreakerState()}
    first._shared = {"p": first._states["a"]}
    second._shared = {"p": second._states["b"]}
    found = groups([{"breaker": first}, {"breaker": second}])
    assert found == [[first._states["a"], second._states["b"]]]


def test_the_gauges_of_a_layer_that_somebody_wrote_are_found_too():
    """In lists and mappings; what is no gauge is passed over."""

    class Mine:
        def __init__(self):
            self.by_user = {"acme": [SpendMeter()]}
            self.other = object()

    one, other = Mine(), Mine()
    assert groups([{"mine": one}, {"mine": other}]) == [
        [one.by_user["acme"][0], other.by_user["acme"][0]]
    ]


# -- what is said of it ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("gateway", "word"),
    [
        (spec.Gateway(replicas=1, sync_every=5.0), "there is one replica; give replicas"),
        (spec.Gateway(replicas=4, shared=True, sync_every=5.0), "share one state; leave shared"),
        (spec.Gateway(replicas=4, sync_every=5000.0), "first after"),
    ],
)
def test_a_key_that_changes_nothing_is_told(gateway, word):
    """One replica, shared state, an end that comes first."""
    (note,) = idle_key_notes(configured(gateway, {}).scenario)
    assert note.startswith("gateway.sync_every: ")
    assert word in note


def test_an_exchange_without_end_is_refused():
    """Within two hours each millisecond, 7.2 million times."""
    with pytest.raises(InputError, match=r"gateway.sync_every.*at most 100,000"):
        load("compare", "replicas", ["direct"], ["scenario.gateway.sync_every=0.001"])
