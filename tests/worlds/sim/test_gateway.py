"""What gateway processes do by themselves: restarts, caches emptied, slots and a line."""

import math

import numpy as np
import pytest

import simroute as sr
from fakes import Ask, FakeWorld
from simroute.config.configuration import Configuration
from simroute.config.loading import load
from simroute.errors import InputError
from simroute.experiment.explain import explain
from simroute.experiment.run import build_world, replicate
from simroute.gauges.line import Order
from simroute.ledger import OUTCOMES
from simroute.models import spec
from simroute.policies.breaker import Breaker
from simroute.policies.budget import Budget
from simroute.policies.cache import Cache
from simroute.worlds.sim.gateway_slots import GatewaySlots

PRICE = spec.PriceList(1.0, 1.0)
QUICK = spec.Latency(0.5, 0.0, 0.0, 0.0, 0.0)


def configured(gateway, layers, workload=None, horizon=1000.0, **deployment):
    scenario = spec.Scenario(
        deployments={"a": spec.Deployment("p", "m", price=PRICE, latency=QUICK, **deployment)},
        horizon=horizon,
        workload=workload or spec.Workload(rate=2.0),
        gateway=gateway,
    )
    return Configuration("run", "test", scenario, {"policy": layers})


def played(*args, **more):
    """Columns of requests and attempts of one replication, and (time, event, replica) of events."""
    return rows_and_events(configured(*args, **more))


def rows_and_events(made):
    """The same of a configuration."""
    chunks = {"requests": [], "attempts": [], "events": []}
    sink = lambda table, chunk: chunks[table].append(chunk)  # noqa: E731
    world = build_world(made, "policy", 0, [sink])
    world.run()
    rows = {
        table: {name: np.concatenate([each[name] for each in found]) for name in found[0]}
        for table, found in chunks.items()
        if found
    }
    names, told = world.ledger.event_names.words, rows.get("events", {})
    columns = (told[name].tolist() for name in ("t_s", "event", "replica") if told)
    return rows, [(t, names[event], replica) for t, event, replica in zip(*columns, strict=True)]


ONE = spec.Repeats(share=1.0, questions=1)
"""Everybody asks the same, so that a cache misses only when it is empty."""


@pytest.mark.parametrize(("key", "misses"), [("restart_every", 4), ("flush_every", 4), (None, 1)])
def test_a_cache_is_empty_after_each_restart_and_each_flush(key, misses):
    """At 300, 600 and 900 s of 1,000, and at the start: so many requests reach the provider."""
    gateway = spec.Gateway(**({key: 300.0} if key else {}))
    rows, _ = played(gateway, {"cache": Cache()}, spec.Workload(rate=2.0, repeats=ONE))
    sent = rows["attempts"]["start_s"]
    spells = np.unique((sent // 300).astype(int))
    assert len(spells) == misses


def test_replicas_restart_one_after_another():
    """Two of them within 300 s: the first after 150, the second after 300 s; each every 300 s."""
    _, told = played(spec.Gateway(replicas=2, restart_every=300.0), {})
    assert told == [
        (150.0, "restarted", 0),
        (300.0, "restarted", 1),
        (450.0, "restarted", 0),
        (600.0, "restarted", 1),
        (750.0, "restarted", 0),
        (900.0, "restarted", 1),
    ]


def test_an_open_breaker_is_closed_by_a_restart_and_what_was_spent_is_kept():
    """Everything fails and the cooldown is longer than the run: the breaker opens after each
    restart, and lets through only what came before, within seconds. The budget, which one restart
    would renew, stays spent."""
    layers = {"breaker": Breaker(failures=3, cooldown=5000.0)}
    rows, told = played(spec.Gateway(restart_every=400.0), layers, errors={500: 1.0})
    opened = [t for t, event, _ in told if event == "opened"]
    assert len(opened) == 3
    assert (rows["attempts"]["start_s"] % 400 < 5).all()
    budget = {"budget": Budget(usd=1e-3, period="rolling", window=1e6, at_limit="reject")}
    rows, _ = played(spec.Gateway(restart_every=400.0), budget)
    kept, _ = played(spec.Gateway(), budget)
    assert (rows["attempts"]["start_s"] == kept["attempts"]["start_s"]).all()


def test_shared_state_is_forgotten_by_all_replicas_at_once():
    """One state, one restart."""
    gateway = spec.Gateway(replicas=3, shared=True, flush_every=300.0)
    rows, told = played(gateway, {"cache": Cache()}, spec.Workload(rate=2.0, repeats=ONE))
    assert told[:3] == [(300.0, "flushed", replica) for replica in range(3)]
    assert len(np.unique(rows["attempts"]["start_s"] // 300)) == 4


def erlang_b(slots, load):
    blocking = 1.0
    for n in range(1, slots + 1):
        blocking = load * blocking / (n + load * blocking)
    return blocking


def test_slots_without_a_line_refuse_as_erlang_says():
    """Three slots, a load of 2: whatever the service takes, B(3, 2) = 4/19 are refused with 503, in
    no time and without a send. Four standard deviations of batches of 100 s."""
    gateway = spec.Gateway(concurrency=3, overhead=0.0)
    rows, _ = played(gateway, {}, spec.Workload(rate=4.0), horizon=20_000.0)
    refused = rows["requests"]["outcome"] == OUTCOMES.index("rejected")
    batches = np.array_split(refused, 200)
    spread = np.std([batch.mean() for batch in batches]) / math.sqrt(len(batches))
    assert erlang_b(3, 2.0) == pytest.approx(4 / 19)
    assert refused.mean() == pytest.approx(4 / 19, abs=4 * spread)
    assert (rows["requests"]["latency_s"][refused] == 0).all()
    assert len(rows["attempts"]["start_s"]) == (~refused).sum()


def test_a_full_gateway_is_named_as_what_it_is():
    """Two slots for about ten requests under way: all that is refused is refused by the gateway."""
    words = ["scenario.horizon=5m", "+scenario.gateway.concurrency=2"]
    rows = sr.simulate(sr.load_scenario("steady", *words), "direct").requests
    refused = rows[rows.outcome == "rejected"]
    assert len(refused) > 100
    assert set(refused.cause) == {"gateway full"}
    assert set(refused.error) == {"gateway_full"}


def test_those_in_line_are_served_in_order_and_never_more_than_the_slots():
    """A burst of six at two slots and a line of three: two at once, three after them, one
    refused."""
    load = spec.Workload(rate=2.0)
    gateway = spec.Gateway(concurrency=2, queue=3, overhead=0.0)
    rows, _ = played(gateway, {}, load, horizon=3000.0)
    starts, ends = (rows["attempts"][name] for name in ("start_s", "end_s"))
    under_way = [np.sum((starts <= t) & (ends > t)) for t in starts]
    assert max(under_way) == 2
    order = np.argsort(rows["attempts"]["request_id"], kind="stable")
    assert (np.diff(starts[order]) >= 0).all()


def test_the_same_seed_forgets_the_same():
    """Bit for bit, and a request can be explained."""
    gateway = spec.Gateway(replicas=2, restart_every=200.0, concurrency=4, queue=4)
    made = configured(gateway, {"breaker": Breaker()}, errors={500: 0.2})
    one, two = (replicate(made, "policy", 0).metrics for _ in range(2))
    assert one == two
    assert explain(made, "policy", 5)


@pytest.mark.parametrize("key", ["restart_every", "flush_every"])
def test_a_gateway_that_would_do_nothing_else_is_refused(key, tmp_path):
    """A hundred thousand times within the horizon at most."""
    file = tmp_path / "s.yaml"
    one = "deployments: {a: {provider: p, model: m, price: {input: 1, output: 1}}}"
    for every, fits in (("36ms", True), ("35ms", False), ("1.0e-320", False)):
        file.write_text(f"horizon: 1h\ngateway: {{{key}: {every}}}\n{one}\n")
        if fits:
            load("check", str(file), [])
        else:
            with pytest.raises(InputError, match="at most 100,000 within the horizon"):
                load("check", str(file), [])


def erlang_c(slots, load):
    """The share of calls that wait in M/M/c."""
    blocking = erlang_b(slots, load)
    return blocking / (1 - load / slots * (1 - blocking))


EXPONENTIAL = spec.Latency(math.log(2), 0.0, 0.0, family="exponential")
"""Service times with a mean of 1 s."""


@pytest.mark.parametrize("urgent", ["task", "none"])
def test_two_classes_wait_as_cobham_says(urgent):
    """M/M/3, non-preemptive, 1.2/s of each class (Cobham 1954): with s1 = .4 and s2 = .8 the
    urgent wait W0 / (1 - s1), the others W0 / ((1 - s1) (1 - s2)), W0 being Erlang's C / 3 s; in
    the order of arrival all W0 / (1 - s2). Four standard deviations of batches of 1,000 s."""
    load = spec.Workload(rate=2.4, tasks={"batch": spec.Task(), "chat": spec.Task()})
    order = Order(urgent=urgent, classes={"batch": 1})
    gateway = spec.Gateway(concurrency=3, queue=100_000, line=order, overhead=0.0)
    made = configured(gateway, {}, load, horizon=60_000.0)
    made.scenario.deployments["a"] = spec.Deployment("p", "m", price=PRICE, latency=EXPONENTIAL)
    rows, _ = rows_and_events(made)
    requests, attempts = rows["requests"], rows["attempts"]
    by_id = np.argsort(requests["request_id"])
    place = by_id[np.searchsorted(requests["request_id"][by_id], attempts["request_id"])]
    arrival, task = requests["arrival_s"][place], requests["task"][place]
    waited = attempts["start_s"] - arrival
    w0 = erlang_c(3, 2.4) / 3
    expected = {"batch": w0 / 0.2, "chat": w0 / 0.2}
    if urgent == "task":
        expected = {"batch": w0 / (0.6 * 0.2), "chat": w0 / 0.6}
    assert w0 == pytest.approx(0.6472 / 3, abs=1e-4)
    for code, name in enumerate(("batch", "chat")):
        mine = task == code
        spells = (arrival[mine] // 1000).astype(int)
        means = np.bincount(spells, waited[mine]) / np.bincount(spells)
        assert means.mean() == pytest.approx(
            expected[name], abs=4 * means.std(ddof=1) / math.sqrt(len(means))
        )


def test_the_least_urgent_goes_from_a_full_line():
    """One slot, answers of 1 s, a line of one. At .2 s chat takes the place of batch, which has
    waited for .1 s; at .3 s batch is refused at once, at .4 s chat too: it is not more urgent."""
    slots = GatewaySlots(1, 1, Order(urgent="task", classes={"batch": 1}))
    asks = [("chat", 0.0), ("batch", 0.1), ("chat", 0.2), ("batch", 0.3), ("chat", 0.4)]
    world = FakeWorld()
    ends = world.play(slots, *(Ask(n, task=who, arrival=t) for n, (who, t) in enumerate(asks)))
    assert [(end, outcome.status) for end, outcome in ends] == [
        (1.0, 200),
        (0.2, 503),
        (2.0, 200),
        (0.3, 503),
        (0.4, 503),
    ]


def test_who_leaves_the_line_is_in_nobodys_way():
    """One slot, answers of 1 s: the second leaves at .5 s, the third at 1 s, which is the moment of
    its turn; so the fourth is served from then on."""
    for order in (None, Order(urgent="task")):
        slots = GatewaySlots(1, 5, order)

        async def entry(call, send, world, slots=slots):
            limit = {1: 0.4, 2: 0.8}.get(call.request.id, 9.0)
            return await world.within(limit, slots(call, send, world))

        world, asks = FakeWorld(), [Ask(n, arrival=n / 10) for n in range(4)]
        ends = world.play(entry, *asks)
        assert [(round(end, 6), outcome.status) for end, outcome in ends] == [
            (1.0, 200),
            (0.5, 408),
            (1.0, 408),
            (2.0, 200),
        ]
